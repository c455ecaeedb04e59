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
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "control.h"
#include "group.h"
#include "log.h"
#include "streams.h"
#include "syscalls.h"
#include "transport/connector.h"

/* Reading what the sandbox may use can take a while on a busy machine. */
#define CONFINE_MS 20000
/* How long the supervisor waits for a process to be started: a front end may be waiting, too. */
#define SPAWN_MS 500
/* How long a killed process that nobody waits for may take to be gone */
#define END_MS 100

/* The connector's socket in a forker and its workers, behind CONTROL_FD */
#define CONNECTOR_FD   4
#define CONNECTOR_TEXT "4"

/* What a forker knows */
struct station {
	const struct policy *policy;
	struct sandbox_place place;
	struct sandbox_report missing; /* of the sandbox; a worker with less does not start */
	bool has_connector;	       /* as CONNECTOR_FD */
	_Atomic pid_t *worker;	       /* the last one, and its group; shared by all forkers */
};

/* ---- The worker's first steps --------------------------------------------------------------- */

/* The supervisor's end of the worker's socket is closed: it is gone, or wants this worker no more. */
static bool is_abandoned(int sock)
{
	struct pollfd pfd = { .fd = sock };

	return poll(&pfd, 1, 0) > 0 && pfd.revents & POLLHUP;
}

static void close_from(unsigned int first)
{
	syscall(SYS_close_range, first, ~0u, 0);
}

static void run_worker(const struct station *st, int sock, const char *dir)
{
	struct sandbox_place place = st->place;
	struct sandbox_report missing = { 0 };
	sigset_t none;

	/*
	 * A session of its own: a terminal's SIGINT misses it, its children can be killed, and the
	 * scheduler counts it as one, however many threads it has (where autogroups are on).
	 */
	setsid();
	/* Whatever it may be by then: it does not outlive the supervisor. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (is_abandoned(sock))
		_exit(0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGBUS, SIG_DFL);
	/* libvaccel takes one of these for its run directory. */
	setenv("XDG_RUNTIME_DIR", dir, 1);
	setenv("TMPDIR", dir, 1);

	if (sock == CONTROL_FD ? fcntl(sock, F_SETFD, 0) < 0 : dup2(sock, CONTROL_FD) < 0)
		_exit(126);
	close_from(st->has_connector ? CONNECTOR_FD + 1 : CONTROL_FD + 1);
	unsetenv(CONNECTOR_VARIABLE);
	if (st->has_connector)
		setenv(CONNECTOR_VARIABLE, CONNECTOR_TEXT, 1);
	place.dir = dir;
	if (sandbox_worker(st->policy, &place, &missing))
		_exit(126);
	if (*missing.limits || strcmp(missing.missing, st->missing.missing)) {
		log_error("the worker lacks limits or parts of its sandbox that it had at first: %s %s",
			  missing.limits, missing.missing);
		_exit(126);
	}
	execl(st->place.worker, "vhost-user-accel-worker", (char *)NULL);
	_exit(FORKER_CANNOT_EXEC);
}

/* ---- The forker ----------------------------------------------------------------------------- */

/* A worker may have made it unusable for the next one, or, at lower levels, have removed it. */
static void mend_dir(const char *dir)
{
	if (mkdir(dir, 0700) && errno == EEXIST)
		(void)fchmodat(AT_FDCWD, dir, 0700, AT_SYMLINK_NOFOLLOW);
}

/* Makes a worker's directory, whose name nobody can know before. Return: 0 or -errno. */
static int make_own_dir(char *to, size_t size, const char *dir, uint32_t nr)
{
	mend_dir(dir);
	if (snprintf(to, size, "%s/%u.XXXXXX", dir, nr) >= (int)size)
		return -ENAMETOOLONG;
	return mkdtemp(to) ? 0 : -errno;
}

/* Starts a worker. Return: its process id, or -errno. */
static long start_one(const struct station *st, int fd, uint32_t nr)
{
	char own[288];
	int ret = make_own_dir(own, sizeof(own), st->place.dir, nr);
	long pid;

	if (ret)
		return ret;
	/* CLONE_PARENT: the new process is the supervisor's child. */
	pid = sandbox_clone(st->policy, st->place.home, CLONE_PARENT);
	if (pid == 0)
		run_worker(st, fd, own);
	if (pid < 0)
		rmdir(own);
	else
		*st->worker = (pid_t)pid;
	return pid;
}

/* Workers of the same user may not look into this process. A leak checker has to. */
static void hide(void)
{
	if (!SYSCALLS_SANITIZED)
		prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

/* A spare goes on in here, with a socket of its own in the place of @sock. */
static void serve(const struct station *st, int sock)
{
	struct control_msg msg;
	int fds[CONTROL_MAX_FDS];

	while (control_recv(sock, &msg, fds, -1) == 0 && fds[0] >= 0 &&
	       (msg.type == CONTROL_FORK || msg.type == CONTROL_SPARE)) {
		long pid;

		if (msg.type == CONTROL_FORK)
			pid = start_one(st, fds[0], msg.forked.serial);
		else
			pid = sandbox_clone(st->policy, SANDBOX_SHARED, CLONE_PARENT);
		if (pid == 0) {
			hide();
			dup2(fds[0], sock);
		}
		control_close(fds);
		if (pid == 0)
			continue;
		msg.status = pid < 0 ? (int)pid : 0;
		msg.forked.pid = pid < 0 ? 0 : (pid_t)pid;
		if (control_send(sock, &msg, NULL, 0))
			return;
	}
}

/*
 * Finds a home for workers by trying the best first: a process that confines itself, says what was
 * missing, and ends. Return: false when none could even try.
 */
static bool find_home(struct station *st, int sock)
{
	static const enum sandbox_home homes[] = { SANDBOX_OWN, SANDBOX_OWN_USER, SANDBOX_SHARED };
	struct control_msg msg = { .type = CONTROL_CONFINED };
	int pair[2], fds[CONTROL_MAX_FDS], ret = -1;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return false;
	for (size_t i = st->policy->sandbox == SANDBOX_NONE ? 2 : 0; i < 3 && ret; i++) {
		long pid;

		st->place.home = homes[i];
		pid = sandbox_clone(st->policy, st->place.home, 0);
		if (pid == 0) {
			/* Whatever befalls it in there, it ends with this process. */
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			msg.status = sandbox_worker(st->policy, &st->place, &msg.confined);
			_exit(control_send(pair[1], &msg, NULL, 0) ? 1 : 0);
		}
		if (pid < 0)
			continue;
		waitpid((pid_t)pid, NULL, 0);
		ret = control_recv(pair[0], &msg, fds, 0);
	}
	close(pair[0]);
	close(pair[1]);
	st->missing = msg.confined;
	return !ret && !control_send(sock, &msg, NULL, 0);
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

/* Return: whether CONTROL_FD and, if there is one, CONNECTOR_FD are what they are to be, and nothing else is open. */
static bool keep_sockets(int sock, int connector)
{
	/* Out of the way of both */
	int high = connector >= 0 ? fcntl(connector, F_DUPFD_CLOEXEC, CONNECTOR_FD + 1) : -1;

	if (dup2(sock, CONTROL_FD) < 0 || (connector >= 0 && (high < 0 || dup2(high, CONNECTOR_FD) < 0)))
		return false;
	close_from(connector >= 0 ? CONNECTOR_FD + 1 : CONTROL_FD + 1);
	return true;
}

static void run_forker(const struct forker *f, int sock, const struct policy *policy, const char *worker)
{
	static struct station st;
	const char *dir = f->dir;

	st.policy = policy;
	st.place.dir = dir;
	st.place.seed = getpid();
	/* It is one of the arguments. */
	st.place.worker = strdup(worker);
	if (!st.place.worker)
		_exit(126);
	rename_self("accel-forker");
	st.worker = mmap(NULL, sizeof(*st.worker), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			 -1, 0);
	if (st.worker == MAP_FAILED)
		_exit(126);
	st.has_connector = f->connector >= 0;
	if (streams_detach() || !keep_sockets(sock, f->connector))
		_exit(126);
	hide();

	if (find_home(&st, CONTROL_FD))
		serve(&st, CONTROL_FD);
	/*
	 * The supervisor has gone without a word, and the worker with it; what that has started may be
	 * left, if it had no namespace.
	 */
	if (*st.worker)
		kill(-*st.worker, SIGKILL);
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
	f->now.pid = fork();
	if (f->now.pid == 0)
		run_forker(f, socks[1], policy, worker);
	close(socks[1]);
	f->now.sock = socks[0];
	if (f->now.pid < 0) {
		log_error("cannot start a process: %s", strerror(errno));
		close(f->now.sock);
		f->now.pid = 0;
		return EX_OSERR;
	}
	ret = control_recv(f->now.sock, &msg, fds, CONFINE_MS);
	control_close(fds);
	if (ret || msg.type != CONTROL_CONFINED) {
		log_error("the process that starts workers does not run: %s%s",
			  ret == -EPIPE ? "it has ended" : strerror(-ret),
			  policy->max_memory ? "; --max-memory may be too little for it" : "");
		return policy->max_memory ? EX_UNAVAILABLE : EX_OSERR;
	}
	*r = msg.confined;
	if (msg.status)
		return EX_NOINPUT;
	forker_mend(f);
	return 0;
}

static void end_child(pid_t pid)
{
	if (pid <= 0)
		return;
	kill(pid, SIGKILL);
	for (int waited = 0; waited < END_MS && group_reap(pid, NULL) == 0; waited += 10)
		poll(NULL, 0, 10);
}

static void end_process(struct forker_process *p)
{
	struct control_msg msg;
	int fds[CONTROL_MAX_FDS];

	if (!p->pid)
		return;
	end_child(p->pid);
	/* What it started for somebody who has given up waiting for the answer */
	while (control_recv(p->sock, &msg, fds, 0) == 0) {
		control_close(fds);
		end_child(msg.forked.pid);
	}
	close(p->sock);
	p->pid = 0;
}

/* Whether it is neither dead nor stopped */
static bool runs(const struct forker_process *p)
{
	siginfo_t info = { 0 };

	return p->pid && !waitid(P_PID, (id_t)p->pid, &info, WEXITED | WSTOPPED | WNOHANG | WNOWAIT) &&
	       !info.si_pid;
}

/* Return: the answer's status; -EPIPE or -ETIMEDOUT: the forker is of no use any more. */
static int ask(const struct forker_process *p, uint32_t type, int fd, pid_t *pid, uint32_t *nr)
{
	static uint32_t serial;
	struct control_msg msg = { .type = type, .forked.serial = ++serial };
	int fds[CONTROL_MAX_FDS], ret;

	if (!runs(p))
		return -EPIPE;
	ret = control_send(p->sock, &msg, &fd, 1);
	while (!ret) {
		ret = control_recv(p->sock, &msg, fds, SPAWN_MS);
		control_close(fds);
		if (ret || msg.forked.serial == serial)
			break;
		/* Too late: whoever asked for it has given up, and its socket is closed. */
		end_child(msg.forked.pid);
	}
	if (ret)
		return ret == -ETIMEDOUT ? ret : -EPIPE;
	*pid = msg.forked.pid;
	*nr = serial;
	return msg.status;
}

static void make_spare(struct forker *f)
{
	int socks[2], ret = -EMFILE;
	uint32_t nr;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, socks) == 0) {
		ret = ask(&f->now, CONTROL_SPARE, socks[1], &f->spare.pid, &nr);
		f->spare.sock = socks[0];
		close(socks[1]);
		if (ret)
			close(socks[0]);
	}
	if (!ret)
		return;
	f->spare.pid = 0;
	log_warn("there is no second process to start workers: %s", strerror(-ret));
}

/* Return: whether there is one that works. */
static bool promote_spare(struct forker *f)
{
	if (!f->now.pid)
		return false;
	end_process(&f->now);
	f->now = f->spare;
	f->spare.pid = 0;
	/* The last one: if it was only stopped, too, it will do. */
	if (f->now.pid)
		kill(f->now.pid, SIGCONT);
	if (runs(&f->now)) {
		log_warn("the process that starts workers was killed or stopped; another one takes "
			 "its place");
		return true;
	}
	end_process(&f->now);
	log_error("there is no process left that starts workers; restart this service");
	return false;
}

void forker_mend(struct forker *f)
{
	if (!runs(&f->now) && !promote_spare(f))
		return;
	if (f->spare.pid && !runs(&f->spare))
		end_process(&f->spare);
	if (!f->spare.pid)
		make_spare(f);
}

int forker_spawn(struct forker *f, int fd, pid_t *pid, uint32_t *nr)
{
	int ret;

	/* Nothing else tells that one is stopped. */
	forker_mend(f);
	ret = ask(&f->now, CONTROL_FORK, fd, pid, nr);
	if (ret != -EPIPE && ret != -ETIMEDOUT)
		return ret;
	/*
	 * One that hangs is none either. It may have started a worker, which ends when it finds the other
	 * end of @fd closed: so the next one is asked for with another.
	 */
	return promote_spare(f) ? -EAGAIN : -EPIPE;
}

void forker_fds(const struct forker *f, int fds[2])
{
	fds[0] = f->now.pid ? f->now.sock : -1;
	fds[1] = f->spare.pid ? f->spare.sock : -1;
}

void forker_stop(struct forker *f)
{
	end_process(&f->now);
	end_process(&f->spare);
}
