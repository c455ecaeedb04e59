// SPDX-License-Identifier: Apache-2.0
/* Sizes of pictures as their files say them. OpenCV's own limit is too large, and the same for all. */
#include <string.h>

#include "functions.h"
#include "vaccel/error.h"

static uint32_t big(const uint8_t *p, int bytes)
{
	uint32_t value = 0;

	while (bytes--)
		value = value << 8 | *p++;
	return value;
}

static uint32_t little(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static int png(const uint8_t *p, size_t size, uint32_t *rows, uint32_t *columns)
{
	if (size < 24 || memcmp(p + 12, "IHDR", 4))
		return VACCEL_EINVAL;
	*columns = big(p + 16, 4);
	*rows = big(p + 20, 4);
	return VACCEL_OK;
}

/* The oldest header has 16 bits for each; in the others, rows below 0 are from top to bottom. */
static int bmp(const uint8_t *p, size_t size, uint32_t *rows, uint32_t *columns)
{
	if (size < 26)
		return VACCEL_EINVAL;
	if (little(p + 14) == 12) {
		*columns = little(p + 18) & 0xffff;
		*rows = little(p + 18) >> 16;
		return VACCEL_OK;
	}
	*columns = little(p + 18);
	*rows = little(p + 22);
	if (*rows & 0x80000000u)
		*rows = 0u - *rows;
	return VACCEL_OK;
}

/* The largest of all its frame headers, as a decoder may take any of them */
static int jpeg(const uint8_t *p, size_t size, uint32_t *rows, uint32_t *columns)
{
	size_t at = 2;

	*rows = *columns = 0;
	while (at + 9 <= size) {
		uint8_t marker = p[at + 1];

		if (p[at] != 0xff || marker == 0xff) { /* filling, or what a decoder skips */
			at++;
			continue;
		}
		if (marker == 0xda || marker == 0xd9)
			break;
		if (marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc) {
			uint32_t high = big(p + at + 5, 2), wide = big(p + at + 7, 2);

			*rows = high > *rows ? high : *rows;
			*columns = wide > *columns ? wide : *columns;
		}
		if ((marker >= 0xd0 && marker <= 0xd8) || marker <= 0x01)
			at += 2;
		else
			at += 2 + big(p + at + 2, 2);
	}
	return *rows && *columns ? VACCEL_OK : VACCEL_EINVAL;
}

int file_pixels(const void *data, size_t size, uint32_t *rows, uint32_t *columns)
{
	const uint8_t *p = data;

	if (size >= 8 && !memcmp(p, "\x89PNG\r\n\x1a\n", 8))
		return png(p, size, rows, columns);
	if (size >= 3 && !memcmp(p, "\xff\xd8\xff", 3))
		return jpeg(p, size, rows, columns);
	if (size >= 2 && !memcmp(p, "BM", 2))
		return bmp(p, size, rows, columns);
	return VACCEL_EINVAL;
}
