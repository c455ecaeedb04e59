// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "process.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "async.h"
#include "blob.h"
#include "memory.h"
#include "op.h"
#include "plugin.h"
#include "prof.h"
#include "resource.h"
#include "session.h"
#include "trace.h"
#include "vaccel/log.h"

/* How long the end of the process waits for calls of local plugins */
#define WAIT_MS 1000

/* Threads count their calls in different cache lines. */
#define NR_COUNTERS 32

struct counter {
	_Alignas(64) atomic_long calls;
};

unsigned int process_generation;

static struct counter counters[NR_COUNTERS];
static atomic_uint nr_threads;
static atomic_bool ending;
static atomic_bool gone; /* engines may be */
static void (*end_hook)(void);
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_once_t session_once = PTHREAD_ONCE_INIT;

/* Of the calling thread: one more than the index of its counter, and its calls that run */
static _Thread_local unsigned int place
	__attribute__((tls_model("initial-exec")));
static _Thread_local unsigned int depth
	__attribute__((tls_model("initial-exec")));
static _Thread_local bool is_ender /* the thread that ends the process */
	__attribute__((tls_model("initial-exec")));

/* ---- fork ----------------------------------------------------------------------------------- */

/* Where one of these locks is taken with another one held, it is in this order. */
static void before_fork(void)
{
	async_before_fork();
	sessions_before_fork();
	resources_before_fork();
	plugins_before_fork();
	memory_before_fork();
	op_prof_before_fork();
	prof_before_fork();
	trace_before_fork();
	blobs_before_fork();
}

static void after_fork(bool child)
{
	blobs_after_fork();
	trace_after_fork(child);
	prof_after_fork();
	op_prof_after_fork(child);
	memory_after_fork(child);
	plugins_after_fork(child);
	resources_after_fork(child);
	sessions_after_fork(child);
	async_after_fork(child);
}

static void after_fork_parent(void)
{
	after_fork(false);
}

static void after_fork_child(void)
{
	process_generation++;
	/* Calls of threads that the child does not have */
	for (size_t i = 0; i < NR_COUNTERS; i++)
		atomic_store(&counters[i].calls, 0);
	if (place)
		atomic_store(&counters[place - 1].calls, depth);
	after_fork(true);
}

/* ---- The end -------------------------------------------------------------------------------- */

static long others_calls(void)
{
	long calls = 0;

	for (size_t i = 0; i < NR_COUNTERS; i++)
		calls += atomic_load(&counters[i].calls);
	return calls - (long)depth;
}

/* The end without destructors: a call that is under way would crash in those of its engine. */
static void leave_at_once(int status)
{
	vaccel_debug("Threads are in calls at the end of the process: no library is ended");
	end_hook();
	fflush(NULL);
	_exit(status);
}

/* The end begins: calls of other threads are waited for, and no more of them begin. */
static void begin_end(int status)
{
	const struct timespec ms = { .tv_nsec = 1000000 };

	is_ender = true;
	if (atomic_exchange(&ending, true))
		return;
	for (int i = 0; i < WAIT_MS && others_calls(); i++)
		nanosleep(&ms, NULL);
	if (others_calls())
		leave_at_once(status);
}

/*
 * At exit(), before what was done before the first session was made is undone. Engines that were there
 * before main() are still there: destructors of the program may call them.
 */
static void before_program_ends(int status, void *arg)
{
	(void)arg;
	begin_end(status);
}

/* At exit(), before what an engine made when it was loaded, after main() began, ends. */
static void before_engine_ends(int status, void *arg)
{
	(void)arg;
	begin_end(status);
	atomic_store(&gone, true);
}

/* quick_exit() has no destructors. */
static void at_quick_end(void)
{
	process_set_gone();
	end_hook();
}

static void watch(void)
{
	pthread_atfork(before_fork, after_fork_parent, after_fork_child);
	at_quick_exit(at_quick_end);
}

void process_watch(void (*at_end)(void))
{
	end_hook = at_end;
	pthread_once(&once, watch);
}

/* What is registered last comes first in the end. Out of memory: calls at the end are not waited for. */
void process_plugin_loaded(void)
{
	(void)on_exit(before_engine_ends, NULL);
}

static void watch_program(void)
{
	(void)on_exit(before_program_ends, NULL);
}

void process_session_made(void)
{
	pthread_once(&session_once, watch_program);
}

bool process_ending(void)
{
	return atomic_load(&ending) && (!is_ender || atomic_load(&gone));
}

bool process_end_begun(void)
{
	return atomic_load(&ending);
}

void process_set_gone(void)
{
	atomic_store(&ending, true);
	atomic_store(&gone, true);
}

bool process_enter(void)
{
	if (!place)
		place = atomic_fetch_add(&nr_threads, 1) % NR_COUNTERS + 1;
	/* In this order: either the end sees the call, or the call sees the end. */
	atomic_fetch_add(&counters[place - 1].calls, 1);
	depth++;
	if (!process_ending())
		return true;
	process_leave();
	return false;
}

void process_leave(void)
{
	depth--;
	atomic_fetch_sub_explicit(&counters[place - 1].calls, 1, memory_order_release);
}
