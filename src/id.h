/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pools of ids 1..max. Ids are handed out in increasing order and are not used again before max
 * was reached; from then on the lowest free one is taken. Lock-free: get and put may be called
 * from any thread. reset may not run beside them.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

#include "vaccel/id.h"

struct id_pool {
	vaccel_id_t max;
	_Atomic vaccel_id_t last; /* highest id handed out so far */
	atomic_bool *used; /* max flags, of id n at n - 1 */
};

/* Static definition of a pool called name. */
#define ID_POOL_DEFINE(name, max_id)                  \
	static atomic_bool name##_used[max_id];       \
	static struct id_pool name = { .max = (max_id), .used = name##_used }

/* An id, or -VACCEL_EUSERS when all are in use. */
vaccel_id_t id_pool_get(struct id_pool *pool);

/* Gives an id back; ids that the pool did not hand out are ignored. */
void id_pool_put(struct id_pool *pool, vaccel_id_t id);

/* Makes the pool as new. */
void id_pool_reset(struct id_pool *pool);
