// SPDX-License-Identifier: Apache-2.0
/*
 * vhost-user-accel itself dies, with requests in flight, and another one takes its place: a front end
 * that has kept the record of these requests gets one answer for each, and goes on.
 */
#define _GNU_SOURCE
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "raw_front.h"
#include "support.h"

#define ANSWER_MS	20000
#define GET_INFLIGHT_FD	31
#define SET_INFLIGHT_FD	32
#define NR		6	/* requests in flight, in one queue */

static struct daemon host;

/* ---- The record ---------------------------------------------------------------------------- */

struct record {
	uint64_t size;
	uint64_t offset;
	uint16_t num_queues;
	uint16_t queue_size;
	int fd;
};

#define RECORD_BYTES offsetof(struct record, fd)

static void get_record(struct raw_front *r, struct record *record)
{
	struct vu_msg m = { .request = GET_INFLIGHT_FD,
			    .flags = VU_VERSION,
			    .size = RECORD_BYTES };
	char space[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { &m, VU_HEADER_SIZE + RECORD_BYTES };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = space,
			      .msg_controllen = sizeof(space) };
	struct pollfd p = { .fd = r->conn.fd, .events = POLLIN };

	*record = (struct record){ .num_queues = RAW_QUEUES, .queue_size = RAW_SIZE };
	memcpy(m.bytes, record, RECORD_BYTES);
	assert_int_equal(vu_send(&r->conn, &m, NULL, 0), 0);
	assert_int_equal(poll(&p, 1, ANSWER_MS), 1);
	if (recvmsg(r->conn.fd, &msg, 0) != (ssize_t)iov.iov_len)
		test_die("no record comes: %s; the log: %s", strerror(errno), daemon_log(&host));
	assert_int_equal(m.request, GET_INFLIGHT_FD);
	memcpy(record, m.bytes, RECORD_BYTES);
	assert_non_null(CMSG_FIRSTHDR(&msg));
	memcpy(&record->fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(int));
	assert_true(record->size > 0);
}

static int give_record(struct raw_front *r, const struct record *record)
{
	struct vu_msg m = { .request = SET_INFLIGHT_FD, .size = RECORD_BYTES };

	memcpy(m.bytes, record, RECORD_BYTES);
	return vu_set(&r->conn, &m, &record->fd, 1);
}

/* ---- Requests ------------------------------------------------------------------------------ */

static char *put(char *p, const void *data, size_t len)
{
	const struct virtio_accel_buf buf = {
		.len = htole64(len),
		.where = htole32(VIRTIO_ACCEL_BUF_INLINE),
	};

	p = mempcpy(p, &buf, sizeof(buf));
	memset(p, 0, (len + 7) & ~(size_t)7);
	memcpy(p, data, len);
	return p + ((len + 7) & ~(size_t)7);
}

/* exec("mbench", "mbench", { ms, "data" }) in context 1. Return: bytes. */
static uint32_t build(struct raw_front *r, size_t offset, uint64_t session, const char *ms)
{
	const struct virtio_accel_msg msg = { .op = htole16(1), .session = htole64(session) };
	struct virtio_accel_req req = { .type = htole32(VIRTIO_ACCEL_T_CALL), .context = htole64(1) };
	const struct virtio_accel_arg arg = { 0 };
	const uint64_t nr_read = htole64(2), nr_write = 0;
	char *start = raw_at(r, offset), *p = start + sizeof(req);

	p = mempcpy(p, &msg, sizeof(msg));
	p = mempcpy(p, &nr_read, sizeof(nr_read));
	p = mempcpy(p, &nr_write, sizeof(nr_write));
	p = put(p, "mbench", 7);
	p = put(p, "mbench", 7);
	p = mempcpy(p, &arg, sizeof(arg));
	p = put(p, ms, strlen(ms) + 1);
	p = mempcpy(p, &arg, sizeof(arg));
	p = put(p, "data", 5);
	req.message_len = htole32((uint32_t)(p - start - (ptrdiff_t)sizeof(req)));
	memcpy(start, &req, sizeof(req));
	return (uint32_t)(p - start);
}

static size_t place(unsigned int i)
{
	return RAW_DATA + i * 0x2000u;
}

static void submit(struct raw_front *r, unsigned int i, uint64_t session, const char *ms, int *token)
{
	const struct vring_buffer b[] = {
		{ .addr = raw_guest(place(i)), .len = build(r, place(i), session, ms) },
		{ .addr = raw_guest(place(i) + 0x1000), .len = 256, .device_writes = true },
	};

	memset(raw_at(r, place(i) + 0x1000), 0xee, 256);
	assert_int_equal(vring_driver_add(&r->queues[0].vr, b, 2, token), 0);
	raw_kick(r, 0);
}

static uint32_t status_of(struct raw_front *r, unsigned int i)
{
	struct virtio_accel_resp resp;

	memcpy(&resp, raw_at(r, place(i) + 0x1000), sizeof(resp));
	return le32toh(resp.status);
}

static bool all_in_flight(void *arg)
{
	return daemon_stat(&host, "inflight") == *(long long *)arg;
}

/* ---- Tests --------------------------------------------------------------------------------- */

static void start_host(void)
{
	start_daemon(&host, MBENCH_PLUGIN, (const char *[]){ "--allow=exec", NULL });
}

/* Dies like of the kernel's OOM killer: without a word to anyone. */
static void kill_host(void)
{
	assert_int_equal(kill(host.pid, SIGKILL), 0);
	assert_int_equal(waitpid(host.pid, NULL, 0), host.pid);
	host.pid = 0;
}

/* The new process may be faster than the end of the old worker: then the front end tries again. */
static void reconnect(struct raw_front *r, const struct record *record)
{
	int err;

	for (int tries = 0; tries < 200; tries++) {
		vu_close(&r->conn);
		raw_reconnect(r, host.socket);
		err = give_record(r, record);
		if (!err)
			break;
		usleep(50000);
	}
	assert_int_equal(err, 0);
	/* As QEMU: where the used ring stands, though that is not where the device had read to. */
	for (unsigned int i = 0; i < RAW_QUEUES; i++)
		raw_resume_queue(r, i, le16toh(r->queues[i].vr.used->idx));
}

static void goes_on_after_a_crash(void **state)
{
	struct record record;
	struct raw_front r;
	int token[NR];

	(void)state;
	start_host();
	raw_connect(&r, host.socket, RAW_FEATURES);
	get_record(&r, &record);
	assert_int_equal(give_record(&r, &record), 0);
	raw_share(&r);
	for (unsigned int i = 0; i < RAW_QUEUES; i++)
		raw_start_queue(&r, i);

	/* More than once: the next one must find the same record. */
	for (int round = 0; round < 3; round++) {
		long long wanted = NR - 1;
		bool seen[NR] = { false };
		uint64_t session = 0;
		void *t = NULL;

		assert_int_equal(raw_session(&r, &session), 0);
		/* The first is done before the others, and the third before the second. */
		submit(&r, 0, session, "60000", &token[0]);
		submit(&r, 1, session, "60000", &token[1]);
		submit(&r, 2, session, "1", &token[2]);
		assert_true(raw_wait(&r, 0, ANSWER_MS, &t) > 0);
		assert_ptr_equal(t, &token[2]);
		assert_int_equal(status_of(&r, 2), VIRTIO_ACCEL_S_OK);
		for (unsigned int i = 3; i < NR; i++)
			submit(&r, i, session, "60000", &token[i]);
		assert_true(test_wait(all_in_flight, &wanted, ANSWER_MS));

		kill_host();
		start_host();
		reconnect(&r, &record);
		for (unsigned int i = 1; i < NR; i++) {
			unsigned int k;

			assert_int_equal(raw_wait(&r, 0, ANSWER_MS, &t),
					 sizeof(struct virtio_accel_resp));
			k = (unsigned int)((int *)t - token);
			assert_true(k < NR && k != 2 && !seen[k]);
			seen[k] = true;
			assert_int_equal(status_of(&r, k), VIRTIO_ACCEL_S_SESS);
		}
		assert_int_equal(raw_wait(&r, 0, 100, NULL), -1);

		/* What was a session is none now. */
		submit(&r, 0, session, "1", &token[0]);
		assert_true(raw_wait(&r, 0, ANSWER_MS, &t) > 0);
		assert_int_equal(status_of(&r, 0), VIRTIO_ACCEL_S_SESS);
		for (r.use = 0; r.use < RAW_QUEUES; r.use++)
			raw_expect_alive(&r);
		r.use = 0;
	}
	close(record.fd);
	raw_close(&r);
	stop_daemon(&host);
}

/* The connection alone breaks. */
static void goes_on_after_a_disconnect(void **state)
{
	struct record record;
	struct raw_front r;
	uint64_t session = 0;
	long long one = 1;
	void *t = NULL;
	int token;

	(void)state;
	start_host();
	raw_connect(&r, host.socket, RAW_FEATURES);
	get_record(&r, &record);
	raw_share(&r);
	raw_start_queue(&r, 0);
	raw_start_queue(&r, 1);
	assert_int_equal(raw_session(&r, &session), 0);
	submit(&r, 0, session, "60000", &token);
	assert_true(test_wait(all_in_flight, &one, ANSWER_MS));

	reconnect(&r, &record);
	assert_true(raw_wait(&r, 0, ANSWER_MS, &t) > 0);
	assert_ptr_equal(t, &token);
	assert_int_equal(status_of(&r, 0), VIRTIO_ACCEL_S_SESS);
	assert_int_equal(raw_wait(&r, 0, 100, NULL), -1);
	raw_expect_alive(&r);
	close(record.fd);
	raw_close(&r);

	/* Whoever comes next gets a record that the last one cannot reach. */
	raw_connect(&r, host.socket, RAW_FEATURES);
	struct record other;

	get_record(&r, &other);
	close(other.fd);
	raw_close(&r);
	stop_daemon(&host);
}

/*
 * While the worker of a killed supervisor still serves the queues, nobody else may: one that a driver of
 * the kernel holds, so that the signal does not end it. It is played here, by its lock.
 */
static void waits_for_the_old_worker(void **state)
{
	struct flock held = { .l_type = F_RDLCK, .l_whence = SEEK_SET };
	struct record record;
	struct raw_front r;

	(void)state;
	start_host();
	raw_connect(&r, host.socket, RAW_FEATURES);
	get_record(&r, &record);
	raw_share(&r);
	raw_start_queue(&r, 0);
	raw_start_queue(&r, 1);
	raw_expect_alive(&r);
	assert_int_equal(fcntl(record.fd, F_SETLK, &held), 0);
	kill_host();
	start_host();
	vu_close(&r.conn);
	raw_reconnect(&r, host.socket);
	assert_int_not_equal(give_record(&r, &record), 0);
	held.l_type = F_UNLCK;
	assert_int_equal(fcntl(record.fd, F_SETLK, &held), 0);
	reconnect(&r, &record);
	raw_expect_alive(&r);
	close(record.fd);
	raw_close(&r);
	stop_daemon(&host);
}

/* Records that are none: the connection ends, and the next front end is served. */
static void refuses_strange_records(void **state)
{
	struct record record, bad;
	struct raw_front r;

	(void)state;
	start_host();
	raw_connect(&r, host.socket, RAW_FEATURES);
	get_record(&r, &record);
	for (int kind = 0; kind < 4; kind++) {
		bad = record;
		bad.fd = kind == 0 ? open("/dev/zero", O_RDWR | O_CLOEXEC) :
				     memfd_create("record", MFD_CLOEXEC | MFD_ALLOW_SEALING);
		assert_true(bad.fd >= 0);
		if (kind > 0)
			assert_int_equal(ftruncate(bad.fd, (off_t)record.size - (kind == 1)), 0);
		/* kind 2: of the right size, but not sealed; kind 3: all zero */
		if (kind != 2 && kind != 0)
			fcntl(bad.fd, F_ADD_SEALS, F_SEAL_SHRINK);
		assert_int_not_equal(give_record(&r, &bad), 0);
		close(bad.fd);
		vu_close(&r.conn);
		raw_connect(&r, host.socket, RAW_FEATURES);
	}
	raw_share(&r);
	raw_start_queue(&r, 0);
	raw_start_queue(&r, 1);
	raw_expect_alive(&r);
	close(record.fd);
	raw_close(&r);
	stop_daemon(&host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(goes_on_after_a_crash),
		cmocka_unit_test(goes_on_after_a_disconnect),
		cmocka_unit_test(waits_for_the_old_worker),
		cmocka_unit_test(refuses_strange_records),
	};

	test_main_begin(280);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
