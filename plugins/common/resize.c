// SPDX-License-Identifier: Apache-2.0
/* Makes a model's input of a picture. */
#include <math.h>
#include <stdlib.h>

#include "engine.h"
#include "image.h"

static const float mean[3] = {0.485f, 0.456f, 0.406f};
static const float deviation[3] = {0.229f, 0.224f, 0.225f};

/* Which source pixels of a line make each target pixel, and how much of each. */
struct filter {
	uint32_t taps;	  /* source pixels of a target pixel, at most */
	uint32_t *first;  /* per target pixel */
	float *weights;	  /* per target pixel: taps weights, with a sum of 1 */
};

static void filter_release(struct filter *filter)
{
	free(filter->first);
	free(filter->weights);
}

static int filter_init(struct filter *filter, uint32_t source, uint32_t target)
{
	double scale = (double)source / target;
	double radius = scale > 1 ? scale : 1;

	filter->taps = (uint32_t)(2 * ceil(radius) + 1);
	if (filter->taps > source)
		filter->taps = source;
	filter->first = calloc(target, sizeof(*filter->first));
	filter->weights = calloc((size_t)target * filter->taps, sizeof(*filter->weights));
	if (!filter->first || !filter->weights) {
		filter_release(filter);
		return VACCEL_ENOMEM;
	}

	for (uint32_t i = 0; i < target; i++) {
		float *weights = &filter->weights[(size_t)i * filter->taps];
		double center = (i + 0.5) * scale, sum = 0;
		double start = floor(center - radius + 0.5);
		uint32_t first = start > 0 ? (uint32_t)start : 0;

		if (first > source - filter->taps)
			first = source - filter->taps;
		filter->first[i] = first;
		for (uint32_t t = 0; t < filter->taps; t++) {
			double weight = 1 - fabs(first + t + 0.5 - center) / radius;

			weights[t] = weight > 0 ? (float)weight : 0;
			sum += weights[t];
		}
		for (uint32_t t = 0; t < filter->taps; t++)
			weights[t] = (float)(weights[t] / sum);
	}
	return VACCEL_OK;
}

/* One line of RGB pixels to target pixels. */
static void resize_line(const struct filter *filter, uint32_t target, const uint8_t *line,
			float *out)
{
	for (uint32_t x = 0; x < target; x++, out += 3) {
		const float *weights = &filter->weights[(size_t)x * filter->taps];
		const uint8_t *pixel = line + (size_t)filter->first[x] * 3;

		out[0] = out[1] = out[2] = 0;
		for (uint32_t t = 0; t < filter->taps; t++, pixel += 3)
			for (int c = 0; c < 3; c++)
				out[c] += weights[t] * pixel[c];
	}
}

/* Adds one resized line to the target lines that it is part of, of which first is the first. */
static void add_line(const struct filter *down, const struct input_shape *shape, uint32_t first,
		     uint32_t line_number, const float *line, float *sums)
{
	size_t values = (size_t)shape->width * 3;

	for (uint32_t y = first; y < shape->height && down->first[y] <= line_number; y++) {
		float weight = down->weights[(size_t)y * down->taps + line_number - down->first[y]];
		float *sum = &sums[y * values];

		for (size_t i = 0; i < values; i++)
			sum[i] += weight * line[i];
	}
}

/* Sums of 0 to 255 to the order and the range of the model. */
static void normalise(const struct input_shape *shape, const float *sums, float *out)
{
	size_t plane = (size_t)shape->width * shape->height;

	for (size_t i = 0; i < plane; i++)
		for (size_t c = 0; c < 3; c++)
			out[shape->channels_last ? i * 3 + c : c * plane + i] =
				(sums[i * 3 + c] / 255 - mean[c]) / deviation[c];
}

int image_to_tensor(const struct image *image, const struct input_shape *shape, float **tensor)
{
	size_t plane = (size_t)shape->width * shape->height;
	struct filter across = {0}, down = {0};
	float *line, *sums, *out;
	uint32_t first = 0;
	int ret;

	ret = filter_init(&across, image->width, shape->width);
	if (ret)
		return ret;
	ret = filter_init(&down, image->height, shape->height);
	if (ret)
		goto out_across;

	ret = VACCEL_ENOMEM;
	line = malloc((size_t)shape->width * 3 * sizeof(*line));
	sums = calloc(plane * 3, sizeof(*sums));
	out = malloc(plane * 3 * sizeof(*out));
	if (!line || !sums || !out) {
		free(out);
		goto out_all;
	}

	for (uint32_t y = 0; y < image->height; y++) {
		resize_line(&across, shape->width, image->rgb + (size_t)y * image->width * 3, line);
		while (first < shape->height && down.first[first] + down.taps <= y)
			first++;
		add_line(&down, shape, first, y, line, sums);
	}
	normalise(shape, sums, out);
	*tensor = out;
	ret = VACCEL_OK;

out_all:
	free(sums);
	free(line);
	filter_release(&down);
out_across:
	filter_release(&across);
	return ret;
}
