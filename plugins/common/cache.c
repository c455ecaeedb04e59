// SPDX-License-Identifier: Apache-2.0
/*
 * Models that stay loaded. An entry belongs to a resource, until that is unregistered, or to a
 * file of the host in the state that it had. Entries are counted: 1 for the list, 1 per call.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"
#include "onnx.h"
#include "weights.h"

struct key {
	const struct vaccel_resource *res; /* compared, not used, once the entry exists */
	vaccel_id_t id;
	pid_t process; /* a child of fork() has not the threads of its parent's models */
	struct file_state model, labels; /* of files that the environment names */
};

struct cached_model {
	struct cached_model *next;
	struct key key;
	unsigned int users;
	pthread_mutex_t loading; /* held by the call that loads */
	struct model *model;	 /* NULL until loaded */
};

static pthread_mutex_t list_lock = PTHREAD_MUTEX_INITIALIZER;
static struct cached_model *list;

struct model *cache_model(const struct cached_model *entry)
{
	return entry->model;
}

void cache_put(struct cached_model *entry)
{
	bool last;

	pthread_mutex_lock(&list_lock);
	last = --entry->users == 0;
	pthread_mutex_unlock(&list_lock);
	if (!last)
		return;
	model_delete(entry->model);
	pthread_mutex_destroy(&entry->loading);
	free(entry);
}

/* Takes entries of this process out of the list; all of them when same is NULL. */
static void forget(bool (*same)(const struct cached_model *entry, const void *what),
		   const void *what)
{
	struct cached_model **link, *entry, *out = NULL;

	pthread_mutex_lock(&list_lock);
	for (link = &list; (entry = *link);) {
		if (entry->key.process != getpid() || (same && !same(entry, what))) {
			link = &entry->next;
			continue;
		}
		*link = entry->next;
		entry->next = out;
		out = entry;
	}
	pthread_mutex_unlock(&list_lock);

	while ((entry = out)) {
		out = entry->next;
		cache_put(entry);
	}
}

static bool same_resource(const struct cached_model *entry, const void *what)
{
	return entry->key.res == what;
}

static bool same_entry(const struct cached_model *entry, const void *what)
{
	return entry == what;
}

void cache_forget(const struct vaccel_resource *res)
{
	forget(same_resource, res);
}

void cache_clear(void)
{
	forget(NULL, NULL);
}

/* An older state of the same files. */
static bool outdated(const struct cached_model *entry, const void *what)
{
	const struct key *key = what;

	return !entry->key.res && memcmp(&entry->key, key, sizeof(*key));
}

/* Finds or adds the entry of a key and counts the caller as a user. */
static struct cached_model *find_or_add(const struct key *key)
{
	struct cached_model *entry;

	pthread_mutex_lock(&list_lock);
	for (entry = list; entry; entry = entry->next)
		if (!memcmp(&entry->key, key, sizeof(*key)))
			break;
	if (!entry) {
		entry = calloc(1, sizeof(*entry));
		if (entry) {
			memcpy(&entry->key, key, sizeof(*key));
			pthread_mutex_init(&entry->loading, NULL);
			entry->users = 1;
			entry->next = list;
			list = entry;
		}
	}
	if (entry)
		entry->users++;
	pthread_mutex_unlock(&list_lock);
	return entry;
}

/* ---- Where the bytes are --------------------------------------------------------------------- */

/* Name of a file; the end of its path. */
static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static bool is_labels(const struct vaccel_blob *blob)
{
	return blob->name && !strcmp(blob->name, LABELS_NAME);
}

static bool ends_with(const char *name, const char *end)
{
	size_t len = name ? strlen(name) : 0, end_len = strlen(end);

	return len >= end_len && !strcmp(name + len - end_len, end);
}

/* The file that is the model: the first called *.onnx, else the first that is not the labels. */
static struct vaccel_blob *find_model(const struct vaccel_resource *res)
{
	struct vaccel_blob *other = NULL;

	for (size_t i = 0; i < res->nr_blobs; i++) {
		if (ends_with(res->blobs[i]->name, ".onnx"))
			return res->blobs[i];
		if (!other && !is_labels(res->blobs[i]))
			other = res->blobs[i];
	}
	return other;
}

/* The file beside the model's, whose path is given, that has its labels. Return: malloc()ed. */
static char *sibling(const char *path)
{
	size_t dir = (size_t)(base_name(path) - path);
	char *labels = malloc(dir + sizeof(LABELS_NAME));

	if (labels) {
		memcpy(labels, path, dir);
		memcpy(labels + dir, LABELS_NAME, sizeof(LABELS_NAME));
	}
	return labels;
}

/* The bytes of a labels file of the host: the one that the environment names, or a sibling. */
static int read_labels_file(const char *model_path, struct bytes *bytes)
{
	const char *path = getenv(ENV_LABELS);
	char *beside = NULL;
	int ret;

	if (!path && model_path)
		path = beside = sibling(model_path);
	if (!path) {
		onnx_error("There are no labels: register the directory that has the model and its "
			   LABELS_NAME ", or set " ENV_LABELS " to the path of one");
		return VACCEL_ENOENT;
	}
	ret = bytes_of_file(path, bytes);
	if (ret)
		onnx_error("Could not read the labels %s: %s. Register the directory that has the "
			   "model and its " LABELS_NAME ", or set " ENV_LABELS " to the path of one",
			   path, strerror(ret));
	free(beside);
	return ret;
}

static int read_blob(const struct vaccel_blob *blob, struct bytes *bytes)
{
	int ret = bytes_of_blob(blob, bytes);

	if (ret)
		onnx_error("Could not read %s: %s", blob->name, strerror(ret));
	return ret;
}

/* ---- Loading --------------------------------------------------------------------------------- */

/* A model of a resource, in which its weights may be files of their own, or of none (NULL). */
static int load_bytes(const char *name, const struct bytes *model_bytes,
		      struct bytes *label_bytes, const struct vaccel_resource *res,
		      const struct vaccel_blob *blob, struct model **model)
{
	struct weights *weights = NULL;
	struct labels labels;
	int ret;

	ret = labels_parse(label_bytes, &labels);
	if (ret)
		return ret;
	ret = weights_find(name, model_bytes, res, blob, &weights);
	if (!ret)
		ret = model_load(name, model_bytes->data, model_bytes->size, weights, &labels, model);
	weights_release(weights);
	labels_release(&labels);
	return ret;
}

static int load_resource(const struct vaccel_resource *res, struct model **model)
{
	struct bytes model_bytes = {0}, label_bytes = {0};
	struct vaccel_blob *blob = find_model(res), *labels = NULL;
	int ret;

	if (!blob) {
		onnx_error("Resource %lld has no file with a model", (long long)res->id);
		return VACCEL_ENOENT;
	}
	for (size_t i = 0; i < res->nr_blobs && !labels; i++)
		if (is_labels(res->blobs[i]))
			labels = res->blobs[i];

	ret = labels ? read_blob(labels, &label_bytes) :
		       read_labels_file(blob->path, &label_bytes);
	if (!ret)
		ret = read_blob(blob, &model_bytes);
	if (!ret)
		ret = load_bytes(blob->name, &model_bytes, &label_bytes, res, blob, model);
	bytes_release(&model_bytes);
	bytes_release(&label_bytes);
	return ret;
}

static int load_file(const char *path, struct model **model)
{
	struct bytes model_bytes = {0}, label_bytes = {0};
	int ret;

	ret = bytes_of_file(path, &model_bytes);
	if (ret)
		onnx_error("Could not read the model %s that " ENV_MODEL " names: %s", path,
			   strerror(ret));
	else
		ret = read_labels_file(path, &label_bytes);
	if (!ret)
		ret = load_bytes(base_name(path), &model_bytes, &label_bytes, NULL, NULL, model);
	bytes_release(&model_bytes);
	bytes_release(&label_bytes);
	return ret;
}

/* The key of the files that the environment names. */
static void key_of_files(const char *path, struct key *key)
{
	const char *labels = getenv(ENV_LABELS);
	char *beside = labels ? NULL : sibling(path);

	file_state(path, &key->model);
	if (labels || beside)
		file_state(labels ? labels : beside, &key->labels);
	free(beside);
}

int cache_get(struct vaccel_session *sess, struct cached_model **out)
{
	const char *path = getenv(ENV_MODEL);
	struct vaccel_resource *res = NULL;
	struct cached_model *entry;
	struct key key;
	int ret = VACCEL_OK;

	memset(&key, 0, sizeof(key)); /* keys are compared as bytes */
	key.process = getpid();
	if (!vaccel_session_resource_by_type(sess, &res, VACCEL_RESOURCE_MODEL)) {
		key.res = res;
		key.id = res->id;
	} else if (path) {
		key_of_files(path, &key);
		forget(outdated, &key);
	} else {
		onnx_error("There is no model: register a resource of type MODEL with the session, or "
			   "set " ENV_MODEL " to the path of an ONNX file");
		return VACCEL_ENOENT;
	}

	entry = find_or_add(&key);
	if (!entry)
		return VACCEL_ENOMEM;
	pthread_mutex_lock(&entry->loading);
	if (!entry->model)
		ret = key.res ? load_resource(res, &entry->model) : load_file(path, &entry->model);
	pthread_mutex_unlock(&entry->loading);

	if (ret) { /* the next call tries again */
		forget(same_entry, entry);
		cache_put(entry);
		return ret;
	}
	*out = entry;
	return VACCEL_OK;
}
