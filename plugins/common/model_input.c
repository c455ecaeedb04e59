// SPDX-License-Identifier: Apache-2.0
#include "model_input.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Which input ----------------------------------------------------------------------------- */

__attribute__((format(printf, 3, 4))) static int refuse(const char *name, const struct tensor *tensor,
							 const char *format, ...)
{
	char text[TENSOR_TEXT_SIZE], why[256];
	va_list args;

	va_start(args, format);
	vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	engine_error("Model %s does not take pictures in a way that is known: its input %.100s, %s, %s. "
		     "[1, 3, height, width] and [1, height, width, 3], or with 1 for 3, can be, of float32, "
		     "float16, float64, uint8, int8 and int32", name, tensor->name ? tensor->name : "",
		     tensor_text(tensor, text, sizeof(text)), why);
	return VACCEL_EINVAL;
}

static bool is_mask(const struct tensor *t)
{
	return t->name && strstr(t->name, "mask") && t->nr_dims == 3;
}

static bool is_usable(enum tensor_type type)
{
	return type == TENSOR_F32 || type == TENSOR_F16 || type == TENSOR_F64 || type == TENSOR_U8 ||
	       type == TENSOR_I8 || type == TENSOR_I32;
}

static bool is_channels(int64_t dim)
{
	return dim == 1 || dim == 3;
}

/* Which dimension has the colours. Return: 1 or 3; 0: none has. */
static int find_channels(const struct tensor *t, uint32_t expected)
{
	bool first = is_channels(t->dims[1]), last = is_channels(t->dims[3]);

	if (first && last) /* three pixels, or one: see what else is known */
		return (t->dims[1] == 3) == (t->dims[3] == 3) ? (engine.channels_last ? 3 : 1) :
		       t->dims[1] == (expected ? (int64_t)expected : 3) ? 1 : 3;
	if (first || last)
		return first ? 1 : 3;
	if (t->dims[1] < 1 && t->dims[3] < 1)
		return engine.channels_last ? 3 : 1;
	return t->dims[1] < 1 ? 1 : t->dims[3] < 1 ? 3 : 0;
}

static int set_side(const char *name, const struct tensor *t, const char *side, int64_t value,
		    uint32_t *out)
{
	if (value > INPUT_MAX_SIDE)
		return refuse(name, t, "has a %s of %lld pixels; up to %d are possible", side,
			      (long long)value, INPUT_MAX_SIDE);
	*out = value > 0 ? (uint32_t)value : 0;
	return VACCEL_OK;
}

static int read_shape(const char *name, const struct description *d, struct model_input *input)
{
	struct tensor *t = &input->tensors[input->picture];
	struct input_plan *plan = &input->plan;
	int channels, height, ret;

	if (t->nr_dims < 0) { /* nothing is said: the usual */
		t->nr_dims = 4;
		memset(t->dims, 0, sizeof(t->dims));
	}
	if (t->nr_dims != 4)
		return refuse(name, t, "has %d dimensions rather than four", t->nr_dims);
	if (t->dims[0] > 1)
		return refuse(name, t, "takes %lld pictures at a time; export it for 1, or any number",
			      (long long)t->dims[0]);
	channels = find_channels(t, d->channels);
	if (!channels)
		return refuse(name, t, "has neither one nor three colours; there is %lld where channels are "
			      "first, and %lld where they are last", (long long)t->dims[1],
			      (long long)t->dims[3]);
	height = channels == 1 ? 2 : 1;
	plan->channels_last = channels == 3;
	plan->channels = t->dims[channels] > 0 ? (uint32_t)t->dims[channels] :
			 d->channels	       ? d->channels :
						 3;
	ret = set_side(name, t, "height", t->dims[height], &plan->height);
	if (!ret)
		ret = set_side(name, t, "width", t->dims[height + 1], &plan->width);
	input->any_height = !plan->height;
	input->any_width = !plan->width;
	t->dims[0] = 1;
	t->dims[channels] = plan->channels;
	return ret;
}

static void set_values(const struct description *d, const struct tensor *t, struct input_plan *plan)
{
	bool bytes = t->type == TENSOR_U8 || t->type == TENSOR_I8 || t->type == TENSOR_I32;

	plan->type = t->type;
	plan->scale = t->scale;
	plan->zero = t->zero;
	plan->kernel = d->kernel;
	plan->flip = d->flip;
	plan->factor = d->factor;
	memcpy(plan->mean, d->mean, sizeof(plan->mean));
	memcpy(plan->deviation, d->deviation, sizeof(plan->deviation));
	if (plan->channels == 1 && !d->nr_means) { /* the mean of the colours' */
		plan->mean[0] = 0.449f;
		plan->deviation[0] = 0.226f;
	}
	/* Whole numbers are the pixels themselves, unless it is said what they mean. */
	if (!bytes || (t->scale != 0 && d->preprocessor))
		return;
	plan->scale = 0;
	plan->factor = 1;
	for (int i = 0; i < 3; i++) {
		plan->mean[i] = t->type == TENSOR_I8 ? 128 : 0;
		plan->deviation[i] = 1;
	}
}

static int check_numbers(const char *name, const struct model_input *input, size_t inputs, size_t outputs)
{
	if (inputs >= 1 && inputs <= INPUT_MAX && input->picture < inputs)
		return VACCEL_OK;
	engine_error("Model %s does not take pictures: it has %zu inputs and %zu outputs; an input for the "
		     "picture, and one for a mask, are known", name, inputs, outputs);
	return VACCEL_EINVAL;
}

int model_input_find(const char *name, void *model, const struct description *d, struct model_input *input)
{
	size_t inputs = 0, outputs = 0;
	struct tensor *t;
	int ret;

	memset(input, 0, sizeof(*input));
	ret = engine.count(model, &inputs, &outputs);
	if (!ret)
		ret = check_numbers(name, input, inputs, outputs);
	input->nr = inputs;
	for (size_t i = 0; i < inputs && !ret; i++) {
		ret = engine.describe(model, false, i, &input->tensors[i]);
		if (!ret && inputs > 1 && is_mask(&input->tensors[i]))
			input->picture = i ? 0 : 1;
	}
	if (!ret && inputs > 1 && !is_mask(&input->tensors[!input->picture]))
		input->picture = INPUT_MAX; /* it is not known what the other takes */
	if (!ret)
		ret = check_numbers(name, input, inputs, outputs);
	if (ret)
		return ret;
	t = &input->tensors[input->picture];
	if (t->type == TENSOR_UNKNOWN)
		t->type = TENSOR_F32;
	if (!is_usable(t->type))
		return refuse(name, t, "is %s", tensor_type_name(t->type));
	ret = read_shape(name, d, input);
	if (!ret)
		set_values(d, t, &input->plan);
	return ret;
}

/* ---- Sizes ----------------------------------------------------------------------------------- */

static uint32_t to_side(double pixels)
{
	return pixels < 1 ? 1 : pixels > IMAGE_MAX_SIDE ? IMAGE_MAX_SIDE : (uint32_t)pixels;
}

/* Resizes in proportion, so that the shorter side, or the longer one, has its size. */
static void in_proportion(const struct description_size *size, const struct image *image,
			  struct input_plan *plan)
{
	double shorter = image->width < image->height ? image->width : image->height;
	double longer = image->width < image->height ? image->height : image->width;
	double edge = size->shortest ? size->shortest : shorter * size->longest / longer;

	if (size->longest && edge * longer / shorter > size->longest)
		edge = floor(size->longest * shorter / longer + 0.5);
	plan->resized_width = image->width <= image->height ? to_side(edge) :
							      to_side(edge * image->width / image->height);
	plan->resized_height = image->height <= image->width ? to_side(edge) :
							       to_side(edge * image->height / image->width);
}

/* The size that the picture is resized to. */
static void set_resized(const struct description *d, const struct image *image, struct input_plan *plan)
{
	if (d->keep_size) {
		plan->resized_width = image->width;
		plan->resized_height = image->height;
	} else if (d->size.shortest || d->size.longest) {
		in_proportion(&d->size, image, plan);
	} else {
		plan->resized_width = d->size.width ? d->size.width :
				      plan->width   ? plan->width :
						      INPUT_DEFAULT_SIDE;
		plan->resized_height = d->size.height ? d->size.height :
				       plan->height   ? plan->height :
							INPUT_DEFAULT_SIDE;
	}
}

static int check_size(const char *name, const struct description *d, const struct model_input *input,
		      uint32_t width, uint32_t height)
{
	const struct input_plan *plan = &input->plan;
	char text[TENSOR_TEXT_SIZE];
	bool same = plan->width == width && plan->height == height;

	/* A longest side leaves room beside the picture, or below it. */
	if (!same && (!d->size.longest || d->crop_width || plan->width < width || plan->height < height)) {
		engine_error("%s of model %s makes %u x %u pixels of this picture, but its input %.100s is %s",
			     PREPROCESSOR_NAME, name, width, height,
			     input->tensors[input->picture].name ? input->tensors[input->picture].name : "",
			     tensor_text(&input->tensors[input->picture], text, sizeof(text)));
		return VACCEL_EINVAL;
	}
	if (plan->width > INPUT_MAX_SIDE || plan->height > INPUT_MAX_SIDE) {
		engine_error("Model %s would take this picture with %u x %u pixels; up to %d a side are "
			     "possible: say a size in its " PREPROCESSOR_NAME, name, plan->width,
			     plan->height, INPUT_MAX_SIDE);
		return VACCEL_EINVAL;
	}
	return VACCEL_OK;
}

/* Decides on all sizes for a picture. */
static int fit(const char *name, const struct description *d, const struct image *image,
	       struct model_input *input)
{
	struct input_plan *plan = &input->plan;
	struct tensor *t = &input->tensors[input->picture];
	uint32_t width, height;
	int at = plan->channels_last ? 1 : 2, ret;

	set_resized(d, image, plan);
	width = d->crop_width ? d->crop_width : plan->resized_width;
	height = d->crop_height ? d->crop_height : plan->resized_height;
	if (input->any_width)
		plan->width = width;
	if (input->any_height)
		plan->height = height;
	ret = check_size(name, d, input, width, height);
	if (ret)
		return ret;
	/* What is cropped is in the middle; what is smaller than its input is at its start. */
	plan->left = d->crop_width ? ((int32_t)plan->resized_width - (int32_t)width) / 2 : 0;
	plan->top = d->crop_height ? ((int32_t)plan->resized_height - (int32_t)height) / 2 : 0;
	t->dims[at] = plan->height;
	t->dims[at + 1] = plan->width;
	return VACCEL_OK;
}

/* ---- Tensors --------------------------------------------------------------------------------- */

/* All pixels are of the picture. */
static int make_mask(const char *name, const struct input_plan *plan, struct tensor *t)
{
	static const struct { enum tensor_type type; uint8_t one[8]; } ones[] = {
		{TENSOR_I64, {1}}, {TENSOR_I32, {1}}, {TENSOR_BOOL, {1}}, {TENSOR_U8, {1}},
		{TENSOR_F32, {0, 0, 0x80, 0x3f}},
	};
	size_t element = tensor_element_size(t->type), i;
	uint64_t count;

	t->dims[0] = 1;
	/* An exporter may have given it a size of its own, in cells rather than pixels. */
	t->dims[1] = t->dims[1] > 0 ? t->dims[1] : plan->height;
	t->dims[2] = t->dims[2] > 0 ? t->dims[2] : plan->width;
	for (i = 0; i < sizeof(ones) / sizeof(ones[0]) && ones[i].type != t->type; i++)
		;
	if (i == sizeof(ones) / sizeof(ones[0]) || !tensor_count(t, &count) ||
	    count > (uint64_t)INPUT_MAX_SIDE * INPUT_MAX_SIDE)
		return refuse(name, t, "is no mask that is known");
	t->size = (size_t)count * element;
	t->data = malloc(t->size);
	for (size_t n = 0; t->data && n < count; n++)
		memcpy((uint8_t *)t->data + n * element, ones[i].one, element);
	return t->data ? VACCEL_OK : VACCEL_ENOMEM;
}

int model_input_make(const char *name, const struct description *d, const struct image *image,
	       struct model_input *input, struct geometry *geometry)
{
	struct input_plan *plan = &input->plan;
	struct tensor *t = &input->tensors[input->picture];
	int ret = fit(name, d, image, input);

	if (ret)
		return ret;
	*geometry = (struct geometry){
		.width = image->width,
		.height = image->height,
		.input_width = plan->width,
		.input_height = plan->height,
		.scale_x = (double)image->width / plan->resized_width,
		.scale_y = (double)image->height / plan->resized_height,
	};
	geometry->left = plan->left * geometry->scale_x;
	geometry->top = plan->top * geometry->scale_y;
	ret = image_to_tensor(image, plan, &t->data);
	t->size = (size_t)plan->width * plan->height * plan->channels * tensor_element_size(plan->type);
	if (!ret && input->nr > 1)
		ret = make_mask(name, plan, &input->tensors[!input->picture]);
	if (ret)
		model_input_release(input);
	return ret;
}

void model_input_release(struct model_input *input)
{
	for (size_t i = 0; i < INPUT_MAX; i++) {
		free(input->tensors[i].data);
		input->tensors[i].data = NULL;
	}
}
