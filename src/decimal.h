/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers with a fraction as text. The library and its plugins live in programs with a locale of
 * their own, in many of which printf() writes a comma.
 */
#ifndef SRC_DECIMAL_H
#define SRC_DECIMAL_H

#include <locale.h>
#include <stddef.h>
#include <stdio.h>

static inline const char *decimal_form(const char *form, double value, int digits, char *text, size_t size)
	__attribute__((format(printf, 1, 0)));

static inline const char *decimal_form(const char *form, double value, int digits, char *text, size_t size)
{
	/* glibc has this one ready: it takes no memory, and does not fail. */
	locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
	locale_t before = uselocale(c);

	snprintf(text, size, form, digits, value);
	uselocale(before);
	if (c)
		freelocale(c);
	return text;
}

/** What decimal() needs for a value below 10^15 with up to 15 digits. */
#define DECIMAL_SIZE 40

/**
 * decimal() - writes a number with a point, whatever the locale
 * @digits: how many follow the point
 * @text:   receives it, and is returned; a number that does not fit is cut off
 *
 * Threads: any, the locale of the others stays as it is.
 */
static inline const char *decimal(double value, int digits, char *text, size_t size)
{
	return decimal_form("%.*f", value, digits, text, size);
}

/**
 * decimal_digits() - writes a number as short as it can be, with an exponent where that is shorter
 * @digits: how many the number has at most
 *
 * Everything else is as with decimal().
 */
static inline const char *decimal_digits(double value, int digits, char *text, size_t size)
{
	return decimal_form("%.*g", value, digits, text, size);
}

#endif
