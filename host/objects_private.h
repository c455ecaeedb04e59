/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by objects.c, session.c and resource.c alone. */
#ifndef HOST_OBJECTS_PRIVATE_H
#define HOST_OBJECTS_PRIVATE_H

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
};

/* All with the lock held. */
int64_t object_list(struct objects *o, struct object **list, struct object *obj, uint64_t context);
struct object *object_find(struct object *list, uint64_t context, int64_t id);
void object_unlist(struct object **list, struct object *obj);

/** object_drop() - gives up one hold; true when it was the last one and the caller has to free */
bool object_drop(struct object *obj);

void session_free(struct objects *o, struct guest_session *s);
void resource_free(struct objects *o, struct guest_resource *r);

#endif
