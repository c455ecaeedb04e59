// SPDX-License-Identifier: Apache-2.0
/* Reads preprocessor_config.json and config.json. */
#include <inttypes.h>
#include <json-c/json.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "description.h"
#include "files.h"
#include "model_input.h"

#define MAX_CONFIG_SIZE (16u << 20)
#define MAX_DEPTH	32
#define MAX_LABELS	1000000
#define MAX_LABEL_SIZE	256

/* A file that is being read: who is to be named when something is wrong. */
struct config {
	const char *model, *file;
	struct json_object *root;
};

static int bad(const struct config *c, const char *key, const char *needed)
{
	engine_error("%s of model %s: %s is not %s", c->file, c->model, key, needed);
	return VACCEL_EINVAL;
}

static int parse(struct config *c, const struct bytes *bytes)
{
	struct json_tokener *tokener;
	const char *why = NULL;

	if (bytes->size > MAX_CONFIG_SIZE) {
		engine_error("%s of model %s has more than %u bytes", c->file, c->model, MAX_CONFIG_SIZE);
		return VACCEL_EINVAL;
	}
	tokener = json_tokener_new_ex(MAX_DEPTH);
	if (!tokener)
		return VACCEL_ENOMEM;
	c->root = json_tokener_parse_ex(tokener, bytes->data, (int)bytes->size);
	if (json_tokener_get_error(tokener) == json_tokener_continue)
		why = "it ends too early";
	else if (json_tokener_get_error(tokener) != json_tokener_success)
		why = json_tokener_error_desc(json_tokener_get_error(tokener));
	else if (!json_object_is_type(c->root, json_type_object))
		why = "it is no object";
	json_tokener_free(tokener);
	if (!why)
		return VACCEL_OK;
	json_object_put(c->root);
	engine_error("%s of model %s is no JSON that can be used: %s", c->file, c->model, why);
	return VACCEL_EINVAL;
}

/* A member that is there and not null, or NULL. */
static struct json_object *get(struct json_object *object, const char *key)
{
	struct json_object *value = NULL;

	return json_object_object_get_ex(object, key, &value) ? value : NULL;
}

static int get_bool(const struct config *c, const char *key, bool *value)
{
	struct json_object *o = get(c->root, key);

	if (!o)
		return VACCEL_OK;
	if (!json_object_is_type(o, json_type_boolean))
		return bad(c, key, "true or false");
	*value = json_object_get_boolean(o);
	return VACCEL_OK;
}

static bool is_number(struct json_object *o, double *value)
{
	if (!json_object_is_type(o, json_type_double) && !json_object_is_type(o, json_type_int))
		return false;
	*value = json_object_get_double(o);
	return isfinite(*value);
}

static int to_side(const struct config *c, const char *key, struct json_object *o, uint32_t *side)
{
	double value;

	if (!is_number(o, &value) || value < 1 || value > INPUT_MAX_SIDE || rint(value) != value)
		return bad(c, key, "a number of pixels from 1 to 4096");
	*side = (uint32_t)value;
	return VACCEL_OK;
}

/* {"height": 1, "width": 1}, {"shortest_edge": 1}, 1, ... */
static int get_size(const struct config *c, const char *key, struct description_size *size)
{
	static const char *const names[] = {"width", "height", "shortest_edge", "longest_edge",
					    "max_width", "max_height"};
	struct json_object *o = get(c->root, key), *values[6];
	uint32_t sides[6] = {0};
	int ret;

	*size = (struct description_size){0};
	if (!o)
		return VACCEL_OK;
	if (json_object_is_type(o, json_type_int))
		return to_side(c, key, o, &size->shortest);
	if (json_object_is_type(o, json_type_array) && json_object_array_length(o) == 2) {
		ret = to_side(c, key, json_object_array_get_idx(o, 0), &size->height);
		return ret ? ret : to_side(c, key, json_object_array_get_idx(o, 1), &size->width);
	}
	if (!json_object_is_type(o, json_type_object))
		return bad(c, key, "an object with height and width, or with shortest_edge");
	for (int i = 0; i < 6; i++) {
		values[i] = get(o, names[i]);
		ret = values[i] ? to_side(c, names[i], values[i], &sides[i]) : VACCEL_OK;
		if (ret)
			return ret;
	}
	*size = (struct description_size){sides[0], sides[1], sides[2], sides[3]};
	if (sides[4] && sides[4] == sides[5])
		size->longest = sides[4];
	if (!size->width != !size->height ||
	    !(size->width || size->shortest || size->longest))
		return bad(c, key, "an object with height and width, or with shortest_edge");
	return VACCEL_OK;
}

/* An array of one or three numbers. Leaves what is not there as it is. */
static int get_colors(const struct config *c, const char *key, float *values, unsigned int *nr)
{
	struct json_object *o = get(c->root, key);
	size_t length;

	if (!o)
		return VACCEL_OK;
	length = json_object_is_type(o, json_type_array) ? json_object_array_length(o) : 0;
	if (length != 1 && length != 3)
		return bad(c, key, "an array of one or three numbers");
	for (size_t i = 0; i < 3; i++) {
		double value;

		if (!is_number(json_object_array_get_idx(o, length == 1 ? 0 : i), &value) ||
		    fabs(value) > 1e6)
			return bad(c, key, "an array of one or three numbers");
		values[i] = (float)value;
	}
	if (*nr && *nr != length)
		return bad(c, key, "an array as long as image_mean");
	*nr = (unsigned int)length;
	return VACCEL_OK;
}

static int get_kernel(const struct config *c, enum image_kernel *kernel)
{
	/* as Pillow numbers them */
	static const enum image_kernel kernels[] = {KERNEL_NEAREST, KERNEL_LANCZOS, KERNEL_LINEAR,
						    KERNEL_CUBIC, KERNEL_BOX};
	struct json_object *o = get(c->root, "resample");
	double value;

	if (!o)
		return VACCEL_OK;
	if (!is_number(o, &value) || value < 0 || value > 4 || rint(value) != value)
		return bad(c, "resample", "a number from 0 to 4 (nearest, lanczos, bilinear, bicubic, box)");
	*kernel = kernels[(int)value];
	return VACCEL_OK;
}

/* What becomes of the values of pixels. */
static int get_values(const struct config *c, struct description *d)
{
	bool rescale = true, normalise = get(c->root, "image_mean") || get(c->root, "image_std");
	struct json_object *factor = get(c->root, "rescale_factor");
	double value = 1.0 / 255;
	int ret;

	ret = get_bool(c, "do_rescale", &rescale);
	if (!ret)
		ret = get_bool(c, "do_normalize", &normalise);
	if (!ret && factor && (!is_number(factor, &value) || value == 0 || fabs(value) > 1e6))
		ret = bad(c, "rescale_factor", "a number other than 0");
	if (!ret && normalise)
		ret = get_colors(c, "image_mean", d->mean, &d->nr_means);
	if (!ret && normalise)
		ret = get_colors(c, "image_std", d->deviation, &d->nr_means);
	for (int i = 0; i < 3 && !ret; i++)
		if (fabsf(d->deviation[i]) < 1e-9f)
			ret = bad(c, "image_std", "an array of numbers other than 0");
	if (ret)
		return ret;
	d->factor = rescale ? (float)value : 1;
	for (int i = 0; i < 3 && !normalise; i++) {
		d->mean[i] = 0;
		d->deviation[i] = 1;
	}
	if (!normalise)
		d->nr_means = 3;
	return VACCEL_OK;
}

static int get_preprocessor(const struct config *c, struct description *d)
{
	struct description_size crop = {0};
	bool resize = true, cropped = false;
	int ret;

	ret = get_bool(c, "do_resize", &resize);
	if (!ret)
		ret = get_bool(c, "do_center_crop", &cropped);
	if (!ret)
		ret = get_bool(c, "do_flip_channel_order", &d->flip);
	if (!ret && resize)
		ret = get_size(c, "size", &d->size);
	if (!ret && cropped)
		ret = get_size(c, get(c->root, "crop_size") ? "crop_size" : "size", &crop);
	if (!ret)
		ret = get_kernel(c, &d->kernel);
	if (!ret)
		ret = get_values(c, d);
	if (ret)
		return ret;
	if (!cropped && json_object_is_type(get(c->root, "size"), json_type_int) && resize)
		d->size = (struct description_size){.width = d->size.shortest, .height = d->size.shortest};
	d->keep_size = !resize;
	d->crop_width = crop.width ? crop.width : crop.shortest;
	d->crop_height = crop.height ? crop.height : crop.shortest;
	if (cropped && !d->crop_width)
		return bad(c, "crop_size", "there, or no height and width, though do_center_crop is true");
	d->preprocessor = true;
	return VACCEL_OK;
}

int description_parse_preprocessor(const char *model, const struct bytes *bytes, struct description *d)
{
	struct config c = {model, PREPROCESSOR_NAME, NULL};
	int ret = parse(&c, bytes);

	if (ret)
		return ret;
	ret = get_preprocessor(&c, d);
	json_object_put(c.root);
	return ret;
}

/* ---- config.json ----------------------------------------------------------------------------- */

/* The number that a key of id2label is. */
static bool is_index(const char *key, uint32_t *index)
{
	*index = 0;
	if (!*key || strlen(key) > 7)
		return false;
	for (; *key; key++) {
		if (*key < '0' || *key > '9')
			return false;
		*index = *index * 10 + (uint32_t)(*key - '0');
	}
	return *index < MAX_LABELS;
}

/* Adds up how much room the labels take. */
static int measure(const struct config *c, struct json_object *map, size_t *count, size_t *bytes)
{
	json_object_object_foreach(map, key, value)
	{
		uint32_t index;

		if (!is_index(key, &index) || !json_object_is_type(value, json_type_string) ||
		    json_object_get_string_len(value) > MAX_LABEL_SIZE)
			return bad(c, "id2label", "an object of numbers with short names");
		*count = index + 1 > *count ? index + 1 : *count;
		*bytes += (size_t)json_object_get_string_len(value) + 1;
	}
	return VACCEL_OK;
}

static void fill(struct json_object *map, struct labels *labels)
{
	char *at = labels->text + 1; /* in front: the name of those without one */

	labels->text[0] = '\0';
	for (size_t i = 0; i < labels->count; i++)
		labels->names[i] = labels->text;
	json_object_object_foreach(map, key, value)
	{
		size_t length = (size_t)json_object_get_string_len(value);
		uint32_t index;

		if (!is_index(key, &index))
			continue;
		memcpy(at, json_object_get_string(value), length);
		for (size_t i = 0; i < length; i++)
			if ((unsigned char)at[i] < ' ' || at[i] == 0x7f)
				at[i] = ' ';
		at[length] = '\0';
		labels->names[index] = at;
		at += length + 1;
	}
}

static int get_labels(const struct config *c, struct labels *labels)
{
	struct json_object *map = get(c->root, "id2label");
	size_t count = 0, bytes = 1;
	int ret;

	if (!map || labels->count) /* LABELS_NAME counts more */
		return VACCEL_OK;
	if (!json_object_is_type(map, json_type_object))
		return bad(c, "id2label", "an object of numbers with short names");
	ret = measure(c, map, &count, &bytes);
	if (ret || !count)
		return ret;
	labels->text = malloc(bytes);
	labels->names = malloc(count * sizeof(*labels->names));
	labels->count = count;
	if (!labels->text || !labels->names) {
		labels_release(labels);
		return VACCEL_ENOMEM;
	}
	fill(map, labels);
	return VACCEL_OK;
}

static int get_config(const struct config *c, struct description *d)
{
	struct json_object *channels = get(c->root, "num_channels");
	struct json_object *decoder = get(c->root, "vaccel_decoder");
	struct json_object *threshold = get(c->root, "vaccel_threshold");
	double value;

	if (channels) {
		if (!is_number(channels, &value) || (value != 1 && value != 3))
			return bad(c, "num_channels", "1 or 3");
		d->channels = (uint32_t)value;
	}
	if (decoder) {
		if (!json_object_is_type(decoder, json_type_string) ||
		    json_object_get_string_len(decoder) >= (int)sizeof(d->decoder))
			return bad(c, "vaccel_decoder", "the name of a decoder");
		snprintf(d->decoder, sizeof(d->decoder), "%s", json_object_get_string(decoder));
	}
	if (threshold) {
		if (!is_number(threshold, &value) || value < 0 || value > 1)
			return bad(c, "vaccel_threshold", "a number from 0 to 1");
		d->threshold = value;
	}
	return get_labels(c, &d->labels);
}

int description_parse_config(const char *model, const struct bytes *bytes, struct description *d)
{
	struct config c = {model, CONFIG_NAME, NULL};
	int ret = parse(&c, bytes);

	if (ret)
		return ret;
	ret = get_config(&c, d);
	json_object_put(c.root);
	return ret;
}
