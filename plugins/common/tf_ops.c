// SPDX-License-Identifier: Apache-2.0
#include "tf_ops.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"
#include "held.h"

#define MAX_NODES    1024
#define MAX_DIMS     254 /* as TensorFlow has it */
#define MESSAGE_SIZE 512

/* Of the operation that this thread runs */
static _Thread_local struct {
	enum tf_code code;
	char message[MESSAGE_SIZE];
} failure;

int tf_fail(int ret, enum tf_code code, const char *format, ...)
{
	va_list args;

	failure.code = code;
	va_start(args, format);
	vsnprintf(failure.message, sizeof(failure.message), format, args);
	va_end(args);
	for (char *c = failure.message; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = ' ';
	engine_error("%s", failure.message);
	return ret;
}

static void begin(const char *what, const struct vaccel_session *sess)
{
	failure.code = TF_CODE_OK;
	failure.message[0] = '\0';
	engine_debug("Calling %s for session %" PRId64, what, sess->id);
}

/* Makes the program's status, if it wants one. Return: what the operation returns. */
static int end(int ret, struct vaccel_tf_status *status)
{
	int failed;

	if (ret && failure.code == TF_CODE_OK) {
		failure.code = TF_CODE_INTERNAL;
		snprintf(failure.message, sizeof(failure.message),
			 "The %s plugin's log says what is wrong", engine.name);
	}
	failed = status ? vaccel_tf_status_init(status, (uint8_t)failure.code, failure.message) : 0;
	return ret ? ret : failed;
}

/* ---- Tensors --------------------------------------------------------------------------------- */

size_t tf_element_size(enum vaccel_tf_data_type type)
{
	switch (type) {
	case VACCEL_TF_UINT8:
	case VACCEL_TF_INT8:
	case VACCEL_TF_BOOL:
	case VACCEL_TF_QINT8:
	case VACCEL_TF_QUINT8:
		return 1;
	case VACCEL_TF_INT16:
	case VACCEL_TF_UINT16:
	case VACCEL_TF_QINT16:
	case VACCEL_TF_QUINT16:
	case VACCEL_TF_BFLOAT16:
	case VACCEL_TF_HALF:
		return 2;
	case VACCEL_TF_FLOAT:
	case VACCEL_TF_INT32:
	case VACCEL_TF_UINT32:
	case VACCEL_TF_QINT32:
		return 4;
	case VACCEL_TF_DOUBLE:
	case VACCEL_TF_INT64:
	case VACCEL_TF_UINT64:
	case VACCEL_TF_COMPLEX64:
		return 8;
	case VACCEL_TF_COMPLEX128:
		return 16;
	default:
		return 0;
	}
}

/* Whether dims, type and size belong together. */
static bool is_tensor(const struct vaccel_tf_tensor *t)
{
	uint64_t bytes = tf_element_size(t->data_type);

	if (!bytes || t->nr_dims < 0 || t->nr_dims > MAX_DIMS || (t->nr_dims && !t->dims))
		return false;
	for (int i = 0; i < t->nr_dims; i++)
		if (t->dims[i] < 0 || __builtin_mul_overflow(bytes, (uint64_t)t->dims[i], &bytes))
			return false;
	return bytes == t->size && (t->data || !t->size);
}

int tf_make_output(enum vaccel_tf_data_type type, const int64_t *dims, int nr_dims, const void *data,
		   size_t size, struct vaccel_tf_tensor **out)
{
	const int64_t one = 1;
	struct vaccel_tf_tensor *new;
	int ret;

	ret = vaccel_tf_tensor_new(&new, nr_dims ? nr_dims : 1, nr_dims ? dims : &one, type);
	if (ret)
		return ret;
	if (size) {
		new->data = malloc(size);
		if (!new->data) {
			vaccel_tf_tensor_delete(new);
			return VACCEL_ENOMEM;
		}
		memcpy(new->data, data, size);
		new->size = size;
		new->owned = true;
	}
	*out = new;
	return VACCEL_OK;
}

/* ---- Operations ------------------------------------------------------------------------------ */

static int check_run(const struct tf_run *run)
{
	if (run->nr_in < 0 || run->nr_in > MAX_NODES || run->nr_out < 0 || run->nr_out > MAX_NODES)
		return tf_fail(VACCEL_EINVAL, TF_CODE_INVALID_ARGUMENT,
			       "%d inputs and %d outputs: up to %d of each are possible", run->nr_in,
			       run->nr_out, MAX_NODES);
	if ((run->nr_in && (!run->in_nodes || !run->in)) || (run->nr_out && (!run->out_nodes || !run->out)))
		return tf_fail(VACCEL_EINVAL, TF_CODE_INVALID_ARGUMENT, "Nodes or tensors are missing");
	for (int i = 0; i < run->nr_in; i++) {
		if (!run->in_nodes[i].name || !run->in[i])
			return tf_fail(VACCEL_EINVAL, TF_CODE_INVALID_ARGUMENT,
				       "Input %d has no name, or no tensor", i);
		if (!is_tensor(run->in[i]))
			return tf_fail(VACCEL_EINVAL, TF_CODE_INVALID_ARGUMENT,
				       "Input %d (%s) is no tensor of numbers: its type, dimensions and "
				       "size do not belong together", i, run->in_nodes[i].name);
	}
	for (int i = 0; i < run->nr_out; i++) {
		if (!run->out_nodes[i].name)
			return tf_fail(VACCEL_EINVAL, TF_CODE_INVALID_ARGUMENT, "Output %d has no name", i);
		run->out[i] = NULL;
	}
	return VACCEL_OK;
}

static int op_run(struct vaccel_session *sess, struct vaccel_resource *model,
		  const struct vaccel_tf_buffer *options, const struct vaccel_tf_node *in_nodes,
		  struct vaccel_tf_tensor *const *in, int nr_in, const struct vaccel_tf_node *out_nodes,
		  struct vaccel_tf_tensor **out, int nr_out, struct vaccel_tf_status *status)
{
	struct tf_run run = {options && options->data ? options->data : NULL, options ? options->size : 0,
			     in_nodes, in, nr_in, out_nodes, out, nr_out};
	struct held *held;
	int ret;

	if (!sess || !model)
		return VACCEL_EINVAL;
	begin("tf_model_run", sess);
	if (!run.options)
		run.options_size = 0;
	ret = check_run(&run);
	if (ret)
		return end(ret, status);
	ret = held_get(sess, model, &held);
	if (!ret) {
		ret = tf_model_run(held_model(held), &run);
		held_put(held);
	}
	ret = end(ret, status);
	for (int i = 0; ret && i < nr_out; i++) {
		if (out[i])
			vaccel_tf_tensor_delete(out[i]);
		out[i] = NULL;
	}
	return ret;
}

static int op_load(struct vaccel_session *sess, struct vaccel_resource *model,
		   struct vaccel_tf_status *status)
{
	if (!sess || !model)
		return VACCEL_EINVAL;
	begin("tf_model_load", sess);
	return end(held_add(sess, model), status);
}

static int op_unload(struct vaccel_session *sess, struct vaccel_resource *model,
		     struct vaccel_tf_status *status)
{
	if (!sess || !model)
		return VACCEL_EINVAL;
	begin("tf_model_unload", sess);
	return end(held_remove(sess, model), status);
}

static struct vaccel_op ops[] = {
	VACCEL_OP_INIT(tf_model_load, VACCEL_OP_TF_MODEL_LOAD, op_load),
	VACCEL_OP_INIT(tf_model_run, VACCEL_OP_TF_MODEL_RUN, op_run),
	VACCEL_OP_INIT(tf_model_unload, VACCEL_OP_TF_MODEL_UNLOAD, op_unload),
};

int tf_ops_register(void)
{
	return vaccel_plugin_register_ops(ops, sizeof(ops) / sizeof(ops[0]));
}
