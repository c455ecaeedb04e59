// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tells the device of registered memory: the program's ioctls about it.
 *
 * The context has a reference to its memory until the program frees it or the device has closed the
 * context, and so has each request that names it until the device has answered: a program may free
 * memory, or be killed, while the device works on it. Memory that could be registered but is not
 * registered any more, after a reset, is registered anew by the program (VIRTIO_ACCEL_S_STALE).
 */
#include <linux/uaccess.h>

#include "register.h"

/* Makes what the device reads: the name, and for a registration what is called so. */
static int accel_register_prepare(struct accel_request *rq, u32 type, const struct accel_memory *m)
{
	u32 nr_runs = type == VIRTIO_ACCEL_T_MEMORY_REGISTER ? m->nr_runs : 0;
	struct virtio_accel_segment *seg;
	struct virtio_accel_req *req;
	struct virtio_accel_run *run;
	struct accel_cursor at;
	unsigned int i;
	int err;

	err = accel_request_alloc_buffers(rq, sizeof(*req) + sizeof(*seg) +
					      (u64)nr_runs * sizeof(*run),
					  sizeof(struct virtio_accel_resp));
	if (err)
		return err;

	at = (struct accel_cursor){ .sg = rq->out.sg };
	req = accel_next_struct(&at, sizeof(*req));
	*req = (struct virtio_accel_req){
		.type = cpu_to_le32(type),
		.context = cpu_to_le64(rq->context),
		.nr_segments = cpu_to_le32(1),
		.nr_runs = cpu_to_le32(nr_runs),
	};
	seg = accel_next_struct(&at, sizeof(*seg));
	*seg = (struct virtio_accel_segment){ .memory = cpu_to_le32(m->id) };
	if (!nr_runs)
		return 0;
	seg->len = cpu_to_le64(accel_memory_size(m));
	seg->flags = cpu_to_le32(VIRTIO_ACCEL_SEG_READ | VIRTIO_ACCEL_SEG_WRITE);
	seg->nr_runs = cpu_to_le32(nr_runs);
	for (i = 0; i < m->nr_blocks;) {
		run = accel_next_struct(&at, sizeof(*run));
		i = accel_memory_run(m, i, run);
	}
	return 0;
}

/* Tells the device of the memory. Return: 0, and the device's status; or an error. */
static int accel_register_send(struct accel_context *ctx, u32 type, struct accel_memory *m,
			       u32 *status)
{
	struct accel_request *rq = accel_request_alloc(ctx->dev, ctx->id, &ctx->spare);
	struct virtio_accel_call call = {};
	int err;

	if (!rq)
		return -ENOMEM;
	/* The pages stay until the device has answered, whatever becomes of the caller. */
	kref_get(&m->ref);
	rq->segments[0].memory = m;
	rq->nr_segments = 1;
	err = accel_register_prepare(rq, type, m);
	if (err)
		goto release;
	err = accel_submit(ctx->dev, &rq->entry);
	if (err)
		goto release;
	if (!accel_context_wait(ctx, rq))
		return -EINTR;
	err = accel_request_answer(rq, &call);
	*status = call.status;
release:
	accel_request_release(rq, &ctx->spare);
	return err;
}

/*
 * Without an answer the device may have the memory, now or later. Then it stays the context's until
 * that is closed, and the device is asked nothing more about it: the queues know no order.
 */
static int accel_register_memory(struct accel_context *ctx, struct accel_memory *m, u32 *status)
{
	int err = accel_register_send(ctx, VIRTIO_ACCEL_T_MEMORY_REGISTER, m, status);

	if (err == -EINTR || err == -EIO)
		m->in_doubt = true;
	return err;
}

static int accel_register_alloc(struct accel_context *ctx, struct virtio_accel_memory *arg)
{
	struct accel_memory *m;
	int err;

	if (!arg->size)
		return -EINVAL;
	m = accel_memory_new(ctx->dev, arg->id, arg->size);
	if (IS_ERR(m))
		return PTR_ERR(m);
	err = accel_memory_add(&ctx->memories, m);
	if (err) {
		accel_memory_put(m);
		return err;
	}
	err = accel_register_memory(ctx, m, &arg->status);
	if (!m->in_doubt && (err || arg->status))
		accel_memory_forget(&ctx->memories, m);
	arg->size = accel_memory_size(m);
	arg->nr_blocks = m->nr_runs;
	accel_memory_put(m);
	return err;
}

static int accel_register_free(struct accel_context *ctx, struct accel_memory *m)
{
	u32 status;
	int err;

	if (m->in_doubt)
		return -EBUSY;
	err = accel_register_send(ctx, VIRTIO_ACCEL_T_MEMORY_UNREGISTER, m, &status);
	/* A device that is gone, or does not know the memory, does not use it. */
	if (err && err != -ENODEV)
		return err;
	return accel_memory_forget(&ctx->memories, m) ? 0 : -ENOENT;
}

/* VIRTIO_ACCEL_IOC_MEMORY_*; see there. */
int accel_register_ioctl(struct accel_context *ctx, unsigned int cmd,
			 struct virtio_accel_memory __user *user)
{
	struct virtio_accel_memory arg;
	struct accel_memory *m = NULL;
	int err;

	if (!(ctx->dev->info.features & BIT_ULL(VIRTIO_ACCEL_F_MEMORY)))
		return -EOPNOTSUPP;
	if (copy_from_user(&arg, user, sizeof(arg)))
		return -EFAULT;
	if (!arg.id || arg.nr_blocks || arg.reserved)
		return -EINVAL;
	arg.status = 0;
	if (cmd != VIRTIO_ACCEL_IOC_MEMORY_ALLOC && arg.size)
		return -EINVAL;
	/* Requests on different queues may overtake each other: one is answered before the next. */
	if (mutex_lock_killable(&ctx->memory_mutex))
		return -EINTR;
	if (cmd == VIRTIO_ACCEL_IOC_MEMORY_ALLOC) {
		err = accel_register_alloc(ctx, &arg);
	} else {
		m = accel_memory_get(&ctx->memories, arg.id);
		if (!m)
			err = -ENOENT;
		else if (cmd == VIRTIO_ACCEL_IOC_MEMORY_FREE)
			err = accel_register_free(ctx, m);
		else
			err = m->in_doubt ? -EBUSY : accel_register_memory(ctx, m, &arg.status);
		if (m)
			accel_memory_put(m);
	}
	mutex_unlock(&ctx->memory_mutex);
	if (!err && copy_to_user(user, &arg, sizeof(arg)))
		err = -EFAULT;
	return err;
}
