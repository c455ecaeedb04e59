// SPDX-License-Identifier: Apache-2.0
/*
 * A front end that wants to harm the supervisor: the vhost-user patterns behind known holes, each
 * test named by the CVE that taught it. All is refused and counted, no descriptor is kept, and the
 * next front end finds all as it should be.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#include "answer_time.h"
#include "hostile.h"

#define TIMEOUT_MS 15000

#define SET_LOG_BASE	 6
#define SET_LOG_FD	 7
#define GET_INFLIGHT_FD	 31
#define SET_INFLIGHT_FD	 32
#define LAST_REQUEST	 50

static struct daemon host, other_host;
static struct other_vm other_vm;
static struct raw_front front;

struct counts {
	unsigned int supervisor, worker;
	long rss;	/* of the supervisor, in pages */
	long long bad;
};
static struct counts before;

static unsigned int count_fds(pid_t pid)
{
	unsigned int n = 0;
	char path[64];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n;
}

static struct counts count(void)
{
	struct counts c = {
		.supervisor = count_fds(host.pid),
		.worker = count_fds(daemon_worker(&host)),
		.bad = daemon_stat(&host, "bad_messages"),
	};
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/statm", host.pid);
	f = fopen(path, "re");
	if (!f || fscanf(f, "%*d %ld", &c.rss) != 1)
		test_die("%s cannot be read", path);
	fclose(f);
	return c;
}

static bool all_closed(void *arg)
{
	struct counts now = count();

	(void)arg;
	return now.supervisor == before.supervisor && now.worker == before.worker;
}

/* A good front end comes and goes. */
static void expect_service(void)
{
	struct raw_front r;

	assert_true(daemon_alive(&host));
	raw_open(&r, host.socket, HOSTILE_FEATURES);
	raw_expect_alive(&r);
	raw_close(&r);
	other_vm_expect_served(&other_vm);
}

static int setup(void **state)
{
	(void)state;
	expect_service();
	/* Until the last front end's end was noticed */
	for (int i = 0; i < 20; i++) {
		before = count();
		usleep(2000);
		if (all_closed(NULL))
			break;
	}
	return 0;
}

/* Whatever the test did, nothing of it is left. */
static int teardown(void **state)
{
	(void)state;
	if (!test_wait(all_closed, NULL, TIMEOUT_MS))
		test_die("descriptors: %u and %u before, now %u and %u", before.supervisor,
			 before.worker, count().supervisor, count().worker);
	/* A leak of each of some thousand messages would be seen; ASan keeps freed memory. */
#ifndef __SANITIZE_ADDRESS__
	assert_true(count().rss < before.rss + 256);
#endif
	expect_service();
	return 0;
}

static void expect_reported(long long nr)
{
	long long now = daemon_stat(&host, "bad_messages");

	if (now < before.bad + nr)
		test_die("%lld of at least %lld bad messages were counted", now - before.bad, nr);
}

static struct vu_msg message(uint32_t request, uint32_t size)
{
	return (struct vu_msg){
		.request = request, .flags = VU_VERSION | VU_NEED_REPLY, .size = size,
	};
}

/* Sends it over the open connection; it must be refused, and the connection goes on. */
static void expect_refused(struct vu_msg m, const int *fds, size_t nr_fds)
{
	struct vu_msg answer;

	assert_int_equal(vu_send(&front.conn, &m, fds, nr_fds), 0);
	assert_int_equal(vu_recv(&front.conn, m.request, &answer), 0);
	assert_int_equal(answer.size, sizeof(answer.u64));
	assert_int_not_equal(answer.u64, 0);
}

/* Sends it over a connection of its own, which may end. */
static void send_alone(struct vu_msg m, const int *fds, size_t nr_fds)
{
	struct vu_msg answer;
	struct raw_front r;

	raw_connect(&r, host.socket, HOSTILE_FEATURES);
	(void)vu_send(&r.conn, &m, fds, nr_fds);
	(void)vu_recv(&r.conn, m.request, &answer);
	raw_close(&r);
	assert_true(daemon_alive(&host));
}

/* A message that is repeated leaks nothing: each of those that set something */
static void cve_2019_14818(void **state)
{
	struct vu_msg addr = message(VU_SET_VRING_ADDR, sizeof(struct vu_vring_addr));
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	(void)state;
	raw_open(&front, host.socket, HOSTILE_FEATURES);
	addr.addr.index = 1;
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(vu_set_state(&front.conn, VU_SET_VRING_NUM, 1, 1u << i % 11), 0);
		assert_int_equal(vu_set_u64(&front.conn, VU_SET_VRING_CALL, 1, fd), 0);
		assert_int_equal(vu_set_u64(&front.conn, VU_SET_VRING_ERR, 1, fd), 0);
		assert_int_equal(vu_set_u64(&front.conn, VU_SET_FEATURES, front.features, -1), 0);
	}
	for (int i = 0; i < 1000; i++) {
		/* Rings that are nowhere: the queue cannot start, but may be told so again. */
		(void)vu_set_u64(&front.conn, VU_SET_VRING_KICK, 1, fd);
		(void)vu_set(&front.conn, &addr, NULL, 0);
		addr.addr.desc += 16;
	}
	raw_expect_alive(&front);
	raw_close(&front);
	close(fd);
	expect_reported(1000);
}

/* A log whose offset and size overflow: it is not offered, and the file is closed */
static void cve_2020_10722(void **state)
{
	static const uint64_t bad[][2] = {
		{ UINT64_MAX, 1 }, { 4096, UINT64_MAX - 4095 }, { UINT64_MAX, UINT64_MAX },
		{ 1ull << 63, 1ull << 63 }, { 0, 0 }, { 4096, 0 },
	};
	struct vu_msg m = message(SET_LOG_BASE, 16);
	int fd = memfd_create("log", MFD_CLOEXEC);

	(void)state;
	raw_open(&front, host.socket, HOSTILE_FEATURES);
	for (int i = 0; i < 300; i++) {
		memcpy(m.bytes, bad[i % 6], 16);
		expect_refused(m, &fd, 1);
		expect_refused(message(SET_LOG_FD, 8), &fd, 1);
	}
	raw_expect_alive(&front);
	raw_close(&front);
	close(fd);
	expect_reported(600);
}

/* Queues that do not exist, in each message that names one */
static void cve_2020_10723(void **state)
{
	static const uint32_t with_index[] = {
		VU_SET_VRING_NUM, VU_SET_VRING_BASE, VU_SET_VRING_ENABLE, VU_SET_VRING_ADDR,
	};
	static const uint32_t with_fd[] = {
		VU_SET_VRING_KICK, VU_SET_VRING_CALL, VU_SET_VRING_ERR,
	};
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	uint32_t base = 77;

	(void)state;
	raw_open(&front, host.socket, HOSTILE_FEATURES);
	for (uint64_t index = 8; index <= UINT32_MAX; index = index * 2 + 1) {
		for (size_t i = 0; i < 4; i++) {
			struct vu_msg m = message(with_index[i], i < 3 ? 8 : 40);

			m.state.index = (uint32_t)index;
			m.state.num = i == 2;
			expect_refused(m, NULL, 0);
		}
		for (size_t i = 0; i < 3; i++) {
			struct vu_msg m = message(with_fd[i], 8);

			m.u64 = index & 0xff;
			if (m.u64 < 8)
				continue;
			expect_refused(m, &fd, 1);
			m.u64 = index << 9;
			expect_refused(m, &fd, 1);
		}
		/* QEMU waits for this answer, so there is one. */
		assert_int_equal(vu_get_vring_base(&front.conn, (uint32_t)index, &base), 0);
		assert_int_equal(base, 0);
	}
	raw_expect_alive(&front);
	raw_close(&front);
	close(fd);
	expect_reported(100);
}

/* Requests for in-flight memory that are never used, and for more than there can be */
static void cve_2020_10726(void **state)
{
	struct vu_msg m = message(GET_INFLIGHT_FD, 24), answer;
	int fd = memfd_create("inflight", MFD_CLOEXEC);

	(void)state;
	raw_open(&front, host.socket, HOSTILE_FEATURES);
	for (int i = 0; i < 600; i++) {
		memset(m.bytes, i % 2 ? 0xff : 0, 24);
		assert_int_equal(vu_send(&front.conn, &m, NULL, 0), 0);
		assert_int_equal(vu_recv(&front.conn, m.request, &answer), 0);
		assert_int_equal(answer.size, 24);
		assert_true(i % 2 ? answer.u64 == 0 : answer.u64 > 0);
	}
	raw_expect_alive(&front);
	raw_close(&front);
	for (int i = 0; i < 100; i++)
		send_alone(m, &fd, 1);
	close(fd);
	expect_reported(100);
}

/* In-flight memory with more queues, larger ones, or less memory than there is */
static void cve_2021_3839(void **state)
{
	struct {
		uint64_t mmap_size, mmap_offset;
		uint16_t num_queues, queue_size;
	} bad[] = {
		{ 4096, 0, 65535, 65535 }, { UINT64_MAX, UINT64_MAX, 1, 64 },
		{ 0, 0, 8, 1024 }, { 1ull << 40, 0, 8, 1024 },
	};
	int fd = memfd_create("inflight", MFD_CLOEXEC);

	(void)state;
	for (int i = 0; i < 400; i++) {
		struct vu_msg m = message(SET_INFLIGHT_FD, 24);

		memcpy(m.bytes, &bad[i % 4], sizeof(bad[0]));
		send_alone(m, &fd, 1);
	}
	raw_open(&front, host.socket, HOSTILE_FEATURES);
	raw_expect_alive(&front);
	raw_close(&front);
	close(fd);
	expect_reported(400);
}

/* Descriptors with messages that have none, until there are none left */
static void cve_2022_0669(void **state)
{
	int fds[VU_MAX_FDS];

	(void)state;
	for (size_t i = 0; i < VU_MAX_FDS; i++)
		fds[i] = memfd_create("unexpected", MFD_CLOEXEC);
	for (int round = 0; round < 10; round++) {
		for (uint32_t request = 0; request <= LAST_REQUEST; request++) {
			send_alone(message(request, 0), fds, VU_MAX_FDS);
			send_alone(message(request, 8), fds, 1);
			send_alone(message(request, 8), fds, 2);
		}
	}
	/* Over one connection: more of them than a process may have */
	raw_open(&front, host.socket, HOSTILE_FEATURES);
	for (int i = 0; i < 600; i++)
		expect_refused(message(VU_SET_OWNER, 0), fds, VU_MAX_FDS);
	raw_expect_alive(&front);
	raw_close(&front);
	for (size_t i = 0; i < VU_MAX_FDS; i++)
		close(fds[i]);
	expect_reported(1000);
}

/* Each kind of descriptor where memory or an eventfd is expected: none blocks, none is kept */
static void odd_descriptors(void **state)
{
	int pipes[2], sockets[2], odd[10];
	size_t nr = 0;
	char junk[65536] = { 0 };

	(void)state;
	assert_int_equal(pipe2(pipes, O_CLOEXEC | O_NONBLOCK), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), 0);
	/* A pipe that is full: a careless device waits for ever. */
	while (write(pipes[1], junk, sizeof(junk)) > 0)
		;
	fcntl(pipes[1], F_SETFL, 0);
	odd[nr++] = pipes[0];
	odd[nr++] = pipes[1];
	odd[nr++] = sockets[0];
	odd[nr++] = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	odd[nr++] = open("/dev/zero", O_RDWR | O_CLOEXEC);
	odd[nr++] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	odd[nr++] = epoll_create1(EPOLL_CLOEXEC);
	odd[nr++] = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	odd[nr++] = memfd_create("empty", MFD_CLOEXEC);
	odd[nr++] = open("/", O_PATH | O_CLOEXEC);
	for (size_t i = 0; i < nr; i++) {
		struct vu_msg m = message(VU_SET_MEM_TABLE, 8 + sizeof(struct vu_region));

		m.memory.nr_regions = 1;
		m.memory.regions[0] = (struct vu_region){ .size = 4096 };
		raw_connect(&front, host.socket, HOSTILE_FEATURES);
		expect_refused(m, &odd[i], 1);
		raw_close(&front);

		/* As kick and call of a queue that otherwise works */
		raw_open(&front, host.socket, HOSTILE_FEATURES);
		(void)vu_set_u64(&front.conn, VU_SET_VRING_CALL, 0, odd[i]);
		(void)vring_driver_enable_calls(&front.queues[0].vr);
		vring_driver_publish(&front.queues[0].vr, 0, NULL, 1 << 20);
		raw_kick(&front, 0);
		(void)vu_set_u64(&front.conn, VU_SET_VRING_KICK, 0, odd[i]);
		raw_kick(&front, 0);
		front.use = 1;
		raw_expect_alive(&front);
		raw_close(&front);
	}
	for (size_t i = 0; i < nr; i++)
		close(odd[i]);
	close(sockets[1]);
	expect_reported((long long)nr);
}

/* Shares a file that can be truncated, with the rings of queue 0 in it. Return: its descriptor. */
static int share_file(size_t size)
{
	struct vu_msg add = message(VU_ADD_MEM_REG, 8 + sizeof(struct vu_region));
	struct vu_msg addr = message(VU_SET_VRING_ADDR, sizeof(struct vu_vring_addr));
	int fd = memfd_create("memory", MFD_CLOEXEC);
	const struct vu_region region = { .guest_addr = 1ull << 44, .size = size,
					  .user_addr = 1ull << 44 };

	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	memcpy(add.bytes + 8, &region, sizeof(region));
	assert_int_equal(vu_set(&front.conn, &add, &fd, 1), 0);
	addr.addr.desc = region.user_addr;
	addr.addr.avail = region.user_addr + 0x1000;
	addr.addr.used = region.user_addr + 0x2000;
	assert_int_equal(vu_set(&front.conn, &addr, NULL, 0), 0);
	return fd;
}

/*
 * Memory that the front end takes away while the device uses it. The worker may pay for that, the
 * supervisor not.
 */
static void truncated_memory(void **state)
{
	uint8_t config[VU_MAX_CONFIG];
	uint32_t base;
	int fd;

	(void)state;
	for (int i = 0; i < 3; i++) {
		raw_open(&front, host.socket, HOSTILE_FEATURES);
		raw_expect_alive(&front);
		fd = share_file(1 << 20);
		assert_int_equal(ftruncate(fd, 0), 0);
		for (int k = 0; k < 3; k++) {
			raw_kick(&front, 0);
			usleep(10000);
		}
		assert_int_equal(vu_get_config(&front.conn, 0, config, sizeof(config)), 0);
		assert_int_equal(vu_get_vring_base(&front.conn, 0, &base), 0);
		raw_close(&front);
		close(fd);
		expect_service();
	}
}

/* A connection that is cut anywhere, with descriptors under way */
static void cut_connections(void **state)
{
	struct vu_msg m = message(VU_SET_MEM_TABLE, 8 + sizeof(struct vu_region));
	int fd = memfd_create("cut", MFD_CLOEXEC);
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} control;

	(void)state;
	for (size_t len = 1; len < VU_HEADER_SIZE + m.size; len++) {
		struct iovec iov = { &m, len };
		struct msghdr msg = {
			.msg_iov = &iov, .msg_iovlen = 1,
			.msg_control = control.space, .msg_controllen = sizeof(control.space),
		};
		struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
		struct raw_front r;

		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(fd));
		raw_connect(&r, host.socket, HOSTILE_FEATURES);
		assert_int_equal(sendmsg(r.conn.fd, &msg, MSG_NOSIGNAL), (ssize_t)len);
		raw_close(&r);
	}
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(cve_2019_14818),
		TEST(cve_2020_10722),
		TEST(cve_2020_10723),
		TEST(cve_2020_10726),
		TEST(cve_2021_3839),
		TEST(cve_2022_0669),
		TEST(odd_descriptors),
		TEST(cut_connections),
		/* Costs workers, so it is the last. */
		cmocka_unit_test(truncated_memory),
	};
	int failed;
	char *log;

	test_main_begin(300);
	start_daemon(&host, NOOP_PLUGIN, NULL);
	start_daemon(&other_host, NOOP_PLUGIN, NULL);
	other_vm_open(&other_vm, other_host.socket);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	other_vm_close(&other_vm);
	log = daemon_log(&host);
	if (failed)
		print_message("The host process said:\n%s", log);
	if (hostile_count(log, "was refused") < 3 || hostile_count(log, "was refused") > 40 ||
	    hostile_count(log, "cannot start") > 40)
		test_die("the log tells %u times of refused messages, %u times of queues",
			 hostile_count(log, "was refused"), hostile_count(log, "cannot start"));
	free(log);
	if (stop_daemon(&host) || stop_daemon(&other_host))
		test_die("vhost-user-accel does not end with status 0");
	answer_time_report();
	return failed;
}
