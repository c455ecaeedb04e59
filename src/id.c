// SPDX-License-Identifier: Apache-2.0
#include "id.h"

#include "vaccel/error.h"

/* Claims id; false when it is in use. */
static bool claim(struct id_pool *pool, vaccel_id_t id)
{
	bool unused = false;

	return atomic_compare_exchange_strong(&pool->used[id - 1], &unused, true);
}

vaccel_id_t id_pool_get(struct id_pool *pool)
{
	vaccel_id_t last = atomic_load(&pool->last);

	while (last < pool->max) {
		if (!atomic_compare_exchange_weak(&pool->last, &last, last + 1))
			continue;
		/* A thread that scans for free ids may have been faster. */
		if (claim(pool, last + 1))
			return last + 1;
		last = atomic_load(&pool->last);
	}

	for (vaccel_id_t id = 1; id <= pool->max; id++)
		if (claim(pool, id))
			return id;
	return -VACCEL_EUSERS;
}

void id_pool_put(struct id_pool *pool, vaccel_id_t id)
{
	if (id >= 1 && id <= atomic_load(&pool->last))
		atomic_store(&pool->used[id - 1], false);
}

void id_pool_reset(struct id_pool *pool)
{
	for (vaccel_id_t id = 1; id <= pool->max; id++)
		atomic_store(&pool->used[id - 1], false);
	atomic_store(&pool->last, 0);
}
