// SPDX-License-Identifier: Apache-2.0
/* Profiling: the public functions check what they are given, and call the backend. */
#include "prof.h"

#include "vaccel/core.h"
#include "vaccel/error.h"
#include "vaccel/log.h"

bool vaccel_prof_enabled(void)
{
	return vaccel_config()->profiling_enabled;
}

/* Whether the region is one; says so when not. */
static bool check(const struct vaccel_prof_region *region)
{
	if (region)
		return true;
	vaccel_error("No profiling region given");
	return false;
}

int vaccel_prof_region_start(struct vaccel_prof_region *region)
{
	if (!vaccel_prof_enabled())
		return VACCEL_OK;
	return check(region) ? prof_backend()->region_start(region) : VACCEL_EINVAL;
}

int vaccel_prof_region_stop(const struct vaccel_prof_region *region)
{
	if (!vaccel_prof_enabled())
		return VACCEL_OK;
	return check(region) ? prof_backend()->region_stop(region) : VACCEL_EINVAL;
}

int vaccel_prof_region_print(const struct vaccel_prof_region *region)
{
	if (!vaccel_prof_enabled())
		return VACCEL_OK;
	return check(region) ? prof_backend()->region_print(region) : VACCEL_EINVAL;
}

int vaccel_prof_region_init(struct vaccel_prof_region *region, const char *name)
{
	if (!vaccel_prof_enabled())
		return VACCEL_OK;
	return check(region) ? prof_backend()->region_init(region, name) : VACCEL_EINVAL;
}

int vaccel_prof_region_release(struct vaccel_prof_region *region)
{
	if (!vaccel_prof_enabled())
		return VACCEL_OK;
	return check(region) ? prof_backend()->region_release(region) : VACCEL_EINVAL;
}

int vaccel_prof_regions_start_by_name(struct vaccel_prof_region *regions, int nregions, const char *name)
{
	if (!vaccel_prof_enabled())
		return VACCEL_OK;
	if (!check(regions) || !name)
		return VACCEL_EINVAL;
	return prof_backend()->regions_start_by_name(regions, nregions, name);
}

int vaccel_prof_regions_stop_by_name(struct vaccel_prof_region *regions, int nregions, const char *name)
{
	if (!vaccel_prof_enabled())
		return VACCEL_OK;
	if (!check(regions) || !name)
		return VACCEL_EINVAL;
	return prof_backend()->regions_stop_by_name(regions, nregions, name);
}

int vaccel_prof_regions_init(struct vaccel_prof_region *regions, int nregions)
{
	if (!vaccel_prof_enabled())
		return VACCEL_OK;
	return check(regions) ? prof_backend()->regions_init(regions, nregions) : VACCEL_EINVAL;
}

int vaccel_prof_regions_release(struct vaccel_prof_region *regions, int nregions)
{
	if (!vaccel_prof_enabled())
		return VACCEL_OK;
	return check(regions) ? prof_backend()->regions_release(regions, nregions) : VACCEL_EINVAL;
}

int vaccel_prof_regions_print_all(struct vaccel_prof_region *regions, int nregions)
{
	if (!vaccel_prof_enabled())
		return VACCEL_OK;
	return check(regions) ? prof_backend()->regions_print_all(regions, nregions) : VACCEL_EINVAL;
}

int vaccel_prof_regions_print_all_to_buf(char **tbuf, size_t tbuf_len,
					 struct vaccel_prof_region *regions, int size)
{
	if (!vaccel_prof_enabled())
		return VACCEL_OK;
	if (!check(regions) || (tbuf && !tbuf_len))
		return -VACCEL_EINVAL;
	return prof_backend()->regions_print_all_to_buf(tbuf, tbuf_len, regions, size);
}

int vaccel_prof_flush(void)
{
	const struct vaccel_prof_backend *backend;

	if (!vaccel_prof_enabled())
		return VACCEL_OK;
	backend = prof_backend();
	return backend->flush ? backend->flush() : VACCEL_OK;
}
