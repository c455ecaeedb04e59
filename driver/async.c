// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests that a program submits and reaps later.
 *
 * They are linked from the context's list once the device has answered. Each has a reference to the
 * context from its submission on. When the file is closed before the answer is there, the request
 * is an orphan like that of a killed caller (see device.h).
 *
 * Interrupts: submitting turns none on, since the program will soon look by itself. Reaping in vain
 * does, as a program does that before it sleeps in poll(); and VIRTIO_ACCEL_SUBMIT_NOTIFY.
 *
 * Locks: context->lock is taken in interrupts, with a queue's lock held.
 */
#include <linux/sched/clock.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "async.h"

#define ACCEL_MAX_ASYNC		4096	/* requests of one file that were not reaped */

/* Puts an answered request on its context's list; it is an orphan when the file was closed. */
static void accel_async_answered(struct accel_entry *e)
{
	struct accel_request *rq = container_of(e, struct accel_request, entry);
	struct accel_context *ctx = rq->owner;
	bool closed;

	spin_lock(&ctx->lock);
	closed = ctx->closed;
	if (!closed) {
		list_add_tail(&rq->answered_node, &ctx->answered);
		/* Within the lock: once it is free the context may go. */
		wake_up_interruptible_poll(&ctx->readable, EPOLLIN | EPOLLRDNORM);
	}
	spin_unlock(&ctx->lock);
	if (closed)
		accel_orphan(rq);
}

/* Called when the file is closed. */
void accel_async_close(struct accel_context *ctx)
{
	struct accel_device *dev = ctx->dev;
	struct accel_request *rq, *next;
	LIST_HEAD(answered);
	unsigned int left;
	u64 ignored;

	spin_lock_irq(&ctx->lock);
	ctx->closed = true;
	list_splice_init(&ctx->answered, &answered);
	spin_unlock_irq(&ctx->lock);

	left = atomic_read(&ctx->nr_async);
	list_for_each_entry_safe(rq, next, &answered, answered_node) {
		accel_request_free(rq);
		accel_context_put(ctx);
		left--;
	}
	/* Nobody may be about to look for the answers to the others. */
	if (left)
		accel_look(dev, &ignored);
}

int accel_async_submit(struct accel_context *ctx, struct virtio_accel_submit __user *user)
{
	struct accel_device *dev = ctx->dev;
	struct virtio_accel_submit submit;
	struct accel_request *rq;
	struct accel_queue *q;
	int err;

	if (copy_from_user(&submit, user, sizeof(submit)))
		return -EFAULT;
	if (!accel_request_valid(dev, &submit.call, VIRTIO_ACCEL_SUBMIT_NOTIFY))
		return -EINVAL;
	if (atomic_inc_return(&ctx->nr_async) > ACCEL_MAX_ASYNC) {
		err = -EAGAIN;
		goto dec;
	}
	err = -ENOMEM;
	rq = accel_request_alloc(dev, ctx->id, &ctx->spare);
	if (!rq)
		goto dec;
	err = accel_request_prepare(rq, &ctx->memories, &submit.call);
	if (err)
		goto release;
	rq->entry.answered = accel_async_answered;
	rq->entry.quiet = !(submit.call.flags & VIRTIO_ACCEL_SUBMIT_NOTIFY);
	rq->token = submit.token;
	rq->reply = submit.call.reply;
	kref_get(&ctx->ref);
	rq->owner = ctx;
	q = accel_this_queue(dev);
	WRITE_ONCE(ctx->last_queue, q);
	err = accel_try_submit(q, &rq->entry);
	if (!err)
		return 0;
	accel_context_put(ctx);
release:
	accel_request_release(rq, &ctx->spare);
dec:
	atomic_dec(&ctx->nr_async);
	return err;
}

/* Looks for answers for a while, mainly where the last request went. */
static void accel_async_look(struct accel_context *ctx)
{
	struct accel_queue *q = READ_ONCE(ctx->last_queue);
	u64 start = local_clock();

	WRITE_ONCE(ctx->wait_start, start);
	if (q)
		accel_poll_list(q, start, &ctx->answered, &ctx->nr_async);
}

/* A program that accel_async_look() looked for has got an answer, at once or after it slept. */
static void accel_async_found(struct accel_context *ctx)
{
	struct accel_queue *q = READ_ONCE(ctx->last_queue);
	u64 start = READ_ONCE(ctx->wait_start);

	if (q && start) {
		accel_learn(q, local_clock() - start);
		WRITE_ONCE(ctx->wait_start, 0);
	}
}

static struct accel_request *accel_next_answered(struct accel_context *ctx)
{
	struct accel_request *rq;

	spin_lock_irq(&ctx->lock);
	rq = list_first_entry_or_null(&ctx->answered, struct accel_request, answered_node);
	if (rq)
		list_del(&rq->answered_node);
	spin_unlock_irq(&ctx->lock);
	return rq;
}

int accel_async_reap(struct accel_context *ctx, struct virtio_accel_reap __user *user)
{
	struct virtio_accel_done __user *to;
	struct virtio_accel_reap reap;
	struct accel_request *rq;
	u64 ignored;
	u32 nr = 0;
	int err = 0;

	if (copy_from_user(&reap, user, sizeof(reap)))
		return -EFAULT;
	if (!reap.nr || reap.flags & ~VIRTIO_ACCEL_REAP_POLL)
		return -EINVAL;
	to = u64_to_user_ptr(reap.done);

	if (reap.flags & VIRTIO_ACCEL_REAP_POLL && list_empty_careful(&ctx->answered))
		accel_async_look(ctx);
	if (list_empty_careful(&ctx->answered))
		accel_look(ctx->dev, &ignored);
	if (!list_empty_careful(&ctx->answered))
		accel_async_found(ctx);
	while (nr < reap.nr && (rq = accel_next_answered(ctx))) {
		struct virtio_accel_call call = { .reply = rq->reply };
		struct virtio_accel_done done = { .token = rq->token };

		done.error = -accel_request_answer(rq, &call);
		done.status = call.status;
		done.reply_len = call.reply_len;
		accel_request_release(rq, &ctx->spare);
		atomic_dec(&ctx->nr_async);
		accel_context_put(ctx);
		if (copy_to_user(&to[nr], &done, sizeof(done))) {
			err = -EFAULT;
			break;
		}
		nr++;
	}
	if (put_user(nr, &user->nr))
		err = -EFAULT;
	return err;
}

/* The file's poll(). */
__poll_t accel_async_poll(struct accel_context *ctx, struct file *file, poll_table *wait)
{
	poll_wait(file, &ctx->readable, wait);
	return list_empty_careful(&ctx->answered) ? 0 : EPOLLIN | EPOLLRDNORM;
}
