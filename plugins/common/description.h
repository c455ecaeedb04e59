/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files beside a model say of it: preprocessor_config.json and config.json in the manner of Hugging
 * Face, and labels.txt.
 */
#ifndef PLUGINS_COMMON_DESCRIPTION_H
#define PLUGINS_COMMON_DESCRIPTION_H

#include "content.h"
#include "engine.h"
#include "image.h"
#include "labels.h"

#define PREPROCESSOR_NAME "preprocessor_config.json"
#define CONFIG_NAME	  "config.json"

/** Width and height in pixels; 0: not said. */
struct description_size {
	uint32_t width, height; /* exactly these */
	uint32_t shortest, longest; /* of the two sides, in proportion */
};

/** Without files: a picture is resized to the input, and normalised as ImageNet's are. */
struct description {
	struct labels labels; /* count 0: there are none */
	bool preprocessor; /* there is a PREPROCESSOR_NAME */
	struct description_size size; /* that the picture is resized to */
	uint32_t crop_width, crop_height; /* that is cut out of its middle; 0: it is not */
	bool keep_size; /* it is not resized */
	bool flip;	/* blue, green, red */
	enum image_kernel kernel;
	unsigned int nr_means; /* 1 or 3: of colours; 0: the usual */
	float factor, mean[3], deviation[3];
	uint32_t channels; /* of the input, where it does not say; 0: it is not said */
	char decoder[16];  /* what its outputs are, see decode.h; "": it follows from their names and shapes */
	double threshold;  /* objects with a lower score are none; below 0: the usual */
};

/**
 * description_read() - reads them. EINVAL and others, after a message: what is there cannot be understood.
 * @description: receives them; pair with description_release()
 */
int description_read(const struct engine_source *source, struct description *description);

/** description_init() - what is so without any file */
void description_init(struct description *description);

/** Reads the bytes of a PREPROCESSOR_NAME, of a CONFIG_NAME, which may be hostile. EINVAL, after a message. */
int description_parse_preprocessor(const char *model, const struct bytes *bytes,
				   struct description *description);
int description_parse_config(const char *model, const struct bytes *bytes,
			     struct description *description);

/** description_state() - tells a model of the host, in the state it is in, with its description, from others */
void description_state(const struct engine_source *source, struct content_id *state);

void description_release(struct description *description);

#endif
