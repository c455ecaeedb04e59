/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the processes of vhost-user-accel give up, by level:
 *
 *           supervisor   worker
 *   strict  all          all
 *   basic   all          files, sockets and other programs stay available to plugins
 *   none    nothing      nothing
 *
 * "All" is: capabilities, new privileges, core dumps, dangerous system calls, namespaces of its own,
 * files but those listed (Landlock), sockets, starting programs; in the supervisor all system
 * calls that it does not need. At both levels the worker cannot name another process, see enum
 * sandbox_home. What the kernel cannot do is left out and reported.
 */
#ifndef HOST_SANDBOX_H
#define HOST_SANDBOX_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "policy.h"

/** What could not be applied; all zero at first */
struct sandbox_report {
	bool weak;	    /* something that nothing else makes up for */
	char missing[1024]; /* what and why, separated by "; " */
	char limits[512];   /* the same of the operator's limits: nothing runs without them */
};

/** Where a worker lives */
enum sandbox_home {
	SANDBOX_OWN,	  /* in namespaces of its own, PID and mount among them, by privilege */
	SANDBOX_OWN_USER, /* the same in a user namespace, where anybody may make them */
	SANDBOX_SHARED,	  /* among all other processes: system calls that name them are refused */
};

/** Exit status of a process of sandbox_clone() that cannot have its own /proc */
#define SANDBOX_NO_PROC 125

/** What the confinement of a worker depends on besides the policy */
struct sandbox_place {
	enum sandbox_home home;
	const char *worker; /* the executable */
	const char *dir;    /* of its own, for the files of resources */
	pid_t seed;	    /* differs from VM to VM */
};

/**
 * sandbox_clone() - a new process, to become a worker
 * @flags: of clone(2), such as CLONE_PARENT; not those that share anything
 *
 * In its own namespaces it is process 1: processes that it leaves behind die with it, and signals reach
 * it only where it handles them, but for SIGKILL and SIGSTOP from outside. Return: as fork(), or
 * -errno. The caller has one thread.
 */
long sandbox_clone(const struct policy *p, enum sandbox_home home, int flags);

/**
 * sandbox_worker() - confines this process, which sandbox_clone() has made
 * @r: receives what could not be applied
 *
 * Return: 0; -ENOENT: a path of the policy does not exist, which was logged.
 */
int sandbox_worker(const struct policy *p, const struct sandbox_place *place, struct sandbox_report *r);

/** sandbox_seal() - in the worker, when its plugins are loaded: no new processes. 0 or -errno. */
int sandbox_seal(const struct policy *p);

/**
 * sandbox_supervisor() - confines this process
 * @socket: NULL, or the socket that it will remove at the end
 * @r:      receives what could not be applied
 */
void sandbox_supervisor(const struct policy *p, const char *socket, struct sandbox_report *r);

/**
 * sandbox_cleaner() - confines the cleaner to removing what is below two directories
 * @dir:   it may remove this itself, too
 * @other: may be NULL
 */
void sandbox_cleaner(const struct policy *p, const char *dir, const char *other);

/** sandbox_keeper() - confines the keeper to its directory, at all levels; before its threads start */
void sandbox_keeper(int dir);

/**
 * sandbox_connector() - confines the connector: it reads what looking up names needs, and connects by TCP to
 * these ports, where the kernel can tell them apart. At all levels, before its threads start
 */
void sandbox_connector(const uint16_t *ports, unsigned int nr);

/** sandbox_fileless() - confines a process to the sockets and the memory that it has, at all levels */
void sandbox_fileless(void);

#endif
