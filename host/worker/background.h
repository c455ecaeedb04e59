/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Long operations in the background: the thread of an operation that has taken BACKGROUND_MS gives
 * way to everything short. With the policy SCHED_IDLE the kernel takes its processor for a free one
 * when it looks for a place for whoever wakes up: the guest's virtual processors, QEMU's main loop,
 * threads with short operations. Where processors are scarce, they would otherwise wait for each
 * other on what the operation leaves.
 *
 * The operation's share of the machine stays: autogroups weigh the worker as a whole. Where they are
 * off, nothing is done, since the thread could starve. There is no way back from SCHED_IDLE
 * without privileges, so the thread is of use only for other long operations afterwards.
 */
#ifndef HOST_BACKGROUND_H
#define HOST_BACKGROUND_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

#define BACKGROUND_MS 50

/** An operation; belongs to the thread that runs it, between begin and end. */
struct background_op {
	LIST_ENTRY(background_op) links;
	pid_t thread;
	uint64_t start_ns;
	bool is_moved;
};

/** The operations of a queue */
struct background {
	int timer; /* to be waited for; -1: nothing is ever moved */
	pthread_mutex_t lock;
	LIST_HEAD(, background_op) ops;
	bool is_armed;
};

/** background_init() - @b->timer then is an fd, or -1 where this cannot be done or would do harm */
void background_init(struct background *b);

void background_exit(struct background *b);

/** background_begin() - the calling thread starts an operation that may be long */
void background_begin(struct background *b, struct background_op *op);

/**
 * background_end() - the operation has ended
 *
 * Return: whether the thread is in the background now, and only good for what is long, too.
 */
bool background_end(struct background *b, struct background_op *op);

/** background_tick() - the timer has fired: moves what is due. Any thread. */
void background_tick(struct background *b);

#endif
