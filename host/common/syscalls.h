/* SPDX-License-Identifier: Apache-2.0 */
/* System calls that the processes may use (seccomp). A forbidden one fails with EPERM. */
#ifndef HOST_SYSCALLS_H
#define HOST_SYSCALLS_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * Programs with a sanitizer need what the others have to do without: tracing themselves to look for
 * leaks, and some more.
 */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SYSCALLS_SANITIZED true
#elif defined(__has_feature)
#define SYSCALLS_SANITIZED \
	(__has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
	 __has_feature(memory_sanitizer))
#else
#define SYSCALLS_SANITIZED false
#endif

/**
 * syscalls_deny_dangerous() - forbids what no plugin needs, for this process and what it starts
 * @network: sockets of all kinds stay allowed
 *
 * Return: 0 or -errno, then nothing is forbidden; so do the others.
 */
int syscalls_deny_dangerous(bool network);

/**
 * syscalls_deny_attributes() - forbids what Landlock does not look at, for this process and what it
 * starts: changing rights, owners and attributes by path, and emptying files that are only readable
 * @open_files: also of files that are open, with their times, and leases: for a process that has memory which
 *              others have, too
 */
int syscalls_deny_attributes(bool open_files);

/**
 * syscalls_deny_others() - forbids calls that name another process than this one, of whatever kind:
 * signals, limits, priorities, memory, owners of files. What only asks (getpriority()) stays allowed
 * @self:  this process
 * @alone: there are no others in its PID namespace, so that all numbers of threads are its own.
 *         Where there are, threads can be named as 0 only, and leaving the group of processes and
 *         System V objects are forbidden, too
 *
 * Holds for what this process starts, too, which can then name itself as 0 only. Needs no_new_privs.
 */
int syscalls_deny_others(pid_t self, bool alone);

/** syscalls_deny_processes() - all threads: no new processes and no other programs */
int syscalls_deny_processes(void);

/** syscalls_supervisor() - allows only what the supervisor needs to go on */
int syscalls_supervisor(void);

#endif
