/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the byte vectors of test/vectors. */
#pragma once

#include "util.h"

/* One [section] of a file. @len is -1 when the file has no such section. */
struct vector {
	uint8_t bytes[4096] __attribute__((aligned(8)));
	int len;
};

/* Reads a section of VECTORS_DIR/name.hex: pairs of hex digits; # starts a comment. */
static inline void vector_read(const char *name, const char *section, struct vector *v)
{
	char path[512], line[256], here[64] = "";
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s.hex", VECTORS_DIR, name);
	f = fopen(path, "r");
	if (!f)
		fail_msg("%s cannot be read", path);
	v->len = -1;
	while (fgets(line, sizeof(line), f)) {
		char *p = line;
		unsigned int byte;
		int n;

		line[strcspn(line, "#\n")] = '\0';
		if (sscanf(line, "[%63[a-z]]", here) == 1) {
			if (!strcmp(here, section))
				v->len = 0;
			continue;
		}
		if (strcmp(here, section))
			continue;
		for (; sscanf(p, " %2x%n", &byte, &n) == 1; p += n) {
			assert_true((size_t)v->len < sizeof(v->bytes));
			v->bytes[v->len++] = (uint8_t)byte;
		}
		if (p[strspn(p, " ")])
			fail_msg("%s: no hex digits: %s", path, p);
	}
	fclose(f);
}

/* Fails with the first byte that differs from the vector. */
static inline void vector_equal(const char *name, const struct vector *v, const void *bytes,
				size_t len)
{
	const uint8_t *p = bytes;

	for (size_t i = 0; i < len && i < (size_t)v->len; i++)
		if (p[i] != v->bytes[i])
			fail_msg("%s: byte %zu is %02x, not %02x", name, i, p[i], v->bytes[i]);
	if ((int)len != v->len)
		fail_msg("%s: %zu bytes, not %d", name, len, v->len);
}
