// SPDX-License-Identifier: Apache-2.0
#include "ops/vop.h"

#include <limits.h>

/* clang-format off */
#define CTYPE(ctype) _Generic((ctype)0, float: VOP_F32, int: VOP_I32, unsigned int: VOP_U32, \
	long: sizeof(long) == 4 ? VOP_I32 : VOP_I64, \
	unsigned long: sizeof(long) == 4 ? VOP_U32 : VOP_U64, \
	long long: VOP_I64, unsigned long long: VOP_U64, default: VOP_NOT_A_NUMBER)

#define ELEM_NONE(ctype)	0
#define ELEM_OF(ctype)		sizeof(*(ctype)0)
#define ELEM_VAL		ELEM_NONE
#define ELEM_IN			ELEM_OF
#define ELEM_OUT		ELEM_OF
#define ELEM_INOUT		ELEM_OF
#define ELEM_STR		ELEM_NONE
#define ELEM_ARGS_IN		ELEM_OF
#define ELEM_ARGS_INOUT		ELEM_OF
#define ELEM_RES		ELEM_NONE
#define ELEM_TENSORS_IN		ELEM_OF
#define ELEM_TENSORS_OUT	ELEM_OF
#define ELEM_NODES		ELEM_OF
#define ELEM_STATUS		ELEM_NONE
#define ELEM_DATA		ELEM_NONE
#define ELEM_INFER_IN		ELEM_OF
#define ELEM_INFER_OUT		ELEM_OF
#define ELEM_MESSAGES		ELEM_OF
/* clang-format on */

#define P_DESC(O, KIND, type, n, ...)                                                             \
	{                                                                                         \
		.name = #n, .kind = VOP_##KIND, .ctype = CTYPE(type),                             \
		.elem_size = ELEM_##KIND(type), ##__VA_ARGS__                                     \
	},

/* One spare element, since an op may have no parameter. */
#define X_PARAMS(NAME, ...)                                                                       \
	static const struct vop_param params_##NAME[VOP_NR_##NAME + 1] = {                        \
		PARAMS_##NAME(P_DESC, NAME){.name = NULL}};                                       \
	_Static_assert(VOP_NR_##NAME <= VOP_MAX_PARAMS, #NAME);
OPS(X_PARAMS)
EXT_OPS(X_PARAMS)
CONTROL_OPS(X_PARAMS)

#define X_OP(NAME, number, call, label_, reads, writes)                                           \
	{                                                                                         \
		.name = #NAME, .label = label_, .genop_read = reads, .genop_write = writes,       \
		.code = number, .nr_params = VOP_NR_##NAME, .params = params_##NAME               \
	},
#define X_CONTROL(NAME, number)                                                                   \
	{                                                                                         \
		.name = #NAME, .genop_read = "", .genop_write = "", .code = number,               \
		.nr_params = VOP_NR_##NAME, .params = params_##NAME                               \
	},

static const struct vop_desc table[] = {OPS(X_OP) EXT_OPS(X_OP) CONTROL_OPS(X_CONTROL)};

#define NR_TABLE (sizeof(table) / sizeof(table[0]))

#define X_CHECK(NAME, number, ...) _Static_assert((int)VACCEL_OP_##NAME == (number), #NAME);
OPS(X_CHECK)
EXT_OPS(X_CHECK)

const struct vop_desc *vop_at(size_t index)
{
	return index < NR_TABLE ? &table[index] : NULL;
}

bool vop_needs_session(uint16_t code)
{
	switch (code) {
	case VIRTIO_ACCEL_OP_SESSION_INIT:
	case VIRTIO_ACCEL_OP_SESSION_INIT_PLUGIN:
	case VIRTIO_ACCEL_OP_RESOURCE_CREATE:
	case VIRTIO_ACCEL_OP_RESOURCE_ADD:
	case VIRTIO_ACCEL_OP_RESOURCE_WRITE:
	case VIRTIO_ACCEL_OP_RESOURCE_READ:
	case VIRTIO_ACCEL_OP_RESOURCE_DESTROY:
	case VIRTIO_ACCEL_OP_RESOURCE_CHALLENGE:
	case VIRTIO_ACCEL_OP_RESOURCE_CLAIM:
		return false;
	}
	return true;
}

const struct vop_desc *vop_find(uint16_t code)
{
	if (vop_is_op(code))
		return &table[vop_slot(code)];

	for (size_t i = VOP_NR_OPS; i < NR_TABLE; i++)
		if (table[i].code == code)
			return &table[i];
	return NULL;
}

int vop_count(const struct vop_desc *desc, unsigned int param, const union vop_val *vals,
	      uint64_t *count)
{
	const struct vop_param *p = &desc->params[param];
	const int16_t *arg = p->length.arg;
	int64_t rows, cols, ld, n;

	switch (p->length.rule) {
	case VOP_LEN_FIXED:
		*count = (uint64_t)arg[0];
		return VACCEL_OK;
	case VOP_LEN_OF:
		n = vals[arg[0]].i;
		if (n < 0)
			return VACCEL_EINVAL;
		*count = (uint64_t)n;
		return VACCEL_OK;
	case VOP_LEN_MATRIX:
		rows = vals[arg[0]].i;
		cols = vals[arg[1]].i;
		ld = vals[arg[2]].i;
		if (rows < 0 || cols < 0 || ld < cols)
			return VACCEL_EINVAL;
		if (rows == 0 || cols == 0) {
			*count = 0;
			return VACCEL_OK;
		}
		if (__builtin_mul_overflow(rows - 1, ld, &n) ||
		    __builtin_add_overflow(n, cols, &n))
			return VACCEL_EINVAL;
		*count = (uint64_t)n;
		return VACCEL_OK;
	default:
		*count = 0;
		return VACCEL_OK;
	}
}

int vop_bytes(const struct vop_param *param, uint64_t count, uint64_t *bytes)
{
	/* Nothing longer than a signed size exists in memory. */
	if (__builtin_mul_overflow(count, (uint64_t)param->elem_size, bytes) ||
	    *bytes > INT64_MAX || *bytes > SIZE_MAX)
		return VACCEL_EINVAL;
	return VACCEL_OK;
}

int vop_length(const struct vop_desc *desc, unsigned int param, const union vop_val *vals,
	       uint64_t *bytes)
{
	uint64_t count;
	int ret = vop_count(desc, param, vals, &count);

	return ret ? ret : vop_bytes(&desc->params[param], count, bytes);
}

bool vop_fits(const struct vop_param *param, int64_t value)
{
	switch (param->ctype) {
	case VOP_I32:
		return value >= INT32_MIN && value <= INT32_MAX;
	case VOP_U32:
		return value >= 0 && value <= (int64_t)UINT32_MAX;
	case VOP_U64: /* sizes and offsets: none is above INT64_MAX */
		return value >= 0;
	default:
		return true;
	}
}
