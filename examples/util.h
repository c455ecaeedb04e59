/* SPDX-License-Identifier: Apache-2.0 */
/* What the example programs share and has nothing to do with vAccel. */
#ifndef EXAMPLES_UTIL_H
#define EXAMPLES_UTIL_H

#include <stdbool.h>
#include <stddef.h>

/**
 * check_args() - whether a program was called with min to max arguments
 * @usage:      names of the arguments, for the message
 * @iterations: receives the number in the argument with this index; 1 when it is not given
 *
 * Says on stderr what is wrong. When the only argument is --help or -h this prints the usage and ends
 * the program.
 */
bool check_args(int argc, char **argv, int min, int max, const char *usage, int index,
		long *iterations);

/** read_file() - the bytes of a file, which the caller frees. Return: 0 or an errno, with a message. */
int read_file(const char *path, void **data, size_t *size);

/**
 * report_error() - says on stderr what failed, why, and what to do: "WHAT: NUMBER (NAME), ..."
 * @code: an errno value, which is what vAccel's results are
 * @fmt:  WHAT, as in printf()
 */
void report_error(int code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
