// SPDX-License-Identifier: Apache-2.0
/*
 * Walks the messages of an ONNX file (onnx.proto, in the encoding of protocol buffers) down to its
 * tensors, and looks whether one has external_data.
 */
#include "external.h"

#include <stdbool.h>
#include <stdint.h>

#define MAX_DEPTH 64 /* of graphs within attributes of nodes within graphs ... */

enum message { MODEL, GRAPH, NODE, ATTRIBUTE, TENSOR, SPARSE_TENSOR, TRAINING, FUNCTION };

#define TENSOR_EXTERNAL_DATA 13

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

enum wire { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5 };

static bool read_varint(const uint8_t **at, const uint8_t *end, uint64_t *value)
{
	*value = 0;
	for (unsigned int shift = 0; shift < 70 && *at < end; shift += 7) {
		uint8_t byte = *(*at)++;

		if (shift < 64)
			*value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return true;
	}
	return false;
}

static int child_of(enum message in, uint64_t field)
{
	for (size_t i = 0; i < sizeof(children) / sizeof(children[0]); i++)
		if (children[i].in == in && children[i].field == field)
			return children[i].is;
	return -1;
}

static enum external walk(enum message in, const uint8_t *at, const uint8_t *end, int depth)
{
	if (depth > MAX_DEPTH)
		return EXTERNAL_BAD_FILE;

	while (at < end) {
		uint64_t tag, field, skip;
		enum external found;
		int child;

		if (!read_varint(&at, end, &tag))
			return EXTERNAL_BAD_FILE;
		field = (tag & UINT32_MAX) >> 3; /* tags have 32 bits, whatever else there is */
		if (!field)
			return EXTERNAL_BAD_FILE;
		if (in == TENSOR && field == TENSOR_EXTERNAL_DATA)
			return EXTERNAL_FOUND;

		switch (tag & 7) {
		case VARINT:
			if (!read_varint(&at, end, &skip))
				return EXTERNAL_BAD_FILE;
			continue;
		case FIXED64:
			skip = 8;
			break;
		case FIXED32:
			skip = 4;
			break;
		case BYTES:
			if (!read_varint(&at, end, &skip))
				return EXTERNAL_BAD_FILE;
			break;
		default: /* groups are not in use */
			return EXTERNAL_BAD_FILE;
		}
		if (skip > (uint64_t)(end - at))
			return EXTERNAL_BAD_FILE;

		child = (tag & 7) == BYTES ? child_of(in, field) : -1;
		if (child >= 0) {
			found = walk((enum message)child, at, at + skip, depth + 1);
			if (found != EXTERNAL_NONE)
				return found;
		}
		at += skip;
	}
	return EXTERNAL_NONE;
}

enum external external_data(const void *data, size_t size)
{
	return walk(MODEL, data, (const uint8_t *)data + size, 0);
}
