// SPDX-License-Identifier: Apache-2.0
/* The host's times in the guest's profiling report. The guest's own are measured by libvaccel. */
#include "remote.h"

#include <inttypes.h>

struct profile {
	uint64_t calls[VACCEL_OP_MAX];
	uint64_t times[VACCEL_OP_MAX]; /* nanoseconds */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct profile sum;

void remote_profile_add(struct vaccel_session *sess)
{
	struct profile p = {0};

	/* A lost session, or a device that does not measure, leaves a gap in the report only. */
	if (!vaccel_prof_enabled() ||
	    remote_SESSION_PROFILE(sess, VACCEL_OP_MAX, p.calls, p.times))
		return;
	pthread_mutex_lock(&lock);
	for (unsigned int op = 0; op < VACCEL_OP_MAX; op++) {
		sum.calls[op] += p.calls[op];
		sum.times[op] += p.times[op];
	}
	pthread_mutex_unlock(&lock);
}

void remote_profile_log(void)
{
	char name[VACCEL_ENUM_STR_MAX];

	if (!vaccel_prof_enabled())
		return;
	pthread_mutex_lock(&lock);
	for (unsigned int op = 0; op < VACCEL_OP_MAX; op++)
		if (sum.calls[op])
			vaccel_info("[prof] host: vaccel_%s_op: total_time: %" PRIu64
				    " nsec nr_entries: %" PRIu64,
				    vaccel_op_type_name((vaccel_op_type_t)op, name, sizeof(name)),
				    sum.times[op], sum.calls[op]);
	sum = (struct profile){0};
	pthread_mutex_unlock(&lock);
}
