/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Life of the library.
 *
 * Loading the library bootstraps it from the environment (a failure ends the process with the
 * code as exit status) and unloading it cleans up, unless VACCEL_BOOTSTRAP_ENABLED and
 * VACCEL_CLEANUP_ENABLED are 0; see vaccel/config.h. A child made by fork() does not clean up its parent's library at exit.
 *
 * Threads: bootstrap and cleanup may not run while another thread uses the library.
 */
#pragma once

#include <stdbool.h>

#include "vaccel/config.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * vaccel_bootstrap - initialise the library with the configuration of the environment
 *
 * Makes the run directory and loads the configured plugins in order. When the library is
 * already initialised this is a reload: everything is cleaned up first. EINVAL: bad number in
 * the environment; EACCES: no run directory can be made; otherwise the code of
 * vaccel_plugin_load for the first plugin that fails. After a failure nothing is left behind.
 */
int vaccel_bootstrap(void);

/*
 * vaccel_bootstrap_with_config - the same with a copy of config, ignoring the environment
 *
 * EINVAL: config NULL; the library and its active configuration stay as they are.
 */
int vaccel_bootstrap_with_config(struct vaccel_config *config);

/*
 * vaccel_cleanup - release all sessions and resources, unload plugins, remove the run directory
 *
 * The memory of sessions and resources stays their owners'. OK when not initialised.
 */
int vaccel_cleanup(void);

bool vaccel_is_initialized(void);

/*
 * The library's private directory: "/run/user/UID/vaccel/XXXXXX", or one below XDG_RUNTIME_DIR,
 * TMPDIR or /tmp when that cannot be made. "" before the first bootstrap; after a cleanup the
 * last name. Internal storage.
 */
const char *vaccel_rundir(void);

#ifdef __cplusplus
/* C++ takes it for a second constructor of the structure of this name. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
#endif
/* The active configuration; the defaults when not initialised. Internal storage, never NULL. */
const struct vaccel_config *vaccel_config(void);
#ifdef __cplusplus
#pragma GCC diagnostic pop
#endif

#ifdef __cplusplus
}
#endif
