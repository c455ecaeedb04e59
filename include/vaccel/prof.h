/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Profiling: a region is a named list of timed samples.
 *
 * While profiling is off (VACCEL_PROFILING_ENABLED) every function but prof_enabled does nothing
 * and returns 0, whatever its arguments. Otherwise functions return VACCEL_OK or a positive
 * code; EINVAL for NULL regions.
 *
 * Threads: there is no locking. One thread may use one region at a time.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Times in nanoseconds (CLOCK_MONOTONIC_RAW). */
struct vaccel_prof_sample {
	uint64_t start; /* when the sample started */
	uint64_t time; /* how long it took */
};

struct vaccel_prof_region {
	const char *name;
	bool name_owned; /* release frees name */
	size_t nr_entries; /* samples taken */
	struct vaccel_prof_sample *samples;
	size_t size; /* samples that fit */
};

/* Static initialiser of a region; name must outlive it. */
#define VACCEL_PROF_REGION_INIT(name) { (name), false, 0, NULL, 0 }

bool vaccel_prof_enabled(void);

/* Starts a new sample. ENOMEM. */
int vaccel_prof_region_start(struct vaccel_prof_region *region);

/* Sets the time of the last sample, also repeatedly. ENOENT: there is none. */
int vaccel_prof_region_stop(const struct vaccel_prof_region *region);

/* Logs total time and number of samples at info level; nothing when there are none. */
int vaccel_prof_region_print(const struct vaccel_prof_region *region);

/*
 * Makes an empty region with a copy of name, or with an empty name of 256 bytes for the caller
 * to fill when name is NULL. ENOMEM. Pair with vaccel_prof_region_release.
 */
int vaccel_prof_region_init(struct vaccel_prof_region *region, const char *name);

/* Frees the samples and an owned name. */
int vaccel_prof_region_release(struct vaccel_prof_region *region);

/* The same for one of nregions regions: the last one with this name. EINVAL: no such name. */
int vaccel_prof_regions_start_by_name(struct vaccel_prof_region *regions, int nregions,
				      const char *name);
int vaccel_prof_regions_stop_by_name(struct vaccel_prof_region *regions, int nregions,
				     const char *name);

/* The same for each of nregions regions; init gives them empty names of 256 bytes to fill. */
int vaccel_prof_regions_init(struct vaccel_prof_region *regions, int nregions);
int vaccel_prof_regions_release(struct vaccel_prof_region *regions, int nregions);
int vaccel_prof_regions_print_all(struct vaccel_prof_region *regions, int nregions);

/*
 * vaccel_prof_regions_print_all_to_buf - print regions into an allocated buffer
 * @tbuf: NULL asks for the number of bytes needed; otherwise receives a buffer of tbuf_len bytes
 *	that the caller frees: one NUL-terminated text per region, cut at the end of the buffer
 * @size: number of regions
 *
 * Returns the bytes needed or the number of regions; a negative code on failure.
 */
int vaccel_prof_regions_print_all_to_buf(char **tbuf, size_t tbuf_len,
					 struct vaccel_prof_region *regions, int size);

#ifdef __cplusplus
}
#endif
