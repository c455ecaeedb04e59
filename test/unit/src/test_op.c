// SPDX-License-Identifier: Apache-2.0
#include "util.h"

#include "op.h"
#include "plugin.h"
#include "vaccel.h"

static int do_nothing(void)
{
	return VACCEL_OK;
}

static int do_op(struct vaccel_session *sess)
{
	return sess ? VACCEL_OK : VACCEL_EINVAL;
}

static struct vaccel_plugin_info info = {
	.name = "p",
	.version = "1",
	.vaccel_version = VACCEL_VERSION,
	.init = do_nothing,
	.fini = do_nothing,
	.type = VACCEL_PLUGIN_CPU,
};
static struct vaccel_plugin plugin = { .info = &info };
static struct vaccel_op ops[] = {
	{ VACCEL_OP_NOOP, (void *)do_op, &plugin },
	{ VACCEL_OP_TF_MODEL_RUN, (void *)do_op, &plugin },
	{ VACCEL_OP_EXEC, NULL, &plugin },
};

static struct vaccel_session sess;
static struct capture out;

static int start(void **state)
{
	struct vaccel_config config;

	(void)state;
	vaccel_config_init(&config, NULL, VACCEL_LOG_DEBUG, NULL, false, false);
	return vaccel_bootstrap_with_config(&config) || plugin_register(&plugin) ||
	       vaccel_plugin_register_ops(ops, 3) || vaccel_session_init(&sess, 0);
}

static int stop(void **state)
{
	(void)state;
	return vaccel_cleanup();
}

static void test_found(void **state)
{
	void *func = NULL;
	const char *text;

	(void)state;
	capture_start(&out, STDOUT_FILENO);
	assert_int_equal(op_begin(&sess, VACCEL_OP_NOOP, &func), VACCEL_OK);
	text = capture_end(&out);
	assert_ptr_equal(func, do_op);
	assert_contains(text, "session:1 Looking for plugin implementing VACCEL_OP_NOOP\n");
	assert_contains(text, "Returning func from hint plugin p\n");
	assert_contains(text, "Found implementation in p plugin\n");
}

static void test_missing(void **state)
{
	void *func;
	const char *text;

	(void)state;
	capture_start(&out, STDOUT_FILENO);
	assert_int_equal(op_begin(&sess, VACCEL_OP_OPENCV, &func), VACCEL_ENOTSUP);
	assert_int_equal(op_begin(&sess, VACCEL_OP_EXEC, &func), VACCEL_ENOTSUP);
	assert_int_equal(op_begin(&sess, VACCEL_OP_MAX, &func), VACCEL_ENOTSUP);
	text = capture_end(&out);
	assert_contains(text, "<error> Could not return func, plugin p does not implement "
			      "VACCEL_OP_OPENCV: name one that does in VACCEL_PLUGINS\n");
	assert_lacks(text, "Found implementation");
}

static void test_bad_session(void **state)
{
	struct vaccel_session ended;
	void *func;

	(void)state;
	assert_int_equal(op_begin(NULL, VACCEL_OP_NOOP, &func), VACCEL_EINVAL);
	assert_int_equal(vaccel_session_init(&ended, 0), VACCEL_OK);
	assert_int_equal(vaccel_session_release(&ended), VACCEL_OK);
	assert_int_equal(op_begin(&ended, VACCEL_OP_NOOP, &func), VACCEL_EINVAL);
	ended.id = -VACCEL_EUSERS;
	assert_int_equal(op_begin(&ended, VACCEL_OP_NOOP, &func), VACCEL_EINVAL);
	assert_int_equal(vaccel_noop(&ended), VACCEL_EINVAL);
}

static void test_resource(void **state)
{
	static const uint8_t bytes[4] = "abc";
	const vaccel_op_type_t op = VACCEL_OP_TF_MODEL_RUN;
	struct vaccel_resource model;
	void *func;

	(void)state;
	assert_int_equal(vaccel_resource_init_from_buf(&model, bytes, sizeof(bytes),
						       VACCEL_RESOURCE_MODEL, "m", true),
			 VACCEL_OK);
	assert_int_equal(op_begin_resource(&sess, op, NULL, VACCEL_RESOURCE_MODEL, &func),
			 VACCEL_EINVAL);
	assert_int_equal(op_begin_resource(&sess, op, &model, VACCEL_RESOURCE_LIB, &func),
			 VACCEL_EINVAL);
	assert_int_equal(op_begin_resource(&sess, op, &model, VACCEL_RESOURCE_MODEL, &func),
			 VACCEL_EPERM);
	assert_int_equal(op_begin_resource(NULL, op, &model, VACCEL_RESOURCE_MODEL, &func),
			 VACCEL_EINVAL);
	assert_int_equal(vaccel_resource_register(&model, &sess), VACCEL_OK);
	assert_int_equal(op_begin_resource(&sess, op, &model, VACCEL_RESOURCE_MODEL, &func),
			 VACCEL_OK);
	assert_ptr_equal(func, do_op);
	assert_int_equal(op_begin_resource(&sess, VACCEL_OP_TORCH_MODEL_RUN, &model,
					   VACCEL_RESOURCE_MODEL, &func),
			 VACCEL_ENOTSUP);
	assert_int_equal(vaccel_resource_release(&model), VACCEL_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_found, start, stop),
		cmocka_unit_test_setup_teardown(test_missing, start, stop),
		cmocka_unit_test_setup_teardown(test_bad_session, start, stop),
		cmocka_unit_test_setup_teardown(test_resource, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
