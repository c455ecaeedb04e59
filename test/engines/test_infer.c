// SPDX-License-Identifier: Apache-2.0
/*
 * vaccel/infer.h in this process and behind the strict sandbox: models of every datatype give back what they
 * were given, bit for bit, and both places agree; what does not fit a model is refused with a message.
 */
#include "engines.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "infer_models.h"

#define SHAPES EXAMPLES_DIR "/models/shapes/shapes.onnx"
#define COLUMNS 3

static struct engines e;

static int start(void **state)
{
	int ret;

	(void)state;
	ret = engines_start(&e, ENGINE_PLUGIN);
	if (ret == VACCEL_ENOENT)
		test_skip("the engine's library is not there, see above");
	return ret;
}

static int stop(void **state)
{
	(void)state;
	engines_stop(&e);
	return 0;
}

static struct vaccel_resource *loaded(uint8_t *bytes, size_t size)
{
	struct vaccel_resource *model;

	assert_non_null(bytes);
	assert_int_equal(vaccel_resource_from_buf(&model, bytes, size, VACCEL_RESOURCE_MODEL, "m.onnx", true), 0);
	with_both(&e, model);
	for (int place = 0; place < NR_PLACES; place++)
		assert_int_equal(vaccel_infer_load(&e.sess[place], model), 0);
	return model;
}

static void unload(struct vaccel_resource *model, uint8_t *bytes)
{
	for (int place = 0; place < NR_PLACES; place++) {
		assert_int_equal(vaccel_infer_unload(&e.sess[place], model), 0);
		assert_int_equal(vaccel_infer_unload(&e.sess[place], model), VACCEL_EINVAL);
	}
	vaccel_resource_delete(model);
	free(bytes);
}

/* ---- Every datatype -------------------------------------------------------------------------- */

/* Values of rows of a datatype: any bits but those that a copy of floats might change. */
static void *values(uint32_t datatype, size_t rows, size_t *size)
{
	size_t count = rows * COLUMNS, element = vaccel_infer_datatype_size(datatype);
	uint8_t *data;

	if (datatype != VACCEL_INFER_BYTES) {
		*size = count * element;
		data = malloc(*size + 1);
		for (size_t i = 0; i < *size; i++)
			data[i] = datatype == VACCEL_INFER_BOOL ? i % 3 == 1 : (uint8_t)(i * 37 % 0x3b);
		return data;
	}
	/* Lengths 0 to 7, with zero bytes in it */
	*size = 0;
	data = malloc(count * (4 + 8) + 1);
	for (size_t i = 0; i < count; i++) {
		uint8_t len = (uint8_t)(i % 8);
		const uint8_t head[] = {len, 0, 0, 0};

		memcpy(data + *size, head, 4);
		for (size_t k = 0; k < len; k++)
			data[*size + 4 + k] = (uint8_t)(k * i);
		*size += 4 + len;
	}
	return data;
}

static void expect_same(int place, struct vaccel_resource *model, uint32_t datatype, size_t rows,
			bool buffer)
{
	struct vaccel_infer_tensor x = {.name = "x", .datatype = datatype, .nr_dims = 2}, y = {.name = "y"};

	x.shape[0] = (int64_t)rows;
	x.shape[1] = COLUMNS;
	x.data = values(datatype, rows, &x.size);
	if (buffer) {
		y.room = x.size + 5;
		y.data = malloc(y.room);
		memset(y.data, 0xee, y.room);
	}
	assert_int_equal(vaccel_infer_run(&e.sess[place], model, &x, 1, &y, 1), 0);
	assert_int_equal(y.owned, !buffer);
	assert_int_equal(y.datatype, datatype);
	assert_int_equal(y.nr_dims, 2);
	assert_int_equal(y.shape[0], rows);
	assert_int_equal(y.shape[1], COLUMNS);
	assert_int_equal(y.size, x.size);
	assert_memory_equal(y.data, x.data, x.size);
	/* The way from the host may overwrite the rest of a buffer. */
	for (size_t i = y.size; place == LOCAL && i < y.room; i++)
		assert_int_equal(((uint8_t *)y.data)[i], 0xee);
	assert_int_equal(vaccel_infer_tensor_release(&y), 0);
	if (buffer)
		free(y.data);
	free(x.data);
}

static void datatypes(void **state)
{
	static const size_t rows[] = {1, 7, 0, 2000};

	(void)state;
	for (uint32_t type = VACCEL_INFER_BOOL; type < VACCEL_INFER_MAX; type++) {
		struct vaccel_infer_model info;
		struct vaccel_infer_desc d[2];
		size_t size;
		uint8_t *bytes = identity_model(type, &size);
		struct vaccel_resource *model = loaded(bytes, size);

		for (int place = 0; place < NR_PLACES; place++) {
			memset(d, 0xff, sizeof(d));
			assert_int_equal(vaccel_infer_metadata(&e.sess[place], model, &info, d, 2), 0);
			assert_int_equal(info.nr_inputs, 1);
			assert_int_equal(info.nr_outputs, 1);
			assert_string_equal(d[0].name, "x");
			assert_string_equal(d[1].name, "y");
			for (int i = 0; i < 2; i++) {
				assert_int_equal(d[i].datatype, type);
				assert_int_equal(d[i].nr_dims, 2);
				assert_int_equal(d[i].shape[0], -1);
				assert_int_equal(d[i].shape[1], COLUMNS);
			}
			for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
				expect_same(place, model, type, rows[i], true);
				expect_same(place, model, type, rows[i], false);
			}
		}
		unload(model, bytes);
	}
}

/* ---- Several inputs and outputs ------------------------------------------------------------- */

static float a_values[4 * COLUMNS], b_values[4 * COLUMNS];

static struct vaccel_infer_tensor floats(const char *name, float *data, size_t rows)
{
	struct vaccel_infer_tensor t = {.name = name, .datatype = VACCEL_INFER_FP32, .nr_dims = 2,
					.data = data, .size = rows * COLUMNS * sizeof(float)};

	t.shape[0] = (int64_t)rows;
	t.shape[1] = COLUMNS;
	for (size_t i = 0; i < rows * COLUMNS; i++)
		data[i] = (float)i - (data == a_values ? 2.5f : 0.25f);
	return t;
}

static struct vaccel_resource *sums(uint8_t **bytes)
{
	size_t size;

	*bytes = sums_model(NULL, &size);
	return loaded(*bytes, size);
}

static void selected(void **state)
{
	struct vaccel_infer_tensor in[2] = {floats("b", b_values, 4), floats("a", a_values, 4)};
	struct vaccel_resource *model;
	uint8_t *bytes;

	(void)state;
	model = sums(&bytes);
	for (int place = 0; place < NR_PLACES; place++) {
		float buffer[4 * COLUMNS];
		struct vaccel_infer_tensor product = {.name = "product", .data = buffer, .room = sizeof(buffer)},
			both[2] = {{.name = NULL}, {.name = NULL}};

		assert_int_equal(vaccel_infer_run(&e.sess[place], model, in, 2, &product, 1), 0);
		assert_int_equal(vaccel_infer_run(&e.sess[place], model, in, 2, both, 2), 0);
		assert_int_equal(vaccel_infer_run(&e.sess[place], model, in, 2, NULL, 0), 0);
		for (size_t i = 0; i < 4 * COLUMNS; i++) {
			assert_true(buffer[i] == a_values[i] * b_values[i]);
			assert_true(((float *)both[0].data)[i] == a_values[i] + b_values[i]);
		}
		assert_memory_equal(both[1].data, buffer, sizeof(buffer));
		for (int i = 0; i < 2; i++)
			vaccel_infer_tensor_release(&both[i]);
	}
	unload(model, bytes);
}

static void too_small(void **state)
{
	struct vaccel_infer_tensor in[2] = {floats("a", a_values, 4), floats("b", b_values, 4)};
	struct vaccel_resource *model;
	uint8_t *bytes;

	(void)state;
	model = sums(&bytes);
	for (int place = 0; place < NR_PLACES; place++) {
		uint8_t one[4 * COLUMNS * sizeof(float) - 1], two[1];
		struct vaccel_infer_tensor out[] = {{.name = "sum", .data = one, .room = sizeof(one)},
						    {.name = "product", .data = two, .room = sizeof(two)},
						    {.name = "sum"}};

		assert_int_equal(vaccel_infer_run(&e.sess[place], model, in, 2, out, 3), VACCEL_ERANGE);
		assert_int_equal(out[0].size, sizeof(a_values));
		assert_int_equal(out[1].size, sizeof(a_values));
		assert_ptr_equal(out[1].data, two);
		assert_null(out[2].data);
		assert_false(out[2].owned);
	}
	unload(model, bytes);
}

/* ---- What does not fit ----------------------------------------------------------------------- */

static struct refusal {
	int place;
	struct vaccel_resource *model;
	struct vaccel_infer_tensor *in, *out;
	uint32_t nr_in;
	int result;
} refusal;

static void run_refused(void *arg)
{
	struct refusal *r = arg;

	r->result = vaccel_infer_run(&e.sess[r->place], r->model, r->in, r->nr_in, r->out, 1);
}

/* Both places say EINVAL, and this one why. */
static void refused(struct vaccel_resource *model, struct vaccel_infer_tensor *in, uint32_t nr_in,
		    const char *out_name, const char *message)
{
	for (int i = 0; i < 2 * NR_PLACES; i++) {
		int place = i / 2;
		float buffer[4 * COLUMNS];
		struct vaccel_infer_tensor out = {.name = out_name, .data = i % 2 ? buffer : NULL,
						  .room = i % 2 ? sizeof(buffer) : 0};
		char *text;

		refusal = (struct refusal){place, model, in, &out, nr_in, 0};
		text = captured(run_refused, &refusal);
		assert_int_equal(refusal.result, VACCEL_EINVAL);
		assert_ptr_equal(out.data, i % 2 ? buffer : NULL);
		assert_false(out.owned);
		assert_null(strstr(text, "malformed"));
		if (place == LOCAL && !strstr(text, message))
			fail_msg("\"%s\" is not in: %s", message, text);
		free(text);
	}
}

static void misfits(void **state)
{
	struct vaccel_infer_tensor in[3] = {floats("a", a_values, 4), floats("b", b_values, 4)};
	const struct vaccel_infer_tensor good[2] = {in[0], in[1]};
	struct vaccel_resource *model;
	uint8_t *bytes;

	(void)state;
	model = sums(&bytes);
	refused(model, in, 2, "sums", "no output of the name sums: it has 2");
	refused(model, in, 1, "sum", "Input b is missing");
	in[1].name = "a";
	refused(model, in, 2, "sum", "Input a is given twice");
	in[1].name = "c";
	refused(model, in, 2, "sum", "no input of the name c: it has 2");
	in[1] = good[1];
	in[2] = good[1];
	in[2].name = NULL;
	refused(model, in, 3, "sum", "no input of this place");
	in[1].datatype = VACCEL_INFER_INT32;
	refused(model, in, 2, "sum", "Input b takes float32 [?, 3], and is given int32 [4, 3]");
	in[1] = good[1];
	in[1].nr_dims = 1;
	in[1].shape[0] = 12;
	refused(model, in, 2, "sum", "Input b takes float32 [?, 3], and is given float32 [12]");
	in[1] = good[1];
	in[1].shape[0] = 3;
	in[1].shape[1] = 4;
	refused(model, in, 2, "sum", "Input b takes float32 [?, 3], and is given float32 [3, 4]");
	in[1] = good[1];
	in[1].nr_dims = 9;
	for (int i = 2; i < 9; i++)
		in[1].shape[i] = 1;
	refused(model, in, 2, "sum", "Input b has 9 dimensions: up to 8 are possible");
	in[1] = good[1];
	in[1].size--;
	refused(model, in, 2, "sum", "its size is not what its datatype and shape say");
	unload(model, bytes);
}

/* Names that are too long for a description, and models that are none. */
static void bad_models(void **state)
{
	struct vaccel_infer_model info;
	struct vaccel_infer_desc d[5];
	char name[VACCEL_INFER_NAME_SIZE + 1];
	struct vaccel_resource *model;
	uint8_t *bytes;
	size_t size;

	(void)state;
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	bytes = sums_model(name, &size);
	model = loaded(bytes, size);
	for (int place = 0; place < NR_PLACES; place++) {
		assert_int_equal(vaccel_infer_metadata(&e.sess[place], model, &info, d, 5),
				 VACCEL_ENAMETOOLONG);
		assert_int_equal(vaccel_infer_metadata(&e.sess[place], model, &info, d, 4), 0);
		assert_int_equal(info.nr_outputs, 3);
		assert_string_equal(d[3].name, "product");
		assert_int_equal(vaccel_infer_metadata(&e.sess[place], model, &info, NULL, 0), 0);
		assert_string_equal(info.platform, "onnx_onnxv1");
		assert_string_equal(info.version, "1");
		assert_string_equal(info.name, "m.onnx");
	}
	unload(model, bytes);

	bytes = sums_model(NULL, &size);
	bytes[20] ^= 0xff;
	assert_int_equal(vaccel_resource_from_buf(&model, bytes, size, VACCEL_RESOURCE_MODEL, "m.onnx", true), 0);
	with_both(&e, model);
	for (int place = 0; place < NR_PLACES; place++) {
		struct vaccel_infer_tensor out = {.name = "sum"};

		assert_int_equal(vaccel_infer_load(&e.sess[place], model), VACCEL_EINVAL);
		assert_int_equal(vaccel_infer_metadata(&e.sess[place], model, &info, d, 5), VACCEL_EINVAL);
		assert_int_equal(vaccel_infer_run(&e.sess[place], model, NULL, 0, &out, 1), VACCEL_EINVAL);
		assert_int_equal(vaccel_infer_unload(&e.sess[place], model), VACCEL_EINVAL);
	}
	vaccel_resource_delete(model);
	free(bytes);
}

/* ---- A real model, and calls that nobody waits for ------------------------------------------- */

static void shapes(void **state)
{
	const size_t count = 3 * 224 * 224;
	struct vaccel_infer_tensor x = {.datatype = VACCEL_INFER_FP32}, y[NR_PLACES] = {{.name = NULL}};
	struct vaccel_resource *model;
	struct vaccel_infer_model info;
	struct vaccel_infer_desc d;
	uint8_t *bytes;
	size_t size;

	(void)state;
	bytes = read_whole(SHAPES, &size);
	model = loaded(bytes, size);
	assert_int_equal(vaccel_infer_metadata(&e.sess[REMOTE], model, &info, &d, 1), 0);
	assert_int_equal(d.nr_dims, 4);
	x.size = sizeof(float);
	x.nr_dims = d.nr_dims;
	for (uint32_t i = 0; i < d.nr_dims; i++) {
		x.shape[i] = d.shape[i] < 0 ? 1 : d.shape[i];
		x.size *= (size_t)x.shape[i];
	}
	assert_true(x.size / sizeof(float) <= count);
	x.data = random_floats(count, 5);
	for (int place = 0; place < NR_PLACES; place++)
		assert_int_equal(vaccel_infer_run(&e.sess[place], model, &x, 1, &y[place], 1), 0);
	assert_true(y[LOCAL].size >= sizeof(float));
	assert_int_equal(y[LOCAL].size, y[REMOTE].size);
	assert_memory_equal(y[LOCAL].data, y[REMOTE].data, y[LOCAL].size);
	for (int place = 0; place < NR_PLACES; place++)
		vaccel_infer_tensor_release(&y[place]);
	free(x.data);
	unload(model, bytes);
}

static void asynchronous(void **state)
{
	enum { CALLS = 8 };
	struct vaccel_infer_tensor in[2] = {floats("a", a_values, 4), floats("b", b_values, 4)};
	struct vaccel_resource *model;
	struct vaccel_async *queue;
	uint8_t *bytes;

	(void)state;
	model = sums(&bytes);
	assert_int_equal(vaccel_async_new(&queue, 2 * CALLS), 0);
	for (int place = 0; place < NR_PLACES; place++) {
		struct vaccel_infer_tensor out[CALLS] = {{.name = NULL}};
		struct vaccel_async_done done;
		struct vaccel_infer_model info;

		for (int i = 0; i < CALLS; i++)
			assert_int_equal(VACCEL_ASYNC(queue, &out[i], vaccel_infer_run(&e.sess[place], model,
										       in, 2, &out[i], 1)), 0);
		assert_int_equal(VACCEL_ASYNC(queue, &info, vaccel_infer_metadata(&e.sess[place], model, &info,
										   NULL, 0)), 0);
		while (!vaccel_async_wait(queue, -1, &done))
			assert_int_equal(done.result, 0);
		assert_int_equal(info.nr_inputs, 2);
		for (int i = 0; i < CALLS; i++) {
			assert_int_equal(out[i].size, sizeof(a_values));
			for (size_t k = 0; k < 4 * COLUMNS; k++)
				assert_true(((float *)out[i].data)[k] == a_values[k] + b_values[k]);
			vaccel_infer_tensor_release(&out[i]);
		}
		in[0].size--;
		assert_int_equal(VACCEL_ASYNC(queue, NULL, vaccel_infer_run(&e.sess[place], model, in, 2, out, 1)),
				 VACCEL_EINVAL);
		in[0].size++;
	}
	assert_int_equal(vaccel_async_delete(queue), 0);
	unload(model, bytes);
}

/* In memory that is registered with the host, and aligned, nothing is copied on the way in. */
static void registered(void **state)
{
	const size_t rows = 100000, size = rows * COLUMNS * sizeof(float);
	struct vaccel_infer_tensor x = {.name = "x", .datatype = VACCEL_INFER_FP32, .nr_dims = 2},
				   y = {.name = "y"};
	struct vaccel_resource *model;
	long long before, after;
	size_t model_size;
	uint8_t *bytes;

	(void)state;
	bytes = identity_model(VACCEL_INFER_FP32, &model_size);
	model = loaded(bytes, model_size);
	x.shape[0] = (int64_t)rows;
	x.shape[1] = COLUMNS;
	x.size = size;
	assert_int_equal(vaccel_mem_alloc(&e.sess[REMOTE], size, &x.data), 0);
	assert_int_equal(vaccel_mem_alloc(&e.sess[REMOTE], size, &y.data), 0);
	y.room = size;
	memset(x.data, 0x3c, size);
	before = daemon_stat(&e.host, "bytes_gathered") + daemon_stat(&e.host, "bytes_written_back");
	assert_int_equal(vaccel_infer_run(&e.sess[REMOTE], model, &x, 1, &y, 1), 0);
	after = daemon_stat(&e.host, "bytes_gathered") + daemon_stat(&e.host, "bytes_written_back");
	assert_memory_equal(x.data, y.data, size);
	assert_int_equal(after - before, 0);
	assert_int_equal(vaccel_mem_free(x.data), 0);
	assert_int_equal(vaccel_mem_free(y.data), 0);
	unload(model, bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(datatypes),
		cmocka_unit_test(selected),
		cmocka_unit_test(too_small),
		cmocka_unit_test(misfits),
		cmocka_unit_test(bad_models),
		cmocka_unit_test(shapes),
		cmocka_unit_test(asynchronous),
		cmocka_unit_test(registered),
	};

	test_main_begin(240);
	return cmocka_run_group_tests(tests, start, stop);
}
