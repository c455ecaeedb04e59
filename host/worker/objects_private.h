/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by objects.c, session.c and resource.c alone. */
#ifndef HOST_OBJECTS_PRIVATE_H
#define HOST_OBJECTS_PRIVATE_H

#include "content.h"
#include "objects.h"

#include <pthread.h>
#include <stdatomic.h>

/* What sessions and resources have in common; the lock of struct objects guards it. */
struct object {
	struct object *next;
	int64_t id;
	uint64_t context;
	unsigned int holds; /* the table's own included */
	bool listed;
};

struct objects {
	struct quota *quota;
	uint32_t generation;
	pthread_mutex_t lock;
	struct object *sessions;
	struct object *resources;
	uint32_t nr_sessions; /* that exist, listed or not */
	uint32_t nr_resources;
	uint32_t last_id;
	struct host_dirs dirs;
	struct content_cache *cache;
	_Atomic uint64_t received; /* bytes of files that the guest sent, */
	_Atomic uint64_t claimed;  /* and that it did not have to send */
};

/** objects_trim_cache() - what the cache keeps counts as memory of resources: makes it fit */
void objects_trim_cache(struct objects *o);

/* All with the lock held. */
int64_t object_list(struct objects *o, struct object **list, struct object *obj, uint64_t context);
struct object *object_find(struct object *list, uint64_t context, int64_t id);
void object_unlist(struct object **list, struct object *obj);

/** object_drop() - gives up one hold; true when it was the last one and the caller has to free */
bool object_drop(struct object *obj);

void session_free(struct objects *o, struct guest_session *s);
void resource_free(struct objects *o, struct guest_resource *r);

#endif
