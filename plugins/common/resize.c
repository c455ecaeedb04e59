// SPDX-License-Identifier: Apache-2.0
/* Makes a model's input of a picture. */
#include <math.h>
#include <stdlib.h>

#include "engine.h"
#include "image.h"

/* Which source pixels of a line make each target pixel, and how much of each. */
struct filter {
	uint32_t start, count; /* target pixels that are of the picture */
	uint32_t taps;	       /* source pixels of a target pixel, at most */
	uint32_t *first;       /* per such pixel */
	float *weights;	       /* per such pixel: taps weights, with a sum of 1 */
};

static void filter_release(struct filter *filter)
{
	free(filter->first);
	free(filter->weights);
}

static double sinc(double x)
{
	x *= M_PI;
	return fabs(x) < 1e-9 ? 1 : sin(x) / x;
}

/* How far a kernel reaches to each side, in pixels. */
static double reach(enum image_kernel kernel)
{
	static const double values[KERNELS] = {1, 0.5, 0.5, 2, 3};

	return values[kernel];
}

static double weight_at(enum image_kernel kernel, double x)
{
	x = fabs(x);
	switch (kernel) {
	case KERNEL_NEAREST:
	case KERNEL_BOX:
		return x <= 0.5;
	case KERNEL_CUBIC: /* with a slope of -1/2 at 1 */
		return x < 1 ? (1.5 * x - 2.5) * x * x + 1 :
		       x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 :
			       0;
	case KERNEL_LANCZOS:
		return x < 3 ? sinc(x) * sinc(x / 3) : 0;
	default:
		return 1 - x;
	}
}

/* The weights of a pixel, whose centre is there in the source. */
static void fill_pixel(struct filter *filter, uint32_t i, enum image_kernel kernel, double center,
		       double stretch, uint32_t source)
{
	float *weights = &filter->weights[(size_t)i * filter->taps];
	double start = floor(center - reach(kernel) * stretch + 0.5), sum = 0;
	uint32_t first = start > 0 ? (uint32_t)start : 0;

	if (first > source - filter->taps)
		first = source - filter->taps;
	filter->first[i] = first;
	for (uint32_t t = 0; t < filter->taps; t++) {
		double weight = weight_at(kernel, (first + t + 0.5 - center) / stretch);

		weights[t] = weight > 0 || kernel == KERNEL_CUBIC || kernel == KERNEL_LANCZOS ?
				     (float)weight :
				     0;
		sum += weights[t];
	}
	for (uint32_t t = 0; t < filter->taps; t++)
		weights[t] = (float)(weights[t] / sum);
}

/* A line of source pixels, resized, of which target pixels are taken from offset on. */
static int filter_init(struct filter *filter, enum image_kernel kernel, uint32_t source,
		       uint32_t resized, int32_t offset, uint32_t target)
{
	double scale = (double)source / resized;
	double stretch = scale > 1 && kernel != KERNEL_NEAREST ? scale : 1;
	int64_t end = (int64_t)resized - offset;

	filter->start = offset < 0 ? (uint32_t)-(int64_t)offset : 0;
	end = end > target ? target : end;
	filter->count = end > filter->start ? (uint32_t)(end - filter->start) : 0;
	filter->taps = (uint32_t)(2 * ceil(reach(kernel) * stretch) + 1);
	if (filter->taps > source)
		filter->taps = source;
	filter->first = calloc((size_t)filter->count + 1, sizeof(*filter->first));
	filter->weights = calloc(((size_t)filter->count + 1) * filter->taps, sizeof(*filter->weights));
	if (!filter->first || !filter->weights) {
		filter_release(filter);
		return VACCEL_ENOMEM;
	}
	for (uint32_t i = 0; i < filter->count; i++) {
		double center = ((double)filter->start + i + offset + 0.5) * scale;

		if (kernel == KERNEL_NEAREST)
			center = floor(center) + 0.5;
		fill_pixel(filter, i, kernel, center, stretch, source);
	}
	return VACCEL_OK;
}

/* One line of RGB pixels to target pixels. */
static void resize_line(const struct filter *filter, const uint8_t *line, float *out)
{
	for (uint32_t x = 0; x < filter->count; x++, out += 3) {
		const float *weights = &filter->weights[(size_t)x * filter->taps];
		const uint8_t *pixel = line + (size_t)filter->first[x] * 3;

		out[0] = out[1] = out[2] = 0;
		for (uint32_t t = 0; t < filter->taps; t++, pixel += 3)
			for (int c = 0; c < 3; c++)
				out[c] += weights[t] * pixel[c];
	}
}

/* Adds one resized line to the target lines that it is part of, of which first is the first. */
static void add_line(const struct filter *down, size_t values, uint32_t first, uint32_t line_number,
		     const float *line, float *sums)
{
	for (uint32_t y = first; y < down->count && down->first[y] <= line_number; y++) {
		float weight = down->weights[(size_t)y * down->taps + line_number - down->first[y]];
		float *sum = &sums[y * values];

		for (size_t i = 0; i < values; i++)
			sum[i] += weight * line[i];
	}
}

/* Sums are of the part of the picture that both filters have: 3 colours of each pixel. */
static int resample(const struct image *image, const struct filter *across, const struct filter *down,
		    float **out)
{
	size_t values = (size_t)across->count * 3;
	float *line = malloc((values + 1) * sizeof(*line));
	float *sums = calloc(values * down->count + 1, sizeof(*sums));
	uint32_t first = 0;

	if (!line || !sums) {
		free(line);
		free(sums);
		return VACCEL_ENOMEM;
	}
	for (uint32_t y = 0; y < image->height; y++) {
		while (first < down->count && down->first[first] + down->taps <= y)
			first++;
		if (first == down->count)
			break;
		if (down->first[first] > y)
			continue;
		resize_line(across, image->rgb + (size_t)y * image->width * 3, line);
		add_line(down, values, first, y, line, sums);
	}
	free(line);
	*out = sums;
	return VACCEL_OK;
}

/* ---- Values ---------------------------------------------------------------------------------- */

static double limit(double value, double low, double high)
{
	return value < low ? low : value > high ? high : value;
}

/* Writes a value as element at of a tensor. */
static void put(const struct input_plan *plan, void *tensor, size_t at, float value)
{
	double number = plan->scale != 0 ? rint((double)value / plan->scale) + plan->zero :
					   rint((double)value);

	switch (plan->type) {
	case TENSOR_F16:
		((uint16_t *)tensor)[at] = float_to_half(value);
		break;
	case TENSOR_F64:
		((double *)tensor)[at] = (double)value;
		break;
	case TENSOR_U8:
		((uint8_t *)tensor)[at] = (uint8_t)limit(number, 0, 255);
		break;
	case TENSOR_I8:
		((int8_t *)tensor)[at] = (int8_t)limit(number, -128, 127);
		break;
	case TENSOR_I32:
		((int32_t *)tensor)[at] = (int32_t)limit(number, INT32_MIN, INT32_MAX);
		break;
	default:
		((float *)tensor)[at] = value;
	}
}

static void put_pixel(const struct input_plan *plan, const float *rgb, size_t i, void *tensor)
{
	size_t plane = (size_t)plan->width * plan->height, channels = plan->channels;
	float gray = 0.299f * rgb[0] + 0.587f * rgb[1] + 0.114f * rgb[2];

	for (size_t c = 0; c < channels; c++) {
		float pixel = channels == 1 ? gray : rgb[plan->flip ? 2 - c : c];

		/* where kernels overshoot there is no such light */
		if (plan->kernel == KERNEL_CUBIC || plan->kernel == KERNEL_LANCZOS)
			pixel = (float)limit((double)pixel, 0, 255);
		put(plan, tensor, plan->channels_last ? i * channels + c : c * plane + i,
		    (pixel * plan->factor - plan->mean[c]) / plan->deviation[c]);
	}
}

/* What is 0 to the model, also when its values are quantised. */
static void put_outside(const struct input_plan *plan, void *tensor, size_t values)
{
	for (size_t i = 0; i < values; i++)
		put(plan, tensor, i, 0);
}

int image_to_tensor(const struct image *image, const struct input_plan *plan, void **tensor)
{
	size_t values = (size_t)plan->width * plan->height * plan->channels;
	struct filter across = {0}, down = {0};
	float *sums = NULL;
	void *out;
	int ret;

	ret = filter_init(&across, plan->kernel, image->width, plan->resized_width, plan->left,
			  plan->width);
	if (ret)
		return ret;
	ret = filter_init(&down, plan->kernel, image->height, plan->resized_height, plan->top,
			  plan->height);
	if (ret)
		goto out_across;
	ret = resample(image, &across, &down, &sums);
	if (ret)
		goto out_down;
	out = calloc(values, tensor_element_size(plan->type));
	if (!out) {
		ret = VACCEL_ENOMEM;
		goto out_down;
	}
	if (across.count < plan->width || down.count < plan->height)
		put_outside(plan, out, values);
	for (size_t y = 0; y < down.count; y++)
		for (size_t x = 0; x < across.count; x++)
			put_pixel(plan, &sums[(y * across.count + x) * 3],
				  (down.start + y) * plan->width + across.start + x, out);
	*tensor = out;

out_down:
	free(sums);
	filter_release(&down);
out_across:
	filter_release(&across);
	return ret;
}
