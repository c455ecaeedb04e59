// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whether the device lives.
 *
 * An operation may take as long as the host allows, so silence alone says nothing. When nothing was
 * answered for a while the device is asked on each queue: by closing a context that never was, which it
 * answers at once whatever else runs. Any answer to any request is a sign of life. When there was none
 * for timeout_s the device is stopped, which ends all requests.
 *
 * Only the tick below changes what is here, and there is one at a time; but the device gives a
 * ping back in interrupts.
 */
#include <linux/jiffies.h>
#include <linux/module.h>

#include "life.h"
#include "queue.h"
#include "request.h"

/* Longer than the host's default of --op-timeout, after which it has answered in any case */
static unsigned int timeout_s = 600;
module_param(timeout_s, uint, 0644);
MODULE_PARM_DESC(timeout_s,
		 "seconds without any answer after which the device is dead (default 600, 0: never)");

/* In timeout_s it is looked so often; and at least every so many seconds, as timeout_s may change. */
#define ACCEL_TICKS		4
#define ACCEL_TICK_S		10U
#define ACCEL_MAX_TIMEOUT_S	1000000U

/* Contexts are counted from 1 on. */
#define ACCEL_NO_CONTEXT	U64_MAX

static void accel_ping_answered(struct accel_entry *e)
{
	struct accel_device *dev = e->queue->dev;

	/* From here on the request may be used again. */
	clear_bit_unlock(e->queue - dev->queues, dev->pinging);
}

/* Asks on a queue, if it has room. */
static void accel_ping(struct accel_device *dev, unsigned int i)
{
	struct accel_request *ping = dev->pings[i];

	if (test_and_set_bit_lock(i, dev->pinging))
		return;
	if (!ping) {
		ping = accel_request_alloc_close(dev, ACCEL_NO_CONTEXT);
		if (!ping)
			goto clear;
		ping->entry.answered = accel_ping_answered;
		/* The next tick looks. */
		ping->entry.quiet = true;
		dev->pings[i] = ping;
	}
	if (!accel_try_submit(&dev->queues[i], &ping->entry))
		return;
clear:
	clear_bit_unlock(i, dev->pinging);
}

/* Return: whether the device has requests, and has answered none since the last time. */
static bool accel_is_quiet(struct accel_device *dev)
{
	u64 answered;
	bool busy = accel_look(dev, &answered);
	bool news = answered != dev->answered;

	dev->answered = answered;
	return READ_ONCE(dev->running) && busy && !news;
}

static void accel_tick(struct work_struct *work)
{
	struct accel_device *dev = container_of(to_delayed_work(work), struct accel_device, tick);
	unsigned int timeout = min(READ_ONCE(timeout_s), ACCEL_MAX_TIMEOUT_S);
	unsigned int i, next = ACCEL_TICK_S * HZ;

	if (!timeout || !accel_is_quiet(dev)) {
		dev->quiet = 0;
	} else {
		if (!dev->quiet++)
			dev->quiet_since = jiffies;
		/* Time alone does not count: the machine may have been stopped. */
		if (dev->quiet > ACCEL_TICKS &&
		    time_after_eq(jiffies, dev->quiet_since + timeout * HZ)) {
			dev_err(&dev->dev, "it has answered nothing for %u s (timeout_s)\n", timeout);
			dev->quiet = 0;
			queue_work(accel_wq, &dev->fail_work);
		} else {
			for (i = 0; i < dev->nr_queues; i++)
				accel_ping(dev, i);
		}
	}
	if (timeout)
		next = min(next, timeout * HZ / ACCEL_TICKS);
	queue_delayed_work(accel_wq, &dev->tick, round_jiffies_relative(next));
}

/* Called when the device was started. */
void accel_life_start(struct accel_device *dev)
{
	dev->quiet = 0;
	INIT_DELAYED_WORK(&dev->tick, accel_tick);
	queue_delayed_work(accel_wq, &dev->tick, HZ);
}

/* Called when the device was stopped. */
void accel_life_stop(struct accel_device *dev)
{
	unsigned int i;

	cancel_delayed_work_sync(&dev->tick);
	for (i = 0; i < dev->nr_queues; i++) {
		if (dev->pings[i])
			accel_request_free(dev->pings[i]);
		dev->pings[i] = NULL;
	}
}
