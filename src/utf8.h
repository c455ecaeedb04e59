/* SPDX-License-Identifier: Apache-2.0 */
/* Characters of UTF-8, of which only the shortest form of what is no surrogate is one. */
#ifndef UTF8_H
#define UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Results of utf8_char() that are no length */
enum { UTF8_BAD = 0, UTF8_PART = -1 };

/* Bytes of a character by its first one, and what the second may be; 0: no character starts so. */
static inline int utf8_lead(uint8_t lead, uint8_t *low, uint8_t *high)
{
	*low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
	*high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
	if (lead < 0x80)
		return 1;
	if (lead < 0xc2 || lead > 0xf4)
		return 0;
	return lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

/**
 * utf8_char() - how many bytes the character at @p has, of which there are @len, 1 or more
 * @skip: receives with UTF8_BAD how many bytes are none together; may be NULL
 *
 * Return: 1 to 4; UTF8_BAD: there is none; UTF8_PART: it goes on behind what is there.
 */
static inline int utf8_char(const void *p, size_t len, int *skip)
{
	const uint8_t *c = p;
	uint8_t low, high;
	int need = utf8_lead(c[0], &low, &high);

	for (int i = 1; i < need; i++) {
		if ((size_t)i == len)
			return UTF8_PART;
		if (c[i] < low || c[i] > high) {
			if (skip)
				*skip = i;
			return UTF8_BAD;
		}
		low = 0x80;
		high = 0xbf;
	}
	if (!need && skip)
		*skip = 1;
	return need;
}

/** utf8_is_valid() - whether @len bytes are characters all through */
static inline bool utf8_is_valid(const char *p, size_t len)
{
	int n;

	for (; len; p += n, len -= (size_t)n) {
		n = utf8_char(p, len, NULL);
		if (n <= 0)
			return false;
	}
	return true;
}

#endif
