// SPDX-License-Identifier: Apache-2.0
/* Requests of the native transport in shared memory, see native.h. */
#define _GNU_SOURCE
#include <endian.h>
#include <errno.h>
#include <sched.h>
#include <string.h>

#include "native.h"
#include "vaccel/log.h"

/* Where pieces of a request begin in its extent, for the sake of their cache lines */
#define PIECE_ALIGN	64u

/*
 * A request's extent: what the device reads (request, segments, runs, message), what it writes
 * (response, reply), and then room for the caller's segments that are not in shared memory.
 * This is how far each reaches, worked out before anything is allocated.
 */
struct layout {
	uint32_t readable;	/* bytes from the start */
	size_t resp;		/* offset of the response */
	uint32_t writable;	/* bytes from there */
	size_t bounce;		/* offset of the first segment */
	size_t total;
};

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

static int plan(struct native_transport *n, uint32_t message_len,
		const struct virtio_accel_user_segment *segments, uint32_t nr_segments,
		uint32_t reply_len, struct layout *l)
{
	const uint32_t known = VIRTIO_ACCEL_SEG_READ | VIRTIO_ACCEL_SEG_WRITE;
	uint64_t readable = sizeof(struct virtio_accel_req) + message_len;
	size_t offset;

	if (message_len > n->t.info.max_message || nr_segments > n->t.info.max_segments)
		return EINVAL;
	readable += (uint64_t)nr_segments *
		    (sizeof(struct virtio_accel_segment) + sizeof(struct virtio_accel_run));
	if (reply_len > n->t.info.max_reply)
		reply_len = n->t.info.max_reply;
	if (readable > UINT32_MAX ||
	    __builtin_add_overflow(reply_len, sizeof(struct virtio_accel_resp), &l->writable))
		return EINVAL;
	l->readable = (uint32_t)readable;
	l->total = 0;
	if (!add_piece(&l->total, readable, &offset) ||
	    !add_piece(&l->total, l->writable, &l->resp))
		return ENOMEM;
	l->bounce = l->total;
	for (uint32_t i = 0; i < nr_segments; i++) {
		const struct virtio_accel_user_segment *s = &segments[i];

		if (s->len == 0 || s->reserved || !(s->flags & known) || (s->flags & ~known))
			return EINVAL;
		if (s->addr == 0 || s->addr > UINTPTR_MAX || s->len - 1 > UINTPTR_MAX - s->addr)
			return EFAULT;
		if (!native_mem_find(&n->mem, s->addr, s->len, &offset) &&
		    !add_piece(&l->total, s->len, &offset))
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
	if (native_mem_find(&n->mem, s->addr, s->len, offset))
		return false;
	(void)add_piece(end, s->len, offset);
	*offset += e->offset;
	return true;
}

static void fill(struct native_transport *n, const struct native_extent *e, const struct layout *l,
		 uint32_t type, const void *message, uint32_t message_len,
		 const struct virtio_accel_user_segment *segments, uint32_t nr_segments)
{
	char *p = native_mem_ptr(&n->mem, e->offset);
	struct virtio_accel_req req = {
		.type = htole32(type),
		.context = htole64(n->context),
		.nr_segments = htole32(nr_segments),
		.nr_runs = htole32(nr_segments),
		.message_len = htole32(message_len),
	};
	char *segment = p + sizeof(req);
	char *run = segment + nr_segments * sizeof(struct virtio_accel_segment);
	size_t end = l->bounce;

	memcpy(p, &req, sizeof(req));
	for (uint32_t i = 0; i < nr_segments; i++) {
		const struct virtio_accel_user_segment *s = &segments[i];
		struct virtio_accel_segment ws = {
			.len = htole64(s->len),
			.flags = htole32(s->flags),
			.nr_runs = htole32(1),
		};
		struct virtio_accel_run wr = { .len = htole64(s->len) };
		size_t offset;

		/* What is only written is copied, too: the device may leave parts as they are. */
		if (locate(n, e, s, &end, &offset))
			memcpy(native_mem_ptr(&n->mem, offset), (void *)(uintptr_t)s->addr,
			       (size_t)s->len);
		wr.addr = htole64(native_mem_guest(offset));
		memcpy(segment, &ws, sizeof(ws));
		memcpy(run, &wr, sizeof(wr));
		segment += sizeof(ws);
		run += sizeof(wr);
	}
	if (message_len)
		memcpy(run, message, message_len);
	memset(p + l->resp, 0, sizeof(struct virtio_accel_resp));
}

/* Takes the response out. Return: 0, or EPROTO when it contradicts itself. */
static int collect(struct native_transport *n, const struct native_extent *e,
		   const struct layout *l, uint32_t written,
		   const struct virtio_accel_user_segment *segments, uint32_t nr_segments,
		   void *reply, uint32_t *reply_len, uint32_t *status)
{
	const char *p = native_mem_ptr(&n->mem, e->offset + l->resp);
	struct virtio_accel_resp resp;
	size_t end = l->bounce;
	uint32_t len;

	if (written < sizeof(resp))
		return EPROTO;
	memcpy(&resp, p, sizeof(resp));
	len = le32toh(resp.reply_len);
	if (len > written - sizeof(resp) || len > l->writable - sizeof(resp))
		return EPROTO;

	for (uint32_t i = 0; i < nr_segments; i++) {
		const struct virtio_accel_user_segment *s = &segments[i];
		size_t offset;

		if (locate(n, e, s, &end, &offset) && (s->flags & VIRTIO_ACCEL_SEG_WRITE))
			memcpy((void *)(uintptr_t)s->addr, native_mem_ptr(&n->mem, offset),
			       (size_t)s->len);
	}
	if (len)
		memcpy(reply, p + sizeof(resp), len);
	*reply_len = len;
	*status = le32toh(resp.status);
	return 0;
}

static struct native_queue *pick_queue(struct native_transport *n)
{
	int cpu = sched_getcpu();

	return &n->queues[cpu < 0 ? 0 : (unsigned int)cpu % n->nr_queues];
}

int native_request(struct native_transport *n, uint32_t type, int timeout_ms, const void *message,
		   uint32_t message_len, const struct virtio_accel_user_segment *segments,
		   uint32_t nr_segments, void *reply, uint32_t *reply_len, uint32_t *status)
{
	struct vring_buffer buffers[2] = { [1].device_writes = true };
	struct native_extent *e;
	struct layout l;
	uint32_t written;
	int err;

	err = plan(n, message_len, segments, nr_segments, *reply_len, &l);
	if (err)
		return err;
	err = native_mem_alloc(&n->mem, l.total, NATIVE_HOLD_CALL, &e);
	if (err == ENOMEM)
		vaccel_error("virtio: a call needs %zu bytes of shared memory, which are not free; "
			     "the limit is VACCEL_VIRTIO_MEMORY=%zu (MiB)", l.total,
			     n->mem.size >> 20);
	if (err)
		return err;
	fill(n, e, &l, type, message, message_len, segments, nr_segments);

	buffers[0].addr = native_mem_guest(e->offset);
	buffers[0].len = l.readable;
	buffers[1].addr = native_mem_guest(e->offset + l.resp);
	buffers[1].len = l.writable;
	err = native_queue_run(n, pick_queue(n), buffers, 2, timeout_ms, &written);
	if (!err && collect(n, e, &l, written, segments, nr_segments, reply, reply_len, status)) {
		native_fail(n, "a response contradicts itself");
		err = ENODEV;
	}
	native_mem_free(&n->mem, e);
	return err;
}
