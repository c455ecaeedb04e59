/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asynchronous calls: an extension of vAccel 0.8.
 *
 * A call of an operation is submitted to a queue, and its result is taken from there later. So one
 * thread keeps many calls in flight:
 *
 *	vaccel_async_new(&queue, 64);
 *	VACCEL_ASYNC(queue, &image[0], vaccel_image_classification(&sess, ...));
 *	VACCEL_ASYNC(queue, &image[1], vaccel_image_classification(&sess, ...));
 *	while (vaccel_async_wait(queue, -1, &done) == VACCEL_OK)
 *		finish_image(done.user, done.result);
 *	vaccel_async_delete(queue);
 *
 * What the call's arguments point to (buffers, tensors, arrays and what they name) must stay as
 * and where it is until the result is taken: nothing is copied. Outputs are there from then on.
 * The arguments themselves are copied.
 *
 * Calls run at the same time and end in any order, also those of one session. In a session that
 * forwards to a host they are sent at submission, and no thread is needed. In a local session they
 * run in threads of the library: as many as there are processors, from 2 to 16, for all queues
 * together; further calls wait for a thread.
 *
 * vaccel_async_delete, vaccel_session_release (and delete) and vaccel_cleanup wait for the calls in
 * flight that they concern. Results of calls of a released session can still be taken. When a
 * program ends or is killed, the host ends its calls.
 *
 * Threads: all functions may be called from any thread, also on one queue at the same time, apart
 * from vaccel_async_delete, which must be the last. A child of fork() cannot use its parent's
 * queues: they give ENODEV, and only vaccel_async_delete is of use.
 *
 * Results: functions returning int give VACCEL_OK or a positive code.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vaccel/error.h"
#include "vaccel/op.h"
#include "vaccel/session.h"

#ifdef __cplusplus
extern "C" {
#endif

#define VACCEL_ASYNC_MAX_CALLS 4096

/* A queue of calls in flight and of results. */
struct vaccel_async;

/*
 * A call that has ended.
 *  user    what the program gave when it submitted the call
 *  result  what the call would have returned
 */
struct vaccel_async_done {
	void *user;
	int result;
};

/*
 * vaccel_async_new - make a queue
 * @queue:     receives the queue; pair with vaccel_async_delete
 * @max_calls: how many calls it takes, including those whose result is not taken yet; 1 to
 *	       VACCEL_ASYNC_MAX_CALLS
 *
 * EINVAL: NULL or another number. ENOMEM. EUSERS: the process has no file descriptor left.
 */
int vaccel_async_new(struct vaccel_async **queue, unsigned int max_calls);

/*
 * vaccel_async_delete - wait for all calls in flight, and free the queue
 *
 * Results that were not taken are lost. EINVAL: NULL.
 */
int vaccel_async_delete(struct vaccel_async *queue);

/*
 * VACCEL_ASYNC - submit a call
 * @queue: of vaccel_async_new
 * @user:  pointer that comes back with the result; may be NULL
 * @call:  the call of an operation, vaccel_genop included, as it would be written without a queue
 *
 * Gives VACCEL_OK when the call was submitted; its own result comes later. Otherwise there is
 * nothing to come. EINVAL: no queue, or @call is not an operation; or what is wrong with the call.
 * EAGAIN: as many calls are in flight as the queue, or the way to the host, takes: wait for one
 * and try again. ENOMEM, ENODEV, ESESS: as of the call.
 */
#define VACCEL_ASYNC(queue, user, call) \
	(vaccel_async_begin((queue), (user)) ? VACCEL_EINVAL : vaccel_async_end(call))

/*
 * The two halves of VACCEL_ASYNC, for bindings: between them the thread calls an operation, which
 * is submitted instead of run. vaccel_async_end takes what that gave, and returns it. EINVAL: NULL
 * queue; no operation was called.
 */
int vaccel_async_begin(struct vaccel_async *queue, void *user);
int vaccel_async_end(int result);

/*
 * vaccel_async_wait - take the result of a call: of those at hand, the one that ended first
 * @timeout_ms: how long to wait for one in milliseconds; 0: do not wait; -1: as long as it takes
 * @done:       receives it
 *
 * Signals do not end it. EINVAL: NULL. ENOENT: there is no call whose result could be taken.
 * EAGAIN: none ended in time. ENODEV: the queue is that of the parent process.
 */
int vaccel_async_wait(struct vaccel_async *queue, int timeout_ms, struct vaccel_async_done *done);

/*
 * vaccel_async_wait_for - take the result of one call
 * @user:       what it was submitted with; of several, the one submitted first
 * @timeout_ms: as for vaccel_async_wait
 * @result:     receives what the call would have returned
 *
 * EINVAL, ENOENT, EAGAIN, ENODEV: as vaccel_async_wait.
 */
int vaccel_async_wait_for(struct vaccel_async *queue, void *user, int timeout_ms, int *result);

/*
 * vaccel_async_fd - a file descriptor for poll(2) and the like
 * @fd: receives it; it belongs to the queue
 *
 * It is readable while vaccel_async_wait would find a result, and now and then when not: call that
 * with a timeout of 0 until it gives EAGAIN or ENOENT, and poll again. EINVAL: NULL. EBUSY: asked
 * for the first time while calls are in flight. EUSERS: the process has no file descriptor left.
 * ENODEV: as vaccel_async_wait.
 */
int vaccel_async_fd(struct vaccel_async *queue, int *fd);

/* How many calls of the queue are in flight, or wait for their result to be taken; 0 for NULL. */
unsigned int vaccel_async_count(struct vaccel_async *queue);

/* ---- For plugins that forward operations ---------------------------------------------------- */

/* An argument of an operation: i for integers, f for floats, p for pointers. */
union vaccel_async_value {
	int64_t i;
	float f;
	void *p;
};

/* The library's side of a call: arrived tells it that finish can be called. See below. */
struct vaccel_async_call {
	void (*arrived)(struct vaccel_async_call *call);
};

/*
 * What such a plugin does to run calls of its sessions without a thread. All may be called from any
 * thread.
 *  submit    starts a call of operation @op, with one value for each parameter after the session.
 *	      Must not wait for other calls (EAGAIN). After VACCEL_OK it calls call->arrived once,
 *	      from any thread, which may be in the library, and with locks of its own held.
 *	      @notify: a change of the descriptors of watch must follow without spin or arm.
 *	      @handle: receives the plugin's side of the call
 *  finish    makes outputs and result of a call that has arrived, frees its handle
 *  spin      looks for what has arrived: once, or (@wait) for a while, until *stop is not 0
 *  arm       before a thread sleeps on the descriptors: from now on they become readable when a
 *	      call arrives; until disarm
 *  watch     adds the descriptors to an epoll set
 */
struct vaccel_async_ops {
	int (*submit)(struct vaccel_async_call *call, struct vaccel_session *sess,
		      vaccel_op_type_t op, const union vaccel_async_value *values, bool notify,
		      void **handle);
	int (*finish)(void *handle);
	void (*spin)(const unsigned int *stop, bool wait);
	void (*arm)(void);
	void (*disarm)(void);
	int (*watch)(int epoll_fd);
};

/*
 * vaccel_plugin_register_async - offer asynchronous calls; plugins call this from init
 * @plugin: the plugin, &vaccel_this_plugin
 * @ops:    must stay valid while the plugin is loaded
 *
 * EINVAL: NULL. EUSERS: too many plugins did.
 */
int vaccel_plugin_register_async(struct vaccel_plugin *plugin, const struct vaccel_async_ops *ops);

#ifdef __cplusplus
}
#endif
