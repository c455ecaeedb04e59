/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The functions of one buffer type; TensorFlow and Torch differ in the type of data only. No
 * include guard: each including file defines first
 *  BUFFER  prefix of the functions and name of the struct
 *  DATA    type of the data pointer
 */

#include <stdlib.h>

#include "vaccel/error.h"

#define PASTE_EXPANDED(prefix, name) prefix##_##name
#define PASTE(prefix, name) PASTE_EXPANDED(prefix, name)
#define FUNC(name) PASTE(BUFFER, name)

int FUNC(init)(struct BUFFER *buffer, DATA data, size_t size)
{
	if (!buffer || !data != !size)
		return VACCEL_EINVAL;

	buffer->data = data;
	buffer->size = size;
	return VACCEL_OK;
}

int FUNC(release)(struct BUFFER *buffer)
{
	if (!buffer)
		return VACCEL_EINVAL;

	free(buffer->data);
	buffer->data = NULL;
	buffer->size = 0;
	return VACCEL_OK;
}

int FUNC(new)(struct BUFFER **buffer, DATA data, size_t size)
{
	struct BUFFER *new;
	int ret;

	if (!buffer)
		return VACCEL_EINVAL;
	new = malloc(sizeof(*new));
	if (!new)
		return VACCEL_ENOMEM;

	ret = FUNC(init)(new, data, size);
	if (ret) {
		free(new);
		return ret;
	}
	*buffer = new;
	return VACCEL_OK;
}

int FUNC(delete)(struct BUFFER *buffer)
{
	int ret = FUNC(release)(buffer);

	if (!ret)
		free(buffer);
	return ret;
}

int FUNC(take_data)(struct BUFFER *buffer, void **data, size_t *size)
{
	if (!buffer || !data || !size)
		return VACCEL_EINVAL;

	*data = buffer->data;
	*size = buffer->size;
	buffer->data = NULL;
	buffer->size = 0;
	return VACCEL_OK;
}

#undef FUNC
#undef PASTE
#undef PASTE_EXPANDED
