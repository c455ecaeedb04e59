/* SPDX-License-Identifier: Apache-2.0 */
/* Starts of a worker after its death: how long to wait before each, and which deaths the log tells of. */
#ifndef HOST_RESTARTS_H
#define HOST_RESTARTS_H

#include <stdbool.h>
#include <stdint.h>

#include "policy.h"

/** struct restarts - all zero: none so far */
struct restarts {
	uint64_t nr;
	uint64_t ready_ms;	     /* when the worker became ready; 0: it never did */
	uint64_t next_ms;	     /* when to start the next one, while there is none */
	unsigned int young_deaths;   /* workers in a row that died soon after they were ready */
	unsigned int failed_starts;  /* workers in a row that never were */
	unsigned int reported_delay; /* of the last death that was logged */
	unsigned int unreported;     /* deaths since then */
	uint64_t reported_ms;
};

/** restarts_ready() - the worker is ready */
void restarts_ready(struct restarts *r);

/**
 * restarts_lost() - the worker is gone: says when to start the next one, in @r->next_ms
 * @before: receives what to say of deaths before this one that were not told of; "" for none
 *
 * Return: the delay in ms; -1 the same, but this death is not to be told of, as so many others were the same.
 */
int restarts_lost(struct restarts *r, char *before, size_t size);

/** restarts_hint() - what the operator can do about a worker that did not start, from how it ended */
const char *restarts_hint(const struct policy *policy, const char *how);

#endif
