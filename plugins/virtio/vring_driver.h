/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The driver side of a split virtqueue in shared memory: puts buffers in, takes used buffers out.
 *
 * Nothing here locks: one thread at a time may use a ring; any may call vring_driver_pending().
 * What the device writes is never believed: all state that decisions rest on is private.
 */
#ifndef VIRTIO_VRING_DRIVER_H
#define VIRTIO_VRING_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/virtio_ring.h>

#define VRING_MAX_SIZE	32768

/** struct vring_buffer - one descriptor's worth of memory, @addr as the device knows it */
struct vring_buffer {
	uint64_t addr;
	uint32_t len;
	bool device_writes;
};

/* What the driver remembers of a chain that the device has; at the index of the chain's head. */
struct vring_chain {
	void *token;
	uint32_t writable;	/* bytes that the device may write */
	uint16_t nr_desc;	/* 0: the device does not have it */
};

struct vring_driver {
	uint16_t size;		/* descriptors, a power of two */
	uint16_t nr_free;
	uint16_t free_head;	/* first of the free descriptors, linked by next[] */
	uint16_t avail_idx;	/* chains ever published */
	uint16_t kicked_idx;	/* avail_idx when the device was last asked about notifications */
	uint16_t used_idx;	/* chains ever taken out */
	bool event_idx;
	bool broken;		/* the device has broken the rules; the ring is of no more use */
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	uint16_t *next;
	struct vring_chain *chains;
};

/** vring_driver_bytes() - memory that a ring of @size descriptors needs */
size_t vring_driver_bytes(uint16_t size);

/**
 * vring_driver_init() - prepares an empty ring
 * @vr:        not initialised
 * @size:      descriptors: a power of two, at most VRING_MAX_SIZE
 * @mem:       vring_driver_bytes(size) bytes of shared memory, aligned to 16; stays the caller's
 * @event_idx: VIRTIO_RING_F_EVENT_IDX was negotiated
 *
 * Return: 0, EINVAL or ENOMEM.
 */
int vring_driver_init(struct vring_driver *vr, uint16_t size, void *mem, bool event_idx);

/** vring_driver_fini() - frees what vring_driver_init() took; the shared memory is not touched */
void vring_driver_fini(struct vring_driver *vr);

/**
 * vring_driver_add() - gives the device a chain of buffers
 * @buffers: those that the device reads come first
 * @nr:      1..size
 * @token:   comes back from vring_driver_get_used()
 *
 * The device may start at once if it polls; otherwise see vring_driver_kick_needed().
 * Return: 0, ENOSPC when too few descriptors are free, EINVAL, or EIO when the ring is broken.
 */
int vring_driver_add(struct vring_driver *vr, const struct vring_buffer *buffers, uint16_t nr,
		     void *token);

/**
 * vring_driver_publish() - the second half of vring_driver_add(), for tests that write descriptors
 * @head:     any number; becomes the entry of the available ring
 * @token:    as for vring_driver_add()
 * @writable: bytes that the device may claim to have written
 *
 * The free list is left alone, so such a ring must not be used with vring_driver_add() as well.
 */
void vring_driver_publish(struct vring_driver *vr, uint16_t head, void *token,
			  uint32_t writable);

/** vring_driver_kick_needed() - whether to notify the device of what was added since last asked */
bool vring_driver_kick_needed(struct vring_driver *vr);

/** vring_driver_pending() - whether used buffers wait; a hint unless the caller has the ring */
bool vring_driver_pending(const struct vring_driver *vr);

/**
 * vring_driver_get_used() - takes out the next used chain
 * @token: receives the chain's token
 * @len:   receives the bytes that the device says it has written, at most what it may write
 *
 * Return: 0, EAGAIN when there is none, or EIO when the device has broken the rules (an id that it
 * was not given, or more bytes than there is room for); the ring is then broken for good.
 */
int vring_driver_get_used(struct vring_driver *vr, void **token, uint32_t *len);

/**
 * vring_driver_enable_calls() - asks the device to notify of the next used chain
 *
 * Return: false when there is a used chain already, for which no notification may come.
 */
bool vring_driver_enable_calls(struct vring_driver *vr);

/** vring_driver_disable_calls() - asks the device for no notifications; some may still come */
void vring_driver_disable_calls(struct vring_driver *vr);

#endif
