// SPDX-License-Identifier: Apache-2.0
/*
 * The one tag of EXIF that changes what a picture shows. A JPEG file is a row of segments, of which
 * the one with EXIF holds a TIFF file, whose first directory has the tag.
 */
#include "exif.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define TAG_ORIENTATION 0x0112
#define TYPE_SHORT	3
#define ENTRY_SIZE	12

/* Bytes, with numbers in one of the two orders. */
struct view {
	const uint8_t *at;
	size_t size;
	bool little;
};

static uint32_t get(const struct view *b, size_t offset, unsigned int nr)
{
	uint32_t value = 0;

	for (unsigned int i = 0; i < nr; i++)
		value |= (uint32_t)b->at[offset + i] << 8 * (b->little ? i : nr - 1 - i);
	return value;
}

/* The tag in a TIFF file. Return: 1 when there is none. */
static int find_tag(struct view tiff)
{
	uint32_t at, nr;

	if (tiff.size < 8 || (memcmp(tiff.at, "II*\0", 4) && memcmp(tiff.at, "MM\0*", 4)))
		return 1;
	tiff.little = *tiff.at == 'I';
	at = get(&tiff, 4, 4);
	if (at > tiff.size - 2)
		return 1;
	nr = get(&tiff, at, 2);
	for (at += 2; nr && tiff.size - at >= ENTRY_SIZE; nr--, at += ENTRY_SIZE) {
		uint32_t value;

		if (get(&tiff, at, 2) != TAG_ORIENTATION)
			continue;
		value = get(&tiff, at + 8, 2);
		if (get(&tiff, at + 2, 2) != TYPE_SHORT || get(&tiff, at + 4, 4) != 1)
			return 1;
		return value >= 1 && value <= 8 ? (int)value : 1;
	}
	return 1;
}

int exif_orientation(const void *data, size_t size)
{
	static const char name[6] = "Exif\0";
	struct view jpeg = { data, size, false };
	size_t at = 2;

	/* Each segment: 0xff, any number of times, the kind, and the length of what follows with it. */
	while (at + 4 <= size && jpeg.at[at] == 0xff) {
		uint8_t kind = jpeg.at[at + 1];
		size_t len;

		if (kind == 0xff) {
			at++;
			continue;
		}
		if (kind == 0xda || kind == 0xd9) /* the picture starts, or the file ends */
			break;
		len = get(&jpeg, at + 2, 2);
		if (len < 2 || len > size - at - 2)
			break;
		if (kind == 0xe1 && len >= 2 + sizeof(name) &&
		    !memcmp(jpeg.at + at + 4, name, sizeof(name)))
			return find_tag((struct view){ jpeg.at + at + 4 + sizeof(name),
							len - 2 - sizeof(name), false });
		at += 2 + len;
	}
	return 1;
}
