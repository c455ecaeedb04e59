// SPDX-License-Identifier: Apache-2.0
#include "description.h"

#include <stdlib.h>
#include <string.h>

#include "files.h"
#include "source.h"

static int failed(const char *what, const char *whose, int error)
{
	engine_error("Could not read the labels %s %s: %s", what, whose, strerror(error));
	return error;
}

/*
 * What is beside the model of a resource counts more than the environment, which is asked when all else has
 * none (last); of a model that the environment names itself, less.
 */
static int read_labels(const struct engine_source *source, bool last, struct labels *labels)
{
	const char *env = engine.env_labels ? getenv(engine.env_labels) : NULL;
	struct bytes bytes = {0};
	int ret;

	if (env && (last || !source->res)) {
		ret = bytes_of_file(env, &bytes);
		if (ret)
			return failed(env, "that the environment names", ret);
	} else {
		ret = last ? VACCEL_ENOENT : source_description(source, LABELS_NAME, &bytes);
		if (ret == VACCEL_ENOENT)
			return VACCEL_OK;
		if (ret)
			return failed(LABELS_NAME " beside model", source->name, ret);
	}
	ret = labels_parse(&bytes, labels);
	bytes_release(&bytes);
	return ret;
}

/* The state of a file beside a model of the host. */
static void add_state(const char *path, size_t dir, const char *name, struct content_id *state)
{
	struct file_state file = {0};
	char *beside = malloc(dir + strlen(name) + 1);

	if (beside) {
		memcpy(beside, path, dir);
		strcpy(beside + dir, name);
		file_state(beside, &file);
		free(beside);
	}
	content_add(state, &file, sizeof(file));
}

void description_state(const struct engine_source *source, struct content_id *state)
{
	const char *labels = engine.env_labels ? getenv(engine.env_labels) : NULL;
	size_t dir = (size_t)(source->name - source->path);

	*state = (struct content_id){0};
	add_state(source->path, dir, source->name, state);
	if (labels)
		add_state("", 0, labels, state);
	else
		add_state(source->path, dir, LABELS_NAME, state);
	add_state(source->path, dir, PREPROCESSOR_NAME, state);
	add_state(source->path, dir, CONFIG_NAME, state);
}

void description_init(struct description *d)
{
	static const float mean[3] = {0.485f, 0.456f, 0.406f}, deviation[3] = {0.229f, 0.224f, 0.225f};

	*d = (struct description){.factor = 1.0f / 255, .threshold = -1};
	memcpy(d->mean, mean, sizeof(mean));
	memcpy(d->deviation, deviation, sizeof(deviation));
}

/* Reads a file beside the model, where it is there. */
static int read_config(const struct engine_source *source, const char *name,
		       int (*parse)(const char *, const struct bytes *, struct description *),
		       struct description *description)
{
	struct bytes bytes = {0};
	int ret = source_description(source, name, &bytes);

	if (ret == VACCEL_ENOENT)
		return VACCEL_OK;
	if (ret) {
		engine_error("Could not read %s beside model %s: %s", name, source->name, strerror(ret));
		return VACCEL_EINVAL;
	}
	ret = parse(source->name, &bytes, description);
	bytes_release(&bytes);
	return ret;
}

int description_read(const struct engine_source *source, struct description *description)
{
	int ret;

	description_init(description);
	ret = read_labels(source, false, &description->labels);
	if (!ret)
		ret = read_config(source, PREPROCESSOR_NAME, description_parse_preprocessor, description);
	if (!ret)
		ret = read_config(source, CONFIG_NAME, description_parse_config, description);
	if (!ret && !description->labels.count)
		ret = read_labels(source, true, &description->labels);
	if (ret)
		description_release(description);
	return ret;
}

void description_release(struct description *description)
{
	labels_release(&description->labels);
	*description = (struct description){0};
}
