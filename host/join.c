// SPDX-License-Identifier: Apache-2.0
#include "join.h"

#include <stdbool.h>
#include <sys/mman.h>
#include <unistd.h>

/* Mapping a run, and its pages when they are touched, costs as much as copying about this much. */
#define JOIN_MIN_RUN ((uint64_t)64 << 10)
/* Each run is a mapping, of which a process can have 65530: enough for 8 GiB in huge pages. */
#define JOIN_MAX_RUNS 8192

static bool is_worth_it(const struct iovec *runs, size_t nr, uint64_t len, uintptr_t page)
{
	if (nr < 2 || nr > JOIN_MAX_RUNS || len / nr < JOIN_MIN_RUN)
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

void *join_runs(const struct iovec *runs, size_t nr, uint64_t len, struct joined *j)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t skip;
	uint8_t *at;

	if (!is_worth_it(runs, nr, len, page))
		return NULL;
	skip = (uintptr_t)runs[0].iov_base % page;
	j->map_len = (skip + len + page - 1) & ~(page - 1);
	j->map = mmap(NULL, j->map_len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (j->map == MAP_FAILED)
		return NULL;
	at = j->map;
	for (size_t i = 0; i < nr; i++) {
		uint8_t *start = (uint8_t *)runs[i].iov_base - (i ? 0 : skip);
		size_t here = (runs[i].iov_len + (i ? 0 : skip) + page - 1) & ~(page - 1);

		/* An old size of 0 makes a second mapping of what is shared. */
		if (mremap(start, 0, here, MREMAP_MAYMOVE | MREMAP_FIXED, at) == MAP_FAILED) {
			join_release(j);
			return NULL;
		}
		at += here;
	}
	return (uint8_t *)j->map + skip;
}

void join_release(const struct joined *j)
{
	munmap(j->map, j->map_len);
}
