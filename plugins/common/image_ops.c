// SPDX-License-Identifier: Apache-2.0
/* The image operations, with whatever engine. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "cache.h"
#include "decimal.h"
#include "description.h"
#include "engine.h"
#include "image.h"

#define DEFAULT_SIDE 224 /* of inputs whose size the model leaves open */
#define MAX_SIDE     4096
#define MAX_CLASSES  1000000

/* Tells the library that image classification wants its full form always. */
__attribute__((visibility("default"))) const bool vaccel_plugin_takes_text = true;

/* ---- Inputs ---------------------------------------------------------------------------------- */

static int set_side(const char *name, const char *side, int64_t value, uint32_t *out)
{
	if (value <= 0)
		value = DEFAULT_SIDE;
	if (value > MAX_SIDE) {
		engine_error("Model %s takes pictures of a %s of %lld pixels; up to %d are possible", name,
			     side, (long long)value, MAX_SIDE);
		return VACCEL_EINVAL;
	}
	*out = (uint32_t)value;
	return VACCEL_OK;
}

/* Says why an input is not one for a picture. Return: whether it is. */
static bool takes_pictures(const char *name, const struct tensor *input)
{
	const int64_t *dims = input->dims;
	char why[160] = "";

	if (input->type != TENSOR_F32 && input->type != TENSOR_UNKNOWN)
		snprintf(why, sizeof(why), "its input is %s; convert it to float32",
			 tensor_type_name(input->type));
	else if (input->nr_dims != 4)
		snprintf(why, sizeof(why), "its input has %d dimensions rather than four",
			 input->nr_dims);
	else if (dims[0] > 1)
		snprintf(why, sizeof(why), "it takes %lld pictures at a time; export it for 1, or any "
			 "number", (long long)dims[0]);
	else if (dims[1] != 3 && dims[3] != 3)
		snprintf(why, sizeof(why), "its pictures do not have three colours; there is %lld where "
			 "channels are first, and %lld where they are last", (long long)dims[1],
			 (long long)dims[3]);
	if (*why)
		engine_error("Model %s is no classifier of pictures that can be used here: %s. Float "
			     "[1, 3, height, width] and [1, height, width, 3] can be", name, why);
	return !*why;
}

static int set_shape(const char *name, struct tensor *input, struct input_shape *shape)
{
	int ret;

	if (input->nr_dims < 0) { /* the model does not say: the usual */
		input->nr_dims = 4;
		input->dims[1] = engine.channels_last ? 0 : 3;
		input->dims[3] = engine.channels_last ? 3 : 0;
		input->dims[0] = input->dims[2] = 0;
	}
	if (!takes_pictures(name, input))
		return VACCEL_EINVAL;
	shape->channels_last = input->dims[1] != 3;
	ret = set_side(name, "height", input->dims[shape->channels_last ? 1 : 2], &shape->height);
	if (!ret)
		ret = set_side(name, "width", input->dims[shape->channels_last ? 2 : 3], &shape->width);
	if (ret)
		return ret;
	input->type = TENSOR_F32;
	input->dims[0] = 1;
	input->dims[shape->channels_last ? 1 : 2] = shape->height;
	input->dims[shape->channels_last ? 2 : 3] = shape->width;
	return VACCEL_OK;
}

static int make_input(const struct cached_model *entry, const void *img, size_t len_img,
		      struct tensor *input)
{
	const char *name = cache_name(entry);
	size_t inputs = 0, outputs = 0;
	struct input_shape shape;
	struct image image;
	float *values;
	int ret;

	ret = engine.count(cache_model(entry), &inputs, &outputs);
	if (ret)
		return ret;
	if (inputs != 1) {
		engine_error("Model %s is no classifier of pictures: it has %zu inputs and %zu outputs",
			     name, inputs, outputs);
		return VACCEL_EINVAL;
	}
	*input = (struct tensor){0};
	ret = engine.describe(cache_model(entry), false, 0, input);
	if (!ret)
		ret = set_shape(name, input, &shape);
	if (!ret)
		ret = image_decode(img, len_img, &image);
	if (ret)
		return ret;
	ret = image_to_tensor(&image, &shape, &values);
	free(image.rgb);
	if (ret)
		return ret;
	input->data = values;
	input->size = (size_t)3 * shape.width * shape.height * sizeof(*values);
	return VACCEL_OK;
}

/* ---- Classes --------------------------------------------------------------------------------- */

/*
 * Whether a class has a score. Infinitely improbable is one, but that of the best: it is what a model
 * says of all classes when something has gone wrong.
 */
static int check_scores(const char *name, const struct labels *labels, const float *values)
{
	size_t best = 0;

	for (size_t i = 0; i < labels->count; i++) {
		if (isnan(values[i]) || (isinf(values[i]) && values[i] > 0)) {
			best = i;
			break;
		}
		if (values[i] > values[best])
			best = i;
	}
	if (isfinite(values[best]))
		return VACCEL_OK;
	engine_error("Model %s gives %s for class %s, which is no score: its weights are damaged, or it "
		     "does not expect pictures like this one", name,
		     isnan(values[best]) ? "no number (NaN)" :
		     values[best] > 0	 ? "infinity" :
					   "minus infinity",
		     labels->names[best]);
	return VACCEL_EINVAL;
}

/* The largest value as a probability: as it is when all of them are probabilities, else softmax. */
static size_t best_of(const float *values, size_t count, float *score)
{
	bool probabilities = true;
	double sum = 0, sum_exp = 0;
	size_t best = 0;

	for (size_t i = 0; i < count; i++) {
		if (values[i] > values[best])
			best = i;
		if (!(values[i] >= 0 && values[i] <= 1))
			probabilities = false;
		sum += values[i];
	}
	if (probabilities && fabs(sum - 1) < 1e-3) {
		*score = values[best];
		return best;
	}
	for (size_t i = 0; i < count; i++)
		sum_exp += exp((double)values[i] - values[best]);
	*score = (float)(1 / sum_exp);
	return best;
}

static int check_labels(const char *name, const struct labels *labels)
{
	if (labels->count)
		return VACCEL_OK;
	engine_error("There are no labels for model %s: register the directory that has the model and its "
		     LABELS_NAME "%s%s%s", name, engine.env_labels ? ", or set " : "",
		     engine.env_labels ? engine.env_labels : "",
		     engine.env_labels ? " to the path of one" : "");
	return VACCEL_ENOENT;
}

static int decode_classes(const char *name, const struct labels *labels,
			  const struct engine_outputs *outputs, const char **label, float *score)
{
	const float *values;
	float *owned = NULL;
	size_t count = 0;
	int ret = VACCEL_EINVAL;

	if (outputs->nr && outputs->tensors[0].nr_dims != 0)
		ret = tensor_floats(&outputs->tensors[0], &values, &owned, &count);
	if (ret == VACCEL_ENOMEM)
		return ret;
	if (ret || !count || count > MAX_CLASSES) {
		engine_error("Model %s is no classifier: its output is not one number per class", name);
		ret = VACCEL_EINVAL;
	} else if (count != labels->count) {
		engine_error("Model %s has %zu classes, but there are %zu labels: use the labels "
			     "file that belongs to it", name, count, labels->count);
		ret = VACCEL_EINVAL;
	}
	if (!ret)
		ret = check_scores(name, labels, values);
	if (!ret)
		*label = labels->names[best_of(values, count, score)];
	free(owned);
	return ret;
}

static int classify(const struct cached_model *entry, const void *img, size_t len_img,
		    const char **label, float *score)
{
	const struct labels *labels = &cache_description(entry)->labels;
	struct engine_outputs outputs = {0};
	struct tensor input;
	int ret;

	ret = make_input(entry, img, len_img, &input);
	if (ret)
		return ret;
	ret = engine.run(cache_model(entry), &input, 1, &outputs);
	free(input.data);
	if (ret)
		return ret;
	ret = decode_classes(cache_name(entry), labels, &outputs, label, score);
	engine.release(&outputs);
	return ret;
}

/* ---- Operations ------------------------------------------------------------------------------ */

static int op_classify(struct vaccel_session *sess, const void *img, unsigned char *out_text,
		       unsigned char *out_imgname, size_t len_img, size_t len_out_text,
		       size_t len_out_imgname)
{
	char number[DECIMAL_SIZE];
	struct cached_model *entry;
	const char *label;
	float score;
	int ret;

	if (!sess)
		return VACCEL_EINVAL;
	engine_debug("Calling Image classification for session %" PRId64, sess->id);
	if (!img || !len_img) {
		engine_error("There is no image");
		return VACCEL_EINVAL;
	}

	ret = cache_get(sess, &entry);
	if (ret)
		return ret;
	ret = check_labels(cache_name(entry), &cache_description(entry)->labels);
	if (ret) {
		cache_drop(entry);
		return ret;
	}
	ret = classify(entry, img, len_img, &label, &score);
	if (!ret) {
		decimal((double)score, 4, number, sizeof(number));
		engine_debug("%s %s", label, number);
		if (out_text && len_out_text)
			snprintf((char *)out_text, len_out_text, "%s %s", label, number);
		if (out_imgname && len_out_imgname)
			snprintf((char *)out_imgname, len_out_imgname, "%s", cache_name(entry));
	}
	cache_put(entry);
	return ret;
}

static struct vaccel_op ops[] = {
	VACCEL_OP_INIT(image_classify, VACCEL_OP_IMAGE_CLASSIFY, op_classify),
};

int engine_image_register(void)
{
	return vaccel_plugin_register_ops(ops, sizeof(ops) / sizeof(ops[0]));
}
