// SPDX-License-Identifier: Apache-2.0
#include "objects_private.h"

#include <stdlib.h>

struct objects *objects_new(struct quota *quota, const struct host_dirs *dirs,
			    uint32_t generation)
{
	struct objects *o = calloc(1, sizeof(*o));

	if (!o)
		return NULL;
	o->quota = quota;
	o->dirs = *dirs;
	o->cache = content_cache_new(quota->policy.cache_max_bytes, dirs->keeper);
	if (!o->cache) {
		free(o);
		return NULL;
	}
	o->generation = generation;
	pthread_mutex_init(&o->lock, NULL);
	return o;
}

int64_t object_list(struct objects *o, struct object **list, struct object *obj, uint64_t context)
{
	/* The generation makes the ids of a dead worker unknown to the next one. */
	obj->id = ((int64_t)((o->generation - 1) & 0x7fffffff) << 32) | ++o->last_id;
	obj->context = context;
	obj->holds = 1;
	obj->listed = true;
	obj->next = *list;
	*list = obj;
	return obj->id;
}

struct object *object_find(struct object *list, uint64_t context, int64_t id)
{
	for (; list; list = list->next)
		if (list->id == id && list->context == context)
			return list;
	return NULL;
}

void object_unlist(struct object **list, struct object *obj)
{
	while (*list != obj)
		list = &(*list)->next;
	*list = obj->next;
	obj->listed = false;
}

bool object_drop(struct object *obj)
{
	return --obj->holds == 0;
}

/* The next object of a context, unlisted, with the table's hold; NULL: none left. */
static struct object *pop(struct objects *o, struct object **list, uint64_t context, bool any)
{
	struct object *obj;

	pthread_mutex_lock(&o->lock);
	for (obj = *list; obj; obj = obj->next)
		if (any || obj->context == context)
			break;
	if (obj)
		object_unlist(list, obj);
	pthread_mutex_unlock(&o->lock);
	return obj;
}

static void close_all(struct objects *o, uint64_t context, bool any)
{
	struct object *obj;

	/* Sessions first: freeing one unregisters the resources that it uses. */
	while ((obj = pop(o, &o->sessions, context, any)))
		session_unhold(o, (struct guest_session *)obj);
	while ((obj = pop(o, &o->resources, context, any)))
		resource_unhold(o, (struct guest_resource *)obj);
}

void objects_close_context(struct objects *o, uint64_t context)
{
	close_all(o, context, false);
}

void objects_delete(struct objects *o)
{
	if (!o)
		return;
	close_all(o, 0, true);
	content_cache_delete(o->cache);
	pthread_mutex_destroy(&o->lock);
	free(o);
}

void objects_count(struct objects *o, uint32_t *sessions, uint32_t *resources)
{
	pthread_mutex_lock(&o->lock);
	*sessions = o->nr_sessions;
	*resources = o->nr_resources;
	pthread_mutex_unlock(&o->lock);
}

void objects_files(struct objects *o, struct host_files *t)
{
	t->received = atomic_load(&o->received);
	t->claimed = atomic_load(&o->claimed);
	t->kept = content_kept(o->cache);
}

void objects_trim_cache(struct objects *o)
{
	uint64_t max = quota_limit(o->quota, POLICY_max_resource_bytes);
	uint64_t used = quota_used(o->quota, POLICY_max_resource_bytes);

	content_limit(o->cache, used < max ? max - used : 0);
}
