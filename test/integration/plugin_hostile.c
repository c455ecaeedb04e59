// SPDX-License-Identifier: Apache-2.0
/*
 * A plugin that tries what a plugin should not do. The op exec runs the attack that the argument
 * names; its result is the errno value of the step that failed, or 0 when the attack worked. Without
 * an argument for the result, the operation fails where the attack does.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vaccel.h"

#define FAILED(call) ((call) < 0 ? errno : 0)

static int open_file(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0600);

	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

static int connect_to(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), ret;

	if (fd < 0)
		return errno;
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	ret = FAILED(connect(fd, (struct sockaddr *)&addr, sizeof(addr)));
	close(fd);
	return ret;
}

static int open_inet(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

/* A connection that somebody else has made is used for another peer, or to wait for one. Return: why not, or 0 */
static int redirect(void)
{
	const struct sockaddr nobody = { .sa_family = AF_UNSPEC };
	int socks[2], ret = 0;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, socks))
		return errno;
	if (connect(socks[0], &nobody, sizeof(nobody)) && errno == EPERM && listen(socks[0], 1) && errno == EPERM)
		ret = EPERM;
	close(socks[0]);
	close(socks[1]);
	return ret;
}

static int run_program(const char *path)
{
	char *argv[] = { (char *)(uintptr_t)path, NULL };
	pid_t pid;
	int status, ret = posix_spawn(&pid, path, NULL, NULL, argv, NULL);

	if (ret)
		return ret;
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
}

static int do_fork(void)
{
	pid_t pid = fork();

	if (pid < 0)
		return errno;
	if (!pid)
		_exit(0);
	waitpid(pid, NULL, 0);
	return 0;
}

static int trace(pid_t pid)
{
	if (ptrace(PTRACE_ATTACH, pid, NULL, NULL))
		return errno;
	waitpid(pid, NULL, __WALL);
	ptrace(PTRACE_DETACH, pid, NULL, NULL);
	return 0;
}

static int read_memory_of(pid_t pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	return open_file(path, O_RDONLY);
}

static int open_root_of(pid_t pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/root/etc/passwd", pid);
	return open_file(path, O_RDONLY);
}

static void *nothing(void *arg)
{
	return arg;
}

static int make_thread(void)
{
	pthread_t t;
	int ret = pthread_create(&t, NULL, nothing, NULL);

	return ret ? ret : pthread_join(t, NULL);
}

static int take_memory(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return errno;
	munmap(p, size);
	return 0;
}

static int type_into_terminal(void)
{
	char c = 'x';

	return FAILED(ioctl(STDOUT_FILENO, TIOCSTI, &c));
}

static int count_cpus(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) ? -1 : CPU_COUNT(&set);
}

/* In a directory that plugins may write: they need one */
static int write_own(void)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/own", vaccel_rundir());
	return open_file(path, O_WRONLY | O_CREAT);
}

static int dump_core(void)
{
	struct rlimit limit;

	getrlimit(RLIMIT_CORE, &limit);
	return limit.rlim_max ? 0 : EPERM;
}

/* A descriptor that the operator's shell left open */
static int use_fd(int fd)
{
	return FAILED(fcntl(fd, F_GETFD));
}

/* ---- The worker's own supervisor ----------------------------------------------------------- */

#define CONTROL_FD 3 /* as in host/common/control.h */

static void halt(int sig)
{
	(void)sig;
	for (;;)
		pause();
}

/* Answers what the supervisor asks with what it has said, after @arg milliseconds. */
static void *answer_late(void *arg)
{
	static char bytes[1 << 16];
	long ms = (long)(intptr_t)arg;
	const struct timespec pause = { ms / 1000, ms % 1000 * 1000000 };

	for (;;) {
		ssize_t n = recv(CONTROL_FD, bytes, sizeof(bytes), 0);

		if (n <= 0)
			_exit(0);
		nanosleep(&pause, NULL);
		(void)!send(CONTROL_FD, bytes, (size_t)n, MSG_NOSIGNAL);
	}
}

/* Stops the thread that answers and does it itself, badly. */
static int late_answers(const char *ms)
{
	pthread_t t;
	int ret;

	signal(SIGUSR2, halt);
	if (syscall(SYS_tgkill, getpid(), getpid(), SIGUSR2))
		return errno;
	ret = pthread_create(&t, NULL, answer_late, (void *)(intptr_t)atol(ms));
	return ret ? ret : pthread_detach(t);
}

/* Makes files that are not removed by their paths: locked, deeper than a path, beside its own place. */
static int make_unremovable(void)
{
	char path[512];
	int fd, next;

	snprintf(path, sizeof(path), "%s/own", vaccel_rundir());
	if (mkdir(path, 0700))
		return errno;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; i < 3000 && fd >= 0; i++) {
		if (mkdirat(fd, "d", 0700))
			return errno;
		next = openat(fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (i % 100 == 7)
			fchmod(fd, 0);
		close(fd);
		fd = next;
	}
	if (fd < 0)
		return errno;
	close(fd);
	/* Where the sandbox does not keep it from that */
	snprintf(path, sizeof(path), "%s/../beside", getenv("XDG_RUNTIME_DIR"));
	return mkdir(path, 0) && errno != EACCES ? errno : 0;
}

/* What is the same for all that have a memory: to keep it from others, to make it look changed, to be asked first */
static int change_memory(const char *how)
{
	int fd = memfd_create("test", MFD_CLOEXEC), reading, err = ENOSYS;
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	reading = open(path, O_RDONLY | O_CLOEXEC);
	if (reading < 0)
		return errno;
	if (!strcmp(how, "rights"))
		err = FAILED(fchmod(fd, 0));
	if (!strcmp(how, "rights by path"))
		err = FAILED(chmod(path, 0));
	if (!strcmp(how, "owner"))
		err = FAILED(fchown(fd, getuid(), getgid()));
	if (!strcmp(how, "times"))
		err = FAILED(futimens(fd, NULL));
	if (!strcmp(how, "lease")) {
		close(fd);
		fd = -1;
		err = FAILED(fcntl(reading, F_SETLEASE, F_RDLCK));
	}
	close(reading);
	if (fd >= 0)
		close(fd);
	return err;
}

static int attack(const char *what, const char *arg)
{
	if (!strcmp(what, "late-answers"))
		return late_answers(arg);
	if (!strcmp(what, "unremovable-files"))
		return make_unremovable();
	if (!strcmp(what, "read"))
		return open_file(arg, O_RDONLY);
	if (!strcmp(what, "write"))
		return open_file(arg, O_WRONLY | O_CREAT);
	if (!strcmp(what, "write-own"))
		return write_own();
	if (!strcmp(what, "unlink"))
		return FAILED(unlink(arg));
	if (!strcmp(what, "memory-file"))
		return change_memory(arg);
	if (!strcmp(what, "list"))
		return open_file(arg, O_RDONLY | O_DIRECTORY);
	if (!strcmp(what, "connect"))
		return connect_to(arg);
	if (!strcmp(what, "inet"))
		return open_inet();
	if (!strcmp(what, "redirect"))
		return redirect();
	if (!strcmp(what, "exec"))
		return run_program(arg);
	if (!strcmp(what, "fork"))
		return do_fork();
	if (!strcmp(what, "thread"))
		return make_thread();
	if (!strcmp(what, "ptrace"))
		return trace(atoi(arg));
	if (!strcmp(what, "mem"))
		return read_memory_of(atoi(arg));
	if (!strcmp(what, "root"))
		return open_root_of(atoi(arg));
	if (!strcmp(what, "kill"))
		return FAILED(kill(atoi(arg), SIGURG));
	if (!strcmp(what, "mount"))
		return FAILED(mount("none", "/tmp", "tmpfs", 0, NULL));
	if (!strcmp(what, "unshare"))
		return FAILED(unshare(CLONE_NEWUSER));
	if (!strcmp(what, "bpf"))
		return FAILED(syscall(SYS_bpf, 0, NULL, 0));
	if (!strcmp(what, "userfaultfd"))
		return FAILED(syscall(SYS_userfaultfd, 0));
	if (!strcmp(what, "io_uring"))
		return FAILED(syscall(SYS_io_uring_setup, 1, NULL));
	if (!strcmp(what, "perf"))
		return FAILED(syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0));
	if (!strcmp(what, "keyctl"))
		return FAILED(syscall(SYS_keyctl, 0, 0, 0));
	if (!strcmp(what, "module"))
		return FAILED(syscall(SYS_init_module, NULL, 0, ""));
	if (!strcmp(what, "kexec"))
		return FAILED(syscall(SYS_kexec_load, 0, 0, NULL, 0));
	if (!strcmp(what, "terminal"))
		return type_into_terminal();
	if (!strcmp(what, "core"))
		return dump_core();
	if (!strcmp(what, "fd"))
		return use_fd(atoi(arg));
	if (!strcmp(what, "cpus"))
		return count_cpus();
	if (!strcmp(what, "memory"))
		return take_memory(strtoull(arg, NULL, 10));
	return ENOSYS;
}

static int op_exec(struct vaccel_session *sess, const char *library, const char *fn_symbol,
		   struct vaccel_arg *read, size_t nr_read, struct vaccel_arg *write,
		   size_t nr_write)
{
	(void)sess;
	(void)read;
	(void)nr_read;
	if (nr_write == 1 && write[0].size == sizeof(int)) {
		*(int *)write[0].buf = attack(library, fn_symbol);
		return VACCEL_OK;
	}
	return nr_write ? VACCEL_EINVAL : attack(library, fn_symbol) ? VACCEL_EIO : VACCEL_OK;
}

static struct vaccel_op ops[] = { VACCEL_OP_INIT(exec, VACCEL_OP_EXEC, op_exec) };

static int init(void)
{
	return vaccel_plugin_register_ops(ops, 1);
}

static int fini(void)
{
	return VACCEL_OK;
}

VACCEL_PLUGIN(.name = "hostile", .version = "1", .vaccel_version = VACCEL_VERSION,
	      .type = VACCEL_PLUGIN_GENERIC, .init = init, .fini = fini)
