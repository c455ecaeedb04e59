// SPDX-License-Identifier: Apache-2.0
/* Keeps a processor busy for some time with the mbench plugin; the file is sent along. */
#include <stdio.h>
#include <stdlib.h>
#include <vaccel.h>

#include "util.h"

#define SYMBOL "mbench"

static int run(struct vaccel_session *sess, const char *library, char *time_ms, void *data,
	       size_t size)
{
	struct vaccel_arg_array read;
	int ret;

	ret = vaccel_arg_array_init(&read, 2);
	if (ret)
		return ret;
	ret = vaccel_arg_array_add_string(&read, time_ms);
	if (!ret)
		ret = vaccel_arg_array_add_buffer(&read, data, size);
	if (!ret)
		ret = vaccel_exec(sess, library, SYMBOL, read.args, read.count, NULL, 0);
	vaccel_arg_array_release(&read);
	return ret;
}

int main(int argc, char **argv)
{
	struct vaccel_session sess;
	long iterations;
	size_t size;
	void *data;
	int ret;

	if (!check_args(argc, argv, 2, 3, "time_ms lib_file [iterations]", 3, &iterations))
		return VACCEL_EINVAL;

	ret = read_file(argv[2], &data, &size);
	if (ret)
		return ret;
	ret = vaccel_session_init(&sess, 0);
	if (ret) {
		report_error(ret, "Could not initialize session");
		goto free_data;
	}
	printf("Initialized session with id: %lld\n", (long long)sess.id);

	for (long i = 0; i < iterations && !ret; i++) {
		ret = run(&sess, argv[2], argv[1], data, size);
		if (ret)
			report_error(ret, "Could not run op");
	}

	if (vaccel_session_release(&sess))
		fprintf(stderr, "Could not release session\n");
free_data:
	free(data);
	return ret;
}
