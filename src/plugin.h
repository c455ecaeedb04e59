/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plugins inside the library. May be called from any thread, bootstrap and cleanup apart. No
 * lock is held while a plugin's code runs.
 */
#pragma once

#include "vaccel/plugin.h"
#include "vaccel/plugin_ext.h"

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

/* The first loaded plugin of a name of len characters, or NULL, logged. */
struct vaccel_plugin *plugin_by_name(const char *name, size_t len);

/* What the plugin registered beyond its info; a copy, all NULL when nothing. */
struct vaccel_plugin_ext plugin_ext(const struct vaccel_plugin *plugin);

/*
 * plugin_forget_resource - tells the plugins that may have stood in for the session's own, see
 * vaccel_plugin_op_func(), that a resource of it goes
 */
void plugin_forget_resource(struct vaccel_resource *res, struct vaccel_session *sess);

/*
 * The function for an op of a session, or NULL when there is none: that of the session's plugin, or
 * else, in a local session whose plugin was not chosen by name, of the first loaded local plugin that
 * has one and needs not see resources being registered. Logs the search as the page shows it. sess must
 * be live.
 */
void *vaccel_plugin_op_func(struct vaccel_session *sess, vaccel_op_type_t type);
