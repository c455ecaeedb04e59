// SPDX-License-Identifier: Apache-2.0
#include "vaccel/core.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "async.h"
#include "op.h"
#include "plugin.h"
#include "process.h"
#include "prof.h"
#include "resource.h"
#include "rundir.h"
#include "session.h"
#include "trace.h"
#include "vaccel.h"

static struct vaccel_config active = { .log_level = VACCEL_LOG_ERROR };
static atomic_bool initialized;

static int load_plugins(void)
{
	return active.plugins ? vaccel_plugin_parse_and_load(active.plugins) : VACCEL_OK;
}

/* The parts of the library in the order of their start, which is that of their end too. */
static int start(void)
{
	int ret;

	ret = rundir_create();
	if (ret)
		return ret;
	ret = prof_bootstrap();
	if (ret)
		goto remove_rundir;
	ret = sessions_bootstrap();
	if (ret)
		goto end_prof;
	ret = resources_bootstrap();
	if (ret)
		goto end_sessions;
	ret = plugins_bootstrap();
	if (ret)
		goto end_resources;
	ret = load_plugins();
	if (ret)
		goto end_all;
	return VACCEL_OK;

end_all:
	/* A plugin that was loaded may have made sessions and resources. */
	sessions_cleanup();
	async_pool_stop();
	resources_cleanup();
	plugins_cleanup();
	goto end_prof;
end_resources:
	resources_cleanup();
end_sessions:
	sessions_cleanup();
end_prof:
	prof_cleanup();
remove_rundir:
	rundir_remove();
	return ret;
}

/* Whether the variable switches something off. */
static bool is_off(const char *name)
{
	const char *value = getenv(name);

	return value && !strcmp(value, "0");
}

/*
 * The end of the process: files are removed. All else is the kernel's to do: other threads may be in
 * calls, and what plugins use may have ended already.
 */
static void leave(void)
{
	if (atomic_exchange(&initialized, false)) {
		vaccel_prof_flush();
		op_prof_flush();
	}
	rundir_end();
}

static void at_end(void)
{
	process_set_gone();
	trace_write();
	if (!is_off("VACCEL_CLEANUP_ENABLED"))
		leave();
}

/* Initialises the library with *config, which becomes the active configuration. */
static int bootstrap(struct vaccel_config *config)
{
	int ret;

	if (process_end_begun()) {
		vaccel_error("Cannot initialise vAccel: the process is ending");
		vaccel_config_release(config);
		return VACCEL_EPERM;
	}
	if (atomic_load(&initialized)) {
		vaccel_debug("Reloading vAccel");
		vaccel_cleanup();
	}

	vaccel_config_release(&active);
	active = *config;
	vaccel_log_init();
	vaccel_debug("Initializing vAccel");
	vaccel_info("vAccel %s", VACCEL_VERSION);
	vaccel_config_print_debug(&active);
	trace_begin();

	ret = start();
	if (ret) {
		vaccel_config_release(&active);
		return ret;
	}
	atomic_store(&initialized, true);
	return VACCEL_OK;
}

int vaccel_bootstrap(void)
{
	struct vaccel_config config;
	int ret = vaccel_config_init_from_env(&config);

	return ret ? ret : bootstrap(&config);
}

int vaccel_bootstrap_with_config(struct vaccel_config *config)
{
	struct vaccel_config copy;
	int ret;

	/* Copied first: config may be the active one, which a reload releases. */
	ret = vaccel_config_init_from(&copy, config);
	return ret ? ret : bootstrap(&copy);
}

int vaccel_cleanup(void)
{
	/* Threads may still be in calls: nothing is torn down any more. */
	if (process_end_begun()) {
		process_set_gone();
		trace_write();
		leave();
		return VACCEL_OK;
	}
	if (!atomic_exchange(&initialized, false))
		return VACCEL_OK;

	vaccel_debug("Cleaning up vAccel");
	vaccel_prof_flush();
	sessions_cleanup();
	async_pool_stop();
	resources_cleanup();
	/* With the ends of sessions */
	op_prof_flush();
	plugins_cleanup();
	prof_cleanup();
	rundir_remove();
	trace_write();
	vaccel_config_release(&active);
	return VACCEL_OK;
}

bool vaccel_is_initialized(void)
{
	return atomic_load(&initialized);
}

const char *vaccel_rundir(void)
{
	return rundir_path();
}

const struct vaccel_config *vaccel_config(void)
{
	return &active;
}

__attribute__((constructor)) static void at_load(void)
{
	int ret;

	/* At once: what is registered first comes last in the end. */
	process_watch(at_end);
	if (is_off("VACCEL_BOOTSTRAP_ENABLED"))
		return;
	ret = vaccel_bootstrap();
	/* What failed has been logged where it failed. */
	if (ret)
		exit(ret);
}

__attribute__((destructor)) static void at_unload(void)
{
	at_end();
}
