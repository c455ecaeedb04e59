// SPDX-License-Identifier: Apache-2.0
/*
 * vhost-user messages, good and malformed, against vhost-user-accel: what it offers, that every
 * offset of configuration space answers, and that no front end can take it down.
 */
#define _GNU_SOURCE
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include "raw_front.h"
#include "support.h"

#define TIMEOUT_MS	15000

static struct daemon host;

static unsigned int count_fds(pid_t pid)
{
	char path[64];
	unsigned int n = 0;

	for (int fd = 0; fd < 1024; fd++) {
		snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, fd);
		n += faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
	}
	return n;
}

/* A new front end finds all as it should be. */
static void expect_service(void)
{
	struct raw_front r;

	assert_true(daemon_alive(&host));
	raw_open(&r, host.socket, RAW_FEATURES);
	raw_expect_alive(&r);
	raw_close(&r);
}

static void test_offers(void **state)
{
	const uint64_t must = 1ull << VIRTIO_F_VERSION_1 | 1ull << VU_F_PROTOCOL_FEATURES |
			      1ull << VIRTIO_RING_F_EVENT_IDX |
			      1ull << VIRTIO_ACCEL_F_MEMORY;
	const uint64_t may = must | 1ull << VIRTIO_RING_F_INDIRECT_DESC;
	const uint64_t pmust = 1ull << VU_P_MQ | 1ull << VU_P_REPLY_ACK | 1ull << VU_P_CONFIG;
	uint64_t features, protocol, queues;
	struct vu_conn c;

	(void)state;
	assert_int_equal(vu_connect(&c, host.socket, TIMEOUT_MS), 0);
	assert_int_equal(vu_get_u64(&c, VU_GET_FEATURES, &features), 0);
	assert_int_equal(features & must, must);
	/* QEMU hands all that is offered to the guest: nothing may be that is not implemented. */
	assert_int_equal(features & ~may, 0);
	assert_int_equal(vu_get_u64(&c, VU_GET_PROTOCOL_FEATURES, &protocol), 0);
	assert_int_equal(protocol & pmust, pmust);
	assert_int_equal(vu_set_u64(&c, VU_SET_PROTOCOL_FEATURES, protocol & pmust, -1), 0);
	assert_int_equal(vu_get_u64(&c, VU_GET_QUEUE_NUM, &queues), 0);
	assert_in_range(queues, 1, VIRTIO_ACCEL_MAX_QUEUES);
	vu_close(&c);
	expect_service();
}

static void test_config(void **state)
{
	struct virtio_accel_config config;
	uint8_t whole[VU_MAX_CONFIG], part[VU_MAX_CONFIG];
	struct raw_front r;

	(void)state;
	raw_connect(&r, host.socket, RAW_FEATURES);
	assert_int_equal(vu_get_config(&r.conn, 0, whole, sizeof(whole)), 0);
	memcpy(&config, whole, sizeof(config));
	assert_int_equal(le32toh(config.magic), VIRTIO_ACCEL_MAGIC);
	assert_memory_equal(whole, "ACCL", 4);
	assert_int_equal(le32toh(config.version), VIRTIO_ACCEL_VERSION);
	assert_in_range(le32toh(config.num_queues), 1, VIRTIO_ACCEL_MAX_QUEUES);
	assert_int_not_equal(config.max_segments, 0);
	assert_int_not_equal(config.max_message, 0);
	assert_int_not_equal(config.max_reply, 0);
	for (size_t i = offsetof(struct virtio_accel_config, reserved); i < sizeof(whole); i++)
		assert_int_equal(whole[i], 0);
	/* Each part of it */
	for (uint32_t offset = 0; offset < VU_MAX_CONFIG; offset++) {
		for (uint32_t len = 1; offset + len <= VU_MAX_CONFIG; len += len < 8 ? 1 : 31) {
			assert_int_equal(vu_get_config(&r.conn, offset, part, len), 0);
			assert_memory_equal(part, whole + offset, len);
		}
	}
	raw_close(&r);
}

/* What is beyond configuration space gets an answer, too: QEMU would wait for ever. */
static void test_config_beyond(void **state)
{
	static const uint32_t where[][2] = {
		{ 256, 1 }, { 255, 2 }, { 0, 257 }, { 1, 256 }, { 256, 0 }, { UINT32_MAX, 1 },
		{ UINT32_MAX, UINT32_MAX }, { 0, UINT32_MAX }, { UINT32_MAX - 3, 4 },
	};
	struct raw_front r;

	(void)state;
	for (size_t i = 0; i < sizeof(where) / sizeof(where[0]); i++) {
		struct vu_msg m = {
			.request = VU_GET_CONFIG,
			.flags = VU_VERSION,
			.config = { .offset = where[i][0], .size = where[i][1] },
		};
		int err;

		m.size = offsetof(struct vu_config, data) +
			 (where[i][1] < 256 ? where[i][1] : 256);
		raw_connect(&r, host.socket, RAW_FEATURES);
		assert_int_equal(vu_send(&r.conn, &m, NULL, 0), 0);
		err = vu_recv(&r.conn, VU_GET_CONFIG, &m);
		/* Or the connection is closed, if the message contradicts itself. */
		assert_true(err == 0 || err == ENODEV);
		raw_close(&r);
	}
	expect_service();
}

static void test_set_config(void **state)
{
	uint8_t before[64], after[64];
	struct raw_front r;
	struct vu_msg m = {
		.request = VU_SET_CONFIG,
		.size = offsetof(struct vu_config, data) + 4,
		.config = { .size = 4, .data = { 1, 2, 3, 4 } },
	};

	(void)state;
	raw_connect(&r, host.socket, RAW_FEATURES);
	assert_int_equal(vu_get_config(&r.conn, 0, before, sizeof(before)), 0);
	(void)vu_set(&r.conn, &m, NULL, 0);
	assert_int_equal(vu_get_config(&r.conn, 0, after, sizeof(after)), 0);
	assert_memory_equal(before, after, sizeof(before));
	raw_close(&r);
}

/* One malformed message; it may be refused or end the connection, but not the daemon. */
static void send_bad(const struct vu_msg *m, const int *fds, size_t nr_fds, bool shared)
{
	struct raw_front r;
	struct vu_msg answer;

	raw_connect(&r, host.socket, RAW_FEATURES);
	if (shared)
		raw_share(&r);
	assert_int_equal(vu_send(&r.conn, m, fds, nr_fds), 0);
	/* Only to see that the message was read: an answer may or may not come. */
	r.conn.timeout_ms = m->flags & VU_NEED_REPLY ? TIMEOUT_MS : 100;
	if (vu_recv(&r.conn, m->request, &answer) == 0 && m->flags & VU_NEED_REPLY &&
	    answer.size == sizeof(answer.u64))
		assert_int_not_equal(answer.u64, 0);
	raw_close(&r);
	assert_true(daemon_alive(&host));
}

#define BAD(...) (struct vu_msg){ .flags = VU_VERSION | VU_NEED_REPLY, __VA_ARGS__ }

static void test_bad_indices(void **state)
{
	static const uint32_t indices[] = { VIRTIO_ACCEL_MAX_QUEUES, 255, 256, UINT32_MAX };
	int fd = eventfd(0, EFD_CLOEXEC);

	(void)state;
	for (size_t i = 0; i < sizeof(indices) / sizeof(indices[0]); i++) {
		uint32_t index = indices[i];

		send_bad(&BAD(.request = VU_SET_VRING_NUM, .size = 8, .state = { index, 64 }), NULL,
			 0, true);
		send_bad(&BAD(.request = VU_SET_VRING_BASE, .size = 8, .state = { index, 0 }), NULL,
			 0, true);
		send_bad(&BAD(.request = VU_SET_VRING_ENABLE, .size = 8, .state = { index, 1 }),
			 NULL, 0, true);
		send_bad(&BAD(.request = VU_SET_VRING_ADDR, .size = sizeof(struct vu_vring_addr),
			      .addr = { .index = index }), NULL, 0, true);
		send_bad(&(struct vu_msg){ .request = VU_GET_VRING_BASE, .flags = VU_VERSION,
					   .size = 8, .state = { index, 0 } }, NULL, 0, true);
		/* Of these only the low 8 bits are the index. */
		if ((index & VU_INDEX_MASK) == 0)
			continue;
		send_bad(&BAD(.request = VU_SET_VRING_KICK, .size = 8,
			      .u64 = index & VU_INDEX_MASK), &fd, 1, true);
		send_bad(&BAD(.request = VU_SET_VRING_CALL, .size = 8,
			      .u64 = index & VU_INDEX_MASK), &fd, 1, true);
		send_bad(&BAD(.request = VU_SET_VRING_ERR, .size = 8,
			      .u64 = index & VU_INDEX_MASK), &fd, 1, true);
	}
	close(fd);
	expect_service();
}

static void test_bad_queues(void **state)
{
	static const uint32_t sizes[] = { 0, 3, 65, 2048, 32768, 65536, UINT32_MAX };
	static const uint64_t places[][3] = {
		{ 0, 0, 0 }, { UINT64_MAX, UINT64_MAX, UINT64_MAX }, { 1, 2, 3 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		send_bad(&BAD(.request = VU_SET_VRING_NUM, .size = 8, .state = { 0, sizes[i] }),
			 NULL, 0, true);
	send_bad(&BAD(.request = VU_SET_VRING_BASE, .size = 8, .state = { 0, 65536 }), NULL, 0,
		 true);

	/* Rings that are nowhere: refused when they are given, or when the queue starts */
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		struct raw_front r;
		struct vu_msg m = { .request = VU_SET_VRING_ADDR, .size = sizeof(m.addr) };
		int kick = eventfd(0, EFD_CLOEXEC), err;

		raw_connect(&r, host.socket, RAW_FEATURES);
		raw_share(&r);
		m.addr.desc = places[i][0];
		m.addr.avail = places[i][1];
		m.addr.used = places[i][2];
		(void)((err = vu_set_state(&r.conn, VU_SET_VRING_NUM, 0, 64)) ||
		       (err = vu_set(&r.conn, &m, NULL, 0)) ||
		       (err = vu_set_u64(&r.conn, VU_SET_VRING_KICK, 0, kick)) ||
		       (err = vu_set_state(&r.conn, VU_SET_VRING_ENABLE, 0, 1)));
		assert_true(err == EPROTO || err == ENODEV);
		close(kick);
		raw_close(&r);
	}
	expect_service();
}

static void test_bad_memory(void **state)
{
	static const struct {
		struct vu_region region;
		size_t fds;
	} bad[] = {
		{ { 0, 0, 0, 0 }, 1 },				/* empty */
		{ { UINT64_MAX - 4095, 8192, 0, 0 }, 1 },	/* wraps */
		{ { 0, 8192, UINT64_MAX - 4095, 0 }, 1 },
		{ { 0, 8192, 0, UINT64_MAX - 4095 }, 1 },
		{ { 0, 1ull << 40, 0, 0 }, 1 },			/* more than there is in the file */
		{ { 0, 4096, 0, 1 << 20 }, 1 },
		{ { 0, 4096, 0, 0 }, 0 },			/* no file */
	};
	int fd = memfd_create("test", MFD_CLOEXEC);
	int fds[VU_MAX_FDS];
	struct vu_msg m;

	(void)state;
	assert_int_equal(ftruncate(fd, 1 << 20), 0);
	for (size_t i = 0; i < VU_MAX_FDS; i++)
		fds[i] = fd;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		m = BAD(.request = VU_SET_MEM_TABLE, .size = 8 + sizeof(struct vu_region),
			.memory = { .nr_regions = 1, .regions[0] = bad[i].region });
		send_bad(&m, fds, bad[i].fds, false);
	}
	/* Counts that are not those of the regions or of the files */
	for (uint32_t n = 0; n < 3; n++) {
		static const uint32_t counts[] = { 2, 9, UINT32_MAX };

		m = BAD(.request = VU_SET_MEM_TABLE, .size = 8 + sizeof(struct vu_region),
			.memory = { .nr_regions = counts[n], .regions[0] = { 0, 4096, 0, 0 } });
		send_bad(&m, fds, 1, false);
	}
	m = BAD(.request = VU_SET_MEM_TABLE, .size = 8 + sizeof(struct vu_region),
		.memory = { .nr_regions = 1, .regions[0] = { 0, 4096, 0, 0 } });
	send_bad(&m, fds, 8, false);
	/* Regions that overlap */
	m = BAD(.request = VU_SET_MEM_TABLE, .size = 8 + 2 * sizeof(struct vu_region),
		.memory = { .nr_regions = 2,
			    .regions = { { 0, 8192, 0, 0 }, { 4096, 8192, 8192, 0 } } });
	send_bad(&m, fds, 2, false);
	close(fd);
	expect_service();
}

/* Sizes that are not those of the message; requests that do not exist; wrong versions */
static void test_bad_messages(void **state)
{
	int fds[VU_MAX_FDS];

	(void)state;
	for (size_t i = 0; i < VU_MAX_FDS; i++)
		fds[i] = eventfd(0, EFD_CLOEXEC);
	for (uint32_t request = 1; request < 48; request++) {
		struct vu_msg m = BAD(.request = request);

		m.size = 3;
		send_bad(&m, NULL, 0, false);
		m.size = sizeof(m.bytes);
		send_bad(&m, fds, VU_MAX_FDS, false);
	}
	send_bad(&BAD(.request = 0), NULL, 0, false);
	send_bad(&BAD(.request = 1000), NULL, 0, false);
	send_bad(&BAD(.request = UINT32_MAX), NULL, 0, false);
	send_bad(&(struct vu_msg){ .request = VU_SET_OWNER, .flags = 0 }, NULL, 0, false);
	send_bad(&(struct vu_msg){ .request = VU_SET_OWNER, .flags = 3 }, NULL, 0, false);
	for (size_t i = 0; i < VU_MAX_FDS; i++)
		close(fds[i]);
	expect_service();
}

/* Headers that announce more than any message has, and connections that end in the middle of one */
static void test_cut_messages(void **state)
{
	static const uint32_t sizes[] = { 4096, 65536, 1u << 31, UINT32_MAX };
	struct vu_msg m = { .request = VU_SET_FEATURES, .flags = VU_VERSION, .size = 8 };
	struct vu_conn c;

	(void)state;
	for (size_t len = 0; len < VU_HEADER_SIZE + 8; len++) {
		assert_int_equal(vu_connect(&c, host.socket, TIMEOUT_MS), 0);
		if (len)
			assert_int_equal(send(c.fd, &m, len, MSG_NOSIGNAL), len);
		vu_close(&c);
	}
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		assert_int_equal(vu_connect(&c, host.socket, TIMEOUT_MS), 0);
		m.size = sizes[i];
		send(c.fd, &m, sizeof(m), MSG_NOSIGNAL);
		vu_close(&c);
	}
	expect_service();
}

struct fds {
	unsigned int supervisor, worker;
};

static bool has_no_more_fds(void *arg)
{
	const struct fds *before = arg;

	return count_fds(host.pid) <= before->supervisor + 8 &&
	       count_fds(daemon_worker(&host)) <= before->worker + 8;
}

/* A whole set-up many times over one connection and over many leaves nothing behind. */
static void test_repeated(void **state)
{
	struct fds before;
	struct raw_front r;

	(void)state;
	expect_service();
	before.supervisor = count_fds(host.pid);
	before.worker = count_fds(daemon_worker(&host));
	for (int i = 0; i < 20; i++)
		expect_service();
	raw_open(&r, host.socket, RAW_FEATURES);
	for (int i = 0; i < 20; i++) {
		uint32_t base;

		raw_start_queue(&r, 1);
		assert_int_equal(vu_get_vring_base(&r.conn, 0, &base), 0);
		raw_start_queue(&r, 0);
		raw_expect_alive(&r);
	}
	raw_close(&r);
	expect_service();
	/* The last front end's end may be noticed a little later. */
	assert_true(test_wait(has_no_more_fds, &before, TIMEOUT_MS));
	assert_int_equal(daemon_stat(&host, "sessions"), 0);
}

/* More front ends than places are told so by an answer that others take for a wrong one, soon. */
static void test_second(void **state)
{
	struct raw_front first;
	struct vu_conn second;
	uint64_t features;

	(void)state;
	raw_open(&first, host.socket, RAW_FEATURES);
	assert_int_equal(vu_connect(&second, host.socket, TIMEOUT_MS), 0);
	assert_int_equal(vu_get_u64(&second, VU_GET_FEATURES, &features), EUSERS);
	vu_close(&second);
	raw_expect_alive(&first);
	raw_close(&first);
	expect_service();
}

/* The worker goes on over all of this, but for a front end that leaves with work undone. */
int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_offers),
		cmocka_unit_test(test_config),
		cmocka_unit_test(test_config_beyond),
		cmocka_unit_test(test_set_config),
		cmocka_unit_test(test_bad_indices),
		cmocka_unit_test(test_bad_queues),
		cmocka_unit_test(test_bad_memory),
		cmocka_unit_test(test_bad_messages),
		cmocka_unit_test(test_cut_messages),
		cmocka_unit_test(test_repeated),
		cmocka_unit_test(test_second),
	};
	int failed;

	test_main_begin(300);
	start_daemon(&host, NOOP_PLUGIN, NULL);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	if (failed)
		print_message("The host process said:\n%s", daemon_log(&host));
	if (stop_daemon(&host))
		test_die("vhost-user-accel does not end with status 0");
	return failed;
}
