// SPDX-License-Identifier: Apache-2.0
/*
 * Calls mytestfunc of a library in two sessions in turn: one on the other side of a virtio plugin,
 * one on a plugin of this machine.
 */
#include <inttypes.h>
#include <stdio.h>
#include <vaccel.h>

#include "util.h"

#define SYMBOL "mytestfunc"

static int run(struct vaccel_session *sess, const char *library)
{
	struct vaccel_arg_array read, write;
	int32_t input = 10, output = 0;
	int ret;

	ret = vaccel_arg_array_init(&read, 1);
	if (ret)
		return ret;
	ret = vaccel_arg_array_init(&write, 1);
	if (ret)
		goto release_read;

	ret = vaccel_arg_array_add_int32(&read, &input);
	if (!ret)
		ret = vaccel_arg_array_add_int32(&write, &output);
	if (!ret)
		ret = vaccel_exec(sess, library, SYMBOL, read.args, read.count, write.args,
				  write.count);
	if (!ret)
		printf("output(2x10): %" PRId32 "\n", output);
	else
		report_error(ret, "Could not run op");

	vaccel_arg_array_release(&write);
release_read:
	vaccel_arg_array_release(&read);
	return ret;
}

int main(int argc, char **argv)
{
	struct vaccel_session virtio, local;
	long iterations;
	int ret;

	if (!check_args(argc, argv, 1, 2, "lib_file [iterations]", 2, &iterations))
		return VACCEL_EINVAL;

	ret = vaccel_session_init(&virtio, VACCEL_PLUGIN_REMOTE);
	if (ret) {
		report_error(ret, "Could not initialize virtio session");
		return ret;
	}
	printf("Initialized virtio session with id: %lld\n", (long long)virtio.id);
	ret = vaccel_session_init(&local, 0);
	if (ret) {
		report_error(ret, "Could not initialize local session");
		goto release_virtio;
	}
	printf("Initialized local session with id: %lld\n", (long long)local.id);

	for (long i = 0; i < iterations && !ret; i++) {
		ret = run(&virtio, argv[1]);
		if (!ret)
			ret = run(&local, argv[1]);
	}

	if (vaccel_session_release(&local))
		fprintf(stderr, "Could not release local session\n");
release_virtio:
	if (vaccel_session_release(&virtio))
		fprintf(stderr, "Could not release virtio session\n");
	return ret;
}
