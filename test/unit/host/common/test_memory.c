// SPDX-License-Identifier: Apache-2.0
/* Guest memory: which regions are taken, and that nothing outside of them is ever translated. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "guest.h"

#define PAGE 4096u

static struct memory mem;

static int add(uint64_t gpa, uint64_t size, uint64_t uaddr, uint64_t offset, uint64_t file_size)
{
	return memory_add(&mem, gpa, size, uaddr, offset, guest_file(file_size));
}

static int setup(void **state)
{
	(void)state;
	/* Two regions that adjoin in the guest and not here, a hole, and a third. */
	assert_int_equal(add(0x10000, 4 * PAGE, 0x900000, 0, 4 * PAGE), 0);
	assert_int_equal(add(0x30000, PAGE, 0x700000, PAGE, 2 * PAGE), 0);
	assert_int_equal(add(0x14000, 2 * PAGE, 0x800000, 0, 2 * PAGE), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	memory_clear(&mem);
	return 0;
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static void refuses_bad_regions(void **state)
{
	static const struct {
		uint64_t gpa, size, uaddr, offset, file_size;
		int error;
	} bad[] = {
		{ 0x50000, 0, 0, 0, PAGE, -EINVAL },
		{ UINT64_MAX - PAGE + 2, PAGE, 0, 0, PAGE, -EINVAL },
		{ 0x50000, PAGE, UINT64_MAX - 8, 0, PAGE, -EINVAL },
		{ 0x50000, UINT64_MAX, 0, 0, PAGE, -EINVAL },
		{ 0x50000, PAGE, 0, UINT64_MAX - 8, PAGE, -EINVAL },
		{ 0x50000, PAGE, 0, 1, PAGE, -EFBIG },
		{ 0x50000, 2 * PAGE, 0, 0, PAGE, -EFBIG },
		{ 0x10000, PAGE, 0, 0, PAGE, -EEXIST },
		{ 0x13fff, PAGE, 0, 0, PAGE, -EEXIST },
		{ 0xf001, PAGE, 0, 0, PAGE, -EEXIST },
		{ 0x0, 0x100000, 0, 0, 0x100000, -EEXIST },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int fd = guest_file(bad[i].file_size);

		assert_int_equal(memory_add(&mem, bad[i].gpa, bad[i].size, bad[i].uaddr,
					    bad[i].offset, fd),
				 bad[i].error);
		assert_false(is_open(fd));
		assert_int_equal(mem.nr_regions, 3);
	}
	assert_int_equal(memory_add(&mem, 0x50000, PAGE, 0, 0, -1), -EINVAL);
	assert_int_equal(memory_add(&mem, 0x50000, PAGE, 0, 0, open("/dev/zero", O_RDWR)), -EINVAL);
}

static void accepts_the_ends_of_the_address_space(void **state)
{
	struct iovec iov[4];

	(void)state;
	assert_int_equal(add(0, PAGE, 0, 0, PAGE), 0);
	assert_int_equal(add(UINT64_MAX - PAGE + 1, PAGE, UINT64_MAX - PAGE + 1, 0, PAGE), 0);
	assert_int_equal(memory_translate(&mem, UINT64_MAX - PAGE + 1, PAGE, iov, 0, 4), 1);
	assert_int_equal(memory_translate(&mem, UINT64_MAX, 1, iov, 0, 4), 1);
	/* A range that would wrap around to the region at 0. */
	assert_int_equal(memory_translate(&mem, UINT64_MAX, 2, iov, 0, 4), -EFAULT);
	assert_int_equal(memory_translate(&mem, UINT64_MAX - PAGE + 1, UINT64_MAX, iov, 0, 4),
			 -EFAULT);
}

static void is_limited(void **state)
{
	(void)state;
	for (unsigned int i = 3; i < MEMORY_MAX_REGIONS; i++)
		assert_int_equal(add(0x1000000 + (uint64_t)i * 0x10000, PAGE, 0, 0, PAGE), 0);
	assert_int_equal(add(0x100000000, PAGE, 0, 0, PAGE), -ENOSPC);
}

static void translates_across_adjoining_regions(void **state)
{
	struct iovec iov[4];

	(void)state;
	assert_int_equal(memory_translate(&mem, 0x10000, 4 * PAGE, iov, 0, 4), 1);
	assert_int_equal(iov[0].iov_len, 4 * PAGE);
	assert_int_equal(memory_translate(&mem, 0x13ff0, 0x20, iov, 0, 4), 2);
	assert_int_equal(iov[0].iov_len, 0x10);
	assert_int_equal(iov[1].iov_len, 0x10);
	assert_ptr_equal(iov[1].iov_base, memory_at_uaddr(&mem, 0x800000, 1));
	assert_int_equal(memory_translate(&mem, 0x13ff0, 0x20, iov, 0, 1), -ENOBUFS);
	assert_int_equal(memory_translate(&mem, 0x12345, 0, iov, 3, 4), 3);
}

static void merges_what_adjoins_here(void **state)
{
	struct iovec iov[4];

	(void)state;
	assert_int_equal(memory_translate(&mem, 0x10000, PAGE, iov, 0, 4), 1);
	assert_int_equal(memory_translate(&mem, 0x11000, PAGE, iov, 1, 4), 1);
	assert_int_equal(iov[0].iov_len, 2 * PAGE);
	assert_int_equal(memory_translate(&mem, 0x13000, PAGE, iov, 1, 4), 2);
}

static void never_leaves_the_regions(void **state)
{
	static const struct {
		uint64_t gpa, len;
	} bad[] = {
		{ 0xffff, 1 },	     { 0xffff, 2 },	{ 0x10000, 6 * PAGE + 1 },
		{ 0x16000, 1 },	     { 0x15fff, 2 },	{ 0x2ffff, 2 },
		{ 0x30000, PAGE + 1 }, { 0x31000, 1 },	{ 0x10000, UINT64_MAX },
		{ UINT64_MAX, 1 },   { 0x30000, UINT64_MAX - 0x2ffff },
	};
	struct iovec iov[4];
	uint8_t byte[2 * PAGE];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(memory_translate(&mem, bad[i].gpa, bad[i].len, iov, 0, 4),
				 -EFAULT);
		if (bad[i].len > sizeof(byte))
			continue;
		assert_int_equal(memory_read(&mem, bad[i].gpa, byte, bad[i].len), -EFAULT);
		assert_int_equal(memory_write(&mem, bad[i].gpa, byte, bad[i].len), -EFAULT);
	}
}

static void reads_and_writes_across_regions(void **state)
{
	const char text[] = "across the border";
	char back[sizeof(text)] = { 0 };

	(void)state;
	assert_int_equal(memory_write(&mem, 0x13ff8, text, sizeof(text)), 0);
	assert_int_equal(memory_read(&mem, 0x13ff8, back, sizeof(back)), 0);
	assert_string_equal(back, text);
	assert_memory_equal(memory_at_uaddr(&mem, 0x900000 + 0x3ff8, 8), text, 8);
	assert_memory_equal(memory_at_uaddr(&mem, 0x800000, 8), text + 8, 8);
}

static void a_failed_write_writes_nothing(void **state)
{
	uint8_t buf[32] = { 1, 2, 3 };
	const uint8_t *end = memory_at_uaddr(&mem, 0x800000 + 2 * PAGE - 16, 16);

	(void)state;
	assert_int_equal(memory_write(&mem, 0x16000 - 16, buf, sizeof(buf)), -EFAULT);
	for (int i = 0; i < 16; i++)
		assert_int_equal(end[i], 0);
}

static void finds_rings_within_one_region_only(void **state)
{
	(void)state;
	assert_non_null(memory_at_uaddr(&mem, 0x900000, 4 * PAGE));
	assert_non_null(memory_at_uaddr(&mem, 0x900fff, 1));
	assert_null(memory_at_uaddr(&mem, 0x900000, 4 * PAGE + 1));
	assert_null(memory_at_uaddr(&mem, 0x8fffff, 2));
	assert_null(memory_at_uaddr(&mem, 0x904000, 1));
	assert_null(memory_at_uaddr(&mem, 0x900000, UINT64_MAX));
}

static void maps_at_any_offset(void **state)
{
	int fd = guest_file(4 * PAGE);
	uint8_t byte = 0;

	(void)state;
	assert_int_equal(pwrite(fd, "x", 1, PAGE + 17), 1);
	assert_int_equal(memory_add(&mem, 0x80000, 100, 0x5000, PAGE + 17, fd), 0);
	assert_int_equal(memory_read(&mem, 0x80000, &byte, 1), 0);
	assert_int_equal(byte, 'x');
	assert_int_equal(memory_read(&mem, 0x80000 + 100, &byte, 1), -EFAULT);
}

static void removes_exact_matches(void **state)
{
	uint8_t byte;

	(void)state;
	assert_int_equal(memory_remove(&mem, 0x14000, PAGE, 0x800000), -ENOENT);
	assert_int_equal(memory_remove(&mem, 0x14000, 2 * PAGE, 0x800001), -ENOENT);
	assert_int_equal(memory_remove(&mem, 0x14000, 2 * PAGE, 0x800000), 0);
	assert_int_equal(memory_remove(&mem, 0x14000, 2 * PAGE, 0x800000), -ENOENT);
	assert_int_equal(memory_read(&mem, 0x14000, &byte, 1), -EFAULT);
	assert_int_equal(memory_read(&mem, 0x13fff, &byte, 1), 0);
	assert_int_equal(memory_read(&mem, 0x30000, &byte, 1), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(refuses_bad_regions),
		TEST(accepts_the_ends_of_the_address_space),
		TEST(is_limited),
		TEST(translates_across_adjoining_regions),
		TEST(merges_what_adjoins_here),
		TEST(never_leaves_the_regions),
		TEST(reads_and_writes_across_regions),
		TEST(a_failed_write_writes_nothing),
		TEST(finds_rings_within_one_region_only),
		TEST(maps_at_any_offset),
		TEST(removes_exact_matches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
