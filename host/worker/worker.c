// SPDX-License-Identifier: Apache-2.0
/*
 * vhost-user-accel-worker: runs the plugins and serves the virtqueues of one client, or of those that share
 * it. Started by vhost-user-accel alone, which tells it what to do over CONTROL_FD (control.h) and outlives
 * it.
 *
 * libvaccel starts from its load-time constructor, with the environment that the supervisor
 * got: by the time that main() runs, the plugins are loaded.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "client.h"
#include "control.h"
#include "log.h"
#include "sandbox.h"
#include "vaccel.h"

/* How long leaving may take after a signal. */
#define LEAVE_S 5
/* Clients of one worker, those that have gone but for an operation included */
#define MAX_CLIENTS 4096
/* How long clients that are left may take to go, at the end */
#define END_S 1

/* Settings that are the process's. Return: 0 or -errno */
static int set_up(const struct control_setup *setup)
{
	int ret;

	if (!vaccel_is_initialized()) {
		log_error("libvaccel was not started; unset VACCEL_BOOTSTRAP_ENABLED");
		return -EPIPE;
	}
	log_set_verbose(setup->verbose);
	ret = sandbox_seal(&setup->policy);
	if (ret)
		log_warn("plugins can start programs: %s", strerror(-ret));
	return 0;
}

/* ---- Several clients ------------------------------------------------------------------------ */

/* Those that are served, each by a thread */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t fewer;
	unsigned int nr;
} clients = { .lock = PTHREAD_MUTEX_INITIALIZER, .fewer = PTHREAD_COND_INITIALIZER };

/* How long the operations of a client that has gone may go on: as long as they might have if it had not */
static unsigned int drain_ms(const struct policy *policy)
{
	return policy->op_timeout ? (unsigned int)policy->op_timeout * 1000 : UINT_MAX;
}

static void *client_thread(void *arg)
{
	int sock = (int)(intptr_t)arg, fds[CONTROL_MAX_FDS], ret;
	struct control_msg msg;

	/* It was there before the channel came. */
	ret = control_recv(sock, &msg, fds, 0);
	if (!ret)
		ret = client_serve(sock, &msg, fds, drain_ms(&msg.setup.policy));
	if (ret == -EBUSY) {
		/* It shares our fate, and whoever else is here. */
		log_error("an operation of a client that has gone does not end");
		_exit(EX_SOFTWARE);
	}
	if (ret && ret != -EPIPE)
		log_error("a client cannot be served: %s", strerror(-ret));
	close(sock);
	pthread_mutex_lock(&clients.lock);
	clients.nr--;
	pthread_cond_signal(&clients.fewer);
	pthread_mutex_unlock(&clients.lock);
	return NULL;
}

/* Takes @sock over. Return: 0, or -errno: nobody serves it. */
static int start_client(int sock)
{
	pthread_attr_t attr;
	pthread_t thread;
	int ret = EUSERS;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_mutex_lock(&clients.lock);
	if (clients.nr < MAX_CLIENTS)
		ret = pthread_create(&thread, &attr, client_thread, (void *)(intptr_t)sock);
	clients.nr += !ret;
	pthread_mutex_unlock(&clients.lock);
	pthread_attr_destroy(&attr);
	if (ret)
		close(sock);
	return -ret;
}

/* Return: whether all clients have gone, within a moment */
static bool await_end(void)
{
	struct timespec until;
	bool gone;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += END_S;
	pthread_mutex_lock(&clients.lock);
	while (clients.nr && pthread_cond_timedwait(&clients.fewer, &clients.lock, &until) == 0)
		;
	gone = !clients.nr;
	pthread_mutex_unlock(&clients.lock);
	return gone;
}

/* Takes in clients until the hub says to quit or is gone. Return: 0, or -EBUSY: some are still there. */
static int serve_clients(void)
{
	struct control_msg msg = { .type = CONTROL_READY };
	int fds[CONTROL_MAX_FDS], ret;

	snprintf(msg.ready.rundir, sizeof(msg.ready.rundir), "%s", vaccel_rundir());
	ret = control_send(CONTROL_FD, &msg, NULL, 0);
	while (!ret && control_recv(CONTROL_FD, &msg, fds, -1) == 0) {
		if (msg.type == CONTROL_CLIENT && fds[0] >= 0) {
			msg.status = start_client(fds[0]);
			fds[0] = -1;
			ret = control_send(CONTROL_FD, &msg, NULL, 0);
		}
		control_close(fds);
		if (msg.type == CONTROL_QUIT)
			break;
	}
	return await_end() ? 0 : -EBUSY;
}

static int run(void)
{
	struct control_msg msg;
	int fds[CONTROL_MAX_FDS];
	int ret = control_recv(CONTROL_FD, &msg, fds, -1);

	if (!ret)
		ret = set_up(&msg.setup);
	if (ret)
		return ret;
	if (msg.type != CONTROL_SHARED)
		return client_serve(CONTROL_FD, &msg, fds, CONTROL_DRAIN_MS);
	control_close(fds);
	return serve_clients();
}

/*
 * Someone wants us to stop: the control socket will say so and we leave in good order; but not later
 * than this.
 */
static void on_stop(int sig)
{
	(void)sig;
	alarm(LEAVE_S);
}

static void on_late(int sig)
{
	(void)sig;
	_exit(EX_SOFTWARE);
}

/* See describe() in child.c. */
static void on_fatal(int sig)
{
	_exit(128 + sig);
}

/*
 * As the first process of a namespace (sandbox.h) we would miss the signals that end others. Those that
 * somebody handles already, as sanitizers do, are left alone.
 */
static void handle_signals(void)
{
	static const int fatal[] = { SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS,
				     SIGQUIT, SIGXCPU, SIGHUP };
	const struct sigaction stop = { .sa_handler = on_stop, .sa_flags = SA_RESTART };
	const struct sigaction late = { .sa_handler = on_late };
	const struct sigaction end = { .sa_handler = on_fatal };
	struct sigaction old;

	/* Service managers signal all processes; the supervisor tells us to stop, too. */
	sigaction(SIGTERM, &stop, NULL);
	sigaction(SIGINT, &stop, NULL);
	sigaction(SIGALRM, &late, NULL);
	for (size_t i = 0; getpid() == 1 && i < sizeof(fatal) / sizeof(fatal[0]); i++)
		if (!sigaction(fatal[i], NULL, &old) && !(old.sa_flags & SA_SIGINFO) &&
		    old.sa_handler == SIG_DFL)
			sigaction(fatal[i], &end, NULL);
}

int main(int argc, char **argv)
{
	int type, ret;
	socklen_t len = sizeof(type);

	(void)argc;
	if (getsockopt(CONTROL_FD, SOL_SOCKET, SO_TYPE, &type, &len) || type != SOCK_SEQPACKET) {
		fprintf(stderr, "%s is started by vhost-user-accel; run that instead\n", argv[0]);
		return EX_USAGE;
	}
	fcntl(CONTROL_FD, F_SETFD, FD_CLOEXEC);
	handle_signals();
	/* The log goes through stdio: what is still buffered when a plugin crashes is lost. */
	fflush(stdout);
	setvbuf(stdout, NULL, _IOLBF, 0);

	ret = run();
	/* An operation still runs. */
	if (ret == -EBUSY)
		_exit(EX_SOFTWARE);
	if (ret) {
		if (ret != -EPIPE)
			log_error("the worker cannot start: %s", strerror(-ret));
		return EX_OSERR;
	}
	/* Here, as the end of a process ends no plugin. */
	vaccel_cleanup();
	return 0;
}
