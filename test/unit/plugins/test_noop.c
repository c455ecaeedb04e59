// SPDX-License-Identifier: Apache-2.0
/* What the noop plugin says and answers. */
#include "plugin_util.h"

#define TAG    "This is a dummy classification tag!"
#define NAME   "This is a dummy imgname!"
#define STATUS "Operation handled by noop plugin"

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

static struct vaccel_session sess;
static struct capture c;

static int start(void **state)
{
	(void)state;
	lib_start(PLUGIN_NOOP, VACCEL_LOG_ERROR);
	return vaccel_session_init(&sess, 0);
}

static int start_verbose(void **state)
{
	(void)state;
	capture_start(&c, STDOUT_FILENO);
	lib_start(PLUGIN_NOOP, VACCEL_LOG_DEBUG);
	return vaccel_session_init(&sess, 0);
}

static int stop(void **state)
{
	(void)state;
	vaccel_session_release(&sess);
	lib_stop();
	return 0;
}

/* The text after the date of each line of the log, put together. */
static const char *texts(const char *log)
{
	static char out[sizeof(c.text)];
	char *to = out;

	while (*log) {
		size_t len = strcspn(log, "\n");
		const char *text = memchr(log, '>', len);

		if (text) {
			size_t rest = len - (size_t)(text + 2 - log);

			memcpy(to, text + 2, rest);
			to[rest] = '\n';
			to += rest + 1;
		}
		log += len + (log[len] == '\n');
	}
	*to = '\0';
	return out;
}

static void log_of_the_page(void **state)
{
	unsigned char text[512], name[512];

	(void)state;
	assert_int_equal(vaccel_image_classification(&sess, "x", text, name, 1, sizeof(text),
						     sizeof(name)), 0);
	capture_end(&c);
	assert_contains(texts(c.text),
			"Registered op noop from plugin noop\n"
			"Registered op blas_sgemm from plugin noop\n"
			"Registered op image_classify from plugin noop\n"
			"Registered op image_detect from plugin noop\n"
			"Registered op image_segment from plugin noop\n"
			"Registered op image_pose from plugin noop\n"
			"Registered op image_depth from plugin noop\n"
			"Registered op exec from plugin noop\n"
			"Registered op tf_model_load from plugin noop\n"
			"Registered op tf_model_run from plugin noop\n"
			"Registered op tf_model_unload from plugin noop\n"
			"Registered op minmax from plugin noop\n"
			"Registered op fpga_arraycopy from plugin noop\n"
			"Registered op fpga_vectoradd from plugin noop\n"
			"Registered op fpga_parallel from plugin noop\n"
			"Registered op fpga_mmult from plugin noop\n"
			"Registered op exec_with_resource from plugin noop\n"
			"Registered op torch_model_load from plugin noop\n"
			"Registered op torch_model_run from plugin noop\n"
			"Registered op torch_sgemm from plugin noop\n"
			"Registered op opencv from plugin noop\n"
			"Registered op tflite_model_load from plugin noop\n"
			"Registered op tflite_model_run from plugin noop\n"
			"Registered op tflite_model_unload from plugin noop\n");
	assert_contains(texts(c.text),
			"session:1 Looking for plugin implementing VACCEL_OP_IMAGE_CLASSIFY\n"
			"Returning func from hint plugin noop\n"
			"Found implementation in noop plugin\n"
			"[noop] Calling Image classification for session 1\n"
			"[noop] Dumping arguments for Image classification:\n"
			"[noop] model: (null)\n"
			"[noop] len_img: 1\n"
			"[noop] len_out_text: 512\n"
			"[noop] len_out_imgname: 512\n"
			"[noop] will return a dummy result\n"
			"[noop] will return a dummy result\n");
	assert_string_equal((char *)text, TAG);
	assert_string_equal((char *)name, NAME);
	stop(NULL);
}

static void model_in_the_log(void **state)
{
	struct vaccel_resource model;
	unsigned char name[8];

	(void)state;
	assert_int_equal(vaccel_resource_init(&model, "file://" EXAMPLES_DIR "/util.c",
					      VACCEL_RESOURCE_MODEL), 0);
	assert_int_equal(vaccel_resource_register(&model, &sess), 0);
	assert_int_equal(vaccel_image_pose(&sess, "x", name, 1, sizeof(name)), 0);
	capture_end(&c);
	assert_contains(c.text, "[noop] Calling Image pose for session 1\n");
	assert_contains(c.text, "[noop] model: " EXAMPLES_DIR "/util.c\n");
	assert_int_equal(count(c.text, "will return a dummy result"), 1);
	assert_string_equal((char *)name, "This is"); /* cut to fit */
	vaccel_resource_release(&model);
	stop(NULL);
}

/* Each op is logged under its label; the dump shows numbers, strings and arrays. */
static void every_op_is_logged(void **state)
{
	char line[128];
	struct sample s;

	(void)state;
	capture_end(&c);
	set_comma_locale(); /* numbers are the same in every language */
	for (uint16_t op = 0; op < VACCEL_OP_MAX; op++) {
		const struct vop_desc *desc = vop_find(op);

		sample_init(&s, desc, &sess);
		capture_start(&c, STDOUT_FILENO);
		assert_int_equal(op_call(op, &sess, s.vals), 0);
		capture_end(&c);
		snprintf(line, sizeof(line), "[noop] Calling %s for session 1\n", desc->label);
		assert_contains(c.text, line);
		if (desc->nr_params) {
			snprintf(line, sizeof(line), "[noop] Dumping arguments for %s:\n",
				 desc->label);
			assert_contains(c.text, line);
		}
		for (unsigned int i = 0; i < desc->nr_params; i++) {
			if (desc->params[i].kind != VOP_VAL)
				continue;
			snprintf(line, sizeof(line), "[noop] %s: %s\n", desc->params[i].name,
				 desc->params[i].ctype == VOP_F32 ? "1.000000" : "4");
			assert_contains(c.text, line);
		}
		sample_release(&s);
	}
	set_c_locale();
	stop(NULL);
}

static void strings_stay_one_line(void **state)
{
	char library[300];

	(void)state;
	memset(library, 'a', sizeof(library) - 1);
	library[sizeof(library) - 1] = '\0';
	memcpy(library, "x\ny\033[31m", 8);
	assert_int_equal(vaccel_exec(&sess, library, "f", NULL, 0, NULL, 0), 0);
	capture_end(&c);
	assert_contains(c.text, "[noop] library: x?y?[31ma");
	assert_lacks(c.text, library + 8);
	stop(NULL);
}

static void images(void **state)
{
	static int (*const calls[])(struct vaccel_session *, const void *, unsigned char *, size_t,
				    size_t) = {vaccel_image_detection, vaccel_image_segmentation,
					       vaccel_image_pose, vaccel_image_depth};
	unsigned char name[64];

	(void)state;
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		memset(name, 0, sizeof(name));
		assert_int_equal(calls[i](&sess, "x", name, 1, sizeof(name)), 0);
		assert_string_equal((char *)name, NAME);
		assert_int_equal(calls[i](&sess, "x", NULL, 1, 0), 0);
		assert_int_equal(calls[i](&sess, "x", NULL, 1, 64), 0);
		name[0] = 'y';
		assert_int_equal(calls[i](&sess, "x", name, 1, 1), 0);
		assert_int_equal(name[0], 0);
		capture_start(&c, STDOUT_FILENO);
		assert_int_equal(calls[i](&sess, NULL, name, 1, sizeof(name)), VACCEL_EINVAL);
		assert_int_equal(calls[i](&sess, NULL, name, 0, sizeof(name)), VACCEL_EINVAL);
		if (SIZE_MAX > UINT32_MAX) /* else it is a length like others */
			assert_int_equal(calls[i](&sess, "x", name, SIZE_MAX, sizeof(name)),
					 VACCEL_EINVAL);
		capture_end(&c);
	}
	assert_int_equal(vaccel_image_classification(&sess, "x", NULL, NULL, 1, 0, 0), 0);
}

static void exec_copies(void **state)
{
	int32_t in = 10, out = 0;
	int64_t wide = 5;
	struct vaccel_arg read = {.buf = &in, .size = sizeof(in)};
	struct vaccel_arg write = {.buf = &out, .size = sizeof(out)};

	(void)state;
	assert_int_equal(vaccel_exec(&sess, "l", "f", &read, 1, &write, 1), 0);
	assert_int_equal(out, 10);

	write.buf = &wide; /* another size: nothing happens */
	write.size = sizeof(wide);
	assert_int_equal(vaccel_exec(&sess, "l", "f", &read, 1, &write, 1), 0);
	assert_int_equal(wide, 5);
	assert_int_equal(vaccel_exec(&sess, "l", "f", NULL, 0, &write, 1), 0);
	assert_int_equal(vaccel_exec(&sess, "l", "f", &read, 1, NULL, 0), 0);

	capture_start(&c, STDOUT_FILENO);
	assert_int_equal(vaccel_exec(&sess, NULL, "f", &read, 1, &write, 1), VACCEL_EINVAL);
	assert_int_equal(vaccel_exec(&sess, "l", NULL, &read, 1, &write, 1), VACCEL_EINVAL);
	assert_int_equal(vaccel_exec(&sess, "l", "f", NULL, 1, &write, 1), VACCEL_EINVAL);
	assert_int_equal(vaccel_exec(&sess, "l", "f", &read, 1, NULL, 1), VACCEL_EINVAL);
	capture_end(&c);
}

static void exec_with_resource_needs_files(void **state)
{
	struct vaccel_resource lib;
	int32_t in = 10, out = 0;
	struct vaccel_arg read = {.buf = &in, .size = sizeof(in)};
	struct vaccel_arg write = {.buf = &out, .size = sizeof(out)};

	(void)state;
	assert_int_equal(vaccel_resource_init_from_buf(&lib, "bytes", 5, VACCEL_RESOURCE_LIB, NULL,
						       true), 0);
	assert_int_equal(vaccel_resource_register(&lib, &sess), 0);
	capture_start(&c, STDOUT_FILENO);
	assert_int_equal(vaccel_exec_with_resource(&sess, &lib, "f", &read, 1, &write, 1),
			 VACCEL_EINVAL);
	capture_end(&c);
	vaccel_resource_release(&lib);

	assert_int_equal(vaccel_resource_init_from_buf(&lib, "bytes", 5, VACCEL_RESOURCE_LIB, NULL,
						       false), 0);
	assert_int_equal(vaccel_resource_register(&lib, &sess), 0);
	assert_int_equal(vaccel_exec_with_resource(&sess, &lib, "f", &read, 1, &write, 1), 0);
	assert_int_equal(out, 10);
	vaccel_resource_release(&lib);
}

static void tensors_are_copied(void **state)
{
	static const uint16_t ops[] = {VACCEL_OP_TF_MODEL_RUN, VACCEL_OP_TFLITE_MODEL_RUN,
				       VACCEL_OP_TORCH_MODEL_RUN};
	struct sample s;

	(void)state;
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		sample_init(&s, vop_find(ops[i]), &sess);
		assert_int_equal(op_call(ops[i], &sess, s.vals), 0);
		if (ops[i] == VACCEL_OP_TF_MODEL_RUN) {
			struct vaccel_tf_tensor **in = s.vals[TF_MODEL_RUN_in_tensors].p;
			struct vaccel_tf_tensor **out = s.vals[TF_MODEL_RUN_out_tensors].p;

			assert_int_equal(s.status.code, 0);
			assert_string_equal(s.status.message, STATUS);
			for (int n = 0; n < SAMPLE_COUNT; n++) {
				assert_int_equal(out[n]->size, in[n]->size);
				assert_memory_equal(out[n]->data, in[n]->data, in[n]->size);
				assert_ptr_not_equal(out[n]->data, in[n]->data);
				assert_int_equal(out[n]->dims[0], in[n]->dims[0]);
				assert_int_equal(out[n]->data_type, in[n]->data_type);
				assert_true(out[n]->owned);
			}
		}
		sample_release(&s);
	}
}

/* More outputs than there are inputs to copy, or an input without data. */
static void tensors_are_checked(void **state)
{
	struct vaccel_torch_tensor **out;
	struct vaccel_torch_tensor **in;
	struct sample s;
	void *data;

	(void)state;
	sample_init(&s, vop_find(VACCEL_OP_TORCH_MODEL_RUN), &sess);
	in = s.vals[TORCH_MODEL_RUN_inputs].p;
	out = s.vals[TORCH_MODEL_RUN_outputs].p;
	capture_start(&c, STDOUT_FILENO);

	s.vals[TORCH_MODEL_RUN_nr_inputs].i = SAMPLE_COUNT - 1;
	assert_int_equal(op_call(VACCEL_OP_TORCH_MODEL_RUN, &sess, s.vals), VACCEL_EINVAL);
	s.vals[TORCH_MODEL_RUN_nr_inputs].i = -1;
	assert_int_equal(op_call(VACCEL_OP_TORCH_MODEL_RUN, &sess, s.vals), VACCEL_EINVAL);
	s.vals[TORCH_MODEL_RUN_nr_inputs].i = SAMPLE_COUNT;

	data = in[SAMPLE_COUNT - 1]->data;
	in[SAMPLE_COUNT - 1]->data = NULL;
	assert_int_equal(op_call(VACCEL_OP_TORCH_MODEL_RUN, &sess, s.vals), VACCEL_EINVAL);
	for (int i = 0; i < SAMPLE_COUNT; i++)
		assert_null(out[i]); /* none is left allocated */
	in[SAMPLE_COUNT - 1]->data = data;
	capture_end(&c);
	sample_release(&s);
}

static void tf_status(void **state)
{
	struct sample s;

	(void)state;
	for (uint16_t op = VACCEL_OP_TF_MODEL_LOAD; op <= VACCEL_OP_TF_MODEL_UNLOAD; op++) {
		sample_init(&s, vop_find(op), &sess);
		s.status.code = 9;
		assert_int_equal(op_call(op, &sess, s.vals), 0);
		assert_int_equal(s.status.code, 0);
		assert_string_equal(s.status.message, STATUS);
		s.vals[TF_MODEL_LOAD_status].p = NULL;
		assert_int_equal(op_call(op, &sess, s.vals), 0);
		sample_release(&s);
	}
	sample_init(&s, vop_find(VACCEL_OP_TF_MODEL_RUN), &sess);
	s.vals[TF_MODEL_RUN_status].p = NULL;
	assert_int_equal(op_call(VACCEL_OP_TF_MODEL_RUN, &sess, s.vals), 0);
	sample_release(&s);
}

static void numbers(void **state)
{
	int from[] = {1, 2, 3}, to[3] = {0};
	float a[] = {1, 2}, b[] = {3, 4}, sum[2] = {0}, other[2] = {0};
	double data[] = {3, 1}, out[2] = {0}, min = 0, max = 0;
	uint64_t result[2] = {0, 7};
	struct vaccel_arg write[] = {
		{.buf = &result[0], .size = 8},
		{.buf = &result[1], .size = 4}, /* too small for a result */
	};

	(void)state;
	assert_int_equal(vaccel_fpga_arraycopy(&sess, from, to, 3), 0);
	assert_memory_equal(from, to, sizeof(to));
	assert_int_equal(vaccel_fpga_arraycopy(&sess, NULL, NULL, 0), 0);
	assert_int_equal(vaccel_fpga_mmult(&sess, a, b, other, 2), 0);
	assert_true(other[0] == 9.1f && other[1] == 9.1f);
	assert_int_equal(vaccel_fpga_vadd(&sess, a, b, sum, 2, 2), 0);
	assert_true(sum[0] == 4 && sum[1] == 6);
	assert_int_equal(vaccel_fpga_parallel(&sess, a, b, sum, other, 2), 0);
	assert_true(sum[0] == 4 && sum[1] == 6 && other[0] == 1 && other[1] == 1);
	assert_int_equal(vaccel_minmax(&sess, data, 2, 0, 9, out, &min, &max), 0);
	assert_true(out[0] == 3 && out[1] == 1 && min == -1 && max == 10000);
	assert_int_equal(vaccel_opencv_unpack(&sess, NULL, 0, write, 2), 0);
	assert_true(result[0] == 2 && result[1] == 7);
	assert_int_equal(vaccel_sgemm(&sess, 1, 1, 1, 1, NULL, 1, NULL, 1, 0, NULL, 1), 0);
}

/* Each output of an inference is the input in the same place. */
static void inference(void **state)
{
	char small[7];
	struct vaccel_infer_tensor in = {.name = "anything", .datatype = VACCEL_INFER_UINT16, .nr_dims = 1,
					 .shape = {4}, .data = (void *)"content", .size = 8},
		out[2] = {{.name = "some"}, {.name = "other"}};
	struct vaccel_infer_desc d[3];
	struct vaccel_infer_model info;
	struct vaccel_resource res;

	(void)state;
	assert_int_equal(vaccel_resource_init_from_buf(&res, "model", 6, VACCEL_RESOURCE_MODEL, "m", true), 0);
	assert_int_equal(vaccel_resource_register(&res, &sess), 0);
	assert_int_equal(vaccel_infer_load(&sess, &res), 0);
	memset(d, 0xff, sizeof(d));
	assert_int_equal(vaccel_infer_metadata(&sess, &res, &info, d, 3), 0);
	assert_string_equal(info.platform, "noop");
	assert_int_equal(info.nr_inputs + info.nr_outputs, 2);
	assert_string_equal(d[1].name, "output");
	assert_int_equal(d[1].shape[0], -1);
	assert_int_equal(d[2].datatype, 0);
	assert_int_equal(vaccel_infer_metadata(&sess, &res, &info, d, 1), 0);
	assert_int_equal(vaccel_infer_metadata(&sess, &res, NULL, d, 1), VACCEL_EINVAL);
	assert_int_equal(vaccel_infer_metadata(&sess, &res, &info, NULL, 1), VACCEL_EINVAL);
	assert_int_equal(vaccel_infer_run(&sess, &res, &in, 1, out, 1), 0);
	assert_string_equal(out[0].data, "content");
	assert_int_equal(out[0].datatype, VACCEL_INFER_UINT16);
	assert_int_equal(out[0].shape[0], 4);
	vaccel_infer_tensor_release(&out[0]);
	assert_int_equal(vaccel_infer_run(&sess, &res, &in, 1, out, 2), VACCEL_EINVAL);
	out[0].data = small;
	out[0].room = sizeof(small);
	assert_int_equal(vaccel_infer_run(&sess, &res, &in, 1, out, 1), VACCEL_ERANGE);
	assert_int_equal(out[0].size, 8);
	assert_int_equal(vaccel_infer_unload(&sess, &res), 0);
	assert_int_equal(vaccel_resource_release(&res), 0);
	capture_end(&c);
	assert_contains(c.text, "[noop] Calling infer_run for session 1\n");
	assert_contains(c.text, "[noop] inputs[0]: name: anything datatype: UINT16 nr_dims: 1 size: 8\n");
	stop(NULL);
}

/* Every null pointer and every negative length is found before it is used. */
static void missing_arguments(void **state)
{
	struct sample s;

	(void)state;
	for (uint16_t op = 0; op < VACCEL_OP_MAX; op++) {
		const struct vop_desc *desc = vop_find(op);

		if (op == VACCEL_OP_BLAS_SGEMM || op == VACCEL_OP_TORCH_SGEMM)
			continue; /* only logged */
		sample_init(&s, desc, &sess);
		capture_start(&c, STDOUT_FILENO);
		for (unsigned int i = 0; i < desc->nr_params; i++) {
			const struct vop_param *p = &desc->params[i];
			union vop_val good = s.vals[i];

			if (p->kind == VOP_RES || p->kind == VOP_DATA ||
			    p->kind == VOP_STATUS || p->nullable)
				continue;
			if (p->kind == VOP_VAL && !strstr(p->name, "len") && !strstr(p->name, "nr_") &&
			    !strstr(p->name, "ndata"))
				continue;
			/* With 32 bits -1 becomes a length like others. */
			if (p->kind == VOP_VAL && p->ctype == VOP_U32 && SIZE_MAX == UINT32_MAX)
				continue;
			if (p->kind == VOP_VAL)
				s.vals[i].i = -1;
			else
				s.vals[i].p = NULL;
			assert_int_equal(op_call(op, &sess, s.vals), VACCEL_EINVAL);
			s.vals[i] = good;
		}
		capture_end(&c);
		sample_release(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(log_of_the_page, start_verbose),
		cmocka_unit_test_setup(model_in_the_log, start_verbose),
		cmocka_unit_test_setup(every_op_is_logged, start_verbose),
		cmocka_unit_test_setup(strings_stay_one_line, start_verbose),
		cmocka_unit_test_setup_teardown(images, start, stop),
		cmocka_unit_test_setup_teardown(exec_copies, start, stop),
		cmocka_unit_test_setup_teardown(exec_with_resource_needs_files, start, stop),
		cmocka_unit_test_setup_teardown(tensors_are_copied, start, stop),
		cmocka_unit_test_setup_teardown(tensors_are_checked, start, stop),
		cmocka_unit_test_setup_teardown(tf_status, start, stop),
		cmocka_unit_test_setup_teardown(numbers, start, stop),
		cmocka_unit_test_setup(inference, start_verbose),
		cmocka_unit_test_setup_teardown(missing_arguments, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
