// SPDX-License-Identifier: Apache-2.0
/*
 * A virtqueue of a guest that puts anything into it and changes it while the device looks, and what
 * the worker does with the chains: parse the request, answer, give back, or die in between.
 *
 * Input: size of the queue (a power of two), features, then the changes that happen between two
 * looks at guest memory (MAX_CHANGES of place and byte), then records of an action and its
 * parameters, see take_action().
 */
#include "input.h"

#include <linux/virtio_ring.h>
#include <sys/mman.h>

#include "join.h"
#include "registered.h"
#include "request.h"
#include "../unit/host/common/guest.h"
#include "recover.h"

#define FAR_GPA	  (GUEST_GPA + GUEST_SIZE) /* adjoins for the guest, not here */
#define FAR_SIZE  0x2000u
#define MAX_CHANGES 16

ssize_t __real_memory_translate(const struct memory *mem, uint64_t gpa, uint64_t len,
				struct iovec *iov, size_t nr, size_t max);
ssize_t __wrap_memory_translate(const struct memory *mem, uint64_t gpa, uint64_t len,
				struct iovec *iov, size_t nr, size_t max);

static struct guest guest;
static struct request *request;
static struct registered *memories;
static struct joins *ranges;
static struct {
	uint16_t at[MAX_CHANGES];
	uint8_t byte[MAX_CHANGES];
	unsigned int nr, next;
} changes;

/* Each descriptor and each run is translated: between two of them the guest changes something. */
ssize_t __wrap_memory_translate(const struct memory *mem, uint64_t gpa, uint64_t len,
				struct iovec *iov, size_t nr, size_t max)
{
	if (changes.next < changes.nr) {
		guest.ram[changes.at[changes.next]] ^= changes.byte[changes.next];
		changes.next++;
	}
	return __real_memory_translate(mem, gpa, len, iov, nr, max);
}

/* Whether all of it is guest memory. */
static void check_range(const struct iovec *v)
{
	for (unsigned int i = 0; i < guest.mem.nr_regions; i++) {
		const struct memory_region *r = &guest.mem.regions[i];
		const uint8_t *p = v->iov_base;

		if (p >= r->base && p < r->base + r->size &&
		    v->iov_len <= (size_t)(r->base + r->size - p))
			return;
	}
	abort();
}

static void check_chain(const struct chain *c)
{
	uint64_t readable = 0, writable = 0;

	if (c->head >= guest.vq.size || c->nr_readable + c->nr_writable > CHAIN_MAX_IOV)
		abort();
	for (unsigned int i = 0; i < c->nr_readable + c->nr_writable; i++) {
		check_range(&c->iov[i]);
		*(i < c->nr_readable ? &readable : &writable) += c->iov[i].iov_len;
	}
	if (!c->error && (readable != c->readable_len || writable != c->writable_len))
		abort();
	if (!c->error && c->resp_len > writable)
		abort();
}

static void check_request(const struct request *r)
{
	const struct host_request *rq = &r->rq;

	if (rq->message_len > REQUEST_MAX_MESSAGE || rq->nr_segments > REQUEST_MAX_SEGMENTS)
		abort();
	for (uint32_t i = 0; i < rq->nr_segments; i++) {
		uint64_t sum = 0;

		for (size_t k = 0; k < rq->segments[i].nr_runs; k++) {
			const struct iovec *run = &rq->segments[i].runs[k];
			const volatile uint8_t *p = run->iov_base;

			/* Registered memory may have a mapping of its own. */
			if (rq->segments[i].flags & VIRTIO_ACCEL_SEG_MEMORY)
				(void)(p[0] + p[run->iov_len - 1]);
			else
				check_range(run);
			sum += run->iov_len;
		}
		if (sum != rq->segments[i].len)
			abort();
	}
}

/* As the worker does. Return: the status. */
static uint32_t run(struct request *r, uint32_t reply_len)
{
	uint64_t context = r->header.context;

	switch (r->header.type) {
	case VIRTIO_ACCEL_T_CALL:
		check_request(r);
		r->rq.reply_len = reply_len;
		return VIRTIO_ACCEL_S_OK;
	case VIRTIO_ACCEL_T_CONTEXT_CLOSE:
		registered_close_context(memories, context);
		return VIRTIO_ACCEL_S_OK;
	case VIRTIO_ACCEL_T_MEMORY_REGISTER:
		return registered_add(memories, &guest.mem, context, r->memory, r->segments[0].runs,
				      r->segments[0].nr_runs);
	case VIRTIO_ACCEL_T_MEMORY_UNREGISTER:
		return registered_remove(memories, context, r->memory);
	default:
		abort();
	}
}

/* Pops a chain and does what the worker does with it. @die: it does not get to the end. */
static void serve(bool die, uint32_t reply_len)
{
	struct request *r = request;
	uint32_t status, len;

	if (virtqueue_pop(&guest.vq, &guest.mem, &r->chain) != 1)
		return;
	input_requests++;
	check_chain(&r->chain);
	virtqueue_track(&guest.vq, &r->chain, 1);
	status = request_parse(r, &guest.mem, memories, ranges);
	if (status == VIRTIO_ACCEL_S_OK)
		status = run(r, reply_len);
	if (die) {
		request_finish(r, status);
		inflight_recover(&guest.vq, &guest.mem, VIRTIO_ACCEL_S_SESS);
		return;
	}
	len = request_finish(r, status);
	if (!r->chain.error && len > r->chain.writable_len)
		abort();
	virtqueue_push(&guest.vq, r->chain.head, len);
}

/* A descriptor of the queue's table or of one in memory: index, flags, next, length, place */
static void set_descriptor(struct input *in)
{
	static const uint64_t places[] = {
		GUEST_GPA, GUEST_GPA + GUEST_DATA, GUEST_GPA + GUEST_DESC, GUEST_GPA + GUEST_AVAIL,
		GUEST_GPA + GUEST_USED, FAR_GPA - 64, FAR_GPA + FAR_SIZE - 64, 0, UINT64_MAX - 64,
		GUEST_GPA - 8,
	};
	uint8_t at = input_u8(in), flags = input_u8(in), next = input_u8(in);
	uint16_t len = input_u16(in), offset = input_u16(in);
	uint64_t place = places[input_u8(in) % (sizeof(places) / sizeof(places[0]))];
	uint8_t *table = guest.ram + (flags & 0x80 ? GUEST_DATA : GUEST_DESC);

	((struct vring_desc *)table)[at] = (struct vring_desc){
		.addr = place + offset,
		.len = flags & 0x40 ? (uint32_t)len << 16 : len,
		.flags = flags & 7,
		.next = flags & 0x20 ? (uint16_t)(next << 8) : next,
	};
}

static void make_available(struct input *in)
{
	uint8_t head = input_u8(in), step = input_u8(in);
	struct vring_avail *avail = guest_avail(&guest);

	avail->ring[guest.avail_idx % guest.vq.size] = head & 0x80 ? (uint16_t)(head << 4) : head;
	guest.avail_idx = (uint16_t)(guest.avail_idx + (step < 0xf0 ? 1 : step));
	avail->idx = guest.avail_idx;
}

/* A request at GUEST_DATA and a good chain for it: counts and lengths (a byte each), then bytes */
static void put_request(struct input *in)
{
	struct virtio_accel_req req = {
		.type = input_u8(in), .context = 1, .nr_segments = input_u8(in) % 8,
	};
	uint8_t *p = guest.ram + GUEST_DATA;
	size_t len;

	req.nr_runs = input_u8(in) % 16;
	req.message_len = input_u8(in);
	len = sizeof(req) + req.nr_segments * sizeof(struct virtio_accel_segment) +
	      req.nr_runs * sizeof(struct virtio_accel_run) + req.message_len;
	memcpy(p, &req, sizeof(req));
	for (uint32_t i = 0; i < req.nr_segments; i++) {
		struct virtio_accel_segment seg = { .len = input_u16(in), .flags = input_u8(in) };

		/* The flags' higher bits are the memory's id. */
		seg.memory = seg.flags >> 4;
		seg.flags &= 15;
		seg.nr_runs = input_u8(in);
		seg.offset = (uint64_t)input_u8(in) * 64;
		memcpy(p + sizeof(req) + i * sizeof(seg), &seg, sizeof(seg));
	}
	for (uint32_t i = 0; i < req.nr_runs; i++) {
		struct virtio_accel_run run = { .len = input_u16(in) };
		uint8_t place = input_u8(in);

		run.addr = (place & 0x80 ? FAR_GPA - 0x100 : GUEST_GPA) + (uint64_t)place * 64;
		memcpy(p + sizeof(req) + req.nr_segments * sizeof(struct virtio_accel_segment) +
			       i * sizeof(run), &run, sizeof(run));
	}
	input_bytes(in, p + len - req.message_len, req.message_len);
	guest_set_desc(&guest, 0, GUEST_GPA + GUEST_DATA, (uint32_t)len, VRING_DESC_F_NEXT, 1);
	guest_set_desc(&guest, 1, GUEST_GPA + GUEST_DATA + 0x8000, 256, VRING_DESC_F_WRITE, 0);
	guest_make_available(&guest, 0);
}

static void take_action(struct input *in)
{
	enum { DESCRIPTOR, AVAILABLE, WRITE, SERVE, DIE, REQUEST, KICKS, STOP, NR_ACTIONS };
	uint16_t at;
	size_t len;

	switch (input_u8(in) % NR_ACTIONS) {
	case DESCRIPTOR:
		set_descriptor(in);
		break;
	case AVAILABLE:
		make_available(in);
		break;
	case WRITE:
		at = input_u16(in);
		len = input_u8(in) % 32;
		input_bytes(in, guest.ram + at, len);
		break;
	case SERVE:
		serve(false, input_u8(in));
		break;
	case DIE:
		serve(true, 0);
		break;
	case REQUEST:
		put_request(in);
		break;
	case KICKS:
		virtqueue_no_kicks(&guest.vq);
		virtqueue_want_kicks(&guest.vq);
		break;
	case STOP:
		/* The guest starts the queue again: anew, or where it was. */
		guest.config.base = input_u8(in) & 1 ? guest.vq.last_avail : 0;
		guest.avail_idx = (uint16_t)guest.config.base;
		if (virtqueue_init(&guest.vq, &guest.mem, &guest.config, &guest.area->queues[0],
				   input_u8(in) & 1))
			abort();
		break;
	}
}

static void start(void)
{
	guest_init(&guest, 8, 0);
	if (memory_add(&guest.mem, FAR_GPA, FAR_SIZE, GUEST_UADDR + 0x10000000, 0,
		       guest_file(FAR_SIZE)))
		abort();
	request = request_new();
	memories = registered_new();
	ranges = joins_new(NULL);
	if (!request || !memories || !ranges)
		abort();
	registered_limit(memories, GUEST_SIZE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	static bool started;

	if (!started)
		start();
	started = true;
	memset(guest.ram, 0, 0x40000);
	guest.avail_idx = 0;
	guest.config.size = 1u << input_u8(&in) % 8;
	guest.config.base = 0;
	guest.config.features = (uint64_t)(input_u8(&in) & 3) << VIRTIO_RING_F_INDIRECT_DESC;
	changes.next = 0;
	changes.nr = input_u8(&in) % (MAX_CHANGES + 1);
	for (unsigned int i = 0; i < changes.nr; i++) {
		changes.at[i] = input_u16(&in);
		changes.byte[i] = input_u8(&in);
	}
	if (virtqueue_init(&guest.vq, &guest.mem, &guest.config, &guest.area->queues[0], true))
		abort();
	while (in.left)
		take_action(&in);
	registered_clear(memories);
	join_clear(ranges);
	return 0;
}
