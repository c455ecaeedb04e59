// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "trace_clock.h"

#include "transport/clock.h"

#ifdef __x86_64__

#include <cpuid.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <x86intrin.h>

/* From the first reading to one that tells how quick the counter is; it is measured anew later, over a longer time */
#define FIRST_NS  UINT64_C(1000000)
#define LATER_NS  UINT64_C(1000000000)
/* How long a reading counts */
#define VALID_NS UINT64_C(100000)
/* Ticks around a reading: with more of them the thread was interrupted, and the two say nothing about each other. */
#define TICKS_MAX 2000
#define STEP_NS	  3

/* A reading of both */
struct reading {
	uint64_t tsc, ns;
};

/* Of a thread */
struct state {
	struct reading base, last; /* to measure from; to count from */
	uint64_t valid;		   /* ticks for which last counts; 0: it does not */
	uint64_t rate;		   /* ns in 2^32 ticks; 0: not known yet */
	uint64_t told;
};

static atomic_bool usable;
static _Thread_local struct state state __attribute__((tls_model("initial-exec")));

static bool kernel_uses_it(void)
{
	FILE *f = fopen("/sys/devices/system/clocksource/clocksource0/current_clocksource", "re");
	char name[8] = "";

	if (!f)
		return false;
	if (!fgets(name, sizeof(name), f))
		*name = '\0';
	fclose(f);
	return !strcmp(name, "tsc\n");
}

void trace_clock_begin(void)
{
	unsigned int a, b, c, d;

	/* Advanced power management: the counter runs at one speed, and does not stop. */
	atomic_store(&usable, __get_cpuid(0x80000007, &a, &b, &c, &d) && d & 1u << 8 && kernel_uses_it());
}

/* Learns how quick the counter is from how far it has come since the base. */
static void measure(struct state *s, struct reading now)
{
	const uint64_t ns = now.ns - s->base.ns, ticks = now.tsc - s->base.tsc;
	uint64_t rate;

	if (s->base.ns && ns < (s->rate ? LATER_NS : FIRST_NS))
		return;
	/* So long ago that the product overflows: only the base is new. */
	if (s->base.ns && ns <= UINT32_MAX && ticks) {
		rate = (ns << 32) / ticks;
		/* Not the same speed as before: the machine slept, or the VM has moved. */
		if (s->rate && (rate > s->rate + s->rate / 1024 || rate < s->rate - s->rate / 1024))
			rate = 0;
		s->rate = rate;
	}
	s->base = now;
}

/* Asks the kernel. */
static uint64_t read_both(struct state *s)
{
	const uint64_t before = __rdtsc(), ns = now_ns(), after = __rdtsc();
	const struct reading now = { before + (after - before) / 2, ns };

	s->valid = 0;
	if (after - before < TICKS_MAX) {
		measure(s, now);
		s->last = now;
		s->valid = s->rate ? (VALID_NS << 32) / s->rate : 0;
	}
	return ns;
}

uint64_t trace_now(void)
{
	struct state *s = &state;
	uint64_t ns, ticks;

	if (!atomic_load_explicit(&usable, memory_order_relaxed))
		return now_ns();
	ticks = __rdtsc() - s->last.tsc;
	ns = ticks < s->valid ? s->last.ns + (ticks * s->rate >> 32) : read_both(s);
	/* Later than before, and so that spans which begin and end a nanosecond beside it do not overlap */
	if (ns < s->told + STEP_NS)
		ns = s->told + STEP_NS;
	s->told = ns;
	return ns;
}

#else

void trace_clock_begin(void)
{
}

uint64_t trace_now(void)
{
	return now_ns();
}

#endif
