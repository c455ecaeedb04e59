/* SPDX-License-Identifier: Apache-2.0 */
/* JSON that servers have sent, as objects of json-c. */
#ifndef PLUGINS_OIP_JSON_H
#define PLUGINS_OIP_JSON_H

#include <json-c/json.h>
#include <stddef.h>
#include <stdint.h>

/** oip_parse() - Return: the text's object; NULL: it is none, or there is no room for it. Pair with oip_discard(). */
struct json_object *oip_parse(const uint8_t *data, size_t size);

/** oip_discard() - frees an object, with the size of its text; NULL: nothing */
void oip_discard(struct json_object *object, size_t size);

/** oip_string() - Return: the string of a key, in use with the object; NULL: there is none */
const char *oip_string(struct json_object *object, const char *key);

/** oip_list() - Return: the list of a key; NULL: there is none */
struct json_object *oip_list(struct json_object *object, const char *key);

#endif
