/* SPDX-License-Identifier: Apache-2.0 */
/* What several unit tests need. */
#pragma once

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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

/*
 * Sets a locale in which a fraction begins with a comma, as most users' in Europe. It is made here,
 * since few systems have one installed: a file in the format that localedef writes, of glibc 2.3 and
 * later, with the fields of LC_NUMERIC.
 */
static inline void set_comma_locale(void)
{
	static char dir[] = "/tmp/vaccel-unit-locale-XXXXXX";
	const uint32_t head[] = {0x20031115 ^ LC_NUMERIC, 6, 32, 34, 36, 40, 44, 48};
	/* decimal_point, thousands_sep, grouping, both as wide characters, codeset */
	const char fields[] = ",\0.\0\177\0\0\0,\0\0\0.\0\0\0UTF-8";
	char path[64];
	FILE *file;

	strcpy(strrchr(dir, '-'), "-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/xx_XX", dir);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/xx_XX/LC_NUMERIC", dir);
	file = fopen(path, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(head, sizeof(head[0]), 8, file), 8);
	assert_int_equal(fwrite(fields, 1, sizeof(fields), file), sizeof(fields));
	fclose(file);
	setenv("LOCPATH", dir, 1);
	assert_non_null(setlocale(LC_NUMERIC, "xx_XX"));
	assert_string_equal(localeconv()->decimal_point, ",");

	unlink(path);
	*strrchr(path, '/') = '\0';
	rmdir(path);
	rmdir(dir);
	unsetenv("LOCPATH");
}

static inline void set_c_locale(void)
{
	setlocale(LC_NUMERIC, "C");
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
