/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the host process share: a piece of guest memory with a virtqueue in it. */
#ifndef TEST_HOST_GUEST_H
#define TEST_HOST_GUEST_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "inflight.h"
#include "memory.h"
#include "virtqueue.h"

#define GUEST_GPA 0x100000u
#define GUEST_UADDR 0x7f0000000000u
#define GUEST_SIZE 0x100000u
#define GUEST_DESC 0x0u
#define GUEST_AVAIL 0x8000u
#define GUEST_USED 0x10000u
#define GUEST_DATA 0x20000u /* free for buffers */

struct guest {
	struct memory mem;
	uint8_t *ram; /* the guest's own mapping */
	struct inflight_area *area;
	int area_fd;
	struct virtqueue_config config;
	struct virtqueue vq;
	uint16_t avail_idx;
};

static inline int guest_file(uint64_t size)
{
	int fd = memfd_create("guest", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, (off_t)size))
		abort();
	return fd;
}

/* Ends the test program on failure: everything rests on it. */
static inline void guest_init(struct guest *g, uint16_t size, uint64_t features)
{
	int fd = guest_file(GUEST_SIZE);

	memset(g, 0, sizeof(*g));
	g->ram = mmap(NULL, GUEST_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	g->area = inflight_area_create(&g->area_fd);
	if (g->ram == MAP_FAILED || !g->area ||
	    memory_add(&g->mem, GUEST_GPA, GUEST_SIZE, GUEST_UADDR, 0, fd))
		abort();
	g->config = (struct virtqueue_config){
		.size = size,
		.desc = GUEST_UADDR + GUEST_DESC,
		.avail = GUEST_UADDR + GUEST_AVAIL,
		.used = GUEST_UADDR + GUEST_USED,
		.features = features,
	};
	if (virtqueue_init(&g->vq, &g->mem, &g->config, &g->area->queues[0], true))
		abort();
}

static inline void guest_fini(struct guest *g)
{
	memory_clear(&g->mem);
	munmap(g->ram, GUEST_SIZE);
	inflight_area_unmap(g->area);
	close(g->area_fd);
}

static inline struct vring_desc *guest_desc(struct guest *g)
{
	return (struct vring_desc *)(g->ram + GUEST_DESC);
}

static inline struct vring_avail *guest_avail(struct guest *g)
{
	return (struct vring_avail *)(g->ram + GUEST_AVAIL);
}

static inline struct vring_used *guest_used(struct guest *g)
{
	return (struct vring_used *)(g->ram + GUEST_USED);
}

static inline void guest_set_desc(struct guest *g, uint16_t at, uint64_t gpa, uint32_t len,
				  uint16_t flags, uint16_t next)
{
	guest_desc(g)[at] = (struct vring_desc){ gpa, len, flags, next };
}

static inline void guest_make_available(struct guest *g, uint16_t head)
{
	guest_avail(g)->ring[g->avail_idx % g->vq.size] = head;
	g->avail_idx++;
	__atomic_store_n(&guest_avail(g)->idx, g->avail_idx, __ATOMIC_RELEASE);
}

/* Gpa of an offset into the guest's memory. */
static inline uint64_t guest_gpa(uint64_t offset)
{
	return GUEST_GPA + offset;
}

#endif
