// SPDX-License-Identifier: Apache-2.0
#include "keeper_client.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
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

/* Sends the request with the socket for its answer, and what it is about, where these are not -1. */
static int send_request(int sock, struct keeper_msg *msg, int answer, int fd, uint64_t deadline)
{
	const int fds[KEEPER_MAX_FDS] = { answer, fd };
	const struct iovec iov = { msg, sizeof(*msg) };
	ssize_t n;
	int ret;

	for (;;) {
		n = fdpass_send(sock, &iov, 1, fds, (answer >= 0) + (fd >= 0), MSG_DONTWAIT);
		if (n != -EAGAIN)
			return n < 0 ? (int)n : 0;
		ret = wait_for(sock, POLLOUT, deadline);
		if (ret)
			return ret;
	}
}

/* @given: receives a descriptor or -1; NULL: the answer has none, and what comes is closed by the kernel */
static int receive_answer(int sock, struct keeper_msg *msg, int *given, uint64_t deadline)
{
	int ret = wait_for(sock, POLLIN, deadline);
	unsigned int nr;
	ssize_t n;

	if (ret)
		return ret;
	if (given)
		n = fdpass_recv(sock, (struct iovec){ msg, sizeof(*msg) }, given, 1, &nr, MSG_DONTWAIT);
	else
		do
			n = recv(sock, msg, sizeof(*msg), MSG_DONTWAIT);
		while (n < 0 && errno == EINTR);
	return n == sizeof(*msg) ? msg->status : -EPIPE;
}

static int ask(int sock, struct keeper_msg *msg, int fd, int *given)
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
		ret = receive_answer(pair[0], msg, given, deadline);
	close(pair[0]);
	return ret;
}

/* As ask(). What is no memory of this size that stays as it is was not given. */
static int ask_for_memory(int sock, struct keeper_msg *msg, int fd, struct keeper_memory *memory)
{
	const int sealed = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW;
	uint64_t size = msg->size;
	struct stat st;
	int ret, seals;

	*memory = (struct keeper_memory){ .fd = -1 };
	ret = ask(sock, msg, fd, &memory->fd);
	if (memory->fd < 0)
		return ret;
	memory->id = msg->id;
	seals = fcntl(memory->fd, F_GET_SEALS);
	if (seals >= 0 && (seals & sealed) == sealed && !fstat(memory->fd, &st) && (uint64_t)st.st_size == size)
		return ret;
	close(memory->fd);
	*memory = (struct keeper_memory){ .fd = -1 };
	return ret ? ret : -EPROTO;
}

int keeper_key(int sock, const uint8_t *nonce, uint8_t *key)
{
	struct keeper_msg msg = { .type = KEEPER_KEY };
	int ret;

	memcpy(msg.nonce, nonce, sizeof(msg.nonce));
	ret = ask(sock, &msg, -1, NULL);
	if (!ret)
		memcpy(key, msg.key, sizeof(msg.key));
	return ret;
}

int keeper_insert(int sock, int from, uint64_t size, struct keeper_memory *same)
{
	struct keeper_msg msg = { .type = KEEPER_INSERT, .size = size };

	return ask_for_memory(sock, &msg, from, same);
}

int keeper_claim(int sock, const uint8_t *nonce, const uint8_t *tag, uint64_t size, struct keeper_memory *memory)
{
	struct keeper_msg msg = { .type = KEEPER_CLAIM, .size = size };
	int ret;

	memcpy(msg.nonce, nonce, sizeof(msg.nonce));
	memcpy(msg.tag, tag, sizeof(msg.tag));
	ret = ask_for_memory(sock, &msg, -1, memory);
	return !ret && memory->fd < 0 ? -EPROTO : ret;
}

void keeper_drop(int sock, uint64_t id)
{
	struct keeper_msg msg = { .type = KEEPER_DROP, .id = id };

	if (!keeper_is_silent())
		(void)send_request(sock, &msg, -1, -1, deadline_for(0));
}

void keeper_begin(int sock)
{
	const struct keeper_msg msg = { .type = KEEPER_BEGIN };

	(void)send(sock, &msg, sizeof(msg), MSG_NOSIGNAL | MSG_DONTWAIT);
}
