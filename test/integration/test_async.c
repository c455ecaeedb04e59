// SPDX-License-Identifier: Apache-2.0
/* Asynchronous calls: of a local session, and through the transport plugin and vhost-user-accel. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support.h"
#include "vaccel.h"

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

#define SMALL	  64u	   /* ints that travel in the message */
#define LARGE	  100001u  /* that do not */
#define MANY	  200
#define FOREVER	  -1

static struct daemon host;
static struct vaccel_session local, remote;
static struct vaccel_session *sessions[] = {&local, &remote};

static void start(void)
{
	struct vaccel_config config;
	char plugins[1024];

	start_daemon(&host, GATES_PLUGIN, NULL);
	setenv("VACCEL_VIRTIO_SOCKET", host.socket, 1);
	snprintf(plugins, sizeof(plugins), "%s:%s", GATES_PLUGIN, VIRTIO_PLUGIN);
	assert_int_equal(vaccel_config_init(&config, plugins, VACCEL_LOG_ERROR, NULL, false, false),
			 0);
	assert_int_equal(vaccel_bootstrap_with_config(&config), 0);
	vaccel_config_release(&config);
	assert_int_equal(vaccel_session_init(&local, 0), 0);
	assert_int_equal(vaccel_session_init(&remote, VACCEL_PLUGIN_REMOTE), 0);
	assert_false(local.is_virtio);
	assert_true(remote.is_virtio);
}

static int setup(void **state)
{
	(void)state;
	start();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	assert_int_equal(vaccel_session_release(&remote), 0);
	assert_int_equal(vaccel_session_release(&local), 0);
	assert_int_equal(daemon_stat(&host, "sessions"), 0);
	assert_int_equal(daemon_stat(&host, "inflight"), 0);
	assert_int_equal(vaccel_cleanup(), 0);
	assert_int_equal(stop_daemon(&host), 0);
	return 0;
}

static struct vaccel_async *queue_of(unsigned int max)
{
	struct vaccel_async *q = NULL;

	assert_int_equal(vaccel_async_new(&q, max), 0);
	assert_non_null(q);
	return q;
}

static void open_gate(struct vaccel_session *sess, int gate)
{
	float a[1], c[1];

	memcpy(a, &gate, sizeof(gate));
	assert_int_equal(vaccel_fpga_mmult(sess, a, a, c, 1), 0);
}

/* An operation that waits at a gate; gates are used once. */
static int next_gate;

struct held {
	int gate;
	float a, c;
};

static int submit_held(struct vaccel_async *q, struct held *h, struct vaccel_session *sess)
{
	h->gate = next_gate++;
	memcpy(&h->a, &h->gate, sizeof(h->gate));
	return VACCEL_ASYNC(q, h, vaccel_fpga_vadd(sess, &h->a, &h->a, &h->c, 1, 1));
}

/* ---- Calls ---------------------------------------------------------------------------------- */

static void test_arguments(void **state)
{
	struct vaccel_async *q = NULL;
	struct vaccel_async_done done;
	int result, fd;

	(void)state;
	assert_int_equal(vaccel_async_new(NULL, 1), VACCEL_EINVAL);
	assert_int_equal(vaccel_async_new(&q, 0), VACCEL_EINVAL);
	assert_int_equal(vaccel_async_new(&q, VACCEL_ASYNC_MAX_CALLS + 1), VACCEL_EINVAL);
	assert_null(q);
	q = queue_of(1);
	assert_int_equal(vaccel_async_wait(NULL, 0, &done), VACCEL_EINVAL);
	assert_int_equal(vaccel_async_wait(q, 0, NULL), VACCEL_EINVAL);
	assert_int_equal(vaccel_async_wait(q, -2, &done), VACCEL_EINVAL);
	assert_int_equal(vaccel_async_wait(q, FOREVER, &done), VACCEL_ENOENT);
	assert_int_equal(vaccel_async_wait_for(NULL, NULL, 0, &result), VACCEL_EINVAL);
	assert_int_equal(vaccel_async_wait_for(q, NULL, 0, NULL), VACCEL_EINVAL);
	assert_int_equal(vaccel_async_wait_for(q, NULL, FOREVER, &result), VACCEL_ENOENT);
	assert_int_equal(vaccel_async_fd(NULL, &fd), VACCEL_EINVAL);
	assert_int_equal(vaccel_async_fd(q, NULL), VACCEL_EINVAL);
	assert_int_equal(vaccel_async_count(NULL), 0);
	assert_int_equal(vaccel_async_delete(NULL), VACCEL_EINVAL);
	assert_int_equal(vaccel_plugin_register_async(NULL, NULL), VACCEL_EINVAL);

	/* Not submitted: no queue, no session, no operation. The next call runs as ever. */
	assert_int_equal(VACCEL_ASYNC(NULL, NULL, vaccel_noop(&local)), VACCEL_EINVAL);
	assert_int_equal(VACCEL_ASYNC(q, NULL, vaccel_noop(NULL)), VACCEL_EINVAL);
	assert_int_equal(VACCEL_ASYNC(q, NULL, vaccel_async_begin(q, NULL)), VACCEL_EINVAL);
	assert_int_equal(VACCEL_ASYNC(q, NULL, vaccel_image_pose(&local, "", NULL, 1, 0)),
			 VACCEL_ENOTSUP);
	assert_int_equal(vaccel_async_count(q), 0);
	assert_int_equal(vaccel_noop(&local), 0);
	assert_int_equal(vaccel_async_delete(q), 0);
}

struct echo {
	unsigned int len;
	int *a, *out;
};

static struct echo new_echo(unsigned int len, int seed)
{
	struct echo e = {len, malloc(len * sizeof(int)), calloc(len, sizeof(int))};

	for (unsigned int i = 0; i < len; i++)
		e.a[i] = seed + (int)i;
	return e;
}

static int submit_echo(struct vaccel_async *q, struct echo *e, struct vaccel_session *sess)
{
	return VACCEL_ASYNC(q, e, vaccel_fpga_arraycopy(sess, e->a, e->out, e->len));
}

static void check_echo(struct echo *e)
{
	assert_memory_equal(e->a, e->out, e->len * sizeof(int));
	free(e->a);
	free(e->out);
}

/* Many calls in flight, of all sizes, of both kinds of sessions in one queue. */
static void test_many(void **state)
{
	struct vaccel_async *q = queue_of(2 * MANY);
	struct vaccel_async_done done;
	struct echo e[MANY];
	unsigned int nr = 0;

	(void)state;
	for (int i = 0; i < MANY; i++) {
		int ret;

		e[i] = new_echo(i % 3 ? SMALL : LARGE, i << 8);
		while ((ret = submit_echo(q, &e[i], sessions[i % 2])) == VACCEL_EAGAIN) {
			assert_int_equal(vaccel_async_wait(q, FOREVER, &done), 0);
			assert_int_equal(done.result, 0);
			check_echo(done.user);
			nr++;
		}
		assert_int_equal(ret, 0);
	}
	assert_int_equal(vaccel_async_count(q), MANY - nr);
	while (vaccel_async_wait(q, FOREVER, &done) == 0) {
		assert_int_equal(done.result, 0);
		check_echo(done.user);
		nr++;
	}
	assert_int_equal(nr, MANY);
	assert_int_equal(vaccel_async_wait(q, FOREVER, &done), VACCEL_ENOENT);
	assert_int_equal(vaccel_async_delete(q), 0);
}

/* Waiting for one, for any, in vain. */
static void test_waiting(void **state)
{
	(void)state;
	for (int k = 0; k < 2; k++) {
		struct vaccel_async *q = queue_of(4);
		struct vaccel_async_done done;
		struct held first, second;
		int result = -1;

		assert_int_equal(submit_held(q, &first, sessions[k]), 0);
		assert_int_equal(submit_held(q, &second, sessions[k]), 0);
		assert_int_equal(vaccel_async_wait(q, 0, &done), VACCEL_EAGAIN);
		assert_int_equal(vaccel_async_wait(q, 5, &done), VACCEL_EAGAIN);
		assert_int_equal(vaccel_async_wait_for(q, &second, 0, &result), VACCEL_EAGAIN);
		assert_int_equal(vaccel_async_wait_for(q, &second, 5, &result), VACCEL_EAGAIN);
		open_gate(sessions[k], second.gate);
		assert_int_equal(vaccel_async_wait_for(q, &second, FOREVER, &result), 0);
		assert_int_equal(result, 0);
		assert_int_equal(vaccel_async_wait_for(q, &second, FOREVER, &result), VACCEL_ENOENT);
		open_gate(sessions[k], first.gate);
		assert_int_equal(vaccel_async_wait(q, FOREVER, &done), 0);
		assert_ptr_equal(done.user, &first);
		assert_int_equal(done.result, 0);
		assert_memory_equal(&first.a, &first.c, sizeof(float));
		assert_int_equal(vaccel_async_delete(q), 0);
	}
}

/* A full queue, and results of operations that fail. */
static void test_full(void **state)
{
	float a = 0;
	int bad = -1;

	(void)state;
	memcpy(&a, &bad, sizeof(bad));
	for (int k = 0; k < 2; k++) {
		struct vaccel_async *q = queue_of(2);
		struct vaccel_async_done done;
		float c;

		for (int i = 0; i < 2; i++)
			assert_int_equal(VACCEL_ASYNC(q, &c, vaccel_fpga_mmult(sessions[k], &a, &a,
									       &c, 1)), 0);
		assert_int_equal(VACCEL_ASYNC(q, NULL, vaccel_noop(sessions[k])), VACCEL_EAGAIN);
		for (int i = 0; i < 2; i++) {
			assert_int_equal(vaccel_async_wait(q, FOREVER, &done), 0);
			assert_int_equal(done.result, VACCEL_EINVAL);
		}
		assert_int_equal(vaccel_async_delete(q), 0);
	}
}

/* More than a virtqueue holds: the program is told to wait, and synchronous calls go on. */
static void test_virtqueue_full(void **state)
{
	struct vaccel_async *q = queue_of(VACCEL_ASYNC_MAX_CALLS);
	struct vaccel_async_done done;
	int nr = 0, ret;

	(void)state;
	/* Nothing is taken out of the queue meanwhile. */
	for (int i = 0; i < 10000; i++) {
		ret = VACCEL_ASYNC(q, NULL, vaccel_noop(&remote));
		if (ret)
			break;
		nr++;
	}
	assert_int_equal(ret, VACCEL_EAGAIN);
	assert_int_equal(vaccel_noop(&remote), 0);
	while (vaccel_async_wait(q, FOREVER, &done) == 0) {
		assert_int_equal(done.result, 0);
		nr--;
	}
	assert_int_equal(nr, 0);
	assert_int_equal(vaccel_async_delete(q), 0);
}

/* vaccel_genop, whose arguments lie in an array. */
static void test_genop(void **state)
{
	uint8_t op = VACCEL_OP_FPGA_ARRAYCOPY;
	int in[3] = {1, 2, 3};

	(void)state;
	for (int k = 0; k < 2; k++) {
		struct vaccel_async *q = queue_of(1);
		int out[3] = {0}, result = -1;
		struct vaccel_arg read[] = {
			{.type = VACCEL_ARG_UINT8, .buf = &op, .size = 1},
			{.type = VACCEL_ARG_INT32_ARRAY, .buf = in, .size = sizeof(in)},
		};
		struct vaccel_arg write = {
			.type = VACCEL_ARG_INT32_ARRAY, .buf = out, .size = sizeof(out)};

		assert_int_equal(VACCEL_ASYNC(q, q, vaccel_genop(sessions[k], read, 2, &write, 1)), 0);
		assert_int_equal(vaccel_async_wait_for(q, q, FOREVER, &result), 0);
		assert_int_equal(result, 0);
		assert_memory_equal(in, out, sizeof(in));
		assert_int_equal(vaccel_async_delete(q), 0);
	}
}

/* ---- Descriptors ---------------------------------------------------------------------------- */

static int is_readable(int fd, int timeout_ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, timeout_ms) == 1;
}

static void test_fd(void **state)
{
	(void)state;
	for (int k = 0; k < 2; k++) {
		struct vaccel_async *q = queue_of(MANY);
		struct vaccel_async_done done;
		struct held h;
		int fd = -1, again = -1, nr = 0, ret;

		assert_int_equal(VACCEL_ASYNC(q, NULL, vaccel_noop(sessions[k])), 0);
		assert_int_equal(vaccel_async_fd(q, &fd), VACCEL_EBUSY);
		assert_int_equal(vaccel_async_wait(q, FOREVER, &done), 0);
		assert_int_equal(vaccel_async_fd(q, &fd), 0);
		assert_int_equal(submit_held(q, &h, sessions[k]), 0);
		assert_int_equal(vaccel_async_fd(q, &again), 0);
		assert_int_equal(fd, again);
		/* It may be readable for the answer to another's call, but not for ever. */
		for (int i = 0; i < 10; i++)
			if (is_readable(fd, 1))
				assert_int_equal(vaccel_async_wait(q, 0, &done), VACCEL_EAGAIN);
		assert_false(is_readable(fd, 0));
		open_gate(sessions[k], h.gate);
		while ((ret = vaccel_async_wait(q, 0, &done)) == VACCEL_EAGAIN)
			assert_true(is_readable(fd, 60000));
		assert_int_equal(ret, 0);
		assert_ptr_equal(done.user, &h);
		for (int i = 0; i < 50; i++)
			assert_int_equal(VACCEL_ASYNC(q, NULL, vaccel_noop(sessions[k])), 0);
		while (nr < 50) {
			assert_true(is_readable(fd, 60000));
			while (vaccel_async_wait(q, 0, &done) == 0)
				nr++;
		}
		/* Synchronous calls do not take away what tells of the others. */
		for (int i = 0; i < 1000; i++) {
			assert_int_equal(VACCEL_ASYNC(q, NULL, vaccel_noop(sessions[k])), 0);
			assert_int_equal(vaccel_noop(sessions[k]), 0);
			while ((ret = vaccel_async_wait(q, 0, &done)) == VACCEL_EAGAIN)
				assert_true(is_readable(fd, 60000));
			assert_int_equal(ret, 0);
		}
		assert_int_equal(vaccel_async_delete(q), 0);
	}
}

/* ---- Threads and signals -------------------------------------------------------------------- */

struct taker {
	struct vaccel_async *q;
	atomic_int *left;
};

static void *take_all(void *arg)
{
	struct taker *t = arg;
	struct vaccel_async_done done;

	while (atomic_load(t->left) > 0) {
		int ret = vaccel_async_wait(t->q, 20, &done);

		if (!ret && !done.result) {
			check_echo(done.user);
			atomic_fetch_sub(t->left, 1);
		}
	}
	return NULL;
}

/* Several threads submit to and take from one queue, and each call is taken once. */
static void test_threads(void **state)
{
	(void)state;
	for (int k = 0; k < 2; k++) {
		struct vaccel_async *q = queue_of(64);
		atomic_int left = MANY;
		struct taker taker = {q, &left};
		struct echo e[MANY];
		pthread_t threads[3];

		for (int i = 0; i < 3; i++)
			assert_int_equal(pthread_create(&threads[i], NULL, take_all, &taker), 0);
		for (int i = 0; i < MANY; i++) {
			int ret;

			e[i] = new_echo(i % 5 ? SMALL : LARGE, i << 8);
			while ((ret = submit_echo(q, &e[i], sessions[k])) == VACCEL_EAGAIN)
				usleep(100);
			assert_int_equal(ret, 0);
		}
		for (int i = 0; i < 3; i++)
			pthread_join(threads[i], NULL);
		assert_int_equal(atomic_load(&left), 0);
		assert_int_equal(vaccel_async_count(q), 0);
		assert_int_equal(vaccel_async_delete(q), 0);
	}
}

static atomic_int nr_signals;

static void on_signal(int sig)
{
	(void)sig;
	nr_signals++;
}

/* Signals neither end a wait nor lose or double a result. */
static void test_signals(void **state)
{
	struct sigaction act = {.sa_handler = on_signal}, old;
	const struct itimerval often = {{0, 300}, {0, 300}}, off = {{0, 0}, {0, 0}};

	(void)state;
	sigaction(SIGALRM, NULL, &old);
	alarm(0);
	sigaction(SIGALRM, &act, NULL);
	for (int k = 0; k < 2; k++) {
		struct vaccel_async *q = queue_of(4);
		struct vaccel_async_done done;
		struct held h;

		nr_signals = 0;
		assert_int_equal(submit_held(q, &h, sessions[k]), 0);
		setitimer(ITIMER_REAL, &often, NULL);
		while (nr_signals < 3)
			assert_int_equal(vaccel_async_wait(q, 3, &done), VACCEL_EAGAIN);
		open_gate(sessions[k], h.gate);
		assert_int_equal(vaccel_async_wait(q, FOREVER, &done), 0);
		assert_int_equal(done.result, 0);
		for (int i = 0; i < 500; i++) {
			struct echo e = new_echo(SMALL, i);

			assert_int_equal(submit_echo(q, &e, sessions[k]), 0);
			assert_int_equal(vaccel_async_wait(q, FOREVER, &done), 0);
			assert_int_equal(done.result, 0);
			check_echo(&e);
		}
		setitimer(ITIMER_REAL, &off, NULL);
		assert_int_equal(vaccel_async_delete(q), 0);
	}
	sigaction(SIGALRM, &old, NULL);
	alarm(100);
}

/* ---- The end of things ---------------------------------------------------------------------- */

static void *open_later(void *arg)
{
	struct held *h = arg;

	usleep(50000);
	open_gate(&remote, h->gate);
	open_gate(&local, h->gate);
	return NULL;
}

/* A session is released, and a queue deleted, while calls of it run: both wait for them. */
static void test_release(void **state)
{
	(void)state;
	for (int k = 0; k < 4; k++) {
		struct vaccel_async *q = queue_of(4);
		struct vaccel_async_done done;
		struct vaccel_session sess;
		struct held h = {.c = 0};
		pthread_t thread;

		assert_int_equal(vaccel_session_init(&sess, k % 2 ? VACCEL_PLUGIN_REMOTE : 0), 0);
		assert_int_equal(submit_held(q, &h, &sess), 0);
		assert_int_equal(pthread_create(&thread, NULL, open_later, &h), 0);
		if (k < 2) {
			assert_int_equal(vaccel_session_release(&sess), 0);
			assert_memory_equal(&h.a, &h.c, sizeof(float));
			assert_int_equal(vaccel_async_wait(q, 0, &done), 0);
			assert_ptr_equal(done.user, &h);
			assert_int_equal(done.result, 0);
			assert_int_equal(vaccel_async_delete(q), 0);
		} else {
			assert_int_equal(vaccel_async_delete(q), 0);
			assert_memory_equal(&h.a, &h.c, sizeof(float));
			assert_int_equal(vaccel_session_release(&sess), 0);
		}
		pthread_join(thread, NULL);
	}
}

/* A child cannot use its parent's queue, and does not harm it. */
static void test_fork(void **state)
{
	(void)state;
	for (int k = 0; k < 2; k++) {
		struct vaccel_async *q = queue_of(4);
		struct vaccel_async_done done;
		struct held h;
		int status = -1, fd;
		pid_t child;

		assert_int_equal(submit_held(q, &h, sessions[k]), 0);
		child = fork();
		assert_true(child >= 0);
		if (!child) {
			int result, bad = 0;

			alarm(60);
			bad |= vaccel_async_wait(q, FOREVER, &done) != VACCEL_ENODEV;
			bad |= vaccel_async_wait_for(q, &h, FOREVER, &result) != VACCEL_ENODEV;
			bad |= vaccel_async_fd(q, &fd) != VACCEL_ENODEV;
			bad |= VACCEL_ASYNC(q, NULL, vaccel_noop(sessions[k])) != VACCEL_ENODEV;
			bad |= vaccel_async_count(q) != 0;
			bad |= vaccel_async_delete(q) != 0;
			/* Queues of its own work, where there is a session. */
			bad |= vaccel_async_new(&q, 4) != 0;
#ifndef __SANITIZE_THREAD__ /* whose children can start no thread */
			bad |= !k && VACCEL_ASYNC(q, q, vaccel_noop(&local)) != 0;
			bad |= !k && vaccel_async_wait_for(q, q, FOREVER, &result) != 0;
#endif
			bad |= vaccel_async_delete(q) != 0;
			_exit(bad);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_int_equal(status, 0);
		open_gate(sessions[k], h.gate);
		assert_int_equal(vaccel_async_wait(q, FOREVER, &done), 0);
		assert_int_equal(done.result, 0);
		assert_int_equal(vaccel_async_delete(q), 0);
	}
}

/* The worker dies with calls in flight: each ends, with ESESS. */
static void test_worker_killed(void **state)
{
	struct vaccel_async *q = queue_of(8);
	struct vaccel_async_done done;
	struct held h[4];

	(void)state;
	for (int i = 0; i < 4; i++)
		assert_int_equal(submit_held(q, &h[i], &remote), 0);
	assert_int_equal(vaccel_async_wait(q, 20, &done), VACCEL_EAGAIN);
	kill(daemon_worker(&host), SIGKILL);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(vaccel_async_wait(q, FOREVER, &done), 0);
		assert_int_equal(done.result, VACCEL_ESESS);
	}
	assert_int_equal(vaccel_async_delete(q), 0);
	assert_int_equal(vaccel_session_release(&remote), 0);
	while (vaccel_session_init(&remote, VACCEL_PLUGIN_REMOTE))
		usleep(1000);
}

/* The host is gone for good: ENODEV, also for who sleeps on the descriptor. */
static void test_host_gone(void **state)
{
	struct vaccel_async *q = queue_of(8);
	struct vaccel_async_done done;
	struct held h[2];
	int fd, ret;

	(void)state;
	assert_int_equal(vaccel_async_fd(q, &fd), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(submit_held(q, &h[i], &remote), 0);
	kill(host.pid, SIGKILL);
	while ((ret = vaccel_async_wait(q, 0, &done)) == VACCEL_EAGAIN)
		assert_true(is_readable(fd, 60000));
	assert_int_equal(ret, 0);
	assert_int_equal(done.result, VACCEL_ENODEV);
	assert_int_equal(vaccel_async_wait(q, FOREVER, &done), 0);
	assert_int_equal(done.result, VACCEL_ENODEV);
	assert_int_equal(VACCEL_ASYNC(q, NULL, vaccel_noop(&remote)), VACCEL_ENODEV);
	assert_int_equal(vaccel_async_delete(q), 0);
	(void)vaccel_session_release(&remote);
	assert_int_equal(vaccel_session_release(&local), 0);
	assert_int_equal(vaccel_cleanup(), 0);
	(void)stop_daemon(&host);
}

/* The library ends with a call in flight, whose result is there afterwards. */
static void test_cleanup(void **state)
{
	struct vaccel_async *q;
	struct vaccel_async_done done;
	struct echo e;

	(void)state;
	start();
	q = queue_of(2);
	e = new_echo(LARGE, 7);
	assert_int_equal(submit_echo(q, &e, &remote), 0);
	assert_int_equal(vaccel_cleanup(), 0);
	assert_int_equal(vaccel_async_wait(q, 0, &done), 0);
	assert_int_equal(done.result, 0);
	check_echo(&e);
	assert_int_equal(vaccel_async_delete(q), 0);
	assert_int_equal(stop_daemon(&host), 0);
}

int main(void)
{
	const struct CMUnitTest calls[] = {
		cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_waiting),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_virtqueue_full),
		cmocka_unit_test(test_genop),
		cmocka_unit_test(test_fd),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_signals),
		cmocka_unit_test(test_release),
		cmocka_unit_test(test_fork),
		cmocka_unit_test(test_worker_killed),
	};
	const struct CMUnitTest ends[] = {
		cmocka_unit_test_setup(test_host_gone, setup),
		cmocka_unit_test(test_cleanup),
	};
	int failed;

	test_main_begin(240);
	failed = cmocka_run_group_tests_name("calls", calls, setup, teardown);
	failed += cmocka_run_group_tests_name("ends", ends, NULL, NULL);
	return failed != 0;
}
