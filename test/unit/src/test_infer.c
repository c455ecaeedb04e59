// SPDX-License-Identifier: Apache-2.0
/* Tensors of vaccel/infer.h, and what the library checks before a plugin sees them. */
#include "util.h"

#include "plugin.h"
#include "vaccel.h"

static struct vaccel_session sess;
static struct vaccel_resource model;
static unsigned int runs;
static int run_result;

static int nothing(void)
{
	return VACCEL_OK;
}

static int load(struct vaccel_session *s, struct vaccel_resource *m)
{
	assert_ptr_equal(s, &sess);
	assert_ptr_equal(m, &model);
	return VACCEL_OK;
}

static int metadata(struct vaccel_session *s, struct vaccel_resource *m, struct vaccel_infer_model *info,
		    struct vaccel_infer_desc *descs, uint32_t nr)
{
	(void)descs;
	info->nr_inputs = nr;
	return load(s, m);
}

/* Gives each output eight bytes. */
static int run(struct vaccel_session *s, struct vaccel_resource *m, const struct vaccel_infer_tensor *inputs,
	       uint32_t nr_inputs, struct vaccel_infer_tensor *outputs, uint32_t nr_outputs)
{
	struct vaccel_infer_tensor eight = {.datatype = VACCEL_INFER_UINT8, .nr_dims = 1, .shape = {8},
					    .data = (void *)"outputs", .size = 8};
	int ret = VACCEL_OK;

	runs++;
	for (uint32_t i = 0; i < nr_inputs; i++)
		assert_int_equal(vaccel_infer_tensor_check(&inputs[i]), 0);
	for (uint32_t i = 0; i < nr_outputs; i++) {
		int failed = vaccel_infer_output(&outputs[i], &eight);

		if (failed)
			ret = failed;
	}
	load(s, m);
	return ret ? ret : run_result;
}

static const struct vaccel_infer_ops infer_ops = {load, load, metadata, run};

#define PLUGIN(plugin)                                                              \
	static struct vaccel_plugin_info plugin##_info = {                          \
		.name = #plugin, .version = "1", .vaccel_version = VACCEL_VERSION,  \
		.init = nothing, .fini = nothing, .type = VACCEL_PLUGIN_CPU};       \
	static struct vaccel_plugin plugin = {.info = &plugin##_info}
PLUGIN(without);
PLUGIN(with);

static const struct vaccel_plugin_ext ext = {.size = sizeof(ext), .infer = &infer_ops};
/* As it was before there was infer */
static const struct vaccel_plugin_ext old_ext = {.size = offsetof(struct vaccel_plugin_ext, infer),
						 .infer = &infer_ops};

static int start(void **state)
{
	struct vaccel_config config;

	(void)state;
	runs = 0;
	run_result = VACCEL_OK;
	vaccel_config_init(&config, NULL, VACCEL_LOG_ERROR, NULL, false, false);
	if (vaccel_bootstrap_with_config(&config) || plugin_register(&without) || plugin_register(&with) ||
	    vaccel_plugin_register_ext(&without, &old_ext))
		return -1;
	assert_int_equal(vaccel_session_init(&sess, VACCEL_PLUGIN_CPU), 0);
	assert_ptr_equal(sess.plugin, &without);
	assert_int_equal(vaccel_resource_init_from_buf(&model, "model", 6, VACCEL_RESOURCE_MODEL, "m", true), 0);
	return vaccel_resource_register(&model, &sess);
}

static int stop(void **state)
{
	(void)state;
	assert_int_equal(vaccel_session_release(&sess), 0);
	assert_int_equal(vaccel_resource_release(&model), 0);
	return vaccel_cleanup();
}

/* ---- Tensors -------------------------------------------------------------------------------- */

static void names_and_sizes(void **state)
{
	static const struct {
		const char *name;
		uint32_t type;
		size_t size;
	} all[] = {
		{"BOOL", VACCEL_INFER_BOOL, 1},	    {"UINT8", VACCEL_INFER_UINT8, 1},
		{"UINT16", VACCEL_INFER_UINT16, 2}, {"UINT32", VACCEL_INFER_UINT32, 4},
		{"UINT64", VACCEL_INFER_UINT64, 8}, {"INT8", VACCEL_INFER_INT8, 1},
		{"INT16", VACCEL_INFER_INT16, 2},   {"INT32", VACCEL_INFER_INT32, 4},
		{"INT64", VACCEL_INFER_INT64, 8},   {"FP16", VACCEL_INFER_FP16, 2},
		{"FP32", VACCEL_INFER_FP32, 4},	    {"FP64", VACCEL_INFER_FP64, 8},
		{"BYTES", VACCEL_INFER_BYTES, 0},   {"BF16", VACCEL_INFER_BF16, 2},
	};

	(void)state;
	assert_int_equal(sizeof(all) / sizeof(all[0]), VACCEL_INFER_MAX - 1);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		uint8_t data[3 * 8];
		struct vaccel_infer_tensor t = {.datatype = all[i].type, .nr_dims = 2, .shape = {1, 3},
						.data = data, .size = 3 * all[i].size};

		assert_int_equal(vaccel_infer_datatype_find(all[i].name), all[i].type);
		assert_int_equal(vaccel_infer_datatype_size(all[i].type), all[i].size);
		assert_string_equal(vaccel_infer_datatype_to_base_str((vaccel_infer_datatype_t)all[i].type),
				    all[i].name);
		if (!all[i].size)
			continue;
		assert_int_equal(vaccel_infer_tensor_check(&t), 0);
		t.size--;
		assert_int_equal(vaccel_infer_tensor_check(&t), VACCEL_EINVAL);
		t.size += 2;
		assert_int_equal(vaccel_infer_tensor_check(&t), VACCEL_EINVAL);
	}
	assert_int_equal(vaccel_infer_datatype_find("FP8"), 0);
	assert_int_equal(vaccel_infer_datatype_find(NULL), 0);
	assert_int_equal(vaccel_infer_datatype_size(0), 0);
	assert_int_equal(vaccel_infer_datatype_size(VACCEL_INFER_MAX), 0);
}

static void shapes(void **state)
{
	uint8_t data[8] = {0};
	const struct vaccel_infer_tensor good = {.datatype = VACCEL_INFER_INT64, .data = data, .size = 8};
	struct vaccel_infer_tensor t = good;

	(void)state;
	assert_int_equal(vaccel_infer_tensor_check(&t), 0); /* a scalar */
	t.nr_dims = VACCEL_INFER_MAX_DIMS;
	for (int i = 0; i < VACCEL_INFER_MAX_DIMS; i++)
		t.shape[i] = 1;
	assert_int_equal(vaccel_infer_tensor_check(&t), 0);
	t.nr_dims++;
	assert_int_equal(vaccel_infer_tensor_check(&t), VACCEL_EINVAL);
	t = good;
	t.nr_dims = 1;
	t.shape[0] = -1;
	assert_int_equal(vaccel_infer_tensor_check(&t), VACCEL_EINVAL);
	t.shape[0] = INT64_C(1) << 61; /* times 8 is 0 */
	t.size = 0;
	assert_int_equal(vaccel_infer_tensor_check(&t), VACCEL_EINVAL);
	t.nr_dims = 3; /* 2^32 * 2^32 is 0, and what follows must not hide it */
	t.shape[0] = t.shape[1] = INT64_C(1) << 32;
	t.shape[2] = 1;
	assert_int_equal(vaccel_infer_tensor_check(&t), VACCEL_EINVAL);
	t = (struct vaccel_infer_tensor){.datatype = VACCEL_INFER_INT64, .nr_dims = 2, .shape = {0, 5}};
	assert_int_equal(vaccel_infer_tensor_check(&t), 0); /* nothing, and no data */
	t = good;
	t.data = NULL;
	assert_int_equal(vaccel_infer_tensor_check(&t), VACCEL_EINVAL);
	t = good;
	t.datatype = 0;
	assert_int_equal(vaccel_infer_tensor_check(&t), VACCEL_EINVAL);
	t.datatype = VACCEL_INFER_MAX;
	assert_int_equal(vaccel_infer_tensor_check(&t), VACCEL_EINVAL);
	assert_int_equal(vaccel_infer_tensor_check(NULL), VACCEL_EINVAL);
}

/* Copies the data to the end of a block, so that a sanitizer sees what is read behind it. */
static int check_bytes(const void *data, size_t size, int64_t elements)
{
	uint8_t *copy = malloc(size ? size : 1);
	struct vaccel_infer_tensor t = {.datatype = VACCEL_INFER_BYTES, .nr_dims = 1, .shape = {elements},
					.data = copy, .size = size};
	int ret;

	memcpy(copy, data, size);
	ret = vaccel_infer_tensor_check(&t);
	free(copy);
	return ret;
}

static void bytes(void **state)
{
	static const char two[] = "\2\0\0\0ab\0\0\0\0", huge[] = "\377\377\377\377a";

	(void)state;
	assert_int_equal(check_bytes(two, 10, 2), 0);
	assert_int_equal(check_bytes(two, 6, 1), 0);
	assert_int_equal(check_bytes(two, 0, 0), 0);
	assert_int_equal(check_bytes(two, 10, 1), VACCEL_EINVAL); /* bytes are left */
	assert_int_equal(check_bytes(two, 10, 3), VACCEL_EINVAL);
	for (size_t size = 1; size < 10; size++)
		assert_int_equal(check_bytes(two, size, 2), VACCEL_EINVAL);
	assert_int_equal(check_bytes(huge, 5, 1), VACCEL_EINVAL);
	assert_int_equal(check_bytes(two, 4, INT64_MAX), VACCEL_EINVAL); /* at once */
}

static void outputs(void **state)
{
	char buffer[8], data[] = "results";
	struct vaccel_infer_tensor result = {.datatype = VACCEL_INFER_UINT8, .nr_dims = 1, .shape = {8},
					     .data = data, .size = 8},
		out = {.data = buffer, .room = 7};

	(void)state;
	memset(buffer, 'x', sizeof(buffer));
	assert_int_equal(vaccel_infer_output(&out, &result), VACCEL_ERANGE);
	assert_int_equal(out.size, 8);
	assert_int_equal(buffer[0], 'x');
	out.room = 8;
	assert_int_equal(vaccel_infer_output(&out, &result), 0);
	assert_string_equal(buffer, "results");
	assert_int_equal(vaccel_infer_tensor_release(&out), 0);
	assert_ptr_equal(out.data, buffer);
	out = (struct vaccel_infer_tensor){.name = "y"};
	assert_int_equal(vaccel_infer_output(&out, &result), 0);
	assert_true(out.owned);
	assert_string_equal(out.data, "results");
	assert_int_equal(out.shape[0], 8);
	assert_int_equal(vaccel_infer_tensor_release(&out), 0);
	assert_null(out.data);
	assert_false(out.owned);
	assert_int_equal(vaccel_infer_tensor_release(&out), 0);
	result.nr_dims = VACCEL_INFER_MAX_DIMS + 1;
	assert_int_equal(vaccel_infer_output(&out, &result), VACCEL_EINVAL);
	assert_int_equal(vaccel_infer_output(NULL, &result), VACCEL_EINVAL);
	assert_int_equal(vaccel_infer_output(&out, NULL), VACCEL_EINVAL);
	assert_int_equal(vaccel_infer_tensor_release(NULL), VACCEL_EINVAL);
}

/* ---- Calls ---------------------------------------------------------------------------------- */

/* A plugin that knows nothing of them, and one that stands in for it. */
static void who_runs(void **state)
{
	struct vaccel_plugin_desc d[2];
	struct vaccel_infer_model info;
	uint8_t code = VACCEL_OP_INFER_RUN;
	struct vaccel_arg args[2] = {{.buf = &code, .size = 1, .type = VACCEL_ARG_UINT8},
				     {.buf = &model.id, .size = sizeof(model.id), .type = VACCEL_ARG_INT64}};
	static struct capture out;
	size_t nr = 2;

	(void)state;
	capture_start(&out, STDOUT_FILENO);
	assert_int_equal(vaccel_infer_load(&sess, &model), VACCEL_ENOTSUP);
	assert_int_equal(vaccel_infer_run(&sess, &model, NULL, 0, NULL, 0), VACCEL_ENOTSUP);
	assert_contains(capture_end(&out), "plugin without does not implement infer_load");
	assert_int_equal(vaccel_plugin_register_ext(&with, &ext), 0);
	assert_int_equal(vaccel_infer_load(&sess, &model), 0);
	assert_int_equal(vaccel_infer_metadata(&sess, &model, &info, NULL, 0), 0);
	assert_int_equal(info.nr_inputs, 0);
	assert_int_equal(vaccel_infer_run(&sess, &model, NULL, 0, NULL, 0), 0);
	assert_int_equal(vaccel_infer_unload(&sess, &model), 0);
	assert_int_equal(runs, 1);
	assert_int_equal(vaccel_plugin_list(d, &nr), 0);
	assert_int_equal(d[0].ops, 0);
	assert_int_equal(d[1].ops, UINT64_C(15) << VACCEL_OP_INFER_LOAD);
	capture_start(&out, STDOUT_FILENO);
	assert_int_equal(vaccel_genop(&sess, args, 1, NULL, 0), VACCEL_EINVAL);
	assert_int_equal(runs, 1);
	assert_int_equal(vaccel_genop(&sess, args, 2, NULL, 0), 0);
	assert_int_equal(runs, 2);
	assert_int_equal(vaccel_infer_load(NULL, &model), VACCEL_EINVAL);
	assert_int_equal(vaccel_infer_load(&sess, NULL), VACCEL_EINVAL);
	capture_end(&out);
}

/* One line says what is wrong, and no plugin runs. */
static void refused(const struct vaccel_infer_tensor *in, uint32_t nr_in, struct vaccel_infer_tensor *out,
		    uint32_t nr_out, const char *message)
{
	static struct capture text;

	capture_start(&text, STDOUT_FILENO);
	assert_int_equal(vaccel_infer_run(&sess, &model, in, nr_in, out, nr_out), VACCEL_EINVAL);
	capture_end(&text);
	assert_contains(text.text, message);
	assert_int_equal(count(text.text, "<error>"), 1);
	assert_int_equal(runs, 0);
}

static void checks(void **state)
{
	char name[VACCEL_INFER_NAME_SIZE + 1], data[4];
	struct vaccel_infer_tensor in = {.name = "x", .datatype = VACCEL_INFER_FP32, .data = data, .size = 4},
				   out = {.name = "y"};

	(void)state;
	assert_int_equal(vaccel_plugin_register_ext(&with, &ext), 0);
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	refused(NULL, 1, NULL, 0, "1 inputs");
	refused(&in, VACCEL_INFER_MAX_TENSORS + 1, NULL, 0, "513 inputs");
	refused(&in, 1, NULL, 1, "1 outputs");
	refused(&in, 1, &out, UINT32_MAX, "outputs");
	in.size = 5;
	refused(&in, 1, &out, 1, "input 0 (x): its size is not");
	in.size = 4;
	in.datatype = VACCEL_INFER_MAX;
	refused(&in, 1, &out, 1, "known datatype");
	in.datatype = VACCEL_INFER_FP32;
	in.nr_dims = VACCEL_INFER_MAX_DIMS + 1;
	refused(&in, 1, &out, 1, "too many dimensions");
	in.nr_dims = 0;
	in.name = name;
	refused(&in, 1, &out, 1, "its name is too long");
	in.name = NULL;
	in.data = NULL;
	refused(&in, 1, &out, 1, "input 0 (without a name): its data is missing");
	in.data = data;
	in.datatype = VACCEL_INFER_BYTES;
	memset(data, 1, sizeof(data));
	refused(&in, 1, &out, 1, "the lengths in its BYTES");
	in.datatype = VACCEL_INFER_FP32;
	out.owned = true;
	refused(&in, 1, &out, 1, "output 0 (y): it is still the library's");
	out.owned = false;
	out.room = 4;
	refused(&in, 1, &out, 1, "it has room, but no buffer");
	out.room = 0;
	assert_int_equal(vaccel_infer_run(&sess, &model, &in, 1, &out, 1), 0);
	assert_int_equal(runs, 1);
	assert_int_equal(vaccel_infer_tensor_release(&out), 0);
}

/* After a failure nothing is allocated, and the sizes are there. */
static void failures(void **state)
{
	char small[7];
	struct vaccel_infer_tensor out[2] = {{.name = "a"}, {.name = "b", .data = small, .room = sizeof(small)}};

	(void)state;
	assert_int_equal(vaccel_plugin_register_ext(&with, &ext), 0);
	assert_int_equal(vaccel_infer_run(&sess, &model, NULL, 0, out, 2), VACCEL_ERANGE);
	assert_null(out[0].data);
	assert_false(out[0].owned);
	assert_int_equal(out[1].size, 8);
	run_result = VACCEL_EIO;
	assert_int_equal(vaccel_infer_run(&sess, &model, NULL, 0, out, 1), VACCEL_EIO);
	assert_null(out[0].data);
	assert_int_equal(runs, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_and_sizes),
		cmocka_unit_test(shapes),
		cmocka_unit_test(bytes),
		cmocka_unit_test(outputs),
		cmocka_unit_test_setup_teardown(who_runs, start, stop),
		cmocka_unit_test_setup_teardown(checks, start, stop),
		cmocka_unit_test_setup_teardown(failures, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
