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

#endif
