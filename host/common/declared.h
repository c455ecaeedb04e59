/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What plugins say that they need in the sandbox: a file beside each, libvaccel-NAME.paths of
 * libvaccel-NAME.so, with lines as for --allow-path, "connect VARIABLE", or comments (#).
 */
#ifndef HOST_DECLARED_H
#define HOST_DECLARED_H

/**
 * declared_each() - reads the declarations of the plugins that VACCEL_PLUGINS lists
 * @line: called with each line; what is not 0 ends it
 *
 * Return: 0, or what @line gave last.
 */
int declared_each(int (*line)(void *arg, const char *text), void *arg);

#endif
