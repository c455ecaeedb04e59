// SPDX-License-Identifier: Apache-2.0
#include "prof.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "vaccel/core.h"
#include "vaccel/error.h"
#include "vaccel/log.h"

#define SAMPLES_MIN 1024
#define NAME_SIZE 256

bool vaccel_prof_enabled(void)
{
	return vaccel_config()->profiling_enabled;
}

uint64_t prof_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_RAW, &now);
	return (uint64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Whether the region is one; says so when not. */
static bool check(const struct vaccel_prof_region *region)
{
	if (region)
		return true;
	vaccel_error("No profiling region given");
	return false;
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

int vaccel_prof_region_start(struct vaccel_prof_region *region)
{
	int ret;

	if (!vaccel_prof_enabled())
		return VACCEL_OK;
	if (!check(region))
		return VACCEL_EINVAL;
	ret = prof_region_add(region, 0, 0);
	if (ret)
		return ret;
	/* Last, so that the sample does not contain its own allocation. */
	region->samples[region->nr_entries - 1].start = prof_now();
	return VACCEL_OK;
}

int vaccel_prof_region_stop(const struct vaccel_prof_region *region)
{
	struct vaccel_prof_sample *last;
	uint64_t now;

	if (!vaccel_prof_enabled())
		return VACCEL_OK;
	now = prof_now();
	if (!check(region))
		return VACCEL_EINVAL;
	if (!region->nr_entries)
		return VACCEL_ENOENT;
	last = &region->samples[region->nr_entries - 1];
	last->time = now - last->start;
	return VACCEL_OK;
}

/* The region's line; returns its length as snprintf does. */
static int format(char *buf, size_t size, const struct vaccel_prof_region *region)
{
	uint64_t total = 0;

	for (size_t i = 0; i < region->nr_entries; i++)
		total += region->samples[i].time;
	return snprintf(buf, size, "[prof] %s: total_time: %" PRIu64 " nsec nr_entries: %zu",
			region->name ? region->name : "(unnamed)", total, region->nr_entries);
}

int vaccel_prof_region_print(const struct vaccel_prof_region *region)
{
	char line[2 * NAME_SIZE];

	if (!vaccel_prof_enabled())
		return VACCEL_OK;
	if (!check(region))
		return VACCEL_EINVAL;
	if (!region->nr_entries)
		return VACCEL_OK;
	format(line, sizeof(line), region);
	vaccel_info("%s", line);
	return VACCEL_OK;
}

int vaccel_prof_region_init(struct vaccel_prof_region *region, const char *name)
{
	char *copy;

	if (!vaccel_prof_enabled())
		return VACCEL_OK;
	if (!check(region))
		return VACCEL_EINVAL;
	copy = name ? strdup(name) : calloc(1, NAME_SIZE);
	if (!copy)
		return VACCEL_ENOMEM;
	*region = (struct vaccel_prof_region){ .name = copy, .name_owned = true };
	return VACCEL_OK;
}

int vaccel_prof_region_release(struct vaccel_prof_region *region)
{
	if (!vaccel_prof_enabled())
		return VACCEL_OK;
	if (!check(region))
		return VACCEL_EINVAL;
	if (region->name_owned)
		free((char *)region->name);
	free(region->samples);
	*region = (struct vaccel_prof_region){ 0 };
	return VACCEL_OK;
}

static struct vaccel_prof_region *find(struct vaccel_prof_region *regions, int nregions,
				       const char *name)
{
	if (!check(regions) || !name)
		return NULL;
	for (int i = nregions - 1; i >= 0; i--)
		if (regions[i].name && !strcmp(regions[i].name, name))
			return &regions[i];
	vaccel_error("No profiling region has the name %s", name);
	return NULL;
}

int vaccel_prof_regions_start_by_name(struct vaccel_prof_region *regions, int nregions,
				      const char *name)
{
	struct vaccel_prof_region *region;

	if (!vaccel_prof_enabled())
		return VACCEL_OK;
	region = find(regions, nregions, name);
	return region ? vaccel_prof_region_start(region) : VACCEL_EINVAL;
}

int vaccel_prof_regions_stop_by_name(struct vaccel_prof_region *regions, int nregions,
				     const char *name)
{
	struct vaccel_prof_region *region;

	if (!vaccel_prof_enabled())
		return VACCEL_OK;
	region = find(regions, nregions, name);
	return region ? vaccel_prof_region_stop(region) : VACCEL_EINVAL;
}

int vaccel_prof_regions_init(struct vaccel_prof_region *regions, int nregions)
{
	int ret;

	if (!vaccel_prof_enabled())
		return VACCEL_OK;
	if (!check(regions))
		return VACCEL_EINVAL;
	for (int i = 0; i < nregions; i++) {
		ret = vaccel_prof_region_init(&regions[i], NULL);
		if (ret) {
			vaccel_prof_regions_release(regions, i);
			return ret;
		}
	}
	return VACCEL_OK;
}

int vaccel_prof_regions_release(struct vaccel_prof_region *regions, int nregions)
{
	if (!vaccel_prof_enabled())
		return VACCEL_OK;
	if (!check(regions))
		return VACCEL_EINVAL;
	for (int i = 0; i < nregions; i++)
		vaccel_prof_region_release(&regions[i]);
	return VACCEL_OK;
}

int vaccel_prof_regions_print_all(struct vaccel_prof_region *regions, int nregions)
{
	if (!vaccel_prof_enabled())
		return VACCEL_OK;
	if (!check(regions))
		return VACCEL_EINVAL;
	for (int i = 0; i < nregions; i++)
		vaccel_prof_region_print(&regions[i]);
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

int vaccel_prof_regions_print_all_to_buf(char **tbuf, size_t tbuf_len,
					 struct vaccel_prof_region *regions, int size)
{
	char *buf;
	size_t used = 0;

	if (!vaccel_prof_enabled())
		return VACCEL_OK;
	if (!check(regions))
		return -VACCEL_EINVAL;
	if (!tbuf)
		return text_size(regions, size);
	if (!tbuf_len)
		return -VACCEL_EINVAL;

	/* Zeroed: what follows the last text reads as empty texts. */
	buf = calloc(1, tbuf_len);
	if (!buf)
		return -VACCEL_ENOMEM;
	for (int i = 0; i < size && used < tbuf_len; i++)
		used += (size_t)format(buf + used, tbuf_len - used, &regions[i]) + 1;
	*tbuf = buf;
	return size;
}
