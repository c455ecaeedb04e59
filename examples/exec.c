// SPDX-License-Identifier: Apache-2.0
/* Calls mytestfunc of a library; with GENERIC through vaccel_genop. */
#include <inttypes.h>
#include <stdio.h>
#include <vaccel.h>

#include "util.h"

#define SYMBOL "mytestfunc"

#ifdef GENERIC
static int run(struct vaccel_session *sess, char *library, int32_t *input, int32_t *output)
{
	uint8_t op = VACCEL_OP_EXEC;
	char symbol[] = SYMBOL;
	struct vaccel_arg_array read, write;
	int ret;

	ret = vaccel_arg_array_init(&read, 4);
	if (ret)
		return ret;
	ret = vaccel_arg_array_init(&write, 1);
	if (ret)
		goto release_read;

	ret = vaccel_arg_array_add_uint8(&read, &op);
	if (!ret)
		ret = vaccel_arg_array_add_string(&read, library);
	if (!ret)
		ret = vaccel_arg_array_add_string(&read, symbol);
	if (!ret)
		ret = vaccel_arg_array_add_int32(&read, input);
	if (!ret)
		ret = vaccel_arg_array_add_int32(&write, output);
	if (!ret)
		ret = vaccel_genop(sess, read.args, (int)read.count, write.args, (int)write.count);

	vaccel_arg_array_release(&write);
release_read:
	vaccel_arg_array_release(&read);
	return ret;
}
#else
static int run(struct vaccel_session *sess, char *library, int32_t *input, int32_t *output)
{
	struct vaccel_arg_array read, write;
	int ret;

	ret = vaccel_arg_array_init(&read, 1);
	if (ret)
		return ret;
	ret = vaccel_arg_array_init(&write, 1);
	if (ret)
		goto release_read;

	ret = vaccel_arg_array_add_int32(&read, input);
	if (!ret)
		ret = vaccel_arg_array_add_int32(&write, output);
	if (!ret)
		ret = vaccel_exec(sess, library, SYMBOL, read.args, read.count, write.args,
				  write.count);

	vaccel_arg_array_release(&write);
release_read:
	vaccel_arg_array_release(&read);
	return ret;
}
#endif

int main(int argc, char **argv)
{
	struct vaccel_session sess;
	int32_t input = 10, output = 0;
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

	for (long i = 0; i < iterations && !ret; i++) {
		ret = run(&sess, argv[1], &input, &output);
		if (ret)
			report_error(ret, "Could not run op");
		else
			printf("output: %" PRId32 "\n", output);
	}

	if (vaccel_session_release(&sess))
		fprintf(stderr, "Could not release session\n");
	return ret;
}
