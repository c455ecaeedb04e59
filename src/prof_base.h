/* SPDX-License-Identifier: Apache-2.0 */
/* The profiling backend "base". Its functions expect arguments that vaccel_prof_* has checked. */
#pragma once

#include <stdint.h>

#include "vaccel/prof_backend.h"

extern const struct vaccel_prof_backend prof_base;

/* The clock of all samples, in nanoseconds. */
uint64_t prof_now(void);

/* Appends a finished sample. ENOMEM. */
int prof_region_add(struct vaccel_prof_region *region, uint64_t start, uint64_t time);

/* The last region of this name, or NULL, logged. */
struct vaccel_prof_region *prof_base_find(struct vaccel_prof_region *regions, int nregions, const char *name);
