// SPDX-License-Identifier: Apache-2.0
/*
 * The vhost-user messages, against front ends that do it right, wrong and maliciously. The device
 * behind them is a fake that notes what it is told.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "send_fds.h"
#include "util.h"
#include "vhost_user.h"

/* ---- The fake device ---- */

static struct {
	unsigned int calls;	/* of any function */
	char name[32];		/* of the last one */
	uint32_t index, value;
	uint64_t a, b, c;
	unsigned int nr_fds;
	int result;		/* what functions return */
} fake;

static int note(const char *name, uint32_t index, uint32_t value)
{
	fake.calls++;
	snprintf(fake.name, sizeof(fake.name), "%s", name);
	fake.index = index;
	fake.value = value;
	return fake.result;
}

static int note_fd(const char *name, uint32_t index, int fd)
{
	fake.nr_fds = fd >= 0;
	if (fd >= 0)
		close(fd);
	return note(name, index, 0);
}

void device_config(const struct device *dev, uint32_t offset, uint8_t *to, uint32_t len)
{
	(void)dev;
	for (uint32_t i = 0; i < len; i++)
		to[i] = (uint8_t)(offset + i);
}

void device_set_features(struct device *dev, uint64_t features, bool protocol_features)
{
	(void)dev;
	fake.a = features;
	note("features", 0, protocol_features);
}

int device_add_region(struct device *dev, const struct control_mem *region, int fd)
{
	(void)dev;
	fake.a = region->gpa;
	fake.b = region->size;
	fake.c = region->offset;
	return note_fd("add", 0, fd);
}

int device_remove_region(struct device *dev, const struct control_mem *region)
{
	(void)dev;
	fake.a = region->gpa;
	return note("remove", 0, 0);
}

int device_set_regions(struct device *dev, const struct control_mem *regions, int *fds,
		       unsigned int nr)
{
	(void)dev;
	for (unsigned int i = 0; i < nr; i++)
		close(fds[i]);
	fake.a = nr ? regions[nr - 1].gpa : 0;
	fake.nr_fds = nr;
	return note("regions", 0, nr);
}

int device_set_queue_size(struct device *dev, unsigned int index, uint32_t size)
{
	(void)dev;
	return note("size", index, size);
}

int device_set_queue_addr(struct device *dev, unsigned int index, uint64_t desc, uint64_t avail,
			  uint64_t used)
{
	(void)dev;
	fake.a = desc;
	fake.b = avail;
	fake.c = used;
	return note("addr", index, 0);
}

int device_set_queue_base(struct device *dev, unsigned int index, uint32_t base)
{
	(void)dev;
	return note("base", index, base);
}

int device_set_queue_kick(struct device *dev, unsigned int index, int fd)
{
	(void)dev;
	return note_fd("kick", index, fd);
}

int device_set_queue_call(struct device *dev, unsigned int index, int fd)
{
	(void)dev;
	return note_fd("call", index, fd);
}

int device_set_queue_err(struct device *dev, unsigned int index, int fd)
{
	(void)dev;
	return note_fd("err", index, fd);
}

int device_enable_queue(struct device *dev, unsigned int index, bool enable)
{
	(void)dev;
	return note("enable", index, enable);
}

uint32_t device_stop_queue(struct device *dev, unsigned int index)
{
	(void)dev;
	note("stop", index, 0);
	return 4711;
}

int device_share_inflight(struct device *dev)
{
	note("share", 0, 0);
	return dev->area_fd;
}

int device_adopt_inflight(struct device *dev, int fd)
{
	(void)dev;
	return note_fd("adopt", 0, fd);
}

void device_reset(struct device *dev)
{
	(void)dev;
	note("reset", 0, 0);
}

/* ---- The front end ---- */

#define NUM_QUEUES 4
#define NEED_REPLY 8u

static struct device dev;
static struct vhost_user vu;
static int sock;
static unsigned int fds_at_start;

static unsigned int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int nr = 0;

	while (readdir(dir))
		nr++;
	closedir(dir);
	return nr;
}

static int setup(void **state)
{
	int pair[2];

	(void)state;
	fds_at_start = count_fds();
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return -1;
	sock = pair[0];
	memset(&fake, 0, sizeof(fake));
	memset(&dev, 0, sizeof(dev));
	dev.opts.num_queues = NUM_QUEUES;
	vhost_user_init(&vu, &dev, pair[1]);
	return 0;
}

/* In every test: no descriptor is left over, whatever came. */
static int teardown(void **state)
{
	(void)state;
	vhost_user_close(&vu);
	close(sock);
	return count_fds() == fds_at_start ? 0 : -1;
}

static void send_raw(const void *data, size_t len, unsigned int nr_fds)
{
	struct iovec iov = { (void *)(uintptr_t)data, len };
	char space[CMSG_SPACE(16 * sizeof(int))] = { 0 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	int fds[16];

	if (nr_fds) {
		struct cmsghdr *c;

		for (unsigned int i = 0; i < nr_fds; i++)
			fds[i] = eventfd(0, EFD_CLOEXEC);
		msg.msg_control = space;
		msg.msg_controllen = CMSG_SPACE(nr_fds * sizeof(int));
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(nr_fds * sizeof(int));
		memcpy(CMSG_DATA(c), fds, nr_fds * sizeof(int));
	}
	assert_int_equal(sendmsg(sock, &msg, 0), (ssize_t)len);
	for (unsigned int i = 0; i < nr_fds; i++)
		close(fds[i]);
}

struct message {
	struct vhost_user_header h;
	union {
		uint64_t u64;
		uint32_t u32[1024];
	} __attribute__((packed));
} __attribute__((packed));

/* Sends a message and lets it be handled. Return: what the handler says. */
static int post(uint32_t request, uint32_t flags, const void *payload, uint32_t size,
		unsigned int nr_fds)
{
	struct message m = { .h = { request, 1 | flags, size } };

	if (size)
		memcpy(m.u32, payload, size);
	send_raw(&m, sizeof(m.h) + size, nr_fds);
	return vhost_user_receive(&vu);
}

static int post_u64(uint32_t request, uint32_t flags, uint64_t value, unsigned int nr_fds)
{
	return post(request, flags, &value, sizeof(value), nr_fds);
}

static int post_state(uint32_t request, uint32_t flags, uint32_t index, uint32_t num)
{
	const uint32_t state[2] = { index, num };

	return post(request, flags, state, sizeof(state), 0);
}

/* Receives a reply; fails when there is none. */
static struct message reply(void)
{
	struct message m;

	memset(&m, 0x5a, sizeof(m));
	assert_int_equal(recv(sock, &m.h, sizeof(m.h), MSG_DONTWAIT), sizeof(m.h));
	assert_int_equal(m.h.flags, 1 | 4);
	assert_true(m.h.size <= sizeof(m.u32));
	if (m.h.size)
		assert_int_equal(recv(sock, m.u32, m.h.size, MSG_DONTWAIT), m.h.size);
	return m;
}

static void no_reply(void)
{
	char byte;

	assert_int_equal(recv(sock, &byte, 1, MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
}

static void ack_features(void)
{
	assert_int_equal(post_u64(16, 0, 1u << 3, 0), 0);
	no_reply();
}

/* Return: the acknowledgement of a message that was just posted with NEED_REPLY. */
static uint64_t ack(uint32_t request)
{
	struct message m = reply();

	assert_int_equal(m.h.request, request);
	assert_int_equal(m.h.size, 8);
	return m.u64;
}

/* ---- Tests ---- */

static void offers_what_it_has(void **state)
{
	struct message m;

	(void)state;
	assert_int_equal(post(1, 0, NULL, 0, 0), 0);
	m = reply();
	assert_int_equal(m.h.request, 1);
	assert_true(m.u64 == (1ull << 32 | 1ull << 30 | 1ull << 29 | 1ull << 28 | 1));
	assert_int_equal(post(15, 0, NULL, 0, 0), 0);
	m = reply();
	assert_int_equal(m.u64, 1 << 0 | 1 << 3 | 1 << 9 | 1 << 12 | 1 << 13 | 1 << 15);
	assert_int_equal(post(17, 0, NULL, 0, 0), 0);
	assert_int_equal(reply().u64, NUM_QUEUES);
	assert_int_equal(post(36, 0, NULL, 0, 0), 0);
	assert_int_equal(reply().u64, MEMORY_MAX_REGIONS);
	/* A reply is a reply, asked for or not. */
	assert_int_equal(post(17, NEED_REPLY, NULL, 0, 0), 0);
	assert_int_equal(reply().u64, NUM_QUEUES);
	no_reply();
}

static void takes_no_other_features(void **state)
{
	(void)state;
	ack_features();
	assert_int_equal(post_u64(2, NEED_REPLY, 1ull << 32 | 1ull << 34, 0), 0);
	assert_int_not_equal(ack(2), 0);
	assert_int_equal(fake.calls, 0);
	assert_int_equal(post_u64(2, NEED_REPLY, 1ull << 32 | 1ull << 30, 0), 0);
	assert_int_equal(ack(2), 0);
	assert_string_equal(fake.name, "features");
	assert_int_equal(fake.value, 1);
	assert_int_equal(post_u64(2, 0, 1ull << 32, 0), 0);
	assert_int_equal(fake.value, 0);
	assert_int_equal(post_u64(16, NEED_REPLY, 1 << 11, 0), 0);
	assert_int_not_equal(ack(16), 0);
}

static void acknowledges_only_when_negotiated(void **state)
{
	(void)state;
	assert_int_equal(post(3, NEED_REPLY, NULL, 0, 0), 0);
	no_reply();
	ack_features();
	assert_int_equal(post(3, NEED_REPLY, NULL, 0, 0), 0);
	assert_int_equal(ack(3), 0);
	assert_int_equal(post(3, 0, NULL, 0, 0), 0);
	no_reply();
	fake.result = -EINVAL;
	assert_int_equal(post_state(8, NEED_REPLY, 0, 16), 0);
	assert_int_not_equal(ack(8), 0);
}

static void hands_queue_messages_on(void **state)
{
	const uint32_t addr[10] = { 2, 0, 0x10, 0, 0x30, 0, 0x20, 0, 0, 0 };

	(void)state;
	assert_int_equal(post_state(8, 0, 3, 256), 0);
	assert_string_equal(fake.name, "size");
	assert_int_equal(fake.index, 3);
	assert_int_equal(fake.value, 256);
	assert_int_equal(post_state(10, 0, 1, 77), 0);
	assert_string_equal(fake.name, "base");
	assert_int_equal(fake.value, 77);
	assert_int_equal(post(9, 0, addr, sizeof(addr), 0), 0);
	assert_string_equal(fake.name, "addr");
	assert_int_equal(fake.a, 0x10);
	assert_int_equal(fake.b, 0x20);
	assert_int_equal(fake.c, 0x30);
	assert_int_equal(post_state(18, 0, 1, 1), 0);
	assert_string_equal(fake.name, "enable");
	assert_int_equal(post_state(11, 0, 2, 0), 0);
	assert_string_equal(fake.name, "stop");
	assert_int_equal(reply().u32[1], 4711);
	assert_int_equal(post(34, 0, NULL, 0, 0), 0);
	assert_string_equal(fake.name, "reset");
}

static void takes_queue_descriptors(void **state)
{
	static const struct {
		uint32_t request;
		const char *name;
	} kinds[] = { { 12, "kick" }, { 13, "call" }, { 14, "err" } };

	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(post_u64(kinds[i].request, 0, 3, 1), 0);
		assert_string_equal(fake.name, kinds[i].name);
		assert_int_equal(fake.index, 3);
		assert_int_equal(fake.nr_fds, 1);
		assert_int_equal(post_u64(kinds[i].request, 0, 0x102, 0), 0);
		assert_int_equal(fake.index, 2);
		assert_int_equal(fake.nr_fds, 0);
	}
}

/* CVE-2020-10725 and others of its kind: no index reaches the device unchecked. */
static void checks_every_index(void **state)
{
	static const uint32_t bad[] = { NUM_QUEUES, 64, 255, 256, 0x80000000, UINT32_MAX };
	static const uint32_t by_state[] = { 8, 10, 18 }, by_fd[] = { 12, 13, 14 };

	(void)state;
	ack_features();
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint32_t addr[10] = { bad[i] };

		for (int k = 0; k < 3; k++) {
			assert_int_equal(post_state(by_state[k], NEED_REPLY, bad[i], 1), 0);
			assert_int_not_equal(ack(by_state[k]), 0);
			assert_int_equal(post_u64(by_fd[k], NEED_REPLY,
						  bad[i] == 256 ? 1ull << 32 : bad[i], 1), 0);
			assert_int_not_equal(ack(by_fd[k]), 0);
		}
		assert_int_equal(post(9, NEED_REPLY, addr, sizeof(addr), 0), 0);
		assert_int_not_equal(ack(9), 0);
		/* The front end waits for this one, so it is answered. */
		assert_int_equal(post_state(11, 0, bad[i], 0), 0);
		assert_int_equal(reply().u32[1], 0);
	}
	assert_int_equal(fake.calls, 0);
	assert_int_equal(post_state(18, NEED_REPLY, 0, 2), 0);
	assert_int_not_equal(ack(18), 0);
}

static void answers_every_config_offset(void **state)
{
	(void)state;
	for (uint32_t offset = 0; offset <= 257; offset++) {
		for (uint32_t size = 0; size <= 256; size += size < 9 ? 1 : 13) {
			uint32_t payload[3 + 64] = { offset, size, 0 };
			struct message m;

			assert_int_equal(post(24, 0, payload, 12 + size, 0), 0);
			m = reply();
			if (offset + size > 256) {
				assert_int_equal(m.h.size, 0);
				continue;
			}
			assert_int_equal(m.h.size, 12 + size);
			assert_int_equal(m.u32[0], offset);
			assert_int_equal(m.u32[1], size);
			for (uint32_t i = 0; i < size; i++)
				assert_int_equal(((uint8_t *)&m.u32[3])[i], (uint8_t)(offset + i));
		}
	}
}

static void refuses_config_that_overflows(void **state)
{
	const uint32_t bad[][3] = {
		{ UINT32_MAX, 1, 0 }, { 0, UINT32_MAX, 0 }, { 1, UINT32_MAX, 0 },
		{ 256, 1, 0 },	      { 257, 0, 0 },	    { UINT32_MAX, UINT32_MAX, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(post(24, 0, bad[i], 12, 0), 0);
		assert_int_equal(reply().h.size, 0);
	}
}

static void config_cannot_be_written_but_may_be_tried(void **state)
{
	const uint32_t payload[4] = { 0, 4, 0, 1 };

	(void)state;
	ack_features();
	assert_int_equal(post(25, NEED_REPLY, payload, sizeof(payload), 0), 0);
	assert_int_equal(ack(25), 0);
}

static void takes_memory(void **state)
{
	struct {
		uint32_t nr, padding;
		uint64_t regions[8][4];
	} table = { .nr = 3, .regions = { { 1 }, { 2 }, { 3 } } };
	const uint64_t single[5] = { 0, 10, 20, 30, 40 };

	(void)state;
	assert_int_equal(post(5, 0, &table, 8 + 3 * 32, 3), 0);
	assert_string_equal(fake.name, "regions");
	assert_int_equal(fake.nr_fds, 3);
	assert_int_equal(fake.a, 3);
	table.nr = 8;
	assert_int_equal(post(5, 0, &table, 8 + 8 * 32, 8), 0);
	assert_int_equal(fake.nr_fds, 8);
	table.nr = 0;
	assert_int_equal(post(5, 0, &table, 8, 0), 0);
	assert_int_equal(fake.nr_fds, 0);

	assert_int_equal(post(37, 0, single, sizeof(single), 1), 0);
	assert_string_equal(fake.name, "add");
	assert_int_equal(fake.a, 10);
	assert_int_equal(fake.b, 20);
	assert_int_equal(fake.c, 40);
	assert_int_equal(post(38, 0, single, sizeof(single), 0), 0);
	assert_string_equal(fake.name, "remove");
	assert_int_equal(post(38, 0, single, sizeof(single), 1), 0);
	assert_int_equal(fake.calls, 6);
}

/* Numbers of regions that do not fit the payload, the descriptors, or the table. */
static void refuses_bad_memory_tables(void **state)
{
	static const struct {
		uint32_t nr, size;
		unsigned int nr_fds;
	} bad[] = {
		{ 1, 8, 1 },	       { 2, 8 + 32, 2 },       { 9, 8 + 8 * 32, 8 },
		{ 1, 8 + 32, 0 },      { 1, 8 + 32, 2 },       { UINT32_MAX, 8 + 32, 1 },
		{ 0x8000001, 8 + 32, 1 }, { 0, 8, 1 },
	};
	uint32_t table[66] = { 0 };

	(void)state;
	ack_features();
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		table[0] = bad[i].nr;
		assert_int_equal(post(5, NEED_REPLY, table, bad[i].size, bad[i].nr_fds), 0);
		assert_int_not_equal(ack(5), 0);
	}
	assert_int_equal(fake.calls, 0);
}

/* CVE-2022-0669: every message with every number of descriptors and many sizes; none is kept. */
static void any_size_and_any_descriptors(void **state)
{
	uint8_t payload[300] = { 0 };

	(void)state;
	for (uint32_t request = 0; request < 50; request++) {
		for (uint32_t size = 0; size < sizeof(payload); size += size < 48 ? 1 : 37) {
			for (unsigned int fds = 0; fds <= 8; fds += fds < 2 ? 1 : 6) {
				int ret = post(request, 0, payload, size, fds);
				char drop[4096];

				assert_true(ret == 0 || ret == -EPROTO);
				while (recv(sock, drop, sizeof(drop), MSG_DONTWAIT) > 0)
					;
			}
		}
		assert_int_equal(count_fds(), fds_at_start + 2);
	}
}

static void unknown_messages_are_refused_where_asked(void **state)
{
	static const uint32_t unknown[] = { 0, 6, 7, 19, 21, 30, 33, 39, 41, 60, UINT32_MAX };

	(void)state;
	ack_features();
	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
		assert_int_equal(post_u64(unknown[i], 0, 1, 1), 0);
		no_reply();
		assert_int_equal(post_u64(unknown[i], NEED_REPLY, 1, 1), 0);
		assert_int_not_equal(ack(unknown[i]), 0);
	}
	assert_int_equal(fake.calls, 0);
}

/* With and without the padding, which differs between front ends. */
static void shares_the_record_of_requests(void **state)
{
	for (uint32_t size = 20; size <= 24; size += 4) {
		const uint16_t queues[16] = { [8] = NUM_QUEUES, [9] = 128 };
		char space[CMSG_SPACE(sizeof(int))];
		struct message m;
		struct iovec iov = { &m, sizeof(m) };
		struct msghdr msg = { .msg_iov = &iov,
				      .msg_iovlen = 1,
				      .msg_control = space,
				      .msg_controllen = sizeof(space) };
		int fd;

		dev.area_fd = eventfd(0, EFD_CLOEXEC);
		assert_int_equal(post(31, 0, queues, size, 0), 0);
		assert_int_equal(recvmsg(sock, &msg, MSG_DONTWAIT), sizeof(m.h) + size);
		assert_int_equal(m.h.size, size);
		assert_int_equal(m.u64, sizeof(struct inflight_area));
		assert_int_equal(m.u32[2], 0);
		assert_int_equal(m.u32[4], NUM_QUEUES | 128 << 16);
		assert_non_null(CMSG_FIRSTHDR(&msg));
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
		close(fd);
		close(dev.area_fd);

		assert_int_equal(post(32, 0, &m.u64, size, 1), 0);
		assert_string_equal(fake.name, "adopt");
		assert_int_equal(fake.nr_fds, 1);
		no_reply();

		/* Without a descriptor it says nothing. */
		fake.calls = 0;
		assert_int_equal(post(32, 0, &m.u64, size, 0), 0);
		assert_int_equal(fake.calls, 0);

		/* Nothing may start with a record that was not taken. */
		fake.result = -EBUSY;
		assert_int_equal(post(32, 0, &m.u64, size, 1), -EPROTO);
		assert_int_equal(teardown(state), 0);
		assert_int_equal(setup(state), 0);
	}
}

static void too_many_descriptors_end_the_connection(void **state)
{
	const struct vhost_user_header h = { 3, 1, 0 };

	(void)state;
	skip_if_emulated("descriptors that were dropped are not told");
	send_raw(&h, sizeof(h), 9);
	assert_int_equal(vhost_user_receive(&vu), -EPROTO);
}

/* Any number of them, in any company, again and again; the connections' own are closed with them. */
static void any_number_of_descriptors(void **state)
{
	const struct vhost_user_header h = { 3, 1, 0 };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	skip_if_emulated("descriptors that were dropped are not told");
	for (unsigned int i = 0; i < 3000; i++) {
		unsigned int nr = i % (SEND_FDS_MAX + 1);
		int ret;

		assert_int_equal(send_fds(sock, &h, sizeof(h), null, nr, (int)i % 4), sizeof(h));
		ret = vhost_user_receive(&vu);
		assert_int_equal(ret, nr <= VHOST_USER_MAX_FDS ? 0 : -EPROTO);
		if (!ret)
			continue;
		close(null);
		assert_int_equal(teardown(state), 0);
		assert_int_equal(setup(state), 0);
		null = open("/dev/null", O_RDWR | O_CLOEXEC);
	}
	close(null);
}

static void descriptors_of_one_message_add_up(void **state)
{
	const struct vhost_user_header h = { 12, 1, 8 };
	const uint64_t value = 0;

	(void)state;
	/* With header and payload each: too many for a kick. */
	send_raw(&h, sizeof(h), 1);
	assert_int_equal(vhost_user_receive(&vu), 0);
	send_raw(&value, sizeof(value), 1);
	assert_int_equal(vhost_user_receive(&vu), 0);
	assert_int_equal(fake.calls, 0);
	for (int i = 0; i < 9; i++) {
		const uint8_t byte = 0x0c;

		send_raw(&byte, 1, 1);
		if (vhost_user_receive(&vu) == -EPROTO)
			return;
	}
	fail_msg("nine descriptors were taken");
}

static void other_protocols_end_the_connection(void **state)
{
	static const struct vhost_user_header bad[] = {
		{ 1, 0, 0 }, { 1, 2, 0 }, { 1, 3, 0 }, { 1, 1, VHOST_USER_MAX_PAYLOAD + 1 },
		{ 1, 1, UINT32_MAX },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		send_raw(&bad[i], sizeof(bad[i]), 0);
		assert_int_equal(vhost_user_receive(&vu), -EPROTO);
		assert_int_equal(teardown(state), 0);
		assert_int_equal(setup(state), 0);
	}
}

static void a_byte_at_a_time(void **state)
{
	struct message m = { .h = { 8, 1, 8 }, .u32 = { 1, 128 } };

	(void)state;
	assert_int_equal(vhost_user_receive(&vu), 0);
	for (size_t i = 0; i < sizeof(m.h) + 8; i++) {
		assert_int_equal(fake.calls, 0);
		send_raw((uint8_t *)&m + i, 1, 0);
		assert_int_equal(vhost_user_receive(&vu), 0);
	}
	assert_int_equal(fake.calls, 1);
	assert_int_equal(fake.value, 128);
}

static void hanging_up_is_noticed(void **state)
{
	const uint8_t half[6] = { 0 };

	(void)state;
	send_raw(half, sizeof(half), 1);
	shutdown(sock, SHUT_WR);
	assert_int_equal(vhost_user_receive(&vu), 0);
	assert_int_equal(vhost_user_receive(&vu), -EPIPE);
}

static void nobody_reads_the_replies(void **state)
{
	int ret = 0;

	(void)state;
	for (int i = 0; i < 100000 && !ret; i++)
		ret = post(1, 0, NULL, 0, 0);
	assert_true(ret == -EAGAIN);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(offers_what_it_has),
		TEST(takes_no_other_features),
		TEST(acknowledges_only_when_negotiated),
		TEST(hands_queue_messages_on),
		TEST(takes_queue_descriptors),
		TEST(checks_every_index),
		TEST(answers_every_config_offset),
		TEST(refuses_config_that_overflows),
		TEST(config_cannot_be_written_but_may_be_tried),
		TEST(takes_memory),
		TEST(refuses_bad_memory_tables),
		TEST(any_size_and_any_descriptors),
		TEST(unknown_messages_are_refused_where_asked),
		TEST(shares_the_record_of_requests),
		TEST(too_many_descriptors_end_the_connection),
		TEST(any_number_of_descriptors),
		TEST(descriptors_of_one_message_add_up),
		TEST(other_protocols_end_the_connection),
		TEST(a_byte_at_a_time),
		TEST(hanging_up_is_noticed),
		TEST(nobody_reads_the_replies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
