// SPDX-License-Identifier: Apache-2.0
/*
 * The worker dies again and again while four threads keep it busy: every call ends, with the right
 * result or with the loss of its session, and nothing is left behind.
 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "support.h"
#include "vaccel.h"

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

#define THREADS 4
#define KILLS 24
#define SMALL 16u	/* travels in the message */
#define LARGE 40000u	/* travels in segments */

static struct daemon host;
static char plugin[256];
static atomic_bool stop;
static atomic_uint good, lost, wrong;

/* One call that is checked. Return: its status. */
static int add(struct vaccel_session *sess, float *a, float *b, float *c, size_t n)
{
	int ret;

	for (size_t i = 0; i < n; i++) {
		a[i] = (float)(rand() % 1000);
		b[i] = (float)(rand() % 1000);
		c[i] = -1;
	}
	ret = vaccel_fpga_vadd(sess, a, b, c, n, n);
	for (size_t i = 0; !ret && i < n; i++)
		if (c[i] != a[i] + b[i])
			return -1;
	return ret;
}

/* Return: false when a call did not end well. @opens: it opens a session. */
static bool count(int ret, bool opens)
{
	bool lost_it = ret == VACCEL_ESESS || (opens && ret == EAGAIN);

	if (!ret)
		good++;
	else if (lost_it)
		lost++;
	else
		wrong++;
	if (ret && !lost_it)
		print_message("a call ended with %d\n", ret);
	return !ret;
}

static void *load(void *arg)
{
	float *a = malloc(3 * LARGE * sizeof(float));

	(void)arg;
	while (!stop) {
		struct vaccel_session sess;
		int ret = vaccel_session_init(&sess, VACCEL_PLUGIN_REMOTE);

		if (!count(ret, true))
			continue;
		for (int i = 0; i < 200 && !stop; i++)
			if (!count(add(&sess, a, a + LARGE, a + 2 * LARGE, i % 8 ? SMALL : LARGE),
				   false))
				break;
		ret = vaccel_session_release(&sess);
		if (ret && ret != VACCEL_ESESS)
			wrong++;
	}
	free(a);
	return NULL;
}

/* Waits for a worker that is not the one before. */
static pid_t next_worker(pid_t before)
{
	pid_t worker = 0;

	for (int ms = 0; ms < 10000; ms++) {
		worker = daemon_worker(&host);
		if (worker && worker != before)
			return worker;
		usleep(1000);
	}
	test_die("there is no new worker after %d", before);
}

static bool all_restarted(void *arg)
{
	return daemon_stat(arg, "restarts") == KILLS;
}

static void survives_kills(void **state)
{
	static const int signals[] = { SIGKILL, SIGSEGV, SIGABRT, SIGBUS };
	pthread_t threads[THREADS];
	pid_t supervisor = host.pid, worker_before = 0;
	struct vaccel_session sess;
	float a[3 * SMALL];
	int ret = 0;

	(void)state;
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, load, NULL), 0);
	for (int i = 0; i < KILLS; i++) {
		pid_t worker = next_worker(worker_before);
		unsigned int before = good;

		/* Some work must have been done, or a kill meets nobody. */
		for (int ms = 0; good < before + THREADS && ms < 10000; ms++)
			usleep(1000);
		usleep((unsigned int)(rand() % 20000));
		kill(worker, signals[i % 4]);
		worker_before = worker;
	}
	stop = true;
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	print_message("%u calls with a result, %u with a lost session\n", good, lost);
	assert_int_equal(wrong, 0);
	assert_true(good > KILLS);
	assert_true(lost > 0);

	/* A worker under a sanitizer takes its time to die: it writes a report. Then all is as before. */
	assert_true(test_wait(all_restarted, &host, 10000));
	for (int ms = 0; ms < 5000; ms++) {
		ret = vaccel_session_init(&sess, VACCEL_PLUGIN_REMOTE);
		if (!ret) {
			ret = add(&sess, a, a + SMALL, a + 2 * SMALL, SMALL);
			vaccel_session_release(&sess);
		}
		if (!ret)
			break;
		usleep(1000);
	}
	assert_int_equal(ret, 0);
	assert_int_equal(host.pid, supervisor);
	assert_true(daemon_alive(&host));
	assert_int_equal(daemon_stat(&host, "sessions"), 0);
	assert_int_equal(daemon_stat(&host, "inflight"), 0);
}

static bool opens_session(void *arg)
{
	return vaccel_session_init(arg, VACCEL_PLUGIN_REMOTE) == 0;
}

/* No worker can start: sessions are lost, and nobody waits for ever. */
static void without_a_worker(void **state)
{
	struct vaccel_session sess, fresh;
	float a[3 * SMALL];
	char away[512];

	(void)state;
	assert_true(test_wait(opens_session, &sess, 20000));
	snprintf(away, sizeof(away), "%s.away", plugin);
	assert_int_equal(rename(plugin, away), 0);
	kill(daemon_worker(&host), SIGKILL);
	for (int i = 0; i < 3; i++)
		assert_int_equal(add(&sess, a, a + SMALL, a + 2 * SMALL, SMALL), VACCEL_ESESS);
	assert_int_equal(vaccel_session_init(&fresh, VACCEL_PLUGIN_REMOTE), EAGAIN);
	assert_int_equal(rename(away, plugin), 0);
	vaccel_session_release(&sess);
	assert_true(test_wait(opens_session, &fresh, 20000));
	assert_int_equal(add(&fresh, a, a + SMALL, a + 2 * SMALL, SMALL), 0);
	vaccel_session_release(&fresh);
}

struct upload {
	struct vaccel_session sess;
	struct vaccel_resource res;
	char *data;
	int ret;
};

static void *upload(void *arg)
{
	struct upload *u = arg;

	u->ret = vaccel_resource_register(&u->res, &u->sess);
	return NULL;
}

/* The worker dies in a request that sends a part of a resource, or between two. */
static void loses_uploads(void **state)
{
	const size_t size = 64 << 20;
	struct upload u = { .data = malloc(size) };
	unsigned int nr_lost = 0;
	pthread_t thread;

	(void)state;
	assert_non_null(u.data);
	memset(u.data, 1, size);
	for (unsigned int i = 0; i < 16; i++) {
		assert_true(test_wait(opens_session, &u.sess, 20000));
		assert_int_equal(vaccel_resource_init_from_buf(&u.res, u.data, size,
							       VACCEL_RESOURCE_DATA, "data", false), 0);
		assert_int_equal(pthread_create(&thread, NULL, upload, &u), 0);
		usleep(i * 1500);
		kill(daemon_worker(&host), SIGKILL);
		pthread_join(thread, NULL);
		if (u.ret) {
			/* EAGAIN: there is no other worker yet. */
			assert_true(u.ret == VACCEL_ESESS || u.ret == EAGAIN);
			nr_lost++;
		} else {
			assert_int_equal(vaccel_resource_unregister(&u.res, &u.sess), 0);
		}
		vaccel_resource_release(&u.res);
		vaccel_session_release(&u.sess);
	}
	print_message("%u of 16 uploads lost\n", nr_lost);
	assert_true(nr_lost > 0);
	free(u.data);
}

/* A copy of the plugin, which can be taken away */
static void copy_plugin(void)
{
	char command[1024];

	snprintf(plugin, sizeof(plugin), "%s/plugin.so", test_dir());
	snprintf(command, sizeof(command), "cp '%s' '%s'", NOOP_PLUGIN, plugin);
	if (system(command))
		test_die("%s cannot be copied", NOOP_PLUGIN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(survives_kills),
		cmocka_unit_test(without_a_worker),
		cmocka_unit_test(loses_uploads),
	};
	struct vaccel_config config;
	char *log;
	int failed;

	test_main_begin(240);
	copy_plugin();
	start_daemon(&host, plugin, NULL);
	setenv("VACCEL_VIRTIO_SOCKET", host.socket, 1);
	/* The library's errors are expected here. */
	if (vaccel_config_init(&config, VIRTIO_PLUGIN, (vaccel_log_level_t)0, NULL, false, false) ||
	    vaccel_bootstrap_with_config(&config))
		test_die("libvaccel does not start");
	vaccel_config_release(&config);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	vaccel_cleanup();
	if (failed) {
		log = daemon_log(&host);
		print_message("The host process said:\n%s", log);
		free(log);
	}
	if (stop_daemon(&host))
		test_die("the host process did not end well");
	return failed;
}
