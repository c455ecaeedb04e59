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
 * calls that it does not need. What the kernel cannot do is left out and reported.
 */
#ifndef HOST_SANDBOX_H
#define HOST_SANDBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "policy.h"

/** What could not be applied; all zero at first */
struct sandbox_report {
	bool weak;	    /* something that nothing else makes up for */
	char missing[1024]; /* what and why, separated by "; " */
	char limits[512];   /* the same of the operator's limits: nothing runs without them */
};

/**
 * sandbox_worker() - confines this process, which will start the workers
 * @worker: the executable
 * @dir:    a directory of its own, for the files of resources
 * @r:      receives what could not be applied
 *
 * Return: 0; -ENOENT: a path of the policy does not exist, which was logged.
 */
int sandbox_worker(const struct policy *p, const char *worker, const char *dir,
		   struct sandbox_report *r);

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

#endif
