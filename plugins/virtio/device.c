// SPDX-License-Identifier: Apache-2.0
/* The transport in a VM: the node of the driver virtio_accel. */
#include "transport.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "transport/fd.h"
#include "vaccel/log.h"

/* Answers that are taken at once */
#define REAP_MAX 32

struct device_transport {
	struct transport t;
	int fd;
	pid_t pid;	/* of the process that opened it */
};

struct device_call {
	struct transport_call c;
	int err;
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

/* A child of fork() has the file, but must not take its parent's answers. */
static bool is_ours(const struct device_transport *d)
{
	return getpid() == d->pid;
}

static int device_submit(struct transport *t, struct transport_call *c)
{
	struct device_transport *d = (struct device_transport *)t;
	struct virtio_accel_submit submit = {
		.call = {
			.message = (uintptr_t)c->message,
			.segments = (uintptr_t)c->segments,
			.reply = (uintptr_t)c->reply,
			.message_len = c->message_len,
			.nr_segments = c->nr_segments,
			.reply_len = c->reply_len,
			.flags = c->notify ? VIRTIO_ACCEL_SUBMIT_NOTIFY : 0,
		},
		.token = (uintptr_t)c,
	};

	if (!is_ours(d)) {
		vaccel_error("virtio: asynchronous calls in sessions of the parent process are not "
			     "possible after fork(); call vaccel_bootstrap() in the child and open "
			     "another one");
		return ENODEV;
	}
	return ioctl(d->fd, VIRTIO_ACCEL_IOC_SUBMIT, &submit) ? errno : 0;
}

static int device_finish(struct transport *t, struct transport_call *c)
{
	(void)t;
	return ((struct device_call *)c)->err;
}

/* Return: how many answers were taken. */
static uint32_t reap(struct device_transport *d, uint32_t flags)
{
	struct virtio_accel_done done[REAP_MAX];
	struct virtio_accel_reap r = {
		.done = (uintptr_t)done,
		.nr = REAP_MAX,
		.flags = flags,
	};

	if (!is_ours(d) || ioctl(d->fd, VIRTIO_ACCEL_IOC_REAP, &r))
		return 0;
	for (uint32_t i = 0; i < r.nr; i++) {
		struct device_call *dc = (struct device_call *)(uintptr_t)done[i].token;

		dc->err = (int)done[i].error;
		if (!dc->err && done[i].reply_len > dc->c.reply_len)
			dc->err = ENODEV; /* as in device_call() */
		dc->c.reply_len = done[i].reply_len;
		dc->c.status = done[i].status;
		dc->c.arrived(&dc->c);
	}
	return r.nr;
}

static void device_spin(struct transport *t, const unsigned int *stop, bool wait)
{
	struct device_transport *d = (struct device_transport *)t;
	uint32_t nr;

	/* Each look that finds something ends, and that may have been for another queue. */
	do
		nr = reap(d, wait ? VIRTIO_ACCEL_REAP_POLL : 0);
	while (nr && !__atomic_load_n(stop, __ATOMIC_ACQUIRE));
}

/* Looking in vain turns notifications on. */
static void device_arm(struct transport *t)
{
	while (reap((struct device_transport *)t, 0))
		;
}

static void device_disarm(struct transport *t)
{
	(void)t;
}

static int device_watch(struct transport *t, int epoll_fd)
{
	struct device_transport *d = (struct device_transport *)t;
	struct epoll_event event = { .events = EPOLLIN };

	if (!is_ours(d))
		return ENODEV;
	return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, d->fd, &event) && errno != EEXIST ? errno : 0;
}

/* Return: 0, an errno value, or the device's status. */
static int memory_ioctl(struct transport *t, unsigned long request, struct virtio_accel_memory *m)
{
	struct device_transport *d = (struct device_transport *)t;

	if (!is_ours(d))
		return ENODEV;
	return ioctl(d->fd, request, m) ? errno : (int)m->status;
}

static int device_mem_register(struct transport *t, const struct transport_memory *m)
{
	struct virtio_accel_memory arg = {.id = m->id};

	return memory_ioctl(t, VIRTIO_ACCEL_IOC_MEMORY_REGISTER, &arg);
}

static int device_mem_alloc(struct transport *t, struct transport_memory *m)
{
	struct device_transport *d = (struct device_transport *)t;
	struct virtio_accel_memory arg = {.size = m->size, .id = m->id}, gone = {.id = m->id};
	int err = memory_ioctl(t, VIRTIO_ACCEL_IOC_MEMORY_ALLOC, &arg);

	if (err)
		return err;
	m->start = MAP_FAILED;
	if (arg.size <= SIZE_MAX)
		m->start = mmap(NULL, (size_t)arg.size, PROT_READ | PROT_WRITE, MAP_SHARED, d->fd,
				(off_t)m->id * sysconf(_SC_PAGESIZE));
	if (m->start == MAP_FAILED) {
		err = errno;
		(void)memory_ioctl(t, VIRTIO_ACCEL_IOC_MEMORY_FREE, &gone);
		return err;
	}
	m->nr_blocks = arg.nr_blocks;
	return 0;
}

static void device_mem_free(struct transport *t, struct transport_memory *m)
{
	struct virtio_accel_memory arg = {.id = m->id};

	if (is_ours((struct device_transport *)t))
		munmap(m->start, m->size);
	/* When this fails the device is gone, and its memory with it. */
	(void)memory_ioctl(t, VIRTIO_ACCEL_IOC_MEMORY_FREE, &arg);
}

static void device_close(struct transport *t)
{
	struct device_transport *d = (struct device_transport *)t;

	close(d->fd);
	free(d);
}

static const struct transport_ops device_ops = {
	.call = device_call,
	.submit = device_submit,
	.finish = device_finish,
	.spin = device_spin,
	.arm = device_arm,
	.disarm = device_disarm,
	.watch = device_watch,
	.mem_alloc = device_mem_alloc,
	.mem_register = device_mem_register,
	.mem_free = device_mem_free,
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
	d->t.call_size = sizeof(struct device_call);
	d->pid = getpid();
	d->fd = fd_above_stdio(open(path, O_RDWR | O_CLOEXEC));
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
