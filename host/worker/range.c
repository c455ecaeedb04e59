// SPDX-License-Identifier: Apache-2.0
#include "range.h"

#include <sys/mman.h>

uint64_t range_page(const struct memory *mem, const struct iovec *pieces, size_t nr)
{
	uint64_t page = memory_page(mem, NULL);

	for (size_t i = 0; mem->nr_huge && i < nr; i++) {
		uint64_t here = memory_page(mem, pieces[i].iov_base);

		if (here > page)
			page = here;
	}
	return page;
}

bool range_is_possible(const struct iovec *pieces, size_t nr, uint64_t page)
{
	for (size_t i = 0; i < nr; i++) {
		uintptr_t start = (uintptr_t)pieces[i].iov_base;

		if (i && start % page)
			return false;
		if (i + 1 < nr && (start + pieces[i].iov_len) % page)
			return false;
	}
	return nr > 0;
}

bool range_map(struct range *range, const struct memory *mem, const struct iovec *pieces, size_t nr,
	       uint64_t len, uint64_t page)
{
	uint64_t skip = (uintptr_t)pieces[0].iov_base % page;
	uint64_t map_len = (skip + len + page - 1) & ~(page - 1);
	/* Room to start with a page; what is not used of it stays reserved. */
	uint64_t spare = page > memory_page(mem, NULL) ? page : 0;
	uint8_t *at;

	range->area_len = map_len + spare;
	range->area = mmap(NULL, range->area_len, PROT_NONE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (range->area == MAP_FAILED)
		return false;
	at = range->area;
	at += -(uintptr_t)at & (page - 1);
	range->base = at + skip;
	for (size_t i = 0; i < nr; i++) {
		uint8_t *start = (uint8_t *)pieces[i].iov_base - (i ? 0 : skip);
		uint64_t here = (pieces[i].iov_len + (i ? 0 : skip) + page - 1) & ~(page - 1);

		if (!memory_map_again(mem, start, here, at)) {
			range_unmap(range);
			return false;
		}
		at += here;
	}
	return true;
}

void range_unmap(const struct range *range)
{
	munmap(range->area, range->area_len);
}
