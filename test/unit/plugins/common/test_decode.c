// SPDX-License-Identifier: Apache-2.0
/* What outputs of models mean, number by number, and which are refused. */
#include <math.h>

#include "plugin_util.h"

#include "decode.h"
#include "labels.h"

#define NR(array) (sizeof(array) / sizeof((array)[0]))

static struct capture c;
static struct description description;
static struct engine_outputs outputs;
/* A picture of 200 x 100, squeezed to 100 x 100 */
static struct geometry geometry;
static struct decode d = {"m", &description, &geometry, &outputs};
static char *names[] = {"cat", "dog", "owl"};

static int reset(void **state)
{
	(void)state;
	description_init(&description);
	outputs = (struct engine_outputs){0};
	geometry = (struct geometry){200, 100, 100, 100, 0, 0, 2, 1};
	return 0;
}

/* Adds an output of floats; up to four dims, of which those that are 0 are none. */
static void output(const char *name, float *values, int64_t a, int64_t b, int64_t c_, int64_t e)
{
	struct tensor *t = &outputs.tensors[outputs.nr++];
	int64_t dims[4] = {a, b, c_, e}, count = 1;

	*t = (struct tensor){.name = name, .type = TENSOR_F32, .data = values};
	for (; t->nr_dims < 4 && dims[t->nr_dims]; t->nr_dims++) {
		t->dims[t->nr_dims] = dims[t->nr_dims];
		count *= dims[t->nr_dims];
	}
	t->size = (size_t)count * sizeof(float);
}

static void use_labels(size_t count)
{
	description.labels = (struct labels){NULL, names, count};
}

static struct object found[DECODE_MAX_OBJECTS];
static size_t nr;

static int objects(void)
{
	int ret;

	capture_start(&c, STDOUT_FILENO);
	ret = decode_objects(&d, found, &nr);
	capture_end(&c);
	assert_int_equal(count(c.text, "<error>"), ret ? 1 : 0);
	return ret;
}

static void is_object(size_t i, uint32_t class, float score, float left, float top, float right, float bottom)
{
	assert_true(i < nr);
	assert_int_equal(found[i].class, class);
	assert_true(fabsf(found[i].score - score) < 1e-3f);
	assert_true(fabsf(found[i].box[0] - left) < 0.01f && fabsf(found[i].box[1] - top) < 0.01f &&
		    fabsf(found[i].box[2] - right) < 0.01f && fabsf(found[i].box[3] - bottom) < 0.01f);
}

static void ssd(void **state)
{
	float boxes[] = {0.1f, 0.2f, 0.5f, 0.6f, 0, 0, 1, 1, -1, -1, 3, 3};
	float classes[] = {2, 1, 0}, scores[] = {0.9f, 0.95f, 0.4f}, number[] = {3};

	(void)state;
	output("detection_boxes", boxes, 1, 3, 4, 0);
	output("detection_classes", classes, 1, 3, 0, 0);
	output("detection_scores", scores, 1, 3, 0, 0);
	output("num_detections", number, 1, 0, 0, 0);
	assert_int_equal(objects(), 0);
	assert_int_equal(nr, 2);
	is_object(0, 1, 0.95f, 0, 0, 200, 100);
	is_object(1, 2, 0.9f, 40, 10, 120, 50); /* top, left, bottom, right */
	number[0] = 1;
	description.threshold = 0.1;
	assert_int_equal(objects(), 0);
	assert_int_equal(nr, 1);
	number[0] = 3;
	assert_int_equal(objects(), 0);
	is_object(2, 0, 0.4f, 0, 0, 200, 100); /* within the picture */

	/* without names, as TensorFlow Lite's */
	for (size_t i = 0; i < 4; i++)
		outputs.tensors[i].name = "StatefulPartitionedCall:1";
	assert_int_equal(objects(), 0);
	is_object(1, 2, 0.9f, 40, 10, 120, 50);

	/* in pixels: left, top, right, bottom */
	memcpy(boxes, (float[]){10, 20, 50, 60}, 4 * sizeof(float));
	outputs.tensors[0].name = "boxes";
	outputs.tensors[1].name = "labels";
	outputs.tensors[2].name = "scores";
	assert_int_equal(objects(), 0);
	is_object(1, 2, 0.9f, 20, 20, 100, 60);

	outputs.tensors[1].dims[1] = 2;
	assert_int_equal(objects(), VACCEL_EINVAL);
	assert_contains(c.text, "boxes of model m, float32 [1, 3, 4], does not have four numbers for each");
	outputs.tensors[1].dims[1] = 3;
	scores[1] = NAN;
	assert_int_equal(objects(), VACCEL_EINVAL);
	assert_contains(c.text, "scores of model m, float32 [1, 3], has a value that is no number (NaN)");
}

static void detr(void **state)
{
	float logits[] = {5, 0, 0, 0, 0, 0, 0, 5, 0, 4, 0, 0};
	float boxes[] = {0.5f, 0.5f, 0.2f, 0.4f, 0.5f, 0.5f, 1, 1, 0.1f, 0.1f, 0.4f, 0.4f};

	(void)state;
	use_labels(3);
	output("pred_boxes", boxes, 1, 3, 4, 0);
	output("/model/logits:0", logits, 1, 3, 4, 0);
	assert_int_equal(objects(), 0);
	assert_int_equal(nr, 2); /* the last logit is that of nothing */
	is_object(0, 0, 0.9802f, 80, 30, 120, 70);
	is_object(1, 1, 0.9479f, 0, 0, 60, 30);
	/* as many as labels: each has a probability of its own */
	outputs.tensors[1] = (struct tensor){.name = "logits", .type = TENSOR_F32, .nr_dims = 3,
					     .dims = {1, 3, 3}, .data = logits, .size = 36};
	assert_int_equal(objects(), 0);
	is_object(0, 0, 0.9933f, 80, 30, 120, 70);
	outputs.tensors[1].dims[1] = 2;
	assert_int_equal(objects(), VACCEL_EINVAL);
	assert_contains(c.text, "pred_boxes of model m");
	outputs.tensors[1].nr_dims = 2;
	assert_int_equal(objects(), VACCEL_EINVAL);
	assert_contains(c.text, "logits of model m, float32 [1, 2], is not [1, queries, classes]");
}

static void yolo(void **state)
{
	/* 10 places of 7 numbers, of which some are good: two of one object, and another class at its place */
	float first[70] = {0}, last[70] = {0}, objectness[80] = {0};
	static const float good[][7] = {
		{50, 50, 20, 20, 0.1f, 0.8f, 0}, {51, 50, 20, 20, 0, 0.7f, 0.1f}, {50, 50, 20, 20, 0, 0, 0.6f},
		{20, 30, 10, 10, 0, 0.5f, 0},
	};

	(void)state;
	for (size_t i = 0; i < NR(good); i++)
		for (size_t k = 0; k < 7; k++) {
			first[k * 10 + i] = last[i * 7 + k] = good[i][k];
			objectness[i * 8 + (k < 4 ? k : k + 1)] = good[i][k];
			objectness[i * 8 + 4] = 0.5f;
		}
	use_labels(3);
	output("output0", first, 1, 7, 10, 0);
	for (int way = 0; way < 3; way++) {
		assert_int_equal(objects(), 0);
		assert_int_equal(nr, 3);
		is_object(0, 1, way == 2 ? 0.4f : 0.8f, 80, 40, 120, 60);
		is_object(1, 2, way == 2 ? 0.3f : 0.6f, 80, 40, 120, 60);
		is_object(2, 1, way == 2 ? 0.25f : 0.5f, 30, 25, 50, 35);
		outputs.nr = 0;
		if (way)
			output("output0", objectness, 1, 10, 8, 0);
		else
			output("output0", last, 1, 10, 7, 0);
	}
	/* as shares of the input */
	for (size_t i = 0; i < 40; i++)
		first[i] /= 100;
	outputs.nr = 0;
	output("output0", first, 1, 7, 10, 0);
	assert_int_equal(objects(), 0);
	is_object(0, 1, 0.8f, 80, 40, 120, 60);
	first[69] = INFINITY;
	assert_int_equal(objects(), VACCEL_EINVAL);
	assert_contains(c.text, "output0 of model m, float32 [1, 7, 10], has a value that is infinite");
	first[69] = 1.5f;
	assert_int_equal(objects(), VACCEL_EINVAL);
	assert_contains(c.text, "has a score above 1");
	/* boxes, and products of scores, that are too large to be numbers */
	first[69] = 0;
	first[0] = first[20] = 3e38f;
	first[10] = -3e38f;
	first[30] = 3e38f;
	assert_int_equal(objects(), 0);
	assert_true(found[0].box[0] >= 0 && found[0].box[2] <= 200 && found[0].box[1] >= 0);
	outputs.nr = 0;
	output("output0", objectness, 1, 10, 8, 0);
	objectness[4] = objectness[6] = 3e38f;
	assert_int_equal(objects(), VACCEL_EINVAL);
	outputs.nr = 0;
	output("output0", first, 1, 7, 10, 0);
	/* another number of classes than labels */
	use_labels(1);
	first[69] = 0;
	assert_int_equal(objects(), VACCEL_EINVAL);
	assert_contains(c.text, "no outputs that are known as objects: output0 float32 [1, 7, 10]");
}

/* Left, top, right, bottom, score and class: nothing is left to be done. */
static void suppressed(void **state)
{
	float rows[] = {10, 20, 30, 40, 0.9f, 2, 10, 20, 30, 40, 0.8f, 2, 0, 0, 0, 0, 0, 0};

	(void)state;
	output("output0", rows, 1, 3, 6, 0);
	assert_int_equal(objects(), 0);
	assert_int_equal(nr, 2);
	is_object(0, 2, 0.9f, 20, 20, 60, 40);
}

static void no_objects(void **state)
{
	float values[16] = {0};

	(void)state;
	assert_int_equal(objects(), VACCEL_EINVAL);
	assert_contains(c.text, "none at all");
	output("x", values, 16, 0, 0, 0);
	assert_int_equal(objects(), VACCEL_EINVAL);
	strcpy(description.decoder, "ssd");
	assert_int_equal(objects(), VACCEL_EINVAL);
	assert_contains(c.text, "known as objects of ssd: x float32 [16]");
	outputs.tensors[0] = (struct tensor){.name = "output", .type = TENSOR_OTHER, .nr_dims = 3,
					     .dims = {1, 3, 6}};
	description.decoder[0] = '\0';
	assert_int_equal(objects(), VACCEL_EINVAL);
	assert_contains(c.text, "has no numbers");
	/* more than there are bytes for, more than can be counted */
	outputs.tensors[0] = (struct tensor){.name = "y", .type = TENSOR_F32, .nr_dims = 3,
					     .dims = {1, INT64_C(1) << 62, 6}, .data = values, .size = 64};
	assert_int_equal(objects(), VACCEL_EINVAL);
}

static void class_maps(void **state)
{
	float logits[2 * 3 * 4] = {0}, mask[6] = {-1, 3, 0, 0.2f, -5, 9};
	int64_t classes[6] = {0, 1, 2, 300, 0, 0};
	struct class_map map;

	(void)state;
	for (size_t i = 0; i < 6; i++)
		logits[(i % 4) * 6 + i] = 1; /* planes first */
	output("logits", logits, 1, 4, 2, 3);
	assert_int_equal(decode_class_map(&d, &map), 0);
	assert_true(map.width == 3 && map.height == 2 && map.classes == 4);
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(map.cells[i], i % 4);
	free(map.cells);

	memset(logits, 0, sizeof(logits));
	for (size_t i = 0; i < 6; i++)
		logits[i * 3 + i % 3] = 1;
	outputs.nr = 0;
	use_labels(3); /* they say which dimension it is */
	output("logits", logits, 1, 2, 3, 3);
	assert_int_equal(decode_class_map(&d, &map), 0);
	assert_true(map.width == 3 && map.height == 2 && map.classes == 3);
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(map.cells[i], i % 3);
	free(map.cells);

	outputs.nr = 0;
	use_labels(0);
	output("mask", mask, 1, 1, 2, 3);
	assert_int_equal(decode_class_map(&d, &map), 0);
	assert_int_equal(map.classes, 2);
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(map.cells[i], mask[i] > 0);
	free(map.cells);

	outputs.tensors[0] = (struct tensor){.name = "map", .type = TENSOR_I64, .nr_dims = 3,
					     .dims = {1, 2, 3}, .data = classes, .size = sizeof(classes)};
	assert_int_equal(decode_class_map(&d, &map), 0);
	assert_true(map.classes == 301 && map.cells[3] == 300);
	free(map.cells);
	classes[0] = -1;
	capture_start(&c, STDOUT_FILENO);
	assert_int_equal(decode_class_map(&d, &map), VACCEL_EINVAL);
	classes[0] = INT64_MAX;
	assert_int_equal(decode_class_map(&d, &map), VACCEL_EINVAL);
	outputs.tensors[0].dims[1] = 100000;
	assert_int_equal(decode_class_map(&d, &map), VACCEL_EINVAL);
	capture_end(&c);
	assert_int_equal(count(c.text, "the number of no class"), 2);
	assert_int_equal(count(c.text, "known as a map of classes"), 1);
	assert_null(map.cells);
}

static void depths(void **state)
{
	float metres[6] = {1, 2, 3, 4, 5, 6};
	struct depth_map map;

	(void)state;
	output("other", metres, 6, 0, 0, 0);
	output("predicted_depth", metres, 1, 2, 3, 0);
	assert_int_equal(decode_depth(&d, &map), 0);
	assert_true(map.width == 3 && map.height == 2);
	assert_memory_equal(map.cells, metres, sizeof(metres));
	free(map.cells);
	outputs.nr = 0;
	output("x", metres, 1, 2, 3, 1);
	assert_int_equal(decode_depth(&d, &map), 0);
	assert_true(map.width == 3 && map.height == 2);
	free(map.cells);
	capture_start(&c, STDOUT_FILENO);
	metres[5] = NAN;
	assert_int_equal(decode_depth(&d, &map), VACCEL_EINVAL);
	outputs.nr = 0;
	output("x", metres, 1, 2, 1, 3);
	outputs.tensors[0].dims[1] = 2;
	outputs.tensors[0].dims[2] = 3;
	outputs.tensors[0].dims[3] = 2;
	assert_int_equal(decode_depth(&d, &map), VACCEL_EINVAL);
	capture_end(&c);
	assert_contains(c.text, "no number (NaN)");
	assert_contains(c.text, "more than one number for each place");
}

static void key_points(void **state)
{
	float movenet[17 * 3] = {0}, heat[2 * 4 * 5] = {0};
	struct people people;
	char room[DECODE_LABEL_SIZE];

	(void)state;
	movenet[3] = 0.25f; /* the left eye: from the top, from the left */
	movenet[4] = 0.5f;
	movenet[5] = 0.9f;
	output("output_0", movenet, 1, 1, 17, 3);
	assert_int_equal(decode_points(&d, &people), 0);
	assert_true(people.nr == 1 && people.points == 17);
	assert_true(fabsf(people.all[1].x - 100) < 1e-3f && fabsf(people.all[1].y - 25) < 1e-3f);
	assert_string_equal(decode_point_name(&d, 17, 1, room, sizeof(room)), "left eye");
	assert_string_equal(decode_point_name(&d, 2, 1, room, sizeof(room)), "1");
	free(people.all);

	heat[1 * 5 + 2] = 0.5f; /* x 2, y 1 of 5 x 4 */
	heat[20 + 3 * 5 + 3] = 1;
	heat[20 + 3 * 5 + 4] = 0.5f; /* leans to the right */
	outputs.nr = 0;
	output("heatmaps", heat, 1, 2, 4, 5);
	assert_int_equal(decode_points(&d, &people), 0);
	assert_true(people.nr == 1 && people.points == 2);
	assert_true(fabsf(people.all[0].x - 100) < 1e-3f && fabsf(people.all[0].y - 37.5f) < 1e-3f);
	assert_true(fabsf(people.all[1].x - 150) < 1e-3f && fabsf(people.all[1].y - 87.5f) < 1e-3f);
	assert_true(people.all[0].score == 0.5f && people.scores[0] == 0.75f);
	free(people.all);

	heat[0] = -INFINITY;
	capture_start(&c, STDOUT_FILENO);
	assert_int_equal(decode_points(&d, &people), VACCEL_EINVAL);
	outputs.nr = 0;
	output("heatmaps", heat, 2, 2, 2, 5);
	assert_int_equal(decode_points(&d, &people), VACCEL_EINVAL);
	capture_end(&c);
	assert_contains(c.text, "infinite");
	assert_contains(c.text, "known as key points");
	assert_null(people.all);
}

/* Several people at once, of whom only those that are there count */
static void several_people(void **state)
{
	float people6[6 * 56] = {0};
	struct people people;

	(void)state;
	for (int i = 0; i < 2; i++)
		people6[i * 2 * 56 + 55] = 0.9f;
	output("output_0", people6, 1, 6, 56, 0);
	assert_int_equal(decode_points(&d, &people), 0);
	assert_true(people.nr == 2 && people.points == 17 && people.scores[1] == 0.9f);
	free(people.all);
}

/* Where cells are when the picture was cropped, or has room beside it */
static void places(void **state)
{
	/* the middle 100 x 100 of a picture of 200 x 100 */
	struct geometry crop = {200, 100, 50, 50, 50, 0, 2, 2};
	/* a picture of 200 x 100 in the upper half of an input of 100 x 100 */
	struct geometry room = {200, 100, 100, 100, 0, 0, 2, 2};
	size_t cell;

	(void)state;
	assert_false(decode_cell(&crop, 10, 10, 49, 0, &cell));
	assert_true(decode_cell(&crop, 10, 10, 50, 0, &cell));
	assert_int_equal(cell, 0);
	assert_true(decode_cell(&crop, 10, 10, 149, 99, &cell));
	assert_int_equal(cell, 99);
	assert_false(decode_cell(&crop, 10, 10, 150, 99, &cell));
	assert_true(decode_is_picture(&room, 10, 10, 49));
	assert_false(decode_is_picture(&room, 10, 10, 50));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, reset)
	const struct CMUnitTest tests[] = {
		TEST(ssd),	  TEST(detr),	  TEST(yolo),	       TEST(suppressed),     TEST(no_objects),
		TEST(class_maps), TEST(depths),	  TEST(key_points),    TEST(several_people), TEST(places),
	};

	return cmocka_run_group_tests(tests, start_without_plugins, stop_library);
}
