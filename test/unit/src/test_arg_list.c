// SPDX-License-Identifier: Apache-2.0
/* The deprecated argument lists. */
#include "util.h"

#include <errno.h>
#include <stdbool.h>

#include "vaccel.h"

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

struct numbers {
	uint32_t count;
	uint32_t *values;
};

static void *pack(void *data, uint32_t *bytes)
{
	struct numbers *numbers = data;
	uint32_t *flat = malloc((numbers->count + 1) * sizeof(*flat));

	assert_non_null(flat);
	flat[0] = numbers->count;
	memcpy(flat + 1, numbers->values, numbers->count * sizeof(*flat));
	*bytes = (numbers->count + 1) * sizeof(*flat);
	return flat;
}

static void *unpack(void *data, uint32_t bytes)
{
	uint32_t *flat = data;
	struct numbers *numbers = malloc(sizeof(*numbers));

	assert_non_null(numbers);
	assert_true(bytes >= sizeof(*flat));
	numbers->count = flat[0];
	numbers->values = flat + 1;
	return numbers;
}

static void *pack_nothing(void *data, uint32_t *bytes)
{
	(void)data;
	*bytes = 4;
	return NULL;
}

static void init(void **state)
{
	struct vaccel_arg_list *args;

	(void)state;
	assert_null(vaccel_args_init(0));
	assert_null(vaccel_args_init(UINT32_MAX));
	/* Slots that were never used must not disturb delete. */
	args = vaccel_args_init(5);
	assert_non_null(args);
	assert_int_equal(args->size, 5);
	assert_int_equal(args->curr_idx, 0);
	assert_int_equal(vaccel_delete_args(args), 0);
	assert_int_equal(vaccel_delete_args(NULL), VACCEL_EINVAL);
}

static void add(void **state)
{
	uint32_t values[] = { 3, 1, 4 };
	struct numbers numbers = { 3, values };
	struct vaccel_arg_list *args = vaccel_args_init(3);
	struct numbers *back;
	int number = 10;

	(void)state;
	assert_non_null(args);
	assert_int_equal(vaccel_add_serial_arg(args, &number, sizeof(number)), 0);
	assert_int_equal(vaccel_add_nonserial_arg(args, &numbers, 42, pack_nothing),
			 VACCEL_EINVAL);
	assert_int_equal(vaccel_add_nonserial_arg(args, &numbers, 42, pack), 0);
	assert_int_equal(vaccel_expect_nonserial_arg(args, 16), 0);

	assert_int_equal(args->curr_idx, 3);
	assert_ptr_equal(args->list[0].buf, &number);
	assert_int_equal(args->list[0].type, VACCEL_ARG_RAW);
	assert_false(args->list[0].owned);
	assert_int_equal(args->list[1].type, VACCEL_ARG_CUSTOM);
	assert_int_equal(args->list[1].custom_type_id, 42);
	assert_int_equal(args->list[1].size, 16);
	assert_true(args->list[1].owned);
	for (int i = 0; i < 16; i++)
		assert_int_equal(((char *)args->list[2].buf)[i], 0);

	/* Full. */
	assert_int_equal(vaccel_add_serial_arg(args, &number, sizeof(number)), VACCEL_EINVAL);
	assert_int_equal(vaccel_add_nonserial_arg(args, &numbers, 42, pack), VACCEL_EINVAL);
	assert_int_equal(vaccel_expect_serial_arg(args, &number, 4), VACCEL_EINVAL);
	assert_int_equal(vaccel_expect_nonserial_arg(args, 16), VACCEL_EINVAL);

	assert_ptr_equal(vaccel_extract_serial_arg(args->list, 0), &number);
	back = vaccel_extract_nonserial_arg(args->list, 1, unpack);
	assert_non_null(back);
	assert_int_equal(back->count, 3);
	assert_memory_equal(back->values, values, sizeof(values));
	free(back);
	assert_int_equal(vaccel_delete_args(args), 0);
}

static void write_back(void **state)
{
	uint32_t values[] = { 3, 1, 4, 1, 5 };
	struct numbers numbers = { 3, values };
	struct vaccel_arg_list *args = vaccel_args_init(2);
	int out = 0, result = 9;

	(void)state;
	assert_int_equal(vaccel_expect_serial_arg(args, &out, sizeof(out)), 0);
	assert_int_equal(vaccel_expect_nonserial_arg(args, 16), 0);
	assert_int_equal(vaccel_write_serial_arg(args->list, 0, &result), 0);
	assert_int_equal(out, 9);
	assert_int_equal(vaccel_write_nonserial_arg(args->list, 1, &numbers, pack), 0);
	assert_memory_equal((char *)args->list[1].buf + 4, values, 12);
	/* A result that is larger than its place must not be copied. */
	numbers.count = 5;
	assert_int_equal(vaccel_write_nonserial_arg(args->list, 1, &numbers, pack),
			 VACCEL_EINVAL);
	assert_int_equal(*(uint32_t *)args->list[1].buf, 3);
	assert_int_equal(vaccel_write_nonserial_arg(args->list, 1, &numbers, pack_nothing),
			 VACCEL_EINVAL);
	assert_int_equal(vaccel_delete_args(args), 0);
}

static void rejects(void **state)
{
	struct vaccel_arg_list *args = vaccel_args_init(1);
	int number = 1;

	(void)state;
	assert_int_equal(vaccel_add_serial_arg(NULL, &number, 4), VACCEL_EINVAL);
	assert_int_equal(vaccel_add_serial_arg(args, NULL, 4), VACCEL_EINVAL);
	assert_int_equal(vaccel_add_serial_arg(args, &number, 0), VACCEL_EINVAL);
	assert_int_equal(vaccel_add_nonserial_arg(args, NULL, 0, pack), VACCEL_EINVAL);
	assert_int_equal(vaccel_add_nonserial_arg(args, &number, 0, NULL), VACCEL_EINVAL);
	assert_int_equal(vaccel_expect_nonserial_arg(args, 0), VACCEL_EINVAL);
	assert_int_equal(vaccel_expect_nonserial_arg(NULL, 4), VACCEL_EINVAL);
	assert_null(vaccel_extract_serial_arg(NULL, 0));
	assert_null(vaccel_extract_serial_arg(args->list, -1));
	assert_null(vaccel_extract_nonserial_arg(args->list, 0, unpack));
	assert_null(vaccel_extract_nonserial_arg(args->list, 0, NULL));
	assert_int_equal(vaccel_write_serial_arg(args->list, 0, &number), VACCEL_EINVAL);
	assert_int_equal(vaccel_write_serial_arg(args->list, 0, NULL), VACCEL_EINVAL);
	assert_int_equal(vaccel_write_serial_arg(NULL, 0, &number), VACCEL_EINVAL);
	assert_int_equal(vaccel_write_nonserial_arg(args->list, -1, &number, pack),
			 VACCEL_EINVAL);
	assert_int_equal(vaccel_delete_args(args), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(init),
		cmocka_unit_test(add),
		cmocka_unit_test(write_back),
		cmocka_unit_test(rejects),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
