// SPDX-License-Identifier: Apache-2.0
/* Entries are counted: 1 for the list, 1 per call. */
#include "held.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "cache.h"

struct key {
	vaccel_id_t session, resource;
	pid_t process; /* a child of fork() has not the threads of its parent's models */
};

struct held {
	struct held *next;
	struct key key;
	unsigned int users;
	struct cached_model *cached;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct held *list;

static bool is_same(const struct key *a, const struct key *b)
{
	return a->session == b->session && a->resource == b->resource && a->process == b->process;
}

static struct key key_of(const struct vaccel_session *sess, const struct vaccel_resource *res)
{
	return (struct key){sess->id, res->id, getpid()};
}

/* Takes the entry of a key out of the list, with the list's count. The lock is held. */
static struct held *take_out(const struct key *key)
{
	for (struct held **link = &list, *entry; (entry = *link); link = &entry->next) {
		if (is_same(&entry->key, key)) {
			*link = entry->next;
			return entry;
		}
	}
	return NULL;
}

static struct held *remove_key(const struct key *key)
{
	struct held *entry;

	pthread_mutex_lock(&lock);
	entry = take_out(key);
	pthread_mutex_unlock(&lock);
	return entry;
}

void held_put(struct held *entry)
{
	bool last;

	pthread_mutex_lock(&lock);
	last = --entry->users == 0;
	pthread_mutex_unlock(&lock);
	if (!last)
		return;
	cache_put(entry->cached);
	free(entry);
}

int held_add(struct vaccel_session *sess, struct vaccel_resource *model)
{
	struct held *entry = calloc(1, sizeof(*entry)), *older;
	int ret;

	if (!entry)
		return VACCEL_ENOMEM;
	ret = cache_get_resource(model, &entry->cached);
	if (ret) {
		free(entry);
		return ret;
	}
	entry->key = key_of(sess, model);
	entry->users = 1;
	pthread_mutex_lock(&lock);
	older = take_out(&entry->key);
	entry->next = list;
	list = entry;
	pthread_mutex_unlock(&lock);
	if (older)
		held_put(older);
	return VACCEL_OK;
}

static int not_loaded(const struct vaccel_session *sess, const struct vaccel_resource *model)
{
	engine_error("Model resource %" PRId64 " is not loaded in session %" PRId64
		     ": call the operation that loads it first", model->id, sess->id);
	return VACCEL_EINVAL;
}

int held_remove(struct vaccel_session *sess, struct vaccel_resource *model)
{
	struct key key = key_of(sess, model);
	struct held *entry = remove_key(&key);

	if (!entry)
		return not_loaded(sess, model);
	held_put(entry);
	return VACCEL_OK;
}

int held_get(struct vaccel_session *sess, struct vaccel_resource *model, struct held **out)
{
	struct key key = key_of(sess, model);
	struct held *entry;

	pthread_mutex_lock(&lock);
	for (entry = list; entry && !is_same(&entry->key, &key); entry = entry->next)
		;
	if (entry)
		entry->users++;
	pthread_mutex_unlock(&lock);
	if (!entry)
		return not_loaded(sess, model);
	*out = entry;
	return VACCEL_OK;
}

void *held_model(const struct held *entry)
{
	return cache_model(entry->cached);
}

const char *held_name(const struct held *entry)
{
	return cache_name(entry->cached);
}

unsigned int held_sessions(const struct held *held)
{
	unsigned int nr = 0;

	pthread_mutex_lock(&lock);
	for (const struct held *entry = list; entry; entry = entry->next)
		nr += held_model(entry) == held_model(held);
	pthread_mutex_unlock(&lock);
	return nr;
}

int held_unregister(struct vaccel_resource *res, struct vaccel_session *sess)
{
	struct key key = key_of(sess, res);
	struct held *entry = remove_key(&key);

	if (entry)
		held_put(entry);
	return engine_resource_unregister(res, sess);
}

void held_clear(void)
{
	struct held *entry, *next;

	pthread_mutex_lock(&lock);
	entry = list;
	list = NULL;
	pthread_mutex_unlock(&lock);
	for (; entry; entry = next) {
		next = entry->next;
		if (entry->key.process == getpid())
			held_put(entry);
	}
}
