// SPDX-License-Identifier: Apache-2.0
/*
 * TensorFlow's operations, in this process and behind the strict sandbox, for each plugin that has them:
 * answers are compared with numpy's, and the one place with the other, bit for bit. Bad models, nodes and
 * tensors are refused, and nothing else happens.
 */
#include "engines.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/plugins/protobuf.h"

#define MODELS	  EXAMPLES_DIR "/models/tf/"
#define SAVED	  MODELS "lstm2"
#define VARIABLES SAVED "/variables/variables."
#define GRAPH	  MODELS "frozen_graph.pb"

#define CODE_INVALID_ARGUMENT 3
#define CODE_NOT_FOUND	      5

static struct engines e;
static float picture[SHAPES_PIXELS], expected[SHAPES_CLASSES];
static char in_name[] = "serving_default_input_1", out_name[] = "StatefulPartitionedCall";
static const struct vaccel_tf_node in_node = {in_name, 0}, out_node = {out_name, 0};

static int start(void **state)
{
	(void)state;
	shapes_read(picture, expected);
	return engines_start_or_skip(&e, ENGINE_PLUGIN);
}

static int stop(void **state)
{
	(void)state;
	engines_stop(&e);
	return 0;
}

/* ---- Models and tensors ---------------------------------------------------------------------- */

static struct vaccel_resource *model_of_paths(const char **paths, size_t nr)
{
	struct vaccel_resource *model;

	assert_int_equal(vaccel_resource_multi_new(&model, paths, nr, VACCEL_RESOURCE_MODEL), 0);
	return with_both(&e, model);
}

static int load_at(int place, struct vaccel_resource *model)
{
	struct vaccel_tf_status status = {9, NULL};
	int ret = vaccel_tf_model_load(&e.sess[place], model, &status);

	if (!ret || place == LOCAL) {
		assert_true((status.code != 0) == (ret != 0));
		assert_non_null(status.message);
		assert_true((*status.message != '\0') == (ret != 0));
	}
	vaccel_tf_status_release(&status);
	return ret;
}

static int unload_at(int place, struct vaccel_resource *model)
{
	struct vaccel_tf_status status = {9, NULL};
	int ret = vaccel_tf_model_unload(&e.sess[place], model, &status);

	vaccel_tf_status_release(&status);
	return ret;
}

static struct vaccel_tf_tensor *tensor(enum vaccel_tf_data_type type, void *data, size_t size, int nr_dims,
				       const int64_t *dims)
{
	struct vaccel_tf_tensor *t;

	assert_int_equal(vaccel_tf_tensor_new(&t, nr_dims, dims, type), 0);
	assert_int_equal(vaccel_tf_tensor_set_data(t, data, size), 0);
	return t;
}

static struct vaccel_tf_tensor *picture_tensor(void)
{
	return tensor(VACCEL_TF_FLOAT, picture, sizeof(picture), 4, (int64_t[]){1, SHAPES_SIDE, SHAPES_SIDE, 3});
}

static int run_at(int place, struct vaccel_resource *model, struct vaccel_tf_tensor **out)
{
	struct vaccel_tf_tensor *in = picture_tensor();
	struct vaccel_tf_status status = {9, NULL};
	int ret;

	*out = NULL;
	ret = vaccel_tf_model_run(&e.sess[place], model, NULL, &in_node, &in, 1, &out_node, out, 1, &status);
	if (!ret)
		assert_int_equal(status.code, 0);
	assert_true((*out != NULL) == (ret == 0));
	vaccel_tf_status_release(&status);
	vaccel_tf_tensor_delete(in);
	return ret;
}

/* ---- Right answers --------------------------------------------------------------------------- */

static void expect_shapes(struct vaccel_resource *model)
{
	struct vaccel_tf_tensor *out[NR_PLACES];

	for (int place = 0; place < NR_PLACES; place++) {
		assert_int_equal(load_at(place, model), 0);
		assert_int_equal(run_at(place, model, &out[place]), 0);
		assert_int_equal(out[place]->data_type, VACCEL_TF_FLOAT);
		assert_int_equal(out[place]->nr_dims, 2);
		assert_int_equal(out[place]->dims[0], 1);
		assert_int_equal(out[place]->dims[1], SHAPES_CLASSES);
		assert_int_equal(out[place]->size, SHAPES_CLASSES * sizeof(float));
		for (int i = 0; i < SHAPES_CLASSES; i++)
			assert_true(fabsf(((float *)out[place]->data)[i] - expected[i]) < 1e-5f);
	}
	assert_memory_equal(out[LOCAL]->data, out[REMOTE]->data, SHAPES_CLASSES * sizeof(float));
	for (int place = 0; place < NR_PLACES; place++) {
		vaccel_tf_tensor_delete(out[place]);
		assert_int_equal(unload_at(place, model), 0);
	}
	vaccel_resource_delete(model);
}

/* A SavedModel as a directory and as its files, a graph as a file and as bytes. */
static void right(void **state)
{
	const char *files[] = {SAVED "/saved_model.pb", VARIABLES "index", VARIABLES "data-00000-of-00001"};
	uint8_t *data;
	size_t size;

	(void)state;
	expect_shapes(model_of_path(&e, SAVED));
	expect_shapes(model_of_paths(files, 3));
	expect_shapes(model_of_path(&e, GRAPH));
	data = read_whole(GRAPH, &size);
	expect_shapes(model_of_bytes(&e, data, size, "graph.pb"));
	expect_shapes(model_of_bytes(&e, data, size, "graph"));
	free(data);
}

/* ---- Loaded or not --------------------------------------------------------------------------- */

static void life(void **state)
{
	struct vaccel_resource *model = model_of_path(&e, GRAPH);
	struct vaccel_tf_tensor *out;

	(void)state;
	for (int place = 0; place < NR_PLACES; place++) {
		assert_int_equal(run_at(place, model, &out), VACCEL_EINVAL);
		assert_int_equal(unload_at(place, model), VACCEL_EINVAL);
		assert_int_equal(load_at(place, model), 0);
		assert_int_equal(load_at(place, model), 0);
		assert_int_equal(run_at(place, model, &out), 0);
		vaccel_tf_tensor_delete(out);
		assert_int_equal(unload_at(place, model), 0);
		assert_int_equal(run_at(place, model, &out), VACCEL_EINVAL);
		assert_int_equal(load_at(place, model), 0);
		assert_int_equal(vaccel_resource_unregister(model, &e.sess[place]), 0);
		assert_int_equal(vaccel_resource_register(model, &e.sess[place]), 0);
		assert_int_equal(run_at(place, model, &out), VACCEL_EINVAL);
	}
	vaccel_resource_delete(model);
}

struct worker {
	pthread_t thread;
	struct vaccel_resource *model;
	int place;
	int failed;
};

static void *run_often(void *arg)
{
	struct worker *w = arg;
	struct vaccel_tf_tensor *out;

	for (int i = 0; i < 4; i++) {
		w->failed += run_at(w->place, w->model, &out) != 0;
		if (!out)
			continue;
		w->failed += fabsf(*(float *)out->data - expected[0]) >= 1e-5f;
		vaccel_tf_tensor_delete(out);
	}
	return NULL;
}

static void threads(void **state)
{
	struct vaccel_resource *model = model_of_path(&e, SAVED);
	struct worker workers[16];

	(void)state;
	for (int place = 0; place < NR_PLACES; place++) {
		assert_int_equal(load_at(place, model), 0);
		for (int i = 0; i < 16; i++) {
			workers[i] = (struct worker){.model = model, .place = place};
			assert_int_equal(pthread_create(&workers[i].thread, NULL, run_often, &workers[i]), 0);
		}
		for (int i = 0; i < 16; i++) {
			pthread_join(workers[i].thread, NULL);
			assert_int_equal(workers[i].failed, 0);
		}
	}
	vaccel_resource_delete(model);
}

/* ---- Wrong nodes and tensors ----------------------------------------------------------------- */

/* Runs with one input and one output. The status is looked at where it is sure to come. */
static void refused(struct vaccel_resource *model, const struct vaccel_tf_node *from,
		    struct vaccel_tf_tensor *in, const struct vaccel_tf_node *to, int code, uint8_t tf_code)
{
	for (int place = 0; place < NR_PLACES; place++) {
		struct vaccel_tf_status status = {0, NULL};
		struct vaccel_tf_tensor *out = NULL;

		assert_int_equal(vaccel_tf_model_run(&e.sess[place], model, NULL, from, &in, 1, to, &out, 1,
						     &status), code);
		assert_null(out);
		if (place == LOCAL) {
			assert_int_equal(status.code, tf_code);
			assert_non_null(status.message);
		}
		vaccel_tf_status_release(&status);
	}
}

static void wrong_nodes(void **state)
{
	static char nowhere[] = "nowhere", full[] = "serving_default_input_1:0", empty[] = "";
	struct vaccel_resource *model = model_of_path(&e, GRAPH);
	struct vaccel_tf_tensor *in = picture_tensor(), *out = NULL;
	struct vaccel_tf_status status = {0, NULL};

	(void)state;
	for (int place = 0; place < NR_PLACES; place++)
		assert_int_equal(load_at(place, model), 0);
	refused(model, &(struct vaccel_tf_node){nowhere, 0}, in, &out_node, VACCEL_ENOENT, CODE_NOT_FOUND);
	refused(model, &in_node, in, &(struct vaccel_tf_node){nowhere, 0}, VACCEL_ENOENT, CODE_NOT_FOUND);
	refused(model, &in_node, in, &(struct vaccel_tf_node){empty, 0}, VACCEL_ENOENT, CODE_NOT_FOUND);
#ifdef IS_TF
	refused(model, &in_node, in, &(struct vaccel_tf_node){out_name, 1}, VACCEL_EINVAL,
		CODE_INVALID_ARGUMENT);
	refused(model, &in_node, in, &(struct vaccel_tf_node){out_name, -1}, VACCEL_EINVAL,
		CODE_INVALID_ARGUMENT);
	/* what TensorFlow cannot read */
	status.code = 0;
	assert_int_equal(vaccel_tf_model_run(&e.sess[LOCAL], model, &(struct vaccel_tf_buffer){nowhere, 7},
					     &in_node, &in, 1, &out_node, &out, 1, &status), VACCEL_EINVAL);
	assert_int_equal(status.code, CODE_INVALID_ARGUMENT);
	vaccel_tf_status_release(&status);
#endif
	/* as TensorFlow writes it */
	assert_int_equal(vaccel_tf_model_run(&e.sess[LOCAL], model, NULL, &(struct vaccel_tf_node){full, 0},
					     &in, 1, &out_node, &out, 1, &status), 0);
	vaccel_tf_status_release(&status);
	vaccel_tf_tensor_delete(out);
	vaccel_tf_tensor_delete(in);
	vaccel_resource_delete(model);
}

static void refused_tensor(struct vaccel_resource *model, enum vaccel_tf_data_type type, size_t size,
			   int nr_dims, const int64_t *dims)
{
	struct vaccel_tf_tensor *in = tensor(type, size ? picture : NULL, size, nr_dims, dims);

	for (int place = 0; place < NR_PLACES; place++) {
		struct vaccel_tf_tensor *out = NULL;

		assert_int_equal(vaccel_tf_model_run(&e.sess[place], model, NULL, &in_node, &in, 1, &out_node,
						     &out, 1, NULL), VACCEL_EINVAL);
		assert_null(out);
	}
	vaccel_tf_tensor_delete(in);
}

static void wrong_tensors(void **state)
{
	const size_t all = sizeof(picture);
	struct vaccel_resource *model = model_of_path(&e, GRAPH);

	(void)state;
	for (int place = 0; place < NR_PLACES; place++)
		assert_int_equal(load_at(place, model), 0);
	refused_tensor(model, VACCEL_TF_INT32, all, 4, (int64_t[]){1, SHAPES_SIDE, SHAPES_SIDE, 3});
	refused_tensor(model, VACCEL_TF_STRING, all, 4, (int64_t[]){1, SHAPES_SIDE, SHAPES_SIDE, 3});
	refused_tensor(model, VACCEL_TF_RESOURCE, all, 4, (int64_t[]){1, SHAPES_SIDE, SHAPES_SIDE, 3});
	refused_tensor(model, 99, all, 4, (int64_t[]){1, SHAPES_SIDE, SHAPES_SIDE, 3});
	refused_tensor(model, VACCEL_TF_FLOAT, all - 4, 4, (int64_t[]){1, SHAPES_SIDE, SHAPES_SIDE, 3});
	refused_tensor(model, VACCEL_TF_FLOAT, 0, 4, (int64_t[]){1, SHAPES_SIDE, SHAPES_SIDE, 3});
	refused_tensor(model, VACCEL_TF_FLOAT, all, 4, (int64_t[]){-1, -SHAPES_SIDE, SHAPES_SIDE, 3});
	refused_tensor(model, VACCEL_TF_FLOAT, all, 4,
		       (int64_t[]){INT64_C(1) << 40, INT64_C(1) << 40, INT64_C(1) << 40, 3});
	refused_tensor(model, VACCEL_TF_FLOAT, all, 2, (int64_t[]){1, SHAPES_PIXELS});
	vaccel_resource_delete(model);
}

/* ---- Wrong models ---------------------------------------------------------------------------- */

static void bad(struct vaccel_resource *model)
{
	struct vaccel_tf_tensor *out;

	for (int place = 0; place < NR_PLACES; place++) {
		assert_int_equal(load_at(place, model), VACCEL_EINVAL);
		assert_int_equal(run_at(place, model, &out), VACCEL_EINVAL);
	}
	vaccel_resource_delete(model);
}

/* Some things OpenVINO does not look at until a node is asked for. */
static void never_runs(struct vaccel_resource *model)
{
	struct vaccel_tf_tensor *out;

	for (int place = 0; place < NR_PLACES; place++) {
		load_at(place, model);
		assert_int_not_equal(run_at(place, model, &out), 0);
	}
	vaccel_resource_delete(model);
}

/* TensorFlow finds out when it uses one. */
static void without_variables(struct vaccel_resource *model)
{
	struct vaccel_tf_tensor *out;

	for (int place = 0; place < NR_PLACES; place++) {
		int ret = load_at(place, model);

		assert_true(ret == 0 || ret == VACCEL_EINVAL);
		assert_int_equal(run_at(place, model, &out), VACCEL_EINVAL);
	}
	vaccel_resource_delete(model);
}

static void wrong_models(void **state)
{
	static const char *const others[] = {EXAMPLES_DIR "/images/star.jpg",
#ifdef IS_TF
					     EXAMPLES_DIR "/models/shapes/shapes.onnx", MODELS "lstm2.tflite",
#endif
	};
	/* a graph with one node, of an operation that there is not */
	static const char unknown[] = "\x0a\x0f\x0a\x01x\x12\x0aNoSuchThng";
	/* two nodes, each of which is the other's input */
	static const char cycle[] = "\x0a\x19\x0a\x01" "a\x12\x08Identity\x1a\x01" "b*\x07\x0a\x01T\x12\x02" "0\x01"
				    "\x0a\x19\x0a\x01" "b\x12\x08Identity\x1a\x01" "a*\x07\x0a\x01T\x12\x02" "0\x01";
	const char *lone[] = {SAVED "/saved_model.pb"};
	uint8_t *data;
	size_t size;

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		data = read_whole(others[i], &size);
		bad(model_of_bytes(&e, data, size, "other.pb"));
		free(data);
	}
	data = read_whole(GRAPH, &size);
	for (size_t cut = 1; cut < size; cut += size / 8)
		bad(model_of_bytes(&e, data, cut, "cut.pb"));
	free(data);
	bad(model_of_bytes(&e, unknown, sizeof(unknown) - 1, "unknown.pb"));
	never_runs(model_of_bytes(&e, cycle, sizeof(cycle) - 1, "cycle.pb"));
	data = read_whole(SAVED "/saved_model.pb", &size);
	bad(model_of_bytes(&e, data, size / 2, "saved_model.pb"));
	free(data);
	without_variables(model_of_paths(lone, 1));
}

/* A device that is not there */
static void no_device(void **state)
{
#ifdef IS_TF
	static const struct {
		const char *device;
		int code;
	} devices[] = {{"gpu:7", VACCEL_ENODEV}, {"quantum", VACCEL_EINVAL}, {"gpu:x", VACCEL_EINVAL}};
	struct vaccel_resource *model = model_of_path(&e, GRAPH);

	for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++) {
		setenv("VACCEL_TF_DEVICE", devices[i].device, 1);
		assert_int_equal(load_at(LOCAL, model), devices[i].code);
	}
	setenv("VACCEL_TF_DEVICE", "cpu", 1);
	assert_int_equal(load_at(LOCAL, model), 0);
	unsetenv("VACCEL_TF_DEVICE");
	vaccel_resource_delete(model);
#endif
	(void)state;
}

/* ---- vaccel/infer.h -------------------------------------------------------------------------- */

#ifdef IS_TF

static struct vaccel_infer_tensor picture_input(const char *name)
{
	return (struct vaccel_infer_tensor){.name = name, .datatype = VACCEL_INFER_FP32, .nr_dims = 4,
					    .shape = {1, SHAPES_SIDE, SHAPES_SIDE, 3}, .data = picture,
					    .size = sizeof(picture)};
}

/* The same bits as TensorFlow's own operation gives. */
static void infer_equals_run(struct vaccel_resource *model, const char *in, const char *out)
{
	for (int place = 0; place < NR_PLACES; place++) {
		struct vaccel_infer_tensor x = picture_input(in), y = {.name = out};
		struct vaccel_infer_desc d[2];
		struct vaccel_infer_model info;
		struct vaccel_tf_tensor *own;

		assert_int_equal(load_at(place, model), 0);
		assert_int_equal(run_at(place, model, &own), 0);
		assert_int_equal(vaccel_infer_load(&e.sess[place], model), 0);
		assert_int_equal(vaccel_infer_metadata(&e.sess[place], model, &info, d, 2), 0);
		assert_int_equal(info.nr_inputs, 1);
		assert_int_equal(info.nr_outputs, 1);
		assert_string_equal(info.platform, "tensorflow_savedmodel");
		assert_string_equal(d[0].name, in);
		assert_string_equal(d[1].name, out);
		assert_int_equal(d[0].datatype, VACCEL_INFER_FP32);
		assert_int_equal(d[0].nr_dims, 4);
		assert_int_equal(d[0].shape[2], SHAPES_SIDE);
		assert_int_equal(vaccel_infer_run(&e.sess[place], model, &x, 1, &y, 1), 0);
		assert_int_equal(y.nr_dims, 2);
		assert_int_equal(y.shape[1], SHAPES_CLASSES);
		assert_int_equal(y.size, own->size);
		assert_memory_equal(y.data, own->data, own->size);
		vaccel_infer_tensor_release(&y);
		vaccel_tf_tensor_delete(own);
		x.datatype = VACCEL_INFER_INT32;
		assert_int_equal(vaccel_infer_run(&e.sess[place], model, &x, 1, &y, 1), VACCEL_EINVAL);
		x = picture_input("other");
		assert_int_equal(vaccel_infer_run(&e.sess[place], model, &x, 1, &y, 1), VACCEL_EINVAL);
		assert_int_equal(vaccel_infer_unload(&e.sess[place], model), 0);
	}
	vaccel_resource_delete(model);
}

static void inference(void **state)
{
	(void)state;
	infer_equals_run(model_of_path(&e, SAVED), "input_1", "output_1");
	infer_equals_run(model_of_path(&e, GRAPH), in_name, out_name);
}

/* A signature that names what there is not, and one that is cut: the other operations work as before. */
static void bad_signatures(void **state)
{
	static const char signed_name[] = "StatefulPartitionedCall:0", *const command = "cp -rL " SAVED "/. ";
	char dir[] = "/tmp/vaccel-signature-XXXXXX", path[128], text[512];
	size_t size, at = 0;
	uint8_t *data = read_whole(SAVED "/saved_model.pb", &size);

	(void)state;
	while (memcmp(data + at, signed_name, sizeof(signed_name) - 1))
		assert_true(++at + sizeof(signed_name) < size);
	for (int round = 0; round < 2; round++) {
		struct vaccel_infer_model info;
		struct vaccel_resource *model;
		struct vaccel_tf_tensor *out;
		FILE *f;

		strcpy(dir + strlen(dir) - 6, "XXXXXX");
		assert_non_null(mkdtemp(dir));
		snprintf(text, sizeof(text), "%s%s", command, dir);
		assert_int_equal(system(text), 0);
		snprintf(path, sizeof(path), "%s/saved_model.pb", dir);
		data[at + sizeof(signed_name) - 2] = round ? '0' : '7';
		if (round) /* the shape says to be longer than all that holds it */
			data[at + sizeof(signed_name) - 1 + 3] = 0x7f;
		f = fopen(path, "w");
		assert_int_equal(fwrite(data, 1, size, f), size);
		fclose(f);
		model = model_of_path(&e, dir);
		/* TensorFlow itself may refuse a message that is damaged. */
		if (!load_at(LOCAL, model)) {
			assert_int_equal(run_at(LOCAL, model, &out), 0);
			vaccel_tf_tensor_delete(out);
			assert_int_equal(vaccel_infer_load(&e.sess[LOCAL], model), 0);
			assert_int_equal(vaccel_infer_metadata(&e.sess[LOCAL], model, &info, NULL, 0), 0);
			assert_int_equal(info.nr_inputs + info.nr_outputs, 0);
		} else {
			assert_int_equal(round, 1);
		}
		vaccel_resource_delete(model);
		snprintf(text, sizeof(text), "rm -r %s", dir);
		assert_int_equal(system(text), 0);
	}
	free(data);
}
#endif

/* ---- Strings, which only infer_run hands on ---------------------------------------------------- */

#ifdef IS_TF
/* An attribute of a node (NodeDef and AttrValue): a type, or a shape of one dimension of any size */
static void add_attribute(struct message *node, const char *name, bool is_shape)
{
	struct message entry = {.size = 0}, value = {.size = 0}, shape = {.size = 0}, dim = {.size = 0};

	if (is_shape) {
		number(&dim, 1, UINT64_MAX);
		bytes(&shape, 2, dim.data, dim.size);
		bytes(&value, 7, shape.data, shape.size);
	} else {
		number(&value, 6, VACCEL_TF_STRING);
	}
	string(&entry, 1, name);
	bytes(&entry, 2, value.data, value.size);
	bytes(node, 5, entry.data, entry.size);
}

/* A graph: y = x, which are strings */
static void strings_graph(struct message *graph)
{
	struct message x = {.size = 0}, y = {.size = 0};

	string(&x, 1, "x");
	string(&x, 2, "Placeholder");
	add_attribute(&x, "dtype", false);
	add_attribute(&x, "shape", true);
	string(&y, 1, "y");
	string(&y, 2, "Identity");
	string(&y, 3, "x");
	add_attribute(&y, "T", false);
	bytes(graph, 1, x.data, x.size);
	bytes(graph, 1, y.data, y.size);
}

/* Lengths up to those that TensorFlow keeps in memory of their own, with zero bytes in them */
static size_t make_strings(uint8_t *data, int64_t count)
{
	size_t size = 0;

	for (int64_t i = 0; i < count; i++) {
		size_t length = (size_t)(i * i % 700);
		const uint8_t head[] = {(uint8_t)length, (uint8_t)(length >> 8), 0, 0};

		memcpy(data + size, head, sizeof(head));
		for (size_t k = 0; k < length; k++)
			data[size + 4 + k] = (uint8_t)(k * (size_t)i);
		size += 4 + length;
	}
	return size;
}

static void strings(void **state)
{
	static uint8_t data[100 * 704];
	struct message graph = {.size = 0};
	struct vaccel_infer_desc d[2];
	struct vaccel_infer_model info;
	struct vaccel_resource *model;

	(void)state;
	strings_graph(&graph);
	model = model_of_bytes(&e, graph.data, graph.size, "strings.pb");
	for (int place = 0; place < NR_PLACES; place++) {
		assert_int_equal(vaccel_infer_load(&e.sess[place], model), 0);
		assert_int_equal(vaccel_infer_metadata(&e.sess[place], model, &info, d, 2), 0);
		assert_int_equal(d[0].datatype, VACCEL_INFER_BYTES);
		assert_int_equal(d[1].datatype, VACCEL_INFER_BYTES);
		for (int64_t count = 0; count <= 100; count += 25) {
			struct vaccel_infer_tensor x = {.name = "x", .datatype = VACCEL_INFER_BYTES, .nr_dims = 1,
							.shape = {count}, .data = data}, y = {.name = "y"};

			x.size = make_strings(data, count);
			assert_int_equal(vaccel_infer_run(&e.sess[place], model, &x, 1, &y, 1), 0);
			assert_int_equal(y.datatype, VACCEL_INFER_BYTES);
			assert_int_equal(y.nr_dims, 1);
			assert_int_equal(y.shape[0], count);
			assert_int_equal(y.size, x.size);
			assert_memory_equal(y.data, data, x.size);
			vaccel_infer_tensor_release(&y);
		}
		assert_int_equal(vaccel_infer_unload(&e.sess[place], model), 0);
	}
	vaccel_resource_delete(model);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
#ifdef IS_TF
		cmocka_unit_test(inference),	 cmocka_unit_test(bad_signatures),
		cmocka_unit_test(strings),
#endif
		cmocka_unit_test(right),	 cmocka_unit_test(life),
		cmocka_unit_test(threads),	 cmocka_unit_test(wrong_nodes),
		cmocka_unit_test(wrong_tensors), cmocka_unit_test(wrong_models),
		cmocka_unit_test(no_device),
	};

	test_main_begin(280);
	return cmocka_run_group_tests(tests, start, stop);
}
