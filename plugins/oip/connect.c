// SPDX-License-Identifier: Apache-2.0
/* Connections from the connector of vhost-user-accel (transport/connector.h). */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "oip.h"
#include "transport/connector.h"

union control {
	struct cmsghdr header;
	char space[CMSG_SPACE(sizeof(int))];
};

bool connect_needed(void)
{
	return getenv(CONNECTOR_VARIABLE);
}

static bool is_ready(int fd, short events)
{
	struct pollfd p = {.fd = fd, .events = events};
	int n;

	do
		n = poll(&p, 1, CONNECTOR_MS);
	while (n < 0 && errno == EINTR);
	return n == 1;
}

/* Return: 0 or -errno. */
static int send_question(int sock, struct connector_msg *msg, int answer)
{
	union control control = {.header = {.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS,
					    .cmsg_len = CMSG_LEN(sizeof(int))}};
	struct iovec iov = {msg, sizeof(*msg)};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.space,
			   .msg_controllen = sizeof(control.space)};
	ssize_t n;

	memcpy(CMSG_DATA(&control.header), &answer, sizeof(answer));
	for (;;) {
		n = sendmsg(sock, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n >= 0)
			return 0;
		if (errno == EAGAIN && !is_ready(sock, POLLOUT))
			return -ETIMEDOUT;
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
	}
}

/* Return: a descriptor or -errno. */
static int receive_answer(int sock)
{
	union control control;
	struct connector_msg msg;
	struct iovec iov = {&msg, sizeof(msg)};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.space,
			   .msg_controllen = sizeof(control.space)};
	const struct cmsghdr *c;
	int fd = -1;

	if (!is_ready(sock, POLLIN))
		return -ETIMEDOUT;
	if (recvmsg(sock, &m, MSG_CMSG_CLOEXEC | MSG_DONTWAIT) != sizeof(msg))
		return -EPIPE;
	c = CMSG_FIRSTHDR(&m);
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	if (!msg.status && fd >= 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return msg.status > 0 ? -msg.status : -EPIPE;
}

int connect_ask(const char *host, const char *port)
{
	const char *text = getenv(CONNECTOR_VARIABLE);
	struct connector_msg msg = {.status = 0};
	int pair[2], ret;

	if (!text)
		return -EPIPE;
	snprintf(msg.host, sizeof(msg.host), "%s", host);
	snprintf(msg.port, sizeof(msg.port), "%s", port);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -errno;
	ret = send_question(atoi(text), &msg, pair[1]);
	/* From here on only the connector has that end: should it die, there is no wait. */
	close(pair[1]);
	if (!ret)
		ret = receive_answer(pair[0]);
	close(pair[0]);
	return ret;
}
