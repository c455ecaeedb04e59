// SPDX-License-Identifier: Apache-2.0
/* Requests on their way through a virtqueue of the native transport, see native.h. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "native.h"
#include "vaccel/log.h"

/* A leader looks at the ring this often even if nothing wakes it, in milliseconds. */
#define LOOK_INTERVAL_MS	1000

/* Clock readings cost more than looks at the ring. */
#define LOOKS_PER_CLOCK		32

/* A chain that the device has; lives on its caller's stack. */
struct native_request {
	struct native_request *prev, *next;
	pthread_cond_t wake;	/* used while sleeping */
	bool sleeping;		/* under the queue's lock */
	int err;
	uint32_t written;
	atomic_bool done;	/* the last thing that anyone else touches */
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void cpu_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__arm__)
	__asm__ volatile("yield" ::: "memory");
#endif
}

static bool is_done(const struct native_request *rq)
{
	return atomic_load_explicit(&rq->done, memory_order_acquire);
}

int native_queue_init(struct native_queue *q, struct native_mem *mem, uint16_t size,
		      bool event_idx)
{
	int err;

	q->kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (q->kick_fd < 0)
		return errno;
	q->call_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (q->call_fd < 0) {
		err = errno;
		goto err_kick;
	}
	err = native_mem_alloc(mem, vring_driver_bytes(size), NATIVE_HOLD_LONG, &q->ring);
	if (err)
		goto err_call;
	err = vring_driver_init(&q->vr, size, native_mem_ptr(mem, q->ring->offset), event_idx);
	if (err)
		goto err_ring;
	pthread_mutex_init(&q->lock, NULL);
	pthread_cond_init(&q->room, NULL);
	return 0;

err_ring:
	native_mem_free(mem, q->ring);
err_call:
	close(q->call_fd);
err_kick:
	close(q->kick_fd);
	return err;
}

void native_queue_fini(struct native_queue *q)
{
	/* The ring's extent goes with the whole memory: the back end may have it until then. */
	vring_driver_fini(&q->vr);
	close(q->kick_fd);
	close(q->call_fd);
	pthread_cond_destroy(&q->room);
	pthread_mutex_destroy(&q->lock);
}

/* Takes a request off the queue's list and lets its caller go on; the lock is held. */
static void finish(struct native_queue *q, struct native_request *rq, int err, uint32_t written)
{
	if (rq->prev)
		rq->prev->next = rq->next;
	else
		q->requests = rq->next;
	if (rq->next)
		rq->next->prev = rq->prev;
	rq->err = err;
	rq->written = written;
	if (rq->sleeping)
		pthread_cond_signal(&rq->wake);
	atomic_store_explicit(&rq->done, true, memory_order_release);
}

/* Takes out all used buffers; the lock is held. Return: 0, or EIO when the ring is broken. */
static int harvest(struct native_queue *q)
{
	bool any = false;
	uint32_t written;
	void *token;
	int err;

	while (!(err = vring_driver_get_used(&q->vr, &token, &written))) {
		finish(q, token, 0, written);
		any = true;
	}
	if (any)
		pthread_cond_broadcast(&q->room);
	return err == EAGAIN ? 0 : err;
}

void native_fail(struct native_transport *n, const char *why)
{
	if (atomic_exchange(&n->failed, true))
		return;
	vaccel_error("virtio: lost the accelerator: %s; sessions on it are lost", why);
	native_mem_shut(&n->mem);
	for (unsigned int i = 0; i < n->nr_queues; i++) {
		struct native_queue *q = &n->queues[i];

		pthread_mutex_lock(&q->lock);
		/* Those whom it names are about to be gone: take no more out of the ring. */
		q->vr.broken = true;
		while (q->requests)
			finish(q, q->requests, ENODEV, 0);
		pthread_cond_broadcast(&q->room);
		pthread_mutex_unlock(&q->lock);
		/* Its leader may be asleep. */
		(void)eventfd_write(q->call_fd, 1);
	}
}

/* Looks at the control socket: the back end says nothing unasked, except by going away. */
static void check_connection(struct native_transport *n)
{
	char byte;
	ssize_t len = recv(n->conn.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

	if (len > 0)
		native_fail(n, "its host process broke the protocol");
	else if (len == 0 || (errno != EAGAIN && errno != EINTR))
		native_fail(n, "its host process has ended");
}

/* Looks at the ring for a while without sleeping. */
static void spin(struct native_transport *n, struct native_queue *q, struct native_request *rq)
{
	uint64_t end;

	if (n->poll_ns == 0)
		return;
	/* More spinning threads than this would only keep the back end from running. */
	if (atomic_fetch_add(&n->spinners, 1) < n->max_spinners) {
		end = now_ns() + n->poll_ns;
		do {
			for (int i = 0; i < LOOKS_PER_CLOCK && !is_done(rq); i++) {
				int err = 0;

				if (vring_driver_pending(&q->vr) &&
				    pthread_mutex_trylock(&q->lock) == 0) {
					err = harvest(q);
					pthread_mutex_unlock(&q->lock);
				}
				if (err)
					native_fail(n, "its virtqueue is corrupt");
				cpu_relax();
			}
			/* To those who are waited for, if they share this processor. */
			sched_yield();
		} while (!is_done(rq) && now_ns() < end);
	}
	atomic_fetch_sub(&n->spinners, 1);
}

/* Sleeps until the device or the back end's end is heard of. Called and returns with the lock. */
static void lead(struct native_transport *n, struct native_queue *q, int timeout_ms)
{
	struct pollfd p[] = {
		{ .fd = q->call_fd, .events = POLLIN },
		{ .fd = n->conn.fd, .events = POLLIN },
	};
	bool gone = false;
	eventfd_t count;
	int err;

	q->led = true;
	if (vring_driver_enable_calls(&q->vr)) {
		pthread_mutex_unlock(&q->lock);
		if (poll(p, 2, timeout_ms) > 0) {
			if (p[0].revents)
				(void)eventfd_read(q->call_fd, &count);
			gone = p[1].revents != 0;
		}
		pthread_mutex_lock(&q->lock);
	}
	vring_driver_disable_calls(&q->vr);
	err = harvest(q);
	q->led = false;
	if (err || gone) {
		pthread_mutex_unlock(&q->lock);
		if (err)
			native_fail(n, "its virtqueue is corrupt");
		else
			check_connection(n);
		pthread_mutex_lock(&q->lock);
	}
}

/* Hands leadership on, if others sleep; the lock is held. */
static void appoint_leader(struct native_queue *q)
{
	for (struct native_request *rq = q->requests; rq && !q->led; rq = rq->next) {
		if (rq->sleeping) {
			pthread_cond_signal(&rq->wake);
			return;
		}
	}
}

static void wait_done(struct native_transport *n, struct native_queue *q, struct native_request *rq,
		      int timeout_ms)
{
	uint64_t end = now_ns() + (uint64_t)(timeout_ms < 0 ? 0 : timeout_ms) * 1000000u;

	spin(n, q, rq);
	if (is_done(rq))
		return;
	pthread_mutex_lock(&q->lock);
	while (!is_done(rq)) {
		if (timeout_ms >= 0 && now_ns() >= end) {
			pthread_mutex_unlock(&q->lock);
			native_fail(n, "it does not answer");
			pthread_mutex_lock(&q->lock);
		} else if (!q->led) {
			lead(n, q, timeout_ms >= 0 && timeout_ms < LOOK_INTERVAL_MS ?
					   timeout_ms : LOOK_INTERVAL_MS);
		} else {
			rq->sleeping = true;
			pthread_cond_wait(&rq->wake, &q->lock);
			rq->sleeping = false;
		}
	}
	appoint_leader(q);
	pthread_mutex_unlock(&q->lock);
}

int native_queue_run(struct native_transport *n, struct native_queue *q,
		     const struct vring_buffer *buffers, uint16_t nr, int timeout_ms,
		     uint32_t *written)
{
	struct native_request rq = { .wake = PTHREAD_COND_INITIALIZER };
	bool kick = false;
	int err;

	pthread_mutex_lock(&q->lock);
	for (;;) {
		if (native_failed(n)) {
			err = ENODEV;
			break;
		}
		err = vring_driver_add(&q->vr, buffers, nr, &rq);
		if (err != ENOSPC)
			break;
		/* Each chain in the ring has a thread that waits for it, and wakes this one. */
		pthread_cond_wait(&q->room, &q->lock);
	}
	if (!err) {
		rq.next = q->requests;
		if (rq.next)
			rq.next->prev = &rq;
		q->requests = &rq;
		kick = vring_driver_kick_needed(&q->vr);
	}
	pthread_mutex_unlock(&q->lock);
	if (err)
		return ENODEV;
	if (kick)
		(void)eventfd_write(q->kick_fd, 1);

	wait_done(n, q, &rq, timeout_ms);
	pthread_cond_destroy(&rq.wake);
	*written = rq.written;
	return rq.err;
}
