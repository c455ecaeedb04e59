/* SPDX-License-Identifier: Apache-2.0 */
/* Profiling inside the library. */
#pragma once

#include "vaccel/prof.h"

/* The clock of all samples, in nanoseconds. */
uint64_t prof_now(void);

/* Appends a finished sample. ENOMEM. */
int prof_region_add(struct vaccel_prof_region *region, uint64_t start, uint64_t time);
