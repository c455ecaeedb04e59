/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the observer share: programs that are served while it is asked. For tests of cmocka. */
#ifndef TEST_OBSERVED_H
#define TEST_OBSERVED_H

#include <sys/types.h>

#include "support.h"

#define TIMEOUT_MS 20000
/** Calls of use(p, 'c') */
#define CALLS 100

/** dial() - connects to a unix socket, with bounds for all waiting. Return: -1: nobody listens */
int dial(const char *path);

/** read_all() - all that comes until the other end closes; closes @fd. Return: to be freed */
char *read_all(int fd);

/** struct program - another process with a session, which does what it is told */
struct program {
	pid_t pid;
	int to, from;
};

void open_program(struct program *p, const struct daemon *d);

/** Bytes of each of the three matrices of use(p, 'g') */
#define MATRIX ((size_t)64 * 64 * sizeof(float))

/**
 * use() - 'c': CALLS calls of noop, 'x': one that is refused, 's': a new session, 'm': one more session,
 * 'g': a product of matrices in registered memory. Return: the error
 */
int use(struct program *p, char what);

/** end_program() - Return: its exit status, -1 when it was killed */
int end_program(struct program *p);

/** find_child() - the process of that name among the service's children, or 0 */
pid_t find_child(const struct daemon *d, const char *name);

pid_t observer_of(const struct daemon *d);

#endif
