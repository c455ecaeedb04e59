// SPDX-License-Identifier: Apache-2.0
/*
 * vhost-user-accel-observer: tells who asks how the service is. Started by vhost-user-accel alone, which tells
 * it who comes and goes over OBSERVE_FD (observe.h), and ends with it. It reads memory that others write to,
 * so nobody who is served waits for it; and nobody notices when it dies, but who asks.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "clients.h"
#include "control_socket.h"
#include "fdpass.h"
#include "http.h"
#include "log.h"
#include "observe.h"
#include "sandbox.h"

static struct clients clients;
static struct http *http;
static bool has_control;

static bool ask(const struct observe_msg *msg)
{
	return send(OBSERVE_FD, msg, sizeof(*msg), MSG_DONTWAIT | MSG_NOSIGNAL) == sizeof(*msg);
}

/* Return: 1, 0 when there is nothing (more), or -errno: the listener has gone, or is of another build */
static int receive(struct observe_msg *msg, int fds[OBSERVE_MAX_FDS], int flags)
{
	unsigned int nr;
	ssize_t n = fdpass_recv(OBSERVE_FD, (struct iovec){ msg, sizeof(*msg) }, fds, OBSERVE_MAX_FDS, &nr,
				flags);

	if (n == -EAGAIN || n == -EINTR)
		return 0;
	if (n == sizeof(*msg))
		return 1;
	if (n > 0)
		for (unsigned int i = 0; i < nr; i++)
			close(fds[i]);
	return n < 0 ? (int)n : n ? -EPROTO : -EPIPE;
}

static int set_up(void)
{
	struct observe_msg msg;
	int fds[OBSERVE_MAX_FDS];
	int ret = receive(&msg, fds, 0);

	if (ret <= 0)
		return ret ? ret : -EPROTO;
	if (msg.type != OBSERVE_SETUP || strncmp(msg.setup.version, VACCEL_PROJECT_VERSION,
						 sizeof(msg.setup.version)) != 0) {
		log_error("this is the observer of vhost-user-accel " VACCEL_PROJECT_VERSION
			  ", and of no other version");
		return -EPROTO;
	}
	msg.setup.log_format[sizeof(msg.setup.log_format) - 1] = '\0';
	log_set_format(msg.setup.log_format);
	clients.service = counters_map(fds[0], sizeof(*clients.service), false);
	if (!clients.service)
		return -errno;
	close(fds[0]);
	if (msg.setup.has_metrics) {
		http = http_start(fds[1], &clients);
		if (!http)
			return -EIO;
	}
	has_control = msg.setup.has_control;
	if (has_control)
		control_socket_init(fds[1 + msg.setup.has_metrics], &clients, ask);
	return 0;
}

/* Takes in all that the listener has said. Return: false when it has gone */
static bool listen_to_listener(void)
{
	struct observe_msg msg;
	int fds[OBSERVE_MAX_FDS];
	int ret;

	while ((ret = receive(&msg, fds, MSG_DONTWAIT)) > 0) {
		if (msg.type == OBSERVE_CLIENT)
			ret = clients_add(&clients, &msg, fds[0]);
		else if (msg.type == OBSERVE_GONE)
			clients_remove(&clients, msg.client.place);
		else if (msg.type == OBSERVE_ANSWER && has_control)
			control_socket_answer(&msg);
		if (ret < 0)
			log_error("a client is not observed: %s", strerror(-ret));
		for (unsigned int i = 0; i < OBSERVE_MAX_FDS; i++)
			if (fds[i] >= 0)
				close(fds[i]);
	}
	return ret == 0;
}

static void serve(void)
{
	enum { LISTENER, HTTP, CONTROL, NR = CONTROL + CONTROL_SOCKET_FDS };
	struct pollfd fds[NR] = {
		[LISTENER] = { .fd = OBSERVE_FD, .events = POLLIN },
		[HTTP] = { .fd = http ? http_fd(http) : -1, .events = POLLIN },
	};

	for (;;) {
		int timeout = http ? http_timeout(http) : -1, other = -1;

		if (has_control)
			other = control_socket_pollfds(&fds[CONTROL]);
		if (timeout < 0 || (other >= 0 && other < timeout))
			timeout = other;
		if (poll(fds, has_control ? NR : CONTROL, timeout) < 0) {
			if (errno != EINTR)
				return;
			continue;
		}
		/* First, so that what is told is how it is. */
		if (!listen_to_listener())
			return;
		if (http)
			http_run(http);
		if (has_control)
			control_socket_run(&fds[CONTROL]);
	}
}

int main(int argc, char **argv)
{
	int type, ret;
	socklen_t len = sizeof(type);

	(void)argc;
	if (getsockopt(OBSERVE_FD, SOL_SOCKET, SO_TYPE, &type, &len) || type != SOCK_SEQPACKET) {
		fprintf(stderr, "%s is started by vhost-user-accel; run that instead\n", argv[0]);
		return EX_USAGE;
	}
	fcntl(OBSERVE_FD, F_SETFD, FD_CLOEXEC);
	prctl(PR_SET_NAME, "accel-observer");
	/* It ends with the listener, which those signals are for. */
	signal(SIGTERM, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGUSR1, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	ret = set_up();
	if (ret) {
		if (ret != -EPIPE)
			log_error("the observer cannot start: %s", strerror(-ret));
		return EX_OSERR;
	}
	sandbox_fileless();
	serve();
	http_stop(http);
	return 0;
}
