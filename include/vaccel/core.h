/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Life of the library.
 *
 * Loading the library bootstraps it from the environment (a failure ends the process with the
 * code as exit status). At the end of the process (exit, return from main, quick_exit) its files are
 * removed, unless VACCEL_BOOTSTRAP_ENABLED and VACCEL_CLEANUP_ENABLED are 0; see vaccel/config.h. Nothing is unloaded then, no fini of a
 * plugin is called, and connections are closed by the kernel, so threads may still be in calls. Calls
 * of plugins in the process are waited for, up to one second, before the libraries that they use end;
 * meanwhile other threads get ESESS for new ones, and so does, from then on, the thread that ends the
 * process if a plugin was loaded after main began. The library is never unloaded before.
 *
 * A child made by fork() has copies of what its parent has, and lets go of its own only: releasing what
 * it inherited, or cleaning up, ends nothing on a host and removes no file of the parent. Sessions of
 * plugins in the process can be used, and new ones opened, in a run directory of the child's own. With
 * the plugin virtio ENODEV is what the child gets for asynchronous calls, and for all that changes
 * something on the host; without a VM for each call. vaccel_bootstrap() gives it a connection of its
 * own, if the host serves another one, and what it inherited is unknown from then on (EINVAL).
 * Registered memory is not there in a child.
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
 * The memory of sessions and resources stays their owners'. OK when not initialised. In a child of
 * fork() what it inherited is forgotten, no more. At the end of the process only files are removed.
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
