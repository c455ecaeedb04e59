// SPDX-License-Identifier: Apache-2.0
#include "supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "device_worker.h"
#include "fdpass.h"
#include "forker.h"
#include "guard.h"
#include "handoff.h"
#include "log.h"
#include "log_outlet.h"
#include "log_relay.h"
#include "socket.h"
#include "start.h"
#include "transport/clock.h"
#include "transport/refusal.h"
#include "vhost_user.h"

/* How long the end waits until all that workers have left is removed */
#define CLEAN_MS 2000
/* How long a message of the front end may take to come: it is sent at once, if not always in one piece */
#define MESSAGE_MS 10000
/* Connections that may wait to be turned away */
#define BACKLOG 4

struct supervisor {
	const struct supervisor_options *opts;
	int signals;
	int listener; /* -1: a connected socket was given, or will be */
	int handoff;  /* -1: none, or the listener has nothing more to say */
	bool bound;   /* the socket file is ours */
	bool connected;
	bool stop;
	uint64_t accept_ms; /* not before: there were no descriptors left */
	uint64_t turned_away; /* for want of them */
	struct vhost_user vu; /* while connected */
	uint64_t message_ms;  /* when the message that is being received began; 0: there is none */
	struct device dev;
	struct forker forker;
	struct cleaner cleaner;
};

static void connected(struct supervisor *s, int fd)
{
	vhost_user_init(&s->vu, &s->dev, fd);
	s->connected = true;
	log_info("a front end has connected");
}

/* Takes a socket that the caller of the program made. */
static int use_fd(struct supervisor *s, int fd)
{
	bool listening;
	int ret = socket_use(fd, &listening);

	if (ret)
		return ret;
	if (listening)
		s->listener = fd;
	else
		connected(s, fd);
	return 0;
}

static int make_listener(struct supervisor *s)
{
	const char *path = s->opts->socket_path;
	int ret;

	if (s->handoff >= 0)
		return 0;
	if (!path)
		return use_fd(s, s->opts->fd);
	ret = socket_listen("socket-path", path, BACKLOG, &s->listener);
	s->bound = !ret;
	return ret;
}

static void close_handoff(struct supervisor *s)
{
	if (s->handoff >= 0)
		close(s->handoff);
	s->handoff = -1;
}

/* The operator has changed a limit of the client. */
static void on_limit(struct supervisor *s, const struct handoff_limit *limit)
{
	if (device_worker_set_limit(&s->dev, limit->rule, limit->value))
		return;
	log_info("--%s is %" PRIu64 " from here on, as the operator wants it", policy_rules[limit->rule].name,
		 limit->value);
}

/* The listener has sent the client, or a limit of it, or is gone. */
static void on_handoff(struct supervisor *s)
{
	union {
		struct handoff client;
		struct handoff_limit limit;
	} received;
	struct handoff msg;
	unsigned int nr;
	int fd;
	ssize_t n = fdpass_recv(s->handoff, (struct iovec){ &received, sizeof(received) }, &fd, 1, &nr, MSG_DONTWAIT);

	if (n == -EAGAIN || n == -EINTR)
		return;
	if (n == sizeof(received.limit) && !nr && s->connected) {
		on_limit(s, &received.limit);
		return;
	}
	if (n == sizeof(msg) && nr == 1 && !s->connected) {
		msg = received.client;
		msg.log_name[sizeof(msg.log_name) - 1] = '\0';
		msg.client[sizeof(msg.client) - 1] = '\0';
		log_set_name(msg.log_name);
		device_name_client(&s->dev, msg.client);
		connected(s, fd);
		return;
	}
	if (n > 0 && nr)
		close(fd);
	/* Whom it serves it goes on to serve: QEMU does not live without. */
	close_handoff(s);
	s->stop |= !s->connected;
}

static void disconnect(struct supervisor *s)
{
	vhost_user_close(&s->vu);
	s->connected = false;
	log_info("the front end has gone");
	/* Its place is free, though the end of the worker takes a moment. */
	close_handoff(s);
	device_disconnect(&s->dev);
	if (s->opts->once || s->listener < 0)
		s->stop = true;
}

/* Whether the other end is gone, though we may not have read all that it said before. */
static bool hung_up(int sock)
{
	struct pollfd fd = { .fd = sock, .events = POLLRDHUP };

	return poll(&fd, 1, 0) > 0 && fd.revents & (POLLRDHUP | POLLHUP | POLLERR);
}

static void on_listener(struct supervisor *s)
{
	int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0) {
		/* It stays in the listener's queue: looking again at once would be a loop. */
		if (socket_is_exhausted(errno)) {
			if (log_is_due(++s->turned_away))
				log_warn("a front end has to wait: %s", strerror(errno));
			s->accept_ms = now_ms() + SOCKET_PAUSE_MS;
		}
		return;
	}
	/* The last front end may have gone just before this one came, after we had looked. */
	if (s->connected && hung_up(s->vu.sock))
		disconnect(s);
	if (s->connected) {
		log_warn("a second front end was turned away: this process serves one at a time");
		socket_refuse(fd, REFUSAL_FULL, 1);
		return;
	}
	connected(s, fd);
}

static void on_connection(struct supervisor *s)
{
	int ret = vhost_user_receive(&s->vu);

	if (!ret)
		return;
	if (ret != -EPIPE)
		log_error("the connection to the front end is given up: %s", strerror(-ret));
	disconnect(s);
}

/* One who stops in the middle of a message has the place of another client. */
static void watch_message(struct supervisor *s)
{
	if (!s->connected || !vhost_user_is_midway(&s->vu)) {
		s->message_ms = 0;
	} else if (!s->message_ms) {
		s->message_ms = now_ms();
	} else if (now_ms() - s->message_ms >= MESSAGE_MS) {
		log_error("the front end has stopped in the middle of a message; its connection is given up");
		disconnect(s);
	}
}

static void on_signal(struct supervisor *s)
{
	struct signalfd_siginfo info;

	if (read(s->signals, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGUSR1)
		device_worker_print_stats(&s->dev);
	else
		s->stop = true;
}

/* Milliseconds until something is to be done unasked; -1: never */
static int loop_timeout(const struct supervisor *s)
{
	int timeout = device_worker_timeout(&s->dev);

	if (s->accept_ms && (timeout < 0 || timeout > SOCKET_PAUSE_MS))
		timeout = SOCKET_PAUSE_MS;
	if (s->message_ms) {
		uint64_t gone = now_ms() - s->message_ms;
		int left = gone < MESSAGE_MS ? (int)(MESSAGE_MS - gone) : 0;

		if (timeout < 0 || timeout > left)
			timeout = left;
	}
	return timeout;
}

/* Return: 0 when told to stop, or an exit status. */
static int loop(struct supervisor *s)
{
	enum { SIGNALS, CONNECTION, LISTENER, WORKER_SOCK, WORKER_PID, CLEANER, FORKER, SPARE, LOG, HANDOFF, NR };

	while (!s->stop) {
		struct pollfd fds[NR] = {
			[SIGNALS] = { .fd = s->signals, .events = POLLIN },
			[CONNECTION] = { .fd = s->connected ? s->vu.sock : -1, .events = POLLIN },
			[LISTENER] = { .fd = s->listener, .events = POLLIN },
			[HANDOFF] = { .fd = s->handoff, .events = POLLIN },
		};
		int worker_fds[DEVICE_WORKER_FDS], forker_socks[2], timeout = loop_timeout(s);

		log_outlet_tick(&timeout);
		fds[LOG] = (struct pollfd){ log_relay_fd(&timeout), POLLIN, 0 };
		device_worker_fds(&s->dev, worker_fds);
		forker_fds(&s->forker, forker_socks);
		for (int i = 0; i < DEVICE_WORKER_FDS; i++)
			fds[WORKER_SOCK + i] = (struct pollfd){ worker_fds[i], POLLIN, 0 };
		for (int i = 0; i < 2; i++)
			fds[FORKER + i] = (struct pollfd){ .fd = forker_socks[i] };
		if (s->accept_ms > now_ms())
			fds[LISTENER].fd = -1;
		else
			s->accept_ms = 0;
		if (poll(fds, NR, timeout) < 0 && errno != EINTR) {
			log_error("poll: %s", strerror(errno));
			return EX_OSERR;
		}
		device_worker_begin(&s->dev);
		log_relay_read();
		if (fds[SIGNALS].revents)
			on_signal(s);
		if (fds[FORKER].revents || fds[SPARE].revents)
			forker_mend(&s->forker);
		/* Before the connection: its messages are for a worker that lives. */
		if (fds[WORKER_SOCK].revents || fds[WORKER_PID].revents)
			device_worker_event(&s->dev);
		if (fds[CONNECTION].revents)
			on_connection(s);
		watch_message(s);
		if (fds[LISTENER].revents)
			on_listener(s);
		if (fds[HANDOFF].revents)
			on_handoff(s);
		device_worker_tick(&s->dev);
		device_worker_end(&s->dev);
	}
	return 0;
}

static int start_device(struct supervisor *s)
{
	struct device_options device = s->opts->device;
	int ret;

	device.cleaner = &s->cleaner;
	if (device.hub < 0) {
		ret = start_helpers(&s->forker, &s->cleaner, &device.setup.policy, s->opts->worker_path,
				    device.connector);
		if (ret)
			return ret;
		device.forker = &s->forker;
	}
	ret = device_init(&s->dev, &device);
	/* A plugin that does not work is found before anyone can connect. */
	return ret ? ret : device_worker_await_first(&s->dev, s->signals);
}

static int confine(struct supervisor *s)
{
	/* Where the first worker's run directory is, the others' will be. */
	if (s->cleaner.sock >= 0)
		cleaner_confine(&s->cleaner, s->dev.worker.rundir);
	return start_confined(&s->opts->device.setup.policy, s->bound ? s->opts->socket_path : NULL);
}

static void tell_ready(const struct supervisor *s)
{
	const char *plugins = getenv("VACCEL_PLUGINS");
	struct handoff_ready msg = { 0 };

	if (s->handoff < 0)
		return;
	snprintf(msg.plugins, sizeof(msg.plugins), "%s", plugins ? plugins : "");
	(void)!send(s->handoff, &msg, sizeof(msg), MSG_NOSIGNAL);
}

int supervisor_run(const struct supervisor_options *opts)
{
	struct supervisor *s = calloc(1, sizeof(*s));
	int ret;

	if (!s) {
		log_error("out of memory");
		return EX_OSERR;
	}
	s->opts = opts;
	s->signals = -1;
	s->listener = -1;
	s->handoff = opts->handoff;
	s->cleaner.sock = -1;
	guard_init();

	ret = start_signals(&s->signals, false, NULL);
	if (!ret)
		ret = start_device(s);
	if (!ret)
		ret = make_listener(s);
	if (!ret)
		ret = confine(s);
	if (!ret) {
		tell_ready(s);
		ret = loop(s);
	}

	if (s->connected)
		vhost_user_close(&s->vu);
	close_handoff(s);
	if (s->listener >= 0)
		close(s->listener);
	if (s->bound)
		unlink(opts->socket_path);
	device_worker_begin(&s->dev);
	device_exit(&s->dev); /* also without device_init(): all is zero */
	forker_stop(&s->forker);
	if (s->cleaner.sock >= 0)
		cleaner_stop(&s->cleaner, CLEAN_MS);
	else if (*s->forker.dir)
		rmdir(s->forker.dir);
	if (s->signals >= 0)
		close(s->signals);
	free(s);
	log_relay_finish();
	log_outlet_stop();
	return ret;
}
