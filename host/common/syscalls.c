// SPDX-License-Identifier: Apache-2.0
#include "syscalls.h"

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define DENY SCMP_ACT_ERRNO(EPERM)

/* By name: a library that is older than the kernel does not know all of them. */
static int add(scmp_filter_ctx ctx, uint32_t action, const char *const *names)
{
	int nr, ret = 0;

	for (; *names && !ret; names++) {
		nr = seccomp_syscall_resolve_name(*names);
		if (nr == __NR_SCMP_ERROR)
			continue;
		ret = seccomp_rule_add(ctx, action, nr, 0);
		/* This machine has no such system call. */
		if (ret == -EDOM)
			ret = 0;
	}
	return ret;
}

static scmp_filter_ctx begin(uint32_t action)
{
	scmp_filter_ctx ctx = seccomp_init(action);

	if (!ctx)
		return NULL;
	/* Calls go through the filter one by one otherwise, and every branch would be slowed down. */
	(void)seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	(void)seccomp_attr_set(ctx, SCMP_FLTATR_CTL_SSB, 1);
	return ctx;
}

/* @ret: of what was added so far */
static int load(scmp_filter_ctx ctx, int ret)
{
	if (!ret)
		ret = seccomp_load(ctx);
	seccomp_release(ctx);
	return ret;
}

/* Whether or not a sanitizer is there */
static const char *const dangerous[] = {
	/* mounts and roots */
	"mount", "umount", "umount2", "pivot_root", "chroot", "move_mount", "open_tree",
	"open_tree_attr", "fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr", "unshare",
	"setns", "open_by_handle_at", "name_to_handle_at",
	/* the kernel and the machine */
	"kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module", "bpf",
	"perf_event_open", "reboot", "swapon", "swapoff", "sethostname", "setdomainname", "acct",
	"settimeofday", "stime", "clock_settime", "clock_settime64", "clock_adjtime",
	"clock_adjtime64", "adjtimex", "quotactl", "quotactl_fd", "syslog", "iopl", "ioperm",
	"vhangup", "nfsservctl", "lookup_dcookie", "fanotify_init", "modify_ldt", "vm86",
	"vm86old",
	/* keys, and large interfaces that exploits like */
	"add_key", "request_key", "keyctl", "userfaultfd", "io_uring_setup", "io_uring_enter",
	"io_uring_register",
	/* other processes */
	"process_vm_readv", "process_vm_writev", "pidfd_getfd", "kcmp", "process_madvise", NULL
};

int syscalls_deny_dangerous(bool network)
{
	static const char *const tracing[] = { "ptrace", NULL };
	scmp_filter_ctx ctx = begin(SCMP_ACT_ALLOW);
	int ret;

	if (!ctx)
		return -ENOMEM;
	ret = add(ctx, DENY, dangerous);
	if (!ret && !SYSCALLS_SANITIZED)
		ret = add(ctx, DENY, tracing);
	/* Typing into the operator's terminal */
	if (!ret)
		ret = seccomp_rule_add(ctx, DENY, SCMP_SYS(ioctl), 1,
				       SCMP_A1_32(SCMP_CMP_EQ, TIOCSTI));
	if (!ret && !network)
		ret = seccomp_rule_add(ctx, DENY, SCMP_SYS(socket), 0);
	return load(ctx, ret);
}

int syscalls_deny_processes(void)
{
	static const char *const starting[] = { "execve", "execveat", "fork", "vfork", NULL };
	scmp_filter_ctx ctx = begin(SCMP_ACT_ALLOW);
	int ret;

	if (!ctx)
		return -ENOMEM;
	ret = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);
	if (!ret)
		ret = add(ctx, DENY, starting);
	/* Its flags cannot be looked at; the C library then makes threads with clone(). */
	if (!ret)
		ret = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	if (!ret && !SYSCALLS_SANITIZED)
		ret = seccomp_rule_add(ctx, DENY, SCMP_SYS(clone), 1,
				       SCMP_CMP(0, SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0));
	return load(ctx, ret);
}

int syscalls_supervisor(void)
{
	static const char *const allowed[] = {
		/* connections and eventfds */
		"read", "readv", "write", "writev", "recvmsg", "sendmsg", "recvfrom", "sendto",
		"poll", "ppoll", "accept", "accept4", "close", "fcntl", "fcntl64", "getsockopt",
		"shutdown",
		/* guest memory */
		"mmap", "mmap2", "munmap", "mremap", "mprotect", "madvise", "brk", "fstat",
		"fstat64", "newfstatat", "fstatat64", "statx", "lseek", "_llseek", "memfd_create",
		"ftruncate", "ftruncate64",
		/* the worker */
		"kill", "wait4", "waitid", "pidfd_open", "pidfd_send_signal",
		/* what it leaves behind, and the socket */
		"open", "openat", "getdents64", "unlink", "unlinkat", "rmdir", "lstat", "stat",
		"fchdir", "readlink", "readlinkat",
		/* time, signals, the C library */
		"clock_gettime", "clock_gettime64", "clock_nanosleep", "clock_nanosleep_time64",
		"nanosleep", "gettimeofday", "futex", "futex_time64", "restart_syscall",
		"rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigtimedwait", "sigreturn",
		"getpid", "gettid", "getuid", "geteuid", "getppid", "tgkill", "getrandom",
		"set_robust_list", "rseq", "exit", "exit_group", NULL
	};
	scmp_filter_ctx ctx;
	int ret;

	/* Sanitizers have needs of their own, which change with the compiler. */
	if (SYSCALLS_SANITIZED) {
		ret = syscalls_deny_dangerous(false);
		return ret ? ret : syscalls_deny_processes();
	}
	ctx = begin(DENY);
	if (!ctx)
		return -ENOMEM;
	ret = add(ctx, SCMP_ACT_ALLOW, allowed);
	if (!ret)
		ret = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(socketpair), 1,
				       SCMP_A0_32(SCMP_CMP_EQ, AF_UNIX));
	/* The thread that writes the log; see also syscalls_deny_processes() */
	if (!ret)
		ret = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
				       SCMP_CMP(0, SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
	if (!ret)
		ret = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	/* Is it a terminal? */
	if (!ret)
		ret = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
				       SCMP_A1_32(SCMP_CMP_EQ, TCGETS));
	return load(ctx, ret);
}
