// SPDX-License-Identifier: Apache-2.0
#include "keeper_client.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fdpass.h"
#include "log.h"
#include "transport/clock.h"

/* It is given up once for all: whoever waits for it has a guest that waits, too. */
static atomic_bool silent;

bool keeper_is_silent(void)
{
	return atomic_load(&silent);
}

static int give_up(void)
{
	if (!atomic_exchange(&silent, true))
		log_warn("the keeper of --cache-dir does not answer: models are no longer put there or "
			 "taken from there; start vhost-user-accel again");
	return -ETIMEDOUT;
}

/* How long the keeper may take for @size bytes, the wait for others' requests included */
static uint64_t deadline_for(uint64_t size)
{
	return now_ms() + KEEPER_WAIT_MS + size / KEEPER_BYTES_PER_MS;
}

static int wait_for(int fd, short events, uint64_t deadline)
{
	struct pollfd p = { .fd = fd, .events = events };
	int n;

	do {
		uint64_t now = now_ms();

		n = poll(&p, 1, now < deadline ? (int)(deadline - now) : 0);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return n ? 0 : give_up();
}

/* Sends the request with the socket for its answer, and what it is about if @fd is not -1. */
static int send_request(int sock, struct keeper_msg *msg, int answer, int fd, uint64_t deadline)
{
	const int fds[KEEPER_MAX_FDS] = { answer, fd };
	const struct iovec iov = { msg, sizeof(*msg) };
	ssize_t n;
	int ret;

	for (;;) {
		n = fdpass_send(sock, &iov, 1, fds, fd < 0 ? 1 : 2, MSG_DONTWAIT);
		if (n != -EAGAIN)
			return n < 0 ? (int)n : 0;
		ret = wait_for(sock, POLLOUT, deadline);
		if (ret)
			return ret;
	}
}

static int receive_answer(int sock, struct keeper_msg *msg, uint64_t deadline)
{
	int ret = wait_for(sock, POLLIN, deadline);
	ssize_t n;

	if (ret)
		return ret;
	/* No answer has descriptors; what comes without room for it is closed by the kernel. */
	do
		n = recv(sock, msg, sizeof(*msg), MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	return n == sizeof(*msg) ? msg->status : -EPIPE;
}

static int ask(int sock, struct keeper_msg *msg, int fd)
{
	uint64_t deadline = deadline_for(msg->size);
	int pair[2], ret;

	if (keeper_is_silent())
		return -ETIMEDOUT;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -errno;
	ret = send_request(sock, msg, pair[1], fd, deadline);
	/* From here on only the keeper has that end: should it die, there is no wait. */
	close(pair[1]);
	if (!ret)
		ret = receive_answer(pair[0], msg, deadline);
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
