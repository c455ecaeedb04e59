// SPDX-License-Identifier: Apache-2.0
/*
 * Walks the messages of an ONNX file (onnx.proto, in the encoding of protocol buffers) down to its
 * tensors, and looks which have external_data.
 */
#include "external.h"

#include <stdbool.h>
#include <string.h>

#include "protobuf.h"

#define MAX_DEPTH 64 /* of graphs within attributes of nodes within graphs ... */

enum message { MODEL, GRAPH, NODE, ATTRIBUTE, TENSOR, SPARSE_TENSOR, TRAINING, FUNCTION };

/* Where a tensor is that is a weight of the model, rather than of a graph within a node */
#define WEIGHT_DEPTH 2

#define GRAPH_OUTPUT 12 /* field of a graph */

/* Fields that are messages in which a tensor can be. */
static const struct {
	uint8_t in, field, is;
} children[] = {
	{MODEL, 7, GRAPH},	       {MODEL, 20, TRAINING},	      {MODEL, 25, FUNCTION},
	{TRAINING, 1, GRAPH},	       {TRAINING, 2, GRAPH},	      {FUNCTION, 7, NODE},
	{FUNCTION, 11, ATTRIBUTE},     {GRAPH, 1, NODE},	      {GRAPH, 5, TENSOR},
	{GRAPH, 15, SPARSE_TENSOR},    {NODE, 5, ATTRIBUTE},	      {ATTRIBUTE, 5, TENSOR},
	{ATTRIBUTE, 6, GRAPH},	       {ATTRIBUTE, 10, TENSOR},	      {ATTRIBUTE, 11, GRAPH},
	{ATTRIBUTE, 22, SPARSE_TENSOR}, {ATTRIBUTE, 23, SPARSE_TENSOR}, {SPARSE_TENSOR, 1, TENSOR},
	{SPARSE_TENSOR, 2, TENSOR},
};

static int child_of(enum message in, uint64_t field)
{
	for (size_t i = 0; i < sizeof(children) / sizeof(children[0]); i++)
		if (children[i].in == in && children[i].field == field)
			return children[i].is;
	return -1;
}

/* ---- Tensors -------------------------------------------------------------------------------- */

enum { DIMS = 1, DATA_TYPE = 2, RAW_DATA = 9, EXTERNAL_DATA = 13, DATA_LOCATION = 14 }; /* fields of a tensor */

struct tensor {
	bool is_external, has_location, has_length, has_raw;
	char location[256];
	uint64_t offset, length, type, elements, raw;
};

static enum external refuse(struct external_files *files, const char *problem)
{
	files->problem = problem;
	return EXTERNAL_REFUSED;
}

static uint64_t element_size(uint64_t type)
{
	/* of the types of onnx.proto, from 0 on */
	static const uint8_t sizes[] = {0, 4, 1, 1, 2, 2, 4, 8, 0, 1, 2, 8, 4, 8, 8, 16, 2};

	return type < sizeof(sizes) ? sizes[type] : 0;
}

static bool add_dim(struct tensor *t, uint64_t dim)
{
	return !__builtin_mul_overflow(t->elements, dim, &t->elements);
}

/* Adds the sizes of a tensor, which may be fields of their own or in one. */
static bool add_dims(struct tensor *t, const struct proto_field *f)
{
	const uint8_t *at = f->data, *end = f->data + f->size;
	uint64_t dim;

	if (f->type == PROTO_VARINT)
		return add_dim(t, f->value);
	while (f->type == PROTO_BYTES && at < end)
		if (!proto_varint(&at, end, &dim) || !add_dim(t, dim))
			return false;
	return f->type == PROTO_BYTES;
}

static bool read_number(const struct proto_field *f, uint64_t *value)
{
	*value = 0;
	for (size_t i = 0; i < f->size; i++)
		if (f->data[i] < '0' || f->data[i] > '9' ||
		    __builtin_mul_overflow(*value, 10, value) ||
		    __builtin_add_overflow(*value, (uint64_t)(f->data[i] - '0'), value))
			return false;
	return f->size > 0;
}

static bool is(const struct proto_field *f, const char *text)
{
	return f->size == strlen(text) && !memcmp(f->data, text, f->size);
}

/* An entry of external_data: a key and a value. Return: false for one that cannot be obeyed. */
static bool read_entry(struct tensor *t, const struct proto_field *entry)
{
	const uint8_t *at = entry->data, *end = entry->data + entry->size;
	struct proto_field f, key = {0}, value = {0};

	while (at < end) {
		if (!proto_next(&at, end, &f) || f.type != PROTO_BYTES)
			return false;
		if (f.number == 1)
			key = f;
		else if (f.number == 2)
			value = f;
	}
	if (is(&key, "location")) {
		if (t->has_location || !value.size || value.size >= sizeof(t->location))
			return false;
		for (size_t i = 0; i < value.size; i++) /* it will be part of messages */
			if (value.data[i] < ' ' || value.data[i] == 0x7f)
				return false;
		memcpy(t->location, value.data, value.size);
		t->has_location = true;
		return true;
	}
	if (is(&key, "offset"))
		return read_number(&value, &t->offset);
	if (is(&key, "length")) {
		t->has_length = true;
		return read_number(&value, &t->length);
	}
	return is(&key, "checksum");
}

/* Whether this is the size of the tensor's shape. */
static bool is_size(const struct tensor *t, uint64_t bytes)
{
	uint64_t size;

	return !__builtin_mul_overflow(t->elements, element_size(t->type), &size) && size == bytes;
}

/* Notes the file of a tensor, and how much of it is used. */
static enum external add_file(struct external_files *files, const struct tensor *t)
{
	uint64_t end;
	size_t i;

	if (!t->has_location || !t->has_length)
		return refuse(files, "without saying in which, or how many");
	if (!element_size(t->type) || !is_size(t, t->length) ||
	    __builtin_add_overflow(t->offset, t->length, &end) || end > INT64_MAX)
		return refuse(files, "of which there are not as many as their shape says");
	for (i = 0; i < files->nr && strcmp(files->files[i].name, t->location); i++)
		;
	if (i == EXTERNAL_MAX_FILES)
		return refuse(files, "of which there are too many");
	if (i == files->nr) {
		memcpy(files->files[files->nr].name, t->location, sizeof(t->location));
		files->files[files->nr++].size = 0;
	}
	if (end > files->files[i].size)
		files->files[i].size = end;
	return EXTERNAL_FOUND;
}

static enum external read_tensor(const uint8_t *at, const uint8_t *end, int depth,
				 struct external_files *files)
{
	struct tensor t = {.elements = 1};
	bool sizes = true, entries = true;
	struct proto_field f;

	while (at < end) {
		if (!proto_next(&at, end, &f))
			return EXTERNAL_BAD_FILE;
		if (f.number == DIMS)
			sizes &= add_dims(&t, &f);
		if (f.number == DATA_TYPE)
			t.type = f.type == PROTO_VARINT ? f.value : 0;
		if (f.number == RAW_DATA && f.type == PROTO_BYTES) {
			t.has_raw = true;
			t.raw = f.size;
		}
		if (f.number == EXTERNAL_DATA)
			entries &= f.type == PROTO_BYTES && read_entry(&t, &f);
		if (f.number == EXTERNAL_DATA || (f.number == DATA_LOCATION && f.value))
			t.is_external = true;
	}
	if (!t.is_external) /* nobody is to allocate what a shape says and the file does not have */
		return t.has_raw && element_size(t.type) && !(sizes && is_size(&t, t.raw)) ?
			       EXTERNAL_BAD_FILE :
			       EXTERNAL_NONE;
	if (depth != WEIGHT_DEPTH)
		return refuse(files, "among them some within its nodes");
	if (!sizes || !entries)
		return refuse(files, "described in a way that is not known");
	return add_file(files, &t);
}

/* ---- The file ------------------------------------------------------------------------------- */

static enum external walk(enum message in, const uint8_t *at, const uint8_t *end, int depth,
			  struct external_files *files)
{
	enum external found, all = EXTERNAL_NONE;
	struct proto_field f;
	int child;

	if (depth > MAX_DEPTH)
		return EXTERNAL_BAD_FILE;
	while (at < end) {
		if (!proto_next(&at, end, &f))
			return EXTERNAL_BAD_FILE;
		files->outputs += in == GRAPH && depth == 1 && f.number == GRAPH_OUTPUT;
		child = f.type == PROTO_BYTES ? child_of(in, f.number) : -1;
		if (child < 0)
			continue;
		found = child == TENSOR ? read_tensor(f.data, f.data + f.size, depth + 1, files) :
					  walk((enum message)child, f.data, f.data + f.size, depth + 1,
					       files);
		if (found == EXTERNAL_BAD_FILE || found == EXTERNAL_REFUSED)
			return found;
		if (found == EXTERNAL_FOUND)
			all = found;
	}
	return all;
}

enum external external_data(const void *data, size_t size, struct external_files *files)
{
	files->nr = files->outputs = 0;
	return walk(MODEL, data, (const uint8_t *)data + size, 0, files);
}
