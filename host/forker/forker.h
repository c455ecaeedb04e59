/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small process that starts the workers, since the supervisor itself may start nothing any more.
 * It is what confines the workers: they inherit its sandbox. The workers are the supervisor's
 * children, not its own.
 */
#ifndef HOST_FORKER_H
#define HOST_FORKER_H

#include <sys/types.h>

#include "policy.h"
#include "sandbox.h"

/** Exit status of a worker whose executable cannot be run; that of the dynamic linker's failures is 127. */
#define FORKER_CANNOT_EXEC 120

struct forker {
	pid_t pid; /* 0: there is none */
	int sock;
	char dir[256]; /* of the workers, for files; the cleaner removes it */
};

/**
 * forker_start() - makes a directory for the workers, and starts the forker
 * @worker: their executable
 * @r:      receives what of the sandbox could not be applied
 *
 * The caller is single-threaded. Return: 0, or an exit status after logging what is wrong.
 */
int forker_start(struct forker *f, const struct policy *policy, const char *worker,
		 struct sandbox_report *r);

/**
 * forker_spawn() - starts a worker
 * @sock: of a forker
 * @fd:   the worker's CONTROL_FD; stays the caller's
 * @pid:  receives the process id of the caller's new child
 * @nr:   receives its number. Workers have a directory of their own each, whose name begins with the
 *        number and a point: larger ones are later ones.
 *
 * Return: 0 or -errno: -EPIPE when the forker is dead.
 */
int forker_spawn(int sock, int fd, pid_t *pid, uint32_t *nr);

/** forker_stop() - ends it */
void forker_stop(struct forker *f);

#endif
