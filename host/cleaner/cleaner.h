/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cleaner: a process that removes what dead workers have left, since that takes as long as a guest
 * wants it to take, and the supervisor has no time. It runs no plugin, and may do nothing but remove
 * what is in the workers' directories.
 *
 * Each worker has a directory of its own in the forker's, which begins with the worker's number
 * (forker.h). What is there beside them, a worker has made that was told not to: it goes as well.
 */
#ifndef HOST_CLEANER_H
#define HOST_CLEANER_H

#include <stdbool.h>
#include <stdint.h>

#include "policy.h"

/** Workers that may be dead and not cleaned up after: the next one waits. */
#define CLEANER_MAX_PENDING 4

struct cleaner {
	int sock;	     /* -1: it is gone, or there is none */
	char other[256];     /* where workers' libraries make their directories, if not in ours; "" */
	unsigned int nr_pending; /* what was asked for and is not done */
	const char *dir;	 /* of cleaner_start(), for the log */
};

/**
 * cleaner_start() - starts the process
 * @dir: the forker's; stays the caller's as long as @c is used. Removed with all that is in it when
 *       the cleaner ends.
 *
 * The caller is single-threaded. Return: 0 or -errno.
 */
int cleaner_start(struct cleaner *c, const struct policy *policy, const char *dir);

/**
 * cleaner_confine() - from here on it may remove nothing but what workers leave
 * @rundir: of the first worker. Where it is not below cleaner_start()'s @dir, since the sandbox lets workers make one
 *          elsewhere, the others' will be beside it.
 */
void cleaner_confine(struct cleaner *c, const char *rundir);

/**
 * cleaner_remove() - asks it to remove what a dead worker has left. Does not wait.
 * @nr:     the worker's number
 * @rundir: what it said is its directory; not trusted
 *
 * Return: 0 or -errno: nothing will be removed before the end.
 */
int cleaner_remove(struct cleaner *c, uint32_t nr, const char *rundir);

/** cleaner_done() - takes in what it has done. Does not wait. Return: how many requests, the oldest. */
unsigned int cleaner_done(struct cleaner *c);

/**
 * cleaner_stop() - removes all that is left, at the end; no worker runs
 * @timeout_ms: how long that is waited for; then it goes on by itself
 */
void cleaner_stop(struct cleaner *c, int timeout_ms);

#endif
