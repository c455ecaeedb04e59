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

#include "compat.h"
#include "queue.h"

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

struct workqueue_struct *accel_wq;

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

/**
 * accel_learn() - sets the window of a queue
 * @q:         the queue
 * @waited_ns: how long a caller waited for an answer, spinning and sleeping together
 */
void accel_learn(struct accel_queue *q, u64 waited_ns)
{
	u32 limit = accel_spin_limit(), window = min(READ_ONCE(q->window_ns), limit) / 2;

	if (waited_ns <= limit)
		window = limit;
	else if (window < limit / ACCEL_WINDOW_LEAST)
		window = 0;
	if (READ_ONCE(q->window_ns) != window)
		WRITE_ONCE(q->window_ns, window);
}

/* The queue's lock is held. */
static void accel_complete(struct accel_entry *e, int error, u32 used)
{
	e->error = error;
	e->used = used;
	/* From here on the request may be gone. */
	if (e->answered)
		e->answered(e);
	else
		complete(&e->done);
}

/* Takes all answers off the queue. q->lock is held and q->vq is not NULL. */
static void accel_harvest(struct accel_queue *q)
{
	struct accel_device *dev = q->dev;
	struct work_struct *room_work;
	struct accel_entry *e;
	bool any = false;
	unsigned int used;

	while ((e = virtqueue_get_buf(q->vq, &used))) {
		q->inflight--;
		any = true;
		accel_complete(e, 0, used);
	}
	if (any) {
		/* Whoever joins takes the lock afterwards, to look again: no barrier is needed. */
		if (waitqueue_active(&q->room))
			wake_up_all(&q->room);
		room_work = READ_ONCE(dev->room_work);
		if (unlikely(room_work))
			queue_work(accel_wq, room_work);
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

/*
 * Moves the only interrupt to the CPUs of the queue that it came for last. In a work item, because an
 * interrupt cannot move interrupts.
 */
static void accel_follow(struct work_struct *work)
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
static int accel_queue_add(struct accel_queue *q, struct accel_entry *e, bool spin)
{
	struct scatterlist *sgs[2] = { e->out, e->in };
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

	e->queue = q;
	e->spinning = spin;
	err = virtqueue_add_sgs(vq, sgs, 1, 1, e, GFP_ATOMIC);
	if (unlikely(err == -ENOSPC)) {
		accel_harvest(q);
		err = virtqueue_add_sgs(vq, sgs, 1, 1, e, GFP_ATOMIC);
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
	} else if (!e->quiet) {
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

/* Return: the queue of the CPU that this runs on, which may be another one afterwards. */
struct accel_queue *accel_this_queue(struct accel_device *dev)
{
	return &dev->queues[accel_cpu_queue(dev, raw_smp_processor_id())];
}

/**
 * accel_submit() - gives a request to the device, for accel_wait()
 * @dev: the device
 * @e:   with what it reads and writes
 *
 * Waits while the queue is full. Return: 0 (accel_wait() must follow), or an error and the
 * request is still the caller's: -EINTR (the caller is being killed), -ENOMEM, -ENODEV.
 */
int accel_submit(struct accel_device *dev, struct accel_entry *e)
{
	struct accel_queue *q = accel_this_queue(dev);
	bool spin;
	DEFINE_WAIT(wait);
	int err;

	e->window_ns = accel_window(q);
	spin = e->window_ns;
	err = accel_queue_add(q, e, spin);
	if (likely(err != -ENOSPC))
		return err;
	for (;;) {
		prepare_to_wait(&q->room, &wait, ACCEL_SLEEP);
		err = accel_queue_add(q, e, spin);
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
 * accel_try_submit() - gives a request to the device, which @e->answered will get back
 * @q: the queue
 * @e: with what it reads and writes, and @e->answered
 *
 * Does not wait. Return: 0, or an error and the request is still the caller's: -EAGAIN (the queue is
 * full), -ENOMEM, -ENODEV.
 */
int accel_try_submit(struct accel_queue *q, struct accel_entry *e)
{
	int err = accel_queue_add(q, e, false);

	return err == -ENOSPC ? -EAGAIN : err;
}

/**
 * accel_look() - takes all answers off all queues, and has interrupts tell of the next ones
 * @dev:      the device
 * @answered: becomes the number of requests that were ever answered
 *
 * Return: whether the device has requests still.
 */
bool accel_look(struct accel_device *dev, u64 *answered)
{
	unsigned long flags;
	bool busy = false;
	unsigned int i;

	*answered = 0;

	for (i = 0; i < dev->nr_queues; i++) {
		struct accel_queue *q = &dev->queues[i];

		spin_lock_irqsave(&q->lock, flags);
		if (q->vq) {
			accel_harvest(q);
			accel_arm(q);
		}
		*answered += q->requests - q->inflight;
		busy |= q->inflight;
		spin_unlock_irqrestore(&q->lock, flags);
	}
	return busy;
}

/**
 * accel_poll_list() - looks for answers on a queue for a while
 * @q:        the queue
 * @start:    now, by local_clock()
 * @answered: ends when this list, which the requests' answered() fills, is not empty
 * @left:     ends when this is 0
 */
void accel_poll_list(struct accel_queue *q, u64 start, const struct list_head *answered,
		     const atomic_t *left)
{
	u32 window = accel_window(q);
	unsigned long flags;

	if (!window)
		return;
	spin_lock_irqsave(&q->lock, flags);
	if (q->vq && !q->spinners)
		virtqueue_disable_cb(q->vq);
	q->spinners++;
	q->spins++;
	spin_unlock_irqrestore(&q->lock, flags);

	while (list_empty_careful(answered) && atomic_read(left) &&
	       local_clock() - start < window && !signal_pending(current) && !need_resched()) {
		if (spin_trylock_irqsave(&q->lock, flags)) {
			if (q->vq)
				accel_harvest(q);
			spin_unlock_irqrestore(&q->lock, flags);
		}
		cpu_relax();
	}

	spin_lock_irqsave(&q->lock, flags);
	q->polled += !list_empty_careful(answered);
	q->spinners--;
	if (q->vq)
		accel_arm(q);
	spin_unlock_irqrestore(&q->lock, flags);
}

/* Return: whether the answer came. */
static bool accel_poll(struct accel_queue *q, struct accel_entry *e, u64 start)
{
	unsigned long flags;
	bool done;

	for (;;) {
		done = completion_done(&e->done);
		if (done || local_clock() - start >= e->window_ns ||
		    fatal_signal_pending(current) || need_resched()) {
			spin_lock_irqsave(&q->lock, flags);
			break;
		}
		if (spin_trylock_irqsave(&q->lock, flags)) {
			if (q->vq)
				accel_harvest(q);
			done = completion_done(&e->done);
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
 * accel_wait() - waits for the answer to a request
 * @e: submitted with accel_submit()
 *
 * Return: true when it came (or the device went away: @e->error) and the request is the caller's
 * again; false when the caller is being killed: accel_give_up() must follow.
 */
bool accel_wait(struct accel_entry *e)
{
	struct accel_queue *q = e->queue;
	u64 start = local_clock();

	if ((e->spinning && accel_poll(q, e, start)) ||
	    !wait_for_completion_state(&e->done, ACCEL_SLEEP)) {
		accel_learn(q, local_clock() - start);
		return true;
	}
	return false;
}

/**
 * accel_give_up() - nobody waits for the answer to a request any more
 * @e:        that accel_wait() was called for in vain
 * @answered: will get it back
 *
 * Return: false when the answer has come meanwhile, and the request is the caller's again.
 */
bool accel_give_up(struct accel_entry *e, void (*answered)(struct accel_entry *e))
{
	struct accel_queue *q = e->queue;
	unsigned long flags;
	bool done;

	spin_lock_irqsave(&q->lock, flags);
	done = completion_done(&e->done);
	if (!done)
		e->answered = answered;
	spin_unlock_irqrestore(&q->lock, flags);
	return !done;
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

/* The device broke the rules of a virtqueue, or is gone. */
static void accel_fail(struct work_struct *work)
{
	struct accel_device *dev = container_of(work, struct accel_device, fail_work);

	if (READ_ONCE(dev->running))
		dev_err(&dev->dev, "the device has failed: see the host's log, then reload %s\n",
			KBUILD_MODNAME);
	accel_stop(dev);
}

/**
 * accel_queues_init() - makes the queues of a device, stopped
 * @dev: with its info; the caller frees @dev->queues
 *
 * Return: 0 or -ENOMEM.
 */
int accel_queues_init(struct accel_device *dev)
{
	unsigned int i;

	mutex_init(&dev->state_mutex);
	INIT_WORK(&dev->fail_work, accel_fail);
	INIT_WORK(&dev->follow_work, accel_follow);
	dev->nr_queues = min(dev->info.num_queues, num_possible_cpus());
	dev->queues = kvcalloc(dev->nr_queues, sizeof(*dev->queues), GFP_KERNEL);
	if (!dev->queues)
		return -ENOMEM;
	for (i = 0; i < dev->nr_queues; i++) {
		spin_lock_init(&dev->queues[i].lock);
		init_waitqueue_head(&dev->queues[i].room);
		dev->queues[i].dev = dev;
	}
	return 0;
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
	struct accel_entry *e;
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
		while ((e = virtqueue_detach_unused_buf(vqs[i]))) {
			q->inflight--;
			accel_complete(e, -ENODEV, 0);
		}
		spin_unlock_irq(&q->lock);
		wake_up_all(&q->room);
	}
	dev->vdev->config->del_vqs(dev->vdev);
	cancel_work_sync(&dev->follow_work);
unlock:
	mutex_unlock(&dev->state_mutex);
}
