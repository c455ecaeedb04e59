/* SPDX-License-Identifier: Apache-2.0 */
/* Pictures that belong to answers, as PNG files. */
#ifndef PLUGINS_COMMON_PICTURE_H
#define PLUGINS_COMMON_PICTURE_H

#include "decode.h"
#include "image.h"

/** picture_box() - draws a frame in the colour of a class */
void picture_box(struct image *image, const float box[4], uint32_t class);

/** picture_dot() - draws a dot in the colour of a class */
void picture_dot(struct image *image, float x, float y, uint32_t class);

/**
 * Each of the following writes a PNG file of the size of the picture.
 * @out:  receives size bytes at most
 * @used: receives how many, or how many would be needed
 *
 * Return: VACCEL_OK; VACCEL_ENOSPC: there is not that much room; VACCEL_ENOMEM.
 */

/** picture_write() - the picture itself */
int picture_write(const struct image *image, void *out, size_t size, size_t *used);

/**
 * picture_write_classes() - the class of each pixel
 *
 * Up to 256 classes: the number of the class is the index of a colour. Else 16 bits of gray are the number.
 * What was not seen by the model is class 0.
 */
int picture_write_classes(const struct class_map *map, const struct geometry *geometry, void *out,
			  size_t size, size_t *used);

/** picture_write_depth() - 16 bits of gray: 0 is min, 65535 is max; what was not seen is 0 */
int picture_write_depth(const struct depth_map *map, const struct geometry *geometry, float min, float max,
			void *out, size_t size, size_t *used);

#endif
