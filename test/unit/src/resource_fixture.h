/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of resources share: the library started with two plugins of our own, a local one
 * and one that poses as a transport, whose hooks count their calls and return what they are told;
 * and a directory for files.
 */
#pragma once

#include "util.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "path.h"
#include "plugin.h"
#include "vaccel.h"

static struct {
	int registered, unregistered, synced; /* calls */
	int register_result, unregister_result, sync_result;
	/* Called within the hooks when set. */
	void (*inside)(struct vaccel_resource *res, struct vaccel_session *sess);
} hooks;

static inline int on_register(struct vaccel_resource *res, struct vaccel_session *sess)
{
	hooks.registered++;
	if (hooks.inside)
		hooks.inside(res, sess);
	return hooks.register_result;
}

static inline int on_unregister(struct vaccel_resource *res, struct vaccel_session *sess)
{
	hooks.unregistered++;
	if (hooks.inside)
		hooks.inside(res, sess);
	return hooks.unregister_result;
}

static inline int on_sync(struct vaccel_resource *res, struct vaccel_session *sess)
{
	assert_true(vaccel_session_has_resource(sess, res));
	hooks.synced++;
	return hooks.sync_result;
}

static inline int nothing(void)
{
	return 0;
}

static inline int on_session_init(struct vaccel_session *sess, uint32_t flags)
{
	(void)flags;
	sess->remote_id = 1;
	return 0;
}

static inline int on_session_release(struct vaccel_session *sess)
{
	/* The library ends the registrations first. */
	for (int i = 0; i < VACCEL_RESOURCE_MAX; i++)
		assert_int_equal(sess->resource_counts[i], 0);
	return 0;
}

static struct vaccel_plugin_info local_info = {
	.name = "local",
	.version = "1",
	.vaccel_version = VACCEL_VERSION,
	.init = nothing,
	.fini = nothing,
	.type = VACCEL_PLUGIN_SOFTWARE,
};
static struct vaccel_plugin local_plugin = {
	.entry = LIST_ENTRY_INIT(local_plugin.entry),
	.info = &local_info,
};
static struct vaccel_plugin_info virtio_info = {
	.name = "transport",
	.version = "1",
	.vaccel_version = VACCEL_VERSION,
	.init = nothing,
	.fini = nothing,
	.is_virtio = true,
	.type = VACCEL_PLUGIN_GENERIC,
	.session_init = on_session_init,
	.session_release = on_session_release,
};
static struct vaccel_plugin virtio_plugin = {
	.entry = LIST_ENTRY_INIT(virtio_plugin.entry),
	.info = &virtio_info,
};

static char dir[64];
static struct vaccel_session local, remote;

/* Before each test. */
static inline int start(void **state)
{
	struct vaccel_config config;
	int ret;

	(void)state;
	memset(&hooks, 0, sizeof(hooks));
	local_info.resource_register = on_register;
	local_info.resource_unregister = on_unregister;
	local_info.resource_sync = on_sync;
	virtio_info.resource_register = on_register;
	virtio_info.resource_unregister = on_unregister;
	virtio_info.resource_sync = on_sync;

	strcpy(dir, "/tmp/vaccel-unit-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	ret = vaccel_config_init(&config, NULL, VACCEL_LOG_ERROR, NULL, false, false);
	ret = ret ? ret : vaccel_bootstrap_with_config(&config);
	ret = ret ? ret : vaccel_config_release(&config);
	ret = ret ? ret : plugin_register(&local_plugin);
	ret = ret ? ret : plugin_register(&virtio_plugin);
	ret = ret ? ret : vaccel_session_init(&local, 0);
	ret = ret ? ret : vaccel_session_init(&remote, VACCEL_PLUGIN_REMOTE);
	return ret;
}

/* After each test; the run directory must be gone, whatever the test did. */
static inline int stop(void **state)
{
	char rundir[4096];

	(void)state;
	snprintf(rundir, sizeof(rundir), "%s", vaccel_rundir());
	if (vaccel_cleanup() || !access(rundir, F_OK))
		return -1;
	return path_remove_dir(dir, "test directory");
}

/* Path of name in the test's directory; valid until the fourth call from now. */
static inline const char *in_dir(const char *name)
{
	static char paths[4][512];
	static int next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", dir, name);
	return path;
}

static inline const char *make_file(const char *name, const char *text)
{
	const char *path = in_dir(name);
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	return path;
}

static inline bool exists(const char *path)
{
	return !access(path, F_OK);
}
