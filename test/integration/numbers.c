// SPDX-License-Identifier: Apache-2.0
/* A small library for exec_with_resource. */
#include "vaccel.h"

__attribute__((visibility("default"))) int double_numbers(struct vaccel_arg *read, size_t nr_read,
							  struct vaccel_arg *write, size_t nr_write)
{
	const int32_t *in;
	int32_t *out;

	if (nr_read != 1 || nr_write != 1 || read->size != write->size)
		return VACCEL_EINVAL;
	in = read->buf;
	out = write->buf;
	for (size_t i = 0; i < read->size / sizeof(*in); i++)
		out[i] = 2 * in[i];
	return VACCEL_OK;
}
