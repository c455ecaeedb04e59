// SPDX-License-Identifier: Apache-2.0
/* Objects, segments, key points and depths of drawn scenes: right answers, as text and as pictures. */
#include <json-c/json.h>
#include <math.h>
#include <png.h>
#include <sys/stat.h>

#include "plugin_util.h"

#define MODELS	EXAMPLES_DIR "/models/scenes/"
#define LEARNED EXAMPLES_DIR "/models/learned/"
#define IMAGES	EXAMPLES_DIR "/images/"
#define ROOM	(1u << 20)

typedef int (*op_fn)(struct vaccel_session *, const void *, unsigned char *, size_t, size_t);

static struct vaccel_session sess;
static struct vaccel_resource model, data;
static struct capture c;
static uint8_t room[ROOM]; /* of the DATA resource */
static char text[4096];
static struct json_object *answer;
static char dir[] = "/tmp/vaccel-unit-scenes-XXXXXX";

static int start(void **state)
{
	(void)state;
	unsetenv("VACCEL_ONNX_MODEL");
	unsetenv("VACCEL_ONNX_LABELS");
	strcpy(strrchr(dir, '-'), "-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	lib_start(PLUGIN_ONNX, VACCEL_LOG_WARN);
	return vaccel_session_init(&sess, 0);
}

static int stop(void **state)
{
	char command[64];

	(void)state;
	if (answer)
		json_object_put(answer);
	answer = NULL;
	vaccel_session_release(&sess);
	lib_stop();
	snprintf(command, sizeof(command), "rm -r %s", dir);
	return system(command);
}

static void use(const char *path)
{
	char url[256];

	snprintf(url, sizeof(url), "file://%s", path);
	assert_int_equal(vaccel_resource_init(&model, url, VACCEL_RESOURCE_MODEL), 0);
	assert_int_equal(vaccel_resource_register(&model, &sess), 0);
}

static void drop(void)
{
	assert_int_equal(vaccel_resource_release(&model), 0);
}

static void offer(size_t size)
{
	memset(room, 0xee, sizeof(room));
	assert_int_equal(vaccel_resource_init_from_buf(&data, room, size, VACCEL_RESOURCE_DATA, "out.png",
						       true), 0);
	assert_int_equal(vaccel_resource_register(&data, &sess), 0);
}

/* Calls an op with a picture. What is logged is in c, the answer, cut to len, in text and in answer. */
static int run(op_fn op, const char *image, size_t len)
{
	static uint8_t bytes[256 << 10];
	FILE *file = fopen(image, "rb");
	size_t size;
	int ret;

	assert_non_null(file);
	size = fread(bytes, 1, sizeof(bytes), file);
	assert_true(size && size < sizeof(bytes));
	fclose(file);
	memset(text, 0, sizeof(text));
	capture_start(&c, STDOUT_FILENO);
	ret = op(&sess, bytes, (unsigned char *)text, size, len);
	capture_end(&c);
	assert_int_equal(count(c.text, "<error>"), ret ? 1 : 0);
	if (answer)
		json_object_put(answer);
	answer = ret || !*text ? NULL : json_tokener_parse(text);
	assert_true(ret || !*text || answer);
	return ret;
}

static struct json_object *get(struct json_object *o, const char *name)
{
	struct json_object *value = NULL;

	if (!json_object_object_get_ex(o, name, &value))
		fail_msg("there is no %s in %s", name, text);
	return value;
}

static double number(struct json_object *o, const char *name)
{
	return json_object_get_double(get(o, name));
}

static void is(struct json_object *o, const char *name, const char *value)
{
	assert_string_equal(json_object_get_string(get(o, name)), value);
}

static void near(double value, double expected, double most)
{
	if (!(fabs(value - expected) <= most))
		fail_msg("%f is not %f", value, expected);
}

/* The picture in the DATA resource, in a format of libpng's. */
static uint8_t *picture(uint32_t format, uint32_t width, uint32_t height, void *colors)
{
	png_image png = {.version = PNG_IMAGE_VERSION};
	uint8_t *pixels;

	assert_true(png_image_begin_read_from_memory(&png, room, (size_t)number(get(answer, "picture"),
										 "bytes")));
	assert_true(png.width == width && png.height == height);
	assert_int_equal(png.format & ~(uint32_t)PNG_FORMAT_FLAG_ALPHA, format);
	png.format = format;
	pixels = malloc(PNG_IMAGE_SIZE(png));
	assert_non_null(pixels);
	assert_true(png_image_finish_read(&png, NULL, pixels, 0, colors));
	return pixels;
}

/* ---- Answers --------------------------------------------------------------------------------- */

static const struct {
	const char *label;
	double box[4], share;
} things[] = {
	{"circle", {30, 40, 110, 120}, 0.0654},
	{"square", {180, 20, 250, 90}, 0.0638},
	{"triangle", {130, 140, 290, 220}, 0.0833},
};

static void is_scene(struct json_object *root)
{
	struct json_object *objects = get(root, "objects");

	is(root, "operation", "detect");
	is(root, "model", "model.onnx");
	assert_true(number(root, "width") == 320 && number(root, "height") == 240);
	assert_true(number(root, "found") == 3);
	assert_int_equal(json_object_array_length(objects), 3);
	for (size_t i = 0; i < 3; i++) {
		struct json_object *o = json_object_array_get_idx(objects, i);
		size_t which = 0;

		while (which < 2 && strcmp(json_object_get_string(get(o, "label")), things[which].label))
			which++;
		is(o, "label", things[which].label);
		assert_true(number(o, "score") > 0.9 && number(o, "score") <= 1);
		for (size_t k = 0; k < 4; k++)
			near(json_object_get_double(json_object_array_get_idx(get(o, "box"), k)),
			     things[which].box[k], 5);
	}
}

static void detect(void **state)
{
	uint8_t *pixels;

	(void)state;
	use(MODELS "detect");
	assert_int_equal(run(vaccel_image_detection, IMAGES "scene.jpg", sizeof(text)), 0);
	is_scene(answer);
	assert_null(strstr(text, "picture"));

	offer(ROOM);
	assert_int_equal(run(vaccel_image_detection, IMAGES "scene.jpg", sizeof(text)), 0);
	is_scene(answer);
	pixels = picture(PNG_FORMAT_RGB, 320, 240, NULL);
	/* the frame of the circle, and what is within it */
	assert_memory_equal(pixels + (80 * 320 + (size_t)json_object_get_double(json_object_array_get_idx(
					get(json_object_array_get_idx(get(answer, "objects"), 0), "box"), 0))) * 3,
			    "\x80\0\0", 3);
	assert_true(pixels[(80 * 320 + 70) * 3] > 180);
	free(pixels);
	assert_int_equal(vaccel_resource_release(&data), 0);

	/* nothing of the kind */
	assert_int_equal(run(vaccel_image_detection, IMAGES "mist.jpg", sizeof(text)), 0);
	assert_true(number(answer, "found") == 0);
	assert_int_equal(json_object_array_length(get(answer, "objects")), 0);
	drop();
}

static void is_segments(const char *path)
{
	uint8_t *pixels, colors[256 * 3];
	struct json_object *classes;

	use(path);
	offer(ROOM);
	assert_int_equal(run(vaccel_image_segmentation, IMAGES "scene.jpg", sizeof(text)), 0);
	is(answer, "operation", "segment");
	classes = get(answer, "classes");
	assert_int_equal(json_object_array_length(classes), 4);
	for (size_t i = 0; i < 4; i++) {
		struct json_object *o = json_object_array_get_idx(classes, i);
		int class = json_object_get_int(get(o, "class"));

		is(o, "label", class ? things[class - 1].label : "background");
		near(number(o, "share"), class ? things[class - 1].share : 0.7875, 0.02);
	}
	pixels = picture(PNG_FORMAT_RGB_COLORMAP, 320, 240, colors);
	for (size_t i = 0; i < 3; i++) /* their middle; the triangle's is of it, too */
		assert_int_equal(pixels[(size_t)(things[i].box[1] + things[i].box[3]) / 2 * 320 +
					(size_t)(things[i].box[0] + things[i].box[2]) / 2], i + 1);
	assert_int_equal(pixels[0], 0);
	assert_memory_equal(colors, "\0\0\0\x80\0\0\0\x80\0", 9);
	free(pixels);
	assert_int_equal(vaccel_resource_release(&data), 0);
	drop();
}

static void segment(void **state)
{
	(void)state;
	is_segments(MODELS "segment");
}

static void is_figure(const char *path)
{
	static const struct {
		const char *label;
		double x, y;
	} points[] = {{"head", 125, 60}, {"left hand", 200, 110}, {"right hand", 45, 150},
		      {"left foot", 170, 285}, {"right foot", 80, 280}};
	struct json_object *list;

	use(path);
	assert_int_equal(run(vaccel_image_pose, IMAGES "figure.jpg", sizeof(text)), 0);
	is(answer, "operation", "pose");
	assert_true(number(answer, "found") == 1);
	list = get(json_object_array_get_idx(get(answer, "poses"), 0), "points");
	assert_int_equal(json_object_array_length(list), 5);
	for (size_t i = 0; i < 5; i++) {
		struct json_object *o = json_object_array_get_idx(list, i);

		is(o, "label", points[i].label);
		near(number(o, "x"), points[i].x, 8);
		near(number(o, "y"), points[i].y, 8);
		assert_true(number(o, "score") > 0.3 && number(o, "score") <= 1);
	}
	drop();
}

static void pose(void **state)
{
	(void)state;
	is_figure(MODELS "pose");
}

/* Depths are right to so many metres. */
static void is_mist(const char *path, double most)
{
	const uint16_t *metres;
	uint8_t *pixels;
	double low, range;

	use(path);
	offer(ROOM);
	assert_int_equal(run(vaccel_image_depth, IMAGES "mist.jpg", sizeof(text)), 0);
	is(answer, "operation", "depth");
	low = number(get(answer, "depth"), "min");
	range = number(get(answer, "depth"), "max") - low;
	near(low, 1.5, most);
	near(low + range, 9.5, most);
	pixels = picture(PNG_FORMAT_LINEAR_Y, 320, 240, NULL);
	metres = (const uint16_t *)(const void *)pixels;
	near(low + range * metres[100 * 320 + 60] / 65535, 7, most);
	near(low + range * metres[80 * 320 + 150] / 65535, 4, most);
	near(low + range * metres[170 * 320 + 230] / 65535, 1.5, most);
	near(low + range * metres[10 * 320 + 10] / 65535, 9.5, most);
	free(pixels);
	assert_int_equal(vaccel_resource_release(&data), 0);
	drop();
}

static void depth(void **state)
{
	(void)state;
	is_mist(MODELS "depth", 0.2);
}

/* Networks that have learned the same from other scenes, and know things by their forms, whatever their colours */
static void learned(void **state)
{
	/* Not triangle.jpg, which is turned as none that it has learned */
	static const char *const names[] = {"circle.jpg", "square.png"};
	char path[256];

	(void)state;
	is_segments(LEARNED "segment");
	is_figure(LEARNED "pose");
	is_mist(LEARNED "depth", 0.4);
	use(LEARNED "detect");
	assert_int_equal(run(vaccel_image_detection, IMAGES "scene.jpg", sizeof(text)), 0);
	is_scene(answer);
	assert_int_equal(run(vaccel_image_detection, IMAGES "circle.jpg", sizeof(text)), 0);
	assert_true(number(answer, "found") == 1);
	is(json_object_array_get_idx(get(answer, "objects"), 0), "label", "circle");
	drop();
	use(LEARNED "segment");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct json_object *classes, *first;

		snprintf(path, sizeof(path), IMAGES "%s", names[i]);
		assert_int_equal(run(vaccel_image_segmentation, path, sizeof(text)), 0);
		classes = get(answer, "classes");
		first = json_object_array_get_idx(classes, 0); /* the largest, or the one after the background */
		if (!json_object_get_int(get(first, "class")))
			first = json_object_array_get_idx(classes, 1);
		assert_non_null(first);
		assert_memory_equal(json_object_get_string(get(first, "label")), names[i], strcspn(names[i], "."));
	}
	drop();
}

/* ---- Little room ----------------------------------------------------------------------------- */

static void small_answers(void **state)
{
	size_t whole, last = 0;

	(void)state;
	use(MODELS "detect");
	assert_int_equal(run(vaccel_image_detection, IMAGES "scene.jpg", sizeof(text)), 0);
	whole = strlen(text) + 1;
	for (size_t len = 0; len <= whole; len++) {
		assert_int_equal(run(vaccel_image_detection, IMAGES "scene.jpg", len), 0);
		assert_true(strlen(text) < len || !len);
		if (!answer)
			continue;
		assert_true(number(answer, "found") == 3);
		assert_true(json_object_array_length(get(answer, "objects")) >= last);
		last = json_object_array_length(get(answer, "objects"));
		if (len < whole)
			assert_contains(c.text, "The answer has");
	}
	assert_int_equal(last, 3);
	drop();
}

static void small_pictures(void **state)
{
	(void)state;
	use(MODELS "detect");
	offer(100);
	assert_int_equal(run(vaccel_image_detection, IMAGES "scene.jpg", sizeof(text)), 0);
	is_scene(answer);
	assert_null(strstr(text, "\"picture\""));
	assert_contains(c.text, "it is left out");
	for (size_t i = 0; i < ROOM; i++)
		assert_int_equal(room[i], 0xee);
	assert_int_equal(vaccel_resource_release(&data), 0);
	drop();
}

/* ---- What is refused ------------------------------------------------------------------------- */

static void other_operations(void **state)
{
	(void)state;
	use(MODELS "depth");
	assert_int_equal(run(vaccel_image_detection, IMAGES "scene.jpg", sizeof(text)), VACCEL_EINVAL);
	assert_contains(c.text, "known as objects: predicted_depth float32 [1, 48, 48]");
	assert_int_equal(run(vaccel_image_pose, IMAGES "scene.jpg", sizeof(text)), VACCEL_EINVAL);
	assert_contains(c.text, "known as key points: predicted_depth float32 [1, 48, 48]");
	drop();
	use(EXAMPLES_DIR "/models/shapes");
	assert_int_equal(run(vaccel_image_segmentation, IMAGES "scene.jpg", sizeof(text)), VACCEL_EINVAL);
	assert_int_equal(run(vaccel_image_depth, IMAGES "scene.jpg", sizeof(text)), VACCEL_EINVAL);
	assert_contains(c.text, "known as depths:");
	drop();
}

static void write_file(const char *name, const char *content, size_t size)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(content, 1, size, file), size);
	fclose(file);
}

/* What is no model is refused as such, before anything is asked for that belongs to one. */
static void no_models(void **state)
{
	static const char *const bytes[] = {"\xff\xd8\xff\xe0 a JPEG", "\x89PNG\r\n", "{}", "\x80\x02}q"};

	(void)state;
	for (size_t i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++) {
		write_file("model.onnx", bytes[i], strlen(bytes[i]));
		use(dir);
		capture_start(&c, STDOUT_FILENO);
		assert_int_equal(vaccel_image_classification(&sess, "x", (unsigned char *)text, NULL, 1,
							     sizeof(text), 0), VACCEL_EINVAL);
		capture_end(&c);
		assert_contains(c.text, "Model model.onnx is not an ONNX file");
		assert_int_equal(run(vaccel_image_detection, IMAGES "scene.jpg", sizeof(text)),
				 VACCEL_EINVAL);
		assert_contains(c.text, "Model model.onnx is not an ONNX file");
		assert_null(strstr(c.text, "labels"));
		assert_null(strstr(c.text, dir));
		drop();
	}
}

/* A description that is not understood is an error, and which of its words it is. */
static void descriptions(void **state)
{
	static const struct {
		const char *file, *content, *message;
	} bad[] = {
		{"config.json", "", "config.json"},
		{"config.json", "{", "config.json of model model.onnx is no JSON that can be used: it ends"},
		{"config.json", "[1]", "it is no object"},
		{"config.json", "{\"id2label\": [\"a\"]}", "id2label is not an object of numbers"},
		{"config.json", "{\"id2label\": {\"99999999\": \"a\"}}", "id2label is not"},
		{"config.json", "{\"num_channels\": 4}", "num_channels is not 1 or 3"},
		{"preprocessor_config.json", "{\"size\": {\"height\": 96}}", "size is not an object with height"},
		{"preprocessor_config.json", "{\"size\": 1e9}", "size is not"},
		{"preprocessor_config.json", "{\"size\": {\"height\": 64, \"width\": 64}}",
		 "makes 64 x 64 pixels of this picture, but its input pixel_values is float32 [1, 3, 96, 96]"},
		{"preprocessor_config.json", "{\"image_std\": [0, 1, 1]}", "image_std is not"},
		{"preprocessor_config.json", "{\"image_mean\": [\"a\"]}", "image_mean is not"},
		{"preprocessor_config.json", "{\"do_rescale\": 3}", "do_rescale is not true or false"},
		{"preprocessor_config.json", "{\"resample\": 9}", "resample is not"},
	};
	char command[256], path[128];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(command, sizeof(command), "cp %sdetect/* %s", MODELS, dir);
		assert_int_equal(system(command), 0);
		snprintf(path, sizeof(path), "%s/%s", dir, bad[i].file);
		write_file(bad[i].file, bad[i].content, strlen(bad[i].content));
		use(dir);
		assert_int_equal(run(vaccel_image_detection, IMAGES "scene.jpg", sizeof(text)),
				 VACCEL_EINVAL);
		assert_contains(c.text, bad[i].message);
		drop();
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
	const struct CMUnitTest tests[] = {
		TEST(detect),	      TEST(segment),	  TEST(pose),	      TEST(depth),	TEST(learned),
		TEST(small_answers),  TEST(small_pictures), TEST(other_operations), TEST(no_models), TEST(descriptions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
