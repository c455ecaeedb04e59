// SPDX-License-Identifier: Apache-2.0
/*
 * Calls mytestfunc of a library that the program brings along as a resource: first one that is
 * made of the library's path, then one that is made of its bytes.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <vaccel.h>

#include "util.h"

#define SYMBOL "mytestfunc"

static int run(struct vaccel_session *sess, struct vaccel_resource *lib, int32_t input,
	       int32_t *output)
{
	struct vaccel_arg_array read, write;
	int ret;

	ret = vaccel_arg_array_init(&read, 1);
	if (ret)
		return ret;
	ret = vaccel_arg_array_init(&write, 1);
	if (ret)
		goto release_read;

	ret = vaccel_arg_array_add_int32(&read, &input);
	if (!ret)
		ret = vaccel_arg_array_add_int32(&write, output);
	if (!ret)
		ret = vaccel_exec_with_resource(sess, lib, SYMBOL, read.args, read.count,
						write.args, write.count);

	vaccel_arg_array_release(&write);
release_read:
	vaccel_arg_array_release(&read);
	return ret;
}

/* Registers the library, calls its function and prints the result. */
static int use(struct vaccel_session *sess, struct vaccel_resource *lib, const char *name,
	       long iterations)
{
	int32_t output = 0;
	int ret;

	ret = vaccel_resource_register(lib, sess);
	if (ret) {
		report_error(ret, "Could not register resource");
		return ret;
	}
	for (long i = 0; i < iterations && !ret; i++) {
		ret = run(sess, lib, 10, &output);
		if (ret)
			report_error(ret, "Could not run op");
		else
			printf("%s: %" PRId32 "\n", name, output);
	}
	if (vaccel_resource_unregister(lib, sess))
		fprintf(stderr, "Could not unregister resource\n");
	return ret;
}

int main(int argc, char **argv)
{
	struct vaccel_resource from_path, from_bytes;
	struct vaccel_session sess;
	void *bytes = NULL;
	size_t size;
	long iterations;
	int ret;

	if (!check_args(argc, argv, 1, 2, "lib_file [iterations]", 2, &iterations))
		return VACCEL_EINVAL;

	ret = read_file(argv[1], &bytes, &size);
	if (ret)
		return ret;
	ret = vaccel_resource_init(&from_path, argv[1], VACCEL_RESOURCE_LIB);
	if (ret) {
		report_error(ret, "Could not make a resource of %s", argv[1]);
		goto free_bytes;
	}
	ret = vaccel_resource_init_from_buf(&from_bytes, bytes, size, VACCEL_RESOURCE_LIB, "lib.so",
					    false);
	if (ret) {
		report_error(ret, "Could not make a resource of bytes");
		goto release_from_path;
	}

	ret = vaccel_session_init(&sess, 0);
	if (ret) {
		report_error(ret, "Could not initialize session");
		goto release_from_bytes;
	}
	printf("Initialized session with id: %lld\n", (long long)sess.id);

	ret = use(&sess, &from_path, "output1", iterations);
	if (!ret)
		ret = use(&sess, &from_bytes, "output2", iterations);

	if (vaccel_session_release(&sess))
		fprintf(stderr, "Could not release session\n");
release_from_bytes:
	vaccel_resource_release(&from_bytes);
release_from_path:
	vaccel_resource_release(&from_path);
free_bytes:
	free(bytes);
	return ret;
}
