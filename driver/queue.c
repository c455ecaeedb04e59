// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests on the virtqueues.
 *
 * Waiting is adaptive. A caller first spins for up to poll_us, taking all answers off its queue, its
 * own and those of others; while anyone spins, the queue's interrupt is off. Then it sleeps, and the
 * last spinner that leaves turns the interrupt on if the device still has requests. A VMM that
 * gives the device a single interrupt vector makes Linux use INTx, which costs tens of
 * microseconds: most answers should be found by polling.
 *
 * How long to spin is learnt, a queue at a time. A wait that ended within poll_us opens the window,
 * one that took longer halves it, down to nothing: nobody spins where operations are long, or where
 * the host has no processor to answer on. Sleeping takes time, too, which could keep the window
 * shut: so every 16th wait spins for poll_us. With one processor, or when another task wants this
 * one, nobody does.
 *
 * VIRTIO_RING_F_EVENT_IDX is not negotiated (see main.c): with it the core cannot really turn an
 * interrupt off, and each answer found by polling would leave an interrupt that nobody handles.
 */
#include <linux/interrupt.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/platform_device.h>
#include <linux/rcupdate.h>
#include <linux/sched/clock.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "accel.h"
#include "compat.h"

#define ACCEL_MAX_POLL_US	100000U
/* As TASK_KILLABLE; and a sleeping caller does not keep the system from being suspended. */
#define ACCEL_SLEEP		(TASK_KILLABLE | TASK_FREEZABLE)

static unsigned int poll_us = 50;
module_param(poll_us, uint, 0644);
MODULE_PARM_DESC(poll_us, "microseconds to poll before sleeping (default 50, 0: never)");

/* A window of less than this part of poll_us is shut; one wait of so many spins all the same. */
#define ACCEL_WINDOW_LEAST	16
#define ACCEL_WINDOW_PROBE	16

/* Interrupts in a row on the wrong CPU, after which they are moved */
#define ACCEL_STRAYS		32

/* Return: the longest time to spin in nanoseconds. */
static u32 accel_spin_limit(void)
{
	return min(READ_ONCE(poll_us), ACCEL_MAX_POLL_US) * NSEC_PER_USEC;
}

/* Return: how long to spin now in nanoseconds. */
static u32 accel_window(struct accel_queue *q)
{
	u32 limit = accel_spin_limit(), window = READ_ONCE(q->window_ns), waits;

	if (num_online_cpus() == 1)
		return 0;
	if (window >= limit)
		return limit;
	/* Races only make the probes come more or less often. */
	waits = READ_ONCE(q->waits) + 1;
	WRITE_ONCE(q->waits, waits);
	return waits % ACCEL_WINDOW_PROBE ? window : limit;
}

/* A wait of a caller took this long, spinning and sleeping together. */
static void accel_learn(struct accel_queue *q, u64 waited_ns)
{
	u32 limit = accel_spin_limit(), window = min(READ_ONCE(q->window_ns), limit) / 2;

	if (waited_ns <= limit)
		window = limit;
	else if (window < limit / ACCEL_WINDOW_LEAST)
		window = 0;
	if (READ_ONCE(q->window_ns) != window)
		WRITE_ONCE(q->window_ns, window);
}

static void accel_complete(struct accel_device *dev, struct accel_request *rq, int error, u32 used)
{
	rq->error = error;
	rq->used = used;
	if (rq->async && accel_async_answered(rq))
		return;
	if (unlikely(rq->orphan || rq->async)) {
		llist_add(&rq->orphan_node, &dev->orphans);
		queue_work(accel_wq, &dev->reaper);
		return;
	}
	/* From here on the request may be gone. */
	complete(&rq->done);
}

/* Takes all answers off the queue. q->lock is held and q->vq is not NULL. */
static void accel_harvest(struct accel_queue *q)
{
	struct accel_device *dev = q->dev;
	struct accel_request *rq;
	bool any = false;
	unsigned int used;

	while ((rq = virtqueue_get_buf(q->vq, &used))) {
		q->inflight--;
		any = true;
		accel_complete(dev, rq, 0, used);
	}
	if (any) {
		/* Whoever joins takes the lock afterwards, to look again: no barrier is needed. */
		if (waitqueue_active(&q->room))
			wake_up_all(&q->room);
		if (unlikely(READ_ONCE(dev->closes_wait)))
			queue_work(accel_wq, &dev->reaper);
	}
	if (unlikely(virtqueue_is_broken(q->vq)))
		queue_work(accel_wq, &dev->fail_work);
}

/* Nobody spins: the interrupt must be on if there is anything to wait for. As accel_harvest(). */
static void accel_arm(struct accel_queue *q)
{
	if (q->spinners)
		return;
	while (q->inflight && !virtqueue_enable_cb(q->vq)) {
		virtqueue_disable_cb(q->vq);
		accel_harvest(q);
	}
}

/* Return: the queue that callers on a CPU use. */
static unsigned int accel_cpu_queue(const struct accel_device *dev, unsigned int cpu)
{
	return cpu % dev->nr_queues;
}

/* The CPUs that use queue @i. */
static void accel_queue_cpus(const struct accel_device *dev, unsigned int i, struct cpumask *mask)
{
	unsigned int cpu;

	cpumask_clear(mask);
	for_each_possible_cpu(cpu)
		if (accel_cpu_queue(dev, cpu) == i)
			cpumask_set_cpu(cpu, mask);
}

/*
 * A caller that sleeps on another CPU than the one that the interrupt comes to costs one more
 * wake-up. So the only interrupt of all queues follows the one that uses it.
 */
static void accel_count_stray(struct accel_device *dev, unsigned int queue)
{
	if (accel_cpu_queue(dev, raw_smp_processor_id()) == queue) {
		dev->strays = 0;
	} else if (++dev->strays == ACCEL_STRAYS) {
		dev->strays = 0;
		dev->stray_queue = queue;
		queue_work(accel_wq, &dev->follow_work);
	}
}

/**
 * accel_follow() - moves the only interrupt to the CPUs of the queue that it came for last
 * @work: the device's follow_work
 *
 * In a work item, because an interrupt cannot move interrupts.
 */
void accel_follow(struct work_struct *work)
{
	struct accel_device *dev = container_of(work, struct accel_device, follow_work);
	int irq = READ_ONCE(dev->irq);
	cpumask_var_t mask;

	if (!irq || !zalloc_cpumask_var(&mask, GFP_KERNEL))
		return;
	accel_queue_cpus(dev, READ_ONCE(dev->stray_queue), mask);
	/* Where it cannot be moved it stays. */
	if (irq_set_affinity(irq, mask))
		WRITE_ONCE(dev->irq, 0);
	free_cpumask_var(mask);
}

static void accel_interrupt(struct virtqueue *vq)
{
	struct accel_device *dev = vq->vdev->priv;
	struct accel_queue *q = &dev->queues[vq->index];
	unsigned long flags;

	if (READ_ONCE(dev->irq))
		accel_count_stray(dev, vq->index);
	spin_lock_irqsave(&q->lock, flags);
	if (q->vq) {
		q->interrupts++;
		virtqueue_disable_cb(vq);
		accel_harvest(q);
		accel_arm(q);
	}
	spin_unlock_irqrestore(&q->lock, flags);
}

/* Return: 0, -ENOSPC (try again when there is room), -ENOMEM or -ENODEV. */
static int accel_queue_add(struct accel_queue *q, struct accel_request *rq, bool spin)
{
	struct scatterlist *sgs[2] = { rq->out.sg, rq->in.sg };
	struct virtqueue *vq;
	unsigned long flags;
	bool notify = false;
	int err = -ENODEV;

	/* The queue is not deleted before this section ends, see accel_stop(). */
	rcu_read_lock();
	spin_lock_irqsave(&q->lock, flags);
	vq = q->vq;
	if (unlikely(!vq))
		goto unlock;

	rq->queue = q;
	rq->spinning = spin;
	err = virtqueue_add_sgs(vq, sgs, 1, 1, rq, GFP_ATOMIC);
	if (unlikely(err == -ENOSPC)) {
		accel_harvest(q);
		err = virtqueue_add_sgs(vq, sgs, 1, 1, rq, GFP_ATOMIC);
		/* The ring is empty and still too small: memory for indirect descriptors. */
		if (err == -ENOSPC && !q->inflight)
			err = -ENOMEM;
		/* Those in the ring may be quiet, and their programs not look. */
		accel_arm(q);
	}
	if (unlikely(err)) {
		if (err == -EIO) {
			queue_work(accel_wq, &q->dev->fail_work);
			err = -ENODEV;
		}
		goto unlock;
	}
	q->requests++;
	q->inflight++;
	if (spin) {
		q->spins++;
		if (!q->spinners++)
			virtqueue_disable_cb(vq);
	} else if (!rq->quiet) {
		accel_arm(q);
	}
	notify = virtqueue_kick_prepare(vq);
unlock:
	spin_unlock_irqrestore(&q->lock, flags);
	if (notify)
		virtqueue_notify(vq);
	rcu_read_unlock();
	return err;
}

static struct accel_queue *accel_this_queue(struct accel_device *dev)
{
	return &dev->queues[accel_cpu_queue(dev, raw_smp_processor_id())];
}

/**
 * accel_submit() - gives a request to the device
 * @dev: the device
 * @rq:  prepared
 *
 * Waits while the queue is full. Return: 0 (accel_wait() must follow), or an error and the
 * request is still the caller's: -EINTR (the caller is being killed), -ENOMEM, -ENODEV.
 */
int accel_submit(struct accel_device *dev, struct accel_request *rq)
{
	struct accel_queue *q = accel_this_queue(dev);
	bool spin;
	DEFINE_WAIT(wait);
	int err;

	rq->window_ns = accel_window(q);
	spin = rq->window_ns;
	err = accel_queue_add(q, rq, spin);
	if (likely(err != -ENOSPC))
		return err;
	for (;;) {
		prepare_to_wait(&q->room, &wait, ACCEL_SLEEP);
		err = accel_queue_add(q, rq, spin);
		if (err != -ENOSPC)
			break;
		if (fatal_signal_pending(current)) {
			err = -EINTR;
			break;
		}
		schedule();
	}
	finish_wait(&q->room, &wait);
	return err;
}

/**
 * accel_submit_async() - gives a request to the device, which accel_async_answered() will get back
 * @dev: the device
 * @rq:  prepared, with @rq->async
 *
 * Return: 0, or an error and the request is still the caller's: -EAGAIN (the queue is full),
 * -ENOMEM, -ENODEV.
 */
int accel_submit_async(struct accel_device *dev, struct accel_request *rq)
{
	struct accel_queue *q = accel_this_queue(dev);
	int err;

	WRITE_ONCE(rq->orphan_of->last_queue, q);
	err = accel_queue_add(q, rq, false);
	return err == -ENOSPC ? -EAGAIN : err;
}

/* Takes all answers off all queues, and has interrupts tell of the next ones. */
void accel_look(struct accel_device *dev)
{
	unsigned long flags;
	unsigned int i;

	for (i = 0; i < dev->nr_queues; i++) {
		struct accel_queue *q = &dev->queues[i];

		spin_lock_irqsave(&q->lock, flags);
		if (q->vq) {
			accel_harvest(q);
			accel_arm(q);
		}
		spin_unlock_irqrestore(&q->lock, flags);
	}
}

/* Looks for answers to requests of a context for a while, mainly where the last one went. */
void accel_poll_async(struct accel_context *ctx)
{
	struct accel_queue *q = READ_ONCE(ctx->last_queue);
	u64 start = local_clock();
	unsigned long flags;
	u32 window;

	WRITE_ONCE(ctx->wait_start, start);
	window = q ? accel_window(q) : 0;
	if (!window)
		return;
	spin_lock_irqsave(&q->lock, flags);
	if (q->vq && !q->spinners)
		virtqueue_disable_cb(q->vq);
	q->spinners++;
	q->spins++;
	spin_unlock_irqrestore(&q->lock, flags);

	while (list_empty_careful(&ctx->answered) && atomic_read(&ctx->nr_async) &&
	       local_clock() - start < window && !signal_pending(current) && !need_resched()) {
		if (spin_trylock_irqsave(&q->lock, flags)) {
			if (q->vq)
				accel_harvest(q);
			spin_unlock_irqrestore(&q->lock, flags);
		}
		cpu_relax();
	}

	spin_lock_irqsave(&q->lock, flags);
	q->polled += !list_empty_careful(&ctx->answered);
	q->spinners--;
	if (q->vq)
		accel_arm(q);
	spin_unlock_irqrestore(&q->lock, flags);
}

/* A program that accel_poll_async() looked for has got an answer, at once or after it slept. */
void accel_poll_ended(struct accel_context *ctx)
{
	struct accel_queue *q = READ_ONCE(ctx->last_queue);
	u64 start = READ_ONCE(ctx->wait_start);

	if (q && start) {
		accel_learn(q, local_clock() - start);
		WRITE_ONCE(ctx->wait_start, 0);
	}
}

/* Return: whether the answer came. */
static bool accel_poll(struct accel_queue *q, struct accel_request *rq, u64 start)
{
	unsigned long flags;
	bool done;

	for (;;) {
		done = completion_done(&rq->done);
		if (done || local_clock() - start >= rq->window_ns ||
		    fatal_signal_pending(current) || need_resched()) {
			spin_lock_irqsave(&q->lock, flags);
			break;
		}
		if (spin_trylock_irqsave(&q->lock, flags)) {
			if (q->vq)
				accel_harvest(q);
			done = completion_done(&rq->done);
			if (done)
				break;
			spin_unlock_irqrestore(&q->lock, flags);
		}
		cpu_relax();
	}
	q->polled += done;
	q->spinners--;
	if (q->vq)
		accel_arm(q);
	spin_unlock_irqrestore(&q->lock, flags);
	return done;
}

/**
 * accel_wait() - waits for the answer to a submitted request
 * @rq:  submitted
 * @ctx: whose request it is
 *
 * Return: true when it came (or the device went away: rq->error) and the request is the caller's
 * again; false when the caller is being killed and the request is not its any more.
 */
bool accel_wait(struct accel_request *rq, struct accel_context *ctx)
{
	struct accel_queue *q = rq->queue;
	u64 start = local_clock();
	unsigned long flags;
	bool done;

	if ((rq->spinning && accel_poll(q, rq, start)) ||
	    !wait_for_completion_state(&rq->done, ACCEL_SLEEP)) {
		accel_learn(q, local_clock() - start);
		return true;
	}

	spin_lock_irqsave(&q->lock, flags);
	done = completion_done(&rq->done);
	if (!done) {
		kref_get(&ctx->ref);
		rq->orphan_of = ctx;
		rq->orphan = true;
	}
	spin_unlock_irqrestore(&q->lock, flags);
	return done;
}

/* A context is closed, as far as the device can know, and its request freed. */
static void accel_closed(struct accel_device *dev, struct accel_request *close)
{
	accel_request_free(dev, close);
	atomic_dec(&dev->contexts);
}

/**
 * accel_close_context() - tells the device, sooner or later, that a context is closed
 * @dev:   the device
 * @close: from accel_request_alloc_close(); freed here or by the reaper
 */
void accel_close_context(struct accel_device *dev, struct accel_request *close)
{
	bool removed;

	spin_lock(&dev->closing_lock);
	removed = dev->removed;
	if (!removed) {
		list_add_tail(&close->closing_node, &dev->closing);
		queue_work(accel_wq, &dev->reaper);
	}
	spin_unlock(&dev->closing_lock);
	if (removed)
		accel_closed(dev, close);
}

/* Sends what is to be closed. Only the reaper calls this, and there is one. */
static void accel_send_closes(struct accel_device *dev)
{
	struct accel_request *close;
	int err = 0;

	/* From here on, whoever makes room in a queue calls the reaper again. */
	WRITE_ONCE(dev->closes_wait, true);
	for (;;) {
		spin_lock(&dev->closing_lock);
		close = list_first_entry_or_null(&dev->closing, struct accel_request, closing_node);
		if (close)
			list_del(&close->closing_node);
		spin_unlock(&dev->closing_lock);
		if (!close)
			break;
		err = accel_queue_add(accel_this_queue(dev), close, false);
		if (err == -ENOSPC) {
			spin_lock(&dev->closing_lock);
			list_add(&close->closing_node, &dev->closing);
			spin_unlock(&dev->closing_lock);
			return;
		}
		if (err)
			accel_closed(dev, close);
	}
	WRITE_ONCE(dev->closes_wait, false);
}

/**
 * accel_reap() - frees the requests that nobody waits for and sends the closes of contexts
 * @work: the device's reaper
 *
 * In a work item, because unpinning pages may sleep.
 */
void accel_reap(struct work_struct *work)
{
	struct accel_device *dev = container_of(work, struct accel_device, reaper);
	struct llist_node *orphans = llist_del_all(&dev->orphans);
	struct accel_request *rq, *next;

	llist_for_each_entry_safe(rq, next, orphans, orphan_node) {
		struct accel_context *ctx = rq->orphan_of;

		if (ctx) {
			accel_request_free(dev, rq);
			accel_context_put(ctx);
		} else {
			accel_closed(dev, rq);
		}
		cond_resched();
	}
	accel_send_closes(dev);
}

/* Return: the interrupt that all queues share because the transport has but one, or 0. */
static int accel_only_irq(struct virtio_device *vdev)
{
	struct device *parent = vdev->dev.parent;
	int irq = 0;

	if (dev_is_pci(parent) && !to_pci_dev(parent)->msix_enabled)
		irq = to_pci_dev(parent)->irq;
	else if (dev_is_platform(parent))
		irq = platform_get_irq_optional(to_platform_device(parent), 0);
	return max(irq, 0);
}

/* An interrupt that a queue has for itself comes where those sleep who use the queue. */
static void accel_spread_interrupts(struct accel_device *dev, struct virtqueue *vqs[])
{
	cpumask_var_t mask;
	unsigned int i;

	dev->irq = accel_only_irq(dev->vdev);
	if (dev->irq || !zalloc_cpumask_var(&mask, GFP_KERNEL))
		return;
	for (i = 0; i < dev->nr_queues; i++) {
		accel_queue_cpus(dev, i, mask);
		virtqueue_set_affinity(vqs[i], mask);
	}
	free_cpumask_var(mask);
}

/**
 * accel_start() - finds the virtqueues and starts the device
 * @dev: the device, stopped
 *
 * Takes as many as the transport has, at most @dev->nr_queues. Return: 0 or an error.
 */
int accel_start(struct accel_device *dev)
{
	struct virtqueue *vqs[VIRTIO_ACCEL_MAX_QUEUES];
	unsigned int nr = dev->nr_queues;
	unsigned int ring_size = UINT_MAX;
	unsigned int i;
	int err;

	for (;;) {
		err = accel_find_vqs(dev->vdev, nr, vqs, accel_interrupt, "requests");
		/* Which of the two it is for a queue that is not there depends on the transport. */
		if ((err != -ENOENT && err != -EINVAL) || nr == 1)
			break;
		nr--;
	}
	if (err) {
		dev_err(&dev->vdev->dev, "cannot set up a virtqueue: %d\n", err);
		return err;
	}
	if (nr < dev->nr_queues)
		dev_info(&dev->vdev->dev, "the transport has %u queues, %u would be used\n", nr,
			 dev->nr_queues);

	for (i = 0; i < nr; i++)
		ring_size = min(ring_size, virtqueue_get_vring_size(vqs[i]));
	if (ring_size < 2) {
		dev_err(&dev->vdev->dev, "a virtqueue needs at least 2 descriptors\n");
		dev->vdev->config->del_vqs(dev->vdev);
		return -EINVAL;
	}

	mutex_lock(&dev->state_mutex);
	dev->nr_queues = nr;
	accel_spread_interrupts(dev, vqs);
	dev->ring_size = ring_size;
	virtio_device_ready(dev->vdev);
	for (i = 0; i < nr; i++) {
		struct accel_queue *q = &dev->queues[i];

		spin_lock_irq(&q->lock);
		virtqueue_disable_cb(vqs[i]);
		q->window_ns = U32_MAX;	/* open: the first waits tell */
		q->vq = vqs[i];
		spin_unlock_irq(&q->lock);
	}
	dev->running = true;
	mutex_unlock(&dev->state_mutex);
	return 0;
}

/**
 * accel_stop() - resets the device and ends all requests with -ENODEV
 * @dev: the device
 *
 * Afterwards the device reaches no memory of the guest any more. May be called again.
 */
void accel_stop(struct accel_device *dev)
{
	struct virtqueue *vqs[VIRTIO_ACCEL_MAX_QUEUES];
	struct accel_request *rq;
	struct accel_queue *q;
	unsigned int i;

	mutex_lock(&dev->state_mutex);
	if (!dev->running)
		goto unlock;
	dev->running = false;
	for (i = 0; i < dev->nr_queues; i++) {
		q = &dev->queues[i];
		spin_lock_irq(&q->lock);
		vqs[i] = q->vq;
		q->vq = NULL;
		spin_unlock_irq(&q->lock);
	}
	/* Wait for those that are about to notify the device. */
	synchronize_rcu();
	virtio_reset_device(dev->vdev);

	for (i = 0; i < dev->nr_queues; i++) {
		q = &dev->queues[i];
		spin_lock_irq(&q->lock);
		while ((rq = virtqueue_detach_unused_buf(vqs[i]))) {
			q->inflight--;
			accel_complete(dev, rq, -ENODEV, 0);
		}
		spin_unlock_irq(&q->lock);
		wake_up_all(&q->room);
	}
	dev->vdev->config->del_vqs(dev->vdev);
	cancel_work_sync(&dev->follow_work);
unlock:
	mutex_unlock(&dev->state_mutex);
}

/* The device broke the rules of a virtqueue, or is gone. */
void accel_fail(struct work_struct *work)
{
	struct accel_device *dev = container_of(work, struct accel_device, fail_work);

	if (READ_ONCE(dev->running))
		dev_err(&dev->dev, "the device has failed: see the host's log, then reload %s\n",
			KBUILD_MODNAME);
	accel_stop(dev);
}
