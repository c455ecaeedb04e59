// SPDX-License-Identifier: Apache-2.0
/* join_runs(): scattered pieces of shared memory as one range, without a copy. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "util.h"
#include "join.h"
#include "quota.h"

#define MIB  ((size_t)1 << 20)
#define SIZE (16 * MIB)
#define PAGE ((size_t)4096)

static uint8_t *memory;
static struct joins *ranges;
static const struct memory usual; /* no huge pages */

static int start(void **state)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	(void)state;
	ranges = joins_new(NULL);
	if (!ranges || fd < 0 || ftruncate(fd, SIZE))
		return -1;
	memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (memory == MAP_FAILED)
		return -1;
	for (size_t i = 0; i < SIZE / sizeof(uint32_t); i++)
		((uint32_t *)memory)[i] = (uint32_t)i;
	return 0;
}

/* How many times parts of the memory are mapped */
static unsigned int nr_mappings(void)
{
	FILE *f = fopen("/proc/self/maps", "re");
	unsigned int nr = 0;
	char line[512];

	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		nr += strstr(line, "memfd:test") != NULL;
	fclose(f);
	return nr;
}

/* An emulator has a list of its own. */
static void expect_mappings(unsigned int nr)
{
	if (!getenv("MESON_EXE_WRAPPER"))
		assert_int_equal(nr_mappings(), nr);
}

static void joins(void **state)
{
	/* backwards, from within a page to within a page, and one piece twice */
	const struct iovec runs[] = {
		{memory + 9 * MIB + 100, MIB - 100},
		{memory + 4 * MIB, MIB},
		{memory, 2 * MIB},
		{memory + 4 * MIB, MIB - 4095},
	};
	uint64_t len = 5 * MIB - 100 - 4095;
	unsigned int before = nr_mappings(), mapped;
	struct join *j, *again;
	uint8_t *at, *base = join_runs(ranges, &usual, runs, 4, len, &j);

	(void)state;
	assert_non_null(base);
	assert_int_equal((uintptr_t)base % 4096, 100);
	at = base;
	for (int i = 0; i < 4; i++) {
		assert_memory_equal(at, runs[i].iov_base, runs[i].iov_len);
		at += runs[i].iov_len;
	}
	/* It is the same memory, both ways. */
	base[0] = 0x5a;
	assert_int_equal(memory[9 * MIB + 100], 0x5a);
	memory[4 * MIB + 7] = 0xa5;
	assert_int_equal(base[MIB - 100 + 7], 0xa5);
	assert_int_equal(base[4 * MIB - 100 + 7], 0xa5);

	/* Who comes meanwhile or later gets the same. */
	mapped = nr_mappings();
	assert_true(mapped > before);
	assert_ptr_equal(join_runs(ranges, &usual, runs, 4, len, &again), base);
	join_release(again);
	join_release(j);
	assert_ptr_equal(join_runs(ranges, &usual, runs, 4, len, &again), base);
	join_release(again);
	expect_mappings(mapped);
	join_clear(ranges);
	expect_mappings(before);
	assert_int_equal(memory[9 * MIB + 100], 0x5a);
	/* Nothing is left of the range either. */
	skip_if_emulated("what is not mapped cannot be told");
	assert_int_equal(msync(base - 100, 5 * MIB, MS_ASYNC), -1);
}

/* Pages of the memory, @first and every @step-th behind it */
static void scatter(struct iovec *runs, size_t nr, size_t first, size_t step)
{
	for (size_t i = 0; i < nr; i++)
		runs[i] = (struct iovec){memory + (first + i * step) * PAGE, PAGE};
}

/* Short runs are worth a mapping when they come again and again. */
static void short_runs(void **state)
{
	struct iovec runs[16], others[16];
	uint8_t *base = NULL;
	struct join *j;

	(void)state;
	scatter(runs, 16, 3, 5);
	scatter(others, 16, 3, 5);
	others[15].iov_len--;
	for (int i = 1; i < JOIN_AFTER; i++) {
		assert_null(join_runs(ranges, &usual, runs, 16, 16 * PAGE, &j));
		assert_null(join_runs(ranges, &usual, others, 16, 16 * PAGE - 1, &j));
	}
	for (int i = 0; i < 3; i++) {
		uint8_t *now = join_runs(ranges, &usual, runs, 16, 16 * PAGE, &j);

		assert_non_null(now);
		assert_true(!base || now == base);
		base = now;
		for (size_t n = 0; n < 16; n++)
			assert_memory_equal(now + n * PAGE, runs[n].iov_base, PAGE);
		join_release(j);
	}
	join_clear(ranges);
	assert_null(join_runs(ranges, &usual, runs, 16, 16 * PAGE, &j));
}

/* As often as it takes until short runs are joined. Return: whether they are. */
static bool is_joined(const struct iovec *runs, size_t nr)
{
	struct join *j;

	for (int i = 0; i < JOIN_AFTER; i++) {
		if (join_runs(ranges, &usual, runs, nr, nr * PAGE, &j)) {
			join_release(j);
			return true;
		}
	}
	return false;
}

/* What is in use is not given up; what was not used for long is, when there is no room. */
static void room(void **state)
{
	struct iovec runs[JOIN_KEPT + 1][2], long_runs[2];
	unsigned int before = nr_mappings();
	uint8_t *base;
	struct join *j;

	(void)state;
	for (size_t i = 0; i <= JOIN_KEPT; i++) {
		scatter(runs[i], 2, 2 * i, 7);
		assert_int_equal(is_joined(runs[i], 2), i < JOIN_KEPT);
	}
	/* Long runs are mapped all the same, and not kept. */
	long_runs[0] = (struct iovec){memory + 8 * MIB, MIB};
	long_runs[1] = (struct iovec){memory, MIB};
	base = join_runs(ranges, &usual, long_runs, 2, 2 * MIB, &j);
	assert_memory_equal(base, memory + 8 * MIB, MIB);
	assert_memory_equal(base + MIB, memory, MIB);
	expect_mappings(before + 2 * JOIN_KEPT + 2);
	join_release(j);
	expect_mappings(before + 2 * JOIN_KEPT);

	/* The first is held, the second the oldest that is not, and the others are used. */
	base = join_runs(ranges, &usual, runs[0], 2, 2 * PAGE, &j);
	for (size_t i = 0; i < 1100; i++)
		assert_true(is_joined(runs[2 + i % (JOIN_KEPT - 2)], 2));
	assert_true(is_joined(runs[JOIN_KEPT], 2));
	assert_false(is_joined(runs[1], 2));
	expect_mappings(before + 2 * JOIN_KEPT);
	assert_memory_equal(base, runs[0][0].iov_base, PAGE);
	join_release(j);
	join_clear(ranges);
	expect_mappings(before);
}

/* Page tables and mappings count as the VM's staging memory for as long as a range exists. */
static void counted(void **state)
{
	static struct quota_counts counts;
	struct policy policy;
	struct quota quota;
	struct iovec large[] = { { memory + 8 * MIB, 4 * MIB }, { memory, 4 * MIB } };
	const uint64_t cost = 8 * MIB / PAGE * 8;
	struct joins *mine;
	struct join *j[4];
	uint64_t used;

	(void)state;
	policy_init(&policy);
	policy.max_staging_bytes = 2 * cost;
	quota_init(&quota, &policy, &counts);
	mine = joins_new(&quota);
	assert_non_null(mine);
	/* Kept, since there is room: the kernel needs it until it is given up. */
	assert_non_null(join_runs(mine, &usual, large, 2, 8 * MIB, &j[0]));
	used = quota_used(&quota, POLICY_max_staging_bytes);
	assert_in_range(used, cost, 2 * cost - 1);
	assert_non_null(join_runs(mine, &usual, large, 2, 8 * MIB, &j[1]));
	assert_int_equal(quota_used(&quota, POLICY_max_staging_bytes), used);
	/* Another one has no room: it is for the caller to copy, which is counted, too. */
	large[1].iov_base = memory + 4 * MIB;
	assert_null(join_runs(mine, &usual, large, 2, 8 * MIB, &j[2]));
	assert_int_equal(quota_used(&quota, POLICY_max_staging_bytes), used);
	/* That is no refusal of what a guest asks for. */
	assert_int_equal(quota_refused(&counts, POLICY_max_staging_bytes), 0);
	join_release(j[0]);
	join_release(j[1]);
	join_clear(mine);
	assert_int_equal(quota_used(&quota, POLICY_max_staging_bytes), 0);
	assert_non_null(join_runs(mine, &usual, large, 2, 8 * MIB, &j[2]));
	join_release(j[2]);
	join_clear(mine);
	assert_int_equal(quota_used(&quota, POLICY_max_staging_bytes), 0);
	joins_delete(mine);
}

/* However many callers there are: some mappings are left for others. */
static void mappings(void **state)
{
	static struct iovec runs[8192];
	struct join *j[8];
	size_t nr = 0;

	(void)state;
	for (size_t i = 0; i < 8192; i++)
		runs[i] = (struct iovec){ memory + i % 16 * 16 * PAGE, 16 * PAGE };
	/* The first is kept and used again, so each has another beginning. */
	for (; nr < 8; nr++) {
		runs[0].iov_base = memory + nr * PAGE;
		if (!join_runs(ranges, &usual, runs, 8192, 8192 * 16 * PAGE, &j[nr]))
			break;
	}
	assert_int_equal(nr, JOIN_MAX_MAPPINGS / 8192);
	while (nr > 0)
		join_release(j[--nr]);
	join_clear(ranges);
	assert_non_null(join_runs(ranges, &usual, runs, 8192, 8192 * 16 * PAGE, &j[0]));
	join_release(j[0]);
	join_clear(ranges);
}

struct caller {
	pthread_t thread;
	const struct iovec *runs;
	unsigned int bad;
};

static void *call(void *arg)
{
	struct caller *c = arg;

	for (int i = 0; i < 2000; i++) {
		const struct iovec *runs = c->runs + i % 3 * 2;
		struct join *j;
		uint8_t *base = join_runs(ranges, &usual, runs, 2, 2 * PAGE, &j);

		if (!base)
			continue;
		c->bad += memcmp(base, runs[0].iov_base, PAGE) ||
			  memcmp(base + PAGE, runs[1].iov_base, PAGE);
		join_release(j);
	}
	return NULL;
}

static void threads(void **state)
{
	unsigned int before = nr_mappings();
	struct caller callers[4];
	struct iovec runs[6];

	(void)state;
	scatter(runs, 6, 1, 3);
	for (int i = 0; i < 4; i++) {
		callers[i] = (struct caller){.runs = runs};
		assert_int_equal(pthread_create(&callers[i].thread, NULL, call, &callers[i]), 0);
	}
	for (int i = 0; i < 4; i++) {
		pthread_join(callers[i].thread, NULL);
		assert_int_equal(callers[i].bad, 0);
	}
	expect_mappings(before + 6);
	join_clear(ranges);
	expect_mappings(before);
}

static void refuses(void **state)
{
	struct iovec runs[2] = {{memory, MIB}, {memory + 4 * MIB, MIB}};
	static struct iovec many[8193];
	unsigned int before = nr_mappings();
	uint8_t *private;
	struct join *j;

	(void)state;
	assert_null(join_runs(ranges, &usual, runs, 1, MIB, &j));
	assert_null(join_runs(ranges, &usual, runs, 0, 0, &j));
	/* An end or a start in the midst of a page */
	runs[0].iov_len = MIB - 1;
	assert_null(join_runs(ranges, &usual, runs, 2, 2 * MIB - 1, &j));
	runs[0].iov_len = MIB;
	runs[1].iov_base = memory + 4 * MIB + 1;
	assert_null(join_runs(ranges, &usual, runs, 2, 2 * MIB, &j));
	/* Copying little is cheaper. */
	runs[0].iov_len = runs[1].iov_len = 4096;
	runs[1].iov_base = memory + MIB;
	assert_null(join_runs(ranges, &usual, runs, 2, 8192, &j));
	/* More mappings than a request may have */
	for (int i = 0; i < 8193; i++)
		many[i] = (struct iovec){memory + (i % 2) * 4 * MIB, 65536};
	assert_null(join_runs(ranges, &usual, many, 8193, 8193 * (uint64_t)65536, &j));
	assert_non_null(join_runs(ranges, &usual, many, 8192, 8192 * (uint64_t)65536, &j));
	join_release(j);
	join_clear(ranges);

	/* Memory that is not shared cannot be mapped twice. */
	private = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(private, MAP_FAILED);
	runs[0] = (struct iovec){memory, MIB};
	runs[1] = (struct iovec){private, MIB};
	assert_null(join_runs(ranges, &usual, runs, 2, 2 * MIB, &j));
	munmap(private, MIB);
	expect_mappings(before);
}

/* What one client keeps, and how much, is not another one's. */
static void apart(void **state)
{
	static struct quota_counts counts[2];
	const struct iovec runs[] = { { memory + 8 * MIB, MIB }, { memory, MIB } };
	struct joins *clients[2];
	unsigned int before = nr_mappings(), mapped;
	struct policy policy;
	struct quota quotas[2];
	struct join *j[2];
	uint64_t used;
	void *base;

	(void)state;
	policy_init(&policy);
	for (int i = 0; i < 2; i++) {
		quota_init(&quotas[i], &policy, &counts[i]);
		clients[i] = joins_new(&quotas[i]);
		assert_non_null(clients[i]);
	}
	base = join_runs(clients[0], &usual, runs, 2, 2 * MIB, &j[0]);
	assert_non_null(base);
	used = quota_used(&quotas[0], POLICY_max_staging_bytes);
	assert_int_equal(quota_used(&quotas[1], POLICY_max_staging_bytes), 0);
	assert_ptr_not_equal(join_runs(clients[1], &usual, runs, 2, 2 * MIB, &j[1]), base);
	assert_int_equal(quota_used(&quotas[1], POLICY_max_staging_bytes), used);
	mapped = nr_mappings();
	join_release(j[1]);
	joins_delete(clients[1]);
	assert_int_equal(quota_used(&quotas[1], POLICY_max_staging_bytes), 0);
	expect_mappings(mapped - (mapped - before) / 2);
	assert_int_equal(quota_used(&quotas[0], POLICY_max_staging_bytes), used);
	join_release(j[0]);
	joins_delete(clients[0]);
	expect_mappings(before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(joins),
		cmocka_unit_test(apart),
		cmocka_unit_test(refuses),
		cmocka_unit_test(short_runs),
		cmocka_unit_test(room),
		cmocka_unit_test(counted),
		cmocka_unit_test(mappings),
		cmocka_unit_test(threads),
	};

	if (getenv("VALGRIND")) {
		print_message("skipped: valgrind maps no memory a second time\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, start, NULL);
}
