// SPDX-License-Identifier: Apache-2.0
/*
 * What a model takes and gives: of a SavedModel its signature says so (tensorflow/core/protobuf/meta_graph.proto),
 * of a graph the graph itself.
 */
#include <stdlib.h>
#include <string.h>

#include "protobuf.h"
#include "tf.h"
#include "tf_ops.h"

#define DEFAULT_SIGNATURE "serving_default"
#define MAX_TENSOR_NAME	  1024

/* Fields */
enum { META_SIGNATURE = 5 };
enum { ENTRY_KEY = 1, ENTRY_VALUE = 2 };
enum { SIGNATURE_INPUT = 1, SIGNATURE_OUTPUT = 2 };
enum { INFO_NAME = 1, INFO_TYPE = 2, INFO_SHAPE = 3 };
enum { SHAPE_DIM = 2, SHAPE_UNKNOWN = 3 };
enum { DIM_SIZE = 1 };

enum tensor_type type_from(TF_DataType type)
{
	static const enum tensor_type types[] = {
		[VACCEL_TF_FLOAT] = TENSOR_F32,	   [VACCEL_TF_DOUBLE] = TENSOR_F64,
		[VACCEL_TF_INT32] = TENSOR_I32,	   [VACCEL_TF_UINT8] = TENSOR_U8,
		[VACCEL_TF_INT16] = TENSOR_I16,	   [VACCEL_TF_INT8] = TENSOR_I8,
		[VACCEL_TF_INT64] = TENSOR_I64,	   [VACCEL_TF_BOOL] = TENSOR_BOOL,
		[VACCEL_TF_BFLOAT16] = TENSOR_BF16, [VACCEL_TF_UINT16] = TENSOR_U16,
		[VACCEL_TF_HALF] = TENSOR_F16,	   [VACCEL_TF_UINT32] = TENSOR_U32,
		[VACCEL_TF_UINT64] = TENSOR_U64,   [VACCEL_TF_STRING] = TENSOR_BYTES,
	};
	enum tensor_type known = TENSOR_UNKNOWN;

	if (type >= 0 && (size_t)type < sizeof(types) / sizeof(types[0]))
		known = types[type];
	return known == TENSOR_UNKNOWN ? TENSOR_OTHER : known;
}

/* ---- Ports ----------------------------------------------------------------------------------- */

int ports_add(struct model *model, bool output, const char *name, size_t size, struct port **out)
{
	struct ports *ports = &model->ports;
	struct port *all;

	if (ports->nr[output] == MAX_PORTS) {
		engine_warn("%s has more than %d %s, which infer_run cannot serve", model->name, MAX_PORTS,
			    output ? "outputs" : "inputs");
		return VACCEL_EINVAL;
	}
	all = realloc(ports->all[output], (ports->nr[output] + 1) * sizeof(*all));
	if (!all)
		return VACCEL_ENOMEM;
	ports->all[output] = all;
	*out = &all[ports->nr[output]];
	memset(*out, 0, sizeof(**out));
	(*out)->tensor.nr_dims = -1;
	(*out)->tensor.name = strndup(name, size);
	if (!(*out)->tensor.name)
		return VACCEL_ENOMEM;
	ports->nr[output]++;
	return VACCEL_OK;
}

void ports_free(struct ports *ports)
{
	for (int output = 0; output < 2; output++) {
		for (size_t i = 0; i < ports->nr[output]; i++)
			free((char *)ports->all[output][i].tensor.name);
		free(ports->all[output]);
	}
	memset(ports, 0, sizeof(*ports));
}

/* ---- Signatures ------------------------------------------------------------------------------ */

/* The message of an entry of a map, and its key. */
static bool read_entry(const struct proto_field *f, struct proto_field *key, struct proto_field *value)
{
	const uint8_t *at = f->data, *end = at + f->size;
	struct proto_field part;

	*key = *value = (struct proto_field){.data = at};
	while (at < end) {
		if (!proto_next(&at, end, &part))
			return false;
		if (part.type == PROTO_BYTES && part.number == ENTRY_KEY)
			*key = part;
		if (part.type == PROTO_BYTES && part.number == ENTRY_VALUE)
			*value = part;
	}
	return true;
}

/* Whether it has outputs; damage comes to light when it is read. */
static bool has_outputs(const struct proto_field *signature)
{
	const uint8_t *at = signature->data, *end = at + signature->size;
	struct proto_field f;

	while (at < end && proto_next(&at, end, &f))
		if (f.number == SIGNATURE_OUTPUT && f.type == PROTO_BYTES)
			return true;
	return false;
}

static bool is_default(const struct proto_field *name)
{
	return name->size == strlen(DEFAULT_SIGNATURE) && !memcmp(name->data, DEFAULT_SIGNATURE, name->size);
}

/* Return: false: damaged. chosen->data NULL: there is none. */
static bool choose(const void *data, size_t size, struct proto_field *chosen)
{
	const uint8_t *at = data, *end = at + size;
	struct proto_field f, name, signature;

	*chosen = (struct proto_field){0};
	while (at < end) {
		if (!proto_next(&at, end, &f))
			return false;
		if (f.number != META_SIGNATURE || f.type != PROTO_BYTES)
			continue;
		if (!read_entry(&f, &name, &signature))
			return false;
		if (is_default(&name)) {
			*chosen = signature;
			return true;
		}
		/* Those that begin so are TensorFlow's own, such as __saved_model_init_op. */
		if (!chosen->data && has_outputs(&signature) && (name.size < 2 || memcmp(name.data, "__", 2)))
			*chosen = signature;
	}
	return true;
}

static bool read_dim(const struct proto_field *f, struct tensor *t)
{
	const uint8_t *at = f->data, *end = at + f->size;
	struct proto_field part;

	if (t->nr_dims < 0 || t->nr_dims == TENSOR_MAX_DIMS) {
		t->nr_dims = -1;
		return true;
	}
	t->dims[t->nr_dims] = 0;
	while (at < end) {
		if (!proto_next(&at, end, &part))
			return false;
		if (part.number == DIM_SIZE && part.type == PROTO_VARINT)
			t->dims[t->nr_dims] = (int64_t)part.value;
	}
	t->nr_dims++;
	return true;
}

static bool read_shape(const struct proto_field *f, struct tensor *t)
{
	const uint8_t *at = f->data, *end = at + f->size;
	struct proto_field part;
	bool unknown = false;

	t->nr_dims = 0;
	while (at < end) {
		if (!proto_next(&at, end, &part))
			return false;
		if (part.number == SHAPE_DIM && part.type == PROTO_BYTES && !read_dim(&part, t))
			return false;
		if (part.number == SHAPE_UNKNOWN && part.type == PROTO_VARINT)
			unknown = part.value;
	}
	if (unknown)
		t->nr_dims = -1;
	return true;
}

/* A TensorInfo. EINVAL: damaged, or not in the graph, such as a sparse tensor. */
static int read_info(const struct model *model, const struct proto_field *f, struct port *port)
{
	const uint8_t *at = f->data, *end = at + f->size;
	char name[MAX_TENSOR_NAME] = "";
	struct proto_field part;

	port->tensor.type = TENSOR_OTHER;
	while (at < end) {
		if (!proto_next(&at, end, &part))
			return VACCEL_EINVAL;
		if (part.number == INFO_NAME && part.type == PROTO_BYTES && part.size < sizeof(name)) {
			memcpy(name, part.data, part.size);
			name[part.size] = '\0';
		} else if (part.number == INFO_TYPE && part.type == PROTO_VARINT) {
			port->tensor.type = type_from(part.value <= INT32_MAX ? (TF_DataType)part.value : -1);
		} else if (part.number == INFO_SHAPE && part.type == PROTO_BYTES &&
			   !read_shape(&part, &port->tensor)) {
			return VACCEL_EINVAL;
		}
	}
	if (!model_find_output(model, name, &port->at) ||
	    port->at.index >= tf.TF_OperationNumOutputs(port->at.oper))
		return VACCEL_EINVAL;
	return VACCEL_OK;
}

static int by_name(const void *a, const void *b)
{
	const struct port *first = a, *second = b;

	return strcmp(first->tensor.name, second->tensor.name);
}

static int read_signature(struct model *model, const struct proto_field *signature)
{
	const uint8_t *at = signature->data, *end = at + signature->size;
	struct proto_field f, name, info;
	struct port *port;
	int ret = VACCEL_OK;

	while (at < end && !ret) {
		if (!proto_next(&at, end, &f))
			return VACCEL_EINVAL;
		if ((f.number != SIGNATURE_INPUT && f.number != SIGNATURE_OUTPUT) || f.type != PROTO_BYTES)
			continue;
		if (!read_entry(&f, &name, &info))
			return VACCEL_EINVAL;
		ret = ports_add(model, f.number == SIGNATURE_OUTPUT, (const char *)name.data, name.size, &port);
		if (!ret)
			ret = read_info(model, &info, port);
	}
	/* A map has no order that stays. */
	for (int output = 0; output < 2 && !ret; output++)
		if (model->ports.nr[output])
			qsort(model->ports.all[output], model->ports.nr[output], sizeof(struct port), by_name);
	return ret;
}

int signature_read(struct model *model, const void *data, size_t size)
{
	struct proto_field chosen = {0};
	int ret = VACCEL_EINVAL;

	if (choose(data, size, &chosen))
		ret = chosen.data ? read_signature(model, &chosen) : VACCEL_OK;
	if (ret != VACCEL_EINVAL)
		return ret;
	engine_warn("The signature of %s is damaged, or names what its graph does not have: infer_run cannot "
		    "serve it", model->name);
	ports_free(&model->ports);
	return VACCEL_OK;
}

/* ---- Graphs ---------------------------------------------------------------------------------- */

static int add_of_graph(struct model *model, TF_Operation *oper, int index, bool output, TF_Status *status)
{
	const char *name = tf.TF_OperationName(oper);
	struct port *port;
	int ret = ports_add(model, output, name, strlen(name), &port);

	if (ret)
		return ret;
	port->at = (TF_Output){oper, index};
	port->tensor.type = type_from(tf.TF_OperationOutputType(port->at));
	port->tensor.nr_dims = tf.TF_GraphGetTensorNumDims(model->graph, port->at, status);
	if (port->tensor.nr_dims > TENSOR_MAX_DIMS || tf.TF_GetCode(status))
		port->tensor.nr_dims = -1;
	if (port->tensor.nr_dims > 0)
		tf.TF_GraphGetTensorShape(model->graph, port->at, port->tensor.dims, port->tensor.nr_dims,
					  status);
	return VACCEL_OK;
}

/* An operation that has a single output, which no other one takes. */
static bool is_end(TF_Operation *oper)
{
	return tf.TF_OperationNumOutputs(oper) == 1 &&
	       !tf.TF_OperationOutputNumConsumers((TF_Output){oper, 0});
}

int ports_of_graph(struct model *model)
{
	TF_Status *status = tf.TF_NewStatus();
	TF_Operation *oper;
	size_t position = 0;
	int ret = VACCEL_OK;

	while (!ret && (oper = tf.TF_GraphNextOperation(model->graph, &position))) {
		bool input = !strcmp(tf.TF_OperationOpType(oper), "Placeholder");

		if (input || is_end(oper))
			ret = add_of_graph(model, oper, 0, !input, status);
	}
	tf.TF_DeleteStatus(status);
	if (ret != VACCEL_EINVAL)
		return ret;
	ports_free(&model->ports);
	return VACCEL_OK;
}
