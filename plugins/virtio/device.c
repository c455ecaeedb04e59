// SPDX-License-Identifier: Apache-2.0
/* The transport in a VM: the node of the driver virtio_accel. */
#include "transport.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "vaccel/log.h"

struct device_transport {
	struct transport t;
	int fd;
};

static int device_call(struct transport *t, const void *message, uint32_t message_len,
		       const struct virtio_accel_user_segment *segments, uint32_t nr_segments,
		       void *reply, uint32_t *reply_len, uint32_t *status)
{
	struct device_transport *d = (struct device_transport *)t;
	struct virtio_accel_call call = {
		.message = (uintptr_t)message,
		.segments = (uintptr_t)segments,
		.reply = (uintptr_t)reply,
		.message_len = message_len,
		.nr_segments = nr_segments,
		.reply_len = *reply_len,
	};

	if (ioctl(d->fd, VIRTIO_ACCEL_IOC_CALL, &call) != 0)
		return errno;
	if (call.reply_len > *reply_len)
		return ENODEV; /* only a broken driver says so; the caller must not read beyond */
	*reply_len = call.reply_len;
	*status = call.status;
	return 0;
}

static void device_close(struct transport *t)
{
	struct device_transport *d = (struct device_transport *)t;

	close(d->fd);
	free(d);
}

static const struct transport_ops device_ops = {
	.call = device_call,
	.close = device_close,
};

static void report_open(const char *path, int err)
{
	switch (err) {
	case ENOENT:
		vaccel_error("virtio: there is no %s: load the driver (modprobe virtio_accel), and "
			     "check that this machine is a VM with a virtio accelerator; "
			     "VACCEL_VIRTIO_DEVICE names another node", path);
		break;
	case EACCES:
	case EPERM:
		vaccel_error("virtio: no permission to open %s: add the user to the group accel "
			     "(usermod -aG accel USER) and log in again", path);
		break;
	case ENODEV:
	case ENXIO:
		vaccel_error("virtio: the device behind %s is gone: check that the driver "
			     "virtio_accel is loaded and the host process vhost-user-accel runs",
			     path);
		break;
	default:
		vaccel_error("virtio: cannot open %s: %s", path, strerror(err));
	}
}

static void report_info(const char *path, int err)
{
	if (err == ENOTTY || err == EINVAL)
		vaccel_error("virtio: %s is not the node of a virtio accelerator; set "
			     "VACCEL_VIRTIO_DEVICE to the right one", path);
	else
		report_open(path, err);
}

int transport_open_device(const char *path, struct transport **out)
{
	struct device_transport *d = calloc(1, sizeof(*d));
	int err;

	if (!d) {
		report_open(path, ENOMEM);
		return ENOMEM;
	}
	d->t.ops = &device_ops;
	d->fd = open(path, O_RDWR | O_CLOEXEC);
	if (d->fd < 0) {
		err = errno;
		report_open(path, err);
		goto err_free;
	}
	if (ioctl(d->fd, VIRTIO_ACCEL_IOC_INFO, &d->t.info) != 0) {
		err = errno;
		report_info(path, err);
		goto err_close;
	}
	if (d->t.info.version != VIRTIO_ACCEL_VERSION) {
		vaccel_error("virtio: the device behind %s has version %u, this plugin knows %u; "
			     "install matching versions of vhost-user-accel and libvaccel-virtio",
			     path, d->t.info.version, VIRTIO_ACCEL_VERSION);
		err = ENODEV;
		goto err_close;
	}
	*out = &d->t;
	return 0;

err_close:
	close(d->fd);
err_free:
	free(d);
	return err;
}
