// SPDX-License-Identifier: Apache-2.0
/*
 * vhost-user-accel-worker: runs the plugins and serves the virtqueues of one VM. Started by
 * vhost-user-accel alone, which tells it what to do over CONTROL_FD (control.h) and outlives it.
 *
 * libvaccel starts from its load-time constructor, with the environment that the supervisor
 * got: by the time that main() runs, the plugins are loaded.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "client.h"
#include "control.h"
#include "log.h"
#include "sandbox.h"
#include "vaccel.h"

/* How long leaving may take after a signal. */
#define LEAVE_S 5

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

static int run(void)
{
	struct control_msg msg;
	int fds[CONTROL_MAX_FDS];
	int ret = control_recv(CONTROL_FD, &msg, fds, -1);

	if (!ret)
		ret = set_up(&msg.setup);
	return ret ? ret : client_serve(CONTROL_FD, &msg, fds, CONTROL_DRAIN_MS);
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
