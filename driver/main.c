// SPDX-License-Identifier: GPL-2.0-only
/* The device: probe, remove, suspend, the class of its node, counters in sysfs. */
#include <linux/fs.h>
#include <linux/idr.h>
#include <linux/module.h>
#include <linux/reboot.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/virtio_ring.h>

#include "compat.h"
#include "context.h"
#include "file.h"
#include "life.h"

#define ACCEL_NAME		"virtio-accel"
#define ACCEL_MAX_DEVICES	64

/* Our own limits, for devices that promise more. */
#define ACCEL_MAX_SEGMENTS	SZ_64K
#define ACCEL_MAX_BYTES		SZ_64M

static unsigned short device_id = VIRTIO_ACCEL_DEVICE_ID;
module_param(device_id, ushort, 0444);
MODULE_PARM_DESC(device_id, "virtio device id to bind to (default 21)");

static dev_t accel_devt;
static DEFINE_IDA(accel_minors);

/* ---- counters --------------------------------------------------------------------------- */

#define accel_sum(dev, field)						\
({									\
	u64 sum_ = 0;							\
	unsigned int i_;						\
									\
	for (i_ = 0; i_ < (dev)->nr_queues; i_++)			\
		sum_ += READ_ONCE((dev)->queues[i_].field);		\
	sum_;								\
})

#define ACCEL_ATTR(name, value)							\
static ssize_t name##_show(struct device *d, struct device_attribute *attr, char *buf)	\
{										\
	struct accel_device *dev = container_of(d, struct accel_device, dev);	\
										\
	return sysfs_emit(buf, "%llu\n", (unsigned long long)(value));		\
}										\
static DEVICE_ATTR_RO(name)

ACCEL_ATTR(queues, dev->nr_queues);
ACCEL_ATTR(contexts, atomic_read(&dev->contexts));
ACCEL_ATTR(pinned_pages, atomic_long_read(&dev->pinned_pages));
ACCEL_ATTR(memory_pages, atomic_long_read(&dev->memory_pages));
ACCEL_ATTR(inflight, accel_sum(dev, inflight));
ACCEL_ATTR(requests, accel_sum(dev, requests));
ACCEL_ATTR(spins, accel_sum(dev, spins));
ACCEL_ATTR(polled, accel_sum(dev, polled));
ACCEL_ATTR(interrupts, accel_sum(dev, interrupts));

static struct attribute *accel_attrs[] = {
	&dev_attr_queues.attr,
	&dev_attr_contexts.attr,	/* open, or closed and the device has not answered yet */
	&dev_attr_pinned_pages.attr,
	&dev_attr_memory_pages.attr,	/* registered, or still in use after that */
	&dev_attr_inflight.attr,	/* requests that the device has */
	&dev_attr_requests.attr,	/* sent since the module was loaded */
	&dev_attr_spins.attr,		/* waits that began with polling */
	&dev_attr_polled.attr,		/* calls that were answered while the caller polled */
	&dev_attr_interrupts.attr,
	NULL
};
ATTRIBUTE_GROUPS(accel);

static char *accel_devnode(accel_devnode_t *dev, umode_t *mode)
{
	if (mode)
		*mode = 0660;
	return NULL;
}

static struct class accel_class = {
	.name = ACCEL_NAME,
	.devnode = accel_devnode,
	.dev_groups = accel_groups,
};

/* ---- the device ------------------------------------------------------------------------- */

static void accel_device_release(struct device *d)
{
	struct accel_device *dev = container_of(d, struct accel_device, dev);

	if (dev->dev.devt)
		ida_free(&accel_minors, MINOR(dev->dev.devt));
	kvfree(dev->queues);
	kfree(dev);
}

static int accel_validate(struct virtio_device *vdev)
{
	if (!virtio_has_feature(vdev, VIRTIO_F_VERSION_1)) {
		dev_err(&vdev->dev, "the device is not a modern one (VIRTIO_F_VERSION_1)\n");
		return -ENODEV;
	}
	if (virtio_has_feature(vdev, VIRTIO_F_ACCESS_PLATFORM)) {
		dev_err(&vdev->dev,
			"devices behind an IOMMU are not supported: remove iommu_platform\n");
		return -ENODEV;
	}
	/* See queue.c: polling needs interrupts that can be turned off. */
	__virtio_clear_bit(vdev, VIRTIO_RING_F_EVENT_IDX);
	return 0;
}

/* The only reads of the configuration: a stopped host process must not be asked again. */
static int accel_read_config(struct virtio_device *vdev, struct virtio_accel_info *info)
{
	u32 magic, version;

	if (!vdev->config->get) {
		dev_err(&vdev->dev, "the device has no configuration space\n");
		return -ENODEV;
	}
	virtio_cread_le(vdev, struct virtio_accel_config, magic, &magic);
	if (magic != VIRTIO_ACCEL_MAGIC) {
		dev_err(&vdev->dev, "not an accelerator: magic number %#x instead of %#x\n", magic,
			VIRTIO_ACCEL_MAGIC);
		return -ENODEV;
	}
	virtio_cread_le(vdev, struct virtio_accel_config, version, &version);
	if (version != VIRTIO_ACCEL_VERSION) {
		dev_err(&vdev->dev, "the device has version %u, this driver knows only %u\n",
			version, VIRTIO_ACCEL_VERSION);
		return -ENODEV;
	}
	memset(info, 0, sizeof(*info));
	info->version = version;
	virtio_cread_le(vdev, struct virtio_accel_config, num_queues, &info->num_queues);
	virtio_cread_le(vdev, struct virtio_accel_config, max_segments, &info->max_segments);
	virtio_cread_le(vdev, struct virtio_accel_config, max_message, &info->max_message);
	virtio_cread_le(vdev, struct virtio_accel_config, max_reply, &info->max_reply);
	if (!info->num_queues || info->num_queues > VIRTIO_ACCEL_MAX_QUEUES ||
	    info->max_message < sizeof(struct virtio_accel_msg)) {
		dev_err(&vdev->dev, "bad configuration: %u queues, messages of %u bytes\n",
			info->num_queues, info->max_message);
		return -ENODEV;
	}
	info->max_segments = min_t(u32, info->max_segments, ACCEL_MAX_SEGMENTS);
	info->max_message = min_t(u32, info->max_message, ACCEL_MAX_BYTES);
	info->max_reply = min_t(u32, info->max_reply, ACCEL_MAX_BYTES);
	/* The bits of the device type; the others are the transport's. */
	info->features = vdev->features & GENMASK_ULL(23, 0);
	return 0;
}

/*
 * The next kernel (kexec) must not find a device that writes to memory. Not every kernel's virtio
 * bus sees to that.
 */
static int accel_reboot(struct notifier_block *notifier, unsigned long action, void *data)
{
	accel_stop(container_of(notifier, struct accel_device, reboot_notifier));
	return NOTIFY_DONE;
}

static int accel_probe(struct virtio_device *vdev)
{
	struct virtio_accel_info info;
	struct accel_device *dev;
	int err, minor;

	err = accel_read_config(vdev, &info);
	if (err)
		return err;

	dev = kzalloc(sizeof(*dev), GFP_KERNEL);
	if (!dev)
		return -ENOMEM;
	dev->info = info;
	dev->vdev = vdev;
	accel_contexts_init(dev);
	device_initialize(&dev->dev);
	dev->dev.class = &accel_class;
	dev->dev.parent = &vdev->dev;
	dev->dev.release = accel_device_release;
	vdev->priv = dev;

	minor = ida_alloc_max(&accel_minors, ACCEL_MAX_DEVICES - 1, GFP_KERNEL);
	if (minor < 0) {
		err = minor;
		goto put;
	}
	dev->dev.devt = MKDEV(MAJOR(accel_devt), minor);
	err = dev_set_name(&dev->dev, ACCEL_NAME "%d", minor);
	if (err)
		goto put;
	err = accel_queues_init(dev);
	if (err)
		goto put;
	err = accel_start(dev);
	if (err)
		goto put;
	accel_life_start(dev);

	dev->reboot_notifier.notifier_call = accel_reboot;
	err = register_reboot_notifier(&dev->reboot_notifier);
	if (err)
		goto stop;
	cdev_init(&dev->cdev, &accel_fops);
	dev->cdev.owner = THIS_MODULE;
	err = cdev_device_add(&dev->cdev, &dev->dev);
	if (err)
		goto unregister_notifier;
	dev_info(&dev->dev, "%u queues of %u, messages of %u bytes, %u segments\n", dev->nr_queues,
		 dev->ring_size, info.max_message, info.max_segments);
	return 0;

unregister_notifier:
	unregister_reboot_notifier(&dev->reboot_notifier);
stop:
	accel_stop(dev);
	accel_life_stop(dev);
	cancel_work_sync(&dev->fail_work);
put:
	put_device(&dev->dev);
	return err;
}

static void accel_remove(struct virtio_device *vdev)
{
	struct accel_device *dev = vdev->priv;

	unregister_reboot_notifier(&dev->reboot_notifier);
	cdev_device_del(&dev->cdev, &dev->dev);
	accel_stop(dev);
	accel_life_stop(dev);
	cancel_work_sync(&dev->fail_work);
	accel_contexts_end(dev);
	/* Open files keep the rest. */
	put_device(&dev->dev);
}

#ifdef CONFIG_PM_SLEEP
/* What runs is ended, and sessions are lost: the device forgets them when it is reset. */
static int accel_freeze(struct virtio_device *vdev)
{
	struct accel_device *dev = vdev->priv;

	accel_stop(dev);
	accel_life_stop(dev);
	/* A failure that was noticed before must not stop the device afterwards. */
	cancel_work_sync(&dev->fail_work);
	return 0;
}

static int accel_restore(struct virtio_device *vdev)
{
	struct accel_device *dev = vdev->priv;
	int err = accel_start(dev);

	if (!err)
		accel_life_start(dev);
	return err;
}
#endif

/* The parameter device_id may replace the first entry. */
static struct virtio_device_id accel_ids[] = {
	{ VIRTIO_ACCEL_DEVICE_ID, VIRTIO_DEV_ANY_ID },
	{ 0 },
};
MODULE_DEVICE_TABLE(virtio, accel_ids);

static const unsigned int accel_features[] = { VIRTIO_ACCEL_F_MEMORY };

static struct virtio_driver accel_driver = {
	.driver.name = KBUILD_MODNAME,
	.driver.owner = THIS_MODULE,
	.id_table = accel_ids,
	.feature_table = accel_features,
	.feature_table_size = ARRAY_SIZE(accel_features),
	.validate = accel_validate,
	.probe = accel_probe,
	.remove = accel_remove,
#ifdef CONFIG_PM_SLEEP
	.freeze = accel_freeze,
	.restore = accel_restore,
#endif
};

static int __init accel_init(void)
{
	int err;

	accel_ids[0].device = device_id;
	accel_wq = alloc_workqueue(ACCEL_NAME, WQ_UNBOUND, 0);
	if (!accel_wq)
		return -ENOMEM;
	err = alloc_chrdev_region(&accel_devt, 0, ACCEL_MAX_DEVICES, ACCEL_NAME);
	if (err)
		goto destroy_wq;
	err = class_register(&accel_class);
	if (err)
		goto unregister_chrdev;
	err = register_virtio_driver(&accel_driver);
	if (err)
		goto unregister_class;
	return 0;

unregister_class:
	class_unregister(&accel_class);
unregister_chrdev:
	unregister_chrdev_region(accel_devt, ACCEL_MAX_DEVICES);
destroy_wq:
	destroy_workqueue(accel_wq);
	return err;
}

static void __exit accel_exit(void)
{
	unregister_virtio_driver(&accel_driver);
	class_unregister(&accel_class);
	unregister_chrdev_region(accel_devt, ACCEL_MAX_DEVICES);
	destroy_workqueue(accel_wq);
	ida_destroy(&accel_minors);
}

module_init(accel_init);
module_exit(accel_exit);

MODULE_DESCRIPTION("Driver of the virtio accelerator device");
MODULE_VERSION("0.8.0");
MODULE_LICENSE("GPL");
