// SPDX-License-Identifier: Apache-2.0
/* Server-sent events: lines of "data: ", and an empty one behind each event. Other lines say nothing to us. */
#include <stdlib.h>
#include <string.h>

#include "oip.h"

#define FIRST_ROOM 1024u

/* Adds a byte to the line that is coming. */
static int add(struct events *e, char c)
{
	size_t room = e->room ? 2 * e->room : FIRST_ROOM;
	char *text;

	if (e->size >= EVENTS_MAX)
		return VACCEL_EBACKEND;
	if (e->size + 1 >= e->room) {
		text = realloc(e->text, room);
		if (!text)
			return VACCEL_ENOMEM;
		e->text = text;
		e->room = room;
	}
	e->text[e->size++] = c;
	e->text[e->size] = '\0';
	return VACCEL_OK;
}

/* A line that is no data leaves nothing; of data, what is behind its name is kept. */
static int end_line(struct events *e)
{
	char *line = e->text + e->event_size;
	size_t size = e->size - e->event_size, skipped = 5;

	if (size < 5 || memcmp(line, "data:", 5)) {
		e->size = e->event_size;
		return VACCEL_OK;
	}
	skipped += size > 5 && line[5] == ' ';
	memmove(line, line + skipped, size - skipped);
	e->size -= skipped;
	e->event_size = e->size + 1;
	return add(e, '\n');
}

static int end_event(struct events *e, int (*on_event)(void *arg, const char *data, size_t size), void *arg)
{
	size_t size = e->event_size;

	e->event_size = e->size = 0;
	if (!size)
		return VACCEL_OK;
	e->text[size - 1] = '\0';
	return on_event(arg, e->text, size - 1);
}

int events_put(struct events *e, const uint8_t *bytes, size_t size,
	       int (*on_event)(void *arg, const char *data, size_t size), void *arg)
{
	int ret = VACCEL_OK;

	for (size_t i = 0; i < size && !ret; i++) {
		const char c = (char)bytes[i];
		bool is_end = c == '\r' || (c == '\n' && !e->after_cr), is_rest = c == '\n' && e->after_cr;

		e->after_cr = c == '\r';
		if (is_rest)
			continue;
		if (!is_end)
			ret = add(e, c);
		else if (e->size == e->event_size)
			ret = end_event(e, on_event, arg);
		else
			ret = end_line(e);
	}
	return ret;
}

void events_free(struct events *e)
{
	free(e->text);
	*e = (struct events){.text = NULL};
}
