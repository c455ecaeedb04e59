// SPDX-License-Identifier: Apache-2.0
/* vhost-user messages as a front end sends and receives them, see native_proto.h. */
#define _GNU_SOURCE
#include "native_proto.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "transport/clock.h"
#include "transport/fd.h"
#include "transport/refusal.h"

/* Waits until @fd is ready for @events. Hang-ups count as ready: the next call tells. */
static int wait_ready(int fd, short events, uint64_t deadline)
{
	for (;;) {
		struct pollfd p = { .fd = fd, .events = events };
		int64_t left = (int64_t)(deadline - now_ms());
		int n;

		if (left < 0)
			left = 0;
		n = poll(&p, 1, (int)left);
		if (n > 0)
			return 0;
		if (n == 0)
			return ETIMEDOUT;
		if (errno != EINTR)
			return errno;
	}
}

int vu_connect(struct vu_conn *c, const char *path, int timeout_ms)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	uint64_t deadline = now_ms() + (uint64_t)timeout_ms;
	int err;

	*c = (struct vu_conn){ .fd = -1, .timeout_ms = timeout_ms };
	if (strlen(path) >= sizeof(addr.sun_path))
		return ENAMETOOLONG;
	memcpy(addr.sun_path, path, strlen(path) + 1);

	c->fd = fd_above_stdio(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
	if (c->fd < 0)
		return errno;
	while (connect(c->fd, (struct sockaddr *)&addr, sizeof(addr)) != 0) {
		/* EAGAIN: the backlog is full, and nothing tells when it has room. */
		const struct timespec pause = { .tv_nsec = 10 * 1000000 };

		err = errno;
		if (err == EINTR)
			continue;
		if (err != EAGAIN || now_ms() >= deadline) {
			vu_close(c);
			return err == EAGAIN ? ETIMEDOUT : err;
		}
		nanosleep(&pause, NULL);
	}
	return 0;
}

void vu_close(struct vu_conn *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}

int vu_send(struct vu_conn *c, const struct vu_msg *m, const int *fds, size_t nr_fds)
{
	union {
		char buf[CMSG_SPACE(VU_MAX_FDS * sizeof(int))];
		struct cmsghdr align;
	} control;
	uint64_t deadline = now_ms() + (uint64_t)c->timeout_ms;
	const char *p = (const char *)m;
	size_t left;

	if (m->size > sizeof(m->bytes) || nr_fds > VU_MAX_FDS)
		return EINVAL;
	if (c->fd < 0)
		return ENODEV;
	left = VU_HEADER_SIZE + m->size;
	while (left) {
		struct iovec iov = { .iov_base = (void *)p, .iov_len = left };
		struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };
		ssize_t n;

		if (nr_fds) {
			struct cmsghdr *cm;

			memset(&control, 0, sizeof(control));
			mh.msg_control = control.buf;
			mh.msg_controllen = CMSG_SPACE(nr_fds * sizeof(int));
			cm = CMSG_FIRSTHDR(&mh);
			cm->cmsg_level = SOL_SOCKET;
			cm->cmsg_type = SCM_RIGHTS;
			cm->cmsg_len = CMSG_LEN(nr_fds * sizeof(int));
			memcpy(CMSG_DATA(cm), fds, nr_fds * sizeof(int));
		}
		n = sendmsg(c->fd, &mh, MSG_NOSIGNAL);
		if (n < 0 && errno == EAGAIN) {
			int err = wait_ready(c->fd, POLLOUT, deadline);

			if (err)
				return err;
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EPIPE || errno == ECONNRESET ? ENODEV : errno;
		p += n;
		left -= (size_t)n;
		nr_fds = 0; /* they went with the first byte */
	}
	return 0;
}

/* No answer carries descriptors in what this front end negotiates: there is no room to take any. */
static int recv_all(struct vu_conn *c, void *buf, size_t len, uint64_t deadline)
{
	char *p = buf;

	while (len) {
		ssize_t n;
		int err = wait_ready(c->fd, POLLIN, deadline);

		if (err)
			return err;
		n = recv(c->fd, p, len, 0);
		if (n == 0)
			return ENODEV;
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n < 0)
			return errno == ECONNRESET ? ENODEV : errno;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

/* It may come in the place of any answer. */
static int recv_refusal(struct vu_conn *c, uint64_t deadline)
{
	struct {
		uint64_t reason, number;
	} payload;
	int err = recv_all(c, &payload, sizeof(payload), deadline);

	if (err)
		return err;
	c->refusal = payload.reason;
	c->refusal_number = payload.number;
	return EUSERS;
}

int vu_recv(struct vu_conn *c, uint32_t request, struct vu_msg *m)
{
	uint64_t deadline = now_ms() + (uint64_t)c->timeout_ms;
	int err;

	if (c->fd < 0)
		return ENODEV;
	err = recv_all(c, m, VU_HEADER_SIZE, deadline);
	if (err)
		return err;
	if (m->request == REFUSAL_REQUEST && m->flags == REFUSAL_FLAGS &&
	    m->size == sizeof(struct refusal) - VU_HEADER_SIZE)
		return recv_refusal(c, deadline);
	if (m->request != request || !(m->flags & VU_REPLY) ||
	    (m->flags & VU_VERSION_MASK) != VU_VERSION || m->size > sizeof(m->bytes))
		return EPROTO;
	return recv_all(c, m->bytes, m->size, deadline);
}

int vu_get_u64(struct vu_conn *c, uint32_t request, uint64_t *value)
{
	struct vu_msg m = { .request = request, .flags = VU_VERSION };
	int err = vu_send(c, &m, NULL, 0);

	/* Who has hung up may have said why before. */
	if (!err || err == ENODEV)
		err = vu_recv(c, request, &m);
	if (!err && m.size != sizeof(m.u64))
		err = EPROTO;
	if (!err)
		*value = m.u64;
	return err;
}

int vu_set(struct vu_conn *c, struct vu_msg *m, const int *fds, size_t nr_fds)
{
	bool ack = c->protocol_features & (1ull << VU_P_REPLY_ACK);
	struct vu_msg answer;
	int err;

	m->flags = VU_VERSION | (ack ? VU_NEED_REPLY : 0);
	err = vu_send(c, m, fds, nr_fds);
	if (err || !ack)
		return err;
	err = vu_recv(c, m->request, &answer);
	if (!err && (answer.size != sizeof(answer.u64) || answer.u64 != 0))
		err = EPROTO;
	return err;
}

int vu_set_u64(struct vu_conn *c, uint32_t request, uint64_t value, int fd)
{
	struct vu_msg m = { .request = request, .size = sizeof(m.u64), .u64 = value };

	return vu_set(c, &m, &fd, fd >= 0);
}

int vu_set_state(struct vu_conn *c, uint32_t request, uint32_t index, uint32_t num)
{
	struct vu_msg m = {
		.request = request,
		.size = sizeof(m.state),
		.state = { .index = index, .num = num },
	};

	return vu_set(c, &m, NULL, 0);
}

int vu_get_config(struct vu_conn *c, uint32_t offset, void *data, uint32_t len)
{
	struct vu_msg m = {
		.request = VU_GET_CONFIG,
		.flags = VU_VERSION,
		.config = { .offset = offset, .size = len },
	};
	int err;

	if (len > VU_MAX_CONFIG)
		return EINVAL;
	m.size = (uint32_t)offsetof(struct vu_config, data) + len;
	err = vu_send(c, &m, NULL, 0);
	if (!err)
		err = vu_recv(c, VU_GET_CONFIG, &m);
	if (!err && (m.size != offsetof(struct vu_config, data) + len || m.config.size != len ||
		     m.config.offset != offset))
		err = EPROTO;
	if (!err)
		memcpy(data, m.config.data, len);
	return err;
}

int vu_get_vring_base(struct vu_conn *c, uint32_t index, uint32_t *base)
{
	struct vu_msg m = {
		.request = VU_GET_VRING_BASE,
		.flags = VU_VERSION,
		.size = sizeof(m.state),
		.state = { .index = index },
	};
	int err = vu_send(c, &m, NULL, 0);

	if (!err)
		err = vu_recv(c, VU_GET_VRING_BASE, &m);
	if (!err && (m.size != sizeof(m.state) || m.state.index != index))
		err = EPROTO;
	if (!err)
		*base = m.state.num;
	return err;
}
