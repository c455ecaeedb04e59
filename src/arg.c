// SPDX-License-Identifier: Apache-2.0
/* Single arguments: creation, release, and the check of what a typed argument holds. */

#include "arg.h"

#include <stdlib.h>
#include <string.h>

#include "vaccel/error.h"

/* Size of one element of a numeric type; *array says whether type is an array of them. */
static size_t numeric_element_size(vaccel_arg_type_t type, bool *array)
{
	switch (type) {
#define NUMERIC_CASES(TYPE_NAME, C_TYPE, SCALAR_ENUM, ARRAY_ENUM) \
	case SCALAR_ENUM:                                         \
	case ARRAY_ENUM:                                          \
		*array = type == ARRAY_ENUM;                      \
		return sizeof(C_TYPE);
		VACCEL_ARG_NUMERIC_TYPES(NUMERIC_CASES)
#undef NUMERIC_CASES
	default:
		return 0;
	}
}

bool arg_content_valid(vaccel_arg_type_t type, const void *buf, size_t size)
{
	const unsigned char *bytes = buf;
	bool array = false;
	size_t element;

	if (type >= VACCEL_ARG_MAX)
		return false;
	if (type == VACCEL_ARG_RAW)
		return !buf == !size;
	if (!buf || !size)
		return false;
	if (type == VACCEL_ARG_STRING)
		return bytes[size - 1] == '\0';

	element = numeric_element_size(type, &array);
	if (!element)
		return true;
	if (array ? size % element : size != element)
		return false;
	if (type == VACCEL_ARG_BOOL || type == VACCEL_ARG_BOOL_ARRAY) {
		/* Loading anything else through a bool pointer would be undefined. */
		for (size_t i = 0; i < size; i++) {
			if (bytes[i] > 1)
				return false;
		}
	}
	return true;
}

int vaccel_arg_init(struct vaccel_arg *arg, const void *buf, size_t size, vaccel_arg_type_t type,
		    uint32_t custom_id)
{
	void *copy = NULL;

	if (!arg || type >= VACCEL_ARG_MAX || (buf && !size))
		return VACCEL_EINVAL;

	if (size) {
		copy = buf ? malloc(size) : calloc(1, size);
		if (!copy)
			return VACCEL_ENOMEM;
		if (buf)
			memcpy(copy, buf, size);
	}

	arg->buf = copy;
	arg->size = size;
	arg->type = type;
	arg->custom_type_id = custom_id;
	arg->owned = true;
	return VACCEL_OK;
}

int vaccel_arg_init_from_buf(struct vaccel_arg *arg, void *buf, size_t size,
			     vaccel_arg_type_t type, uint32_t custom_id)
{
	if (!arg || type >= VACCEL_ARG_MAX || !buf != !size)
		return VACCEL_EINVAL;

	arg->buf = buf;
	arg->size = size;
	arg->type = type;
	arg->custom_type_id = custom_id;
	arg->owned = false;
	return VACCEL_OK;
}

int vaccel_arg_release(struct vaccel_arg *arg)
{
	if (!arg)
		return VACCEL_EINVAL;

	if (arg->owned)
		free(arg->buf);
	arg->buf = NULL;
	arg->size = 0;
	arg->type = VACCEL_ARG_MAX;
	arg->custom_type_id = 0;
	arg->owned = false;
	return VACCEL_OK;
}

int vaccel_arg_new(struct vaccel_arg **arg, const void *buf, size_t size, vaccel_arg_type_t type,
		   uint32_t custom_id)
{
	struct vaccel_arg *new;
	int ret;

	if (!arg)
		return VACCEL_EINVAL;
	new = malloc(sizeof(*new));
	if (!new)
		return VACCEL_ENOMEM;

	ret = vaccel_arg_init(new, buf, size, type, custom_id);
	if (ret) {
		free(new);
		return ret;
	}
	*arg = new;
	return VACCEL_OK;
}

int vaccel_arg_from_buf(struct vaccel_arg **arg, void *buf, size_t size, vaccel_arg_type_t type,
			uint32_t custom_id)
{
	struct vaccel_arg *new;
	int ret;

	if (!arg)
		return VACCEL_EINVAL;
	new = malloc(sizeof(*new));
	if (!new)
		return VACCEL_ENOMEM;

	ret = vaccel_arg_init_from_buf(new, buf, size, type, custom_id);
	if (ret) {
		free(new);
		return ret;
	}
	*arg = new;
	return VACCEL_OK;
}

int vaccel_arg_delete(struct vaccel_arg *arg)
{
	int ret = vaccel_arg_release(arg);

	if (!ret)
		free(arg);
	return ret;
}
