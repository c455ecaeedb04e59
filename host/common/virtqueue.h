/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device's side of a split virtqueue.
 *
 * Everything in the rings is hostile: each field is read once into private memory and only the copy
 * is checked and used.
 *
 * Locking is the caller's: virtqueue_pop() and the notification functions belong to one thread at
 * a time; virtqueue_track() and virtqueue_push() exclude each other (one lock for both).
 */
#ifndef HOST_VIRTQUEUE_H
#define HOST_VIRTQUEUE_H

#include <linux/virtio_ring.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "inflight.h"
#include "memory.h"

/** Descriptors in one chain, those of an indirect table included. */
#define CHAIN_MAX_DESCS 1024
/** Pieces of our memory in one chain: a descriptor may span regions. */
#define CHAIN_MAX_IOV (CHAIN_MAX_DESCS + 64)

/** Where a queue's rings are; the addresses are the front end's (uaddr). */
struct virtqueue_config {
	uint32_t size;
	uint32_t base; /* index of the next available entry to read */
	uint64_t desc;
	uint64_t avail;
	uint64_t used;
	uint64_t features; /* VIRTIO_RING_F_* bits are looked at */
};

struct virtqueue {
	uint16_t size;
	bool event_idx;
	bool indirect;
	bool signalled_valid;
	uint16_t last_avail;
	uint16_t used_idx;
	uint16_t lost;	    /* popped by whoever served the rings before, never to be completed */
	uint16_t signalled; /* used_idx when the guest was last asked about notification */
	const char *broken; /* why the queue is no longer served, or NULL */
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	struct inflight_queue *log;
};

/** A popped descriptor chain. Large: keep one per thread and use it again. */
struct chain {
	uint16_t head;
	uint16_t nr_readable;	/* entries of iov, the readable ones first */
	uint16_t nr_writable;
	const char *error;	/* what is malformed, or NULL; then the totals are not complete */
	uint64_t readable_len;	/* sum of the readable descriptors in bytes */
	uint64_t writable_len;
	uint64_t resp_addr;	/* gpa and length of the first writable descriptor, 0 without */
	uint32_t resp_len;
	struct iovec iov[CHAIN_MAX_IOV];
	struct vring_desc table[CHAIN_MAX_DESCS];
};

/**
 * virtqueue_init() - attaches to rings in guest memory
 * @log:   the queue's record in shared memory
 * @fresh: start the record anew, from the used index in guest memory; otherwise go on where the
 *         record says that the queue stands
 *
 * Return: 0; -EINVAL (size not a power of two or too large, misaligned); -EFAULT (a ring is not
 * within one region).
 */
int virtqueue_init(struct virtqueue *vq, const struct memory *mem,
		   const struct virtqueue_config *config, struct inflight_queue *log, bool fresh);

/** virtqueue_used() - the used index in guest memory */
uint16_t virtqueue_used(const struct virtqueue *vq);

/** virtqueue_pending() - whether the guest has made something available. Any thread. */
bool virtqueue_pending(const struct virtqueue *vq);

/**
 * virtqueue_pop() - takes the next available chain
 *
 * Return: 1 and the chain, which is to be tracked, and pushed whatever its @error; 0 when there is
 * none; -1 when the queue is broken (vq->broken says why) and must not be served any more.
 */
int virtqueue_pop(struct virtqueue *vq, const struct memory *mem, struct chain *chain);

/**
 * chain_read() - copies @len bytes of the readable part, from byte @skip on
 *
 * Return: false when the chain is malformed or shorter; then @to is undefined.
 */
bool chain_read(const struct chain *chain, uint64_t skip, void *to, size_t len);

/** virtqueue_track() - records a popped chain as in flight; to be called before it is worked on */
void virtqueue_track(struct virtqueue *vq, const struct chain *chain, uint64_t now_ns);

/**
 * virtqueue_push() - gives a chain back to the guest
 * @len: bytes written to its writable part
 *
 * Return: whether the guest wants to be notified.
 */
bool virtqueue_push(struct virtqueue *vq, uint16_t head, uint32_t len);

/** virtqueue_no_kicks() - tells the guest that kicks are not needed now */
void virtqueue_no_kicks(struct virtqueue *vq);

/**
 * virtqueue_want_kicks() - asks the guest to kick
 *
 * Return: true when something became available meanwhile, for which no kick may come.
 */
bool virtqueue_want_kicks(struct virtqueue *vq);

#endif
