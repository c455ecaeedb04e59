/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pieces of guest memory, mapped a second time, one behind the other.
 *
 * Each piece is mapped from our own mapping, so that it does not matter which file it is of. Huge pages
 * are the exception: the kernel maps them again from their file only, and only whole.
 */
#ifndef HOST_RANGE_H
#define HOST_RANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "memory.h"

struct range {
	void *base;    /* the first byte of the first piece */
	void *area;    /* what is unmapped in the end */
	size_t area_len;
};

/**
 * range_page() - the size that all pages of these pieces have, or the largest of them
 * @mem: what the pieces are in; those outside of it have pages of the usual size
 */
uint64_t range_page(const struct memory *mem, const struct iovec *pieces, size_t nr);

/**
 * range_is_possible() - whether pieces can be one range
 * @page: as of range_page(): but for the first piece's start and the last one's end, each piece has to
 *	  start and end with a page of this size
 */
bool range_is_possible(const struct iovec *pieces, size_t nr, uint64_t page);

/**
 * range_map() - maps pieces, for which range_is_possible()
 * @len: their lengths together
 *
 * Any thread, while @mem stays as it is. Return: false when the kernel refuses.
 */
bool range_map(struct range *range, const struct memory *mem, const struct iovec *pieces, size_t nr,
	       uint64_t len, uint64_t page);

/** range_unmap() - the pieces stay as they are */
void range_unmap(const struct range *range);

#endif
