// SPDX-License-Identifier: Apache-2.0
#include "join.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "quota.h"
#include "range.h"

/* Each run is a mapping, of which a process can have 65530: enough for 8 GiB in huge pages. */
#define JOIN_MAX_RUNS 8192
/* Memory of the kernel for a mapping, and for each page that is touched through it */
#define MAPPING_COST 256
#define PAGE_COST    8
/* What was used in so many of the last calls is not given up for something else. */
#define STALE_AFTER 1024

struct join {
	struct joins *joins;
	struct join *next; /* of those to be unmapped */
	uint64_t hash;
	uint64_t used; /* when, in calls */
	unsigned int holds;
	bool kept;
	struct range range;
	uint64_t cost; /* of the kernel's memory, in bytes */
	uint64_t len;
	size_t nr;
	struct iovec runs[];
};

struct joins {
	struct quota *quota;
	/* All under the lock, which is never held while something is mapped or unmapped. */
	pthread_mutex_t lock;
	struct join *kept[JOIN_KEPT];
	size_t nr_kept, runs_kept;
	uint64_t bytes_kept, calls;
	/* How often short runs were seen that may be worth it. Others with the same place start anew. */
	struct {
		uint64_t hash;
		unsigned int times;
	} seen[256];
};

/* Of all clients: the kernel counts them by process. */
static _Atomic size_t nr_mappings;

struct joins *joins_new(struct quota *quota)
{
	struct joins *all = calloc(1, sizeof(*all));

	if (!all)
		return NULL;
	all->quota = quota;
	pthread_mutex_init(&all->lock, NULL);
	return all;
}

void joins_delete(struct joins *all)
{
	if (!all)
		return;
	join_clear(all);
	pthread_mutex_destroy(&all->lock);
	free(all);
}

static uint64_t hash_runs(const struct iovec *runs, size_t nr)
{
	uint64_t h = nr;

	for (size_t i = 0; i < nr; i++) {
		h = (h ^ (uintptr_t)runs[i].iov_base ^ (uint64_t)runs[i].iov_len << 32) *
		    0x9e3779b97f4a7c15u;
		h ^= h >> 29;
	}
	return h;
}

/* ---- Mapping -------------------------------------------------------------------------------- */

/* Counts a range before it is mapped. */
static bool take_room(const struct join *j)
{
	if (atomic_fetch_add(&nr_mappings, j->nr) + j->nr <= JOIN_MAX_MAPPINGS &&
	    (!j->joins->quota || quota_try(j->joins->quota, POLICY_max_staging_bytes, j->cost)))
		return true;
	atomic_fetch_sub(&nr_mappings, j->nr);
	return false;
}

static void give_room(const struct join *j)
{
	atomic_fetch_sub(&nr_mappings, j->nr);
	if (j->joins->quota)
		quota_give(j->joins->quota, POLICY_max_staging_bytes, j->cost);
}

static void unmap(struct join *j)
{
	range_unmap(&j->range);
	give_room(j);
	free(j);
}

static void unmap_all(struct join *list)
{
	while (list) {
		struct join *next = list->next;

		unmap(list);
		list = next;
	}
}

/* Return: held once, or NULL. */
static struct join *map(struct joins *all, const struct memory *mem, const struct iovec *runs, size_t nr,
			uint64_t len, uint64_t page, uint64_t hash)
{
	uint64_t usual = memory_page(mem, NULL);
	struct join *j = malloc(sizeof(*j) + nr * sizeof(*runs));

	if (!j)
		return NULL;
	*j = (struct join){ .joins = all, .hash = hash, .holds = 1, .len = len, .nr = nr };
	memcpy(j->runs, runs, nr * sizeof(*runs));
	j->cost = ((uintptr_t)runs[0].iov_base % usual + len + usual - 1) / usual * PAGE_COST +
		  nr * MAPPING_COST;
	if (!take_room(j)) {
		free(j);
		return NULL;
	}
	if (!range_map(&j->range, mem, runs, nr, len, page)) {
		give_room(j);
		free(j);
		return NULL;
	}
	return j;
}

/* ---- What is kept, under the lock ----------------------------------------------------------- */

static struct join *find(const struct joins *all, const struct iovec *runs, size_t nr, uint64_t hash)
{
	for (size_t i = 0; i < all->nr_kept; i++)
		if (all->kept[i]->hash == hash && all->kept[i]->nr == nr &&
		    !memcmp(all->kept[i]->runs, runs, nr * sizeof(*runs)))
			return all->kept[i];
	return NULL;
}

static bool has_room(const struct joins *all, size_t nr, uint64_t len)
{
	return all->nr_kept < JOIN_KEPT && nr <= JOIN_KEPT_RUNS - all->runs_kept &&
	       len <= JOIN_KEPT_BYTES - all->bytes_kept;
}

static struct join *take_out(struct joins *all, size_t at)
{
	struct join *j = all->kept[at];

	all->kept[at] = all->kept[--all->nr_kept];
	all->runs_kept -= j->nr;
	all->bytes_kept -= j->len;
	return j;
}

/* Takes out what has not been used for long, the oldest first, and puts it on a list. */
static bool make_room(struct joins *all, size_t nr, uint64_t len, struct join **gone)
{
	if (nr > JOIN_KEPT_RUNS || len > JOIN_KEPT_BYTES)
		return false;
	while (!has_room(all, nr, len)) {
		size_t oldest = all->nr_kept;
		struct join *j;

		for (size_t i = 0; i < all->nr_kept; i++)
			if (!all->kept[i]->holds && all->calls - all->kept[i]->used > STALE_AFTER &&
			    (oldest == all->nr_kept || all->kept[i]->used < all->kept[oldest]->used))
				oldest = i;
		if (oldest == all->nr_kept)
			return false;
		j = take_out(all, oldest);
		j->next = *gone;
		*gone = j;
	}
	return true;
}

static bool is_seen_often(struct joins *all, uint64_t hash)
{
	size_t at = hash % (sizeof(all->seen) / sizeof(all->seen[0]));

	if (all->seen[at].hash != hash) {
		all->seen[at].hash = hash;
		all->seen[at].times = 0;
	}
	return ++all->seen[at].times >= JOIN_AFTER;
}

/* ---- Calls ---------------------------------------------------------------------------------- */

void *join_runs(struct joins *all, const struct memory *mem, const struct iovec *runs, size_t nr,
		uint64_t len, struct join **out)
{
	struct join *gone = NULL, *j;
	bool is_worth_it = false, fits = false;
	uint64_t hash, page;

	if (nr < 2 || nr > JOIN_MAX_RUNS)
		return NULL;
	page = range_page(mem, runs, nr);
	if (!range_is_possible(runs, nr, page))
		return NULL;
	hash = hash_runs(runs, nr);
	pthread_mutex_lock(&all->lock);
	all->calls++;
	j = find(all, runs, nr, hash);
	if (j) {
		j->holds++;
		j->used = all->calls;
	} else {
		is_worth_it = len / nr >= JOIN_MIN_RUN;
		if (is_worth_it || is_seen_often(all, hash))
			fits = make_room(all, nr, len, &gone);
		is_worth_it |= fits;
	}
	pthread_mutex_unlock(&all->lock);
	unmap_all(gone);
	if (!j && is_worth_it) {
		j = map(all, mem, runs, nr, len, page, hash);
		pthread_mutex_lock(&all->lock);
		/* Another thread may have been faster. */
		if (j && fits && has_room(all, nr, len) && !find(all, runs, nr, hash)) {
			j->kept = true;
			j->used = all->calls;
			all->kept[all->nr_kept++] = j;
			all->runs_kept += nr;
			all->bytes_kept += len;
		}
		pthread_mutex_unlock(&all->lock);
	}
	*out = j;
	return j ? j->range.base : NULL;
}

void join_release(struct join *j)
{
	struct joins *all = j->joins;
	bool last;

	pthread_mutex_lock(&all->lock);
	last = !--j->holds && !j->kept;
	pthread_mutex_unlock(&all->lock);
	if (last)
		unmap(j);
}

void join_clear(struct joins *all)
{
	struct join *gone = NULL;

	pthread_mutex_lock(&all->lock);
	while (all->nr_kept) {
		struct join *j = take_out(all, all->nr_kept - 1);

		j->next = gone;
		gone = j;
	}
	memset(all->seen, 0, sizeof(all->seen));
	pthread_mutex_unlock(&all->lock);
	unmap_all(gone);
}
