// SPDX-License-Identifier: Apache-2.0
#include "clean.h"

#include <stdint.h>
#include <string.h>

#include "utf8.h"

#define CUT "..."
#define CUT_LEN (sizeof(CUT) - 1)

/* Longest form of one character or byte of the text */
#define PIECE_MAX 4

/* Length of the UTF-8 character at the start of the text, and its code; 0 when there is none */
static size_t decode(const unsigned char *s, size_t len, uint32_t *code)
{
	int n = utf8_char(s, len, NULL);

	if (n <= 0)
		return 0;
	*code = n == 1 ? *s : *s & (0x7fu >> n);
	for (int i = 1; i < n; i++)
		*code = *code << 6 | (s[i] & 0x3fu);
	return (size_t)n;
}

/* Characters that are not what they look like */
static bool is_deceitful(uint32_t code)
{
	if (code < 0x20)
		return code != '\t';
	return (code >= 0x7f && code < 0xa0) ||	    /* more control characters */
	       code == 0x61c || code == 0x200e || code == 0x200f || /* direction of writing */
	       (code >= 0x2028 && code <= 0x202e) || /* ends of lines and paragraphs; direction */
	       (code >= 0x2066 && code <= 0x2069) || code == 0xfeff;
}

/* Length of what may stay as it is at the start of the text; 0: its first byte may not */
static size_t harmless(const unsigned char *s, size_t len)
{
	uint32_t code;
	size_t n;

	if (*s >= 0x20 && *s < 0x7f)
		return 1;
	n = decode(s, len, &code);
	return n && !is_deceitful(code) ? n : 0;
}

bool log_is_clean(const char *text, size_t len)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t n;

	for (; len; s += n, len -= n) {
		n = harmless(s, len);
		if (!n)
			return false;
	}
	return true;
}

static size_t make_visible(char *to, unsigned char byte)
{
	static const char digits[] = "0123456789abcdef";

	*to++ = '\\';
	if (byte == '\n' || byte == '\r') {
		*to = byte == '\n' ? 'n' : 'r';
		return 2;
	}
	*to++ = 'x';
	*to++ = digits[byte >> 4];
	*to = digits[byte & 0xf];
	return 4;
}

size_t log_clean(char *to, size_t size, const char *text, size_t len)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t at = 0, cut = 0; /* where it can be cut */

	while (len) {
		char piece[PIECE_MAX];
		size_t n = harmless(s, len), used = n ? n : 1;

		if (n)
			memcpy(piece, s, n);
		else
			n = make_visible(piece, *s);
		if (at + CUT_LEN <= size)
			cut = at;
		if (n > size - at) {
			memcpy(to + cut, CUT, CUT_LEN);
			return cut + CUT_LEN;
		}
		memcpy(to + at, piece, n);
		at += n;
		s += used;
		len -= used;
	}
	return at;
}
