/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CLOCK_MONOTONIC for spans, read in half the time where the processor's counter (TSC) is what the kernel itself makes
 * it of: between two readings of the kernel's, at most 0.1 ms apart, the counter tells how much time has passed.
 */
#pragma once

#include <stdint.h>

/* trace_clock_begin - finds out how the clock is to be read; before the first trace_now(), once */
void trace_clock_begin(void);

/* The time in ns: within a tenth of a microsecond of now_ns(), and at least 3 later than this thread was told before */
uint64_t trace_now(void);
