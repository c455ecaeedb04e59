// SPDX-License-Identifier: Apache-2.0
#include "forker.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
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
/* How long a worker may take to end when the supervisor was killed, see worker.c */
#define LEAVE_MS 6000
/* How long a killed worker that nobody waits for may take to be gone */
#define STRAY_MS 1000

/* ---- The worker's first steps --------------------------------------------------------------- */

static void run_worker(const char *path, int sock, pid_t supervisor)
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

	if (sock == CONTROL_FD ? fcntl(sock, F_SETFD, 0) < 0 : dup2(sock, CONTROL_FD) < 0)
		_exit(126);
	syscall(SYS_close_range, CONTROL_FD + 1, ~0u, 0);
	execl(path, "vhost-user-accel-worker", (char *)NULL);
	_exit(127);
}

/* ---- The forker ----------------------------------------------------------------------------- */

static void serve(int sock, const char *worker, pid_t supervisor)
{
	struct control_msg msg;
	int fds[CONTROL_MAX_FDS];

	while (control_recv(sock, &msg, fds, -1) == 0 && msg.type == CONTROL_FORK && fds[0] >= 0) {
		/* CLONE_PARENT: the new process is the supervisor's child. */
		long pid = syscall(SYS_clone, CLONE_PARENT | SIGCHLD, NULL, NULL, NULL, NULL);

		if (pid == 0)
			run_worker(worker, fds[0], supervisor);
		msg.status = pid < 0 ? -errno : 0;
		msg.forked.pid = (pid_t)pid;
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

	/* libvaccel takes one of these for its run directory. */
	setenv("XDG_RUNTIME_DIR", f->dir, 1);
	setenv("TMPDIR", f->dir, 1);
	msg.status = sandbox_worker(policy, worker, f->dir, &msg.confined);
	if (control_send(CONTROL_FD, &msg, NULL, 0) == 0)
		serve(CONTROL_FD, worker, supervisor);
	/* The supervisor has gone without a word; the last worker removes what is in there. */
	for (int waited = 0; waited < LEAVE_MS && rmdir(f->dir) && errno != ENOENT; waited += 100)
		poll(NULL, 0, 100);
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
	return msg.status ? EX_CONFIG : 0;
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

int forker_spawn(int sock, int fd, pid_t *pid)
{
	static uint32_t serial;
	struct control_msg msg = { .type = CONTROL_FORK, .forked.serial = ++serial };
	int fds[CONTROL_MAX_FDS], ret;

	ret = control_send(sock, &msg, &fd, 1);
	while (!ret) {
		ret = control_recv(sock, &msg, fds, CONTROL_ANSWER_MS);
		control_close(fds);
		if (ret || msg.forked.serial == serial)
			break;
		end_stray(msg.forked.pid);
	}
	if (ret)
		return ret;
	*pid = msg.forked.pid;
	return msg.status;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)ftw;
	/* Not remove(): where the sandbox refuses the one, it does not try the other. */
	if (type == FTW_DP)
		rmdir(path);
	else
		unlink(path);
	return 0;
}

void forker_remove_tree(const char *path)
{
	nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

void forker_stop(struct forker *f)
{
	if (f->pid) {
		close(f->sock);
		kill(f->pid, SIGKILL);
		waitpid(f->pid, NULL, 0);
		f->pid = 0;
	}
	if (*f->dir)
		forker_remove_tree(f->dir);
	*f->dir = '\0';
}
