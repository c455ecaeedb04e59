// SPDX-License-Identifier: Apache-2.0
/*
 * Traces of programs whose operations a vhost-user-accel runs: spans of both sides, on one clock. Each program is
 * this one again, and check-trace says whether what it has left is right.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support.h"
#include "vaccel.h"

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

#define LARGE 300001 /* ints: more than travels in a message */

static struct daemon host;
static struct vaccel_session sess;
static const char *self;
static char trace[160];

static int a[LARGE], b[LARGE];

/* ---- The programs ---------------------------------------------------------------------------- */

static void start(struct vaccel_session *session)
{
	struct vaccel_config config;

	assert_int_equal(vaccel_config_init(&config, VIRTIO_PLUGIN, VACCEL_LOG_ERROR, NULL, false, false), 0);
	assert_int_equal(vaccel_bootstrap_with_config(&config), 0);
	vaccel_config_release(&config);
	assert_int_equal(vaccel_session_init(session, VACCEL_PLUGIN_REMOTE), 0);
}

static void run_calls(void)
{
	start(&sess);
	for (int i = 0; i < 50; i++)
		assert_int_equal(vaccel_noop(&sess), 0);
	assert_int_equal(vaccel_fpga_arraycopy(&sess, a, b, 16), 0);
	assert_int_equal(vaccel_fpga_arraycopy(&sess, a, b, LARGE), 0);
	assert_int_equal(vaccel_session_release(&sess), 0);
	/* Left to the end of the process */
}

static void run_async(void)
{
	struct vaccel_async_done done;
	struct vaccel_async *q;

	start(&sess);
	assert_int_equal(vaccel_async_new(&q, 16), 0);
	for (int i = 0; i < 200; i++) {
		while (VACCEL_ASYNC(q, NULL, vaccel_noop(&sess))) {
			assert_int_equal(vaccel_async_wait(q, -1, &done), 0);
			assert_int_equal(done.result, 0);
		}
	}
	while (vaccel_async_wait(q, -1, &done) == 0)
		assert_int_equal(done.result, 0);
	assert_int_equal(vaccel_async_delete(q), 0);
	assert_int_equal(vaccel_session_release(&sess), 0);
	assert_int_equal(vaccel_cleanup(), 0);
}

static void *call_often(void *arg)
{
	for (int i = 0; i < 100; i++)
		assert_int_equal(vaccel_noop(&sess), 0);
	return arg;
}

static void run_threads(void)
{
	pthread_t threads[4];

	start(&sess);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, call_often, NULL), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(vaccel_session_release(&sess), 0);
	assert_int_equal(vaccel_cleanup(), 0);
}

/* The next worker has a clock of its own. */
static void run_lost(void)
{
	struct vaccel_session other;

	start(&sess);
	assert_int_equal(vaccel_noop(&sess), 0);
	assert_int_equal(kill((pid_t)atoi(getenv("WORKER")), SIGKILL), 0);
	while (vaccel_noop(&sess) == 0)
		;
	while (vaccel_session_init(&other, VACCEL_PLUGIN_REMOTE))
		usleep(10000);
	assert_int_equal(vaccel_fpga_arraycopy(&other, a, b, 16), 0);
	assert_int_equal(vaccel_session_release(&other), 0);
	assert_int_equal(vaccel_session_release(&sess), 0);
	assert_int_equal(vaccel_cleanup(), 0);
}

/* A child has a trace of its own. */
static void run_fork(void)
{
	static struct vaccel_session own;
	int status;
	pid_t pid;

	start(&sess);
	assert_int_equal(vaccel_noop(&sess), 0);
	pid = fork();
	if (!pid) {
		start(&own);
		for (int i = 0; i < 3; i++)
			assert_int_equal(vaccel_noop(&own), 0);
		assert_int_equal(vaccel_session_release(&own), 0);
		assert_int_equal(vaccel_cleanup(), 0);
		/* What the parent has is its own to free. */
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(vaccel_noop(&sess), 0);
	assert_int_equal(vaccel_session_release(&sess), 0);
}

/* ---- The tests ------------------------------------------------------------------------------- */

static int run(const char *program)
{
	int status;
	pid_t pid;

	fflush(NULL);
	setenv("VACCEL_TRACE", trace, 1);
	pid = fork();
	if (!pid) {
		execl(self, self, program, NULL);
		_exit(127);
	}
	unsetenv("VACCEL_TRACE");
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static bool is_right(const char *path, const char *arguments)
{
	char command[1024];

	snprintf(command, sizeof(command), "python3 " CHECK_TRACE " %s %s", path, arguments);
	return system(command) == 0;
}

static int start_host(void **state)
{
	const char *const args[] = { "--max-clients=4", NULL };

	(void)state;
	start_daemon(&host, NOOP_PLUGIN, args);
	setenv("VACCEL_VIRTIO_SOCKET", host.socket, 1);
	snprintf(trace, sizeof(trace), "%s/trace.json", test_dir());
	return 0;
}

static int stop_host(void **state)
{
	(void)state;
	assert_int_equal(stop_daemon(&host), 0);
	return 0;
}

static void test_calls(void **state)
{
	(void)state;
	assert_int_equal(run("calls"), 0);
	assert_true(is_right(trace, "--host --calls NOOP=50 --calls FPGA_ARRAYCOPY=2 --calls SESSION_INIT=1 "
				    "--calls SESSION_RELEASE=1 --spans 'driver wait=54' --spans engine=53"));
}

/* The same in the format of OpenTelemetry */
static void test_otlp(void **state)
{
	char command[1024];

	(void)state;
	snprintf(trace, sizeof(trace), "%s/trace.jsonl", test_dir());
	assert_int_equal(run("calls"), 0);
	snprintf(command, sizeof(command), "python3 " CHECK_OTLP " %s --spans NOOP=50 --spans engine=53 "
		 "--under engine='driver wait' --spans 'driver wait=54'", trace);
	assert_int_equal(system(command), 0);
	assert_int_equal(run("async"), 0);
	snprintf(command, sizeof(command), "python3 " CHECK_OTLP " %s --spans NOOP=200 --under engine='driver wait'", trace);
	assert_int_equal(system(command), 0);
}

static void test_async(void **state)
{
	(void)state;
	assert_int_equal(run("async"), 0);
	assert_true(is_right(trace, "--host --calls NOOP=200"));
}

static void test_threads(void **state)
{
	(void)state;
	assert_int_equal(run("threads"), 0);
	assert_true(is_right(trace, "--host --calls NOOP=400"));
}

static void test_fork(void **state)
{
	char command[400];

	(void)state;
	assert_int_equal(run("fork"), 0);
	assert_true(is_right(trace, "--host --calls NOOP=2"));
	snprintf(command, sizeof(command), "mv %s.[0-9]* %s.child", trace, trace);
	assert_int_equal(system(command), 0);
	snprintf(command, sizeof(command), "%s.child", trace);
	assert_true(is_right(command, "--host --calls NOOP=3"));
}

static void test_lost(void **state)
{
	char worker[24];

	(void)state;
	assert_int_equal(stop_daemon(&host), 0);
	start_daemon(&host, NOOP_PLUGIN, NULL);
	setenv("VACCEL_VIRTIO_SOCKET", host.socket, 1);
	snprintf(worker, sizeof(worker), "%d", (int)daemon_worker(&host));
	setenv("WORKER", worker, 1);
	assert_int_equal(run("lost"), 0);
	assert_true(is_right(trace, "--calls FPGA_ARRAYCOPY=1 --calls 'host clock=0'"));
}

static int be_program(const char *name)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} programs[] = {
		{ "calls", run_calls }, { "async", run_async }, { "threads", run_threads }, { "lost", run_lost },
		{ "fork", run_fork },
	};

	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		if (strcmp(name, programs[i].name) == 0) {
			programs[i].run();
			return 0;
		}
	}
	return 1;
}

int main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start_host, stop_host)
	const struct CMUnitTest tests[] = {
		TEST(test_calls), TEST(test_otlp), TEST(test_async), TEST(test_threads), TEST(test_fork), TEST(test_lost),
	};

	if (argc == 2)
		return be_program(argv[1]);
	self = argv[0];
	test_main_begin(120);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
