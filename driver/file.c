// SPDX-License-Identifier: GPL-2.0-only
/* The device node. Each open file is a context of the device: what is made in it goes with it. */
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/uaccess.h>

#include "async.h"
#include "context.h"
#include "file.h"
#include "register.h"

static int accel_open(struct inode *inode, struct file *file)
{
	struct accel_device *dev = container_of(inode->i_cdev, struct accel_device, cdev);
	struct accel_context *ctx = accel_context_new(dev);

	if (!ctx)
		return -ENOMEM;
	file->private_data = ctx;
	return nonseekable_open(inode, file);
}

static int accel_release(struct inode *inode, struct file *file)
{
	accel_async_close(file->private_data);
	accel_context_put(file->private_data);
	return 0;
}

static int accel_call(struct accel_context *ctx, struct virtio_accel_call __user *user)
{
	struct accel_device *dev = ctx->dev;
	struct virtio_accel_call call;
	struct accel_request *rq;
	int err;

	if (copy_from_user(&call, user, sizeof(call)))
		return -EFAULT;
	if (!accel_request_valid(dev, &call, 0))
		return -EINVAL;

	rq = accel_request_alloc(dev, ctx->id, &ctx->spare);
	if (!rq)
		return -ENOMEM;
	err = accel_request_prepare(rq, &ctx->memories, &call);
	if (err)
		goto release;
	err = accel_submit(dev, &rq->entry);
	if (err)
		goto release;
	if (!accel_context_wait(ctx, rq))
		return -EINTR;	/* the request is the device's until it answers */
	err = accel_request_answer(rq, &call);
	if (!err && (put_user(call.reply_len, &user->reply_len) ||
		     put_user(call.status, &user->status)))
		err = -EFAULT;
release:
	accel_request_release(rq, &ctx->spare);
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
		return accel_register_ioctl(ctx, cmd, user);
	case VIRTIO_ACCEL_IOC_SUBMIT:
		return accel_async_submit(ctx, user);
	case VIRTIO_ACCEL_IOC_REAP:
		return accel_async_reap(ctx, user);
	default:
		return -ENOTTY;
	}
}

static __poll_t accel_file_poll(struct file *file, poll_table *wait)
{
	return accel_async_poll(file->private_data, file, wait);
}

/* The offset in pages is the id of registered memory. */
static int accel_file_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct accel_context *ctx = file->private_data;
	struct accel_memory *m;
	int err;

	if (!(vma->vm_flags & VM_SHARED) || vma->vm_pgoff > U32_MAX)
		return -EINVAL;
	m = accel_memory_get(&ctx->memories, vma->vm_pgoff);
	if (!m)
		return -ENOENT;
	err = accel_memory_map(m, vma);
	if (err)
		accel_memory_put(m);
	return err;
}

const struct file_operations accel_fops = {
	.owner = THIS_MODULE,
	.open = accel_open,
	.release = accel_release,
	.unlocked_ioctl = accel_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.poll = accel_file_poll,
	.mmap = accel_file_mmap,
};
