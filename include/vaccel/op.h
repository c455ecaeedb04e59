/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operations: their codes, and how a plugin describes its implementation of one.
 *
 * Threads: the functions here may be called from any thread. The library calls a plugin's func from
 * any thread, also from several at once, for the same session, too.
 */
#pragma once

#include <stddef.h>

#include "vaccel/utils/enum.h"

#ifdef __cplusplus
extern "C" {
#endif

/* clang-format off */
#define _ENUM_PREFIX VACCEL_OP
#define VACCEL_OP_TYPE_ENUM_LIST(ITEM)         \
	ITEM(NOOP, 0, _ENUM_PREFIX)            \
	ITEM(EXEC, _ENUM_PREFIX)               \
	ITEM(EXEC_WITH_RESOURCE, _ENUM_PREFIX) \
	ITEM(IMAGE_CLASSIFY, _ENUM_PREFIX)     \
	ITEM(IMAGE_DETECT, _ENUM_PREFIX)       \
	ITEM(IMAGE_SEGMENT, _ENUM_PREFIX)      \
	ITEM(IMAGE_POSE, _ENUM_PREFIX)         \
	ITEM(IMAGE_DEPTH, _ENUM_PREFIX)        \
	ITEM(TF_MODEL_LOAD, _ENUM_PREFIX)      \
	ITEM(TF_MODEL_UNLOAD, _ENUM_PREFIX)    \
	ITEM(TF_MODEL_RUN, _ENUM_PREFIX)       \
	ITEM(TFLITE_MODEL_LOAD, _ENUM_PREFIX)  \
	ITEM(TFLITE_MODEL_UNLOAD, _ENUM_PREFIX) \
	ITEM(TFLITE_MODEL_RUN, _ENUM_PREFIX)   \
	ITEM(TORCH_MODEL_LOAD, _ENUM_PREFIX)   \
	ITEM(TORCH_MODEL_RUN, _ENUM_PREFIX)    \
	ITEM(TORCH_SGEMM, _ENUM_PREFIX)        \
	ITEM(BLAS_SGEMM, _ENUM_PREFIX)         \
	ITEM(FPGA_ARRAYCOPY, _ENUM_PREFIX)     \
	ITEM(FPGA_MMULT, _ENUM_PREFIX)         \
	ITEM(FPGA_PARALLEL, _ENUM_PREFIX)      \
	ITEM(FPGA_VECTORADD, _ENUM_PREFIX)     \
	ITEM(MINMAX, _ENUM_PREFIX)             \
	ITEM(OPENCV, _ENUM_PREFIX)

VACCEL_ENUM_DEF_WITH_STR_FUNCS(vaccel_op_type, _ENUM_PREFIX, VACCEL_OP_TYPE_ENUM_LIST)

#undef _ENUM_PREFIX
/* clang-format on */

struct vaccel_plugin;

/* A plugin's implementation of an operation; func has the prototype of the operation's call. */
struct vaccel_op {
	vaccel_op_type_t type;
	void *func;
	struct vaccel_plugin *owner;
};

/* The plugin that the including code is part of; VACCEL_PLUGIN defines it. */
extern struct vaccel_plugin vaccel_this_plugin;

/* Initialiser of a struct vaccel_op of this plugin. The first parameter is not used. */
#define VACCEL_OP_INIT(name, type, func) { (type), (void *)(func), &vaccel_this_plugin }

/* Lower-case base name of an op ("image_classify") in buf, cut to size bytes with its NUL. */
static inline char *vaccel_op_type_to_lower(vaccel_op_type_t type, char *buf, size_t size)
{
	return vaccel_op_type_name(type, buf, size);
}

#ifdef __cplusplus
}
#endif
