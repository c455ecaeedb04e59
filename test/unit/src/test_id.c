// SPDX-License-Identifier: Apache-2.0
#include "util.h"

#include <pthread.h>

#include "id.h"
#include "vaccel/error.h"

ID_POOL_DEFINE(small, 4);
ID_POOL_DEFINE(big, 1000);

static int reset(void **state)
{
	(void)state;
	id_pool_reset(&small);
	id_pool_reset(&big);
	return 0;
}

static void test_order(void **state)
{
	(void)state;
	assert_int_equal(id_pool_get(&small), 1);
	assert_int_equal(id_pool_get(&small), 2);
	id_pool_put(&small, 1);
	/* Not used again before the maximum was reached ... */
	assert_int_equal(id_pool_get(&small), 3);
	assert_int_equal(id_pool_get(&small), 4);
	/* ... then the lowest free one. */
	assert_int_equal(id_pool_get(&small), 1);
	assert_int_equal(id_pool_get(&small), -VACCEL_EUSERS);
	id_pool_put(&small, 4);
	id_pool_put(&small, 2);
	assert_int_equal(id_pool_get(&small), 2);
	assert_int_equal(id_pool_get(&small), 4);
	assert_int_equal(id_pool_get(&small), -VACCEL_EUSERS);
}

static void test_bad_put(void **state)
{
	(void)state;
	id_pool_put(&small, 0);
	id_pool_put(&small, -87);
	id_pool_put(&small, 5);
	id_pool_put(&small, 1);
	assert_int_equal(id_pool_get(&small), 1);
	id_pool_put(&small, 3);
	for (int i = 2; i <= 4; i++)
		assert_int_equal(id_pool_get(&small), i);
	assert_int_equal(id_pool_get(&small), -VACCEL_EUSERS);
}

static void *take_250(void *taken)
{
	for (int i = 0; i < 250; i++) {
		vaccel_id_t id = id_pool_get(&big);

		((vaccel_id_t *)taken)[i] = id;
		/* Give some back: the scan for free ones runs beside the rest. */
		if (i % 5 == 0) {
			id_pool_put(&big, id);
			((vaccel_id_t *)taken)[i] = id_pool_get(&big);
		}
	}
	return NULL;
}

static void test_threads(void **state)
{
	static vaccel_id_t taken[4][250];
	unsigned char seen[1001] = { 0 };
	pthread_t threads[4];

	(void)state;
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, take_250, taken[i]), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < 1000; i++) {
		vaccel_id_t id = taken[i / 250][i % 250];

		assert_in_range(id, 1, 1000);
		assert_int_equal(seen[id]++, 0);
	}
	assert_int_equal(id_pool_get(&big), -VACCEL_EUSERS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_order, reset),
		cmocka_unit_test_setup(test_bad_put, reset),
		cmocka_unit_test_setup(test_threads, reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
