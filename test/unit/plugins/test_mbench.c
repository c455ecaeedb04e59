// SPDX-License-Identifier: Apache-2.0
/* The mbench plugin: how long it keeps busy, and what it refuses. */
#include <time.h>

#include "plugin_util.h"

static struct vaccel_session sess;
static struct capture c;

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * INT64_C(1000) + ts.tv_nsec / 1000000;
}

static int run(const char *library, const char *symbol, const void *time, size_t size, size_t nr)
{
	struct vaccel_arg read[] = {
		{.buf = (void *)time, .size = size},
		{.buf = (void *)"data", .size = 4},
	};
	int ret;

	capture_start(&c, STDOUT_FILENO);
	ret = vaccel_exec(&sess, library, symbol, read, nr, NULL, 0);
	capture_end(&c);
	return ret;
}

static void spins(void **state)
{
	int64_t start = now_ms();

	(void)state;
	assert_int_equal(run("any", "mbench", "30", 3, 2), 0);
	assert_true(now_ms() - start >= 29);
	assert_contains(c.text, "Calling mbench for session 1\n");
	assert_contains(c.text, "[mbench] 30 ms elapsed\n");
	assert_int_equal(run("mbench", "any", "1", 1, 2), 0); /* text need not end with a NUL */
	assert_int_equal(run("mbench", NULL, "1\0junk", 6, 2), 0);
	assert_int_equal(run(NULL, "mbench", "0001", 4, 2), 0);
}

static void refuses(void **state)
{
	(void)state;
	assert_int_equal(run("any", "any", "1", 2, 2), VACCEL_EINVAL);
	assert_int_equal(run(NULL, NULL, "1", 2, 2), VACCEL_EINVAL);
	assert_int_equal(run("mbench", "any", "1", 2, 1), VACCEL_EINVAL);
	assert_int_equal(run("mbench", "any", "1", 2, 0), VACCEL_EINVAL);
	assert_int_equal(run("mbench", "any", "0", 2, 2), VACCEL_EINVAL);
	assert_contains(c.text, "300000");
	assert_int_equal(run("mbench", "any", "300001", 7, 2), VACCEL_EINVAL);
	assert_int_equal(run("mbench", "any", "99999999999999999999999", 24, 2), VACCEL_EINVAL);
	assert_int_equal(run("mbench", "any", "-1", 3, 2), VACCEL_EINVAL);
	assert_int_equal(run("mbench", "any", "1x", 3, 2), VACCEL_EINVAL);
	assert_int_equal(run("mbench", "any", " 1", 3, 2), VACCEL_EINVAL);
	assert_int_equal(run("mbench", "any", "", 1, 2), VACCEL_EINVAL);
	assert_int_equal(run("mbench", "any", NULL, 0, 2), VACCEL_EINVAL);
}

static void is_profiled(void **state)
{
	static struct capture log;
	struct vaccel_config config;

	(void)state;
	vaccel_session_release(&sess);
	lib_stop();
	assert_int_equal(vaccel_config_init(&config, PLUGIN_MBENCH, VACCEL_LOG_INFO, NULL, true,
					    false), 0);
	capture_start(&log, STDOUT_FILENO);
	assert_int_equal(vaccel_bootstrap_with_config(&config), 0);
	vaccel_config_release(&config);
	assert_int_equal(vaccel_session_init(&sess, 0), 0);
	assert_int_equal(run("mbench", "any", "2", 2, 2), 0);
	assert_int_equal(run("mbench", "any", "2", 2, 2), 0);
	vaccel_session_release(&sess);
	lib_stop();
	capture_end(&log);
	assert_contains(log.text, "[prof] vaccel_mbench_plugin: total_time: ");
	assert_contains(log.text, "nr_entries: 2");
}

static int start(void **state)
{
	(void)state;
	capture_start(&c, STDOUT_FILENO);
	lib_start(PLUGIN_MBENCH, VACCEL_LOG_DEBUG);
	capture_end(&c);
	return vaccel_session_init(&sess, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spins),
		cmocka_unit_test(refuses),
		cmocka_unit_test(is_profiled), /* ends the library */
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
