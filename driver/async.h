/* SPDX-License-Identifier: GPL-2.0-only */
/* Requests that a program submits and reaps later. */
#ifndef ACCEL_ASYNC_H
#define ACCEL_ASYNC_H

#include <linux/poll.h>

#include "context.h"

int accel_async_submit(struct accel_context *ctx, struct virtio_accel_submit __user *user);
int accel_async_reap(struct accel_context *ctx, struct virtio_accel_reap __user *user);
__poll_t accel_async_poll(struct accel_context *ctx, struct file *file, poll_table *wait);
void accel_async_close(struct accel_context *ctx);

#endif
