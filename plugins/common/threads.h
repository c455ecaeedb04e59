/* SPDX-License-Identifier: Apache-2.0 */
/* Threads of engines. */
#ifndef PLUGINS_COMMON_THREADS_H
#define PLUGINS_COMMON_THREADS_H

#ifdef __cplusplus
extern "C" {
#endif

/** threads_processors() - how many processors this process may use; at least 1 */
unsigned int threads_processors(void);

/**
 * threads_for() - how many threads an engine is to have
 * @variable: the environment variable with which the operator says so
 * @most:     when it is not set
 *
 * Never more than threads_processors(), and at least 1.
 */
unsigned int threads_for(const char *variable, unsigned int most);

#ifdef __cplusplus
}
#endif

#endif
