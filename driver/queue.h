/* SPDX-License-Identifier: GPL-2.0-only */
/* The virtqueues. They know nothing of what is in a request, nor of who waits for it. */
#ifndef ACCEL_QUEUE_H
#define ACCEL_QUEUE_H

#include <linux/completion.h>
#include <linux/scatterlist.h>
#include <linux/wait.h>

#include "device.h"

struct accel_queue {
	spinlock_t lock;
	struct accel_device *dev;
	struct virtqueue *vq;		/* NULL while the device is stopped */
	unsigned int inflight;		/* requests that the device has */
	unsigned int spinners;		/* callers that poll: interrupts are off */
	u32 window_ns;			/* how long they do, learnt from the last waits; no lock */
	u32 waits;			/* since the window was fully open */
	wait_queue_head_t room;		/* callers that wait for free descriptors */
	u64 requests;			/* counters, in sysfs as sums over all queues */
	u64 spins;
	u64 polled;
	u64 interrupts;
} ____cacheline_aligned_in_smp;

/* A request as a queue sees it. */
struct accel_entry {
	struct scatterlist *out;	/* what the device reads, and what it writes */
	struct scatterlist *in;
	/*
	 * Takes the answered request, which belongs to it then; with the queue's lock held and interrupts
	 * off. NULL: accel_wait() takes it.
	 */
	void (*answered)(struct accel_entry *e);
	struct accel_queue *queue;
	bool spinning;
	bool quiet;			/* no interrupt is needed until someone looks */
	u32 window_ns;			/* spins for at most this long */
	int error;			/* 0, or -ENODEV when the device went away */
	u32 used;			/* bytes that the device says it wrote */
	struct completion done;
};

/* What is put off; the module's. */
extern struct workqueue_struct *accel_wq;

int accel_queues_init(struct accel_device *dev);
int accel_start(struct accel_device *dev);
void accel_stop(struct accel_device *dev);

int accel_submit(struct accel_device *dev, struct accel_entry *e);
bool accel_wait(struct accel_entry *e);
bool accel_give_up(struct accel_entry *e, void (*answered)(struct accel_entry *e));

struct accel_queue *accel_this_queue(struct accel_device *dev);
int accel_try_submit(struct accel_queue *q, struct accel_entry *e);
bool accel_look(struct accel_device *dev, u64 *answered);
void accel_poll_list(struct accel_queue *q, u64 start, const struct list_head *answered,
		     const atomic_t *left);
void accel_learn(struct accel_queue *q, u64 waited_ns);

#endif
