/* SPDX-License-Identifier: Apache-2.0 */
/* Steps of a start that the supervisor and the hub have in common. All return 0, or an exit status after
 * logging what is wrong. */
#ifndef HOST_START_H
#define HOST_START_H

#include <signal.h>
#include <stdbool.h>

#include "cleaner.h"
#include "forker.h"
#include "policy.h"

/**
 * start_signals() - from here on those that end or ask this process are only read from *fd
 * @children: so are the ends of children
 * @before:   receives what was blocked before; may be NULL
 */
int start_signals(int *fd, bool children, sigset_t *before);

/**
 * start_helpers() - starts those who start workers, and who removes what workers leave
 * @worker:    their executable
 * @connector: for the forkers, and closed; -1: none
 *
 * The caller is single-threaded.
 */
int start_helpers(struct forker *forker, struct cleaner *cleaner, const struct policy *policy,
		  const char *worker, int connector);

/**
 * start_confined() - enters the supervisor's sandbox: nothing is opened or started from here on, but the
 * thread that writes the log
 * @socket: to be removed at the end, or NULL
 */
int start_confined(const struct policy *policy, const char *socket);

#endif
