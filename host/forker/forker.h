/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small process that starts the workers, since the supervisor itself may start nothing any more. Each
 * new process confines itself (sandbox.h) before it becomes the worker. The workers are the
 * supervisor's children, not the forker's.
 *
 * There are two forkers: when the one that works is dead, stopped, or does not answer, the other
 * takes its place and makes a new spare.
 */
#ifndef HOST_FORKER_H
#define HOST_FORKER_H

#include <sys/types.h>

#include "policy.h"
#include "sandbox.h"

/** Exit status of a worker whose executable cannot be run; that of the dynamic linker's failures is 127. */
#define FORKER_CANNOT_EXEC 120

struct forker_process {
	pid_t pid; /* 0: there is none */
	int sock;
};

struct forker {
	struct forker_process now, spare;
	int connector; /* socket of the connector, which each worker gets, or -1; of the caller, before forker_start() */
	char dir[256]; /* of the workers, for files; the cleaner removes it */
};

/**
 * forker_start() - makes a directory for the workers, and starts the forkers
 * @worker: their executable
 * @r:      receives what of the sandbox could not be applied
 *
 * The caller is single-threaded. Return: 0, or an exit status after logging what is wrong.
 */
int forker_start(struct forker *f, const struct policy *policy, const char *worker,
		 struct sandbox_report *r);

/**
 * forker_spawn() - starts a worker
 * @fd:  the worker's CONTROL_FD; stays the caller's
 * @pid: receives the process id of the caller's new child
 * @nr:  receives its number. Workers have a directory of their own each, whose name begins with the
 *       number and a point: larger ones are later ones.
 *
 * Return: 0 or -errno: -EAGAIN when another forker has to be asked, with another @fd, -EPIPE when there is
 * none. It takes two seconds at most.
 */
int forker_spawn(struct forker *f, int fd, pid_t *pid, uint32_t *nr);

/** forker_fds() - descriptors to poll, for POLLHUP: then call forker_mend(); -1 where there is none */
void forker_fds(const struct forker *f, int fds[2]);

/** forker_mend() - replaces what is dead */
void forker_mend(struct forker *f);

/** forker_stop() - ends them */
void forker_stop(struct forker *f);

#endif
