// SPDX-License-Identifier: Apache-2.0
/* What is made of a picture for inputs of all kinds, by what files beside the model say. */
#include <math.h>

#include "plugin_util.h"

#include "description.h"
#include "files.h"
#include "model_input.h"

static struct tensor inputs[3];
static size_t nr_inputs;
static struct capture c;
static struct description d;
static struct model_input input;
static struct geometry geometry;

static int count_tensors(void *model, size_t *in, size_t *out)
{
	(void)model;
	*in = nr_inputs;
	*out = 1;
	return VACCEL_OK;
}

static int describe(void *model, bool output, size_t index, struct tensor *tensor)
{
	(void)model;
	(void)output;
	*tensor = inputs[index];
	return VACCEL_OK;
}

const struct engine engine = {.name = "none", .file = "a file", .count = count_tensors,
			      .describe = describe};

static int reset(void **state)
{
	(void)state;
	description_init(&d);
	nr_inputs = 0;
	return 0;
}

static void add(const char *name, enum tensor_type type, int64_t a, int64_t b, int64_t e, int64_t f)
{
	inputs[nr_inputs++] = (struct tensor){.name = name, .type = type, .nr_dims = 4, .dims = {a, b, e, f}};
}

static void describe_by(const char *json)
{
	struct bytes bytes = {json, strlen(json), NULL, false};

	assert_int_equal(description_parse_preprocessor("m", &bytes, &d), 0);
}

/* Makes the input of a picture whose pixels are red, green and blue of one colour, but for the left half. */
static int make(uint32_t width, uint32_t height)
{
	static uint8_t rgb[400 * 400 * 3];
	struct image image = {width, height, rgb};
	int ret;

	for (size_t i = 0; i < (size_t)width * height; i++) {
		bool left = i % width < width / 2;

		rgb[i * 3] = left ? 0 : 100;
		rgb[i * 3 + 1] = left ? 0 : 50;
		rgb[i * 3 + 2] = left ? 0 : 200;
	}
	capture_start(&c, STDOUT_FILENO);
	ret = model_input_find("m", NULL, &d, &input);
	if (!ret)
		ret = model_input_make("m", &d, &image, &input, &geometry);
	capture_end(&c);
	assert_int_equal(count(c.text, "<error>"), ret ? 1 : 0);
	return ret;
}

static const struct tensor *made(void)
{
	return &input.tensors[input.picture];
}

static void is_shape(int64_t b, int64_t e, int64_t f)
{
	const int64_t *dims = made()->dims;

	if (dims[0] != 1 || dims[1] != b || dims[2] != e || dims[3] != f)
		fail_msg("[%d, %d, %d, %d]", (int)dims[0], (int)dims[1], (int)dims[2], (int)dims[3]);
}

static double value(size_t at)
{
	const float *values;
	float *owned, v;
	size_t nr;

	assert_int_equal(tensor_floats(made(), &values, &owned, &nr), 0);
	assert_true(at < nr);
	v = values[at];
	free(owned);
	return (double)v;
}

static void near(double a, double b)
{
	if (!(fabs(a - b) < 2e-3))
		fail_msg("%f is not %f", a, b);
}

/* ---- Layouts and types ------------------------------------------------------------------------ */

static void layouts(void **state)
{
	static const struct {
		int64_t dims[4], made[3];
		size_t blue; /* of the last pixel */
	} cases[] = {
		{{1, 3, 10, 20}, {3, 10, 20}, 599},   {{1, 10, 20, 3}, {10, 20, 3}, 599},
		{{-1, 3, -1, -1}, {3, 224, 224}, 150527}, {{0, 0, 0, 3}, {224, 224, 3}, 150527},
		{{-1, -1, -1, -1}, {3, 224, 224}, 150527}, {{1, 3, 10, 0}, {3, 10, 224}, 6719},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const int64_t *n = cases[i].dims;

		nr_inputs = 0;
		add("x", TENSOR_F32, n[0], n[1], n[2], n[3]);
		assert_int_equal(make(40, 20), 0);
		is_shape(cases[i].made[0], cases[i].made[1], cases[i].made[2]);
		near(value(cases[i].blue), (200 / 255.0 - 0.406) / 0.225);
		model_input_release(&input);
	}
	nr_inputs = 0; /* nothing is said at all */
	add("x", TENSOR_UNKNOWN, 0, 0, 0, 0);
	inputs[0].nr_dims = -1;
	assert_int_equal(make(40, 20), 0);
	is_shape(3, 224, 224);
	assert_int_equal(made()->type, TENSOR_F32);
	model_input_release(&input);
}

static void types(void **state)
{
	static const struct {
		enum tensor_type type;
		double value; /* of the last, which is blue */
	} cases[] = {
		{TENSOR_F16, (200 / 255.0 - 0.406) / 0.225}, {TENSOR_F64, (200 / 255.0 - 0.406) / 0.225},
		{TENSOR_U8, 200}, {TENSOR_I8, 72}, {TENSOR_I32, 200},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		nr_inputs = 0;
		add("x", cases[i].type, 1, 3, 8, 8);
		assert_int_equal(make(8, 8), 0);
		assert_int_equal(made()->size, 192 * tensor_element_size(cases[i].type));
		near(value(191), cases[i].value);
		model_input_release(&input);
	}
	/* quantised: the pixels themselves, until the description says what values mean */
	nr_inputs = 0;
	add("x", TENSOR_U8, 1, 8, 8, 3);
	inputs[0].scale = 0.01f;
	inputs[0].zero = 10;
	assert_int_equal(make(8, 8), 0);
	near(((uint8_t *)made()->data)[191], 200);
	model_input_release(&input);
	describe_by("{\"do_rescale\": true, \"do_normalize\": false}");
	assert_int_equal(make(8, 8), 0);
	near(((uint8_t *)made()->data)[191], 88); /* 200 / 255 / 0.01 + 10 */
	model_input_release(&input);
}

static void one_channel(void **state)
{
	double gray = 0.299 * 100 + 0.587 * 50 + 0.114 * 200;

	(void)state;
	add("x", TENSOR_F32, 1, 1, 8, 8);
	assert_int_equal(make(8, 8), 0);
	is_shape(1, 8, 8);
	near(value(63), (gray / 255 - 0.449) / 0.226);
	model_input_release(&input);
	describe_by("{\"image_mean\": [0.5], \"image_std\": [0.25]}");
	assert_int_equal(make(8, 8), 0);
	near(value(63), (gray / 255 - 0.5) / 0.25);
	model_input_release(&input);
	nr_inputs = 0;
	d.channels = 1; /* the input does not say */
	add("x", TENSOR_F32, 1, 0, 8, 8);
	assert_int_equal(make(8, 8), 0);
	is_shape(1, 8, 8);
	model_input_release(&input);
}

static void masks(void **state)
{
	(void)state;
	add("pixel_mask", TENSOR_I64, 1, 0, 0, 0);
	inputs[0].nr_dims = 3;
	add("pixel_values", TENSOR_F32, 1, 3, 8, 16);
	assert_int_equal(make(20, 20), 0);
	is_shape(3, 8, 16);
	assert_true(input.tensors[0].dims[1] == 8 && input.tensors[0].dims[2] == 16);
	assert_int_equal(input.tensors[0].size, 1024);
	assert_int_equal(((int64_t *)input.tensors[0].data)[127], 1);
	model_input_release(&input);
	inputs[0].name = "threshold";
	assert_int_equal(make(20, 20), VACCEL_EINVAL);
	assert_contains(c.text, "it has 2 inputs and 1 outputs");
}

/* ---- What the description says ------------------------------------------------------------------ */

static void crops(void **state)
{
	(void)state;
	add("x", TENSOR_F32, 1, 3, 20, 20);
	describe_by("{\"size\": {\"shortest_edge\": 40}, \"do_center_crop\": true, \"crop_size\": 20, "
		    "\"do_normalize\": false}");
	assert_int_equal(make(200, 100), 0); /* 80 x 40, of which the middle is taken */
	near(geometry.scale_x, 2.5);
	near(geometry.left, 75);
	near(geometry.top, 25);
	near(value(0), 0);
	near(value(19), 100 / 255.0);
	model_input_release(&input);
}

static void room_beside(void **state)
{
	(void)state;
	add("x", TENSOR_F32, 1, 3, 20, 20);
	describe_by("{\"size\": {\"longest_edge\": 20}, \"image_mean\": [0.5], \"image_std\": [0.5]}");
	assert_int_equal(make(200, 100), 0); /* 20 x 10: the lower half is empty */
	near(geometry.scale_x, 10);
	near(geometry.scale_y, 10);
	near(value(9 * 20 + 19), (100 / 255.0 - 0.5) / 0.5);
	near(value(10 * 20 + 19), 0);
	near(value(399), 0);
	model_input_release(&input);
}

static void sizes(void **state)
{
	(void)state;
	add("x", TENSOR_F32, 1, 3, 0, 0);
	describe_by("{\"size\": {\"shortest_edge\": 50, \"longest_edge\": 80}}");
	assert_int_equal(make(200, 100), 0);
	is_shape(3, 40, 80);
	model_input_release(&input);
	describe_by("{\"size\": {\"height\": 30, \"width\": 60}, \"do_flip_channel_order\": true, "
		    "\"do_normalize\": false, \"rescale_factor\": 0.5, \"resample\": 0}");
	assert_int_equal(make(200, 100), 0);
	is_shape(3, 30, 60);
	near(value(59), 100); /* blue comes first: 200 / 2 */
	model_input_release(&input);
	describe_by("{\"do_resize\": false}");
	assert_int_equal(make(200, 100), 0);
	is_shape(3, 100, 200);
	model_input_release(&input);
	describe_by("{\"size\": 64}");
	assert_int_equal(make(200, 100), 0);
	is_shape(3, 64, 64);
	model_input_release(&input);
}

/* Every kernel leaves one colour as it is, and shrinks without skipping pixels. */
static void kernels(void **state)
{
	char json[64];

	(void)state;
	add("x", TENSOR_F32, 1, 3, 30, 30);
	for (int i = 0; i <= 4; i++) {
		snprintf(json, sizeof(json), "{\"resample\": %d, \"do_normalize\": false}", i);
		describe_by(json);
		for (uint32_t size = 30; size <= 300; size *= 10) {
			assert_int_equal(make(size, size), 0);
			near(value(29), 100 / 255.0);
			near(value(0), 0);
			model_input_release(&input);
		}
	}
}

/* ---- What is refused --------------------------------------------------------------------------- */

static void refused(void **state)
{
	static const struct {
		struct tensor tensor;
		const char *message;
	} bad[] = {
		{{"x", TENSOR_F32, 3, {3, 8, 8}, 0, 0, NULL, 0}, "x, float32 [3, 8, 8], has 3 dimensions"},
		{{"x", TENSOR_F32, 4, {2, 3, 8, 8}, 0, 0, NULL, 0}, "takes 2 pictures at a time"},
		{{"x", TENSOR_F32, 4, {1, 4, 8, 8}, 0, 0, NULL, 0}, "neither one nor three colours"},
		{{"x", TENSOR_F32, 4, {1, 3, 8, INT64_MAX}, 0, 0, NULL, 0}, "a width of 9223372036854775807"},
		{{"x", TENSOR_BOOL, 4, {1, 3, 8, 8}, 0, 0, NULL, 0}, "is bool"},
		{{"x", TENSOR_OTHER, 4, {1, 3, 8, 8}, 0, 0, NULL, 0}, "is of another type"},
		{{NULL, TENSOR_U64, 4, {1, 3, 8, 8}, 0, 0, NULL, 0}, "uint64 [1, 3, 8, 8]"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		inputs[0] = bad[i].tensor;
		nr_inputs = 1;
		assert_int_equal(make(8, 8), VACCEL_EINVAL);
		assert_contains(c.text, bad[i].message);
	}
	nr_inputs = 0;
	assert_int_equal(make(8, 8), VACCEL_EINVAL);
	assert_contains(c.text, "it has 0 inputs");
	nr_inputs = 3;
	assert_int_equal(make(8, 8), VACCEL_EINVAL);
	nr_inputs = 0;
	add("x", TENSOR_F32, 1, 3, 20, 20);
	describe_by("{\"size\": {\"height\": 10, \"width\": 10}}");
	assert_int_equal(make(8, 8), VACCEL_EINVAL);
	assert_contains(c.text, "makes 10 x 10 pixels of this picture, but its input x is float32 [1, 3, 20, 20]");
	describe_by("{\"size\": {\"shortest_edge\": 20}}"); /* a picture that is no square */
	assert_int_equal(make(80, 40), VACCEL_EINVAL);
	assert_contains(c.text, "makes 40 x 20 pixels");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, reset)
	const struct CMUnitTest tests[] = {
		TEST(layouts), TEST(types), TEST(one_channel), TEST(masks),   TEST(crops),
		TEST(room_beside), TEST(sizes), TEST(kernels), TEST(refused),
	};

	return cmocka_run_group_tests(tests, start_without_plugins, stop_library);
}
