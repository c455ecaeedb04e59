// SPDX-License-Identifier: Apache-2.0
/* JSON that servers have sent: what it may take is bounded. */
#include "json.h"

#include <string.h>

#include "oip.h"

#define MAX_DEPTH (VACCEL_INFER_MAX_DIMS + 8) /* of lists within lists */

const char *oip_text(char *to, const void *text, size_t size)
{
	const uint8_t *from = text;
	size_t at = 0;

	for (size_t i = 0; i < size && at < OIP_TEXT_SIZE - 1; i++)
		to[at++] = from[i] < ' ' || from[i] > '~' ? ' ' : (char)from[i];
	to[at] = '\0';
	return to;
}

void oip_discard(struct json_object *object, size_t size)
{
	json_object_put(object);
	if (object)
		budget_give(size * ANSWER_EXPANDS);
}

static bool is_blank(const uint8_t *data, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (!strchr(" \t\r\n", data[i]) || !data[i])
			return false;
	return true;
}

struct json_object *oip_parse(const uint8_t *data, size_t size)
{
	struct json_tokener *tokener = NULL;
	struct json_object *object = NULL;

	if (!size || size > ANSWER_MAX_TEXT || !budget_take(size * ANSWER_EXPANDS))
		return NULL;
	tokener = json_tokener_new_ex(MAX_DEPTH);
	if (tokener) {
		json_tokener_set_flags(tokener, JSON_TOKENER_VALIDATE_UTF8);
		object = json_tokener_parse_ex(tokener, (const char *)data, (int)size);
	}
	if (object && json_object_is_type(object, json_type_object) &&
	    is_blank(data + json_tokener_get_parse_end(tokener), size - json_tokener_get_parse_end(tokener))) {
		json_tokener_free(tokener);
		return object;
	}
	json_object_put(object);
	if (tokener)
		json_tokener_free(tokener);
	budget_give(size * ANSWER_EXPANDS);
	return NULL;
}

const char *oip_string(struct json_object *object, const char *key)
{
	struct json_object *value;

	if (!json_object_object_get_ex(object, key, &value) || !json_object_is_type(value, json_type_string))
		return NULL;
	return json_object_get_string(value);
}

struct json_object *oip_list(struct json_object *object, const char *key)
{
	struct json_object *value;

	if (!json_object_object_get_ex(object, key, &value) || !json_object_is_type(value, json_type_array))
		return NULL;
	return value;
}
