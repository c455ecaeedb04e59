// SPDX-License-Identifier: Apache-2.0
#include "keeper_client.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Sends the request with the socket for its answer, and what it is about if @fd is not -1. */
static int send_request(int sock, struct keeper_msg *msg, int answer, int fd)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(KEEPER_MAX_FDS * sizeof(int))];
	} control = { 0 };
	const int fds[KEEPER_MAX_FDS] = { answer, fd };
	const size_t len = (fd < 0 ? 1 : 2) * sizeof(int);
	struct iovec iov = { msg, sizeof(*msg) };
	struct msghdr hdr = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.space,
			      .msg_controllen = CMSG_SPACE(len) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&hdr);
	ssize_t n;

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(c), fds, len);
	do
		n = sendmsg(sock, &hdr, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

static int ask(int sock, struct keeper_msg *msg, int fd)
{
	int pair[2], ret;
	ssize_t n;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -errno;
	ret = send_request(sock, msg, pair[1], fd);
	/* From here on only the keeper has that end: should it die, there is no wait. */
	close(pair[1]);
	if (!ret) {
		do
			n = recv(pair[0], msg, sizeof(*msg), 0);
		while (n < 0 && errno == EINTR);
		ret = n == sizeof(*msg) ? msg->status : -EPIPE;
	}
	close(pair[0]);
	return ret;
}

int keeper_key(int sock, const uint8_t *nonce, uint8_t *key)
{
	struct keeper_msg msg = { .type = KEEPER_KEY };
	int ret;

	memcpy(msg.nonce, nonce, sizeof(msg.nonce));
	ret = ask(sock, &msg, -1);
	if (!ret)
		memcpy(key, msg.key, sizeof(msg.key));
	return ret;
}

int keeper_insert(int sock, int from, uint64_t size)
{
	struct keeper_msg msg = { .type = KEEPER_INSERT, .size = size };

	return ask(sock, &msg, from);
}

int keeper_claim(int sock, const uint8_t *nonce, const uint8_t *tag, int to, uint64_t size)
{
	struct keeper_msg msg = { .type = KEEPER_CLAIM, .size = size };

	memcpy(msg.nonce, nonce, sizeof(msg.nonce));
	memcpy(msg.tag, tag, sizeof(msg.tag));
	return ask(sock, &msg, to);
}
