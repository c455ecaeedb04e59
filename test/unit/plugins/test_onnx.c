// SPDX-License-Identifier: Apache-2.0
/* The onnx plugin: right answers with the example model, and every way in which pictures can be bad. */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>

#include <jpeglib.h>

#include "onnx_util.h"

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
		cmocka_unit_test_setup_teardown(right_answers, onnx_start, onnx_stop),
		cmocka_unit_test_setup_teardown(locale, onnx_start, onnx_stop),
		cmocka_unit_test_setup_teardown(environment, onnx_start, onnx_stop),
		cmocka_unit_test_setup_teardown(resource_and_environment, onnx_start, onnx_stop),
		cmocka_unit_test_setup_teardown(loads_once, onnx_start, onnx_stop),
		cmocka_unit_test_setup_teardown(threads, onnx_start, onnx_stop),
		cmocka_unit_test_setup_teardown(truncated, onnx_start, onnx_stop),
		cmocka_unit_test_setup_teardown(damaged, onnx_start, onnx_stop),
		cmocka_unit_test_setup_teardown(no_pictures, onnx_start, onnx_stop),
		cmocka_unit_test_setup_teardown(huge, onnx_start, onnx_stop),
		cmocka_unit_test_setup_teardown(kinds_of_jpeg, onnx_start, onnx_stop),
		cmocka_unit_test_setup_teardown(introduces_itself, onnx_start, onnx_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
