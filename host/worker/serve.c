// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "serve.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "background.h"
#include "eventfd.h"
#include "log.h"
#include "transport/clock.h"
#include "transport/cpu.h"
#include "transport/poll_window.h"
#include "request.h"

/* Threads of one queue, thus operations of one queue that run at once; and of all queues of a client. */
#define MAX_QUEUE_THREADS 64
#define MAX_THREADS 256
/* Threads of one queue that are kept while they have nothing to do. */
#define MAX_IDLE 4
/* Without kicks, how often the ring is looked at. */
#define NO_KICK_POLL_MS 1

/* A thread that is in the background and waits for long operations; guarded by its queue's lock. */
struct parked {
	LIST_ENTRY(parked) links;
	pthread_cond_t given;
	struct request *spare; /* its own, for the one that gives it another */
	struct request *todo;  /* NULL while it waits */
};

struct serve_queue {
	struct serve *serve;
	uint32_t index;
	int kick;
	int wake;   /* eventfd: a thread is needed, or the queue stops */
	int events; /* epoll of these two and of the background's timer, by edges: each event wakes
		     * one of the threads that wait */

	pthread_mutex_t lock; /* of the threads' life, down to @gone */
	bool has_leader;
	unsigned int nr_threads;
	unsigned int nr_idle; /* that wait for events */
	LIST_HEAD(, parked) parked;
	unsigned int nr_parked;
	uint64_t idle_since;  /* ns: when the last leader began to wait; 0: nothing to learn from it */
	pthread_cond_t gone;  /* nr_threads became 0 */
	atomic_bool stopping;

	pthread_mutex_t pop_lock; /* the available ring, and against changes of the memory table */
	struct virtqueue vq;

	struct poll_window window; /* of the leader */

	pthread_mutex_t used_lock; /* the used ring, the in-flight record, call */
	int call;

	struct background background;
};

/* The calling thread can only be had for long operations, see background.h. */
static _Thread_local bool is_spent;

static atomic_uint nr_spinners; /* threads that poll, of all queues and clients */
static atomic_uint nr_running;	/* threads in an operation that is not known to be short */

static void count(_Atomic uint64_t *counter)
{
	atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

static void *queue_thread(void *arg);

struct thread_start {
	struct serve_queue *q;
	struct request *request;
};

/* Starts a thread of the queue, which first tries to lead. The caller holds q->lock. */
static int spawn(struct serve_queue *q)
{
	struct thread_start *start;
	pthread_attr_t attr;
	pthread_t thread;
	int ret = ENOMEM;

	if (q->nr_threads == MAX_QUEUE_THREADS)
		return -EAGAIN;
	/* A queue's first thread is always granted. */
	if (atomic_fetch_add(&q->serve->nr_threads, 1) >= MAX_THREADS && q->nr_threads)
		goto fail_count;
	start = malloc(sizeof(*start));
	if (!start)
		goto fail_count;
	start->q = q;
	start->request = request_new();
	if (!start->request)
		goto fail_start;
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	ret = pthread_create(&thread, &attr, queue_thread, start);
	pthread_attr_destroy(&attr);
	if (ret)
		goto fail_request;
	q->nr_threads++;
	return 0;

fail_request:
	request_delete(start->request);
fail_start:
	free(start);
fail_count:
	atomic_fetch_sub(&q->serve->nr_threads, 1);
	return -ret;
}

/* Makes the caller, who holds q->lock, the leader. */
static void take_lead(struct serve_queue *q)
{
	q->has_leader = true;
	if (q->idle_since)
		poll_window_learn(&q->window, q->serve->poll_us * 1000ull,
				  now_ns() - q->idle_since);
	q->idle_since = 0;
}

static bool is_pending(struct serve_queue *q)
{
	bool pending;

	pthread_mutex_lock(&q->pop_lock);
	pending = virtqueue_pending(&q->vq);
	pthread_mutex_unlock(&q->pop_lock);
	return pending;
}

/*
 * Gives up the lead, for an operation. A kick wakes one of the threads that wait; there is one.
 * Return: false when no thread can be had: the caller keeps the lead.
 */
static bool leave_lead(struct serve_queue *q)
{
	bool left;

	/* What is there already is looked for below, when another thread may lead. */
	(void)virtqueue_want_kicks(&q->vq);
	pthread_mutex_lock(&q->lock);
	left = q->nr_idle || spawn(q) == 0;
	q->has_leader = !left;
	pthread_mutex_unlock(&q->lock);
	if (!left) {
		virtqueue_no_kicks(&q->vq);
		return false;
	}
	/* Its kick may have come before, and woken a thread that could not lead. */
	if (is_pending(q) || q->kick < 0) {
		count(&q->vq.log->handovers);
		eventfd_signal(q->wake);
	}
	return true;
}

/* Counts a request that breaks the rules, and tells the operator. */
static void report(struct serve_queue *q, uint32_t status, const char *why)
{
	uint64_t nr = atomic_fetch_add(&q->vq.log->malformed, 1) + 1;

	log_line(log_is_due(nr) ? LOG_LEVEL_WARN : LOG_LEVEL_INFO,
		 "queue %u: a malformed request was refused with status %u: %s (%" PRIu64
		 " so far)",
		 q->index, status, why, nr);
}

static void report_broken(struct serve_queue *q)
{
	static _Atomic uint64_t nr;

	atomic_fetch_add(&q->vq.log->malformed, 1);
	/* A guest can start its queues again as often as it likes. */
	log_line(log_is_due(atomic_fetch_add(&nr, 1) + 1) ? LOG_LEVEL_WARN : LOG_LEVEL_INFO,
		 "queue %u is not served any more: %s", q->index, q->vq.broken);
}

/* Pops a request and parses it. Return: as virtqueue_pop(). */
static int pop(struct serve_queue *q, struct request *r, uint32_t *status)
{
	struct inflight_head *record;
	int n;

	pthread_mutex_lock(&q->pop_lock);
	n = virtqueue_pop(&q->vq, &q->serve->mem, &r->chain);
	if (n == 1) {
		uint64_t now = now_ns();

		pthread_mutex_lock(&q->used_lock);
		virtqueue_track(&q->vq, &r->chain, now);
		pthread_mutex_unlock(&q->used_lock);
		*status = request_parse(r, &q->serve->mem, q->serve->registered, q->serve->joins);
		r->rq.popped_ns = now;
	}
	pthread_mutex_unlock(&q->pop_lock);

	if (n == 1 && *status == VIRTIO_ACCEL_S_OK) {
		struct virtio_accel_msg msg = { 0 };

		if (r->header.type == VIRTIO_ACCEL_T_CALL)
			memcpy(&msg, r->message, sizeof(msg));
		record = &q->vq.log->heads[r->chain.head];
		record->op = le16toh(msg.op);
		record->context = r->header.context;
	} else if (n == 1 && (*status == VIRTIO_ACCEL_S_INVAL || *status == VIRTIO_ACCEL_S_NOTSUP)) {
		report(q, *status, r->chain.error ? r->chain.error :
				   r->why	  ? r->why :
						    "its header, segments or runs are wrong");
	}
	return n;
}

static void complete(struct serve_queue *q, struct request *r, uint32_t status)
{
	uint32_t len = request_finish(r, status);

	pthread_mutex_lock(&q->used_lock);
	if (virtqueue_push(&q->vq, r->chain.head, len) && q->call >= 0) {
		count(&q->vq.log->calls);
		eventfd_signal(q->call);
	}
	pthread_mutex_unlock(&q->used_lock);
}

/* Runs a request that is not a call; mapping and freeing may take long. */
static uint32_t run_other(struct serve *s, const struct request *r)
{
	uint64_t context = r->header.context;

	switch (r->header.type) {
	case VIRTIO_ACCEL_T_CONTEXT_CLOSE:
		dispatch_context_close(s->dispatch, context);
		registered_close_context(s->registered, context);
		return VIRTIO_ACCEL_S_OK;
	case VIRTIO_ACCEL_T_MEMORY_REGISTER:
		return registered_add(s->registered, &s->mem, context, r->memory,
				      r->segments[0].runs, r->segments[0].nr_runs);
	default:
		return registered_remove(s->registered, context, r->memory);
	}
}

/* Runs an operation that is not known to be short. @waits: it need not give way. Return: its status. */
static uint32_t run_long(struct serve_queue *q, struct request *r, bool waits, bool *leading)
{
	struct background_op op;
	uint32_t status;

	atomic_fetch_add(&nr_running, 1);
	*leading = !leave_lead(q);
	/* Who leads cannot be spared. */
	if (!*leading && !waits)
		background_begin(&q->background, &op);
	status = dispatch_call(q->serve->dispatch, &r->rq);
	if (!*leading && !waits)
		is_spent = background_end(&q->background, &op);
	atomic_fetch_sub(&nr_running, 1);
	return status;
}

/* Completes a request whose call has ended. */
static void finish_call(struct serve_queue *q, struct request *r, uint32_t status)
{
	if (r->rq.malformed)
		report(q, status, r->rq.malformed);
	complete(q, r, status);
}

/*
 * Gives a long operation to a thread that is in the background already: engines keep teams of threads
 * for each thread that calls them, so it should be the same ones. Return: false if there is none; else
 * *@r is another request.
 */
static bool give_away(struct serve_queue *q, struct request **r)
{
	struct parked *p;

	pthread_mutex_lock(&q->lock);
	p = LIST_FIRST(&q->parked);
	if (p) {
		LIST_REMOVE(p, links);
		q->nr_parked--;
		p->todo = *r;
		*r = p->spare;
		pthread_cond_signal(&p->given);
	}
	pthread_mutex_unlock(&q->lock);
	return p;
}

/* Runs the long operations that are given to this thread, which holds q->lock, until the queue stops. */
static void serve_parked(struct serve_queue *q, struct request **r)
{
	struct parked p = { .todo = NULL };

	pthread_cond_init(&p.given, NULL);
	while (q->nr_parked < MAX_IDLE) {
		p.spare = *r;
		p.todo = NULL;
		LIST_INSERT_HEAD(&q->parked, &p, links);
		q->nr_parked++;
		while (!p.todo && !atomic_load(&q->stopping))
			pthread_cond_wait(&p.given, &q->lock);
		if (!p.todo) {
			LIST_REMOVE(&p, links);
			q->nr_parked--;
			break;
		}
		*r = p.todo;
		pthread_mutex_unlock(&q->lock);
		atomic_fetch_add(&nr_running, 1);
		finish_call(q, *r, dispatch_call(q->serve->dispatch, &(*r)->rq));
		atomic_fetch_sub(&nr_running, 1);
		pthread_mutex_lock(&q->lock);
	}
	pthread_cond_destroy(&p.given);
}

/* Runs a popped call. Return: whether this thread still leads; then *@r may be another request. */
static bool run_call(struct serve_queue *q, struct request **r)
{
	struct dispatch *d = q->serve->dispatch;
	const enum dispatch_length length = dispatch_length(d, &(*r)->rq);
	bool leading = true;
	uint32_t status;

	switch (length) {
	case DISPATCH_SHORT:
		status = dispatch_call(d, &(*r)->rq);
		break;
	case DISPATCH_LONG:
		if (give_away(q, r))
			return true;
		/* fallthrough */
	default:
		status = run_long(q, *r, length == DISPATCH_WAITS, &leading);
	}
	finish_call(q, *r, status);
	return leading;
}

/* Runs a popped request. Return: as run_call(). */
static bool run(struct serve_queue *q, struct request **r, uint32_t status)
{
	bool leading = true;

	if (status == VIRTIO_ACCEL_S_OK && (*r)->header.type == VIRTIO_ACCEL_T_CALL)
		return run_call(q, r);
	if (status == VIRTIO_ACCEL_S_OK) {
		leading = !leave_lead(q);
		status = run_other(q->serve, *r);
	}
	complete(q, *r, status);
	return leading;
}

/*
 * Threads that poll leave processors to what they wait for: to the operations that run, and one to
 * the guest, unless this process has processors of its own.
 */
static bool may_spin(void)
{
	static atomic_uint processors; /* one more; 0: not known yet */
	unsigned int nr = atomic_load_explicit(&processors, memory_order_relaxed);

	if (!nr) {
		nr = poll_processors() + 1;
		atomic_store_explicit(&processors, nr, memory_order_relaxed);
	}
	if (atomic_fetch_add(&nr_spinners, 1) + 1 + atomic_load(&nr_running) < nr)
		return true;
	atomic_fetch_sub(&nr_spinners, 1);
	return false;
}

/* Whether something became available within the window that begins at @start. */
static bool spin(struct serve_queue *q, uint64_t start)
{
	uint64_t limit = q->serve->poll_us * 1000ull;
	uint64_t window = poll_window_get(&q->window, limit);
	uint64_t now = start, turn = start;
	bool found = false, lost = false;

	if (!window || !may_spin())
		return false;
	do {
		for (int i = 0; i < 32 && !found; i++) {
			found = virtqueue_pending(&q->vq);
			cpu_relax();
		}
		if (found || lost || atomic_load_explicit(&q->stopping, memory_order_relaxed))
			break;
		/* The one that we wait for may need this very processor. */
		lost = poll_window_yield(&now, &turn);
	} while (lost || now - start < window);
	atomic_fetch_sub(&nr_spinners, 1);
	if (found)
		poll_window_won(&q->window, 0);
	else if (lost)
		poll_window_lost(&q->window);
	if (found && !poll_window_is_open(&q->window, limit))
		poll_window_learn(&q->window, limit, now_ns() - start);
	return found;
}

/*
 * Gives up the lead, since there is nothing to do. Return: false when something became available
 * meanwhile: the caller leads on.
 */
static bool rest(struct serve_queue *q, uint64_t since)
{
	bool resting = true;

	(void)virtqueue_want_kicks(&q->vq);
	pthread_mutex_lock(&q->lock);
	q->idle_since = since;
	q->has_leader = false;
	pthread_mutex_unlock(&q->lock);
	if (!is_pending(q))
		return true;
	pthread_mutex_lock(&q->lock);
	if (!q->has_leader) {
		take_lead(q);
		resting = false;
	}
	pthread_mutex_unlock(&q->lock);
	return resting;
}

/* Serves the queue, as its leader, until the lead is given up or the queue stops. */
static void lead(struct serve_queue *q, struct request **r)
{
	bool worked = false;

	virtqueue_no_kicks(&q->vq);
	while (!atomic_load(&q->stopping)) {
		uint32_t status = 0;
		uint64_t start;
		int n = pop(q, *r, &status);

		if (n == 1) {
			if (!run(q, r, status))
				return;
			worked = true;
			continue;
		}
		if (n < 0) {
			report_broken(q);
			/* Nobody leads it any more. */
			(void)epoll_ctl(q->events, EPOLL_CTL_DEL, q->kick, NULL);
			return;
		}
		start = now_ns();
		if (worked && spin(q, start))
			continue;
		if (rest(q, worked ? start : 0))
			return;
		virtqueue_no_kicks(&q->vq);
		worked = false;
	}
}

static void wait_for_event(struct serve_queue *q)
{
	struct epoll_event event;
	int timeout = q->kick < 0 ? NO_KICK_POLL_MS : -1;

	while (epoll_wait(q->events, &event, 1, timeout) == 1) {
		if (event.data.fd == q->background.timer) {
			background_tick(&q->background);
			continue;
		}
		if (event.data.fd == q->kick)
			count(&q->vq.log->kicks);
		break;
	}
}

static void *queue_thread(void *arg)
{
	struct thread_start *start = arg;
	struct serve_queue *q = start->q;
	struct request *r = start->request;

	free(start);
	pthread_mutex_lock(&q->lock);
	while (!atomic_load(&q->stopping)) {
		if (!q->has_leader) {
			take_lead(q);
			pthread_mutex_unlock(&q->lock);
			lead(q, &r);
			pthread_mutex_lock(&q->lock);
		}
		if (is_spent)
			serve_parked(q, &r);
		if (q->nr_idle > MAX_IDLE || is_spent)
			break;
		q->nr_idle++;
		pthread_mutex_unlock(&q->lock);
		wait_for_event(q);
		pthread_mutex_lock(&q->lock);
		q->nr_idle--;
	}
	request_delete(r);
	atomic_fetch_sub(&q->serve->nr_threads, 1);
	/* They wake one another to stop. */
	if (atomic_load(&q->stopping))
		eventfd_signal(q->wake);
	/* From here on q may be gone as soon as the lock is free. */
	if (--q->nr_threads == 0)
		pthread_cond_signal(&q->gone);
	pthread_mutex_unlock(&q->lock);
	return NULL;
}

static void destroy(struct serve_queue *q)
{
	pthread_mutex_destroy(&q->lock);
	pthread_mutex_destroy(&q->pop_lock);
	pthread_mutex_destroy(&q->used_lock);
	pthread_cond_destroy(&q->gone);
	background_exit(&q->background);
	if (q->events >= 0)
		close(q->events);
	if (q->wake >= 0)
		close(q->wake);
	if (q->kick >= 0)
		close(q->kick);
	if (q->call >= 0)
		close(q->call);
	free(q);
}

static int watch(struct serve_queue *q, int fd)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET, .data.fd = fd };

	return epoll_ctl(q->events, EPOLL_CTL_ADD, fd, &event);
}

int serve_start(struct serve *s, uint32_t index, const struct virtqueue_config *config, int kick,
		int call)
{
	struct serve_queue *q = calloc(1, sizeof(*q));
	pthread_condattr_t attr;
	int ret;

	if (!q) {
		if (kick >= 0)
			close(kick);
		if (call >= 0)
			close(call);
		return -ENOMEM;
	}
	q->serve = s;
	q->index = index;
	q->kick = kick;
	q->call = call;
	pthread_mutex_init(&q->lock, NULL);
	pthread_mutex_init(&q->pop_lock, NULL);
	pthread_mutex_init(&q->used_lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&q->gone, &attr);
	pthread_condattr_destroy(&attr);
	LIST_INIT(&q->parked);
	background_init(&q->background);

	q->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	q->events = epoll_create1(EPOLL_CLOEXEC);
	ret = -errno;
	if (q->wake < 0 || q->events < 0 || watch(q, q->wake) ||
	    (q->background.timer >= 0 && watch(q, q->background.timer)))
		goto fail;
	/* What cannot be waited for is as good as none. */
	if (q->kick >= 0 && watch(q, q->kick)) {
		close(q->kick);
		q->kick = -1;
	}
	ret = -EINVAL;
	if (index >= VIRTIO_ACCEL_MAX_QUEUES)
		goto fail;
	ret = -EBUSY;
	if (s->queues[index])
		goto fail;
	ret = virtqueue_init(&q->vq, &s->mem, config, &s->area->queues[index], false);
	if (ret)
		goto fail;
	virtqueue_no_kicks(&q->vq);
	poll_window_init(&q->window, s->poll_us * 1000ull);

	pthread_mutex_lock(&q->lock);
	ret = spawn(q);
	pthread_mutex_unlock(&q->lock);
	if (ret)
		goto fail;
	s->queues[index] = q;
	return 0;
fail:
	destroy(q);
	return ret;
}

int serve_stop(struct serve *s, uint32_t index, unsigned int drain_ms)
{
	struct serve_queue *q = index < VIRTIO_ACCEL_MAX_QUEUES ? s->queues[index] : NULL;
	struct timespec until;
	struct parked *p;
	unsigned int left;

	if (!q)
		return 0;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += drain_ms / 1000;
	until.tv_nsec += drain_ms % 1000 * 1000000L;
	if (until.tv_nsec >= 1000000000L) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000L;
	}

	pthread_mutex_lock(&q->lock);
	atomic_store(&q->stopping, true);
	eventfd_signal(q->wake);
	LIST_FOREACH(p, &q->parked, links)
		pthread_cond_signal(&p->given);
	while (q->nr_threads)
		if (pthread_cond_timedwait(&q->gone, &q->lock, &until) == ETIMEDOUT)
			break;
	left = q->nr_threads;
	pthread_mutex_unlock(&q->lock);
	if (left)
		return -EBUSY;
	s->queues[index] = NULL;
	destroy(q);
	return 0;
}

int serve_set_call(struct serve *s, uint32_t index, int call)
{
	struct serve_queue *q = index < VIRTIO_ACCEL_MAX_QUEUES ? s->queues[index] : NULL;
	int old = call;

	if (q) {
		pthread_mutex_lock(&q->used_lock);
		old = q->call;
		q->call = call;
		pthread_mutex_unlock(&q->used_lock);
	}
	if (old >= 0)
		close(old);
	return q ? 0 : -ENOENT;
}

bool serve_running(const struct serve *s)
{
	for (unsigned int i = 0; i < VIRTIO_ACCEL_MAX_QUEUES; i++)
		if (s->queues[i])
			return true;
	return false;
}

int serve_mem_add(struct serve *s, uint64_t gpa, uint64_t size, uint64_t uaddr, uint64_t offset,
		  int fd)
{
	int ret;

	/* No thread translates an address while all of these are held. */
	for (unsigned int i = 0; i < VIRTIO_ACCEL_MAX_QUEUES; i++)
		if (s->queues[i])
			pthread_mutex_lock(&s->queues[i]->pop_lock);
	ret = memory_add(&s->mem, gpa, size, uaddr, offset, fd);
	registered_limit(s->registered, memory_size(&s->mem));
	for (unsigned int i = 0; i < VIRTIO_ACCEL_MAX_QUEUES; i++)
		if (s->queues[i])
			pthread_mutex_unlock(&s->queues[i]->pop_lock);
	return ret;
}

int serve_mem_remove(struct serve *s, uint64_t gpa, uint64_t size, uint64_t uaddr)
{
	if (serve_running(s))
		return -EBUSY;
	registered_clear(s->registered);
	join_clear(s->joins);
	return memory_remove(&s->mem, gpa, size, uaddr);
}
