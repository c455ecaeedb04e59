// SPDX-License-Identifier: Apache-2.0
/* The three frameworks' tensors differ in little but the width of their dimensions. */
#include "wire/codec.h"

#include <stdlib.h>
#include <string.h>

union any_tensor {
	struct vaccel_tf_tensor tf;
	struct vaccel_tflite_tensor tflite;
	struct vaccel_torch_tensor torch;
};

/* Bytes of an element by data type; 0: not known, or not of one size. */
static const uint8_t tf_sizes[] = {
	[VACCEL_TF_FLOAT] = 4,	    [VACCEL_TF_DOUBLE] = 8,  [VACCEL_TF_INT32] = 4,
	[VACCEL_TF_UINT8] = 1,	    [VACCEL_TF_INT16] = 2,   [VACCEL_TF_INT8] = 1,
	[VACCEL_TF_COMPLEX64] = 8,  [VACCEL_TF_INT64] = 8,   [VACCEL_TF_BOOL] = 1,
	[VACCEL_TF_QINT8] = 1,	    [VACCEL_TF_QUINT8] = 1,  [VACCEL_TF_QINT32] = 4,
	[VACCEL_TF_BFLOAT16] = 2,   [VACCEL_TF_QINT16] = 2,  [VACCEL_TF_QUINT16] = 2,
	[VACCEL_TF_UINT16] = 2,	    [VACCEL_TF_COMPLEX128] = 16, [VACCEL_TF_HALF] = 2,
	[VACCEL_TF_UINT32] = 4,	    [VACCEL_TF_UINT64] = 8,
};

static const uint8_t tflite_sizes[] = {
	[VACCEL_TFLITE_FLOAT32] = 4, [VACCEL_TFLITE_INT32] = 4,	  [VACCEL_TFLITE_UINT8] = 1,
	[VACCEL_TFLITE_INT64] = 8,   [VACCEL_TFLITE_BOOL] = 1,	  [VACCEL_TFLITE_INT16] = 2,
	[VACCEL_TFLITE_COMPLEX64] = 8, [VACCEL_TFLITE_INT8] = 1,  [VACCEL_TFLITE_FLOAT16] = 2,
	[VACCEL_TFLITE_FLOAT64] = 8, [VACCEL_TFLITE_COMPLEX128] = 16,
	[VACCEL_TFLITE_UINT64] = 8,  [VACCEL_TFLITE_UINT32] = 4,  [VACCEL_TFLITE_UINT16] = 2,
};

static const uint8_t torch_sizes[] = {
	[VACCEL_TORCH_BYTE] = 1, [VACCEL_TORCH_CHAR] = 1, [VACCEL_TORCH_SHORT] = 2,
	[VACCEL_TORCH_INT] = 4,	 [VACCEL_TORCH_LONG] = 8, [VACCEL_TORCH_HALF] = 2,
	[VACCEL_TORCH_FLOAT] = 4,
};

static const struct {
	const uint8_t *sizes;
	size_t nr_sizes;
	size_t struct_size;
	size_t dim_size;
} frameworks[] = {
	[VOP_TF] = {tf_sizes, sizeof(tf_sizes), sizeof(struct vaccel_tf_tensor), 8},
	[VOP_TFLITE] = {tflite_sizes, sizeof(tflite_sizes), sizeof(struct vaccel_tflite_tensor), 4},
	[VOP_TORCH] = {torch_sizes, sizeof(torch_sizes), sizeof(struct vaccel_torch_tensor), 8},
};

int vop_tensor_get(enum vop_framework fw, const void *tensor, struct vop_tensor *t)
{
	const union any_tensor *any = tensor;
	const void *dims;
	int64_t nr_dims;

	if (!tensor)
		return VACCEL_EINVAL;

#define GET(m)                                                                                    \
	do {                                                                                      \
		t->data = any->m.data;                                                            \
		t->size = any->m.size;                                                            \
		t->data_type = any->m.data_type;                                                  \
		nr_dims = any->m.nr_dims;                                                         \
		dims = any->m.dims;                                                               \
	} while (0)
	if (fw == VOP_TF)
		GET(tf);
	else if (fw == VOP_TFLITE)
		GET(tflite);
	else
		GET(torch);
#undef GET

	if (nr_dims < 0 || nr_dims > VOP_MAX_DIMS || (nr_dims && !dims) || (t->size && !t->data))
		return VACCEL_EINVAL;
	t->nr_dims = (uint32_t)nr_dims;
	for (uint32_t i = 0; i < t->nr_dims; i++)
		t->dims[i] = fw == VOP_TFLITE ? ((const int32_t *)dims)[i]
					      : ((const int64_t *)dims)[i];
	return VACCEL_OK;
}

bool vop_tensor_check(enum vop_framework fw, const struct vop_tensor *t)
{
	uint64_t bytes = t->data_type < frameworks[fw].nr_sizes
				 ? frameworks[fw].sizes[t->data_type]
				 : 0;
	bool known = bytes != 0;

	for (uint32_t i = 0; i < t->nr_dims; i++) {
		if (t->dims[i] < 0 || (fw == VOP_TFLITE && t->dims[i] > INT32_MAX))
			return false;
		if (known && __builtin_mul_overflow(bytes, (uint64_t)t->dims[i], &bytes))
			return false;
	}
	return !known || bytes <= t->size;
}

size_t vop_tensor_sizeof(enum vop_framework fw, uint32_t nr_dims)
{
	return VOP_ALIGN(frameworks[fw].struct_size) + nr_dims * frameworks[fw].dim_size;
}

static void put(enum vop_framework fw, const struct vop_tensor *t, void *memory, void *dims,
		bool owned)
{
	union any_tensor *any = memory;

	for (uint32_t i = 0; i < t->nr_dims; i++)
		if (fw == VOP_TFLITE)
			((int32_t *)dims)[i] = (int32_t)t->dims[i];
		else
			((int64_t *)dims)[i] = t->dims[i];

	memset(memory, 0, frameworks[fw].struct_size);
#define PUT(m)                                                                                    \
	do {                                                                                      \
		any->m.data = t->data;                                                            \
		any->m.size = t->size;                                                            \
		any->m.data_type = t->data_type;                                                  \
		any->m.nr_dims = (int)t->nr_dims;                                                 \
		any->m.dims = dims;                                                               \
		any->m.owned = owned;                                                             \
	} while (0)
	if (fw == VOP_TF)
		PUT(tf);
	else if (fw == VOP_TFLITE)
		PUT(tflite);
	else
		PUT(torch);
#undef PUT
}

void vop_tensor_put(enum vop_framework fw, const struct vop_tensor *t, void *memory)
{
	put(fw, t, memory, (uint8_t *)memory + VOP_ALIGN(frameworks[fw].struct_size), false);
}

void *vop_tensor_new(enum vop_framework fw, const struct vop_tensor *t)
{
	void *tensor = malloc(frameworks[fw].struct_size);
	void *dims = malloc(t->nr_dims ? t->nr_dims * frameworks[fw].dim_size : 1);

	if (!tensor || !dims) {
		free(tensor);
		free(dims);
		return NULL;
	}
	put(fw, t, tensor, dims, true);
	return tensor;
}

void *vop_tensor_take(enum vop_framework fw, void *tensor)
{
	union any_tensor *any = tensor;
	bool *owned = fw == VOP_TF	 ? &any->tf.owned
		      : fw == VOP_TFLITE ? &any->tflite.owned
					 : &any->torch.owned;
	void *data = NULL;

	if (*owned) {
		/* All three start with the data pointer. */
		data = any->tf.data;
		any->tf.data = NULL;
		*owned = false;
	}
	return data;
}

void vop_tensor_delete(enum vop_framework fw, void *tensor)
{
	if (!tensor)
		return;
	if (fw == VOP_TF)
		vaccel_tf_tensor_delete(tensor);
	else if (fw == VOP_TFLITE)
		vaccel_tflite_tensor_delete(tensor);
	else
		vaccel_torch_tensor_delete(tensor);
}
