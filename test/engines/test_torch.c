// SPDX-License-Identifier: Apache-2.0
/*
 * The torch plugin, in this process and behind the strict sandbox: what the models of models/make-torch say is
 * compared with what was computed here, and the one place with the other, bit for bit.
 */
#include "engines.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

static struct engines e;

/* ---- Models and tensors ---------------------------------------------------------------------- */

static void model_path(const char *name, char *path, size_t size)
{
	snprintf(path, size, MODELS_DIR "/torch_%s.pt", name);
}

/* A model's file, registered with both sessions. */
static struct vaccel_resource *open_model(const char *name)
{
	char path[512];

	model_path(name, path, sizeof(path));
	return model_of_path(&e, path);
}

static struct vaccel_torch_tensor *tensor(enum vaccel_torch_data_type type, void *data, size_t size,
					  int64_t nr_dims, const int64_t *dims)
{
	struct vaccel_torch_tensor *t;

	assert_int_equal(vaccel_torch_tensor_new(&t, nr_dims, dims, type), 0);
	vaccel_torch_tensor_set_data(t, data, size);
	return t;
}

static struct vaccel_torch_tensor *floats(float *data, int64_t rows, int64_t columns)
{
	return tensor(VACCEL_TORCH_FLOAT, data, (size_t)(rows * columns) * sizeof(*data), 2,
		      (int64_t[]){rows, columns});
}

static int run(int place, struct vaccel_resource *model, struct vaccel_torch_tensor *in,
	       struct vaccel_torch_tensor **out)
{
	*out = NULL;
	return vaccel_torch_model_run(&e.sess[place], model, NULL, &in, in ? 1 : 0, out, 1);
}

static void expect_refused(struct vaccel_resource *model, struct vaccel_torch_tensor *in, int code)
{
	for (int place = 0; place < NR_PLACES; place++) {
		struct vaccel_torch_tensor *out;

		assert_int_equal(run(place, model, in, &out), code);
		assert_null(out);
	}
}

/* ---- Right answers --------------------------------------------------------------------------- */

static void expect_linear(int place, struct vaccel_resource *model, int64_t rows)
{
	float *x = random_floats((size_t)rows * 4, (uint32_t)rows);
	struct vaccel_torch_tensor *in, *out;
	float *y;

	for (int64_t i = 0; i < rows * 4; i++)
		x[i] = (float)(int)(x[i] * 100); /* small whole numbers: the sums are exact */
	in = floats(x, rows, 4);
	assert_int_equal(run(place, model, in, &out), 0);
	assert_int_equal(out->data_type, VACCEL_TORCH_FLOAT);
	assert_int_equal(out->nr_dims, 2);
	assert_int_equal(out->dims[0], rows);
	assert_int_equal(out->dims[1], 3);
	assert_int_equal(out->size, (size_t)rows * 3 * sizeof(float));
	y = out->data;
	for (int64_t i = 0; i < rows; i++) {
		for (int j = 0; j < 3; j++) {
			float sum = 100 * (float)(j + 1);

			for (int k = 0; k < 4; k++)
				sum += x[i * 4 + k] * (float)(3 * k + j);
			assert_true(y[i * 3 + j] == sum);
		}
	}
	vaccel_torch_tensor_delete(out);
	vaccel_torch_tensor_delete(in);
	free(x);
}

static void linear(void **state)
{
	struct vaccel_resource *model = open_model("linear");

	(void)state;
	for (int place = 0; place < NR_PLACES; place++) {
		assert_int_equal(vaccel_torch_model_load(&e.sess[place], model), 0);
		for (int64_t rows = 1; rows < 2000; rows = 3 * rows + 1)
			expect_linear(place, model, rows);
	}
	vaccel_resource_delete(model);
}

/* A model that is in memory only, and one that nobody has loaded before it is run */
static void from_memory(void **state)
{
	char path[512];
	size_t size;
	uint8_t *data;
	struct vaccel_resource *model;

	(void)state;
	model_path("linear", path, sizeof(path));
	data = read_whole(path, &size);
	model = model_of_bytes(&e, data, size, "linear.pt");
	for (int place = 0; place < NR_PLACES; place++)
		expect_linear(place, model, 7);
	vaccel_resource_delete(model);
	free(data);
}

static void output_types(void **state)
{
	static const enum vaccel_torch_data_type types[] = {
		VACCEL_TORCH_FLOAT, VACCEL_TORCH_BYTE, VACCEL_TORCH_CHAR, VACCEL_TORCH_SHORT,
		VACCEL_TORCH_INT,   VACCEL_TORCH_LONG, VACCEL_TORCH_HALF};
	static const size_t bytes[] = {4, 1, 1, 2, 4, 8, 2};
	struct vaccel_resource *model = open_model("outputs");
	float x[] = {1, 2, 3};
	struct vaccel_torch_tensor *in = floats(x, 1, 3), *out[7];

	(void)state;
	for (int place = 0; place < NR_PLACES; place++) {
		assert_int_equal(vaccel_torch_model_run(&e.sess[place], model, NULL, &in, 1, out, 7), 0);
		assert_int_equal(out[0]->nr_dims, 1);
		assert_int_equal(out[0]->dims[0], 1);
		assert_true(*(float *)out[0]->data == 6);
		for (int i = 1; i < 7; i++) {
			assert_int_equal(out[i]->data_type, types[i]);
			assert_int_equal(out[i]->size, 3 * bytes[i]);
		}
		assert_memory_equal(out[1]->data, ((uint8_t[]){1, 2, 3}), 3);
		assert_memory_equal(out[2]->data, ((int8_t[]){1, 2, 3}), 3);
		assert_memory_equal(out[3]->data, ((int16_t[]){1, 2, 3}), 6);
		assert_memory_equal(out[4]->data, ((int32_t[]){1, 2, 3}), 12);
		assert_memory_equal(out[5]->data, ((int64_t[]){1, 2, 3}), 24);
		assert_memory_equal(out[6]->data, ((uint16_t[]){0x3c00, 0x4000, 0x4200}), 6);
		for (int i = 0; i < 7; i++)
			vaccel_torch_tensor_delete(out[i]);
		/* The first ones are enough for a program that does not want the rest. */
		assert_int_equal(vaccel_torch_model_run(&e.sess[place], model, NULL, &in, 1, out, 1), 0);
		vaccel_torch_tensor_delete(out[0]);
	}
	vaccel_torch_tensor_delete(in);
	vaccel_resource_delete(model);
}

static void input_types(void **state)
{
	struct vaccel_resource *model = open_model("types");
	static const int64_t dims[] = {2};
	struct vaccel_torch_tensor *out, *in[] = {
		tensor(VACCEL_TORCH_BYTE, (uint8_t[]){200, 1}, 2, 1, dims),
		tensor(VACCEL_TORCH_CHAR, (int8_t[]){-100, 2}, 2, 1, dims),
		tensor(VACCEL_TORCH_SHORT, (int16_t[]){-30000, 3}, 4, 1, dims),
		tensor(VACCEL_TORCH_INT, (int32_t[]){1 << 20, 4}, 8, 1, dims),
		tensor(VACCEL_TORCH_LONG, (int64_t[]){-7, 5}, 16, 1, dims),
		tensor(VACCEL_TORCH_HALF, (uint16_t[]){0x3c00, 0x4000}, 4, 1, dims),
		tensor(VACCEL_TORCH_FLOAT, (float[]){0.5f, 0.25f}, 8, 1, dims),
	};

	(void)state;
	for (int place = 0; place < NR_PLACES; place++) {
		for (int nr = 6; nr <= 7; nr++) {
			float *sum;

			assert_int_equal(vaccel_torch_model_run(&e.sess[place], model, NULL, in, nr, &out, 1), 0);
			sum = out->data;
			assert_true(sum[0] == 1018670 + (nr == 7 ? 0.5f : 0));
			assert_true(sum[1] == 17 + (nr == 7 ? 0.25f : 0));
			vaccel_torch_tensor_delete(out);
		}
		/* Too few, and too many outputs */
		assert_int_equal(vaccel_torch_model_run(&e.sess[place], model, NULL, in, 5, &out, 1),
				 VACCEL_EINVAL);
		struct vaccel_torch_tensor *two[2] = {NULL, NULL};
		assert_int_equal(vaccel_torch_model_run(&e.sess[place], model, NULL, in, 7, two, 2),
				 VACCEL_EINVAL);
		assert_true(!two[0] && !two[1]);
	}
	for (int i = 0; i < 7; i++)
		vaccel_torch_tensor_delete(in[i]);
	vaccel_resource_delete(model);
}

static void product(void **state)
{
	enum { M = 5, N = 70, K = 33 };
	float *a = random_floats(M * K, 1), *b = random_floats(K * N, 2), *c = random_floats(M * N, 3);
	struct vaccel_torch_tensor *in[] = {floats(a, M, K), floats(b, K, N), floats(c, M, N)};
	struct vaccel_torch_tensor *out[NR_PLACES] = {NULL, NULL};

	(void)state;
	for (int i = 0; i < M * K; i++)
		a[i] = (float)(int)(a[i] * 50);
	for (int i = 0; i < K * N; i++)
		b[i] = (float)(int)(b[i] * 50);
	for (int place = 0; place < NR_PLACES; place++) {
		assert_int_equal(vaccel_torch_sgemm(&e.sess[place], &in[0], &in[1], &in[2], M, N, K, &out[place]),
				 0);
		assert_int_equal(out[place]->size, M * N * sizeof(float));
		for (int i = 0; i < M; i++) {
			for (int j = 0; j < N; j++) {
				float sum = 0;

				for (int k = 0; k < K; k++)
					sum += a[i * K + k] * b[k * N + j];
				sum += c[i * N + j];
				float got = ((float *)out[place]->data)[i * N + j];
				assert_true(got - sum < 1e-2f && sum - got < 1e-2f);
			}
		}
	}
	assert_memory_equal(out[LOCAL]->data, out[REMOTE]->data, out[LOCAL]->size);
	for (int place = 0; place < NR_PLACES; place++) {
		struct vaccel_torch_tensor *none = NULL;

		vaccel_torch_tensor_delete(out[place]);
		assert_int_equal(vaccel_torch_sgemm(&e.sess[place], &in[1], &in[0], &in[2], M, N, K, &none),
				 VACCEL_EINVAL);
		assert_int_equal(vaccel_torch_sgemm(&e.sess[place], &in[0], &in[1], &in[2], M, N, 0, &none),
				 VACCEL_EINVAL);
		assert_int_equal(vaccel_torch_sgemm(&e.sess[place], &in[0], &in[1], &in[2], 1 << 30, 1 << 30, 1 << 30,
						    &none), VACCEL_EINVAL);
		assert_null(none);
	}
	for (int i = 0; i < 3; i++)
		vaccel_torch_tensor_delete(in[i]);
	free(a);
	free(b);
	free(c);
}

/* ---- Refusals -------------------------------------------------------------------------------- */

static void bad_inputs(void **state)
{
	struct vaccel_resource *model = open_model("linear");
	static const int64_t big[] = {INT64_MAX, INT64_MAX}, negative[] = {-1, 4}, nine[9] = {0};
	float x[12] = {0};
	struct vaccel_torch_tensor *in;

	(void)state;
	in = tensor(VACCEL_TORCH_FLOAT, x, sizeof(x), 1, (int64_t[]){12}); /* rank */
	expect_refused(model, in, VACCEL_EINVAL);
	vaccel_torch_tensor_delete(in);
	in = floats(x, 4, 3); /* columns */
	expect_refused(model, in, VACCEL_EINVAL);
	in->data_type = VACCEL_TORCH_INT;
	expect_refused(model, in, VACCEL_EINVAL);
	in->data_type = (enum vaccel_torch_data_type)8;
	expect_refused(model, in, VACCEL_EINVAL);
	in->data_type = (enum vaccel_torch_data_type)0;
	expect_refused(model, in, VACCEL_EINVAL);
	vaccel_torch_tensor_delete(in);
	in = tensor(VACCEL_TORCH_FLOAT, x, sizeof(x), 2, (int64_t[]){4, 4}); /* more than there is */
	expect_refused(model, in, VACCEL_EINVAL);
	vaccel_torch_tensor_delete(in);
	in = tensor(VACCEL_TORCH_FLOAT, x, sizeof(x), 2, big);
	expect_refused(model, in, VACCEL_EINVAL);
	vaccel_torch_tensor_delete(in);
	in = tensor(VACCEL_TORCH_FLOAT, x, sizeof(x), 2, negative);
	expect_refused(model, in, VACCEL_EINVAL);
	vaccel_torch_tensor_delete(in);
	in = tensor(VACCEL_TORCH_FLOAT, x, 0, 9, nine);
	expect_refused(model, in, VACCEL_EINVAL);
	vaccel_torch_tensor_delete(in);
	expect_refused(model, NULL, VACCEL_EINVAL); /* none */
	for (int place = 0; place < NR_PLACES; place++)
		expect_linear(place, model, 3);
	vaccel_resource_delete(model);
}

static void no_results(void **state)
{
	static const char *const names[] = {"named", "double"};
	float x[] = {1e15f};
	struct vaccel_torch_tensor *in = floats(x, 1, 1);
	struct vaccel_resource *model;

	(void)state;
	for (int i = 0; i < 2; i++) {
		model = open_model(names[i]);
		expect_refused(model, in, VACCEL_EINVAL);
		vaccel_resource_delete(model);
	}
	model = open_model("greedy");
	expect_refused(model, in, VACCEL_ENOMEM);
	vaccel_resource_delete(model);
	vaccel_torch_tensor_delete(in);
}

static void expect_no_model(const void *data, size_t size, const char *name)
{
	struct vaccel_resource *model = model_of_bytes(&e, data, size, name);

	for (int place = 0; place < NR_PLACES; place++)
		assert_int_equal(vaccel_torch_model_load(&e.sess[place], model), VACCEL_EINVAL);
	vaccel_resource_delete(model);
}

static void bad_files(void **state)
{
	size_t size, zip;
	uint8_t *data = read_whole(EXAMPLES_DIR "/models/shapes/shapes.onnx", &size);
	struct vaccel_resource *model;
	char path[512];

	(void)state;
	expect_no_model(data, size, "other.pt");
	expect_no_model("x", 1, "short.pt");
	free(data);
	model_path("linear", path, sizeof(path));
	data = read_whole(path, &size);
	for (zip = 4; zip < size; zip += 1 + zip / 4)
		expect_no_model(data, zip, "cut.pt");
	/* Bytes that are not what they were: refused, or still a model, but never the end of the worker. */
	for (size_t at = 0; at < size; at += 97) {
		data[at] ^= 0xff;
		model = model_of_bytes(&e, data, size, "changed.pt");
		for (int place = 0; place < NR_PLACES; place++)
			vaccel_torch_model_load(&e.sess[place], model);
		vaccel_resource_delete(model);
		data[at] ^= 0xff;
	}
	free(data);
	model = open_model("noforward");
	for (int place = 0; place < NR_PLACES; place++)
		assert_int_equal(vaccel_torch_model_load(&e.sess[place], model), VACCEL_EINVAL);
	vaccel_resource_delete(model);
}

/* ---- State, output, threads ------------------------------------------------------------------ */

static void run_counter(void *arg)
{
	struct vaccel_resource *model = arg;
	float x[] = {10};
	struct vaccel_torch_tensor *in = floats(x, 1, 1), *out;

	for (int i = 0; i < 6; i++) {
		assert_int_equal(run(i % NR_PLACES, model, in, &out), 0);
		assert_true(*(float *)out->data == 11);
		vaccel_torch_tensor_delete(out);
	}
	vaccel_torch_tensor_delete(in);
}

/* A model that counts its runs starts each from the beginning: what one caller does, no other sees. */
static void no_state(void **state)
{
	struct vaccel_resource *model = open_model("counter");
	char *text = captured(run_counter, model), *log = daemon_log(&e.host);

	(void)state;
	/* What it prints is for the log at level 4. */
	assert_string_equal(text, "");
	assert_null(strstr(log, "this model has run"));
	free(text);
	free(log);
	vaccel_resource_delete(model);
}

static struct vaccel_resource *shared;

static void *many_runs(void *arg)
{
	for (int64_t i = 1; i <= 20; i++)
		expect_linear((int)(intptr_t)arg, shared, i * 13 % 50 + 1);
	return NULL;
}

static int threads_of_process(void)
{
	FILE *file = popen("ls /proc/$PPID/task | wc -l", "r");
	int nr = 0;

	assert_non_null(file);
	assert_int_equal(fscanf(file, "%d", &nr), 1);
	pclose(file);
	return nr;
}

/* One team of threads, however many threads call */
static void threads(void **state)
{
	pthread_t all[16];
	int before;

	(void)state;
	shared = open_model("linear");
	many_runs(NULL);
	before = threads_of_process();
	for (int turn = 0; turn < 5; turn++) {
		for (intptr_t i = 0; i < 16; i++)
			assert_int_equal(pthread_create(&all[i], NULL, many_runs, (void *)(i % NR_PLACES)), 0);
		for (int i = 0; i < 16; i++)
			pthread_join(all[i], NULL);
	}
	assert_true(threads_of_process() <= before + (int)sysconf(_SC_NPROCESSORS_ONLN));
	vaccel_resource_delete(shared);
}

/* A child of fork() has none of the threads, and gets its own. */
static void child(void **state)
{
	struct vaccel_resource *model = open_model("linear");
	pid_t pid = fork();
	int status;

	(void)state;
	assert_true(pid >= 0);
	if (!pid) {
		alarm(60);
		expect_linear(LOCAL, model, 5);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	vaccel_resource_delete(model);
}

/* ---- Pictures -------------------------------------------------------------------------------- */

static void classify(int place, const char *picture, const char *label, int code)
{
	unsigned char text[64] = "", name[64] = "";
	uint8_t *data;
	char path[512];
	size_t size;

	snprintf(path, sizeof(path), EXAMPLES_DIR "/images/%s", picture);
	data = read_whole(path, &size);
	assert_int_equal(vaccel_image_classification(&e.sess[place], data, text, name, size, sizeof(text),
						     sizeof(name)), code);
	assert_memory_equal(text, label, strlen(label));
	free(data);
}

static void classify_not_finite(void *unused)
{
	(void)unused;
	for (int place = 0; place < NR_PLACES; place++)
		classify(place, "circle.jpg", "", VACCEL_EINVAL);
}

static void pictures(void **state)
{
	struct vaccel_resource *model;
	char *text;

	(void)state;
	/* The model and labels of the environment, see main() */
	for (int place = 0; place < NR_PLACES; place++) {
		classify(place, "circle.jpg", "circle ", 0);
		classify(place, "square.png", "square ", 0);
		classify(place, "triangle.jpg", "triangle ", 0);
	}
	model = open_model("notfinite");
	text = captured(classify_not_finite, NULL);
	if (!strstr(text, "infinity for class circle, which is no score"))
		fail_msg("%s", text);
	free(text);
	vaccel_resource_delete(model);
}

/* ---- vaccel/infer.h -------------------------------------------------------------------------- */

static struct vaccel_infer_tensor infer_floats(const char *name, float *data, int64_t rows, int64_t columns)
{
	return (struct vaccel_infer_tensor){.name = name, .datatype = VACCEL_INFER_FP32, .nr_dims = 2,
					    .shape = {rows, columns}, .data = data,
					    .size = (size_t)(rows * columns) * sizeof(float)};
}

/* The same bits as libtorch's own operation gives. */
static void inference(void **state)
{
	struct vaccel_resource *model = open_model("linear");
	float *x = random_floats(7 * 4, 3);
	struct vaccel_torch_tensor *in = floats(x, 7, 4), *own;

	(void)state;
	for (int place = 0; place < NR_PLACES; place++) {
		struct vaccel_infer_tensor a = infer_floats("x", x, 7, 4), y = {.name = "OUTPUT__0"};
		struct vaccel_infer_model info;
		struct vaccel_infer_desc d[2];

		assert_int_equal(run(place, model, in, &own), 0);
		assert_int_equal(vaccel_infer_run(&e.sess[place], model, &a, 1, &y, 1), VACCEL_EINVAL);
		assert_int_equal(vaccel_infer_load(&e.sess[place], model), 0);
		assert_int_equal(vaccel_infer_metadata(&e.sess[place], model, &info, d, 2), 0);
		assert_int_equal(info.nr_inputs, 1);
		assert_int_equal(info.nr_outputs, 1);
		assert_string_equal(info.platform, "pytorch_torchscript");
		assert_string_equal(d[0].name, "x");
		assert_string_equal(d[1].name, "OUTPUT__0");
		assert_int_equal(d[0].datatype, 0);
		assert_int_equal(d[0].nr_dims, UINT32_MAX);
		for (int named = 0; named < 2; named++) {
			y.name = named ? "OUTPUT__0" : NULL;
			assert_int_equal(vaccel_infer_run(&e.sess[place], model, &a, 1, &y, 1), 0);
			assert_int_equal(y.datatype, VACCEL_INFER_FP32);
			assert_int_equal(y.nr_dims, 2);
			assert_int_equal(y.size, own->size);
			assert_memory_equal(y.data, own->data, own->size);
			vaccel_infer_tensor_release(&y);
		}
		y.name = "OUTPUT__1";
		assert_int_equal(vaccel_infer_run(&e.sess[place], model, &a, 1, &y, 1), VACCEL_EINVAL);
		a.name = "z";
		y.name = NULL;
		assert_int_equal(vaccel_infer_run(&e.sess[place], model, &a, 1, &y, 1), VACCEL_EINVAL);
		assert_int_equal(vaccel_infer_unload(&e.sess[place], model), 0);
		vaccel_torch_tensor_delete(own);
	}
	vaccel_torch_tensor_delete(in);
	vaccel_resource_delete(model);
	free(x);
}

/* Types that only infer.h has, and outputs that are known when the model has run */
static void inference_types(void **state)
{
	struct vaccel_resource *twice = open_model("double"), *seven = open_model("outputs");
	static const uint32_t types[] = {VACCEL_INFER_FP32, VACCEL_INFER_UINT8, VACCEL_INFER_INT8,
					 VACCEL_INFER_INT16, VACCEL_INFER_INT32, VACCEL_INFER_INT64,
					 VACCEL_INFER_FP16};
	uint16_t upper[] = {0x3f80, 0xc040}; /* 1 and -3 in BF16 */
	float three[] = {1, 2, 3};

	(void)state;
	for (int place = 0; place < NR_PLACES; place++) {
		struct vaccel_infer_tensor x = {.datatype = VACCEL_INFER_BF16, .nr_dims = 1, .shape = {2},
						.data = upper, .size = sizeof(upper)};
		struct vaccel_infer_tensor y = {.name = NULL}, all[8] = {{.name = NULL}};
		struct vaccel_infer_model info;

		assert_int_equal(vaccel_infer_load(&e.sess[place], twice), 0);
		assert_int_equal(vaccel_infer_load(&e.sess[place], seven), 0);
		assert_int_equal(vaccel_infer_run(&e.sess[place], twice, &x, 1, &y, 1), 0);
		assert_int_equal(y.datatype, VACCEL_INFER_FP64);
		assert_memory_equal(y.data, ((double[]){1, -3}), 16);
		vaccel_infer_tensor_release(&y);
		x.datatype = VACCEL_INFER_UINT16;
		assert_int_equal(vaccel_infer_run(&e.sess[place], twice, &x, 1, &y, 1), VACCEL_EINVAL);
		x = infer_floats("x", three, 1, 3);
		assert_int_equal(vaccel_infer_metadata(&e.sess[place], seven, &info, NULL, 0), 0);
		assert_int_equal(info.nr_outputs, 0);
		assert_int_equal(vaccel_infer_run(&e.sess[place], seven, &x, 1, all, 7), 0);
		for (int i = 0; i < 7; i++) {
			assert_int_equal(all[i].datatype, types[i]);
			vaccel_infer_tensor_release(&all[i]);
		}
		assert_int_equal(vaccel_infer_run(&e.sess[place], seven, &x, 1, all, 8), VACCEL_EINVAL);
		for (int i = 0; i < 8; i++)
			assert_null(all[i].data);
	}
	vaccel_resource_delete(twice);
	vaccel_resource_delete(seven);
}

/* ---- What the operator sets ------------------------------------------------------------------ */

static void settings(void **state)
{
	(void)state;
	setenv("VACCEL_TORCH_DEVICE", "cpu", 1);
	expect_start(ENGINE_PLUGIN, 0, NULL);
	setenv("VACCEL_TORCH_DEVICE", "nothing:0", 1);
	expect_start(ENGINE_PLUGIN, VACCEL_ENODEV, "VACCEL_TORCH_DEVICE=nothing:0: ");
	/* No GPU has this number. */
	setenv("VACCEL_TORCH_DEVICE", "cuda:99", 1);
	expect_start(ENGINE_PLUGIN, VACCEL_ENODEV, "VACCEL_TORCH_DEVICE=cuda:99: ");
	unsetenv("VACCEL_TORCH_DEVICE");
	setenv("VACCEL_TORCH_THREADS", "1", 1);
	expect_start(ENGINE_PLUGIN, 0, NULL);
	unsetenv("VACCEL_TORCH_THREADS");
}

static int stop(void **state)
{
	(void)state;
	engines_stop(&e);
	return 0;
}

int main(void)
{
	static const struct CMUnitTest first[] = {cmocka_unit_test(settings)};
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(linear), cmocka_unit_test(from_memory), cmocka_unit_test(output_types),
		cmocka_unit_test(input_types), cmocka_unit_test(product), cmocka_unit_test(bad_inputs),
		cmocka_unit_test(no_results), cmocka_unit_test(bad_files), cmocka_unit_test(no_state),
		cmocka_unit_test(threads), cmocka_unit_test(pictures), cmocka_unit_test(child),
		cmocka_unit_test(inference), cmocka_unit_test(inference_types),
	};
	int ret, failed;

	test_main_begin(280);
	failed = cmocka_run_group_tests(first, NULL, NULL);
	setenv("VACCEL_TORCH_MODEL", EXAMPLES_DIR "/models/torch/cnn_trace.pt", 1);
	setenv("VACCEL_TORCH_LABELS", EXAMPLES_DIR "/models/shapes/labels.txt", 1);
	ret = engines_start(&e, ENGINE_PLUGIN);
	if (ret)
		test_die("the plugin does not start: %d", ret);
	return cmocka_run_group_tests(tests, NULL, stop) + failed;
}
