// SPDX-License-Identifier: Apache-2.0
/* Answers: JSON that is whole however small the buffer is. */
#include <json-c/json.h>

#include "util.h"

#include "answer.h"

static void make(struct answer *a)
{
	static const float box[4] = {1, 2.25f, 3, 4};

	answer_start(a);
	answer_string(a, "model", "a \"b\" \\ \n \xff \xc3\xa4 \xed\xa0\x80");
	answer_integer(a, "found", 3);
	answer_open(a, "picture", '{');
	answer_integer(a, "bytes", 7);
	answer_close(a, '}');
	answer_list(a, "objects");
	for (int i = 0; i < 3; i++) {
		answer_element(a);
		answer_number(a, "score", 0.5 - i * 0.125, 4);
		answer_numbers(a, "box", box, 4, 1);
		answer_open(a, "points", '[');
		for (int k = 0; k < 2; k++) {
			answer_open(a, NULL, '{');
			answer_integer(a, "k", (uint64_t)k);
			answer_close(a, '}');
		}
		answer_close(a, ']');
		answer_end_element(a);
	}
}

static void whole(void **state)
{
	static const char all[] =
		"{\"model\":\"a \\u0022b\\u0022 \\u005c \\u000a \xef\xbf\xbd \xc3\xa4 "
		"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\",\"found\":3,\"picture\":{\"bytes\":7},\"objects\":["
		"{\"score\":0.5000,\"box\":[1.0,2.2,3.0,4.0],\"points\":[{\"k\":0},{\"k\":1}]},"
		"{\"score\":0.3750,\"box\":[1.0,2.2,3.0,4.0],\"points\":[{\"k\":0},{\"k\":1}]},"
		"{\"score\":0.2500,\"box\":[1.0,2.2,3.0,4.0],\"points\":[{\"k\":0},{\"k\":1}]}]}";
	char out[sizeof(all)];
	struct answer a;
	size_t nr;

	(void)state;
	make(&a);
	assert_int_equal(answer_write(&a, out, sizeof(out), &nr), sizeof(all));
	assert_string_equal(out, all);
	assert_int_equal(nr, 3);
	answer_release(&a);
}

static void every_size(void **state)
{
	size_t nr, last = 0, needed;
	struct answer a;
	char *out;

	(void)state;
	make(&a);
	needed = answer_write(&a, (char[1]){0}, 1, &nr);
	for (size_t size = 1; size <= needed; size++) {
		struct json_object *root, *list;

		out = malloc(size); /* exactly: what is written behind it is found by ASan */
		assert_non_null(out);
		memset(out, 'x', size);
		assert_int_equal(answer_write(&a, out, size, &nr), needed);
		assert_true(strnlen(out, size) < size);
		if (*out) {
			root = json_tokener_parse(out);
			assert_non_null(root);
			assert_true(json_object_object_get_ex(root, "objects", &list));
			assert_int_equal(json_object_array_length(list), nr);
			json_object_put(root);
		}
		assert_true(nr == last || nr == last + 1);
		last = nr;
		free(out);
	}
	assert_int_equal(last, 3);
	answer_release(&a);
}

static void without_list(void **state)
{
	char out[64];
	struct answer a;
	size_t nr;

	(void)state;
	answer_start(&a);
	answer_number(&a, "min", -1e300, 1);
	assert_int_equal(answer_write(&a, out, sizeof(out), &nr), 28);
	assert_string_equal(out, "{\"min\":-1000000000000000.0}");
	assert_int_equal(answer_write(&a, out, 27, &nr), 28);
	assert_string_equal(out, "");
	answer_release(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole),
		cmocka_unit_test(every_size),
		cmocka_unit_test(without_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
