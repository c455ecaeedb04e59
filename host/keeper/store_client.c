// SPDX-License-Identifier: Apache-2.0
#include "store_client.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fdpass.h"

/* It answers at once, if it does at all; the worker waits for longer (keeper_client.h). */
#define WAIT_MS 3000

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int store = -1; /* the connection; guarded by the lock */

void store_connect(int sock)
{
	store = sock;
}

/* With the lock held. Return: the answer's status, or what went wrong; then there is no store any more. */
static int ask_store(struct store_msg *msg, int fd, int *given)
{
	const struct iovec iov = { msg, sizeof(*msg) };
	struct pollfd pfd = { .fd = store, .events = POLLIN };
	unsigned int nr;
	ssize_t n;

	if (store < 0)
		return -EPIPE;
	n = fdpass_send(store, &iov, 1, &fd, fd >= 0, MSG_DONTWAIT);
	if (n == sizeof(*msg) && poll(&pfd, 1, WAIT_MS) == 1)
		n = fdpass_recv(store, iov, given, 1, &nr, MSG_DONTWAIT);
	else
		n = -ETIMEDOUT;
	/* It has given memory, and this process has no descriptor left. */
	if (n == -EPROTO)
		return -EMFILE;
	if (n == sizeof(*msg))
		return msg->status;
	close(store);
	store = -1;
	return -EPIPE;
}

static int ask(struct store_msg *msg, int fd, int *given)
{
	int ret, none = -1;

	pthread_mutex_lock(&lock);
	ret = ask_store(msg, fd, given ? given : &none);
	pthread_mutex_unlock(&lock);
	if (none >= 0)
		close(none);
	return ret;
}

int store_find(uint64_t size, uint32_t index, uint64_t *time)
{
	struct store_msg msg = { .type = STORE_FIND, .size = size, .index = index };
	int fd = -1, ret = ask(&msg, -1, &fd);

	if (time)
		*time = msg.time;
	return ret ? ret : fd >= 0 ? fd : -EPIPE;
}

int store_hold(int fd, uint64_t size, uint64_t time, uint64_t *id)
{
	struct store_msg msg = { .type = STORE_HOLD, .size = size, .time = time };
	int ret = ask(&msg, fd, NULL);

	if (!ret)
		*id = msg.id;
	return ret;
}

void store_drop(uint64_t id)
{
	struct store_msg msg = { .type = STORE_DROP, .id = id };

	(void)ask(&msg, -1, NULL);
}

void store_drop_all(void)
{
	struct store_msg msg = { .type = STORE_DROP_ALL };

	(void)ask(&msg, -1, NULL);
}
