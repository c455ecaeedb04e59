// SPDX-License-Identifier: Apache-2.0
/*
 * Malformed requests and rings against vhost-user-accel: each gets the status that the
 * specification names, costs only its sender, and the device serves the next one.
 */
#define _GNU_SOURCE
#include <endian.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "raw_front.h"
#include "support.h"

#define ANSWER_MS	20000
#define NO_ANSWER_MS	200

#define READ	VIRTIO_ACCEL_SEG_READ
#define WRITE	VIRTIO_ACCEL_SEG_WRITE

static struct daemon host;
static struct raw_front front;

static int setup(void **state)
{
	(void)state;
	raw_open(&front, host.socket, RAW_FEATURES | 1ull << VIRTIO_RING_F_EVENT_IDX |
					      1ull << VIRTIO_RING_F_INDIRECT_DESC);
	return 0;
}

static int teardown(void **state)
{
	pid_t worker = *(pid_t *)*state;

	raw_close(&front);
	/* Nothing of this may cost a worker, let alone the host process. */
	assert_true(daemon_alive(&host));
	assert_int_equal(daemon_worker(&host), worker);
	return 0;
}

/* Sends @len bytes at RAW_IN, and checks the answer and that nothing is written behind it. */
static void expect_status(uint32_t len, uint32_t status)
{
	const unsigned char *out = raw_at(&front, RAW_OUT);
	int64_t written;

	memset(raw_at(&front, RAW_OUT), 0xee, 4096);
	written = raw_send(&front, len, 4096);
	if (written < (int64_t)sizeof(struct virtio_accel_resp))
		test_die("%lld bytes of an answer", (long long)written);
	assert_int_equal(raw_resp(&front).status, status);
	assert_int_equal(written, sizeof(struct virtio_accel_resp) + raw_resp(&front).reply_len);
	assert_int_equal(raw_resp(&front).reserved, 0);
	for (size_t i = (size_t)written; i < 4096; i++)
		assert_int_equal(out[i], 0xee);
}

/* A good request without segments, to be spoilt. */
static struct virtio_accel_req good_req(size_t message_len)
{
	return (struct virtio_accel_req){
		.type = htole32(VIRTIO_ACCEL_T_CALL),
		.context = htole64(1),
		.message_len = htole32((uint32_t)message_len),
	};
}

static void test_good(void **state)
{
	uint64_t id = 0;

	(void)state;
	raw_expect_alive(&front);
	assert_int_equal(raw_session(&front, &id), 0);
	assert_int_not_equal(id, 0);
	front.use = 1;
	raw_expect_alive(&front);
	front.use = 0;
}

static void test_header(void **state)
{
	char message[64];
	const size_t len = raw_session_message(message);
	struct virtio_accel_req req;

	(void)state;
#define SPOILT(change, expected)                                                                 \
	req = good_req(len);                                                                     \
	change;                                                                                  \
	expect_status(raw_build(&front, &req, NULL, NULL, message, len), expected);              \
	raw_expect_alive(&front)

	SPOILT((void)0, VIRTIO_ACCEL_S_OK);
	SPOILT(req.type = 0, VIRTIO_ACCEL_S_NOTSUP);
	SPOILT(req.type = htole32(5), VIRTIO_ACCEL_S_NOTSUP);
	SPOILT(req.type = UINT32_MAX, VIRTIO_ACCEL_S_NOTSUP);
	SPOILT(req.flags = htole32(1), VIRTIO_ACCEL_S_INVAL);
	SPOILT(req.flags = htole32(1u << 31), VIRTIO_ACCEL_S_INVAL);
	SPOILT(req.context = 0, VIRTIO_ACCEL_S_INVAL);
	SPOILT(req.reserved = htole32(1), VIRTIO_ACCEL_S_INVAL);
	SPOILT(req.message_len = 0, VIRTIO_ACCEL_S_INVAL);
	SPOILT(req.message_len = htole32(len - 1), VIRTIO_ACCEL_S_INVAL);
	SPOILT(req.message_len = htole32(len + 1), VIRTIO_ACCEL_S_INVAL);
	SPOILT(req.message_len = UINT32_MAX, VIRTIO_ACCEL_S_INVAL);
	SPOILT(req.type = htole32(VIRTIO_ACCEL_T_CONTEXT_CLOSE), VIRTIO_ACCEL_S_INVAL);
#undef SPOILT
	/* Counts without what they count: raw_build() must not copy that much. */
	static const uint32_t counts[] = { 1, 2, 255, 65536, 1u << 27, 1u << 28, UINT32_MAX };

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		req = good_req(len);
		req.nr_segments = htole32(counts[i]);
		expect_status(raw_build(&front, &req, NULL, NULL, message, len),
			      VIRTIO_ACCEL_S_INVAL);
		req = good_req(len);
		req.nr_runs = htole32(counts[i]);
		expect_status(raw_build(&front, &req, NULL, NULL, message, len),
			      VIRTIO_ACCEL_S_INVAL);
	}
	/* Less than a header */
	req = good_req(len);
	raw_build(&front, &req, NULL, NULL, message, len);
	for (uint32_t i = 1; i < sizeof(req); i++)
		expect_status(i, VIRTIO_ACCEL_S_INVAL);
	raw_expect_alive(&front);
}

static void test_message(void **state)
{
	const struct virtio_accel_config *config;
	char space[VU_MAX_CONFIG], message[64];
	const size_t len = raw_session_message(message);
	struct virtio_accel_msg *msg = (struct virtio_accel_msg *)message;
	struct virtio_accel_req req = good_req(len);
	uint32_t max;

	(void)state;
	/* Each cut of a good one, with a length that fits. */
	for (size_t i = 1; i < len; i++) {
		req = good_req(i);
		expect_status(raw_build(&front, &req, NULL, NULL, message, i),
			      VIRTIO_ACCEL_S_INVAL);
	}
	req = good_req(len);
	msg->op = htole16(0x7fff);
	expect_status(raw_build(&front, &req, NULL, NULL, message, len), VIRTIO_ACCEL_S_NOTSUP);
	msg->op = htole16(0xffff);
	expect_status(raw_build(&front, &req, NULL, NULL, message, len), VIRTIO_ACCEL_S_NOTSUP);
	raw_session_message(message);
	msg->reserved = htole32(1);
	expect_status(raw_build(&front, &req, NULL, NULL, message, len), VIRTIO_ACCEL_S_INVAL);
	/* An op of a session that does not exist: noop without parameters */
	raw_session_message(message);
	req = good_req(sizeof(*msg));
	*msg = (struct virtio_accel_msg){ .session = htole64(0x123456789abcdef) };
	expect_status(raw_build(&front, &req, NULL, NULL, message, sizeof(*msg)),
		      VIRTIO_ACCEL_S_SESS);

	/* As long as allowed is malformed in itself; one byte more is too long. */
	assert_int_equal(vu_get_config(&front.conn, 0, space, sizeof(space)), 0);
	config = (const struct virtio_accel_config *)space;
	max = le32toh(config->max_message);
	assert_true(max + sizeof(req) + 1 <= RAW_OUT - RAW_IN);
	for (uint32_t k = 0; k < 2; k++) {
		req = good_req(max + k);
		memset(raw_at(&front, RAW_IN), 0, max + sizeof(req) + k);
		memcpy(raw_at(&front, RAW_IN), &req, sizeof(req));
		memcpy((char *)raw_at(&front, RAW_IN) + sizeof(req), message, sizeof(*msg));
		expect_status((uint32_t)sizeof(req) + max + k,
			      k ? VIRTIO_ACCEL_S_INVAL : VIRTIO_ACCEL_S_SESS);
	}
	raw_expect_alive(&front);
}

/* Inline lengths that are not those of what follows */
static void test_buffers(void **state)
{
	static const uint64_t lengths[] = { 0, 7, 9, 4096, 1ull << 32, 1ull << 63, UINT64_MAX,
					    UINT64_MAX - 7 };
	char message[64];
	const size_t len = raw_session_message(message);
	struct virtio_accel_buf *buf = (struct virtio_accel_buf *)(message + len - sizeof(*buf));
	struct virtio_accel_req req = good_req(len);

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		buf->len = htole64(lengths[i]);
		assert_true(raw_send(&front, raw_build(&front, &req, NULL, NULL, message, len),
				     4096) >= (int64_t)sizeof(struct virtio_accel_resp));
		assert_int_not_equal(raw_resp(&front).status, 0);
	}
	buf->len = htole64(8);
	for (uint32_t where = 0; where < 6; where++) {
		buf->where = htole32(where == 5 ? UINT32_MAX : where);
		buf->ref = where == VIRTIO_ACCEL_BUF_INLINE ? htole64(1) : htole64(1000);
		assert_true(raw_send(&front, raw_build(&front, &req, NULL, NULL, message, len),
				     4096) >= (int64_t)sizeof(struct virtio_accel_resp));
		assert_int_not_equal(raw_resp(&front).status, 0);
	}
	raw_expect_alive(&front);
}

/* noop, or the release of a session, which takes no parameters either */
static void expect_session(uint16_t op, uint64_t context, uint64_t session, uint32_t status)
{
	const struct virtio_accel_msg msg = { .op = htole16(op), .session = session };
	struct virtio_accel_req req = good_req(sizeof(msg));

	req.context = htole64(context);
	expect_status(raw_build(&front, &req, NULL, NULL, &msg, sizeof(msg)), status);
}

/* A session is its context's alone, and ends with it. */
static void test_contexts(void **state)
{
	const struct virtio_accel_req close = {
		.type = htole32(VIRTIO_ACCEL_T_CONTEXT_CLOSE),
		.context = htole64(1),
	};
	const uint16_t release = VIRTIO_ACCEL_OP_SESSION_RELEASE;
	uint64_t first = 0, second = 0;

	(void)state;
	assert_int_equal(raw_session(&front, &first), 0);
	assert_int_equal(raw_session(&front, &second), 0);
	assert_int_not_equal(first, second);
	assert_int_equal(daemon_stat(&host, "sessions"), 2);
	for (uint64_t other = 2; other < 5; other++) {
		expect_session(0, other, first, VIRTIO_ACCEL_S_SESS);
		expect_session(release, other, first, VIRTIO_ACCEL_S_SESS);
	}
	expect_session(0, 1, first, VIRTIO_ACCEL_S_OK);
	expect_session(release, 1, first, VIRTIO_ACCEL_S_OK);
	expect_session(release, 1, first, VIRTIO_ACCEL_S_SESS);
	expect_session(0, 1, first, VIRTIO_ACCEL_S_SESS);
	expect_session(0, 1, second, VIRTIO_ACCEL_S_OK);
	assert_int_equal(daemon_stat(&host, "sessions"), 1);
	for (int i = 0; i < 2; i++)
		expect_status(raw_build(&front, &close, NULL, NULL, "", 0), VIRTIO_ACCEL_S_OK);
	assert_int_equal(daemon_stat(&host, "sessions"), 0);
	expect_session(0, 1, second, VIRTIO_ACCEL_S_SESS);
}

/* No room, or not enough of it, for what comes back */
static void test_no_room(void **state)
{
	char message[64];
	const size_t len = raw_session_message(message);
	const struct virtio_accel_req req = good_req(len);
	const uint32_t total = raw_build(&front, &req, NULL, NULL, message, len);
	const uint32_t whole = sizeof(struct virtio_accel_resp) + sizeof(struct virtio_accel_buf) +
			       sizeof(uint64_t);

	(void)state;
	for (uint32_t room = 0; room < sizeof(struct virtio_accel_resp); room++)
		assert_int_equal(raw_send(&front, total, room), 0);
	for (uint32_t room = sizeof(struct virtio_accel_resp); room < whole; room++) {
		int64_t written = raw_send(&front, total, room);

		assert_true(written >= (int64_t)sizeof(struct virtio_accel_resp));
		assert_true(written <= room);
		assert_int_not_equal(raw_resp(&front).status, 0);
	}
	raw_expect_alive(&front);
}

static void send_segment(struct virtio_accel_segment s, const struct virtio_accel_run *runs,
			 uint32_t nr_runs, uint32_t status)
{
	char message[64];
	const size_t len = raw_session_message(message);
	struct virtio_accel_req req = good_req(len);

	req.nr_segments = htole32(1);
	req.nr_runs = htole32(nr_runs);
	expect_status(raw_build(&front, &req, &s, runs, message, len), status);
}

static void test_segments(void **state)
{
	struct virtio_accel_run run[2] = {
		{ .addr = htole64(raw_guest(RAW_DATA)), .len = htole64(100) },
		{ .addr = htole64(raw_guest(RAW_DATA) + 100), .len = htole64(50) },
	};
	const struct virtio_accel_segment good = {
		.len = htole64(150), .flags = htole32(READ | WRITE), .nr_runs = htole32(2),
	};
	struct virtio_accel_segment s;

	(void)state;
	send_segment(good, run, 2, VIRTIO_ACCEL_S_OK);
#define SPOILT(change, expected)                                                                 \
	s = good;                                                                                \
	change;                                                                                  \
	send_segment(s, run, 2, expected)

	SPOILT(s.len = htole64(149), VIRTIO_ACCEL_S_INVAL);
	SPOILT(s.len = htole64(151), VIRTIO_ACCEL_S_INVAL);
	SPOILT(s.len = 0, VIRTIO_ACCEL_S_INVAL);
	SPOILT(s.len = UINT64_MAX, VIRTIO_ACCEL_S_INVAL);
	SPOILT(s.flags = 0, VIRTIO_ACCEL_S_INVAL);
	SPOILT(s.flags = htole32(READ | VIRTIO_ACCEL_SEG_MEMORY), VIRTIO_ACCEL_S_INVAL);
	SPOILT(s.flags = htole32(READ | 1u << 31), VIRTIO_ACCEL_S_NOTSUP);
	SPOILT(s.nr_runs = 0, VIRTIO_ACCEL_S_INVAL);
	SPOILT(s.nr_runs = htole32(1), VIRTIO_ACCEL_S_INVAL);
	SPOILT(s.nr_runs = htole32(1); s.len = htole64(100), VIRTIO_ACCEL_S_INVAL);
	SPOILT(s.nr_runs = htole32(3), VIRTIO_ACCEL_S_INVAL);
	SPOILT(s.nr_runs = UINT32_MAX, VIRTIO_ACCEL_S_INVAL);
	SPOILT(s.memory = htole32(1), VIRTIO_ACCEL_S_INVAL);
	SPOILT(s.reserved = htole32(1), VIRTIO_ACCEL_S_INVAL);
	SPOILT(s.offset = htole64(1), VIRTIO_ACCEL_S_INVAL);
#undef SPOILT
	raw_expect_alive(&front);
}

static void test_runs(void **state)
{
	const uint64_t base = NATIVE_MEM_GUEST_BASE;
	static const struct {
		uint64_t addr, len;
	} bad[] = {
		{ 0, 1 },
		{ base - 1, 1 },
		{ base - 1, 2 },
		{ base + RAW_MEMORY, 1 },
		{ base + RAW_MEMORY - 1, 2 },
		{ base, RAW_MEMORY + 1 },
		{ base, UINT64_MAX },
		{ base, 0 },
		{ UINT64_MAX, 1 },
		{ UINT64_MAX, 2 },
		{ UINT64_MAX - 10, 100 },
		{ base + 1, UINT64_MAX - base },
	};
	struct virtio_accel_run run[3];
	struct virtio_accel_segment s = { .flags = htole32(READ) };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		run[0] = (struct virtio_accel_run){ htole64(bad[i].addr), htole64(bad[i].len) };
		s.len = run[0].len;
		s.nr_runs = htole32(1);
		send_segment(s, run, 1, VIRTIO_ACCEL_S_INVAL);
		/* Behind a good one */
		run[1] = run[0];
		run[0] = (struct virtio_accel_run){ htole64(base), htole64(10) };
		s.len = htole64(bad[i].len + 10);
		s.nr_runs = htole32(2);
		send_segment(s, run, 2, VIRTIO_ACCEL_S_INVAL);
	}
	/* Lengths whose sum is right only if it overflows */
	run[0] = (struct virtio_accel_run){ htole64(base), htole64(UINT64_MAX) };
	run[1] = (struct virtio_accel_run){ htole64(base), htole64(101) };
	s.len = htole64(100);
	send_segment(s, run, 2, VIRTIO_ACCEL_S_INVAL);
	/* All of the memory is right. */
	run[0] = (struct virtio_accel_run){ htole64(base), htole64(RAW_MEMORY) };
	s.len = run[0].len;
	s.nr_runs = htole32(1);
	send_segment(s, run, 1, VIRTIO_ACCEL_S_OK);
	raw_expect_alive(&front);
}

/* As many segments as are allowed, and one more */
static void test_many_segments(void **state)
{
	char message[64], space[VU_MAX_CONFIG];
	const size_t len = raw_session_message(message);
	struct virtio_accel_req req = good_req(len);
	struct virtio_accel_segment *s;
	struct virtio_accel_run *run;
	uint32_t max;

	(void)state;
	assert_int_equal(vu_get_config(&front.conn, 0, space, sizeof(space)), 0);
	max = le32toh(((const struct virtio_accel_config *)space)->max_segments);
	s = calloc(max + 1, sizeof(*s));
	run = calloc(max + 1, sizeof(*run));
	for (uint32_t i = 0; i <= max; i++) {
		s[i].len = htole64(1);
		s[i].flags = htole32(READ);
		s[i].nr_runs = htole32(1);
		run[i].addr = htole64(raw_guest(RAW_DATA) + i);
		run[i].len = htole64(1);
	}
	req.nr_segments = req.nr_runs = htole32(max);
	expect_status(raw_build(&front, &req, s, run, message, len), VIRTIO_ACCEL_S_OK);
	req.nr_segments = req.nr_runs = htole32(max + 1);
	expect_status(raw_build(&front, &req, s, run, message, len), VIRTIO_ACCEL_S_INVAL);
	raw_expect_alive(&front);
	free(s);
	free(run);
}

/* ---- Chains -------------------------------------------------------------------------------- */

static void set_desc(unsigned int i, uint64_t addr, uint32_t len, uint16_t flags, uint16_t next)
{
	front.queues[0].vr.desc[i] = (struct vring_desc){
		.addr = htole64(addr), .len = htole32(len), .flags = htole16(flags),
		.next = htole16(next),
	};
}

/* Publishes the chain at descriptor 0, and expects it back with @status, or without any. */
static void expect_chain(uint32_t status)
{
	int64_t written;

	memset(raw_at(&front, RAW_OUT), 0xee, sizeof(struct virtio_accel_resp));
	vring_driver_publish(&front.queues[0].vr, 0, &front, 1 << 20);
	raw_kick(&front, 0);
	written = raw_wait(&front, 0, ANSWER_MS, NULL);
	if (written < 0)
		test_die("a malformed chain is not given back");
	if (written)
		assert_int_equal(raw_resp(&front).status, status);
	else
		assert_int_not_equal(status, 0);
}

static void test_chains(void **state)
{
	const uint64_t in = raw_guest(RAW_IN), out = raw_guest(RAW_OUT);
	const uint16_t next = VRING_DESC_F_NEXT, wr = VRING_DESC_F_WRITE;
	char message[64];
	const size_t len = raw_session_message(message);
	const struct virtio_accel_req req = good_req(len);
	const uint32_t total = raw_build(&front, &req, NULL, NULL, message, len);

	(void)state;
	/* Good: as one would, and with a descriptor for each byte */
	set_desc(0, in, total, next, 1);
	set_desc(1, out, 4096, wr, 0);
	expect_chain(VIRTIO_ACCEL_S_OK);
	assert_true(total > 60);
	for (uint16_t i = 0; i < 60; i++)
		set_desc(i, in + i, 1, next, i + 1);
	set_desc(60, in + 60, total - 60, next, 61);
	set_desc(61, out, sizeof(struct virtio_accel_resp), wr | next, 62);
	set_desc(62, out + sizeof(struct virtio_accel_resp), 4096, wr, 0);
	expect_chain(VIRTIO_ACCEL_S_OK);

	/* Loops */
	set_desc(0, in, total, next, 0);
	expect_chain(VIRTIO_ACCEL_S_INVAL);
	set_desc(0, in, total, next, 1);
	set_desc(1, out, 4096, wr | next, 1);
	expect_chain(VIRTIO_ACCEL_S_INVAL);
	set_desc(1, out, 4096, wr | next, 0);
	expect_chain(VIRTIO_ACCEL_S_INVAL);
	/* A next index outside of the ring */
	set_desc(1, out, 4096, wr | next, RAW_SIZE);
	expect_chain(VIRTIO_ACCEL_S_INVAL);
	set_desc(1, out, 4096, wr | next, UINT16_MAX);
	expect_chain(VIRTIO_ACCEL_S_INVAL);
	/* The same, where there happens to be a good descriptor */
	set_desc(RAW_SIZE + 1000, out, 4096, wr, 0);
	set_desc(0, in, total, next, RAW_SIZE + 1000);
	expect_chain(VIRTIO_ACCEL_S_INVAL);
	/* Outside of memory */
	set_desc(1, out, 4096, wr, 0);
	set_desc(0, in - RAW_MEMORY, total, next, 1);
	expect_chain(VIRTIO_ACCEL_S_INVAL);
	set_desc(0, NATIVE_MEM_GUEST_BASE + RAW_MEMORY - 1, total, next, 1);
	expect_chain(VIRTIO_ACCEL_S_INVAL);
	set_desc(0, UINT64_MAX - 4, total, next, 1);
	expect_chain(VIRTIO_ACCEL_S_INVAL);
	set_desc(0, in, total, next, 1);
	set_desc(1, NATIVE_MEM_GUEST_BASE + RAW_MEMORY - 8, 4096, wr, 0);
	expect_chain(VIRTIO_ACCEL_S_INVAL);
	/* Longer than the memory, as the header says something else */
	set_desc(1, out, 4096, wr, 0);
	set_desc(0, in, UINT32_MAX, next, 1);
	expect_chain(VIRTIO_ACCEL_S_INVAL);
	/* Empty */
	set_desc(0, in, 0, next, 1);
	expect_chain(VIRTIO_ACCEL_S_INVAL);
	/* Readable behind writable */
	set_desc(0, in, total, next, 1);
	set_desc(1, out, 4096, wr | next, 2);
	set_desc(2, in, 8, 0, 0);
	expect_chain(VIRTIO_ACCEL_S_INVAL);
	/* Only writable */
	set_desc(0, out, 4096, wr, 0);
	expect_chain(VIRTIO_ACCEL_S_INVAL);
	raw_start_queue(&front, 1);
	front.use = 1;
	raw_expect_alive(&front);
	front.use = 0;
}

static void test_indirect(void **state)
{
	const uint64_t in = raw_guest(RAW_IN), out = raw_guest(RAW_OUT), at = raw_guest(RAW_DATA);
	const uint16_t next = VRING_DESC_F_NEXT, wr = VRING_DESC_F_WRITE,
		       ind = VRING_DESC_F_INDIRECT;
	struct vring_desc *table = raw_at(&front, RAW_DATA);
	char message[64];
	const size_t len = raw_session_message(message);
	const struct virtio_accel_req req = good_req(len);
	const uint32_t total = raw_build(&front, &req, NULL, NULL, message, len);

	(void)state;
	if (!(front.features & 1ull << VIRTIO_RING_F_INDIRECT_DESC)) {
		print_message("indirect descriptors are not offered\n");
		return;
	}
	table[0] = (struct vring_desc){ htole64(in), htole32(total), htole16(next), htole16(1) };
	table[1] = (struct vring_desc){ htole64(out), htole32(4096), htole16(wr), 0 };
	set_desc(0, at, 2 * sizeof(*table), ind, 0);
	expect_chain(VIRTIO_ACCEL_S_OK);
	/* Lengths that are no table's */
	set_desc(0, at, 0, ind, 0);
	expect_chain(VIRTIO_ACCEL_S_INVAL);
	set_desc(0, at, sizeof(*table) + 1, ind, 0);
	expect_chain(VIRTIO_ACCEL_S_INVAL);
	set_desc(0, at, UINT32_MAX & ~15u, ind, 0);
	expect_chain(VIRTIO_ACCEL_S_INVAL);
	/* One that ends before its last index */
	set_desc(0, at, sizeof(*table), ind, 0);
	expect_chain(VIRTIO_ACCEL_S_INVAL);
	/* Outside of memory */
	set_desc(0, NATIVE_MEM_GUEST_BASE + RAW_MEMORY - 16, 2 * sizeof(*table), ind, 0);
	expect_chain(VIRTIO_ACCEL_S_INVAL);
	/* A table in a table, a loop, a table with something behind it */
	set_desc(0, at, 2 * sizeof(*table), ind, 0);
	table[1].flags = htole16(ind);
	expect_chain(VIRTIO_ACCEL_S_INVAL);
	table[1].flags = htole16(ind | wr);
	expect_chain(VIRTIO_ACCEL_S_INVAL);
	table[1].flags = htole16(next);
	expect_chain(VIRTIO_ACCEL_S_INVAL);
	table[1].flags = htole16(wr);
	table[0].next = UINT16_MAX;
	expect_chain(VIRTIO_ACCEL_S_INVAL);
	table[0].next = htole16(1);
	set_desc(0, at, 2 * sizeof(*table), ind | next, 1);
	expect_chain(VIRTIO_ACCEL_S_INVAL);
	set_desc(0, at, 2 * sizeof(*table), ind, 0);
	expect_chain(VIRTIO_ACCEL_S_OK);
}

/* A chain of as many descriptors as any device takes: 1023 that are read, one that is written */
static void test_long_chain(void **state)
{
	enum { DESCS = 1024, SEGMENTS = 24 };
	struct vring_desc *table = raw_at(&front, RAW_DATA);
	struct virtio_accel_segment s[SEGMENTS] = { 0 };
	struct virtio_accel_run run[SEGMENTS];
	char message[64];
	const size_t len = raw_session_message(message);
	struct virtio_accel_req req = good_req(len);
	uint32_t total;

	(void)state;
	for (size_t i = 0; i < SEGMENTS; i++) {
		run[i] = (struct virtio_accel_run){ htole64(raw_guest(RAW_DATA)), htole64(1) };
		s[i].len = htole64(1);
		s[i].flags = htole32(READ);
		s[i].nr_runs = htole32(1);
	}
	req.nr_segments = req.nr_runs = htole32(SEGMENTS);
	total = raw_build(&front, &req, s, run, message, len);
	assert_true(total > DESCS);
	for (uint16_t i = 0; i + 2 < DESCS; i++)
		table[i] = (struct vring_desc){ htole64(raw_guest(RAW_IN) + i), htole32(1),
						htole16(VRING_DESC_F_NEXT), htole16(i + 1) };
	table[DESCS - 2] = (struct vring_desc){ htole64(raw_guest(RAW_IN) + DESCS - 2),
						htole32(total - (DESCS - 2)),
						htole16(VRING_DESC_F_NEXT), htole16(DESCS - 1) };
	table[DESCS - 1] = (struct vring_desc){ htole64(raw_guest(RAW_OUT)), htole32(4096),
						htole16(VRING_DESC_F_WRITE), 0 };
	set_desc(0, raw_guest(RAW_DATA), DESCS * sizeof(*table), VRING_DESC_F_INDIRECT, 0);
	expect_chain(VIRTIO_ACCEL_S_OK);
}

/* As many runs as any device takes, each of one byte */
static void test_many_runs(void **state)
{
	enum { RUNS = 1048576 };
	struct virtio_accel_run *run = raw_at(&front, RAW_DATA);
	char message[64];
	const size_t len = raw_session_message(message);
	const struct virtio_accel_segment s = {
		.len = htole64(RUNS), .flags = htole32(READ), .nr_runs = htole32(RUNS),
	};
	struct virtio_accel_req req = good_req(len);
	char *p = raw_at(&front, RAW_IN);

	(void)state;
	req.nr_segments = htole32(1);
	req.nr_runs = htole32(RUNS);
	memcpy(p, &req, sizeof(req));
	memcpy(p + sizeof(req), &s, sizeof(s));
	memcpy(p + 4096, message, len);
	for (uint32_t i = 0; i < RUNS; i++)
		run[i] = (struct virtio_accel_run){
			htole64(raw_guest(RAW_DATA + RUNS * sizeof(*run)) + 2 * i), htole64(1)
		};
	set_desc(0, raw_guest(RAW_IN), sizeof(req) + sizeof(s), VRING_DESC_F_NEXT, 1);
	set_desc(1, raw_guest(RAW_DATA), RUNS * sizeof(*run), VRING_DESC_F_NEXT, 2);
	set_desc(2, raw_guest(RAW_IN + 4096), (uint32_t)len, VRING_DESC_F_NEXT, 3);
	set_desc(3, raw_guest(RAW_OUT), 4096, VRING_DESC_F_WRITE, 0);
	expect_chain(VIRTIO_ACCEL_S_OK);
	/* The last one is outside of memory. */
	run[RUNS - 1].addr = 0;
	expect_chain(VIRTIO_ACCEL_S_INVAL);
}

/* ---- Rings --------------------------------------------------------------------------------- */

/*
 * The ring may be lost; the other one must not be, and this one is good again when set up anew.
 * @untouched: the device must have used nothing of it.
 */
static void expect_recovery(bool untouched)
{
	uint32_t base;

	raw_kick(&front, 0);
	front.use = 1;
	raw_expect_alive(&front);
	front.use = 0;
	assert_int_equal(vu_get_vring_base(&front.conn, 0, &base), 0);
	if (untouched)
		assert_int_equal(front.queues[0].vr.used->idx, 0);
	raw_start_queue(&front, 0);
	raw_expect_alive(&front);
	assert_int_equal(vu_get_vring_base(&front.conn, 0, &base), 0);
	raw_start_queue(&front, 0);
}

static void test_rings(void **state)
{
	static const uint16_t steps[] = { RAW_SIZE + 1, 1000, 0x8000, 0xfff0 };
	struct vring_driver *vr = &front.queues[0].vr;

	(void)state;
	/* An index that jumps */
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		vr->avail->idx = htole16(steps[i]);
		expect_recovery(true);
	}
	/* Chains that begin outside of the ring */
	vring_driver_publish(vr, RAW_SIZE, NULL, 0);
	expect_recovery(true);
	vring_driver_publish(vr, UINT16_MAX, NULL, 0);
	expect_recovery(true);
	/* As many as the index allows, all of them zeros */
	memset(vr->desc, 0, RAW_SIZE * sizeof(*vr->desc));
	vr->avail->idx = htole16(RAW_SIZE);
	expect_recovery(false);
	/* What only the device may write */
	memset(vr->used, 0xff, 4 + RAW_SIZE * sizeof(struct vring_used_elem));
	expect_recovery(false);
}

/* Bytes at random in otherwise good requests, always the same ones */
static void test_random(void **state)
{
	const uint64_t data = raw_guest(RAW_DATA);
	unsigned int seed = 20261122;
	char message[64];
	const size_t len = raw_session_message(message);
	const struct virtio_accel_segment s = {
		.len = htole64(64), .flags = htole32(READ | WRITE), .nr_runs = htole32(1),
	};
	const struct virtio_accel_run run = { htole64(data), htole64(64) };

	(void)state;
	for (int i = 0; i < 20000; i++) {
		struct virtio_accel_req req = good_req(len);
		unsigned char *p = raw_at(&front, RAW_IN);
		uint32_t total;

		req.nr_segments = req.nr_runs = htole32(1);
		total = raw_build(&front, &req, &s, &run, message, len);
		for (int k = rand_r(&seed) % 4; k >= 0; k--)
			p[(unsigned int)rand_r(&seed) % total] =
				(unsigned char)(rand_r(&seed) >> 8);
		/* One context, so that it can be closed before the sessions are too many. */
		memcpy(p + offsetof(struct virtio_accel_req, context), &req.context, 8);
		assert_true(raw_send(&front, total, 4096) >=
			    (int64_t)sizeof(struct virtio_accel_resp));
		if (i % 25 == 0)
			raw_expect_alive(&front);
	}
	raw_close(&front);
	raw_open(&front, host.socket, RAW_FEATURES);
	raw_expect_alive(&front);
	assert_int_equal(daemon_stat(&host, "sessions"), 0);
}

static atomic_bool stop_changing;

static void *change_request(void *arg)
{
	unsigned int seed = 1, total = *(unsigned int *)arg;
	volatile unsigned char *p = raw_at(&front, RAW_DATA);
	volatile unsigned char *d = (volatile unsigned char *)front.queues[0].vr.desc;

	while (!stop_changing) {
		unsigned int at = (unsigned int)rand_r(&seed) % total;
		unsigned char old = p[at];

		/* Mostly there and back again, so that much of it is right at any time. */
		p[at] = (unsigned char)rand_r(&seed);
		p[at] = old;
		/* Only the descriptor that is read: the answer must not go to the rings. */
		at = (unsigned int)rand_r(&seed) % sizeof(struct vring_desc);
		old = d[at];
		d[at] = (unsigned char)rand_r(&seed);
		d[at] = old;
	}
	return NULL;
}

/* The guest changes requests and descriptors while the device looks at them. */
static void test_changing(void **state)
{
	const struct virtio_accel_segment s = {
		.len = htole64(64), .flags = htole32(READ | WRITE), .nr_runs = htole32(1),
	};
	const struct virtio_accel_run run = { htole64(raw_guest(RAW_DATA + 4096)), htole64(64) };
	char message[64];
	const size_t len = raw_session_message(message);
	struct virtio_accel_req req = good_req(len);
	unsigned int total;
	pthread_t thread;

	(void)state;
	req.nr_segments = req.nr_runs = htole32(1);
	total = raw_build(&front, &req, &s, &run, message, len);
	memcpy(raw_at(&front, RAW_DATA), raw_at(&front, RAW_IN), total);
	set_desc(0, raw_guest(RAW_DATA), total, VRING_DESC_F_NEXT, 1);
	set_desc(1, raw_guest(RAW_OUT), 4096, VRING_DESC_F_WRITE, 0);
	stop_changing = false;
	assert_int_equal(pthread_create(&thread, NULL, change_request, &total), 0);
	for (int i = 0; i < 2000; i++) {
		vring_driver_publish(&front.queues[0].vr, 0, &front, 1 << 20);
		raw_kick(&front, 0);
		if (raw_wait(&front, 0, ANSWER_MS, NULL) < 0)
			test_die("no answer to a request that changes");
		if (i % 25)
			continue;
		front.use = 1;
		raw_expect_alive(&front);
		front.use = 0;
	}
	stop_changing = true;
	pthread_join(thread, NULL);
}

int main(void)
{
	pid_t worker;
	const struct CMUnitTest tests[] = {
#define TEST(name) { #name, name, setup, teardown, &worker }
		TEST(test_good),
		TEST(test_header),
		TEST(test_message),
		TEST(test_buffers),
		TEST(test_contexts),
		TEST(test_no_room),
		TEST(test_segments),
		TEST(test_runs),
		TEST(test_many_segments),
		TEST(test_chains),
		TEST(test_indirect),
		TEST(test_long_chain),
		TEST(test_many_runs),
		TEST(test_rings),
		TEST(test_random),
		TEST(test_changing),
	};
	int failed;

	test_main_begin(300);
	start_daemon(&host, NOOP_PLUGIN, NULL);
	worker = daemon_worker(&host);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	if (failed)
		print_message("The host process said:\n%s", daemon_log(&host));
	if (stop_daemon(&host))
		test_die("vhost-user-accel does not end with status 0");
	return failed;
}
