/* SPDX-License-Identifier: GPL-2.0-only */
/* Contexts: open files as the device knows them. */
#ifndef ACCEL_CONTEXT_H
#define ACCEL_CONTEXT_H

#include "request.h"

struct accel_context {
	struct kref ref;		/* the file, the orphans and async calls */
	struct accel_device *dev;
	u64 id;
	struct accel_request *close;	/* made at open, because a close must not fail */
	struct accel_request *spare;	/* for the next call, or NULL */
	struct xarray memories;		/* registered memory by id */
	struct mutex memory_mutex;	/* the device is told of one change after the other */

	/* async.c */
	spinlock_t lock;		/* of these two */
	struct list_head answered;	/* requests to be reaped */
	bool closed;
	wait_queue_head_t readable;	/* pollers */
	atomic_t nr_async;		/* submitted and not reaped */
	struct accel_queue *last_queue;	/* of the last request submitted, or NULL */
	u64 wait_start;			/* when the program began to wait, or 0 */
};

void accel_contexts_init(struct accel_device *dev);
void accel_contexts_end(struct accel_device *dev);

struct accel_context *accel_context_new(struct accel_device *dev);
void accel_context_put(struct accel_context *ctx);
bool accel_context_wait(struct accel_context *ctx, struct accel_request *rq);
void accel_orphan(struct accel_request *rq);

#endif
