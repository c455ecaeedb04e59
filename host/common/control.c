// SPDX-License-Identifier: Apache-2.0
#include "control.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union fd_space {
	struct cmsghdr align;
	char space[CMSG_SPACE(CONTROL_MAX_FDS * sizeof(int))];
};

int control_send(int sock, const struct control_msg *msg, const int *fds, unsigned int nr_fds)
{
	struct iovec iov = { (void *)(uintptr_t)msg, sizeof(*msg) };
	struct msghdr hdr = { .msg_iov = &iov, .msg_iovlen = 1 };
	union fd_space control;
	ssize_t n;

	if (nr_fds) {
		struct cmsghdr *c;

		memset(&control, 0, sizeof(control));
		hdr.msg_control = control.space;
		hdr.msg_controllen = CMSG_SPACE(nr_fds * sizeof(int));
		c = CMSG_FIRSTHDR(&hdr);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(nr_fds * sizeof(int));
		memcpy(CMSG_DATA(c), fds, nr_fds * sizeof(int));
	}
	do
		n = sendmsg(sock, &hdr, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

int control_recv(int sock, struct control_msg *msg, int *fds, int timeout_ms)
{
	struct iovec iov = { msg, sizeof(*msg) };
	union fd_space control;
	struct msghdr hdr = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control.space,
			      .msg_controllen = sizeof(control.space) };
	struct pollfd pfd = { .fd = sock, .events = POLLIN };
	ssize_t n;

	for (unsigned int i = 0; i < CONTROL_MAX_FDS; i++)
		fds[i] = -1;

	do
		n = poll(&pfd, 1, timeout_ms);
	while (n < 0 && errno == EINTR);
	if (n == 0)
		return -ETIMEDOUT;
	if (n > 0)
		do
			n = recvmsg(sock, &hdr, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
		while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == ECONNRESET ? -EPIPE : -errno;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(&hdr); c; c = CMSG_NXTHDR(&hdr, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
			memcpy(fds, CMSG_DATA(c), c->cmsg_len - CMSG_LEN(0));

	if (n == sizeof(*msg))
		return 0;
	for (unsigned int i = 0; i < CONTROL_MAX_FDS; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
		fds[i] = -1;
	}
	return n == 0 ? -EPIPE : -EPROTO;
}
