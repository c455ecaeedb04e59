// SPDX-License-Identifier: Apache-2.0
/*
 * The profiling backend "base": it adds up times, and logs them. A part of libvaccel, and of plugins whose backends
 * do more than that.
 */
#include "prof_base.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "vaccel/error.h"
#include "vaccel/log.h"

#define SAMPLES_MIN 1024
#define NAME_SIZE 256

uint64_t prof_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_RAW, &now);
	return (uint64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int prof_region_add(struct vaccel_prof_region *region, uint64_t start, uint64_t time)
{
	if (region->nr_entries == region->size) {
		size_t size = region->size ? region->size : SAMPLES_MIN / 2;
		struct vaccel_prof_sample *samples;

		if (__builtin_mul_overflow(size, 2, &size))
			return VACCEL_ENOMEM;
		samples = reallocarray(region->samples, size, sizeof(*samples));
		if (!samples)
			return VACCEL_ENOMEM;
		region->samples = samples;
		region->size = size;
	}
	region->samples[region->nr_entries++] =
		(struct vaccel_prof_sample){ .start = start, .time = time };
	return VACCEL_OK;
}

static int region_start(struct vaccel_prof_region *region)
{
	const int ret = prof_region_add(region, 0, 0);

	if (ret)
		return ret;
	/* Last, so that the sample does not contain its own allocation. */
	region->samples[region->nr_entries - 1].start = prof_now();
	return VACCEL_OK;
}

static int region_stop(const struct vaccel_prof_region *region)
{
	const uint64_t now = prof_now();
	struct vaccel_prof_sample *last;

	if (!region->nr_entries)
		return VACCEL_ENOENT;
	last = &region->samples[region->nr_entries - 1];
	last->time = now - last->start;
	return VACCEL_OK;
}

/* Hundredths of how many of them a second has; not as a fraction, which has a comma in some locales */
static uint64_t per_second(size_t nr, uint64_t total)
{
	const double rate = total ? (double)nr * 1e11 / (double)total : 0;

	return rate < 1e18 ? (uint64_t)(rate + 0.5) : (uint64_t)1e18;
}

/* The region's line; returns its length as snprintf does. */
static int format(char *buf, size_t size, const struct vaccel_prof_region *region)
{
	const size_t nr = region->nr_entries;
	uint64_t total = 0, rate;

	for (size_t i = 0; i < nr; i++)
		total += region->samples[i].time;
	rate = per_second(nr, total);
	return snprintf(buf, size, "[prof] %s: total_time: %" PRIu64 " nsec nr_entries: %zu avg_time: %" PRIu64
			" nsec ops_per_sec: %" PRIu64 ".%02u", region->name ? region->name : "(unnamed)", total, nr,
			nr ? total / nr : 0, rate / 100, (unsigned int)(rate % 100));
}

static int region_print(const struct vaccel_prof_region *region)
{
	char line[2 * NAME_SIZE];

	if (!region->nr_entries)
		return VACCEL_OK;
	format(line, sizeof(line), region);
	vaccel_info("%s", line);
	return VACCEL_OK;
}

static int region_init(struct vaccel_prof_region *region, const char *name)
{
	char *copy = name ? strdup(name) : calloc(1, NAME_SIZE);

	if (!copy)
		return VACCEL_ENOMEM;
	*region = (struct vaccel_prof_region){ .name = copy, .name_owned = true };
	return VACCEL_OK;
}

static int region_release(struct vaccel_prof_region *region)
{
	if (region->name_owned)
		free((char *)region->name);
	free(region->samples);
	*region = (struct vaccel_prof_region){ 0 };
	return VACCEL_OK;
}

struct vaccel_prof_region *prof_base_find(struct vaccel_prof_region *regions, int nregions, const char *name)
{
	for (int i = nregions - 1; i >= 0; i--)
		if (regions[i].name && !strcmp(regions[i].name, name))
			return &regions[i];
	vaccel_error("No profiling region has the name %s", name);
	return NULL;
}

static int regions_start_by_name(struct vaccel_prof_region *regions, int nregions, const char *name)
{
	struct vaccel_prof_region *region = prof_base_find(regions, nregions, name);

	return region ? region_start(region) : VACCEL_EINVAL;
}

static int regions_stop_by_name(struct vaccel_prof_region *regions, int nregions, const char *name)
{
	struct vaccel_prof_region *region = prof_base_find(regions, nregions, name);

	return region ? region_stop(region) : VACCEL_EINVAL;
}

static int regions_release(struct vaccel_prof_region *regions, int nregions)
{
	for (int i = 0; i < nregions; i++)
		region_release(&regions[i]);
	return VACCEL_OK;
}

static int regions_init(struct vaccel_prof_region *regions, int nregions)
{
	int ret;

	for (int i = 0; i < nregions; i++) {
		ret = region_init(&regions[i], NULL);
		if (ret) {
			regions_release(regions, i);
			return ret;
		}
	}
	return VACCEL_OK;
}

static int regions_print_all(struct vaccel_prof_region *regions, int nregions)
{
	for (int i = 0; i < nregions; i++)
		region_print(&regions[i]);
	return VACCEL_OK;
}

/* Bytes that the texts of all regions take. */
static int text_size(const struct vaccel_prof_region *regions, int nregions)
{
	int total = 0;

	for (int i = 0; i < nregions; i++)
		if (__builtin_add_overflow(total, format(NULL, 0, &regions[i]) + 1, &total))
			return -VACCEL_ERANGE;
	return total;
}

static int regions_print_all_to_buf(char **tbuf, size_t tbuf_len, struct vaccel_prof_region *regions, int size)
{
	char *buf;
	size_t used = 0;

	if (!tbuf)
		return text_size(regions, size);

	/* Zeroed: what follows the last text reads as empty texts. */
	buf = calloc(1, tbuf_len);
	if (!buf)
		return -VACCEL_ENOMEM;
	for (int i = 0; i < size && used < tbuf_len; i++)
		used += (size_t)format(buf + used, tbuf_len - used, &regions[i]) + 1;
	*tbuf = buf;
	return size;
}

const struct vaccel_prof_backend prof_base = {
	.region_start = region_start,
	.region_stop = region_stop,
	.region_init = region_init,
	.region_release = region_release,
	.region_print = region_print,
	.regions_start_by_name = regions_start_by_name,
	.regions_stop_by_name = regions_stop_by_name,
	.regions_init = regions_init,
	.regions_release = regions_release,
	.regions_print_all = regions_print_all,
	.regions_print_all_to_buf = regions_print_all_to_buf,
};
