/* SPDX-License-Identifier: Apache-2.0 */
/* Which input of a model takes the picture, and what is to be made of a picture for it. */
#ifndef PLUGINS_COMMON_MODEL_INPUT_H
#define PLUGINS_COMMON_MODEL_INPUT_H

#include "description.h"
#include "engine.h"
#include "image.h"

#define INPUT_MAX_SIDE	   4096
#define INPUT_DEFAULT_SIDE 224 /* of inputs whose size nothing says */
#define INPUT_MAX	   2   /* inputs: the picture, and which of its pixels count */

/** What a model takes. */
struct model_input {
	size_t nr;	/* inputs of the model */
	size_t picture; /* which of them takes the picture; others take masks */
	struct tensor tensors[INPUT_MAX];
	struct input_plan plan; /* all but the sizes that follow from the picture */
	bool any_width, any_height;
};

/** Where the pixels of an input are in the picture: x in the picture is left + scale_x * x in the input. */
struct geometry {
	uint32_t width, height; /* of the picture */
	uint32_t input_width, input_height;
	double left, top, scale_x, scale_y;
};

/**
 * model_input_find() - finds out which input takes pictures, and of which kind
 *
 * EINVAL: none does; which property of which tensor is not understood, is logged.
 */
int model_input_find(const char *model_name, void *model, const struct description *description,
	       struct model_input *input);

/**
 * model_input_make() - makes the tensors of a picture; free with model_input_release()
 * @geometry: receives where the input's pixels are
 *
 * EINVAL, after a message: the description makes another size of this picture than the input has. ENOMEM.
 */
int model_input_make(const char *model_name, const struct description *description, const struct image *image,
	       struct model_input *input, struct geometry *geometry);
void model_input_release(struct model_input *input);

#endif
