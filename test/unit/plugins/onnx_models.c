// SPDX-License-Identifier: Apache-2.0
#include "onnx_models.h"

#include <stdlib.h>
#include <string.h>

#include "protobuf.h"

static void child(struct message *m, unsigned int field, const struct message *c)
{
	bytes(m, field, c->data, c->size);
}

/* Each of these writes over what it has made before. */

static struct message *entry(const char *key, const char *value)
{
	static struct message m;

	m.size = 0;
	string(&m, 1, key);
	string(&m, 2, value);
	return &m;
}

static const char *decimal_text(uint64_t value)
{
	static char text[24];
	char *at = text + sizeof(text) - 1;

	do
		*--at = (char)('0' + value % 10);
	while (value /= 10);
	return at;
}

/* A tensor of floats: the part of the weights from @first on. */
static struct message *tensor(const struct tiny *t, const char *name, const uint64_t *dims, size_t nr_dims,
			      size_t first, size_t nr)
{
	static struct message m;
	float weights[(3 + 1) * TINY_CLASSES];

	m.size = 0;
	for (size_t i = 0; i < nr_dims; i++)
		number(&m, 1, dims[i]);
	number(&m, 2, 1);
	string(&m, 8, name);
	tiny_weights(t, weights);
	if (!t->weights_file) {
		bytes(&m, 9, weights + first, nr * sizeof(float));
		return &m;
	}
	child(&m, 13, entry(t->weights_key ? t->weights_key : "location", t->weights_file));
	child(&m, 13, entry("offset", decimal_text(t->weights_offset + first * sizeof(float))));
	child(&m, 13, entry("length", decimal_text(nr * sizeof(float) + (uint64_t)t->wrong_length)));
	number(&m, 14, 1);
	return &m;
}

static struct message *attribute(const char *name, unsigned int type, uint64_t value)
{
	static struct message m;

	m.size = 0;
	string(&m, 1, name);
	if (type == 7) { /* the order of dimensions that puts channels first */
		static const uint8_t order[] = {0, 3, 1, 2};

		for (int i = 0; i < 4; i++)
			number(&m, 8, order[i]);
	} else {
		number(&m, 3, value);
	}
	number(&m, 20, type);
	return &m;
}

static struct message *node(const char *domain, const char *op, const char *in, const char *out)
{
	static struct message m;

	m.size = 0;
	string(&m, 1, in);
	if (!strcmp(op, "Gemm")) {
		string(&m, 1, "w");
		string(&m, 1, "b");
	}
	string(&m, 2, out);
	string(&m, 4, op);
	if (!strcmp(op, "Cast"))
		child(&m, 5, attribute("to", 2, 1));
	if (!strcmp(op, "Transpose"))
		child(&m, 5, attribute("perm", 7, 0));
	if (domain)
		string(&m, 7, domain);
	return &m;
}

/* The description of an input or output; its shape is not said where there is none. */
static struct message *value(const char *name, unsigned int type, const int64_t *dims)
{
	static struct message m;
	struct message tensor_type = {.size = 0}, shape = {.size = 0}, whole = {.size = 0};

	m.size = 0;
	number(&tensor_type, 1, type);
	for (int i = 0; dims && i < 4; i++) {
		struct message dim = {.size = 0};

		if (dims[i] >= 0)
			number(&dim, 1, (uint64_t)dims[i]);
		else
			string(&dim, 2, "any");
		child(&shape, 1, &dim);
	}
	if (dims)
		child(&tensor_type, 2, &shape);
	child(&whole, 1, &tensor_type);
	string(&m, 1, name);
	child(&m, 2, &whole);
	return &m;
}

/* A node without inputs whose constant is in a file */
static struct message *constant(const struct tiny *t)
{
	static struct message m;
	static const uint64_t dims[] = {TINY_CLASSES};
	struct message attr = {.size = 0};

	m.size = 0;
	string(&attr, 1, "value");
	child(&attr, 5, tensor(t, "constant", dims, 1, 0, TINY_CLASSES));
	number(&attr, 20, 4);
	string(&m, 2, "constant");
	string(&m, 4, "Constant");
	child(&m, 5, &attr);
	return &m;
}

static void fill_graph(const struct tiny *t, struct message *graph)
{
	static const int64_t usual[] = {1, 3, 32, 32};
	const uint64_t w_dims[] = {3 + t->wrong_rows, TINY_CLASSES}, b_dims[] = {TINY_CLASSES};
	unsigned int type = t->input_type ? t->input_type : 1;
	const char *at = "x";

	if (type != 1) {
		child(graph, 1, node(NULL, "Cast", at, "xf"));
		at = "xf";
	}
	if (t->channels_last) {
		child(graph, 1, node(NULL, "Transpose", at, "xt"));
		at = "xt";
	}
	child(graph, 1, node(NULL, "GlobalAveragePool", at, "p"));
	child(graph, 1, node(NULL, "Flatten", "p", "f"));
	child(graph, 1, node(NULL, "Gemm", "f", t->op_type ? "g" : "y"));
	if (t->op_type)
		child(graph, 1, node(t->op_domain, t->op_type, "g", "y"));
	if (t->constant_in_file)
		child(graph, 1, constant(t));
	string(graph, 2, "tiny");
	child(graph, 5, tensor(t, "w", w_dims, 2, 0, 3 * TINY_CLASSES));
	child(graph, 5, tensor(t, "b", b_dims, 1, 3 * TINY_CLASSES, TINY_CLASSES));
	child(graph, 11, value("x", type, t->input[0] ? t->input : usual));
	child(graph, 12, value("y", 1, NULL));
}

void tiny_weights(const struct tiny *t, float weights[(3 + 1) * TINY_CLASSES])
{
	for (size_t i = 0; i < 3 * TINY_CLASSES; i++)
		weights[i] = (float)(i % TINY_CLASSES);
	memcpy(weights + 3 * TINY_CLASSES, t->bias, sizeof(t->bias));
}

uint8_t *tiny_model(const struct tiny *t, size_t *size)
{
	struct message graph = {.size = 0}, set = {.size = 0}, model = {.size = 0};
	uint8_t *data;

	fill_graph(t, &graph);
	number(&model, 1, 8);
	child(&model, 7, &graph);
	number(&set, 2, 13);
	child(&model, 8, &set);
	if (t->op_domain) {
		set.size = 0;
		string(&set, 1, t->op_domain);
		number(&set, 2, 1);
		child(&model, 8, &set);
	}
	data = malloc(model.size);
	if (data)
		memcpy(data, model.data, model.size);
	*size = model.size;
	return data;
}
