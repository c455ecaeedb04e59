/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The functions of one tensor type; TensorFlow, TensorFlow Lite and Torch differ in the types of
 * the members only. No include guard: each including file defines first
 *  TENSOR     prefix of the functions and name of the struct
 *  DATA_TYPE  type of the member data_type
 *  NR         type of nr_dims
 *  DIM        type of an extent
 */

#include <stdlib.h>
#include <string.h>

#include "vaccel/error.h"
#include "vaccel/log.h"

#define PASTE_EXPANDED(prefix, name) prefix##_##name
#define PASTE(prefix, name) PASTE_EXPANDED(prefix, name)
#define FUNC(name) PASTE(TENSOR, name)

int FUNC(init)(struct TENSOR *tensor, NR nr_dims, const DIM *dims, DATA_TYPE type)
{
	DIM *copy;

	if (!tensor || nr_dims < 1)
		return VACCEL_EINVAL;
	if ((uint64_t)nr_dims > SIZE_MAX / sizeof(*copy))
		return VACCEL_ENOMEM;
	copy = calloc(nr_dims, sizeof(*copy));
	if (!copy)
		return VACCEL_ENOMEM;
	if (dims)
		memcpy(copy, dims, nr_dims * sizeof(*copy));

	tensor->data = NULL;
	tensor->size = 0;
	tensor->owned = false;
	tensor->nr_dims = nr_dims;
	tensor->dims = copy;
	tensor->data_type = type;
	return VACCEL_OK;
}

int FUNC(release)(struct TENSOR *tensor)
{
	if (!tensor)
		return VACCEL_EINVAL;

	if (tensor->owned)
		free(tensor->data);
	free(tensor->dims);
	tensor->data = NULL;
	tensor->size = 0;
	tensor->owned = false;
	tensor->nr_dims = 0;
	tensor->dims = NULL;
	return VACCEL_OK;
}

int FUNC(new)(struct TENSOR **tensor, NR nr_dims, const DIM *dims, DATA_TYPE type)
{
	return FUNC(allocate)(tensor, nr_dims, dims, type, 0);
}

int FUNC(allocate)(struct TENSOR **tensor, NR nr_dims, const DIM *dims, DATA_TYPE type,
		   size_t total_size)
{
	struct TENSOR *new;
	int ret;

	if (!tensor)
		return VACCEL_EINVAL;
	new = malloc(sizeof(*new));
	if (!new)
		return VACCEL_ENOMEM;

	ret = FUNC(init)(new, nr_dims, dims, type);
	if (ret)
		goto free_tensor;
	if (total_size) {
		new->data = calloc(1, total_size);
		if (!new->data) {
			vaccel_error("No memory for a tensor of %zu bytes", total_size);
			ret = VACCEL_ENOMEM;
			goto release;
		}
		new->size = total_size;
		new->owned = true;
	}
	*tensor = new;
	return VACCEL_OK;

release:
	FUNC(release)(new);
free_tensor:
	free(new);
	return ret;
}

int FUNC(delete)(struct TENSOR *tensor)
{
	int ret = FUNC(release)(tensor);

	if (!ret)
		free(tensor);
	return ret;
}

int FUNC(set_data)(struct TENSOR *tensor, void *data, size_t size)
{
	if (!tensor || !data != !size)
		return VACCEL_EINVAL;

	if (tensor->data && tensor->owned)
		vaccel_warn("Tensor data that the tensor owns is replaced and not freed");
	tensor->data = data;
	tensor->size = size;
	tensor->owned = false;
	return VACCEL_OK;
}

int FUNC(take_data)(struct TENSOR *tensor, void **data, size_t *size)
{
	if (!tensor || !data || !size)
		return VACCEL_EINVAL;

	*data = tensor->data;
	*size = tensor->size;
	tensor->data = NULL;
	tensor->size = 0;
	tensor->owned = false;
	return VACCEL_OK;
}

#undef FUNC
#undef PASTE
#undef PASTE_EXPANDED
