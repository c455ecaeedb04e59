// SPDX-License-Identifier: Apache-2.0
/*
 * Programs whose vhost-user-accel ends, and is started again at the same socket: the next call connects
 * again; what was made before is lost and says so; what is made from then on works; nothing is left.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support.h"
#include "vaccel.h"

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

#define SIZE	  ((size_t)3 << 20)
#define FOREVER	  (-1)
#define THREADS	  8
#define ROUNDS	  10
#define WAIT_MS	  60000

/* Programs know one path; each process at it has a socket of its own, to which that is a link. */
static struct daemon host;
static char path[128], log_file[128];
static unsigned int nr_tests;

static void point_to_host(void)
{
	char fresh[160];

	snprintf(fresh, sizeof(fresh), "%s.new", path);
	assert_int_equal(symlink(host.socket, fresh), 0);
	assert_int_equal(rename(fresh, path), 0);
}

static void start_host(void)
{
	start_daemon(&host, GATES_PLUGIN, NULL);
	point_to_host();
}

/* Like a service that fails: without a word to anyone. */
static void kill_host(void)
{
	assert_int_equal(kill(host.pid, SIGKILL), 0);
	assert_int_equal(waitpid(host.pid, NULL, 0), host.pid);
	host.pid = 0;
}

/* Like one that an operator restarts. */
static void restart_host(void)
{
	assert_int_equal(stop_daemon(&host), 0);
	start_host();
}

static int setup(void **state)
{
	struct vaccel_config config;

	(void)state;
	snprintf(path, sizeof(path), "%s/accel.sock", test_dir());
	snprintf(log_file, sizeof(log_file), "%s/log-%u-", test_dir(), ++nr_tests);
	setenv("VACCEL_VIRTIO_SOCKET", path, 1);
	setenv("VACCEL_VIRTIO_CONNECT_MS", "100", 1);
	start_host();
	assert_int_equal(vaccel_config_init(&config, VIRTIO_PLUGIN, VACCEL_LOG_WARN, log_file, false,
					    false), 0);
	assert_int_equal(vaccel_bootstrap_with_config(&config), 0);
	vaccel_config_release(&config);
	/* As it was when the library was started */
	unsetenv("VACCEL_VIRTIO_SOCKET");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	assert_int_equal(daemon_stat(&host, "sessions"), 0);
	assert_int_equal(daemon_stat(&host, "resources"), 0);
	assert_int_equal(daemon_stat(&host, "inflight"), 0);
	assert_int_equal(vaccel_cleanup(), 0);
	return stop_daemon(&host);
}

static unsigned int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* Mappings of shared memory files */
static unsigned int count_maps(void)
{
	FILE *f = fopen("/proc/self/maps", "re");
	char line[512];
	unsigned int n = 0;

	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		n += strstr(line, "memfd:vaccel-virtio") != NULL;
	fclose(f);
	return n;
}

static int echo(struct vaccel_session *sess, int *in, int *out, size_t count)
{
	return vaccel_fpga_arraycopy(sess, in, out, count);
}

static void expect_echo(struct vaccel_session *sess)
{
	int in[4] = { 1, 2, 3, 4 }, out[4] = { 0 };

	assert_int_equal(echo(sess, in, out, 4), 0);
	assert_memory_equal(in, out, sizeof(in));
}

static void open_session(struct vaccel_session *sess)
{
	assert_int_equal(vaccel_session_init(sess, 0), 0);
}

/* ---- One thread ----------------------------------------------------------------------------- */

/* The next call of a program that was idle meanwhile */
static void old_session_says_so(void **state)
{
	struct vaccel_session old, new;

	(void)state;
	open_session(&old);
	expect_echo(&old);
	restart_host();
	assert_int_equal(vaccel_noop(&old), VACCEL_ESESS);
	assert_int_equal(test_logged(log_file, "lost the accelerator"), 1);
	assert_int_equal(test_logged(log_file, "connected to"), 1);
	assert_int_equal(vaccel_noop(&old), VACCEL_ESESS);
	assert_int_equal(vaccel_session_update(&old, VACCEL_PLUGIN_REMOTE), VACCEL_ESESS);
	assert_int_equal(test_logged(log_file, "was lost with its host process"), 1);
	open_session(&new);
	expect_echo(&new);
	assert_int_equal(vaccel_noop(&old), VACCEL_ESESS);
	assert_int_equal(vaccel_session_release(&old), 0);
	expect_echo(&new);
	assert_int_equal(count_maps(), 1);
	assert_int_equal(vaccel_session_release(&new), 0);
}

/* A new session is the next call */
static void new_session_works_at_once(void **state)
{
	struct vaccel_session old, new;

	(void)state;
	open_session(&old);
	restart_host();
	open_session(&new);
	/* The ids on the new host are those of before. */
	assert_int_equal(old.remote_id, new.remote_id);
	assert_int_equal(vaccel_noop(&old), VACCEL_ESESS);
	assert_int_equal(vaccel_session_release(&old), 0);
	expect_echo(&new);
	assert_int_equal(vaccel_session_release(&new), 0);
}

static void no_host_for_a_while(void **state)
{
	struct vaccel_session old, new;

	(void)state;
	open_session(&old);
	kill_host();
	for (int i = 0; i < 3; i++) {
		assert_int_equal(vaccel_noop(&old), VACCEL_ENODEV);
		assert_int_equal(vaccel_session_init(&new, 0), VACCEL_ENODEV);
	}
	assert_int_equal(test_logged(log_file, "nothing listens at"), 3);
	start_host();
	while (vaccel_noop(&old) == VACCEL_ENODEV)
		usleep(1000);
	assert_int_equal(vaccel_noop(&old), VACCEL_ESESS);
	open_session(&new);
	expect_echo(&new);
	assert_int_equal(vaccel_session_release(&new), 0);
	/* Without a host it can be released, too. */
	kill_host();
	assert_int_equal(vaccel_session_release(&old), 0);
	assert_int_equal(test_logged(log_file, "could not release"), 0);
	start_host();
}

/* ---- Resources ------------------------------------------------------------------------------ */

static void make_resource(struct vaccel_resource *res, char *text, const char *name)
{
	assert_int_equal(vaccel_resource_init_from_buf(res, text, 8, VACCEL_RESOURCE_DATA, name, true),
			 0);
}

/* What the host has of it */
static void expect_content(struct vaccel_resource *res, struct vaccel_session *sess, const char *text)
{
	memset(res->blobs[0]->data, 'x', 8);
	assert_int_equal(vaccel_resource_sync(res, sess), 0);
	assert_memory_equal(res->blobs[0]->data, text, 8);
}

/* The new host gives out the same ids as the old one, for other resources. */
static void resources_are_sent_again(void **state)
{
	char first[] = "1111111", second[] = "2222222";
	struct vaccel_session old, new;
	struct vaccel_resource a, b;

	(void)state;
	open_session(&old);
	make_resource(&a, first, "a");
	make_resource(&b, second, "b");
	assert_int_equal(vaccel_resource_register(&a, &old), 0);
	assert_int_equal(vaccel_resource_register(&b, &old), 0);
	expect_content(&a, &old, "1111111");
	restart_host();
	assert_int_equal(vaccel_resource_register(&a, &old), 0); /* is so already */
	open_session(&new);
	assert_int_equal(vaccel_resource_register(&b, &new), 0);
	assert_int_equal(vaccel_resource_register(&a, &new), 0);
	assert_int_equal(daemon_stat(&host, "resources"), 2);
	expect_content(&a, &new, "1111111");
	expect_content(&b, &new, "2222222");
	assert_int_equal(vaccel_resource_sync(&a, &old), VACCEL_ESESS);
	/* The end of the old ones is none of the new ones'. */
	assert_int_equal(vaccel_resource_unregister(&a, &old), 0);
	assert_int_equal(vaccel_session_release(&old), 0);
	assert_int_equal(daemon_stat(&host, "resources"), 2);
	expect_content(&a, &new, "1111111");
	expect_content(&b, &new, "2222222");
	assert_int_equal(vaccel_session_release(&new), 0);
	assert_int_equal(daemon_stat(&host, "resources"), 0);
	assert_int_equal(vaccel_resource_release(&a), 0);
	assert_int_equal(vaccel_resource_release(&b), 0);
}

/* ---- Memory --------------------------------------------------------------------------------- */

static void memory_stays(void **state)
{
	struct vaccel_session old, new;
	size_t count = SIZE / sizeof(int);
	int *before, *after, *out;

	(void)state;
	open_session(&old);
	assert_int_equal(vaccel_mem_alloc(&old, SIZE, (void **)&before), 0);
	for (size_t i = 0; i < count; i++)
		before[i] = (int)i;
	restart_host();
	open_session(&new);
	/* It is memory like any other now. */
	out = calloc(1, SIZE);
	assert_non_null(out);
	assert_int_equal(echo(&new, before, out, count), 0);
	assert_memory_equal(before, out, SIZE);
	assert_int_equal(vaccel_mem_alloc(&new, SIZE, (void **)&after), 0);
	assert_int_equal(daemon_stat(&host, "memories"), 1);
	assert_int_equal(echo(&new, before, after, count), 0);
	assert_memory_equal(before, after, SIZE);
	/* In part in one, in part in the other connection */
	assert_int_equal(vaccel_session_release(&old), 0);
	assert_int_equal(echo(&new, after, before, count), 0);
	assert_int_equal(count_maps(), 2);
	assert_int_equal(vaccel_mem_free(before), 0);
	assert_int_equal(count_maps(), 1);
	assert_int_equal(vaccel_mem_free(after), 0);
	assert_int_equal(daemon_stat(&host, "memories"), 0);
	assert_int_equal(vaccel_session_release(&new), 0);
	free(out);
}

/* ---- Threads -------------------------------------------------------------------------------- */

static atomic_int failures, good, phase;

/* EBUSY: killed while the connection was being opened, which looks like a refusal */
static bool is_expected(int ret)
{
	return ret == VACCEL_ESESS || ret == VACCEL_ENODEV || ret == VACCEL_EAGAIN ||
	       ret == VACCEL_EBUSY;
}

/* A program's loop: what is lost is opened again. */
static void *go_on(void *arg)
{
	struct vaccel_session sess;
	bool have = false;
	int *in = calloc(1, SIZE), *out = calloc(1, SIZE);
	size_t count = (size_t)arg % 2 ? SIZE / sizeof(int) : 4;

	while (in && out && atomic_load(&phase) < 2) {
		int ret = have ? VACCEL_OK : vaccel_session_init(&sess, 0);

		have = have || !ret;
		if (have)
			ret = echo(&sess, in, out, count);
		if (!ret) {
			atomic_fetch_add(&good, 1);
			continue;
		}
		if (!is_expected(ret)) {
			print_message("a call gave %d\n", ret);
			atomic_fetch_add(&failures, 1);
		}
		if (have && vaccel_session_release(&sess))
			atomic_fetch_add(&failures, 1);
		have = false;
	}
	if (have)
		vaccel_session_release(&sess);
	free(in);
	free(out);
	return NULL;
}

static bool many_more(void *arg)
{
	return atomic_load(&good) >= *(int *)arg;
}

static void threads_go_on(void **state)
{
	pthread_t threads[THREADS];
	unsigned int fds = count_fds();

	(void)state;
	atomic_store(&phase, 0);
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, go_on, (void *)i), 0);
	for (int round = 0; round < ROUNDS; round++) {
		int wanted = atomic_load(&good) + 20 * THREADS;

		assert_true(test_wait(many_more, &wanted, WAIT_MS));
		kill_host();
		start_host();
	}
	atomic_store(&phase, 2);
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(atomic_load(&failures), 0);
	/* Of the lost connections nothing is left. */
	assert_int_equal(count_maps(), 1);
	assert_int_equal(count_fds(), fds);
}

struct waiting {
	struct vaccel_session sess;
	int gate, ret;
};

static void *wait_at_gate(void *arg)
{
	struct waiting *w = arg;
	float a, c;

	memcpy(&a, &w->gate, sizeof(a));
	w->ret = vaccel_fpga_vadd(&w->sess, &a, &a, &c, 1, 1);
	return NULL;
}

static bool all_wait(void *arg)
{
	(void)arg;
	return daemon_stat(&host, "inflight") == THREADS;
}

/* Calls that would never end */
static void calls_under_way_end(void **state)
{
	struct waiting w[THREADS];
	pthread_t threads[THREADS];

	(void)state;
	for (int i = 0; i < THREADS; i++) {
		w[i].gate = i;
		open_session(&w[i].sess);
		assert_int_equal(pthread_create(&threads[i], NULL, wait_at_gate, &w[i]), 0);
	}
	assert_true(test_wait(all_wait, NULL, WAIT_MS));
	kill_host();
	for (int i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_int_equal(w[i].ret, VACCEL_ENODEV);
	}
	start_host();
	for (int i = 0; i < THREADS; i++) {
		/* Others wait for a tenth of a second after an attempt in vain. */
		while ((w[i].ret = vaccel_noop(&w[i].sess)) == VACCEL_ENODEV)
			usleep(1000);
		assert_int_equal(w[i].ret, VACCEL_ESESS);
		assert_int_equal(vaccel_session_release(&w[i].sess), 0);
	}
}

/* ---- Asynchronous calls --------------------------------------------------------------------- */

static bool is_readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, WAIT_MS) == 1;
}

static void wait_one(struct vaccel_async *q, int fd, struct vaccel_async_done *done)
{
	int ret;

	while ((ret = vaccel_async_wait(q, fd < 0 ? FOREVER : 0, done)) == VACCEL_EAGAIN)
		assert_true(is_readable(fd));
	assert_int_equal(ret, 0);
}

static void queue_goes_on(bool by_fd)
{
	struct vaccel_async *q;
	struct vaccel_async_done done;
	struct vaccel_session sess;
	int in[4] = { 1, 2, 3, 4 }, out[4], gate = 1, fd = -1;
	float a, c;

	memcpy(&a, &gate, sizeof(a));
	assert_int_equal(vaccel_async_new(&q, 8), 0);
	if (by_fd)
		assert_int_equal(vaccel_async_fd(q, &fd), 0);
	open_session(&sess);
	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < 2; i++)
			assert_int_equal(VACCEL_ASYNC(q, NULL, vaccel_fpga_vadd(&sess, &a, &a, &c, 1, 1)),
					 0);
		kill_host();
		start_host();
		for (int i = 0; i < 2; i++) {
			wait_one(q, fd, &done);
			assert_true(is_expected(done.result));
		}
		assert_int_equal(VACCEL_ASYNC(q, NULL, vaccel_noop(&sess)), VACCEL_ESESS);
		assert_int_equal(vaccel_session_release(&sess), 0);
		open_session(&sess);
		memset(out, 0, sizeof(out));
		assert_int_equal(VACCEL_ASYNC(q, NULL, vaccel_fpga_arraycopy(&sess, in, out, 4)), 0);
		wait_one(q, fd, &done);
		assert_int_equal(done.result, 0);
		assert_memory_equal(in, out, sizeof(in));
	}
	assert_int_equal(vaccel_session_release(&sess), 0);
	assert_int_equal(vaccel_async_delete(q), 0);
	assert_int_equal(count_maps(), 1);
}

static void queues_go_on(void **state)
{
	(void)state;
	queue_goes_on(false);
}

static void descriptors_go_on(void **state)
{
	(void)state;
	queue_goes_on(true);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(old_session_says_so),
		TEST(new_session_works_at_once),
		TEST(no_host_for_a_while),
		TEST(resources_are_sent_again),
		TEST(memory_stays),
		TEST(threads_go_on),
		TEST(calls_under_way_end),
		TEST(queues_go_on),
		TEST(descriptors_go_on),
	};

	test_main_begin(280);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
