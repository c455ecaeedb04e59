// SPDX-License-Identifier: GPL-2.0-only
/*
 * Registered memory: blocks of pages, as large as there are, that the device knows by an id and a
 * program maps.
 *
 * The pages are freed with the last reference. The context has one until the program frees the
 * memory or the device has closed the context, each mapping has one, and so has each request that
 * names the memory until the device has answered it: a program may free memory, unmap it, or be
 * killed, while the device works on it. Memory that could be registered but is not registered any
 * more, after a reset, is registered anew by the program (VIRTIO_ACCEL_S_STALE).
 */
#include <linux/fs.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/uaccess.h>
#include <linux/xarray.h>

#include "accel.h"
#include "compat.h"

/* Pages that are mapped at once */
#define ACCEL_MAP_BATCH		64

static unsigned int memory_percent = 50;
module_param(memory_percent, uint, 0644);
MODULE_PARM_DESC(memory_percent,
		 "share of the machine's memory that programs may register (default 50)");

static atomic_long_t accel_all_pages;

struct accel_block {
	struct page *page;
	unsigned int order;
};

struct accel_memory {
	struct kref ref;
	struct accel_device *dev;
	struct accel_memory *next;	/* of a closed context */
	u32 id;
	bool in_doubt;			/* the device may register it at any time */
	u32 nr_runs;			/* blocks that adjoin each other are one */
	unsigned long nr_pages;
	unsigned int nr_blocks;
	unsigned int max_blocks;
	struct accel_block *blocks;	/* in the order of their addresses */
};

static void accel_memory_release(struct kref *ref)
{
	struct accel_memory *m = container_of(ref, struct accel_memory, ref);
	unsigned int i;

	for (i = 0; i < m->nr_blocks; i++) {
		/* A page may still be pinned for another device's use. */
		put_page(m->blocks[i].page);
		cond_resched();
	}
	atomic_long_sub(m->nr_pages, &m->dev->memory_pages);
	atomic_long_sub(m->nr_pages, &accel_all_pages);
	kvfree(m->blocks);
	kfree(m);
}

/* May free a lot of memory, and sleep. */
void accel_memory_put(struct accel_memory *m)
{
	kref_put(&m->ref, accel_memory_release);
}

/* Return: the memory, with a reference, or NULL. */
struct accel_memory *accel_memory_get(struct accel_context *ctx, u32 id)
{
	struct accel_memory *m;

	xa_lock(&ctx->memories);
	m = xa_load(&ctx->memories, id);
	if (m)
		kref_get(&m->ref);
	xa_unlock(&ctx->memories);
	return m;
}

u32 accel_memory_id(const struct accel_memory *m)
{
	return m->id;
}

u64 accel_memory_size(const struct accel_memory *m)
{
	return (u64)m->nr_pages << PAGE_SHIFT;
}

/* ---- Pages ------------------------------------------------------------------------------ */

static int accel_add_block(struct accel_memory *m, struct page *page, unsigned int order)
{
	if (m->nr_blocks == m->max_blocks) {
		unsigned int max = m->max_blocks ? 2 * m->max_blocks : 16;
		struct accel_block *blocks = kvmalloc_array(max, sizeof(*blocks),
							    GFP_KERNEL_ACCOUNT);

		if (!blocks)
			return -ENOMEM;
		if (m->nr_blocks)
			memcpy(blocks, m->blocks, m->nr_blocks * sizeof(*blocks));
		kvfree(m->blocks);
		m->blocks = blocks;
		m->max_blocks = max;
	}
	m->blocks[m->nr_blocks++] = (struct accel_block){ .page = page, .order = order };
	return 0;
}

static int accel_compare_blocks(const void *a, const void *b)
{
	unsigned long left = page_to_pfn(((const struct accel_block *)a)->page);
	unsigned long right = page_to_pfn(((const struct accel_block *)b)->page);

	return left < right ? -1 : left > right;
}

/*
 * Large blocks are not worth much trouble: what is in the way is not moved for them. Single pages
 * are, but nobody is killed for them.
 */
static int accel_fill(struct accel_memory *m)
{
	unsigned int order = ACCEL_MAX_ORDER;
	unsigned long left = m->nr_pages;
	gfp_t gfp = GFP_HIGHUSER | __GFP_ACCOUNT | __GFP_ZERO | __GFP_NOWARN;
	struct page *page;

	while (left) {
		order = min_t(unsigned int, order, ilog2(left));
		page = alloc_pages(gfp | (order ? __GFP_COMP | __GFP_NORETRY :
						  __GFP_RETRY_MAYFAIL), order);
		if (!page) {
			if (!order)
				return -ENOMEM;
			order--;
			continue;
		}
		if (accel_add_block(m, page, order)) {
			put_page(page);
			return -ENOMEM;
		}
		left -= 1UL << order;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}

static unsigned long accel_block_end(const struct accel_block *b)
{
	return page_to_pfn(b->page) + (1UL << b->order);
}

/* The end of the run of blocks that starts with block @i. */
static unsigned int accel_run_end(const struct accel_memory *m, unsigned int i)
{
	for (i++; i < m->nr_blocks; i++)
		if (page_to_pfn(m->blocks[i].page) != accel_block_end(&m->blocks[i - 1]))
			break;
	return i;
}

static struct accel_memory *accel_memory_new(struct accel_device *dev, u32 id, u64 size)
{
	unsigned long limit = totalram_pages() / 100 * min(READ_ONCE(memory_percent), 100U);
	struct accel_memory *m;
	unsigned int i;
	int err;

	if (size > (u64)limit << PAGE_SHIFT)
		return ERR_PTR(-ENOMEM);
	m = kzalloc(sizeof(*m), GFP_KERNEL_ACCOUNT);
	if (!m)
		return ERR_PTR(-ENOMEM);
	kref_init(&m->ref);
	m->dev = dev;
	m->id = id;
	m->nr_pages = DIV_ROUND_UP_ULL(size, PAGE_SIZE);
	atomic_long_add(m->nr_pages, &dev->memory_pages);
	if (atomic_long_add_return(m->nr_pages, &accel_all_pages) > limit) {
		err = -ENOMEM;
		goto put;
	}
	err = accel_fill(m);
	if (err)
		goto put;
	sort(m->blocks, m->nr_blocks, sizeof(*m->blocks), accel_compare_blocks, NULL);
	for (i = 0; i < m->nr_blocks; i = accel_run_end(m, i))
		m->nr_runs++;
	return m;

put:
	accel_memory_put(m);
	return ERR_PTR(err);
}

/* ---- Requests --------------------------------------------------------------------------- */

/* Makes what the device reads: the name, and for a registration what is called so. */
static int accel_memory_prepare(struct accel_context *ctx, struct accel_request *rq, u32 type,
				const struct accel_memory *m)
{
	u32 nr_runs = type == VIRTIO_ACCEL_T_MEMORY_REGISTER ? m->nr_runs : 0;
	unsigned int half = READ_ONCE(ctx->dev->ring_size) / 2;
	struct virtio_accel_segment *seg;
	struct virtio_accel_req *req;
	struct virtio_accel_run *run;
	struct accel_cursor at;
	unsigned int i, end;
	int err;

	err = accel_buffer_alloc(rq, &rq->out, sizeof(*req) + sizeof(*seg) +
				 (u64)nr_runs * sizeof(*run), half, GFP_KERNEL_ACCOUNT);
	if (!err)
		err = accel_buffer_alloc(rq, &rq->in, sizeof(struct virtio_accel_resp), half,
					 GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	if (err)
		return err;

	at = (struct accel_cursor){ .sg = rq->out.sg };
	req = accel_next_struct(&at, sizeof(*req));
	*req = (struct virtio_accel_req){
		.type = cpu_to_le32(type),
		.context = cpu_to_le64(ctx->id),
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
	for (i = 0; i < m->nr_blocks; i = end) {
		phys_addr_t start = page_to_phys(m->blocks[i].page);

		end = accel_run_end(m, i);
		run = accel_next_struct(&at, sizeof(*run));
		run->addr = cpu_to_le64(start);
		run->len = cpu_to_le64(PFN_PHYS(accel_block_end(&m->blocks[end - 1])) - start);
	}
	return 0;
}

/* Tells the device of the memory. Return: 0, and the device's status; or an error. */
static int accel_memory_send(struct accel_context *ctx, u32 type, struct accel_memory *m,
			     u32 *status)
{
	struct accel_request *rq = accel_request_alloc(ctx);
	struct virtio_accel_call call = {};
	int err;

	if (!rq)
		return -ENOMEM;
	/* The pages stay until the device has answered, whatever becomes of the caller. */
	kref_get(&m->ref);
	rq->segments[0].memory = m;
	rq->nr_segments = 1;
	err = accel_memory_prepare(ctx, rq, type, m);
	if (err)
		goto release;
	err = accel_submit(ctx->dev, rq);
	if (err)
		goto release;
	if (!accel_wait(rq, ctx))
		return -EINTR;
	err = accel_request_answer(rq, &call);
	*status = call.status;
release:
	accel_request_release(ctx, rq);
	return err;
}

/* Takes the memory out of the context, if it is still there. */
static bool accel_memory_forget(struct accel_context *ctx, struct accel_memory *m)
{
	bool there;

	xa_lock(&ctx->memories);
	there = xa_load(&ctx->memories, m->id) == m;
	if (there)
		__xa_erase(&ctx->memories, m->id);
	xa_unlock(&ctx->memories);
	if (there)
		accel_memory_put(m);
	return there;
}

/*
 * Without an answer the device may have the memory, now or later. Then it stays the context's until
 * that is closed, and the device is asked nothing more about it: the queues know no order.
 */
static int accel_memory_register(struct accel_context *ctx, struct accel_memory *m, u32 *status)
{
	int err = accel_memory_send(ctx, VIRTIO_ACCEL_T_MEMORY_REGISTER, m, status);

	if (err == -EINTR || err == -EIO)
		m->in_doubt = true;
	return err;
}

static int accel_memory_alloc(struct accel_context *ctx, struct virtio_accel_memory *arg)
{
	struct accel_memory *m;
	int err;

	if (!arg->size)
		return -EINVAL;
	m = accel_memory_new(ctx->dev, arg->id, arg->size);
	if (IS_ERR(m))
		return PTR_ERR(m);
	kref_get(&m->ref);
	err = xa_insert(&ctx->memories, m->id, m, GFP_KERNEL_ACCOUNT);
	if (err) {
		accel_memory_put(m);
		accel_memory_put(m);
		return err == -EBUSY ? -EEXIST : err;
	}
	err = accel_memory_register(ctx, m, &arg->status);
	if (!m->in_doubt && (err || arg->status))
		accel_memory_forget(ctx, m);
	arg->size = accel_memory_size(m);
	arg->nr_blocks = m->nr_runs;
	accel_memory_put(m);
	return err;
}

static int accel_memory_free(struct accel_context *ctx, struct accel_memory *m)
{
	u32 status;
	int err;

	if (m->in_doubt)
		return -EBUSY;
	err = accel_memory_send(ctx, VIRTIO_ACCEL_T_MEMORY_UNREGISTER, m, &status);
	/* A device that is gone, or does not know the memory, does not use it. */
	if (err && err != -ENODEV)
		return err;
	return accel_memory_forget(ctx, m) ? 0 : -ENOENT;
}

/* VIRTIO_ACCEL_IOC_MEMORY_*; see there. */
int accel_memory_ioctl(struct accel_context *ctx, unsigned int cmd,
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
		err = accel_memory_alloc(ctx, &arg);
	} else {
		m = accel_memory_get(ctx, arg.id);
		if (!m)
			err = -ENOENT;
		else if (cmd == VIRTIO_ACCEL_IOC_MEMORY_FREE)
			err = accel_memory_free(ctx, m);
		else
			err = m->in_doubt ? -EBUSY : accel_memory_register(ctx, m, &arg.status);
		if (m)
			accel_memory_put(m);
	}
	mutex_unlock(&ctx->memory_mutex);
	if (!err && copy_to_user(user, &arg, sizeof(arg)))
		err = -EFAULT;
	return err;
}

/* The context is closed: its memory is kept by @close until the device has answered. */
void accel_memory_close(struct accel_context *ctx, struct accel_request *close)
{
	struct accel_memory *m;
	unsigned long id;

	xa_for_each(&ctx->memories, id, m) {
		m->next = close->memories;
		close->memories = m;
	}
	xa_destroy(&ctx->memories);
}

/* Puts what accel_memory_close() has collected. */
void accel_memory_put_all(struct accel_memory *m)
{
	while (m) {
		struct accel_memory *next = m->next;

		accel_memory_put(m);
		m = next;
	}
}

/* ---- Mappings --------------------------------------------------------------------------- */

static void accel_vm_open(struct vm_area_struct *vma)
{
	struct accel_memory *m = vma->vm_private_data;

	kref_get(&m->ref);
}

static void accel_vm_close(struct vm_area_struct *vma)
{
	accel_memory_put(vma->vm_private_data);
}

static const struct vm_operations_struct accel_vm_ops = {
	.open = accel_vm_open,
	.close = accel_vm_close,
};

/* All of it at once: a fault for each page later would cost more. */
static int accel_map_pages(struct vm_area_struct *vma, struct accel_memory *m)
{
	unsigned long addr = vma->vm_start, page = 0, left;
	struct page *pages[ACCEL_MAP_BATCH];
	unsigned int block = 0, k;
	int err;

	while (addr < vma->vm_end) {
		for (k = 0; k < ACCEL_MAP_BATCH && addr + k * PAGE_SIZE < vma->vm_end; k++) {
			pages[k] = m->blocks[block].page + page;
			if (++page == 1UL << m->blocks[block].order) {
				block++;
				page = 0;
			}
		}
		left = k;
		err = vm_insert_pages(vma, addr, pages, &left);
		if (err)
			return err;
		if (fatal_signal_pending(current))
			return -EINTR;
		addr += k * PAGE_SIZE;
		cond_resched();
	}
	return 0;
}

/* Maps the memory whose id is the offset in pages, from its start, for this process alone. */
int accel_memory_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct accel_context *ctx = file->private_data;
	struct accel_memory *m;
	int err = -EINVAL;

	if (!(vma->vm_flags & VM_SHARED) || vma->vm_pgoff > U32_MAX)
		return -EINVAL;
	m = accel_memory_get(ctx, vma->vm_pgoff);
	if (!m)
		return -ENOENT;
	if (vma_pages(vma) > m->nr_pages)
		goto put;
	vm_flags_set(vma, VM_DONTCOPY | VM_DONTEXPAND | VM_DONTDUMP);
	err = accel_map_pages(vma, m);
	if (err)
		goto put;
	vma->vm_private_data = m;
	vma->vm_ops = &accel_vm_ops;
	return 0;

put:
	accel_memory_put(m);
	return err;
}
