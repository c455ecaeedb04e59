/* SPDX-License-Identifier: Apache-2.0 */
/* What the supervisor tells the observer, in the client's page (counters.h). */
#ifndef HOST_DEVICE_COUNTERS_H
#define HOST_DEVICE_COUNTERS_H

#include "device.h"

/** How often it is brought up to date */
#define DEVICE_COUNTERS_MS 1000

/** DEVICE_COUNT() - the sum over all queues of what the worker counts in inflight.h */
#define DEVICE_COUNT(dev, field)                                                   \
	({                                                                         \
		uint64_t nr_ = 0;                                                  \
		for (unsigned int i_ = 0; i_ < (dev)->opts.num_queues; i_++)       \
			nr_ += atomic_load(&(dev)->area->queues[i_].field);        \
		nr_;                                                               \
	})

/** device_counters_update() - writes how things are now; nothing where nobody wants to know */
void device_counters_update(struct device *dev);

#endif
