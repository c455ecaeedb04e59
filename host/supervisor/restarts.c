// SPDX-License-Identifier: Apache-2.0
#include "restarts.h"

#include <stdio.h>
#include <string.h>

#include "transport/clock.h"

/* A worker that is ready for shorter than this has died young. */
#define YOUNG_MS 2000
/*
 * Delays before restarts: none, 10, 20, 40, ... ms, at most these. The first is short, since guests
 * wait for it; the second is for workers that never became ready: requests are refused meanwhile.
 */
#define MAX_DELAY_MS 640
#define MAX_START_DELAY_MS 10240
/* A loop of crashes is reported once for each step of the delay; at the last one, this often. */
#define REPORT_MS 60000

void restarts_ready(struct restarts *r)
{
	r->ready_ms = now_ms();
	r->failed_starts = 0;
}

/* Milliseconds to wait after so many failures. */
static unsigned int backoff(unsigned int failures, unsigned int max)
{
	unsigned int delay = failures ? 10u << (failures < 12 ? failures - 1 : 11) : 0;

	return delay < max ? delay : max;
}

/* Whether a death is reported; *more: how many were not, before this one. */
static bool is_reported(struct restarts *r, unsigned int delay, uint64_t now, unsigned int *more)
{
	if (delay && delay == r->reported_delay && now - r->reported_ms < REPORT_MS) {
		r->unreported++;
		return false;
	}
	*more = r->unreported;
	r->unreported = 0;
	r->reported_delay = delay;
	r->reported_ms = now;
	return true;
}

int restarts_lost(struct restarts *r, char *before, size_t size)
{
	unsigned int delay, more;
	uint64_t now = now_ms();

	if (r->ready_ms) {
		if (now - r->ready_ms >= YOUNG_MS)
			r->young_deaths = 0;
		delay = backoff(r->young_deaths++, MAX_DELAY_MS);
	} else {
		delay = backoff(++r->failed_starts, MAX_START_DELAY_MS);
	}
	r->nr++;
	r->ready_ms = 0;
	r->next_ms = now + delay;
	*before = '\0';
	if (!is_reported(r, delay, now, &more))
		return -1;
	if (more)
		snprintf(before, size, " (%u times since the last report)", more + 1);
	return (int)delay;
}

/* libvaccel ends a program whose plugins cannot be loaded with its error code. */
const char *restarts_hint(const struct policy *policy, const char *how)
{
	static const struct {
		const char *how, *hint;
	} hints[] = {
		{ "exited with status 2",
		  "a plugin of VACCEL_PLUGINS, or a library that it needs, was not found; the line above "
		  "names it" },
		{ "exited with status 80", "an entry of VACCEL_PLUGINS is not a plugin" },
		{ "exited with status 17", "VACCEL_PLUGINS names a plugin twice" },
		{ "exited with status 13", "no directory for its files can be made" },
		{ "exited with status 22",
		  "a plugin of VACCEL_PLUGINS is of another version, or a variable is bad" },
		{ "its executable could not be run", "give its place with --worker" },
		{ "a library that it needs was not found",
		  "the line above says why; run ldconfig, or add its directory to LD_LIBRARY_PATH; or "
		  "raise --max-memory" },
	};

	for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++)
		if (strcmp(how, hints[i].how) == 0)
			return hints[i].hint;
	if (policy->max_memory)
		return "--max-memory may be too little for it; VACCEL_LOG_LEVEL=4 shows how far it gets";
	return "set VACCEL_LOG_LEVEL=4 to see how far it gets";
}
