// SPDX-License-Identifier: Apache-2.0
/* Which plugin serves: sessions on a chosen one, operations that the session's own lacks, and the list. */
#include "util.h"

#include "plugin.h"
#include "vaccel.h"

static const char *ran;		/* the plugin whose operation ran last */
static unsigned int forgotten;	/* resources that the second was told to forget */
static char asked[64];		/* the host's plugin that the virtio one was asked for */
static uint32_t asked_flags;

static int nothing(void)
{
	return VACCEL_OK;
}

#define NOOP_OF(plugin)                                     \
	static int noop_##plugin(struct vaccel_session *s) \
	{                                                   \
		(void)s;                                    \
		ran = #plugin;                              \
		return VACCEL_OK;                           \
	}
NOOP_OF(first)
NOOP_OF(second)
NOOP_OF(seer)
NOOP_OF(remote)

static int forget(struct vaccel_resource *res, struct vaccel_session *sess)
{
	(void)res;
	(void)sess;
	forgotten++;
	return VACCEL_OK;
}

static int see(struct vaccel_resource *res, struct vaccel_session *sess)
{
	(void)res;
	(void)sess;
	return VACCEL_OK;
}

static int start_session(struct vaccel_session *sess, uint32_t flags)
{
	asked_flags = flags;
	asked[0] = '\0';
	sess->remote_id = 5;
	return VACCEL_OK;
}

static int start_session_on(struct vaccel_session *sess, const char *name)
{
	snprintf(asked, sizeof(asked), "%s", name);
	sess->remote_id = 6;
	return strcmp(name, "broken") ? VACCEL_OK : VACCEL_EIO;
}

static int end_session(struct vaccel_session *sess)
{
	(void)sess;
	return VACCEL_OK;
}

static int host_plugins(struct vaccel_session *sess, struct vaccel_plugin_desc *descs, size_t *nr)
{
	assert_int_equal(sess->remote_id, 6);
	if (*nr)
		snprintf(descs[0].name, sizeof(descs[0].name), "far");
	*nr = 1;
	return VACCEL_OK;
}

static const char *engine(void)
{
	return "two stones; devices: left, right";
}

#define INFO(plugin, ...)                                                                \
	static struct vaccel_plugin_info plugin##_info = {                               \
		.name = #plugin, .version = "1.2", .vaccel_version = VACCEL_VERSION,     \
		.init = nothing, .fini = nothing, __VA_ARGS__ };                         \
	static struct vaccel_plugin plugin = { .info = &plugin##_info };                 \
	static struct vaccel_op plugin##_op = { VACCEL_OP_NOOP, (void *)noop_##plugin, &plugin }

INFO(first, .type = VACCEL_PLUGIN_CPU);
INFO(second, .type = VACCEL_PLUGIN_GPU, .resource_unregister = forget);
INFO(seer, .type = VACCEL_PLUGIN_FPGA, .resource_register = see);
INFO(remote, .type = VACCEL_PLUGIN_REMOTE, .is_virtio = true, .session_init = start_session,
     .session_release = end_session, .resource_register = see, .resource_unregister = see);

static const struct vaccel_plugin_ext second_ext = { .size = sizeof(second_ext), .engine = engine };
static const struct vaccel_plugin_ext remote_ext = {
	.size = sizeof(remote_ext),
	.session_init_with_plugin = start_session_on,
	.host_plugins = host_plugins,
};

/* In this order; only those that are named later offer an operation. */
static int start(void **state)
{
	struct vaccel_config config;
	struct vaccel_plugin *all[] = { &first, &seer, &remote, &second };

	(void)state;
	ran = NULL;
	forgotten = 0;
	vaccel_config_init(&config, NULL, VACCEL_LOG_DEBUG, NULL, false, false);
	if (vaccel_bootstrap_with_config(&config))
		return -1;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (plugin_register(all[i]))
			return -1;
	return 0;
}

static int stop(void **state)
{
	(void)state;
	return vaccel_cleanup();
}

static void expect_log(struct capture *out, const char *text)
{
	assert_contains(capture_end(out), text);
}

/* An operation that the session's plugin lacks goes to the first local one that has it. */
static void test_stand_in(void **state)
{
	struct vaccel_session sess;
	struct capture out;

	(void)state;
	assert_int_equal(vaccel_session_init(&sess, VACCEL_PLUGIN_CPU), VACCEL_OK);
	assert_ptr_equal(sess.plugin, &first);

	/* Not to one that wants to see resources, nor to one that forwards them. */
	assert_int_equal(vaccel_plugin_register_op(&seer_op), VACCEL_OK);
	assert_int_equal(vaccel_plugin_register_op(&remote_op), VACCEL_OK);
	capture_start(&out, STDOUT_FILENO);
	assert_int_equal(vaccel_noop(&sess), VACCEL_ENOTSUP);
	expect_log(&out, "plugin first does not implement");
	assert_null(ran);
	assert_null(vaccel_session_op_plugin(&sess, VACCEL_OP_NOOP));

	assert_int_equal(vaccel_plugin_register_op(&second_op), VACCEL_OK);
	capture_start(&out, STDOUT_FILENO);
	assert_int_equal(vaccel_noop(&sess), VACCEL_OK);
	expect_log(&out, "Found implementation in second plugin");
	assert_string_equal(ran, "second");
	assert_string_equal(vaccel_session_op_plugin(&sess, VACCEL_OP_NOOP), "second");
	assert_null(vaccel_session_op_plugin(&sess, (vaccel_op_type_t)1000));
	assert_null(vaccel_session_op_plugin(NULL, VACCEL_OP_NOOP));
	assert_ptr_equal(sess.plugin, &first);

	/* The session's own comes first. */
	assert_int_equal(vaccel_plugin_register_op(&first_op), VACCEL_OK);
	assert_int_equal(vaccel_noop(&sess), VACCEL_OK);
	assert_string_equal(ran, "first");
	assert_string_equal(vaccel_session_op_plugin(&sess, VACCEL_OP_NOOP), "first");
	assert_int_equal(vaccel_session_release(&sess), VACCEL_OK);
	assert_null(vaccel_session_op_plugin(&sess, VACCEL_OP_NOOP));
}

/* Who may have stood in hears when a resource goes; with a chosen plugin nobody stands in. */
static void test_resources(void **state)
{
	struct vaccel_session sess;
	struct vaccel_resource res;
	char data[] = "x";

	(void)state;
	assert_int_equal(vaccel_resource_init_from_buf(&res, data, 1, VACCEL_RESOURCE_DATA, "x", true),
			 VACCEL_OK);
	assert_int_equal(vaccel_session_init(&sess, VACCEL_PLUGIN_CPU), VACCEL_OK);
	assert_int_equal(vaccel_resource_register(&res, &sess), VACCEL_OK);
	assert_int_equal(vaccel_resource_unregister(&res, &sess), VACCEL_OK);
	assert_int_equal(forgotten, 1);
	assert_int_equal(vaccel_session_release(&sess), VACCEL_OK);

	assert_int_equal(vaccel_session_init_with_plugin(&sess, "first"), VACCEL_OK);
	assert_int_equal(vaccel_resource_register(&res, &sess), VACCEL_OK);
	assert_int_equal(vaccel_resource_unregister(&res, &sess), VACCEL_OK);
	assert_int_equal(forgotten, 1);
	assert_int_equal(vaccel_session_release(&sess), VACCEL_OK);

	/* Its own plugin is told once. */
	assert_int_equal(vaccel_session_init(&sess, VACCEL_PLUGIN_GPU), VACCEL_OK);
	assert_int_equal(vaccel_resource_register(&res, &sess), VACCEL_OK);
	assert_int_equal(vaccel_resource_unregister(&res, &sess), VACCEL_OK);
	assert_int_equal(forgotten, 2);
	assert_int_equal(vaccel_session_release(&sess), VACCEL_OK);
	assert_int_equal(vaccel_resource_release(&res), VACCEL_OK);
}

static void test_chosen(void **state)
{
	struct vaccel_session sess, *new = (struct vaccel_session *)&sess;
	struct capture out;

	(void)state;
	assert_int_equal(vaccel_plugin_register_op(&second_op), VACCEL_OK);
	assert_int_equal(vaccel_session_init_with_plugin(&sess, "first"), VACCEL_OK);
	assert_ptr_equal(sess.plugin, &first);
	assert_int_equal(sess.hint, 0);
	assert_false(sess.is_virtio);
	capture_start(&out, STDOUT_FILENO);
	assert_int_equal(vaccel_noop(&sess), VACCEL_ENOTSUP);
	expect_log(&out, "plugin first does not implement");
	assert_int_equal(vaccel_session_release(&sess), VACCEL_OK);

	/* The id that it had is not marked for ever. */
	assert_int_equal(vaccel_session_init(&sess, VACCEL_PLUGIN_CPU), VACCEL_OK);
	assert_int_equal(vaccel_noop(&sess), VACCEL_OK);
	assert_string_equal(ran, "second");
	assert_int_equal(vaccel_session_release(&sess), VACCEL_OK);

	capture_start(&out, STDOUT_FILENO);
	assert_int_equal(vaccel_session_init_with_plugin(&sess, "second:far"), VACCEL_OK);
	expect_log(&out, "<warn> Plugin second forwards to no host: 'far' is ignored");
	assert_int_equal(vaccel_session_release(&sess), VACCEL_OK);

	assert_int_equal(vaccel_session_new_with_plugin(&new, "second"), VACCEL_OK);
	assert_ptr_equal(new->plugin, &second);
	assert_int_equal(vaccel_session_delete(new), VACCEL_OK);
}

static void test_chosen_remote(void **state)
{
	struct vaccel_session sess, *new = NULL;
	struct vaccel_plugin_desc d[2];
	size_t nr = 2;

	(void)state;
	assert_int_equal(vaccel_session_init_with_plugin(&sess, "remote"), VACCEL_OK);
	assert_true(sess.is_virtio);
	assert_int_equal(sess.remote_id, 5);
	assert_int_equal(asked_flags, 0);
	assert_int_equal(vaccel_session_release(&sess), VACCEL_OK);

	/* Without the extension there is no choosing on the host. */
	assert_int_equal(vaccel_session_init_with_plugin(&sess, "remote:far"), VACCEL_ENOTSUP);
	assert_int_equal(vaccel_session_init(&sess, VACCEL_PLUGIN_REMOTE), VACCEL_OK);
	assert_int_equal(vaccel_session_host_plugins(&sess, d, &nr), VACCEL_ENOTSUP);
	assert_int_equal(vaccel_session_release(&sess), VACCEL_OK);

	assert_int_equal(vaccel_plugin_register_ext(&remote, &remote_ext), VACCEL_OK);
	assert_int_equal(vaccel_plugin_register_ext(&remote, &remote_ext), VACCEL_EEXIST);
	assert_int_equal(vaccel_session_init_with_plugin(&sess, "remote:a:b"), VACCEL_OK);
	assert_string_equal(asked, "a:b");
	assert_int_equal(vaccel_session_host_plugins(&sess, NULL, &nr), VACCEL_EINVAL);
	assert_int_equal(vaccel_session_host_plugins(&sess, d, NULL), VACCEL_EINVAL);
	assert_int_equal(vaccel_session_host_plugins(NULL, d, &nr), VACCEL_EINVAL);
	assert_int_equal(vaccel_session_host_plugins(&sess, d, &nr), VACCEL_OK);
	assert_int_equal(nr, 1);
	assert_string_equal(d[0].name, "far");
	assert_int_equal(vaccel_session_release(&sess), VACCEL_OK);
	assert_int_equal(vaccel_session_host_plugins(&sess, d, &nr), VACCEL_EINVAL);

	/* The host's error is the caller's, and nothing is left. */
	assert_int_equal(vaccel_session_new_with_plugin(&new, "remote:broken"), VACCEL_EIO);
	assert_null(new);
	assert_int_equal(vaccel_session_init(&sess, 0), VACCEL_OK);
	assert_int_equal(vaccel_session_host_plugins(&sess, d, &nr), VACCEL_ENOTSUP);
	assert_int_equal(vaccel_session_release(&sess), VACCEL_OK);
}

static void test_bad_choice(void **state)
{
	static const char *const bad[] = { NULL, "", ":", ":far", "remote:" };
	struct vaccel_session sess, *new = NULL;
	struct capture out;

	(void)state;
	memset(&sess, 0, sizeof(sess));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(vaccel_session_init_with_plugin(&sess, bad[i]), VACCEL_EINVAL);
		assert_int_equal(vaccel_session_new_with_plugin(&new, bad[i]), VACCEL_EINVAL);
		assert_null(new);
	}
	assert_int_equal(vaccel_session_init_with_plugin(NULL, "first"), VACCEL_EINVAL);
	assert_int_equal(vaccel_session_new_with_plugin(NULL, "first"), VACCEL_EINVAL);
	/* Exactly the name */
	capture_start(&out, STDOUT_FILENO);
	assert_int_equal(vaccel_session_init_with_plugin(&sess, "firs"), VACCEL_ENOTSUP);
	expect_log(&out, "none of the name firs is registered");
	assert_int_equal(vaccel_session_init_with_plugin(&sess, "first1:x"), VACCEL_ENOTSUP);
	assert_int_equal(vaccel_plugin_register_ext(NULL, &remote_ext), VACCEL_EINVAL);
	assert_int_equal(vaccel_plugin_register_ext(&remote, NULL), VACCEL_EINVAL);
}

static void test_list(void **state)
{
	struct vaccel_plugin_desc d[8];
	struct { size_t size; } old = { sizeof(old) }; /* of a plugin built before there was more */
	size_t nr = 0;

	(void)state;
	assert_int_equal(vaccel_plugin_register_op(&second_op), VACCEL_OK);
	assert_int_equal(vaccel_plugin_register_ext(&second, &second_ext), VACCEL_OK);
	assert_int_equal(vaccel_plugin_register_ext(&first, (struct vaccel_plugin_ext *)&old),
			 VACCEL_OK);
	assert_int_equal(vaccel_plugin_list(NULL, &nr), VACCEL_OK);
	assert_int_equal(nr, 4);
	memset(d, 0xff, sizeof(d));
	nr = 1;
	assert_int_equal(vaccel_plugin_list(d, &nr), VACCEL_OK);
	assert_int_equal(nr, 4);
	assert_string_equal(d[0].name, "first");
	assert_int_equal(d[1].is_virtio, UINT32_MAX);
	nr = 8;
	assert_int_equal(vaccel_plugin_list(d, &nr), VACCEL_OK);
	assert_int_equal(nr, 4);
	assert_string_equal(d[0].engine, "");
	assert_int_equal(d[0].ops, 0);
	assert_string_equal(d[2].name, "remote");
	assert_int_equal(d[2].is_virtio, 1);
	assert_string_equal(d[3].name, "second");
	assert_string_equal(d[3].version, "1.2");
	assert_string_equal(d[3].engine, engine());
	assert_int_equal(d[3].type, VACCEL_PLUGIN_GPU);
	assert_int_equal(d[3].ops, 1u << VACCEL_OP_NOOP);
	assert_int_equal(vaccel_plugin_list(d, NULL), VACCEL_EINVAL);
	assert_int_equal(vaccel_plugin_list(NULL, &nr), VACCEL_EINVAL);
}

static void test_not_ready(void **state)
{
	struct vaccel_session sess, *new;
	size_t nr = 0;

	(void)state;
	assert_int_equal(vaccel_cleanup(), VACCEL_OK);
	assert_int_equal(vaccel_session_init_with_plugin(&sess, "first"), VACCEL_ESESS);
	assert_int_equal(vaccel_session_new_with_plugin(&new, "first"), VACCEL_ESESS);
	assert_int_equal(vaccel_plugin_list(NULL, &nr), VACCEL_ESESS);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
	const struct CMUnitTest tests[] = {
		TEST(test_stand_in), TEST(test_resources), TEST(test_chosen),
		TEST(test_chosen_remote), TEST(test_bad_choice), TEST(test_list),
		cmocka_unit_test_setup(test_not_ready, start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
