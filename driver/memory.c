// SPDX-License-Identifier: GPL-2.0-only
/*
 * Registered memory: blocks of pages, as large as there are, that the device knows by an id and a
 * program maps.
 *
 * The pages are freed with the last reference. The context has one until the program frees the
 * memory or the device has closed the context, each mapping has one, and so has each request that
 * names the memory until the device has answered it: a program may free memory, unmap it, or be
 * killed, while the device works on it.
 */
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/sort.h>

#include "compat.h"
#include "memory.h"

/* Pages that are mapped at once */
#define ACCEL_MAP_BATCH		64
/*
 * What hosts that give a VM huge pages can place elsewhere: 2 MiB. A host in such pages makes one range
 * of blocks if all but the last one consist of these, and each of them starts with one.
 */
#define ACCEL_LARGE_PAGES	(SZ_2M >> PAGE_SHIFT)

static unsigned int memory_percent = 50;
module_param(memory_percent, uint, 0644);
MODULE_PARM_DESC(memory_percent,
		 "share of the machine's memory that programs may register (default 50)");

static atomic_long_t accel_all_pages;

/* A page may still be pinned for another device's use. */
static void accel_put_block(const struct accel_block *b)
{
	unsigned int i;

	for (i = 0; i < (b->split ? b->nr_pages : 1); i++)
		put_page(b->page + i);
}

static void accel_memory_release(struct kref *ref)
{
	struct accel_memory *m = container_of(ref, struct accel_memory, ref);
	unsigned int i;

	for (i = 0; i < m->nr_blocks; i++) {
		accel_put_block(&m->blocks[i]);
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

u64 accel_memory_size(const struct accel_memory *m)
{
	return (u64)m->nr_pages << PAGE_SHIFT;
}

/* ---- Pages ------------------------------------------------------------------------------ */

static int accel_add_block(struct accel_memory *m, const struct accel_block *block)
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
	m->blocks[m->nr_blocks++] = *block;
	return 0;
}

static int accel_compare_blocks(const void *a, const void *b)
{
	const struct accel_block *left = a, *right = b;
	bool left_part = left->nr_pages % ACCEL_LARGE_PAGES;
	bool right_part = right->nr_pages % ACCEL_LARGE_PAGES;

	if (left_part != right_part)
		return left_part ? 1 : -1;
	return page_to_pfn(left->page) < page_to_pfn(right->page) ? -1 :
	       page_to_pfn(left->page) > page_to_pfn(right->page);
}

/*
 * Takes 2^order pages, or the first @left of them; then the others are given back, so that the memory
 * ends with one block that starts where a large page does, and not with a block for each bit of its size.
 */
static bool accel_take_block(struct accel_block *b, unsigned int order, unsigned long left)
{
	gfp_t gfp = GFP_HIGHUSER | __GFP_ACCOUNT | __GFP_ZERO | __GFP_NOWARN;
	unsigned long i;

	b->nr_pages = min(1UL << order, left);
	b->split = b->nr_pages < 1UL << order;
	gfp |= order ? __GFP_NORETRY : __GFP_RETRY_MAYFAIL;
	if (order && !b->split)
		gfp |= __GFP_COMP;
	b->page = alloc_pages(gfp, order);
	if (!b->page)
		return false;
	if (b->split) {
		split_page(b->page, order);
		for (i = b->nr_pages; i < 1UL << order; i++)
			__free_page(b->page + i);
	}
	return true;
}

/*
 * Large blocks are not worth much trouble: what is in the way is not moved for them. Single pages
 * are, but nobody is killed for them.
 */
static int accel_fill(struct accel_memory *m)
{
	unsigned int order = ACCEL_MAX_ORDER;
	unsigned long left = m->nr_pages, whole;
	struct accel_block block;

	while (left) {
		/* What follows another block starts with a large page, however short it is. */
		whole = m->nr_blocks ? max_t(unsigned long, left, ACCEL_LARGE_PAGES) : left;
		order = min_t(unsigned int, order, order_base_2(whole));
		if (!accel_take_block(&block, order, left)) {
			if (!order)
				return -ENOMEM;
			order--;
			continue;
		}
		if (accel_add_block(m, &block)) {
			accel_put_block(&block);
			return -ENOMEM;
		}
		left -= block.nr_pages;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}

static unsigned long accel_block_end(const struct accel_block *b)
{
	return page_to_pfn(b->page) + b->nr_pages;
}

/* The end of the run of blocks that starts with block @i. */
static unsigned int accel_run_end(const struct accel_memory *m, unsigned int i)
{
	for (i++; i < m->nr_blocks; i++)
		if (page_to_pfn(m->blocks[i].page) != accel_block_end(&m->blocks[i - 1]))
			break;
	return i;
}

/**
 * accel_memory_run() - describes blocks that follow each other in memory
 * @m:     the memory
 * @block: the first of them
 * @run:   written
 *
 * Return: the first block of the next run.
 */
unsigned int accel_memory_run(const struct accel_memory *m, unsigned int block,
			      struct virtio_accel_run *run)
{
	unsigned int end = accel_run_end(m, block);
	phys_addr_t start = page_to_phys(m->blocks[block].page);

	run->addr = cpu_to_le64(start);
	run->len = cpu_to_le64(PFN_PHYS(accel_block_end(&m->blocks[end - 1])) - start);
	return end;
}

/*
 * Return: @size bytes, rounded up to pages, with one reference; or ERR_PTR(): -ENOMEM or -EINTR (the
 * caller is being killed).
 */
struct accel_memory *accel_memory_new(struct accel_device *dev, u32 id, u64 size)
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

/* ---- The memories of a context ---------------------------------------------------------- */

/* Gives memory its name, with a reference. Return: 0, -EEXIST or -ENOMEM. */
int accel_memory_add(struct xarray *memories, struct accel_memory *m)
{
	int err;

	kref_get(&m->ref);
	err = xa_insert(memories, m->id, m, GFP_KERNEL_ACCOUNT);
	if (err)
		accel_memory_put(m);
	return err == -EBUSY ? -EEXIST : err;
}

/* Return: the memory, with a reference, or NULL. */
struct accel_memory *accel_memory_get(struct xarray *memories, u32 id)
{
	struct accel_memory *m;

	xa_lock(memories);
	m = xa_load(memories, id);
	if (m)
		kref_get(&m->ref);
	xa_unlock(memories);
	return m;
}

/* Takes memory out of its context and puts that reference. Return: whether it was still there. */
bool accel_memory_forget(struct xarray *memories, struct accel_memory *m)
{
	bool there;

	xa_lock(memories);
	there = xa_load(memories, m->id) == m;
	if (there)
		__xa_erase(memories, m->id);
	xa_unlock(memories);
	if (there)
		accel_memory_put(m);
	return there;
}

/* Takes all out of a context, with their references. Return: a list for accel_memory_put_all(). */
struct accel_memory *accel_memory_take_all(struct xarray *memories)
{
	struct accel_memory *all = NULL, *m;
	unsigned long id;

	xa_for_each(memories, id, m) {
		m->next = all;
		all = m;
	}
	xa_destroy(memories);
	return all;
}

/* Puts what accel_memory_take_all() has collected. */
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
			if (++page == m->blocks[block].nr_pages) {
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

/*
 * Maps memory from its start, for this process alone; the mapping takes the caller's reference. Return:
 * 0; or -EINVAL (there is less memory), -ENOMEM or -EINTR, and the reference is still the caller's.
 */
int accel_memory_map(struct accel_memory *m, struct vm_area_struct *vma)
{
	int err;

	if (vma_pages(vma) > m->nr_pages)
		return -EINVAL;
	vm_flags_set(vma, VM_DONTCOPY | VM_DONTEXPAND | VM_DONTDUMP);
	err = accel_map_pages(vma, m);
	if (err)
		return err;
	vma->vm_private_data = m;
	vma->vm_ops = &accel_vm_ops;
	return 0;
}
