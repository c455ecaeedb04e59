// SPDX-License-Identifier: Apache-2.0
#include "device_counters.h"

#include "transport/clock.h"

/* Requests that are in flight. @oldest_ns: receives since when the oldest one is, 0: there is none */
static unsigned int count_inflight(const struct device *dev, uint64_t *oldest_ns)
{
	unsigned int nr = 0;

	*oldest_ns = 0;
	for (unsigned int i = 0; i < dev->opts.num_queues; i++) {
		const struct device_queue *q = &dev->queues[i];

		for (unsigned int h = 0; q->running && h < q->vq.size; h++) {
			const struct inflight_head *head = &dev->area->queues[i].heads[h];

			if (atomic_load(&head->state) == INFLIGHT_FREE)
				continue;
			nr++;
			if (!*oldest_ns || head->start_ns < *oldest_ns)
				*oldest_ns = head->start_ns;
		}
	}
	return nr;
}

void device_counters_update(struct device *dev)
{
	struct counters *c = dev->counters;
	uint64_t oldest_ns;

	if (!c)
		return;
	dev->counted_ms = now_ms();
	counters_set(&c->numbers[COUNTERS_REQUESTS], DEVICE_COUNT(dev, requests));
	counters_set(&c->numbers[COUNTERS_MALFORMED], DEVICE_COUNT(dev, malformed));
	counters_set(&c->numbers[COUNTERS_KICKS], DEVICE_COUNT(dev, kicks));
	counters_set(&c->numbers[COUNTERS_CALLS], DEVICE_COUNT(dev, calls));
	counters_set(&c->numbers[COUNTERS_HANDOVERS], DEVICE_COUNT(dev, handovers));
	counters_set(&c->numbers[COUNTERS_BAD_MESSAGES], dev->bad_messages);
	counters_set(&c->numbers[COUNTERS_RESTARTS], dev->restarts.nr);
	counters_set(&c->numbers[COUNTERS_INFLIGHT], count_inflight(dev, &oldest_ns));
	counters_set(&c->numbers[COUNTERS_OLDEST_NS], oldest_ns);
	for (enum policy_rule rule = 0; rule < POLICY_NR_RULES; rule++) {
		if (!policy_rules[rule].refusal)
			continue;
		counters_set(&c->refused[rule], quota_refused(&dev->area->counts, rule));
		counters_set(&c->used[rule], quota_used(&dev->quota, rule));
		counters_set(&c->limit[rule], policy_number(&dev->opts.setup.policy, rule));
	}
}
