/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Torch: data types of its operations and the operations.
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

/* Element types. */
enum vaccel_torch_data_type {
	VACCEL_TORCH_BYTE = 1,
	VACCEL_TORCH_CHAR = 2,
	VACCEL_TORCH_SHORT = 3,
	VACCEL_TORCH_INT = 4,
	VACCEL_TORCH_LONG = 5,
	VACCEL_TORCH_HALF = 6,
	VACCEL_TORCH_FLOAT = 7
};

/*
 * Serialised options: size malloc'ed bytes at data, owned by the buffer; NULL and 0 when there are
 * none.
 */
struct vaccel_torch_buffer {
	char *data;
	size_t size;
};

/*
 * One tensor.
 *  data       size bytes of elements
 *  owned      release frees data
 *  dims       nr_dims extents, owned by the tensor
 *  data_type  type of an element
 */
struct vaccel_torch_tensor {
	void *data;
	size_t size;
	bool owned;
	int64_t nr_dims;
	int64_t *dims;
	enum vaccel_torch_data_type data_type;
};

/*
 * vaccel_torch_buffer_init - make a buffer of size malloc'ed bytes at data, which it takes over;
 * or, of NULL and 0, one that says that there are none
 *
 * EINVAL: buffer NULL, only one of data and size given. Pair with vaccel_torch_buffer_release (which
 * calls free on data).
 */
int vaccel_torch_buffer_init(struct vaccel_torch_buffer *buffer, char *data, size_t size);
int vaccel_torch_buffer_release(struct vaccel_torch_buffer *buffer);
/* The allocating form; a failed call leaves data with the caller. Pair with buffer_delete. */
int vaccel_torch_buffer_new(struct vaccel_torch_buffer **buffer, char *data, size_t size);
int vaccel_torch_buffer_delete(struct vaccel_torch_buffer *buffer);
/* Hands data back to the caller, who frees it; the buffer becomes empty. EINVAL: NULL. */
int vaccel_torch_buffer_take_data(struct vaccel_torch_buffer *buffer, void **data, size_t *size);

/*
 * vaccel_torch_tensor_init - make a tensor without data
 * @nr_dims: number of extents, at least 1
 * @dims: extents to copy, NULL for zeros
 *
 * EINVAL: NULL, nr_dims below 1. ENOMEM. Pair with vaccel_torch_tensor_release.
 */
int vaccel_torch_tensor_init(struct vaccel_torch_tensor *tensor, int64_t nr_dims,
			     const int64_t *dims, enum vaccel_torch_data_type type);
/* Frees the extents, and the data when the tensor owns it. EINVAL: NULL. */
int vaccel_torch_tensor_release(struct vaccel_torch_tensor *tensor);
int vaccel_torch_tensor_new(struct vaccel_torch_tensor **tensor, int64_t nr_dims,
			    const int64_t *dims, enum vaccel_torch_data_type type);
/* As tensor_new, with total_size bytes of zeroed data that the tensor owns (0: no data). */
int vaccel_torch_tensor_allocate(struct vaccel_torch_tensor **tensor, int64_t nr_dims,
				 const int64_t *dims, enum vaccel_torch_data_type type,
				 size_t total_size);
/* Releases and frees a tensor of tensor_new, tensor_allocate, or of an operation's output. */
int vaccel_torch_tensor_delete(struct vaccel_torch_tensor *tensor);
/*
 * Makes the tensor use size bytes of the caller, who keeps owning them. Data that the tensor
 * owned is dropped with a warning, not freed: take it first. EINVAL: NULL tensor.
 */
int vaccel_torch_tensor_set_data(struct vaccel_torch_tensor *tensor, void *data, size_t size);
/*
 * Hands out data and size; the tensor is without data afterwards. Who must free the data is
 * what the tensor's owned member said before. EINVAL: NULL.
 */
int vaccel_torch_tensor_take_data(struct vaccel_torch_tensor *tensor, void **data, size_t *size);

/*
 * vaccel_torch_model_load - prepare a registered model for runs
 *
 * EINVAL: NULL, the resource is no model. EPERM: not registered with the session. ENOTSUP: no
 * implementation in the session's plugin. Otherwise what the plugin returns.
 */
int vaccel_torch_model_load(struct vaccel_session *sess, struct vaccel_resource *model);

/*
 * vaccel_torch_model_run - run a registered model
 * @run_options: may be NULL
 * @inputs: nr_inputs tensors
 * @outputs: receives nr_outputs tensors; the caller deletes them
 *
 * Errors as for vaccel_torch_model_load.
 */
int vaccel_torch_model_run(struct vaccel_session *sess, struct vaccel_resource *model,
			   const struct vaccel_torch_buffer *run_options,
			   struct vaccel_torch_tensor *const *inputs, int nr_inputs,
			   struct vaccel_torch_tensor **outputs, int nr_outputs);

/*
 * vaccel_torch_sgemm - out = A x B + C with A of M x K, B of K x N, C and out of M x N floats
 *
 * EINVAL: NULL session. ENOTSUP: no implementation. Otherwise what the plugin returns.
 */
__attribute__((deprecated("use vaccel_sgemm")))
int vaccel_torch_sgemm(struct vaccel_session *sess, struct vaccel_torch_tensor **in_A,
		       struct vaccel_torch_tensor **in_B, struct vaccel_torch_tensor **in_C,
		       int M, int N, int K, struct vaccel_torch_tensor **out);

#ifdef __cplusplus
}
#endif
