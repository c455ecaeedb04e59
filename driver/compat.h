/* SPDX-License-Identifier: GPL-2.0-only */
/* What differs between the kernels that the driver is built for: 6.1 and later. */
#ifndef ACCEL_COMPAT_H
#define ACCEL_COMPAT_H

#include <linux/device.h>
#include <linux/version.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>

#include <linux/virtio_accel.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 1, 0)
#error "virtio_accel needs Linux 6.1 or later"
#endif

/* The argument of struct class.devnode became const. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
typedef struct device accel_devnode_t;
#else
typedef const struct device accel_devnode_t;
#endif

/* virtio_find_vqs() took two arrays before it took one. @nr is at most VIRTIO_ACCEL_MAX_QUEUES. */
static inline int accel_find_vqs(struct virtio_device *vdev, unsigned int nr,
				 struct virtqueue *vqs[], vq_callback_t *callback, const char *name)
{
	unsigned int i;
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 11, 0)
	vq_callback_t *callbacks[VIRTIO_ACCEL_MAX_QUEUES];
	const char *names[VIRTIO_ACCEL_MAX_QUEUES];

	for (i = 0; i < nr; i++) {
		callbacks[i] = callback;
		names[i] = name;
	}
	return virtio_find_vqs(vdev, nr, vqs, callbacks, names, NULL);
#else
	struct virtqueue_info info[VIRTIO_ACCEL_MAX_QUEUES];

	for (i = 0; i < nr; i++)
		info[i] = (struct virtqueue_info){ .name = name, .callback = callback };
	return virtio_find_vqs(vdev, nr, vqs, info, NULL);
#endif
}

#endif
