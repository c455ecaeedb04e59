// SPDX-License-Identifier: Apache-2.0
/*
 * What a call costs in the steady state, counted: no allocation on either side, at most one wake-up a
 * side, and no memory that grows. The program runs itself again under preload_count.c, as does the
 * host; the plugin gates tells what the host has allocated. STEADY_CALLS says how many calls are made.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dlfcn.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support.h"
#include "vaccel.h"

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

#define WARM_UP 1000
#define LARGE	100001

static struct daemon host;
static struct vaccel_session sess;
static unsigned long (*here)(void);

static void start(const char *const *args, const char *poll_us)
{
	struct vaccel_config config;

	start_daemon(&host, GATES_PLUGIN, args);
	setenv("VACCEL_VIRTIO_SOCKET", host.socket, 1);
	setenv("VACCEL_VIRTIO_POLL_US", poll_us, 1);
	assert_int_equal(vaccel_config_init(&config, VIRTIO_PLUGIN, VACCEL_LOG_ERROR, NULL, false,
					    false), 0);
	assert_int_equal(vaccel_bootstrap_with_config(&config), 0);
	vaccel_config_release(&config);
	assert_int_equal(vaccel_session_init(&sess, VACCEL_PLUGIN_REMOTE), 0);
}

static void finish(void)
{
	assert_int_equal(vaccel_session_release(&sess), 0);
	assert_int_equal(vaccel_cleanup(), 0);
	assert_int_equal(stop_daemon(&host), 0);
}

/* What the worker has allocated so far; -1: it does not count */
static double on_host(void)
{
	double in = 0, out = 0, min = 0, max = -1;

	assert_int_equal(vaccel_minmax(&sess, &in, 1, 0, 0, &out, &min, &max), 0);
	return max;
}

static int a[LARGE], b[LARGE];

static void run(unsigned int i)
{
	size_t len = i % 3 ? 16 : i % 2 ? 2000 : LARGE;

	if (i % 5 == 0) {
		assert_int_equal(vaccel_noop(&sess), 0);
		return;
	}
	b[0] = 0;
	a[0] = (int)i + 1;
	assert_int_equal(vaccel_fpga_arraycopy(&sess, a, b, len), 0);
	assert_int_equal(a[0], b[0]);
}

static void run_async(struct vaccel_async *q, unsigned int i)
{
	struct vaccel_async_done done;

	if (VACCEL_ASYNC(q, NULL, vaccel_fpga_arraycopy(&sess, a, b, i % 3 ? 16 : 2000)) == 0)
		return;
	while (vaccel_async_wait(q, -1, &done) == 0)
		assert_int_equal(done.result, 0);
}

static void test_allocations(void **state)
{
	struct vaccel_async *q;
	unsigned long before;
	double host_before, nr = 1;

	(void)state;
	start(NULL, "50");
	/* Until now and then no thread is started any more */
	for (int round = 0; round < 10 && nr; round++) {
		host_before = on_host();
		before = here();
		assert_true(host_before > 0);
		for (unsigned int i = 0; i < WARM_UP; i++)
			run(i);
		nr = on_host() - host_before + (double)(here() - before);
		print_message("%.0f allocations in %d calls\n", nr, WARM_UP);
	}
	assert_true(nr == 0);

	/* Many in flight */
	assert_int_equal(vaccel_async_new(&q, 8), 0);
	for (unsigned int i = 0; i < WARM_UP; i++)
		run_async(q, i);
	before = here();
	for (unsigned int i = 0; i < WARM_UP; i++)
		run_async(q, i);
	assert_int_equal(here() - before, 0);
	assert_int_equal(vaccel_async_delete(q), 0);
	finish();
}

/* Without polling, so that each side sleeps for each call: one kick and one call, no thread between. */
static void test_wakeups(void **state)
{
	const char *const args[] = {"--poll-us=0", NULL};
	const char *const names[] = {"requests", "kicks", "calls", "handovers"};
	long long before[4], nr[4];

	(void)state;
	start(args, "0");
	for (int i = 0; i < WARM_UP; i++)
		assert_int_equal(vaccel_noop(&sess), 0);
	for (int i = 0; i < 4; i++)
		before[i] = daemon_stat(&host, names[i]);
	for (int i = 0; i < WARM_UP; i++)
		assert_int_equal(vaccel_noop(&sess), 0);
	for (int i = 0; i < 4; i++)
		nr[i] = daemon_stat(&host, names[i]) - before[i];
	print_message("%lld requests, %lld kicks, %lld calls, %lld handovers\n", nr[0], nr[1], nr[2],
		      nr[3]);
	assert_int_equal(nr[0], WARM_UP);
	assert_true(nr[1] <= nr[0]);
	assert_true(nr[2] <= nr[0]);
	/* Only a call that was interrupted long enough to look like a long one costs a thread switch. */
	assert_true(nr[3] < WARM_UP / 4);
	finish();
}

/* Resident memory in pages */
static long resident(pid_t pid)
{
	char path[64];
	long size = 0, pages = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
	f = fopen(path, "r");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%ld %ld", &size, &pages), 2);
	fclose(f);
	return pages;
}

static void test_memory(void **state)
{
	const char *text = getenv("STEADY_CALLS");
	unsigned int calls = text ? (unsigned int)atoi(text) : 50000;
	long worker, own;
	pid_t pid;

	(void)state;
	start(NULL, "50");
	pid = daemon_worker(&host);
	for (unsigned int i = 0; i < WARM_UP; i++)
		run(i);
	worker = resident(pid);
	own = resident(getpid());
	for (unsigned int i = 0; i < calls; i++)
		assert_int_equal(vaccel_noop(&sess), 0);
	for (unsigned int i = 0; i < calls / 50; i++)
		run(i);
	print_message("worker: %ld pages after %d calls, %ld after %u; here: %ld and %ld\n", worker,
		      WARM_UP, resident(pid), calls, own, resident(getpid()));
	/*
	 * Now and then the worker takes some 200 pages once, after 50000 calls as after a million. What
	 * would be lost with each call is more: 50000 times 48 bytes are 585 pages.
	 */
	assert_true(resident(pid) <= worker + 512);
	assert_true(resident(getpid()) <= own + 512);
	finish();
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_allocations),
		cmocka_unit_test(test_wakeups),
		cmocka_unit_test(test_memory),
	};

	(void)argc;
	here = (unsigned long (*)(void))dlsym(RTLD_DEFAULT, "preload_allocations");
	if (!here) {
		if (getenv("LD_PRELOAD"))
			test_skip("counting does not work here");
		setenv("LD_PRELOAD", PRELOAD_COUNT, 1);
		execv(argv[0], argv);
		test_die("cannot run %s again", argv[0]);
	}
	test_main_begin(280);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
