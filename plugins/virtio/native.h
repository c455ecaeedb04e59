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
#include "transport/poll_window.h"
#include "transport.h"
#include "vring_driver.h"

#define NATIVE_MAX_QUEUES	8u

struct native_queue;

/* A chain that the device has. */
struct native_request {
	struct native_request *prev, *next;
	struct native_queue *queue;
	pthread_cond_t wake;	/* used while sleeping */
	bool sleeping;		/* under the queue's lock */
	bool notify;		/* one of the queue's watchers */
	int err;
	uint32_t written;
	atomic_bool done;	/* without @arrived, the last thing that anyone else touches */
	/* Called instead, with the queue's lock held, if not NULL */
	void (*arrived)(struct native_request *rq);
};

/*
 * A virtqueue and the threads that wait on it. One of them, the leader, sleeps on call_fd and takes
 * out used buffers for all; the others sleep until theirs is taken out, or until they must lead.
 */
struct native_queue {
	_Alignas(64) pthread_mutex_t lock;
	struct vring_driver vr;		/* under the lock */
	struct native_request *requests; /* that the device has; under the lock */
	bool led;			/* some thread is the leader; under the lock */
	unsigned int watchers;		/* that want calls though none leads; under the lock */
	atomic_uint nr_async;		/* requests that nobody may be waiting for */
	struct poll_window window;	/* for those who wait for a request */
	pthread_cond_t room;		/* descriptors have become free */
	struct native_extent *ring;	/* where the ring is in shared memory */
	int kick_fd;
	int call_fd;
	uint64_t answered;		/* requests so far; under the lock */
	struct native_request ping;	/* native_life.c */
	atomic_bool pinging;		/* the device has it */
	size_t ping_offset;		/* struct native_ping in shared memory, behind the ring */
};

/* What is known of the device's life, see native_life.c. */
struct native_life {
	unsigned int timeout_s;		/* 0: requests may take for ever */
	int timer_fd;			/* ticks, for those who sleep in poll(); or -1 */
	pthread_mutex_t lock;		/* of the rest */
	uint64_t next_ms;		/* when it is looked at again */
	uint64_t answered;		/* requests, when it was looked at */
	unsigned int quiet;		/* looks in a row that found none answered */
	uint64_t quiet_since_ms;
};

struct native_transport {
	struct transport t;
	struct native_transport *next;	/* of those that a child of fork() lets go of, see native.c */
	bool open;			/* its memory may be in use; under the lock of the list */
	struct vu_conn conn;
	uint64_t features;		/* negotiated */
	uint64_t context;
	uint64_t poll_ns;		/* how long to look for a response before sleeping, at most */
	struct poll_window window;	/* for those who wait for any */
	unsigned int max_spinners;	/* threads that may do so at once */
	atomic_uint spinners;
	atomic_bool failed;		/* the back end is gone or not to be trusted */
	atomic_uint nr_started;		/* requests with arrived that hold memory */
	bool forked;			/* this is the copy that fork() made for a child */
	struct native_mem mem;
	struct native_life life;
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
 * native_queue_submit() - gives the device a chain
 * @rq: arrived and notify are set, if wanted; the rest is overwritten. With arrived it does not
 *	wait for room.
 *
 * Any thread. Return: 0, ENODEV, or EAGAIN (no room). native_queue_wait() must follow if arrived
 * is not set.
 */
int native_queue_submit(struct native_transport *n, struct native_queue *q,
			const struct vring_buffer *buffers, uint16_t nr, struct native_request *rq);

/**
 * native_queue_wait() - waits until a chain is used
 * @timeout_ms: how long to wait, or -1 for as long as the back end lives. After a time-out the
 *              whole transport has failed, as the device still has the buffers.
 *
 * Afterwards rq->err is 0 or ENODEV, and rq->written what the device says it has written.
 */
void native_queue_wait(struct native_transport *n, struct native_request *rq, int timeout_ms);

/**
 * native_queue_look() - takes out used buffers
 * @answered: receives how many there were since the start, now and before
 *
 * Any thread. Return: whether the device has requests still.
 */
bool native_queue_look(struct native_queue *q, uint64_t *answered);

/* What is sent to learn whether the device works; in shared memory. */
struct native_ping {
	struct virtio_accel_req req;
	struct virtio_accel_resp resp;
};

/**
 * native_life_init() - prepares to look after the device's life
 * @timeout_s: how long it may answer nothing, in seconds; 0: for ever
 *
 * Return: 0, or an errno value.
 */
int native_life_init(struct native_life *l, unsigned int timeout_s);

/** native_life_fini() - frees what native_life_init() has made */
void native_life_fini(struct native_life *l);

/**
 * native_life_check() - gives the connection up if the device has shown no sign of life for too long
 *
 * For all who wait, whenever they have waited in vain for a while; costs little when it is too soon.
 * Any thread, with no lock of the transport held.
 */
void native_life_check(struct native_transport *n);

/** native_life_tick() - as native_life_check(), when the timer may have woken the caller */
void native_life_tick(struct native_transport *n);

/* For threads that wait for requests with arrived; as in struct transport_ops. */
void native_spin(struct transport *t, const unsigned int *stop, bool wait);
void native_arm(struct transport *t);
void native_disarm(struct transport *t);
int native_watch(struct transport *t, int epoll_fd);
void native_unwatch(struct transport *t, int epoll_fd);

/*
 * A request in shared memory: what the device reads (request, segments, runs, message), what it
 * writes (response, reply), and then room for the caller's segments that are not in shared memory.
 */
struct native_call {
	struct transport_call c;
	struct native_request rq;
	struct native_extent *extent;
	uint32_t readable;	/* bytes from the start */
	uint32_t writable;	/* bytes of response and reply */
	uint32_t nr_runs;
	size_t resp;		/* offset of the response */
	size_t bounce;		/* offset of the first segment */
	size_t total;
};

/**
 * native_request_start() - sends a request
 * @type: VIRTIO_ACCEL_T_*
 * @nc:   c and rq.arrived are set
 *
 * Any thread. Return: 0, or as struct transport_ops's call; with rq.arrived also EAGAIN.
 */
int native_request_start(struct native_transport *n, uint32_t type, struct native_call *nc);

/** native_request_finish() - takes the response of a used request out. Return: as above. */
int native_request_finish(struct native_transport *n, struct native_call *nc);

/**
 * native_request() - sends one request and waits for its response
 * @timeout_ms: as for native_queue_wait()
 */
int native_request(struct native_transport *n, uint32_t type, int timeout_ms,
		   struct native_call *nc);

/* native_memory.c: registered memory, see struct transport_ops. */
int native_memory_alloc(struct transport *t, struct transport_memory *m);
int native_memory_register(struct transport *t, const struct transport_memory *m);
void native_memory_free(struct transport *t, struct transport_memory *m);

#endif
