// SPDX-License-Identifier: Apache-2.0
/* What servers answer. Nothing of it is believed: each size is checked against what is there. */
#include "json.h"
#include "oip.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is wrong with an answer, as one line */
static int bad(const char *what, const char *name)
{
	char line[OIP_TEXT_SIZE];

	oip_error("The server's answer is none: %s%s%s", name ? oip_text(line, name, strlen(name)) : "",
		  name ? ": " : "", what);
	return VACCEL_EBACKEND;
}

/* ---- Elements that are text ------------------------------------------------------------------ */

/* Where elements go: size bytes are there, of room. */
struct sink {
	uint32_t datatype;
	uint8_t *data;
	size_t size, room;
};

static bool put(struct sink *s, const void *data, size_t size)
{
	if (size > s->room - s->size)
		return false;
	memcpy(s->data + s->size, data, size);
	s->size += size;
	return true;
}

static bool put_unsigned(struct sink *s, struct json_object *value, uint64_t max)
{
	uint64_t number = json_object_get_uint64(value);

	/* Of numbers below 0 and above what fits, these functions give the nearest that does. */
	if (!json_object_is_type(value, json_type_int) || json_object_get_int64(value) < 0 || number > max)
		return false;
	return put(s, &number, vaccel_infer_datatype_size(s->datatype)); /* the lowest bytes, which are first */
}

static bool put_signed(struct sink *s, struct json_object *value, int64_t min, int64_t max)
{
	int64_t number = json_object_get_int64(value);

	if (!json_object_is_type(value, json_type_int) || number < min || number > max)
		return false;
	return put(s, &number, vaccel_infer_datatype_size(s->datatype));
}

static bool put_float(struct sink *s, struct json_object *value)
{
	double number = json_object_get_double(value);
	float single = (float)number;

	if (!json_object_is_type(value, json_type_double) && !json_object_is_type(value, json_type_int))
		return false;
	return s->datatype == VACCEL_INFER_FP32 ? put(s, &single, sizeof(single)) : put(s, &number, sizeof(number));
}

static bool put_bool(struct sink *s, struct json_object *value)
{
	uint8_t byte = (uint8_t)json_object_get_boolean(value);

	if (json_object_is_type(value, json_type_int))
		return put_unsigned(s, value, 1);
	return json_object_is_type(value, json_type_boolean) && put(s, &byte, 1);
}

static bool put_string(struct sink *s, struct json_object *value)
{
	uint32_t size = json_object_is_type(value, json_type_string) ? (uint32_t)json_object_get_string_len(value) : 0;
	const uint8_t head[] = {(uint8_t)size, (uint8_t)(size >> 8), (uint8_t)(size >> 16), (uint8_t)(size >> 24)};

	return json_object_is_type(value, json_type_string) && put(s, head, sizeof(head)) &&
	       put(s, json_object_get_string(value), size);
}

static bool put_element(struct sink *s, struct json_object *value)
{
	switch (s->datatype) {
	case VACCEL_INFER_BOOL:
		return put_bool(s, value);
	case VACCEL_INFER_UINT8:
		return put_unsigned(s, value, UINT8_MAX);
	case VACCEL_INFER_UINT16:
		return put_unsigned(s, value, UINT16_MAX);
	case VACCEL_INFER_UINT32:
		return put_unsigned(s, value, UINT32_MAX);
	case VACCEL_INFER_UINT64:
		return put_unsigned(s, value, UINT64_MAX);
	case VACCEL_INFER_INT8:
		return put_signed(s, value, INT8_MIN, INT8_MAX);
	case VACCEL_INFER_INT16:
		return put_signed(s, value, INT16_MIN, INT16_MAX);
	case VACCEL_INFER_INT32:
		return put_signed(s, value, INT32_MIN, INT32_MAX);
	case VACCEL_INFER_INT64:
		return put_signed(s, value, INT64_MIN, INT64_MAX);
	case VACCEL_INFER_FP32:
	case VACCEL_INFER_FP64:
		return put_float(s, value);
	case VACCEL_INFER_BYTES:
		return put_string(s, value);
	default: /* FP16 and BF16 have no form in text. */
		return false;
	}
}

/* Lists may be nested as the shape is, or flat. The tokener has bounded how deep. */
static bool put_list(struct sink *s, struct json_object *list)
{
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *value = json_object_array_get_idx(list, i);

		if (json_object_is_type(value, json_type_array) ? !put_list(s, value) : !put_element(s, value))
			return false;
	}
	return true;
}

/* How much memory the elements of a list may take: those of text, what they are long. */
static size_t room_of(struct json_object *list, size_t element)
{
	size_t room = 0;

	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *value = json_object_array_get_idx(list, i);

		if (json_object_is_type(value, json_type_array))
			room += room_of(value, element);
		else if (element)
			room += element;
		else
			room += 4 + (json_object_is_type(value, json_type_string) ?
					     (size_t)json_object_get_string_len(value) : 0);
	}
	return room;
}

static int take_text(struct vaccel_infer_tensor *t, struct json_object *list)
{
	struct sink s = {.datatype = t->datatype};

	s.room = room_of(list, vaccel_infer_datatype_size(t->datatype));
	s.data = malloc(s.room + 1);
	if (!s.data)
		return VACCEL_ENOMEM;
	t->data = s.data;
	t->owned = true;
	if (!put_list(&s, list))
		return bad("an element is not what its datatype says, or has no form in text", t->name);
	t->size = s.size;
	return VACCEL_OK;
}

/* ---- Outputs --------------------------------------------------------------------------------- */

static int take_shape(struct vaccel_infer_tensor *t, struct json_object *list)
{
	size_t nr = list ? json_object_array_length(list) : 0;

	if (!list || nr > VACCEL_INFER_MAX_DIMS)
		return bad("there is no shape, or too much of it", t->name);
	t->nr_dims = (uint32_t)nr;
	for (size_t i = 0; i < nr; i++) {
		struct json_object *dim = json_object_array_get_idx(list, i);

		if (!json_object_is_type(dim, json_type_int) || json_object_get_int64(dim) < 0)
			return bad("a dimension is no number from 0 up", t->name);
		t->shape[i] = json_object_get_int64(dim);
	}
	return VACCEL_OK;
}

/* The bytes behind the text, of which each output takes its own in their order */
struct bytes {
	const uint8_t *at;
	size_t left;
	bool ahead; /* they are not there yet */
	bool needed; /* but they would have to be */
};

static int take_bytes(struct vaccel_infer_tensor *t, struct json_object *size, struct bytes *bytes)
{
	int64_t value = json_object_get_int64(size);

	if (!json_object_is_type(size, json_type_int) || value < 0 || (uint64_t)value > bytes->left)
		return bad("there are not as many bytes as it says", t->name);
	t->data = (void *)(uintptr_t)bytes->at;
	t->size = (size_t)value;
	bytes->at += bytes->ahead ? 0 : value;
	bytes->left -= (size_t)value;
	return VACCEL_OK;
}

static int take_output(struct vaccel_infer_tensor *t, struct json_object *from, struct bytes *bytes)
{
	struct json_object *parameters, *size = NULL, *list;
	int ret;

	if (!json_object_is_type(from, json_type_object))
		return bad("an output is no object", NULL);
	t->name = oip_string(from, "name");
	t->datatype = vaccel_infer_datatype_find(oip_string(from, "datatype"));
	if (!t->name || !t->datatype)
		return bad("an output has no name, or no datatype of the protocol", t->name);
	ret = take_shape(t, oip_list(from, "shape"));
	if (ret)
		return ret;
	if (json_object_object_get_ex(from, "parameters", &parameters) &&
	    json_object_is_type(parameters, json_type_object))
		json_object_object_get_ex(parameters, "binary_data_size", &size);
	list = oip_list(from, "data");
	bytes->needed = bytes->ahead && (list || !vaccel_infer_datatype_size(t->datatype));
	if (bytes->needed)
		return VACCEL_OK;
	if (size && !list)
		ret = take_bytes(t, size, bytes);
	else if (list && !size)
		ret = take_text(t, list);
	else
		return bad("there is no data, or there twice", t->name);
	if (!ret && vaccel_infer_tensor_check(t))
		return bad("the size is not what datatype and shape say", t->name);
	return ret;
}

static int take_outputs(struct answer *a, struct json_object *list, struct bytes *bytes)
{
	size_t nr = list ? json_object_array_length(list) : 0;
	int ret = VACCEL_OK;

	if (!list || nr > VACCEL_INFER_MAX_TENSORS)
		return bad("it has no outputs, or too many", NULL);
	a->outputs = calloc(nr + 1, sizeof(*a->outputs));
	if (!a->outputs)
		return VACCEL_ENOMEM;
	for (size_t i = 0; i < nr && !ret && !bytes->needed; i++) {
		a->nr++;
		ret = take_output(&a->outputs[i], json_object_array_get_idx(list, i), bytes);
	}
	if (!ret && bytes->left && !bytes->needed)
		return bad("it has more bytes than its outputs", NULL);
	return ret;
}

static int read_text(struct answer *a, const uint8_t *text, size_t text_size, struct bytes *bytes)
{
	*a = (struct answer){.nr = 0};
	if (text_size > ANSWER_MAX_TEXT)
		return bad("its text is too long: more than 8 MiB; a server that gives tensors as bytes can give more",
			   NULL);
	a->text = oip_parse(text, text_size);
	a->text_size = text_size;
	if (!a->text)
		return bad("it is no JSON object", NULL);
	return take_outputs(a, oip_list(a->text, "outputs"), bytes);
}

int answer_read(struct answer *a, const uint8_t *data, size_t size, size_t text_size)
{
	struct bytes bytes = {.ahead = false};

	*a = (struct answer){.nr = 0};
	if (text_size > size)
		return bad("its text is longer than all of it", NULL);
	bytes.at = data + text_size;
	bytes.left = size - text_size;
	return read_text(a, data, text_size, &bytes);
}

/* Names become the answer's own, and the text can go. */
static int settle(struct answer *a)
{
	size_t size = 1;
	char *at;

	for (uint32_t i = 0; i < a->nr; i++)
		size += strlen(a->outputs[i].name) + 1;
	at = a->names = malloc(size);
	if (!at)
		return VACCEL_ENOMEM;
	for (uint32_t i = 0; i < a->nr; i++) {
		a->outputs[i].data = NULL;
		size = strlen(a->outputs[i].name) + 1;
		a->outputs[i].name = memcpy(at, a->outputs[i].name, size);
		at += size;
	}
	oip_discard(a->text, a->text_size);
	a->text = NULL;
	return VACCEL_OK;
}

int answer_read_ahead(struct answer *a, const uint8_t *text, size_t text_size, size_t size)
{
	struct bytes bytes = {.at = text, .left = size, .ahead = true};
	int ret = read_text(a, text, text_size, &bytes);

	if (!ret && bytes.needed)
		ret = VACCEL_ENOTSUP;
	return ret ? ret : settle(a);
}

void answer_free(struct answer *a)
{
	for (uint32_t i = 0; i < a->nr; i++)
		if (a->outputs[i].owned)
			free(a->outputs[i].data);
	free(a->outputs);
	free(a->names);
	oip_discard(a->text, a->text_size);
	*a = (struct answer){.nr = 0};
}

/* ---- Descriptions ---------------------------------------------------------------------------- */

static int describe(struct vaccel_infer_desc *d, struct json_object *from)
{
	const char *name = oip_string(from, "name");
	struct json_object *shape = oip_list(from, "shape");
	size_t nr = shape ? json_object_array_length(shape) : SIZE_MAX;

	if (!name)
		return bad("an input or output has no name", NULL);
	if (snprintf(d->name, sizeof(d->name), "%s", name) >= (int)sizeof(d->name)) {
		oip_error("The name of an input or output has more than %d bytes", VACCEL_INFER_NAME_SIZE - 1);
		return VACCEL_ENAMETOOLONG;
	}
	d->datatype = vaccel_infer_datatype_find(oip_string(from, "datatype"));
	d->nr_dims = nr > VACCEL_INFER_MAX_DIMS ? UINT32_MAX : (uint32_t)nr;
	for (size_t i = 0; i < nr && nr <= VACCEL_INFER_MAX_DIMS; i++) {
		struct json_object *dim = json_object_array_get_idx(shape, i);
		int64_t value = json_object_is_type(dim, json_type_int) ? json_object_get_int64(dim) : -1;

		d->shape[i] = value < 0 ? -1 : value;
	}
	return VACCEL_OK;
}

static int describe_all(struct vaccel_infer_desc *to, struct json_object *list, uint32_t nr)
{
	int ret = VACCEL_OK;

	for (uint32_t i = 0; i < nr && !ret; i++) {
		struct json_object *from = json_object_array_get_idx(list, i);

		ret = json_object_is_type(from, json_type_object) ? describe(&to[i], from) :
								     bad("a description is no object", NULL);
	}
	return ret;
}

static void set_text(char *to, size_t size, const char *text)
{
	snprintf(to, size, "%s", text ? text : "");
}

/* The last one is the newest. */
static const char *version_of(struct json_object *object)
{
	struct json_object *list = oip_list(object, "versions");
	size_t nr = list ? json_object_array_length(list) : 0;
	struct json_object *last = nr ? json_object_array_get_idx(list, nr - 1) : NULL;

	return json_object_is_type(last, json_type_string) ? json_object_get_string(last) : "";
}

static int read_description(struct description *d, struct json_object *object)
{
	struct json_object *in = oip_list(object, "inputs"), *out = oip_list(object, "outputs");
	size_t nr_in = in ? json_object_array_length(in) : 0, nr_out = out ? json_object_array_length(out) : 0;
	int ret;

	if (nr_in > VACCEL_INFER_MAX_TENSORS || nr_out > VACCEL_INFER_MAX_TENSORS)
		return bad("the model has too many inputs or outputs", NULL);
	set_text(d->info.name, sizeof(d->info.name), oip_string(object, "name"));
	set_text(d->info.version, sizeof(d->info.version), version_of(object));
	set_text(d->info.platform, sizeof(d->info.platform), oip_string(object, "platform"));
	d->info.nr_inputs = (uint32_t)nr_in;
	d->info.nr_outputs = (uint32_t)nr_out;
	d->descs = calloc(nr_in + nr_out + 1, sizeof(*d->descs));
	if (!d->descs)
		return VACCEL_ENOMEM;
	ret = describe_all(d->descs, in, d->info.nr_inputs);
	return ret ? ret : describe_all(d->descs + nr_in, out, d->info.nr_outputs);
}

int answer_describes(struct description *d, const uint8_t *data, size_t size)
{
	struct json_object *object = oip_parse(data, size);
	int ret;

	memset(d, 0, sizeof(*d));
	if (!object)
		return bad("the description of the model is no JSON object", NULL);
	ret = read_description(d, object);
	oip_discard(object, size);
	if (ret) {
		free(d->descs);
		d->descs = NULL;
	}
	return ret;
}

bool answer_has_binary(const uint8_t *data, size_t size)
{
	struct json_object *object = oip_parse(data, size), *list = object ? oip_list(object, "extensions") : NULL;
	bool found = false;

	for (size_t i = 0; list && i < json_object_array_length(list) && !found; i++) {
		struct json_object *name = json_object_array_get_idx(list, i);

		found = json_object_is_type(name, json_type_string) &&
			!strcmp(json_object_get_string(name), "binary_tensor_data");
	}
	oip_discard(object, size);
	return found;
}

const char *answer_error(char *to, const uint8_t *data, size_t size)
{
	struct json_object *object = oip_parse(data, size), *error = NULL;
	const char *text = object ? oip_string(object, "error") : NULL;

	if (object && !text)
		text = oip_string(object, "detail");
	if (object && !text && json_object_object_get_ex(object, "error", &error) &&
	    json_object_is_type(error, json_type_object))
		text = oip_string(error, "message");
	oip_text(to, text ? (const void *)text : data, text ? strlen(text) : size);
	oip_discard(object, size);
	return to;
}
