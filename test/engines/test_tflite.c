// SPDX-License-Identifier: Apache-2.0
/*
 * The operations of TensorFlow Lite, in this process and behind the strict sandbox, for each plugin that has
 * them: answers are compared with what numpy or this file has computed, and the one place with the other, bit
 * for bit. Bad models and tensors are refused, and nothing else happens.
 */
#include "engines.h"

#include <dirent.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lite_models.h"

#define SHAPES EXAMPLES_DIR "/models/tf/lstm2.tflite"

static struct engines e;
static float picture[SHAPES_PIXELS], expected[SHAPES_CLASSES];

/* A device that is not there; asked before this process has threads, which a fork does not have. */
static void expect_no_device(void)
{
#ifdef IS_OPENVINO
	int ret;

	setenv("VACCEL_OPENVINO_DEVICE", "GPU.7", 1);
	ret = plugin_starts(ENGINE_PLUGIN);
	unsetenv("VACCEL_OPENVINO_DEVICE");
	assert_true(ret == VACCEL_ENODEV || ret == VACCEL_ENOENT);
#endif
}

static int start(void **state)
{
	(void)state;
	shapes_read(picture, expected);
	expect_no_device();
	return engines_start_or_skip(&e, ENGINE_PLUGIN);
}

static int stop(void **state)
{
	(void)state;
	engines_stop(&e);
	return 0;
}

/* ---- Models and tensors ---------------------------------------------------------------------- */

/* The bytes of the model live until the resource is deleted. */
static struct vaccel_resource *model_of(const struct lite_model *m, uint8_t **bytes)
{
	size_t size;

	*bytes = lite_bytes(m, &size);
	assert_non_null(*bytes);
	return model_of_bytes(&e, *bytes, size, "made.tflite");
}

static void load(struct vaccel_resource *model)
{
	for (int i = 0; i < NR_PLACES; i++)
		assert_int_equal(vaccel_tflite_model_load(&e.sess[i], model), 0);
}

static struct vaccel_tflite_tensor *tensor(enum vaccel_tflite_data_type type, void *data, size_t size,
					   int nr_dims, const int32_t *dims)
{
	struct vaccel_tflite_tensor *t;

	assert_int_equal(vaccel_tflite_tensor_new(&t, nr_dims, dims, type), 0);
	assert_int_equal(vaccel_tflite_tensor_set_data(t, data, size), 0);
	return t;
}

static struct vaccel_tflite_tensor *picture_tensor(void)
{
	return tensor(VACCEL_TFLITE_FLOAT32, picture, sizeof(picture), 4, (int32_t[]){1, SHAPES_SIDE, SHAPES_SIDE, 3});
}

/* ---- Right answers --------------------------------------------------------------------------- */

static void expect_shapes(struct vaccel_resource *model)
{
	struct vaccel_tflite_tensor *in = picture_tensor(), *out[NR_PLACES];

	load(model);
	for (int place = 0; place < NR_PLACES; place++) {
		uint8_t status = 9;

		assert_int_equal(vaccel_tflite_model_run(&e.sess[place], model, &in, 1, &out[place], 1,
							 &status), 0);
		assert_int_equal(status, 0);
		assert_int_equal(out[place]->data_type, VACCEL_TFLITE_FLOAT32);
		assert_int_equal(out[place]->nr_dims, 2);
		assert_int_equal(out[place]->dims[0], 1);
		assert_int_equal(out[place]->dims[1], SHAPES_CLASSES);
		assert_int_equal(out[place]->size, SHAPES_CLASSES * sizeof(float));
		for (int i = 0; i < SHAPES_CLASSES; i++)
			assert_true(fabsf(((float *)out[place]->data)[i] - expected[i]) < 1e-5f);
	}
	assert_memory_equal(out[LOCAL]->data, out[REMOTE]->data, SHAPES_CLASSES * sizeof(float));
	for (int place = 0; place < NR_PLACES; place++) {
		vaccel_tflite_tensor_delete(out[place]);
		assert_int_equal(vaccel_tflite_model_unload(&e.sess[place], model), 0);
	}
	vaccel_tflite_tensor_delete(in);
	vaccel_resource_delete(model);
}

static void right(void **state)
{
	uint8_t *data;
	size_t size;

	(void)state;
	expect_shapes(model_of_path(&e, SHAPES));
	data = read_whole(SHAPES, &size);
	expect_shapes(model_of_bytes(&e, data, size, "x.tflite"));
	expect_shapes(model_of_bytes(&e, data, size, "noname"));
	free(data);
}

/* The same by vaccel/infer.h, of which the plugins offer what they have for pictures. */
static void inference(void **state)
{
	struct vaccel_infer_tensor x = {.datatype = VACCEL_INFER_FP32, .nr_dims = 4,
					.shape = {1, SHAPES_SIDE, SHAPES_SIDE, 3}, .data = picture, .size = sizeof(picture)};
	float classes[NR_PLACES][SHAPES_CLASSES];
	struct vaccel_infer_desc d[2];
	struct vaccel_resource *model;
	struct vaccel_infer_model info;

	(void)state;
	model = model_of_path(&e, SHAPES);
	for (int place = 0; place < NR_PLACES; place++) {
		struct vaccel_infer_tensor y = {.data = classes[place], .room = sizeof(classes[place])};

		assert_int_equal(vaccel_infer_load(&e.sess[place], model), 0);
		assert_int_equal(vaccel_infer_metadata(&e.sess[place], model, &info, d, 2), 0);
		assert_int_equal(info.nr_inputs, 1);
		assert_int_equal(info.nr_outputs, 1);
		assert_int_equal(d[0].datatype, VACCEL_INFER_FP32);
		assert_int_equal(d[0].nr_dims, 4);
		assert_int_equal(d[0].shape[3], 3);
		x.name = d[0].name;
		y.name = d[1].name;
		assert_int_equal(vaccel_infer_run(&e.sess[place], model, &x, 1, &y, 1), 0);
		assert_int_equal(y.size, sizeof(classes[place]));
		for (int i = 0; i < SHAPES_CLASSES; i++)
			assert_true(fabsf(classes[place][i] - expected[i]) < 1e-5f);
		assert_int_equal(vaccel_infer_unload(&e.sess[place], model), 0);
	}
	assert_memory_equal(classes[LOCAL], classes[REMOTE], sizeof(classes[LOCAL]));
	vaccel_resource_delete(model);
}

static void expect_sums(int place, struct vaccel_resource *model, int rows)
{
	float *a = random_floats((size_t)rows * 3, (uint32_t)rows), b[] = {1, -2, 0.5f};
	int32_t c[] = {7, -2000000000};
	struct vaccel_tflite_tensor *in[] = {
		tensor(VACCEL_TFLITE_FLOAT32, a, (size_t)rows * sizeof(b), 2, (int32_t[]){rows, 3}),
		tensor(VACCEL_TFLITE_FLOAT32, b, sizeof(b), 2, (int32_t[]){1, 3}),
		tensor(VACCEL_TFLITE_INT32, c, sizeof(c), 1, (int32_t[]){2}),
	}, *out[2] = {NULL, NULL};

	c[1] /= 2;
	assert_int_equal(vaccel_tflite_model_run(&e.sess[place], model, in, 3, out, 2, NULL), 0);
	assert_int_equal(out[0]->nr_dims, 2);
	assert_int_equal(out[0]->dims[0], rows);
	assert_int_equal(out[0]->size, (size_t)rows * sizeof(b));
	for (int i = 0; i < rows * 3; i++)
		assert_true(((float *)out[0]->data)[i] == a[i] + b[i % 3]);
	assert_int_equal(out[1]->data_type, VACCEL_TFLITE_INT32);
	assert_int_equal(out[1]->size, sizeof(c));
	for (int i = 0; i < 2; i++)
		assert_int_equal(((int32_t *)out[1]->data)[i], 2 * c[i]);
	for (int i = 0; i < 3; i++)
		vaccel_tflite_tensor_delete(in[i]);
	for (int i = 0; i < 2; i++)
		vaccel_tflite_tensor_delete(out[i]);
	free(a);
}

/* Several inputs and outputs of several types, and an open size. */
static void sums(void **state)
{
	static const int rows[] = {1, 5, 5, 1, 1000, 2};
	struct vaccel_resource *model;
	uint8_t *bytes;

	(void)state;
	model = model_of(&lite_sums, &bytes);
	load(model);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (int place = 0; place < NR_PLACES; place++)
			expect_sums(place, model, rows[i]);
	vaccel_resource_delete(model);
	free(bytes);
}

/* Pictures: the network that shapes.onnx is, too, with the same answers. */
static void pictures(void **state)
{
	static const char *const names[] = {"circle.jpg", "cross.png", "square.png", "star.jpg",
					    "triangle.jpg"};
	struct vaccel_resource *model;
	char dir[256], command[1024], path[512];

	(void)state;
	snprintf(dir, sizeof(dir), "%s/model", test_dir());
	snprintf(command, sizeof(command),
		 "mkdir %s && cp " SHAPES " " EXAMPLES_DIR "/models/shapes/labels.txt %s", dir, dir);
	assert_int_equal(system(command), 0);
	model = model_of_path(&e, dir);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		unsigned char text[NR_PLACES][64] = {"", ""}, name[64];
		uint8_t *data;
		size_t size;

		snprintf(path, sizeof(path), EXAMPLES_DIR "/images/%s", names[i]);
		data = read_whole(path, &size);
		for (int place = 0; place < NR_PLACES; place++)
			assert_int_equal(vaccel_image_classification(&e.sess[place], data, text[place], name,
								     size, sizeof(text[0]), sizeof(name)), 0);
		assert_string_equal((char *)text[LOCAL], (char *)text[REMOTE]);
		assert_memory_equal(text[LOCAL], names[i], strcspn(names[i], "."));
		free(data);
	}
	vaccel_resource_delete(model);
	snprintf(command, sizeof(command), "rm -r %s", dir);
	assert_int_equal(system(command), 0);
}

/* ---- Loaded or not --------------------------------------------------------------------------- */

static int run_picture(int place, struct vaccel_resource *model)
{
	struct vaccel_tflite_tensor *in = picture_tensor(), *out = NULL;
	int ret = vaccel_tflite_model_run(&e.sess[place], model, &in, 1, &out, 1, NULL);

	assert_true((out != NULL) == (ret == 0));
	if (out)
		vaccel_tflite_tensor_delete(out);
	vaccel_tflite_tensor_delete(in);
	return ret;
}

static void life(void **state)
{
	struct vaccel_resource *model = model_of_path(&e, SHAPES);

	(void)state;
	for (int place = 0; place < NR_PLACES; place++) {
		struct vaccel_session *sess = &e.sess[place];

		assert_int_equal(run_picture(place, model), VACCEL_EINVAL);
		assert_int_equal(vaccel_tflite_model_unload(sess, model), VACCEL_EINVAL);
		assert_int_equal(vaccel_tflite_model_load(sess, model), 0);
		assert_int_equal(vaccel_tflite_model_load(sess, model), 0);
		assert_int_equal(run_picture(place, model), 0);
		assert_int_equal(vaccel_tflite_model_unload(sess, model), 0);
		assert_int_equal(run_picture(place, model), VACCEL_EINVAL);
		assert_int_equal(vaccel_tflite_model_unload(sess, model), VACCEL_EINVAL);
		/* unregistering unloads */
		assert_int_equal(vaccel_tflite_model_load(sess, model), 0);
		assert_int_equal(vaccel_resource_unregister(model, sess), 0);
		assert_int_equal(vaccel_resource_register(model, sess), 0);
		assert_int_equal(run_picture(place, model), VACCEL_EINVAL);
	}
	vaccel_resource_delete(model);
}

struct worker {
	pthread_t thread;
	struct vaccel_resource *model;
	struct vaccel_session *sess;
	int runs;
	bool may_be_unloaded;
	int failed;
};

static void *run_often(void *arg)
{
	struct worker *w = arg;
	struct vaccel_tflite_tensor *in = picture_tensor();

	for (int i = 0; i < w->runs; i++) {
		struct vaccel_tflite_tensor *out = NULL;
		int ret = vaccel_tflite_model_run(w->sess, w->model, &in, 1, &out, 1, NULL);

		if (!ret)
			w->failed += fabsf(*(float *)out->data - expected[0]) >= 1e-5f;
		else
			w->failed += !w->may_be_unloaded || ret != VACCEL_EINVAL;
		if (out)
			vaccel_tflite_tensor_delete(out);
	}
	vaccel_tflite_tensor_delete(in);
	return NULL;
}

static int run_threads(int place, struct vaccel_resource *model, int nr, int runs, bool may_be_unloaded)
{
	struct worker workers[16];
	int failed = 0;

	for (int i = 0; i < nr; i++) {
		workers[i] = (struct worker){.model = model, .sess = &e.sess[place], .runs = runs,
					     .may_be_unloaded = may_be_unloaded};
		assert_int_equal(pthread_create(&workers[i].thread, NULL, run_often, &workers[i]), 0);
	}
	for (int i = 0; may_be_unloaded && i < 20; i++) {
		assert_int_equal(vaccel_tflite_model_unload(&e.sess[place], model), 0);
		assert_int_equal(vaccel_tflite_model_load(&e.sess[place], model), 0);
	}
	for (int i = 0; i < nr; i++) {
		pthread_join(workers[i].thread, NULL);
		failed += workers[i].failed;
	}
	return failed;
}

/* 16 threads use one model; and it is unloaded and loaded while some do. */
static void threads(void **state)
{
	struct vaccel_resource *model = model_of_path(&e, SHAPES);

	(void)state;
	load(model);
	for (int place = 0; place < NR_PLACES; place++) {
		assert_int_equal(run_threads(place, model, 16, 4, false), 0);
		assert_int_equal(run_threads(place, model, 4, 20, true), 0);
	}
	vaccel_resource_delete(model);
}

static int nr_threads(pid_t pid)
{
	char path[64];
	int nr = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	dir = opendir(path);
	assert_non_null(dir);
	while (readdir(dir))
		nr++;
	closedir(dir);
	return nr;
}

/* What an engine has started stays, and there is never more of it. */
static void steady_threads(void **state)
{
	struct vaccel_resource *model;
	uint8_t *bytes;
	int before;

	(void)state;
	model = model_of(&lite_sums, &bytes);
	load(model);
	expect_sums(LOCAL, model, 3);
	before = nr_threads(getpid());
	for (int i = 0; i < 2000; i++)
		expect_sums(LOCAL, model, 3);
	assert_true(nr_threads(getpid()) <= before);
	vaccel_resource_delete(model);
	free(bytes);
}

/* ---- Wrong tensors --------------------------------------------------------------------------- */

static void refused(struct vaccel_resource *model, struct vaccel_tflite_tensor *const *in, int nr_in,
		    int nr_out)
{
	for (int place = 0; place < NR_PLACES; place++) {
		struct vaccel_tflite_tensor *out[4] = {NULL};

		assert_int_equal(vaccel_tflite_model_run(&e.sess[place], model, in, nr_in, out, nr_out, NULL),
				 VACCEL_EINVAL);
		for (int i = 0; i < 4; i++)
			assert_null(out[i]);
	}
}

static void refused_one(struct vaccel_resource *model, enum vaccel_tflite_data_type type, size_t size,
			int nr_dims, const int32_t *dims)
{
	struct vaccel_tflite_tensor *in = tensor(type, size ? picture : NULL, size, nr_dims, dims);

	refused(model, &in, 1, 1);
	vaccel_tflite_tensor_delete(in);
}

static void wrong_tensors(void **state)
{
	const size_t all = sizeof(picture);
	struct vaccel_resource *model = model_of_path(&e, SHAPES);
	struct vaccel_tflite_tensor *in[] = {picture_tensor(), picture_tensor()};

	(void)state;
	load(model);
	refused(model, in, 0, 1);
	refused(model, in, 2, 1);
	refused(model, in, 1, 2);
	refused_one(model, VACCEL_TFLITE_INT32, all, 4, (int32_t[]){1, SHAPES_SIDE, SHAPES_SIDE, 3});
	refused_one(model, VACCEL_TFLITE_STRING, all, 4, (int32_t[]){1, SHAPES_SIDE, SHAPES_SIDE, 3});
	refused_one(model, 99, all, 4, (int32_t[]){1, SHAPES_SIDE, SHAPES_SIDE, 3});
	refused_one(model, VACCEL_TFLITE_FLOAT32, all - 4, 4, (int32_t[]){1, SHAPES_SIDE, SHAPES_SIDE, 3});
	refused_one(model, VACCEL_TFLITE_FLOAT32, 0, 4, (int32_t[]){1, SHAPES_SIDE, SHAPES_SIDE, 3});
	refused_one(model, VACCEL_TFLITE_FLOAT32, all, 4, (int32_t[]){1, 3, SHAPES_SIDE, SHAPES_SIDE});
	refused_one(model, VACCEL_TFLITE_FLOAT32, all, 1, (int32_t[]){SHAPES_PIXELS});
	refused_one(model, VACCEL_TFLITE_FLOAT32, all, 4, (int32_t[]){-1, -SHAPES_SIDE, SHAPES_SIDE, 3});
	refused_one(model, VACCEL_TFLITE_FLOAT32, 0, 4, (int32_t[]){0, SHAPES_SIDE, SHAPES_SIDE, 3});
	refused_one(model, VACCEL_TFLITE_FLOAT32, all, 4, (int32_t[]){1 << 30, 1 << 30, 1 << 30, 1 << 30});
	refused_one(model, VACCEL_TFLITE_FLOAT32, all, 9, (int32_t[]){1, 1, 1, 1, 1, 1, SHAPES_SIDE, SHAPES_SIDE, 3});
	/* dimensions of 1 make no difference */
	vaccel_tflite_tensor_delete(in[1]);
	in[1] = tensor(VACCEL_TFLITE_FLOAT32, picture, all, 3, (int32_t[]){SHAPES_SIDE, SHAPES_SIDE, 3});
	for (int place = 0; place < NR_PLACES; place++) {
		struct vaccel_tflite_tensor *out;

		assert_int_equal(vaccel_tflite_model_run(&e.sess[place], model, &in[1], 1, &out, 1, NULL), 0);
		vaccel_tflite_tensor_delete(out);
		assert_int_equal(vaccel_tflite_model_run(&e.sess[place], model, in, 1, &out, 0, NULL), 0);
	}
	for (int i = 0; i < 2; i++)
		vaccel_tflite_tensor_delete(in[i]);
	vaccel_resource_delete(model);
}

/* ---- Wrong models ---------------------------------------------------------------------------- */

static void bad_bytes(const void *data, size_t size, const char *name)
{
	struct vaccel_resource *model = model_of_bytes(&e, data, size, name);

	for (int place = 0; place < NR_PLACES; place++) {
		assert_int_equal(vaccel_tflite_model_load(&e.sess[place], model), VACCEL_EINVAL);
		assert_int_equal(run_picture(place, model), VACCEL_EINVAL);
	}
	vaccel_resource_delete(model);
}

static void bad_model(const struct lite_model *m)
{
	size_t size;
	uint8_t *bytes = lite_bytes(m, &size);

	assert_non_null(bytes);
	bad_bytes(bytes, size, "made.tflite");
	free(bytes);
}

static void wrong_models(void **state)
{
	struct lite_model m;
	uint8_t *data;
	size_t size;

	(void)state;
#ifdef IS_TFLITE
	data = read_whole(EXAMPLES_DIR "/models/shapes/shapes.onnx", &size);
	bad_bytes(data, size, "shapes.tflite"); /* of another framework */
	free(data);
#endif
	data = read_whole(EXAMPLES_DIR "/images/star.jpg", &size);
	bad_bytes(data, size, "star.tflite");
	free(data);
	data = read_whole(SHAPES, &size);
	for (size_t cut = 1; cut < size; cut += size / 16)
		bad_bytes(data, cut, "cut.tflite");
	free(data);

	m = lite_sums;
	m.ops[0].code = LITE_CUSTOM;
	m.ops[0].custom = "NoSuchThing";
	bad_model(&m);
	m = lite_sums;
	m.ops[0].in[1] = 7; /* there is no such tensor */
	bad_model(&m);
}

static void odd_model(const struct lite_model *m)
{
	float a[3] = {1}, b[3] = {2};
	int32_t c[3] = {3};
	struct vaccel_tflite_tensor *in[] = {
		tensor(VACCEL_TFLITE_FLOAT32, a, sizeof(a), 2, (int32_t[]){1, 3}),
		tensor(VACCEL_TFLITE_FLOAT32, b, sizeof(b), 2, (int32_t[]){1, 3}),
		m->tensors[3].type == LITE_INT32 ? tensor(VACCEL_TFLITE_INT32, c, 8, 1, (int32_t[]){2}) :
						   tensor(VACCEL_TFLITE_FLOAT32, c, 12, 2, (int32_t[]){1, 3}),
	};
	struct vaccel_resource *model;
	uint8_t *bytes;

	model = model_of(m, &bytes);
	for (int place = 0; place < NR_PLACES; place++) {
		struct vaccel_tflite_tensor *out[2] = {NULL, NULL};

		if (vaccel_tflite_model_load(&e.sess[place], model))
			continue;
		vaccel_tflite_model_run(&e.sess[place], model, in, 3, out, 2, NULL);
		for (int i = 0; i < 2; i++)
			if (out[i])
				vaccel_tflite_tensor_delete(out[i]);
	}
	for (int i = 0; i < 3; i++)
		vaccel_tflite_tensor_delete(in[i]);
	vaccel_resource_delete(model);
	free(bytes);
}

/* They run, or not; never is there more than an error. */
static void odd_models(void **state)
{
	static const int32_t huge[] = {1 << 16, 1 << 16};
	struct vaccel_resource *model;
	struct lite_model m = lite_sums;
	uint8_t *bytes;

	(void)state;
	for (int i = 0; i < 3; i++) { /* more bytes than can be counted */
		memcpy(m.tensors[i].dims, huge, sizeof(huge));
		m.tensors[i].nr_dims = 5;
		m.tensors[i].dims[2] = m.tensors[i].dims[3] = m.tensors[i].dims[4] = 1 << 16;
		memset(m.tensors[i].signature, 0, sizeof(m.tensors[i].signature));
	}
	bad_model(&m);

	/* operators that need their own results, and each other's */
	for (int i = 0; i < 2; i++) {
		m = lite_sums;
		m.ops[i].in[1] = m.ops[i].out[0];
		odd_model(&m);
	}
	m = lite_sums;
	m.tensors[3] = m.tensors[4] = m.tensors[0];
	m.tensors[3].name = "c";
	m.tensors[4].name = "c+c";
	m.ops[0].in[1] = 4;
	m.ops[1].in[1] = 2;
	odd_model(&m);

	m = lite_sums;
	m.tensors[0].type = m.tensors[1].type = m.tensors[2].type = LITE_STRING;
	model = model_of(&m, &bytes);
	for (int place = 0; place < NR_PLACES; place++) {
		if (vaccel_tflite_model_load(&e.sess[place], model) == 0)
			assert_int_equal(run_picture(place, model), VACCEL_EINVAL);
	}
	vaccel_resource_delete(model);
	free(bytes);
}

#ifdef IS_OPENVINO
/* y = x + w, in ONNX's format, of which w is in a file beside it */
static const char outside[] = "\010\010:t\012\016\012\001x\012\001w\022\001y\042\003Add\022\001g*=\010\004\020\001B\001wj\027"
			      "\012\010location\022\013weights.binj\013\012\006offset\022\0010j\014\012\006length\022\0021"
			      "6p\001Z\017\012\001x\022\012\012\010\010\001\022\004\012\002\010\004b\017\012\001y\022\012\012"
			      "\010\010\001\022\004\012\002\010\004B\004\012\000\020\015";

static char *write_file(const char *name, const void *data, size_t size)
{
	char *path;
	FILE *file;

	assert_true(asprintf(&path, "%s/%s", test_dir(), name) > 0);
	file = fopen(path, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, size, file), size);
	fclose(file);
	return path;
}

/* Weights are found beside a model, and nowhere else. */
static void weights(void **state)
{
	static const char *const places[] = {"weights.bin", "/etc/passwd", "..//bin/sh\0"};
	const char *paths[2] = {NULL, write_file("weights.bin", (float[4]){1, 2, 3, 4}, 16)};
	char model[sizeof(outside)];

	(void)state;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		struct vaccel_resource *res;

		memcpy(model, outside, sizeof(model));
		memcpy((char *)memmem(model, sizeof(model), "weights.bin", 11), places[i], 11);
		paths[0] = write_file("outside.onnx", model, sizeof(model) - 1);
		assert_int_equal(vaccel_resource_multi_new(&res, paths, 2, VACCEL_RESOURCE_MODEL), 0);
		with_both(&e, res);
		for (int place = 0; place < NR_PLACES; place++) {
			assert_int_equal(vaccel_infer_load(&e.sess[place], res), i ? VACCEL_EINVAL : VACCEL_OK);
			if (!i)
				assert_int_equal(vaccel_infer_unload(&e.sess[place], res), 0);
		}
		vaccel_resource_delete(res);
		free((char *)paths[0]);
	}
	free((char *)paths[1]);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(right),	 cmocka_unit_test(sums),
		cmocka_unit_test(pictures),	 cmocka_unit_test(life),
		cmocka_unit_test(threads),	 cmocka_unit_test(steady_threads),
		cmocka_unit_test(wrong_tensors), cmocka_unit_test(wrong_models),
		cmocka_unit_test(odd_models),	 cmocka_unit_test(inference),
#ifdef IS_OPENVINO
		cmocka_unit_test(weights),
#endif
	};

	test_main_begin(280);
	return cmocka_run_group_tests(tests, start, stop);
}
