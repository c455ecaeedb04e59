/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plugins inside the library. May be called from any thread, bootstrap and cleanup apart. No
 * lock is held while a plugin's code runs.
 */
#pragma once

#include "vaccel/plugin.h"

/* Starts the component. */
int plugins_bootstrap(void);

/* For pthread_atfork: the list of plugins must not be changing. */
void plugins_before_fork(void);
void plugins_after_fork(bool child);

/*
 * Unregisters all plugins, the last loaded first. Those that fork() brought are only forgotten: what
 * they have, threads among it, is the parent's.
 */
int plugins_cleanup(void);

/*
 * plugin_register - make a plugin known and call its init
 *
 * Sessions can use it afterwards. For plugins that are linked in (tests) and for
 * vaccel_plugin_load, whose codes apply.
 */
int plugin_register(struct vaccel_plugin *plugin);

/* Takes a plugin out, calls fini, and closes its library when it was loaded from one. */
int plugin_unregister(struct vaccel_plugin *plugin);

/* The plugin that serves sessions with these flags (see vaccel_session_init), or NULL, logged. */
struct vaccel_plugin *plugin_select(unsigned int flags);

/*
 * The session's plugin function for an op, or NULL when there is none. Logs the search as the
 * page shows it. sess must be live.
 */
void *vaccel_plugin_op_func(struct vaccel_session *sess, vaccel_op_type_t type);
