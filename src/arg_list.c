// SPDX-License-Identifier: Apache-2.0
/* The list interface of vAccel 0.6 and 0.7, on top of single arguments. */

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "vaccel/arg.h"
#include "vaccel/error.h"

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

struct vaccel_arg_list *vaccel_args_init(uint32_t size)
{
	struct vaccel_arg_list *args;

	if (!size || size > INT_MAX)
		return NULL;
	args = calloc(1, sizeof(*args));
	if (!args)
		return NULL;

	/* Zeroed slots hold nothing, so that delete may release those that were never used. */
	args->list = calloc(size, sizeof(*args->list));
	args->idcs_allocated_space = calloc(size, sizeof(*args->idcs_allocated_space));
	if (!args->list || !args->idcs_allocated_space) {
		free(args->list);
		free(args->idcs_allocated_space);
		free(args);
		return NULL;
	}
	for (uint32_t i = 0; i < size; i++)
		args->idcs_allocated_space[i] = -1;
	args->size = size;
	return args;
}

/* The next free slot, NULL when the list is full. */
static struct vaccel_arg *next_slot(const struct vaccel_arg_list *args)
{
	if (args->curr_idx < 0 || (uint32_t)args->curr_idx >= args->size)
		return NULL;
	return &args->list[args->curr_idx];
}

/* Fills the next slot; owned says that the list frees buf. */
static int fill_slot(struct vaccel_arg_list *args, void *buf, uint32_t size,
		     vaccel_arg_type_t type, uint32_t custom_id, bool owned)
{
	struct vaccel_arg *slot = next_slot(args);

	if (!slot)
		return VACCEL_EINVAL;
	slot->buf = buf;
	slot->size = size;
	slot->type = type;
	slot->custom_type_id = custom_id;
	slot->owned = owned;
	if (owned)
		args->idcs_allocated_space[args->curr_idx] = args->curr_idx;
	args->curr_idx++;
	return VACCEL_OK;
}

int vaccel_add_serial_arg(struct vaccel_arg_list *args, void *buf, uint32_t size)
{
	if (!args || !buf || !size)
		return VACCEL_EINVAL;
	return fill_slot(args, buf, size, VACCEL_ARG_RAW, 0, false);
}

int vaccel_add_nonserial_arg(struct vaccel_arg_list *args, void *buf, uint32_t type,
			     void *(*serializer)(void *, uint32_t *))
{
	uint32_t size = 0;
	void *flat;

	if (!args || !buf || !serializer || !next_slot(args))
		return VACCEL_EINVAL;

	flat = serializer(buf, &size);
	if (!flat || !size) {
		free(flat);
		return VACCEL_EINVAL;
	}
	return fill_slot(args, flat, size, VACCEL_ARG_CUSTOM, type, true);
}

int vaccel_expect_serial_arg(struct vaccel_arg_list *args, void *buf, uint32_t size)
{
	return vaccel_add_serial_arg(args, buf, size);
}

int vaccel_expect_nonserial_arg(struct vaccel_arg_list *args, uint32_t expected_size)
{
	void *buf;

	if (!args || !expected_size || !next_slot(args))
		return VACCEL_EINVAL;

	buf = calloc(1, expected_size);
	if (!buf)
		return VACCEL_ENOMEM;
	return fill_slot(args, buf, expected_size, VACCEL_ARG_RAW, 0, true);
}

void *vaccel_extract_serial_arg(struct vaccel_arg *args, int idx)
{
	return args && idx >= 0 ? args[idx].buf : NULL;
}

void *vaccel_extract_nonserial_arg(struct vaccel_arg *args, int idx,
				   void *(*deserializer)(void *, uint32_t))
{
	if (!args || idx < 0 || !deserializer || !args[idx].buf || args[idx].size > UINT32_MAX)
		return NULL;
	return deserializer(args[idx].buf, args[idx].size);
}

int vaccel_write_serial_arg(struct vaccel_arg *args, int idx, void *buf)
{
	if (!args || idx < 0 || !buf || !args[idx].buf)
		return VACCEL_EINVAL;

	memmove(args[idx].buf, buf, args[idx].size);
	return VACCEL_OK;
}

int vaccel_write_nonserial_arg(struct vaccel_arg *args, int idx, void *buf,
			       void *(*serializer)(void *, uint32_t *))
{
	uint32_t size = 0;
	void *flat;
	int ret = VACCEL_EINVAL;

	if (!args || idx < 0 || !buf || !serializer || !args[idx].buf)
		return VACCEL_EINVAL;

	flat = serializer(buf, &size);
	if (flat && size && size <= args[idx].size) {
		memcpy(args[idx].buf, flat, size);
		ret = VACCEL_OK;
	}
	free(flat);
	return ret;
}

int vaccel_delete_args(struct vaccel_arg_list *args)
{
	if (!args)
		return VACCEL_EINVAL;

	for (uint32_t i = 0; args->list && i < args->size; i++)
		vaccel_arg_release(&args->list[i]);
	free(args->list);
	free(args->idcs_allocated_space);
	free(args);
	return VACCEL_OK;
}
