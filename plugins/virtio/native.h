/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the native transport share, see native.c. */
#ifndef VIRTIO_NATIVE_H
#define VIRTIO_NATIVE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "native_mem.h"
#include "native_proto.h"
#include "transport.h"
#include "vring_driver.h"

#define NATIVE_MAX_QUEUES	8u

struct native_request;

/*
 * A virtqueue and the threads that wait on it. One of them, the leader, sleeps on call_fd and takes
 * out used buffers for all; the others sleep until theirs is taken out, or until they must lead.
 */
struct native_queue {
	_Alignas(64) pthread_mutex_t lock;
	struct vring_driver vr;		/* under the lock */
	struct native_request *requests; /* that the device has; under the lock */
	bool led;			/* some thread is the leader; under the lock */
	pthread_cond_t room;		/* descriptors have become free */
	struct native_extent *ring;	/* where the ring is in shared memory */
	int kick_fd;
	int call_fd;
};

struct native_transport {
	struct transport t;
	struct native_transport *next;	/* open transports, see native.c */
	struct vu_conn conn;
	uint64_t features;		/* negotiated */
	uint64_t context;
	uint64_t poll_ns;		/* how long to look for a response before sleeping */
	unsigned int max_spinners;	/* threads that may do so at once */
	atomic_uint spinners;
	atomic_bool failed;		/* the back end is gone or not to be trusted */
	bool forked;			/* this is the copy that fork() made for a child */
	struct native_mem mem;
	unsigned int nr_queues;
	struct native_queue queues[NATIVE_MAX_QUEUES];
};

static inline struct native_transport *to_native(struct transport *t)
{
	return (struct native_transport *)t;
}

static inline bool native_failed(const struct native_transport *n)
{
	return atomic_load_explicit(&n->failed, memory_order_acquire);
}

/**
 * native_fail() - gives the connection up: running and later requests end with ENODEV
 * @why: for the log, once
 *
 * Any thread, with no lock of the transport held.
 */
void native_fail(struct native_transport *n, const char *why);

/** native_queue_init() - makes an empty queue of @size descriptors. Return: 0 or an errno value. */
int native_queue_init(struct native_queue *q, struct native_mem *mem, uint16_t size,
		      bool event_idx);

/** native_queue_fini() - frees a queue that no thread and no device uses any more */
void native_queue_fini(struct native_queue *q);

/**
 * native_queue_run() - gives the device a chain and waits until it is used
 * @timeout_ms: how long to wait, or -1 for as long as the back end lives. After a time-out the
 *              whole transport has failed, as the device still has the buffers.
 * @written:    receives the bytes that the device says it has written
 *
 * Any thread. Return: 0 or ENODEV.
 */
int native_queue_run(struct native_transport *n, struct native_queue *q,
		     const struct vring_buffer *buffers, uint16_t nr, int timeout_ms,
		     uint32_t *written);

/**
 * native_request() - sends one request and waits for its response
 * @type:       VIRTIO_ACCEL_T_*
 * @timeout_ms: as for native_queue_run()
 *
 * The other parameters and the result are those of struct transport_ops's call. Any thread.
 */
int native_request(struct native_transport *n, uint32_t type, int timeout_ms, const void *message,
		   uint32_t message_len, const struct virtio_accel_user_segment *segments,
		   uint32_t nr_segments, void *reply, uint32_t *reply_len, uint32_t *status);

#endif
