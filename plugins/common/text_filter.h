/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the bytes of tokens to text: whole characters, up to a stop string. What may be the start of a character
 * or of a stop string is held back until it is known. No locks.
 */
#ifndef PLUGINS_COMMON_TEXT_FILTER_H
#define PLUGINS_COMMON_TEXT_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vaccel/text.h"

#define TEXT_FILTER_IN	1024 /* bytes that text_filter_put() takes at most */
#define TEXT_FILTER_OUT (3 * TEXT_FILTER_IN + 2 * VACCEL_TEXT_STOP_SIZE) /* that it gives at most */

/** All zero but stop: nothing was put yet. */
struct text_filter {
	const char (*stop)[VACCEL_TEXT_STOP_SIZE]; /* VACCEL_TEXT_MAX_STOPS of them, terminated; empty: none */
	bool found;				   /* a stop string: there is no more text */
	/* private */
	uint8_t part[4];
	size_t nr_part;
	char held[2 * VACCEL_TEXT_STOP_SIZE];
	size_t nr_held;
};

/** text_filter_put() - more bytes. @out: TEXT_FILTER_OUT bytes. Return: how many are written there */
size_t text_filter_put(struct text_filter *f, const void *bytes, size_t len, char *out);

/** text_filter_end() - nothing follows: gives out what was held back. As text_filter_put(). */
size_t text_filter_end(struct text_filter *f, char *out);

#endif
