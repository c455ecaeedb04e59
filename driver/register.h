/* SPDX-License-Identifier: GPL-2.0-only */
/* Tells the device of registered memory. */
#ifndef ACCEL_REGISTER_H
#define ACCEL_REGISTER_H

#include "context.h"

int accel_register_ioctl(struct accel_context *ctx, unsigned int cmd,
			 struct virtio_accel_memory __user *user);

#endif
