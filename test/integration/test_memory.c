// SPDX-License-Identifier: Apache-2.0
/*
 * Registered memory as a guest without manners would use it: bad registrations, names of others, names
 * that do not exist any more, and the device's memory taken away below.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "raw_front.h"
#include "support.h"
#include "vaccel.h"

#define PAGE	4096u
#define SEED	20261122u

static struct daemon host;
static struct raw_front front;
static uint32_t seed = SEED;

static int setup(void **state)
{
	(void)state;
	raw_open(&front, host.socket, RAW_FEATURES | 1ull << VIRTIO_ACCEL_F_MEMORY);
	return 0;
}

static bool nothing_registered(void *arg)
{
	(void)arg;
	return !daemon_stat(&host, "memories") && !daemon_stat(&host, "memory_bytes");
}

static int teardown(void **state)
{
	(void)state;
	raw_expect_alive(&front);
	raw_close(&front);
	assert_true(test_wait(nothing_registered, NULL, 5000));
	return 0;
}

static uint32_t rnd(uint32_t n)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % n;
}

/* Return: the status. */
static uint32_t send_request(uint32_t type, uint64_t context,
			     const struct virtio_accel_segment *segments, uint32_t nr_segments,
			     const struct virtio_accel_run *runs, uint32_t nr_runs,
			     const void *message, size_t message_len)
{
	const struct virtio_accel_req req = {
		.type = type,
		.context = context,
		.nr_segments = nr_segments,
		.nr_runs = nr_runs,
		.message_len = (uint32_t)message_len,
	};
	uint32_t len = raw_build(&front, &req, segments, runs, message, message_len);

	if (raw_send(&front, len, 4096) < (int64_t)sizeof(struct virtio_accel_resp))
		test_die("no answer");
	return raw_resp(&front).status;
}

/* @nr pages, every second one from the page @first of RAW_DATA on */
static uint32_t add(uint64_t context, uint32_t id, uint32_t first, uint32_t nr)
{
	const struct virtio_accel_segment s = {
		.len = (uint64_t)nr * PAGE, .flags = 3, .nr_runs = nr, .memory = id};
	static struct virtio_accel_run runs[4096];

	for (uint32_t i = 0; i < nr; i++)
		runs[i] = (struct virtio_accel_run){raw_guest(RAW_DATA + (first + 2 * i) * PAGE), PAGE};
	return send_request(VIRTIO_ACCEL_T_MEMORY_REGISTER, context, &s, 1, runs, nr, NULL, 0);
}

static uint32_t drop(uint64_t context, uint32_t id)
{
	const struct virtio_accel_segment s = {.memory = id};

	return send_request(VIRTIO_ACCEL_T_MEMORY_UNREGISTER, context, &s, 1, NULL, 0, NULL, 0);
}

/* A session of a context, for calls. */
static uint64_t session(uint64_t context)
{
	uint8_t message[64];
	size_t len = raw_session_message(message);
	uint64_t id;

	assert_int_equal(send_request(VIRTIO_ACCEL_T_CALL, context, NULL, 0, NULL, 0, message, len),
			 0);
	/* The reply: one inline buffer of 8 bytes */
	memcpy(&id, (uint8_t *)raw_at(&front, RAW_OUT) + sizeof(struct virtio_accel_resp) +
	       sizeof(struct virtio_accel_buf), sizeof(id));
	return id;
}

/* MINMAX reads @len bytes at @offset of the memory. */
static uint32_t use(uint64_t context, uint64_t sess, uint32_t id, uint64_t offset, uint32_t len)
{
	const struct virtio_accel_segment s[] = {
		{.len = len, .flags = VIRTIO_ACCEL_SEG_READ | VIRTIO_ACCEL_SEG_MEMORY,
		 .memory = id, .offset = offset},
		{.len = len, .flags = VIRTIO_ACCEL_SEG_WRITE | VIRTIO_ACCEL_SEG_MEMORY,
		 .memory = id, .offset = offset},
	};
	struct {
		struct virtio_accel_msg msg;
		uint64_t ndata, low, high;
		struct virtio_accel_buf in, out, min, max;
	} m = {
		.msg = {.op = VACCEL_OP_MINMAX, .session = sess},
		.ndata = len / 8,
		.in = {.len = len, .ref = 0, .where = VIRTIO_ACCEL_BUF_SEGMENT},
		.out = {.len = len, .ref = 1, .where = VIRTIO_ACCEL_BUF_SEGMENT},
		.min = {.len = 8, .where = VIRTIO_ACCEL_BUF_INLINE},
		.max = {.len = 8, .where = VIRTIO_ACCEL_BUF_INLINE},
	};

	return send_request(VIRTIO_ACCEL_T_CALL, context, s, 2, NULL, 0, &m, sizeof(m));
}

static void registrations(void **state)
{
	struct virtio_accel_run run = {raw_guest(RAW_DATA), PAGE};
	struct virtio_accel_segment s;

	(void)state;
#define SPOILT(change, expected)                                                                 \
	s = (struct virtio_accel_segment){.len = PAGE, .flags = 3, .nr_runs = 1, .memory = 1};   \
	run = (struct virtio_accel_run){raw_guest(RAW_DATA), PAGE};                              \
	change;                                                                                  \
	assert_int_equal(send_request(VIRTIO_ACCEL_T_MEMORY_REGISTER, 1, &s, 1, &run, 1, NULL, 0), \
			 expected)

	SPOILT(s.memory = 0, VIRTIO_ACCEL_S_INVAL);
	SPOILT(s.flags = 0, VIRTIO_ACCEL_S_INVAL);
	SPOILT(s.flags = 7, VIRTIO_ACCEL_S_INVAL);
	SPOILT(s.flags = 3 | 1u << 31, VIRTIO_ACCEL_S_NOTSUP);
	SPOILT(s.nr_runs = 0, VIRTIO_ACCEL_S_INVAL);
	SPOILT(s.nr_runs = UINT32_MAX, VIRTIO_ACCEL_S_INVAL);
	SPOILT(s.len = 0, VIRTIO_ACCEL_S_INVAL);
	SPOILT(s.len = UINT64_MAX, VIRTIO_ACCEL_S_INVAL);
	SPOILT(s.offset = PAGE, VIRTIO_ACCEL_S_INVAL);
	SPOILT(s.reserved = 1, VIRTIO_ACCEL_S_INVAL);
	SPOILT(run.addr += 1, VIRTIO_ACCEL_S_INVAL);
	SPOILT(run.addr += 2048, VIRTIO_ACCEL_S_INVAL);
	SPOILT(run.len = s.len = 100, VIRTIO_ACCEL_S_INVAL);
	SPOILT(run.addr = 0, VIRTIO_ACCEL_S_INVAL);
	SPOILT(run.addr = raw_guest(RAW_MEMORY), VIRTIO_ACCEL_S_INVAL);
	SPOILT(run.addr = raw_guest(RAW_MEMORY - PAGE); run.len = s.len = 2 * PAGE,
	       VIRTIO_ACCEL_S_INVAL);
	SPOILT(run.addr = UINT64_MAX & ~(uint64_t)(PAGE - 1), VIRTIO_ACCEL_S_INVAL);
	SPOILT(run.len = s.len = UINT64_MAX & ~(uint64_t)(PAGE - 1), VIRTIO_ACCEL_S_INVAL);
	SPOILT((void)0, VIRTIO_ACCEL_S_OK);
	SPOILT((void)0, VIRTIO_ACCEL_S_EXIST);
#undef SPOILT
	assert_int_equal(send_request(VIRTIO_ACCEL_T_MEMORY_REGISTER, 1, NULL, 0, NULL, 0, NULL, 0),
			 VIRTIO_ACCEL_S_INVAL);
	assert_int_equal(send_request(VIRTIO_ACCEL_T_MEMORY_UNREGISTER, 1, NULL, 0, NULL, 0, NULL, 0),
			 VIRTIO_ACCEL_S_INVAL);
	assert_int_equal(drop(1, 0), VIRTIO_ACCEL_S_INVAL);
	assert_int_equal(drop(1, 2), VIRTIO_ACCEL_S_STALE);
	assert_int_equal(drop(1, 1), VIRTIO_ACCEL_S_OK);
	assert_int_equal(drop(1, 1), VIRTIO_ACCEL_S_STALE);

	/* The same pages as often as it likes, up to what the guest has */
	for (uint32_t id = 1; id <= 8; id++)
		assert_int_equal(add(1, id, 0, 2000), VIRTIO_ACCEL_S_OK);
	assert_int_equal(add(1, 9, 0, 2000), VIRTIO_ACCEL_S_NOMEM);
	assert_int_equal(daemon_stat(&host, "memories"), 8);
	assert_int_equal(daemon_stat(&host, "memory_bytes"), 16000 * PAGE);
	assert_int_equal(send_request(VIRTIO_ACCEL_T_CONTEXT_CLOSE, 1, NULL, 0, NULL, 0, NULL, 0),
			 0);
}

static void bounds(void **state)
{
	uint64_t s = session(1);

	(void)state;
	assert_int_equal(add(1, 1, 0, 4), 0);
	assert_int_equal(use(1, s, 1, 0, 4 * PAGE), 0);
	assert_int_equal(use(1, s, 1, 4096 - 8, 4104), 0);
	assert_int_equal(use(1, s, 1, 4 * PAGE, 8), VIRTIO_ACCEL_S_INVAL);
	assert_int_equal(use(1, s, 1, 8, 4 * PAGE), VIRTIO_ACCEL_S_INVAL);
	assert_int_equal(use(1, s, 1, UINT64_MAX - 7, 8), VIRTIO_ACCEL_S_INVAL);
	assert_int_equal(use(1, s, 1, 0, 0), VIRTIO_ACCEL_S_INVAL);
	assert_int_equal(use(1, s, 2, 0, 8), VIRTIO_ACCEL_S_STALE);
	assert_int_equal(use(1, s, 0, 0, 8), VIRTIO_ACCEL_S_INVAL);
	assert_int_equal(drop(1, 1), 0);
	assert_int_equal(use(1, s, 1, 0, 8), VIRTIO_ACCEL_S_STALE);
}

static void contexts(void **state)
{
	uint64_t one = session(1), two = session(2);

	(void)state;
	assert_int_equal(add(1, 1, 0, 4), 0);
	assert_int_equal(use(2, two, 1, 0, 8), VIRTIO_ACCEL_S_STALE);
	assert_int_equal(drop(2, 1), VIRTIO_ACCEL_S_STALE);
	assert_int_equal(add(2, 1, 100, 2), 0);
	assert_int_equal(use(2, two, 1, 2 * PAGE, 8), VIRTIO_ACCEL_S_INVAL);
	assert_int_equal(use(1, one, 1, 2 * PAGE, 8), 0);
	assert_int_equal(send_request(VIRTIO_ACCEL_T_CONTEXT_CLOSE, 1, NULL, 0, NULL, 0, NULL, 0),
			 0);
	assert_int_equal(use(1, one, 1, 0, 8), VIRTIO_ACCEL_S_STALE);
	assert_int_equal(use(2, two, 1, 0, 8), 0);
	assert_int_equal(daemon_stat(&host, "memories"), 1);
}

/* A reset, and guest memory that goes away and comes back, end all registrations. */
static void ends(void **state)
{
	uint64_t s;

	(void)state;
	assert_int_equal(add(1, 1, 0, 4), 0);
	raw_close(&front);
	assert_true(test_wait(nothing_registered, NULL, 5000));
	raw_open(&front, host.socket, RAW_FEATURES | 1ull << VIRTIO_ACCEL_F_MEMORY);
	s = session(1);
	assert_int_equal(use(1, s, 1, 0, 8), VIRTIO_ACCEL_S_STALE);
	assert_int_equal(add(1, 1, 0, 4), 0);
	assert_int_equal(use(1, s, 1, 0, 8), 0);
	assert_int_equal(daemon_stat(&host, "restarts"), 0);
}

/* Anything at all, again and again */
static void random_requests(void **state)
{
	uint64_t s[2] = {session(1), session(2)};

	(void)state;
	for (int i = 0; i < 20000; i++) {
		uint64_t context = 1 + rnd(2);
		uint32_t id = rnd(5), status;

		switch (rnd(8)) {
		case 0:
		case 1:
			status = add(context, id, rnd(1000), 1 + rnd(40));
			break;
		case 2:
			status = drop(context, id);
			break;
		case 3:
			status = rnd(20) ? 0 : send_request(VIRTIO_ACCEL_T_CONTEXT_CLOSE, 9, NULL, 0,
							    NULL, 0, NULL, 0);
			break;
		case 4: {
			struct virtio_accel_segment seg;
			struct virtio_accel_run run = {raw_guest(RAW_DATA + rnd(100) * 1024), PAGE};

			for (size_t b = 0; b < sizeof(seg); b++)
				((uint8_t *)&seg)[b] = rnd(3) ? 0 : (uint8_t)rnd(256);
			status = send_request(1 + rnd(5), context, &seg, 1, &run, 1, NULL, 0);
			break;
		}
		default:
			status = use(context, s[context - 1], id, rnd(40) * 512,
				     8 * (1 + rnd(2000)));
		}
		switch (status) {
		case VIRTIO_ACCEL_S_OK:
		case VIRTIO_ACCEL_S_EXIST:
		case VIRTIO_ACCEL_S_INVAL:
		case VIRTIO_ACCEL_S_NOTSUP:
		case VIRTIO_ACCEL_S_STALE:
			break;
		default:
			test_die("status %u, seed %u", status, SEED);
		}
	}
	assert_int_equal(daemon_stat(&host, "restarts"), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(registrations), TEST(bounds), TEST(contexts), TEST(ends),
		TEST(random_requests),
	};
	int failed;

	test_main_begin(240);
	start_daemon(&host, NOOP_PLUGIN, NULL);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	assert_int_equal(stop_daemon(&host), 0);
	return failed;
}
