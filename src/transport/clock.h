/* SPDX-License-Identifier: Apache-2.0 */
/* The time that both ends of the device measure with, and programs that measure them. */
#ifndef TRANSPORT_CLOCK_H
#define TRANSPORT_CLOCK_H

#include <stdint.h>
#include <time.h>

/** now_ns() - CLOCK_MONOTONIC in nanoseconds */
static inline uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * UINT64_C(1000000000) + (uint64_t)ts.tv_nsec;
}

/** now_ms() - the same in milliseconds */
static inline uint64_t now_ms(void)
{
	return now_ns() / 1000000u;
}

#endif
