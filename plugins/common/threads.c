// SPDX-License-Identifier: Apache-2.0
#include "threads.h"

#include <sched.h>
#include <stdlib.h>

#include "vaccel.h"

#define MAX_PROCESSORS 8192

unsigned int threads_processors(void)
{
	size_t size = CPU_ALLOC_SIZE(MAX_PROCESSORS);
	cpu_set_t *set = CPU_ALLOC(MAX_PROCESSORS);
	int nr = 0;

	if (set && !sched_getaffinity(0, size, set))
		nr = CPU_COUNT_S(size, set);
	CPU_FREE(set);
	return nr > 0 ? (unsigned int)nr : 1;
}

unsigned int threads_for(const char *variable, unsigned int most)
{
	const char *text = getenv(variable);
	unsigned int all = threads_processors();
	char *end;
	long value;

	if (most > all)
		most = all;
	if (!text || !*text)
		return most;
	value = strtol(text, &end, 10);
	if (*end || value < 1) {
		vaccel_warn("%s=%s is not a number of threads; there will be %u", variable, text, most);
		return most;
	}
	if (value > (long)all) {
		vaccel_warn("%s=%s is more than there are processors to use; there will be %u", variable,
			    text, all);
		return all;
	}
	return (unsigned int)value;
}
