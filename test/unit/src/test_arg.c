// SPDX-License-Identifier: Apache-2.0
/* Single arguments, and the check of their content. */
#include "no_memory.h"
#include "util.h"

#include <errno.h>
#include <stdbool.h>

#include "arg.h"
#include "vaccel.h"

static void init_copies(void **state)
{
	char text[] = "abc";
	struct vaccel_arg arg;

	(void)state;
	assert_int_equal(vaccel_arg_init(&arg, text, sizeof(text), VACCEL_ARG_STRING, 0), 0);
	assert_ptr_not_equal(arg.buf, text);
	assert_string_equal(arg.buf, "abc");
	assert_int_equal(arg.size, 4);
	assert_int_equal(arg.type, VACCEL_ARG_STRING);
	assert_true(arg.owned);
	text[0] = 'x';
	assert_string_equal(arg.buf, "abc");

	assert_int_equal(vaccel_arg_release(&arg), 0);
	assert_null(arg.buf);
	assert_int_equal(arg.size, 0);
	assert_int_equal(arg.type, VACCEL_ARG_MAX);
	assert_false(arg.owned);
	/* Again is harmless. */
	assert_int_equal(vaccel_arg_release(&arg), 0);
}

static void init_zeroes(void **state)
{
	struct vaccel_arg arg;

	(void)state;
	assert_int_equal(vaccel_arg_init(&arg, NULL, 64, VACCEL_ARG_BUFFER, 0), 0);
	for (size_t i = 0; i < 64; i++)
		assert_int_equal(((char *)arg.buf)[i], 0);
	assert_int_equal(vaccel_arg_release(&arg), 0);

	assert_int_equal(vaccel_arg_init(&arg, NULL, 0, VACCEL_ARG_RAW, 0), 0);
	assert_null(arg.buf);
	assert_int_equal(vaccel_arg_release(&arg), 0);
}

static void init_rejects(void **state)
{
	struct vaccel_arg arg = { .size = 77 };
	char c = 0;

	(void)state;
	assert_int_equal(vaccel_arg_init(NULL, &c, 1, VACCEL_ARG_RAW, 0), VACCEL_EINVAL);
	assert_int_equal(vaccel_arg_init(&arg, &c, 0, VACCEL_ARG_RAW, 0), VACCEL_EINVAL);
	assert_int_equal(vaccel_arg_init(&arg, &c, 1, VACCEL_ARG_MAX, 0), VACCEL_EINVAL);
	assert_int_equal(vaccel_arg_init(&arg, &c, 1, -1, 0), VACCEL_EINVAL);
	assert_int_equal(vaccel_arg_init(&arg, NULL, TOO_MUCH, VACCEL_ARG_RAW, 0),
			 VACCEL_ENOMEM);
	assert_int_equal(arg.size, 77);
	assert_int_equal(vaccel_arg_release(NULL), VACCEL_EINVAL);
}

static void from_buf_borrows(void **state)
{
	uint32_t value = 5;
	struct vaccel_arg arg, *allocated = NULL;

	(void)state;
	assert_int_equal(vaccel_arg_init_from_buf(&arg, &value, 4, VACCEL_ARG_CUSTOM, 9), 0);
	assert_ptr_equal(arg.buf, &value);
	assert_int_equal(arg.custom_type_id, 9);
	assert_false(arg.owned);
	assert_int_equal(vaccel_arg_release(&arg), 0);
	assert_int_equal(value, 5);

	assert_int_equal(vaccel_arg_init_from_buf(&arg, NULL, 4, VACCEL_ARG_RAW, 0),
			 VACCEL_EINVAL);
	assert_int_equal(vaccel_arg_init_from_buf(&arg, &value, 0, VACCEL_ARG_RAW, 0),
			 VACCEL_EINVAL);
	assert_int_equal(vaccel_arg_init_from_buf(NULL, &value, 4, VACCEL_ARG_RAW, 0),
			 VACCEL_EINVAL);
	assert_int_equal(vaccel_arg_init_from_buf(&arg, NULL, 0, VACCEL_ARG_RAW, 0), 0);

	assert_int_equal(vaccel_arg_from_buf(&allocated, &value, 0, VACCEL_ARG_RAW, 0),
			 VACCEL_EINVAL);
	assert_null(allocated);
	assert_int_equal(vaccel_arg_from_buf(NULL, &value, 4, VACCEL_ARG_RAW, 0), VACCEL_EINVAL);
	assert_int_equal(vaccel_arg_from_buf(&allocated, &value, 4, VACCEL_ARG_UINT32, 0), 0);
	assert_ptr_equal(allocated->buf, &value);
	assert_int_equal(vaccel_arg_delete(allocated), 0);
}

static void new_allocates(void **state)
{
	struct vaccel_arg *arg = NULL;
	int value = 7;

	(void)state;
	assert_int_equal(vaccel_arg_new(NULL, &value, 4, VACCEL_ARG_INT32, 0), VACCEL_EINVAL);
	assert_int_equal(vaccel_arg_new(&arg, &value, 0, VACCEL_ARG_INT32, 0), VACCEL_EINVAL);
	assert_null(arg);
	assert_int_equal(vaccel_arg_new(&arg, &value, 4, VACCEL_ARG_INT32, 0), 0);
	assert_int_equal(*(int *)arg->buf, 7);
	assert_int_equal(vaccel_arg_delete(arg), 0);
	assert_int_equal(vaccel_arg_delete(NULL), VACCEL_EINVAL);
}

static void content(void **state)
{
	unsigned char bytes[16] = { 0 };

	(void)state;
	assert_true(arg_content_valid(VACCEL_ARG_RAW, NULL, 0));
	assert_true(arg_content_valid(VACCEL_ARG_RAW, bytes, 3));
	assert_false(arg_content_valid(VACCEL_ARG_RAW, NULL, 3));
	assert_false(arg_content_valid(VACCEL_ARG_RAW, bytes, 0));

	assert_true(arg_content_valid(VACCEL_ARG_FLOAT64, bytes, 8));
	assert_false(arg_content_valid(VACCEL_ARG_FLOAT64, bytes, 16));
	assert_false(arg_content_valid(VACCEL_ARG_FLOAT64, bytes, 4));
	assert_true(arg_content_valid(VACCEL_ARG_FLOAT64_ARRAY, bytes, 16));
	assert_false(arg_content_valid(VACCEL_ARG_FLOAT64_ARRAY, bytes, 12));
	assert_false(arg_content_valid(VACCEL_ARG_FLOAT64_ARRAY, bytes, 0));
	assert_false(arg_content_valid(VACCEL_ARG_FLOAT64_ARRAY, NULL, 8));

	assert_true(arg_content_valid(VACCEL_ARG_BOOL_ARRAY, bytes, 16));
	bytes[15] = 2;
	assert_false(arg_content_valid(VACCEL_ARG_BOOL_ARRAY, bytes, 16));
	assert_true(arg_content_valid(VACCEL_ARG_UCHAR_ARRAY, bytes, 16));
	assert_false(arg_content_valid(VACCEL_ARG_STRING, bytes, 16));
	assert_true(arg_content_valid(VACCEL_ARG_STRING, bytes, 15));
	assert_true(arg_content_valid(VACCEL_ARG_BUFFER, bytes, 1));
	assert_false(arg_content_valid(VACCEL_ARG_BUFFER, bytes, 0));
	assert_true(arg_content_valid(VACCEL_ARG_CUSTOM, bytes, 1));
	assert_false(arg_content_valid(VACCEL_ARG_MAX, bytes, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(init_copies),	    cmocka_unit_test(init_zeroes),
		cmocka_unit_test(init_rejects),	    cmocka_unit_test(from_buf_borrows),
		cmocka_unit_test(new_allocates),    cmocka_unit_test(content),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
