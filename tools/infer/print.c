// SPDX-License-Identifier: Apache-2.0
/* What vaccel-infer prints: models and results, as text or as JSON in the words of the protocol. */
#include <inttypes.h>
#include <json-c/json.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tool.h"

#define SHOWN 8 /* elements of an output in text */

/* ---- Models --------------------------------------------------------------------------------- */

static const char *type_name(uint32_t datatype)
{
	return datatype && datatype < VACCEL_INFER_MAX ?
		       vaccel_infer_datatype_to_base_str((vaccel_infer_datatype_t)datatype) :
		       "?";
}

/* "[1, -1, 3]", or "?" where nobody knows */
static void print_shape(uint32_t nr_dims, const int64_t *shape)
{
	if (nr_dims > VACCEL_INFER_MAX_DIMS) {
		printf("?");
		return;
	}
	printf("[");
	for (uint32_t n = 0; n < nr_dims; n++)
		printf("%s%" PRId64, n ? ", " : "", shape[n]);
	printf("]");
}

void print_list(const struct inference *i)
{
	for (uint32_t n = 0; n < i->info.nr_inputs + i->info.nr_outputs; n++) {
		const struct vaccel_infer_desc *d = &i->descs[n];

		printf("%s %s %s ", n < i->info.nr_inputs ? "input" : "output", d->name,
		       type_name(d->datatype));
		print_shape(d->nr_dims, d->shape);
		printf("\n");
	}
}

static struct json_object *shape_json(uint32_t nr_dims, const int64_t *shape)
{
	struct json_object *array = json_object_new_array();

	for (uint32_t n = 0; n < nr_dims && n < VACCEL_INFER_MAX_DIMS; n++)
		json_object_array_add(array, json_object_new_int64(shape[n]));
	return array;
}

static struct json_object *tensor_json(const char *name, uint32_t datatype, uint32_t nr_dims,
				       const int64_t *shape)
{
	struct json_object *object = json_object_new_object();

	json_object_object_add(object, "name", json_object_new_string(name));
	json_object_object_add(object, "datatype", json_object_new_string(type_name(datatype)));
	if (nr_dims <= VACCEL_INFER_MAX_DIMS)
		json_object_object_add(object, "shape", shape_json(nr_dims, shape));
	return object;
}

static void print_object(struct json_object *object)
{
	printf("%s\n", json_object_to_json_string_ext(object, JSON_C_TO_STRING_PRETTY |
							       JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(object);
}

static void print_metadata_json(const struct inference *i)
{
	struct json_object *root = json_object_new_object(), *versions = json_object_new_array(),
			   *lists[2] = {json_object_new_array(), json_object_new_array()};

	json_object_object_add(root, "name", json_object_new_string(i->info.name));
	json_object_array_add(versions, json_object_new_string(i->info.version));
	json_object_object_add(root, "versions", versions);
	json_object_object_add(root, "platform", json_object_new_string(i->info.platform));
	for (uint32_t n = 0; n < i->info.nr_inputs + i->info.nr_outputs; n++) {
		const struct vaccel_infer_desc *d = &i->descs[n];

		json_object_array_add(lists[n >= i->info.nr_inputs],
				      tensor_json(d->name, d->datatype, d->nr_dims, d->shape));
	}
	json_object_object_add(root, "inputs", lists[0]);
	json_object_object_add(root, "outputs", lists[1]);
	print_object(root);
}

void print_metadata(const struct inference *i, bool json)
{
	if (json) {
		print_metadata_json(i);
		return;
	}
	printf("name %s\nversion %s\nplatform %s\n", i->info.name, i->info.version, i->info.platform);
	print_list(i);
}

/* ---- Elements ------------------------------------------------------------------------------- */

static double half(uint16_t bits)
{
	int exponent = bits >> 10 & 0x1f;
	double fraction = bits & 0x3ff, value;

	if (exponent == 0x1f)
		value = fraction != 0 ? (double)NAN : (double)INFINITY;
	else
		value = exponent ? ldexp(1 + fraction / 1024, exponent - 15) : ldexp(fraction, -24);
	return bits & 0x8000 ? -value : value;
}

static double upper_half(uint16_t bits)
{
	uint32_t whole = (uint32_t)bits << 16;
	float value;

	memcpy(&value, &whole, sizeof(value));
	return (double)value;
}

/* The element of a number as a floating-point number. */
static double real_at(const struct vaccel_infer_tensor *t, size_t n)
{
	switch (t->datatype) {
	case VACCEL_INFER_FP16:
		return half(((const uint16_t *)t->data)[n]);
	case VACCEL_INFER_BF16:
		return upper_half(((const uint16_t *)t->data)[n]);
	case VACCEL_INFER_FP32:
		return (double)((const float *)t->data)[n];
	default:
		return ((const double *)t->data)[n];
	}
}

static int64_t int_at(const struct vaccel_infer_tensor *t, size_t n)
{
	switch (t->datatype) {
	case VACCEL_INFER_INT8:
		return ((const int8_t *)t->data)[n];
	case VACCEL_INFER_INT16:
		return ((const int16_t *)t->data)[n];
	case VACCEL_INFER_INT32:
		return ((const int32_t *)t->data)[n];
	case VACCEL_INFER_INT64:
		return ((const int64_t *)t->data)[n];
	case VACCEL_INFER_UINT16:
		return ((const uint16_t *)t->data)[n];
	case VACCEL_INFER_UINT32:
		return ((const uint32_t *)t->data)[n];
	default:
		return ((const uint8_t *)t->data)[n];
	}
}

/* Bytes of any kind, with ? for what is no ASCII. */
static struct json_object *text_json(const uint8_t *data, size_t len)
{
	struct json_object *object;
	char *text = malloc(len + 1);

	if (!text)
		return NULL;
	for (size_t n = 0; n < len; n++)
		text[n] = data[n] >= ' ' && data[n] <= '~' ? (char)data[n] : '?';
	object = json_object_new_string_len(text, (int)len);
	free(text);
	return object;
}

static struct json_object *real_json(const struct vaccel_infer_tensor *t, size_t n)
{
	bool is_double = t->datatype == VACCEL_INFER_FP64;
	double value = real_at(t, n);
	char text[40];

	if (!isfinite(value)) /* JSON has no such numbers */
		return NULL;
	snprintf(text, sizeof(text), "%.*g", is_double ? 17 : 9, value);
	return json_object_new_double_s(value, text);
}

/* The n-th element; of BYTES it starts at *at, which is moved behind it. */
static struct json_object *element_json(const struct vaccel_infer_tensor *t, size_t n, size_t *at)
{
	const uint8_t *data = t->data;
	size_t len;

	switch (t->datatype) {
	case VACCEL_INFER_BYTES:
		data += *at;
		len = (size_t)data[0] | (size_t)data[1] << 8 | (size_t)data[2] << 16 | (size_t)data[3] << 24;
		*at += 4 + len;
		return text_json(data + 4, len);
	case VACCEL_INFER_BOOL:
		return json_object_new_boolean(data[n] != 0);
	case VACCEL_INFER_UINT64:
		return json_object_new_uint64(((const uint64_t *)t->data)[n]);
	case VACCEL_INFER_FP16:
	case VACCEL_INFER_BF16:
	case VACCEL_INFER_FP32:
	case VACCEL_INFER_FP64:
		return real_json(t, n);
	default:
		return json_object_new_int64(int_at(t, n));
	}
}

/* Of a tensor whose shape has been checked */
static size_t count_of(const struct vaccel_infer_tensor *t)
{
	size_t count = 1;

	for (uint32_t n = 0; n < t->nr_dims; n++)
		count *= (size_t)t->shape[n];
	return count;
}

/* ---- Results -------------------------------------------------------------------------------- */

/* The value below which a part of the sorted values are. */
static double quantile(const double *us, unsigned long nr, double part)
{
	unsigned long place = (unsigned long)(part * (double)(nr - 1) + 0.5);

	return us[place < nr ? place : nr - 1];
}

static void print_results_json(const struct inference *i, const struct options *o)
{
	struct json_object *root = json_object_new_object(), *outputs = json_object_new_array();

	for (uint32_t n = 0; n < i->nr_out; n++) {
		const struct vaccel_infer_tensor *t = &i->out[n];
		struct json_object *object = tensor_json(t->name, t->datatype, t->nr_dims, t->shape);
		size_t at = 0, count = o->nr_outputs ? 0 : count_of(t);

		if (!o->nr_outputs) {
			struct json_object *data = json_object_new_array();

			for (size_t k = 0; k < count; k++)
				json_object_array_add(data, element_json(t, k, &at));
			json_object_object_add(object, "data", data);
		}
		json_object_array_add(outputs, object);
	}
	json_object_object_add(root, "model_name", json_object_new_string(i->info.name));
	json_object_object_add(root, "outputs", outputs);
	if (o->repeat) {
		json_object_object_add(root, "runs", json_object_new_int64((int64_t)o->repeat));
		json_object_object_add(root, "median_us", json_object_new_double(quantile(i->us, o->repeat, 0.5)));
		json_object_object_add(root, "p99_us", json_object_new_double(quantile(i->us, o->repeat, 0.99)));
	}
	print_object(root);
}

static void print_elements(const struct vaccel_infer_tensor *t)
{
	size_t count = count_of(t), at = 0;

	for (size_t n = 0; n < count && n < SHOWN; n++) {
		struct json_object *element = element_json(t, n, &at);

		if (element && json_object_is_type(element, json_type_double))
			printf(" %.6g", json_object_get_double(element));
		else if (element)
			printf(" %s", json_object_to_json_string(element));
		else if (t->datatype != VACCEL_INFER_BYTES)
			printf(" %g", real_at(t, n)); /* inf or nan */
		json_object_put(element);
	}
	printf("%s\n", count > SHOWN ? " ..." : "");
}

void print_results(const struct inference *i, const struct options *o)
{
	if (o->json) {
		print_results_json(i, o);
		return;
	}
	for (uint32_t n = 0; n < i->nr_out && !o->nr_outputs; n++) {
		const struct vaccel_infer_tensor *t = &i->out[n];

		printf("%s %s ", t->name, type_name(t->datatype));
		print_shape(t->nr_dims, t->shape);
		print_elements(t);
	}
	if (o->repeat)
		printf("%lu runs: median %.1f us, p99 %.1f us\n", o->repeat, quantile(i->us, o->repeat, 0.5),
		       quantile(i->us, o->repeat, 0.99));
}
