// SPDX-License-Identifier: Apache-2.0
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fdpass.h"
#include "forker.h"
#include "group.h"
#include "log.h"
#include "log_relay.h"
#include "transport/clock.h"

/*
 * How long a killed process is waited for. Then we go on, since the front end must be answered: nothing
 * of the process runs any more, it only frees its memory, unless a driver of the kernel holds it.
 */
#define REAP_MS 300
/* When the operator is told of one that does not end */
#define STUCK_MS 5000
/* Between the end of a process's sockets and its own */
#define SETTLE_MS 10
#define MAX_ENDING 16

/* Killed, and not ended when we went on. */
static struct ending {
	pid_t pid; /* 0: none */
	uint64_t since_ms;
	bool told;
} ending[MAX_ENDING];

void child_init(struct child *c)
{
	memset(c, 0, sizeof(*c));
	c->pidfd = -1;
	c->sock = -1;
}

int child_start(struct child *c, struct forker *forker, const struct control_msg *msg,
		const int *fds, unsigned int nr_fds)
{
	int socks[2], ret;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, socks) < 0)
		return -errno;
	ret = control_send(socks[0], msg, fds, nr_fds);
	if (!ret)
		ret = forker_spawn(forker, socks[1], &c->pid, &c->nr);
	if (ret)
		goto fail;
	c->pidfd = (int)syscall(SYS_pidfd_open, c->pid, 0);
	if (c->pidfd >= 0)
		fcntl(c->pidfd, F_SETFD, FD_CLOEXEC);
	close(socks[1]);
	c->sock = socks[0];
	c->ready = false;
	c->rundir[0] = '\0';
	return 0;
fail:
	c->pid = 0;
	close(socks[0]);
	close(socks[1]);
	return ret;
}

int child_join(struct child *c, int hub, const struct control_msg *msg, const int *fds,
	       unsigned int nr_fds)
{
	const struct iovec byte = { "", 1 };
	int socks[2], ret;
	ssize_t n;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, socks) < 0)
		return -errno;
	ret = control_send(socks[0], msg, fds, nr_fds);
	if (!ret) {
		n = fdpass_send(hub, &byte, 1, &socks[1], 1, MSG_DONTWAIT);
		ret = n < 0 ? (int)n : 0;
	}
	close(socks[1]);
	if (ret) {
		close(socks[0]);
		return ret;
	}
	c->sock = socks[0];
	c->shared = true;
	return 0;
}

/* Who the shared worker is. The hub says it, before the worker has the channel. */
static int read_worker(struct child *c, const struct control_msg *msg, int *fds)
{
	if (!c->shared || c->pidfd >= 0 || fds[0] < 0)
		return -EPROTO;
	c->pid = msg->forked.pid;
	c->pidfd = fds[0];
	fds[0] = -1;
	return 0;
}

int child_read(struct child *c, int timeout_ms)
{
	struct control_msg msg;
	int fds[CONTROL_MAX_FDS];
	int ret = control_recv(c->sock, &msg, fds, timeout_ms);

	if (ret)
		return ret;
	if (msg.type == CONTROL_WORKER) {
		ret = read_worker(c, &msg, fds);
		control_close(fds);
		return ret;
	}
	control_close(fds);
	if (c->shared && c->pidfd < 0)
		return -EPROTO;
	if (msg.type != CONTROL_READY || c->ready)
		return -EPROTO;
	msg.ready.rundir[sizeof(msg.ready.rundir) - 1] = '\0';
	memcpy(c->rundir, msg.ready.rundir, sizeof(c->rundir));
	c->ready = true;
	return 0;
}

int child_ask(struct child *c, struct control_msg *msg, const int *fds, unsigned int nr_fds,
	      int timeout_ms)
{
	uint32_t type = msg->type;
	int answer_fds[CONTROL_MAX_FDS];
	int ret;

	if (timeout_ms <= 0)
		return -EPIPE;
	ret = control_send(c->sock, msg, fds, nr_fds);
	if (!ret)
		ret = control_recv(c->sock, msg, answer_fds, timeout_ms);
	if (ret)
		return -EPIPE;
	control_close(answer_fds);
	return msg->type == type && msg->status != -EPIPE ? msg->status : -EPIPE;
}

static void describe(int status, char *how, size_t size)
{
	int signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;

	/* The worker's way to say so where signals do not end it, see worker.c. */
	if (WIFEXITED(status) && WEXITSTATUS(status) > 128)
		signal = WEXITSTATUS(status) - 128;
	if (signal)
		snprintf(how, size, "killed by signal %d (%s)", signal, strsignal(signal));
	else if (WIFEXITED(status) && WEXITSTATUS(status) == FORKER_CANNOT_EXEC)
		snprintf(how, size, "its executable could not be run");
	else if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		snprintf(how, size, "a library that it needs was not found");
	else
		snprintf(how, size, "exited with status %d", WEXITSTATUS(status));
}

/* Waits for the end of the process. Return: false when it still runs after timeout_ms. */
static bool reap(struct child *c, int timeout_ms, int *status)
{
	struct pollfd pfd = { .fd = c->pidfd, .events = POLLIN };

	for (int waited = 0;; waited += 10) {
		pid_t pid = group_reap(c->pid, status);

		if (pid == c->pid)
			return true;
		if (pid < 0) {
			*status = 0;
			return true;
		}
		if (waited >= timeout_ms)
			return false;
		/* It may have a lot to say at its end. */
		log_relay_read();
		/* Returns at once when the process ends; without a pidfd it is a sleep. */
		poll(&pfd, 1, 10);
	}
}

static void forget(struct child *c)
{
	struct child left;

	if (c->pidfd >= 0)
		close(c->pidfd);
	if (c->sock >= 0)
		close(c->sock);
	child_init(&left);
	left.nr = c->nr;
	memcpy(left.rundir, c->rundir, sizeof(left.rundir));
	*c = left;
}

static void remember(pid_t pid)
{
	for (unsigned int i = 0; i < MAX_ENDING; i++) {
		if (ending[i].pid)
			continue;
		ending[i] = (struct ending){ .pid = pid, .since_ms = now_ms() };
		return;
	}
	log_error("%u workers do not end: a driver of the kernel holds them", MAX_ENDING + 1);
}

void child_reap(void)
{
	for (unsigned int i = 0; i < MAX_ENDING; i++) {
		struct ending *e = &ending[i];

		if (!e->pid)
			continue;
		if (group_reap(e->pid, NULL) != 0) {
			e->pid = 0;
		} else if (!e->told && now_ms() - e->since_ms >= STUCK_MS) {
			e->told = true;
			log_error("worker %d does not end: a driver of the kernel holds it",
				  (int)e->pid);
		}
	}
}

unsigned int child_nr_ending(void)
{
	unsigned int nr = 0;

	for (unsigned int i = 0; i < MAX_ENDING; i++)
		nr += ending[i].pid != 0;
	return nr;
}

void child_leave(struct child *c)
{
	forget(c);
}

/* Whether it has ended, within this time */
static bool has_ended(const struct child *c, int timeout_ms)
{
	struct pollfd pfd = { .fd = c->pidfd, .events = POLLIN };

	return poll(&pfd, 1, timeout_ms) > 0;
}

/* Until it has ended it may write to our memory, whoever else it serves. */
static void kill_shared(struct child *c, char *how, size_t how_size)
{
	if (c->pidfd < 0)
		snprintf(how, how_size, "it has no place for this client");
	else if (has_ended(c, SETTLE_MS))
		snprintf(how, how_size, "it has ended");
	else if (!c->ready)
		snprintf(how, how_size, "it could not set up this client");
	else if (syscall(SYS_pidfd_send_signal, c->pidfd, SIGKILL, NULL, 0) || !has_ended(c, REAP_MS))
		snprintf(how, how_size, "killed, and not gone yet");
	else
		snprintf(how, how_size, "killed");
	forget(c);
}

void child_kill(struct child *c, char *how, size_t how_size)
{
	int status = 0;

	snprintf(how, how_size, "not running");
	if (c->shared) {
		kill_shared(c, how, how_size);
		return;
	}
	if (!c->pid)
		return;
	/* It may have died by itself: look first, so that the reason is the right one. */
	if (!reap(c, 0, &status)) {
		kill(c->pid, SIGKILL);
		if (!reap(c, REAP_MS, &status)) {
			/* The group still has its number, see group_reap(). */
			kill(-c->pid, SIGKILL);
			remember(c->pid);
			snprintf(how, how_size, "killed, and not gone yet");
			forget(c);
			return;
		}
	}
	describe(status, how, how_size);
	forget(c);
}

void child_quit(struct child *c, int timeout_ms, char *how, size_t how_size)
{
	const struct control_msg msg = { .type = CONTROL_QUIT };
	int status = 0;

	if (c->pid && control_send(c->sock, &msg, NULL, 0) == 0 && reap(c, timeout_ms, &status)) {
		describe(status, how, how_size);
		forget(c);
		return;
	}
	child_kill(c, how, how_size);
}
