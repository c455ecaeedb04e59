/* SPDX-License-Identifier: Apache-2.0 */
/* Plain tensors, as engines give and take them: little-endian, dense, the last dimension the fastest. */
#ifndef PLUGINS_COMMON_TENSOR_H
#define PLUGINS_COMMON_TENSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TENSOR_MAX_DIMS 8

enum tensor_type {
	TENSOR_UNKNOWN, /* the model does not say */
	TENSOR_F32,
	TENSOR_F16,
	TENSOR_F64,
	TENSOR_U8,
	TENSOR_I8,
	TENSOR_U16,
	TENSOR_I16,
	TENSOR_U32,
	TENSOR_I32,
	TENSOR_U64,
	TENSOR_I64,
	TENSOR_BOOL,
	TENSOR_BF16,  /* the upper half of a float */
	TENSOR_BYTES, /* strings: of each the length, 4 bytes, and its bytes */
	TENSOR_OTHER, /* sequences, ... */
	TENSOR_TYPES
};

/** A tensor, or what a model says of one. All zero: nothing is known. */
struct tensor {
	const char *name;
	enum tensor_type type;
	int nr_dims; /* 0: a scalar; -1: unknown, or more than TENSOR_MAX_DIMS */
	/* Of a description, below 1: any size; the same one in all that have the same number below 1. */
	int64_t dims[TENSOR_MAX_DIMS];
	/* Of quantised values: what they mean is scale * (value - zero). scale 0: they mean themselves. */
	float scale;
	int32_t zero;
	void *data;
	size_t size; /* bytes at data */
};

/** "float32" and so on */
const char *tensor_type_name(enum tensor_type type);

/** Bytes of an element; 0 where there is no such number. */
size_t tensor_element_size(enum tensor_type type);

/** How many elements the dims are. Return: false when they are unknown, negative, or too many to count. */
bool tensor_count(const struct tensor *tensor, uint64_t *count);

/** Writes "float32 [1, 3, ?, ?]". Return: text. */
const char *tensor_text(const struct tensor *tensor, char *text, size_t size);
#define TENSOR_TEXT_SIZE 256

/**
 * tensor_floats() - the values of a tensor as floats, unquantised
 * @values: receives them: the tensor's own data, or memory in *owned
 * @owned:  the caller frees it; may become NULL
 * @count:  receives how many
 *
 * EINVAL, and nothing is logged: no numbers, or less data than the dims say. ENOMEM.
 */
int tensor_floats(const struct tensor *tensor, const float **values, float **owned, size_t *count);

/** Floats to and from 16 bits, to nearest, ties to even. */
float half_to_float(uint16_t half);
uint16_t float_to_half(float value);

#ifdef __cplusplus
}
#endif

#endif
