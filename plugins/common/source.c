// SPDX-License-Identifier: Apache-2.0
#include "source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "labels.h"

/* Name of a file; the end of its path. */
static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static bool ends_with(const char *name, const char *end)
{
	size_t len = name ? strlen(name) : 0, end_len = strlen(end);

	return len >= end_len && !strcmp(name + len - end_len, end);
}

/* Files that describe a model. */
static bool is_description(const struct vaccel_blob *blob)
{
	return blob->name && (!strcmp(blob->name, LABELS_NAME) || ends_with(blob->name, ".json"));
}

/* The file that is the model: the first that is called so, else the first that does not describe it. */
static const struct vaccel_blob *find_model(const struct vaccel_resource *res)
{
	for (const char *const *suffix = engine.suffixes; suffix && *suffix; suffix++)
		for (size_t i = 0; i < res->nr_blobs; i++)
			if (ends_with(res->blobs[i]->name, *suffix))
				return res->blobs[i];
	for (size_t i = 0; i < res->nr_blobs; i++)
		if (!is_description(res->blobs[i]))
			return res->blobs[i];
	return NULL;
}

int source_of_resource(const struct vaccel_resource *res, struct engine_source *source)
{
	const struct vaccel_blob *blob = find_model(res);

	if (!blob && res->path_type == VACCEL_PATH_REMOTE_FILE && res->nr_paths) {
		engine_error("%s is the name of a model of a server: the plugin oip asks servers", res->paths[0]);
		return VACCEL_ENOTSUP;
	}
	if (!blob) {
		engine_error("Resource %lld has no file with a model: %s is needed", (long long)res->id,
			     engine.file);
		return VACCEL_ENOENT;
	}
	*source = (struct engine_source){.name = blob->name, .path = blob->path, .res = res, .blob = blob};
	return VACCEL_OK;
}

void source_of_path(const char *path, struct engine_source *source)
{
	*source = (struct engine_source){.name = base_name(path), .path = path};
}

int source_read(struct engine_source *source, struct bytes *bytes)
{
	int ret;

	if (engine.by_path && source->path)
		return VACCEL_OK;
	ret = source->blob ? bytes_of_blob(source->blob, bytes) : bytes_of_file(source->path, bytes);
	if (ret && source->blob)
		engine_error("Could not read the model %s: %s", source->name, strerror(ret));
	else if (ret)
		engine_error("Could not read the model %s that %s names: %s", source->path,
			     engine.env_model, strerror(ret));
	source->data = bytes->data;
	source->size = bytes->size;
	return ret;
}

/* ---- Files beside it ------------------------------------------------------------------------- */

/*
 * The file of a resource that a model calls so. What the model says is compared with names that are
 * there, and never a path to be opened: "../x" or "/etc/passwd" is no file of a resource.
 */
static const struct vaccel_blob *find_beside(const struct engine_source *source, const char *name)
{
	const char *model = source->blob->path;
	size_t dir = model ? (size_t)(base_name(model) - model) : 0;

	for (size_t i = 0; i < source->res->nr_blobs; i++) {
		const struct vaccel_blob *b = source->res->blobs[i];

		if (b == source->blob)
			continue;
		if (model && b->path ? !strncmp(b->path, model, dir) && !strcmp(b->path + dir, name) :
				       b->name && !strcmp(b->name, name))
			return b;
	}
	return NULL;
}

/* Whether a name leads to a file in the directory or below, links of the operator's aside. */
static bool stays_below(const char *name)
{
	if (!*name || *name == '/')
		return false;
	for (const char *at = name; at; at = strchr(at, '/')) {
		at += *at == '/';
		if (!strncmp(at, "..", 2) && (!at[2] || at[2] == '/'))
			return false;
	}
	return true;
}

/* The bytes of a file in the directory that the path of another leads to. */
static int read_beside(const char *path, const char *name, struct bytes *bytes)
{
	size_t dir = (size_t)(base_name(path) - path), len = strlen(name) + 1;
	char *beside = malloc(dir + len);
	int ret;

	if (!beside)
		return VACCEL_ENOMEM;
	memcpy(beside, path, dir);
	memcpy(beside + dir, name, len);
	ret = bytes_of_file(beside, bytes);
	free(beside);
	return ret;
}

int engine_source_file(const struct engine_source *source, const char *name, struct bytes *bytes)
{
	if (source->blob) {
		const struct vaccel_blob *file = find_beside(source, name);

		return file ? bytes_of_blob(file, bytes) : VACCEL_ENOENT;
	}
	return stays_below(name) ? read_beside(source->path, name, bytes) : VACCEL_ENOENT;
}

int source_description(const struct engine_source *source, const char *name, struct bytes *bytes)
{
	int ret = engine_source_file(source, name, bytes);

	if (ret == VACCEL_ENOENT && source->blob && source->path && !source->blob->path_owned &&
	    source->res->nr_blobs == 1)
		ret = read_beside(source->path, name, bytes);
	return ret;
}

/* ---- Which content it is --------------------------------------------------------------------- */

static void add_state(struct content_id *id, const char *path)
{
	struct file_state state;

	file_state(path, &state);
	content_add(id, &state, sizeof(state));
}

/* Files that are no part of the model may differ; the model is loaded once all the same. */
static void add_others(const struct engine_source *source, struct content_id *id)
{
	for (size_t i = 0; source->res && i < source->res->nr_blobs; i++) {
		const struct vaccel_blob *b = source->res->blobs[i];

		if (b == source->blob || is_description(b))
			continue;
		content_add(id, b->name ? b->name : "", b->name ? strlen(b->name) : 0);
		if (b->path)
			add_state(id, b->path);
		else if (b->data)
			content_add(id, b->data, b->size);
	}
}

bool source_state(const struct engine_source *source, struct content_id *state)
{
	*state = (struct content_id){0};
	if (!source->path)
		return false;
	add_state(state, source->path);
	add_others(source, state);
	return true;
}

void source_content(const struct engine_source *source, struct content_id *content)
{
	*content = (struct content_id){0};
	if (!source->data)
		add_state(content, source->path);
	else
		content_add(content, source->data, source->size);
	add_others(source, content);
}
