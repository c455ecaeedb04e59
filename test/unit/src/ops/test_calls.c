// SPDX-License-Identifier: Apache-2.0
/* What every op call checks before it calls the plugin, and how it calls it. */
#include "plugin_util.h"

int vaccel_opencv(struct vaccel_session *sess VOP_PROTO(OPENCV));

static struct vaccel_session sess;

static int start_noop(void **state)
{
	(void)state;
	lib_start(PLUGIN_NOOP, VACCEL_LOG_ERROR);
	return vaccel_session_init(&sess, 0);
}

static int stop(void **state)
{
	(void)state;
	vaccel_session_release(&sess);
	lib_stop();
	return 0;
}

static void without_session(void **state)
{
	struct sample s;

	(void)state;
	for (uint16_t op = 0; op < VACCEL_OP_MAX; op++) {
		sample_init(&s, vop_find(op), &sess);
		assert_int_equal(op_call(op, NULL, s.vals), VACCEL_EINVAL);
		sample_release(&s);
	}
}

static void every_op_reaches_the_plugin(void **state)
{
	static struct capture c;
	struct sample s;

	(void)state;
	for (uint16_t op = 0; op < VACCEL_OP_MAX; op++) {
		sample_init(&s, vop_find(op), &sess);
		capture_start(&c, STDOUT_FILENO);
		assert_int_equal(op_call(op, &sess, s.vals), 0);
		assert_string_equal(capture_end(&c), "");
		sample_release(&s);
	}
}

static void resource_is_checked(void **state)
{
	struct vaccel_resource other;
	struct sample s;
	int ops = 0;

	(void)state;
	for (uint16_t op = 0; op < VACCEL_OP_MAX; op++) {
		const struct vop_desc *desc = vop_find(op);
		unsigned int i;

		for (i = 0; i < desc->nr_params && desc->params[i].kind != VOP_RES; i++)
			;
		if (i == desc->nr_params)
			continue;
		ops++;
		sample_init(&s, desc, &sess);

		s.vals[i].p = NULL;
		assert_int_equal(op_call(op, &sess, s.vals), VACCEL_EINVAL);

		assert_int_equal(vaccel_resource_init(&other, "file://" EXAMPLES_DIR "/util.c",
						      VACCEL_RESOURCE_DATA), 0);
		assert_int_equal(vaccel_resource_register(&other, &sess), 0);
		s.vals[i].p = &other;
		assert_int_equal(op_call(op, &sess, s.vals), VACCEL_EINVAL);
		assert_int_equal(vaccel_resource_release(&other), 0);

		s.vals[i].p = &s.res;
		assert_int_equal(vaccel_resource_unregister(&s.res, &sess), 0);
		assert_int_equal(op_call(op, &sess, s.vals), VACCEL_EPERM);
		sample_release(&s);
	}
	assert_int_equal(ops, 9);
}

static void opencv_has_a_second_name(void **state)
{
	uint64_t out = 0;
	struct vaccel_arg write = {.buf = &out, .size = sizeof(out)};

	(void)state;
	assert_int_equal(vaccel_opencv(&sess, NULL, 0, &write, 1), 0);
	assert_int_equal(out, 2);
}

static void plugin_without_the_op(void **state)
{
	static struct capture c;
	struct sample s;

	(void)state;
	lib_start(PLUGIN_MBENCH, VACCEL_LOG_ERROR);
	assert_int_equal(vaccel_session_init(&sess, 0), 0);
	for (uint16_t op = 0; op < VACCEL_OP_MAX; op++) {
		if (op == VACCEL_OP_EXEC)
			continue;
		sample_init(&s, vop_find(op), &sess);
		capture_start(&c, STDOUT_FILENO);
		assert_int_equal(op_call(op, &sess, s.vals), VACCEL_ENOTSUP);
		capture_end(&c);
		assert_contains(c.text, "mbench");
		sample_release(&s);
	}
	stop(state);
}

/* Classification without text by a plugin, and what it said. */
static void classify_with(const char *plugin, const char *form)
{
	unsigned char name[16] = "";
	unsigned char text[4] = "";

	lib_start(plugin, VACCEL_LOG_ERROR);
	assert_int_equal(vaccel_session_init(&sess, 0), 0);
	assert_int_equal(vaccel_image_classification(&sess, "image", NULL, name, 6, 0,
						     sizeof(name)), 0);
	assert_string_equal((char *)name, form);
	if (!strcmp(form, "short")) { /* also when only one of the two is missing */
		memset(name, 0, sizeof(name));
		assert_int_equal(vaccel_image_classification(&sess, "image", text, name, 6, 0,
							     sizeof(name)), 0);
		assert_string_equal((char *)name, form);
		memset(name, 0, sizeof(name));
		assert_int_equal(vaccel_image_classification(&sess, "image", NULL, name, 6, 4,
							     sizeof(name)), 0);
		assert_string_equal((char *)name, form);
	}
	stop(NULL);
}

static void classification_without_text(void **state)
{
	(void)state;
	classify_with(PLUGIN_CLASSIFY_SHORT, "short");
	classify_with(PLUGIN_CLASSIFY_TEXT, "full");
	classify_with(PLUGIN_CLASSIFY_REMOTE, "full");
	classify_with(PLUGIN_NOOP, "This is a dummy");
}

static void calls_are_timed(void **state)
{
	static struct capture c;
	struct vaccel_config config;

	(void)state;
	assert_int_equal(vaccel_config_init(&config, PLUGIN_NOOP, VACCEL_LOG_INFO, NULL, true,
					    false), 0);
	capture_start(&c, STDOUT_FILENO);
	assert_int_equal(vaccel_bootstrap_with_config(&config), 0);
	vaccel_config_release(&config);
	assert_int_equal(vaccel_session_init(&sess, 0), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(vaccel_noop(&sess), 0);
	stop(state);
	capture_end(&c);
	assert_contains(c.text, "nr_entries: 3");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(without_session, start_noop, stop),
		cmocka_unit_test_setup_teardown(every_op_reaches_the_plugin, start_noop, stop),
		cmocka_unit_test_setup_teardown(resource_is_checked, start_noop, stop),
		cmocka_unit_test_setup_teardown(opencv_has_a_second_name, start_noop, stop),
		cmocka_unit_test(plugin_without_the_op),
		cmocka_unit_test(classification_without_text),
		cmocka_unit_test(calls_are_timed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
