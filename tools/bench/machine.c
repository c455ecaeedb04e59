// SPDX-License-Identifier: Apache-2.0
/*
 * How the machine does while something is measured: how long it takes to copy 1 MiB, the same of bytes that
 * another processor has just written, and for two processes to wake each other.
 */
#include "bench-tool.h"

#include <stdlib.h>
#include <string.h>

#define YARDSTICKS 3
/* Calls of a look, of which the median counts */
#define CALLS	   7
#define MAX_LOOKS  4096

static struct yardstick {
	const char *key; /* in JSON */
	struct side *side;
	double *us;	 /* of each look */
	unsigned int nr;
} yardsticks[YARDSTICKS];

void machine_open(const struct bench_options *o)
{
	yardsticks[0] = (struct yardstick){"memcpy_us", side_memcpy(MACHINE_COPY), NULL, 0};
	yardsticks[1] = (struct yardstick){"handed_over_us", side_handed_over(o->cpus), NULL, 0};
	yardsticks[2] = (struct yardstick){"wakeup_us", side_eventfd(o->cpus), NULL, 0};
	for (unsigned int i = 0; i < YARDSTICKS; i++)
		yardsticks[i].us = bench_alloc(MAX_LOOKS * sizeof(double));
}

void machine_look(void)
{
	uint64_t ns[CALLS];
	size_t made;

	for (unsigned int i = 0; i < YARDSTICKS; i++) {
		struct yardstick *y = &yardsticks[i];
		int err;

		if (!y->side || y->nr == MAX_LOOKS)
			continue;
		err = y->side->run(y->side, CALLS, ns, &made);
		if (err)
			bench_die(EXIT_FAILURE, "%s failed: %s", y->side->name, strerror(err));
		sort_ns(ns, made);
		y->us[y->nr++] = quantile(ns, made, 0.5) / 1e3;
	}
}

void machine_print(void (*add)(void *arg, const char *key, double value), void *arg)
{
	for (unsigned int i = 0; i < YARDSTICKS; i++)
		if (yardsticks[i].nr)
			add(arg, yardsticks[i].key, median(yardsticks[i].us, yardsticks[i].nr));
}

void machine_close(void)
{
	for (unsigned int i = 0; i < YARDSTICKS; i++) {
		if (yardsticks[i].side)
			yardsticks[i].side->close(yardsticks[i].side);
		free(yardsticks[i].us);
		yardsticks[i] = (struct yardstick){NULL, NULL, NULL, 0};
	}
}
