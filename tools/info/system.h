/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel says of the device and its driver. */
#ifndef INFO_SYSTEM_H
#define INFO_SYSTEM_H

#include <limits.h>
#include <stdbool.h>

#include "uapi/linux/virtio_accel.h"

/** The driver's module */
#define SYSTEM_MODULE "virtio_accel"

/**
 * struct system_device - the first device of the kind, and its driver; texts are "" where there is none
 * @loaded:  the driver is there, as a module or in the kernel
 * @version: its
 * @bus:     the device's name on the virtio bus, such as "virtio2"
 * @driver:  the name of the driver that serves it
 * @name:    of its node in /dev
 */
struct system_device {
	bool loaded;
	char version[32];
	char bus[NAME_MAX + 1];
	char driver[NAME_MAX + 1];
	char name[NAME_MAX + 1];
};

/** system_device() - finds them */
void system_device(struct system_device *d);

/** system_limits() - asks the driver of a node for the device's features and limits. Return: 0 or an errno value */
int system_limits(const char *node, struct virtio_accel_info *info);

#endif
