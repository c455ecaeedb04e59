// SPDX-License-Identifier: Apache-2.0
/* join_runs(): scattered pieces of shared memory as one range, without a copy. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "../util.h"
#include "host/join.h"

#define MIB  ((size_t)1 << 20)
#define SIZE (16 * MIB)

static uint8_t *memory;

static int start(void **state)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	(void)state;
	if (fd < 0 || ftruncate(fd, SIZE))
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
	unsigned int before = nr_mappings();
	struct joined j;
	uint8_t *at, *base = join_runs(runs, 4, len, &j);

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

	assert_true(nr_mappings() > before);
	join_release(&j);
	assert_int_equal(nr_mappings(), before);
	assert_int_equal(memory[9 * MIB + 100], 0x5a);
	/* Nothing is left of the range either. */
	skip_if_emulated("what is not mapped cannot be told");
	assert_int_equal(msync(j.map, j.map_len, MS_ASYNC), -1);
}

static void refuses(void **state)
{
	struct iovec runs[2] = {{memory, MIB}, {memory + 4 * MIB, MIB}};
	static struct iovec many[8193];
	unsigned int before = nr_mappings();
	uint8_t *private;
	struct joined j;

	(void)state;
	assert_null(join_runs(runs, 1, MIB, &j));
	assert_null(join_runs(runs, 0, 0, &j));
	/* An end or a start in the midst of a page */
	runs[0].iov_len = MIB - 1;
	assert_null(join_runs(runs, 2, 2 * MIB - 1, &j));
	runs[0].iov_len = MIB;
	runs[1].iov_base = memory + 4 * MIB + 1;
	assert_null(join_runs(runs, 2, 2 * MIB, &j));
	/* Copying little is cheaper. */
	runs[0].iov_len = runs[1].iov_len = 4096;
	runs[1].iov_base = memory + MIB;
	assert_null(join_runs(runs, 2, 8192, &j));
	/* More mappings than a request may have */
	for (int i = 0; i < 8193; i++)
		many[i] = (struct iovec){memory + (i % 2) * 4 * MIB, 65536};
	assert_null(join_runs(many, 8193, 8193 * (uint64_t)65536, &j));
	assert_non_null(join_runs(many, 8192, 8192 * (uint64_t)65536, &j));
	join_release(&j);

	/* Memory that is not shared cannot be mapped twice. */
	private = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(private, MAP_FAILED);
	runs[0] = (struct iovec){memory, MIB};
	runs[1] = (struct iovec){private, MIB};
	assert_null(join_runs(runs, 2, 2 * MIB, &j));
	munmap(private, MIB);
	assert_int_equal(nr_mappings(), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(joins),
		cmocka_unit_test(refuses),
	};

	if (getenv("VALGRIND")) {
		print_message("skipped: valgrind maps no memory a second time\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, start, NULL);
}
