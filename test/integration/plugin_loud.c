// SPDX-License-Identifier: Apache-2.0
/* A plugin that prints what it is told: the op exec names how, and what. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "vaccel.h"

/* As fast as it can, for so many milliseconds, past everything that would hold it back */
static void *flood(void *arg)
{
	static const char lines[] = "a line of a plugin that was taken over\n"
				    "2026.01.01-00:00:00.00 - <error> and another\n\n\033[2J\n";
	struct timespec now, end;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += (long)(intptr_t)arg / 1000;
	do {
		for (int i = 0; i < 100; i++)
			(void)!write(STDOUT_FILENO, lines, sizeof(lines) - 1);
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (now.tv_sec < end.tv_sec ||
		 (now.tv_sec == end.tv_sec && now.tv_nsec < end.tv_nsec));
	return NULL;
}

static int op_exec(struct vaccel_session *sess, const char *how, const char *what,
		   struct vaccel_arg *read, size_t nr_read, struct vaccel_arg *write_args,
		   size_t nr_write)
{
	pthread_t thread;

	(void)sess;
	(void)read;
	(void)nr_read;
	(void)write_args;
	(void)nr_write;
	if (!strcmp(how, "say"))
		return write(STDOUT_FILENO, what, strlen(what)) < 0 ? errno : 0;
	if (!strcmp(how, "flood")) {
		if (pthread_create(&thread, NULL, flood, (void *)(intptr_t)atoi(what)))
			return VACCEL_EAGAIN;
		pthread_detach(thread);
		return VACCEL_OK;
	}
	vaccel_error("there is no function %s", what);
	return VACCEL_ENOENT;
}

static struct vaccel_op ops[] = { VACCEL_OP_INIT(exec, VACCEL_OP_EXEC, op_exec) };

static int init(void)
{
	return vaccel_plugin_register_ops(ops, 1);
}

static int fini(void)
{
	return VACCEL_OK;
}

VACCEL_PLUGIN(.name = "loud", .version = "1", .vaccel_version = VACCEL_VERSION,
	      .type = VACCEL_PLUGIN_GENERIC, .init = init, .fini = fini)
