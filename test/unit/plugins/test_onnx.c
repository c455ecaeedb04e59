// SPDX-License-Identifier: Apache-2.0
/* The onnx plugin: right answers with the example model, and every way in which files can be bad. */
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>

#include <jpeglib.h>

#include "onnx_models.h"
#include "plugin_util.h"

#define MODEL_DIR EXAMPLES_DIR "/models/shapes"
#define IMAGES	  EXAMPLES_DIR "/images/"

static struct vaccel_session sess;
static struct capture c;
/* Not on the stack: the library's end cleans up after a test that fails. */
static struct vaccel_resource res;
static char dir[] = "/tmp/vaccel-unit-onnx-XXXXXX";

static int start(void **state)
{
	(void)state;
	unsetenv("VACCEL_ONNX_MODEL");
	unsetenv("VACCEL_ONNX_LABELS");
	strcpy(strrchr(dir, '-'), "-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	capture_start(&c, STDERR_FILENO);
	lib_start(PLUGIN_ONNX, VACCEL_LOG_ERROR);
	capture_end(&c);
	assert_string_equal(c.text, ""); /* see plugins/common/quiet.h */
	return vaccel_session_init(&sess, 0);
}

static int stop(void **state)
{
	char command[64];

	(void)state;
	vaccel_session_release(&sess);
	lib_stop();
	snprintf(command, sizeof(command), "rm -r %s", dir);
	return system(command);
}

/* ---- Files ----------------------------------------------------------------------------------- */

struct file {
	uint8_t *data;
	size_t size;
};

static struct file read_path(const char *path)
{
	struct file f = {NULL, 0};
	struct stat st;
	FILE *file = fopen(path, "rb");

	assert_non_null(file);
	assert_int_equal(fstat(fileno(file), &st), 0);
	f.size = (size_t)st.st_size;
	f.data = malloc(f.size + 256); /* some tests append */
	assert_non_null(f.data);
	assert_int_equal(fread(f.data, 1, f.size, file), f.size);
	fclose(file);
	return f;
}

/* Writes a file into the test's directory. Return: its path, valid until the next call but one. */
static const char *write_file(const char *name, const void *data, size_t size)
{
	static char paths[2][128];
	static int next;
	char *path = paths[next++ % 2];
	FILE *file;

	snprintf(path, sizeof(paths[0]), "%s/%s", dir, name);
	file = fopen(path, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, size, file), size);
	fclose(file);
	return path;
}

/* Classifies bytes; the answer is in text. What is logged is in c. */
static char text[64], name[64];

static int classify(struct vaccel_session *with, const struct file *image)
{
	int ret;

	memset(text, 0, sizeof(text));
	memset(name, 0, sizeof(name));
	capture_start(&c, STDOUT_FILENO);
	ret = vaccel_image_classification(with, image->data, (unsigned char *)text,
					  (unsigned char *)name, image->size, sizeof(text),
					  sizeof(name));
	capture_end(&c);
	if (ret) {
		assert_int_equal(count(c.text, "<error>"), 1); /* one line says it all */
		assert_contains(c.text, "[onnx] ");
		assert_string_equal(text, "");
	}
	return ret;
}

static int classify_path(const char *path)
{
	struct file f = read_path(path);
	int ret = classify(&sess, &f);

	free(f.data);
	return ret;
}

static void use(const char *path)
{
	char url[256];

	snprintf(url, sizeof(url), "file://%s", path);
	assert_int_equal(vaccel_resource_init(&res, url, VACCEL_RESOURCE_MODEL), 0);
	assert_int_equal(vaccel_resource_register(&res, &sess), 0);
}

/* Fails to classify a good picture with the model at path. */
static void bad_model(const char *path, int code, const char *message)
{
	use(path);
	assert_int_equal(classify_path(IMAGES "star.jpg"), code);
	assert_contains(c.text, message);
	assert_int_equal(vaccel_resource_release(&res), 0);
}

/* ---- Answers --------------------------------------------------------------------------------- */

static const struct {
	const char *path, *label;
} pictures[] = {
	{IMAGES "circle.jpg", "circle "},   {IMAGES "cross.png", "cross "},
	{IMAGES "square.png", "square "},   {IMAGES "star.jpg", "star "},
	{IMAGES "triangle.jpg", "triangle "}, {IMAGES "example.jpg", "star "},
};

static void right_answers(void **state)
{
	(void)state;
	use(MODEL_DIR);
	for (size_t i = 0; i < sizeof(pictures) / sizeof(pictures[0]); i++) {
		const char *score;

		assert_int_equal(classify_path(pictures[i].path), 0);
		assert_memory_equal(text, pictures[i].label, strlen(pictures[i].label));
		score = text + strlen(pictures[i].label);
		assert_int_equal(strlen(score), 6); /* 0.9876 */
		assert_true(atof(score) > 0.5 && atof(score) <= 1);
		assert_string_equal(name, "shapes.onnx");
	}
	assert_int_equal(vaccel_resource_release(&res), 0);
}

/* The score has a point in every language: programs read it. */
static void locale(void **state)
{
	static char point[sizeof(text)];

	(void)state;
	use(MODEL_DIR);
	assert_int_equal(classify_path(IMAGES "star.jpg"), 0);
	assert_contains(text, "star 0.");
	strcpy(point, text);
	set_comma_locale();
	assert_int_equal(classify_path(IMAGES "star.jpg"), 0);
	set_c_locale();
	assert_string_equal(text, point);
	assert_int_equal(vaccel_resource_release(&res), 0);
}

static void environment(void **state)
{
	struct file model = read_path(MODEL_DIR "/shapes.onnx");
	static const char other[] = "one\r\ntwo\nthree and a half\nfour\nfive\n\n";

	(void)state;
	assert_int_equal(classify_path(IMAGES "star.jpg"), VACCEL_ENOENT);
	assert_contains(c.text, "VACCEL_ONNX_MODEL");

	setenv("VACCEL_ONNX_MODEL", MODEL_DIR "/shapes.onnx", 1);
	assert_int_equal(classify_path(IMAGES "star.jpg"), 0); /* labels.txt is beside it */
	assert_memory_equal(text, "star ", 5);

	setenv("VACCEL_ONNX_LABELS", write_file("other", other, sizeof(other) - 1), 1);
	assert_int_equal(classify_path(IMAGES "circle.jpg"), 0);
	assert_memory_equal(text, "one ", 4);
	assert_int_equal(classify_path(IMAGES "square.png"), 0);
	assert_memory_equal(text, "three and a half ", 17);

	unsetenv("VACCEL_ONNX_LABELS");
	setenv("VACCEL_ONNX_MODEL", write_file("model", model.data, model.size), 1);
	assert_int_equal(classify_path(IMAGES "star.jpg"), VACCEL_ENOENT);
	assert_contains(c.text, "labels.txt");
	assert_contains(c.text, "VACCEL_ONNX_LABELS");

	setenv("VACCEL_ONNX_MODEL", "/nonexistent/model.onnx", 1);
	assert_int_equal(classify_path(IMAGES "star.jpg"), VACCEL_ENOENT);
	assert_contains(c.text, "/nonexistent/model.onnx");
	setenv("VACCEL_ONNX_MODEL", "/tmp", 1);
	assert_int_equal(classify_path(IMAGES "star.jpg"), VACCEL_EINVAL);
	free(model.data);
}

/* A resource is preferred, whatever else there is; without text there still is a name. */
static void resource_and_environment(void **state)
{
	struct file star = read_path(IMAGES "star.jpg");

	(void)state;
	setenv("VACCEL_ONNX_MODEL", "/nonexistent", 1);
	use(MODEL_DIR);
	assert_int_equal(classify(&sess, &star), 0);
	memset(name, 0, sizeof(name));
	assert_int_equal(vaccel_image_classification(&sess, star.data, NULL, (unsigned char *)name,
						     star.size, 0, sizeof(name)), 0);
	assert_string_equal(name, "shapes.onnx");
	assert_int_equal(vaccel_image_classification(&sess, star.data, (unsigned char *)text, NULL,
						     star.size, 3, 0), 0);
	assert_string_equal(text, "st");
	vaccel_resource_release(&res);
	free(star.data);
}

static void loads_once(void **state)
{
	static struct capture log;
	struct file model = read_path(MODEL_DIR "/shapes.onnx");
	struct file labels = read_path(MODEL_DIR "/labels.txt");
	struct file star = read_path(IMAGES "star.jpg");
	struct timespec earlier[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
	const char *path;

	(void)state;
	vaccel_session_release(&sess);
	lib_stop();
	capture_start(&log, STDOUT_FILENO);
	lib_start(PLUGIN_ONNX, VACCEL_LOG_DEBUG);
	assert_int_equal(vaccel_session_init(&sess, 0), 0);
	capture_end(&log);

#define RUN() vaccel_image_classification(&sess, star.data, (unsigned char *)text, NULL, star.size, \
					  sizeof(text), 0)
	capture_start(&log, STDOUT_FILENO);
	use(MODEL_DIR);
	assert_int_equal(RUN(), 0);
	assert_int_equal(RUN(), 0);
	capture_end(&log);
	assert_int_equal(count(log.text, "[onnx] Loaded model"), 1);

	capture_start(&log, STDOUT_FILENO); /* the registration keeps it */
	vaccel_resource_unregister(&res, &sess);
	assert_int_equal(vaccel_resource_register(&res, &sess), 0);
	assert_int_equal(RUN(), 0);
	vaccel_resource_release(&res);
	capture_end(&log);
	assert_int_equal(count(log.text, "[onnx] Loaded model"), 1);

	capture_start(&log, STDOUT_FILENO);
	write_file("labels.txt", labels.data, labels.size);
	path = write_file("model.onnx", model.data, model.size);
	setenv("VACCEL_ONNX_MODEL", path, 1);
	assert_int_equal(RUN(), 0);
	assert_int_equal(RUN(), 0);
	assert_int_equal(utimensat(AT_FDCWD, path, earlier, 0), 0); /* another file now */
	assert_int_equal(RUN(), 0);
	assert_int_equal(RUN(), 0);
	capture_end(&log);
	assert_int_equal(count(log.text, "[onnx] Loaded model"), 2);
#undef RUN
	free(model.data);
	free(labels.data);
	free(star.data);
}

struct worker {
	pthread_t thread;
	const struct file *image;
	const char *label;
	int failures;
};

static void *work(void *arg)
{
	struct worker *w = arg;
	unsigned char answer[64];

	for (int i = 0; i < 20; i++)
		w->failures += vaccel_image_classification(&sess, w->image->data, answer, NULL,
							   w->image->size, sizeof(answer), 0) ||
			       strncmp((char *)answer, w->label, strlen(w->label));
	return NULL;
}

static void threads(void **state)
{
	struct file images[5];
	struct worker workers[5];

	(void)state;
	use(MODEL_DIR);
	for (int i = 0; i < 5; i++) {
		images[i] = read_path(pictures[i].path);
		workers[i] = (struct worker){.image = &images[i], .label = pictures[i].label};
		assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
	}
	for (int i = 0; i < 5; i++) {
		pthread_join(workers[i].thread, NULL);
		assert_int_equal(workers[i].failures, 0);
		free(images[i].data);
	}
	vaccel_resource_release(&res);
}

/* ---- Bad pictures ---------------------------------------------------------------------------- */

static void truncated(void **state)
{
	static const char *const paths[] = {IMAGES "triangle.jpg", IMAGES "square.png"};

	(void)state;
	use(MODEL_DIR);
	for (int i = 0; i < 2; i++) {
		struct file f = read_path(paths[i]), part = f;

		/* The last few bytes say that the picture ends, no more. */
		for (part.size = 0; part.size < f.size - 16; part.size += 1 + part.size / 8) {
			/* Exactly that much memory: a reader that goes on is found by ASan. */
			part.data = malloc(part.size ? part.size : 1);
			assert_non_null(part.data);
			memcpy(part.data, f.data, part.size);
			assert_int_equal(classify(&sess, &part), VACCEL_EINVAL);
			free(part.data);
		}
		free(f.data);
	}
	vaccel_resource_release(&res);
}

static void damaged(void **state)
{
	static const char *const paths[] = {IMAGES "triangle.jpg", IMAGES "square.png"};
	uint32_t random = 1;

	(void)state;
	use(MODEL_DIR);
	for (int i = 0; i < 2; i++) {
		struct file f = read_path(paths[i]), bad = f;

		bad.data = malloc(f.size);
		assert_non_null(bad.data);
		for (int round = 0; round < 150; round++) {
			int ret;

			memcpy(bad.data, f.data, f.size);
			for (int n = 0; n < 1 + round % 5; n++) {
				random = random * 1664525 + 1013904223;
				/* mostly in the headers */
				bad.data[(random >> 8) % (round % 2 ? 700 : f.size)] =
					(uint8_t)random;
			}
			ret = classify(&sess, &bad);
			assert_true(ret == 0 || ret == VACCEL_EINVAL);
		}
		free(bad.data);
		free(f.data);
	}
	vaccel_resource_release(&res);
}

static void no_pictures(void **state)
{
	static const char *const others[] = {"", "x", "\xff\xd8", "GIF89a.........", "\x89PNG\r\n\x1a",
					     "\x89PNG\r\n\x1a\n", "\xff\xd8\xff\xd9"};

	(void)state;
	use(MODEL_DIR);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		struct file f = {(uint8_t *)others[i], strlen(others[i])};

		assert_int_equal(classify(&sess, &f), VACCEL_EINVAL);
	}
	assert_int_equal(classify_path(MODEL_DIR "/shapes.onnx"), VACCEL_EINVAL);
	assert_contains(c.text, "neither a JPEG nor a PNG");
	assert_int_equal(classify(&sess, &(struct file){NULL, 5}), VACCEL_EINVAL);
	vaccel_resource_release(&res);
}

static uint32_t crc32_of(const uint8_t *data, size_t size)
{
	uint32_t crc = ~0u;

	for (size_t i = 0; i < size; i++) {
		crc ^= data[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return ~crc;
}

static void put32(uint8_t *p, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(value >> (24 - 8 * i));
}

/* Sizes that nobody could allocate, or that overflow when they are multiplied. */
static void huge(void **state)
{
	static const uint32_t sizes[][2] = {{0x7fffffff, 0x7fffffff}, {65536, 65536}, {1000000, 1},
					    {9000, 9000},	      {0, 10}};
	struct file png = read_path(IMAGES "square.png"), jpeg = read_path(IMAGES "circle.jpg");
	uint8_t *sof = NULL;

	(void)state;
	use(MODEL_DIR);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		put32(png.data + 16, sizes[i][0]); /* in the chunk IHDR */
		put32(png.data + 20, sizes[i][1]);
		put32(png.data + 29, crc32_of(png.data + 12, 17));
		assert_int_equal(classify(&sess, &png), VACCEL_EINVAL);
	}

	for (size_t i = 2; i + 9 < jpeg.size && !sof; i++)
		if (jpeg.data[i] == 0xff && jpeg.data[i + 1] == 0xc0)
			sof = jpeg.data + i;
	if (!sof)
		fail_msg("the picture has no size");
	memset(sof + 5, 0xff, 4); /* height, width: more than libjpeg takes */
	assert_int_equal(classify(&sess, &jpeg), VACCEL_EINVAL);
	sof[5] = sof[7] = 0xf0; /* too much for us */
	assert_int_equal(classify(&sess, &jpeg), VACCEL_EINVAL);
	assert_contains(c.text, "pixels");
	memset(sof + 5, 0, 4);
	assert_int_equal(classify(&sess, &jpeg), VACCEL_EINVAL);

	vaccel_resource_release(&res);
	free(png.data);
	free(jpeg.data);
}

/* A JPEG of a disc in one of libjpeg's colour spaces. */
static struct file make_jpeg(J_COLOR_SPACE space, int components, bool progressive, uint32_t side)
{
	struct jpeg_compress_struct info;
	struct jpeg_error_mgr errors;
	struct file f = {NULL, 0};
	unsigned long size = 0;
	uint8_t *row = malloc((size_t)side * (size_t)components);

	assert_non_null(row);
	info.err = jpeg_std_error(&errors);
	jpeg_create_compress(&info);
	jpeg_mem_dest(&info, &f.data, &size);
	info.image_width = info.image_height = side;
	info.input_components = components;
	info.in_color_space = space;
	jpeg_set_defaults(&info);
	if (progressive)
		jpeg_simple_progression(&info);
	jpeg_start_compress(&info, TRUE);
	for (int y = 0; y < (int)side; y++) {
		int half = (int)side / 2;

		for (int x = 0; x < (int)side; x++) {
			bool in = (x - half) * (x - half) + (y - half) * (y - half) <
				  half * half / 2;

			memset(row + x * components, in ? 230 : 20, (size_t)components);
		}
		jpeg_write_scanlines(&info, &row, 1);
	}
	jpeg_finish_compress(&info);
	jpeg_destroy_compress(&info);
	free(row);
	f.size = size;
	return f;
}

static void kinds_of_jpeg(void **state)
{
	struct file f;

	(void)state;
	use(MODEL_DIR);
	f = make_jpeg(JCS_GRAYSCALE, 1, false, 100);
	assert_int_equal(classify(&sess, &f), 0);
	assert_memory_equal(text, "circle ", 7);
	free(f.data);
	f = make_jpeg(JCS_RGB, 3, true, 1001);
	assert_int_equal(classify(&sess, &f), 0);
	assert_memory_equal(text, "circle ", 7);
	free(f.data);
	f = make_jpeg(JCS_RGB, 3, false, 1);
	assert_int_equal(classify(&sess, &f), 0);
	free(f.data);
	f = make_jpeg(JCS_CMYK, 4, false, 100); /* for printers; see test_image.c */
	assert_int_equal(classify(&sess, &f), 0);
	assert_memory_equal(text, "circle ", 7);
	free(f.data);
	vaccel_resource_release(&res);
}

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

static void introduces_itself(void **state)
{
	struct vaccel_plugin_desc d;
	size_t nr = 1;

	(void)state;
	assert_int_equal(vaccel_plugin_list(&d, &nr), VACCEL_OK);
	assert_string_equal(d.name, "onnx");
	assert_ptr_equal(strstr(d.engine, "ONNX Runtime 1"), d.engine);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(right_answers, start, stop),
		cmocka_unit_test_setup_teardown(locale, start, stop),
		cmocka_unit_test_setup_teardown(environment, start, stop),
		cmocka_unit_test_setup_teardown(resource_and_environment, start, stop),
		cmocka_unit_test_setup_teardown(loads_once, start, stop),
		cmocka_unit_test_setup_teardown(threads, start, stop),
		cmocka_unit_test_setup_teardown(truncated, start, stop),
		cmocka_unit_test_setup_teardown(damaged, start, stop),
		cmocka_unit_test_setup_teardown(no_pictures, start, stop),
		cmocka_unit_test_setup_teardown(huge, start, stop),
		cmocka_unit_test_setup_teardown(kinds_of_jpeg, start, stop),
		cmocka_unit_test_setup_teardown(bad_models, start, stop),
		cmocka_unit_test_setup_teardown(damaged_models, start, stop),
		cmocka_unit_test_setup_teardown(scores, start, stop),
		cmocka_unit_test_setup_teardown(inputs, start, stop),
		cmocka_unit_test_setup_teardown(weights_beside, start, stop),
		cmocka_unit_test_setup_teardown(weights_elsewhere, start, stop),
		cmocka_unit_test_setup_teardown(odd_weights, start, stop),
		cmocka_unit_test_setup_teardown(hostile_models, start, stop),
		cmocka_unit_test_setup_teardown(many_outputs, start, stop),
		cmocka_unit_test_setup_teardown(cycles, start, stop),
		cmocka_unit_test_setup_teardown(kinds_of_labels, start, stop),
		cmocka_unit_test_setup_teardown(bad_labels, start, stop),
		cmocka_unit_test_setup_teardown(resource_without_model, start, stop),
		cmocka_unit_test_setup_teardown(introduces_itself, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
