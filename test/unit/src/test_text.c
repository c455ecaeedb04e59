// SPDX-License-Identifier: Apache-2.0
/* What the library checks of operations of vaccel/text.h before a plugin sees them. */
#include "util.h"

#include <math.h>

#include "plugin.h"
#include "utf8.h"
#include "vaccel.h"

static struct vaccel_session sess;
static struct vaccel_resource model;
static unsigned int runs;

static int nothing(void)
{
	return VACCEL_OK;
}

static int begin(struct vaccel_session *s, struct vaccel_resource *m, const struct vaccel_text_params *params,
		 const struct vaccel_text_message *messages, uint32_t nr_messages, uint64_t *id)
{
	(void)params;
	assert_ptr_equal(s, &sess);
	assert_ptr_equal(m, &model);
	assert_non_null(messages[nr_messages - 1].content);
	*id = 7;
	runs++;
	return VACCEL_OK;
}

static int next(struct vaccel_session *s, uint64_t id, char *buf, size_t room, uint32_t wait_ms,
		struct vaccel_text_status *status)
{
	(void)wait_ms;
	assert_ptr_equal(s, &sess);
	assert_int_equal(id, 7);
	memset(buf, 'x', room);
	*status = (struct vaccel_text_status){.len = room};
	runs++;
	return VACCEL_OK;
}

static int end(struct vaccel_session *s, uint64_t id)
{
	assert_ptr_equal(s, &sess);
	assert_int_equal(id, 7);
	runs++;
	return VACCEL_OK;
}

static int embed(struct vaccel_session *s, struct vaccel_resource *m, const char *text, float *out, size_t room,
		 uint64_t *nr)
{
	(void)out;
	assert_ptr_equal(s, &sess);
	assert_ptr_equal(m, &model);
	assert_int_equal(*nr, 0);
	*nr = strlen(text) + room;
	runs++;
	return VACCEL_OK;
}

static const struct vaccel_text_ops text_ops = {begin, next, end, embed};
static const struct vaccel_text_ops embed_ops = {.embed = embed};

#define PLUGIN(plugin)                                                              \
	static struct vaccel_plugin_info plugin##_info = {                          \
		.name = #plugin, .version = "1", .vaccel_version = VACCEL_VERSION,  \
		.init = nothing, .fini = nothing, .type = VACCEL_PLUGIN_CPU};       \
	static struct vaccel_plugin plugin = {.info = &plugin##_info}
PLUGIN(old);
PLUGIN(embeds);
PLUGIN(all);

/* As it was before there was text */
static const struct vaccel_plugin_ext old_ext = {.size = offsetof(struct vaccel_plugin_ext, text), .text = &text_ops};
static const struct vaccel_plugin_ext embeds_ext = {.size = sizeof(embeds_ext), .text = &embed_ops};
static const struct vaccel_plugin_ext all_ext = {.size = sizeof(all_ext), .text = &text_ops};

static int start(void **state)
{
	struct vaccel_config config;

	(void)state;
	runs = 0;
	vaccel_config_init(&config, NULL, VACCEL_LOG_ERROR, NULL, false, false);
	if (vaccel_bootstrap_with_config(&config) || plugin_register(&old) || plugin_register(&embeds) ||
	    plugin_register(&all) || vaccel_plugin_register_ext(&old, &old_ext) ||
	    vaccel_plugin_register_ext(&embeds, &embeds_ext))
		return -1;
	assert_int_equal(vaccel_session_init(&sess, VACCEL_PLUGIN_CPU), 0);
	assert_ptr_equal(sess.plugin, &old);
	assert_int_equal(vaccel_resource_init_from_buf(&model, "model", 6, VACCEL_RESOURCE_MODEL, "m", true), 0);
	return vaccel_resource_register(&model, &sess);
}

static int start_all(void **state)
{
	int ret = start(state);

	return ret ? ret : vaccel_plugin_register_ext(&all, &all_ext);
}

static int stop(void **state)
{
	(void)state;
	assert_int_equal(vaccel_session_release(&sess), 0);
	assert_int_equal(vaccel_resource_release(&model), 0);
	return vaccel_cleanup();
}

/* A plugin that knows nothing of them, one that has a part, and one that has all. */
static void who_runs(void **state)
{
	const struct vaccel_text_message prompt = {.content = "go"};
	uint8_t code = VACCEL_OP_TEXT_BEGIN;
	struct vaccel_arg arg = {.buf = &code, .size = 1, .type = VACCEL_ARG_UINT8};
	struct vaccel_plugin_desc d[3];
	struct vaccel_text_status st;
	static struct capture out;
	char buf[VACCEL_TEXT_MIN_ROOM];
	uint64_t id = 0, nr = 9;
	size_t nr_plugins = 3;

	(void)state;
	capture_start(&out, STDOUT_FILENO);
	assert_int_equal(vaccel_text_begin(&sess, &model, NULL, &prompt, 1, &id), VACCEL_ENOTSUP);
	assert_contains(capture_end(&out), "plugin old does not implement text_begin");
	assert_int_equal(vaccel_text_embed(&sess, &model, "abc", NULL, 0, &nr), 0);
	assert_int_equal(nr, 3);
	assert_int_equal(vaccel_plugin_register_ext(&all, &all_ext), 0);
	assert_int_equal(vaccel_text_begin(&sess, &model, NULL, &prompt, 1, &id), 0);
	assert_int_equal(vaccel_text_next(&sess, id, buf, sizeof(buf), 0, &st), 0);
	assert_int_equal(st.len, sizeof(buf));
	assert_int_equal(vaccel_text_end(&sess, id), 0);
	assert_int_equal(runs, 4);
	assert_int_equal(vaccel_plugin_list(d, &nr_plugins), 0);
	assert_int_equal(d[0].ops, 0);
	assert_int_equal(d[1].ops, UINT64_C(1) << VACCEL_OP_TEXT_EMBED);
	assert_int_equal(d[2].ops, UINT64_C(15) << VACCEL_OP_TEXT_BEGIN);
	capture_start(&out, STDOUT_FILENO);
	assert_int_equal(vaccel_genop(&sess, &arg, 1, NULL, 0), VACCEL_EINVAL);
	assert_int_equal(vaccel_text_begin(NULL, &model, NULL, &prompt, 1, &id), VACCEL_EINVAL);
	assert_int_equal(vaccel_text_begin(&sess, NULL, NULL, &prompt, 1, &id), VACCEL_EINVAL);
	assert_int_equal(vaccel_text_end(NULL, id), VACCEL_EINVAL);
	capture_end(&out);
}

/* One line says what is wrong, and no plugin runs. */
static void refused(const struct vaccel_text_params *params, const struct vaccel_text_message *messages, uint32_t nr,
		    int code, const char *why)
{
	static struct capture text;
	uint64_t id;

	capture_start(&text, STDOUT_FILENO);
	assert_int_equal(vaccel_text_begin(&sess, &model, params, messages, nr, &id), code);
	capture_end(&text);
	assert_contains(text.text, why);
	assert_int_equal(count(text.text, "<error>"), 1);
	assert_int_equal(runs, 0);
}

static void messages(void **state)
{
	static struct vaccel_text_message many[VACCEL_TEXT_MAX_MESSAGES + 1];
	struct vaccel_text_message m[2] = {{"user", "hello"}, {NULL, "go on"}};
	char *big = malloc(VACCEL_TEXT_MAX_PROMPT + 1);
	uint64_t id;

	(void)state;
	refused(NULL, NULL, 1, VACCEL_EINVAL, "there is no message");
	refused(NULL, m, 0, VACCEL_EINVAL, "there is no message");
	refused(NULL, m, 2, VACCEL_EINVAL, "is the only one");
	m[1].role = "assistant";
	m[1].content = NULL;
	refused(NULL, m, 2, VACCEL_EINVAL, "a message has no content");
	m[1].content = "caf\xe9";
	refused(NULL, m, 2, VACCEL_EINVAL, "not UTF-8");
	m[1].content = "cut \xe2\x82";
	refused(NULL, m, 2, VACCEL_EINVAL, "not UTF-8");
	m[1].content = "";
	m[1].role = "\xc0\x80";
	refused(NULL, m, 2, VACCEL_EINVAL, "not UTF-8");
	refused(NULL, many, VACCEL_TEXT_MAX_MESSAGES + 1, VACCEL_ERANGE, "1025 messages");
	/* All that there may be, and a byte more */
	memset(big, 'x', VACCEL_TEXT_MAX_PROMPT);
	m[1].role = "assistant";
	m[1].content = big;
	big[VACCEL_TEXT_MAX_PROMPT - strlen("user") - strlen("hello") - strlen("assistant") - 3] = '\0';
	refused(NULL, m, 2, VACCEL_ERANGE, "longer than");
	big[VACCEL_TEXT_MAX_PROMPT - strlen("user") - strlen("hello") - strlen("assistant") - 4] = '\0';
	assert_int_equal(vaccel_text_begin(&sess, &model, NULL, m, 2, &id), 0);
	assert_int_equal(runs, 1);
	free(big);
}

static void parameters(void **state)
{
	const struct vaccel_text_message prompt = {.content = "go"};
	struct vaccel_text_params p = {.temperature = -0.1f};
	uint64_t id;

	(void)state;
	refused(&p, &prompt, 1, VACCEL_EINVAL, "temperature");
	p.temperature = NAN;
	refused(&p, &prompt, 1, VACCEL_EINVAL, "temperature");
	p.temperature = INFINITY;
	refused(&p, &prompt, 1, VACCEL_EINVAL, "temperature");
	p.temperature = 2;
	p.top_p = 1.1f;
	refused(&p, &prompt, 1, VACCEL_EINVAL, "top_p");
	p.top_p = NAN;
	refused(&p, &prompt, 1, VACCEL_EINVAL, "top_p");
	p.top_p = 1;
	p.reserved[9] = 1;
	refused(&p, &prompt, 1, VACCEL_EINVAL, "reserved");
	p.reserved[9] = 0;
	memset(p.stop[7], 's', sizeof(p.stop[7]));
	refused(&p, &prompt, 1, VACCEL_EINVAL, "a stop string has no end");
	strcpy(p.stop[7], "\xff");
	refused(&p, &prompt, 1, VACCEL_EINVAL, "a stop string is not UTF-8");
	strcpy(p.stop[7], "\xe2\x82\xac");
	assert_int_equal(vaccel_text_begin(&sess, &model, &p, &prompt, 1, &id), 0);
}

static void others(void **state)
{
	char buf[8], *big = malloc(VACCEL_TEXT_MAX_PROMPT + 1);
	struct vaccel_text_status st;
	struct capture *c = malloc(sizeof(*c));
	uint64_t nr = 5;
	float f;

	(void)state;
	capture_start(c, STDOUT_FILENO);
	assert_int_equal(vaccel_text_begin(&sess, &model, NULL, &(struct vaccel_text_message){.content = "go"}, 1, NULL),
			 VACCEL_EINVAL);
	assert_int_equal(vaccel_text_next(&sess, 7, NULL, 8, 0, &st), VACCEL_EINVAL);
	assert_int_equal(vaccel_text_next(&sess, 7, buf, 8, 0, NULL), VACCEL_EINVAL);
	assert_int_equal(vaccel_text_next(&sess, 7, buf, VACCEL_TEXT_MIN_ROOM - 1, 0, &st), VACCEL_EINVAL);
	assert_int_equal(vaccel_text_embed(&sess, &model, NULL, &f, 1, &nr), VACCEL_EINVAL);
	assert_int_equal(vaccel_text_embed(&sess, &model, "", &f, 1, &nr), VACCEL_EINVAL);
	assert_int_equal(vaccel_text_embed(&sess, &model, "\xff", &f, 1, &nr), VACCEL_EINVAL);
	assert_int_equal(vaccel_text_embed(&sess, &model, "x", NULL, 1, &nr), VACCEL_EINVAL);
	assert_int_equal(vaccel_text_embed(&sess, &model, "x", &f, 1, NULL), VACCEL_EINVAL);
	memset(big, 'x', VACCEL_TEXT_MAX_PROMPT);
	big[VACCEL_TEXT_MAX_PROMPT] = '\0';
	assert_int_equal(vaccel_text_embed(&sess, &model, big, &f, 1, &nr), VACCEL_ERANGE);
	assert_int_equal(nr, 0);
	capture_end(c);
	assert_int_equal(count(c->text, "<error>"), 10);
	assert_int_equal(runs, 0);
	free(c);
	free(big);
}

/* Every sequence of up to three bytes, against what the definition says */
static bool is_char(uint32_t seq, int len)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800};
	uint8_t b[3] = {(uint8_t)(seq >> 16), (uint8_t)(seq >> 8), (uint8_t)seq};
	uint32_t c = len == 1 ? b[0] : len == 2 ? b[0] & 0x1fu : b[0] & 0xfu;

	if (len == 1)
		return b[0] < 0x80;
	if (len == 2 ? (b[0] & 0xe0) != 0xc0 : (b[0] & 0xf0) != 0xe0)
		return false;
	for (int i = 1; i < len; i++) {
		if ((b[i] & 0xc0) != 0x80)
			return false;
		c = c << 6 | (b[i] & 0x3fu);
	}
	return c >= least[len] && (c < 0xd800 || c > 0xdfff);
}

static void characters(void **state)
{
	(void)state;
	for (uint32_t seq = 0; seq < 1u << 24; seq++) {
		const uint8_t b[3] = {(uint8_t)(seq >> 16), (uint8_t)(seq >> 8), (uint8_t)seq};
		int n = utf8_char(b, 3, NULL);

		for (int len = 1; len <= 3; len++)
			if (is_char(seq, len) != (n == len))
				fail_msg("%06x: %d", seq, n);
	}
	assert_int_equal(utf8_char("\xf0\x9f\x98\x80", 4, NULL), 4);
	assert_int_equal(utf8_char("\xf0\x9f\x98\x80", 3, NULL), UTF8_PART);
	assert_int_equal(utf8_char("\xf4\x8f\xbf\xbf", 4, NULL), 4);
	assert_int_equal(utf8_char("\xf4\x90\x80\x80", 4, NULL), UTF8_BAD);
	assert_int_equal(utf8_char("\xf0\x8f\xbf\xbf", 4, NULL), UTF8_BAD);
	assert_true(utf8_is_valid("", 0));
	assert_false(utf8_is_valid("\xe2\x82", 2));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(who_runs, start, stop),
		cmocka_unit_test_setup_teardown(messages, start_all, stop),
		cmocka_unit_test_setup_teardown(parameters, start_all, stop),
		cmocka_unit_test_setup_teardown(others, start_all, stop),
		cmocka_unit_test(characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
