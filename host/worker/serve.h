/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client's virtqueues and the threads that serve them.
 *
 * The threads of a queue wait for its kicks, and a kick wakes one of them. It leads: it pops requests
 * until there are no more, and runs them. Before one that is not known to be short it gives up the
 * lead, so that the next kick wakes another thread: the queue never waits for an operation.
 */
#ifndef HOST_SERVE_H
#define HOST_SERVE_H

#include <stdatomic.h>
#include <stdint.h>

#include "dispatch.h"
#include "inflight.h"
#include "memory.h"
#include "registered.h"
#include "virtqueue.h"

struct serve_queue;

/** What all queues of a client share. The members belong to the caller. */
struct serve {
	struct memory mem;	   /* changed only through serve_mem_*() */
	struct inflight_area *area;
	struct dispatch *dispatch; /* changed only while no queue runs */
	struct registered *registered;
	struct joins *joins;
	atomic_uint nr_threads;	   /* of all queues */
	uint32_t poll_us;	   /* how long a leader spins before it sleeps */
	struct serve_queue *queues[VIRTIO_ACCEL_MAX_QUEUES]; /* NULL: not running */
};

/**
 * serve_start() - starts to serve a queue
 * @kick: eventfd, or -1: the guest does not kick. Taken over in every case.
 * @call: eventfd, or -1: the guest wants no notification. Taken over in every case.
 *
 * Return: 0, -EINVAL, -EBUSY (it runs already), -EFAULT (rings outside of memory), -ENOMEM or
 * -EAGAIN.
 */
int serve_start(struct serve *s, uint32_t index, const struct virtqueue_config *config, int kick,
		int call);

/**
 * serve_stop() - stops a queue and waits for its operations
 *
 * Return: 0, also when it does not run; -EBUSY when an operation still runs after @drain_ms: the
 * queue pops no more, but guest memory is in use for as long as this process lives.
 */
int serve_stop(struct serve *s, uint32_t index, unsigned int drain_ms);

/** serve_set_call() - replaces the call eventfd; @call is taken over. Return: 0 or -ENOENT. */
int serve_set_call(struct serve *s, uint32_t index, int call);

/** serve_running() - whether any queue runs */
bool serve_running(const struct serve *s);

/** serve_mem_add() - memory_add() while queues run */
int serve_mem_add(struct serve *s, uint64_t gpa, uint64_t size, uint64_t uaddr, uint64_t offset,
		  int fd);

/**
 * serve_mem_remove() - memory_remove() while no queue runs
 *
 * Ends all registrations of memory: a guest that still wants them registers anew.
 */
int serve_mem_remove(struct serve *s, uint64_t gpa, uint64_t size, uint64_t uaddr);

#endif
