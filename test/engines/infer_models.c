// SPDX-License-Identifier: Apache-2.0
#include "infer_models.h"

#include <stdlib.h>
#include <string.h>

#include "../unit/plugins/protobuf.h"
#include "vaccel.h"

/* Numbers of onnx.proto's TensorProto.DataType */
static const uint8_t types[] = {
	[VACCEL_INFER_BOOL] = 9,    [VACCEL_INFER_UINT8] = 2,  [VACCEL_INFER_UINT16] = 4,
	[VACCEL_INFER_UINT32] = 12, [VACCEL_INFER_UINT64] = 13, [VACCEL_INFER_INT8] = 3,
	[VACCEL_INFER_INT16] = 5,   [VACCEL_INFER_INT32] = 6,  [VACCEL_INFER_INT64] = 7,
	[VACCEL_INFER_FP16] = 10,   [VACCEL_INFER_FP32] = 1,   [VACCEL_INFER_FP64] = 11,
	[VACCEL_INFER_BYTES] = 8,   [VACCEL_INFER_BF16] = 16,
};

static void add_node(struct message *graph, const char *op, const char *in1, const char *in2,
		     const char *out)
{
	struct message m = {.size = 0};

	string(&m, 1, in1);
	if (in2)
		string(&m, 1, in2);
	string(&m, 2, out);
	string(&m, 4, op);
	bytes(graph, 1, m.data, m.size);
}

/* An input (field 11) or output (12) of the shape [any, 3]. */
static void add_value(struct message *graph, unsigned int field, const char *name, uint32_t datatype)
{
	struct message dim = {.size = 0}, shape = {.size = 0}, tensor = {.size = 0}, type = {.size = 0},
		       m = {.size = 0};

	string(&dim, 2, "n");
	bytes(&shape, 1, dim.data, dim.size);
	dim.size = 0;
	number(&dim, 1, 3);
	bytes(&shape, 1, dim.data, dim.size);
	number(&tensor, 1, types[datatype]);
	bytes(&tensor, 2, shape.data, shape.size);
	bytes(&type, 1, tensor.data, tensor.size);
	string(&m, 1, name);
	bytes(&m, 2, type.data, type.size);
	bytes(graph, field, m.data, m.size);
}

static uint8_t *whole(const struct message *graph, size_t *size)
{
	struct message opset = {.size = 0}, model = {.size = 0};
	uint8_t *copy;

	string(&opset, 1, "");
	number(&opset, 2, 13);
	number(&model, 1, 8);
	bytes(&model, 7, graph->data, graph->size);
	bytes(&model, 8, opset.data, opset.size);
	copy = malloc(model.size);
	if (copy)
		memcpy(copy, model.data, model.size);
	*size = model.size;
	return copy;
}

uint8_t *identity_model(uint32_t datatype, size_t *size)
{
	struct message graph = {.size = 0};

	add_node(&graph, "Identity", "x", NULL, "y");
	string(&graph, 2, "identity");
	add_value(&graph, 11, "x", datatype);
	add_value(&graph, 12, "y", datatype);
	return whole(&graph, size);
}

uint8_t *sums_model(const char *long_name, size_t *size)
{
	struct message graph = {.size = 0};

	add_node(&graph, "Add", "a", "b", "sum");
	add_node(&graph, "Mul", "a", "b", "product");
	if (long_name)
		add_node(&graph, "Neg", "a", NULL, long_name);
	string(&graph, 2, "sums");
	add_value(&graph, 11, "a", VACCEL_INFER_FP32);
	add_value(&graph, 11, "b", VACCEL_INFER_FP32);
	add_value(&graph, 12, "sum", VACCEL_INFER_FP32);
	add_value(&graph, 12, "product", VACCEL_INFER_FP32);
	if (long_name)
		add_value(&graph, 12, long_name, VACCEL_INFER_FP32);
	return whole(&graph, size);
}
