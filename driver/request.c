// SPDX-License-Identifier: GPL-2.0-only
/* One request: its memory, the pages of the program, what the device reads and what it answers. */
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "request.h"

/* A request of a call, in one allocation; what does not fit is allocated in pieces. */
#define ACCEL_REQUEST_SIZE	SZ_16K
/* Pieces are larger only when there would be too many of them for the ring. */
#define ACCEL_PIECE_SIZE	SZ_64K
#define ACCEL_PIN_BATCH		64

static_assert(sizeof(struct virtio_accel_req) == 32);
static_assert(sizeof(struct virtio_accel_segment) == 32);
static_assert(sizeof(struct virtio_accel_run) == 16);
static_assert(sizeof(struct virtio_accel_resp) == 16);

static void accel_request_init(struct accel_request *rq, size_t size, struct accel_device *dev,
			       u64 context)
{
	memset(rq, 0, sizeof(*rq));
	init_completion(&rq->entry.done);
	rq->dev = dev;
	rq->context = context;
	rq->data_size = size - sizeof(*rq);
	rq->segments = rq->inline_segments;
	rq->last_pins = &rq->pins;
	rq->pins.max = ACCEL_INLINE_PINS;
}

/**
 * accel_request_alloc() - makes a request
 * @dev:     the device
 * @context: which context's it is
 * @spare:   where one is kept for the next call
 *
 * Return: the request, to be given back by accel_request_release(), or NULL.
 */
struct accel_request *accel_request_alloc(struct accel_device *dev, u64 context,
					  struct accel_request **spare)
{
	struct accel_request *rq = xchg(spare, NULL);

	if (!rq)
		rq = kmalloc(ACCEL_REQUEST_SIZE, GFP_KERNEL_ACCOUNT);
	if (rq)
		accel_request_init(rq, ACCEL_REQUEST_SIZE, dev, context);
	return rq;
}

/* Return: the request that closes a context, or NULL. */
struct accel_request *accel_request_alloc_close(struct accel_device *dev, u64 context)
{
	size_t size = sizeof(struct accel_request) + sizeof(struct virtio_accel_req) +
		      sizeof(struct virtio_accel_resp);
	struct accel_request *rq = kmalloc(size, GFP_KERNEL_ACCOUNT);
	struct virtio_accel_req *req;

	if (!rq)
		return NULL;
	accel_request_init(rq, size, dev, context);
	req = (void *)rq->data;
	*req = (struct virtio_accel_req){
		.type = cpu_to_le32(VIRTIO_ACCEL_T_CONTEXT_CLOSE),
		.context = cpu_to_le64(context),
	};
	memset(req + 1, 0, sizeof(struct virtio_accel_resp));
	sg_init_one(&rq->out.one, req, sizeof(*req));
	sg_init_one(&rq->in.one, req + 1, sizeof(struct virtio_accel_resp));
	rq->entry.out = rq->out.sg = &rq->out.one;
	rq->entry.in = rq->in.sg = &rq->in.one;
	return rq;
}

static void accel_buffer_free(struct accel_buffer *buf)
{
	unsigned int i;

	if (buf->sg == &buf->one || !buf->sg)
		return;
	for (i = 0; i < buf->nents; i++)
		kfree(sg_virt(&buf->sg[i]));
	kvfree(buf->sg);
}

static void accel_unpin(struct accel_request *rq)
{
	struct accel_pin_block *block = &rq->pins;

	if (!rq->nr_pages)
		return;
	while (block) {
		struct accel_pin_block *next = block->next;
		unsigned int i;

		for (i = 0; i < block->nr; i++) {
			unpin_user_page_range_dirty_lock(block->pins[i].page,
							 block->pins[i].nr_pages,
							 block->pins[i].write);
			cond_resched();
		}
		if (block != &rq->pins)
			kfree(block);
		block = next;
	}
	atomic_long_sub(rq->nr_pages, &rq->dev->pinned_pages);
}

static void accel_request_clear(struct accel_request *rq)
{
	unsigned int i;

	accel_unpin(rq);
	for (i = 0; i < rq->nr_segments; i++)
		if (rq->segments[i].memory)
			accel_memory_put(rq->segments[i].memory);
	accel_memory_put_all(rq->memories);
	accel_buffer_free(&rq->out);
	accel_buffer_free(&rq->in);
	if (rq->segments != rq->inline_segments)
		kvfree(rq->segments);
}

/* Frees a request that the device does not have; unpins its pages. May sleep. */
void accel_request_free(struct accel_request *rq)
{
	accel_request_clear(rq);
	kfree(rq);
}

/* As accel_request_free(), but keeps the memory for the next call if there is no spare yet. */
void accel_request_release(struct accel_request *rq, struct accel_request **spare)
{
	accel_request_clear(rq);
	kfree(xchg(spare, rq));
}

/* Whether a call is within the limits of the device and has no flags but these. */
bool accel_request_valid(const struct accel_device *dev, const struct virtio_accel_call *call,
			 u32 flags)
{
	return !(call->flags & ~flags) && !call->reserved && call->message_len &&
	       call->message_len <= dev->info.max_message &&
	       call->reply_len <= dev->info.max_reply &&
	       call->nr_segments <= dev->info.max_segments;
}

/* Copies the descriptions of the segments and checks them. */
static int accel_get_segments(struct accel_request *rq, struct xarray *memories,
			      const struct virtio_accel_call *call)
{
	struct virtio_accel_user_segment __user *from = u64_to_user_ptr(call->segments);
	const u32 access = VIRTIO_ACCEL_SEG_READ | VIRTIO_ACCEL_SEG_WRITE;
	struct virtio_accel_user_segment user;
	unsigned long addr;
	u32 i;

	if (call->nr_segments > ACCEL_INLINE_SEGMENTS) {
		rq->segments = kvmalloc_array(call->nr_segments, sizeof(*rq->segments),
					      GFP_KERNEL_ACCOUNT);
		if (!rq->segments)
			return -ENOMEM;
	}
	for (i = 0; i < call->nr_segments; i++) {
		struct accel_segment *seg = &rq->segments[i];

		if (copy_from_user(&user, &from[i], sizeof(user)))
			return -EFAULT;
		if (!user.len || !(user.flags & access) ||
		    (user.flags & ~(access | VIRTIO_ACCEL_SEG_MEMORY)))
			return -EINVAL;
		if (user.flags & VIRTIO_ACCEL_SEG_MEMORY) {
			*seg = (struct accel_segment){
				.memory = accel_memory_get(memories, user.memory),
				.addr = user.addr,
				.len = user.len,
				.flags = user.flags,
			};
			rq->nr_segments++;
			if (!seg->memory)
				return -ENOENT;
			if (user.addr > accel_memory_size(seg->memory) ||
			    user.len > accel_memory_size(seg->memory) - user.addr)
				return -EINVAL;
			continue;
		}
		if (user.memory)
			return -EINVAL;
		/* This also keeps all sums of lengths and pages from overflowing. */
		addr = untagged_addr((unsigned long)user.addr);
		if (user.addr > ULONG_MAX || addr > TASK_SIZE_MAX ||
		    user.len > TASK_SIZE_MAX - addr)
			return -EFAULT;
		*seg = (struct accel_segment){
			.addr = addr,
			.len = user.len,
			.flags = user.flags,
		};
		rq->nr_segments++;
	}
	return 0;
}

/* Records pinned pages, as part of the segment's last run where they follow it in memory. */
static int accel_add_pins(struct accel_request *rq, struct accel_segment *seg, struct page **pages,
			  unsigned int nr)
{
	bool write = seg->flags & VIRTIO_ACCEL_SEG_WRITE;
	struct accel_pin_block *block = rq->last_pins;
	struct accel_pin *pin = block->nr ? &block->pins[block->nr - 1] : NULL;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		/* Frames may follow each other where their struct page do not. */
		if (seg->nr_runs && pages[i] == pin->page + pin->nr_pages &&
		    page_to_pfn(pages[i]) == page_to_pfn(pin->page) + pin->nr_pages) {
			pin->nr_pages++;
			rq->nr_pages++;
			continue;
		}
		if (block->nr == block->max) {
			block->next = kmalloc(PAGE_SIZE, GFP_KERNEL_ACCOUNT);
			if (!block->next)
				goto unpin;
			block = block->next;
			block->next = NULL;
			block->nr = 0;
			block->max = (PAGE_SIZE - sizeof(*block)) / sizeof(*pin);
			rq->last_pins = block;
		}
		if (unlikely(rq->nr_runs == U32_MAX))
			goto unpin;
		pin = &block->pins[block->nr++];
		pin->page = pages[i];
		pin->nr_pages = 1;
		pin->write = write;
		seg->nr_runs++;
		rq->nr_runs++;
		rq->nr_pages++;
	}
	return 0;

unpin:
	unpin_user_pages(pages + i, nr - i);
	return -ENOMEM;
}

/*
 * Pins all pages of a segment. They are not charged to RLIMIT_MEMLOCK: like the pages of direct
 * I/O, they are the program's own and pinned for one request only.
 */
static int accel_pin_segment(struct accel_request *rq, struct accel_segment *seg)
{
	unsigned int flags = seg->flags & VIRTIO_ACCEL_SEG_WRITE ? FOLL_WRITE : 0;
	u64 left = DIV_ROUND_UP_ULL(offset_in_page(seg->addr) + seg->len, PAGE_SIZE);
	unsigned long addr = seg->addr & PAGE_MASK;
	struct page *pages[ACCEL_PIN_BATCH];
	int nr, err;

	while (left) {
		if (fatal_signal_pending(current))
			return -EINTR;
		nr = pin_user_pages_fast(addr, min_t(u64, left, ACCEL_PIN_BATCH), flags, pages);
		if (nr <= 0)
			return nr ?: -EFAULT;
		err = accel_add_pins(rq, seg, pages, nr);
		if (err)
			return err;
		addr += (unsigned long)nr * PAGE_SIZE;
		left -= nr;
		cond_resched();
	}
	return 0;
}

/* Makes room for @len bytes within the request if they fit, else in at most @max_nents pieces. */
static int accel_buffer_alloc(struct accel_request *rq, struct accel_buffer *buf, u64 len,
			      unsigned int max_nents, gfp_t gfp)
{
	size_t size = ACCEL_PIECE_SIZE;
	u64 left = len;

	if (len <= rq->data_size - rq->data_used) {
		void *data = rq->data + rq->data_used;

		rq->data_used = min(rq->data_size, ALIGN(rq->data_used + (size_t)len, 16));
		if (gfp & __GFP_ZERO)
			memset(data, 0, len);
		sg_init_one(&buf->one, data, len);
		buf->sg = &buf->one;
		buf->nents = 1;
		buf->len = len;
		return 0;
	}

	if (len > (u64)max_nents * KMALLOC_MAX_SIZE)
		return -ENOMEM;
	while (DIV_ROUND_UP_ULL(len, size) > max_nents)
		size *= 2;
	max_nents = min_t(u64, max_nents, DIV_ROUND_UP_ULL(len, PAGE_SIZE));
	buf->sg = kvmalloc_array(max_nents, sizeof(*buf->sg), GFP_KERNEL_ACCOUNT);
	if (!buf->sg)
		return -ENOMEM;
	sg_init_table(buf->sg, max_nents);
	while (left) {
		size_t n = min_t(u64, left, size);
		/* Where memory is in pieces, so may the buffer be, as far as the ring allows. */
		bool can_split = size > PAGE_SIZE &&
				 DIV_ROUND_UP_ULL(left, size / 2) <= max_nents - buf->nents;
		void *piece = kmalloc(n, gfp | __GFP_NOWARN | (can_split ? __GFP_NORETRY : 0));

		if (!piece) {
			if (!can_split)
				return -ENOMEM;
			size /= 2;
			continue;
		}
		sg_set_buf(&buf->sg[buf->nents++], piece, n);
		left -= n;
	}
	sg_mark_end(&buf->sg[buf->nents - 1]);
	buf->len = len;
	return 0;
}

/**
 * accel_request_alloc_buffers() - makes room for what the device reads and writes
 * @rq:  new
 * @out: bytes to read
 * @in:  bytes to write; zeroed, so that no answer can make old memory of the kernel part of a reply
 *
 * Return: 0 or -ENOMEM. The request must be freed in any case.
 */
int accel_request_alloc_buffers(struct accel_request *rq, u64 out, u64 in)
{
	unsigned int half = READ_ONCE(rq->dev->ring_size) / 2;
	int err;

	err = accel_buffer_alloc(rq, &rq->out, out, half, GFP_KERNEL_ACCOUNT);
	if (!err)
		err = accel_buffer_alloc(rq, &rq->in, in, half, GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	rq->entry.out = rq->out.sg;
	rq->entry.in = rq->in.sg;
	return err;
}

/* Return: the next bytes of the buffer, at most @want; @got is how many. */
static void *accel_next(struct accel_cursor *at, size_t want, size_t *got)
{
	void *p;

	if (at->offset == at->sg->length) {
		at->sg = sg_next(at->sg);
		at->offset = 0;
	}
	p = sg_virt(at->sg) + at->offset;
	*got = min_t(size_t, want, at->sg->length - at->offset);
	at->offset += *got;
	return p;
}

/* As accel_next(), for a struct. Pieces end between structs: all sizes are multiples of 16. */
void *accel_next_struct(struct accel_cursor *at, size_t size)
{
	size_t got;

	return accel_next(at, size, &got);
}

static void accel_write_header(struct accel_request *rq, struct accel_cursor *at, u32 message_len)
{
	struct virtio_accel_req *req = accel_next_struct(at, sizeof(*req));
	struct accel_pin_block *block = &rq->pins;
	unsigned int pin = 0;
	u32 i, k;

	*req = (struct virtio_accel_req){
		.type = cpu_to_le32(VIRTIO_ACCEL_T_CALL),
		.context = cpu_to_le64(rq->context),
		.nr_segments = cpu_to_le32(rq->nr_segments),
		.nr_runs = cpu_to_le32(rq->nr_runs),
		.message_len = cpu_to_le32(message_len),
	};
	for (i = 0; i < rq->nr_segments; i++) {
		struct virtio_accel_segment *out = accel_next_struct(at, sizeof(*out));

		*out = (struct virtio_accel_segment){
			.len = cpu_to_le64(rq->segments[i].len),
			.flags = cpu_to_le32(rq->segments[i].flags),
			.nr_runs = cpu_to_le32(rq->segments[i].nr_runs),
		};
		if (rq->segments[i].memory) {
			out->memory = cpu_to_le32(rq->segments[i].memory->id);
			out->offset = cpu_to_le64(rq->segments[i].addr);
		}
	}
	for (i = 0; i < rq->nr_segments; i++) {
		unsigned int offset = offset_in_page(rq->segments[i].addr);
		u64 left = rq->segments[i].len;

		for (k = 0; k < rq->segments[i].nr_runs; k++) {
			struct virtio_accel_run *out = accel_next_struct(at, sizeof(*out));
			u64 len;

			if (pin == block->nr) {
				block = block->next;
				pin = 0;
			}
			len = min_t(u64, left, (u64)block->pins[pin].nr_pages * PAGE_SIZE - offset);
			/* Without VIRTIO_F_ACCESS_PLATFORM the device uses physical addresses. */
			out->addr = cpu_to_le64(page_to_phys(block->pins[pin].page) + offset);
			out->len = cpu_to_le64(len);
			left -= len;
			offset = 0;
			pin++;
		}
	}
}

/**
 * accel_request_prepare() - makes what the device reads and room for what it writes; pins segments
 * @rq:       new
 * @memories: of the context whose call it is
 * @call:     accel_request_valid()
 *
 * Return: 0, -EINVAL, -ENOENT, -EFAULT, -ENOMEM or -EINTR (the caller is being killed). The request must be
 * freed in any case.
 */
int accel_request_prepare(struct accel_request *rq, struct xarray *memories,
			  const struct virtio_accel_call *call)
{
	const u8 __user *message = u64_to_user_ptr(call->message);
	struct accel_cursor at;
	size_t left, got;
	int err = 0;
	u64 len;
	u32 i;

	if (call->nr_segments) {
		err = accel_get_segments(rq, memories, call);
		if (err)
			return err;
		for (i = 0; i < rq->nr_segments && !err; i++)
			if (!rq->segments[i].memory)
				err = accel_pin_segment(rq, &rq->segments[i]);
		/* The request is freed by what is counted here. */
		atomic_long_add(rq->nr_pages, &rq->dev->pinned_pages);
		if (err)
			return err;
	}

	len = sizeof(struct virtio_accel_req) +
	      (u64)rq->nr_segments * sizeof(struct virtio_accel_segment) +
	      (u64)rq->nr_runs * sizeof(struct virtio_accel_run) + call->message_len;
	err = accel_request_alloc_buffers(rq, len, sizeof(struct virtio_accel_resp) +
						   (u64)call->reply_len);
	if (err)
		return err;

	at = (struct accel_cursor){ .sg = rq->out.sg };
	accel_write_header(rq, &at, call->message_len);
	for (left = call->message_len; left; left -= got) {
		void *p = accel_next(&at, left, &got);

		if (copy_from_user(p, message, got))
			return -EFAULT;
		message += got;
	}
	return 0;
}

/**
 * accel_request_answer() - checks the response and hands it to the caller
 * @rq:   answered
 * @call: its status and reply_len are set
 *
 * Return: 0, -EFAULT, -ENODEV (the device went away) or -EIO (it broke the protocol).
 */
int accel_request_answer(struct accel_request *rq, struct virtio_accel_call *call)
{
	const struct accel_entry *e = &rq->entry;
	u8 __user *reply = u64_to_user_ptr(call->reply);
	struct accel_cursor at = { .sg = rq->in.sg };
	const struct virtio_accel_resp *resp;
	u32 status, reply_len;
	size_t left, got;

	if (e->error)
		return e->error;
	if (e->used < sizeof(*resp) || e->used > rq->in.len)
		goto malformed;
	/* The device can still write it: each field is read once. */
	resp = accel_next_struct(&at, sizeof(*resp));
	status = le32_to_cpu(READ_ONCE(resp->status));
	reply_len = le32_to_cpu(READ_ONCE(resp->reply_len));
	if (reply_len > e->used - sizeof(*resp))
		goto malformed;
	for (left = reply_len; left; left -= got) {
		void *p = accel_next(&at, left, &got);

		if (copy_to_user(reply, p, got))
			return -EFAULT;
		reply += got;
	}
	call->status = status;
	call->reply_len = reply_len;
	return 0;

malformed:
	dev_err_ratelimited(&rq->dev->dev, "malformed response (%u bytes written of %zu)\n", e->used,
			    rq->in.len);
	return -EIO;
}
