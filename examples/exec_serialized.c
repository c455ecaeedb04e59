// SPDX-License-Identifier: Apache-2.0
/* Calls mytestfunc_nonser of a library with a list, which travels as one serialised argument. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vaccel.h>

#include "util.h"

#define SYMBOL	  "mytestfunc_nonser"
#define LIST_TYPE 100 /* custom type: a uint32_t count, and count uint32_t */
#define COUNT	  6

struct list {
	uint32_t count;
	uint32_t *values;
};

static int serialize(const void *data, size_t data_size, uint32_t custom_id, void **buf,
		     size_t *size)
{
	const struct list *list = data;
	size_t bytes = sizeof(uint32_t) * (1 + (size_t)list->count);
	uint32_t *flat;

	if (custom_id != LIST_TYPE || data_size != sizeof(*list))
		return VACCEL_EINVAL;
	flat = malloc(bytes);
	if (!flat)
		return VACCEL_ENOMEM;
	flat[0] = list->count;
	memcpy(&flat[1], list->values, bytes - sizeof(uint32_t));
	*buf = flat;
	*size = bytes;
	return VACCEL_OK;
}

/* Into a list whose values have room for as many as it says. */
static int deserialize(const void *buf, size_t size, uint32_t custom_id, size_t data_size,
		       void *data)
{
	struct list *list = data;
	const uint32_t *flat = buf;

	if (custom_id != LIST_TYPE || data_size != sizeof(*list) || size < sizeof(uint32_t))
		return VACCEL_EINVAL;
	if (flat[0] > list->count || size != sizeof(uint32_t) * (1 + (size_t)flat[0]))
		return VACCEL_EINVAL;
	list->count = flat[0];
	memcpy(list->values, &flat[1], size - sizeof(uint32_t));
	return VACCEL_OK;
}

static void print(const char *name, const struct list *list)
{
	printf("%s: ", name);
	for (uint32_t i = 0; i < list->count; i++)
		printf("%" PRIu32 " ", list->values[i]);
	printf("\n");
}

static int run(struct vaccel_session *sess, const char *library, const struct list *input,
	       struct list *output)
{
	struct vaccel_arg_array read, write;
	int ret;

	ret = vaccel_arg_array_init(&read, 1);
	if (ret)
		return ret;
	ret = vaccel_arg_array_init(&write, 1);
	if (ret)
		goto release_read;

	ret = vaccel_arg_array_add_serialized(&read, VACCEL_ARG_CUSTOM, LIST_TYPE, input,
					      sizeof(*input), serialize);
	if (!ret)
		ret = vaccel_arg_array_add_serialized(&write, VACCEL_ARG_CUSTOM, LIST_TYPE, output,
						      sizeof(*output), serialize);
	if (!ret)
		ret = vaccel_exec(sess, library, SYMBOL, read.args, read.count, write.args,
				  write.count);
	if (!ret)
		ret = vaccel_arg_array_get_serialized(&write, VACCEL_ARG_CUSTOM, LIST_TYPE, output,
						      sizeof(*output), deserialize);

	vaccel_arg_array_release(&write);
release_read:
	vaccel_arg_array_release(&read);
	return ret;
}

int main(int argc, char **argv)
{
	uint32_t in_values[COUNT] = {0, 2, 4, 6, 8, 10}, out_values[COUNT] = {0};
	struct list input = {COUNT, in_values}, output = {COUNT, out_values};
	struct vaccel_session sess;
	long iterations;
	int ret;

	if (!check_args(argc, argv, 1, 2, "lib_file [iterations]", 2, &iterations))
		return VACCEL_EINVAL;

	ret = vaccel_session_init(&sess, 0);
	if (ret) {
		report_error(ret, "Could not initialize session");
		return ret;
	}
	printf("Initialized session with id: %lld\n", (long long)sess.id);

	print("Input", &input);
	for (long i = 0; i < iterations && !ret; i++) {
		ret = run(&sess, argv[1], &input, &output);
		if (ret)
			report_error(ret, "Could not run op");
		else
			print("Output", &output);
	}

	if (vaccel_session_release(&sess))
		fprintf(stderr, "Could not release session\n");
	return ret;
}
