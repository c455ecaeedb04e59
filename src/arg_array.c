// SPDX-License-Identifier: Apache-2.0
/* Argument arrays: a growing sequence of arguments with a read position. */

#include <stdlib.h>
#include <string.h>

#include "arg.h"
#include "vaccel/error.h"

#define DEFAULT_CAPACITY 8

int vaccel_arg_array_init(struct vaccel_arg_array *array, size_t initial_capacity)
{
	struct vaccel_arg *args;

	if (!array)
		return VACCEL_EINVAL;
	if (!initial_capacity)
		initial_capacity = DEFAULT_CAPACITY;

	args = calloc(initial_capacity, sizeof(*args));
	if (!args)
		return VACCEL_ENOMEM;

	array->args = args;
	array->count = 0;
	array->capacity = initial_capacity;
	array->position = 0;
	array->owned = true;
	return VACCEL_OK;
}

int vaccel_arg_array_release(struct vaccel_arg_array *array)
{
	if (!array || !array->args)
		return VACCEL_EINVAL;

	if (array->owned) {
		vaccel_arg_array_clear(array);
		free(array->args);
	}
	array->args = NULL;
	array->count = 0;
	array->capacity = 0;
	array->position = 0;
	array->owned = false;
	return VACCEL_OK;
}

int vaccel_arg_array_new(struct vaccel_arg_array **array, size_t initial_capacity)
{
	struct vaccel_arg_array *new;
	int ret;

	if (!array)
		return VACCEL_EINVAL;
	new = malloc(sizeof(*new));
	if (!new)
		return VACCEL_ENOMEM;

	ret = vaccel_arg_array_init(new, initial_capacity);
	if (ret) {
		free(new);
		return ret;
	}
	*array = new;
	return VACCEL_OK;
}

int vaccel_arg_array_delete(struct vaccel_arg_array *array)
{
	int ret = vaccel_arg_array_release(array);

	if (!ret)
		free(array);
	return ret;
}

int vaccel_arg_array_wrap(struct vaccel_arg_array *array, struct vaccel_arg *args, size_t count)
{
	if (!array || (!args && count))
		return VACCEL_EINVAL;

	array->args = args;
	array->count = count;
	array->capacity = count;
	array->position = 0;
	array->owned = false;
	return VACCEL_OK;
}

void vaccel_arg_array_clear(struct vaccel_arg_array *array)
{
	if (!array)
		return;

	/* The entries of a wrapped array are its owner's to release. */
	if (array->owned) {
		for (size_t i = 0; i < array->count; i++)
			vaccel_arg_release(&array->args[i]);
	}
	array->count = 0;
	array->position = 0;
}

/* Makes room for nr more entries. */
static int reserve(struct vaccel_arg_array *array, size_t nr)
{
	size_t needed, capacity, bytes;
	struct vaccel_arg *args;

	if (nr <= array->capacity - array->count)
		return VACCEL_OK;
	if (!array->owned)
		return VACCEL_ERANGE;
	if (__builtin_add_overflow(array->count, nr, &needed))
		return VACCEL_ENOMEM;

	capacity = array->capacity ? array->capacity : DEFAULT_CAPACITY;
	while (capacity < needed) {
		if (__builtin_mul_overflow(capacity, 2, &capacity))
			return VACCEL_ENOMEM;
	}
	if (__builtin_mul_overflow(capacity, sizeof(*args), &bytes))
		return VACCEL_ENOMEM;

	args = realloc(array->args, bytes);
	if (!args)
		return VACCEL_ENOMEM;
	array->args = args;
	array->capacity = capacity;
	return VACCEL_OK;
}

/* Appends an entry whose content is known to be valid. */
static int append(struct vaccel_arg_array *array, vaccel_arg_type_t type, uint32_t custom_id,
		  void *buf, size_t size, bool owned)
{
	int ret = reserve(array, 1);

	if (ret)
		return ret;
	array->args[array->count++] = (struct vaccel_arg){
		.buf = buf,
		.size = size,
		.type = type,
		.custom_type_id = custom_id,
		.owned = owned,
	};
	return VACCEL_OK;
}

static int add_borrowed(struct vaccel_arg_array *array, vaccel_arg_type_t type, void *buf,
			size_t size)
{
	if (!array || !arg_content_valid(type, buf, size))
		return VACCEL_EINVAL;
	return append(array, type, 0, buf, size, false);
}

int vaccel_arg_array_add_raw(struct vaccel_arg_array *array, void *buf, size_t size)
{
	return add_borrowed(array, VACCEL_ARG_RAW, buf, size);
}

int vaccel_arg_array_add_string(struct vaccel_arg_array *array, char *str)
{
	return add_borrowed(array, VACCEL_ARG_STRING, str, str ? strlen(str) + 1 : 0);
}

int vaccel_arg_array_add_buffer(struct vaccel_arg_array *array, void *buf, size_t size)
{
	return add_borrowed(array, VACCEL_ARG_BUFFER, buf, size);
}

int vaccel_arg_array_add_custom(struct vaccel_arg_array *array, uint32_t custom_id, void *buf,
				size_t size, vaccel_arg_type_validator_fn validator)
{
	if (!array || !validator || !arg_content_valid(VACCEL_ARG_CUSTOM, buf, size))
		return VACCEL_EINVAL;
	if (!validator(buf, size, custom_id))
		return VACCEL_EINVAL;
	return append(array, VACCEL_ARG_CUSTOM, custom_id, buf, size, false);
}

/* Runs a serializer and checks that its result is of the type. The caller frees *buf. */
static int serialize(vaccel_arg_type_t type, uint32_t custom_id, const void *data,
		     size_t data_size, vaccel_arg_serializer_fn serializer, void **buf,
		     size_t *size)
{
	int ret;

	*buf = NULL;
	*size = 0;
	ret = serializer(data, data_size, custom_id, buf, size);
	if (ret)
		return ret;
	if (!*buf || !*size || !arg_content_valid(type, *buf, *size)) {
		free(*buf);
		return VACCEL_EINVAL;
	}
	return VACCEL_OK;
}

int vaccel_arg_array_add_serialized(struct vaccel_arg_array *array, vaccel_arg_type_t type,
				    uint32_t custom_id, const void *data, size_t data_size,
				    vaccel_arg_serializer_fn serializer)
{
	size_t size;
	void *buf;
	int ret;

	if (!array || type >= VACCEL_ARG_MAX || !data || !data_size || !serializer)
		return VACCEL_EINVAL;
	if (type != VACCEL_ARG_CUSTOM)
		custom_id = 0;

	ret = reserve(array, 1);
	if (ret)
		return ret;
	ret = serialize(type, custom_id, data, data_size, serializer, &buf, &size);
	if (ret)
		return ret;
	return append(array, type, custom_id, buf, size, true);
}

int vaccel_arg_array_add_range(struct vaccel_arg_array *dest, const struct vaccel_arg_array *src,
			       size_t start_idx, size_t count, bool copy)
{
	int ret;

	if (!dest || !src)
		return VACCEL_EINVAL;
	if (!count)
		return VACCEL_OK;
	if (start_idx >= src->count || count > src->count - start_idx)
		return VACCEL_ERANGE;

	ret = reserve(dest, count);
	if (ret)
		return ret;

	for (size_t i = 0; i < count; i++) {
		struct vaccel_arg *to = &dest->args[dest->count + i];
		const struct vaccel_arg *from = &src->args[start_idx + i];

		if (copy) {
			ret = vaccel_arg_init(to, from->buf, from->size, from->type,
					      from->custom_type_id);
			if (ret) {
				while (i--)
					vaccel_arg_release(&dest->args[dest->count + i]);
				return ret;
			}
		} else {
			*to = *from;
			to->owned = false;
		}
	}
	dest->count += count;
	return VACCEL_OK;
}

int vaccel_arg_array_add_remaining(struct vaccel_arg_array *dest,
				   const struct vaccel_arg_array *src, bool copy)
{
	return vaccel_arg_array_add_range(dest, src, vaccel_arg_array_position(src),
					  vaccel_arg_array_remaining_count(src), copy);
}

int vaccel_arg_array_add_all(struct vaccel_arg_array *dest, const struct vaccel_arg_array *src,
			     bool copy)
{
	return vaccel_arg_array_add_range(dest, src, 0, vaccel_arg_array_count(src), copy);
}

/* Finds the entry at the position and checks that it is a valid one of the type. */
static int current(const struct vaccel_arg_array *array, vaccel_arg_type_t type,
		   struct vaccel_arg **arg)
{
	if (!array)
		return VACCEL_EINVAL;
	if (array->position >= array->count)
		return VACCEL_ERANGE;

	*arg = &array->args[array->position];
	if ((*arg)->type != type || !arg_content_valid(type, (*arg)->buf, (*arg)->size))
		return VACCEL_EINVAL;
	return VACCEL_OK;
}

/* As current(), for the types that may be the program's own. */
static int current_custom(const struct vaccel_arg_array *array, vaccel_arg_type_t type,
			  uint32_t custom_id, struct vaccel_arg **arg)
{
	int ret = current(array, type, arg);

	if (!ret && type == VACCEL_ARG_CUSTOM && (*arg)->custom_type_id != custom_id)
		ret = VACCEL_EINVAL;
	return ret;
}

/* Gives a pointer into the entry at the position and steps past it. */
static int get_interior(struct vaccel_arg_array *array, vaccel_arg_type_t type, void **buf,
			size_t *size)
{
	struct vaccel_arg *arg;
	int ret;

	if (!buf)
		return VACCEL_EINVAL;
	ret = current(array, type, &arg);
	if (ret)
		return ret;

	*buf = arg->buf;
	if (size)
		*size = arg->size;
	array->position++;
	return VACCEL_OK;
}

/*
 * Finds the entry at the position that is to take an output of the type. What it holds before does
 * not matter, only what kind of entry it is.
 */
static int output(const struct vaccel_arg_array *array, vaccel_arg_type_t type,
		  uint32_t custom_id, struct vaccel_arg **arg)
{
	if (!array)
		return VACCEL_EINVAL;
	if (array->position >= array->count)
		return VACCEL_ERANGE;

	*arg = &array->args[array->position];
	if ((*arg)->type != type || !(*arg)->buf != !(*arg)->size)
		return VACCEL_EINVAL;
	if (type == VACCEL_ARG_CUSTOM && (*arg)->custom_type_id != custom_id)
		return VACCEL_EINVAL;
	return VACCEL_OK;
}

/*
 * Copies a value of the type into the entry at the position and steps past it. The entry may be
 * larger than the value unless exact.
 */
static int set_content(struct vaccel_arg_array *array, vaccel_arg_type_t type,
		       uint32_t custom_id, const void *buf, size_t size, bool exact)
{
	struct vaccel_arg *arg;
	int ret;

	if (!arg_content_valid(type, buf, size))
		return VACCEL_EINVAL;
	ret = output(array, type, custom_id, &arg);
	if (ret)
		return ret;
	if (size > arg->size || (size < arg->size && (exact || !size)))
		return VACCEL_EINVAL;

	if (size)
		memmove(arg->buf, buf, size);
	array->position++;
	return VACCEL_OK;
}

int vaccel_arg_array_get_raw(struct vaccel_arg_array *array, void **buf, size_t *size)
{
	if (!size)
		return VACCEL_EINVAL;
	return get_interior(array, VACCEL_ARG_RAW, buf, size);
}

int vaccel_arg_array_get_string(struct vaccel_arg_array *array, char **str)
{
	void *buf;
	int ret;

	if (!str)
		return VACCEL_EINVAL;
	ret = get_interior(array, VACCEL_ARG_STRING, &buf, NULL);
	if (!ret)
		*str = buf;
	return ret;
}

int vaccel_arg_array_get_buffer(struct vaccel_arg_array *array, void **buf, size_t *size)
{
	return get_interior(array, VACCEL_ARG_BUFFER, buf, size);
}

int vaccel_arg_array_get_custom(struct vaccel_arg_array *array, uint32_t expected_id, void **buf,
				size_t *size, vaccel_arg_type_validator_fn validator)
{
	struct vaccel_arg *arg;
	int ret;

	if (!buf || !validator)
		return VACCEL_EINVAL;
	ret = current_custom(array, VACCEL_ARG_CUSTOM, expected_id, &arg);
	if (ret)
		return ret;
	if (!validator(arg->buf, arg->size, expected_id))
		return VACCEL_EINVAL;

	*buf = arg->buf;
	if (size)
		*size = arg->size;
	array->position++;
	return VACCEL_OK;
}

int vaccel_arg_array_get_serialized(struct vaccel_arg_array *array,
				    vaccel_arg_type_t expected_type, uint32_t expected_custom_id,
				    void *data, size_t expected_size,
				    vaccel_arg_deserializer_fn deserializer)
{
	struct vaccel_arg *arg;
	int ret;

	if (!data || !expected_size || !deserializer)
		return VACCEL_EINVAL;
	if (expected_type != VACCEL_ARG_CUSTOM)
		expected_custom_id = 0;
	ret = current_custom(array, expected_type, expected_custom_id, &arg);
	if (ret)
		return ret;

	ret = deserializer(arg->buf, arg->size, expected_custom_id, expected_size, data);
	if (ret)
		return ret;
	array->position++;
	return VACCEL_OK;
}

int vaccel_arg_array_set_raw(struct vaccel_arg_array *array, void *buf, size_t size)
{
	return set_content(array, VACCEL_ARG_RAW, 0, buf, size, false);
}

int vaccel_arg_array_set_string(struct vaccel_arg_array *array, char *str)
{
	return set_content(array, VACCEL_ARG_STRING, 0, str, str ? strlen(str) + 1 : 0, false);
}

int vaccel_arg_array_set_buffer(struct vaccel_arg_array *array, void *buf, size_t size)
{
	return set_content(array, VACCEL_ARG_BUFFER, 0, buf, size, false);
}

int vaccel_arg_array_set_custom(struct vaccel_arg_array *array, uint32_t expected_id, void *buf,
				size_t size, vaccel_arg_type_validator_fn validator)
{
	if (!buf || !size || !validator)
		return VACCEL_EINVAL;
	if (!validator(buf, size, expected_id))
		return VACCEL_EINVAL;
	return set_content(array, VACCEL_ARG_CUSTOM, expected_id, buf, size, true);
}

int vaccel_arg_array_set_serialized(struct vaccel_arg_array *array,
				    vaccel_arg_type_t expected_type, uint32_t expected_custom_id,
				    void *data, size_t data_size,
				    vaccel_arg_serializer_fn serializer)
{
	struct vaccel_arg *arg;
	size_t size;
	void *buf;
	int ret;

	if (expected_type >= VACCEL_ARG_MAX || !data || !data_size || !serializer)
		return VACCEL_EINVAL;
	if (expected_type != VACCEL_ARG_CUSTOM)
		expected_custom_id = 0;

	ret = output(array, expected_type, expected_custom_id, &arg);
	if (ret)
		return ret;
	ret = serialize(expected_type, expected_custom_id, data, data_size, serializer, &buf,
			&size);
	if (ret)
		return ret;
	ret = set_content(array, expected_type, expected_custom_id, buf, size, true);
	free(buf);
	return ret;
}

#define DEFINE_NUMERIC_FUNCS(TYPE_NAME, C_TYPE, SCALAR_ENUM, ARRAY_ENUM)                          \
	int vaccel_arg_array_add_##TYPE_NAME(struct vaccel_arg_array *array, C_TYPE *value)       \
	{                                                                                         \
		return add_borrowed(array, SCALAR_ENUM, value, sizeof(*value));                   \
	}                                                                                         \
                                                                                                  \
	int vaccel_arg_array_add_##TYPE_NAME##_array(struct vaccel_arg_array *array,              \
						     C_TYPE *values, size_t count)                \
	{                                                                                         \
		size_t size;                                                                      \
                                                                                                  \
		if (__builtin_mul_overflow(count, sizeof(*values), &size))                        \
			return VACCEL_EINVAL;                                                     \
		return add_borrowed(array, ARRAY_ENUM, values, size);                             \
	}                                                                                         \
                                                                                                  \
	int vaccel_arg_array_get_##TYPE_NAME(struct vaccel_arg_array *array, C_TYPE *value)       \
	{                                                                                         \
		void *buf;                                                                        \
		int ret;                                                                          \
                                                                                                  \
		if (!value)                                                                       \
			return VACCEL_EINVAL;                                                     \
		ret = get_interior(array, SCALAR_ENUM, &buf, NULL);                               \
		if (!ret)                                                                         \
			memcpy(value, buf, sizeof(*value));                                       \
		return ret;                                                                       \
	}                                                                                         \
                                                                                                  \
	int vaccel_arg_array_get_##TYPE_NAME##_array(struct vaccel_arg_array *array,              \
						     C_TYPE **values, size_t *count)              \
	{                                                                                         \
		size_t size;                                                                      \
		void *buf;                                                                        \
		int ret;                                                                          \
                                                                                                  \
		if (!values)                                                                      \
			return VACCEL_EINVAL;                                                     \
		ret = get_interior(array, ARRAY_ENUM, &buf, &size);                               \
		if (ret)                                                                          \
			return ret;                                                               \
		*values = buf;                                                                    \
		if (count)                                                                        \
			*count = size / sizeof(**values);                                         \
		return VACCEL_OK;                                                                 \
	}                                                                                         \
                                                                                                  \
	int vaccel_arg_array_set_##TYPE_NAME(struct vaccel_arg_array *array, C_TYPE *value)       \
	{                                                                                         \
		return set_content(array, SCALAR_ENUM, 0, value, sizeof(*value), true);           \
	}                                                                                         \
                                                                                                  \
	int vaccel_arg_array_set_##TYPE_NAME##_array(struct vaccel_arg_array *array,              \
						     C_TYPE *values, size_t count)                \
	{                                                                                         \
		size_t size;                                                                      \
                                                                                                  \
		if (__builtin_mul_overflow(count, sizeof(*values), &size))                        \
			return VACCEL_EINVAL;                                                     \
		return set_content(array, ARRAY_ENUM, 0, values, size, false);                    \
	}

VACCEL_ARG_NUMERIC_TYPES(DEFINE_NUMERIC_FUNCS)

int vaccel_arg_array_get_remaining(struct vaccel_arg_array *array, struct vaccel_arg **args,
				   size_t *count)
{
	size_t remaining;

	if (!array || !args || !count)
		return VACCEL_EINVAL;

	remaining = vaccel_arg_array_remaining_count(array);
	*args = remaining ? &array->args[array->position] : NULL;
	*count = remaining;
	return VACCEL_OK;
}

size_t vaccel_arg_array_remaining_count(const struct vaccel_arg_array *array)
{
	if (!array || array->position >= array->count)
		return 0;
	return array->count - array->position;
}

size_t vaccel_arg_array_position(const struct vaccel_arg_array *array)
{
	return array ? array->position : 0;
}

void vaccel_arg_array_set_position(struct vaccel_arg_array *array, size_t position)
{
	if (array)
		array->position = position < array->count ? position : array->count;
}

void vaccel_arg_array_reset_position(struct vaccel_arg_array *array)
{
	if (array)
		array->position = 0;
}

size_t vaccel_arg_array_count(const struct vaccel_arg_array *array)
{
	return array ? array->count : 0;
}

struct vaccel_arg *vaccel_arg_array_raw(struct vaccel_arg_array *array)
{
	return array ? array->args : NULL;
}
