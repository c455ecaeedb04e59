// SPDX-License-Identifier: Apache-2.0
#include "fdpass.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A descriptor of the sender's process, of Linux 6.5, which a socket's options can ask for */
#ifndef SCM_PIDFD
#define SCM_PIDFD 0x04
#endif

ssize_t fdpass_send(int sock, const struct iovec *iov, size_t nr_iov, const int *fds,
		    unsigned int nr_fds, int flags)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(FDPASS_MAX * sizeof(int))];
	} control;
	struct msghdr msg = { .msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = nr_iov };
	ssize_t n;

	if (nr_fds > FDPASS_MAX)
		return -EINVAL;
	if (nr_fds) {
		memset(&control, 0, sizeof(control));
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(nr_fds * sizeof(int));
		memcpy(CMSG_DATA(&control.header), fds, nr_fds * sizeof(int));
		msg.msg_control = control.space;
		msg.msg_controllen = CMSG_SPACE(nr_fds * sizeof(int));
	}
	do
		n = sendmsg(sock, &msg, flags | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == ECONNRESET ? -EPIPE : -errno;
	return n;
}

struct taken {
	int *fds;
	unsigned int max, nr;
	bool too_many;
};

/* Takes the descriptors of one piece of ancillary data, or closes them. */
static void take(struct taken *t, const struct cmsghdr *c)
{
	size_t nr = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

	if (c->cmsg_level != SOL_SOCKET)
		return;
	if (c->cmsg_type != SCM_RIGHTS && c->cmsg_type != SCM_PIDFD)
		return;
	for (size_t i = 0; i < nr; i++) {
		int fd;

		memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
		if (c->cmsg_type == SCM_PIDFD) {
			if (fd >= 0)
				close(fd);
		} else if (t->nr < t->max) {
			t->fds[t->nr++] = fd;
		} else {
			close(fd);
			t->too_many = true;
		}
	}
}

ssize_t fdpass_recv(int sock, struct iovec iov, int *fds, unsigned int max, unsigned int *nr_fds,
		    int flags)
{
	/* More than is wanted, so that what else comes does not take the place of descriptors. */
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(FDPASS_MAX * sizeof(int)) + CMSG_SPACE(sizeof(struct ucred)) +
			   CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control.space,
			      .msg_controllen = sizeof(control.space) };
	struct taken t = { .fds = fds, .max = max };
	ssize_t n;

	*nr_fds = 0;
	for (unsigned int i = 0; i < max; i++)
		fds[i] = -1;
	do
		n = recvmsg(sock, &msg, flags | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == ECONNRESET ? -EPIPE : -errno;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c))
		take(&t, c);
	if (!t.too_many && !(msg.msg_flags & (MSG_CTRUNC | MSG_TRUNC))) {
		*nr_fds = t.nr;
		return n;
	}
	while (t.nr) {
		close(fds[--t.nr]);
		fds[t.nr] = -1;
	}
	return -EPROTO;
}
