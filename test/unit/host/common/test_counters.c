// SPDX-License-Identifier: Apache-2.0
/* Counters that a worker may have written anything to. */
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

#include "counters.h"

static struct counters *make(int *fd)
{
	struct counters *c;

	*fd = counters_create(sizeof(*c));
	assert_true(*fd >= 0);
	c = counters_map(*fd, sizeof(*c), true);
	assert_non_null(c);
	return c;
}

/* Nobody who has the descriptor can take the memory away, and nothing else is taken for a page. */
static void test_page(void **state)
{
	struct counters *c;
	const struct counters *same;
	int fd, other;

	(void)state;
	c = make(&fd);
	assert_int_equal(ftruncate(fd, 0), -1);
	assert_int_equal(ftruncate(fd, 2 * (off_t)sizeof(*c)), -1);
	same = counters_map(fd, sizeof(*c), false);
	assert_non_null(same);
	counters_add(&c->bytes[COUNTERS_PINNED], 3);
	counters_add(&c->bytes[COUNTERS_PINNED], 4);
	assert_int_equal(counters_get(&same->bytes[COUNTERS_PINNED]), 7);
	assert_null(counters_map(fd, sizeof(*c) - 1, false));
	assert_int_equal(errno, EINVAL);
	counters_unmap(same, sizeof(*c));
	counters_unmap(c, sizeof(*c));
	close(fd);

	other = memfd_create("other", MFD_CLOEXEC);
	assert_int_equal(ftruncate(other, sizeof(*c)), 0);
	assert_null(counters_map(other, sizeof(*c), false));
	close(other);
	other = open("/dev/zero", O_RDWR | O_CLOEXEC);
	assert_null(counters_map(other, sizeof(*c), false));
	close(other);
}

/* Each time is in the bucket whose limit is the next one, itself included. */
static void test_buckets(void **state)
{
	struct counters_sums sums;
	struct counters *c;
	uint64_t sum = 0;
	int fd;

	(void)state;
	c = make(&fd);
	assert_int_equal(counters_bound_ns(0), 1000);
	assert_int_equal(counters_bound_ns(COUNTERS_BOUNDS - 1), UINT64_C(100000000000));
	for (unsigned int i = 0; i < COUNTERS_BOUNDS; i++) {
		if (i)
			assert_true(counters_bound_ns(i) > counters_bound_ns(i - 1));
		counters_add_time(&c->service[5][0], counters_bound_ns(i));
		counters_add_time(&c->service[5][0], counters_bound_ns(i) + 1);
		sum += 2 * counters_bound_ns(i) + 1;
	}
	counters_add_time(&c->service[5][0], 0);
	counters_sum(&c->service[5][0], &sums);
	for (unsigned int i = 0; i < COUNTERS_BUCKETS; i++)
		assert_int_equal(sums.buckets[i], i == COUNTERS_BOUNDS ? 2 * i + 1 : 2 * (i + 1));
	assert_int_equal(sums.sum_ns, sum);
	counters_unmap(c, sizeof(*c));
	close(fd);
}

static const uint8_t same_plugins[COUNTERS_PLUGINS] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };

/* Whatever is there, numbers are bounded, and buckets grow. */
static void test_hostile(void **state)
{
	static struct counters sum;
	struct counters_sums sums;
	struct counters *c;
	uint64_t before;
	int fd;

	(void)state;
	c = make(&fd);
	for (int byte = 0; byte < 256; byte += 15) {
		memset((void *)c, byte, sizeof(*c));
		assert_true(counters_get(&c->bytes[0]) <= COUNTERS_MAX);
		counters_sum(&c->wait[OP_SLOTS - 1], &sums);
		before = 0;
		for (unsigned int i = 0; i < COUNTERS_BUCKETS; i++) {
			assert_true(sums.buckets[i] >= before && sums.buckets[i] <= COUNTERS_MAX);
			before = sums.buckets[i];
		}
		for (int i = 0; i < 8; i++)
			counters_merge(&sum, c, same_plugins);
		assert_true(atomic_load(&sum.bytes[0]) <= COUNTERS_MAX);
		assert_true(atomic_load(&sum.service[0][0].sum_ns) <= COUNTERS_MAX);
	}
	counters_unmap(c, sizeof(*c));
	close(fd);
}

/* What one who has gone has counted stays; what it had does not. */
static void test_merge(void **state)
{
	static const uint8_t plugins[COUNTERS_PLUGINS] = { [2] = 3 };
	static struct counters sum, gone;
	uint64_t results[COUNTERS_RESULTS];

	(void)state;
	assert_false(counters_results(&gone, 1, results));
	counters_add(&gone.results[1][2][COUNTERS_REFUSED], 2);
	counters_add(&gone.results[1][2][COUNTERS_ERROR], 1);
	counters_add(&gone.results[1][4][COUNTERS_ERROR], 6);
	counters_add_time(&gone.wait[1], 5000);
	counters_add_time(&gone.service[1][2], 7000);
	assert_true(counters_has_run(&gone, 1, 2));
	assert_false(counters_has_run(&gone, 1, 3));
	counters_set(&gone.numbers[COUNTERS_RESTARTS], 3);
	counters_set(&gone.numbers[COUNTERS_INFLIGHT], 4);
	counters_set(&gone.refused[POLICY_allow], 5);
	counters_set(&gone.used[POLICY_max_sessions], 6);
	counters_merge(&sum, &gone, plugins);
	counters_merge(&sum, &gone, plugins);
	assert_int_equal(atomic_load(&sum.results[1][3][COUNTERS_REFUSED]), 4);
	assert_true(counters_results(&sum, 1, results));
	assert_int_equal(results[COUNTERS_ERROR], 14);
	assert_int_equal(results[COUNTERS_REFUSED], 4);
	assert_int_equal(atomic_load(&sum.service[1][3].sum_ns), 14000);
	assert_int_equal(atomic_load(&sum.service[1][2].sum_ns), 0);
	assert_int_equal(atomic_load(&sum.wait[1].buckets[2]), 2);
	assert_int_equal(atomic_load(&sum.wait[1].sum_ns), 10000);
	assert_int_equal(atomic_load(&sum.numbers[COUNTERS_RESTARTS]), 6);
	assert_int_equal(atomic_load(&sum.numbers[COUNTERS_INFLIGHT]), 0);
	assert_int_equal(atomic_load(&sum.refused[POLICY_allow]), 10);
	assert_int_equal(atomic_load(&sum.used[POLICY_max_sessions]), 0);
	/* As after a restart, which those who read counters understand */
	counters_set(&sum.refused[POLICY_allow], COUNTERS_MAX);
	counters_merge(&sum, &gone, plugins);
	assert_int_equal(atomic_load(&sum.refused[POLICY_allow]), 5);
}

/* Each operation has a place of its own, and a name. */
static void test_slots(void **state)
{
	unsigned int named = 0;

	(void)state;
	for (unsigned int slot = 0; slot < OP_SLOTS - 1; slot++) {
		assert_int_equal(op_slot(op_slot_code(slot)), slot);
		named += op_name(op_slot_code(slot)) != NULL;
	}
	assert_true(named > 30);
	assert_string_equal(op_name(0), "noop");
	assert_int_equal(op_slot(0x7fff), OP_SLOTS - 1);
	assert_int_equal(op_slot(0xffff), OP_SLOTS - 1);
	assert_null(op_name(0x7fff));
	assert_null(op_name(op_slot_code(OP_SLOTS - 1)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_page),	cmocka_unit_test(test_buckets), cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_merge),	cmocka_unit_test(test_slots),
	};

	return cmocka_run_group_tests_name("counters", tests, NULL, NULL);
}
