/* SPDX-License-Identifier: Apache-2.0 */
/* Small models in ONNX's format for vaccel/infer.h, made byte by byte. */
#ifndef TEST_ENGINES_INFER_MODELS_H
#define TEST_ENGINES_INFER_MODELS_H

#include <stddef.h>
#include <stdint.h>

/** identity_model() - output y = input x, of a datatype VACCEL_INFER_* and of the shape [any, 3] */
uint8_t *identity_model(uint32_t datatype, size_t *size);

/**
 * sums_model() - sum = a + b and product = a * b, all FP32 [any, 3]
 * @long_name: of one more output, or NULL
 *
 * Return: the bytes, freed by the caller.
 */
uint8_t *sums_model(const char *long_name, size_t *size);

#define LAYER_WIDTH 32

/** layer_model() - y = what is positive of x * w, both FP32 [any, LAYER_WIDTH] */
uint8_t *layer_model(size_t *size);

#define LOOKUP_ROOM 5

/** lookup_model() - y FP32 [any, 3], ten times x INT64 [any, 3], which is refused from LOOKUP_ROOM on */
uint8_t *lookup_model(size_t *size);

#endif
