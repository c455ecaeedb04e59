/* SPDX-License-Identifier: Apache-2.0 */
/* What the inference examples share: a picture becomes a tensor, a result becomes a label. */
#ifndef EXAMPLES_PICTURE_H
#define EXAMPLES_PICTURE_H

#include <stdbool.h>
#include <stddef.h>

#define PICTURE_SIDE   224
#define PICTURE_VALUES (3 * PICTURE_SIDE * PICTURE_SIDE)
#define PICTURE_BYTES  (PICTURE_VALUES * sizeof(float))

/**
 * load_picture() - reads a JPEG file as a classifier wants it
 * @channels_first: order [3][224][224] rather than [224][224][3]
 *
 * Takes the picture as it is stored: how EXIF says that it is to be turned does not count here, as it
 * does in the plugin onnx. Takes the nearest pixel for each of 224 x 224, divides by 255, subtracts the mean .485 .456 .406
 * and divides by the deviation .229 .224 .225 of red, green and blue.
 *
 * Return: PICTURE_VALUES floats that the caller frees; NULL after a message.
 */
float *load_picture(const char *path, bool channels_first);

/**
 * print_prediction() - says which label a result stands for: that of the largest of its first 1000
 * @labels:  path of a file with a label per line
 * @picture: what load_picture() gave; a result that is the same is none, which is said on stderr
 *
 * Return: 0 or an errno, after a message.
 */
int print_prediction(const char *labels, const float *picture, const float *result, size_t count);

#endif
