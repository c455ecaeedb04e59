// SPDX-License-Identifier: Apache-2.0
/*
 * Whether the device lives. An operation may take as long as the host allows, so silence alone says
 * nothing. Those who have waited for a while ask the device: by closing a context that never was, which it
 * answers at once whatever else runs (docs/virtio-accel.md, R29). Any answer to any request is a sign of
 * life; when there was none for the time that the user allows the connection is given up.
 */
#include <errno.h>
#include <endian.h>
#include <stdio.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "native.h"
#include "transport/clock.h"
#include "transport/fd.h"

/* In the time that the user allows it is looked, and asked, this often. */
#define PARTS 4u

static uint64_t timeout_ms(const struct native_life *l)
{
	return l->timeout_s * 1000ull;
}

int native_life_init(struct native_life *l, unsigned int timeout_s)
{
	uint64_t part_ms = timeout_s * 1000ull / PARTS;
	const struct timespec part = {
		.tv_sec = (time_t)(part_ms / 1000),
		.tv_nsec = (long)(part_ms % 1000 * 1000000),
	};
	const struct itimerspec timer = { .it_interval = part, .it_value = part };

	*l = (struct native_life){
		.timeout_s = timeout_s,
		.timer_fd = -1,
		.lock = PTHREAD_MUTEX_INITIALIZER,
	};
	if (!timeout_s)
		return 0;
	l->timer_fd = fd_above_stdio(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
	if (l->timer_fd < 0 || timerfd_settime(l->timer_fd, 0, &timer, NULL))
		return errno;
	return 0;
}

void native_life_fini(struct native_life *l)
{
	if (l->timer_fd >= 0)
		close(l->timer_fd);
	l->timer_fd = -1;
}

static void answered(struct native_request *rq)
{
	atomic_store(&rq->queue->pinging, false);
}

/* Asks on a queue, if it has room. */
static void ping(struct native_transport *n, struct native_queue *q)
{
	struct native_ping *p = native_mem_ptr(&n->mem, q->ping_offset);
	uint64_t addr = native_mem_guest(q->ping_offset);
	const struct vring_buffer buffers[] = {
		{ addr, sizeof(p->req), false },
		{ addr + offsetof(struct native_ping, resp), sizeof(p->resp), true },
	};

	if (atomic_exchange(&q->pinging, true))
		return;
	*p = (struct native_ping){
		.req.type = htole32(VIRTIO_ACCEL_T_CONTEXT_CLOSE),
		.req.context = htole64(UINT64_MAX),
	};
	q->ping.arrived = answered;
	q->ping.notify = false;
	if (native_queue_submit(n, q, buffers, 2, &q->ping))
		atomic_store(&q->pinging, false);
}

/* Return: whether the device has requests, and has answered none since the last time. */
static bool is_quiet(struct native_transport *n)
{
	struct native_life *l = &n->life;
	uint64_t sum = 0, nr;
	bool busy = false, news;

	for (unsigned int i = 0; i < n->nr_queues; i++) {
		busy |= native_queue_look(&n->queues[i], &nr);
		sum += nr;
	}
	news = sum != l->answered;
	l->answered = sum;
	return busy && !news;
}

/* Return: whether the device counts as dead. The lock is held. */
static bool look(struct native_transport *n, uint64_t now)
{
	struct native_life *l = &n->life;
	uint64_t part = timeout_ms(l) / PARTS;

	/* Some play: the timer must not come just before. */
	l->next_ms = now + part - part / 16;
	if (!is_quiet(n)) {
		l->quiet = 0;
		return false;
	}
	if (!l->quiet++)
		l->quiet_since_ms = now;
	/* Time alone does not count: this process may have been stopped. */
	if (l->quiet > PARTS && now - l->quiet_since_ms >= timeout_ms(l))
		return true;
	for (unsigned int i = 0; i < n->nr_queues; i++)
		ping(n, &n->queues[i]);
	return false;
}

void native_life_check(struct native_transport *n)
{
	struct native_life *l = &n->life;
	bool dead = false;
	uint64_t now;
	char why[96];

	if (!l->timeout_s || native_failed(n) || pthread_mutex_trylock(&l->lock))
		return;
	now = now_ms();
	if (now >= l->next_ms)
		dead = look(n, now);
	pthread_mutex_unlock(&l->lock);
	if (!dead)
		return;
	snprintf(why, sizeof(why), "it has answered nothing for %u s (VACCEL_VIRTIO_TIMEOUT)",
		 l->timeout_s);
	native_fail(n, why);
}

void native_life_tick(struct native_transport *n)
{
	uint64_t ticks;

	if (n->life.timer_fd >= 0)
		(void)!read(n->life.timer_fd, &ticks, sizeof(ticks));
	native_life_check(n);
}
