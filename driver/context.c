// SPDX-License-Identifier: GPL-2.0-only
/*
 * Contexts: open files as the device knows them.
 *
 * A context is counted: by its file, by each orphan, and by each async call until it is reaped. With
 * the last reference the device is told that it is closed, by the reaper, which also frees the
 * orphans.
 */
#include <linux/sched.h>
#include <linux/slab.h>

#include "context.h"

/* Never reused as long as the module is loaded; when it is unloaded, all devices are reset. */
static atomic64_t accel_last_context;

/**
 * accel_orphan() - has the reaper free a request that nobody waits for
 * @rq: answered; its owner's reference goes with it. May be called in interrupts
 */
void accel_orphan(struct accel_request *rq)
{
	struct accel_device *dev = rq->dev;

	/* From here on the request may be gone. */
	llist_add(&rq->orphan_node, &dev->orphans);
	queue_work(accel_wq, &dev->reaper);
}

static void accel_orphan_answered(struct accel_entry *e)
{
	accel_orphan(container_of(e, struct accel_request, entry));
}

/**
 * accel_context_wait() - waits for the answer to a submitted request
 * @ctx: whose request it is
 * @rq:  submitted with accel_submit()
 *
 * Return: true when it came (or the device went away: @rq->entry.error) and the request is the
 * caller's again; false when the caller is being killed and the request is not its any more.
 */
bool accel_context_wait(struct accel_context *ctx, struct accel_request *rq)
{
	if (likely(accel_wait(&rq->entry)))
		return true;
	kref_get(&ctx->ref);
	rq->owner = ctx;
	if (accel_give_up(&rq->entry, accel_orphan_answered))
		return false;
	accel_context_put(ctx);
	return true;
}

/* A context is closed, as far as the device can know, and its request freed. */
static void accel_closed(struct accel_request *close)
{
	struct accel_device *dev = close->dev;

	accel_request_free(close);
	atomic_dec(&dev->contexts);
}

/* Has the reaper tell the device that a context is closed, and free the request for it. */
static void accel_close_context(struct accel_request *close)
{
	struct accel_device *dev = close->dev;
	bool removed;

	spin_lock(&dev->closing_lock);
	removed = dev->removed;
	if (!removed) {
		list_add_tail(&close->closing_node, &dev->closing);
		queue_work(accel_wq, &dev->reaper);
	}
	spin_unlock(&dev->closing_lock);
	if (removed)
		accel_closed(close);
}

/* Sends what is to be closed. Only the reaper calls this, and there is one. */
static void accel_send_closes(struct accel_device *dev)
{
	struct accel_request *close;
	int err = 0;

	/* From here on, whoever makes room in a queue calls the reaper again. */
	WRITE_ONCE(dev->room_work, &dev->reaper);
	for (;;) {
		spin_lock(&dev->closing_lock);
		close = list_first_entry_or_null(&dev->closing, struct accel_request, closing_node);
		if (close)
			list_del(&close->closing_node);
		spin_unlock(&dev->closing_lock);
		if (!close)
			break;
		err = accel_try_submit(accel_this_queue(dev), &close->entry);
		if (err == -EAGAIN) {
			spin_lock(&dev->closing_lock);
			list_add(&close->closing_node, &dev->closing);
			spin_unlock(&dev->closing_lock);
			return;
		}
		if (err)
			accel_closed(close);
	}
	WRITE_ONCE(dev->room_work, NULL);
}

/*
 * Frees the requests that nobody waits for and sends the closes of contexts. In a work item, because
 * unpinning pages may sleep.
 */
static void accel_reap(struct work_struct *work)
{
	struct accel_device *dev = container_of(work, struct accel_device, reaper);
	struct llist_node *orphans = llist_del_all(&dev->orphans);
	struct accel_request *rq, *next;

	llist_for_each_entry_safe(rq, next, orphans, orphan_node) {
		struct accel_context *ctx = rq->owner;

		if (ctx) {
			accel_request_free(rq);
			accel_context_put(ctx);
		} else {
			accel_closed(rq);
		}
		cond_resched();
	}
	accel_send_closes(dev);
}

/* Called before the device is started. */
void accel_contexts_init(struct accel_device *dev)
{
	spin_lock_init(&dev->closing_lock);
	INIT_LIST_HEAD(&dev->closing);
	init_llist_head(&dev->orphans);
	INIT_WORK(&dev->reaper, accel_reap);
}

/* Called when the device is stopped for good. Files may still be open. */
void accel_contexts_end(struct accel_device *dev)
{
	/* All answers are in, so the reaper's next run is its last: later closes do not call it. */
	spin_lock(&dev->closing_lock);
	dev->removed = true;
	spin_unlock(&dev->closing_lock);
	flush_work(&dev->reaper);
}

/* Return: a context with one reference, or NULL. */
struct accel_context *accel_context_new(struct accel_device *dev)
{
	struct accel_context *ctx = kzalloc(sizeof(*ctx), GFP_KERNEL_ACCOUNT);

	if (!ctx)
		return NULL;
	kref_init(&ctx->ref);
	ctx->id = atomic64_inc_return(&accel_last_context);
	ctx->close = accel_request_alloc_close(dev, ctx->id);
	if (!ctx->close) {
		kfree(ctx);
		return NULL;
	}
	ctx->close->entry.answered = accel_orphan_answered;
	spin_lock_init(&ctx->lock);
	INIT_LIST_HEAD(&ctx->answered);
	xa_init(&ctx->memories);
	mutex_init(&ctx->memory_mutex);
	init_waitqueue_head(&ctx->readable);
	ctx->dev = dev;
	get_device(&dev->dev);
	atomic_inc(&dev->contexts);
	return ctx;
}

static void accel_context_release(struct kref *ref)
{
	struct accel_context *ctx = container_of(ref, struct accel_context, ref);
	struct accel_device *dev = ctx->dev;

	/* The request keeps the memory until the device has answered. */
	ctx->close->memories = accel_memory_take_all(&ctx->memories);
	accel_close_context(ctx->close);
	kfree(ctx->spare);
	kfree(ctx);
	put_device(&dev->dev);
}

/* Puts a reference; with the last one the context is closed on the device. May sleep. */
void accel_context_put(struct accel_context *ctx)
{
	kref_put(&ctx->ref, accel_context_release);
}
