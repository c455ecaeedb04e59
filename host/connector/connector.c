// SPDX-License-Identifier: Apache-2.0
#include "connector.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "declared.h"
#include "fdpass.h"
#include "helper.h"
#include "sandbox.h"
#include "streams.h"
#include "transport/clock.h"
#include "transport/connector.h"

/* Connections that are made at a time; a server that does not answer takes one for a while. */
#define NR_THREADS 8

static struct {
	struct server_url of[CONNECTOR_MAX_SERVERS];
	unsigned int nr;
	const char *variable, *why; /* what is wrong */
	int sock;
} servers;

/* ---- Which servers --------------------------------------------------------------------------- */

static int add_server(const char *url)
{
	if (servers.nr == CONNECTOR_MAX_SERVERS) {
		servers.why = "there are too many servers";
		return -EINVAL;
	}
	servers.why = server_url_parse(url, &servers.of[servers.nr]);
	if (servers.why)
		return -EINVAL;
	servers.nr++;
	return 0;
}

/* "connect VARIABLE" */
static int add_declared(void *unused, const char *line)
{
	static const char word[] = "connect ";
	const char *list;
	char *copy, *save;
	int ret = 0;

	(void)unused;
	if (strncmp(line, word, sizeof(word) - 1))
		return 0;
	list = getenv(line + sizeof(word) - 1);
	copy = list ? strdup(list) : NULL;
	if (!copy)
		return list ? -ENOMEM : 0;
	for (char *url = strtok_r(copy, SERVER_URL_SEPARATORS, &save); url && !ret;
	     url = strtok_r(NULL, SERVER_URL_SEPARATORS, &save))
		ret = add_server(url);
	free(copy);
	if (ret == -EINVAL)
		servers.variable = strdup(line + sizeof(word) - 1);
	return ret;
}

static bool is_named(const struct connector_msg *msg)
{
	for (unsigned int i = 0; i < servers.nr; i++)
		if (!strcmp(servers.of[i].host, msg->host) && !strcmp(servers.of[i].port, msg->port))
			return true;
	return false;
}

/* ---- Connecting ------------------------------------------------------------------------------ */

/* Return: a connected socket or -errno. */
static int try_address(const struct addrinfo *a, uint64_t deadline)
{
	int fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, a->ai_protocol);
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	socklen_t len = sizeof(int);
	uint64_t now = now_ms();
	int err = 0;

	if (fd < 0)
		return -errno;
	if (connect(fd, a->ai_addr, a->ai_addrlen) && errno != EINPROGRESS)
		err = errno;
	else if (poll(&p, 1, now < deadline ? (int)(deadline - now) : 0) != 1)
		err = ETIMEDOUT;
	else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len))
		err = errno;
	if (!err)
		return fd;
	close(fd);
	return -err;
}

static int connect_to(const struct connector_msg *msg)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
	uint64_t deadline = now_ms() + CONNECTOR_MS * 4 / 5, left;
	struct addrinfo *all;
	int fd = -EHOSTUNREACH, nr = 0;

	if (getaddrinfo(msg->host, msg->port, &hints, &all))
		return -EHOSTUNREACH;
	for (const struct addrinfo *a = all; a; a = a->ai_next)
		nr++;
	/* Each address has its share of the time. */
	for (const struct addrinfo *a = all; a && fd < 0 && now_ms() < deadline; a = a->ai_next, nr--) {
		left = deadline - now_ms();
		fd = try_address(a, now_ms() + left / (uint64_t)nr);
	}
	freeaddrinfo(all);
	return fd;
}

static void answer(struct connector_msg *msg, int to)
{
	const struct iovec iov = { msg, sizeof(*msg) };
	int fd = -EACCES;

	msg->host[sizeof(msg->host) - 1] = '\0';
	msg->port[sizeof(msg->port) - 1] = '\0';
	if (is_named(msg))
		fd = connect_to(msg);
	msg->status = fd < 0 ? -fd : 0;
	fdpass_send(to, &iov, 1, &fd, fd < 0 ? 0 : 1, MSG_DONTWAIT);
	if (fd >= 0)
		close(fd);
}

static void *serve(void *unused)
{
	struct connector_msg msg;
	unsigned int nr;
	ssize_t n;
	int to;

	(void)unused;
	for (;;) {
		n = fdpass_recv(servers.sock, (struct iovec){ &msg, sizeof(msg) }, &to, 1, &nr, 0);
		/* Who sends too much, or too little, gets no answer. */
		if (n == 0 || (n < 0 && n != -EPROTO && n != -EMFILE && n != -ENOMEM))
			return NULL;
		if (n == sizeof(msg) && to >= 0)
			answer(&msg, to);
		if (n > 0 && to >= 0)
			close(to);
	}
}

/* In the new process: nothing of the supervisor's but the socket. */
static void run(int sock, void *unused)
{
	pthread_t threads[NR_THREADS - 1];
	uint16_t ports[CONNECTOR_MAX_SERVERS];
	unsigned int nr_threads = 0;
	sigset_t all;

	(void)unused;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	if (streams_detach() || dup2(sock, 3) < 0)
		_exit(1);
	syscall(SYS_close_range, 4, ~0u, 0);
	servers.sock = 3;
	prctl(PR_SET_NAME, "accel-connector");
	for (unsigned int i = 0; i < servers.nr; i++)
		ports[i] = (uint16_t)atoi(servers.of[i].port);
	sandbox_connector(ports, servers.nr);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	while (nr_threads < NR_THREADS - 1 && !pthread_create(&threads[nr_threads], NULL, serve, NULL))
		nr_threads++;
	serve(NULL);
	_exit(0);
}

int connector_start(const char **variable, const char **why)
{
	int ret;

	servers.nr = 0;
	servers.variable = servers.why = NULL;
	ret = declared_each(add_declared, NULL);
	*variable = servers.variable;
	*why = servers.why;
	if (ret || !servers.nr)
		return ret ? ret : -ENOENT;
	return helper_start(run, NULL);
}
