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

/* An input (field 11) or output (12) of the shape [any, columns]. */
static void add_table(struct message *graph, unsigned int field, const char *name, uint32_t datatype,
		      unsigned int columns)
{
	struct message dim = {.size = 0}, shape = {.size = 0}, tensor = {.size = 0}, type = {.size = 0},
		       m = {.size = 0};

	string(&dim, 2, "n");
	bytes(&shape, 1, dim.data, dim.size);
	dim.size = 0;
	number(&dim, 1, columns);
	bytes(&shape, 1, dim.data, dim.size);
	number(&tensor, 1, types[datatype]);
	bytes(&tensor, 2, shape.data, shape.size);
	bytes(&type, 1, tensor.data, tensor.size);
	string(&m, 1, name);
	bytes(&m, 2, type.data, type.size);
	bytes(graph, field, m.data, m.size);
}

static void add_value(struct message *graph, unsigned int field, const char *name, uint32_t datatype)
{
	add_table(graph, field, name, datatype, 3);
}

/* An array of floats of the model's own. */
static void add_floats(struct message *graph, const char *name, unsigned int nr_dims, const unsigned int *dims,
		       const float *values, size_t count)
{
	struct message m = {.size = 0};

	for (unsigned int i = 0; i < nr_dims; i++)
		number(&m, 1, dims[i]);
	number(&m, 2, types[VACCEL_INFER_FP32]);
	string(&m, 8, name);
	bytes(&m, 9, values, count * sizeof(*values));
	bytes(graph, 5, m.data, m.size);
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

uint8_t *layer_model(size_t *size)
{
	const unsigned int dims[] = {LAYER_WIDTH, LAYER_WIDTH};
	float w[LAYER_WIDTH * LAYER_WIDTH];
	struct message graph = {.size = 0};

	for (size_t i = 0; i < LAYER_WIDTH * LAYER_WIDTH; i++)
		w[i] = (float)(i * 37 % 101) / 77 - 0.6f;
	add_node(&graph, "MatMul", "x", "w", "sums");
	add_node(&graph, "Relu", "sums", NULL, "y");
	string(&graph, 2, "layer");
	add_floats(&graph, "w", 2, dims, w, LAYER_WIDTH * LAYER_WIDTH);
	add_table(&graph, 11, "x", VACCEL_INFER_FP32, LAYER_WIDTH);
	add_table(&graph, 12, "y", VACCEL_INFER_FP32, LAYER_WIDTH);
	return whole(&graph, size);
}

uint8_t *lookup_model(size_t *size)
{
	const float table[LOOKUP_ROOM] = {0, 10, 20, 30, 40};
	const unsigned int dims[] = {LOOKUP_ROOM};
	struct message graph = {.size = 0};

	add_node(&graph, "Gather", "table", "x", "y");
	string(&graph, 2, "lookup");
	add_floats(&graph, "table", 1, dims, table, LOOKUP_ROOM);
	add_value(&graph, 11, "x", VACCEL_INFER_INT64);
	add_value(&graph, 12, "y", VACCEL_INFER_FP32);
	return whole(&graph, size);
}
