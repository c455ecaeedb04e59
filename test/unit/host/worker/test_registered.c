// SPDX-License-Identifier: Apache-2.0
/* The table of registered memory: limits, contexts, holds, and who is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "registered.h"
#include "uapi/linux/virtio_accel.h"
#include "vaccel/memory.h"

#define PAGE 4096u
#define PAGES 1024u

static uint8_t *ram;
static struct registered *t;
static const struct memory usual; /* no huge pages */

/* Ranges that a plugin knows of */
static unsigned int nr_mapped;
static uint64_t bytes_mapped;

static void on_mapped(void *start, size_t size)
{
	(void)*(volatile char *)start;
	nr_mapped++;
	bytes_mapped += size;
}

static void on_unmapped(void *start, size_t size)
{
	(void)*(volatile char *)start;
	nr_mapped--;
	bytes_mapped -= size;
}

static int setup(void **state)
{
	static const struct vaccel_mem_watcher watcher = { on_mapped, on_unmapped };
	static char plugin; /* only its address counts */
	int fd = memfd_create("guest", MFD_CLOEXEC);

	(void)state;
	if (fd < 0 || ftruncate(fd, PAGES * PAGE))
		return -1;
	ram = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	t = registered_new();
	if (ram == MAP_FAILED || !t)
		return -1;
	registered_limit(t, PAGES * PAGE);
	return vaccel_plugin_watch_memory((struct vaccel_plugin *)(void *)&plugin, &watcher);
}

static int teardown(void **state)
{
	(void)state;
	registered_delete(t);
	munmap(ram, PAGES * PAGE);
	assert_int_equal(nr_mapped, 0);
	assert_int_equal(bytes_mapped, 0);
	return 0;
}

/* Registers @nr pages from page @first on, every second one, as pieces. */
static uint32_t add(uint64_t context, uint32_t id, unsigned int first, unsigned int nr)
{
	struct iovec pieces[PAGES];

	for (unsigned int i = 0; i < nr; i++)
		pieces[i] = (struct iovec){ ram + (first + 2 * i) % PAGES * PAGE, PAGE };
	return registered_add(t, &usual, context, id, pieces, nr);
}

static uint32_t hold(uint64_t context, uint32_t id, uint8_t **at, struct registered_memory **held)
{
	return registered_hold(t, context, id, 0, PAGE, (void **)at, held);
}

static void expect(uint32_t nr, uint64_t bytes)
{
	uint32_t is_nr;
	uint64_t is_bytes;

	registered_count(t, &is_nr, &is_bytes);
	assert_int_equal(is_nr, nr);
	assert_int_equal(is_bytes, bytes);
	assert_int_equal(bytes_mapped, bytes);
}

static void one_range(void **state)
{
	struct registered_memory *held;
	uint8_t *at;

	(void)state;
	assert_int_equal(add(1, 1, 0, 100), 0);
	expect(1, 100 * PAGE);
	assert_int_equal(nr_mapped, 1);
	assert_int_equal(registered_hold(t, 1, 1, 0, 100 * PAGE, (void **)&at, &held), 0);
	for (unsigned int i = 0; i < 100; i++) {
		ram[2 * i * PAGE + 5] = (uint8_t)(i + 1);
		assert_int_equal(at[i * PAGE + 5], i + 1);
	}
	registered_unhold(t, held);

	/* A single piece is used where it is. */
	assert_int_equal(registered_add(t, &usual, 1, 2, &(struct iovec){ ram, 64 * PAGE }, 1), 0);
	assert_int_equal(hold(1, 2, &at, &held), 0);
	assert_ptr_equal(at, ram);
	registered_unhold(t, held);
	assert_int_equal(registered_remove(t, 1, 2), 0);
	ram[0] = 1;
}

static void names(void **state)
{
	struct registered_memory *held;
	uint8_t *at;

	(void)state;
	assert_int_equal(add(1, 5, 0, 2), 0);
	assert_int_equal(add(1, 5, 8, 2), VIRTIO_ACCEL_S_EXIST);
	/* Another context has names of its own. */
	assert_int_equal(hold(2, 5, &at, &held), VIRTIO_ACCEL_S_STALE);
	assert_int_equal(registered_remove(t, 2, 5), VIRTIO_ACCEL_S_STALE);
	assert_int_equal(add(2, 5, 8, 3), 0);
	/* Contexts and ids of the same bucket */
	assert_int_equal(add(1 + 256, 5, 16, 4), 0);
	assert_int_equal(add(1, 5 + 256, 32, 5), 0);
	expect(4, 14 * PAGE);
	registered_close_context(t, 1);
	expect(2, 7 * PAGE);
	assert_int_equal(hold(1, 5, &at, &held), VIRTIO_ACCEL_S_STALE);
	assert_int_equal(hold(2, 5, &at, &held), 0);
	registered_unhold(t, held);
	assert_int_equal(registered_remove(t, 2, 5), 0);
	assert_int_equal(registered_remove(t, 2, 5), VIRTIO_ACCEL_S_STALE);
	registered_clear(t);
	expect(0, 0);
}

/* What an operation uses stays, whatever becomes of its registration. */
static void held(void **state)
{
	struct registered_memory *h[2];
	uint8_t *at[2];

	(void)state;
	assert_int_equal(add(1, 1, 0, 2), 0);
	assert_int_equal(add(1, 2, 8, 2), 0);
	assert_int_equal(hold(1, 1, &at[0], &h[0]), 0);
	assert_int_equal(hold(1, 2, &at[1], &h[1]), 0);
	assert_int_equal(registered_remove(t, 1, 1), 0);
	registered_close_context(t, 1);
	expect(0, 4 * PAGE);
	at[0][0] = 1;
	at[1][0] = 1;
	/* The name can be used again at once. */
	assert_int_equal(add(1, 1, 16, 1), 0);
	registered_unhold(t, h[0]);
	registered_unhold(t, h[1]);
	expect(1, PAGE);
}

static void limits(void **state)
{
	uint32_t id = 0;

	(void)state;
	/* Not more than the guest has, however often it names the same pages */
	assert_int_equal(add(1, 1, 0, PAGES / 2), 0);
	assert_int_equal(add(1, 2, 0, PAGES / 2), 0);
	assert_int_equal(add(1, 3, 0, 1), VIRTIO_ACCEL_S_NOMEM);
	assert_int_equal(registered_remove(t, 1, 2), 0);
	assert_int_equal(add(1, 3, 0, 1), 0);
	registered_clear(t);

	/* Not more pieces than can be mapped */
	registered_limit(t, UINT64_MAX);
	while (add(1, ++id, 0, PAGES) == 0)
		;
	assert_int_equal(id, REGISTERED_MAX_PIECES / PAGES + 1);
	expect(id - 1, (uint64_t)REGISTERED_MAX_PIECES * PAGE);
	assert_int_equal(add(1, id, 0, 2), VIRTIO_ACCEL_S_NOMEM);
	/* One piece needs no mapping. */
	assert_int_equal(add(1, id, 0, 1), 0);
	registered_clear(t);

	for (id = 1; id <= REGISTERED_MAX; id++)
		assert_int_equal(add(1, id, id, 1), 0);
	assert_int_equal(add(1, id, 0, 1), VIRTIO_ACCEL_S_USERS);
	assert_int_equal(registered_remove(t, 1, 77), 0);
	assert_int_equal(add(1, id, 0, 1), 0);
	registered_limit(t, PAGES * PAGE);
}

/* Pieces that the host cannot map one behind the other */
static void cannot_map(void **state)
{
	const struct iovec pieces[] = { { ram, PAGE }, { ram + 2 * PAGE + 512, PAGE } };

	(void)state;
	assert_int_equal(registered_add(t, &usual, 1, 1, pieces, 2), VIRTIO_ACCEL_S_NOMEM);
	expect(0, 0);
	assert_int_equal(add(1, 1, 0, 2), 0);
}

static void *work(void *arg)
{
	uint64_t context = (uintptr_t)arg;

	for (unsigned int i = 0; i < 500; i++) {
		struct registered_memory *h = NULL;
		uint8_t *at;

		if (add(1000, 1 + i % 3, i % 64, 1) == 0)
			(void)registered_remove(t, 1000, 1 + i % 3);
		if (registered_add(t, &usual, context, 1, &(struct iovec){ ram, PAGE }, 1))
			return NULL;
		if (hold(context, 1, &at, &h) || registered_remove(t, context, 1))
			return NULL;
		at[context] = 1;
		registered_unhold(t, h);
		if (hold(1000, 1, &at, &h) == 0)
			registered_unhold(t, h);
	}
	return arg;
}

static void threads(void **state)
{
	pthread_t thread[4];
	void *result;

	(void)state;
	for (uintptr_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, work, (void *)(i + 1)), 0);
	for (int i = 0; i < 4; i++) {
		pthread_join(thread[i], &result);
		assert_non_null(result);
	}
	registered_clear(t);
	expect(0, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(one_range), TEST(names), TEST(held), TEST(limits), TEST(cannot_map), TEST(threads),
	};

	if (getenv("VALGRIND")) {
		print_message("skipped: valgrind maps no memory a second time\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
