// SPDX-License-Identifier: Apache-2.0
/* The tensor that is made of a picture, number by number. */
#include <math.h>

#include "util.h"

#include "image.h"

static const double mean[] = {0.485, 0.456, 0.406}, deviation[] = {0.229, 0.224, 0.225};

static double normalised(double value, int channel)
{
	return (value / 255 - mean[channel]) / deviation[channel];
}

static float *convert(const uint8_t *rgb, uint32_t width, uint32_t height, uint32_t to_width,
		      uint32_t to_height, bool channels_last)
{
	struct image image = {width, height, (uint8_t *)rgb};
	struct input_plan plan = {.type = TENSOR_F32, .width = to_width, .height = to_height,
				  .channels = 3, .channels_last = channels_last,
				  .resized_width = to_width, .resized_height = to_height, .factor = 1.0f / 255};
	void *tensor = NULL;

	for (int i = 0; i < 3; i++) {
		plan.mean[i] = (float)mean[i];
		plan.deviation[i] = (float)deviation[i];
	}
	assert_int_equal(image_to_tensor(&image, &plan, &tensor), 0);
	assert_non_null(tensor);
	return tensor;
}

static void near(double a, double b)
{
	if (!(fabs(a - b) < 1e-4))
		fail_msg("%f is not %f", a, b);
}

/* Without a change of size every number is that of its pixel. */
static void same_size(void **state)
{
	enum { W = 5, H = 3 };
	uint8_t rgb[W * H * 3];

	(void)state;
	for (size_t i = 0; i < sizeof(rgb); i++)
		rgb[i] = (uint8_t)(i * 37);
	for (int last = 0; last < 2; last++) {
		float *t = convert(rgb, W, H, W, H, last);

		for (int y = 0; y < H; y++)
			for (int x = 0; x < W; x++)
				for (int c = 0; c < 3; c++)
					near(t[last ? (y * W + x) * 3 + c : (c * H + y) * W + x],
					     normalised(rgb[(y * W + x) * 3 + c], c));
		free(t);
	}
}

/* Whatever the sizes are, a single colour stays that colour. */
static void one_colour(void **state)
{
	static const uint32_t sizes[] = {1, 2, 3, 7, 40, 64, 333};
	enum { N = sizeof(sizes) / sizeof(sizes[0]) };

	(void)state;
	for (int from = 0; from < N; from++) {
		uint32_t w = sizes[from], h = sizes[(from + 3) % N];
		uint8_t *rgb = malloc((size_t)w * h * 3);

		assert_non_null(rgb);
		for (uint32_t i = 0; i < w * h; i++) {
			rgb[i * 3] = 255;
			rgb[i * 3 + 1] = 100;
			rgb[i * 3 + 2] = 0;
		}
		for (int to = 0; to < N; to++) {
			uint32_t tw = sizes[to], th = sizes[(to + 2) % N];
			float *t = convert(rgb, w, h, tw, th, false);

			for (uint32_t i = 0; i < tw * th; i++) {
				near(t[i], normalised(255, 0));
				near(t[tw * th + i], normalised(100, 1));
				near(t[2 * tw * th + i], normalised(0, 2));
			}
			free(t);
		}
		free(rgb);
	}
}

/* A ramp stays one: its values at the middles of the new pixels, away from the edges. */
static void ramp(uint32_t from, uint32_t to, bool across)
{
	uint8_t *rgb = malloc(from * 3);
	double scale = (double)from / to, reach = scale > 1 ? scale : 1;
	float *t;

	assert_non_null(rgb);
	for (uint32_t i = 0; i < from; i++)
		rgb[i * 3] = rgb[i * 3 + 1] = rgb[i * 3 + 2] = (uint8_t)(i * 200 / (from - 1));
	t = convert(rgb, across ? from : 1, across ? 1 : from, across ? to : 1, across ? 1 : to,
		    true);
	for (uint32_t i = 0; i < to; i++) {
		double middle = (i + 0.5) * scale;
		double expected = (middle - 0.5) * 200 / (from - 1);

		if (middle - reach < 0 || middle + reach > from)
			continue;
		if (fabs(t[i * 3] - normalised(expected, 0)) > 0.02) /* bytes are rounded */
			fail_msg("%u of %u to %u: %f is not %f", i, from, to, (double)t[i * 3],
				 normalised(expected, 0));
	}
	free(t);
	free(rgb);
}

static void ramps(void **state)
{
	(void)state;
	for (int across = 0; across < 2; across++) {
		ramp(101, 40, across);
		ramp(101, 250, across);
		ramp(200, 100, across);
		ramp(64, 7, across);
	}
}

/* Half the size: the middle two of four pixels count three times as much as the outer ones. */
static void weights(void **state)
{
	uint8_t rgb[8 * 3] = {0};
	float *t;

	(void)state;
	rgb[3 * 3] = 240; /* the fourth pixel, red: in the second of the new four, and the third */
	t = convert(rgb, 8, 1, 4, 1, false);
	near(t[0], normalised(0, 0));
	near(t[1], normalised(240 * 3 / 8.0, 0));
	near(t[2], normalised(240 * 1 / 8.0, 0));
	near(t[3], normalised(0, 0));
	free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_size),
		cmocka_unit_test(one_colour),
		cmocka_unit_test(ramps),
		cmocka_unit_test(weights),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
