/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How libvaccel-virtio reaches the device: through the driver's node (device.c) or, without a VM, by
 * speaking vhost-user to vhost-user-accel over shared memory (native.c).
 */
#ifndef VIRTIO_TRANSPORT_H
#define VIRTIO_TRANSPORT_H

#include <stdint.h>

#include "uapi/linux/virtio_accel.h"

struct transport;

struct transport_ops {
	/*
	 * Sends one request and waits for its response.
	 *
	 * @message:   message_len bytes, copied before the call returns to waiting
	 * @segments:  nr_segments pieces of the caller's memory; valid until the call returns
	 * @reply:     receives at most *reply_len bytes; *reply_len becomes what was received
	 * @status:    out: the device's status
	 *
	 * Return: 0 when the device answered, else a positive errno value: EINVAL, EFAULT, ENOMEM, EINTR,
	 * EIO (a malformed answer), ENODEV (the device, or its host process, is gone). Any thread may call at any time.
	 */
	int (*call)(struct transport *t, const void *message, uint32_t message_len,
		    const struct virtio_accel_user_segment *segments, uint32_t nr_segments,
		    void *reply, uint32_t *reply_len, uint32_t *status);

	/* Closes the connection and frees @t. No call may be running. */
	void (*close)(struct transport *t);
};

struct transport {
	const struct transport_ops *ops;
	struct virtio_accel_info info;
};

/**
 * transport_open_device() - opens the driver's node
 * @path: e.g. "/dev/virtio-accel0"
 * @out:  receives the transport; close with its ops->close
 *
 * Return: 0, or a positive errno value after logging what the user can do about it.
 */
int transport_open_device(const char *path, struct transport **out);

/**
 * transport_open_native() - connects to a listening vhost-user-accel
 * @socket_path: its unix socket
 * @out:         receives the transport; close with its ops->close
 *
 * Return: 0, or a positive errno value after logging what the user can do about it.
 */
int transport_open_native(const char *socket_path, struct transport **out);

#endif
