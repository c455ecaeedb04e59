// SPDX-License-Identifier: Apache-2.0
#include "forker.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "control.h"
#include "log.h"

/* Reading what the sandbox may use can take a while on a busy machine. */
#define CONFINE_MS 20000
/* How long the supervisor waits for a worker to be started: a front end may be waiting, too. */
#define SPAWN_MS 500
/* How long a killed worker that nobody waits for may take to be gone */
#define STRAY_MS 100

/* ---- The worker's first steps --------------------------------------------------------------- */

static void run_worker(const char *path, int sock, const char *dir, pid_t supervisor)
{
	sigset_t none;

	/*
	 * A session of its own: a terminal's SIGINT misses it, its children can be killed, and the
	 * scheduler counts it as one, however many threads it has (where autogroups are on).
	 */
	setsid();
	/* The worker ends itself in good order then, see worker.c. */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != supervisor)
		_exit(0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGBUS, SIG_DFL);
	/* libvaccel takes one of these for its run directory. */
	setenv("XDG_RUNTIME_DIR", dir, 1);
	setenv("TMPDIR", dir, 1);

	if (sock == CONTROL_FD ? fcntl(sock, F_SETFD, 0) < 0 : dup2(sock, CONTROL_FD) < 0)
		_exit(126);
	syscall(SYS_close_range, CONTROL_FD + 1, ~0u, 0);
	execl(path, "vhost-user-accel-worker", (char *)NULL);
	_exit(FORKER_CANNOT_EXEC);
}

/* ---- The forker ----------------------------------------------------------------------------- */

/* Makes a worker's directory, whose name nobody can know before. Return: 0 or -errno. */
static int make_own_dir(char *to, size_t size, const char *dir, uint32_t nr)
{
	if (snprintf(to, size, "%s/%u.XXXXXX", dir, nr) >= (int)size)
		return -ENAMETOOLONG;
	return mkdtemp(to) ? 0 : -errno;
}

/* Starts one. Return: its process id, or -errno. */
static long start_one(const char *worker, int fd, const char *dir, uint32_t nr, pid_t supervisor)
{
	char own[288];
	int ret = make_own_dir(own, sizeof(own), dir, nr);
	long pid;

	if (ret)
		return ret;
	/* CLONE_PARENT: the new process is the supervisor's child. */
	pid = syscall(SYS_clone, CLONE_PARENT | SIGCHLD, NULL, NULL, NULL, NULL);
	if (pid == 0)
		run_worker(worker, fd, own, supervisor);
	if (pid > 0)
		return pid;
	ret = -errno;
	rmdir(own);
	return ret;
}

static void serve(int sock, const char *worker, const char *dir, pid_t supervisor)
{
	struct control_msg msg;
	int fds[CONTROL_MAX_FDS];

	while (control_recv(sock, &msg, fds, -1) == 0 && msg.type == CONTROL_FORK && fds[0] >= 0) {
		long pid = start_one(worker, fds[0], dir, msg.forked.serial, supervisor);

		msg.status = pid < 0 ? (int)pid : 0;
		msg.forked.pid = pid < 0 ? 0 : (pid_t)pid;
		control_close(fds);
		if (control_send(sock, &msg, NULL, 0))
			return;
	}
}

/* So that nobody who looks for workers by their command line takes this for one. */
static void rename_self(const char *name)
{
	static char line[65536];
	int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
	ssize_t len = fd >= 0 ? read(fd, line, sizeof(line)) : -1;

	if (fd >= 0)
		close(fd);
	prctl(PR_SET_NAME, name);
	if (len <= (ssize_t)strlen(name))
		return;
	memset(program_invocation_name, 0, (size_t)len);
	memcpy(program_invocation_name, name, strlen(name));
}

static void run_forker(const struct forker *f, int sock, const struct policy *policy,
		       const char *worker, pid_t supervisor)
{
	struct control_msg msg = { .type = CONTROL_CONFINED };

	/* It is one of the arguments. */
	worker = strdup(worker);
	if (!worker)
		_exit(126);
	rename_self("accel-forker");
	if (dup2(sock, CONTROL_FD) < 0)
		_exit(126);
	syscall(SYS_close_range, CONTROL_FD + 1, ~0u, 0);

	msg.status = sandbox_worker(policy, worker, f->dir, &msg.confined);
	if (control_send(CONTROL_FD, &msg, NULL, 0) == 0)
		serve(CONTROL_FD, worker, f->dir, supervisor);
	_exit(0);
}

/* ---- In the supervisor ---------------------------------------------------------------------- */

static bool make_dir(char *to, size_t size)
{
	char run_user[64];
	const char *const bases[] = { run_user, getenv("XDG_RUNTIME_DIR"), getenv("TMPDIR"), "/tmp" };

	snprintf(run_user, sizeof(run_user), "/run/user/%u", (unsigned int)getuid());
	for (size_t i = 0; i < sizeof(bases) / sizeof(bases[0]); i++) {
		if (!bases[i] || *bases[i] != '/' ||
		    snprintf(to, size, "%s/vhost-user-accel.XXXXXX", bases[i]) >= (int)size)
			continue;
		if (mkdtemp(to))
			return true;
	}
	*to = '\0';
	return false;
}

int forker_start(struct forker *f, const struct policy *policy, const char *worker,
		 struct sandbox_report *r)
{
	int socks[2], fds[CONTROL_MAX_FDS], ret;
	pid_t supervisor = getpid();
	struct control_msg msg;

	if (!make_dir(f->dir, sizeof(f->dir))) {
		log_error("cannot make a directory in XDG_RUNTIME_DIR, TMPDIR or /tmp: %s; make one "
			  "of them writable", strerror(errno));
		return EX_CANTCREAT;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, socks) < 0) {
		log_error("socketpair: %s", strerror(errno));
		return EX_OSERR;
	}
	/* fork() copies whatever stdio still holds. */
	fflush(NULL);
	f->pid = fork();
	if (f->pid == 0)
		run_forker(f, socks[1], policy, worker, supervisor);
	close(socks[1]);
	f->sock = socks[0];
	if (f->pid < 0) {
		log_error("cannot start a process: %s", strerror(errno));
		close(f->sock);
		f->pid = 0;
		return EX_OSERR;
	}
	ret = control_recv(f->sock, &msg, fds, CONFINE_MS);
	control_close(fds);
	if (ret || msg.type != CONTROL_CONFINED) {
		log_error("the process that starts workers does not run: %s", strerror(-ret));
		return EX_OSERR;
	}
	*r = msg.confined;
	return msg.status ? EX_NOINPUT : 0;
}

/* A worker that came too late: whoever asked for it has given up, and its socket is closed. */
static void end_stray(pid_t pid)
{
	if (pid <= 0)
		return;
	kill(pid, SIGKILL);
	for (int waited = 0; waited < STRAY_MS && waitpid(pid, NULL, WNOHANG) == 0; waited += 10)
		poll(NULL, 0, 10);
}

int forker_spawn(int sock, int fd, pid_t *pid, uint32_t *nr)
{
	static uint32_t serial;
	struct control_msg msg = { .type = CONTROL_FORK, .forked.serial = ++serial };
	int fds[CONTROL_MAX_FDS], ret;

	ret = control_send(sock, &msg, &fd, 1);
	while (!ret) {
		ret = control_recv(sock, &msg, fds, SPAWN_MS);
		control_close(fds);
		if (ret || msg.forked.serial == serial)
			break;
		end_stray(msg.forked.pid);
	}
	if (ret)
		return ret;
	*pid = msg.forked.pid;
	*nr = serial;
	return msg.status;
}

void forker_stop(struct forker *f)
{
	if (f->pid) {
		close(f->sock);
		kill(f->pid, SIGKILL);
		waitpid(f->pid, NULL, 0);
		f->pid = 0;
	}
}
