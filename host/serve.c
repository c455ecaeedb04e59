// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "serve.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "poll_window.h"
#include "request.h"

/* Threads of one queue, thus operations of one queue that run at once; and of all queues. */
#define MAX_QUEUE_THREADS 64
#define MAX_THREADS 256
/* Threads of one queue that are kept while they have nothing to do. */
#define MAX_IDLE 4
/* Without kicks, how often the ring is looked at. */
#define NO_KICK_POLL_MS 1

struct serve_queue {
	struct serve *serve;
	uint32_t index;
	int kick;
	int wake; /* eventfd: the queue stops */

	pthread_mutex_t lock; /* of the threads' life, down to @gone */
	bool has_leader;
	unsigned int nr_threads;
	unsigned int nr_idle;
	pthread_cond_t lead; /* the lead is free, or the queue stops */
	pthread_cond_t gone; /* nr_threads became 0 */
	atomic_bool stopping;

	pthread_mutex_t pop_lock; /* the available ring, and against changes of the memory table */
	struct virtqueue vq;

	struct poll_window window; /* of the leader */

	pthread_mutex_t used_lock; /* the used ring, the in-flight record, call */
	int call;
};

static atomic_uint nr_all_threads;
static atomic_uint nr_spinners; /* threads that poll, of all queues */
static atomic_uint nr_running;	/* threads in an operation that is not known to be short */

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
	__asm__ __volatile__("yield" : : : "memory");
#endif
}

static void signal_fd(int fd)
{
	const uint64_t one = 1;
	ssize_t n;

	/* A full eventfd (EAGAIN) is signalled already; nothing helps against other errors. */
	do
		n = write(fd, &one, sizeof(one));
	while (n < 0 && errno == EINTR);
}

static void drain_fd(int fd)
{
	uint64_t count;
	ssize_t n;

	do
		n = read(fd, &count, sizeof(count));
	while (n < 0 && errno == EINTR);
}

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
	if (atomic_fetch_add(&nr_all_threads, 1) >= MAX_THREADS && q->nr_threads)
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
	atomic_fetch_sub(&nr_all_threads, 1);
	return -ret;
}

/* Gives the lead to another thread. Return: false when there is none: the caller keeps it. */
static bool hand_over(struct serve_queue *q)
{
	bool handed = true;

	pthread_mutex_lock(&q->lock);
	q->has_leader = false;
	if (q->nr_idle)
		pthread_cond_signal(&q->lead);
	else
		handed = spawn(q) == 0;
	q->has_leader = !handed;
	if (handed)
		count(&q->vq.log->handovers);
	pthread_mutex_unlock(&q->lock);
	return handed;
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
		pthread_mutex_lock(&q->used_lock);
		virtqueue_track(&q->vq, &r->chain, now_ns());
		pthread_mutex_unlock(&q->used_lock);
		*status = request_parse(r, &q->serve->mem, q->serve->registered);
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
		signal_fd(q->call);
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
		return registered_add(s->registered, context, r->memory, r->segments[0].runs,
				      r->segments[0].nr_runs);
	default:
		return registered_remove(s->registered, context, r->memory);
	}
}

/* Runs a popped request. Return: whether this thread still leads. */
static bool run(struct serve_queue *q, struct request *r, uint32_t status)
{
	struct dispatch *d = q->serve->dispatch;
	bool leading = true;

	if (status == VIRTIO_ACCEL_S_OK && r->header.type == VIRTIO_ACCEL_T_CALL) {
		bool is_short = dispatch_is_short(d, &r->rq);

		if (!is_short) {
			atomic_fetch_add(&nr_running, 1);
			leading = !hand_over(q);
		}
		status = dispatch_call(d, &r->rq);
		if (!is_short)
			atomic_fetch_sub(&nr_running, 1);
		if (r->rq.malformed)
			report(q, status, r->rq.malformed);
	} else if (status == VIRTIO_ACCEL_S_OK) {
		leading = !hand_over(q);
		status = run_other(q->serve, r);
	}
	complete(q, r, status);
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
	bool found = false;

	if (!window || !may_spin())
		return false;
	do {
		for (int i = 0; i < 32 && !found; i++) {
			found = virtqueue_pending(&q->vq);
			cpu_relax();
		}
		if (found || atomic_load_explicit(&q->stopping, memory_order_relaxed))
			break;
		/* The one that we wait for may need this very processor. */
		sched_yield();
	} while (now_ns() - start < window);
	atomic_fetch_sub(&nr_spinners, 1);
	if (found && !poll_window_is_open(&q->window, limit))
		poll_window_learn(&q->window, limit, now_ns() - start);
	return found;
}

static void sleep_for_kick(struct serve_queue *q, bool broken)
{
	struct pollfd fds[] = {
		{ .fd = q->wake, .events = POLLIN },
		{ .fd = broken ? -1 : q->kick, .events = POLLIN },
	};
	int timeout = q->kick < 0 && !broken ? NO_KICK_POLL_MS : -1;

	if (!broken && virtqueue_want_kicks(&q->vq)) {
		virtqueue_no_kicks(&q->vq);
		return;
	}
	if (poll(fds, 2, timeout) > 0 && fds[1].revents & POLLIN) {
		count(&q->vq.log->kicks);
		drain_fd(q->kick);
	} else if (fds[1].revents & (POLLERR | POLLHUP | POLLNVAL))
		poll(fds, 1, NO_KICK_POLL_MS); /* not an eventfd: look at the ring now and then */
	if (!broken)
		virtqueue_no_kicks(&q->vq);
}

/* Serves the queue until the lead was handed over or the queue stops. */
static void lead(struct serve_queue *q, struct request *r)
{
	bool worked = false, broken = false;
	uint64_t start;

	while (!atomic_load(&q->stopping)) {
		uint32_t status = 0;
		int n = broken ? -1 : pop(q, r, &status);

		if (n == 1) {
			if (!run(q, r, status))
				return;
			worked = true;
			continue;
		}
		if (n < 0 && !broken) {
			broken = true;
			report_broken(q);
		}
		start = now_ns();
		if (worked && !broken && spin(q, start))
			continue;
		sleep_for_kick(q, broken);
		if (worked)
			poll_window_learn(&q->window, q->serve->poll_us * 1000ull,
					  now_ns() - start);
		worked = false;
	}
}

static void *queue_thread(void *arg)
{
	struct thread_start *start = arg;
	struct serve_queue *q = start->q;
	struct request *r = start->request;

	free(start);
	pthread_mutex_lock(&q->lock);
	while (q->nr_idle <= MAX_IDLE || !q->has_leader) {
		q->nr_idle++;
		while (q->has_leader && !atomic_load(&q->stopping))
			pthread_cond_wait(&q->lead, &q->lock);
		q->nr_idle--;
		if (atomic_load(&q->stopping))
			break;
		q->has_leader = true;
		pthread_mutex_unlock(&q->lock);
		lead(q, r);
		pthread_mutex_lock(&q->lock);
	}
	request_delete(r);
	atomic_fetch_sub(&nr_all_threads, 1);
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
	pthread_cond_destroy(&q->lead);
	pthread_cond_destroy(&q->gone);
	if (q->wake >= 0)
		close(q->wake);
	if (q->kick >= 0)
		close(q->kick);
	if (q->call >= 0)
		close(q->call);
	free(q);
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
	pthread_cond_init(&q->lead, NULL);
	pthread_cond_init(&q->gone, &attr);
	pthread_condattr_destroy(&attr);

	q->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ret = -errno;
	if (q->wake < 0)
		goto fail;
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
	pthread_cond_broadcast(&q->lead);
	signal_fd(q->wake);
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
	return memory_remove(&s->mem, gpa, size, uaddr);
}
