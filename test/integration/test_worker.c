// SPDX-License-Identifier: Apache-2.0
/*
 * The worker is killed, stopped, or runs past its limit while requests are in flight: the front end
 * gets an answer for each, the supervisor stays, and the next session works.
 */
#define _GNU_SOURCE
#include <endian.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <linux/virtio_ring.h>

#include "plugins/virtio/transport.h"
#include "raw_front.h"
#include "support.h"

#define ANSWER_MS	20000
#define LONG_MS		"60000"	/* an operation that is not meant to end by itself */
#define OP_EXEC		1

static struct daemon host;

/* ---- Messages ------------------------------------------------------------------------------ */

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

/* exec("mbench", "mbench", { ms, "data" }): keeps the plugin mbench busy. Return: bytes. */
static uint32_t busy_message(char *to, uint64_t session, const char *ms)
{
	const struct virtio_accel_msg msg = {
		.op = htole16(OP_EXEC),
		.session = htole64(session),
	};
	const uint64_t nr_read = htole64(2), nr_write = 0;
	const struct virtio_accel_arg arg = { 0 };
	char *p = to;

	p = mempcpy(p, &msg, sizeof(msg));
	p = mempcpy(p, &nr_read, sizeof(nr_read));
	p = mempcpy(p, &nr_write, sizeof(nr_write));
	p = put(p, "mbench", 7);
	p = put(p, "mbench", 7);
	p = mempcpy(p, &arg, sizeof(arg));
	p = put(p, ms, strlen(ms) + 1);
	p = mempcpy(p, &arg, sizeof(arg));
	p = put(p, "data", 5);
	return (uint32_t)(p - to);
}

/* Builds the request with busy_message() at @offset, in context 1. Return: bytes. */
static uint32_t busy_request(struct raw_front *r, size_t offset, uint64_t session, const char *ms)
{
	char *p = raw_at(r, offset);
	struct virtio_accel_req req = {
		.type = htole32(VIRTIO_ACCEL_T_CALL),
		.context = htole64(1),
	};
	uint32_t len = busy_message(p + sizeof(req), session, ms);

	req.message_len = htole32(len);
	memcpy(p, &req, sizeof(req));
	return (uint32_t)sizeof(req) + len;
}

struct in_flight {
	long long wanted;
};

static bool are_in_flight(void *arg)
{
	struct in_flight *w = arg;

	return daemon_stat(&host, "inflight") == w->wanted;
}

static void expect_in_flight(long long n)
{
	struct in_flight w = { n };

	if (!test_wait(are_in_flight, &w, ANSWER_MS))
		test_die("%lld requests are in flight, not %lld",
			 daemon_stat(&host, "inflight"), n);
}

/* ---- Raw front end ------------------------------------------------------------------------- */

/* Each of several requests in flight on both queues gets its answer, once. */
static void kill_in_flight(uint64_t features, unsigned int per_queue)
{
	struct raw_front r;
	uint64_t session = 0;
	unsigned int n = 2 * per_queue;
	int token[2 * 16];
	bool seen[2 * 16] = { false };
	pid_t worker;

	raw_open(&r, host.socket, features);
	assert_int_equal(raw_session(&r, &session), 0);
	for (unsigned int i = 0; i < n; i++) {
		size_t in = RAW_DATA + i * 0x2000u, out = in + 0x1000;
		const struct vring_buffer b[] = {
			{ .addr = raw_guest(in), .len = busy_request(&r, in, session, LONG_MS) },
			{ .addr = raw_guest(out), .len = 256, .device_writes = true },
		};

		memset(raw_at(&r, out), 0xee, 256);
		assert_int_equal(vring_driver_add(&r.queues[i % 2].vr, b, 2, &token[i]), 0);
		raw_kick(&r, i % 2);
	}
	expect_in_flight(n);
	worker = daemon_worker(&host);
	assert_int_equal(kill(worker, SIGKILL), 0);

	for (unsigned int i = 0; i < n; i++) {
		struct virtio_accel_resp resp;
		void *t = NULL;
		int64_t written = raw_wait(&r, i % 2, ANSWER_MS, &t);
		size_t k = (size_t)((int *)t - token);

		if (written < 0)
			test_die("request %u of %u in flight got no answer", i, n);
		assert_true(k < n);
		assert_false(seen[k]);
		seen[k] = true;
		assert_int_equal(written, sizeof(resp));
		memcpy(&resp, raw_at(&r, RAW_DATA + k * 0x2000u + 0x1000), sizeof(resp));
		assert_int_equal(le32toh(resp.status), VIRTIO_ACCEL_S_SESS);
		assert_int_equal(resp.reply_len, 0);
		assert_int_equal(resp.reserved, 0);
	}
	assert_int_equal(raw_wait(&r, 0, 100, NULL), -1);
	assert_int_equal(raw_wait(&r, 1, 100, NULL), -1);

	/* Another worker serves both queues; the old session is unknown. */
	assert_true(daemon_alive(&host));
	for (r.use = 0; r.use < 2; r.use++) {
		assert_true(raw_send(&r, busy_request(&r, RAW_IN, session, "1"), 4096) > 0);
		assert_int_equal(raw_resp(&r).status, VIRTIO_ACCEL_S_SESS);
		raw_expect_alive(&r);
	}
	assert_int_not_equal(daemon_worker(&host), 0);
	assert_int_not_equal(daemon_worker(&host), worker);
	raw_close(&r);
}

static void test_killed(void **state)
{
	(void)state;
	kill_in_flight(RAW_FEATURES, 1);
	kill_in_flight(RAW_FEATURES | 1ull << VIRTIO_RING_F_EVENT_IDX, 1);
	kill_in_flight(RAW_FEATURES | 1ull << VIRTIO_RING_F_EVENT_IDX, 8);
}

/* With nothing in flight, nothing is lost but the sessions. */
static void test_killed_idle(void **state)
{
	struct raw_front r;

	(void)state;
	raw_open(&r, host.socket, RAW_FEATURES);
	raw_expect_alive(&r);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(kill(daemon_worker(&host), SIGKILL), 0);
		raw_expect_alive(&r);
	}
	raw_close(&r);
}

/* Control messages are answered while there is no worker, or one that does not run. */
static void test_control_without_worker(void **state)
{
	uint8_t config[VU_MAX_CONFIG];
	struct raw_front r;
	uint32_t base;
	pid_t worker;

	(void)state;
	raw_open(&r, host.socket, RAW_FEATURES);
	raw_expect_alive(&r);
	kill(daemon_worker(&host), SIGKILL);
	assert_int_equal(vu_get_config(&r.conn, 0, config, sizeof(config)), 0);
	assert_int_equal(vu_get_vring_base(&r.conn, 0, &base), 0);
	assert_int_equal(base, 2);
	raw_start_queue(&r, 0);
	raw_expect_alive(&r);

	worker = daemon_worker(&host);
	assert_int_equal(kill(worker, SIGSTOP), 0);
	assert_int_equal(vu_get_config(&r.conn, 0, config, sizeof(config)), 0);
	/* This one needs the worker: it is given up. */
	assert_int_equal(vu_get_vring_base(&r.conn, 0, &base), 0);
	assert_int_equal(base, 2);
	kill(worker, SIGCONT);
	raw_start_queue(&r, 0);
	raw_expect_alive(&r);
	raw_close(&r);
}

/* A front end that goes away while operations run */
static void test_front_end_gone(void **state)
{
	struct in_flight none = { 0 };
	uint64_t session = 0;
	struct raw_front r;

	(void)state;
	raw_open(&r, host.socket, RAW_FEATURES);
	assert_int_equal(raw_session(&r, &session), 0);
	const struct vring_buffer b[] = {
		{ .addr = raw_guest(RAW_IN), .len = busy_request(&r, RAW_IN, session, LONG_MS) },
		{ .addr = raw_guest(RAW_OUT), .len = 256, .device_writes = true },
	};
	assert_int_equal(vring_driver_add(&r.queues[0].vr, b, 2, NULL), 0);
	raw_kick(&r, 0);
	expect_in_flight(1);
	raw_close(&r);
	assert_true(test_wait(are_in_flight, &none, ANSWER_MS));

	raw_open(&r, host.socket, RAW_FEATURES);
	raw_expect_alive(&r);
	assert_int_equal(daemon_stat(&host, "sessions"), 0);
	raw_close(&r);
}

/* ---- Native transport ---------------------------------------------------------------------- */

struct caller {
	struct transport *t;
	uint64_t session;
	const char *ms;		/* how long the operation is to take; NULL: LONG_MS */
	uint32_t status;
	int err;
};

static bool opens_session(void *arg)
{
	char message[64], reply[64];
	uint32_t len = (uint32_t)raw_session_message(message), reply_len = sizeof(reply);
	struct caller *c = arg;

	assert_int_equal(c->t->ops->call(c->t, message, len, NULL, 0, reply, &reply_len,
					 &c->status), 0);
	if (c->status == VIRTIO_ACCEL_S_AGAIN)
		return false;
	assert_int_equal(c->status, 0);
	assert_int_equal(reply_len, sizeof(struct virtio_accel_buf) + sizeof(c->session));
	memcpy(&c->session, reply + sizeof(struct virtio_accel_buf), sizeof(c->session));
	c->session = le64toh(c->session);
	return true;
}

/* Waits for a worker that starts again, if need be. */
static uint64_t open_session(struct transport *t)
{
	struct caller c = { .t = t };

	assert_true(test_wait(opens_session, &c, ANSWER_MS));
	return c.session;
}

/* The processes that the supervisor has started, zombies included; those that start workers, oldest first */
static int count_children(pid_t forkers[2])
{
	char path[64], name[32];
	int n = 0, nr = 0, pid;
	FILE *f, *s;

	forkers[0] = forkers[1] = 0;
	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", host.pid, host.pid);
	f = fopen(path, "re");
	assert_non_null(f);
	for (; fscanf(f, "%d", &pid) == 1; n++) {
		snprintf(path, sizeof(path), "/proc/%d/comm", pid);
		s = fopen(path, "re");
		if (s && fscanf(s, "%31s", name) == 1 && !strcmp(name, "accel-forker") && nr < 2)
			forkers[nr++] = pid;
		if (s)
			fclose(s);
	}
	fclose(f);
	return n;
}

/* The two that start workers, and a worker; neither of the two is @arg. */
static bool has_others(void *arg)
{
	pid_t forkers[2], *not = arg;

	return count_children(forkers) == 3 && forkers[1] && forkers[0] != *not && forkers[1] != *not;
}

/* Whoever starts the workers is killed or stopped, the one that works or the spare. */
static void test_forkers(void **state)
{
	static const struct {
		int which, signal;
	} cases[] = { { 0, SIGKILL }, { 1, SIGKILL }, { 0, SIGSTOP }, { 1, SIGSTOP }, { 0, SIGKILL } };
	struct transport *t;
	pid_t forkers[2], nobody = 0;

	(void)state;
	assert_int_equal(transport_open_native(host.socket, &t), 0);
	(void)open_session(t);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_true(test_wait(has_others, &nobody, ANSWER_MS));
		count_children(forkers);
		assert_int_equal(kill(forkers[cases[i].which], cases[i].signal), 0);
		assert_int_equal(kill(daemon_worker(&host), SIGKILL), 0);
		(void)open_session(t);
		assert_true(test_wait(has_others, &forkers[cases[i].which], ANSWER_MS));
	}
	/* Both at once: one goes on. */
	count_children(forkers);
	for (int i = 0; i < 2; i++)
		assert_int_equal(kill(forkers[i], SIGSTOP), 0);
	assert_int_equal(kill(daemon_worker(&host), SIGKILL), 0);
	(void)open_session(t);
	assert_true(test_wait(has_others, &forkers[0], ANSWER_MS));
	t->ops->close(t);
}

static void *call_busy(void *arg)
{
	struct caller *c = arg;
	char message[512];
	uint32_t reply_len = 0, len = busy_message(message, c->session, c->ms ? c->ms : LONG_MS);

	c->err = c->t->ops->call(c->t, message, len, NULL, 0, NULL, &reply_len, &c->status);
	return NULL;
}

static void test_transport(void **state)
{
	struct transport *t;
	struct caller c[8];
	pthread_t id[8];
	pid_t supervisor = host.pid;

	(void)state;
	assert_int_equal(transport_open_native(host.socket, &t), 0);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 8; i++) {
			c[i] = (struct caller){ .t = t, .session = open_session(t) };
			assert_int_equal(pthread_create(&id[i], NULL, call_busy, &c[i]), 0);
		}
		expect_in_flight(8);
		assert_int_equal(kill(daemon_worker(&host), SIGKILL), 0);
		for (int i = 0; i < 8; i++) {
			pthread_join(id[i], NULL);
			assert_int_equal(c[i].err, 0);
			assert_int_equal(c[i].status, VIRTIO_ACCEL_S_SESS);
		}
		(void)open_session(t);
	}
	t->ops->close(t);
	assert_int_equal(host.pid, supervisor);
	assert_true(daemon_alive(&host));
	expect_in_flight(0);
	assert_int_equal(daemon_stat(&host, "sessions"), 0);
}

/* A worker that does not run: the front end waits no longer than its user wants. */
static void test_stopped(void **state)
{
	struct transport *t;
	struct timespec until;
	struct caller c;
	pthread_t id;
	pid_t worker;
	int err;

	(void)state;
	setenv("VACCEL_VIRTIO_TIMEOUT", "2", 1);
	assert_int_equal(transport_open_native(host.socket, &t), 0);
	unsetenv("VACCEL_VIRTIO_TIMEOUT");
	c = (struct caller){ .t = t, .session = open_session(t) };
	worker = daemon_worker(&host);
	assert_int_equal(kill(worker, SIGSTOP), 0);
	assert_int_equal(pthread_create(&id, NULL, call_busy, &c), 0);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 60;
	err = pthread_timedjoin_np(id, NULL, &until);
	kill(worker, SIGCONT);
	assert_int_equal(err, 0);
	assert_int_equal(c.err, ENODEV);
	t->ops->close(t);

	assert_int_equal(transport_open_native(host.socket, &t), 0);
	(void)open_session(t);
	t->ops->close(t);
}

/* The device takes longer than the front end's user would wait for one that is dead. */
static void test_long(void **state)
{
	struct transport *t;
	struct caller c;
	pthread_t id;

	(void)state;
	setenv("VACCEL_VIRTIO_TIMEOUT", "1", 1);
	assert_int_equal(transport_open_native(host.socket, &t), 0);
	unsetenv("VACCEL_VIRTIO_TIMEOUT");
	c = (struct caller){ .t = t, .session = open_session(t), .ms = "8000" };
	assert_int_equal(pthread_create(&id, NULL, call_busy, &c), 0);
	pthread_join(id, NULL);
	assert_int_equal(c.err, 0);
	assert_int_equal(c.status, 0);
	t->ops->close(t);
}

/* The host process itself is killed: calls end, though there is no answer. */
static void test_supervisor_killed(void **state)
{
	struct transport *t;
	struct caller c;
	pthread_t id;
	int status;

	(void)state;
	assert_int_equal(transport_open_native(host.socket, &t), 0);
	c = (struct caller){ .t = t, .session = open_session(t) };
	assert_int_equal(pthread_create(&id, NULL, call_busy, &c), 0);
	expect_in_flight(1);
	assert_int_equal(kill(host.pid, SIGKILL), 0);
	pthread_join(id, NULL);
	assert_int_equal(c.err, ENODEV);
	call_busy(&c);
	assert_int_equal(c.err, ENODEV);
	t->ops->close(t);
	status = stop_daemon(&host);
	assert_int_equal(WTERMSIG(status), SIGKILL);
}

int main(void)
{
	static const char *const args[] = { "--allow=exec", NULL };
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_killed),
		cmocka_unit_test(test_killed_idle),
		cmocka_unit_test(test_control_without_worker),
		cmocka_unit_test(test_front_end_gone),
		cmocka_unit_test(test_forkers),
		cmocka_unit_test(test_transport),
		cmocka_unit_test(test_stopped),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_supervisor_killed),
	};
	int failed;

	test_main_begin(300);
	start_daemon(&host, MBENCH_PLUGIN, args);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	if (failed)
		print_message("The host process said:\n%s", daemon_log(&host));
	stop_daemon(&host);
	return failed;
}
