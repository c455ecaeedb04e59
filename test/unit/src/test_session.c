// SPDX-License-Identifier: Apache-2.0
#include "util.h"

#include <sys/stat.h>

#include "plugin.h"
#include "session.h"
#include "vaccel.h"

/* Plugins that are linked in: two local ones and a virtio one that records what it is told. */
static int nothing(void)
{
	return VACCEL_OK;
}

static struct {
	int init_result, release_result, update_result, register_result;
	unsigned int inits, releases, updates, registers, unregisters;
	uint32_t flags;
	bool leave_hint; /* session_update does not set it */
} remote;

static int remote_init(struct vaccel_session *sess, uint32_t flags)
{
	assert_true(sess->id > 0);
	remote.inits++;
	remote.flags = flags;
	sess->remote_id = 1000 + sess->id;
	sess->hint = 12345;
	return remote.init_result;
}

static int remote_release(struct vaccel_session *sess)
{
	assert_true(sess->id > 0);
	assert_int_equal(sess->remote_id, 1000 + sess->id);
	remote.releases++;
	return remote.release_result;
}

static int remote_update(struct vaccel_session *sess, uint32_t flags)
{
	remote.updates++;
	remote.flags = flags;
	if (!remote.leave_hint)
		sess->hint = flags + 1;
	return remote.update_result;
}

static int remote_register(struct vaccel_resource *res, struct vaccel_session *sess)
{
	(void)sess;
	remote.registers++;
	res->remote_id = 77;
	return remote.register_result;
}

static int remote_unregister(struct vaccel_resource *res, struct vaccel_session *sess)
{
	(void)res;
	(void)sess;
	remote.unregisters++;
	return VACCEL_OK;
}

#define INFO(n, t) \
	{ .name = n, .version = "1", .vaccel_version = VACCEL_VERSION, .init = nothing, \
	  .fini = nothing, .type = (vaccel_plugin_type_t)(t) }

static struct vaccel_plugin_info cpu_info = INFO("cpu", VACCEL_PLUGIN_CPU);
static struct vaccel_plugin_info gpu_info =
	INFO("gpu", VACCEL_PLUGIN_GPU | VACCEL_PLUGIN_TENSORFLOW);
static struct vaccel_plugin_info virtio_info;
static const struct vaccel_plugin_info virtio_template = {
	.name = "virtio",
	.version = "1",
	.vaccel_version = VACCEL_VERSION,
	.init = nothing,
	.fini = nothing,
	.is_virtio = true,
	.type = VACCEL_PLUGIN_REMOTE,
	.session_init = remote_init,
	.session_release = remote_release,
	.session_update = remote_update,
	.resource_register = remote_register,
	.resource_unregister = remote_unregister,
};
static struct vaccel_plugin cpu = { .info = &cpu_info };
static struct vaccel_plugin gpu = { .info = &gpu_info };
static struct vaccel_plugin virtio = { .info = &virtio_info };

static struct capture out;

static int start(void **state)
{
	struct vaccel_config config;
	int ret;

	(void)state;
	memset(&remote, 0, sizeof(remote));
	virtio_info = virtio_template;
	vaccel_config_init(&config, NULL, VACCEL_LOG_DEBUG, NULL, false, false);
	ret = vaccel_bootstrap_with_config(&config);
	return ret;
}

static int bad_end(void)
{
	return VACCEL_EIO;
}

/* Plugins that are not loaded but linked in */
static void test_register(void **state)
{
	struct vaccel_plugin no_info = { 0 };

	(void)state;
	assert_int_equal(plugin_register(NULL), VACCEL_EINVAL);
	assert_int_equal(plugin_register(&no_info), VACCEL_EINVAL);
	virtio_info.fini = bad_end;
	assert_int_equal(plugin_register(&virtio), VACCEL_OK);
	capture_start(&out, STDOUT_FILENO);
	assert_int_equal(plugin_unregister(&virtio), VACCEL_OK);
	assert_contains(capture_end(&out), "<warn> Plugin virtio could not end properly");
	assert_int_equal(vaccel_cleanup(), VACCEL_OK);
	assert_int_equal(plugin_register(&virtio), VACCEL_EBACKEND);
}

static int stop(void **state)
{
	(void)state;
	return vaccel_cleanup();
}

static int start_local(void **state)
{
	return start(state) || plugin_register(&cpu) || plugin_register(&gpu);
}

static int start_all(void **state)
{
	return start_local(state) || plugin_register(&virtio);
}

static bool is_dir(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISDIR(st.st_mode);
}

static void test_local(void **state)
{
	char rundir[PATH_MAX];
	struct vaccel_session sess, *found = NULL;
	const char *text;

	(void)state;
	memset(&sess, 0xa5, sizeof(sess));
	capture_start(&out, STDOUT_FILENO);
	assert_int_equal(vaccel_session_init(&sess, VACCEL_PLUGIN_GPU), VACCEL_OK);
	text = capture_end(&out);
	assert_contains(text, "New rundir for session 1: ");
	assert_contains(text, "Initialized session 1\n");
	assert_int_equal(sess.id, 1);
	assert_int_equal(sess.remote_id, 0);
	assert_int_equal(sess.hint, VACCEL_PLUGIN_GPU);
	assert_false(sess.is_virtio);
	assert_ptr_equal(sess.plugin, &gpu);
	assert_null(sess.priv);
	for (int i = 0; i < VACCEL_RESOURCE_MAX; i++)
		assert_int_equal(sess.resource_counts[i], 0);
	assert_true(is_dir(sess.rundir));
	snprintf(rundir, sizeof(rundir), "%s", sess.rundir);

	assert_int_equal(vaccel_session_get_by_id(&found, 1), VACCEL_OK);
	assert_ptr_equal(found, &sess);
	assert_int_equal(vaccel_session_get_by_id(&found, 2), VACCEL_ENOENT);
	assert_int_equal(vaccel_session_get_by_id(&found, 0), VACCEL_ENOENT);
	assert_int_equal(vaccel_session_get_by_id(NULL, 1), VACCEL_EINVAL);

	capture_start(&out, STDOUT_FILENO);
	assert_int_equal(vaccel_session_release(&sess), VACCEL_OK);
	assert_contains(capture_end(&out), "Released session 1\n");
	assert_int_equal(sess.id, 0);
	assert_null(sess.plugin);
	assert_int_equal(sess.hint, VACCEL_PLUGIN_GPU);
	assert_false(is_dir(rundir));
	assert_int_equal(vaccel_session_release(&sess), VACCEL_EINVAL);
	assert_int_equal(vaccel_session_get_by_id(&found, 1), VACCEL_ENOENT);
}

static void test_new(void **state)
{
	struct vaccel_session *sess = NULL, *again = NULL;

	(void)state;
	assert_int_equal(vaccel_session_new(&sess, 0), VACCEL_OK);
	assert_int_equal(vaccel_session_new(&again, 0), VACCEL_OK);
	assert_int_equal(sess->id, 1);
	assert_int_equal(again->id, 2);
	assert_int_equal(vaccel_session_delete(sess), VACCEL_OK);
	assert_int_equal(vaccel_session_delete(again), VACCEL_OK);
	assert_int_equal(vaccel_session_new(NULL, 0), VACCEL_EINVAL);
	assert_int_equal(vaccel_session_delete(NULL), VACCEL_EINVAL);
	/* The out pointer is not touched by a failure. */
	sess = (void *)0x1;
	assert_int_equal(vaccel_session_new(&sess, VACCEL_PLUGIN_REMOTE), VACCEL_ENOTSUP);
	assert_ptr_equal(sess, (void *)0x1);
}

static void test_bad(void **state)
{
	struct vaccel_session sess;

	(void)state;
	assert_int_equal(vaccel_session_init(NULL, 0), VACCEL_EINVAL);
	assert_int_equal(vaccel_session_release(NULL), VACCEL_EINVAL);
	memset(&sess, 0xff, sizeof(sess));
	assert_int_equal(vaccel_session_release(&sess), VACCEL_EINVAL);

	/* A failure consumes the id. */
	assert_int_equal(vaccel_session_init(&sess, VACCEL_PLUGIN_REMOTE), VACCEL_ENOTSUP);
	assert_int_equal(sess.id, 0);
	assert_int_equal(vaccel_session_init(&sess, 0), VACCEL_OK);
	assert_int_equal(sess.id, 2);

	/* A live session is left alone. */
	assert_int_equal(vaccel_session_init(&sess, 0), VACCEL_EBUSY);
	assert_int_equal(sess.id, 2);
	assert_int_equal(vaccel_session_release(&sess), VACCEL_OK);
	assert_int_equal(vaccel_session_init(&sess, 0), VACCEL_OK);
	assert_int_equal(sess.id, 3);
	assert_int_equal(vaccel_session_release(&sess), VACCEL_OK);
}

static void test_down(void **state)
{
	struct vaccel_session sess, *ptr = NULL;

	(void)state;
	assert_int_equal(vaccel_session_init(&sess, 0), VACCEL_OK);
	vaccel_cleanup();
	assert_int_equal(sess.id, 0);
	assert_int_equal(vaccel_session_init(&sess, 0), VACCEL_ESESS);
	assert_int_equal(vaccel_session_new(&ptr, 0), VACCEL_ESESS);
	assert_int_equal(vaccel_session_release(&sess), VACCEL_ESESS);
	assert_int_equal(vaccel_session_get_by_id(&ptr, 1), VACCEL_EPERM);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
	assert_int_equal(vaccel_session_update(&sess, 0), VACCEL_ESESS);
#pragma GCC diagnostic pop
}

/* Starts and ends a session; returns the name of its plugin, or the error. */
static const char *selected(uint32_t flags, int *ret)
{
	static struct vaccel_session sess;
	const char *name;

	*ret = vaccel_session_init(&sess, flags);
	if (*ret)
		return "none";
	assert_int_equal(sess.hint, flags);
	name = sess.plugin->info->name;
	assert_int_equal(vaccel_session_release(&sess), VACCEL_OK);
	return name;
}

#define ASSERT_SELECTED(flags, name)                               \
	do {                                                       \
		int ret_;                                          \
		assert_string_equal(selected(flags, &ret_), name); \
	} while (0)
#define ASSERT_NONE(flags, message)                                \
	do {                                                       \
		int ret_;                                          \
		capture_start(&out, STDOUT_FILENO);                \
		selected(flags, &ret_);                            \
		assert_contains(capture_end(&out), message);       \
		assert_int_equal(ret_, VACCEL_ENOTSUP);            \
	} while (0)

static void test_select(void **state)
{
	(void)state;
	ASSERT_NONE(0, "<error> No plugins registered: name some in VACCEL_PLUGINS");
	ASSERT_NONE(VACCEL_PLUGIN_ALL, "No plugins registered");

	assert_int_equal(plugin_register(&virtio), VACCEL_OK);
	/* The only plugin serves any session. */
	ASSERT_SELECTED(0, "virtio");
	ASSERT_SELECTED(VACCEL_PLUGIN_GPU, "virtio");
	ASSERT_SELECTED(VACCEL_PLUGIN_REMOTE, "virtio");

	assert_int_equal(plugin_register(&cpu), VACCEL_OK);
	assert_int_equal(plugin_register(&gpu), VACCEL_OK);
	ASSERT_SELECTED(0, "cpu");
	ASSERT_SELECTED(VACCEL_PLUGIN_GPU, "gpu");
	ASSERT_SELECTED(VACCEL_PLUGIN_TENSORFLOW | VACCEL_PLUGIN_TORCH, "gpu");
	ASSERT_SELECTED(VACCEL_PLUGIN_GPU | VACCEL_PLUGIN_CPU, "cpu");
	ASSERT_SELECTED(VACCEL_PLUGIN_FPGA, "cpu");
	ASSERT_SELECTED(VACCEL_PLUGIN_REMOTE | VACCEL_PLUGIN_GPU, "virtio");
	ASSERT_SELECTED(VACCEL_PLUGIN_ALL, "virtio");
	assert_int_equal(plugin_register(&cpu), VACCEL_EEXIST);
}

static void test_select_local(void **state)
{
	(void)state;
	ASSERT_NONE(VACCEL_PLUGIN_REMOTE, "Could not select plugin, no VirtIO plugin registered");
	ASSERT_NONE(VACCEL_PLUGIN_REMOTE | VACCEL_PLUGIN_GPU, "no VirtIO plugin registered");
	/* All bits mean any plugin. */
	ASSERT_SELECTED(VACCEL_PLUGIN_ALL, "cpu");
}

static void test_select_two_remotes(void **state)
{
	static struct vaccel_plugin other = { .info = &virtio_info };

	(void)state;
	assert_int_equal(plugin_register(&virtio), VACCEL_OK);
	assert_int_equal(plugin_register(&other), VACCEL_OK);
	ASSERT_NONE(0, "Could not select plugin, no local plugin registered");
}

static void test_remote(void **state)
{
	const uint32_t flags = VACCEL_PLUGIN_REMOTE | VACCEL_PLUGIN_GPU;
	struct vaccel_session sess;

	(void)state;
	capture_start(&out, STDOUT_FILENO);
	assert_int_equal(vaccel_session_init(&sess, flags), VACCEL_OK);
	assert_contains(capture_end(&out),
			"Initialized session 1 with plugin virtio (remote id: 1001)\n");
	assert_true(sess.is_virtio);
	assert_int_equal(sess.remote_id, 1001);
	assert_int_equal(sess.hint, flags);
	assert_int_equal(remote.flags, VACCEL_PLUGIN_GPU);

	/* A failing release only warns. */
	remote.release_result = VACCEL_EIO;
	capture_start(&out, STDOUT_FILENO);
	assert_int_equal(vaccel_session_release(&sess), VACCEL_OK);
	assert_contains(capture_end(&out), "<warn> ");
	assert_int_equal(remote.releases, 1);
	assert_int_equal(sess.id, 0);
}

static void test_remote_failures(void **state)
{
	struct vaccel_session sess;
	char path[PATH_MAX];

	(void)state;
	remote.init_result = VACCEL_ENODEV;
	assert_int_equal(vaccel_session_init(&sess, VACCEL_PLUGIN_REMOTE), VACCEL_ENODEV);
	assert_int_equal(sess.id, 0);
	assert_null(sess.plugin);
	snprintf(path, sizeof(path), "%s/session.1", vaccel_rundir());
	assert_false(is_dir(path));
	assert_int_equal(vaccel_session_release(&sess), VACCEL_EINVAL);
	remote.init_result = VACCEL_OK;

	virtio_info.session_init = NULL;
	assert_int_equal(vaccel_session_init(&sess, VACCEL_PLUGIN_REMOTE), VACCEL_ENOTSUP);
	virtio_info.session_init = remote_init;

	/* Without a hook for it the session cannot be released, and stays. */
	assert_int_equal(vaccel_session_init(&sess, VACCEL_PLUGIN_REMOTE), VACCEL_OK);
	virtio_info.session_release = NULL;
	assert_int_equal(vaccel_session_release(&sess), VACCEL_ENOTSUP);
	assert_true(sess.id > 0);
	assert_ptr_equal(sess.plugin, &virtio);
	virtio_info.session_release = remote_release;
	assert_int_equal(vaccel_session_release(&sess), VACCEL_OK);

	/* Cleanup releases it all the same. */
	assert_int_equal(vaccel_session_init(&sess, VACCEL_PLUGIN_REMOTE), VACCEL_OK);
	virtio_info.session_release = NULL;
	assert_int_equal(vaccel_cleanup(), VACCEL_OK);
	assert_int_equal(sess.id, 0);
}

static void test_no_rundir(void **state)
{
	struct vaccel_session sess;
	char path[PATH_MAX];

	(void)state;
	snprintf(path, sizeof(path), "%s/session.1", vaccel_rundir());
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(vaccel_session_init(&sess, VACCEL_PLUGIN_REMOTE), VACCEL_EEXIST);
	assert_int_equal(sess.id, 0);
	assert_int_equal(remote.inits, 0);
	assert_int_equal(rmdir(path), 0);
}

static void test_many(void **state)
{
	static struct vaccel_session sessions[1024];
	struct vaccel_session one_more;

	(void)state;
	slog_disable(SLOG_DEBUG);
	for (int i = 0; i < 1024; i++) {
		assert_int_equal(vaccel_session_init(&sessions[i], 0), VACCEL_OK);
		assert_int_equal(sessions[i].id, i + 1);
	}
	assert_int_equal(vaccel_session_init(&one_more, 0), VACCEL_EUSERS);
	assert_int_equal(one_more.id, -VACCEL_EUSERS);
	assert_int_equal(vaccel_session_release(&one_more), VACCEL_EINVAL);
	assert_int_equal(vaccel_session_release(&sessions[500]), VACCEL_OK);
	assert_int_equal(vaccel_session_init(&one_more, 0), VACCEL_OK);
	assert_int_equal(one_more.id, 501);
	/* The rest is left to cleanup. */
	assert_int_equal(vaccel_cleanup(), VACCEL_OK);
	assert_int_equal(sessions[1023].id, 0);
	assert_false(is_dir(vaccel_rundir()));
}

static void test_resources(void **state)
{
	static const uint8_t bytes[4] = "abc";
	struct vaccel_resource res[3], *found, **all;
	struct vaccel_session sess, other;
	size_t nr = 9;

	(void)state;
	assert_int_equal(vaccel_session_init(&sess, 0), VACCEL_OK);
	assert_int_equal(vaccel_session_init(&other, 0), VACCEL_OK);
	for (int i = 0; i < 3; i++)
		assert_int_equal(vaccel_resource_init_from_buf(
					 &res[i], bytes, sizeof(bytes),
					 i < 2 ? VACCEL_RESOURCE_MODEL : VACCEL_RESOURCE_DATA,
					 "name", true),
				 VACCEL_OK);

	assert_false(vaccel_session_has_resource(&sess, &res[0]));
	assert_int_equal(vaccel_session_resource_by_type(&sess, &found, VACCEL_RESOURCE_MODEL),
			 VACCEL_ENOENT);
	assert_int_equal(vaccel_session_resources_by_type(&sess, &all, &nr, VACCEL_RESOURCE_MODEL),
			 VACCEL_ENOENT);
	assert_int_equal(nr, 0);

	/* In another order than that of their ids */
	assert_int_equal(vaccel_resource_register(&res[1], &sess), VACCEL_OK);
	assert_int_equal(vaccel_resource_register(&res[0], &sess), VACCEL_OK);
	assert_int_equal(vaccel_resource_register(&res[2], &sess), VACCEL_OK);
	assert_true(vaccel_session_has_resource(&sess, &res[0]));
	assert_false(vaccel_session_has_resource(&other, &res[0]));
	assert_false(vaccel_session_has_resource(NULL, &res[0]));
	assert_false(vaccel_session_has_resource(&sess, NULL));

	assert_int_equal(vaccel_session_resource_by_id(&sess, &found, res[2].id), VACCEL_OK);
	assert_ptr_equal(found, &res[2]);
	assert_int_equal(vaccel_session_resource_by_id(&sess, &found, 999), VACCEL_ENOENT);
	assert_int_equal(vaccel_session_resource_by_id(&other, &found, res[2].id), VACCEL_ENOENT);
	assert_int_equal(vaccel_session_resource_by_id(&sess, &found, 0), VACCEL_EINVAL);
	assert_int_equal(vaccel_session_resource_by_id(&sess, NULL, 1), VACCEL_EINVAL);
	assert_int_equal(vaccel_session_resource_by_id(NULL, &found, 1), VACCEL_EINVAL);

	assert_int_equal(vaccel_session_resource_by_type(&sess, &found, VACCEL_RESOURCE_MODEL),
			 VACCEL_OK);
	assert_ptr_equal(found, &res[1]);
	assert_int_equal(vaccel_session_resource_by_type(&sess, &found, VACCEL_RESOURCE_LIB),
			 VACCEL_ENOENT);
	assert_int_equal(vaccel_session_resource_by_type(&sess, &found, VACCEL_RESOURCE_MAX),
			 VACCEL_EINVAL);
	assert_int_equal(vaccel_session_resource_by_type(NULL, &found, VACCEL_RESOURCE_LIB),
			 VACCEL_EINVAL);
	assert_int_equal(vaccel_session_resource_by_type(&sess, NULL, VACCEL_RESOURCE_LIB),
			 VACCEL_EINVAL);

	assert_int_equal(vaccel_session_resources_by_type(&sess, &all, &nr, VACCEL_RESOURCE_MODEL),
			 VACCEL_OK);
	assert_int_equal(nr, 2);
	assert_ptr_equal(all[0], &res[1]);
	assert_ptr_equal(all[1], &res[0]);
	free(all);
	assert_int_equal(vaccel_session_resources_by_type(&sess, NULL, &nr, VACCEL_RESOURCE_MODEL),
			 VACCEL_EINVAL);
	assert_int_equal(vaccel_session_resources_by_type(&sess, &all, NULL, VACCEL_RESOURCE_MODEL),
			 VACCEL_EINVAL);
	assert_int_equal(vaccel_session_resources_by_type(&sess, &all, &nr, VACCEL_RESOURCE_MAX),
			 VACCEL_EINVAL);

	/* Release of the session unregisters. */
	assert_int_equal(vaccel_resource_refcount(&res[0]), 1);
	assert_int_equal(vaccel_session_release(&sess), VACCEL_OK);
	assert_int_equal(vaccel_resource_refcount(&res[0]), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(vaccel_resource_release(&res[i]), VACCEL_OK);
	assert_int_equal(vaccel_session_release(&other), VACCEL_OK);
}

static void test_remote_resources(void **state)
{
	static const uint8_t bytes[4] = "abc";
	struct vaccel_resource res;
	struct vaccel_session sess;

	(void)state;
	assert_int_equal(vaccel_session_init(&sess, VACCEL_PLUGIN_REMOTE), VACCEL_OK);
	assert_int_equal(vaccel_resource_init_from_buf(&res, bytes, sizeof(bytes),
						       VACCEL_RESOURCE_DATA, "name", true),
			 VACCEL_OK);
	assert_int_equal(vaccel_resource_register(&res, &sess), VACCEL_OK);
	assert_int_equal(vaccel_session_release(&sess), VACCEL_OK);
	assert_int_equal(remote.unregisters, 1);
	assert_int_equal(remote.releases, 1);
	assert_int_equal(vaccel_resource_release(&res), VACCEL_OK);
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
static void test_update(void **state)
{
	static const uint8_t bytes[4] = "abc";
	struct vaccel_resource res;
	struct vaccel_session sess;

	(void)state;
	assert_int_equal(vaccel_session_update(NULL, 0), VACCEL_EINVAL);
	assert_int_equal(vaccel_session_init(&sess, 0), VACCEL_OK);
	assert_ptr_equal(sess.plugin, &cpu);
	assert_int_equal(vaccel_session_update(&sess, VACCEL_PLUGIN_GPU), VACCEL_OK);
	assert_ptr_equal(sess.plugin, &gpu);
	assert_int_equal(sess.hint, VACCEL_PLUGIN_GPU);

	/* What fails changes nothing. */
	assert_int_equal(vaccel_session_update(&sess, VACCEL_PLUGIN_REMOTE), VACCEL_ENOTSUP);
	assert_ptr_equal(sess.plugin, &gpu);
	assert_int_equal(sess.hint, VACCEL_PLUGIN_GPU);
	assert_int_equal(vaccel_resource_init_from_buf(&res, bytes, sizeof(bytes),
						       VACCEL_RESOURCE_DATA, "name", true),
			 VACCEL_OK);
	assert_int_equal(vaccel_resource_register(&res, &sess), VACCEL_OK);
	assert_int_equal(vaccel_session_update(&sess, VACCEL_PLUGIN_CPU), VACCEL_ENOTSUP);
	assert_ptr_equal(sess.plugin, &gpu);
	assert_int_equal(vaccel_session_release(&sess), VACCEL_OK);
	assert_int_equal(vaccel_session_update(&sess, 0), VACCEL_EINVAL);
	assert_int_equal(vaccel_resource_release(&res), VACCEL_OK);
}

static void test_update_remote(void **state)
{
	struct vaccel_session sess;

	(void)state;
	assert_int_equal(vaccel_session_init(&sess, VACCEL_PLUGIN_REMOTE), VACCEL_OK);
	assert_int_equal(vaccel_session_update(&sess, VACCEL_PLUGIN_REMOTE | VACCEL_PLUGIN_CPU),
			 VACCEL_OK);
	assert_int_equal(remote.updates, 1);
	assert_int_equal(remote.flags, VACCEL_PLUGIN_CPU);
	assert_int_equal(sess.hint, VACCEL_PLUGIN_CPU + 1);
	remote.update_result = VACCEL_EIO;
	assert_int_equal(vaccel_session_update(&sess, 0), VACCEL_EIO);
	assert_int_equal(sess.hint, VACCEL_PLUGIN_CPU + 1);

	/* What the program gave, when the plugin has no opinion */
	remote.leave_hint = true;
	assert_int_equal(vaccel_session_update(&sess, VACCEL_PLUGIN_GPU), VACCEL_EIO);
	assert_int_equal(sess.hint, VACCEL_PLUGIN_CPU + 1);
	remote.update_result = VACCEL_OK;
	assert_int_equal(vaccel_session_update(&sess, VACCEL_PLUGIN_GPU), VACCEL_OK);
	assert_int_equal(sess.hint, VACCEL_PLUGIN_GPU);
	assert_int_equal(vaccel_session_update(&sess, VACCEL_PLUGIN_REMOTE | VACCEL_PLUGIN_CPU),
			 VACCEL_OK);
	assert_int_equal(sess.hint, VACCEL_PLUGIN_REMOTE | VACCEL_PLUGIN_CPU);
	virtio_info.session_update = NULL;
	assert_int_equal(vaccel_session_update(&sess, 0), VACCEL_ENOTSUP);
	assert_int_equal(vaccel_session_release(&sess), VACCEL_OK);
}

static void test_old_names(void **state)
{
	struct vaccel_session sess;

	(void)state;
	assert_int_equal(vaccel_sess_init(&sess, 0), VACCEL_OK);
	assert_int_equal(vaccel_sess_update(&sess, VACCEL_PLUGIN_GPU), VACCEL_OK);
	assert_ptr_equal(sess.plugin, &gpu);
	assert_false(vaccel_sess_has_resource(&sess, NULL));
	assert_int_equal(vaccel_sess_free(&sess), VACCEL_OK);
	assert_int_equal(vaccel_sess_free(&sess), VACCEL_EINVAL);
}
#pragma GCC diagnostic pop

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_register, start, stop),
		cmocka_unit_test_setup_teardown(test_local, start_local, stop),
		cmocka_unit_test_setup_teardown(test_new, start_local, stop),
		cmocka_unit_test_setup_teardown(test_bad, start_local, stop),
		cmocka_unit_test_setup_teardown(test_down, start_local, stop),
		cmocka_unit_test_setup_teardown(test_select, start, stop),
		cmocka_unit_test_setup_teardown(test_select_local, start_local, stop),
		cmocka_unit_test_setup_teardown(test_select_two_remotes, start, stop),
		cmocka_unit_test_setup_teardown(test_remote, start_all, stop),
		cmocka_unit_test_setup_teardown(test_remote_failures, start_all, stop),
		cmocka_unit_test_setup_teardown(test_no_rundir, start_all, stop),
		cmocka_unit_test_setup_teardown(test_many, start_local, stop),
		cmocka_unit_test_setup_teardown(test_resources, start_local, stop),
		cmocka_unit_test_setup_teardown(test_remote_resources, start_all, stop),
		cmocka_unit_test_setup_teardown(test_update, start_all, stop),
		cmocka_unit_test_setup_teardown(test_update_remote, start_all, stop),
		cmocka_unit_test_setup_teardown(test_old_names, start_local, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
