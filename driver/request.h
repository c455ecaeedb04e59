/* SPDX-License-Identifier: GPL-2.0-only */
/* One request: its memory, the pages of the program, what the device reads and what it answers. */
#ifndef ACCEL_REQUEST_H
#define ACCEL_REQUEST_H

#include "memory.h"
#include "queue.h"

struct accel_context;

/* One side of a request, in one piece or in several. */
struct accel_buffer {
	struct scatterlist *sg;
	unsigned int nents;
	size_t len;
	struct scatterlist one;
};

/* Pages of a program that lie one behind the other in memory. */
struct accel_pin {
	struct page *page;
	unsigned long nr_pages : BITS_PER_LONG - 1;
	unsigned long write : 1;
};

struct accel_pin_block {
	struct accel_pin_block *next;
	unsigned int nr;
	unsigned int max;
	struct accel_pin pins[];
};

struct accel_segment {
	struct accel_memory *memory;	/* with a reference, or NULL */
	u64 addr;			/* of the program, or offset in @memory */
	u64 len;
	u32 flags;
	u32 nr_runs;
};

#define ACCEL_INLINE_SEGMENTS	8
#define ACCEL_INLINE_PINS	16

/*
 * What the device is told lies in @out and what it answers in @in; the run table there is written
 * from @pins and never read back, since the device can reach it.
 */
struct accel_request {
	struct accel_entry entry;
	struct accel_device *dev;
	u64 context;			/* as the device knows it */

	/* Those above keep their own here. */
	struct accel_context *owner;	/* with a reference, of an orphan or an async call; or NULL */
	struct llist_node orphan_node;
	struct list_head closing_node;
	struct list_head answered_node;
	u64 token;
	u64 reply;			/* the program's address */

	struct accel_memory *memories;	/* of the context that it closes */

	struct accel_buffer out;
	struct accel_buffer in;
	size_t data_used;
	size_t data_size;

	unsigned int nr_segments;
	u32 nr_runs;
	u64 nr_pages;
	struct accel_segment *segments;
	struct accel_segment inline_segments[ACCEL_INLINE_SEGMENTS];
	struct accel_pin_block *last_pins;
	/* these two are one block with room for ACCEL_INLINE_PINS */
	struct accel_pin_block pins;
	struct accel_pin inline_pins[ACCEL_INLINE_PINS];

	u8 data[] __aligned(16);	/* out and in, if they fit */
};

/* A place in a buffer. */
struct accel_cursor {
	struct scatterlist *sg;
	size_t offset;
};

struct accel_request *accel_request_alloc(struct accel_device *dev, u64 context,
					  struct accel_request **spare);
struct accel_request *accel_request_alloc_close(struct accel_device *dev, u64 context);
void accel_request_free(struct accel_request *rq);
void accel_request_release(struct accel_request *rq, struct accel_request **spare);
bool accel_request_valid(const struct accel_device *dev, const struct virtio_accel_call *call,
			 u32 flags);
int accel_request_prepare(struct accel_request *rq, struct xarray *memories,
			  const struct virtio_accel_call *call);
int accel_request_alloc_buffers(struct accel_request *rq, u64 out, u64 in);
void *accel_next_struct(struct accel_cursor *at, size_t size);
int accel_request_answer(struct accel_request *rq, struct virtio_accel_call *call);

#endif
