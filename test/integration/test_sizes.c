// SPDX-License-Identifier: Apache-2.0
/*
 * Arguments of 4 MiB to 8 GiB, from ordinary and from registered memory, and each byte of them verified.
 * Sizes that this machine has not the memory or the time for are skipped, which is said. And more
 * arguments than fit into a request: the log says so.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "support.h"
#include "vaccel.h"

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

#define MIB ((uint64_t)1 << 20)

/* Also beside the places where a number of 32 bits would overflow */
static const uint64_t sizes[] = {
	4 * MIB, 64 * MIB + 4, 1024 * MIB, 4096 * MIB - 4, 4096 * MIB + 4096, 8192 * MIB,
};

/* More arguments than a request has buffers, and together more than fits into its message */
#define NR_ARGS	 2000
#define ARG_SIZE 2048

static struct daemon host;
static struct vaccel_session sess;
static char log_file[128];

static time_t began;

/*
 * Return: bytes that may be used without harm to others; none when the machine is so slow that the
 * test has taken long already.
 */
static uint64_t memory_free(void)
{
	FILE *f = fopen("/proc/meminfo", "r");
	uint64_t kib = 0;
	char line[128];

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "MemAvailable: %" SCNu64, &kib) == 1)
			break;
	if (f)
		fclose(f);
	if (time(NULL) - began > 60)
		return 0;
	return kib * 1024 / 3;
}

/* Each word tells its place. */
static uint32_t word(uint64_t i, uint32_t seed)
{
	return ((uint32_t)i ^ (uint32_t)(i >> 20) * 77) * 2654435761u + seed;
}

static void copies(uint32_t *in, uint32_t *out, uint64_t size, uint32_t seed)
{
	uint64_t nr = size / sizeof(*in);

	for (uint64_t i = 0; i < nr; i++)
		in[i] = word(i, seed);
	assert_int_equal(vaccel_fpga_arraycopy(&sess, (int *)in, (int *)out, nr), 0);
	for (uint64_t i = 0; i < nr; i++)
		if (in[i] != word(i, seed) || out[i] != word(i, seed))
			fail_msg("word %" PRIu64 " of %" PRIu64 " is wrong", i, nr);
}

static void registered(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		long long before = daemon_stat(&host, "bytes_in_place");
		struct vaccel_mem_info info;
		char *p;

		if (2 * sizes[i] > memory_free()) {
			printf("skipped for want of memory or time: %" PRIu64 " MiB\n", sizes[i] / MIB);
			continue;
		}
		assert_int_equal(vaccel_mem_alloc(&sess, 2 * sizes[i], (void **)&p), 0);
		assert_int_equal(vaccel_mem_info(p, &info), 0);
		assert_int_equal(info.kind, VACCEL_MEM_REGISTERED);
		copies((uint32_t *)p, (uint32_t *)(p + sizes[i]), sizes[i], (uint32_t)i);
		assert_int_equal(daemon_stat(&host, "bytes_in_place") - before, 2 * sizes[i]);
		assert_int_equal(vaccel_mem_free(p), 0);
	}
}

static void ordinary(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		char *p;

		/* Twice: in the memory that is shared with the host process, too */
		if (4 * sizes[i] > memory_free()) {
			printf("skipped for want of memory or time: %" PRIu64 " MiB\n", sizes[i] / MIB);
			continue;
		}
		p = mmap(NULL, 2 * sizes[i], PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);
		assert_ptr_not_equal(p, MAP_FAILED);
		copies((uint32_t *)p, (uint32_t *)(p + sizes[i]), sizes[i], (uint32_t)i + 100);
		munmap(p, 2 * sizes[i]);
	}
}

static void too_many(void **state)
{
	static char data[NR_ARGS * ARG_SIZE];
	struct vaccel_arg args[NR_ARGS];

	(void)state;
	for (unsigned int i = 0; i < NR_ARGS; i++)
		assert_int_equal(vaccel_arg_init_from_buf(&args[i], data + (size_t)i * ARG_SIZE,
							  ARG_SIZE, VACCEL_ARG_RAW, 0), 0);
	assert_int_equal(vaccel_exec(&sess, "library", "function", args, NR_ARGS, NULL, 0),
			 VACCEL_EINVAL);
	assert_int_equal(test_logged(log_file, "EXEC: a request or its reply would be larger"), 1);
	for (unsigned int i = 0; i < NR_ARGS; i++)
		assert_int_equal(vaccel_arg_release(&args[i]), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(too_many),
		cmocka_unit_test(registered),
		cmocka_unit_test(ordinary),
	};
	struct vaccel_config config;
	int failed;

	test_main_begin(290);
	began = time(NULL);
	start_daemon(&host, NOOP_PLUGIN, NULL);
	setenv("VACCEL_VIRTIO_SOCKET", host.socket, 1);
	setenv("VACCEL_VIRTIO_MEMORY", "20480", 1);
	snprintf(log_file, sizeof(log_file), "%s/log-", test_dir());
	if (vaccel_config_init(&config, VIRTIO_PLUGIN, VACCEL_LOG_ERROR, log_file, false, false) ||
	    vaccel_bootstrap_with_config(&config) ||
	    vaccel_session_init(&sess, VACCEL_PLUGIN_REMOTE))
		test_die("no session");
	vaccel_config_release(&config);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	vaccel_cleanup();
	if (stop_daemon(&host))
		test_die("the host process failed");
	return failed;
}
