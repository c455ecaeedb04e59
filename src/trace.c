// SPDX-License-Identifier: Apache-2.0
/*
 * Spans are copied into a ring, under one lock, and written at the end: a call of 64 bytes takes a
 * microsecond, less than it takes to write about its spans. An operation and its call to a host are one record.
 */
#define _GNU_SOURCE
#include "trace.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ops/vop.h"
#include "trace_file.h"
#include "transport/clock.h"
#include "vaccel/log.h"

atomic_bool trace_on;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of all that follows */
static struct trace_record *ring; /* TRACE_SPANS of them */
static size_t first, count;
static struct trace_file file = { .fd = -1 };
static char *path;     /* that the environment named; NULL: no trace has begun */
static bool inherited; /* path is the parent process's */

_Thread_local struct trace_thread trace_thread;
static _Thread_local pid_t thread_id __attribute__((tls_model("initial-exec")));

/* ---- Adding --------------------------------------------------------------------------------- */

/* Room for one more, at the cost of the oldest; the lock is held. */
static struct trace_record *next_record(void)
{
	struct trace_record *r = &ring[(first + count) % TRACE_SPANS];

	if (count < TRACE_SPANS) {
		count++;
	} else {
		first = (first + 1) % TRACE_SPANS;
		file.lost++;
	}
	return r;
}

static struct trace_record *add(enum trace_kind kind, const char *name)
{
	struct trace_record *r = next_record();

	strncpy(r->name, name ? name : "", sizeof(r->name) - 1);
	r->name[sizeof(r->name) - 1] = '\0';
	r->kind = kind;
	r->thread = (uint32_t)thread_id;
	return r;
}

/* What is wrong in a span does not reach the file. */
static uint64_t not_before(uint64_t start, uint64_t end)
{
	return end > start ? end : start;
}

/* Takes the lock if there is a trace. */
static bool enter(void)
{
	if (!atomic_load_explicit(&trace_on, memory_order_relaxed))
		return false;
	if (!thread_id)
		thread_id = (pid_t)syscall(SYS_gettid);
	pthread_mutex_lock(&lock);
	if (ring)
		return true;
	pthread_mutex_unlock(&lock);
	return false;
}

bool vaccel_trace_enabled(void)
{
	return atomic_load_explicit(&trace_on, memory_order_relaxed);
}

void vaccel_trace_spans(const struct vaccel_trace_span *spans, size_t nr)
{
	if (!spans || !enter())
		return;
	for (size_t i = 0; i < nr; i++) {
		struct trace_record *r = add(TRACE_SPAN, spans[i].name);

		r->times[0] = spans[i].start;
		r->times[1] = not_before(spans[i].start, spans[i].end);
		r->bytes = spans[i].bytes;
		r->result = spans[i].result;
		r->async = spans[i].async;
	}
	pthread_mutex_unlock(&lock);
}

static void fill_call(struct trace_record *r, const struct vaccel_trace_call *call)
{
	r->times[0] = call->begun;
	r->times[1] = not_before(r->times[0], call->sent);
	r->times[2] = not_before(r->times[1], call->answered);
	r->times[3] = not_before(r->times[2], call->ended);
	r->times[4] = call->taken;
	r->times[5] = not_before(r->times[4], call->started);
	r->times[6] = not_before(r->times[5], call->finished);
	r->times[7] = not_before(r->times[6], call->replied);
	if (r->times[4] < r->times[1] || r->times[7] > r->times[2])
		r->times[4] = 0;
	r->bytes = call->bytes;
	r->reply_bytes = call->reply_bytes;
	r->result = call->result;
	r->async = call->async;
}

static void add_call(const struct vaccel_trace_call *call)
{
	if (!enter())
		return;
	fill_call(add(TRACE_CALL, call->name), call);
	pthread_mutex_unlock(&lock);
}

/* Adds the call that waits for the end of its operation, if that is not to come. */
static void add_waiting_call(void)
{
	if (trace_thread.call.begun)
		add_call(&trace_thread.call);
	trace_thread.call.begun = 0;
}

void vaccel_trace_add_call(const struct vaccel_trace_call *call)
{
	struct trace_thread *t = &trace_thread;

	if (!call || !vaccel_trace_enabled())
		return;
	t->call_ended = call->ended;
	if (call->name || call->async || !t->op_runs || call->begun != t->op_runs + 1) {
		add_call(call);
		return;
	}
	add_waiting_call();
	t->call = *call;
	t->call.ended = not_before(not_before(not_before(call->begun, call->sent), call->answered), call->ended);
}

uint64_t vaccel_trace_start(void)
{
	uint64_t start = trace_thread.op_started;

	trace_thread.op_started = 0;
	if (!atomic_load_explicit(&trace_on, memory_order_relaxed))
		return 0;
	/* Of two spans that begin at once a viewer would not know which one is within the other. */
	return start ? start + 1 : trace_now();
}

uint64_t vaccel_trace_now(void)
{
	return trace_now();
}

void vaccel_trace_host_clock(int64_t offset_ns, uint64_t error_ns)
{
	struct trace_record *r;

	if (!enter())
		return;
	r = add(TRACE_CLOCK, NULL);
	r->times[0] = trace_now();
	r->times[1] = (uint64_t)offset_ns;
	r->times[2] = error_ns;
	file.has_clock = true;
	file.offset = offset_ns;
	file.error = error_ns;
	pthread_mutex_unlock(&lock);
}

/* An operation that consists of the call that waits for it. Return: whether it does */
static bool add_op_with_call(vaccel_op_type_t type, uint64_t start, uint64_t end, int result)
{
	struct vaccel_trace_call *call = &trace_thread.call;
	struct trace_record *r;

	if (!call->begun || call->begun != start + 1 || call->ended + 1 != end || !enter())
		return false;
	r = add(TRACE_OP_CALL, vop_find((uint16_t)type)->name);
	fill_call(r, call);
	r->result = result;
	pthread_mutex_unlock(&lock);
	call->begun = 0;
	return true;
}

void trace_op(vaccel_op_type_t type, uint64_t start, uint64_t end, int result, uint64_t async)
{
	struct trace_thread *t = &trace_thread;
	struct vaccel_trace_span span;

	t->op_started = t->op_runs = 0;
	if (!async && add_op_with_call(type, start, end, result))
		return;
	add_waiting_call();
	span = (struct vaccel_trace_span){
		.name = vop_find((uint16_t)type)->name,
		.start = start,
		.end = end,
		.result = result,
		.async = async,
	};
	vaccel_trace_spans(&span, 1);
}

/* A pause is no end: what has been added is written. */
void vaccel_trace_pause(bool pause)
{
	pthread_mutex_lock(&lock);
	atomic_store(&trace_on, ring && !pause);
	pthread_mutex_unlock(&lock);
}

/* ---- The file ------------------------------------------------------------------------------- */

/* The lock is held. */
static void stop(void)
{
	atomic_store(&trace_on, false);
	trace_file_close(&file);
	free(ring);
	ring = NULL;
	first = count = 0;
}

static void report(const char *name, int err)
{
	vaccel_error("Cannot write the trace VACCEL_TRACE=%s: %s; the program goes on without it", name,
		     err == ESPIPE ? "it has to be a regular file" : strerror(err));
}

/* Opens the file that is to be this process's own. Return: 0 or an errno value, logged. */
static int open_file(void)
{
	const char *suffix = strrchr(path, '.');
	char own[PATH_MAX];
	struct timespec now;
	int err = EBUSY;

	clock_gettime(CLOCK_REALTIME, &now);
	file.is_otlp = suffix && !strcmp(suffix, ".jsonl");
	file.epoch = (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec - now_ns();

	if (!inherited)
		err = trace_file_open(&file, path);
	if (err != EBUSY) {
		if (err)
			report(path, err);
		return err;
	}
	if (snprintf(own, sizeof(own), "%s.%d", path, (int)getpid()) >= (int)sizeof(own))
		err = ENAMETOOLONG;
	else
		err = trace_file_open(&file, own);
	if (err)
		report(own, err);
	else
		vaccel_info("The trace goes to %s, as another process writes to %s", own, path);
	return err;
}

/*
 * In large pages, where they are to be had: to touch a small one for the first time takes longer than all else
 * about the spans of a call.
 */
static struct trace_record *make_ring(void)
{
	const size_t large_page = 2u << 20, size = TRACE_SPANS * sizeof(struct trace_record);
	void *p = aligned_alloc(large_page, size);

	if (p)
		(void)madvise(p, size, MADV_HUGEPAGE);
	return p;
}

/* The lock is held. */
static void begin(const char *name)
{
	trace_clock_begin();
	path = path ? path : strdup(name);
	ring = path ? make_ring() : NULL;
	if (!ring)
		report(name, ENOMEM);
	else if (open_file())
		stop();
	else
		atomic_store(&trace_on, true);
}

void trace_begin(void)
{
	const char *name = secure_getenv("VACCEL_TRACE");

	pthread_mutex_lock(&lock);
	/* Once: what failed has been said. */
	if (!path && name && *name)
		begin(name);
	pthread_mutex_unlock(&lock);
}

/* Writes up to nr records from the oldest on; the lock is held. */
static int write_some(size_t nr)
{
	int err = nr ? trace_file_add(&file, &ring[first], nr) : 0;

	first = (first + nr) % TRACE_SPANS;
	count -= nr;
	return err;
}

void trace_write(void)
{
	size_t part;
	int err = 0;

	pthread_mutex_lock(&lock);
	if (ring && count && file.fd < 0 && open_file()) {
		stop();
	} else if (ring && count) {
		part = TRACE_SPANS - first < count ? TRACE_SPANS - first : count;
		err = write_some(part);
		if (!err)
			err = write_some(count);
		if (err) {
			report(path, err);
			stop();
		}
	}
	pthread_mutex_unlock(&lock);
}

/* ---- fork ----------------------------------------------------------------------------------- */

void trace_before_fork(void)
{
	pthread_mutex_lock(&lock);
}

void trace_after_fork(bool child)
{
	if (child) {
		thread_id = 0;
		trace_thread.call.begun = 0;
		first = count = 0;
		trace_file_close(&file);
		file = (struct trace_file){ .fd = -1 };
		inherited = true;
	}
	pthread_mutex_unlock(&lock);
}
