/* SPDX-License-Identifier: Apache-2.0 */
/* What several unit tests need. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* More than malloc() ever gives, also where half of the address space can be had */
#define TOO_MUCH ((size_t)PTRDIFF_MAX + 1)

/* Meson names what runs the tests of another architecture. */
static inline void skip_if_emulated(const char *why)
{
	if (!getenv("MESON_EXE_WRAPPER"))
		return;
	print_message("skipped: under emulation %s\n", why);
	skip();
}

/* What a standard stream receives between start and end; 64 KiB at most. */
struct capture {
	int fd; /* stream */
	int saved; /* its duplicate */
	FILE *file;
	char text[65536];
};

static inline void capture_start(struct capture *c, int fd)
{
	fflush(NULL);
	c->fd = fd;
	c->saved = dup(fd);
	c->file = tmpfile();
	assert_true(c->saved >= 0);
	assert_non_null(c->file);
	dup2(fileno(c->file), fd);
}

/* The text captured, valid until the next capture. */
static inline const char *capture_end(struct capture *c)
{
	size_t n;

	fflush(NULL);
	dup2(c->saved, c->fd);
	close(c->saved);
	rewind(c->file);
	n = fread(c->text, 1, sizeof(c->text) - 1, c->file);
	c->text[n] = '\0';
	fclose(c->file);
	return c->text;
}

/* Number of times that needle is in text. */
static inline unsigned int count(const char *text, const char *needle)
{
	unsigned int n = 0;

	for (; (text = strstr(text, needle)); text += strlen(needle))
		n++;
	return n;
}

#define assert_contains(text, needle)                                              \
	do {                                                                       \
		if (!strstr((text), (needle)))                                     \
			fail_msg("\"%s\" is not in:\n%s", (needle), (text));       \
	} while (0)
#define assert_lacks(text, needle)                                                 \
	do {                                                                       \
		if (strstr((text), (needle)))                                      \
			fail_msg("\"%s\" is in:\n%s", (needle), (text));           \
	} while (0)
