// SPDX-License-Identifier: Apache-2.0
/* What text servers answer. Nothing of it is believed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "oip.h"

#define LAST "[DONE]"

/* Return: the object of a key; NULL: there is none. */
static struct json_object *object_of(struct json_object *object, const char *key)
{
	struct json_object *value;

	if (!json_object_object_get_ex(object, key, &value) || !json_object_is_type(value, json_type_object))
		return NULL;
	return value;
}

/* Return: a number from 0 on; 0: there is none. */
static uint64_t count_of(struct json_object *object, const char *key)
{
	struct json_object *value;
	int64_t number;

	if (!json_object_object_get_ex(object, key, &value) || !json_object_is_type(value, json_type_int))
		return 0;
	number = json_object_get_int64(value);
	return number > 0 ? (uint64_t)number : 0;
}

bool answer_lists(const uint8_t *data, size_t size, const char *name)
{
	struct json_object *object = oip_parse(data, size), *list = object ? oip_list(object, "data") : NULL;
	bool found = false;

	for (size_t i = 0; list && i < json_object_array_length(list) && !found; i++) {
		struct json_object *model = json_object_array_get_idx(list, i);
		const char *id = json_object_is_type(model, json_type_object) ? oip_string(model, "id") : NULL;

		found = id && !strcmp(id, name);
	}
	oip_discard(object, size);
	return found;
}

bool answer_is_too_long(const char *error)
{
	return strstr(error, "context length") || strstr(error, "context size") || strstr(error, "context window");
}

/* ---- Embeddings ------------------------------------------------------------------------------ */

static int read_numbers(struct json_object *list, float **values, uint64_t *nr)
{
	size_t length = json_object_array_length(list);

	*values = malloc(length * sizeof(**values) + 1);
	if (!*values)
		return VACCEL_ENOMEM;
	for (size_t i = 0; i < length; i++) {
		struct json_object *value = json_object_array_get_idx(list, i);

		if (!json_object_is_type(value, json_type_double) && !json_object_is_type(value, json_type_int)) {
			free(*values);
			*values = NULL;
			return VACCEL_EBACKEND;
		}
		(*values)[i] = (float)json_object_get_double(value);
	}
	*nr = length;
	return VACCEL_OK;
}

int answer_embedding(const uint8_t *data, size_t size, float **values, uint64_t *nr)
{
	struct json_object *object = oip_parse(data, size), *list = object ? oip_list(object, "data") : NULL;
	struct json_object *first = list && json_object_array_length(list) ? json_object_array_get_idx(list, 0) : NULL;
	int ret = VACCEL_EBACKEND;

	*values = NULL;
	*nr = 0;
	list = json_object_is_type(first, json_type_object) ? oip_list(first, "embedding") : NULL;
	if (list)
		ret = read_numbers(list, values, nr);
	oip_discard(object, size);
	if (ret == VACCEL_EBACKEND)
		oip_error("The server's answer is no embedding");
	return ret;
}

/* ---- Texts ----------------------------------------------------------------------------------- */

static void read_choice(struct chunk *c, struct json_object *choice)
{
	struct json_object *delta = object_of(choice, "delta"), *text = NULL;
	const char *why = oip_string(choice, "finish_reason");

	/* A chat's text is content of a message; that of a prompt is the choice's. */
	json_object_object_get_ex(delta ? delta : choice, delta ? "content" : "text", &text);
	if (json_object_is_type(text, json_type_string)) {
		c->text = json_object_get_string(text);
		c->size = (size_t)json_object_get_string_len(text);
	}
	if (why)
		c->finished = strcmp(why, "length") ? VACCEL_TEXT_FINISHED_STOP : VACCEL_TEXT_FINISHED_LENGTH;
}

static void read_object(struct chunk *c, struct json_object *object)
{
	struct json_object *choices = oip_list(object, "choices"), *usage = object_of(object, "usage"), *error, *first;

	if (json_object_object_get_ex(object, "error", &error) && error) {
		const char *text = json_object_is_type(error, json_type_object) ? oip_string(error, "message") :
										  json_object_get_string(error);

		c->has_error = true;
		oip_text(c->error, text ? text : "", text ? strlen(text) : 0);
	}
	first = choices && json_object_array_length(choices) ? json_object_array_get_idx(choices, 0) : NULL;
	if (json_object_is_type(first, json_type_object))
		read_choice(c, first);
	if (!usage)
		return;
	c->has_counts = true;
	c->prompt_tokens = count_of(usage, "prompt_tokens");
	c->tokens = count_of(usage, "completion_tokens");
}

int chunk_read(struct chunk *c, const char *data, size_t size)
{
	memset(c, 0, sizeof(*c));
	if (size == sizeof(LAST) - 1 && !memcmp(data, LAST, size)) {
		c->is_last = true;
		return VACCEL_OK;
	}
	c->object = oip_parse((const uint8_t *)data, size);
	c->object_size = size;
	if (!c->object)
		return VACCEL_EBACKEND;
	read_object(c, c->object);
	return VACCEL_OK;
}

void chunk_free(struct chunk *c)
{
	oip_discard(c->object, c->object_size);
	c->object = NULL;
}
