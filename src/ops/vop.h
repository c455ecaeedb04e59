/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of operations as data (struct vop_desc) and as code (the macros that make one function
 * per op). See optable.h for the table itself.
 */
#ifndef OPS_VOP_H
#define OPS_VOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ops/optable.h"
#include "uapi/linux/virtio_accel.h"
#include "vaccel.h"

enum vop_kind {
	VOP_VAL,
	VOP_IN,
	VOP_OUT,
	VOP_INOUT,
	VOP_STR,
	VOP_ARGS_IN,
	VOP_ARGS_INOUT,
	VOP_RES,
	VOP_TENSORS_IN,
	VOP_TENSORS_OUT,
	VOP_NODES,
	VOP_STATUS,
	VOP_DATA,
	VOP_INFER_IN,
	VOP_INFER_OUT,
	VOP_MESSAGES,
};

/* C type of a number */
enum vop_ctype { VOP_NOT_A_NUMBER, VOP_I32, VOP_U32, VOP_I64, VOP_U64, VOP_F32 };

enum vop_framework { VOP_TF, VOP_TFLITE, VOP_TORCH };

enum vop_length_rule { VOP_LEN_NONE, VOP_LEN_OF, VOP_LEN_FIXED, VOP_LEN_MATRIX };

/** One C parameter of an op, after the session. */
struct vop_param {
	const char *name;
	uint8_t kind;		/* enum vop_kind */
	uint8_t ctype;		/* enum vop_ctype */
	uint8_t framework;	/* enum vop_framework, of tensors */
	uint8_t resource_type;	/* vaccel_resource_type_t, of resources */
	bool parsed;		/* a parser reads the bytes: snapshot them before it does; a string may be long */
	bool nullable;		/* a null pointer has a meaning */
	uint32_t elem_size;	/* bytes of one element of a buffer or array */
	vaccel_arg_type_t gtype; /* type in vaccel_genop; RAW: not checked there */
	struct {
		uint8_t rule;	/* enum vop_length_rule */
		int16_t arg[3]; /* indices of parameters, or the fixed count */
	} length;
};

struct vop_desc {
	const char *name;	/* "BLAS_SGEMM" */
	const char *label;	/* name in the logs of the bundled plugins; NULL for control operations */
	const char *genop_read; /* names of parameters, separated by blanks */
	const char *genop_write;
	uint16_t code;
	uint8_t nr_params;
	const struct vop_param *params;
};

/** The value of a parameter: i for numbers but floats, f for floats, p for all others. */
union vop_val {
	int64_t i;
	float f;
	void *p;
};

#define VOP_MAX_PARAMS 12

/** vop_find() - the entry with this code (vaccel_op_type_t or VIRTIO_ACCEL_OP_*), or NULL */
const struct vop_desc *vop_find(uint16_t code);

#define VOP_X_COUNT(...) +1
enum { VOP_EXT_FIRST = VACCEL_OP_INFER_LOAD, VOP_NR_EXT = 0 EXT_OPS(VOP_X_COUNT),
       VOP_NR_OPS = VACCEL_OP_MAX + VOP_NR_EXT };

/** vop_is_op() - whether it is an operation that plugins offer, and not one of the device's own */
static inline bool vop_is_op(unsigned int code)
{
	return code < VACCEL_OP_MAX || (code >= VOP_EXT_FIRST && code < VOP_EXT_FIRST + VOP_NR_EXT);
}

/** vop_slot() - the place of an operation in an array of VOP_NR_OPS */
static inline unsigned int vop_slot(unsigned int code)
{
	return code < VACCEL_OP_MAX ? code : VACCEL_OP_MAX + code - VOP_EXT_FIRST;
}

/** vop_of_slot() - the operation of a place, which is below VOP_NR_OPS */
static inline unsigned int vop_of_slot(unsigned int slot)
{
	return slot < VACCEL_OP_MAX ? slot : VOP_EXT_FIRST + slot - VACCEL_OP_MAX;
}

/** vop_needs_session() - whether an operation is of a session; of others the wire carries 0 */
bool vop_needs_session(uint16_t code);

/** vop_at() - the @index-th entry of the whole table, NULL past its end; for loops over all ops */
const struct vop_desc *vop_at(size_t index);

/**
 * vop_count() - elements of an array or buffer parameter, from the values of the op's numbers
 * @desc:  the op
 * @param: index of the parameter
 * @vals:  values of all parameters; only numbers are read
 * @count: receives the number of elements
 *
 * Return: 0, or VACCEL_EINVAL when a number is negative or the result overflows.
 */
int vop_count(const struct vop_desc *desc, unsigned int param, const union vop_val *vals,
	      uint64_t *count);

/** vop_bytes() - bytes of that many elements; 0, or VACCEL_EINVAL when there is no such length */
int vop_bytes(const struct vop_param *param, uint64_t count, uint64_t *bytes);

/** vop_length() - as vop_count(), in bytes */
int vop_length(const struct vop_desc *desc, unsigned int param, const union vop_val *vals,
	       uint64_t *bytes);

/** vop_fits() - whether the wire's 64-bit number can be held by the parameter's C type */
bool vop_fits(const struct vop_param *param, int64_t value);

/** vop_is_value() - whether the parameter is one of the plain values that start a message */
static inline bool vop_is_value(const struct vop_param *p)
{
	return p->kind == VOP_VAL || p->kind == VOP_RES;
}

/* ---- One function per op --------------------------------------------------------------------- */

static inline union vop_val vop_from_float(float f)
{
	return (union vop_val){.f = f};
}

static inline union vop_val vop_from_int(int64_t i)
{
	return (union vop_val){.i = i};
}

static inline union vop_val vop_from_ptr(const void *p)
{
	return (union vop_val){.p = (void *)p};
}

/* clang-format off */
#define VOP_FROM(x) _Generic((x), float: vop_from_float, \
	int: vop_from_int, unsigned int: vop_from_int, long: vop_from_int, \
	unsigned long: vop_from_int, long long: vop_from_int, unsigned long long: vop_from_int, \
	default: vop_from_ptr)(x)

#define VOP_TO_PTR(ctype, v) ((ctype)(v).p)
#define VOP_TO_NUMBER(ctype, v) ((ctype)_Generic((ctype)0, float: (v).f, default: (v).i))
#define VOP_TO_VAL	   VOP_TO_NUMBER
#define VOP_TO_IN	   VOP_TO_PTR
#define VOP_TO_OUT	   VOP_TO_PTR
#define VOP_TO_INOUT	   VOP_TO_PTR
#define VOP_TO_STR	   VOP_TO_PTR
#define VOP_TO_ARGS_IN	   VOP_TO_PTR
#define VOP_TO_ARGS_INOUT  VOP_TO_PTR
#define VOP_TO_RES	   VOP_TO_PTR
#define VOP_TO_TENSORS_IN  VOP_TO_PTR
#define VOP_TO_TENSORS_OUT VOP_TO_PTR
#define VOP_TO_NODES	   VOP_TO_PTR
#define VOP_TO_STATUS	   VOP_TO_PTR
#define VOP_TO_DATA	   VOP_TO_PTR
#define VOP_TO_INFER_IN	   VOP_TO_PTR
#define VOP_TO_INFER_OUT   VOP_TO_PTR
#define VOP_TO_MESSAGES	   VOP_TO_PTR
/* clang-format on */

/*
 * Pieces for functions made from the table. In `int f(struct vaccel_session *sess
 * VOP_PROTO(BLAS_SGEMM))` the parameters are declared, VOP_ARGS passes them on,
 * VOP_VALS(BLAS_SGEMM) initialises an array of union vop_val from them, and VOP_CALL_ARGS passes the
 * values of such an array `v`. Each piece but VOP_VALS starts with its own comma.
 */
#define VOP_P_PROTO(O, KIND, ctype, name, ...)	   , ctype name
#define VOP_P_TYPE(O, KIND, ctype, name, ...)	   , ctype
#define VOP_P_ARG(O, KIND, ctype, name, ...)	   , name
#define VOP_P_VAL(O, KIND, ctype, name, ...)	   VOP_FROM(name),
#define VOP_P_CALL_ARG(O, KIND, ctype, name, ...)  , VOP_TO_##KIND(ctype, v[O##_##name])
#define VOP_P_INDEX(O, KIND, ctype, name, ...)	   O##_##name,

#define VOP_PROTO(NAME)	    PARAMS_##NAME(VOP_P_PROTO, NAME)
#define VOP_TYPES(NAME)	    PARAMS_##NAME(VOP_P_TYPE, NAME)
#define VOP_ARGS(NAME)	    PARAMS_##NAME(VOP_P_ARG, NAME)
#define VOP_VALS(NAME)	    {PARAMS_##NAME(VOP_P_VAL, NAME){.i = 0}}
#define VOP_CALL_ARGS(NAME) PARAMS_##NAME(VOP_P_CALL_ARG, NAME)

/* Indices of parameters: enum { BLAS_SGEMM_m, ... } */
#define VOP_X_INDEX(NAME, ...) enum { PARAMS_##NAME(VOP_P_INDEX, NAME) VOP_NR_##NAME };
OPS(VOP_X_INDEX)
EXT_OPS(VOP_X_INDEX)
CONTROL_OPS(VOP_X_INDEX)

#endif
