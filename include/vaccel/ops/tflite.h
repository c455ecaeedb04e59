/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TensorFlow Lite: data types of its operations and the operations.
 *
 * Threads: the data types have no locking; one thread may use one object at a time. Operations
 * may be called from several threads at once with different arguments.
 *
 * Results: functions returning int give VACCEL_OK or a positive code.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vaccel/resource.h"
#include "vaccel/session.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Element types, with TensorFlow Lite's numbers. */
enum vaccel_tflite_data_type {
	VACCEL_TFLITE_NOTYPE = 0,
	VACCEL_TFLITE_FLOAT32 = 1,
	VACCEL_TFLITE_INT32 = 2,
	VACCEL_TFLITE_UINT8 = 3,
	VACCEL_TFLITE_INT64 = 4,
	VACCEL_TFLITE_STRING = 5,
	VACCEL_TFLITE_BOOL = 6,
	VACCEL_TFLITE_INT16 = 7,
	VACCEL_TFLITE_COMPLEX64 = 8,
	VACCEL_TFLITE_INT8 = 9,
	VACCEL_TFLITE_FLOAT16 = 10,
	VACCEL_TFLITE_FLOAT64 = 11,
	VACCEL_TFLITE_COMPLEX128 = 12,
	VACCEL_TFLITE_UINT64 = 13,
	VACCEL_TFLITE_RESOURCE = 14,
	VACCEL_TFLITE_VARIANT = 15,
	VACCEL_TFLITE_UINT32 = 16,
	VACCEL_TFLITE_UINT16 = 17,
	VACCEL_TFLITE_INT4 = 18
};

/*
 * One tensor.
 *  data       size bytes of elements
 *  owned      release frees data
 *  dims       nr_dims extents, owned by the tensor
 *  data_type  type of an element
 */
struct vaccel_tflite_tensor {
	void *data;
	size_t size;
	bool owned;
	int nr_dims;
	int32_t *dims;
	enum vaccel_tflite_data_type data_type;
};

/*
 * vaccel_tflite_tensor_init - make a tensor without data
 * @nr_dims: number of extents, at least 1
 * @dims: extents to copy, NULL for zeros
 *
 * EINVAL: NULL, nr_dims below 1. ENOMEM. Pair with vaccel_tflite_tensor_release.
 */
int vaccel_tflite_tensor_init(struct vaccel_tflite_tensor *tensor, int nr_dims,
			      const int32_t *dims, enum vaccel_tflite_data_type type);
/* Frees the extents, and the data when the tensor owns it. EINVAL: NULL. */
int vaccel_tflite_tensor_release(struct vaccel_tflite_tensor *tensor);
int vaccel_tflite_tensor_new(struct vaccel_tflite_tensor **tensor, int nr_dims,
			     const int32_t *dims, enum vaccel_tflite_data_type type);
/* As tensor_new, with total_size bytes of zeroed data that the tensor owns (0: no data). */
int vaccel_tflite_tensor_allocate(struct vaccel_tflite_tensor **tensor, int nr_dims,
				  const int32_t *dims, enum vaccel_tflite_data_type type,
				  size_t total_size);
/* Releases and frees a tensor of tensor_new, tensor_allocate, or of an operation's output. */
int vaccel_tflite_tensor_delete(struct vaccel_tflite_tensor *tensor);
/*
 * Makes the tensor use size bytes of the caller, who keeps owning them. Data that the tensor
 * owned is dropped with a warning, not freed: take it first. EINVAL: NULL tensor.
 */
int vaccel_tflite_tensor_set_data(struct vaccel_tflite_tensor *tensor, void *data, size_t size);
/*
 * Hands out data and size; the tensor is without data afterwards. Who must free the data is
 * what the tensor's owned member said before. EINVAL: NULL.
 */
int vaccel_tflite_tensor_take_data(struct vaccel_tflite_tensor *tensor, void **data,
				   size_t *size);

/*
 * vaccel_tflite_model_load - prepare a registered model for runs
 *
 * EINVAL: NULL, the resource is no model. EPERM: not registered with the session. ENOTSUP: no
 * implementation in the session's plugin. Otherwise what the plugin returns.
 */
int vaccel_tflite_model_load(struct vaccel_session *sess, struct vaccel_resource *model);

/*
 * vaccel_tflite_model_run - run a loaded model
 * @inputs: nr_inputs tensors
 * @outputs: receives nr_outputs tensors; the caller deletes them
 * @status: receives the interpreter's code, 0 is good
 *
 * Errors as for vaccel_tflite_model_load.
 */
int vaccel_tflite_model_run(struct vaccel_session *sess, struct vaccel_resource *model,
			    struct vaccel_tflite_tensor *const *inputs, int nr_inputs,
			    struct vaccel_tflite_tensor **outputs, int nr_outputs,
			    uint8_t *status);

/* Undoes vaccel_tflite_model_load. Errors as there. */
int vaccel_tflite_model_unload(struct vaccel_session *sess, struct vaccel_resource *model);

#ifdef __cplusplus
}
#endif
