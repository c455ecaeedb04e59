// SPDX-License-Identifier: Apache-2.0
/* The allocator of memory that is shared with the back end. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "plugins/virtio/native_mem.h"
#include "support.h"

#define MIB	((size_t)1 << 20)

/* The linker sends fallocate() here: the next allocation of pages can be made to fail. */
static void (*fail_next)(void);

int __real_fallocate(int fd, int mode, off_t offset, off_t len);
int __wrap_fallocate(int fd, int mode, off_t offset, off_t len);
int __real_fallocate64(int fd, int mode, off_t offset, off_t len);
int __wrap_fallocate64(int fd, int mode, off_t offset, off_t len);

static bool fails(int mode)
{
	void (*meanwhile)(void) = fail_next;

	if (mode || !meanwhile)
		return false;
	fail_next = NULL;
	meanwhile();
	errno = ENOSPC;
	return true;
}

int __wrap_fallocate(int fd, int mode, off_t offset, off_t len)
{
	return fails(mode) ? -1 : __real_fallocate(fd, mode, offset, len);
}

int __wrap_fallocate64(int fd, int mode, off_t offset, off_t len)
{
	return fails(mode) ? -1 : __real_fallocate64(fd, mode, offset, len);
}

static void mem_init(struct native_mem *m, size_t size)
{
	memset(m, 0, sizeof(*m));
	assert_int_equal(native_mem_init(m, size), 0);
}

/* Bytes that the memory file really has. */
static size_t allocated(const struct native_mem *m)
{
	struct stat st;

	assert_int_equal(fstat(m->fd, &st), 0);
	return (size_t)st.st_blocks * 512;
}

static unsigned int count_extents(const struct native_mem *m)
{
	size_t offset = 0;
	unsigned int n = 0;

	for (const struct native_extent *e = m->extents; e; e = e->next) {
		assert_int_equal(e->offset, offset);
		assert_int_not_equal(e->len, 0);
		if (e->next)
			assert_ptr_equal(e->next->prev, e);
		offset += e->len;
		n++;
	}
	assert_int_equal(offset, m->size);
	return n;
}

static void test_sealed(void **state)
{
	struct native_mem m;

	(void)state;
	mem_init(&m, 4 * MIB);
	assert_int_equal(ftruncate(m.fd, 0), -1);
	assert_int_equal(ftruncate(m.fd, 8 * MIB), -1);
	native_mem_fini(&m);
}

static void test_random(void **state)
{
	struct native_extent *e[64] = { 0 };
	struct native_mem m;
	unsigned int seed = 1;

	(void)state;
	mem_init(&m, 16 * MIB);
	for (int i = 0; i < 20000; i++) {
		unsigned int k = (unsigned int)rand_r(&seed) % 64;
		size_t len = 1 + (size_t)rand_r(&seed) % (256 * 1024);

		if (e[k]) {
			unsigned char *p = native_mem_ptr(&m, e[k]->offset);

			assert_int_equal(p[0], k);
			assert_int_equal(p[e[k]->len - 1], k);
			native_mem_free(&m, e[k]);
			e[k] = NULL;
		} else if (native_mem_alloc(&m, len, NATIVE_HOLD_LONG, &e[k]) == 0) {
			unsigned char *p = native_mem_ptr(&m, e[k]->offset);

			assert_true(e[k]->len >= len);
			p[0] = (unsigned char)k;
			p[e[k]->len - 1] = (unsigned char)k;
		} else {
			e[k] = NULL;
		}
		if (i % 1000 == 0)
			count_extents(&m);
	}
	for (int k = 0; k < 64; k++)
		if (e[k])
			native_mem_free(&m, e[k]);
	assert_int_equal(count_extents(&m), 1);
	native_mem_fini(&m);
}

static void test_too_much(void **state)
{
	struct native_extent *e, *f;
	struct native_mem m;

	(void)state;
	mem_init(&m, 4 * MIB);
	assert_int_equal(native_mem_alloc(&m, 5 * MIB, NATIVE_HOLD_CALL, &e), ENOMEM);
	assert_int_equal(native_mem_alloc(&m, 0, NATIVE_HOLD_CALL, &e), ENOMEM);
	assert_int_equal(native_mem_alloc(&m, SIZE_MAX, NATIVE_HOLD_CALL, &e), ENOMEM);
	/* What is held for long is not waited for. */
	assert_int_equal(native_mem_alloc(&m, 3 * MIB, NATIVE_HOLD_LONG, &e), 0);
	assert_int_equal(native_mem_alloc(&m, 2 * MIB, NATIVE_HOLD_CALL, &f), ENOMEM);
	assert_int_equal(native_mem_alloc(&m, MIB, NATIVE_HOLD_CALL, &f), 0);
	assert_int_equal(native_mem_alloc(&m, 1, NATIVE_HOLD_LONG, &e), ENOMEM);
	native_mem_fini(&m);
}

static void test_pages(void **state)
{
	const size_t big = NATIVE_MEM_KEEP + 64 * MIB;
	struct native_extent *e, *f;
	struct native_mem m;

	(void)state;
	mem_init(&m, 4 * NATIVE_MEM_KEEP);
	assert_int_equal(allocated(&m), 0);
	assert_int_equal(native_mem_alloc(&m, MIB, NATIVE_HOLD_CALL, &e), 0);
	assert_int_equal(allocated(&m), MIB);
	native_mem_free(&m, e);
	assert_int_equal(allocated(&m), MIB);
	assert_int_equal(native_mem_alloc(&m, big, NATIVE_HOLD_CALL, &e), 0);
	assert_int_equal(allocated(&m), big);
	assert_int_equal(native_mem_alloc(&m, MIB, NATIVE_HOLD_CALL, &f), 0);
	assert_int_equal(allocated(&m), big + MIB);
	native_mem_free(&m, e);
	assert_int_equal(allocated(&m), NATIVE_MEM_KEEP + MIB);
	native_mem_free(&m, f);
	assert_int_equal(allocated(&m), NATIVE_MEM_KEEP);
	native_mem_fini(&m);
}

static struct native_mem short_of_pages;
static struct native_extent *other;

static void nothing_else(void)
{
}

static void another_call(void)
{
	assert_int_equal(native_mem_alloc(&short_of_pages, MIB, NATIVE_HOLD_CALL, &other), 0);
}

/* The machine has no pages left: an error, and nothing is taken for allocated that is not. */
static void test_no_pages(void **state)
{
	struct native_mem *m = &short_of_pages;
	struct native_extent *e;

	(void)state;
	mem_init(m, 64 * MIB);
	fail_next = nothing_else;
	assert_int_equal(native_mem_alloc(m, MIB, NATIVE_HOLD_CALL, &e), ENOMEM);
	assert_int_equal(count_extents(m), 1);
	assert_int_equal(m->nr_calls, 0);
	assert_int_equal(native_mem_alloc(m, MIB, NATIVE_HOLD_CALL, &e), 0);
	assert_int_equal(allocated(m), MIB);
	/* A second one fails after a third one has got what is behind it: that leaves a hole, */
	fail_next = another_call;
	assert_int_equal(native_mem_alloc(m, MIB, NATIVE_HOLD_CALL, &e), ENOMEM);
	assert_int_equal(other->offset, 2 * MIB);
	assert_int_equal(allocated(m), 2 * MIB);
	/* which stays one when something too large for it comes, */
	assert_int_equal(native_mem_alloc(m, 2 * MIB, NATIVE_HOLD_CALL, &e), 0);
	assert_int_equal(e->offset, 3 * MIB);
	assert_int_equal(allocated(m), 4 * MIB);
	/* and gets its pages with the first that fits. */
	assert_int_equal(native_mem_alloc(m, MIB, NATIVE_HOLD_CALL, &e), 0);
	assert_int_equal(e->offset, MIB);
	assert_int_equal(allocated(m), 5 * MIB);
	native_mem_fini(m);
}

struct waiter {
	struct native_mem *m;
	size_t len;
	int err;
	atomic_int *order;
	int place;
	struct native_extent *e;
};

/* Files may not grow: an error, and no signal that would end the program. */
static void test_no_files(void **state)
{
	struct rlimit limit, small = { .rlim_cur = MIB };
	struct native_mem m;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	small.rlim_max = limit.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_int_equal(native_mem_init(&m, 2 * MIB), EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void *wait_for_memory(void *arg)
{
	struct waiter *w = arg;

	w->err = native_mem_alloc(w->m, w->len, NATIVE_HOLD_CALL, &w->e);
	w->place = atomic_fetch_add(w->order, 1);
	return NULL;
}

static bool two_wait(void *arg)
{
	struct native_mem *m = arg;
	bool yes;

	pthread_mutex_lock(&m->lock);
	yes = m->next_ticket - m->serving == 2;
	pthread_mutex_unlock(&m->lock);
	return yes;
}

static bool one_waits(void *arg)
{
	struct native_mem *m = arg;
	bool yes;

	pthread_mutex_lock(&m->lock);
	yes = m->next_ticket - m->serving == 1;
	pthread_mutex_unlock(&m->lock);
	return yes;
}

/* A large call is not starved by small ones that come later. */
static void test_order(void **state)
{
	struct native_extent *e;
	struct native_mem m;
	atomic_int order = 0;
	struct waiter large = { .m = &m, .len = 4 * MIB, .order = &order };
	struct waiter small = { .m = &m, .len = 4096, .order = &order };
	pthread_t a, b;

	(void)state;
	mem_init(&m, 4 * MIB);
	assert_int_equal(native_mem_alloc(&m, MIB, NATIVE_HOLD_CALL, &e), 0);
	pthread_create(&a, NULL, wait_for_memory, &large);
	assert_true(test_wait(one_waits, &m, 10000));
	pthread_create(&b, NULL, wait_for_memory, &small);
	assert_true(test_wait(two_wait, &m, 10000));
	native_mem_free(&m, e);
	pthread_join(a, NULL);
	assert_int_equal(large.err, 0);
	assert_int_equal(large.place, 0);
	native_mem_free(&m, large.e);
	pthread_join(b, NULL);
	assert_int_equal(small.err, 0);
	native_mem_free(&m, small.e);
	assert_int_equal(count_extents(&m), 1);
	native_mem_fini(&m);
}

static void test_shut(void **state)
{
	struct native_extent *e;
	struct native_mem m;
	atomic_int order = 0;
	struct waiter w = { .m = &m, .len = 4 * MIB, .order = &order };
	pthread_t a;

	(void)state;
	mem_init(&m, 4 * MIB);
	assert_int_equal(native_mem_alloc(&m, MIB, NATIVE_HOLD_CALL, &e), 0);
	pthread_create(&a, NULL, wait_for_memory, &w);
	assert_true(test_wait(one_waits, &m, 10000));
	native_mem_shut(&m);
	pthread_join(a, NULL);
	assert_int_equal(w.err, ENODEV);
	assert_int_equal(native_mem_alloc(&m, 1, NATIVE_HOLD_LONG, &e), ENODEV);
	native_mem_fini(&m);
}

static void test_find(void **state)
{
	struct native_mem m;
	uint64_t base;
	size_t offset;

	(void)state;
	mem_init(&m, MIB);
	base = (uintptr_t)m.base;
	assert_true(native_mem_find(&m, base, MIB, &offset));
	assert_int_equal(offset, 0);
	assert_true(native_mem_find(&m, base + 100, 10, &offset));
	assert_int_equal(offset, 100);
	assert_false(native_mem_find(&m, base - 1, 10, &offset));
	assert_false(native_mem_find(&m, base, MIB + 1, &offset));
	assert_false(native_mem_find(&m, base + 100, MIB - 99, &offset));
	assert_false(native_mem_find(&m, base + 100, UINT64_MAX, &offset));
	native_mem_fini(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sealed),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_too_much),
		cmocka_unit_test(test_pages),
		cmocka_unit_test(test_no_pages),
		cmocka_unit_test(test_no_files),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_shut),
		cmocka_unit_test(test_find),
	};

	test_main_begin(60);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
