// SPDX-License-Identifier: Apache-2.0
/* vaccel_log_init takes the settings of log lines from the active configuration. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "slog.h"
#include "vaccel.h"

static SLogConfig settings(void)
{
	SLogConfig log;

	slog_config_get(&log);
	return log;
}

static void start(vaccel_log_level_t level, const char *file)
{
	struct vaccel_config config;

	assert_int_equal(vaccel_config_init(&config, NULL, level, file, false, false), VACCEL_OK);
	assert_int_equal(vaccel_bootstrap_with_config(&config), VACCEL_OK);
	assert_int_equal(vaccel_config_release(&config), VACCEL_OK);
}

static int stop(void **state)
{
	(void)state;
	return vaccel_cleanup();
}

/* What a program changed behind the library's back is set again. */
static void test_again(void **state)
{
	SLogConfig other = { .sFilePath = "/nowhere/", .nFlags = SLOG_TRACE };

	(void)state;
	start(VACCEL_LOG_WARN, "/dev/stderr");
	assert_int_equal(settings().nFlags, SLOG_ERROR | SLOG_WARN);
	slog_config_set(&other);
	assert_int_equal(settings().nFlags, SLOG_TRACE);
	assert_int_equal(vaccel_log_init(), VACCEL_OK);
	assert_int_equal(settings().nFlags, SLOG_ERROR | SLOG_WARN);
	assert_true(settings().nToScreen);
	assert_false(settings().nToFile);
	assert_string_equal(settings().sFilePath, "./");
}

static void test_file(void **state)
{
	(void)state;
	start(VACCEL_LOG_ERROR, "/tmp/some/log");
	assert_int_equal(vaccel_log_init(), VACCEL_OK);
	assert_true(settings().nToFile);
	assert_false(settings().nToScreen);
	assert_string_equal(settings().sFilePath, "/tmp/some/");
	assert_string_equal(settings().sFileName, "log");
	assert_int_equal(vaccel_log_shutdown(), VACCEL_OK);
}

/* Without the library the defaults hold: errors, on the screen. */
static void test_not_initialised(void **state)
{
	(void)state;
	start(VACCEL_LOG_DEBUG, "/tmp/some/log");
	assert_int_equal(vaccel_cleanup(), VACCEL_OK);
	assert_int_equal(vaccel_log_init(), VACCEL_OK);
	assert_int_equal(settings().nFlags, SLOG_ERROR);
	assert_true(settings().nToScreen);
	assert_int_equal(vaccel_log_shutdown(), VACCEL_OK);
	assert_int_equal(vaccel_log_shutdown(), VACCEL_OK);
}

/* No such level, and a directory where a file is needed: errors still reach the screen. */
static void test_bad_settings(void **state)
{
	(void)state;
	start(VACCEL_LOG_MAX, "directory/");
	assert_int_equal(vaccel_log_init(), VACCEL_OK);
	assert_int_equal(settings().nFlags, SLOG_ERROR);
	assert_true(settings().nToScreen);
	assert_false(settings().nToFile);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_again, stop),
		cmocka_unit_test_teardown(test_file, stop),
		cmocka_unit_test_teardown(test_not_initialised, stop),
		cmocka_unit_test_teardown(test_bad_settings, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
