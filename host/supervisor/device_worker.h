/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a device's worker: first start, hand-over of the device's state, death, recovery of
 * the requests in flight, restart with growing delays.
 *
 * While there is no worker, or it is not ready yet, queues and memory only change in struct device;
 * the next worker is told all of it. When none becomes ready for a while, requests are answered
 * here with VIRTIO_ACCEL_S_AGAIN, so that no guest waits for ever.
 */
#ifndef HOST_DEVICE_WORKER_H
#define HOST_DEVICE_WORKER_H

#include "device.h"

/** device_worker_init() - for device_init(): starts the first worker */
int device_worker_init(struct device *dev);

/**
 * device_worker_await_first() - waits until the first worker is ready
 * @abort_fd: ends the waiting when it is readable
 *
 * Return: 0, or an exit status after logging what the operator can do.
 */
int device_worker_await_first(struct device *dev, int abort_fd);

/** device_worker_exit() - for device_exit(): no memory and no queues are left */
void device_worker_exit(struct device *dev);

/*
 * Hand changes on. A worker that does not manage is killed, which completes what it had in flight.
 * Where a value is returned it is a reason to refuse the front end's message.
 */

/** dev->queues[index] has just become running */
int device_worker_start_queue(struct device *dev, unsigned int index);
/** Afterwards nothing of the queue is in flight, and its vq.last_avail is right. */
void device_worker_stop_queue(struct device *dev, unsigned int index);
int device_worker_set_call(struct device *dev, unsigned int index);
int device_worker_add_region(struct device *dev, const struct memory_region *r);
/** All queues are stopped. */
void device_worker_remove_region(struct device *dev, const struct control_mem *region);
/** dev->area has just been replaced. All queues are stopped; all sessions are freed. */
void device_worker_set_area(struct device *dev);
/** Frees the sessions and resources of all guests. All queues are stopped. */
void device_worker_reset(struct device *dev);

/**
 * device_worker_set_limit() - the limit is another one, for this worker and the next ones; no session is lost
 *
 * The worker learns it when it looks at what it is told next: nobody waits for that. Return: 0, or -EINVAL as
 * policy_set_limit().
 */
int device_worker_set_limit(struct device *dev, enum policy_rule rule, uint64_t value);

/**
 * device_worker_leave() - the client has gone: what it has in a worker that others share is left to that one,
 * which frees it when none of its operations runs any more, and until then may write to its memory
 *
 * Return: false: the worker is not shared, and nothing was done. Else there is never one again.
 */
bool device_worker_leave(struct device *dev);

/** device_worker_recover_queue() - answers what is in flight in a queue that no worker serves */
void device_worker_recover_queue(struct device *dev, unsigned int index);

/**
 * device_worker_begin() - a turn of the supervisor's loop begins: poll() has returned
 *
 * Until the next call of it all questions to the worker together have CONTROL_ANSWER_MS, less what
 * the last turn took if nobody has waited since. A worker that needs longer is killed, and whoever
 * has waited for it goes on as with any dead one. Without a first call each question has that time.
 */
void device_worker_begin(struct device *dev);

/** device_worker_end() - the turn is over, and poll() is called next */
void device_worker_end(struct device *dev);

/**
 * device_worker_fds() - descriptors to poll; -1 where there is none: two for device_worker_event(), and
 * one that is there to wake up for device_worker_tick()
 */
#define DEVICE_WORKER_FDS 3
void device_worker_fds(const struct device *dev, int fds[DEVICE_WORKER_FDS]);

/** device_worker_event() - the worker has said something, or died */
void device_worker_event(struct device *dev);

/** device_worker_timeout() - milliseconds until device_worker_tick() is to be called; -1: never */
int device_worker_timeout(const struct device *dev);
void device_worker_tick(struct device *dev);

/** device_worker_print_stats() - one line of JSON on stderr */
void device_worker_print_stats(struct device *dev);

#endif
