// SPDX-License-Identifier: Apache-2.0
/*
 * The mbench plugin: keeps a processor busy for as long as the program says. An exec op whose
 * library or function is called "mbench" has the time in its first argument, as decimal text in
 * milliseconds.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "transport/clock.h"
#include "vaccel.h"

#define NAME	    "mbench"
#define MAX_TIME_MS 300000

static struct vaccel_prof_region region = VACCEL_PROF_REGION_INIT("vaccel_mbench_plugin");
/* A region can be timed by one thread at a time: of calls that overlap, the first is. */
static pthread_mutex_t region_lock = PTHREAD_MUTEX_INITIALIZER;

/* The number in the argument, which need not be terminated; 0 when there is no good one. */
static long parse_time(const struct vaccel_arg *arg)
{
	long ms = 0;

	if (!arg->buf)
		return 0;
	for (size_t i = 0; i < arg->size; i++) {
		char c = ((const char *)arg->buf)[i];

		if (!c)
			break;
		if (c < '0' || c > '9')
			return 0;
		ms = ms * 10 + (c - '0');
		if (ms > MAX_TIME_MS)
			return 0;
	}
	return ms;
}

static void spin(long ms)
{
	uint64_t end = now_ns() + (uint64_t)ms * UINT64_C(1000000);

	while (now_ns() < end)
		;
}

static int op_exec(struct vaccel_session *sess, const char *library, const char *symbol,
		   struct vaccel_arg *read, size_t nr_read, struct vaccel_arg *write,
		   size_t nr_write)
{
	bool timed;
	long ms;

	(void)write;
	(void)nr_write;
	if (!sess)
		return VACCEL_EINVAL;
	vaccel_debug("Calling mbench for session %" PRId64, sess->id);

	if (!(library && !strcmp(library, NAME)) && !(symbol && !strcmp(symbol, NAME))) {
		vaccel_error("[mbench] Neither the library nor the function is \"" NAME "\"");
		return VACCEL_EINVAL;
	}
	if (!read || nr_read < 2) {
		vaccel_error("[mbench] Two arguments are needed: a time, and data");
		return VACCEL_EINVAL;
	}
	ms = parse_time(&read[0]);
	if (ms < 1) {
		vaccel_error("[mbench] The time has to be a number of 1 to %d ms", MAX_TIME_MS);
		return VACCEL_EINVAL;
	}

	timed = vaccel_prof_enabled() && !pthread_mutex_trylock(&region_lock);
	if (timed)
		vaccel_prof_region_start(&region);
	spin(ms);
	if (timed) {
		vaccel_prof_region_stop(&region);
		pthread_mutex_unlock(&region_lock);
	}
	vaccel_debug("[mbench] %ld ms elapsed", ms);
	return VACCEL_OK;
}

static struct vaccel_op ops[] = {VACCEL_OP_INIT(exec, VACCEL_OP_EXEC, op_exec)};

static int init(void)
{
	return vaccel_plugin_register_ops(ops, sizeof(ops) / sizeof(ops[0]));
}

static int fini(void)
{
	vaccel_prof_region_print(&region);
	vaccel_prof_region_release(&region);
	return VACCEL_OK;
}

VACCEL_PLUGIN(.name = "mbench", .version = VACCEL_VERSION, .vaccel_version = VACCEL_VERSION,
	      .type = VACCEL_PLUGIN_SOFTWARE | VACCEL_PLUGIN_GENERIC | VACCEL_PLUGIN_CPU,
	      .init = init, .fini = fini)
