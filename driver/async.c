// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests that a program submits and reaps later.
 *
 * They are linked from the context's list once the device has answered. Each has a reference to the
 * context from its submission on. When the file is closed before the answer is there, the request
 * is an orphan like that of a killed caller (see accel.h).
 *
 * Interrupts: submitting turns none on, since the program will soon look by itself. Reaping in vain
 * does, as a program does that before it sleeps in poll(); and VIRTIO_ACCEL_SUBMIT_NOTIFY.
 *
 * Locks: context->lock is taken in interrupts, with a queue's lock held.
 */
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "accel.h"

#define ACCEL_MAX_ASYNC		4096	/* requests of one file that were not reaped */

/**
 * accel_async_answered() - puts an answered request on its context's list
 * @rq: whose queue's lock is held
 *
 * Return: false when the file was closed, and the request is an orphan.
 */
bool accel_async_answered(struct accel_request *rq)
{
	struct accel_context *ctx = rq->orphan_of;
	bool closed;

	spin_lock(&ctx->lock);
	closed = ctx->closed;
	if (!closed) {
		list_add_tail(&rq->answered_node, &ctx->answered);
		/* Within the lock: once it is free the context may go. */
		wake_up_interruptible_poll(&ctx->readable, EPOLLIN | EPOLLRDNORM);
	}
	spin_unlock(&ctx->lock);
	return !closed;
}

/* Called when the file is closed. */
void accel_async_close(struct accel_context *ctx)
{
	struct accel_device *dev = ctx->dev;
	struct accel_request *rq, *next;
	LIST_HEAD(answered);
	unsigned int left;

	spin_lock_irq(&ctx->lock);
	ctx->closed = true;
	list_splice_init(&ctx->answered, &answered);
	spin_unlock_irq(&ctx->lock);

	left = atomic_read(&ctx->nr_async);
	list_for_each_entry_safe(rq, next, &answered, answered_node) {
		accel_request_free(dev, rq);
		accel_context_put(ctx);
		left--;
	}
	/* Nobody may be about to look for the answers to the others. */
	if (left)
		accel_look(dev);
}

int accel_async_submit(struct accel_context *ctx, struct virtio_accel_submit __user *user)
{
	struct accel_device *dev = ctx->dev;
	struct virtio_accel_submit submit;
	struct accel_request *rq;
	int err;

	if (copy_from_user(&submit, user, sizeof(submit)))
		return -EFAULT;
	if (!accel_call_valid(dev, &submit.call, VIRTIO_ACCEL_SUBMIT_NOTIFY))
		return -EINVAL;
	if (atomic_inc_return(&ctx->nr_async) > ACCEL_MAX_ASYNC) {
		err = -EAGAIN;
		goto dec;
	}
	err = -ENOMEM;
	rq = accel_request_alloc(ctx);
	if (!rq)
		goto dec;
	err = accel_request_prepare(ctx, rq, &submit.call);
	if (err)
		goto release;
	rq->async = true;
	rq->quiet = !(submit.call.flags & VIRTIO_ACCEL_SUBMIT_NOTIFY);
	rq->token = submit.token;
	rq->reply = submit.call.reply;
	kref_get(&ctx->ref);
	rq->orphan_of = ctx;
	err = accel_submit_async(dev, rq);
	if (!err)
		return 0;
	accel_context_put(ctx);
release:
	accel_request_release(ctx, rq);
dec:
	atomic_dec(&ctx->nr_async);
	return err;
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
	u32 nr = 0;
	int err = 0;

	if (copy_from_user(&reap, user, sizeof(reap)))
		return -EFAULT;
	if (!reap.nr || reap.flags & ~VIRTIO_ACCEL_REAP_POLL)
		return -EINVAL;
	to = u64_to_user_ptr(reap.done);

	if (reap.flags & VIRTIO_ACCEL_REAP_POLL && list_empty_careful(&ctx->answered))
		accel_poll_async(ctx);
	if (list_empty_careful(&ctx->answered))
		accel_look(ctx->dev);
	if (!list_empty_careful(&ctx->answered))
		accel_poll_ended(ctx);
	while (nr < reap.nr && (rq = accel_next_answered(ctx))) {
		struct virtio_accel_call call = { .reply = rq->reply };
		struct virtio_accel_done done = { .token = rq->token };

		done.error = -accel_request_answer(rq, &call);
		done.status = call.status;
		done.reply_len = call.reply_len;
		accel_request_release(ctx, rq);
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

__poll_t accel_async_poll(struct file *file, struct poll_table_struct *wait)
{
	struct accel_context *ctx = file->private_data;

	poll_wait(file, &ctx->readable, wait);
	return list_empty_careful(&ctx->answered) ? 0 : EPOLLIN | EPOLLRDNORM;
}
