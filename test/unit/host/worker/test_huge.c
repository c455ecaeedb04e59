// SPDX-License-Identifier: Apache-2.0
/* Guest memory in huge pages: what can be one range of it, registered or joined, and what cannot. */
#include <fcntl.h>
#include <linux/memfd.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "util.h"

#include "join.h"
#include "registered.h"
#include "uapi/linux/virtio_accel.h"

#define MIB   ((size_t)1 << 20)
#define HUGE  (2 * MIB)
#define SIZE  (16 * MIB)
#define OTHER (4 * MIB) /* of another region, in pages of the usual size */

static struct memory mem;
static struct registered *t;
static struct joins *ranges;
static uint8_t *huge, *usual;
static long before = -1; /* huge pages that the machine had */

static void reserve_pages(long nr)
{
	FILE *f = fopen("/proc/sys/vm/nr_hugepages", "r+e");

	if (!f)
		return;
	if (nr >= 0 && fscanf(f, "%ld", &before) != 1)
		before = -1;
	if (before >= 0) {
		rewind(f);
		fprintf(f, "%ld\n", nr < 0 ? before : before + nr);
	}
	fclose(f);
}

/* A file of huge pages that are there; or -1. */
static int huge_file(void)
{
	int fd = memfd_create("huge", MFD_CLOEXEC | MFD_HUGETLB | MFD_HUGE_2MB);

	if (fd < 0)
		return -1;
	if (ftruncate(fd, SIZE) || fallocate(fd, 0, 0, SIZE)) {
		close(fd);
		return -1;
	}
	return fd;
}

static int setup(void **state)
{
	int fd = huge_file(), other = memfd_create("usual", MFD_CLOEXEC);

	(void)state;
	t = registered_new();
	ranges = joins_new(NULL);
	if (other < 0 || ftruncate(other, OTHER) || !t)
		return -1;
	registered_limit(t, 4 * SIZE);
	if (memory_add(&mem, SIZE, OTHER, SIZE, 0, other))
		return -1;
	usual = mem.regions[0].base;
	if (memory_add(&mem, 0, SIZE, 0, 0, fd))
		return -1;
	huge = mem.regions[0].base;
	for (size_t i = 0; i < SIZE / sizeof(uint32_t); i++)
		((uint32_t *)(void *)huge)[i] = (uint32_t)i;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	joins_delete(ranges);
	registered_delete(t);
	memory_clear(&mem);
	return 0;
}

static void pages(void **state)
{
	(void)state;
	assert_int_equal(mem.nr_huge, 1);
	assert_int_equal(memory_page(&mem, huge), HUGE);
	assert_int_equal(memory_page(&mem, huge + SIZE - 1), HUGE);
	assert_int_equal(memory_page(&mem, usual), sysconf(_SC_PAGESIZE));
}

static uint32_t add(const struct iovec *pieces, size_t nr)
{
	return registered_add(t, &mem, 1, 1, pieces, nr);
}

/* Checks that the registered memory is these pieces, both ways, and ends it. */
static void expect_pieces(const struct iovec *pieces, size_t nr, size_t size)
{
	struct registered_memory *held;
	uint8_t *at;

	assert_int_equal(registered_hold(t, 1, 1, 0, size, (void **)&at, &held), 0);
	for (size_t i = 0; i < nr; i++) {
		uint8_t *piece = pieces[i].iov_base;

		assert_memory_equal(at, piece, pieces[i].iov_len);
		at[5]++;
		assert_int_equal(at[5], piece[5]);
		at += pieces[i].iov_len;
	}
	registered_unhold(t, held);
	assert_int_equal(registered_remove(t, 1, 1), 0);
	/* Nothing is left of it, and the memory is as it was. */
	assert_int_equal(msync(at - size, size, MS_ASYNC), -1);
	((uint8_t *)pieces[0].iov_base)[5]--;
}

static void registers(void **state)
{
	/* 4 MiB, 2 MiB, and what is left: as the driver gives 7 MiB */
	const struct iovec whole[] = {{huge + 8 * MIB, 4 * MIB}, {huge, 2 * MIB}, {huge + 4 * MIB, MIB}};
	/* from within a huge page */
	const struct iovec from_within[] = {{huge + 9 * MIB, MIB}, {huge + 2 * MIB, 2 * MIB}};

	(void)state;
	assert_int_equal(add(whole, 3), VIRTIO_ACCEL_S_OK);
	expect_pieces(whole, 3, 7 * MIB);
	assert_int_equal(add(from_within, 2), VIRTIO_ACCEL_S_OK);
	expect_pieces(from_within, 2, 3 * MIB);
}

/* One piece needs no second mapping, wherever it is. */
static void single(void **state)
{
	const struct iovec piece = {huge + 3 * MIB + 4096, 12288};

	(void)state;
	assert_int_equal(add(&piece, 1), VIRTIO_ACCEL_S_OK);
	assert_int_equal(registered_remove(t, 1, 1), 0);
	assert_int_equal(piece.iov_len, 12288);
}

/* The reason is one of its own, as no guest can do anything about its memory's pages; and it is logged. */
static void refuses(void **state)
{
	static struct capture c;
	const struct iovec bad[][2] = {
		{{huge, MIB}, {huge + 4 * MIB, MIB}},		/* the first ends within a page */
		{{huge, 2 * MIB}, {huge + 5 * MIB, MIB}},	/* the last starts within one */
		{{huge, 8192}, {huge + 4 * MIB, 4096}},
	};
	struct join *j;
	uint32_t nr;
	uint64_t bytes;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		capture_start(&c, STDERR_FILENO);
		assert_int_equal(add(bad[i], 2), VIRTIO_ACCEL_S_ADDRNOTAVAIL);
		capture_end(&c);
		if (!i)
			assert_contains(c.text, "in pages of 2048 KiB");
		for (int n = 0; n < 2 * JOIN_AFTER; n++)
			assert_null(join_runs(ranges, &mem, bad[i], 2, bad[i][0].iov_len + bad[i][1].iov_len,
					      &j));
	}
	registered_count(t, &nr, &bytes);
	assert_int_equal(nr, 0);
	assert_int_equal(bytes, 0);
}

static void joins(void **state)
{
	const struct iovec runs[] = {{huge + 9 * MIB + 100, MIB - 100}, {huge + 4 * MIB, 4 * MIB},
				     {huge, MIB + 1}};
	uint64_t len = 6 * MIB - 99;
	struct join *j, *again;
	uint8_t *base;

	(void)state;
	base = join_runs(ranges, &mem, runs, 3, len, &j);
	assert_non_null(base);
	assert_memory_equal(base, runs[0].iov_base, runs[0].iov_len);
	assert_memory_equal(base + MIB - 100, runs[1].iov_base, runs[1].iov_len);
	assert_memory_equal(base + 5 * MIB - 100, runs[2].iov_base, runs[2].iov_len);
	base[0] = 0x5a;
	assert_int_equal(huge[9 * MIB + 100], 0x5a);
	assert_ptr_equal(join_runs(ranges, &mem, runs, 3, len, &again), base);
	join_release(again);
	join_release(j);
	join_clear(ranges);
	assert_int_equal(msync(base - 100 - MIB, HUGE, MS_ASYNC), -1);
	assert_int_equal(huge[9 * MIB + 100], 0x5a);
}

/* Beside huge pages, memory in pages of the usual size is joined as ever. */
static void others(void **state)
{
	const struct iovec pieces[] = {{usual + 8192, 4096}, {usual, 4096}};

	(void)state;
	assert_int_equal(add(pieces, 2), VIRTIO_ACCEL_S_OK);
	expect_pieces(pieces, 2, 8192);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pages),  cmocka_unit_test(registers), cmocka_unit_test(single),
		cmocka_unit_test(refuses), cmocka_unit_test(joins),    cmocka_unit_test(others),
	};

	int ret, fd;

	if (getenv("VALGRIND")) {
		print_message("skipped: valgrind maps no memory a second time\n");
		return 77;
	}
	fd = huge_file();
	if (fd < 0) {
		reserve_pages(SIZE / HUGE); /* for root */
		fd = huge_file();
	}
	if (fd < 0)
		print_message("skipped: there are no 16 MiB of huge pages, and they cannot be reserved\n");
	else
		close(fd);
	ret = fd < 0 ? 77 : cmocka_run_group_tests(tests, setup, teardown);
	reserve_pages(-1);
	return ret;
}
