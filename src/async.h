/* SPDX-License-Identifier: Apache-2.0 */
/* Asynchronous calls inside the library. */
#pragma once

#include "ops/vop.h"
#include "vaccel/async.h"

/* The queue that the calling thread's next operation goes to; see vaccel_async_begin. */
extern _Thread_local struct vaccel_async *async_target
	__attribute__((tls_model("initial-exec"), visibility("hidden")));

/* Whether an operation that the calling thread calls is to be submitted. */
static inline bool async_wanted(void)
{
	return __builtin_expect(async_target != NULL, 0);
}

/*
 * async_submit - submit an operation to the thread's queue
 * @vals:   one for each parameter; copied
 * @result: what is wrong with the call already, which is returned then
 */
int async_submit(struct vaccel_session *sess, vaccel_op_type_t op, const union vop_val *vals,
		 int result);

/*
 * async_session_ends - wait for all calls of a session, and make their results
 *
 * No other thread may use the session any more.
 */
void async_session_ends(struct vaccel_session *sess);

/* The plugin is about to end: no call of it is in flight. */
void async_forget_plugin(struct vaccel_plugin *plugin);

/* For pthread_atfork: the list of queues must not be changing. */
void async_before_fork(void);
void async_after_fork(bool child);

/* ---- Threads for local sessions (async_pool.c) ---------------------------------------------- */

/* Something to be run once by some thread; lives until run was called. */
struct async_job {
	struct async_job *next;
	void (*run)(struct async_job *job);
};

/* Gives a job to the threads. ENOMEM: there is no thread, and none can be started. */
int async_pool_submit(struct async_job *job);

/* Ends the threads. No job may be waiting. */
void async_pool_stop(void);

/* For the child of fork(): the threads are not there. */
void async_pool_forget(void);
