// SPDX-License-Identifier: Apache-2.0
/* Requests on their way through a virtqueue of the native transport, see native.h. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "native.h"
#include "transport/clock.h"
#include "transport/cpu.h"
#include "transport/fd.h"
#include "vaccel/log.h"

/* A leader looks at the ring this often even if nothing wakes it, in milliseconds. */
#define LOOK_INTERVAL_MS	1000

/* Clock readings cost more than looks at the ring. */
#define LOOKS_PER_CLOCK		32

static bool is_done(const struct native_request *rq)
{
	return atomic_load_explicit(&rq->done, memory_order_acquire);
}

int native_queue_init(struct native_queue *q, struct native_mem *mem, uint16_t size,
		      bool event_idx)
{
	int err;

	q->ping_offset = (vring_driver_bytes(size) + 15) & ~(size_t)15;
	q->kick_fd = fd_above_stdio(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
	if (q->kick_fd < 0)
		return errno;
	q->call_fd = fd_above_stdio(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
	if (q->call_fd < 0) {
		err = errno;
		goto err_kick;
	}
	err = native_mem_alloc(mem, q->ping_offset + sizeof(struct native_ping), NATIVE_HOLD_LONG,
			       &q->ring);
	if (err)
		goto err_call;
	q->ping_offset += q->ring->offset;
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
	if (rq->arrived) {
		q->watchers -= rq->notify;
		atomic_fetch_sub_explicit(&q->nr_async, 1, memory_order_relaxed);
		rq->arrived(rq);
		return;
	}
	if (rq->sleeping)
		pthread_cond_signal(&rq->wake);
	atomic_store_explicit(&rq->done, true, memory_order_release);
}

/*
 * Takes out all used buffers; the lock is held. Afterwards the watchers, if any, will hear of the
 * next one. Return: 0, or EIO when the ring is broken.
 */
static int harvest(struct native_queue *q)
{
	bool any = false;
	uint32_t written;
	void *token;
	int err;

	do {
		while (!(err = vring_driver_get_used(&q->vr, &token, &written))) {
			finish(q, token, 0, written);
			q->answered++;
			any = true;
		}
	} while (err == EAGAIN && q->watchers && !vring_driver_enable_calls(&q->vr));
	if (any)
		pthread_cond_broadcast(&q->room);
	return err == EAGAIN ? 0 : err;
}

bool native_queue_look(struct native_queue *q, uint64_t *answered)
{
	bool busy;

	pthread_mutex_lock(&q->lock);
	/* A broken ring is the business of those who wait for it. */
	(void)harvest(q);
	*answered = q->answered;
	busy = q->requests;
	pthread_mutex_unlock(&q->lock);
	return busy;
}

void native_fail(struct native_transport *n, const char *why)
{
	if (atomic_exchange(&n->failed, true))
		return;
	vaccel_error("virtio: lost the accelerator: %s; sessions on it are lost", why);
	/* Who only hangs sees that this front end is gone. The descriptor stays: others may be polling it. */
	(void)shutdown(n->conn.fd, SHUT_RDWR);
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

/* Takes out used buffers if there are any, and nobody else is at it. */
static void look(struct native_transport *n, struct native_queue *q)
{
	int err = 0;

	if (vring_driver_pending(&q->vr) && pthread_mutex_trylock(&q->lock) == 0) {
		err = harvest(q);
		pthread_mutex_unlock(&q->lock);
	}
	if (err)
		native_fail(n, "its virtqueue is corrupt");
	cpu_relax();
}

/* More spinning threads than this would only keep the back end from running. */
static bool may_spin(struct native_transport *n)
{
	if (atomic_fetch_add(&n->spinners, 1) < n->max_spinners)
		return true;
	atomic_fetch_sub(&n->spinners, 1);
	return false;
}

/* Looks at the ring for a while from @start on, without sleeping. Return: whether it did. */
static bool spin(struct native_transport *n, struct native_queue *q, struct native_request *rq,
		 uint64_t start)
{
	uint64_t window = poll_window_get(&q->window, n->poll_ns);
	uint64_t now = start, turn = start;
	bool lost = false;

	if (!window || !may_spin(n))
		return false;
	do {
		for (int i = 0; i < LOOKS_PER_CLOCK && !is_done(rq); i++)
			look(n, q);
		if (lost || is_done(rq))
			break;
		/* To those who are waited for, if they share this processor. */
		lost = poll_window_yield(&now, &turn);
	} while (lost || now - start < window);
	atomic_fetch_sub(&n->spinners, 1);
	if (is_done(rq))
		poll_window_won(&q->window, now - start);
	else if (lost)
		poll_window_lost(&q->window);
	return true;
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
	if (!q->watchers)
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

/* After a time in vain as the leader. Called and returns with the lock. */
static void look_after_life(struct native_transport *n, struct native_queue *q)
{
	pthread_mutex_unlock(&q->lock);
	native_life_check(n);
	pthread_mutex_lock(&q->lock);
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

int native_queue_submit(struct native_transport *n, struct native_queue *q,
			const struct vring_buffer *buffers, uint16_t nr, struct native_request *rq)
{
	bool kick = false, has_led = false, broken;
	int err;

	rq->queue = q;
	rq->prev = NULL;
	rq->sleeping = false;
	atomic_init(&rq->done, false);

	pthread_mutex_lock(&q->lock);
	for (;;) {
		if (native_failed(n)) {
			err = ENODEV;
			break;
		}
		err = vring_driver_add(&q->vr, buffers, nr, rq);
		if (err != ENOSPC)
			break;
		err = harvest(q);
		if (err || q->vr.nr_free >= nr)
			continue; /* a broken ring says so when something is added */
		if (rq->arrived) {
			err = EAGAIN;
			break;
		}
		/* Nobody may be waiting for the chains in the ring, so this thread must look. */
		if (q->led) {
			pthread_cond_wait(&q->room, &q->lock);
		} else {
			lead(n, q, LOOK_INTERVAL_MS);
			look_after_life(n, q);
			has_led = true;
		}
	}
	if (!err) {
		rq->next = q->requests;
		if (rq->next)
			rq->next->prev = rq;
		q->requests = rq;
		if (rq->arrived) {
			atomic_fetch_add_explicit(&q->nr_async, 1, memory_order_relaxed);
			q->watchers += rq->notify;
			if (rq->notify)
				(void)harvest(q);
		}
		kick = vring_driver_kick_needed(&q->vr);
	}
	if (has_led)
		appoint_leader(q);
	broken = q->vr.broken;
	pthread_mutex_unlock(&q->lock);
	if (kick)
		(void)eventfd_write(q->kick_fd, 1);
	if (broken)
		native_fail(n, "its virtqueue is corrupt");
	return !err || err == EAGAIN ? err : ENODEV;
}

void native_queue_wait(struct native_transport *n, struct native_request *rq, int timeout_ms)
{
	uint64_t start = now_ns();
	uint64_t end = start + (uint64_t)(timeout_ms < 0 ? 0 : timeout_ms) * 1000000u;
	struct native_queue *q = rq->queue;
	bool spun = spin(n, q, rq, start);
	uint64_t waited;

	if (is_done(rq)) {
		if (!poll_window_is_open(&q->window, n->poll_ns))
			poll_window_learn(&q->window, n->poll_ns, now_ns() - start);
		return;
	}
	pthread_cond_init(&rq->wake, NULL);
	pthread_mutex_lock(&q->lock);
	while (!is_done(rq)) {
		if (timeout_ms >= 0 && now_ns() >= end) {
			pthread_mutex_unlock(&q->lock);
			native_fail(n, "it does not answer");
			pthread_mutex_lock(&q->lock);
		} else if (!q->led) {
			lead(n, q, timeout_ms >= 0 && timeout_ms < LOOK_INTERVAL_MS ?
					   timeout_ms : LOOK_INTERVAL_MS);
			if (!is_done(rq))
				look_after_life(n, q);
		} else {
			rq->sleeping = true;
			pthread_cond_wait(&rq->wake, &q->lock);
			rq->sleeping = false;
		}
	}
	appoint_leader(q);
	pthread_mutex_unlock(&q->lock);
	pthread_cond_destroy(&rq->wake);
	waited = now_ns() - start;
	poll_window_learn(&q->window, n->poll_ns, waited);
	if (!spun)
		poll_window_slept(&q->window, waited);
}

/* ---- Requests that nobody waits for one by one ---------------------------------------------- */

/* As harvest(), where no thread sleeps in lead(), which would miss what is taken from call_fd. */
static void drain(struct native_transport *n, struct native_queue *q)
{
	eventfd_t count;
	int err = 0;

	pthread_mutex_lock(&q->lock);
	if (!q->led) {
		(void)eventfd_read(q->call_fd, &count);
		err = harvest(q);
	}
	pthread_mutex_unlock(&q->lock);
	if (err)
		native_fail(n, "its virtqueue is corrupt");
}

static bool is_set(const unsigned int *stop)
{
	return __atomic_load_n(stop, __ATOMIC_ACQUIRE);
}

/* When the calling thread began to wait, if it went to sleep then */
static _Thread_local uint64_t wait_start;

void native_spin(struct transport *t, const unsigned int *stop, bool wait)
{
	struct native_transport *n = to_native(t);
	uint64_t start, now, turn, window;

	if (n->forked)
		return;
	if (!wait) {
		for (unsigned int i = 0; i < n->nr_queues; i++)
			drain(n, &n->queues[i]);
		if (!native_failed(n))
			check_connection(n);
		native_life_tick(n);
		if (wait_start)
			poll_window_learn(&n->window, n->poll_ns, now_ns() - wait_start);
		wait_start = 0;
		return;
	}
	start = turn = now_ns();
	wait_start = start;
	window = poll_window_get(&n->window, n->poll_ns);
	if (!window || !may_spin(n))
		return;
	do {
		for (int i = 0; i < LOOKS_PER_CLOCK && !is_set(stop); i++)
			for (unsigned int k = 0; k < n->nr_queues; k++)
				if (atomic_load_explicit(&n->queues[k].nr_async,
							 memory_order_relaxed))
					look(n, &n->queues[k]);
		(void)poll_window_yield(&now, &turn);
	} while (!is_set(stop) && now - start < window);
	atomic_fetch_sub(&n->spinners, 1);
	if (is_set(stop)) {
		wait_start = 0;
		if (!poll_window_is_open(&n->window, n->poll_ns))
			poll_window_learn(&n->window, n->poll_ns, now_ns() - start);
	}
}

void native_arm(struct transport *t)
{
	struct native_transport *n = to_native(t);

	for (unsigned int i = 0; i < n->nr_queues && !n->forked; i++) {
		struct native_queue *q = &n->queues[i];
		int err;

		pthread_mutex_lock(&q->lock);
		q->watchers++;
		err = harvest(q);
		pthread_mutex_unlock(&q->lock);
		if (err)
			native_fail(n, "its virtqueue is corrupt");
	}
}

void native_disarm(struct transport *t)
{
	struct native_transport *n = to_native(t);

	for (unsigned int i = 0; i < n->nr_queues && !n->forked; i++) {
		struct native_queue *q = &n->queues[i];

		pthread_mutex_lock(&q->lock);
		if (!--q->watchers && !q->led)
			vring_driver_disable_calls(&q->vr);
		pthread_mutex_unlock(&q->lock);
	}
}

/* Calls @each for each descriptor that tells of answers, until it fails. Return: 0 or what it returned. */
static int for_each_fd(struct native_transport *n, int epoll_fd, int (*each)(int epoll_fd, int fd))
{
	int err = each(epoll_fd, n->conn.fd);

	for (unsigned int i = 0; i < n->nr_queues && !err; i++)
		err = each(epoll_fd, n->queues[i].call_fd);
	if (!err && n->life.timer_fd >= 0)
		err = each(epoll_fd, n->life.timer_fd);
	return err;
}

static int add_fd(int epoll_fd, int fd)
{
	struct epoll_event event = { .events = EPOLLIN };

	return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) && errno != EEXIST ? errno : 0;
}

static int remove_fd(int epoll_fd, int fd)
{
	(void)epoll_ctl(epoll_fd, EPOLL_CTL_DEL, fd, NULL);
	return 0;
}

int native_watch(struct transport *t, int epoll_fd)
{
	struct native_transport *n = to_native(t);

	return n->forked ? ENODEV : for_each_fd(n, epoll_fd, add_fd);
}

void native_unwatch(struct transport *t, int epoll_fd)
{
	(void)for_each_fd(to_native(t), epoll_fd, remove_fd);
}
