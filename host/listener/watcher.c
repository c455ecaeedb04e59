// SPDX-License-Identifier: Apache-2.0
#include "watcher.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "fdpass.h"
#include "log.h"
#include "socket.h"
#include "transport/clock.h"

/* Connections that may wait to be accepted */
#define BACKLOG 16
/* Between two starts */
#define PAUSE_MS 1000
/* One that takes nothing in for longer is as good as dead. */
#define STUCK_MS 5000
#define END_MS 1000

/* "ADDRESS:PORT", the address of version 6 in brackets. No name is looked up. */
static int listen_tcp(const char *where, int *sock)
{
	const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
					.ai_socktype = SOCK_STREAM };
	const char *colon = strrchr(where, ':');
	struct addrinfo *found = NULL;
	char address[64];
	size_t len = colon && colon[1] ? (size_t)(colon - where) : 0;
	const char *host = where;
	int one = 1, fd, ret;

	if (len > 1 && *where == '[' && where[len - 1] == ']') {
		host++;
		len -= 2;
	}
	snprintf(address, sizeof(address), "%.*s", (int)(len < sizeof(address) ? len : 0), host);
	if (!*address || getaddrinfo(address, colon + 1, &hints, &found)) {
		log_error("--metrics=%s: unix:PATH, or an address in numbers and a port, as in "
			  "127.0.0.1:9464, is expected", where);
		return EX_USAGE;
	}
	fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	ret = fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
	      bind(fd, found->ai_addr, found->ai_addrlen) || listen(fd, BACKLOG);
	if (ret) {
		log_error("--metrics=%s: cannot make the socket: %s", where, strerror(errno));
		if (fd >= 0)
			close(fd);
	}
	freeaddrinfo(found);
	*sock = ret ? -1 : fd;
	return ret ? EX_CANTCREAT : 0;
}

static int open_metrics(struct watcher *w, const char *where)
{
	int ret;

	if (strncmp(where, "unix:", 5) != 0)
		return listen_tcp(where, &w->metrics);
	ret = socket_listen("metrics", where + 5, BACKLOG, &w->metrics);
	if (!ret)
		w->metrics_path = where + 5;
	return ret;
}

void watcher_init(struct watcher *w)
{
	*w = (struct watcher){ .metrics = -1, .control = -1, .page = -1, .sock = -1 };
}

/* Nobody else may ask for anything here. */
static int open_control(struct watcher *w, const char *path)
{
	mode_t mask = umask(0177);
	int ret = socket_listen("control", path, BACKLOG, &w->control);

	umask(mask);
	if (!ret)
		w->control_path = path;
	return ret;
}

int watcher_open(struct watcher *w, const char *program, const char *metrics, const char *control)
{
	int ret = 0;

	w->program = program;
	if (!metrics && !control)
		return 0;
	if (access(program, X_OK)) {
		log_error("%s: %s; it serves --metrics and --control, and is built where there are libmicrohttpd and "
			  "json-c", program,
			  strerror(errno));
		return EX_UNAVAILABLE;
	}
	w->page = counters_create(sizeof(*w->service));
	if (w->page >= 0)
		w->service = counters_map(w->page, sizeof(*w->service), true);
	if (!w->service) {
		log_error("cannot make shared memory: %s", strerror(errno));
		return EX_OSERR;
	}
	if (metrics)
		ret = open_metrics(w, metrics);
	return !ret && control ? open_control(w, control) : ret;
}

/* In the new process */
static void become_observer(const struct watcher *w, int sock)
{
	char *argv[] = { "vhost-user-accel-observer", NULL };
	sigset_t none;

	if (sock == OBSERVE_FD)
		fcntl(sock, F_SETFD, 0);
	else
		dup2(sock, OBSERVE_FD);
	syscall(SYS_close_range, OBSERVE_FD + 1, ~0u, 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execv(w->program, argv);
	log_error("%s: %s", w->program, strerror(errno));
	_exit(EX_UNAVAILABLE);
}

static bool set_up(struct watcher *w)
{
	struct observe_msg msg = {
		.type = OBSERVE_SETUP,
		.setup = { .has_metrics = w->metrics >= 0, .has_control = w->control >= 0 },
	};
	const int fds[OBSERVE_MAX_FDS] = { w->page, w->metrics >= 0 ? w->metrics : w->control, w->control };
	const struct iovec iov = { &msg, sizeof(msg) };

	snprintf(msg.setup.version, sizeof(msg.setup.version), "%s", VACCEL_PROJECT_VERSION);
	snprintf(msg.setup.log_format, sizeof(msg.setup.log_format), "%s", log_format_name());
	return fdpass_send(w->sock, &iov, 1, fds, 1 + msg.setup.has_metrics + msg.setup.has_control,
			   MSG_DONTWAIT) == sizeof(msg);
}

bool watcher_start(struct watcher *w, uint64_t now)
{
	int socks[2];

	if (!watcher_is_wanted(w) || w->pid || now < w->start_ms)
		return w->pid;
	w->start_ms = now + PAUSE_MS;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, socks))
		return false;
	fflush(NULL);
	w->pid = fork();
	if (w->pid == 0)
		become_observer(w, socks[1]);
	close(socks[1]);
	w->sock = socks[0];
	w->full_ms = 0;
	if (w->pid > 0 && set_up(w))
		return true;
	log_error("cannot start the observer: %s", strerror(errno));
	if (w->pid < 0)
		w->pid = 0;
	close(w->sock);
	w->sock = -1;
	return false;
}

bool watcher_reap(struct watcher *w, uint64_t now)
{
	int status;

	if (!w->pid || waitpid(w->pid, &status, WNOHANG) != w->pid)
		return false;
	if (log_is_due(++w->deaths))
		log_error("the observer has ended (status %d, signal %d), and is started again; clients "
			  "notice nothing", WIFEXITED(status) ? WEXITSTATUS(status) : 0,
			  WIFSIGNALED(status) ? WTERMSIG(status) : 0);
	w->pid = 0;
	w->start_ms = now + PAUSE_MS;
	if (w->sock >= 0)
		close(w->sock);
	w->sock = -1;
	return true;
}

bool watcher_tell(struct watcher *w, const struct observe_msg *msg, int fd, uint64_t now)
{
	const struct iovec iov = { (void *)(uintptr_t)msg, sizeof(*msg) };

	if (!w->pid || w->sock < 0)
		return false;
	if (fdpass_send(w->sock, &iov, 1, &fd, fd >= 0, MSG_DONTWAIT) == sizeof(*msg)) {
		w->full_ms = 0;
		return true;
	}
	if (!w->full_ms)
		w->full_ms = now;
	if (now - w->full_ms >= STUCK_MS)
		kill(w->pid, SIGKILL);
	return false;
}

bool watcher_hear(struct watcher *w, struct observe_msg *msg)
{
	return w->sock >= 0 && recv(w->sock, msg, sizeof(*msg), MSG_DONTWAIT) == sizeof(*msg) &&
	       msg->type == OBSERVE_ASK;
}

void watcher_close(struct watcher *w)
{
	uint64_t end = now_ms() + END_MS;

	if (w->sock >= 0)
		close(w->sock);
	while (w->pid && waitpid(w->pid, NULL, WNOHANG) == 0) {
		if (now_ms() >= end)
			kill(w->pid, SIGKILL);
		usleep(1000);
	}
	if (w->metrics >= 0)
		close(w->metrics);
	if (w->control >= 0)
		close(w->control);
	if (w->metrics_path)
		unlink(w->metrics_path);
	if (w->control_path)
		unlink(w->control_path);
	if (w->page >= 0)
		close(w->page);
	counters_unmap(w->service, sizeof(*w->service));
}
