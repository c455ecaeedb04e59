// SPDX-License-Identifier: Apache-2.0
#include "datatypes.h"

#include <string.h>

#include "vaccel.h"

static const uint32_t datatypes[TENSOR_TYPES] = {
	[TENSOR_F32] = VACCEL_INFER_FP32,   [TENSOR_F16] = VACCEL_INFER_FP16,
	[TENSOR_F64] = VACCEL_INFER_FP64,   [TENSOR_U8] = VACCEL_INFER_UINT8,
	[TENSOR_I8] = VACCEL_INFER_INT8,    [TENSOR_U16] = VACCEL_INFER_UINT16,
	[TENSOR_I16] = VACCEL_INFER_INT16,  [TENSOR_U32] = VACCEL_INFER_UINT32,
	[TENSOR_I32] = VACCEL_INFER_INT32,  [TENSOR_U64] = VACCEL_INFER_UINT64,
	[TENSOR_I64] = VACCEL_INFER_INT64,  [TENSOR_BOOL] = VACCEL_INFER_BOOL,
	[TENSOR_BF16] = VACCEL_INFER_BF16,  [TENSOR_BYTES] = VACCEL_INFER_BYTES,
};

uint32_t datatype_of(enum tensor_type type)
{
	return datatypes[type];
}

enum tensor_type datatype_to_type(uint32_t datatype)
{
	for (int type = 0; type < TENSOR_TYPES; type++)
		if (datatypes[type] && datatypes[type] == datatype)
			return (enum tensor_type)type;
	return TENSOR_OTHER;
}

const uint8_t *bytes_next(const uint8_t **at, const uint8_t *end, size_t *length)
{
	const uint8_t *head = *at;

	if (end - head < BYTES_HEAD)
		return NULL;
	*length = (size_t)head[0] | (size_t)head[1] << 8 | (size_t)head[2] << 16 | (size_t)head[3] << 24;
	if (*length > (size_t)(end - head) - BYTES_HEAD)
		return NULL;
	*at = head + BYTES_HEAD + *length;
	return head + BYTES_HEAD;
}

uint8_t *bytes_put(uint8_t *to, const void *text, size_t length)
{
	for (int k = 0; k < BYTES_HEAD; k++)
		*to++ = (uint8_t)(length >> 8 * k);
	if (length)
		memcpy(to, text, length);
	return to + length;
}
