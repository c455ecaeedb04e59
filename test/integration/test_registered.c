// SPDX-License-Identifier: Apache-2.0
/*
 * Registered memory, from vaccel_mem_alloc() to a plugin of the host: nothing is copied, and the host
 * says so itself; and what happens when it ends, or the host does, at a bad time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

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

#define MIB ((size_t)1 << 20)
#define BIG (64 * MIB)

static struct daemon host;
static struct vaccel_session sess;

static void start(const char *plugin)
{
	static const char *const args[] = {"--allow=exec", NULL};
	struct vaccel_config config;

	start_daemon(&host, plugin, args);
	setenv("VACCEL_VIRTIO_SOCKET", host.socket, 1);
	assert_int_equal(vaccel_config_init(&config, VIRTIO_PLUGIN, VACCEL_LOG_ERROR, NULL, false,
					    false), 0);
	assert_int_equal(vaccel_bootstrap_with_config(&config), 0);
	vaccel_config_release(&config);
	assert_int_equal(vaccel_session_init(&sess, VACCEL_PLUGIN_REMOTE), 0);
}

static int setup(void **state)
{
	(void)state;
	start(NOOP_PLUGIN);
	return 0;
}

static int setup_slow(void **state)
{
	(void)state;
	start(MBENCH_PLUGIN);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	assert_int_equal(vaccel_cleanup(), 0);
	/* The plugin has closed its context, and waited for the answer. */
	assert_int_equal(daemon_stat(&host, "sessions"), 0);
	assert_int_equal(daemon_stat(&host, "memories"), 0);
	assert_int_equal(daemon_stat(&host, "memory_bytes"), 0);
	assert_int_equal(stop_daemon(&host), 0);
	return 0;
}

static void *alloc(size_t size)
{
	struct vaccel_mem_info info;
	void *p = NULL;

	assert_int_equal(vaccel_mem_alloc(&sess, size, &p), 0);
	assert_int_equal(vaccel_mem_info(p, &info), 0);
	assert_int_equal(info.kind, VACCEL_MEM_REGISTERED);
	assert_int_equal(info.nr_blocks, 1);
	return p;
}

static void fill(void *data, size_t size, uint32_t seed)
{
	uint32_t *p = data;

	for (size_t i = 0; i < size / sizeof(*p); i++)
		p[i] = seed = seed * 1664525u + 1013904223u;
}

/* The noop plugin copies the first argument that it reads to the only one that it writes. */
static int echo(const void *in, void *out, size_t size, vaccel_arg_type_t type)
{
	struct vaccel_arg read = {.type = type, .size = (uint32_t)size, .buf = (void *)in};
	struct vaccel_arg write = {.type = type, .size = (uint32_t)size, .buf = out};

	return vaccel_exec(&sess, "lib.so", "f", &read, 1, &write, 1);
}

/* What the host says it has done with arguments since the last time. */
static struct bytes {
	long long in_place, snapshot, gathered, written_back;
} last;

static struct bytes since_last(void)
{
	char *json = daemon_stats(&host);
	struct bytes now = {
		stats_number(json, "bytes_in_place"), stats_number(json, "bytes_snapshot"),
		stats_number(json, "bytes_gathered"), stats_number(json, "bytes_written_back")};
	struct bytes diff = {now.in_place - last.in_place, now.snapshot - last.snapshot,
			     now.gathered - last.gathered, now.written_back - last.written_back};

	free(json);
	last = now;
	return diff;
}

#define assert_bytes(place, snap, gather, back)                       \
	do {                                                          \
		struct bytes b = since_last();                        \
		assert_int_equal(b.in_place, place);                  \
		assert_int_equal(b.snapshot, snap);                   \
		assert_int_equal(b.gathered, gather);                 \
		assert_int_equal(b.written_back, back);               \
	} while (0)

/* 64 MiB in and out: not a byte is copied but by the operation itself. */
static void zero_copy(void **state)
{
	char *p = alloc(2 * BIG), *expected = malloc(BIG);

	(void)state;
	assert_non_null(expected);
	assert_int_equal(daemon_stat(&host, "memories"), 1);
	assert_int_equal(daemon_stat(&host, "memory_bytes"), 2 * BIG);
	fill(p, BIG, 1);
	memcpy(expected, p, BIG);
	since_last();
	assert_int_equal(echo(p, p + BIG, BIG, VACCEL_ARG_FLOAT32_ARRAY), 0);
	assert_bytes(2 * BIG, 0, 0, 0);
	assert_memory_equal(p + BIG, expected, BIG);

	/* Parts of it, wherever they are */
	memset(p + BIG, 0, BIG);
	assert_int_equal(echo(p + 8, p + 2 * BIG - 5000, 5000, VACCEL_ARG_INT64_ARRAY), 0);
	assert_bytes(10000, 0, 0, 0);
	assert_memory_equal(p + 2 * BIG - 5000, expected + 8, 5000);
	assert_int_equal(p[2 * BIG - 5001], 0);
	free(expected);
	assert_int_equal(vaccel_mem_free(p), 0);
	assert_int_equal(daemon_stat(&host, "memory_bytes"), 0);
}

/* What a parser reads is a copy all the same. */
static void parsed(void **state)
{
	char *p = alloc(2 * MIB);

	(void)state;
	fill(p, MIB, 2);
	since_last();
	assert_int_equal(echo(p, p + MIB, MIB, VACCEL_ARG_RAW), 0);
	assert_bytes(0, 2 * MIB, 0, MIB);
	assert_memory_equal(p, p + MIB, MIB);
	assert_int_equal(vaccel_mem_free(p), 0);
}

/* An argument that is not aligned for its type cannot be used where it is. */
static void unaligned(void **state)
{
	char *p = alloc(2 * MIB);

	(void)state;
	fill(p, MIB, 3);
	since_last();
	assert_int_equal(echo(p + 3, p + MIB, MIB - 8, VACCEL_ARG_FLOAT32_ARRAY), 0);
	assert_bytes(MIB - 8, 0, MIB - 8, 0);
	assert_memory_equal(p + 3, p + MIB, MIB - 8);
	assert_int_equal(vaccel_mem_free(p), 0);
}

/* Half in registered memory, half behind it; and ordinary memory beside. */
static void not_quite(void **state)
{
	char *p = alloc(5000), *out = malloc(8192);

	(void)state;
	assert_non_null(out);
	memset(p, 7, 5000);
	assert_int_equal(echo(p, out, 5000, VACCEL_ARG_FLOAT32_ARRAY), 0);
	assert_memory_equal(p, out, 5000);
	/* It ends before its last page does. */
	assert_int_equal(echo(p, out, 8192, VACCEL_ARG_FLOAT32_ARRAY), 0);
	assert_memory_equal(p, out, 5000);
	free(out);
	assert_int_equal(vaccel_mem_free(p), 0);
}

static void tensors(void **state)
{
	int64_t dims[] = {512, 512};
	const size_t size = 512 * 512 * sizeof(float);
	float *p = alloc(3 * size);
	struct vaccel_torch_tensor *t[3], *out = NULL;

	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(vaccel_torch_tensor_new(&t[i], 2, dims, VACCEL_TORCH_FLOAT), 0);
		assert_int_equal(vaccel_torch_tensor_set_data(t[i], p + i * 512 * 512, size), 0);
	}
	since_last();
	assert_int_equal(vaccel_torch_sgemm(&sess, &t[0], &t[1], &t[2], 512, 512, 512, &out), 0);
	assert_bytes(3 * size, 0, 0, 0);
	if (out)
		vaccel_torch_tensor_delete(out);
	for (int i = 0; i < 3; i++)
		vaccel_torch_tensor_delete(t[i]);
	assert_int_equal(vaccel_mem_free(p), 0);
}

/* The bytes of a resource go to the host from where they are. */
static void resource(void **state)
{
	struct vaccel_resource res;
	char *p = alloc(MIB);

	(void)state;
	fill(p, MIB, 4);
	assert_int_equal(vaccel_resource_init_from_buf(&res, p, MIB, VACCEL_RESOURCE_DATA, "data",
						       true), 0);
	since_last();
	assert_int_equal(vaccel_resource_register(&res, &sess), 0);
	assert_bytes(MIB, 0, 0, 0);
	assert_int_equal(vaccel_resource_unregister(&res, &sess), 0);
	assert_int_equal(vaccel_resource_release(&res), 0);
	assert_int_equal(vaccel_mem_free(p), 0);
}

/* It is zeroed, also where others had it before. */
static void zeroed(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		unsigned char *p = alloc(3 * MIB);

		for (size_t at = 0; at < 3 * MIB; at++)
			assert_int_equal(p[at], 0);
		memset(p, 0xff, 3 * MIB);
		assert_int_equal(vaccel_mem_free(p), 0);
	}
}

/* It outlives the session, serves others, and ends with the library. */
static void sessions(void **state)
{
	char *p = alloc(2 * MIB);

	(void)state;
	assert_int_equal(vaccel_session_release(&sess), 0);
	assert_int_equal(daemon_stat(&host, "memories"), 1);
	assert_int_equal(vaccel_session_init(&sess, VACCEL_PLUGIN_REMOTE), 0);
	fill(p, MIB, 5);
	since_last();
	assert_int_equal(echo(p, p + MIB, MIB, VACCEL_ARG_UINT8_ARRAY), 0);
	assert_bytes(2 * MIB, 0, 0, 0);
	assert_memory_equal(p, p + MIB, MIB);
}

static void kill_worker(void)
{
	long long restarts = daemon_stat(&host, "restarts");

	kill(daemon_worker(&host), SIGKILL);
	while (daemon_stat(&host, "restarts") == restarts)
		usleep(10000);
}

/* A worker that starts anew knows nothing of the memory: it is registered again when it is used. */
static void worker_lost(void **state)
{
	char *p = alloc(2 * MIB), *q = alloc(MIB);

	(void)state;
	fill(p, MIB, 6);
	for (int round = 0; round < 3; round++) {
		kill_worker();
		assert_int_equal(echo(p, p + MIB, MIB, VACCEL_ARG_FLOAT32_ARRAY), VACCEL_ESESS);
		assert_int_equal(vaccel_session_release(&sess), 0);
		assert_int_equal(vaccel_session_init(&sess, VACCEL_PLUGIN_REMOTE), 0);
		memset(p + MIB, 0, MIB);
		last = (struct bytes){0};
		assert_int_equal(echo(p, p + MIB, MIB, VACCEL_ARG_FLOAT32_ARRAY), 0);
		assert_bytes(2 * MIB, 0, 0, 0);
		assert_memory_equal(p, p + MIB, MIB);
		/* Two memories in one call */
		assert_int_equal(echo(p, q, MIB, VACCEL_ARG_FLOAT32_ARRAY), 0);
		assert_memory_equal(p, q, MIB);
		assert_int_equal(daemon_stat(&host, "memories"), 2);
	}
	/* What the host does not know can be freed. */
	kill_worker();
	assert_int_equal(vaccel_mem_free(p), 0);
	assert_int_equal(vaccel_mem_free(q), 0);
}

static atomic_bool begun;

static void *slow(void *p)
{
	char ms[] = "700";
	struct vaccel_arg read[] = {
		{.type = VACCEL_ARG_STRING, .size = sizeof(ms), .buf = ms},
		{.type = VACCEL_ARG_FLOAT32_ARRAY, .size = MIB, .buf = p},
	};
	struct vaccel_arg write = {.type = VACCEL_ARG_FLOAT32_ARRAY, .size = MIB,
				   .buf = (char *)p + MIB};
	int *result = malloc(sizeof(*result));

	atomic_store(&begun, true);
	*result = vaccel_exec(&sess, "mbench", "mbench", read, 2, &write, 1);
	return result;
}

/* Freed while an operation uses it: the program has it no more, the operation has. */
static void freed_in_use(void **state)
{
	char *p = alloc(2 * MIB), *other;
	struct vaccel_mem_info info;
	pthread_t thread;
	int *result;

	(void)state;
	atomic_store(&begun, false);
	assert_int_equal(pthread_create(&thread, NULL, slow, p), 0);
	while (!atomic_load(&begun) || !daemon_stat(&host, "inflight"))
		usleep(1000);
	assert_int_equal(vaccel_mem_free(p), 0);
	assert_int_equal(vaccel_mem_info(p, &info), VACCEL_ENOENT);
	/* Nobody else gets it meanwhile. */
	other = alloc(2 * MIB);
	assert_ptr_not_equal(other, p);
	pthread_join(thread, (void **)&result);
	assert_int_equal(*result, 0);
	free(result);
	assert_int_equal(daemon_stat(&host, "memories"), 1);
	assert_int_equal(vaccel_mem_free(other), 0);
	other = alloc(2 * MIB);
	assert_ptr_equal(other, p);
	assert_int_equal(vaccel_mem_free(other), 0);
}

/* As many as the host takes, and one more, which is ordinary memory then. */
static void many(void **state)
{
	enum { NR = 4096 };
	static float *p[NR + 1];
	struct vaccel_mem_info info;

	(void)state;
	for (size_t i = 0; i < NR; i++) {
		p[i] = alloc(8192);
		*p[i] = (float)i;
	}
	assert_int_equal(vaccel_mem_alloc(&sess, 8192, (void **)&p[NR]), 0);
	assert_int_equal(vaccel_mem_info(p[NR], &info), 0);
	assert_int_equal(info.kind, VACCEL_MEM_PINNED);
	for (size_t i = 0; i < NR; i++) {
		size_t to = (i * 1237 + 1) % (NR + 1);

		assert_int_equal(echo(p[i], p[to], 8192, VACCEL_ARG_FLOAT32_ARRAY), 0);
		assert_float_equal(*p[to], *p[i], 0);
	}
	for (size_t i = 0; i <= NR; i++)
		assert_int_equal(vaccel_mem_free(p[(i * 5) % (NR + 1)]), 0);
	assert_int_equal(daemon_stat(&host, "memories"), 0);
}

static void *use(void *arg)
{
	for (unsigned int round = 0; round < 60; round++) {
		size_t size = (size_t)8192 << (round % 6);
		char *p[4];

		for (int i = 0; i < 4; i++) {
			if (vaccel_mem_alloc(&sess, 2 * size, (void **)&p[i]))
				return NULL;
			fill(p[i], size, round + (unsigned int)i);
		}
		for (int i = 0; i < 4; i++)
			if (echo(p[i], p[i] + size, size, VACCEL_ARG_FLOAT32_ARRAY) ||
			    memcmp(p[i], p[i] + size, size))
				return NULL;
		for (int i = 0; i < 4; i++)
			if (vaccel_mem_free(p[i]))
				return NULL;
	}
	return arg;
}

static void threads(void **state)
{
	pthread_t thread[4];
	void *result;

	(void)state;
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, use, &sess), 0);
	for (size_t i = 0; i < 4; i++) {
		pthread_join(thread[i], &result);
		assert_non_null(result);
	}
}

/* A child has neither the memory nor the connection, and does not take them from its parent. */
static void forked(void **state)
{
	char *p = alloc(2 * MIB);
	int status;
	pid_t pid;

	(void)state;
	fill(p, MIB, 8);
	pid = fork();
	if (!pid) {
		vaccel_mem_free(p);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(echo(p, p + MIB, MIB, VACCEL_ARG_FLOAT32_ARRAY), 0);
	assert_memory_equal(p, p + MIB, MIB);
	assert_int_equal(daemon_stat(&host, "memories"), 1);
	assert_int_equal(vaccel_mem_free(p), 0);
}

/* More than there is to share: the program gets other memory. */
static void no_memory(void **state)
{
	struct vaccel_mem_info info;
	char *p;

	(void)state;
	assert_int_equal(vaccel_cleanup(), 0);
	assert_int_equal(stop_daemon(&host), 0);
	setenv("VACCEL_VIRTIO_MEMORY", "16", 1);
	start(NOOP_PLUGIN);
	unsetenv("VACCEL_VIRTIO_MEMORY");
	assert_int_equal(vaccel_mem_alloc(&sess, 32 * MIB, (void **)&p), 0);
	assert_int_equal(vaccel_mem_info(p, &info), 0);
	assert_int_equal(info.kind, VACCEL_MEM_PINNED);
	assert_int_equal(echo(p, p + MIB, MIB, VACCEL_ARG_FLOAT32_ARRAY), 0);
	assert_int_equal(vaccel_mem_free(p), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(zero_copy),
		TEST(parsed),
		TEST(unaligned),
		TEST(not_quite),
		TEST(tensors),
		TEST(resource),
		TEST(zeroed),
		TEST(sessions),
		TEST(worker_lost),
		cmocka_unit_test_setup_teardown(freed_in_use, setup_slow, teardown),
		TEST(many),
		TEST(threads),
		TEST(forked),
		TEST(no_memory),
	};

	test_main_begin(240);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
