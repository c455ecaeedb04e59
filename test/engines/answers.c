// SPDX-License-Identifier: Apache-2.0
/*
 * Runs the operations of which the answer is numbers, and prints their bytes, and whether they are right:
 *
 *   answers OPERATION                             fpga_vectoradd, blas_sgemm, ...
 *   answers text                                  loads, asks and unloads the model of text_model.h
 *   answers tf|tflite|torch|infer MODEL EXPECTED  loads, runs and unloads the network of examples/models/shapes
 *
 * EXPECTED is expected.txt. Needs nothing but libvaccel, since it also runs in a VM: see answers.sh.
 */
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vaccel.h>

#include "text_model.h"

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

#define ROWS	7
#define COLUMNS 5
#define INNER	6
#define SIDE	224
#define PIXELS	(SIDE * SIDE * 3)
#define CLASSES 5

static struct vaccel_session sess;

static void check(int ret, const char *what)
{
	if (!ret)
		return;
	fprintf(stderr, "%s: error %d\n", what, ret);
	exit(1);
}

/* The values of expect.py, from some place on */
static float *values(size_t count, size_t from)
{
	float *all = malloc(count * sizeof(*all));

	if (!all)
		check(VACCEL_ENOMEM, "memory");
	for (size_t i = 0; i < count; i++)
		all[i] = (float)(37ULL * (i + from) % 101) / 50 - 1;
	return all;
}

static int print(const char *name, const void *data, size_t size, bool right)
{
	const uint8_t *bytes = data;

	printf("%s: ", name);
	for (size_t i = 0; i < size; i++)
		printf("%02x", bytes[i]);
	printf("\n%s: %s\n", name, right ? "right" : "wrong");
	return right ? 0 : 1;
}

/* ---- Numbers --------------------------------------------------------------------------------- */

/* c = a * b + c, as far as float goes */
static bool is_product(const float *a, const float *b, const float *before, const float *c, size_t rows,
		       size_t columns, size_t inner)
{
	for (size_t i = 0; i < rows * columns; i++) {
		double sum = before ? before[i] : 0;

		for (size_t k = 0; k < inner; k++)
			sum += (double)a[i / columns * inner + k] * b[k * columns + i % columns];
		if (!(fabs(sum - c[i]) < 1e-5))
			return false;
	}
	return true;
}

static int blas_sgemm(const char *name)
{
	float *a = values(ROWS * INNER, 0), *b = values(INNER * COLUMNS, 50);
	float *before = values(ROWS * COLUMNS, 9), *c = values(ROWS * COLUMNS, 9);

	check(vaccel_sgemm(&sess, ROWS, COLUMNS, INNER, 1, a, INNER, b, COLUMNS, 1, c, COLUMNS), name);
	return print(name, c, ROWS * COLUMNS * sizeof(*c), is_product(a, b, before, c, ROWS, COLUMNS, INNER));
}

static struct vaccel_torch_tensor *matrix(float *data, int64_t rows, int64_t columns)
{
	struct vaccel_torch_tensor *t;

	check(vaccel_torch_tensor_new(&t, 2, (int64_t[]){rows, columns}, VACCEL_TORCH_FLOAT), "tensor");
	vaccel_torch_tensor_set_data(t, data, (size_t)(rows * columns) * sizeof(*data));
	return t;
}

static int torch_sgemm(const char *name)
{
	float *a = values(ROWS * INNER, 0), *b = values(INNER * COLUMNS, 50), *c = values(ROWS * COLUMNS, 9);
	struct vaccel_torch_tensor *in_a = matrix(a, ROWS, INNER), *in_b = matrix(b, INNER, COLUMNS);
	struct vaccel_torch_tensor *in_c = matrix(c, ROWS, COLUMNS), *out = NULL;

	check(vaccel_torch_sgemm(&sess, &in_a, &in_b, &in_c, ROWS, COLUMNS, INNER, &out), name);
	return print(name, out->data, out->size, out->size == ROWS * COLUMNS * sizeof(*c) &&
						 is_product(a, b, c, out->data, ROWS, COLUMNS, INNER));
}

static int fpga_mmult(const char *name)
{
	float *a = values(INNER * INNER, 0), *b = values(INNER * INNER, 50), *c = values(INNER * INNER, 9);

	check(vaccel_fpga_mmult(&sess, a, b, c, INNER * INNER), name);
	return print(name, c, INNER * INNER * sizeof(*c), is_product(a, b, NULL, c, INNER, INNER, INNER));
}

static int fpga_arraycopy(const char *name)
{
	int from[] = {1, -2, 3000000, INT32_MIN}, to[4] = {0};

	check(vaccel_fpga_arraycopy(&sess, from, to, 4), name);
	return print(name, to, sizeof(to), !memcmp(from, to, sizeof(to)));
}

static int fpga_vectoradd(const char *name)
{
	float *a = values(ROWS, 0), *b = values(ROWS, 50), c[ROWS] = {0};
	bool right = true;

	check(vaccel_fpga_vadd(&sess, a, b, c, ROWS, ROWS), name);
	for (int i = 0; i < ROWS; i++)
		right = right && c[i] == a[i] + b[i];
	return print(name, c, sizeof(c), right);
}

static int fpga_parallel(const char *name)
{
	float *a = values(ROWS, 0), *b = values(ROWS, 50), c[2][ROWS] = {{0}};
	bool right = true;

	check(vaccel_fpga_parallel(&sess, a, b, c[0], c[1], ROWS), name);
	for (int i = 0; i < ROWS; i++)
		right = right && c[0][i] == a[i] + b[i] && c[1][i] == a[i] * b[i];
	return print(name, c, sizeof(c), right);
}

static int minmax(const char *name)
{
	static const double in[] = {3, -7.25, 0.5, 1e6, 12}, right[] = {3, -5, 0.5, 10, 10, -7.25, 1e6};
	double out[7] = {0};

	check(vaccel_minmax(&sess, in, 5, -5, 10, out, &out[5], &out[6]), name);
	return print(name, out, sizeof(out), !memcmp(out, right, sizeof(out)));
}

/* ---- Models ---------------------------------------------------------------------------------- */

/* nr: of the input, in the order of expect.py */
static bool is_expected_of(int nr, const char *path, const float *scores)
{
	FILE *file = fopen(path, "r");
	bool right = true;

	if (!file)
		check(VACCEL_ENOENT, path);
	for (int i = 0; i < (nr + 1) * CLASSES; i++) {
		float expected;

		right = right && fscanf(file, "%f", &expected) == 1 &&
			(i < nr * CLASSES || fabsf(scores[i - nr * CLASSES] - expected) < 1e-5f);
	}
	fclose(file);
	return right;
}

static bool is_expected(const char *path, const float *scores)
{
	return is_expected_of(0, path, scores);
}

/* The picture of that side, as rows of pixels or as a plane for each colour; to be freed by nobody */
static float *pixels(size_t side, bool planes)
{
	float *rows = values(side * side * 3, 0), *all = malloc(side * side * 3 * sizeof(*all));

	if (!all)
		check(VACCEL_ENOMEM, "memory");
	for (size_t i = 0; i < side * side * 3; i++)
		all[planes ? i % 3 * side * side + i / 3 : i] = rows[i];
	return all;
}

static int tf(const char *name, struct vaccel_resource *model, const char *expected)
{
	const struct vaccel_tf_node in_node = {"serving_default_input_1", 0}, out_node = {"StatefulPartitionedCall", 0};
	struct vaccel_tf_status status = {0, NULL};
	struct vaccel_tf_tensor *in, *out = NULL;

	check(vaccel_tf_tensor_new(&in, 4, (int64_t[]){1, SIDE, SIDE, 3}, VACCEL_TF_FLOAT), "tensor");
	check(vaccel_tf_tensor_set_data(in, values(PIXELS, 0), PIXELS * sizeof(float)), "tensor");
	check(vaccel_tf_model_load(&sess, model, &status), "tf_model_load");
	check(vaccel_tf_model_run(&sess, model, NULL, &in_node, &in, 1, &out_node, &out, 1, &status), "tf_model_run");
	check(vaccel_tf_model_unload(&sess, model, &status), "tf_model_unload");
	return print(name, out->data, out->size, out->size == CLASSES * sizeof(float) &&
						 is_expected(expected, out->data));
}

static int tflite(const char *name, struct vaccel_resource *model, const char *expected)
{
	struct vaccel_tflite_tensor *in, *out = NULL;
	uint8_t status = 0;

	check(vaccel_tflite_tensor_new(&in, 4, (int32_t[]){1, SIDE, SIDE, 3}, VACCEL_TFLITE_FLOAT32), "tensor");
	check(vaccel_tflite_tensor_set_data(in, values(PIXELS, 0), PIXELS * sizeof(float)), "tensor");
	check(vaccel_tflite_model_load(&sess, model), "tflite_model_load");
	check(vaccel_tflite_model_run(&sess, model, &in, 1, &out, 1, &status), "tflite_model_run");
	check(vaccel_tflite_model_unload(&sess, model), "tflite_model_unload");
	return print(name, out->data, out->size, out->size == CLASSES * sizeof(float) &&
						 is_expected(expected, out->data));
}

static int torch(const char *name, struct vaccel_resource *model, const char *expected)
{
	struct vaccel_torch_tensor *in, *out = NULL;

	check(vaccel_torch_tensor_new(&in, 4, (int64_t[]){1, 3, SIDE, SIDE}, VACCEL_TORCH_FLOAT), "tensor");
	vaccel_torch_tensor_set_data(in, pixels(SIDE, true), PIXELS * sizeof(float));
	check(vaccel_torch_model_load(&sess, model), "torch_model_load");
	check(vaccel_torch_model_run(&sess, model, NULL, &in, 1, &out, 1), "torch_model_run");
	return print(name, out->data, out->size, out->size == CLASSES * sizeof(float) &&
						 is_expected(expected, out->data));
}

/* Of the picture's size and how it lies: what the model says, or what it takes if it does not. */
static int infer(const char *name, struct vaccel_resource *model, const char *expected)
{
	struct vaccel_infer_tensor in = {.datatype = VACCEL_INFER_FP32, .nr_dims = 4}, out = {.name = NULL};
	struct vaccel_infer_desc descs[2];
	struct vaccel_infer_model info;
	bool planes = false;
	int64_t side;

	check(vaccel_infer_load(&sess, model), "infer_load");
	check(vaccel_infer_metadata(&sess, model, &info, descs, 2), "infer_metadata");
	check(info.nr_inputs == 1 && info.nr_outputs == 1 ? VACCEL_OK : VACCEL_EINVAL, "inputs and outputs");
	planes = descs[0].nr_dims == 4 ? descs[0].shape[1] == 3 : strstr(info.platform, "torch") != NULL;
	side = descs[0].nr_dims == 4 && descs[0].shape[2] > 0 ? descs[0].shape[2] : SIDE;
	check(side <= SIDE ? VACCEL_OK : VACCEL_EINVAL, "side");
	for (uint32_t i = 0; i < 4; i++)
		in.shape[i] = !i ? 1 : i == (planes ? 1 : 3) ? 3 : side;
	in.name = descs[0].name;
	in.data = pixels((size_t)side, planes);
	in.size = (size_t)(side * side) * 3 * sizeof(float);
	check(vaccel_infer_run(&sess, model, &in, 1, &out, 1), "infer_run");
	check(vaccel_infer_unload(&sess, model), "infer_unload");
	printf("%s: %s %s [%d]\n", name, info.platform, descs[1].name, (int)descs[1].nr_dims);
	return print(name, out.data, out.size, out.size == CLASSES * sizeof(float) &&
					       is_expected_of(side == SIDE ? 0 : 1, expected, out.data));
}

/* ---- Text ------------------------------------------------------------------------------------ */

/* What a model says, into text, which has room for it */
static size_t say(struct vaccel_resource *model, const struct vaccel_text_params *params, const char *role,
		  const char *content, char *text, size_t room)
{
	struct vaccel_text_message message = {role, content};
	struct vaccel_text_status status = {0};
	size_t len = 0;
	uint64_t id;

	check(vaccel_text_begin(&sess, model, params, &message, 1, &id), "text_begin");
	while (!status.finished) {
		check(vaccel_text_next(&sess, id, text + len, room - len, VACCEL_TEXT_MAX_WAIT_MS, &status), "text_next");
		len += status.len;
	}
	check((int)status.code, "text_next");
	check(vaccel_text_end(&sess, id), "text_end");
	return len;
}

static int text(const char *name)
{
	const struct vaccel_text_params random = {.max_tokens = 100, .temperature = 1, .top_k = 2, .seed = 5};
	float embedding[TEXT_MODEL_WIDTH];
	struct vaccel_infer_model info;
	struct vaccel_resource *model;
	char said[3][1024] = {""};
	uint64_t nr;
	size_t size;
	uint8_t *file = text_model(4096, &size);

	check(file ? VACCEL_OK : VACCEL_ENOMEM, "memory");
	check(vaccel_resource_from_buf(&model, file, size, VACCEL_RESOURCE_MODEL, "hand.gguf", true), "resource");
	check(vaccel_resource_register(model, &sess), "resource");
	check(vaccel_infer_load(&sess, model), "infer_load");
	check(vaccel_infer_metadata(&sess, model, &info, NULL, 0), "infer_metadata");
	say(model, NULL, NULL, "What?", said[0], sizeof(said[0]) - 1);
	say(model, NULL, "user", "What?", said[1], sizeof(said[1]) - 1);
	say(model, &random, NULL, "!", said[2], sizeof(said[2]) - 1);
	check(vaccel_text_embed(&sess, model, "?", embedding, TEXT_MODEL_WIDTH, &nr), "text_embed");
	check(vaccel_infer_unload(&sess, model), "infer_unload");
	printf("%s: %s:%s;%s;%s\n", name, info.platform, said[0], said[1], said[2]);
	return print(name, embedding, sizeof(embedding),
		     !strcmp(said[0], TEXT_MODEL_ANSWER) && !strcmp(said[1], TEXT_MODEL_HELLO) && strstr(said[2], "li") &&
			     nr == TEXT_MODEL_WIDTH && fabsf(embedding[0] - TEXT_MODEL_MEAN) < 1e-3F);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*numbers)(const char *name);
		int (*model)(const char *name, struct vaccel_resource *model, const char *expected);
	} operations[] = {
		{"blas_sgemm", blas_sgemm, NULL},     {"torch_sgemm", torch_sgemm, NULL},
		{"fpga_mmult", fpga_mmult, NULL},     {"fpga_arraycopy", fpga_arraycopy, NULL},
		{"fpga_parallel", fpga_parallel, NULL}, {"fpga_vectoradd", fpga_vectoradd, NULL},
		{"minmax", minmax, NULL},	      {"tf", NULL, tf},
		{"tflite", NULL, tflite},	      {"torch", NULL, torch},
		{"infer", NULL, infer},		      {"text", text, NULL},
	};
	struct vaccel_resource *model;

	for (size_t i = 0; argc > 1 && i < sizeof(operations) / sizeof(operations[0]); i++) {
		if (strcmp(argv[1], operations[i].name) || argc != (operations[i].model ? 4 : 2))
			continue;
		check(vaccel_session_init(&sess, 0), "session");
		if (operations[i].numbers)
			return operations[i].numbers(argv[1]);
		check(vaccel_resource_new(&model, argv[2], VACCEL_RESOURCE_MODEL), argv[2]);
		check(vaccel_resource_register(model, &sess), argv[2]);
		return operations[i].model(argv[1], model, argv[3]);
	}
	fprintf(stderr, "Usage: %s OPERATION | FRAMEWORK MODEL EXPECTED\n", argv[0]);
	return 2;
}
