// SPDX-License-Identifier: GPL-2.0-only
/* The device node. Each open file is a context of the device: what is made in it goes with it. */
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "accel.h"

/* Never reused as long as the module is loaded; when it is unloaded, all devices are reset. */
static atomic64_t accel_last_context;

static void accel_context_release(struct kref *ref)
{
	struct accel_context *ctx = container_of(ref, struct accel_context, ref);
	struct accel_device *dev = ctx->dev;

	accel_memory_close(ctx, ctx->close);
	accel_close_context(dev, ctx->close);
	kfree(ctx->spare);
	kfree(ctx);
	put_device(&dev->dev);
}

/* Puts a reference; with the last one the context is closed on the device. May sleep. */
void accel_context_put(struct accel_context *ctx)
{
	kref_put(&ctx->ref, accel_context_release);
}

static int accel_open(struct inode *inode, struct file *file)
{
	struct accel_device *dev = container_of(inode->i_cdev, struct accel_device, cdev);
	struct accel_context *ctx = kzalloc(sizeof(*ctx), GFP_KERNEL_ACCOUNT);

	if (!ctx)
		return -ENOMEM;
	kref_init(&ctx->ref);
	ctx->id = atomic64_inc_return(&accel_last_context);
	ctx->close = accel_request_alloc_close(ctx->id);
	if (!ctx->close) {
		kfree(ctx);
		return -ENOMEM;
	}
	spin_lock_init(&ctx->lock);
	INIT_LIST_HEAD(&ctx->answered);
	xa_init(&ctx->memories);
	mutex_init(&ctx->memory_mutex);
	init_waitqueue_head(&ctx->readable);
	ctx->dev = dev;
	get_device(&dev->dev);
	atomic_inc(&dev->contexts);
	file->private_data = ctx;
	return nonseekable_open(inode, file);
}

static int accel_release(struct inode *inode, struct file *file)
{
	accel_async_close(file->private_data);
	accel_context_put(file->private_data);
	return 0;
}

/* Whether a call is within the limits of the device and has no flags but these. */
bool accel_call_valid(struct accel_device *dev, const struct virtio_accel_call *call, u32 flags)
{
	return !(call->flags & ~flags) && !call->reserved && call->message_len &&
	       call->message_len <= dev->info.max_message &&
	       call->reply_len <= dev->info.max_reply &&
	       call->nr_segments <= dev->info.max_segments;
}

static int accel_call(struct accel_context *ctx, struct virtio_accel_call __user *user)
{
	struct accel_device *dev = ctx->dev;
	struct virtio_accel_call call;
	struct accel_request *rq;
	int err;

	if (copy_from_user(&call, user, sizeof(call)))
		return -EFAULT;
	if (!accel_call_valid(dev, &call, 0))
		return -EINVAL;

	rq = accel_request_alloc(ctx);
	if (!rq)
		return -ENOMEM;
	err = accel_request_prepare(ctx, rq, &call);
	if (err)
		goto release;
	err = accel_submit(dev, rq);
	if (err)
		goto release;
	if (!accel_wait(rq, ctx))
		return -EINTR;	/* the request is the device's until it answers */
	err = accel_request_answer(rq, &call);
	if (!err && (put_user(call.reply_len, &user->reply_len) ||
		     put_user(call.status, &user->status)))
		err = -EFAULT;
release:
	accel_request_release(ctx, rq);
	return err;
}

static long accel_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct accel_context *ctx = file->private_data;
	struct accel_device *dev = ctx->dev;
	void __user *user = (void __user *)arg;

	switch (cmd) {
	case VIRTIO_ACCEL_IOC_INFO:
		if (!READ_ONCE(dev->running))
			return -ENODEV;
		return copy_to_user(user, &dev->info, sizeof(dev->info)) ? -EFAULT : 0;
	case VIRTIO_ACCEL_IOC_CALL:
		return accel_call(ctx, user);
	case VIRTIO_ACCEL_IOC_MEMORY_ALLOC:
	case VIRTIO_ACCEL_IOC_MEMORY_FREE:
	case VIRTIO_ACCEL_IOC_MEMORY_REGISTER:
		return accel_memory_ioctl(ctx, cmd, user);
	case VIRTIO_ACCEL_IOC_SUBMIT:
		return accel_async_submit(ctx, user);
	case VIRTIO_ACCEL_IOC_REAP:
		return accel_async_reap(ctx, user);
	default:
		return -ENOTTY;
	}
}

const struct file_operations accel_fops = {
	.owner = THIS_MODULE,
	.open = accel_open,
	.release = accel_release,
	.unlocked_ioctl = accel_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.poll = accel_async_poll,
	.mmap = accel_memory_mmap,
};
