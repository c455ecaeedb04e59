// SPDX-License-Identifier: Apache-2.0
/* How lines of the log look, in each format, whatever the text is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <json-c/json.h>

#include "log.h"

static char line[LOG_LINE_MAX + 1];

static const char *format(enum log_level level, bool relayed, const char *text, size_t len)
{
	const struct log_record record = { .level = level, .relayed = relayed, .text = text, .len = len };
	size_t size = log_record_format(line, &record);

	assert_true(size > 1 && size <= LOG_LINE_MAX);
	assert_ptr_equal(memchr(line, '\n', size), line + size - 1);
	line[size - 1] = '\0';
	assert_int_equal(strlen(line), size - 1);
	return line;
}

static const char *format_text(enum log_level level, bool relayed, const char *text)
{
	return format(level, relayed, text, strlen(text));
}

static void unknown(void **state)
{
	(void)state;
	assert_false(log_set_format("xml"));
	assert_false(log_set_format(""));
	assert_non_null(strstr(format_text(LOG_LEVEL_WARN, false, "as before"), " - <warn> as before"));
}

static void for_systemd(void **state)
{
	static const struct {
		enum log_level level;
		bool relayed;
		const char *line;
	} lines[] = {
		{ LOG_LEVEL_ERROR, false, "<3>web1: text \\n<0>more" },
		{ LOG_LEVEL_WARN, true, "<4>web1 worker: text \\n<0>more" },
		{ LOG_LEVEL_INFO, false, "<6>web1: text \\n<0>more" },
		{ LOG_LEVEL_DEBUG, true, "<7>web1 worker: text \\n<0>more" },
		{ LOG_LEVEL_NONE, true, "<6>web1 worker: text \\n<0>more" },
	};

	(void)state;
	assert_true(log_set_format("systemd"));
	log_set_name("web1");
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_string_equal(format_text(lines[i].level, lines[i].relayed, "text \n<0>more"),
				    lines[i].line);
	log_set_name(NULL);
	assert_string_equal(format_text(LOG_LEVEL_ERROR, false, "no name"), "<3>no name");
}

/* Return: a member, which lives until the next call */
static const char *member(const char *name)
{
	static struct json_object *object;
	struct json_object *value;

	json_object_put(object);
	object = json_tokener_parse(line);
	assert_non_null(object);
	assert_int_equal(json_object_object_length(object), 5);
	assert_true(json_object_object_get_ex(object, name, &value));
	return json_object_get_string(value);
}

static void as_json(void **state)
{
	char text[3 * LOG_LINE_MAX];
	const char *time;
	int year;

	(void)state;
	assert_true(log_set_format("json"));
	log_set_name("all/web1");
	format_text(LOG_LEVEL_WARN, true, "say \"a\\b\"\t\n,\"level\":\"none");
	time = member("time");
	assert_int_equal(strlen(time), strlen("2026-11-30T15:00:00.000Z"));
	assert_int_equal(sscanf(time, "%d-", &year), 1);
	assert_true(year > 2000);
	assert_string_equal(member("level"), "warn");
	assert_string_equal(member("name"), "all/web1");
	assert_string_equal(member("from"), "worker");
	assert_string_equal(member("message"), "say \"a\\b\"\t\\n,\"level\":\"none");
	format_text(LOG_LEVEL_NONE, false, "\xff\x01");
	assert_string_equal(member("from"), "host");
	assert_string_equal(member("level"), "none");
	assert_string_equal(member("message"), "\\xff\\x01");

	/* Of any length, and cut between characters */
	for (size_t len = 0; len < sizeof(text) / 2; len++) {
		memset(text, '"', len);
		format(LOG_LEVEL_ERROR, false, text, len);
		assert_non_null(member("message"));
		for (size_t i = 0; i < len; i++)
			text[i] = "\xf0\x9f\x98\x80"[i % 4];
		format(LOG_LEVEL_ERROR, false, text, len);
		assert_non_null(member("message"));
		assert_null(strstr(line, "\x9f\""));
	}
	log_set_name(NULL);
	assert_true(log_set_format("text"));
	line[0] = '\0';
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unknown),
		cmocka_unit_test(for_systemd),
		cmocka_unit_test(as_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
