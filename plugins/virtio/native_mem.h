/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The "guest memory" of the native transport: a memory file that this process and the back end map,
 * and an allocator in it. All book-keeping is private; the back end can spoil bytes, nothing else.
 *
 * The file is far larger than what is ever used of it. Its pages are allocated when they are first
 * needed, where a shortage is an error code rather than a signal, and given back early beyond
 * NATIVE_MEM_KEEP.
 */
#ifndef VIRTIO_NATIVE_MEM_H
#define VIRTIO_NATIVE_MEM_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where the memory begins in guest-physical addresses: not 0, so that no offset is an address. */
#define NATIVE_MEM_GUEST_BASE	0x40000000ull

/* Pages below this offset stay allocated while they are free, in bytes. */
#define NATIVE_MEM_KEEP		((size_t)256 << 20)

/* What kind of thing an extent is held for */
enum native_hold {
	NATIVE_HOLD_LONG,	/* for longer than a call: others do not wait for it */
	NATIVE_HOLD_CALL,	/* until a call ends: wait if need be, others wait for it */
};

/* A piece of the memory, in use or free. Extents tile the memory in the order of their offsets. */
struct native_extent {
	struct native_extent *prev, *next;
	size_t offset;
	size_t len;
	bool used;
	enum native_hold hold;
};

struct native_mem {
	int fd;
	char *base;
	size_t size;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct native_extent *extents;
	struct native_extent *spares;	/* not part of the memory; linked by next */
	size_t committed;	/* pages below are allocated, or being so by their extent's owner;
				   at most NATIVE_MEM_KEEP, as beyond no page outlives its extent */
	unsigned int nr_calls;	/* extents held for calls */
	uint64_t next_ticket;	/* calls are served in the order in which they came */
	uint64_t serving;
	bool shut;
};

/**
 * native_mem_init() - creates and maps the memory file
 * @size: bytes, a multiple of the page size
 *
 * Children of fork() do not have the mapping. Return: 0 or a positive errno value.
 */
int native_mem_init(struct native_mem *m, size_t size);

/** native_mem_fini() - unmaps; all extents become invalid, no thread may use @m */
void native_mem_fini(struct native_mem *m);

/** native_mem_fini_child() - native_mem_fini() for the child of a fork(), which has no mapping */
void native_mem_fini_child(struct native_mem *m);

/** native_mem_shut() - makes all who wait for memory, and all who will, fail with ENODEV */
void native_mem_shut(struct native_mem *m);

/**
 * native_mem_alloc() - takes a piece of the memory
 * @len:  bytes, not 0; rounded up to whole pages
 * @hold: what for; with NATIVE_HOLD_CALL waits while calls hold what is missing
 * @out:  receives the extent; native_mem_free() it
 *
 * Any thread. Return: 0, ENOMEM when there will not be enough, or ENODEV after native_mem_shut().
 */
int native_mem_alloc(struct native_mem *m, size_t len, enum native_hold hold,
		     struct native_extent **out);

/** native_mem_free() - gives a piece back. Any thread. */
void native_mem_free(struct native_mem *m, struct native_extent *e);

/** native_mem_ptr() - where an offset is in this process */
static inline void *native_mem_ptr(const struct native_mem *m, size_t offset)
{
	return m->base + offset;
}

/** native_mem_guest() - the guest-physical address of an offset */
static inline uint64_t native_mem_guest(size_t offset)
{
	return NATIVE_MEM_GUEST_BASE + offset;
}

/**
 * native_mem_find() - whether a range of this process's addresses lies in the memory
 * @offset: receives its offset if so
 */
bool native_mem_find(const struct native_mem *m, uint64_t addr, uint64_t len, size_t *offset);

#endif
