// SPDX-License-Identifier: Apache-2.0
/* The driver side of a split virtqueue, see vring_driver.h. */
#include "vring_driver.h"

#include <endian.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* The fields that the two sides hand over to each other; the device may be another process. */
static uint16_t load_acquire(const uint16_t *p)
{
	return le16toh(__atomic_load_n(p, __ATOMIC_ACQUIRE));
}

static void store_release(uint16_t *p, uint16_t v)
{
	__atomic_store_n(p, htole16(v), __ATOMIC_RELEASE);
}

static uint16_t *used_event(struct vring_driver *vr)
{
	return &vr->avail->ring[vr->size];
}

static const uint16_t *avail_event(const struct vring_driver *vr)
{
	return (const uint16_t *)&vr->used->ring[vr->size];
}

static size_t used_offset(uint16_t size)
{
	size_t end = size * sizeof(struct vring_desc) + sizeof(struct vring_avail) +
		     (size + 1u) * sizeof(uint16_t);

	return (end + 3) & ~(size_t)3;
}

size_t vring_driver_bytes(uint16_t size)
{
	return used_offset(size) + sizeof(struct vring_used) +
	       size * sizeof(struct vring_used_elem) + sizeof(uint16_t);
}

int vring_driver_init(struct vring_driver *vr, uint16_t size, void *mem, bool event_idx)
{
	memset(vr, 0, sizeof(*vr));
	if (size == 0 || size > VRING_MAX_SIZE || (size & (size - 1)) || ((uintptr_t)mem & 15))
		return EINVAL;

	vr->next = calloc(size, sizeof(*vr->next));
	vr->chains = calloc(size, sizeof(*vr->chains));
	if (!vr->next || !vr->chains) {
		vring_driver_fini(vr);
		return ENOMEM;
	}

	memset(mem, 0, vring_driver_bytes(size));
	vr->size = size;
	vr->nr_free = size;
	for (uint16_t i = 0; i < size; i++)
		vr->next[i] = i + 1;
	vr->event_idx = event_idx;
	vr->desc = mem;
	vr->avail = (struct vring_avail *)(vr->desc + size);
	vr->used = (struct vring_used *)((char *)mem + used_offset(size));
	vring_driver_disable_calls(vr);
	return 0;
}

void vring_driver_fini(struct vring_driver *vr)
{
	free(vr->next);
	free(vr->chains);
	vr->next = NULL;
	vr->chains = NULL;
}

int vring_driver_add(struct vring_driver *vr, const struct vring_buffer *buffers, uint16_t nr,
		     void *token)
{
	uint16_t head = vr->free_head;
	uint16_t index = head;
	uint32_t writable = 0;
	bool device_writes = false;

	if (vr->broken)
		return EIO;
	if (nr == 0 || nr > vr->size)
		return EINVAL;
	if (nr > vr->nr_free)
		return ENOSPC;
	for (uint16_t i = 0; i < nr; i++) {
		if (device_writes && !buffers[i].device_writes)
			return EINVAL;
		device_writes = buffers[i].device_writes;
		if (device_writes && __builtin_add_overflow(writable, buffers[i].len, &writable))
			return EINVAL;
	}

	for (uint16_t i = 0; i < nr; i++) {
		bool last = i + 1 == nr;
		struct vring_desc d = {
			.addr = htole64(buffers[i].addr),
			.len = htole32(buffers[i].len),
			.flags = htole16((buffers[i].device_writes ? VRING_DESC_F_WRITE : 0) |
					 (last ? 0 : VRING_DESC_F_NEXT)),
			.next = htole16(last ? 0 : vr->next[index]),
		};

		vr->desc[index] = d;
		index = vr->next[index];
	}
	vr->free_head = index;
	vr->nr_free -= nr;
	vr->chains[head].nr_desc = nr;
	vring_driver_publish(vr, head, token, writable);
	return 0;
}

void vring_driver_publish(struct vring_driver *vr, uint16_t head, void *token,
			  uint32_t writable)
{
	if (head < vr->size) {
		struct vring_chain *c = &vr->chains[head];

		if (c->nr_desc == 0)
			c->nr_desc = 1;
		c->token = token;
		c->writable = writable;
	}
	vr->avail->ring[vr->avail_idx & (vr->size - 1)] = htole16(head);
	vr->avail_idx++;
	store_release(&vr->avail->idx, vr->avail_idx);
}

bool vring_driver_kick_needed(struct vring_driver *vr)
{
	uint16_t old = vr->kicked_idx;

	vr->kicked_idx = vr->avail_idx;
	/* The new index must be visible before the device's wish is read: it does the reverse. */
	atomic_thread_fence(memory_order_seq_cst);
	if (vr->event_idx)
		return vring_need_event(load_acquire(avail_event(vr)), vr->avail_idx, old);
	return !(load_acquire(&vr->used->flags) & VRING_USED_F_NO_NOTIFY);
}

bool vring_driver_pending(const struct vring_driver *vr)
{
	uint16_t seen = __atomic_load_n(&vr->used_idx, __ATOMIC_RELAXED);

	return load_acquire(&vr->used->idx) != seen;
}

int vring_driver_get_used(struct vring_driver *vr, void **token, uint32_t *len)
{
	const volatile struct vring_used_elem *e = &vr->used->ring[vr->used_idx & (vr->size - 1)];
	struct vring_chain *c;
	uint32_t id, written;
	uint16_t tail;

	if (vr->broken)
		return EIO;
	if (!vring_driver_pending(vr))
		return EAGAIN;

	id = le32toh(e->id);
	written = le32toh(e->len);
	if (id >= vr->size || vr->chains[id].nr_desc == 0 || written > vr->chains[id].writable) {
		vr->broken = true;
		return EIO;
	}

	c = &vr->chains[id];
	*token = c->token;
	*len = written;
	/* The chain's links are still in next[]; its last descriptor goes before the free ones. */
	tail = (uint16_t)id;
	for (uint16_t i = 1; i < c->nr_desc; i++)
		tail = vr->next[tail];
	vr->next[tail] = vr->free_head;
	vr->free_head = (uint16_t)id;
	vr->nr_free += c->nr_desc;
	c->nr_desc = 0;
	c->token = NULL;
	__atomic_store_n(&vr->used_idx, (uint16_t)(vr->used_idx + 1), __ATOMIC_RELAXED);
	return 0;
}

bool vring_driver_enable_calls(struct vring_driver *vr)
{
	if (vr->event_idx)
		store_release(used_event(vr), vr->used_idx);
	else
		store_release(&vr->avail->flags, 0);
	atomic_thread_fence(memory_order_seq_cst);
	return !vring_driver_pending(vr);
}

void vring_driver_disable_calls(struct vring_driver *vr)
{
	/* With event index, the index that was just passed is the one furthest away. */
	if (vr->event_idx)
		store_release(used_event(vr), vr->used_idx - 1);
	else
		store_release(&vr->avail->flags, VRING_AVAIL_F_NO_INTERRUPT);
}
