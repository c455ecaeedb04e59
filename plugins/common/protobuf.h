/* SPDX-License-Identifier: Apache-2.0 */
/* Reads messages in the encoding of protocol buffers, field by field. Their bytes may be hostile. */
#ifndef PLUGINS_COMMON_PROTOBUF_H
#define PLUGINS_COMMON_PROTOBUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum proto_wire { PROTO_VARINT = 0, PROTO_FIXED64 = 1, PROTO_BYTES = 2, PROTO_FIXED32 = 5 };

struct proto_field {
	uint64_t number, type, value; /* value: of a PROTO_VARINT */
	const uint8_t *data;	      /* of the others: size bytes of the message */
	size_t size;
};

/** proto_varint() - takes a number. Return: false when there is none. */
bool proto_varint(const uint8_t **at, const uint8_t *end, uint64_t *value);

/** proto_next() - takes a field, of which there has to be one. Return: false when it is none. */
bool proto_next(const uint8_t **at, const uint8_t *end, struct proto_field *field);

#endif
