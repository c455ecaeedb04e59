// SPDX-License-Identifier: Apache-2.0
/* Requests of the native transport in shared memory, see native.h. */
#include <endian.h>
#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#if defined(__x86_64__) && __has_include(<sys/platform/x86.h>)
#include <sys/platform/x86.h>
#endif

#include "native.h"
#include "vaccel/log.h"

/* From this size on it pays to move strings, see copy(). */
#define MOVE_STRING_MIN (512u << 10)
/* Where pieces of a request begin in its extent, for the sake of their cache lines */
#define PIECE_ALIGN	64u

static bool add_piece(size_t *end, uint64_t len, size_t *offset)
{
	uint64_t start, next;

	if (__builtin_add_overflow((uint64_t)*end, PIECE_ALIGN - 1, &start))
		return false;
	start &= ~(uint64_t)(PIECE_ALIGN - 1);
	if (__builtin_add_overflow(start, len, &next) || next > SIZE_MAX)
		return false;
	*offset = (size_t)start;
	*end = (size_t)next;
	return true;
}

/* How far each part reaches, worked out before anything is allocated. */
/* Registered memory is named, and has a run only while it is registered. */
static bool has_run(const struct virtio_accel_user_segment *s)
{
	return s->len && !(s->flags & VIRTIO_ACCEL_SEG_MEMORY);
}

static int plan(struct native_transport *n, struct native_call *nc)
{
	const struct transport_call *c = &nc->c;
	uint64_t readable = sizeof(struct virtio_accel_req) + c->message_len;
	uint32_t reply_len = c->reply_len;
	size_t offset;

	if (c->message_len > n->t.info.max_message || c->nr_segments > n->t.info.max_segments)
		return EINVAL;
	nc->nr_runs = 0;
	for (uint32_t i = 0; i < c->nr_segments; i++)
		nc->nr_runs += has_run(&c->segments[i]);
	readable += (uint64_t)c->nr_segments * sizeof(struct virtio_accel_segment) +
		    (uint64_t)nc->nr_runs * sizeof(struct virtio_accel_run);
	if (reply_len > n->t.info.max_reply)
		reply_len = n->t.info.max_reply;
	if (readable > UINT32_MAX ||
	    __builtin_add_overflow(reply_len, sizeof(struct virtio_accel_resp), &nc->writable))
		return EINVAL;
	nc->readable = (uint32_t)readable;
	nc->total = 0;
	if (!add_piece(&nc->total, readable, &offset) ||
	    !add_piece(&nc->total, nc->writable, &nc->resp))
		return ENOMEM;
	nc->bounce = nc->total;
	for (uint32_t i = 0; i < c->nr_segments; i++) {
		const struct virtio_accel_user_segment *s = &c->segments[i];

		if (!has_run(s))
			continue;
		if (s->addr == 0 || s->addr > UINTPTR_MAX || s->len - 1 > UINTPTR_MAX - s->addr)
			return EFAULT;
		if (!native_mem_find(&n->mem, s->addr, s->len, &offset) &&
		    !add_piece(&nc->total, s->len, &offset))
			return ENOMEM;
	}
	return 0;
}

/*
 * Where segment @s is in shared memory. *@end goes through the bounce area as in plan().
 * Return: true when that is a copy, false when the caller's memory is itself shared.
 */
static bool locate(const struct native_transport *n, const struct native_extent *e,
		   const struct virtio_accel_user_segment *s, size_t *end, size_t *offset)
{
	if (!has_run(s) || native_mem_find(&n->mem, s->addr, s->len, offset))
		return false;
	(void)add_piece(end, s->len, offset);
	*offset += e->offset;
	return true;
}

/*
 * To or from memory that the worker's processor has in its cache. memcpy() reads the lines from there
 * that it overwrites; moving a string does not, which takes a fifth off the time of large copies.
 */
static void copy(void *to, const void *from, size_t len)
{
#ifdef CPU_FEATURE_ACTIVE
	if (len >= MOVE_STRING_MIN && CPU_FEATURE_ACTIVE(ERMS)) {
		__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(len) : : "memory");
		return;
	}
#endif
	memcpy(to, from, len);
}

/*
 * What the device may read is copied. Where it only writes it finds zeroes, as in a reply: the caller gets
 * nothing back of what another call has left in shared memory, if a plugin does not write all of it.
 */
static void bring(void *to, const struct virtio_accel_user_segment *s)
{
	if (s->flags & VIRTIO_ACCEL_SEG_READ)
		copy(to, (const void *)(uintptr_t)s->addr, (size_t)s->len);
	else
		memset(to, 0, (size_t)s->len);
}

static void fill(struct native_transport *n, uint32_t type, const struct native_call *nc)
{
	const struct transport_call *c = &nc->c;
	char *p = native_mem_ptr(&n->mem, nc->extent->offset);
	struct virtio_accel_req req = {
		.type = htole32(type),
		.context = htole64(n->context),
		.nr_segments = htole32(c->nr_segments),
		.nr_runs = htole32(nc->nr_runs),
		.message_len = htole32(c->message_len),
	};
	char *segment = p + sizeof(req);
	char *run = segment + c->nr_segments * sizeof(struct virtio_accel_segment);
	size_t end = nc->bounce;

	memcpy(p, &req, sizeof(req));
	for (uint32_t i = 0; i < c->nr_segments; i++) {
		const struct virtio_accel_user_segment *s = &c->segments[i];
		struct virtio_accel_segment ws = {
			.len = htole64(s->len),
			.flags = htole32(s->flags),
			.nr_runs = htole32(has_run(s)),
			.memory = htole32(s->memory),
			.offset = htole64(has_run(s) ? 0 : s->addr),
		};
		struct virtio_accel_run wr = { .len = htole64(s->len) };
		size_t offset;

		memcpy(segment, &ws, sizeof(ws));
		segment += sizeof(ws);
		if (!has_run(s))
			continue;
		if (locate(n, nc->extent, s, &end, &offset))
			bring(native_mem_ptr(&n->mem, offset), s);
		wr.addr = htole64(native_mem_guest(offset));
		memcpy(run, &wr, sizeof(wr));
		run += sizeof(wr);
	}
	if (c->message_len)
		memcpy(run, c->message, c->message_len);
	memset(p + nc->resp, 0, sizeof(struct virtio_accel_resp));
}

/* Takes the response out. Return: 0, or EPROTO when it contradicts itself. */
static int collect(struct native_transport *n, struct native_call *nc)
{
	struct transport_call *c = &nc->c;
	const char *p = native_mem_ptr(&n->mem, nc->extent->offset + nc->resp);
	struct virtio_accel_resp resp;
	size_t end = nc->bounce;
	uint32_t len;

	if (nc->rq.written < sizeof(resp))
		return EPROTO;
	memcpy(&resp, p, sizeof(resp));
	len = le32toh(resp.reply_len);
	if (len > nc->rq.written - sizeof(resp) || len > nc->writable - sizeof(resp))
		return EPROTO;

	for (uint32_t i = 0; i < c->nr_segments; i++) {
		const struct virtio_accel_user_segment *s = &c->segments[i];
		size_t offset;

		if (locate(n, nc->extent, s, &end, &offset) && (s->flags & VIRTIO_ACCEL_SEG_WRITE))
			copy((void *)(uintptr_t)s->addr, native_mem_ptr(&n->mem, offset),
			     (size_t)s->len);
	}
	if (len)
		memcpy(c->reply, p + sizeof(resp), len);
	c->reply_len = len;
	c->status = le32toh(resp.status);
	return 0;
}

/*
 * Threads are spread over the queues, rather than processors: two that share a queue wake each other
 * when answers come, and the kernel puts threads that do on one processor.
 */
static struct native_queue *pick_queue(struct native_transport *n)
{
	static atomic_uint threads;
	static _Thread_local unsigned int thread; /* from 1; 0: not numbered yet */

	if (!thread)
		thread = atomic_fetch_add(&threads, 1) + 1;
	return &n->queues[thread % n->nr_queues];
}

static void free_extent(struct native_transport *n, struct native_call *nc)
{
	if (nc->rq.arrived)
		atomic_fetch_sub(&n->nr_started, 1);
	native_mem_free(&n->mem, nc->extent);
}

int native_request_start(struct native_transport *n, uint32_t type, struct native_call *nc)
{
	struct vring_buffer buffers[2] = { [1].device_writes = true };
	/* What waits to be taken by this very thread must not be waited for. */
	enum native_hold hold = nc->rq.arrived ? NATIVE_HOLD_LONG : NATIVE_HOLD_CALL;
	int err;

	err = plan(n, nc);
	if (err)
		return err;
	err = native_mem_alloc(&n->mem, nc->total, hold, &nc->extent);
	if (err == ENOMEM && nc->rq.arrived && atomic_load(&n->nr_started))
		return EAGAIN;
	if (err == ENOMEM)
		vaccel_error("virtio: a call needs %zu bytes of shared memory, which are not free; "
			     "the limit is VACCEL_VIRTIO_MEMORY=%zu (MiB)", nc->total,
			     n->mem.size >> 20);
	if (err)
		return err;
	if (nc->rq.arrived)
		atomic_fetch_add(&n->nr_started, 1);
	fill(n, type, nc);

	buffers[0].addr = native_mem_guest(nc->extent->offset);
	buffers[0].len = nc->readable;
	buffers[1].addr = native_mem_guest(nc->extent->offset + nc->resp);
	buffers[1].len = nc->writable;
	err = native_queue_submit(n, pick_queue(n), buffers, 2, &nc->rq);
	if (err)
		free_extent(n, nc);
	return err;
}

int native_request_finish(struct native_transport *n, struct native_call *nc)
{
	int err = nc->rq.err;

	if (!err && collect(n, nc)) {
		native_fail(n, "a response contradicts itself");
		err = ENODEV;
	}
	free_extent(n, nc);
	return err;
}

int native_request(struct native_transport *n, uint32_t type, int timeout_ms,
		   struct native_call *nc)
{
	int err = native_request_start(n, type, nc);

	if (err)
		return err;
	native_queue_wait(n, &nc->rq, timeout_ms);
	return native_request_finish(n, nc);
}
