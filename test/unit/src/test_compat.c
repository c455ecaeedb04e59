// SPDX-License-Identifier: Apache-2.0
/* A program of vAccel 0.7 compiles, and works as it did. */
#define VACCEL_API_0_7
#include "util.h"

#include <errno.h>
#include <stdbool.h>

#include "vaccel.h"
#include "vaccel/file.h"

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
/* Initialisers that name no members: with the old names two of them are in unions. */
#pragma GCC diagnostic ignored "-Wmissing-braces"

/* What VACCEL_OP_INIT wants */
struct vaccel_plugin vaccel_this_plugin;

static int start(void **state)
{
	struct vaccel_config config;
	int ret;

	(void)state;
	ret = vaccel_config_init(&config, NULL, VACCEL_LOG_ERROR, NULL, false, false);
	ret = ret ? ret : vaccel_bootstrap_with_config(&config);
	return ret ? ret : vaccel_config_release(&config);
}

static int stop(void **state)
{
	(void)state;
	return vaccel_cleanup();
}

static void files(void **state)
{
	char name[] = "/tmp/vaccel-unit-XXXXXX";
	int fd = mkstemp(name);
	struct vaccel_file file, *p;
	const uint8_t bytes[] = "data";
	size_t size;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "content", 7), 7);
	close(fd);
	assert_int_equal(vaccel_file_init(&file, name), 0);
	assert_true(vaccel_file_initialized(&file));
	assert_string_equal(vaccel_file_path(&file), name);
	assert_int_equal(vaccel_file_read(&file), 0);
	assert_memory_equal(vaccel_file_data(&file, &size), "content", 7);
	assert_int_equal(size, 7);
	assert_int_equal(vaccel_file_release(&file), 0);
	assert_int_equal(vaccel_file_new(&p, name), 0);
	assert_int_equal(vaccel_file_delete(p), 0);
	unlink(name);

	assert_int_equal(vaccel_file_init_from_buf(&file, bytes, 4, "n", NULL, false), 0);
	assert_ptr_equal(file.data, bytes);
	assert_int_equal(vaccel_file_persist(&file, "/tmp", "vaccel-unit", true), 0);
	assert_true(file.path_owned);
	assert_int_equal(vaccel_file_release(&file), 0);
	assert_int_equal(vaccel_file_from_buf(&p, bytes, 4, "vaccel-unit", "/tmp", true), 0);
	assert_int_equal(vaccel_file_delete(p), 0);
}

static void resources(void **state)
{
	struct vaccel_resource res, *p;
	struct vaccel_file file;
	const struct vaccel_file *list[] = { &file };

	(void)state;
	assert_int_equal(vaccel_resource_init_from_buf(&res, "abc", 3, VACCEL_RESOURCE_DATA, "n"),
			 0);
	assert_int_equal(res.nr_files, 1);
	assert_string_equal(res.files[0]->name, "n");
	assert_non_null(res.files[0]->path);
	assert_int_equal(vaccel_resource_release(&res), 0);
	assert_int_equal(vaccel_resource_from_buf(&p, "abc", 3, VACCEL_RESOURCE_DATA, NULL), 0);
	assert_int_equal(vaccel_resource_delete(p), 0);

	/* The calls of 0.8 are what they were, also where a macro sees more commas. */
	assert_int_equal(vaccel_resource_init_from_buf(&res, (char[]){ 1, 2, 3 }, 3,
						       VACCEL_RESOURCE_DATA, "n", true), 0);
	assert_null(res.blobs[0]->path);
	assert_int_equal(vaccel_resource_release(&res), 0);
	assert_int_equal(vaccel_resource_from_buf(&p, "abc", 3, VACCEL_RESOURCE_DATA, "n", true),
			 0);
	assert_int_equal(vaccel_resource_delete(p), 0);

	assert_int_equal(vaccel_file_init_from_buf(&file, (const uint8_t *)"abc", 3, "n", NULL,
						   false), 0);
	assert_int_equal(vaccel_resource_init_from_files(&res, list, 1, VACCEL_RESOURCE_DATA), 0);
	assert_int_equal(vaccel_resource_release(&res), 0);
	assert_int_equal(vaccel_resource_from_files(&p, list, 1, VACCEL_RESOURCE_DATA), 0);
	assert_int_equal(vaccel_resource_delete(p), 0);
	assert_int_equal(vaccel_file_release(&file), 0);
}

static void strings(void **state)
{
	char text[] = "A Mixed Ä Text";
	char lower[4];

	(void)state;
	assert_int_equal(vaccel_str_to_lower(text), 0);
	assert_string_equal(text, "a mixed Ä text");
	assert_int_equal(vaccel_str_to_lower(NULL), VACCEL_EINVAL);
	/* The call of 0.8 */
	assert_int_equal(vaccel_str_to_lower("ABCDE", lower, sizeof(lower), NULL), 0);
	assert_string_equal(lower, "abc");
}

/* What a program of 0.7 gave as argtype is what the other side reads as argtype. */
static void arguments(void **state)
{
	struct vaccel_arg arg = { .argtype = 42, .size = 4, .buf = "abc" };
	/* In the order of 0.8 */
	struct vaccel_arg plain = { "abc", 4, VACCEL_ARG_CUSTOM, 7, false };
	struct vaccel_arg_list *list;
	int32_t number = 1;

	(void)state;
	assert_int_equal(arg.argtype, 42);
	assert_int_equal(arg.type, VACCEL_ARG_RAW);
	assert_int_equal(arg.custom_type_id, 42);
	assert_int_equal(plain.argtype, 7);
	assert_false(plain.owned);

	list = vaccel_args_init(2);
	assert_non_null(list);
	assert_int_equal(vaccel_add_serial_arg(list, &number, sizeof(number)), 0);
	assert_int_equal(list->list[0].argtype, 0);
	assert_int_equal(vaccel_delete_args(list), 0);
}

static void removed_ops(void **state)
{
	static const int ops[] = { VACCEL_OP_TF_MODEL_NEW, VACCEL_OP_TF_MODEL_DESTROY,
				   VACCEL_OP_TF_MODEL_REGISTER, VACCEL_OP_TF_MODEL_UNREGISTER };
	struct vaccel_session sess;
	struct vaccel_op op = VACCEL_OP_INIT(op, VACCEL_OP_NOOP, vaccel_noop);
	uint8_t code;
	struct vaccel_arg arg = { .buf = &code, .size = 1, .type = VACCEL_ARG_UINT8 };

	(void)state;
	assert_int_equal(vaccel_plugin_load(PLUGIN_DIR "/libunit-good.so"), 0);
	assert_int_equal(vaccel_session_init(&sess, 0), 0);
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		code = (uint8_t)ops[i];
		assert_int_equal(code, ops[i]);
		assert_int_equal(vaccel_genop(&sess, &arg, 1, NULL, 0), VACCEL_EINVAL);
		op.type = (vaccel_op_type_t)ops[i];
		assert_int_equal(vaccel_plugin_register_ops(&op, 1), VACCEL_EINVAL);
	}
	assert_int_equal(vaccel_session_release(&sess), 0);
}

static void models(void **state)
{
	struct vaccel_tf_status status = { 3, NULL };

	(void)state;
	assert_int_equal(status.error_code, 3);
	status.error_code = 4;
	assert_int_equal(status.code, 4);
	assert_int_equal(VACCEL_OP_TF_SESSION_DELETE, VACCEL_OP_TF_MODEL_UNLOAD);
	assert_int_equal(vaccel_tf_session_load(NULL, NULL, NULL), VACCEL_EINVAL);
	assert_int_equal(vaccel_tf_session_run(NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, 0,
					       NULL), VACCEL_EINVAL);
	assert_int_equal(vaccel_tf_session_delete(NULL, NULL, NULL), VACCEL_EINVAL);
	assert_int_equal(vaccel_tflite_session_load(NULL, NULL), VACCEL_EINVAL);
	assert_int_equal(vaccel_tflite_session_run(NULL, NULL, NULL, 0, NULL, 0, NULL),
			 VACCEL_EINVAL);
	assert_int_equal(vaccel_tflite_session_delete(NULL, NULL), VACCEL_EINVAL);
	assert_int_equal(vaccel_torch_jitload_forward(NULL, NULL, NULL, NULL, 0, NULL, 0),
			 VACCEL_EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files),
		cmocka_unit_test(resources),
		cmocka_unit_test(strings),
		cmocka_unit_test(arguments),
		cmocka_unit_test(removed_ops),
		cmocka_unit_test(models),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
