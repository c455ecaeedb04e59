// SPDX-License-Identifier: Apache-2.0
#include "request.h"

#include <endian.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Runs whose room a thread keeps for its next request. */
#define RUNS_KEPT (16 * 1024)
/* Room for runs beyond RUNS_KEPT that all threads may have together (16 bytes each). */
#define RUNS_SHARED (2 * (size_t)REQUEST_MAX_RUNS)

#define STRING_(x) #x
#define STRING(x)  STRING_(x)

static _Atomic size_t runs_shared;

struct request *request_new(void)
{
	/* Pages that are never touched cost nothing: most messages are short. */
	return calloc(1, sizeof(struct request));
}

static void drop_runs(struct request *r)
{
	free(r->runs);
	r->runs = NULL;
	if (r->max_runs > RUNS_KEPT)
		atomic_fetch_sub(&runs_shared, r->max_runs);
	r->max_runs = 0;
}

void request_delete(struct request *r)
{
	if (!r)
		return;
	drop_runs(r);
	free(r);
}

/* Makes room for at least nr runs. */
static int reserve_runs(struct request *r, size_t nr)
{
	size_t max = r->max_runs ? r->max_runs : 64;
	size_t was_shared = r->max_runs > RUNS_KEPT ? r->max_runs : 0;
	struct iovec *runs;

	if (nr <= r->max_runs)
		return 0;
	while (max < nr)
		max *= 2;
	if (max > RUNS_KEPT &&
	    atomic_fetch_add(&runs_shared, max - was_shared) + max - was_shared > RUNS_SHARED)
		goto fail;
	runs = reallocarray(r->runs, max, sizeof(*runs));
	if (!runs)
		goto fail;
	r->runs = runs;
	r->max_runs = max;
	return 0;
fail:
	if (max > RUNS_KEPT)
		atomic_fetch_sub(&runs_shared, max - was_shared);
	return -ENOMEM;
}

/* The readable part of a chain as one stream of bytes. Its length was checked before. */
struct stream {
	const struct iovec *iov;
	size_t skip; /* bytes of *iov that were read */
};

static void stream_read(struct stream *s, void *to, size_t len)
{
	uint8_t *p = to;

	while (len) {
		size_t here = s->iov->iov_len - s->skip;

		if (here > len)
			here = len;
		memcpy(p, (uint8_t *)s->iov->iov_base + s->skip, here);
		p += here;
		len -= here;
		s->skip += here;
		if (s->skip == s->iov->iov_len) {
			s->iov++;
			s->skip = 0;
		}
	}
}

/* The runs are the longest part of a request: they are copied out a block at a time. */
struct run_reader {
	struct stream *stream;
	size_t left; /* in the stream */
	size_t next, nr;
	struct virtio_accel_run block[256];
};

static const struct virtio_accel_run *next_run(struct run_reader *rr)
{
	if (rr->next == rr->nr) {
		rr->nr = rr->left < 256 ? rr->left : 256;
		rr->next = 0;
		rr->left -= rr->nr;
		stream_read(rr->stream, rr->block, rr->nr * sizeof(rr->block[0]));
	}
	return &rr->block[rr->next++];
}

/*
 * Translates the runs of one segment. @at: entries of r->runs in use, updated. Runs of different
 * segments never share an entry.
 */
static uint32_t parse_segment(struct request *r, const struct memory *mem,
			      const struct virtio_accel_segment *seg, struct run_reader *rr,
			      size_t *at)
{
	uint32_t nr_runs = le32toh(seg->nr_runs);
	uint64_t sum = 0;
	size_t nr = 0;

	for (uint32_t i = 0; i < nr_runs; i++) {
		const struct virtio_accel_run *run = next_run(rr);
		uint64_t addr = le64toh(run->addr), len = le64toh(run->len);
		ssize_t n;

		if (!len || __builtin_add_overflow(sum, len, &sum))
			return VIRTIO_ACCEL_S_INVAL;
		if (len > r->room) {
			r->why = "its runs name more than " STRING(REQUEST_MAX_MEMORY_TIMES)
				 " times the guest's memory";
			return VIRTIO_ACCEL_S_INVAL;
		}
		r->room -= len;
		if (r->header.type == VIRTIO_ACCEL_T_MEMORY_REGISTER &&
		    (addr | len) % VIRTIO_ACCEL_MEMORY_ALIGN)
			return VIRTIO_ACCEL_S_INVAL;
		if (reserve_runs(r, *at + nr + 1 + mem->nr_regions))
			return VIRTIO_ACCEL_S_NOMEM;
		n = memory_translate(mem, addr, len, r->runs + *at, nr, r->max_runs - *at);
		if (n < 0)
			return VIRTIO_ACCEL_S_INVAL;
		nr = (size_t)n;
	}
	if (sum != le64toh(seg->len))
		return VIRTIO_ACCEL_S_INVAL;
	*at += nr;
	return VIRTIO_ACCEL_S_OK;
}

/* A segment in registered memory: one run, which is ours already. */
static uint32_t hold_segment(struct request *r, const struct virtio_accel_segment *seg, size_t *at)
{
	struct iovec run = { .iov_len = le64toh(seg->len) };
	uint32_t status;

	if (reserve_runs(r, *at + 1))
		return VIRTIO_ACCEL_S_NOMEM;
	status = registered_hold(r->registered, r->header.context, le32toh(seg->memory),
				 le64toh(seg->offset), run.iov_len, &run.iov_base,
				 &r->held[r->nr_held]);
	if (status)
		return status;
	r->nr_held++;
	r->runs[(*at)++] = run;
	return VIRTIO_ACCEL_S_OK;
}

static uint32_t check_segment(uint32_t type, const struct virtio_accel_segment *seg)
{
	const uint32_t access = VIRTIO_ACCEL_SEG_READ | VIRTIO_ACCEL_SEG_WRITE;
	uint32_t flags = le32toh(seg->flags);
	bool ok;

	if (flags & ~(access | VIRTIO_ACCEL_SEG_MEMORY))
		return VIRTIO_ACCEL_S_NOTSUP;
	if (type == VIRTIO_ACCEL_T_MEMORY_UNREGISTER)
		ok = seg->memory && !flags && !seg->nr_runs && !seg->len && !seg->offset;
	else if (type == VIRTIO_ACCEL_T_MEMORY_REGISTER)
		ok = seg->memory && flags == access && seg->nr_runs && !seg->offset;
	else if (flags & VIRTIO_ACCEL_SEG_MEMORY)
		ok = seg->memory && flags & access && !seg->nr_runs && seg->len;
	else
		ok = !seg->memory && flags && seg->nr_runs && !seg->offset;
	return ok && !seg->reserved ? VIRTIO_ACCEL_S_OK : VIRTIO_ACCEL_S_INVAL;
}

/* Makes one run of a segment where that is possible and pays. */
static void join_segment(struct request *r, const struct memory *mem, struct host_segment *seg)
{
	struct iovec *run = &r->joined_run[r->nr_joined];
	void *base = join_runs(r->joins, mem, seg->runs, seg->nr_runs, seg->len,
			       &r->joined[r->nr_joined]);

	if (!base)
		return;
	*run = (struct iovec){ .iov_base = base, .iov_len = seg->len };
	seg->runs = run;
	seg->nr_runs = 1;
	r->nr_joined++;
}

static uint32_t parse_segments(struct request *r, const struct memory *mem, struct stream *s,
			       uint32_t nr_segments, uint32_t nr_runs)
{
	struct virtio_accel_segment table[REQUEST_MAX_SEGMENTS];
	size_t at = 0, starts[REQUEST_MAX_SEGMENTS + 1];
	struct run_reader rr; /* an initialiser would clear its block, too */
	uint64_t sum = 0;
	uint32_t status;

	if (__builtin_mul_overflow(memory_size(mem), REQUEST_MAX_MEMORY_TIMES, &r->room))
		r->room = UINT64_MAX;
	rr.stream = s;
	rr.left = nr_runs;
	rr.next = rr.nr = 0;
	stream_read(s, table, nr_segments * sizeof(table[0]));
	for (uint32_t i = 0; i < nr_segments; i++) {
		status = check_segment(r->header.type, &table[i]);
		if (status)
			return status;
		sum += le32toh(table[i].nr_runs);
	}
	if (sum != nr_runs)
		return VIRTIO_ACCEL_S_INVAL;

	for (uint32_t i = 0; i < nr_segments; i++) {
		starts[i] = at;
		status = le32toh(table[i].flags) & VIRTIO_ACCEL_SEG_MEMORY ?
				 hold_segment(r, &table[i], &at) :
				 parse_segment(r, mem, &table[i], &rr, &at);
		if (status)
			return status;
	}
	starts[nr_segments] = at;
	/* Only now: r->runs may have moved. */
	for (uint32_t i = 0; i < nr_segments; i++)
		r->segments[i] = (struct host_segment){
			.runs = r->runs + starts[i],
			.nr_runs = starts[i + 1] - starts[i],
			.len = le64toh(table[i].len),
			.flags = le32toh(table[i].flags),
		};
	if (r->header.type != VIRTIO_ACCEL_T_CALL) {
		r->memory = le32toh(table[0].memory);
		return VIRTIO_ACCEL_S_OK;
	}
	for (uint32_t i = 0; i < nr_segments; i++)
		join_segment(r, mem, &r->segments[i]);
	return VIRTIO_ACCEL_S_OK;
}

/* What a request of each type has to consist of. */
static bool is_well_formed(const struct request *r, uint32_t nr_segments, uint32_t nr_runs,
			   uint32_t message_len)
{
	switch (r->header.type) {
	case VIRTIO_ACCEL_T_CALL:
		return message_len >= sizeof(struct virtio_accel_msg) &&
		       r->chain.resp_len >= sizeof(struct virtio_accel_resp);
	case VIRTIO_ACCEL_T_CONTEXT_CLOSE:
		return !nr_segments && !nr_runs && !message_len;
	default:
		return nr_segments == 1 && !message_len &&
		       r->chain.resp_len >= sizeof(struct virtio_accel_resp);
	}
}

uint32_t request_parse(struct request *r, const struct memory *mem, struct registered *t,
		       struct joins *joins)
{
	struct stream s = { r->chain.iov, 0 };
	struct virtio_accel_req *h = &r->header;
	uint32_t nr_segments, nr_runs, message_len, status;
	uint64_t len;

	memset(&r->rq, 0, sizeof(r->rq));
	r->registered = t;
	r->joins = joins;
	r->nr_held = 0;
	r->nr_joined = 0;
	r->why = NULL;
	if (r->chain.error || r->chain.readable_len < sizeof(*h))
		return VIRTIO_ACCEL_S_INVAL;
	stream_read(&s, h, sizeof(*h));
	h->type = le32toh(h->type);
	h->context = le64toh(h->context);
	nr_segments = le32toh(h->nr_segments);
	nr_runs = le32toh(h->nr_runs);
	message_len = le32toh(h->message_len);

	if (h->type < VIRTIO_ACCEL_T_CALL || h->type > VIRTIO_ACCEL_T_MEMORY_UNREGISTER)
		return VIRTIO_ACCEL_S_NOTSUP;
	if (h->flags || h->reserved || !h->context || nr_segments > REQUEST_MAX_SEGMENTS ||
	    nr_runs > REQUEST_MAX_RUNS || message_len > REQUEST_MAX_MESSAGE)
		return VIRTIO_ACCEL_S_INVAL;
	len = sizeof(*h) + nr_segments * sizeof(struct virtio_accel_segment) +
	      nr_runs * sizeof(struct virtio_accel_run) + message_len;
	if (r->chain.readable_len != len)
		return VIRTIO_ACCEL_S_INVAL;
	if (!is_well_formed(r, nr_segments, nr_runs, message_len))
		return VIRTIO_ACCEL_S_INVAL;

	if (nr_segments || nr_runs) {
		status = parse_segments(r, mem, &s, nr_segments, nr_runs);
		if (status)
			return status;
	}
	if (h->type != VIRTIO_ACCEL_T_CALL)
		return VIRTIO_ACCEL_S_OK;
	stream_read(&s, r->message, message_len);

	r->rq.context = h->context;
	r->rq.message = r->message;
	r->rq.message_len = message_len;
	r->rq.segments = r->segments;
	r->rq.nr_segments = nr_segments;
	r->rq.reply = r->reply;
	r->rq.reply_cap = REQUEST_MAX_REPLY;
	if (r->chain.writable_len - sizeof(struct virtio_accel_resp) < REQUEST_MAX_REPLY)
		r->rq.reply_cap = (uint32_t)(r->chain.writable_len -
					     sizeof(struct virtio_accel_resp));
	return VIRTIO_ACCEL_S_OK;
}

/* Copies to the writable part of the chain, from its byte @skip on; the length was checked. */
static void write_out(const struct chain *c, size_t skip, const void *from, size_t len)
{
	const struct iovec *iov = c->iov + c->nr_readable;
	const uint8_t *p = from;

	for (; len; iov++) {
		size_t here;

		if (skip >= iov->iov_len) {
			skip -= iov->iov_len;
			continue;
		}
		here = iov->iov_len - skip < len ? iov->iov_len - skip : len;
		memcpy((uint8_t *)iov->iov_base + skip, p, here);
		p += here;
		len -= here;
		skip = 0;
	}
}

uint32_t request_finish(struct request *r, uint32_t status)
{
	struct virtio_accel_resp resp = { 0 };
	uint32_t len = r->rq.reply_len;

	while (r->nr_held)
		registered_unhold(r->registered, r->held[--r->nr_held]);
	while (r->nr_joined)
		join_release(r->joined[--r->nr_joined]);
	if (r->max_runs > RUNS_KEPT)
		drop_runs(r);
	if (r->chain.resp_len < sizeof(resp))
		return 0;
	if (len > r->rq.reply_cap)
		len = r->rq.reply_cap;
	resp.status = htole32(status);
	resp.reply_len = htole32(len);
	write_out(&r->chain, sizeof(resp), r->reply, len);
	write_out(&r->chain, 0, &resp, sizeof(resp));
	return (uint32_t)sizeof(resp) + len;
}
