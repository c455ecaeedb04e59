/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the worker has popped and not yet completed, in memory that outlives it. When the worker
 * dies, the supervisor reads here which requests it owes the guest an answer. The counts of refused
 * requests are kept here for the same reason.
 *
 * The worker can die between any two instructions, so each step leaves a state from which
 * inflight_recover() (supervisor/recover.h) gets to a right one:
 *
 *   pop    1. fill the head's record, then mark it BUSY
 *   push   1. note head, length and used index in @push
 *          2. write the element of the used ring
 *          3. mark the head's record FREE
 *          4. publish the used ring's index
 *          5. advance @used_idx
 *
 * A push whose noted index equals @used_idx did not reach step 5 and is simply done again: all of
 * its steps give the same result twice. Pops and pushes of one queue exclude each other
 * (virtqueue.h), so the head of a half done push cannot have been popped anew. How far the
 * available ring was read needs no record of its own: it is @used_idx plus the BUSY heads.
 *
 * A crashing plugin may have scribbled here: the supervisor checks what it reads.
 *
 * A front end that can reconnect keeps the memory, too (VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD), and
 * hands it to the supervisor that comes after ours.
 */
#ifndef HOST_INFLIGHT_H
#define HOST_INFLIGHT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "quota.h"
#include "uapi/linux/virtio_accel.h"

/** Largest queue size; what QEMU is limited to. */
#define QUEUE_MAX_SIZE 1024

enum { INFLIGHT_FREE = 0, INFLIGHT_BUSY = 1 };

struct inflight_head {
	_Atomic uint32_t state;
	uint32_t op;	     /* of the message, once it is known, else 0 */
	uint64_t context;    /* the same */
	uint64_t start_ns;   /* CLOCK_MONOTONIC when popped */
	uint64_t resp_addr;  /* gpa of the first writable descriptor */
	uint32_t resp_len;   /* its length, 0 when there is none */
};

struct inflight_queue {
	_Atomic uint64_t push; /* index << 48 | head << 32 | length */
	_Atomic uint32_t used_idx;
	_Atomic uint64_t requests;  /* popped, by all workers so far */
	_Atomic uint64_t malformed; /* of these: refused, because they break the rules */
	_Atomic uint64_t kicks;	    /* times that the guest woke a thread */
	_Atomic uint64_t calls;	    /* times that the guest was notified */
	_Atomic uint64_t handovers; /* times that a thread had to wake another one to lead */
	struct inflight_head heads[QUEUE_MAX_SIZE];
};

/** Changes with the layout of the area, also where its size stays: it may come from another build. */
#define INFLIGHT_LAYOUT 2u

/** The shared memory, made by the supervisor. */
struct inflight_area {
	uint32_t layout;
	uint32_t generation; /* of sessions: how many workers there have been */
	struct inflight_queue queues[VIRTIO_ACCEL_MAX_QUEUES];
	struct quota_counts counts;
};

/**
 * inflight_area_create() - makes the shared memory
 * @fd: receives its descriptor, whose size is sealed
 *
 * Return: the mapping, zeroed, or NULL with errno.
 */
struct inflight_area *inflight_area_create(int *fd);

/**
 * inflight_area_own() - maps what inflight_area_create() made, for the process that serves the queues
 * @fd: must stay open as long as it serves them, for inflight_area_adopt() to know
 *
 * Return: NULL with errno.
 */
struct inflight_area *inflight_area_own(int fd);

/**
 * inflight_area_adopt() - maps what the supervisor before this one left with the front end
 *
 * Return: NULL with errno: EINVAL when it is no such area, or one of another build; EBUSY while a
 * worker still serves its queues.
 */
struct inflight_area *inflight_area_adopt(int fd);

/** inflight_area_unmap() - NULL is fine */
void inflight_area_unmap(struct inflight_area *area);

/** inflight_queue_init() - nothing in flight; the used ring stands at @used_idx */
void inflight_queue_init(struct inflight_queue *q, uint16_t used_idx);

/** inflight_count() - BUSY heads of a queue of @size */
unsigned int inflight_count(const struct inflight_queue *q, uint16_t size);

static inline uint64_t inflight_push_word(uint16_t idx, uint16_t head, uint32_t len)
{
	return (uint64_t)idx << 48 | (uint64_t)head << 32 | len;
}

#endif
