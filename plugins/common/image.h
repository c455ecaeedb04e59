/* SPDX-License-Identifier: Apache-2.0 */
/* Pictures: files, and what becomes of them before a model sees them. */
#ifndef PLUGINS_COMMON_IMAGE_H
#define PLUGINS_COMMON_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

#endif
