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

#include "control.h"
#include "counters.h"
#include "dispatch.h"
#include "join.h"
#include "keeper_client.h"
#include "log.h"
#include "sandbox.h"
#include "serve.h"
#include "vaccel.h"

/* How long leaving may take after a signal. */
#define LEAVE_S 5

static struct serve serve;
static struct quota quota;
static int area_fd = -1; /* open as long as its area is used, see inflight_area_own() */
static struct host_dirs dirs;
static struct counters *counters; /* NULL: nobody wants them */

/* Return: 0 or -errno; the descriptor stays the caller's. */
static int map_counters(int fd)
{
	counters = counters_map(fd, sizeof(*counters), true);
	return counters ? 0 : -errno;
}

/* The first message: settings and the shared memory. Tells the supervisor when all is ready. */
static int set_up(void)
{
	struct control_msg msg;
	int fds[CONTROL_MAX_FDS];
	int ret;

	if (!vaccel_is_initialized()) {
		log_error("libvaccel was not started; unset VACCEL_BOOTSTRAP_ENABLED");
		return -EPIPE;
	}
	ret = control_recv(CONTROL_FD, &msg, fds, -1);
	if (ret)
		return ret;
	if (msg.type != CONTROL_SETUP || fds[0] < 0)
		return -EPROTO;
	log_set_verbose(msg.setup.verbose);
	serve.poll_us = (uint32_t)msg.setup.policy.poll_us;
	ret = sandbox_seal(&msg.setup.policy);
	if (ret)
		log_warn("plugins can start programs: %s", strerror(-ret));
	area_fd = fds[0];
	serve.area = inflight_area_own(area_fd);
	if (!serve.area)
		return -errno;
	quota_init(&quota, &msg.setup.policy, &serve.area->counts);
	join_limit(&quota);
	dirs.keeper = msg.setup.has_keeper ? fds[1] : -1;
	if (msg.setup.has_keeper)
		keeper_begin(dirs.keeper);
	dirs.models = msg.setup.has_model_dir ? fds[1 + msg.setup.has_keeper] : -1;
	if (msg.setup.has_counters) {
		int at = 1 + msg.setup.has_keeper + msg.setup.has_model_dir;

		ret = map_counters(fds[at]);
		close(fds[at]);
		if (ret)
			return ret;
	}
	serve.dispatch = dispatch_new(&quota, &dirs, counters, msg.setup.generation);
	serve.registered = registered_new();
	if (!serve.dispatch || !serve.registered)
		return -ENOMEM;

	memset(&msg, 0, sizeof(msg));
	msg.type = CONTROL_READY;
	snprintf(msg.ready.rundir, sizeof(msg.ready.rundir), "%s", vaccel_rundir());
	return control_send(CONTROL_FD, &msg, NULL, 0);
}

/* Return: 0, with *fd taken, or -errno. */
static int set_area(int *fd)
{
	struct inflight_area *area = inflight_area_own(*fd);

	if (!area)
		return -errno;
	quota_move(&quota, &area->counts);
	inflight_area_unmap(serve.area);
	close(area_fd);
	serve.area = area;
	area_fd = *fd;
	*fd = -1;
	return 0;
}

static int reset(uint32_t generation)
{
	struct dispatch *fresh = dispatch_new(&quota, &dirs, counters, generation);

	if (!fresh)
		return -ENOMEM;
	registered_clear(serve.registered);
	join_clear();
	dispatch_delete(serve.dispatch);
	serve.dispatch = fresh;
	return 0;
}

static void count(struct control_msg *msg)
{
	struct vop_traffic traffic;
	struct host_files files;

	dispatch_count(serve.dispatch, &msg->stats.sessions, &msg->stats.resources);
	registered_count(serve.registered, &msg->stats.memories, &msg->stats.memory_bytes);
	dispatch_traffic(serve.dispatch, &traffic);
	msg->stats.in_place = traffic.in_place;
	msg->stats.snapshot = traffic.snapshot;
	msg->stats.gathered = traffic.gathered;
	msg->stats.written_back = traffic.written_back;
	dispatch_files(serve.dispatch, &files);
	msg->stats.received = files.received;
	msg->stats.claimed = files.claimed;
	msg->stats.kept = files.kept;
}

/* Takes the fds that it uses out of @fds. */
static int handle(struct control_msg *msg, int *fds)
{
	struct control_queue *q = &msg->queue;
	struct control_mem *m = &msg->mem;
	int kick = -1, call = -1, fd, ret;

	switch (msg->type) {
	case CONTROL_MEM_ADD:
		fd = fds[0];
		fds[0] = -1;
		return serve_mem_add(&serve, m->gpa, m->size, m->uaddr, m->offset, fd);
	case CONTROL_MEM_REMOVE:
		return serve_mem_remove(&serve, m->gpa, m->size, m->uaddr);
	case CONTROL_VQ_START:
		if (q->has_kick)
			kick = fds[0];
		if (q->has_call)
			call = fds[q->has_kick];
		fds[0] = -1;
		fds[1] = -1;
		return serve_start(&serve, q->index, &q->config, kick, call);
	case CONTROL_VQ_STOP:
		return serve_stop(&serve, q->index, CONTROL_DRAIN_MS);
	case CONTROL_VQ_CALL:
		fd = fds[0];
		fds[0] = -1;
		return serve_set_call(&serve, q->index, fd);
	case CONTROL_RESET:
		if (serve_running(&serve))
			return -EBUSY;
		return reset(msg->reset.generation);
	case CONTROL_AREA:
		if (serve_running(&serve))
			return -EBUSY;
		ret = set_area(&fds[0]);
		return ret ? ret : reset(msg->reset.generation);
	case CONTROL_STATS:
		count(msg);
		return 0;
	case CONTROL_LIMIT:
		return quota_set_limit(&quota, msg->limit.rule, msg->limit.value);
	default:
		return -ENOTSUP;
	}
}

/* Answers the supervisor until it says to quit or is gone. */
static void serve_control(void)
{
	struct control_msg msg;
	int fds[CONTROL_MAX_FDS];

	while (control_recv(CONTROL_FD, &msg, fds, -1) == 0 && msg.type != CONTROL_QUIT) {
		msg.status = handle(&msg, fds);
		control_close(fds);
		if (msg.type != CONTROL_LIMIT && control_send(CONTROL_FD, &msg, NULL, 0))
			break;
	}
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
	bool busy = false;

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

	ret = set_up();
	if (ret) {
		if (ret != -EPIPE)
			log_error("the worker cannot start: %s", strerror(-ret));
		return EX_OSERR;
	}
	serve_control();

	for (unsigned int i = 0; i < VIRTIO_ACCEL_MAX_QUEUES; i++)
		if (serve_stop(&serve, i, CONTROL_DRAIN_MS))
			busy = true;
	/* An operation still runs: cleaning up under it would crash. */
	if (busy)
		_exit(EX_SOFTWARE);
	dispatch_delete(serve.dispatch);
	registered_delete(serve.registered);
	join_clear();
	memory_clear(&serve.mem);
	inflight_area_unmap(serve.area);
	/* Here, as the end of a process ends no plugin. */
	vaccel_cleanup();
	return 0;
}
