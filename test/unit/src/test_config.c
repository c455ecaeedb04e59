// SPDX-License-Identifier: Apache-2.0
#include "util.h"

#include "vaccel.h"

static const char *const variables[] = {
	"VACCEL_PLUGINS",	 "VACCEL_BACKENDS",	   "VACCEL_LOG_LEVEL",
	"VACCEL_DEBUG_LEVEL",	 "VACCEL_LOG_FILE",	   "VACCEL_PROFILING_ENABLED",
	"VACCEL_VERSION_IGNORE", "VACCEL_IGNORE_VERSION",
};

static int clear_env(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
		unsetenv(variables[i]);
	return 0;
}

static void assert_defaults(const struct vaccel_config *config)
{
	assert_null(config->plugins);
	assert_int_equal(config->log_level, VACCEL_LOG_ERROR);
	assert_null(config->log_file);
	assert_false(config->profiling_enabled);
	assert_false(config->version_ignore);
}

static void test_init(void **state)
{
	char plugins[] = "a.so:b.so";
	struct vaccel_config config, copy;

	(void)state;
	assert_int_equal(vaccel_config_init(&config, plugins, VACCEL_LOG_INFO, "log", true, true),
			 VACCEL_OK);
	plugins[0] = 'X';
	assert_string_equal(config.plugins, "a.so:b.so");
	assert_int_equal(config.log_level, VACCEL_LOG_INFO);
	assert_string_equal(config.log_file, "log");
	assert_true(config.profiling_enabled);
	assert_true(config.version_ignore);

	assert_int_equal(vaccel_config_init_from(&copy, &config), VACCEL_OK);
	assert_int_equal(vaccel_config_release(&config), VACCEL_OK);
	assert_defaults(&config);
	assert_int_equal(vaccel_config_release(&config), VACCEL_OK);
	assert_string_equal(copy.plugins, "a.so:b.so");
	assert_string_equal(copy.log_file, "log");
	assert_true(copy.version_ignore);
	vaccel_config_release(&copy);
}

static void test_new(void **state)
{
	struct vaccel_config *config, *copy, *env;

	(void)state;
	assert_int_equal(vaccel_config_new(&config, NULL, VACCEL_LOG_WARN, NULL, false, true),
			 VACCEL_OK);
	assert_null(config->plugins);
	assert_int_equal(vaccel_config_from(&copy, config), VACCEL_OK);
	assert_int_equal(copy->log_level, VACCEL_LOG_WARN);
	assert_true(copy->version_ignore);
	assert_int_equal(vaccel_config_from_env(&env), VACCEL_OK);
	assert_defaults(env);
	assert_int_equal(vaccel_config_delete(config), VACCEL_OK);
	assert_int_equal(vaccel_config_delete(copy), VACCEL_OK);
	assert_int_equal(vaccel_config_delete(env), VACCEL_OK);
}

static void test_bad(void **state)
{
	struct vaccel_config config, *out = (void *)0x1;

	(void)state;
	assert_int_equal(vaccel_config_init(NULL, "a", VACCEL_LOG_WARN, NULL, false, false),
			 VACCEL_EINVAL);
	assert_int_equal(vaccel_config_init_from(&config, NULL), VACCEL_EINVAL);
	assert_int_equal(vaccel_config_init_from_env(NULL), VACCEL_EINVAL);
	assert_int_equal(vaccel_config_release(NULL), VACCEL_EINVAL);
	assert_int_equal(vaccel_config_delete(NULL), VACCEL_EINVAL);
	assert_int_equal(vaccel_config_new(NULL, "a", VACCEL_LOG_WARN, NULL, false, false),
			 VACCEL_EINVAL);
	assert_int_equal(vaccel_config_from_env(NULL), VACCEL_EINVAL);
	assert_int_equal(vaccel_config_from(&out, NULL), VACCEL_EINVAL);
	assert_ptr_equal(out, (void *)0x1);
}

static void test_env(void **state)
{
	struct vaccel_config config;

	(void)state;
	assert_int_equal(vaccel_config_init_from_env(&config), VACCEL_OK);
	assert_defaults(&config);

	setenv("VACCEL_PLUGINS", "x.so", 1);
	setenv("VACCEL_LOG_LEVEL", "4", 1);
	setenv("VACCEL_LOG_FILE", "file", 1);
	setenv("VACCEL_PROFILING_ENABLED", "2", 1);
	setenv("VACCEL_VERSION_IGNORE", "1", 1);
	assert_int_equal(vaccel_config_init_from_env(&config), VACCEL_OK);
	assert_string_equal(config.plugins, "x.so");
	assert_int_equal(config.log_level, VACCEL_LOG_DEBUG);
	assert_string_equal(config.log_file, "file");
	assert_true(config.profiling_enabled);
	assert_true(config.version_ignore);
	vaccel_config_release(&config);
}

static void test_env_words(void **state)
{
	struct vaccel_config config;
	struct capture out;
	const char *text;

	(void)state;
	setenv("VACCEL_LOG_LEVEL", "debug", 1);
	setenv("VACCEL_PROFILING_ENABLED", "true", 1);
	setenv("VACCEL_VERSION_IGNORE", "0", 1);
	capture_start(&out, STDOUT_FILENO);
	assert_int_equal(vaccel_config_init_from_env(&config), VACCEL_OK);
	text = capture_end(&out);
	assert_contains(text, "<error> VACCEL_LOG_LEVEL=debug is not a number: it counts as 0\n");
	assert_contains(text, "<error> VACCEL_PROFILING_ENABLED=true is not a number: it counts as 0\n");
	assert_lacks(text, "VERSION_IGNORE");
	assert_int_equal(config.log_level, 0);
	assert_false(config.profiling_enabled);
	assert_false(config.version_ignore);
	vaccel_config_release(&config);
}

static void test_env_range(void **state)
{
	static const char *const numbers[] = { "VACCEL_LOG_LEVEL", "VACCEL_PROFILING_ENABLED",
					       "VACCEL_VERSION_IGNORE" };
	struct vaccel_config config;
	struct capture out;

	for (size_t i = 0; i < 3; i++) {
		clear_env(state);
		setenv(numbers[i], "99999999999999999999999", 1);
		capture_start(&out, STDOUT_FILENO);
		assert_int_equal(vaccel_config_init_from_env(&config), VACCEL_EINVAL);
		assert_contains(capture_end(&out), numbers[i]);
	}
}

static void test_env_old_names(void **state)
{
	struct vaccel_config config;
	struct capture err;
	const char *text;

	(void)state;
	setenv("VACCEL_BACKENDS", "old.so", 1);
	setenv("VACCEL_DEBUG_LEVEL", "3", 1);
	setenv("VACCEL_IGNORE_VERSION", "1", 1);
	capture_start(&err, STDERR_FILENO);
	assert_int_equal(vaccel_config_init_from_env(&config), VACCEL_OK);
	text = capture_end(&err);
	assert_contains(text,
			"Warning: VACCEL_BACKENDS is deprecated. Use VACCEL_PLUGINS instead.\n");
	assert_contains(text, "VACCEL_DEBUG_LEVEL is deprecated. Use VACCEL_LOG_LEVEL instead.");
	assert_contains(text, "VACCEL_IGNORE_VERSION is deprecated.");
	assert_string_equal(config.plugins, "old.so");
	assert_int_equal(config.log_level, VACCEL_LOG_INFO);
	assert_true(config.version_ignore);
	vaccel_config_release(&config);

	/* The new name wins, silently. */
	setenv("VACCEL_PLUGINS", "new.so", 1);
	setenv("VACCEL_LOG_LEVEL", "2", 1);
	setenv("VACCEL_VERSION_IGNORE", "0", 1);
	capture_start(&err, STDERR_FILENO);
	assert_int_equal(vaccel_config_init_from_env(&config), VACCEL_OK);
	assert_string_equal(capture_end(&err), "");
	assert_string_equal(config.plugins, "new.so");
	assert_int_equal(config.log_level, VACCEL_LOG_WARN);
	assert_false(config.version_ignore);
	vaccel_config_release(&config);
}

static void test_print(void **state)
{
	struct vaccel_config config;
	struct capture out;
	const char *text;

	(void)state;
	slog_enable(SLOG_DEBUG);
	vaccel_config_init(&config, NULL, VACCEL_LOG_DEBUG, "f", true, false);
	capture_start(&out, STDOUT_FILENO);
	vaccel_config_print_debug(&config);
	text = capture_end(&out);
	assert_contains(text, " - <debug> Config:\n");
	assert_contains(text, " - <debug>   plugins = (null)\n");
	assert_contains(text, " - <debug>   log_level = debug\n");
	assert_contains(text, " - <debug>   log_file = f\n");
	assert_contains(text, " - <debug>   profiling_enabled = true\n");
	assert_contains(text, " - <debug>   version_ignore = false\n");
	capture_start(&out, STDOUT_FILENO);
	vaccel_config_print_debug(NULL);
	assert_string_equal(capture_end(&out), "");
	vaccel_config_release(&config);
	slog_disable(SLOG_DEBUG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_init, clear_env),
		cmocka_unit_test_setup(test_new, clear_env),
		cmocka_unit_test_setup(test_bad, clear_env),
		cmocka_unit_test_setup(test_env, clear_env),
		cmocka_unit_test_setup(test_env_words, clear_env),
		cmocka_unit_test_setup(test_env_range, clear_env),
		cmocka_unit_test_setup(test_env_old_names, clear_env),
		cmocka_unit_test_setup(test_print, clear_env),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
