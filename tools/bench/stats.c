// SPDX-License-Identifier: Apache-2.0
/* Time, numbers, and the end of the program. */
#include "bench-tool.h"

#include <malloc.h>
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#define OWN_MAPPING 65536
#define HUGE_PAGE   (2 << 20)

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

void sort_ns(uint64_t *ns, size_t nr)
{
	qsort(ns, nr, sizeof(*ns), by_number);
}

double quantile(const uint64_t *sorted, size_t nr, double q)
{
	size_t at = (size_t)(q * (double)nr);

	/* The middle of an even number of values lies between two. */
	if (q == 0.5 && nr % 2 == 0)
		return ((double)sorted[nr / 2 - 1] + (double)sorted[nr / 2]) / 2;
	return (double)sorted[at < nr ? at : nr - 1];
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double median(double *values, size_t nr)
{
	qsort(values, nr, sizeof(*values), by_value);
	return nr % 2 ? values[nr / 2] : (values[nr / 2 - 1] + values[nr / 2]) / 2;
}

void bench_die(int status, const char *format, ...)
{
	va_list args;

	fflush(stdout);
	fputs("vaccel-bench: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(status);
}

void *bench_alloc(size_t size)
{
	void *p = calloc(1, size ? size : 1);

	if (!p)
		bench_die(EX_OSERR, "no memory for %zu bytes", size);
	return p;
}

/*
 * Below HUGE_PAGE the kernel gives huge pages or not, as the addresses happen to lie, which makes
 * calls twice as fast in one run and not in the next: then small ones, which is the harder case.
 */
void *bench_data(size_t size)
{
	void *p;

	/* Each in a mapping of its own, always */
	mallopt(M_MMAP_THRESHOLD, OWN_MAPPING);
	p = bench_alloc(size);
	if (size >= OWN_MAPPING && size < HUGE_PAGE) {
		size_t in_page = (uintptr_t)p % (size_t)sysconf(_SC_PAGESIZE);

		(void)madvise((char *)p - in_page, size + in_page, MADV_NOHUGEPAGE);
	}
	return p;
}

void pin_to(int cpu)
{
	cpu_set_t set;

	if (cpu < 0)
		return;
	CPU_ZERO(&set);
	CPU_SET((unsigned int)cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		bench_die(EX_USAGE, "--cpus: processor %d cannot be used here", cpu);
}
