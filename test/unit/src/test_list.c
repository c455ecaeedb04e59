// SPDX-License-Identifier: Apache-2.0
#include "util.h"

#include "list.h"

struct item {
	int value;
	struct vaccel_list_entry entry;
};

static void test_order(void **state)
{
	struct vaccel_list_entry head = LIST_ENTRY_INIT(head);
	struct item items[3] = { { .value = 1 }, { .value = 2 }, { .value = 3 } };
	int expected = 1;

	(void)state;
	assert_true(list_empty(&head));
	for (int i = 0; i < 3; i++)
		list_add_tail(&head, &items[i].entry);
	list_for_each(it, &head, struct item, entry)
		assert_int_equal(it->value, expected++);
	assert_int_equal(expected, 4);
	assert_true(list_contains(&head, &items[1].entry));
}

static void test_unlink(void **state)
{
	struct vaccel_list_entry head = LIST_ENTRY_INIT(head);
	struct item items[4];
	int seen = 0;

	(void)state;
	for (int i = 0; i < 4; i++) {
		items[i].value = i;
		list_add_tail(&head, &items[i].entry);
	}
	list_unlink(&items[2].entry);
	list_unlink(&items[2].entry);
	assert_false(list_contains(&head, &items[2].entry));
	assert_ptr_equal(items[2].entry.next, &items[2].entry);
	list_for_each_safe(it, &head, struct item, entry) {
		seen += it->value;
		list_unlink(&it->entry);
	}
	assert_int_equal(seen, 0 + 1 + 3);
	assert_true(list_empty(&head));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_unlink),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
