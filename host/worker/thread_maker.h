/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads that plugins start. A thread inherits the policy of the one that starts it, and one in the
 * background (background.h) cannot give its own away again: an engine's pool, once started within a
 * long operation, would be in the background for all operations to come. So the worker has a
 * pthread_create() of its own, which leaves it to a thread in the foreground there.
 */
#ifndef HOST_THREAD_MAKER_H
#define HOST_THREAD_MAKER_H

/**
 * thread_maker_start() - starts the thread that starts others; the caller is not in the background
 *
 * Needed once; calls after the first do nothing. Without memory for it plugins' threads inherit.
 */
void thread_maker_start(void);

#endif
