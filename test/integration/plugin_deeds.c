// SPDX-License-Identifier: Apache-2.0
/*
 * A plugin that has been taken over, and does what it is told: the op exec does the deed that its first
 * argument names, see deeds.h. Its result is one int.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "deeds.h"
#include "vaccel.h"

#define CONTROL_FD 3

/* Headers may be older than the kernel. */
#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif
#ifndef PR_SCHED_CORE
#define PR_SCHED_CORE 62
#endif
#ifndef SYS_process_mrelease
#define SYS_process_mrelease 448
#endif

/* Does something to each of the others, as @pid. The result is 0 when it worked once. */
#define EACH(t, call)                                          \
	({                                                     \
		int err_ = ESRCH;                              \
		for (int i_ = 0; (t)->pids[i_] && err_; i_++) { \
			pid_t pid = (t)->pids[i_];             \
			err_ = (call) < 0 ? errno : 0;         \
		}                                              \
		err_;                                          \
	})
#define FAILED(call) ((call) < 0 ? errno : 0)

typedef const struct deed_targets targets;

/* ---- Signals -------------------------------------------------------------------------------- */

static int deed_kill(targets *t)
{
	return EACH(t, kill(pid, SIGKILL));
}

static int deed_kill_stop(targets *t)
{
	return EACH(t, kill(pid, SIGSTOP));
}

static int deed_kill_group(targets *t)
{
	return EACH(t, kill(-pid, SIGKILL));
}

static int deed_kill_all(targets *t)
{
	(void)t;
	return FAILED(kill(-1, SIGKILL));
}

static int deed_tkill(targets *t)
{
	return EACH(t, syscall(SYS_tkill, pid, SIGKILL));
}

static int deed_tgkill(targets *t)
{
	return EACH(t, tgkill(pid, pid, SIGKILL));
}

static int deed_sigqueue(targets *t)
{
	return EACH(t, sigqueue(pid, SIGKILL, (union sigval){ 0 }));
}

static int deed_tgsigqueue(targets *t)
{
	siginfo_t info = { .si_signo = SIGKILL, .si_code = SI_QUEUE };

	return EACH(t, syscall(SYS_rt_tgsigqueueinfo, pid, pid, SIGKILL, &info));
}

static long signal_by_fd(long fd)
{
	return fd < 0 ? fd : syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0);
}

static int deed_pidfd(targets *t)
{
	return EACH(t, signal_by_fd(syscall(SYS_pidfd_open, pid, 0)));
}

static int open_of(pid_t pid, const char *name, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	return open(path, flags | O_CLOEXEC);
}

static int deed_pidfd_of_proc(targets *t)
{
	return EACH(t, signal_by_fd(open_of(pid, "", O_RDONLY | O_DIRECTORY)));
}

/* Of the supervisor, which has the other end */
static int peer(void)
{
	socklen_t len = sizeof(int);
	int fd = -1;

	return getsockopt(CONTROL_FD, SOL_SOCKET, SO_PEERPIDFD, &fd, &len) ? -1 : fd;
}

static int deed_pidfd_of_peer(targets *t)
{
	(void)t;
	return FAILED(signal_by_fd(peer()));
}

/* A signal for what arrives at a socket, for another process */
static int signal_by_socket(pid_t pid, int (*own)(int fd, pid_t pid))
{
	int socks[2], ret = -1;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, socks))
		return -1;
	if (!own(socks[0], pid) && !fcntl(socks[0], F_SETSIG, SIGKILL) &&
	    !fcntl(socks[0], F_SETFL, O_ASYNC) && write(socks[1], "x", 1) == 1)
		ret = 0;
	close(socks[0]);
	close(socks[1]);
	return ret;
}

static int own(int fd, pid_t pid)
{
	return fcntl(fd, F_SETOWN, pid);
}

static int own_ex(int fd, pid_t pid)
{
	const struct f_owner_ex owner = { F_OWNER_PID, pid };

	return fcntl(fd, F_SETOWN_EX, &owner);
}

static int own_ioctl(int fd, pid_t pid)
{
	return ioctl(fd, FIOSETOWN, &pid) && ioctl(fd, SIOCSPGRP, &pid) ? -1 : 0;
}

static int deed_owner_of_file(targets *t)
{
	return EACH(t, signal_by_socket(pid, own));
}

static int deed_owner_of_file_ex(targets *t)
{
	return EACH(t, signal_by_socket(pid, own_ex));
}

static int deed_owner_by_ioctl(targets *t)
{
	return EACH(t, signal_by_socket(pid, own_ioctl));
}

/* ---- Limits and shares ---------------------------------------------------------------------- */

static int limit(targets *t, int resource, rlim_t value)
{
	const struct rlimit to = { value, value };

	return EACH(t, prlimit(pid, resource, &to, NULL));
}

static int deed_limit_fsize(targets *t)
{
	return limit(t, RLIMIT_FSIZE, 0);
}

static int deed_limit_cpu(targets *t)
{
	return limit(t, RLIMIT_CPU, 0);
}

static int deed_limit_nofile(targets *t)
{
	return limit(t, RLIMIT_NOFILE, 3);
}

static int deed_limit_memory(targets *t)
{
	return limit(t, RLIMIT_AS, 0);
}

static int deed_priority(targets *t)
{
	return EACH(t, setpriority(PRIO_PROCESS, (id_t)pid, 19));
}

static int deed_priority_group(targets *t)
{
	return EACH(t, setpriority(PRIO_PGRP, (id_t)pid, 19));
}

static int deed_priority_user(targets *t)
{
	(void)t;
	return FAILED(setpriority(PRIO_USER, getuid(), 19));
}

static int deed_scheduler(targets *t)
{
	const struct sched_param none = { 0 };

	return EACH(t, sched_setscheduler(pid, SCHED_IDLE, &none));
}

static int deed_sched_param(targets *t)
{
	const struct sched_param none = { 0 };

	return EACH(t, sched_setparam(pid, &none));
}

static int deed_sched_attr(targets *t)
{
	struct {
		uint32_t size, policy;
		uint64_t flags;
		int32_t nice;
		uint32_t priority;
		uint64_t runtime, deadline, period;
	} attr = { .size = sizeof(attr), .nice = 19 };

	return EACH(t, syscall(SYS_sched_setattr, pid, &attr, 0));
}

static int deed_affinity(targets *t)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(0, &one);
	return EACH(t, sched_setaffinity(pid, sizeof(one), &one));
}

/* linux/ioprio.h: the idle class */
static int deed_ioprio(targets *t)
{
	return EACH(t, syscall(SYS_ioprio_set, 1, pid, 3 << 13));
}

static int deed_ioprio_group(targets *t)
{
	return EACH(t, syscall(SYS_ioprio_set, 2, pid, 3 << 13));
}

static int deed_ioprio_user(targets *t)
{
	(void)t;
	return FAILED(syscall(SYS_ioprio_set, 3, getuid(), 3 << 13));
}

static int deed_sched_core(targets *t)
{
	/* PR_SCHED_CORE_CREATE */
	return EACH(t, prctl(PR_SCHED_CORE, 1, pid, 0, 0));
}

static int write_of(pid_t pid, const char *name, const char *text)
{
	int fd = open_of(pid, name, O_WRONLY), ret = -1;

	if (fd >= 0) {
		ret = (int)write(fd, text, strlen(text));
		close(fd);
	}
	return ret;
}

static int deed_autogroup(targets *t)
{
	return EACH(t, write_of(pid, "autogroup", "19"));
}

static int deed_oom_score(targets *t)
{
	return EACH(t, write_of(pid, "oom_score_adj", "1000"));
}

/* ---- Memory and descriptors ----------------------------------------------------------------- */

static int deed_ptrace(targets *t)
{
	return EACH(t, ptrace(PTRACE_SEIZE, pid, NULL, NULL));
}

static int deed_read_memory(targets *t)
{
	char byte;
	struct iovec to = { &byte, 1 }, from = { (void *)(uintptr_t)&deed_read_memory, 1 };

	return EACH(t, process_vm_readv(pid, &to, 1, &from, 1, 0));
}

static int deed_proc_memory(targets *t)
{
	return EACH(t, open_of(pid, "mem", O_RDWR));
}

static int deed_proc_fds(targets *t)
{
	return EACH(t, open_of(pid, "fd/1", O_WRONLY));
}

static long take_fd(long pidfd)
{
	return pidfd < 0 ? pidfd : syscall(SYS_pidfd_getfd, pidfd, 1, 0);
}

static int deed_take_fd(targets *t)
{
	int err = FAILED(take_fd(peer()));

	return err ? EACH(t, take_fd(syscall(SYS_pidfd_open, pid, 0))) : 0;
}

static int deed_madvise_memory(targets *t)
{
	struct iovec page = { (void *)((uintptr_t)&deed_kill & ~(uintptr_t)4095), 4096 };
	int fd = peer();

	(void)t;
	return FAILED(syscall(SYS_process_madvise, fd, &page, 1, MADV_COLD, 0));
}

static int deed_release_memory(targets *t)
{
	(void)t;
	return FAILED(syscall(SYS_process_mrelease, peer(), 0));
}

static int deed_move_pages(targets *t)
{
	return EACH(t, syscall(SYS_move_pages, pid, 0, NULL, NULL, NULL, 0));
}

static int deed_migrate_pages(targets *t)
{
	unsigned long nodes = 1;

	return EACH(t, syscall(SYS_migrate_pages, pid, 8, &nodes, &nodes));
}

static int deed_compare(targets *t)
{
	/* KCMP_FILES */
	return EACH(t, syscall(SYS_kcmp, pid, pid, 2, 0, 0));
}

static int deed_shared_memory(targets *t)
{
	void *p = shmat(t->segment, NULL, 0);

	if (p == (void *)-1)
		return errno;
	memset(p, 'x', 8);
	return 0;
}

/* ---- Processes ------------------------------------------------------------------------------ */

static int deed_join_group(targets *t)
{
	return EACH(t, setpgid(0, pid));
}

static int clone_with(unsigned long flags)
{
	long pid = syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL, NULL);

	if (pid < 0)
		return errno;
	if (!pid)
		_exit(0);
	waitpid((pid_t)pid, NULL, 0);
	return 0;
}

static int deed_sibling(targets *t)
{
	(void)t;
	return clone_with(CLONE_PARENT);
}

static int deed_user_namespace(targets *t)
{
	(void)t;
	return clone_with(CLONE_NEWUSER);
}

/* Not to die when the supervisor does */
static int deed_outlive(targets *t)
{
	(void)t;
	return FAILED(prctl(PR_SET_PDEATHSIG, 0));
}

/* ---- Files and sockets ---------------------------------------------------------------------- */

static int deed_chmod_socket(targets *t)
{
	return FAILED(chmod(t->socket, 0));
}

static int deed_unlink_socket(targets *t)
{
	return FAILED(unlink(t->socket));
}

static int deed_truncate_secret(targets *t)
{
	return FAILED(truncate(t->secret, 0));
}

static int deed_send_to_socket(targets *t)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int socks[2], err;

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", t->listener);
	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, socks))
		return errno;
	err = FAILED(sendto(socks[0], "forged", 6, 0, (struct sockaddr *)&addr, sizeof(addr)));
	close(socks[0]);
	close(socks[1]);
	return err;
}

/* What the operator types */
static int deed_read_input(targets *t)
{
	char byte;

	(void)t;
	return read(STDIN_FILENO, &byte, 1) == 1 ? 0 : EIO;
}

/* ---- The terminal, and the log --------------------------------------------------------------- */

/* Input that the operator has not typed: to the terminal itself, and to what may be one */
static int deed_terminal(targets *t)
{
	int tty = open("/dev/tty", O_RDWR | O_CLOEXEC), err = tty < 0 ? errno : EPERM;

	(void)t;
	for (int fd = 0; fd < 3 && err; fd++)
		err = FAILED(ioctl(fd, TIOCSTI, "x"));
	if (tty >= 0) {
		if (write(tty, "x", 1) == 1 || !ioctl(tty, TIOCSTI, "x"))
			err = 0;
		close(tty);
	}
	return err;
}

static int deed_truncate_log(targets *t)
{
	(void)t;
	return ftruncate(STDOUT_FILENO, 0) && ftruncate(STDERR_FILENO, 0) ? errno : 0;
}

static int deed_silence_log(targets *t)
{
	(void)t;
	return shutdown(STDOUT_FILENO, SHUT_RDWR) && shutdown(STDERR_FILENO, SHUT_RDWR) ? errno : 0;
}

/* A line as the supervisor's, and what clears a screen */
static int deed_forge_log(targets *t)
{
	static const char text[] = "half a line\r\n2026.01.01-00:00:00.00 - <error> accel-1: "
				   DEED_FORGED "\x1b[2J\x9b\n";

	(void)t;
	return write(STDOUT_FILENO, text, sizeof(text) - 1) < 0 &&
	       write(STDERR_FILENO, text, sizeof(text) - 1) < 0 ? errno : 0;
}

/* ---- Its own things ------------------------------------------------------------------------- */

static const char *own_dir(void)
{
	return getenv("XDG_RUNTIME_DIR");
}

static int deed_remove_directory(targets *t)
{
	(void)t;
	vaccel_rundir();
	/* Empty or not: it must not even be asked for. */
	return FAILED(rmdir(own_dir())) == ENOTEMPTY ? 0 : errno;
}

static int deed_rename_directory(targets *t)
{
	char to[256];

	(void)t;
	snprintf(to, sizeof(to), "%s.moved", own_dir());
	return FAILED(rename(own_dir(), to));
}

/* The next worker could not use it then. */
static int deed_close_directory(targets *t)
{
	int fd = open(own_dir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC), err;

	(void)t;
	if (fd < 0)
		return errno;
	err = FAILED(fchmod(fd, 0));
	close(fd);
	return err;
}

static int deed_close_control(targets *t)
{
	(void)t;
	return FAILED(close(CONTROL_FD));
}

static int deed_babble(targets *t)
{
	static const char nonsense[4096] = "nonsense";

	(void)t;
	for (size_t len = 1; len < sizeof(nonsense); len += 97)
		(void)!send(CONTROL_FD, nonsense, len, MSG_NOSIGNAL | MSG_DONTWAIT);
	return 0;
}

static int deed_abort(targets *t)
{
	(void)t;
	abort();
}

static int deed_crash(targets *t)
{
	(void)t;
	return raise(SIGSEGV);
}

static int deed_kill_itself(targets *t)
{
	(void)t;
	return FAILED(raise(SIGKILL));
}

static int deed_leave(targets *t)
{
	(void)t;
	_exit(0);
}

/*
 * The page of zeros, once in each 2 MiB: no memory of the process, but a page of the kernel's for each.
 */
static int deed_page_tables(targets *t)
{
	const size_t size = (size_t)DEED_TABLES << 21;
	volatile char *p = mmap(NULL, size, PROT_READ,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	char sum = 0;

	(void)t;
	if (p == MAP_FAILED)
		return errno;
	madvise((void *)p, size, MADV_NOHUGEPAGE);
	for (size_t at = 0; at < size; at += (size_t)1 << 21)
		sum |= p[at];
	return FAILED(munmap((void *)p, size)) | sum;
}

static void *wait_for(void *arg)
{
	sigset_t set;
	int sig;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigwait(&set, &sig);
	return arg;
}

/* What plugins do to their own threads */
static int deed_own_threads(targets *t)
{
	cpu_set_t all;
	pthread_t thread;
	sigset_t set;
	int err;

	(void)t;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	if (sched_getaffinity(0, sizeof(all), &all) || sched_setaffinity(0, sizeof(all), &all) ||
	    sched_setaffinity(getpid(), sizeof(all), &all) || setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0)) ||
	    kill(getpid(), 0) || raise(SIGUSR2))
		return errno;
	err = pthread_create(&thread, NULL, wait_for, NULL);
	if (err)
		return err;
	err = pthread_kill(thread, SIGUSR2);
	if (!err)
		err = pthread_join(thread, NULL);
	return err;
}

/* ---- The plugin ----------------------------------------------------------------------------- */

static const struct {
	const char *name;
	int (*deed)(targets *t);
} deeds[] = {
#define DEED(name, strict, basic) { #name, deed_##name },
	DEEDS(DEED)
#undef DEED
};

static bool parse(const char *text, struct deed_targets *t)
{
	return sscanf(text, DEED_TARGETS_PRINT, &t->pids[0], &t->pids[1], &t->pids[2], &t->pids[3],
		      &t->pids[4], &t->pids[5], &t->pids[6], &t->pids[7], &t->segment, t->socket,
		      t->listener, t->secret) == 12 && !t->pids[7];
}

static int op_exec(struct vaccel_session *sess, const char *library, const char *fn_symbol,
		   struct vaccel_arg *read, size_t nr_read, struct vaccel_arg *write,
		   size_t nr_write)
{
	struct deed_targets t;

	(void)sess;
	(void)read;
	(void)nr_read;
	if (nr_write != 1 || write[0].size != sizeof(int) || !parse(fn_symbol, &t))
		return VACCEL_EINVAL;
	for (size_t i = 0; i < sizeof(deeds) / sizeof(deeds[0]); i++) {
		if (strcmp(deeds[i].name, library) != 0)
			continue;
		*(int *)write[0].buf = deeds[i].deed(&t);
		return VACCEL_OK;
	}
	return VACCEL_ENOTSUP;
}

static struct vaccel_op ops[] = { VACCEL_OP_INIT(exec, VACCEL_OP_EXEC, op_exec) };

/* A process that wants to stay: in a session of its own, deaf, and called as the test wants */
static void start_stray(const char *name)
{
	if (fork())
		return;
	setsid();
	if (fork())
		_exit(0);
	setpgid(0, 0);
	prctl(PR_SET_NAME, name);
	prctl(PR_SET_PDEATHSIG, 0);
	for (int sig = 1; sig < 32; sig++)
		signal(sig, SIG_IGN);
	close(CONTROL_FD);
	for (;;)
		pause();
}

static int init(void)
{
	const char *name = getenv(DEED_STRAY);

	if (name)
		start_stray(name);
	return vaccel_plugin_register_ops(ops, 1);
}

static int fini(void)
{
	return VACCEL_OK;
}

VACCEL_PLUGIN(.name = "deeds", .version = "1", .vaccel_version = VACCEL_VERSION,
	      .type = VACCEL_PLUGIN_GENERIC, .init = init, .fini = fini)
