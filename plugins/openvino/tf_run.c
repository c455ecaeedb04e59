// SPDX-License-Identifier: Apache-2.0
/* TensorFlow's operation on OpenVINO: programs name nodes, OpenVINO numbers inputs and outputs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "openvino.h"
#include "tf_ops.h"

static const struct {
	enum vaccel_tf_data_type tf;
	enum tensor_type type;
} types[] = {
	{VACCEL_TF_FLOAT, TENSOR_F32}, {VACCEL_TF_DOUBLE, TENSOR_F64}, {VACCEL_TF_INT32, TENSOR_I32},
	{VACCEL_TF_UINT8, TENSOR_U8},  {VACCEL_TF_INT16, TENSOR_I16},  {VACCEL_TF_INT8, TENSOR_I8},
	{VACCEL_TF_INT64, TENSOR_I64}, {VACCEL_TF_BOOL, TENSOR_BOOL},  {VACCEL_TF_UINT16, TENSOR_U16},
	{VACCEL_TF_HALF, TENSOR_F16},  {VACCEL_TF_UINT32, TENSOR_U32}, {VACCEL_TF_UINT64, TENSOR_U64},
};
#define NR_TYPES (sizeof(types) / sizeof(types[0]))

#define SERVING "serving_default_"

/*
 * Of a SavedModel OpenVINO knows the names of the signature only. TensorFlow's node of an input is called
 * after it; the one of the outputs is the call that computes them.
 */
static bool find_signature(void *model, bool output, const struct vaccel_tf_node *node, size_t *index)
{
	size_t nr_inputs, nr_outputs;

	if (node->id > 0)
		return false;
	if (!output)
		return !strncmp(node->name, SERVING, strlen(SERVING)) &&
		       model_find(model, false, node->name + strlen(SERVING), index);
	*index = 0;
	return !model_count(model, &nr_inputs, &nr_outputs) && nr_outputs == 1 &&
	       !!strstr(node->name, "PartitionedCall");
}

/* The input or output that a node is: by its name as TensorFlow writes it, "name:0", or its name alone. */
static int find(void *model, bool output, const struct vaccel_tf_node *node, size_t *index)
{
	char *full;
	bool found;

	if (asprintf(&full, "%s:%d", node->name, node->id) < 0)
		return VACCEL_ENOMEM;
	found = model_find(model, output, full, index) ||
		(node->id <= 0 && model_find(model, output, node->name, index)) ||
		find_signature(model, output, node, index);
	free(full);
	if (found)
		return VACCEL_OK;
	return tf_fail(VACCEL_ENOENT, TF_CODE_NOT_FOUND,
		       "%s has no %s %s:%d: OpenVINO keeps the names of a model's inputs and outputs, and no others",
		       model_name(model), output ? "output" : "input", node->name, node->id);
}

static int make_input(void *model, const struct vaccel_tf_node *node, const struct vaccel_tf_tensor *in,
		      struct tensor *tensors, size_t nr)
{
	struct tensor described, *t;
	size_t index = 0, type;
	int ret = find(model, false, node, &index);

	if (ret)
		return ret;
	for (type = 0; type < NR_TYPES && types[type].tf != in->data_type; type++)
		;
	if (index >= nr || type == NR_TYPES || in->nr_dims > TENSOR_MAX_DIMS || !in->size)
		return tf_fail(VACCEL_ENOTSUP, TF_CODE_UNIMPLEMENTED,
			       "Input %s: only numbers in up to %d dimensions, none of them 0, can be used",
			       node->name, TENSOR_MAX_DIMS);
	ret = model_describe(model, false, index, &described);
	if (ret)
		return ret;
	t = &tensors[index];
	*t = (struct tensor){.name = described.name, .type = types[type].type, .nr_dims = in->nr_dims,
			     .data = in->data, .size = in->size};
	for (int i = 0; i < in->nr_dims; i++)
		t->dims[i] = in->dims[i];
	/* A tensor of vAccel has a dimension where the model wants none. */
	if (!described.nr_dims && in->nr_dims == 1 && in->dims[0] == 1)
		t->nr_dims = 0;
	return VACCEL_OK;
}

static int make_output(void *model, const struct vaccel_tf_node *node,
		       const struct engine_outputs *outputs, struct vaccel_tf_tensor **out)
{
	const struct tensor *t;
	size_t index = 0, type;
	int ret = find(model, true, node, &index);

	if (ret)
		return ret;
	t = &outputs->tensors[index];
	for (type = 0; type < NR_TYPES && types[type].type != t->type; type++)
		;
	if (index >= outputs->nr || type == NR_TYPES || t->nr_dims < 0)
		return tf_fail(VACCEL_ENOTSUP, TF_CODE_UNIMPLEMENTED,
			       "Output %s: only numbers in up to %d dimensions can be handed on", node->name,
			       TENSOR_MAX_DIMS);
	return tf_make_output(types[type].tf, t->dims, t->nr_dims, t->data, t->size, out);
}

int tf_model_run(void *model, const struct tf_run *run)
{
	struct engine_outputs outputs = {0};
	size_t nr_inputs, nr_outputs;
	struct tensor *inputs;
	int ret = model_count(model, &nr_inputs, &nr_outputs);

	if (ret)
		return ret;
	if ((size_t)run->nr_in != nr_inputs)
		return tf_fail(VACCEL_EINVAL, TF_CODE_INVALID_ARGUMENT, "%s has %zu inputs, not %d",
			       model_name(model), nr_inputs, run->nr_in);
	inputs = calloc(nr_inputs + 1, sizeof(*inputs));
	if (!inputs)
		return VACCEL_ENOMEM;
	for (int i = 0; i < run->nr_in && !ret; i++)
		ret = make_input(model, &run->in_nodes[i], run->in[i], inputs, nr_inputs);
	for (size_t i = 0; i < nr_inputs && !ret; i++)
		if (inputs[i].type == TENSOR_UNKNOWN)
			ret = tf_fail(VACCEL_EINVAL, TF_CODE_INVALID_ARGUMENT,
				      "An input of %s is given twice, and another not at all", model_name(model));
	if (!ret)
		ret = model_run(model, inputs, nr_inputs, &outputs);
	free(inputs);
	if (ret)
		return ret;
	for (int i = 0; i < run->nr_out && !ret; i++)
		ret = make_output(model, &run->out_nodes[i], &outputs, &run->out[i]);
	model_release(&outputs);
	return ret;
}
