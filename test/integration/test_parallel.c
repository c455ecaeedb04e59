// SPDX-License-Identifier: Apache-2.0
/*
 * What runs at the same time and who waits for whom, through the transport plugin and
 * vhost-user-accel, with the plugin gates: nothing here depends on how long anything takes.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support.h"
#include "vaccel.h"

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

#define HELD	    40	/* below the threads of a queue */
#define QUEUE_HOLDS 64	/* requests in the native transport's virtqueue */
#define THREADS	    64	/* of a queue, in host/worker/serve.c */

static struct daemon host;
static struct vaccel_session a, b;
static cpu_set_t all_cpus;

static void start(const char *poll_us, const char *host_poll)
{
	const char *const args[] = {host_poll, NULL};
	struct vaccel_config config;

	start_daemon(&host, GATES_PLUGIN, args);
	setenv("VACCEL_VIRTIO_SOCKET", host.socket, 1);
	setenv("VACCEL_VIRTIO_POLL_US", poll_us, 1);
	assert_int_equal(vaccel_config_init(&config, VIRTIO_PLUGIN, VACCEL_LOG_ERROR, NULL, false,
					    false), 0);
	assert_int_equal(vaccel_bootstrap_with_config(&config), 0);
	vaccel_config_release(&config);
	assert_int_equal(vaccel_session_init(&a, VACCEL_PLUGIN_REMOTE), 0);
	assert_int_equal(vaccel_session_init(&b, VACCEL_PLUGIN_REMOTE), 0);
}

static void finish(void)
{
	assert_int_equal(vaccel_session_release(&a), 0);
	assert_int_equal(vaccel_session_release(&b), 0);
	assert_int_equal(vaccel_cleanup(), 0);
	assert_int_equal(stop_daemon(&host), 0);
}

static int setup(void **state)
{
	(void)state;
	start("50", "--poll-us=50");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	finish();
	return 0;
}

static void run_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	assert_int_equal(sched_setaffinity(0, sizeof(set), &set), 0);
}

static int first_cpu(void)
{
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &all_cpus))
			return cpu;
	return 0;
}

/* Opens a gate. Return: how many operations waited at it. */
static int open_gate(struct vaccel_session *sess, int gate)
{
	float in, out = 0;
	int waiting;

	memcpy(&in, &gate, sizeof(gate));
	assert_int_equal(vaccel_fpga_mmult(sess, &in, &in, &out, 1), 0);
	memcpy(&waiting, &out, sizeof(waiting));
	return waiting;
}

static struct vaccel_async *queue_of(unsigned int max)
{
	struct vaccel_async *q = NULL;

	assert_int_equal(vaccel_async_new(&q, max), 0);
	return q;
}

static int submit_held(struct vaccel_async *q, float *in, float *out, int gate)
{
	memcpy(in, &gate, sizeof(gate));
	return VACCEL_ASYNC(q, NULL, vaccel_fpga_vadd(&a, in, in, out, 1, 1));
}

/* Waits for the results of all calls in a queue. */
static void take_all(struct vaccel_async *q)
{
	struct vaccel_async_done done;

	while (vaccel_async_wait(q, -1, &done) == 0)
		assert_int_equal(done.result, 0);
	assert_int_equal(vaccel_async_count(q), 0);
}

static void *call_shortly(void *ok)
{
	for (int i = 0; i < 200; i++)
		if (vaccel_noop(&a) || vaccel_noop(&b))
			return NULL;
	return ok;
}

/* Short calls in each queue come and go while a long one of the same session runs. */
static void long_op_delays_nobody(void **state)
{
	struct vaccel_async *q = queue_of(1);
	float in, out;
	int gate = 1;

	(void)state;
	assert_int_equal(submit_held(q, &in, &out, gate), 0);
	/* Each thread that is new uses the next queue, and there are no more than processors. */
	for (int i = 0; i <= CPU_COUNT(&all_cpus); i++) {
		pthread_t thread;
		void *ok = NULL;

		assert_int_equal(pthread_create(&thread, NULL, call_shortly, &gate), 0);
		pthread_join(thread, &ok);
		assert_ptr_equal(ok, &gate);
	}
	assert_int_equal(open_gate(&b, gate), 1);
	take_all(q);
	assert_int_equal(vaccel_async_delete(q), 0);
}

/* One session has many operations under way that do not end: another one does not notice. */
static void many_long_ops_delay_nobody(void **state)
{
	struct vaccel_async *q = queue_of(HELD);
	float in[HELD], out[HELD];
	int gate = 2;

	(void)state;
	for (int i = 0; i < HELD; i++)
		assert_int_equal(submit_held(q, &in[i], &out[i], gate), 0);
	for (int i = 0; i < 200; i++)
		assert_int_equal(vaccel_noop(&b), 0);
	/* All that were sent before those are in the plugin. */
	assert_int_equal(open_gate(&b, gate), HELD);
	take_all(q);
	assert_int_equal(vaccel_async_delete(q), 0);
}

/* ---- Long operations in the background ------------------------------------------------------ */

/* Whether the kernel has what is needed, see host/worker/background.h */
static bool has_autogroups(void)
{
	FILE *f = fopen("/proc/sys/kernel/sched_autogroup_enabled", "r");
	int on = f ? fgetc(f) : EOF;

	if (f)
		fclose(f);
	return on == '1';
}

/* Calls found() with each thread of the worker that has the policy SCHED_IDLE. Return: how many. */
static int in_background(void (*found)(pid_t thread))
{
	struct dirent *d;
	char path[64];
	int nr = 0;
	DIR *tasks;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)daemon_worker(&host));
	tasks = opendir(path);
	assert_non_null(tasks);
	while ((d = readdir(tasks))) {
		pid_t thread = atoi(d->d_name);

		if (*d->d_name == '.' || sched_getscheduler(thread) != SCHED_IDLE)
			continue;
		nr++;
		if (found)
			found(thread);
	}
	closedir(tasks);
	return nr;
}

static bool are_in_background(void *nr)
{
	return in_background(NULL) == *(int *)nr;
}

static bool are_fewer_in_background(void *nr)
{
	return in_background(NULL) < *(int *)nr;
}

static bool lacks_autogroups(void)
{
	if (has_autogroups())
		return false;
	print_message("the kernel has no autogroups: not tested\n");
	return true;
}

/* Long operations give way, short ones do not, and few of their threads are kept, for other long ones. */
static void long_ops_give_way(void **state)
{
	int many = 5;

	(void)state;
	if (lacks_autogroups())
		skip();
	for (int gate = 10; gate < 13; gate++) {
		struct vaccel_async *q = queue_of(5);
		float in[5], out[5];

		for (int i = 0; i < many; i++)
			assert_int_equal(submit_held(q, &in[i], &out[i], gate), 0);
		assert_true(test_wait(are_in_background, &many, 10000));
		for (int i = 0; i < 200; i++)
			assert_int_equal(vaccel_noop(&b), 0);
		assert_int_equal(in_background(NULL), many);
		assert_int_equal(open_gate(&b, gate), many);
		take_all(q);
		assert_true(test_wait(are_fewer_in_background, &many, 10000));
		assert_int_equal(vaccel_async_delete(q), 0);
	}
}

static pid_t threads_seen[64];
static int nr_seen;

static void see(pid_t thread)
{
	for (int i = 0; i < nr_seen; i++)
		if (threads_seen[i] == thread)
			return;
	assert_true(nr_seen < 64);
	threads_seen[nr_seen++] = thread;
}

static bool is_held(void *gate)
{
	(void)gate;
	in_background(see);
	return nr_seen > 0;
}

/* Engines keep a team for each thread that calls: long operations, of whatever session, have the same few. */
static void long_ops_have_the_same_threads(void **state)
{
	(void)state;
	if (lacks_autogroups())
		skip();
	nr_seen = 0;
	for (int gate = 20; gate < 40; gate++) {
		struct vaccel_async *q = queue_of(1);
		struct vaccel_session own;
		float in, out;

		assert_int_equal(vaccel_session_init(&own, VACCEL_PLUGIN_REMOTE), 0);
		memcpy(&in, &gate, sizeof(gate));
		assert_int_equal(VACCEL_ASYNC(q, NULL, vaccel_fpga_vadd(&own, &in, &in, &out, 1, 1)), 0);
		/* Longer than what makes an operation long */
		usleep(80000);
		assert_true(test_wait(is_held, NULL, 10000));
		assert_int_equal(open_gate(&b, gate), 1);
		take_all(q);
		assert_int_equal(vaccel_async_delete(q), 0);
		assert_int_equal(vaccel_session_release(&own), 0);
	}
	assert_in_range(nr_seen, 1, 8);
}

/* ---- Operations that need each other -------------------------------------------------------- */

static void *meet(void *nr)
{
	int in = *(int *)nr, sum = 0, product = 0;
	float fin, fsum, fproduct;
	struct vaccel_session own;

	memcpy(&fin, &in, sizeof(in));
	memcpy(&fsum, &sum, sizeof(sum));
	memcpy(&fproduct, &product, sizeof(product));
	if (vaccel_session_init(&own, VACCEL_PLUGIN_REMOTE) ||
	    vaccel_fpga_parallel(&own, &fin, &fin, &fsum, &fproduct, 1) ||
	    vaccel_session_release(&own))
		return NULL;
	return nr;
}

/* Two, and more, threads' operations are in the plugin at the same time. */
static void threads_run_at_once(void **state)
{
	pthread_t threads[16];

	(void)state;
	for (int nr = 2; nr <= 16; nr *= 2) {
		for (int i = 0; i < nr; i++)
			assert_int_equal(pthread_create(&threads[i], NULL, meet, &nr), 0);
		for (int i = 0; i < nr; i++) {
			void *ok = NULL;

			pthread_join(threads[i], &ok);
			assert_ptr_equal(ok, &nr);
		}
	}
}

/* And so are those that one thread has submitted. */
static void submitted_run_at_once(void **state)
{
	struct vaccel_async *q = queue_of(16);
	float in[16], sum[16], product[16];
	int nr = 16;

	(void)state;
	for (int i = 0; i < nr; i++) {
		memcpy(&in[i], &nr, sizeof(nr));
		assert_int_equal(VACCEL_ASYNC(q, NULL, vaccel_fpga_parallel(&a, &in[i], &in[i],
									    &sum[i], &product[i],
									    1)), 0);
	}
	take_all(q);
	assert_int_equal(vaccel_async_delete(q), 0);
}

/* ---- Fairness ------------------------------------------------------------------------------- */

static atomic_ulong submitted;
static atomic_bool stop;

/* Keeps the virtqueue full. */
static void *flood(void *arg)
{
	struct vaccel_async *q = queue_of(256);
	struct vaccel_async_done done;
	int in = 1, out;

	(void)arg;
	while (!atomic_load(&stop)) {
		atomic_fetch_add(&submitted, 1);
		if (VACCEL_ASYNC(q, NULL, vaccel_fpga_arraycopy(&a, &in, &out, 1)) == 0)
			continue;
		atomic_fetch_sub(&submitted, 1);
		(void)vaccel_async_wait(q, -1, &done);
	}
	assert_int_equal(vaccel_async_delete(q), 0);
	return NULL;
}

/* Of the calls of a session that floods the virtqueue, few overtake another session's. */
static void flood_overtakes_nobody(void **state)
{
	struct vaccel_async *q;
	double worst = 0;
	pthread_t thread;

	(void)state;
	/* All go through one virtqueue. */
	run_on(first_cpu());
	start("50", "--poll-us=50");
	q = queue_of(1);
	atomic_store(&submitted, 0);
	atomic_store(&stop, false);
	assert_int_equal(pthread_create(&thread, NULL, flood, NULL), 0);
	while (atomic_load(&submitted) < 1000)
		sched_yield();
	for (int i = 0; i < 300; i++) {
		double in = 0, out = 0, echoes = 0, allocations = 0;
		unsigned long before;
		int ret;

		do
			ret = VACCEL_ASYNC(q, NULL, vaccel_minmax(&b, &in, 1, 0, 0, &out, &echoes,
								  &allocations));
		while (ret == VACCEL_EAGAIN && sched_yield() == 0);
		assert_int_equal(ret, 0);
		before = atomic_load(&submitted);
		take_all(q);
		if (echoes - (double)before > worst)
			worst = echoes - (double)before;
	}
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
	print_message("%lu calls of the other session; at most %.0f overtook one\n",
		      atomic_load(&submitted), worst);
	assert_true(worst <= QUEUE_HOLDS + THREADS);
	assert_int_equal(vaccel_async_delete(q), 0);
	finish();
	sched_setaffinity(0, sizeof(all_cpus), &all_cpus);
}

/* ---- Sleeping and polling ------------------------------------------------------------------- */

static void pause_a_bit(unsigned int *seed)
{
	for (volatile int i = rand_r(seed) % 3000; i > 0; i--)
		;
	if (rand_r(seed) % 4 == 0)
		usleep((unsigned int)rand_r(seed) % 150);
}

static void *sync_and_async(void *arg)
{
	unsigned int seed = (unsigned int)(uintptr_t)arg;
	struct vaccel_async *q = queue_of(4);
	struct vaccel_async_done done;

	for (int i = 0; i < 400; i++) {
		assert_int_equal(vaccel_noop(&a), 0);
		pause_a_bit(&seed);
		for (int k = rand_r(&seed) % 4; k >= 0; k--)
			(void)VACCEL_ASYNC(q, NULL, vaccel_noop(&b));
		pause_a_bit(&seed);
		while (vaccel_async_wait(q, -1, &done) == 0)
			assert_int_equal(done.result, 0);
	}
	assert_int_equal(vaccel_async_delete(q), 0);
	return arg;
}

/*
 * However long each side polls, nobody sleeps for ever: a wake-up that was lost would leave a call
 * without its end, and the program to its time limit.
 */
static void no_wakeup_is_lost(void **state)
{
	const char *const here[] = {"0", "3", "50"};
	const char *const there[] = {"--poll-us=0", "--poll-us=3", "--poll-us=50"};

	(void)state;
	for (int i = 0; i < 9; i++) {
		pthread_t threads[3];

		start(here[i % 3], there[i / 3]);
		for (uintptr_t k = 0; k < 3; k++)
			assert_int_equal(pthread_create(&threads[k], NULL, sync_and_async,
							(void *)(k + 1)), 0);
		for (int k = 0; k < 3; k++)
			pthread_join(threads[k], NULL);
		finish();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(long_op_delays_nobody, setup, teardown),
		cmocka_unit_test_setup_teardown(many_long_ops_delay_nobody, setup, teardown),
		cmocka_unit_test_setup_teardown(long_ops_give_way, setup, teardown),
		cmocka_unit_test_setup_teardown(long_ops_have_the_same_threads, setup, teardown),
		cmocka_unit_test_setup_teardown(threads_run_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(submitted_run_at_once, setup, teardown),
		cmocka_unit_test(flood_overtakes_nobody),
		cmocka_unit_test(no_wakeup_is_lost),
	};

	sched_getaffinity(0, sizeof(all_cpus), &all_cpus);
	test_main_begin(240);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
