// SPDX-License-Identifier: Apache-2.0
#include "tensor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vaccel/error.h"

static const struct {
	const char *name;
	uint8_t size;
} types[TENSOR_TYPES] = {
	[TENSOR_UNKNOWN] = {"of no known type", 0},
	[TENSOR_F32] = {"float32", 4},
	[TENSOR_F16] = {"float16", 2},
	[TENSOR_F64] = {"float64", 8},
	[TENSOR_U8] = {"uint8", 1},
	[TENSOR_I8] = {"int8", 1},
	[TENSOR_U16] = {"uint16", 2},
	[TENSOR_I16] = {"int16", 2},
	[TENSOR_U32] = {"uint32", 4},
	[TENSOR_I32] = {"int32", 4},
	[TENSOR_U64] = {"uint64", 8},
	[TENSOR_I64] = {"int64", 8},
	[TENSOR_BOOL] = {"bool", 1},
	[TENSOR_BF16] = {"bfloat16", 2},
	[TENSOR_BYTES] = {"bytes", 0},
	[TENSOR_OTHER] = {"of another type", 0},
};

const char *tensor_type_name(enum tensor_type type)
{
	return (unsigned int)type < TENSOR_TYPES ? types[type].name : types[TENSOR_OTHER].name;
}

size_t tensor_element_size(enum tensor_type type)
{
	return (unsigned int)type < TENSOR_TYPES ? types[type].size : 0;
}

bool tensor_count(const struct tensor *tensor, uint64_t *count)
{
	*count = 1;
	if (tensor->nr_dims < 0 || tensor->nr_dims > TENSOR_MAX_DIMS)
		return false;
	for (int i = 0; i < tensor->nr_dims; i++)
		if (tensor->dims[i] < 0 ||
		    __builtin_mul_overflow(*count, (uint64_t)tensor->dims[i], count))
			return false;
	return true;
}

const char *tensor_text(const struct tensor *tensor, char *text, size_t size)
{
	const char *name = tensor_type_name(tensor->type);
	size_t at;

	if (tensor->nr_dims < 0 || tensor->nr_dims > TENSOR_MAX_DIMS) {
		snprintf(text, size, "%s of unknown shape", name);
		return text;
	}
	at = (size_t)snprintf(text, size, "%s [", name);
	for (int i = 0; i < tensor->nr_dims && at < size; i++) {
		const char *before = i ? ", " : "";

		if (tensor->dims[i] > 0)
			at += (size_t)snprintf(text + at, size - at, "%s%lld", before,
					       (long long)tensor->dims[i]);
		else
			at += (size_t)snprintf(text + at, size - at, "%s?", before);
	}
	if (at < size)
		snprintf(text + at, size - at, "]");
	return text;
}

/* ---- Values ---------------------------------------------------------------------------------- */

float half_to_float(uint16_t half)
{
	uint32_t sign = (uint32_t)(half & 0x8000) << 16, exponent = (half >> 10) & 0x1f;
	uint32_t fraction = half & 0x3ff, bits;
	float value;

	if (exponent == 0x1f) {
		bits = sign | 0x7f800000 | fraction << 13;
	} else if (exponent) {
		bits = sign | (exponent + 112) << 23 | fraction << 13;
	} else { /* fraction * 2^-24, which a float holds exactly */
		value = (float)fraction * 0x1p-24f;
		return sign ? -value : value;
	}
	memcpy(&value, &bits, sizeof(value));
	return value;
}

uint16_t float_to_half(float value)
{
	uint32_t bits, sign, rest, half;
	int exponent, shift;

	memcpy(&bits, &value, sizeof(bits));
	sign = bits >> 16 & 0x8000;
	exponent = (int)(bits >> 23 & 0xff) - 127;
	bits &= 0x7fffff;
	if (exponent == 128) /* infinity, or not a number */
		return (uint16_t)(sign | 0x7c00 | (bits ? 0x200 : 0));
	if (exponent < -25)
		return (uint16_t)sign;
	if (exponent > 15)
		return (uint16_t)(sign | 0x7c00);
	if (exponent >= -14) {
		half = (uint32_t)(exponent + 15) << 10 | bits >> 13;
		shift = 13;
	} else {
		bits |= 0x800000;
		shift = -1 - exponent;
		half = bits >> shift;
	}
	rest = bits & ((1u << shift) - 1);
	if (rest > 1u << (shift - 1) || (rest == 1u << (shift - 1) && (half & 1)))
		half++; /* also into the exponent, which is right */
	return (uint16_t)(sign | half);
}

#define CONVERT(TYPE)                                                      \
	for (size_t i = 0; i < count; i++)                                 \
		out[i] = (float)(((const TYPE *)tensor->data)[i])

static void convert(const struct tensor *tensor, float *out, size_t count)
{
	switch (tensor->type) {
	case TENSOR_F32:
		CONVERT(float);
		break;
	case TENSOR_F64:
		CONVERT(double);
		break;
	case TENSOR_U8:
		CONVERT(uint8_t);
		break;
	case TENSOR_I8:
		CONVERT(int8_t);
		break;
	case TENSOR_U16:
		CONVERT(uint16_t);
		break;
	case TENSOR_I16:
		CONVERT(int16_t);
		break;
	case TENSOR_U32:
		CONVERT(uint32_t);
		break;
	case TENSOR_I32:
		CONVERT(int32_t);
		break;
	case TENSOR_U64:
		CONVERT(uint64_t);
		break;
	case TENSOR_I64:
		CONVERT(int64_t);
		break;
	case TENSOR_F16:
		for (size_t i = 0; i < count; i++)
			out[i] = half_to_float(((const uint16_t *)tensor->data)[i]);
		break;
	case TENSOR_BF16:
		for (size_t i = 0; i < count; i++) {
			uint32_t bits = (uint32_t)((const uint16_t *)tensor->data)[i] << 16;

			memcpy(&out[i], &bits, sizeof(bits));
		}
		break;
	default: /* bool, a byte that is 0 or not */
		for (size_t i = 0; i < count; i++)
			out[i] = ((const uint8_t *)tensor->data)[i] ? 1 : 0;
	}
}

int tensor_floats(const struct tensor *tensor, const float **values, float **owned, size_t *count)
{
	size_t element = tensor_element_size(tensor->type), bytes;
	uint64_t elements;

	*owned = NULL;
	if (!element || !tensor_count(tensor, &elements) ||
	    __builtin_mul_overflow(elements, element, &bytes) || bytes > tensor->size ||
	    (bytes && !tensor->data) || elements > SIZE_MAX / sizeof(float))
		return VACCEL_EINVAL;
	*count = (size_t)elements;
	*values = (const float *)tensor->data;
	if (tensor->type == TENSOR_F32)
		return VACCEL_OK;
	*owned = (float *)malloc(elements ? (size_t)elements * sizeof(float) : 1);
	if (!*owned)
		return VACCEL_ENOMEM;
	convert(tensor, *owned, (size_t)elements);
	for (size_t i = 0; tensor->scale != 0 && i < elements; i++)
		(*owned)[i] = tensor->scale * ((*owned)[i] - (float)tensor->zero);
	*values = *owned;
	return VACCEL_OK;
}
