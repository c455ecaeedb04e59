/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Driver of the virtio accelerator device (docs/virtio-accel.md is its specification).
 *
 *   main.c     the device: probe, remove, suspend, the node's class, counters in sysfs
 *   queue.c    requests on the virtqueues: submit, poll, sleep, give up, stop
 *   request.c  one request: user pages, the stream that the device reads, the response
 *   file.c     the device node: open, ioctl, close
 *   async.c    requests that are submitted and reaped later
 *   memory.c   registered memory
 *
 * Who owns a request: the caller, until accel_submit() took it; then the device. accel_wait() gives
 * it back, unless the caller is being killed: then it is an orphan, which the reaper frees once
 * the device has answered. Its pages stay pinned until then. A context is closed on the device
 * after the file is closed and the last orphan of it was answered, so that nothing that belongs to
 * it can come into being afterwards. Nobody waits for the requests of accel_async_submit(): see
 * async.c.
 *
 * Locks: queue->lock is taken in interrupts, and context->lock within it; device->closing_lock is
 * not, and never with a queue's lock held. device->state_mutex serializes starting and stopping.
 */
#ifndef ACCEL_H
#define ACCEL_H

#include <linux/cdev.h>
#include <linux/completion.h>
#include <linux/device.h>
#include <linux/kref.h>
#include <linux/llist.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/scatterlist.h>
#include <linux/spinlock.h>
#include <linux/virtio.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include <linux/virtio_accel.h>

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

struct accel_device {
	struct device dev;
	struct cdev cdev;
	struct virtio_device *vdev;	/* valid until accel_remove() returns */
	struct virtio_accel_info info;
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
	struct notifier_block reboot_notifier;

	struct llist_head orphans;	/* answered, to be freed by the reaper */
	struct work_struct reaper;
	spinlock_t closing_lock;
	struct list_head closing;	/* closes of contexts, to be sent by the reaper */
	bool closes_wait;		/* ... when a queue has room */
	bool removed;			/* no work may be queued any more */

	atomic_t contexts;
	atomic_long_t pinned_pages;
	atomic_long_t memory_pages;	/* of registered memory */
};

/* One open file. */
struct accel_context {
	struct kref ref;		/* the file and the orphans */
	struct accel_device *dev;
	u64 id;
	struct accel_request *close;	/* made at open, because a close must not fail */
	struct accel_request *spare;	/* for the next call, or NULL */
	struct xarray memories;		/* registered memory by id */
	struct mutex memory_mutex;	/* the device is told of one change after the other */

	spinlock_t lock;		/* of these two */
	struct list_head answered;	/* requests to be reaped */
	bool closed;
	wait_queue_head_t readable;	/* pollers */
	atomic_t nr_async;		/* submitted and not reaped */
	struct accel_queue *last_queue;	/* of the last request submitted, or NULL */
	u64 wait_start;			/* when the program began to wait, or 0 */
};

/* One side of a request, in one piece or in several. */
struct accel_buffer {
	struct scatterlist *sg;
	unsigned int nents;
	size_t len;
	struct scatterlist one;
};

/* Pages of a program that lie one behind the other in memory. */
struct accel_pin {
	struct page *page;
	unsigned long nr_pages : BITS_PER_LONG - 1;
	unsigned long write : 1;
};

struct accel_pin_block {
	struct accel_pin_block *next;
	unsigned int nr;
	unsigned int max;
	struct accel_pin pins[];
};

struct accel_memory;

struct accel_segment {
	struct accel_memory *memory;	/* with a reference, or NULL */
	u64 addr;			/* of the program, or offset in @memory */
	u64 len;
	u32 flags;
	u32 nr_runs;
};

#define ACCEL_INLINE_SEGMENTS	8
#define ACCEL_INLINE_PINS	16

/*
 * What the device is told lies in @out and what it answers in @in; the run table there is written
 * from @pins and never read back, since the device can reach it.
 */
struct accel_request {
	struct accel_queue *queue;
	struct accel_context *orphan_of; /* set, with a reference, when the caller gives up; if async */
	bool orphan;
	bool spinning;
	u32 window_ns;			/* ... for at most this long */
	bool async;			/* to be reaped */
	bool quiet;			/* ... and no interrupt is needed until someone looks */
	int error;			/* 0, or -ENODEV when the device went away */
	u32 used;			/* bytes that the device says it wrote */
	struct completion done;
	struct llist_node orphan_node;
	struct list_head closing_node;
	struct list_head answered_node;
	u64 token;
	u64 reply;			/* the program's address */

	struct accel_memory *memories;	/* of the context that it closes */

	struct accel_buffer out;
	struct accel_buffer in;
	size_t data_used;
	size_t data_size;

	unsigned int nr_segments;
	u32 nr_runs;
	u64 nr_pages;
	struct accel_segment *segments;
	struct accel_segment inline_segments[ACCEL_INLINE_SEGMENTS];
	struct accel_pin_block *last_pins;
	/* these two are one block with room for ACCEL_INLINE_PINS */
	struct accel_pin_block pins;
	struct accel_pin inline_pins[ACCEL_INLINE_PINS];

	u8 data[] __aligned(16);	/* out and in, if they fit */
};

/* A place in a buffer. */
struct accel_cursor {
	struct scatterlist *sg;
	size_t offset;
};

/* main.c */
extern struct workqueue_struct *accel_wq;

/* queue.c */
int accel_start(struct accel_device *dev);
void accel_stop(struct accel_device *dev);
int accel_submit(struct accel_device *dev, struct accel_request *rq);
bool accel_wait(struct accel_request *rq, struct accel_context *ctx);
int accel_submit_async(struct accel_device *dev, struct accel_request *rq);
void accel_poll_async(struct accel_context *ctx);
void accel_poll_ended(struct accel_context *ctx);
void accel_look(struct accel_device *dev);
void accel_close_context(struct accel_device *dev, struct accel_request *close);
void accel_reap(struct work_struct *work);
void accel_fail(struct work_struct *work);
void accel_follow(struct work_struct *work);

/* request.c */
struct accel_request *accel_request_alloc(struct accel_context *ctx);
struct accel_request *accel_request_alloc_close(u64 context);
void accel_request_free(struct accel_device *dev, struct accel_request *rq);
int accel_request_prepare(struct accel_context *ctx, struct accel_request *rq,
			  const struct virtio_accel_call *call);
int accel_request_answer(struct accel_request *rq, struct virtio_accel_call *call);
void accel_request_release(struct accel_context *ctx, struct accel_request *rq);
int accel_buffer_alloc(struct accel_request *rq, struct accel_buffer *buf, u64 len,
		       unsigned int max_nents, gfp_t gfp);
void *accel_next_struct(struct accel_cursor *at, size_t size);

/* file.c */
extern const struct file_operations accel_fops;
void accel_context_put(struct accel_context *ctx);
bool accel_call_valid(struct accel_device *dev, const struct virtio_accel_call *call, u32 flags);

/* memory.c */
struct file;
struct vm_area_struct;
struct accel_memory *accel_memory_get(struct accel_context *ctx, u32 id);
void accel_memory_put(struct accel_memory *m);
u32 accel_memory_id(const struct accel_memory *m);
u64 accel_memory_size(const struct accel_memory *m);
int accel_memory_ioctl(struct accel_context *ctx, unsigned int cmd,
		       struct virtio_accel_memory __user *user);
int accel_memory_mmap(struct file *file, struct vm_area_struct *vma);
void accel_memory_close(struct accel_context *ctx, struct accel_request *close);
void accel_memory_put_all(struct accel_memory *m);

/* async.c */
struct poll_table_struct;
bool accel_async_answered(struct accel_request *rq);
void accel_async_close(struct accel_context *ctx);
int accel_async_submit(struct accel_context *ctx, struct virtio_accel_submit __user *user);
int accel_async_reap(struct accel_context *ctx, struct virtio_accel_reap __user *user);
__poll_t accel_async_poll(struct file *file, struct poll_table_struct *wait);

#endif
