/* SPDX-License-Identifier: Apache-2.0 */
/* A worker and what it has started: where there are no PID namespaces, they are a process group. */
#ifndef HOST_GROUP_H
#define HOST_GROUP_H

#include <sys/types.h>

/**
 * group_reap() - waits for a child that leads a process group, and kills what it has left in it before that
 * @pid:    the child
 * @status: receives what waitpid() says of it; may be NULL
 *
 * Does not block. Return: @pid when it has ended, 0 when it still runs, -1 when it is no child.
 */
pid_t group_reap(pid_t pid, int *status);

#endif
