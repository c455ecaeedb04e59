// SPDX-License-Identifier: Apache-2.0
/* What each line of a log undergoes: src/loglines. */
#include "util.h"

#include "loglines/clean.h"
#include "loglines/limit.h"

#define SECOND UINT64_C(1000000000)

/* ---- Cleaning ------------------------------------------------------------------------------- */

/* Checks that the text, of len bytes, becomes this one; and that this one stays as it is. */
static void becomes(const char *text, size_t len, const char *expected)
{
	char got[256];
	size_t n = log_clean(got, sizeof(got), text, len);

	assert_in_range(n, 0, sizeof(got));
	if (n != strlen(expected) || memcmp(got, expected, n) != 0)
		fail_msg("'%.*s' is not '%s'", (int)n, got, expected);
	assert_int_equal(log_is_clean(text, len), n == len && !memcmp(got, text, n));
	assert_true(log_is_clean(got, n));
}

#define BECOMES(text, expected) becomes(text, sizeof(text) - 1, expected)
#define STAYS(text) BECOMES(text, text)

static void test_stays(void **state)
{
	(void)state;
	STAYS("");
	STAYS("a line of text, with 'quotes', <tags> and \\backslashes\\ ~");
	STAYS("a\ttab");
	/* The shortest and longest of each length of UTF-8 */
	STAYS("\xc2\xa0 \xdf\xbf \xe0\xa0\x80 \xef\xbf\xbf \xf0\x90\x80\x80 \xf4\x8f\xbf\xbf");
	STAYS("Gr\xc3\xbc\xc3\x9f" "e, \xe6\x97\xa5\xe6\x9c\xac, \xf0\x9f\x98\x80");
	/* Beside surrogates */
	STAYS("\xed\x9f\xbf \xee\x80\x80");
}

static void test_control(void **state)
{
	(void)state;
	BECOMES("x\n2026.01.01-00:00:00.00 - <error> forged",
		"x\\n2026.01.01-00:00:00.00 - <error> forged");
	BECOMES("over\rwritten", "over\\rwritten");
	BECOMES("\033[2J\033]0;title\007", "\\x1b[2J\\x1b]0;title\\x07");
	BECOMES("a\0b", "a\\x00b");
	BECOMES("\x01\x1f\x7f", "\\x01\\x1f\\x7f");
	/* Control characters of Unicode: 0x9b is ESC [ for some terminals. */
	BECOMES("\xc2\x80\xc2\x9b\xc2\x9f", "\\xc2\\x80\\xc2\\x9b\\xc2\\x9f");
	/* Ends of lines, and directions of writing */
	BECOMES("\xe2\x80\xa8\xe2\x80\xae\xe2\x81\xa6",
		"\\xe2\\x80\\xa8\\xe2\\x80\\xae\\xe2\\x81\\xa6");
	BECOMES("\xd8\x9c\xef\xbb\xbf", "\\xd8\\x9c\\xef\\xbb\\xbf");
}

static void test_no_utf8(void **state)
{
	(void)state;
	BECOMES("\x80", "\\x80");
	BECOMES("\xff\xfe", "\\xff\\xfe");
	/* Cut off, at the end and before something else */
	BECOMES("\xc3", "\\xc3");
	BECOMES("\xe2\x82", "\\xe2\\x82");
	BECOMES("\xf0\x9f\x98", "\\xf0\\x9f\\x98");
	BECOMES("\xe2\x82x", "\\xe2\\x82x");
	BECOMES("\xc3\n", "\\xc3\\n");
	BECOMES("\xc3\xc3\xa4", "\\xc3\xc3\xa4");
	/* Longer than need be: a line feed and a slash in disguise */
	BECOMES("\xc0\x8a\xc1\xaf", "\\xc0\\x8a\\xc1\\xaf");
	BECOMES("\xe0\x80\x8a\xe0\x9f\xbf", "\\xe0\\x80\\x8a\\xe0\\x9f\\xbf");
	BECOMES("\xf0\x80\x80\x8a\xf0\x8f\xbf\xbf", "\\xf0\\x80\\x80\\x8a\\xf0\\x8f\\xbf\\xbf");
	/* Halves of surrogates; beyond Unicode; five bytes */
	BECOMES("\xed\xa0\x80\xed\xbf\xbf", "\\xed\\xa0\\x80\\xed\\xbf\\xbf");
	BECOMES("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80");
	BECOMES("\xf8\x88\x80\x80\x80", "\\xf8\\x88\\x80\\x80\\x80");
}

/* Texts that do not fit are cut between characters, say so, and stay within the room. */
static void test_cut(void **state)
{
	static const char text[] = "0123456789\xe2\x82\xac\x1b" "abcdefgh";
	char got[64], whole[64];
	size_t all = log_clean(whole, sizeof(whole), text, sizeof(text) - 1);

	(void)state;
	for (size_t size = 8; size <= sizeof(got); size++) {
		size_t n;

		memset(got, '#', sizeof(got));
		n = log_clean(got, size, text, sizeof(text) - 1);
		assert_in_range(n, 1, size);
		for (size_t i = size; i < sizeof(got); i++)
			assert_int_equal(got[i], '#');
		assert_true(log_is_clean(got, n));
		if (size >= all) {
			assert_int_equal(n, all);
			assert_memory_equal(got, whole, all);
			continue;
		}
		/* As much as fits before "...", less one character */
		assert_in_range(n, size - 3, size);
		assert_memory_equal(got + n - 3, "...", 3);
		assert_memory_equal(got, whole, n - 3);
	}
}

/* ---- Limiting ------------------------------------------------------------------------------- */

/* How many of so many lines pass at this time */
static unsigned int pass(struct log_limit *l, uint64_t now, unsigned int keep, size_t bytes,
			 unsigned int lines)
{
	unsigned int n = 0;

	while (lines-- > 0)
		n += log_limit_take(l, now, keep, bytes);
	return n;
}

static void test_lines(void **state)
{
	uint64_t now = 1234 * SECOND;
	struct log_limit l;

	(void)state;
	log_limit_init(&l, 20);
	/* At first as many as in 50 s; then so many a second, whenever they come */
	assert_int_equal(pass(&l, now, 0, 100, 5000), 1000);
	assert_int_equal(pass(&l, now + SECOND / 2, 0, 100, 5000), 10);
	for (unsigned int s = 1; s <= 10; s++)
		assert_int_equal(pass(&l, now + s * SECOND, 0, 100, 5000), s == 1 ? 10 : 20);
	/* After a silence more, but not without bound */
	assert_int_equal(pass(&l, now + 20 * SECOND, 0, 100, 5000), 200);
	assert_int_equal(pass(&l, now + 100000 * SECOND, 0, 100, 5000), 1000);
	/* A time that goes back lets no more pass. */
	assert_int_equal(pass(&l, now, 0, 100, 5000), 0);
}

static void test_bytes(void **state)
{
	uint64_t now = SECOND;
	struct log_limit l;

	(void)state;
	log_limit_init(&l, 20);
	assert_int_equal(pass(&l, now, 0, 1000, 5000), 200);
	for (unsigned int s = 1; s <= 10; s++)
		assert_int_equal(pass(&l, now + s * SECOND, 0, 1000, 5000), 4);
	assert_false(log_limit_take(&l, now + 1000 * SECOND, 0, 200001));
	assert_false(log_limit_take(&l, now + 1000 * SECOND, 0, SIZE_MAX));
	assert_true(log_limit_take(&l, now + 1000 * SECOND, 0, 200000));
}

static void test_keep(void **state)
{
	struct log_limit l;

	(void)state;
	log_limit_init(&l, 20);
	assert_int_equal(pass(&l, SECOND, 8, 10, 5000), 992);
	assert_int_equal(pass(&l, SECOND, 2, 10, 5000), 6);
	assert_int_equal(pass(&l, SECOND, 0, 10, 5000), 2);
	/* Whoever leaves something to others waits for it. */
	assert_int_equal(pass(&l, SECOND + SECOND / 4, 8, 10, 5000), 0);
	assert_int_equal(pass(&l, SECOND + SECOND / 2, 8, 10, 5000), 2);
	/* More than there ever is */
	assert_int_equal(pass(&l, 1000 * SECOND, 1000, 10, 5000), 0);
}

static void test_extremes(void **state)
{
	struct log_limit l;

	(void)state;
	log_limit_init(&l, 0);
	assert_int_equal(pass(&l, 0, 8, SIZE_MAX, 100000), 100000);
	assert_int_equal(log_limit_report(&l, 10 * SECOND), 0);
	log_limit_init(&l, 1);
	assert_int_equal(pass(&l, SECOND, 0, 200, 1000), 50);
	assert_int_equal(pass(&l, 2 * SECOND, 0, 200, 1000), 1);
	log_limit_init(&l, UINT64_MAX);
	assert_int_equal(pass(&l, SECOND, 0, 200, 1000), 1000);
	assert_int_equal(pass(&l, UINT64_MAX / 2, 0, 200, 1000), 1000);
}

static void test_report(void **state)
{
	struct log_limit l;

	(void)state;
	log_limit_init(&l, 20);
	assert_int_equal(log_limit_report(&l, SECOND), 0);
	assert_int_equal(pass(&l, SECOND, 0, 10, 1500), 1000);
	/* A second after the first one, for all of that time */
	assert_int_equal(log_limit_report(&l, SECOND), 0);
	assert_int_equal(pass(&l, SECOND + SECOND / 2, 0, 10, 100), 10);
	assert_int_equal(log_limit_report(&l, 2 * SECOND - 1), 0);
	assert_int_equal(log_limit_report(&l, 2 * SECOND), 590);
	assert_int_equal(log_limit_report(&l, 9 * SECOND), 0);
	log_limit_leave_out(&l, 10 * SECOND);
	log_limit_leave_out(&l, 10 * SECOND);
	assert_int_equal(log_limit_report(&l, 11 * SECOND), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stays),	 cmocka_unit_test(test_control),
		cmocka_unit_test(test_no_utf8),	 cmocka_unit_test(test_cut),
		cmocka_unit_test(test_lines),	 cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_keep),	 cmocka_unit_test(test_extremes),
		cmocka_unit_test(test_report),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
