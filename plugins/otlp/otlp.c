// SPDX-License-Identifier: Apache-2.0
/*
 * The profiling backend "otlp": it does what the backend "base" does with a program's regions, and makes a span of
 * OpenTelemetry of each measurement.
 */
#include "otlp.h"

#include "prof_base.h"
#include "vaccel.h"

static int stop(const struct vaccel_prof_region *region, vaccel_op_type_t op, const char *plugin)
{
	const int ret = prof_base.region_stop(region);

	(void)op;
	if (!ret)
		queue_add(region->name, region->samples[region->nr_entries - 1].time, plugin);
	return ret;
}

static int region_stop(const struct vaccel_prof_region *region)
{
	return stop(region, VACCEL_OP_NOOP, NULL);
}

static int regions_stop_by_name(struct vaccel_prof_region *regions, int nregions, const char *name)
{
	const struct vaccel_prof_region *region = prof_base_find(regions, nregions, name);

	return region ? region_stop(region) : VACCEL_EINVAL;
}

static int flush(void)
{
	return queue_flush() ? VACCEL_OK : VACCEL_EIO;
}

static struct vaccel_prof_backend backend;

static int init(void)
{
	int ret;

	backend = prof_base;
	backend.region_stop = region_stop;
	backend.region_stop_with_context = stop;
	backend.regions_stop_by_name = regions_stop_by_name;
	backend.flush = flush;
	ret = send_start();
	if (ret)
		return ret;
	queue_watch();
	queue_start();
	return vaccel_plugin_register_prof_backend(NAME, &backend);
}

static int fini(void)
{
	/* After an init that has failed there is none. */
	vaccel_plugin_unregister_prof_backend(NAME);
	queue_stop();
	send_stop();
	return VACCEL_OK;
}

VACCEL_PLUGIN(.name = NAME, .version = VACCEL_VERSION, .vaccel_version = VACCEL_VERSION,
	      .type = VACCEL_PLUGIN_PROFILING, .init = init, .fini = fini)
