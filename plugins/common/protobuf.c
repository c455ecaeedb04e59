// SPDX-License-Identifier: Apache-2.0
#include "protobuf.h"

bool proto_varint(const uint8_t **at, const uint8_t *end, uint64_t *value)
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

bool proto_next(const uint8_t **at, const uint8_t *end, struct proto_field *f)
{
	uint64_t tag, size = 0;

	f->value = 0;
	if (!proto_varint(at, end, &tag))
		return false;
	f->number = (tag & UINT32_MAX) >> 3; /* tags have 32 bits, whatever else there is */
	f->type = tag & 7;
	if (!f->number)
		return false;
	switch (f->type) {
	case PROTO_VARINT:
		if (!proto_varint(at, end, &f->value))
			return false;
		break;
	case PROTO_FIXED64:
		size = 8;
		break;
	case PROTO_FIXED32:
		size = 4;
		break;
	case PROTO_BYTES:
		if (!proto_varint(at, end, &size))
			return false;
		break;
	default: /* groups are not in use */
		return false;
	}
	if (size > (uint64_t)(end - *at))
		return false;
	f->data = *at;
	f->size = (size_t)size;
	*at += size;
	return true;
}
