// SPDX-License-Identifier: Apache-2.0
#include "util.h"

#include "op.h"
#include "prof.h"
#include "vaccel.h"

static void start(bool enabled)
{
	struct vaccel_config config;

	vaccel_config_init(&config, NULL, VACCEL_LOG_INFO, NULL, enabled, false);
	assert_int_equal(vaccel_bootstrap_with_config(&config), VACCEL_OK);
}

static int on(void **state)
{
	(void)state;
	start(true);
	return 0;
}

static int off(void **state)
{
	(void)state;
	start(false);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	return vaccel_cleanup();
}

static void test_off(void **state)
{
	struct vaccel_prof_region region = VACCEL_PROF_REGION_INIT("r");
	struct op_prof prof;
	char *buf = NULL;

	(void)state;
	assert_false(vaccel_prof_enabled());
	assert_int_equal(vaccel_prof_region_start(&region), 0);
	assert_int_equal(region.nr_entries, 0);
	assert_null(region.samples);
	assert_int_equal(vaccel_prof_region_start(NULL), 0);
	assert_int_equal(vaccel_prof_region_stop(NULL), 0);
	assert_int_equal(vaccel_prof_region_print(NULL), 0);
	assert_int_equal(vaccel_prof_region_init(NULL, NULL), 0);
	assert_int_equal(vaccel_prof_region_release(NULL), 0);
	assert_int_equal(vaccel_prof_regions_init(NULL, 3), 0);
	assert_int_equal(vaccel_prof_regions_release(NULL, 3), 0);
	assert_int_equal(vaccel_prof_regions_start_by_name(NULL, 3, NULL), 0);
	assert_int_equal(vaccel_prof_regions_stop_by_name(NULL, 3, NULL), 0);
	assert_int_equal(vaccel_prof_regions_print_all(NULL, 3), 0);
	assert_int_equal(vaccel_prof_regions_print_all_to_buf(&buf, 10, NULL, 3), 0);
	assert_null(buf);
	op_prof_start(&prof, PROF_SESSION_INIT);
	assert_null(prof.backend);
	op_prof_stop(&prof);
	assert_int_equal(vaccel_prof_flush(), 0);
}

static void test_samples(void **state)
{
	struct vaccel_prof_region region;
	struct capture out;

	(void)state;
	assert_true(vaccel_prof_enabled());
	assert_int_equal(vaccel_prof_region_init(&region, "name"), 0);
	assert_true(region.name_owned);
	assert_int_equal(vaccel_prof_region_stop(&region), VACCEL_ENOENT);
	capture_start(&out, STDOUT_FILENO);
	assert_int_equal(vaccel_prof_region_print(&region), 0);
	assert_string_equal(capture_end(&out), "");

	for (int i = 0; i < 3000; i++) {
		assert_int_equal(vaccel_prof_region_start(&region), 0);
		assert_int_equal(region.samples[i].time, 0);
		assert_int_equal(vaccel_prof_region_stop(&region), 0);
	}
	assert_int_equal(region.nr_entries, 3000);
	assert_int_equal(region.size, 4096);
	for (int i = 1; i < 3000; i++)
		assert_true(region.samples[i].start >=
			    region.samples[i - 1].start + region.samples[i - 1].time);
	/* Stop again: the last sample gets longer. */
	uint64_t before = region.samples[2999].time;

	assert_int_equal(vaccel_prof_region_stop(&region), 0);
	assert_true(region.samples[2999].time >= before);
	assert_int_equal(region.nr_entries, 3000);

	capture_start(&out, STDOUT_FILENO);
	assert_int_equal(vaccel_prof_region_print(&region), 0);
	assert_contains(capture_end(&out), "nsec nr_entries: 3000 avg_time: ");
	assert_int_equal(vaccel_prof_region_release(&region), 0);
	assert_null(region.name);
	assert_null(region.samples);
	assert_int_equal(region.nr_entries, 0);
}

static void test_print(void **state)
{
	struct vaccel_prof_sample samples[] = { { 10, 5 }, { 20, 7 } };
	struct vaccel_prof_region region = { "fixed", false, 2, samples, 2 };
	struct capture out;

	(void)state;
	capture_start(&out, STDOUT_FILENO);
	assert_int_equal(vaccel_prof_region_print(&region), 0);
	assert_contains(capture_end(&out),
			"<info> [prof] fixed: total_time: 12 nsec nr_entries: 2 avg_time: 6 nsec ops_per_sec: "
			"166666666.67\n");
	/* Where a fraction has a comma, and where nothing took any time */
	set_comma_locale();
	samples[1].time = 8;
	capture_start(&out, STDOUT_FILENO);
	assert_int_equal(vaccel_prof_region_print(&region), 0);
	assert_contains(capture_end(&out), "avg_time: 6 nsec ops_per_sec: 153846153.85\n");
	set_c_locale();
	samples[0].time = samples[1].time = 0;
	capture_start(&out, STDOUT_FILENO);
	assert_int_equal(vaccel_prof_region_print(&region), 0);
	assert_contains(capture_end(&out), "nr_entries: 2 avg_time: 0 nsec ops_per_sec: 0.00\n");
}

static void test_bad(void **state)
{
	struct vaccel_prof_region regions[1] = { VACCEL_PROF_REGION_INIT("a") };
	struct capture out;
	char *buf = NULL;

	(void)state;
	capture_start(&out, STDOUT_FILENO);
	assert_int_equal(vaccel_prof_region_start(NULL), VACCEL_EINVAL);
	assert_int_equal(vaccel_prof_region_stop(NULL), VACCEL_EINVAL);
	assert_int_equal(vaccel_prof_region_print(NULL), VACCEL_EINVAL);
	assert_int_equal(vaccel_prof_region_init(NULL, "x"), VACCEL_EINVAL);
	assert_int_equal(vaccel_prof_region_release(NULL), VACCEL_EINVAL);
	assert_int_equal(vaccel_prof_regions_init(NULL, 1), VACCEL_EINVAL);
	assert_int_equal(vaccel_prof_regions_release(NULL, 1), VACCEL_EINVAL);
	assert_int_equal(vaccel_prof_regions_print_all(NULL, 1), VACCEL_EINVAL);
	assert_int_equal(vaccel_prof_regions_start_by_name(NULL, 1, "a"), VACCEL_EINVAL);
	assert_int_equal(vaccel_prof_regions_start_by_name(regions, 1, NULL), VACCEL_EINVAL);
	assert_int_equal(vaccel_prof_regions_start_by_name(regions, 1, "b"), VACCEL_EINVAL);
	assert_int_equal(vaccel_prof_regions_stop_by_name(regions, 1, "b"), VACCEL_EINVAL);
	assert_int_equal(vaccel_prof_regions_print_all_to_buf(&buf, 10, NULL, 1), -VACCEL_EINVAL);
	assert_int_equal(vaccel_prof_regions_print_all_to_buf(&buf, 0, regions, 1),
			 -VACCEL_EINVAL);
	assert_null(buf);
	assert_true(count(capture_end(&out), "<error>") >= 10);
}

static void test_regions(void **state)
{
	struct vaccel_prof_region regions[3];
	struct capture out;
	const char *text;

	(void)state;
	assert_int_equal(vaccel_prof_regions_init(regions, 3), 0);
	for (int i = 0; i < 3; i++) {
		assert_string_equal(regions[i].name, "");
		memset((char *)regions[i].name, 'n', 255);
		strcpy((char *)regions[i].name, i == 0 ? "first" : "twice");
	}
	assert_int_equal(vaccel_prof_regions_start_by_name(regions, 3, "twice"), 0);
	assert_int_equal(vaccel_prof_regions_stop_by_name(regions, 3, "twice"), 0);
	assert_int_equal(regions[0].nr_entries, 0);
	assert_int_equal(regions[1].nr_entries, 0);
	assert_int_equal(regions[2].nr_entries, 1);
	assert_int_equal(vaccel_prof_regions_stop_by_name(regions, 3, "first"), VACCEL_ENOENT);

	capture_start(&out, STDOUT_FILENO);
	assert_int_equal(vaccel_prof_regions_print_all(regions, 3), 0);
	text = capture_end(&out);
	assert_int_equal(count(text, "[prof] "), 1);
	assert_int_equal(vaccel_prof_regions_release(regions, 3), 0);
}

static void test_to_buf(void **state)
{
	struct vaccel_prof_sample samples[] = { { 10, 5 }, { 20, 7 } };
	struct vaccel_prof_region regions[] = { { "one", false, 2, samples, 2 },
						{ "two", false, 1, samples, 2 } };
	static const char one[] = "[prof] one: total_time: 12 nsec nr_entries: 2 avg_time: 6 nsec "
				   "ops_per_sec: 166666666.67";
	static const char two[] = "[prof] two: total_time: 5 nsec nr_entries: 1 avg_time: 5 nsec "
				   "ops_per_sec: 200000000.00";
	int need = vaccel_prof_regions_print_all_to_buf(NULL, 0, regions, 2);
	char *buf;

	(void)state;
	assert_int_equal(need, sizeof(one) + sizeof(two));
	assert_int_equal(vaccel_prof_regions_print_all_to_buf(&buf, (size_t)need, regions, 2), 2);
	assert_string_equal(buf, one);
	assert_string_equal(buf + sizeof(one), two);
	free(buf);

	/* Every smaller buffer is cut, never overrun. */
	for (size_t size = 1; size < (size_t)need; size++) {
		assert_int_equal(vaccel_prof_regions_print_all_to_buf(&buf, size, regions, 2), 2);
		assert_int_equal(buf[size - 1], '\0');
		free(buf);
	}
}

static void test_op_regions(void **state)
{
	struct capture out;
	const char *text;
	struct op_prof prof;

	(void)state;
	for (int i = 0; i < 2; i++) {
		op_prof_start_op(&prof, NULL, VACCEL_OP_BLAS_SGEMM);
		assert_ptr_equal(prof.backend, &prof_base);
		assert_true(prof.start > 0);
		op_prof_stop(&prof);
		/* Once for each start */
		op_prof_stop(&prof);
	}
	op_prof_start_op(&prof, NULL, VACCEL_OP_MAX);
	assert_null(prof.backend);
	op_prof_stop(&prof);
	capture_start(&out, STDOUT_FILENO);
	assert_int_equal(vaccel_cleanup(), VACCEL_OK);
	text = capture_end(&out);
	assert_contains(text, "[prof] vaccel_blas_sgemm_op: total_time: ");
	assert_contains(text, "nr_entries: 2 avg_time: ");
	assert_int_equal(count(text, "[prof]"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_off, off, stop),
		cmocka_unit_test_setup_teardown(test_samples, on, stop),
		cmocka_unit_test_setup_teardown(test_print, on, stop),
		cmocka_unit_test_setup_teardown(test_bad, on, stop),
		cmocka_unit_test_setup_teardown(test_regions, on, stop),
		cmocka_unit_test_setup_teardown(test_to_buf, on, stop),
		cmocka_unit_test_setup_teardown(test_op_regions, on, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
