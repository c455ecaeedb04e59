// SPDX-License-Identifier: Apache-2.0
/*
 * Models are counted, and so are entries, which a session's resource, until it is unregistered, or a file of
 * the host in the state that it had has: 1 for the list, 1 per user. Entries of one content have one model.
 */
#include "cache.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "description.h"
#include "source.h"

/* A model in the engine. */
struct loaded {
	struct loaded *next;
	struct content_id content, state; /* state: all zero when it cannot be told */
	pid_t process; /* a child of fork() has not the threads of its parent's models */
	unsigned int users;
	pthread_mutex_t loading; /* held by the call that loads */
	bool ready;
	void *model;
	struct bytes bytes; /* that the engine uses */
};

struct key {
	const struct vaccel_resource *res; /* compared, not used, once the entry exists */
	vaccel_id_t id;
	pid_t process;
	struct content_id files; /* of a model that the environment names */
};

struct cached_model {
	struct cached_model *next;
	struct key key;
	unsigned int users;
	pthread_mutex_t loading; /* held by the call that loads */
	char *name;
	struct loaded *loaded; /* NULL until loaded */
	bool described;
	struct description description;
};

static pthread_mutex_t list_lock = PTHREAD_MUTEX_INITIALIZER;
static struct cached_model *list;
static struct loaded *models;

void *cache_model(const struct cached_model *entry)
{
	return entry->loaded->model;
}

const char *cache_name(const struct cached_model *entry)
{
	return entry->name;
}

const struct description *cache_description(const struct cached_model *entry)
{
	return &entry->description;
}

/* ---- Models ---------------------------------------------------------------------------------- */

static void loaded_put(struct loaded *loaded)
{
	struct loaded **link;
	bool last;

	pthread_mutex_lock(&list_lock);
	last = --loaded->users == 0;
	if (last) {
		for (link = &models; *link != loaded;)
			link = &(*link)->next;
		*link = loaded->next;
	}
	pthread_mutex_unlock(&list_lock);
	if (!last)
		return;
	if (loaded->ready)
		engine.unload(loaded->model);
	bytes_release(&loaded->bytes);
	pthread_mutex_destroy(&loaded->loading);
	free(loaded);
}

static bool same_content(const struct loaded *loaded, const struct content_id *state,
			 const struct content_id *content)
{
	static const struct content_id none;

	if (loaded->process != getpid())
		return false;
	if (content)
		return !memcmp(&loaded->content, content, sizeof(*content));
	return memcmp(state, &none, sizeof(none)) && !memcmp(&loaded->state, state, sizeof(*state));
}

/* Finds a model, by its state when content is NULL; else adds it where there is none. Counts the caller. */
static struct loaded *find_loaded(const struct content_id *state, const struct content_id *content)
{
	struct loaded *loaded;

	pthread_mutex_lock(&list_lock);
	for (loaded = models; loaded; loaded = loaded->next)
		if (same_content(loaded, state, content))
			break;
	if (!loaded && content) {
		loaded = calloc(1, sizeof(*loaded));
		if (loaded) {
			loaded->content = *content;
			loaded->state = *state;
			loaded->process = getpid();
			pthread_mutex_init(&loaded->loading, NULL);
			loaded->next = models;
			models = loaded;
		}
	}
	if (loaded)
		loaded->users++;
	pthread_mutex_unlock(&list_lock);
	return loaded;
}

/* @bytes: the source's; all zero when they have become the model's */
static int load_new(struct engine_source *source, struct bytes *bytes, struct loaded *loaded)
{
	int ret = engine.uses_data ? bytes_own(bytes) : VACCEL_OK;

	if (ret)
		return ret;
	source->data = bytes->data;
	ret = engine.load(source, &loaded->model);
	if (ret || !engine.uses_data)
		return ret;
	loaded->bytes = *bytes;
	*bytes = (struct bytes){0};
	return VACCEL_OK;
}

static int load_once(struct engine_source *source, struct bytes *bytes, struct loaded *loaded)
{
	int ret = VACCEL_OK;

	pthread_mutex_lock(&loaded->loading);
	if (!loaded->ready) {
		ret = load_new(source, bytes, loaded);
		loaded->ready = !ret;
	}
	pthread_mutex_unlock(&loaded->loading);
	return ret;
}

/* Waits for the call that loads it. */
static bool is_ready(struct loaded *loaded)
{
	bool ready;

	pthread_mutex_lock(&loaded->loading);
	ready = loaded->ready;
	pthread_mutex_unlock(&loaded->loading);
	return ready;
}

/* The model of a source; its bytes are read only where they may be new. */
static int load(struct engine_source *source, struct loaded **out)
{
	struct bytes bytes = {0};
	struct content_id state, content;
	struct loaded *loaded;
	int ret = VACCEL_OK;

	if (!source_state(source, &state))
		state = (struct content_id){0};
	loaded = find_loaded(&state, NULL);
	if (loaded && !is_ready(loaded)) { /* this call is to say what is wrong with it */
		loaded_put(loaded);
		loaded = NULL;
	}
	if (!loaded) {
		ret = source_read(source, &bytes);
		if (ret)
			return ret;
		source_content(source, &content);
		loaded = find_loaded(&state, &content);
		ret = loaded ? load_once(source, &bytes, loaded) : VACCEL_ENOMEM;
		bytes_release(&bytes);
	}
	if (!ret)
		*out = loaded;
	else if (loaded)
		loaded_put(loaded);
	return ret;
}

/* ---- Entries --------------------------------------------------------------------------------- */

void cache_put(struct cached_model *entry)
{
	bool last;

	pthread_mutex_lock(&list_lock);
	last = --entry->users == 0;
	pthread_mutex_unlock(&list_lock);
	if (!last)
		return;
	if (entry->loaded)
		loaded_put(entry->loaded);
	description_release(&entry->description);
	pthread_mutex_destroy(&entry->loading);
	free(entry->name);
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

void cache_drop(struct cached_model *entry)
{
	forget(same_entry, entry);
	cache_put(entry);
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

/* Loads what an entry has not yet. The model comes first: of what is none, nothing else is to be asked. */
static int fill(struct cached_model *entry, struct engine_source *source, bool describe)
{
	int ret = VACCEL_OK;

	pthread_mutex_lock(&entry->loading);
	if (!entry->name)
		entry->name = strdup(source->name);
	if (!entry->name)
		ret = VACCEL_ENOMEM;
	if (!ret && !entry->loaded)
		ret = load(source, &entry->loaded);
	if (!ret && describe && !entry->described) {
		ret = description_read(source, &entry->description);
		entry->described = !ret;
	}
	pthread_mutex_unlock(&entry->loading);
	return ret;
}

static int get(const struct key *key, struct engine_source *source, bool describe,
	       struct cached_model **out)
{
	struct cached_model *entry = find_or_add(key);
	int ret;

	if (!entry)
		return VACCEL_ENOMEM;
	ret = fill(entry, source, describe);
	if (ret) {
		cache_drop(entry);
		return ret;
	}
	*out = entry;
	return VACCEL_OK;
}

static int get_resource(const struct vaccel_resource *res, bool describe, struct cached_model **out)
{
	struct engine_source source;
	struct key key;
	int ret;

	memset(&key, 0, sizeof(key)); /* keys are compared as bytes */
	key.process = getpid();
	key.res = res;
	key.id = res->id;
	ret = source_of_resource(res, &source);
	return ret ? ret : get(&key, &source, describe, out);
}

int cache_get_resource(const struct vaccel_resource *res, struct cached_model **out)
{
	return get_resource(res, false, out);
}

/* The model that the environment names. */
static int get_path(const char *path, struct cached_model **out)
{
	struct engine_source source;
	struct key key;

	memset(&key, 0, sizeof(key));
	key.process = getpid();
	source_of_path(path, &source);
	description_state(&source, &key.files);
	forget(outdated, &key);
	return get(&key, &source, true, out);
}

int cache_get(struct vaccel_session *sess, struct cached_model **out)
{
	const char *path = engine.env_model ? getenv(engine.env_model) : NULL;
	struct vaccel_resource *res = NULL;

	if (!vaccel_session_resource_by_type(sess, &res, VACCEL_RESOURCE_MODEL))
		return get_resource(res, true, out);
	if (path)
		return get_path(path, out);
	if (engine.env_model)
		engine_error("There is no model: register a resource of type MODEL with the session, or "
			     "set %s to the path of %s", engine.env_model, engine.file);
	else
		engine_error("There is no model: register a resource of type MODEL with the session");
	return VACCEL_ENOENT;
}
