/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Driver of the virtio accelerator device (docs/virtio-accel.md is its specification).
 *
 *   main.c     the device: probe, remove, suspend, the node's class, counters in sysfs
 *   file.c     the device node: open, ioctl, close, mmap
 *   async.c    requests that are submitted and reaped later
 *   register.c tells the device of registered memory
 *   context.c  open files as the device knows them, and the requests that nobody waits for
 *   life.c     whether the device lives
 *   request.c  one request: user pages, the stream that the device reads, the response
 *   memory.c   registered memory: its pages, references and mappings
 *   queue.c    the virtqueues: submit, poll, sleep, give up, stop
 *
 * Each file uses only those below it, through headers of the same names (a unit test holds it); Kbuild
 * has the order. What a queue has to say upwards it says through accel_entry.answered and
 * accel_device.room_work.
 *
 * Who owns a request: the caller, until accel_submit() took it; then the device. accel_context_wait()
 * gives it back, unless the caller is being killed: then it is an orphan, which the reaper frees once
 * the device has answered. Its pages stay pinned until then. A context is closed on the device
 * after the file is closed and the last orphan of it was answered, so that nothing that belongs to
 * it can come into being afterwards. Nobody waits for the requests of accel_async_submit(): see
 * async.c.
 *
 * Locks: queue->lock is taken in interrupts, and context->lock within it; device->closing_lock is
 * not, and never with a queue's lock held. device->state_mutex serializes starting and stopping.
 */
#ifndef ACCEL_DEVICE_H
#define ACCEL_DEVICE_H

#include <linux/cdev.h>
#include <linux/device.h>
#include <linux/llist.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/spinlock.h>
#include <linux/virtio.h>
#include <linux/workqueue.h>

#include <linux/virtio_accel.h>

struct accel_queue;
struct accel_request;

/* What all layers share; who changes it is said where it is not main.c. */
struct accel_device {
	struct device dev;
	struct cdev cdev;
	struct virtio_device *vdev;	/* valid until accel_remove() returns */
	struct virtio_accel_info info;
	struct notifier_block reboot_notifier;

	/* queue.c */
	unsigned int ring_size;		/* of the smallest queue: the longest chain */
	unsigned int nr_queues;
	struct accel_queue *queues;
	struct mutex state_mutex;
	bool running;
	struct work_struct fail_work;
	int irq;			/* the only interrupt of all queues, or 0 */
	unsigned int strays;		/* times in a row that it came to a CPU of another queue */
	unsigned int stray_queue;	/* the last of these */
	struct work_struct follow_work;
	struct work_struct *room_work;	/* to be queued when a queue has room, or NULL */

	/* context.c */
	struct llist_head orphans;	/* answered, to be freed by the reaper */
	struct work_struct reaper;
	spinlock_t closing_lock;
	struct list_head closing;	/* closes of contexts, to be sent by the reaper */
	bool removed;			/* no work may be queued any more */
	atomic_t contexts;

	/* life.c */
	struct delayed_work tick;
	u64 answered;			/* requests, at the last tick */
	unsigned int quiet;		/* ticks in a row without any answer */
	unsigned long quiet_since;	/* jiffies */
	struct accel_request *pings[VIRTIO_ACCEL_MAX_QUEUES];	/* or NULL */
	DECLARE_BITMAP(pinging, VIRTIO_ACCEL_MAX_QUEUES);	/* which the device has */

	atomic_long_t pinned_pages;	/* request.c */
	atomic_long_t memory_pages;	/* memory.c: of registered memory */
};

#endif
