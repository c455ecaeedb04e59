/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Extension: a model's outputs from its inputs, whatever engine runs it. vAccel 0.8 does not have this.
 *
 * The words are those of the Open Inference Protocol, version 2: a model has inputs and outputs with a
 * name, a datatype and a shape; inference takes tensors and gives tensors.
 *
 *	struct vaccel_infer_tensor x = { .name = "x", .datatype = VACCEL_INFER_FP32, .nr_dims = 2,
 *					 .shape = { 1, 4 }, .data = floats, .size = 16 };
 *	struct vaccel_infer_tensor y = { .name = "y" };
 *
 *	vaccel_infer_load(&sess, &model);
 *	vaccel_infer_run(&sess, &model, &x, 1, &y, 1);
 *	use(y.data, y.size);
 *	vaccel_infer_tensor_release(&y);
 *	vaccel_infer_unload(&sess, &model);
 *
 * The four operations can be submitted with VACCEL_ASYNC, like all others. They need a plugin that offers
 * them; a session on a host that is too old for them gives ENOTSUP.
 *
 * In their generic form (vaccel_genop) the code is followed by the model's id, an int64_t. infer_metadata
 * writes a struct vaccel_infer_model, and an array of struct vaccel_infer_desc, which has one at least.
 * infer_run takes two arguments for each tensor, as often as there are inputs and outputs: a struct
 * vaccel_infer_desc, whose empty name is that of its place, and the data. Of an output the description is
 * filled in, and the size of the data's argument becomes that of the tensor; after ERANGE it stays, and the
 * description says what is needed. There nothing is allocated, and infer_run cannot be submitted (ENOTSUP).
 *
 * Threads: all functions may be called from any thread, also at once for one model.
 *
 * Results: functions returning int give VACCEL_OK or a positive code.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vaccel/op.h"
#include "vaccel/resource.h"
#include "vaccel/session.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The operations, where a number of vaccel_op_type_t is expected: bits of vaccel_plugin_desc.ops,
 * vaccel_async_ops.submit. Their names are infer_load and so on.
 */
/* clang-format off */
#define _ENUM_PREFIX VACCEL_OP_INFER
#define VACCEL_OP_INFER_ENUM_LIST(ITEM)  \
	ITEM(LOAD, 56, _ENUM_PREFIX)     \
	ITEM(UNLOAD, _ENUM_PREFIX)       \
	ITEM(METADATA, _ENUM_PREFIX)     \
	ITEM(RUN, _ENUM_PREFIX)

VACCEL_ENUM_DEF_WITH_STR_FUNCS(vaccel_op_infer, _ENUM_PREFIX, VACCEL_OP_INFER_ENUM_LIST)

#undef _ENUM_PREFIX

/*
 * Datatypes of elements, with the names of the protocol. Elements lie one behind the other, the last
 * dimension the fastest, in the byte order of the machine. BOOL is a byte, 0 or 1. An element of BYTES is
 * its length in bytes, as 4 bytes with the lowest first, and then that many bytes.
 */
#define _ENUM_PREFIX VACCEL_INFER
#define VACCEL_INFER_ENUM_LIST(ITEM)  \
	ITEM(BOOL, 1, _ENUM_PREFIX)   \
	ITEM(UINT8, _ENUM_PREFIX)     \
	ITEM(UINT16, _ENUM_PREFIX)    \
	ITEM(UINT32, _ENUM_PREFIX)    \
	ITEM(UINT64, _ENUM_PREFIX)    \
	ITEM(INT8, _ENUM_PREFIX)      \
	ITEM(INT16, _ENUM_PREFIX)     \
	ITEM(INT32, _ENUM_PREFIX)     \
	ITEM(INT64, _ENUM_PREFIX)     \
	ITEM(FP16, _ENUM_PREFIX)      \
	ITEM(FP32, _ENUM_PREFIX)      \
	ITEM(FP64, _ENUM_PREFIX)      \
	ITEM(BYTES, _ENUM_PREFIX)     \
	ITEM(BF16, _ENUM_PREFIX)

VACCEL_ENUM_DEF_WITH_STR_FUNCS(vaccel_infer_datatype, _ENUM_PREFIX, VACCEL_INFER_ENUM_LIST)

#undef _ENUM_PREFIX
/* clang-format on */

#define VACCEL_INFER_MAX_DIMS	 32
#define VACCEL_INFER_MAX_TENSORS 512  /* inputs, and outputs, of one call; a reply has room for so many */
#define VACCEL_INFER_NAME_SIZE	 256  /* bytes of a name at most, with its end */

/*
 * A tensor. Start from all zero.
 *  name      of the input or output, terminated. NULL: that of its place, as the metadata lists them.
 *	      Not changed, and the program's.
 *  datatype  VACCEL_INFER_*
 *  nr_dims   how many elements of shape count; 0 to VACCEL_INFER_MAX_DIMS; 0: a single element
 *  shape     number of elements in each dimension
 *  data      the elements
 *  size      bytes of them
 *  room      outputs: bytes at data before the call
 *  owned     data is the library's: vaccel_infer_tensor_release() frees it
 */
struct vaccel_infer_tensor {
	const char *name;
	uint32_t datatype;
	uint32_t nr_dims;
	int64_t shape[VACCEL_INFER_MAX_DIMS];
	void *data;
	size_t size;
	size_t room;
	bool owned;
};

/* A model. Texts are terminated; platform is as the protocol has it, such as "onnx_onnxv1". */
struct vaccel_infer_model {
	char name[VACCEL_INFER_NAME_SIZE];
	char version[32];
	char platform[64];
	uint32_t nr_inputs;
	uint32_t nr_outputs;
};

/* An input or output of a model. datatype 0: the model does not say, or has one that the protocol lacks.
 * Of the shape, -1 is any size; nr_dims UINT32_MAX: the model does not say how many there are. */
struct vaccel_infer_desc {
	char name[VACCEL_INFER_NAME_SIZE];
	uint32_t datatype;
	uint32_t nr_dims;
	int64_t shape[VACCEL_INFER_MAX_DIMS];
};

/*
 * vaccel_infer_load - load a model in a session, for the three calls below
 * @model: of type VACCEL_RESOURCE_MODEL, registered with the session; one of the path model://NAME is known
 *	to a server, which the plugin asks
 *
 * One that is loaded is loaded again. EINVAL: no session, no model, or the engine does not understand its
 * content. EPERM: it is not registered with the session. ENOTSUP: no plugin offers this.
 */
int vaccel_infer_load(struct vaccel_session *sess, struct vaccel_resource *model);

/* vaccel_infer_unload - undo vaccel_infer_load; calls that run finish. EINVAL: it is not loaded. */
int vaccel_infer_unload(struct vaccel_session *sess, struct vaccel_resource *model);

/*
 * vaccel_infer_metadata - what a loaded model says of itself
 * @info: filled
 * @descs: array of nr elements: the inputs, then the outputs, as many as it has room for; others are
 *	zeroed; may be NULL when nr is 0
 *
 * info->nr_inputs + info->nr_outputs tells how many elements are needed. EINVAL: an argument is NULL, or
 * the model is not loaded. ENAMETOOLONG: a name has VACCEL_INFER_NAME_SIZE bytes or more.
 */
int vaccel_infer_metadata(struct vaccel_session *sess, struct vaccel_resource *model,
			  struct vaccel_infer_model *info, struct vaccel_infer_desc *descs,
			  uint32_t nr);

/*
 * vaccel_infer_run - run a loaded model
 * @inputs: array of nr_inputs tensors; each input of the model is there once. size is what datatype and
 *	shape say. Not changed.
 * @outputs: array of nr_outputs tensors, which may be fewer than the model has. Of each, datatype,
 *	nr_dims, shape and size are set, and data is filled:
 *	where data is NULL it is allocated (owned is set; vaccel_infer_tensor_release() frees it),
 *	else it is a buffer of the program of room bytes; those behind size are undefined then.
 *
 * ERANGE: the room of an output is too small. Of each such output size, above room, says how many bytes it
 * needs; other buffers may be written to. EINVAL: an argument is NULL; a tensor's name, datatype, number of
 * dimensions, shape or size is not what the model takes; one is missing, or there twice; BYTES whose lengths
 * do not fit their size; an output is owned already; the model is not loaded. What is wrong is logged where
 * the model runs.
 * EPERM, ENOTSUP: as vaccel_infer_load. After a failure nothing is allocated.
 */
int vaccel_infer_run(struct vaccel_session *sess, struct vaccel_resource *model,
		     const struct vaccel_infer_tensor *inputs, uint32_t nr_inputs,
		     struct vaccel_infer_tensor *outputs, uint32_t nr_outputs);

/*
 * vaccel_infer_tensor_release - free what the library has allocated for an output
 *
 * data becomes NULL then; a buffer of the program stays. EINVAL: NULL.
 */
int vaccel_infer_tensor_release(struct vaccel_infer_tensor *tensor);

/* vaccel_infer_datatype_size - bytes of an element; 0 for BYTES, and for what is no datatype */
size_t vaccel_infer_datatype_size(uint32_t datatype);

/* vaccel_infer_datatype_find - the datatype with a name, such as "FP32"; 0: there is none, or it is NULL */
uint32_t vaccel_infer_datatype_find(const char *name);

/*
 * vaccel_infer_tensor_check - whether datatype, shape, size and data of a tensor belong together
 *
 * For BYTES, also the lengths in data. EINVAL, and nothing is logged: they do not, or it is NULL.
 */
int vaccel_infer_tensor_check(const struct vaccel_infer_tensor *tensor);

/* ---- For plugins ----------------------------------------------------------------------------- */

/*
 * How a plugin does these operations; see vaccel_plugin_ext.infer. The resource is registered with the
 * session, and the tensors of run are checked: only what the model takes is for the plugin to check.
 */
struct vaccel_infer_ops {
	int (*load)(struct vaccel_session *sess, struct vaccel_resource *model);
	int (*unload)(struct vaccel_session *sess, struct vaccel_resource *model);
	int (*metadata)(struct vaccel_session *sess, struct vaccel_resource *model,
			struct vaccel_infer_model *info, struct vaccel_infer_desc *descs,
			uint32_t nr);
	int (*run)(struct vaccel_session *sess, struct vaccel_resource *model,
		   const struct vaccel_infer_tensor *inputs, uint32_t nr_inputs,
		   struct vaccel_infer_tensor *outputs, uint32_t nr_outputs);
};

/*
 * vaccel_infer_output - put a result of a plugin's run into an output
 * @out: of the program; its buffer is used, or memory allocated
 * @result: datatype, shape, data and size are copied
 *
 * ERANGE: the buffer is too small; out->size is set to what is needed. ENOMEM. EINVAL: NULL, or the result
 * has more than VACCEL_INFER_MAX_DIMS dimensions.
 */
int vaccel_infer_output(struct vaccel_infer_tensor *out, const struct vaccel_infer_tensor *result);

#ifdef __cplusplus
}
#endif
