/* SPDX-License-Identifier: GPL-2.0-only */
/* What differs between the kernels that the driver is built for: 6.1 and later. */
#ifndef ACCEL_COMPAT_H
#define ACCEL_COMPAT_H

#include <linux/device.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/version.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 1, 0)
#error "virtio_accel needs Linux 6.1 or later"
#endif

/* The argument of struct class.devnode became const. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
typedef struct device accel_devnode_t;
#else
typedef const struct device accel_devnode_t;
#endif

/* What the page allocator gives at most: the meaning of MAX_ORDER, and then its name, changed. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 4, 0)
#define ACCEL_MAX_ORDER		(MAX_ORDER - 1)
#elif LINUX_VERSION_CODE < KERNEL_VERSION(6, 8, 0)
#define ACCEL_MAX_ORDER		MAX_ORDER
#else
#define ACCEL_MAX_ORDER		MAX_PAGE_ORDER
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
static inline void vm_flags_set(struct vm_area_struct *vma, vm_flags_t flags)
{
	vma->vm_flags |= flags;
}
#endif

/* virtio_find_vqs() took two arrays before it took one. */
static inline int accel_find_vqs(struct virtio_device *vdev, unsigned int nr,
				 struct virtqueue *vqs[], vq_callback_t *callback, const char *name)
{
	unsigned int i;
	int err = -ENOMEM;
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 11, 0)
	vq_callback_t **callbacks = kcalloc(nr, sizeof(*callbacks), GFP_KERNEL);
	const char **names = kcalloc(nr, sizeof(*names), GFP_KERNEL);

	if (callbacks && names) {
		for (i = 0; i < nr; i++) {
			callbacks[i] = callback;
			names[i] = name;
		}
		err = virtio_find_vqs(vdev, nr, vqs, callbacks, names, NULL);
	}
	kfree(names);
	kfree(callbacks);
#else
	struct virtqueue_info *info = kcalloc(nr, sizeof(*info), GFP_KERNEL);

	if (info) {
		for (i = 0; i < nr; i++)
			info[i] = (struct virtqueue_info){ .name = name, .callback = callback };
		err = virtio_find_vqs(vdev, nr, vqs, info, NULL);
	}
	kfree(info);
#endif
	return err;
}

#endif
