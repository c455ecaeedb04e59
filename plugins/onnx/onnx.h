/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of the onnx plugin. Functions returning int give VACCEL_OK or a code and log what is wrong. */
#ifndef PLUGINS_ONNX_ONNX_H
#define PLUGINS_ONNX_ONNX_H

#include <stddef.h>
#include <stdint.h>

#include "vaccel.h"

#define onnx_debug(format, ...) vaccel_debug("[onnx] " format, ##__VA_ARGS__)
#define onnx_warn(format, ...)	vaccel_warn("[onnx] " format, ##__VA_ARGS__)
#define onnx_error(format, ...) vaccel_error("[onnx] " format, ##__VA_ARGS__)

#define ENV_MODEL   "VACCEL_ONNX_MODEL"
#define ENV_LABELS  "VACCEL_ONNX_LABELS"
#define LABELS_NAME "labels.txt"

/* ---- Pictures (image.c, resize.c) ------------------------------------------------------------ */

#define IMAGE_MAX_PIXELS (64u << 20)
#define IMAGE_MAX_SIDE	 65535u

/** A decoded picture: height rows of width RGB pixels, 8 bits each, nothing between rows. */
struct image {
	uint32_t width;
	uint32_t height;
	uint8_t *rgb; /* malloc()ed */
};

/**
 * image_decode() - decode a JPEG or PNG file in memory
 * @image: receives the picture; the caller frees image->rgb
 *
 * A JPEG is turned as its EXIF data says; of inks (CMYK, YCCK) RGB is made. What is transparent in a PNG
 * is white. A JPEG of which nothing but the end marker is missing is decoded, with a warning.
 *
 * The bytes may be hostile. EINVAL: another format, damaged, truncated, more than IMAGE_MAX_PIXELS or
 * IMAGE_MAX_SIDE, or other colours; what it is, is logged. ENOMEM.
 */
int image_decode(const void *data, size_t size, struct image *image);

/** Shape of a model's input for one RGB picture. */
struct input_shape {
	uint32_t width;
	uint32_t height;
	bool channels_last; /* [1, height, width, 3] rather than [1, 3, height, width] */
};

/**
 * image_to_tensor() - make a model's input of a picture
 *
 * Resizes to the input's size without keeping the aspect ratio (linear interpolation; when a side
 * shrinks, the mean of what falls on a pixel, weighted by a triangle), divides by 255, subtracts
 * the mean .485 .456 .406 and divides by the deviation .229 .224 .225 of red, green and blue.
 * @tensor: receives 3 * width * height floats; the caller frees them
 *
 * ENOMEM.
 */
int image_to_tensor(const struct image *image, const struct input_shape *shape, float **tensor);

/* ---- Models (model.c) ------------------------------------------------------------------------ */

struct model;
struct weights; /* see weights.h */

/** Names of the classes, one per line of a labels file. */
struct labels {
	char *text;   /* malloc()ed; the names, each terminated */
	char **names; /* malloc()ed */
	size_t count;
};

/** Starts ONNX Runtime for this process. ENOTSUP: the installed one is too old. */
int model_runtime_start(void);
void model_runtime_stop(void);

/**
 * model_load() - make a classifier of an ONNX file in memory
 * @name:   for messages and model_name()
 * @data:   size bytes; not needed afterwards. May be hostile.
 * @weights: what weights_find() has found for the same bytes; not needed afterwards
 * @labels: taken over on success
 *
 * EINVAL: not ONNX, not a classifier of RGB pictures, another number of labels than classes.
 */
int model_load(const char *name, const void *data, size_t size, const struct weights *weights,
	       struct labels *labels, struct model **model);
void model_delete(struct model *model);

const char *model_name(const struct model *model);
const struct input_shape *model_input(const struct model *model);

/**
 * model_classify() - find the class of a picture; any number of threads may call it
 * @tensor: as image_to_tensor() makes it for model_input()
 * @label:  receives the name of the most probable class; belongs to the model
 * @score:  receives its probability
 */
int model_classify(struct model *model, float *tensor, const char **label, float *score);

void labels_release(struct labels *labels);

/* ---- Which model a session uses (cache.c) ---------------------------------------------------- */

struct cached_model;

/**
 * cache_get() - the model of a session, loaded by the first call that needs it
 *
 * The session's first MODEL resource, else the file that ENV_MODEL names. Labels: the resource's
 * file LABELS_NAME, else the file that ENV_LABELS names, else LABELS_NAME beside the model's file.
 *
 * ENOENT: no model or no labels. Others as model_load(). Pair with cache_put(). Threads: any.
 */
int cache_get(struct vaccel_session *sess, struct cached_model **entry);
struct model *cache_model(const struct cached_model *entry);
void cache_put(struct cached_model *entry);

/** Forgets the model of a resource; calls that use it finish. */
void cache_forget(const struct vaccel_resource *res);

/** Forgets all models. */
void cache_clear(void);

#endif
