// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "otlp.h"

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "transport/clock.h"
#include "vaccel.h"

/* How long spans wait for others to be handed on with */
#define GATHER_MS 1000

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of all that follows */
static pthread_cond_t added_some, handed_on;
static struct trace_record ring[QUEUE_SPANS];
static size_t first, count;
static uint64_t added, done, lost; /* since the start; done: of those added, handed on or lost on the way */
static uint64_t wanted;		   /* up to which somebody waits for them */
static uint64_t deadline;	   /* of the end, by now_ms(); 0: it has not come */
static bool takes, runs;
static pthread_t thread;

/* ---- The thread -------------------------------------------------------------------------------------- */

static void wait_until(pthread_cond_t *cond, uint64_t ms)
{
	const struct timespec at = { (time_t)(ms / 1000), (long)(ms % 1000) * 1000000 };

	pthread_cond_timedwait(cond, &lock, &at);
}

/* Waits until there is something to be handed on. Return: whether there is; the lock is held. */
static bool wait_for_spans(void)
{
	uint64_t until;

	while (!count && !deadline)
		pthread_cond_wait(&added_some, &lock);
	until = now_ms() + GATHER_MS;
	while (count && count < QUEUE_BATCH && !deadline && done >= wanted && now_ms() < until)
		wait_until(&added_some, until);
	return count;
}

static size_t take(struct trace_record *batch)
{
	const size_t nr = count < QUEUE_BATCH ? count : QUEUE_BATCH;

	for (size_t i = 0; i < nr; i++)
		batch[i] = ring[(first + i) % QUEUE_SPANS];
	first = (first + nr) % QUEUE_SPANS;
	count -= nr;
	return nr;
}

static void *run(void *arg)
{
	static struct trace_record batch[QUEUE_BATCH];

	(void)arg;
	pthread_mutex_lock(&lock);
	while (wait_for_spans()) {
		const size_t nr = take(batch);
		uint64_t until = now_ms() + send_timeout_ms();
		size_t failed;

		if (deadline && deadline < until)
			until = deadline;
		pthread_mutex_unlock(&lock);
		failed = send_spans(batch, nr, until);
		pthread_mutex_lock(&lock);
		lost += failed;
		done += nr;
		pthread_cond_broadcast(&handed_on);
	}
	pthread_mutex_unlock(&lock);
	return NULL;
}

/* Starts it; the lock is held. It gets none of the program's signals. */
static bool start_thread(void)
{
	sigset_t all, old;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	runs = pthread_create(&thread, NULL, run, NULL) == 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return runs;
}

/* ---- Spans ------------------------------------------------------------------------------------------- */

static void fill(struct trace_record *r, const char *name, uint64_t time_ns, const char *plugin)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	memset(r, 0, sizeof(*r));
	strncpy(r->name, name ? name : "", sizeof(r->name) - 1);
	strncpy(r->region.plugin, plugin ? plugin : "", sizeof(r->region.plugin) - 1);
	r->region.end = (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
	r->region.start = r->region.end - time_ns;
	r->kind = TRACE_REGION;
	r->thread = (uint32_t)syscall(SYS_gettid) & 0xffffff;
}

void queue_add(const char *name, uint64_t time_ns, const char *plugin)
{
	struct trace_record r;

	fill(&r, name, time_ns, plugin);
	pthread_mutex_lock(&lock);
	if (takes && (count == QUEUE_SPANS || (!runs && !start_thread()))) {
		lost++;
	} else if (takes) {
		r.async = ++added;
		ring[(first + count) % QUEUE_SPANS] = r;
		count++;
		if (count == 1 || count == QUEUE_BATCH)
			pthread_cond_signal(&added_some);
	}
	pthread_mutex_unlock(&lock);
}

/* The lock is held. Return: whether all that was there has been handed on before until */
static bool wait_for_all(uint64_t until)
{
	const uint64_t last = added, lost_before = lost;

	if (wanted < last)
		wanted = last;
	pthread_cond_signal(&added_some);
	while (runs && done < last && now_ms() < until)
		wait_until(&handed_on, until);
	return done >= last && lost == lost_before;
}

bool queue_flush(void)
{
	bool all;

	pthread_mutex_lock(&lock);
	all = wait_for_all(now_ms() + send_timeout_ms());
	pthread_mutex_unlock(&lock);
	return all;
}

/* ---- Start and end ----------------------------------------------------------------------------------- */

void queue_start(void)
{
	pthread_mutex_lock(&lock);
	first = count = 0;
	added = done = lost = wanted = deadline = 0;
	takes = true;
	pthread_mutex_unlock(&lock);
}

void queue_stop(void)
{
	bool had_thread;
	uint64_t missing;

	pthread_mutex_lock(&lock);
	had_thread = runs;
	takes = runs = false;
	deadline = now_ms() + send_timeout_ms();
	pthread_cond_signal(&added_some);
	pthread_mutex_unlock(&lock);
	/* It ends at the deadline: nothing that it does takes longer. */
	if (had_thread)
		pthread_join(thread, NULL);

	pthread_mutex_lock(&lock);
	missing = lost;
	lost = 0;
	pthread_mutex_unlock(&lock);
	if (missing)
		vaccel_warn("[" NAME "] %" PRIu64 " spans were lost: what they were for is slower than the program, "
			    "or could not be reached", missing);
}

static void before_fork(void)
{
	pthread_mutex_lock(&lock);
}

static void after_fork(void)
{
	pthread_mutex_unlock(&lock);
}

static void init_conditions(void)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&added_some, &attr);
	pthread_cond_init(&handed_on, &attr);
	pthread_condattr_destroy(&attr);
}

/* What waits is the parent's, and so is the thread. */
static void after_fork_child(void)
{
	init_conditions();
	first = count = 0;
	added = done = lost = wanted = deadline = 0;
	runs = false;
	send_after_fork();
	pthread_mutex_unlock(&lock);
}

void queue_watch(void)
{
	static bool watched;

	if (watched)
		return;
	watched = true;
	init_conditions();
	pthread_atfork(before_fork, after_fork, after_fork_child);
	/* A program that just ends. After what TLS has registered, and so before that ends. */
	atexit(queue_stop);
}
