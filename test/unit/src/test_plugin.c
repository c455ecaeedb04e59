// SPDX-License-Identifier: Apache-2.0
#include "util.h"

#include "vaccel.h"

#define PLUGIN(name) PLUGIN_DIR "/libunit-" name ".so"

static struct capture out;

static int start_with(bool version_ignore)
{
	struct vaccel_config config;
	int ret;

	unsetenv("UNIT_PLUGIN_ENDED");
	vaccel_config_init(&config, NULL, VACCEL_LOG_DEBUG, NULL, false, version_ignore);
	ret = vaccel_bootstrap_with_config(&config);
	vaccel_config_release(&config);
	return ret;
}

static int start(void **state)
{
	(void)state;
	return start_with(false);
}

static int stop(void **state)
{
	(void)state;
	return vaccel_cleanup();
}

static const char *ended(void)
{
	const char *name = getenv("UNIT_PLUGIN_ENDED");

	return name ? name : "";
}

static void test_load(void **state)
{
	struct vaccel_session sess;
	const char *text;

	(void)state;
	capture_start(&out, STDOUT_FILENO);
	assert_int_equal(vaccel_plugin_load(PLUGIN("good")), VACCEL_OK);
	text = capture_end(&out);
	assert_contains(text, "<info> Registered plugin good 1.2.3\n");
	assert_contains(text, "<debug> Registered op noop from plugin good\n");
	assert_contains(text, "<debug> Loaded plugin good from " PLUGIN("good") "\n");
	assert_true(strstr(text, "Registered plugin") < strstr(text, "Registered op"));
	assert_true(strstr(text, "Registered op") < strstr(text, "Loaded plugin"));
	assert_int_equal(count(text, "\n"), 3);

	assert_int_equal(vaccel_session_init(&sess, 0), VACCEL_OK);
	assert_string_equal(sess.plugin->info->name, "good");
	capture_start(&out, STDOUT_FILENO);
	assert_int_equal(vaccel_noop(&sess), VACCEL_OK);
	text = capture_end(&out);
	assert_contains(text, "session:1 Looking for plugin implementing VACCEL_OP_NOOP\n");
	assert_contains(text, "<debug> Returning func from hint plugin good\n");
	assert_contains(text, "<debug> Found implementation in good plugin\n");
	assert_int_equal(count(text, "\n"), 3);
	assert_int_equal(vaccel_session_release(&sess), VACCEL_OK);

	capture_start(&out, STDOUT_FILENO);
	assert_int_equal(vaccel_cleanup(), VACCEL_OK);
	assert_contains(capture_end(&out), "<debug> Unregistered plugin good\n");
	assert_string_equal(ended(), "good");
}

static void test_load_again_after_cleanup(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(vaccel_plugin_load(PLUGIN("good")), VACCEL_OK);
		assert_int_equal(start_with(false), VACCEL_OK);
	}
}

static void test_not_initialized(void **state)
{
	(void)state;
	vaccel_cleanup();
	assert_int_equal(vaccel_plugin_load(PLUGIN("good")), VACCEL_EBACKEND);
	assert_int_equal(vaccel_plugin_load(NULL), VACCEL_EINVAL);
}

static void test_bad_files(void **state)
{
	const char *text;

	(void)state;
	capture_start(&out, STDOUT_FILENO);
	assert_int_equal(vaccel_plugin_load(NULL), VACCEL_EINVAL);
	assert_int_equal(vaccel_plugin_load("libno-such-plugin.so"), VACCEL_ENOENT);
	assert_int_equal(vaccel_plugin_load("libm.so.6"), VACCEL_ELIBBAD);
	assert_int_equal(vaccel_plugin_load("/etc/passwd"), VACCEL_ENOENT);
	text = capture_end(&out);
	assert_contains(text, "libno-such-plugin.so");
	assert_contains(text, "libm.so.6: it is a library, but not a vAccel plugin");
}

static void test_twice(void **state)
{
	(void)state;
	assert_int_equal(vaccel_plugin_load(PLUGIN("good")), VACCEL_OK);
	assert_int_equal(vaccel_plugin_load(PLUGIN("good")), VACCEL_EEXIST);
	assert_int_equal(vaccel_plugin_load(PLUGIN("second")), VACCEL_OK);
}

static void test_bad_info(void **state)
{
	(void)state;
	assert_int_equal(vaccel_plugin_load(PLUGIN("noname")), VACCEL_EINVAL);
	assert_int_equal(vaccel_plugin_load(PLUGIN("noinit")), VACCEL_EINVAL);
	assert_string_equal(ended(), "");
}

static void test_bad_init(void **state)
{
	struct vaccel_session sess;

	(void)state;
	assert_int_equal(vaccel_plugin_load(PLUGIN("badinit")), VACCEL_EIO);
	assert_string_equal(ended(), "badinit");
	assert_int_equal(vaccel_session_init(&sess, 0), VACCEL_ENOTSUP);
	/* It may be tried again. */
	assert_int_equal(vaccel_plugin_load(PLUGIN("badinit")), VACCEL_EIO);
}

static void test_versions(void **state)
{
	const char *text;

	(void)state;
	capture_start(&out, STDOUT_FILENO);
	assert_int_equal(vaccel_plugin_load(PLUGIN("old")), VACCEL_EINVAL);
	text = capture_end(&out);
	assert_contains(text, "Plugin old was built for vAccel 1.0.0");
	assert_contains(text, "VACCEL_VERSION_IGNORE");
	assert_int_equal(vaccel_plugin_load(PLUGIN("noversion")), VACCEL_EINVAL);
	assert_int_equal(vaccel_plugin_load(PLUGIN("nonsense")), VACCEL_EINVAL);
	capture_start(&out, STDOUT_FILENO);
	assert_int_equal(vaccel_plugin_load(PLUGIN("minor")), VACCEL_OK);
	assert_contains(capture_end(&out), "<error> Plugin minor was built for vAccel v0.6.1-194");

	assert_int_equal(start_with(true), VACCEL_OK);
	assert_int_equal(vaccel_plugin_load(PLUGIN("old")), VACCEL_OK);
	assert_int_equal(vaccel_plugin_load(PLUGIN("noversion")), VACCEL_OK);
	assert_int_equal(vaccel_plugin_load(PLUGIN("nonsense")), VACCEL_OK);
}

static void test_list(void **state)
{
	(void)state;
	assert_int_equal(vaccel_plugin_parse_and_load(NULL), VACCEL_EINVAL);
	assert_int_equal(vaccel_plugin_parse_and_load(""), VACCEL_OK);
	assert_int_equal(vaccel_plugin_parse_and_load(":::"), VACCEL_OK);
	assert_int_equal(vaccel_plugin_parse_and_load(":" PLUGIN("good") "::" PLUGIN("second")),
			 VACCEL_OK);
	assert_int_equal(vaccel_plugin_load(PLUGIN("good")), VACCEL_EEXIST);
	assert_int_equal(vaccel_plugin_load(PLUGIN("second")), VACCEL_EEXIST);
}

static void test_list_stops(void **state)
{
	(void)state;
	assert_int_equal(
		vaccel_plugin_parse_and_load(PLUGIN("good") ":libnone.so:" PLUGIN("second")),
		VACCEL_ENOENT);
	assert_int_equal(vaccel_plugin_load(PLUGIN("good")), VACCEL_EEXIST);
	assert_int_equal(vaccel_plugin_load(PLUGIN("second")), VACCEL_OK);
}

static int some_function(void)
{
	return 0;
}

static void test_register_ops(void **state)
{
	struct vaccel_plugin_info info = { .name = "here" };
	struct vaccel_plugin plugin = { .info = &info };
	struct vaccel_op ops[] = {
		{ VACCEL_OP_EXEC, (void *)some_function, &plugin },
		{ VACCEL_OP_OPENCV, (void *)some_function, &plugin },
	};
	struct vaccel_op bad_type[] = {
		{ VACCEL_OP_NOOP, (void *)some_function, &plugin },
		{ VACCEL_OP_MAX, (void *)some_function, &plugin },
	};
	struct vaccel_op no_owner = { VACCEL_OP_NOOP, (void *)some_function, NULL };

	(void)state;
	assert_int_equal(vaccel_plugin_register_ops(ops, 2), VACCEL_OK);
	assert_ptr_equal(plugin.ops[VACCEL_OP_EXEC], &ops[0]);
	assert_ptr_equal(plugin.ops[VACCEL_OP_OPENCV], &ops[1]);
	assert_int_equal(vaccel_plugin_register_ops(NULL, 2), VACCEL_EINVAL);
	assert_int_equal(vaccel_plugin_register_ops(ops, 0), VACCEL_EINVAL);
	assert_int_equal(vaccel_plugin_register_ops(ops, 25), VACCEL_EINVAL);
	assert_int_equal(vaccel_plugin_register_ops(bad_type, 2), VACCEL_EINVAL);
	assert_null(plugin.ops[VACCEL_OP_NOOP]);
	assert_int_equal(vaccel_plugin_register_ops(&no_owner, 1), VACCEL_EINVAL);
	assert_int_equal(vaccel_plugin_register_op(&ops[0]), VACCEL_OK);
	assert_int_equal(vaccel_plugin_register_op(NULL), VACCEL_EINVAL);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
	assert_int_equal(register_plugin_function(&ops[1]), VACCEL_OK);
	assert_int_equal(register_plugin_functions(ops, 2), VACCEL_OK);
#pragma GCC diagnostic pop
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_load, start, stop),
		cmocka_unit_test_setup_teardown(test_load_again_after_cleanup, start, stop),
		cmocka_unit_test_setup_teardown(test_not_initialized, start, stop),
		cmocka_unit_test_setup_teardown(test_bad_files, start, stop),
		cmocka_unit_test_setup_teardown(test_twice, start, stop),
		cmocka_unit_test_setup_teardown(test_bad_info, start, stop),
		cmocka_unit_test_setup_teardown(test_bad_init, start, stop),
		cmocka_unit_test_setup_teardown(test_versions, start, stop),
		cmocka_unit_test_setup_teardown(test_list, start, stop),
		cmocka_unit_test_setup_teardown(test_list_stops, start, stop),
		cmocka_unit_test_setup_teardown(test_register_ops, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
