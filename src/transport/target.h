/* SPDX-License-Identifier: Apache-2.0 */
/* What the plugin virtio connects to, as the environment says. */
#ifndef TRANSPORT_TARGET_H
#define TRANSPORT_TARGET_H

#include <stdbool.h>
#include <stdlib.h>

/** The first device's node, which the driver virtio_accel makes */
#define TARGET_DEFAULT_DEVICE "/dev/virtio-accel0"

static inline const char *target_variable(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

/** target_is_native() - whether it is the socket of a vhost-user-accel, without a VM */
static inline bool target_is_native(void)
{
	return target_variable("VACCEL_VIRTIO_SOCKET");
}

/** target_path() - the socket, or the driver's node */
static inline const char *target_path(void)
{
	return target_variable("VACCEL_VIRTIO_SOCKET") ?: target_variable("VACCEL_VIRTIO_DEVICE") ?:
	       TARGET_DEFAULT_DEVICE;
}

#endif
