// SPDX-License-Identifier: Apache-2.0
#include "text_queue.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "vaccel/text.h"

#define FIRST_ROOM 1024

/* The characters of a text that lie within its first max bytes. */
static size_t whole(const char *text, size_t len, size_t max)
{
	if (len <= max)
		return len;
	while (max && ((unsigned char)text[max] & 0xc0) == 0x80)
		max--;
	return max;
}

/* Has place for len bytes more. */
static bool reserve(struct text_queue *q, size_t len)
{
	size_t room = q->room ? q->room : FIRST_ROOM;
	char *data;

	if (q->start + q->len + len <= q->room)
		return true;
	if (q->len)
		memmove(q->data, q->data + q->start, q->len);
	q->start = 0;
	while (room < q->len + len)
		room *= 2;
	if (room == q->room)
		return true;
	data = realloc(q->data, room);
	if (!data)
		return false;
	q->data = data;
	q->room = room;
	return true;
}

long text_queue_add(struct text_queue *q, const char *text, size_t len)
{
	len = whole(text, len, VACCEL_TEXT_MAX_UNREAD - q->len);
	if (!len)
		return 0;
	if (!reserve(q, len))
		return -1;
	memcpy(q->data + q->start + q->len, text, len);
	q->len += len;
	return (long)len;
}

size_t text_queue_take(struct text_queue *q, char *buf, size_t room)
{
	size_t n;

	if (!q->len)
		return 0;
	n = whole(q->data + q->start, q->len, room);
	memcpy(buf, q->data + q->start, n);
	q->start += n;
	q->len -= n;
	return n;
}

void text_queue_release(struct text_queue *q)
{
	free(q->data);
	memset(q, 0, sizeof(*q));
}
