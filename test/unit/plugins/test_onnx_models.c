// SPDX-License-Identifier: Apache-2.0
/* The onnx plugin: every way in which models and labels can be bad, and which ones are good. */
#include <fcntl.h>
#include <math.h>
#include <sys/stat.h>

#include "onnx_models.h"
#include "onnx_util.h"

/* ---- Bad models ------------------------------------------------------------------------------ */

/* Output o = input i, a single float. */
static const char identity[] = "\x08\x08:7\n\x10\n\x01i\x12\x01o\"\x08Identity\x12\x01gZ\x0f\n\x01i\x12\n\n"
			       "\x08\x08\x01\x12\x04\n\x02\x08\x01"
			       "b\x0f\n\x01o\x12\n\n\x08\x08\x01\x12\x04\n\x02\x08\x01"
			       "B\x04\n\x00\x10\r";

static void bad_models(void **state)
{
	/* A graph with one more tensor, whose bytes are in /etc/passwd; files that follow each other
	 * are one to protocol buffers. */
	static const char external[] = "\x3a\x20\x2a\x1e\x42\x01w\x6a\x17\x0a\x08location\x12\x0b"
				       "/etc/passwd\x70\x01";
	/* The same with numbers that are longer than they need to be. */
	static const char odd[] = "\xba\x80\x00\xa0\x80\x00\x2a\x1e\x42\x01w\x6a\x17\x0a\x08location"
				  "\x12\x0b/etc/passwd\x70\x01";
	struct file model = read_path(MODEL_DIR "/shapes.onnx");
	struct file labels = read_path(MODEL_DIR "/labels.txt");

	(void)state;
	write_file("labels.txt", labels.data, labels.size);

	write_file("m.onnx", "not a model at all", 18);
	bad_model(dir, VACCEL_EINVAL, "m.onnx");
	write_file("m.onnx", "", 0);
	bad_model(dir, VACCEL_EINVAL, "m.onnx");
	for (size_t size = 1; size < model.size; size += 1 + size / 4) {
		write_file("m.onnx", model.data, size);
		bad_model(dir, VACCEL_EINVAL, "m.onnx");
	}
	write_file("m.onnx", identity, sizeof(identity) - 1);
	bad_model(dir, VACCEL_EINVAL, "its input i, float32 [1], has 1 dimensions rather than four");

	memcpy(model.data + model.size, external, sizeof(external) - 1);
	write_file("m.onnx", model.data, model.size + sizeof(external) - 1);
	bad_model(dir, VACCEL_EINVAL, "weights in other files");
	memcpy(model.data + model.size, odd, sizeof(odd) - 1);
	write_file("m.onnx", model.data, model.size + sizeof(odd) - 1);
	bad_model(dir, VACCEL_EINVAL, "weights in other files");

	free(model.data);
	free(labels.data);
}

static void damaged_models(void **state)
{
	struct file model = read_path(MODEL_DIR "/shapes.onnx"), bad = model;
	struct file labels = read_path(MODEL_DIR "/labels.txt");
	struct file star = read_path(IMAGES "star.jpg");
	uint32_t random = 5;

	(void)state;
	write_file("labels.txt", labels.data, labels.size);
	bad.data = malloc(model.size);
	assert_non_null(bad.data);
	for (int round = 0; round < 60; round++) {
		size_t span = model.size;

		memcpy(bad.data, model.data, model.size);
		for (int n = 0; n < 1 + round % 4; n++) {
			random = random * 1664525 + 1013904223;
			/* the nodes are at the start, the names of inputs and outputs at the end */
			if (round % 3 == 0)
				bad.data[(random >> 8) % 500] = (uint8_t)random;
			else if (round % 3 == 1)
				bad.data[span - 1 - (random >> 8) % 100] = (uint8_t)random;
			else
				bad.data[(random >> 8) % span] = (uint8_t)random;
		}
		write_file("m.onnx", bad.data, bad.size);
		use(dir);
		classify(&sess, &star); /* any result, and still alive */
		vaccel_resource_release(&res);
	}
	free(bad.data);
	free(model.data);
	free(labels.data);
	free(star.data);
}

/* ---- Small models ---------------------------------------------------------------------------- */

/* Writes a small model, the file of its weights, if it has one, and labels into the test's directory. */
static void write_tiny(const struct tiny *t)
{
	float weights[TINY_WEIGHTS_SIZE / sizeof(float)];
	size_t size;
	uint8_t *model = tiny_model(t, &size);

	assert_non_null(model);
	write_file("m.onnx", model, size);
	free(model);
	tiny_weights(t, weights);
	write_file("m.onnx.data", weights, sizeof(weights));
	write_file("labels.txt", "a\nb\nc\nd\ne\n", 10);
}

/* Class c wins, whatever the picture. */
static const struct tiny good = {.bias = {0, 0, 50, 0, 0}};

static void good_tiny(const struct tiny *t, const char *answer)
{
	write_tiny(t);
	use(dir);
	assert_int_equal(classify_path(IMAGES "star.jpg"), 0);
	assert_string_equal(text, answer);
	assert_int_equal(vaccel_resource_release(&res), 0);
}

static void bad_tiny(const struct tiny *t, const char *message)
{
	write_tiny(t);
	bad_model(dir, VACCEL_EINVAL, message);
}

/* A score that is none is not an answer; that something is impossible is one. */
static void scores(void **state)
{
	struct tiny t = good;

	(void)state;
	good_tiny(&t, "c 1.0000");
	for (int i = 0; i < TINY_CLASSES; i++) {
		t = good;
		t.bias[i] = NAN;
		bad_tiny(&t, "no number (NaN) for class");
		t.bias[i] = INFINITY;
		bad_tiny(&t, "infinity for class");
		t.bias[i] = -INFINITY;
		if (i != 2)
			good_tiny(&t, "c 1.0000");
	}
	for (int i = 0; i < TINY_CLASSES; i++)
		t.bias[i] = -INFINITY;
	bad_tiny(&t, "minus infinity for class a");
}

/* What is no input for a picture is named. */
static void inputs(void **state)
{
	static const struct {
		struct tiny t;
		const char *message;
	} bad[] = {
		{{.input = {4, 3, 32, 32}}, "4 pictures at a time"},
		{{.input = {1, 4, 28, 28}}, "neither one nor three colours; there is 4 where"},
		{{.input = {1, 32, 32, 2}, .channels_last = true}, "and 2 where they are last"},
		{{.input = {1, 3, 32, 32}, .input_type = 7}, "int64 [1, 3, 32, 32], is int64"},
		{{.input = {1, 3, 32, 32}, .input_type = 8}, "is bytes"}, /* strings */
		{{.input = {1, 3, 32, 1048576}}, "a width of 1048576 pixels"},
		{{.input = {1, 3, INT64_MAX, 32}}, "a height of 9223372036854775807 pixels"},
	};
	struct tiny t;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		bad_tiny(&bad[i].t, bad[i].message);
	t = good;
	memcpy(t.input, (int64_t[]){-1, 3, -1, -1}, sizeof(t.input));
	good_tiny(&t, "c 1.0000");
	t.channels_last = true;
	memcpy(t.input, (int64_t[]){1, 40, 30, 3}, sizeof(t.input));
	good_tiny(&t, "c 1.0000");
	t.input_type = 10;
	good_tiny(&t, "c 1.0000");
	t.bias[2] = 5000; /* bytes are the pixels themselves, from 0 to 255 */
	t.input_type = 2;
	good_tiny(&t, "c 1.0000");
	t.bias[2] = 50;
	good_tiny(&t, "e 1.0000");
}

/* Weights in a file beside the model, and nowhere else */
static void weights_beside(void **state)
{
	struct tiny t = good, other = {.bias = {0, 0, 0, 50, 0}};
	float weights[TINY_WEIGHTS_SIZE / sizeof(float)];
	char path[64];

	(void)state;
	t.weights_file = "m.onnx.data";
	good_tiny(&t, "c 1.0000");
	tiny_weights(&other, weights);
	write_file("m.onnx.data", weights, sizeof(weights));
	use(dir);
	assert_int_equal(classify_path(IMAGES "star.jpg"), 0);
	assert_string_equal(text, "d 1.0000"); /* it is this file that counts */
	assert_int_equal(vaccel_resource_release(&res), 0);

	write_file("m.onnx.data", weights, sizeof(weights) - 1);
	bad_model(dir, VACCEL_EINVAL, "have 79 bytes, and should have 80");
	snprintf(path, sizeof(path), "%s/m.onnx.data", dir);
	assert_int_equal(unlink(path), 0);
	bad_model(dir, VACCEL_EINVAL, "m.onnx.data is not beside it");
	/* a directory below that of the model */
	t.weights_file = "m.onnx.data/w";
	assert_int_equal(mkdir(path, 0700), 0);
	write_file("m.onnx.data/w", weights, sizeof(weights));
	use(dir);
	assert_int_equal(classify_path(IMAGES "star.jpg"), VACCEL_EINVAL);
	assert_int_equal(vaccel_resource_release(&res), 0);
}

/*
 * The same model, which runs while its weights are beside it, is refused when it names a file elsewhere,
 * although such files are there and have the right content.
 */
static void weights_elsewhere(void **state)
{
	static char outside[] = "/tmp/vaccel-unit-weights-XXXXXX";
	float weights[TINY_WEIGHTS_SIZE / sizeof(float)];
	char names[6][128];
	struct tiny t = good;
	char cwd[64];
	int fd;

	(void)state;
	strcpy(strrchr(outside, '-'), "-XXXXXX");
	fd = mkstemp(outside);
	assert_true(fd >= 0);
	tiny_weights(&good, weights);
	assert_int_equal(write(fd, weights, sizeof(weights)), sizeof(weights));
	close(fd);

	snprintf(names[0], sizeof(names[0]), "%s", outside);
	snprintf(names[1], sizeof(names[1]), "../%s", outside + 5);
	snprintf(names[2], sizeof(names[2]), "%s", outside + 5); /* of the current directory */
	snprintf(names[3], sizeof(names[3]), "./m.onnx.data");
	snprintf(names[4], sizeof(names[4]), "../%s/m.onnx.data", dir + 5);
	snprintf(names[5], sizeof(names[5]), "/proc/self/fd/0");
	assert_non_null(getcwd(cwd, sizeof(cwd)));
	assert_int_equal(chdir("/tmp"), 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		t.weights_file = names[i];
		bad_tiny(&t, "is not beside it in its resource");
	}
	t.weights_file = "m.onnx.data";
	good_tiny(&t, "c 1.0000");
	assert_int_equal(chdir(cwd), 0);
	unlink(outside);
}

/* What a model says of its weights is believed only where it fits. */
static void odd_weights(void **state)
{
	static const struct {
		struct tiny t;
		const char *message;
	} bad[] = {
		{{.weights_offset = 4}, "have 80 bytes, and should have 84"},
		{{.weights_offset = INT64_MAX}, "not as many as their shape says"},
		{{.weights_offset = UINT64_MAX - 100}, "not as many as their shape says"},
		{{.wrong_length = 4}, "not as many as their shape says"},
		{{.wrong_length = -8}, "not as many as their shape says"},
		{{.wrong_rows = 1 << 20}, "not as many as their shape says"},
		{{.wrong_rows = UINT64_C(1) << 62}, "not known"},
		{{.weights_key = "basepath"}, "not known"},
		{{.constant_in_file = true}, "some within its nodes"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct tiny t = bad[i].t;

		t.weights_file = "m.onnx.data";
		bad_tiny(&t, bad[i].message);
	}
}

/* Weights that are huge by what the model says, and operators that are not ONNX's */
static void hostile_models(void **state)
{
	struct tiny t = good;

	(void)state;
	t.wrong_rows = UINT64_C(1) << 40;
	bad_tiny(&t, "m.onnx is not an ONNX file");
	t.wrong_rows = INT64_MAX - 3;
	bad_tiny(&t, "m.onnx is not an ONNX file");

	t = good;
	t.op_type = "Identity";
	good_tiny(&t, "c 1.0000");
	t.op_type = "ReadFile";
	bad_tiny(&t, "ReadFile");
	t.op_domain = "example.com";
	bad_tiny(&t, "ReadFile");
	t.op_domain = "ai.onnx.contrib"; /* where extensions are, which are libraries to be loaded */
	bad_tiny(&t, "ReadFile");
}

/* Adds a field that is a message, or a text, to a message of less than 128 bytes. */
static size_t put_field(uint8_t *to, unsigned int field, const void *data, size_t size)
{
	to[0] = (uint8_t)(field << 3 | 2);
	to[1] = (uint8_t)size;
	memcpy(to + 2, data, size);
	return size + 2;
}

/* A node that gives one tensor another name; and, with output, that it is an output of the model. */
static size_t put_identity(uint8_t *to, const char *in, const char *out, bool output)
{
	uint8_t node[64], graph[128], value[64];
	size_t size = put_field(node, 1, in, strlen(in)), graph_size;

	size += put_field(node + size, 2, out, strlen(out));
	size += put_field(node + size, 4, "Identity", 8);
	graph_size = put_field(graph, 1, node, size);
	if (output) {
		size = put_field(value, 1, out, strlen(out));
		size += put_field(value + size, 2, "\x0a\x02\x08\x01", 4); /* a tensor of floats */
		graph_size += put_field(graph + graph_size, 12, value, size);
	}
	return put_field(to, 7, graph, graph_size);
}

/* Files that follow each other are one to protocol buffers. */
static void write_with(const uint8_t *more, size_t more_size)
{
	size_t size;
	uint8_t *model = tiny_model(&good, &size), *whole = malloc(size + more_size);

	assert_true(model && whole);
	memcpy(whole, model, size);
	memcpy(whole + size, more, more_size);
	write_file("m.onnx", whole, size + more_size);
	write_file("labels.txt", "a\nb\nc\nd\ne\n", 10);
	free(whole);
	free(model);
}

static void many_outputs(void **state)
{
	uint8_t *more = malloc(10000 * 128);
	size_t size = 0;
	char out[16];

	(void)state;
	assert_non_null(more);
	for (int i = 0; i < 10000; i++) {
		snprintf(out, sizeof(out), "y%d", i);
		size += put_identity(more + size, "y", out, true);
		if (i != 62) /* with that of the classifier 64 */
			continue;
		write_with(more, size);
		use(dir);
		assert_int_equal(classify_path(IMAGES "star.jpg"), 0);
		assert_string_equal(text, "c 1.0000");
		assert_int_equal(vaccel_resource_release(&res), 0);
	}
	write_with(more, size);
	bad_model(dir, VACCEL_EINVAL, "has 10001 outputs; up to 64 are possible");
	free(more);
}

static void cycles(void **state)
{
	uint8_t more[512];
	size_t size;

	(void)state;
	size = put_identity(more, "a", "b", false);
	size += put_identity(more + size, "b", "a", true);
	write_with(more, size);
	bad_model(dir, VACCEL_EINVAL, "Could not load m.onnx");
}

static void kinds_of_labels(void **state)
{
	static const struct {
		const char *text;
		size_t size;
	} same[] = {
#define LABELS(text) {text, sizeof(text) - 1}
		LABELS("a\nb\nc\nd\ne"),	     LABELS("\xef\xbb\xbf" "a\nb\nc\nd\ne\n"),
		LABELS("a\r\nb\r\nc\r\nd\r\ne\r\n"), LABELS("a\rb\rc\rd\re\r"),
		LABELS("a\nb\nc  \nd\ne\n\n\n"),
	};
	struct tiny t = {.bias = {50}};

	(void)state;
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		write_tiny(i % 2 ? &t : &good); /* the mark is before the first */
		write_file("labels.txt", same[i].text, same[i].size);
		use(dir);
		assert_int_equal(classify_path(IMAGES "star.jpg"), 0);
		assert_string_equal(text, i % 2 ? "a 1.0000" : "c 1.0000");
		assert_int_equal(vaccel_resource_release(&res), 0);
	}
	write_file("labels.txt", "\xff\xfe" "a\0\n\0b\0\n\0c\0\n\0d\0\n\0e\0", 20);
	bad_model(dir, VACCEL_EINVAL, "UTF-16");
	write_file("labels.txt", "\xef\xbb\xbf\n", 4);
	bad_model(dir, VACCEL_EINVAL, "empty");
}

static void bad_labels(void **state)
{
	struct file model = read_path(MODEL_DIR "/shapes.onnx");

	(void)state;
	write_file("m.onnx", model.data, model.size);
	bad_model(dir, VACCEL_ENOENT, "labels");
	write_file("labels.txt", "", 0);
	bad_model(dir, VACCEL_EINVAL, "labels");
	write_file("labels.txt", "\n\n \n", 4);
	bad_model(dir, VACCEL_EINVAL, "empty");
	write_file("labels.txt", "a\nb\nc\nd", 7);
	bad_model(dir, VACCEL_EINVAL, "5 classes, but there are 4 labels");
	write_file("labels.txt", "a\nb\nc\nd\ne\nf", 11);
	bad_model(dir, VACCEL_EINVAL, "5 classes, but there are 6 labels");
	write_file("labels.txt", "a\nb\nc\n\0\nf", 9); /* odd, but five lines */
	use(dir);
	assert_int_equal(classify_path(IMAGES "circle.jpg"), 0);
	assert_memory_equal(text, "a ", 2);
	vaccel_resource_release(&res);
	free(model.data);
}

static void resource_without_model(void **state)
{
	(void)state;
	write_file("labels.txt", "a\nb\nc\nd\ne", 9);
	bad_model(dir, VACCEL_ENOENT, "no file with a model");

	/* a model that is only bytes: its labels have to come from elsewhere */
	assert_int_equal(vaccel_resource_init_from_buf(&res, identity, sizeof(identity) - 1,
						       VACCEL_RESOURCE_MODEL, "m.onnx", true), 0);
	assert_int_equal(vaccel_resource_register(&res, &sess), 0);
	assert_int_equal(classify_path(IMAGES "star.jpg"), VACCEL_ENOENT);
	setenv("VACCEL_ONNX_LABELS", MODEL_DIR "/labels.txt", 1);
	assert_int_equal(classify_path(IMAGES "star.jpg"), VACCEL_EINVAL);
	vaccel_resource_release(&res);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(bad_models, onnx_start, onnx_stop),
		cmocka_unit_test_setup_teardown(damaged_models, onnx_start, onnx_stop),
		cmocka_unit_test_setup_teardown(scores, onnx_start, onnx_stop),
		cmocka_unit_test_setup_teardown(inputs, onnx_start, onnx_stop),
		cmocka_unit_test_setup_teardown(weights_beside, onnx_start, onnx_stop),
		cmocka_unit_test_setup_teardown(weights_elsewhere, onnx_start, onnx_stop),
		cmocka_unit_test_setup_teardown(odd_weights, onnx_start, onnx_stop),
		cmocka_unit_test_setup_teardown(hostile_models, onnx_start, onnx_stop),
		cmocka_unit_test_setup_teardown(many_outputs, onnx_start, onnx_stop),
		cmocka_unit_test_setup_teardown(cycles, onnx_start, onnx_stop),
		cmocka_unit_test_setup_teardown(kinds_of_labels, onnx_start, onnx_stop),
		cmocka_unit_test_setup_teardown(bad_labels, onnx_start, onnx_stop),
		cmocka_unit_test_setup_teardown(resource_without_model, onnx_start, onnx_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
