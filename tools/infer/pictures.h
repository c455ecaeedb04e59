/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pictures as inputs of models: a library of its own, which vaccel-infer opens when it is given a picture, so that
 * it needs libjpeg and libpng only then.
 */
#ifndef TOOLS_INFER_PICTURES_H
#define TOOLS_INFER_PICTURES_H

#include "vaccel.h"

#define PICTURES_LIBRARY  "libvaccel-infer-pictures.so"
#define PICTURES_FUNCTION "vaccel_infer_pictures_read"

/** The input that a picture is for. */
struct picture_input {
	const char *model;		     /* its name, for messages */
	const struct vaccel_resource *files; /* that may describe it; NULL: there are none here */
	const struct vaccel_infer_desc *desc;
};

/**
 * vaccel_infer_pictures_read() - makes the input of a JPEG or PNG file, as the plugins do it for image operations
 * @alloc: memory for its data; NULL: none
 * @t:     receives datatype, shape, data and size; the name stays
 *
 * VACCEL_EINVAL, after a message in the library's log: the file is no picture, the input takes none, or the files
 * beside the model are not understood. Others as the library's.
 */
typedef int pictures_read_fn(const struct picture_input *input, const char *path, void *(*alloc)(size_t size),
			     struct vaccel_infer_tensor *t);

pictures_read_fn vaccel_infer_pictures_read __attribute__((visibility("default")));

#endif
