/* SPDX-License-Identifier: Apache-2.0 */
/* Text that is not read yet: whole characters, VACCEL_TEXT_MAX_UNREAD bytes at most. No locks. */
#ifndef PLUGINS_COMMON_TEXT_QUEUE_H
#define PLUGINS_COMMON_TEXT_QUEUE_H

#include <stddef.h>

/** All zero: empty. */
struct text_queue {
	size_t len; /* bytes in it */
	/* private */
	char *data;
	size_t start, room;
};

/**
 * text_queue_add() - puts in as many of the characters of a text as there is place for
 *
 * Return: bytes, which may be 0; -1: there is no memory for them.
 */
long text_queue_add(struct text_queue *q, const char *text, size_t len);

/** text_queue_take() - takes out as many characters as fit, at least one if there is any and room is 4 or more */
size_t text_queue_take(struct text_queue *q, char *buf, size_t room);

void text_queue_release(struct text_queue *q);

#endif
