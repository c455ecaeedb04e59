// SPDX-License-Identifier: Apache-2.0
#include "util.h"

#include "vaccel.h"

static void test_buffer(void **state)
{
	char buf[8];

	(void)state;
	assert_int_equal(vaccel_str_to_lower("AbC_9z", buf, sizeof(buf), NULL), VACCEL_OK);
	assert_string_equal(buf, "abc_9z");
	assert_int_equal(vaccel_str_to_lower("", buf, sizeof(buf), NULL), VACCEL_OK);
	assert_string_equal(buf, "");
}

static void test_cut(void **state)
{
	char buf[] = "xxxxxxxx";

	(void)state;
	assert_int_equal(vaccel_str_to_lower("ABCDEF", buf, 4, NULL), VACCEL_OK);
	assert_string_equal(buf, "abc");
	assert_int_equal(buf[4], 'x');
	assert_int_equal(vaccel_str_to_lower("ABCDEF", buf, 1, NULL), VACCEL_OK);
	assert_string_equal(buf, "");
}

static void test_alloc(void **state)
{
	char *lower = NULL;

	(void)state;
	assert_int_equal(vaccel_str_to_lower("HELLO", NULL, 0, &lower), VACCEL_OK);
	assert_string_equal(lower, "hello");
	free(lower);
}

static void test_bad(void **state)
{
	char buf[4] = "abc";
	char *lower = NULL;

	(void)state;
	assert_int_equal(vaccel_str_to_lower(NULL, buf, sizeof(buf), NULL), VACCEL_EINVAL);
	assert_int_equal(vaccel_str_to_lower(NULL, NULL, 0, &lower), VACCEL_EINVAL);
	assert_int_equal(vaccel_str_to_lower("A", NULL, 4, NULL), VACCEL_EINVAL);
	assert_int_equal(vaccel_str_to_lower("A", buf, 0, NULL), VACCEL_EINVAL);
	assert_string_equal(buf, "abc");
	assert_null(lower);
}

#define FRUIT_LIST(ITEM) ITEM(APPLE, 3, FRUIT) ITEM(PEAR, FRUIT) ITEM(FIG, 9, FRUIT)
VACCEL_ENUM_DEF_WITH_STR_FUNCS(fruit, FRUIT, FRUIT_LIST)

static void test_enum(void **state)
{
	char buf[VACCEL_ENUM_STR_MAX];

	(void)state;
	assert_int_equal(FRUIT_APPLE, 3);
	assert_int_equal(FRUIT_PEAR, 4);
	assert_int_equal(FRUIT_MAX, 10);
	assert_string_equal(fruit_to_str(FRUIT_PEAR), "FRUIT_PEAR");
	assert_string_equal(fruit_to_base_str(FRUIT_FIG), "FIG");
	assert_string_equal(fruit_to_str(77), "FRUIT_MAX");
	assert_string_equal(fruit_to_base_str(FRUIT_MAX), "MAX");
	assert_ptr_equal(fruit_name(FRUIT_FIG, buf, sizeof(buf)), buf);
	assert_string_equal(buf, "fig");
	assert_string_equal(fruit_name(FRUIT_APPLE, buf, 3), "ap");
	assert_null(fruit_name(FRUIT_FIG, NULL, 5));
	assert_null(fruit_name(FRUIT_FIG, buf, 0));
}

static void test_enum_of_library(void **state)
{
	char buf[VACCEL_ENUM_STR_MAX];

	(void)state;
	assert_string_equal(vaccel_op_type_to_str(VACCEL_OP_TF_MODEL_LOAD),
			    "VACCEL_OP_TF_MODEL_LOAD");
	assert_string_equal(vaccel_op_type_to_lower(VACCEL_OP_EXEC_WITH_RESOURCE, buf, sizeof(buf)),
			    "exec_with_resource");
	assert_string_equal(vaccel_plugin_type_to_str(VACCEL_PLUGIN_ALL), "VACCEL_PLUGIN_ALL");
	assert_string_equal(vaccel_plugin_type_to_str(
				    (vaccel_plugin_type_t)(VACCEL_PLUGIN_CPU | VACCEL_PLUGIN_GPU)),
			    "VACCEL_PLUGIN_MAX");
	assert_string_equal(vaccel_plugin_type_name((vaccel_plugin_type_t)3, buf, sizeof(buf)),
			    "max");
	assert_string_equal(vaccel_path_type_to_base_str(VACCEL_PATH_REMOTE_FILE), "REMOTE_FILE");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_buffer), cmocka_unit_test(test_cut),
		cmocka_unit_test(test_alloc),  cmocka_unit_test(test_bad),
		cmocka_unit_test(test_enum),   cmocka_unit_test(test_enum_of_library),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
