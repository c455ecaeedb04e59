// SPDX-License-Identifier: Apache-2.0
#include "syscalls.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#define DENY SCMP_ACT_ERRNO(EPERM)

/* Headers may be older than the kernel. */
#ifndef PR_SCHED_CORE
#define PR_SCHED_CORE 62
#endif
#ifndef TIOCSIG
#define TIOCSIG 0x40045436
#endif
/* linux/ioprio.h */
#define IOPRIO_PROCESS 1

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
	/* Making it took 100 KiB, and processes that confine themselves so are there for each client. */
	malloc_trim(0);
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
	"process_vm_readv", "process_vm_writev", "pidfd_getfd", "kcmp", "process_madvise",
	"process_mrelease", NULL
};

/* The operator's terminal: typing into it, taking it over, signals to who is there */
static int deny_terminals(scmp_filter_ctx ctx)
{
	static const uint32_t requests[] = { TIOCSTI, TIOCLINUX, TIOCSCTTY, TIOCSPGRP, TIOCSIG };
	int ret = 0;

	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]) && !ret; i++)
		ret = seccomp_rule_add(ctx, DENY, SCMP_SYS(ioctl), 1,
				       SCMP_A1_32(SCMP_CMP_EQ, requests[i]));
	return ret;
}

/* New processes outside of this one's namespaces, or beside it rather than below it */
static int deny_clones(scmp_filter_ctx ctx)
{
	static const unsigned int flags[] = { CLONE_NEWNS,   CLONE_NEWCGROUP, CLONE_NEWUTS,
					      CLONE_NEWIPC,  CLONE_NEWUSER,   CLONE_NEWPID,
					      CLONE_NEWNET,  CLONE_PARENT };
	/* The flags of this one cannot be looked at; the C library then uses clone(). */
	int ret = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]) && !ret; i++)
		ret = seccomp_rule_add(ctx, DENY, SCMP_SYS(clone), 1,
				       SCMP_CMP(0, SCMP_CMP_MASKED_EQ, flags[i], flags[i]));
	return ret;
}

/*
 * A pair of datagram sockets could be used to send to any socket that has a path; a connection that somebody
 * else has made (see connector.h) to connect to others, or to wait for them.
 */
static int deny_sockets(scmp_filter_ctx ctx)
{
	static const char *const naming_peers[] = { "socket", "connect", "bind", "listen", NULL };
	static const uint64_t types[] = { SOCK_DGRAM, SOCK_RAW };
	int ret = add(ctx, DENY, naming_peers);

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]) && !ret; i++)
		ret = seccomp_rule_add(ctx, DENY, SCMP_SYS(socketpair), 1,
				       SCMP_CMP(1, SCMP_CMP_MASKED_EQ, 0xf, types[i]));
	return ret;
}

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
	if (!ret)
		ret = deny_terminals(ctx);
	if (!ret)
		ret = deny_clones(ctx);
	if (!ret && !network)
		ret = deny_sockets(ctx);
	return load(ctx, ret);
}

int syscalls_deny_attributes(bool open_files)
{
	static const char *const by_path[] = {
		"chmod", "fchmodat", "fchmodat2", "chown", "chown32", "lchown", "lchown32",
		"fchownat", "setxattr", "lsetxattr", "removexattr", "lremovexattr", "setxattrat",
		"removexattrat", "file_setattr", "truncate", "truncate64", NULL
	};
	static const char *const by_descriptor[] = {
		"fchmod", "fchown", "fchown32", "fsetxattr", "fremovexattr", "utimensat",
		"utimensat_time64", "futimesat", "utimes", "utime", NULL
	};
	scmp_filter_ctx ctx = begin(SCMP_ACT_ALLOW);
	int ret;

	if (!ctx)
		return -ENOMEM;
	ret = add(ctx, DENY, by_path);
	if (!ret && open_files)
		ret = add(ctx, DENY, by_descriptor);
	/* Who has a lease is waited for by all that open the file. */
	if (!ret && open_files)
		ret = seccomp_rule_add(ctx, DENY, SCMP_SYS(fcntl), 1, SCMP_A1_32(SCMP_CMP_EQ, F_SETLEASE));
	/* Emptying what may only be read: Landlock sees it from Linux 6.2 on. */
	if (!ret)
		ret = seccomp_rule_add(ctx, DENY, SCMP_SYS(openat), 1,
				       SCMP_CMP(2, SCMP_CMP_MASKED_EQ, O_ACCMODE | O_TRUNC,
						O_RDONLY | O_TRUNC));
#ifdef __NR_open
	if (!ret)
		ret = seccomp_rule_add(ctx, DENY, SCMP_SYS(open), 1,
				       SCMP_CMP(1, SCMP_CMP_MASKED_EQ, O_ACCMODE | O_TRUNC,
						O_RDONLY | O_TRUNC));
#endif
	return load(ctx, ret);
}

/* ---- Calls that name a process -------------------------------------------------------------- */

/*
 * A line holds for calls whose argument @when is @is, or for all calls where @when is NONE. Of the lines
 * of a call, which stand together, the first that holds decides.
 */
struct naming {
	const char *call;
	int when;
	uint32_t is;
	int pid;     /* argument that must be 0 or our own process, or NONE: refused */
	bool thread; /* it may be one thread, thus another number than our process's */
};

#define NONE (-1)

static const struct naming naming[] = {
	{ "kill", NONE, 0, 0, false },
	{ "tkill", NONE, 0, 0, true },
	{ "tgkill", NONE, 0, 0, false },
	{ "rt_sigqueueinfo", NONE, 0, 0, false },
	{ "rt_tgsigqueueinfo", NONE, 0, 0, false },
	{ "pidfd_open", NONE, 0, 0, true },
	/* Also takes a directory of /proc, and what SO_PEERPIDFD gives */
	{ "pidfd_send_signal", NONE, 0, NONE, false },
	{ "prlimit64", NONE, 0, 0, true },
	{ "sched_setparam", NONE, 0, 0, true },
	{ "sched_setscheduler", NONE, 0, 0, true },
	{ "sched_setaffinity", NONE, 0, 0, true },
	{ "sched_setattr", NONE, 0, 0, true },
	{ "setpriority", 0, PRIO_PROCESS, 1, true },
	{ "setpriority", NONE, 0, NONE, false },
	{ "ioprio_set", 0, IOPRIO_PROCESS, 1, true },
	{ "ioprio_set", NONE, 0, NONE, false },
	{ "move_pages", NONE, 0, 0, true },
	{ "migrate_pages", NONE, 0, 0, true },
	{ "get_robust_list", NONE, 0, 0, true },
	/* Who gets the signals of a file, which may be SIGKILL (F_SETSIG) */
	{ "fcntl", 1, F_SETOWN, 2, false },
	{ "fcntl", 1, F_SETOWN_EX, NONE, false },
	{ "fcntl64", 1, F_SETOWN, 2, false },
	{ "fcntl64", 1, F_SETOWN_EX, NONE, false },
	{ "ioctl", 1, FIOSETOWN, NONE, false },
	{ "ioctl", 1, SIOCSPGRP, NONE, false },
	{ "prctl", 0, PR_SCHED_CORE, NONE, false },
	/* Dying with the supervisor */
	{ "prctl", 0, PR_SET_PDEATHSIG, NONE, false },
	{ "prctl", 0, PR_SET_CHILD_SUBREAPER, NONE, false },
#if !SYSCALLS_SANITIZED
	{ "prctl", 0, PR_SET_PTRACER, 1, false },
#endif
};
#define NR_NAMING (sizeof(naming) / sizeof(naming[0]))

/* The longest line makes six instructions, and two more are for its call. */
struct program {
	struct sock_filter code[8 + 8 * NR_NAMING];
	unsigned short len;
};

#define ARG_LOW(n) \
	((uint32_t)(offsetof(struct seccomp_data, args) + 8u * (unsigned int)(n) + \
		    (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 4u : 0u)))
#define REFUSE (SECCOMP_RET_ERRNO | EPERM)

static void emit(struct program *p, uint16_t code, uint32_t k, uint8_t yes, uint8_t no)
{
	p->code[p->len++] = (struct sock_filter){ code, yes, no, k };
}

static void load_word(struct program *p, uint32_t offset)
{
	emit(p, BPF_LD | BPF_W | BPF_ABS, offset, 0, 0);
}

static void give(struct program *p, uint32_t result)
{
	emit(p, BPF_RET | BPF_K, result, 0, 0);
}

static void emit_line(struct program *p, const struct naming *n, uint32_t self, bool alone)
{
	unsigned short skip = p->len + 1;

	if (n->when != NONE) {
		load_word(p, ARG_LOW(n->when));
		emit(p, BPF_JMP | BPF_JEQ | BPF_K, n->is, 0, 0);
	}
	if (n->pid == NONE) {
		give(p, REFUSE);
	} else {
		if (!(n->thread && alone)) {
			load_word(p, ARG_LOW(n->pid));
			emit(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 2, 0);
			emit(p, BPF_JMP | BPF_JEQ | BPF_K, self, 1, 0);
			give(p, REFUSE);
		}
		give(p, SECCOMP_RET_ALLOW);
	}
	if (n->when != NONE)
		p->code[skip].jf = (uint8_t)(p->len - skip - 1);
}

/* What names nobody, and yet reaches beyond this process where others see it */
static int deny_shared(void)
{
	static const char *const shared[] = {
		/* leaving the group of processes that is killed together */
		"setsid", "setpgid",
		/* objects that belong to all processes of a user */
		"shmget", "shmat", "shmctl", "semget", "semctl", "semop", "semtimedop",
		"semtimedop_time64", "msgget", "msgctl", "msgsnd", "msgrcv", "mq_open", "mq_unlink",
		"ipc", NULL
	};
	scmp_filter_ctx ctx = begin(SCMP_ACT_ALLOW);

	return ctx ? load(ctx, add(ctx, DENY, shared)) : -ENOMEM;
}

int syscalls_deny_others(pid_t self, bool alone)
{
	static struct program p;
	struct sock_fprog prog = { .filter = p.code };
	size_t i = 0;

	p.len = 0;
	/* Calls of another architecture have other numbers. */
	load_word(&p, offsetof(struct seccomp_data, arch));
	emit(&p, BPF_JMP | BPF_JEQ | BPF_K, seccomp_arch_native(), 1, 0);
	give(&p, REFUSE);
	while (i < NR_NAMING) {
		const char *call = naming[i].call;
		int nr = seccomp_syscall_resolve_name(call);
		unsigned short jump;

		load_word(&p, offsetof(struct seccomp_data, nr));
		jump = p.len;
		emit(&p, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)nr, 0, 0);
		for (; i < NR_NAMING && !strcmp(naming[i].call, call); i++)
			emit_line(&p, &naming[i], (uint32_t)self, alone);
		give(&p, SECCOMP_RET_ALLOW);
		p.code[jump].jf = (uint8_t)(p.len - jump - 1);
		/* This machine has no such call. */
		if (nr < 0)
			p.len = jump - 1;
	}
	give(&p, SECCOMP_RET_ALLOW);
	prog.len = p.len;
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog))
		return -errno;
	return alone ? 0 : deny_shared();
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
		/* the socket; see also below */
		"unlink",
#ifdef COVERAGE_DIR
		"open", "openat",
#endif
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
	/* Where there is no unlink(): files, but no directories */
	if (!ret)
		ret = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(unlinkat), 1,
				       SCMP_CMP(2, SCMP_CMP_EQ, 0));
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
