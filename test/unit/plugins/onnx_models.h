/* SPDX-License-Identifier: Apache-2.0 */
/* Small classifiers in ONNX's format, right and wrong ones, made byte by byte. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TINY_CLASSES 5
/* Bytes of the weights, of which a file of their own consists: [3][5], and one for each class. */
#define TINY_WEIGHTS_SIZE ((3 + 1) * TINY_CLASSES * sizeof(float))

/*
 * What is to be made. All zero: a good classifier whose input is float [1, 3, 32, 32]. Its scores are the
 * mean colours times the weights, and the last class wins for each picture that is not black.
 */
struct tiny {
	int64_t input[4];	 /* shape of the input */
	unsigned int input_type; /* of onnx.proto: 1 float, 2 uint8, 10 float16; others get a Cast */
	bool channels_last;
	float bias[TINY_CLASSES];
	const char *weights_file; /* where the weights are; NULL: in the model */
	const char *weights_key;  /* says where they are; NULL: "location" */
	uint64_t weights_offset;
	int64_t wrong_length; /* is added to what the model says of their length */
	uint64_t wrong_rows;  /* is added to what the model says of their shape */
	bool constant_in_file; /* one more node, with a constant in the file */
	const char *op_domain, *op_type; /* of one more node, in front of the output */
};

/** tiny_model() - makes the bytes of a model; the caller frees them */
uint8_t *tiny_model(const struct tiny *t, size_t *size);

/** tiny_weights() - the bytes of its weights, for a file of their own */
void tiny_weights(const struct tiny *t, float weights[(3 + 1) * TINY_CLASSES]);
