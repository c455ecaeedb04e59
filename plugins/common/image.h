/* SPDX-License-Identifier: Apache-2.0 */
/* Pictures: files, and what becomes of them before a model sees them. */
#ifndef PLUGINS_COMMON_IMAGE_H
#define PLUGINS_COMMON_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tensor.h"

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

/** How pixels between pixels are made. */
enum image_kernel { KERNEL_LINEAR, KERNEL_NEAREST, KERNEL_BOX, KERNEL_CUBIC, KERNEL_LANCZOS, KERNELS };

/** What is to be made of a picture: an input of a model. */
struct input_plan {
	enum tensor_type type;
	float scale; /* quantised values, as in struct tensor */
	int32_t zero;
	uint32_t width;
	uint32_t height;
	uint32_t channels;  /* 3: red, green, blue; 1: gray */
	bool channels_last; /* [1, height, width, channels] rather than [1, channels, height, width] */
	bool flip;	    /* blue, green, red */
	/* The picture is resized, and the input is that part of it; what is outside of it is 0. */
	enum image_kernel kernel;
	uint32_t resized_width;
	uint32_t resized_height;
	int32_t left;
	int32_t top;
	/* A value is (factor * pixel - mean) / deviation. */
	float factor;
	float mean[3];
	float deviation[3];
};

/**
 * image_to_tensor() - make a model's input of a picture
 * @tensor: receives the values; the caller frees them
 *
 * When a side shrinks, the kernel is as wide as what falls on a pixel.
 *
 * ENOMEM.
 */
int image_to_tensor(const struct image *image, const struct input_plan *plan, void **tensor);

#endif
