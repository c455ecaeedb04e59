// SPDX-License-Identifier: Apache-2.0
#include "join.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "quota.h"

/* Each run is a mapping, of which a process can have 65530: enough for 8 GiB in huge pages. */
#define JOIN_MAX_RUNS 8192
/* Memory of the kernel for a mapping, and for each page that is touched through it */
#define MAPPING_COST 256
#define PAGE_COST    8
/* What was used in so many of the last calls is not given up for something else. */
#define STALE_AFTER 1024

struct join {
	struct join *next; /* of those to be unmapped */
	uint64_t hash;
	uint64_t used; /* when, in calls */
	unsigned int holds;
	bool kept;
	void *map;
	size_t map_len; /* whole pages */
	void *base;
	uint64_t len;
	size_t nr;
	struct iovec runs[];
};

/* All under the lock, which is never held while something is mapped or unmapped. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct join *kept[JOIN_KEPT];
static size_t nr_kept, runs_kept;
static uint64_t bytes_kept, calls;
static struct quota *quota;
static _Atomic size_t nr_mappings;
/* How often short runs were seen that may be worth it. Others with the same place start anew. */
static struct {
	uint64_t hash;
	unsigned int times;
} seen[256];

static bool is_possible(const struct iovec *runs, size_t nr)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

	if (nr < 2 || nr > JOIN_MAX_RUNS)
		return false;
	for (size_t i = 0; i < nr; i++) {
		uintptr_t start = (uintptr_t)runs[i].iov_base;

		if (i && start % page)
			return false;
		if (i + 1 < nr && (start + runs[i].iov_len) % page)
			return false;
	}
	return true;
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

void join_limit(struct quota *q)
{
	quota = q;
}

static uint64_t cost(const struct join *j)
{
	return j->map_len / (uint64_t)sysconf(_SC_PAGESIZE) * PAGE_COST + j->nr * MAPPING_COST;
}

/* Counts a range before it is mapped. */
static bool take_room(const struct join *j)
{
	if (atomic_fetch_add(&nr_mappings, j->nr) + j->nr <= JOIN_MAX_MAPPINGS &&
	    (!quota || quota_try(quota, POLICY_max_staging_bytes, cost(j))))
		return true;
	atomic_fetch_sub(&nr_mappings, j->nr);
	return false;
}

static void give_room(const struct join *j)
{
	atomic_fetch_sub(&nr_mappings, j->nr);
	if (quota)
		quota_give(quota, POLICY_max_staging_bytes, cost(j));
}

static void unmap(struct join *j)
{
	munmap(j->map, j->map_len);
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
static struct join *map(const struct iovec *runs, size_t nr, uint64_t len, uint64_t hash)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t skip = (uintptr_t)runs[0].iov_base % page;
	struct join *j = malloc(sizeof(*j) + nr * sizeof(*runs));
	uint8_t *at;

	if (!j)
		return NULL;
	*j = (struct join){ .hash = hash, .holds = 1, .len = len, .nr = nr };
	memcpy(j->runs, runs, nr * sizeof(*runs));
	j->map_len = (skip + len + page - 1) & ~(page - 1);
	if (!take_room(j)) {
		free(j);
		return NULL;
	}
	j->map = mmap(NULL, j->map_len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (j->map == MAP_FAILED) {
		give_room(j);
		free(j);
		return NULL;
	}
	at = j->map;
	for (size_t i = 0; i < nr; i++) {
		uint8_t *start = (uint8_t *)runs[i].iov_base - (i ? 0 : skip);
		size_t here = (runs[i].iov_len + (i ? 0 : skip) + page - 1) & ~(page - 1);

		/* An old size of 0 makes a second mapping of what is shared. */
		if (mremap(start, 0, here, MREMAP_MAYMOVE | MREMAP_FIXED, at) == MAP_FAILED) {
			unmap(j);
			return NULL;
		}
		at += here;
	}
	j->base = (uint8_t *)j->map + skip;
	return j;
}

/* ---- What is kept, under the lock ----------------------------------------------------------- */

static struct join *find(const struct iovec *runs, size_t nr, uint64_t hash)
{
	for (size_t i = 0; i < nr_kept; i++)
		if (kept[i]->hash == hash && kept[i]->nr == nr &&
		    !memcmp(kept[i]->runs, runs, nr * sizeof(*runs)))
			return kept[i];
	return NULL;
}

static bool has_room(size_t nr, uint64_t len)
{
	return nr_kept < JOIN_KEPT && nr <= JOIN_KEPT_RUNS - runs_kept &&
	       len <= JOIN_KEPT_BYTES - bytes_kept;
}

static struct join *take_out(size_t at)
{
	struct join *j = kept[at];

	kept[at] = kept[--nr_kept];
	runs_kept -= j->nr;
	bytes_kept -= j->len;
	return j;
}

/* Takes out what has not been used for long, the oldest first, and puts it on a list. */
static bool make_room(size_t nr, uint64_t len, struct join **gone)
{
	if (nr > JOIN_KEPT_RUNS || len > JOIN_KEPT_BYTES)
		return false;
	while (!has_room(nr, len)) {
		size_t oldest = nr_kept;
		struct join *j;

		for (size_t i = 0; i < nr_kept; i++)
			if (!kept[i]->holds && calls - kept[i]->used > STALE_AFTER &&
			    (oldest == nr_kept || kept[i]->used < kept[oldest]->used))
				oldest = i;
		if (oldest == nr_kept)
			return false;
		j = take_out(oldest);
		j->next = *gone;
		*gone = j;
	}
	return true;
}

static bool is_seen_often(uint64_t hash)
{
	size_t at = hash % (sizeof(seen) / sizeof(seen[0]));

	if (seen[at].hash != hash) {
		seen[at].hash = hash;
		seen[at].times = 0;
	}
	return ++seen[at].times >= JOIN_AFTER;
}

/* ---- Calls ---------------------------------------------------------------------------------- */

void *join_runs(const struct iovec *runs, size_t nr, uint64_t len, struct join **out)
{
	struct join *gone = NULL, *j;
	bool is_worth_it = false, fits = false;
	uint64_t hash;

	if (!is_possible(runs, nr))
		return NULL;
	hash = hash_runs(runs, nr);
	pthread_mutex_lock(&lock);
	calls++;
	j = find(runs, nr, hash);
	if (j) {
		j->holds++;
		j->used = calls;
	} else {
		is_worth_it = len / nr >= JOIN_MIN_RUN;
		if (is_worth_it || is_seen_often(hash))
			fits = make_room(nr, len, &gone);
		is_worth_it |= fits;
	}
	pthread_mutex_unlock(&lock);
	unmap_all(gone);
	if (!j && is_worth_it) {
		j = map(runs, nr, len, hash);
		pthread_mutex_lock(&lock);
		/* Another thread may have been faster. */
		if (j && fits && has_room(nr, len) && !find(runs, nr, hash)) {
			j->kept = true;
			j->used = calls;
			kept[nr_kept++] = j;
			runs_kept += nr;
			bytes_kept += len;
		}
		pthread_mutex_unlock(&lock);
	}
	*out = j;
	return j ? j->base : NULL;
}

void join_release(struct join *j)
{
	bool last;

	pthread_mutex_lock(&lock);
	last = !--j->holds && !j->kept;
	pthread_mutex_unlock(&lock);
	if (last)
		unmap(j);
}

void join_clear(void)
{
	struct join *gone = NULL;

	pthread_mutex_lock(&lock);
	while (nr_kept) {
		struct join *j = take_out(nr_kept - 1);

		j->next = gone;
		gone = j;
	}
	memset(seen, 0, sizeof(seen));
	pthread_mutex_unlock(&lock);
	unmap_all(gone);
}
