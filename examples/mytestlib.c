// SPDX-License-Identifier: Apache-2.0
/* A library whose functions the exec programs call: libmytestlib.so. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <vaccel.h>

#define LIST_TYPE 100 /* custom type: a uint32_t count, and count uint32_t */

int mytestfunc(struct vaccel_arg *in, size_t nr_in, struct vaccel_arg *out, size_t nr_out);
int mytestfunc_nonser(struct vaccel_arg *in, size_t nr_in, struct vaccel_arg *out, size_t nr_out);

/* Doubles an int32_t. */
int mytestfunc(struct vaccel_arg *in, size_t nr_in, struct vaccel_arg *out, size_t nr_out)
{
	int32_t input, output;

	printf("I got nr_in: %zu, nr_out: %zu\n", nr_in, nr_out);
	if (nr_in < 1 || nr_out < 1 || !in[0].buf || in[0].size != sizeof(input) || !out[0].buf ||
	    out[0].size != sizeof(output))
		return VACCEL_EINVAL;

	memcpy(&input, in[0].buf, sizeof(input));
	printf("I got input: %" PRId32 "\n", input);
	output = (int32_t)(2 * (uint32_t)input);
	printf("Will return output: %" PRId32 "\n", output);
	memcpy(out[0].buf, &output, sizeof(output));
	return VACCEL_OK;
}

/* Reverses a list. */
int mytestfunc_nonser(struct vaccel_arg *in, size_t nr_in, struct vaccel_arg *out, size_t nr_out)
{
	uint32_t count, *to;
	const uint32_t *from;

	printf("I got nr_in: %zu, nr_out: %zu\n", nr_in, nr_out);
	if (nr_in < 1 || nr_out < 1)
		return VACCEL_EINVAL;
	if (in[0].type != VACCEL_ARG_CUSTOM || in[0].custom_type_id != LIST_TYPE ||
	    out[0].type != VACCEL_ARG_CUSTOM || out[0].custom_type_id != LIST_TYPE)
		return VACCEL_EINVAL;
	if (!in[0].buf || !out[0].buf || in[0].size < sizeof(count) || out[0].size != in[0].size)
		return VACCEL_EINVAL;

	from = in[0].buf;
	to = out[0].buf;
	count = from[0];
	if (in[0].size / sizeof(count) - 1 != count)
		return VACCEL_EINVAL;

	to[0] = count;
	for (uint32_t i = 0; i < count; i++)
		to[1 + i] = from[count - i];
	return VACCEL_OK;
}
