// SPDX-License-Identifier: Apache-2.0
#include "answer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decimal.h"
#include "utf8.h"

/* ---- Text ------------------------------------------------------------------------------------ */

static void add(struct text *t, const char *data, size_t size)
{
	size_t room = t->room ? t->room : 256;
	char *more;

	while (!t->failed && room - t->size < size)
		room *= 2;
	if (!t->failed && room != t->room) {
		more = realloc(t->data, room);
		t->failed = !more;
		if (more) {
			t->data = more;
			t->room = room;
		}
	}
	if (t->failed)
		return;
	memcpy(t->data + t->size, data, size);
	t->size += size;
}

static void add_text(struct text *t, const char *data)
{
	add(t, data, strlen(data));
}

static void add_quoted(struct text *t, const char *value)
{
	const unsigned char *s = (const unsigned char *)value;

	add_text(t, "\"");
	while (*s) {
		int n = utf8_char(s, SIZE_MAX, NULL); /* the end is no part of a character */
		size_t size = n > 0 ? (size_t)n : 0;
		char escape[8];

		if (*s < ' ' || *s == '"' || *s == '\\' || *s == 0x7f) {
			snprintf(escape, sizeof(escape), "\\u%04x", *s);
			add_text(t, escape);
		} else if (size) {
			add(t, (const char *)s, size);
		} else {
			add_text(t, "\xef\xbf\xbd"); /* what stands for no character */
			size = 1;
		}
		s += size;
	}
	add_text(t, "\"");
}

/* ---- Members --------------------------------------------------------------------------------- */

/* Where members go: elements are in the list. */
static struct text *target(struct answer *a)
{
	return a->name ? &a->list : &a->members;
}

/* Starts a member, after a comma where one is needed. */
static struct text *start(struct answer *a, const char *name)
{
	struct text *t = target(a);

	if (t->size && !strchr("{[", t->data[t->size - 1]))
		add_text(t, ",");
	if (name) {
		add_quoted(t, name);
		add_text(t, ":");
	}
	return t;
}

void answer_start(struct answer *a)
{
	*a = (struct answer){0};
}

void answer_string(struct answer *a, const char *name, const char *value)
{
	add_quoted(start(a, name), value);
}

void answer_integer(struct answer *a, const char *name, uint64_t value)
{
	char number[24];

	snprintf(number, sizeof(number), "%" PRIu64, value);
	add_text(start(a, name), number);
}

/* A value that is huge needs more digits than all that are of use. */
static void add_number(struct text *t, double value, int digits)
{
	char number[DECIMAL_SIZE];

	if (value > 1e15 || value < -1e15)
		value = value > 0 ? 1e15 : -1e15;
	add_text(t, decimal(value, digits, number, sizeof(number)));
}

void answer_number(struct answer *a, const char *name, double value, int digits)
{
	add_number(start(a, name), value, digits);
}

void answer_numbers(struct answer *a, const char *name, const float *values, size_t nr, int digits)
{
	struct text *t = start(a, name);

	for (size_t i = 0; i < nr; i++) {
		add_text(t, i ? "," : "[");
		add_number(t, (double)values[i], digits);
	}
	add_text(t, "]");
}

void answer_open(struct answer *a, const char *name, char bracket)
{
	add(start(a, name), &bracket, 1);
}

void answer_close(struct answer *a, char bracket)
{
	add(target(a), &bracket, 1);
}

void answer_list(struct answer *a, const char *name)
{
	a->name = name;
}

void answer_element(struct answer *a)
{
	add(start(a, NULL), "{", 1);
}

void answer_end_element(struct answer *a)
{
	size_t *ends = realloc(a->ends, (a->nr + 1) * sizeof(*ends));

	add(&a->list, "}", 1);
	if (!ends) {
		a->list.failed = true;
		return;
	}
	a->ends = ends;
	a->ends[a->nr++] = a->list.size;
}

/* ---- All of it ------------------------------------------------------------------------------- */

size_t answer_write(const struct answer *a, char *out, size_t size, size_t *nr)
{
	size_t name = a->name ? strlen(a->name) : 0;
	/* {members,"name":[list]} and the terminator */
	size_t frame = 1 + a->members.size + (a->name ? 1 + 1 + name + 1 + 1 + 1 + 1 : 0) + 1 + 1;

	*out = '\0';
	*nr = 0;
	if (a->members.failed || a->list.failed)
		return 0;
	for (size_t i = 0; i < a->nr && frame + a->ends[i] <= size; i++)
		*nr = i + 1;
	if (frame <= size) {
		*out++ = '{';
		memcpy(out, a->members.data, a->members.size);
		out += a->members.size;
		if (a->name) {
			out += sprintf(out, ",\"%s\":[", a->name);
			if (*nr)
				memcpy(out, a->list.data, a->ends[*nr - 1]);
			out += *nr ? a->ends[*nr - 1] : 0;
			*out++ = ']';
		}
		strcpy(out, "}");
	}
	return frame + (a->nr ? a->ends[a->nr - 1] : 0);
}

void answer_release(struct answer *a)
{
	free(a->members.data);
	free(a->list.data);
	free(a->ends);
	*a = (struct answer){0};
}
