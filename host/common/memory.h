/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest memory: the regions that the front end shares, mapped here, and translation of the three
 * kinds of addresses: guest-physical (gpa, in descriptors), the front end's own virtual addresses
 * (uaddr, in vring messages) and ours.
 *
 * Not locked: the owner keeps changes and use apart.
 */
#ifndef HOST_MEMORY_H
#define HOST_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

/** Regions of one VM; what QEMU itself is limited to. */
#define MEMORY_MAX_REGIONS 509

struct memory_region {
	uint64_t gpa;	 /* guest-physical address of the first byte */
	uint64_t size;	 /* bytes */
	uint64_t uaddr;	 /* the front end's virtual address of the first byte */
	uint64_t offset; /* of the first byte in fd */
	int fd;
	dev_t dev; /* dev and ino: which file fd is */
	ino_t ino;
	uint64_t page; /* bytes of a page; mappings begin and end with whole ones */
	uint8_t *base; /* our address of the first byte */
	void *map;
	size_t map_len;
};

struct memory {
	unsigned int nr_regions;
	unsigned int nr_huge; /* of those, how many have pages of another size than the usual one */
	uint64_t size; /* of all regions */
	struct memory_region regions[MEMORY_MAX_REGIONS]; /* sorted by gpa, no overlaps */
};

/**
 * memory_add() - maps a region
 * @fd: taken over in every case; -1 is refused
 *
 * Return: 0; -EINVAL (empty, wraps around, or not a regular file), -EEXIST (overlaps another),
 * -ENOSPC (too many regions), -EFBIG (the file ends before the region does), or mmap's error.
 */
int memory_add(struct memory *mem, uint64_t gpa, uint64_t size, uint64_t uaddr, uint64_t offset,
	       int fd);

/** memory_remove() - unmaps the region with exactly these addresses. Return: 0 or -ENOENT. */
int memory_remove(struct memory *mem, uint64_t gpa, uint64_t size, uint64_t uaddr);

/** memory_size() - bytes of all regions together */
uint64_t memory_size(const struct memory *mem);

/** memory_page() - bytes of a page at one of our addresses; the usual size where no region is (NULL) */
uint64_t memory_page(const struct memory *mem, const void *addr);

/**
 * memory_map_again() - maps a part of a region a second time
 * @start: where it is mapped, at the start of a page
 * @len:   bytes, whole pages
 * @at:    where it shall be, too, at the start of a page; what is mapped there is not any more
 *
 * The part may also be shared memory outside of all regions, with pages of the usual size. Return: false
 * when the kernel refuses; errno says why.
 */
bool memory_map_again(const struct memory *mem, const void *start, size_t len, void *at);

/** memory_clear() - unmaps all regions */
void memory_clear(struct memory *mem);

/**
 * memory_at_uaddr() - our address of [uaddr, uaddr + len), for rings
 *
 * Return: NULL unless one region holds all of it.
 */
void *memory_at_uaddr(const struct memory *mem, uint64_t uaddr, uint64_t len);

/**
 * memory_translate() - appends our addresses of [gpa, gpa + len) to an array
 * @iov: nr entries are in use; the last one grows when the new range starts where it ends
 * @max: entries there is room for
 *
 * Return: the new number of entries; -EFAULT when a byte is outside of all regions; -ENOBUFS when
 * iov is full; then the entries in use are as before. A @len of 0 adds nothing and is not checked.
 */
ssize_t memory_translate(const struct memory *mem, uint64_t gpa, uint64_t len, struct iovec *iov,
			 size_t nr, size_t max);

/** memory_read() - copies from guest memory. Return: 0 or -EFAULT, then nothing was copied. */
int memory_read(const struct memory *mem, uint64_t gpa, void *to, size_t len);

/** memory_write() - copies to guest memory. Return: 0 or -EFAULT, then nothing was copied. */
int memory_write(const struct memory *mem, uint64_t gpa, const void *from, size_t len);

#endif
