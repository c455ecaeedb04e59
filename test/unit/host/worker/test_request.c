// SPDX-License-Identifier: Apache-2.0
/* Requests in descriptor chains: what is taken, what is refused, and where the response goes. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "guest.h"
#include "request.h"

#define SIZE 128
#define STREAM 0x30000u /* offset of the readable part in guest memory */
#define RESPONSE 0x80000u
#define DATA 0x90000u

static struct guest g;
static struct request *r;
static struct registered *memories;
static struct joins *ranges;

/* The readable part as it is being put together. */
static uint8_t stream[0x50000];
static size_t stream_len;

static int setup(void **state)
{
	(void)state;
	guest_init(&g, SIZE, 0);
	r = request_new();
	memories = registered_new();
	ranges = joins_new(NULL);
	stream_len = 0;
	return r && memories && ranges ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	request_delete(r);
	registered_delete(memories);
	joins_delete(ranges);
	guest_fini(&g);
	return 0;
}

static void put(const void *data, size_t len)
{
	assert_true(stream_len + len <= sizeof(stream));
	memcpy(stream + stream_len, data, len);
	stream_len += len;
}

static void put_header(uint32_t type, uint32_t nr_segments, uint32_t nr_runs, uint32_t message_len)
{
	const struct virtio_accel_req req = { .type = type,
					      .context = 42,
					      .nr_segments = nr_segments,
					      .nr_runs = nr_runs,
					      .message_len = message_len };

	put(&req, sizeof(req));
}

static void put_segment(uint64_t len, uint32_t flags, uint32_t nr_runs)
{
	const struct virtio_accel_segment seg = { .len = len, .flags = flags, .nr_runs = nr_runs };

	put(&seg, sizeof(seg));
}

static void put_run(uint64_t addr, uint64_t len)
{
	const struct virtio_accel_run run = { addr, len };

	put(&run, sizeof(run));
}

static void put_message(uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		stream[stream_len++] = (uint8_t)(i * 7);
}

/* Puts the stream into a chain, cut at @cut and every @cut bytes (0: not at all), pops, parses. */
static uint32_t parse(size_t cut, uint32_t writable)
{
	uint16_t d = 0;

	memcpy(g.ram + STREAM, stream, stream_len);
	for (size_t at = 0; at < stream_len; d++) {
		size_t here = cut && stream_len - at > cut && d < SIZE - 4 ? cut : stream_len - at;

		guest_set_desc(&g, d, guest_gpa(STREAM + at), (uint32_t)here, VRING_DESC_F_NEXT,
			       (uint16_t)(d + 1));
		at += here;
	}
	if (writable > 16) {
		guest_set_desc(&g, d, guest_gpa(RESPONSE), 16,
			       VRING_DESC_F_WRITE | VRING_DESC_F_NEXT, (uint16_t)(d + 1));
		/* Behind a gap, so that the response is in pieces. */
		guest_set_desc(&g, (uint16_t)(d + 1), guest_gpa(RESPONSE + 0x1000), writable - 16,
			       VRING_DESC_F_WRITE, 0);
	} else if (writable) {
		guest_set_desc(&g, d, guest_gpa(RESPONSE), writable, VRING_DESC_F_WRITE, 0);
	} else {
		guest_desc(&g)[d - 1].flags = 0;
	}
	guest_make_available(&g, 0);
	assert_int_equal(virtqueue_pop(&g.vq, &g.mem, &r->chain), 1);
	stream_len = 0;
	return request_parse(r, &g.mem, memories, ranges);
}

static struct virtio_accel_req *header(void)
{
	return (struct virtio_accel_req *)stream;
}

static struct virtio_accel_segment *segment(void)
{
	return (struct virtio_accel_segment *)(stream + sizeof(struct virtio_accel_req));
}

static void a_message_alone(void **state)
{
	(void)state;
	put_header(VIRTIO_ACCEL_T_CALL, 0, 0, 100);
	put_message(100);
	assert_int_equal(parse(0, 16), 0);
	assert_int_equal(r->rq.context, 42);
	assert_int_equal(r->rq.message_len, 100);
	assert_int_equal(r->rq.nr_segments, 0);
	assert_int_equal(r->rq.reply_cap, 0);
	for (int i = 0; i < 100; i++)
		assert_int_equal(r->rq.message[i], (uint8_t)(i * 7));
	/* A copy: what the guest writes now changes nothing. */
	g.ram[STREAM + 32] = 99;
	assert_int_equal(r->rq.message[0], 0);
	assert_int_equal((uintptr_t)r->rq.message % 8, 0);
}

static void put_with_segments(void)
{
	put_header(VIRTIO_ACCEL_T_CALL, 3, 5, 40);
	put_segment(0x30, VIRTIO_ACCEL_SEG_READ, 2);
	put_segment(0x2000, VIRTIO_ACCEL_SEG_WRITE, 1);
	put_segment(0x1100, VIRTIO_ACCEL_SEG_READ | VIRTIO_ACCEL_SEG_WRITE, 2);
	put_run(guest_gpa(DATA), 0x10);
	put_run(guest_gpa(DATA + 0x100), 0x20);
	put_run(guest_gpa(DATA + 0x120), 0x2000); /* adjoins another segment's run */
	put_run(guest_gpa(DATA + 0x4000), 0x1000);
	put_run(guest_gpa(DATA + 0x5000), 0x100);
	put_message(40);
}

static void segments_and_runs(void **state)
{
	(void)state;
	/* However it is cut into descriptors. */
	for (size_t cut = 0; cut < 300; cut += cut < 40 ? 3 : 31) {
		const uint8_t *base = g.mem.regions[0].base;

		put_with_segments();
		assert_int_equal(parse(cut, 16 + 64), 0);
		assert_int_equal(r->rq.reply_cap, 64);
		assert_int_equal(r->rq.nr_segments, 3);
		assert_int_equal(r->rq.segments[0].nr_runs, 2);
		assert_int_equal(r->rq.segments[0].len, 0x30);
		assert_int_equal(r->rq.segments[0].flags, VIRTIO_ACCEL_SEG_READ);
		assert_ptr_equal(r->rq.segments[0].runs[1].iov_base, base + DATA + 0x100);
		assert_int_equal(r->rq.segments[0].runs[1].iov_len, 0x20);
		assert_int_equal(r->rq.segments[1].nr_runs, 1);
		assert_int_equal(r->rq.segments[1].runs[0].iov_len, 0x2000);
		/* Runs that adjoin are one. */
		assert_int_equal(r->rq.segments[2].nr_runs, 1);
		assert_int_equal(r->rq.segments[2].runs[0].iov_len, 0x1100);
		assert_int_equal(r->rq.message[39], (uint8_t)(39 * 7));
		assert_int_equal(request_finish(r, 0), 16);
	}
}

static void many_runs(void **state)
{
	const uint32_t nr = 10000;

	(void)state;
	put_header(VIRTIO_ACCEL_T_CALL, 1, nr, 16);
	put_segment(nr * 8ull, VIRTIO_ACCEL_SEG_READ, nr);
	for (uint32_t i = 0; i < nr; i++)
		put_run(guest_gpa(DATA + i * 16), 8);
	put_message(16);
	assert_int_equal(parse(0, 16), 0);
	assert_int_equal(r->rq.segments[0].nr_runs, nr);
	for (uint32_t i = 0; i < nr; i++)
		assert_ptr_equal(r->rq.segments[0].runs[i].iov_base,
				 g.mem.regions[0].base + DATA + i * 16);
}

/* Each page may be named twice in a request, not more often: by one segment or by several. */
static void names_memory_twice(void **state)
{
	const uint32_t nr = 32;
	const uint64_t len = 2 * GUEST_SIZE / nr;

	(void)state;
	assert_int_equal(memory_size(&g.mem), GUEST_SIZE);
	for (uint64_t more = 0; more < 2; more++) {
		put_header(VIRTIO_ACCEL_T_CALL, 1, nr + (uint32_t)more, 16);
		put_segment(nr * len + more, VIRTIO_ACCEL_SEG_READ, nr + (uint32_t)more);
		for (uint32_t i = 0; i < nr; i++)
			put_run(guest_gpa(i % 2 * len), len);
		if (more)
			put_run(guest_gpa(0), 1);
		put_message(16);
		assert_int_equal(parse(0, 16), more ? VIRTIO_ACCEL_S_INVAL : VIRTIO_ACCEL_S_OK);
		assert_true(!more == !r->why);
		request_finish(r, 0);

		put_header(VIRTIO_ACCEL_T_CALL, 3, 3, 16);
		put_segment(GUEST_SIZE, VIRTIO_ACCEL_SEG_READ, 1);
		put_segment(GUEST_SIZE - 1, VIRTIO_ACCEL_SEG_WRITE, 1);
		put_segment(1 + more, VIRTIO_ACCEL_SEG_WRITE, 1);
		put_run(guest_gpa(0), GUEST_SIZE);
		put_run(guest_gpa(0), GUEST_SIZE - 1);
		put_run(guest_gpa(0), 1 + more);
		put_message(16);
		assert_int_equal(parse(0, 16), more ? VIRTIO_ACCEL_S_INVAL : VIRTIO_ACCEL_S_OK);
		request_finish(r, 0);
	}
}

static void closing_a_context(void **state)
{
	(void)state;
	put_header(VIRTIO_ACCEL_T_CONTEXT_CLOSE, 0, 0, 0);
	assert_int_equal(parse(0, 16), 0);
	assert_int_equal(r->header.type, VIRTIO_ACCEL_T_CONTEXT_CLOSE);
	assert_int_equal(r->header.context, 42);
	put_header(VIRTIO_ACCEL_T_CONTEXT_CLOSE, 0, 0, 16);
	put_message(16);
	assert_int_equal(parse(0, 16), VIRTIO_ACCEL_S_INVAL);
}

/* One thing wrong each, in an otherwise good request. */

static void wrong_type(void) { header()->type = 5; }
static void type_zero(void) { header()->type = 0; }
static void request_flags(void) { header()->flags = 1; }
static void request_reserved(void) { header()->reserved = 1; }
static void no_context(void) { header()->context = 0; }
static void more_segments(void) { header()->nr_segments++; }
static void fewer_segments(void) { header()->nr_segments--; }
static void too_many_segments(void) { header()->nr_segments = REQUEST_MAX_SEGMENTS + 1; }
static void segments_overflow(void) { header()->nr_segments = UINT32_MAX; }
static void more_runs(void) { header()->nr_runs++; }
static void fewer_runs(void) { header()->nr_runs--; }
static void runs_overflow(void) { header()->nr_runs = UINT32_MAX; }
static void too_many_runs(void) { header()->nr_runs = REQUEST_MAX_RUNS + 1; }
static void longer_message(void) { header()->message_len++; }
static void shorter_message(void) { header()->message_len--; }
static void message_overflow(void) { header()->message_len = UINT32_MAX; }
static void message_too_long(void) { header()->message_len = REQUEST_MAX_MESSAGE + 1; }
static void segment_longer(void) { segment()->len++; }
static void segment_shorter(void) { segment()->len--; }
static void segment_huge(void) { segment()->len = UINT64_MAX; }
static void segment_no_flags(void) { segment()->flags = 0; }
static void segment_memory_flag(void) { segment()->flags |= VIRTIO_ACCEL_SEG_MEMORY; }
static void segment_memory_and_runs(void)
{
	segment()->flags |= VIRTIO_ACCEL_SEG_MEMORY;
	segment()->memory = 1;
}

/* Its runs are the next one's. */
static void segment_of_no_memory(void)
{
	segment_memory_and_runs();
	segment()[1].nr_runs += segment()[0].nr_runs;
	segment()[0].nr_runs = 0;
}

static void segment_bad_flag(void) { segment()->flags |= 0x80000000; }
static void segment_memory(void) { segment()->memory = 1; }
static void segment_reserved(void) { segment()->reserved = 1; }
static void segment_offset(void) { segment()->offset = 1; }
static void segment_no_runs(void) { segment()->nr_runs = 0; }
static void segment_more_runs(void) { segment()->nr_runs++; }

/* Their sum is right in 32 bits. */
static void segment_runs_overflow(void)
{
	segment()[0].nr_runs = UINT32_MAX;
	segment()[1].nr_runs = 4;
}


static struct virtio_accel_run *run_at(int i)
{
	return (struct virtio_accel_run *)(segment() + 3) + i;
}

static void run_empty(void) { run_at(0)->len = 0; }
static void run_outside(void) { run_at(0)->addr = GUEST_GPA + GUEST_SIZE - 8; }
static void run_wraps(void) { run_at(0)->addr = UINT64_MAX - 8; }
static void run_huge(void) { run_at(0)->len = UINT64_MAX; }
static void runs_sum_overflows(void) { run_at(0)->len = UINT64_MAX; segment()->len = 0x1f; }
static void cut_short(void) { stream_len--; }
static void too_long(void) { put("", 1); }
static void header_alone(void) { stream_len = 31; }

static void refuses_what_is_malformed(void **state)
{
	static const struct {
		const char *what;
		void (*spoil)(void);
		uint32_t status;
	} bad[] = {
#define BAD(name) { #name, name, VIRTIO_ACCEL_S_INVAL }
		{ "wrong_type", wrong_type, VIRTIO_ACCEL_S_NOTSUP },
		{ "type_zero", type_zero, VIRTIO_ACCEL_S_NOTSUP },
		BAD(request_flags), BAD(request_reserved), BAD(no_context), BAD(more_segments),
		BAD(fewer_segments), BAD(too_many_segments), BAD(segments_overflow), BAD(more_runs),
		BAD(fewer_runs), BAD(runs_overflow), BAD(too_many_runs), BAD(longer_message),
		BAD(shorter_message), BAD(message_overflow), BAD(message_too_long),
		BAD(segment_longer), BAD(segment_shorter), BAD(segment_huge), BAD(segment_no_flags),
		BAD(segment_memory_flag), BAD(segment_memory_and_runs),
		{ "segment_of_no_memory", segment_of_no_memory, VIRTIO_ACCEL_S_STALE },
		{ "segment_bad_flag", segment_bad_flag, VIRTIO_ACCEL_S_NOTSUP },
		BAD(segment_memory), BAD(segment_reserved), BAD(segment_offset),
		BAD(segment_no_runs), BAD(segment_more_runs), BAD(segment_runs_overflow),
		BAD(run_empty), BAD(run_outside), BAD(run_wraps), BAD(run_huge),
		BAD(runs_sum_overflows), BAD(cut_short), BAD(too_long), BAD(header_alone),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint32_t status;

		put_with_segments();
		bad[i].spoil();
		memset(g.ram + RESPONSE, 0xaa, 32);
		status = parse(0, 16);
		if (status != bad[i].status)
			fail_msg("%s: status %u", bad[i].what, status);
		/* Refused with a response, and without a byte of the request in it. */
		assert_int_equal(request_finish(r, status), 16);
		assert_int_equal(((struct virtio_accel_resp *)(g.ram + RESPONSE))->status, status);
		assert_int_equal(((struct virtio_accel_resp *)(g.ram + RESPONSE))->reply_len, 0);
		assert_int_equal(g.ram[RESPONSE + 16], 0xaa);
	}
}

static void messages_have_limits(void **state)
{
	(void)state;
	put_header(VIRTIO_ACCEL_T_CALL, 0, 0, REQUEST_MAX_MESSAGE);
	put_message(REQUEST_MAX_MESSAGE);
	assert_int_equal(parse(0, 16), 0);
	assert_int_equal(r->rq.message[REQUEST_MAX_MESSAGE - 1],
			 (uint8_t)((REQUEST_MAX_MESSAGE - 1) * 7));
	put_header(VIRTIO_ACCEL_T_CALL, 0, 0, 15);
	put_message(15);
	assert_int_equal(parse(0, 16), VIRTIO_ACCEL_S_INVAL);
	put_header(VIRTIO_ACCEL_T_CALL, 0, 0, 16);
	put_message(16);
	assert_int_equal(parse(0, 16), 0);
}

static void a_response_needs_room_in_one_descriptor(void **state)
{
	(void)state;
	put_header(VIRTIO_ACCEL_T_CALL, 0, 0, 16);
	put_message(16);
	assert_int_equal(parse(0, 0), VIRTIO_ACCEL_S_INVAL);
	assert_int_equal(request_finish(r, VIRTIO_ACCEL_S_INVAL), 0);
	put_header(VIRTIO_ACCEL_T_CALL, 0, 0, 16);
	put_message(16);
	assert_int_equal(parse(0, 15), VIRTIO_ACCEL_S_INVAL);
	memset(g.ram + RESPONSE, 0xaa, 16);
	assert_int_equal(request_finish(r, VIRTIO_ACCEL_S_INVAL), 0);
	assert_int_equal(g.ram[RESPONSE], 0xaa);
}

static void replies_go_behind_the_response(void **state)
{
	const struct virtio_accel_resp *resp = (void *)(g.ram + RESPONSE);

	(void)state;
	put_header(VIRTIO_ACCEL_T_CALL, 0, 0, 16);
	put_message(16);
	assert_int_equal(parse(0, 16 + 100), 0);
	assert_int_equal(r->rq.reply_cap, 100);
	memset(r->rq.reply, 0x77, 100);
	r->rq.reply_len = 60;
	memset(g.ram + RESPONSE, 0xaa, 0x1100);
	assert_int_equal(request_finish(r, 5), 76);
	assert_int_equal(resp->status, 5);
	assert_int_equal(resp->reply_len, 60);
	assert_int_equal(resp->reserved, 0);
	assert_int_equal(g.ram[RESPONSE + 16], 0xaa);
	assert_int_equal(g.ram[RESPONSE + 0x1000], 0x77);
	assert_int_equal(g.ram[RESPONSE + 0x1000 + 59], 0x77);
	assert_int_equal(g.ram[RESPONSE + 0x1000 + 60], 0xaa);
}

static void replies_have_a_limit(void **state)
{
	(void)state;
	put_header(VIRTIO_ACCEL_T_CALL, 0, 0, 16);
	put_message(16);
	assert_int_equal(parse(0, 0x60000), 0);
	assert_int_equal(r->rq.reply_cap, REQUEST_MAX_REPLY);
}

/* Together, threads cannot hold more room for runs than a few requests of the largest size. */
static void runs_of_all_threads_have_a_limit(void **state)
{
	static struct request *others[20];
	static struct chain chain;
	const uint32_t nr = REQUEST_MAX_RUNS;
	uint32_t status = 0;
	unsigned int granted = 0;

	(void)state;
	/* So much that these runs name no page too often */
	assert_int_equal(memory_add(&g.mem, UINT64_C(1) << 40, nr * 8ull, UINT64_C(1) << 40, 0,
				    guest_file(nr * 8ull)), 0);
	/* 64 MiB of runs out of one page: a chain may name the same memory again and again. */
	put_header(VIRTIO_ACCEL_T_CALL, 1, nr, 16);
	put_segment(nr * 8ull, VIRTIO_ACCEL_SEG_READ, nr);
	memcpy(g.ram + STREAM, stream, stream_len);
	for (uint32_t i = 0; i < 0x10000 / 16; i++)
		((struct virtio_accel_run *)(g.ram + DATA))[i] =
			(struct virtio_accel_run){ guest_gpa(DATA + (i % 2) * 64), 8 };
	memset(&chain, 0, sizeof(chain));
	chain.resp_len = 16;
	chain.writable_len = 16;
	chain.readable_len = stream_len + nr * 16ull + 16;
	chain.nr_readable = 1 + 1024 + 1;
	chain.iov[0] = (struct iovec){ g.ram + STREAM, stream_len };
	for (int i = 1; i <= 1024; i++)
		chain.iov[i] = (struct iovec){ g.ram + DATA, 0x10000 };
	chain.iov[1025] = (struct iovec){ g.ram + STREAM, 16 };
	chain.iov[1026] = (struct iovec){ g.ram + RESPONSE, 16 };
	chain.nr_writable = 1;

	for (int i = 0; i < 20 && !status; i++) {
		others[i] = request_new();
		assert_non_null(others[i]);
		others[i]->chain = chain;
		status = request_parse(others[i], &g.mem, memories, ranges);
		granted += !status;
	}
	assert_int_equal(status, VIRTIO_ACCEL_S_NOMEM);
	assert_true(granted >= 1 && granted <= 2);
	for (int i = 0; i < 20; i++) {
		if (others[i])
			assert_int_equal(request_finish(others[i], 0), 16);
		request_delete(others[i]);
	}
	/* All of it is given back. */
	r->chain = chain;
	assert_int_equal(request_parse(r, &g.mem, memories, ranges), 0);
	request_finish(r, 0);
}

/* ---- Registered memory ---------------------------------------------------------------------- */

/* Registers @nr pages, from the end of guest memory downwards, so that none adjoins the next. */
static uint32_t register_pages(uint32_t id, uint32_t nr)
{
	const struct virtio_accel_segment seg = {
		.len = nr * 4096ull, .flags = 3, .nr_runs = nr, .memory = id,
	};

	put_header(VIRTIO_ACCEL_T_MEMORY_REGISTER, 1, nr, 0);
	put(&seg, sizeof(seg));
	for (uint32_t i = 1; i <= nr; i++)
		put_run(GUEST_GPA + GUEST_SIZE - i * 4096, 4096);
	return parse(0, 16);
}

static uint32_t add_memory(uint32_t id)
{
	return registered_add(memories, &g.mem, r->header.context, id, r->segments[0].runs,
			      r->segments[0].nr_runs);
}

static void put_named(uint32_t id, uint64_t offset, uint64_t len, uint32_t flags)
{
	const struct virtio_accel_segment seg = {
		.len = len, .flags = flags | VIRTIO_ACCEL_SEG_MEMORY, .memory = id,
		.offset = offset,
	};

	put(&seg, sizeof(seg));
}

static uint32_t name_memory(uint32_t id, uint64_t offset, uint64_t len)
{
	put_header(VIRTIO_ACCEL_T_CALL, 1, 0, 16);
	put_named(id, offset, len, VIRTIO_ACCEL_SEG_READ);
	put_message(16);
	return parse(0, 16);
}

static void skip_in_valgrind(void)
{
	if (getenv("VALGRIND")) {
		print_message("skipped: valgrind maps no memory a second time\n");
		skip();
	}
}

static void registers_memory(void **state)
{
	(void)state;
	skip_in_valgrind();
	registered_limit(memories, GUEST_SIZE);
	assert_int_equal(register_pages(7, 3), 0);
	assert_int_equal(r->memory, 7);
	assert_int_equal(r->segments[0].len, 3 * 4096);
	assert_int_equal(r->segments[0].nr_runs, 3);
	assert_int_equal(add_memory(7), 0);
	assert_int_equal(request_finish(r, 0), 16);

	/* One contiguous range, in the order of the runs */
	memset(g.ram + GUEST_SIZE - 4096, 1, 4096);
	memset(g.ram + GUEST_SIZE - 2 * 4096, 2, 4096);
	memset(g.ram + GUEST_SIZE - 3 * 4096, 3, 4096);
	assert_int_equal(name_memory(7, 4095, 4098), 0);
	assert_int_equal(r->rq.segments[0].nr_runs, 1);
	assert_int_equal(r->rq.segments[0].len, 4098);
	assert_int_equal(r->rq.segments[0].runs[0].iov_len, 4098);
	assert_int_equal(((uint8_t *)r->rq.segments[0].runs[0].iov_base)[0], 1);
	assert_int_equal(((uint8_t *)r->rq.segments[0].runs[0].iov_base)[4096], 2);
	assert_int_equal(((uint8_t *)r->rq.segments[0].runs[0].iov_base)[4097], 3);
	/* Taken away meanwhile, it is there until the request ends. */
	assert_int_equal(registered_remove(memories, 42, 7), 0);
	((uint8_t *)r->rq.segments[0].runs[0].iov_base)[4097] = 99;
	assert_int_equal(g.ram[GUEST_SIZE - 3 * 4096], 99);
	request_finish(r, 0);
	assert_int_equal(name_memory(7, 0, 1), VIRTIO_ACCEL_S_STALE);
	request_finish(r, 0);
}

static void memory_has_bounds(void **state)
{
	(void)state;
	skip_in_valgrind();
	registered_limit(memories, GUEST_SIZE);
	assert_int_equal(register_pages(1, 2), 0);
	assert_int_equal(add_memory(1), 0);
	request_finish(r, 0);
	assert_int_equal(name_memory(1, 8191, 1), 0);
	request_finish(r, 0);
	assert_int_equal(name_memory(1, 0, 8192), 0);
	request_finish(r, 0);
	assert_int_equal(name_memory(1, 8192, 1), VIRTIO_ACCEL_S_INVAL);
	assert_int_equal(name_memory(1, 1, 8192), VIRTIO_ACCEL_S_INVAL);
	assert_int_equal(name_memory(1, 0, 0), VIRTIO_ACCEL_S_INVAL);
	assert_int_equal(name_memory(1, UINT64_MAX, 1), VIRTIO_ACCEL_S_INVAL);
	assert_int_equal(name_memory(1, 1, UINT64_MAX), VIRTIO_ACCEL_S_INVAL);
	assert_int_equal(name_memory(2, 0, 1), VIRTIO_ACCEL_S_STALE);
	/* Two parts of it and one that does not exist: nothing stays held. */
	put_header(VIRTIO_ACCEL_T_CALL, 3, 0, 16);
	put_named(1, 0, 4096, VIRTIO_ACCEL_SEG_READ);
	put_named(1, 4096, 4096, VIRTIO_ACCEL_SEG_WRITE);
	put_named(2, 0, 4096, VIRTIO_ACCEL_SEG_READ);
	put_message(16);
	assert_int_equal(parse(0, 16), VIRTIO_ACCEL_S_STALE);
	assert_int_equal(r->nr_held, 2);
	request_finish(r, VIRTIO_ACCEL_S_STALE);
	assert_int_equal(r->nr_held, 0);
}

/* In an otherwise good registration */
static void memory_id_zero(void) { segment()->memory = 0; }
static void memory_read_only(void) { segment()->flags = VIRTIO_ACCEL_SEG_READ; }
static void memory_of_memory(void) { segment()->flags |= VIRTIO_ACCEL_SEG_MEMORY; }
static void memory_at_offset(void) { segment()->offset = 4096; }
static void memory_reserved(void) { segment()->reserved = 1; }
static void memory_other_len(void) { segment()->len += 4096; }
static void memory_unknown_flag(void) { segment()->flags |= 8; }

static struct virtio_accel_run *first_run(void)
{
	return (struct virtio_accel_run *)(segment() + 1);
}

static void memory_odd_addr(void) { first_run()->addr -= 8; }
static void memory_outside(void) { first_run()->addr = GUEST_GPA + GUEST_SIZE; }
static void memory_wraps(void) { first_run()->addr = UINT64_MAX - 4095; }
static void memory_with_message(void) { header()->message_len = 8; put("12345678", 8); }

static void memory_odd_len(void)
{
	first_run()->len -= 8;
	segment()->len -= 8;
}

static void memory_without_runs(void)
{
	header()->nr_runs = 0;
	segment()->nr_runs = 0;
	stream_len -= 2 * sizeof(struct virtio_accel_run);
}

static void refuses_bad_registrations(void **state)
{
	static const struct {
		const char *what;
		void (*spoil)(void);
	} bad[] = {
#define NAMED(name) { #name, name }
		NAMED(memory_id_zero), NAMED(memory_read_only), NAMED(memory_of_memory),
		NAMED(memory_at_offset), NAMED(memory_reserved), NAMED(memory_other_len),
		NAMED(memory_odd_addr), NAMED(memory_outside), NAMED(memory_wraps),
		NAMED(memory_with_message), NAMED(memory_odd_len), NAMED(memory_without_runs),
		NAMED(memory_unknown_flag), NAMED(request_flags), NAMED(no_context),
	};
	const struct virtio_accel_segment name = { .memory = 1 }, len = { .memory = 1, .len = 1 };

	(void)state;
	registered_limit(memories, GUEST_SIZE);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const struct virtio_accel_segment seg = {
			.len = 8192, .flags = 3, .nr_runs = 2, .memory = 1 };
		uint32_t expected = bad[i].spoil == memory_unknown_flag ? VIRTIO_ACCEL_S_NOTSUP :
									   VIRTIO_ACCEL_S_INVAL;
		uint32_t status;

		put_header(VIRTIO_ACCEL_T_MEMORY_REGISTER, 1, 2, 0);
		put(&seg, sizeof(seg));
		put_run(guest_gpa(DATA), 4096);
		put_run(guest_gpa(DATA + 0x2000), 4096);
		bad[i].spoil();
		status = parse(0, 16);
		if (status != expected)
			fail_msg("%s: status %u", bad[i].what, status);
		request_finish(r, status);
	}
	/* The end of a registration is no more than a name. */
	put_header(VIRTIO_ACCEL_T_MEMORY_UNREGISTER, 1, 0, 0);
	put(&name, sizeof(name));
	assert_int_equal(parse(0, 16), 0);
	assert_int_equal(r->memory, 1);
	put_header(VIRTIO_ACCEL_T_MEMORY_UNREGISTER, 1, 0, 0);
	put(&len, sizeof(len));
	assert_int_equal(parse(0, 16), VIRTIO_ACCEL_S_INVAL);
	put_header(VIRTIO_ACCEL_T_MEMORY_UNREGISTER, 0, 0, 0);
	assert_int_equal(parse(0, 16), VIRTIO_ACCEL_S_INVAL);
	put_header(VIRTIO_ACCEL_T_MEMORY_UNREGISTER, 1, 0, 0);
	put(&name, sizeof(name));
	assert_int_equal(parse(0, 8), VIRTIO_ACCEL_S_INVAL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_message_alone),
		TEST(segments_and_runs),
		TEST(many_runs),
		TEST(names_memory_twice),
		TEST(closing_a_context),
		TEST(refuses_what_is_malformed),
		TEST(messages_have_limits),
		TEST(a_response_needs_room_in_one_descriptor),
		TEST(replies_go_behind_the_response),
		TEST(replies_have_a_limit),
		TEST(runs_of_all_threads_have_a_limit),
		TEST(registers_memory),
		TEST(memory_has_bounds),
		TEST(refuses_bad_registrations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
