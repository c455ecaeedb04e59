// SPDX-License-Identifier: Apache-2.0
#include "counters.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define US UINT64_C(1000)
#define MS (1000 * US)
#define S  (1000 * MS)

static const uint64_t bounds[COUNTERS_BOUNDS] = {
	US,	 2 * US,   5 * US,   10 * US,  20 * US, 50 * US, 100 * US, 200 * US, 500 * US,
	MS,	 2 * MS,   5 * MS,   10 * MS,  20 * MS, 50 * MS, 100 * MS, 200 * MS, 500 * MS,
	S,	 2 * S,	   5 * S,    10 * S,   20 * S,	50 * S,	 100 * S,
};

int counters_create(size_t size)
{
	int fd = memfd_create("vaccel-counters", MFD_CLOEXEC | MFD_ALLOW_SEALING), error;

	if (fd < 0)
		return -errno;
	/* Sealed, so that nobody can make another one fault by truncating it. */
	if (ftruncate(fd, (off_t)size) == 0 &&
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
		return fd;
	error = errno;
	close(fd);
	return -error;
}

void *counters_map(int fd, size_t size, bool writable)
{
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;
	void *page;

	if (seals < 0 || !(seals & F_SEAL_SHRINK) || fstat(fd, &st) < 0 ||
	    st.st_size != (off_t)size) {
		errno = EINVAL;
		return NULL;
	}
	page = mmap(NULL, size, writable ? PROT_READ | PROT_WRITE : PROT_READ,
		    MAP_SHARED, fd, 0);
	if (page == MAP_FAILED)
		return NULL;
	/* A copy in a plugin's child could only do harm. */
	madvise(page, size, MADV_DONTFORK);
	return page;
}

void counters_unmap(const void *page, size_t size)
{
	if (page)
		munmap((void *)(uintptr_t)page, size);
}

void counters_add_time(struct counters_times *t, uint64_t ns)
{
	unsigned int bucket = 0;

	/* Most are short. */
	while (bucket < COUNTERS_BOUNDS && ns > bounds[bucket])
		bucket++;
	counters_add(&t->buckets[bucket], 1);
	counters_add(&t->sum_ns, ns);
}

void counters_sum(const struct counters_times *t, struct counters_sums *sums)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < COUNTERS_BUCKETS; i++) {
		sum = counters_plus(sum, counters_get(&t->buckets[i]));
		sums->buckets[i] = sum;
	}
	sums->sum_ns = counters_get(&t->sum_ns);
}

static void merge(_Atomic uint64_t *sum, const _Atomic uint64_t *gone, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++) {
		uint64_t more = counters_get(&gone[i]), now = counters_get(&sum[i]);

		counters_set(&sum[i], now + more <= COUNTERS_MAX ? now + more : more);
	}
}

static void merge_times(struct counters_times *sum, const struct counters_times *gone)
{
	merge(sum->buckets, gone->buckets, COUNTERS_BUCKETS);
	merge(&sum->sum_ns, &gone->sum_ns, 1);
}

bool counters_results(const struct counters *c, unsigned int slot, uint64_t results[COUNTERS_RESULTS])
{
	bool any = false;

	for (unsigned int r = 0; r < COUNTERS_RESULTS; r++) {
		results[r] = 0;
		for (unsigned int p = 0; p < COUNTERS_PLUGINS; p++)
			results[r] = counters_plus(results[r], counters_get(&c->results[slot][p][r]));
		any |= results[r] != 0;
	}
	return any;
}

bool counters_has_run(const struct counters *c, unsigned int slot, unsigned int plugin)
{
	return counters_get(&c->results[slot][plugin][COUNTERS_OK]) ||
	       counters_get(&c->results[slot][plugin][COUNTERS_ERROR]);
}

void counters_merge(struct counters *sum, const struct counters *gone, const uint8_t plugins[COUNTERS_PLUGINS])
{
	uint64_t results[COUNTERS_RESULTS];

	for (unsigned int i = 0; i < OP_SLOTS; i++) {
		if (!counters_results(gone, i, results))
			continue;
		merge_times(&sum->wait[i], &gone->wait[i]);
		for (unsigned int p = 0; p < COUNTERS_PLUGINS; p++) {
			merge(sum->results[i][plugins[p]], gone->results[i][p], COUNTERS_RESULTS);
			if (counters_has_run(gone, i, p))
				merge_times(&sum->service[i][plugins[p]], &gone->service[i][p]);
		}
	}
	merge(sum->bytes, gone->bytes, COUNTERS_PATHS);
	/* The first of those that say how things are now. */
	merge(sum->numbers, gone->numbers, COUNTERS_INFLIGHT);
	merge(sum->refused, gone->refused, POLICY_NR_RULES);
}

uint64_t counters_bound_ns(unsigned int bucket)
{
	return bucket < COUNTERS_BOUNDS ? bounds[bucket] : UINT64_MAX;
}
