/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How libvaccel-virtio reaches the device: through the driver's node (device.c) or, without a VM, by
 * speaking vhost-user to vhost-user-accel over shared memory (native.c).
 */
#ifndef VIRTIO_TRANSPORT_H
#define VIRTIO_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "uapi/linux/virtio_accel.h"

struct transport;

/** struct transport_memory - memory that is registered with the device */
struct transport_memory {
	void *start;
	size_t size;		/* bytes */
	uint32_t id;		/* chosen by the caller, not 0 */
	uint32_t nr_blocks;	/* physically contiguous ones */
	void *priv;		/* of the transport */
};

/*
 * A request that is sent and then waited for; fields as the parameters of struct transport_ops's call.
 * It starts transport->call_size bytes, of which the rest is the transport's.
 */
struct transport_call {
	const void *message;
	const struct virtio_accel_user_segment *segments;
	void *reply;
	uint32_t message_len;
	uint32_t nr_segments;
	uint32_t reply_len;
	uint32_t status;
	bool notify;		/* watch()'s descriptors must tell of the answer, also without arm() */
	/* Called once, by any thread, also within the transport and with its locks held. */
	void (*arrived)(struct transport_call *c);
};

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

	/*
	 * The same in two steps: starts a request, without waiting for anything. Return: 0, and
	 * @c->arrived will be called; or an error as call's, or EAGAIN (too much is under way).
	 */
	int (*submit)(struct transport *t, struct transport_call *c);

	/* After arrived: makes reply_len and status, and what else call makes. Return: as call. */
	int (*finish)(struct transport *t, struct transport_call *c);

	/* Looks for answers to submitted requests: see struct vaccel_async_ops. */
	void (*spin)(struct transport *t, const unsigned int *stop, bool wait);
	void (*arm)(struct transport *t);
	void (*disarm)(struct transport *t);
	int (*watch)(struct transport *t, int epoll_fd);

	/* Undoes watch(). NULL where lost is. */
	void (*unwatch)(struct transport *t, int epoll_fd);

	/*
	 * Whether the connection has ended for good: all requests have, or are just being ended, and
	 * another one may be opened in its place. NULL: it never does.
	 */
	bool (*lost)(struct transport *t);

	/*
	 * Registered memory, of devices that have VIRTIO_ACCEL_F_MEMORY: mem_alloc allocates @m->size
	 * bytes, zeroed, and registers them as @m->id; mem_register registers them anew when the
	 * device has lost them. Segments of calls name it, see struct virtio_accel_user_segment.
	 *
	 * Return: 0, a positive errno value as above, or the device's status.
	 */
	int (*mem_alloc)(struct transport *t, struct transport_memory *m);
	int (*mem_register)(struct transport *t, const struct transport_memory *m);

	/* Unregisters and frees it. No call that names it may be running. */
	void (*mem_free)(struct transport *t, struct transport_memory *m);

	/* Closes the connection and frees @t. No call may be running. */
	void (*close)(struct transport *t);
};

struct transport {
	const struct transport_ops *ops;
	struct virtio_accel_info info;
	size_t call_size;
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

/** transport_reopen_native() - the same, but one attempt, and not a word where nobody listens yet */
int transport_reopen_native(const char *socket_path, struct transport **out);

#endif
