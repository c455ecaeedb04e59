/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TensorFlow: data types of its operations and the operations.
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

/* Element types, with TensorFlow's numbers. */
enum vaccel_tf_data_type {
	VACCEL_TF_FLOAT = 1,
	VACCEL_TF_DOUBLE = 2,
	VACCEL_TF_INT32 = 3,
	VACCEL_TF_UINT8 = 4,
	VACCEL_TF_INT16 = 5,
	VACCEL_TF_INT8 = 6,
	VACCEL_TF_STRING = 7,
	VACCEL_TF_COMPLEX64 = 8,
	VACCEL_TF_COMPLEX = 8,
	VACCEL_TF_INT64 = 9,
	VACCEL_TF_BOOL = 10,
	VACCEL_TF_QINT8 = 11,
	VACCEL_TF_QUINT8 = 12,
	VACCEL_TF_QINT32 = 13,
	VACCEL_TF_BFLOAT16 = 14,
	VACCEL_TF_QINT16 = 15,
	VACCEL_TF_QUINT16 = 16,
	VACCEL_TF_UINT16 = 17,
	VACCEL_TF_COMPLEX128 = 18,
	VACCEL_TF_HALF = 19,
	VACCEL_TF_RESOURCE = 20,
	VACCEL_TF_VARIANT = 21,
	VACCEL_TF_UINT32 = 22,
	VACCEL_TF_UINT64 = 23
};

/*
 * Serialised options or graphs: size malloc'ed bytes at data, owned by the buffer; NULL and 0 when
 * there are none.
 */
struct vaccel_tf_buffer {
	void *data;
	size_t size;
};

/* One output (id) of a graph's node (name, owned by the node). */
struct vaccel_tf_node {
	char *name;
	int id;
};

/*
 * One tensor.
 *  data       size bytes of elements
 *  owned      release frees data
 *  dims       nr_dims extents, owned by the tensor
 *  data_type  type of an element
 */
struct vaccel_tf_tensor {
	void *data;
	size_t size;
	bool owned;
	int nr_dims;
	int64_t *dims;
	enum vaccel_tf_data_type data_type;
};

/*
 * Result of an operation: TensorFlow's code (0 is good) and its message, owned by the status.
 * With VACCEL_API_0_7 defined code is also error_code, as programs of vAccel 0.7 know it.
 */
struct vaccel_tf_status {
#ifdef VACCEL_API_0_7
	__extension__ union {
		uint8_t code;
		uint8_t error_code __attribute__((deprecated("use code")));
	};
#else
	uint8_t code;
#endif
	char *message;
};

/*
 * vaccel_tf_buffer_init - make a buffer of size malloc'ed bytes at data, which it takes over;
 * or, of NULL and 0, one that says that there are none
 *
 * EINVAL: buffer NULL, only one of data and size given. Pair with vaccel_tf_buffer_release (which
 * calls free on data).
 */
int vaccel_tf_buffer_init(struct vaccel_tf_buffer *buffer, void *data, size_t size);
int vaccel_tf_buffer_release(struct vaccel_tf_buffer *buffer);
/* The allocating form; a failed call leaves data with the caller. Pair with buffer_delete. */
int vaccel_tf_buffer_new(struct vaccel_tf_buffer **buffer, void *data, size_t size);
int vaccel_tf_buffer_delete(struct vaccel_tf_buffer *buffer);
/* Hands data back to the caller, who frees it; the buffer becomes empty. EINVAL: NULL. */
int vaccel_tf_buffer_take_data(struct vaccel_tf_buffer *buffer, void **data, size_t *size);

/* Makes a node description with a copy of name. EINVAL: NULL. ENOMEM. Pair with node_release. */
int vaccel_tf_node_init(struct vaccel_tf_node *node, const char *name, int id);
/* Frees the name and sets the id to -1. EINVAL: NULL. */
int vaccel_tf_node_release(struct vaccel_tf_node *node);
int vaccel_tf_node_new(struct vaccel_tf_node **node, const char *name, int id);
int vaccel_tf_node_delete(struct vaccel_tf_node *node);

/*
 * vaccel_tf_tensor_init - make a tensor without data
 * @nr_dims: number of extents, at least 1
 * @dims: extents to copy, NULL for zeros
 *
 * EINVAL: NULL, nr_dims below 1. ENOMEM. Pair with vaccel_tf_tensor_release.
 */
int vaccel_tf_tensor_init(struct vaccel_tf_tensor *tensor, int nr_dims, const int64_t *dims,
			  enum vaccel_tf_data_type type);
/* Frees the extents, and the data when the tensor owns it. EINVAL: NULL. */
int vaccel_tf_tensor_release(struct vaccel_tf_tensor *tensor);
int vaccel_tf_tensor_new(struct vaccel_tf_tensor **tensor, int nr_dims, const int64_t *dims,
			 enum vaccel_tf_data_type type);
/* As tensor_new, with total_size bytes of zeroed data that the tensor owns (0: no data). */
int vaccel_tf_tensor_allocate(struct vaccel_tf_tensor **tensor, int nr_dims, const int64_t *dims,
			      enum vaccel_tf_data_type type, size_t total_size);
/* Releases and frees a tensor of tensor_new, tensor_allocate, or of an operation's output. */
int vaccel_tf_tensor_delete(struct vaccel_tf_tensor *tensor);
/*
 * Makes the tensor use size bytes of the caller, who keeps owning them. Data that the tensor
 * owned is dropped with a warning, not freed: take it first. EINVAL: NULL tensor.
 */
int vaccel_tf_tensor_set_data(struct vaccel_tf_tensor *tensor, void *data, size_t size);
/*
 * Hands out data and size; the tensor is without data afterwards. Who must free the data is
 * what the tensor's owned member said before. EINVAL: NULL.
 */
int vaccel_tf_tensor_take_data(struct vaccel_tf_tensor *tensor, void **data, size_t *size);

/* Makes a status with a copy of message. EINVAL: NULL. ENOMEM. Pair with status_release. */
int vaccel_tf_status_init(struct vaccel_tf_status *status, uint8_t code, const char *message);
/* Frees the message and sets the code to 0. EINVAL: NULL. */
int vaccel_tf_status_release(struct vaccel_tf_status *status);
int vaccel_tf_status_new(struct vaccel_tf_status **status, uint8_t code, const char *message);
int vaccel_tf_status_delete(struct vaccel_tf_status *status);

/*
 * vaccel_tf_model_load - prepare a registered model for runs
 * @status: filled by the plugin; the caller releases it
 *
 * EINVAL: NULL, the resource is no model. EPERM: not registered with the session. ENOTSUP: no
 * implementation in the session's plugin. Otherwise what the plugin returns.
 */
int vaccel_tf_model_load(struct vaccel_session *sess, struct vaccel_resource *model,
			 struct vaccel_tf_status *status);

/*
 * vaccel_tf_model_run - run a loaded model
 * @run_options: serialised options, may be NULL
 * @in_nodes, @in_tensors: nr_inputs nodes and the tensors to feed them with
 * @out_nodes: nr_outputs nodes to fetch
 * @out_tensors: receives nr_outputs tensors; the caller deletes them
 * @status: filled by the plugin; the caller releases it
 *
 * Errors as for vaccel_tf_model_load.
 */
int vaccel_tf_model_run(struct vaccel_session *sess, struct vaccel_resource *model,
			const struct vaccel_tf_buffer *run_options,
			const struct vaccel_tf_node *in_nodes,
			struct vaccel_tf_tensor *const *in_tensors, int nr_inputs,
			const struct vaccel_tf_node *out_nodes,
			struct vaccel_tf_tensor **out_tensors, int nr_outputs,
			struct vaccel_tf_status *status);

/* Undoes vaccel_tf_model_load. Parameters and errors as there. */
int vaccel_tf_model_unload(struct vaccel_session *sess, struct vaccel_resource *model,
			   struct vaccel_tf_status *status);

#ifdef __cplusplus
}
#endif
