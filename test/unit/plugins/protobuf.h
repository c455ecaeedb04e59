/* SPDX-License-Identifier: Apache-2.0 */
/* Writes messages of protocol buffers, of which models in ONNX's format consist. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A message of protocol buffers: fields are added at its end. */
struct message {
	uint8_t data[16384];
	size_t size;
};

static inline void varint(struct message *m, uint64_t value)
{
	for (; value > 0x7f; value >>= 7)
		m->data[m->size++] = (uint8_t)(value | 0x80);
	m->data[m->size++] = (uint8_t)value;
}

static inline void number(struct message *m, unsigned int field, uint64_t value)
{
	varint(m, field << 3);
	varint(m, value);
}

static inline void bytes(struct message *m, unsigned int field, const void *data, size_t size)
{
	varint(m, field << 3 | 2);
	varint(m, size);
	memcpy(m->data + m->size, data, size);
	m->size += size;
}

static inline void string(struct message *m, unsigned int field, const char *text)
{
	bytes(m, field, text, strlen(text));
}
