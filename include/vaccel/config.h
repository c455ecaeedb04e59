/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration of the library.
 *
 * From the environment (numbers are decimal):
 *	VACCEL_PLUGINS            plugins to load, names or paths separated by ':'
 *	VACCEL_LOG_LEVEL          1 error (default), 2 warn, 3 info, 4 debug
 *	VACCEL_LOG_FILE           see vaccel/log.h; default standard output
 *	VACCEL_LOG_LINES          at most so many lines a second, see vaccel/log.h; default all
 *	VACCEL_PROFILING_ENABLED  not 0: measure operations, in a guest also the host's part of them, and
 *				  print the times at the end (with log level 3 or 4)
 *	VACCEL_PROFILING_BACKEND  what does the measuring, see vaccel/prof_backend.h; default base, which prints
 *	VACCEL_TRACE              file for a trace of all operations, see vaccel/trace.h; default none
 *	VACCEL_VERSION_IGNORE     not 0: load plugins built for any vAccel version
 * The old names VACCEL_BACKENDS, VACCEL_DEBUG_LEVEL and VACCEL_IGNORE_VERSION are read, with a
 * warning on stderr, when the new ones are not set.
 *
 * Outside the configuration, for programs that call vaccel_bootstrap and vaccel_cleanup themselves:
 *	VACCEL_BOOTSTRAP_ENABLED  0: no bootstrap when the library is loaded
 *	VACCEL_CLEANUP_ENABLED    0: its files are not removed at the end
 *
 * Those of plugins are in vaccel-plugins(7).
 *
 * Threads: there is no locking. One thread may use one configuration at a time.
 *
 * Results: VACCEL_OK, EINVAL (a NULL object), ENOMEM. A failed call changes nothing.
 */
#pragma once

#include <stdbool.h>

#include "vaccel/log.h"

#ifdef __cplusplus
extern "C" {
#endif

struct vaccel_config {
	char *plugins; /* NULL: none; owned by the configuration */
	vaccel_log_level_t log_level;
	char *log_file; /* NULL: standard output; owned by the configuration */
	bool profiling_enabled;
	bool version_ignore;
};

/* Fills config; the strings are copied. Pair with vaccel_config_release. */
int vaccel_config_init(struct vaccel_config *config, const char *plugins,
		       vaccel_log_level_t log_level, const char *log_file, bool profiling_enabled,
		       bool version_ignore);

/* Fills config from the environment. EINVAL also for a number that is out of range. */
int vaccel_config_init_from_env(struct vaccel_config *config);

/* Fills config with a copy of config_src. */
int vaccel_config_init_from(struct vaccel_config *config, struct vaccel_config *config_src);

/* Frees the strings and resets config to: no plugins, level error, standard output, false. */
int vaccel_config_release(struct vaccel_config *config);

/* The same for an allocated configuration. Pair with vaccel_config_delete. */
int vaccel_config_new(struct vaccel_config **config, const char *plugins,
		      vaccel_log_level_t log_level, const char *log_file, bool profiling_enabled,
		      bool version_ignore);
int vaccel_config_from_env(struct vaccel_config **config);
int vaccel_config_from(struct vaccel_config **config, struct vaccel_config *config_src);

/* Releases and frees a configuration of the three functions above. */
int vaccel_config_delete(struct vaccel_config *config);

/* Logs the settings at debug level. NULL is ignored. */
void vaccel_config_print_debug(struct vaccel_config *config);

#ifdef __cplusplus
}
#endif
