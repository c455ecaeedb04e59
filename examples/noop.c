// SPDX-License-Identifier: Apache-2.0
/* The op that does nothing: what a call costs. */
#include <stdio.h>
#include <vaccel.h>

#include "util.h"

int main(int argc, char **argv)
{
	struct vaccel_session sess;
	long iterations;
	int ret;

	if (!check_args(argc, argv, 0, 1, "[iterations]", 1, &iterations))
		return VACCEL_EINVAL;

	ret = vaccel_session_init(&sess, 0);
	if (ret) {
		report_error(ret, "Could not initialize session");
		return ret;
	}
	printf("Initialized session with id: %lld\n", (long long)sess.id);

	for (long i = 0; i < iterations && !ret; i++) {
		ret = vaccel_noop(&sess);
		if (ret)
			report_error(ret, "Could not run op");
	}

	if (vaccel_session_release(&sess))
		fprintf(stderr, "Could not release session\n");
	return ret;
}
