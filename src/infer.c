// SPDX-License-Identifier: Apache-2.0
/* Tensors of the Open Inference Protocol, and what every inference call checks. */
#include "infer.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ops/vop.h"

static const uint8_t sizes[] = {
	[VACCEL_INFER_BOOL] = 1,  [VACCEL_INFER_UINT8] = 1,  [VACCEL_INFER_UINT16] = 2,
	[VACCEL_INFER_UINT32] = 4, [VACCEL_INFER_UINT64] = 8, [VACCEL_INFER_INT8] = 1,
	[VACCEL_INFER_INT16] = 2, [VACCEL_INFER_INT32] = 4,  [VACCEL_INFER_INT64] = 8,
	[VACCEL_INFER_FP16] = 2,  [VACCEL_INFER_FP32] = 4,   [VACCEL_INFER_FP64] = 8,
	[VACCEL_INFER_BYTES] = 0, [VACCEL_INFER_BF16] = 2,
};

size_t vaccel_infer_datatype_size(uint32_t datatype)
{
	return datatype < sizeof(sizes) ? sizes[datatype] : 0;
}

uint32_t vaccel_infer_datatype_find(const char *name)
{
	for (int type = VACCEL_INFER_BOOL; name && type < VACCEL_INFER_MAX; type++)
		if (!strcmp(vaccel_infer_datatype_to_base_str((vaccel_infer_datatype_t)type), name))
			return (uint32_t)type;
	return 0;
}

/* ---- Tensors -------------------------------------------------------------------------------- */

/* How many elements a shape is. */
static bool count_elements(const struct vaccel_infer_tensor *t, uint64_t *count)
{
	*count = 1;
	if (t->nr_dims > VACCEL_INFER_MAX_DIMS)
		return false;
	for (uint32_t i = 0; i < t->nr_dims; i++)
		if (t->shape[i] < 0 ||
		    __builtin_mul_overflow(*count, (uint64_t)t->shape[i], count))
			return false;
	return true;
}

/* Whether that many elements of BYTES fill the data. */
static bool check_bytes(const uint8_t *data, size_t left, uint64_t count)
{
	for (; count; count--) {
		size_t len;

		if (left < 4)
			return false;
		len = (size_t)data[0] | (size_t)data[1] << 8 | (size_t)data[2] << 16 |
		      (size_t)data[3] << 24;
		if (len > left - 4)
			return false;
		data += 4 + len;
		left -= 4 + len;
	}
	return !left;
}

/* What does not fit together; NULL: all does. */
static const char *find_fault(const struct vaccel_infer_tensor *t)
{
	uint64_t count, bytes;

	if (!t->datatype || t->datatype >= VACCEL_INFER_MAX)
		return "it has no known datatype";
	if (t->nr_dims > VACCEL_INFER_MAX_DIMS)
		return "it has too many dimensions";
	if (!count_elements(t, &count))
		return "its shape is negative, or has more elements than can be counted";
	if (t->size && !t->data)
		return "its data is missing";
	if (t->datatype == VACCEL_INFER_BYTES)
		return check_bytes(t->data, t->size, count) ?
			       NULL :
			       "the lengths in its BYTES do not fit its shape and size";
	if (__builtin_mul_overflow(count, (uint64_t)sizes[t->datatype], &bytes) || bytes != t->size)
		return "its size is not what its datatype and shape say";
	return NULL;
}

int vaccel_infer_tensor_check(const struct vaccel_infer_tensor *tensor)
{
	return tensor && !find_fault(tensor) ? VACCEL_OK : VACCEL_EINVAL;
}

int vaccel_infer_tensor_release(struct vaccel_infer_tensor *tensor)
{
	if (!tensor)
		return VACCEL_EINVAL;
	if (tensor->owned) {
		free(tensor->data);
		tensor->data = NULL;
		tensor->size = 0;
	}
	tensor->owned = false;
	return VACCEL_OK;
}

int vaccel_infer_output(struct vaccel_infer_tensor *out, const struct vaccel_infer_tensor *result)
{
	if (!out || !result || result->nr_dims > VACCEL_INFER_MAX_DIMS ||
	    (result->size && !result->data))
		return VACCEL_EINVAL;
	out->datatype = result->datatype;
	out->nr_dims = result->nr_dims;
	memcpy(out->shape, result->shape, result->nr_dims * sizeof(out->shape[0]));
	out->size = result->size;
	if (!out->data) {
		out->data = malloc(result->size ? result->size : 1);
		if (!out->data)
			return VACCEL_ENOMEM;
		out->owned = true;
	} else if (out->room < result->size) {
		return VACCEL_ERANGE;
	}
	if (result->size)
		memcpy(out->data, result->data, result->size);
	return VACCEL_OK;
}

/* ---- Calls ---------------------------------------------------------------------------------- */

static const char *find_output_fault(const struct vaccel_infer_tensor *t)
{
	if (t->owned)
		return "it is still the library's: release it first";
	if (t->room && !t->data)
		return "it has room, but no buffer";
	return NULL;
}

static int check_tensors(const char *what, const struct vaccel_infer_tensor *tensors, uint32_t nr,
			 const char *(*fault)(const struct vaccel_infer_tensor *))
{
	if ((nr && !tensors) || nr > VACCEL_INFER_MAX_TENSORS) {
		vaccel_error("Cannot run infer_run: %" PRIu32 " %ss: give up to %d, and their array",
			     nr, what, VACCEL_INFER_MAX_TENSORS);
		return VACCEL_EINVAL;
	}
	for (uint32_t i = 0; i < nr; i++) {
		const char *why = fault(&tensors[i]);

		if (!why && tensors[i].name &&
		    strnlen(tensors[i].name, VACCEL_INFER_NAME_SIZE) == VACCEL_INFER_NAME_SIZE)
			why = "its name is too long";
		if (!why)
			continue;
		vaccel_error("Cannot run infer_run: %s %" PRIu32 " (%.64s): %s", what, i,
			     tensors[i].name ? tensors[i].name : "without a name", why);
		return VACCEL_EINVAL;
	}
	return VACCEL_OK;
}

int infer_check(const union vop_val *vals)
{
	int ret = check_tensors("input", vals[INFER_RUN_inputs].p,
				(uint32_t)vals[INFER_RUN_nr_inputs].i, find_fault);

	return ret ? ret :
		     check_tensors("output", vals[INFER_RUN_outputs].p,
				   (uint32_t)vals[INFER_RUN_nr_outputs].i, find_output_fault);
}

void infer_drop_outputs(const union vop_val *vals)
{
	struct vaccel_infer_tensor *outputs = vals[INFER_RUN_outputs].p;
	size_t size;

	for (uint32_t i = 0; i < (uint32_t)vals[INFER_RUN_nr_outputs].i; i++) {
		size = outputs[i].size; /* it may say what the program is to give */
		vaccel_infer_tensor_release(&outputs[i]);
		outputs[i].size = size;
	}
}
