// SPDX-License-Identifier: Apache-2.0
/* What is asked of a server, in its two forms: with tensors as text, or as bytes behind the text. */
#include "oip.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decimal.h"
#include "utf8.h"

#define SMALL (4u << 10) /* tensors of a question together that are worth a copy */

/* ---- Text ------------------------------------------------------------------------------------ */

static char *make_room(struct question *q, size_t more)
{
	size_t room = q->text_room ? q->text_room : 1024;
	char *text;

	while (!q->failed && room < q->text_size + more + 1)
		room = 2 * room < q->text_size + more + 1 ? q->text_size + more + 1 : 2 * room;
	if (!q->failed && room > q->text_room) {
		text = realloc(q->text, room);
		if (text) {
			q->text = text;
			q->text_room = room;
		}
		q->failed = !text;
	}
	return q->failed ? NULL : q->text + q->text_size;
}

static void add(struct question *q, const char *text, size_t size)
{
	char *to = make_room(q, size);

	if (!to || !size)
		return;
	memcpy(to, text, size);
	q->text_size += size;
}

#define NUMBER_SIZE 40 /* of a number as text, at most */

__attribute__((format(printf, 2, 3))) static void add_number(struct question *q, const char *format, ...)
{
	char *to = make_room(q, NUMBER_SIZE);
	va_list args;

	if (!to)
		return;
	va_start(args, format);
	q->text_size += (size_t)vsnprintf(to, NUMBER_SIZE, format, args);
	va_end(args);
}

static void add_word(struct question *q, const char *word)
{
	add(q, word, strlen(word));
}

/* A string with its quotes, whatever is in it */
static void add_escaped(struct question *q, const char *text, size_t size)
{
	struct json_object *string = size > INT_MAX ? NULL : json_object_new_string_len(text, (int)size);
	size_t length = 0;
	const char *quoted = string ? json_object_to_json_string_length(string, JSON_C_TO_STRING_PLAIN |
									JSON_C_TO_STRING_NOSLASHESCAPE, &length) : NULL;

	q->failed |= !quoted;
	if (quoted)
		add(q, quoted, length);
	json_object_put(string);
}

/* Whether a string needs nothing but quotes, like nearly all names */
static bool is_plain(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (text[i] < ' ' || text[i] > '~' || text[i] == '"' || text[i] == '\\')
			return false;
	return true;
}

/* A string with its quotes */
static void add_string(struct question *q, const char *text, size_t size)
{
	if (is_plain(text, size)) {
		add_word(q, "\"");
		add(q, text, size);
		add_word(q, "\"");
		return;
	}
	add_escaped(q, text, size);
}

/* ---- Elements -------------------------------------------------------------------------------- */

/* Return: whether it has a form in text. */
static bool add_float(struct question *q, double value, int digits)
{
	char text[DECIMAL_SIZE];

	if (!isfinite(value))
		return false;
	/* As a whole number it would lose its sign. */
	if (value == 0 && signbit(value))
		add_word(q, "-0.0");
	else
		add_word(q, decimal_digits(value, digits, text, sizeof(text)));
	return true;
}

/* An element of a fixed size; data may be anywhere. */
static bool add_element(struct question *q, uint32_t datatype, const uint8_t *at)
{
	union {
		uint8_t u8;
		uint16_t u16;
		uint32_t u32;
		uint64_t u64;
		int8_t i8;
		int16_t i16;
		int32_t i32;
		int64_t i64;
		float f;
		double d;
	} v;

	memcpy(&v, at, vaccel_infer_datatype_size(datatype));
	switch (datatype) {
	case VACCEL_INFER_BOOL:
		add_word(q, v.u8 ? "true" : "false");
		return true;
	case VACCEL_INFER_UINT8:
		add_number(q, "%" PRIu8, v.u8);
		return true;
	case VACCEL_INFER_UINT16:
		add_number(q, "%" PRIu16, v.u16);
		return true;
	case VACCEL_INFER_UINT32:
		add_number(q, "%" PRIu32, v.u32);
		return true;
	case VACCEL_INFER_UINT64:
		add_number(q, "%" PRIu64, v.u64);
		return true;
	case VACCEL_INFER_INT8:
		add_number(q, "%" PRId8, v.i8);
		return true;
	case VACCEL_INFER_INT16:
		add_number(q, "%" PRId16, v.i16);
		return true;
	case VACCEL_INFER_INT32:
		add_number(q, "%" PRId32, v.i32);
		return true;
	case VACCEL_INFER_INT64:
		add_number(q, "%" PRId64, v.i64);
		return true;
	case VACCEL_INFER_FP32:
		return add_float(q, (double)v.f, 9);
	case VACCEL_INFER_FP64:
		return add_float(q, v.d, 17);
	default:
		return false;
	}
}

/* Lengths were checked by libvaccel. Return: whether all have a form in text. */
static bool add_bytes(struct question *q, const uint8_t *at, size_t size)
{
	const char *comma = "";
	uint32_t len;

	for (const uint8_t *end = at + size; at < end; at += len) {
		len = (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
		at += 4;
		if (!utf8_is_valid((const char *)at, len))
			return false;
		add_word(q, comma);
		add_string(q, (const char *)at, len);
		comma = ",";
	}
	return true;
}

static bool add_data(struct question *q, const struct vaccel_infer_tensor *t)
{
	size_t element = vaccel_infer_datatype_size(t->datatype);
	bool fits = true;

	add_word(q, ",\"data\":[");
	if (t->datatype == VACCEL_INFER_BYTES)
		fits = add_bytes(q, t->data, t->size);
	for (size_t at = 0; element && at < t->size && fits && !q->failed; at += element) {
		if (at)
			add_word(q, ",");
		fits = add_element(q, t->datatype, (const uint8_t *)t->data + at);
	}
	add_word(q, "]");
	return fits;
}

/* ---- Questions ------------------------------------------------------------------------------- */

static int add_input(struct question *q, const struct vaccel_infer_tensor *t)
{
	add_word(q, "{\"name\":");
	add_string(q, t->name, strlen(t->name));
	add_word(q, ",\"shape\":[");
	for (uint32_t i = 0; i < t->nr_dims; i++)
		add_number(q, "%s%" PRId64, i ? "," : "", t->shape[i]);
	add_word(q, "],\"datatype\":\"");
	add_word(q, vaccel_infer_datatype_to_base_str((vaccel_infer_datatype_t)t->datatype));
	add_word(q, "\"");
	if (q->binary) {
		add_word(q, ",\"parameters\":{\"binary_data_size\":");
		add_number(q, "%zu", t->size);
		add_word(q, "}");
		q->pieces[q->nr_pieces++] = (struct piece){t->data, t->size};
	} else if (!add_data(q, t)) {
		oip_error("Input %s has elements that have no form in text, and the server takes nothing else: "
			  "FP16, BF16, numbers that are not finite, BYTES that are not UTF-8", t->name);
		return VACCEL_ENOTSUP;
	}
	add_word(q, "}");
	return VACCEL_OK;
}

static void add_outputs(struct question *q, const struct vaccel_infer_tensor *outputs, uint32_t nr)
{
	const char *comma = "";

	for (uint32_t i = 0; i < nr; i++) {
		if (!outputs[i].name)
			continue;
		add_word(q, *comma ? comma : ",\"outputs\":[");
		add_word(q, "{\"name\":");
		add_string(q, outputs[i].name, strlen(outputs[i].name));
		add_word(q, q->binary ? ",\"parameters\":{\"binary_data\":true}}" : "}");
		comma = ",";
	}
	if (*comma)
		add_word(q, "]");
	else if (q->binary)
		add_word(q, ",\"parameters\":{\"binary_data_output\":true}");
}

/* Small tensors are copied behind the text: a single piece is sent at once. */
static int gather(struct question *q)
{
	size_t text_size = q->text_size;

	for (size_t i = 1; i < q->nr_pieces; i++)
		q->size += q->pieces[i].size;
	if (q->size <= SMALL && make_room(q, q->size)) {
		for (size_t i = 1; i < q->nr_pieces; i++)
			add(q, q->pieces[i].data, q->pieces[i].size);
		q->nr_pieces = 1;
	}
	q->pieces[0] = (struct piece){q->text, q->text_size};
	q->size = q->nr_pieces == 1 ? q->text_size : q->size + text_size;
	q->text_size = text_size;
	return q->failed ? VACCEL_ENOMEM : VACCEL_OK;
}

int question_make(struct question *q, const struct vaccel_infer_tensor *inputs, uint32_t nr_inputs,
		  const struct vaccel_infer_tensor *outputs, uint32_t nr_outputs, bool binary)
{
	int ret = VACCEL_OK;

	*q = (struct question){.binary = binary, .nr_pieces = 1};
	q->pieces = calloc((size_t)nr_inputs + 1, sizeof(*q->pieces));
	if (!q->pieces)
		return VACCEL_ENOMEM;
	add_word(q, "{\"inputs\":[");
	for (uint32_t i = 0; i < nr_inputs && !ret; i++) {
		if (i)
			add_word(q, ",");
		ret = add_input(q, &inputs[i]);
	}
	add_word(q, "]");
	add_outputs(q, outputs, nr_outputs);
	add_word(q, "}");
	if (ret || q->failed)
		return ret ? ret : VACCEL_ENOMEM;
	return gather(q);
}

void question_free(struct question *q)
{
	free(q->text);
	free(q->pieces);
	*q = (struct question){.text = NULL};
}
