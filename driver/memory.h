/* SPDX-License-Identifier: GPL-2.0-only */
/* Registered memory: its pages, references and mappings. */
#ifndef ACCEL_MEMORY_H
#define ACCEL_MEMORY_H

#include <linux/kref.h>
#include <linux/mm_types.h>
#include <linux/xarray.h>

#include "device.h"

struct accel_block {
	struct page *page;
	unsigned int nr_pages;
	bool split;			/* into pages that are freed one by one */
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
	struct accel_block *blocks;	/* of whole ACCEL_LARGE_PAGES first; then by address */
};

struct accel_memory *accel_memory_new(struct accel_device *dev, u32 id, u64 size);
void accel_memory_put(struct accel_memory *m);
u64 accel_memory_size(const struct accel_memory *m);
unsigned int accel_memory_run(const struct accel_memory *m, unsigned int block,
			      struct virtio_accel_run *run);
int accel_memory_map(struct accel_memory *m, struct vm_area_struct *vma);

/* The memories of a context, by id */
int accel_memory_add(struct xarray *memories, struct accel_memory *m);
struct accel_memory *accel_memory_get(struct xarray *memories, u32 id);
bool accel_memory_forget(struct xarray *memories, struct accel_memory *m);
struct accel_memory *accel_memory_take_all(struct xarray *memories);
void accel_memory_put_all(struct accel_memory *m);

#endif
