// SPDX-License-Identifier: Apache-2.0
/*
 * Text of servers that speak as OpenAI's do, by the plugin oip in this process and behind the strict sandbox, which has no
 * network: right answers, cancelling, servers that misbehave, and that nothing is asked twice.
 */
#include "servers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct engines e;
static struct test_server server, other;

static int end(void **state)
{
	static const char *const variables[] = {"VACCEL_OPENAI_URL", "VACCEL_OPENAI_TOKEN_FILE", "VACCEL_OIP_TIMEOUT",
						"VACCEL_OIP_MAX_BYTES"};

	(void)state;
	engines_stop(&e);
	e.host.pid = 0;
	server_stop(&server);
	server_stop(&other);
	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
		unsetenv(variables[i]);
	return 0;
}

/* The host and the library, with text servers alone */
static void begin_text(const char *urls)
{
	setenv("VACCEL_OPENAI_URL", urls, 1);
	begin(&e, "");
}

static void begin_server(const char *program, const char *argument)
{
	char url[64];

	server_start(&server, program, argument, NULL, NULL);
	snprintf(url, sizeof(url), "http://127.0.0.1:%d/v1", server.port);
	begin_text(url);
}

static struct vaccel_resource *loaded(const char *path)
{
	struct vaccel_resource *model = model_named(&e, path);

	for (int place = 0; place < NR_PLACES; place++)
		assert_int_equal(vaccel_infer_load(&e.sess[place], model), 0);
	return model;
}

/* ---- Generations ----------------------------------------------------------------------------- */

struct result {
	char text[4096];
	struct vaccel_text_status status;
};

/* All of a text, read with so much room */
static void read_all(int place, uint64_t id, size_t room, struct result *r)
{
	size_t len = 0;

	memset(r, 0, sizeof(*r));
	while (!r->status.finished) {
		assert_true(len + room < sizeof(r->text));
		assert_int_equal(vaccel_text_next(&e.sess[place], id, r->text + len, room, VACCEL_TEXT_MAX_WAIT_MS, &r->status),
				 0);
		len += r->status.len;
	}
}

static void generate(int place, struct vaccel_resource *model, const struct vaccel_text_params *params,
		     const char *role, const char *prompt, struct result *r)
{
	const struct vaccel_text_message messages[2] = {{"system", "be a parrot"}, {role, prompt}};
	uint64_t id;

	assert_int_equal(vaccel_text_begin(&e.sess[place], model, params, messages + !role, 1 + !!role, &id), 0);
	read_all(place, id, 7, r);
	assert_int_equal(vaccel_text_end(&e.sess[place], id), 0);
	assert_int_equal(vaccel_text_end(&e.sess[place], id), VACCEL_EINVAL);
}

static void expect(const struct result *r, const char *text, vaccel_text_finished_t why)
{
	assert_string_equal(r->text, text);
	assert_int_equal(r->status.finished, why);
	assert_int_equal(r->status.code, 0);
}

static void texts(void **state)
{
	static const char words[] = "Grüße, \"Papagei\" \\ 🦜!\n\tNoch einmal.";
	static const char *const models[] = {"model://parrot", "model://fine/2"};
	const struct vaccel_text_params few = {.max_tokens = 3, .temperature = 0.7f, .top_p = 0.9f, .top_k = 40, .seed = 7},
					stop = {.stop = {"zzz", "mal", "a", "b", "c1", "c2", "Noch"}};
	struct result r;

	(void)state;
	begin_server(OIP_SERVER, NULL);
	for (int k = 0; k < 2; k++) {
		struct vaccel_resource *model = loaded(models[k]);

		for (int place = 0; place < NR_PLACES; place++) {
			generate(place, model, NULL, NULL, words, &r);
			expect(&r, words, VACCEL_TEXT_FINISHED_STOP);
			/* What the server has counted */
			assert_int_equal(r.status.prompt_tokens, (strlen(words) + 3) / 4);
			assert_true(r.status.tokens > 5 && r.status.tokens <= r.status.prompt_tokens);
			generate(place, model, NULL, "user", words, &r);
			expect(&r, words, VACCEL_TEXT_FINISHED_STOP);
			generate(place, model, &few, "user", "123456789abcdefgh", &r);
			expect(&r, "123456789abc", VACCEL_TEXT_FINISHED_LENGTH);
			assert_int_equal(r.status.tokens, 3);
			assert_int_equal(r.status.prompt_tokens, 5);
			generate(place, model, &stop, NULL, "xyz Noch einmal", &r);
			expect(&r, "xyz ", VACCEL_TEXT_FINISHED_STOP);
		}
		vaccel_resource_delete(model);
	}
}

static void embeddings(void **state)
{
	static const struct {
		const char *model;
		int code;
	} cases[] = {{"model://mute", VACCEL_ENOTSUP}, {"model://small", VACCEL_ERANGE}, {"model://bad", VACCEL_EINVAL},
		     {"model://ill", VACCEL_EBACKEND}, {"model://full", VACCEL_EAGAIN}};
	struct vaccel_resource *model;
	float out[5] = {0};
	uint64_t nr;

	(void)state;
	begin_server(OIP_SERVER, NULL);
	model = loaded("model://parrot");
	for (int place = 0; place < NR_PLACES; place++) {
		assert_int_equal(vaccel_text_embed(&e.sess[place], model, "AAAAB", out, 5, &nr), 0);
		assert_int_equal(nr, 4);
		assert_true(out[0] == 'A' + 'B' && out[1] == 'A' + 0.5f && out[2] == 'A' && out[3] == -'A');
		assert_int_equal(vaccel_text_embed(&e.sess[place], model, "A", out, 3, &nr), VACCEL_ERANGE);
		assert_int_equal(nr, 4);
	}
	vaccel_resource_delete(model);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		model = loaded(cases[i].model);
		for (int place = 0; place < NR_PLACES; place++)
			assert_int_equal(vaccel_text_embed(&e.sess[place], model, "A", out, 5, &nr), cases[i].code);
		vaccel_resource_delete(model);
	}
}

/* What a server says is wrong is the end of a generation, and has a code. */
static void refusals(void **state)
{
	static const struct {
		const char *model;
		uint32_t code;
	} cases[] = {{"model://small", VACCEL_ERANGE}, {"model://bad", VACCEL_EINVAL}, {"model://ill", VACCEL_EBACKEND},
		     {"model://full", VACCEL_EAGAIN}};
	struct result r;

	(void)state;
	begin_server(OIP_SERVER, NULL);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct vaccel_resource *model = loaded(cases[i].model);

		for (int place = 0; place < NR_PLACES; place++) {
			generate(place, model, NULL, NULL, "x", &r);
			assert_string_equal(r.text, "");
			assert_int_equal(r.status.finished, VACCEL_TEXT_FINISHED_ERROR);
			assert_int_equal(r.status.code, cases[i].code);
		}
		vaccel_resource_delete(model);
	}
}

/* ---- Cancelling ------------------------------------------------------------------------------ */

static void wait_for(const char *path, int number)
{
	for (int i = 0; i < 1000 && server_number(&server, path) < number; i++)
		usleep(20000);
	assert_true(server_number(&server, path) >= number);
}

/* The server notices that nobody listens any more: after text_end, and when a session goes. */
static void cancels(void **state)
{
	static const struct vaccel_text_params many = {.max_tokens = 1000000};
	const struct vaccel_text_message prompt = {NULL, "again and again..."};
	struct vaccel_text_status st = {0};
	struct vaccel_resource *model;
	char text[64];
	uint64_t id;

	(void)state;
	begin_server(OIP_SERVER, NULL);
	model = loaded("model://thinker");
	for (int place = 0; place < NR_PLACES; place++) {
		assert_int_equal(vaccel_text_begin(&e.sess[place], model, &many, &prompt, 1, &id), 0);
		while (!st.len)
			assert_int_equal(vaccel_text_next(&e.sess[place], id, text, sizeof(text), 500, &st), 0);
		assert_int_equal(vaccel_text_end(&e.sess[place], id), 0);
		wait_for("/cancelled", place + 1);
		st.len = 0;
	}
	for (int place = 0; place < NR_PLACES; place++) {
		assert_int_equal(vaccel_text_begin(&e.sess[place], model, &many, &prompt, 1, &id), 0);
		while (!st.len)
			assert_int_equal(vaccel_text_next(&e.sess[place], id, text, sizeof(text), 500, &st), 0);
		st.len = 0;
	}
	vaccel_resource_delete(model);
	wait_for("/cancelled", 2 * NR_PLACES);
}

/* Nobody reads: the server has to wait, with what fits into buffers said. */
static void unread(void **state)
{
	static const struct vaccel_text_params many = {.max_tokens = 100000000};
	const struct vaccel_text_message prompt = {NULL, "again and again..."};
	struct vaccel_resource *model;
	int before, now = -1;
	uint64_t id;

	(void)state;
	begin_server(OIP_SERVER, NULL);
	model = loaded("model://parrot");
	for (int place = 0; place < NR_PLACES; place++) {
		assert_int_equal(vaccel_text_begin(&e.sess[place], model, &many, &prompt, 1, &id), 0);
		wait_for("/tokens", VACCEL_TEXT_MAX_UNREAD / 8);
		do {
			before = now;
			sleep(1);
			now = server_number(&server, "/tokens");
		} while (now != before && now < 10000000);
		assert_int_equal(now, before);
		assert_int_equal(vaccel_text_end(&e.sess[place], id), 0);
		wait_for("/cancelled", place + 1);
	}
	vaccel_resource_delete(model);
}

/* ---- Which servers --------------------------------------------------------------------------- */

/* Names that servers of both kinds have, one of them, or none; each kind of model can do what it is for. */
static void kinds(void **state)
{
	struct vaccel_infer_tensor x = {.name = "x", .datatype = VACCEL_INFER_UINT8, .nr_dims = 1, .shape = {1}, .data = "x",
					.size = 1}, y = {.name = "y"};
	const struct vaccel_text_message prompt = {NULL, "x"};
	struct vaccel_resource *echo, *parrot, *none;
	struct vaccel_infer_model info;
	char url[64];
	uint64_t id;

	(void)state;
	server_start(&server, OIP_SERVER, NULL, NULL, NULL);
	snprintf(url, sizeof(url), "http://127.0.0.1:%d", server.port);
	setenv("VACCEL_OPENAI_URL", url, 1);
	begin(&e, url);
	echo = loaded("model://echo");
	parrot = loaded("model://parrot");
	none = model_named(&e, "model://bird");
	for (int place = 0; place < NR_PLACES; place++) {
		struct vaccel_session *sess = &e.sess[place];

		assert_int_equal(vaccel_infer_load(sess, none), VACCEL_ENOENT);
		assert_int_equal(vaccel_text_begin(sess, none, NULL, &prompt, 1, &id), VACCEL_EINVAL);
		assert_int_equal(vaccel_text_begin(sess, echo, NULL, &prompt, 1, &id), VACCEL_ENOTSUP);
		assert_int_equal(vaccel_text_embed(sess, echo, "x", NULL, 0, &id), VACCEL_ENOTSUP);
		assert_int_equal(vaccel_infer_run(sess, parrot, &x, 1, &y, 1), VACCEL_ENOTSUP);
		assert_int_equal(vaccel_infer_run(sess, echo, &x, 1, &y, 1), 0);
		vaccel_infer_tensor_release(&y);
		assert_int_equal(vaccel_infer_metadata(sess, parrot, &info, NULL, 0), 0);
		assert_string_equal(info.name, "parrot");
		assert_string_equal(info.platform, "openai");
	}
	vaccel_resource_delete(echo);
	vaccel_resource_delete(parrot);
	vaccel_resource_delete(none);
}

static void tokens(void **state)
{
	const char *path = "openai-token";
	struct vaccel_resource *model;
	FILE *f = fopen(path, "w");
	struct result r;

	(void)state;
	fputs("secret\n", f);
	fclose(f);
	setenv("VACCEL_OPENAI_TOKEN_FILE", path, 1);
	begin_server(OIP_SERVER, "--token=secret");
	model = loaded("model://parrot");
	for (int place = 0; place < NR_PLACES; place++) {
		generate(place, model, NULL, NULL, "who?", &r);
		expect(&r, "who?", VACCEL_TEXT_FINISHED_STOP);
	}
	vaccel_resource_delete(model);
	unlink(path);
}

/* A server that has begun is not replaced by another: no text is asked for twice. */
static void only_once(void **state)
{
	int worked = 0, failed = 0;
	struct vaccel_resource *model;
	struct result r;
	char urls[128];

	(void)state;
	server_start(&server, OIP_FAULTS, "silence", NULL, NULL);
	server_start(&other, OIP_FAULTS, "+no-done", NULL, NULL);
	snprintf(urls, sizeof(urls), "http://127.0.0.1:%d,http://127.0.0.1:%d", server.port, other.port);
	begin_text(urls);
	model = loaded("model://echo");
	for (int i = 0; i < 20; i++) {
		generate(i % NR_PLACES, model, NULL, NULL, "x", &r);
		worked += r.status.finished == VACCEL_TEXT_FINISHED_STOP;
		failed += r.status.finished == VACCEL_TEXT_FINISHED_ERROR && r.status.code == VACCEL_EREMOTEIO;
	}
	assert_int_equal(worked + failed, 20);
	assert_true(worked > 0 && failed > 0);
	/* One that is gone is not asked. */
	server_stop(&server);
	generate(LOCAL, model, NULL, NULL, "x", &r);
	for (int i = 0; i < 4; i++) {
		generate(LOCAL, model, NULL, NULL, "x", &r);
		assert_int_equal(r.status.finished, VACCEL_TEXT_FINISHED_STOP);
	}
	vaccel_resource_delete(model);
}

/* ---- Servers that misbehave ------------------------------------------------------------------ */

static void expect_fault(int place, struct vaccel_resource *model, const char *kind, uint32_t code)
{
	static const struct vaccel_text_params many = {.max_tokens = 100};
	vaccel_text_finished_t why = code ? VACCEL_TEXT_FINISHED_ERROR : VACCEL_TEXT_FINISHED_STOP;
	struct result r;

	if (!strcmp(kind, "+endless"))
		why = VACCEL_TEXT_FINISHED_LENGTH;
	for (int chat = 0; chat < 2; chat++) {
		generate(place, model, &many, chat ? "user" : NULL, "x", &r);
		if (r.status.finished != why || r.status.code != code || (!code && strncmp(r.text, "word ", 5)))
			fail_msg("%s in place %d: it ends with %u and %u, not %u and %u: %s", kind, place, r.status.finished,
				 r.status.code, why, code, r.text);
	}
}

static void faults(void **state)
{
	static const struct {
		const char *kind;
		uint32_t code;
	} cases[] = {
		{"cut-event", VACCEL_EREMOTEIO},    {"cut-between", VACCEL_EREMOTEIO}, {"no-events", VACCEL_EBACKEND},
		{"event-no-json", VACCEL_EBACKEND}, {"event-array", VACCEL_EBACKEND},  {"event-utf8", VACCEL_EBACKEND},
		{"event-error", VACCEL_EBACKEND},   {"event-error-text", VACCEL_EBACKEND}, {"event-context", VACCEL_ERANGE},
		{"event-empty", VACCEL_EBACKEND},   {"event-long", VACCEL_EBACKEND},   {"event-silent", VACCEL_EBACKEND},
		{"event-hangs", VACCEL_EREMOTEIO},  {"headers", VACCEL_EBACKEND},      {"silence", VACCEL_EREMOTEIO},
		{"half", VACCEL_EREMOTEIO},	    {"no-http", VACCEL_EREMOTEIO},     {"elsewhere", VACCEL_EBACKEND},
		{"long", VACCEL_EBACKEND},	    {"+no-done", 0},		       {"+done-only", 0},
		{"+lines", 0},			    {"+nulls", 0},		       {"+kinds", 0},
		{"+endless", 0},		    {"+done-hangs", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct vaccel_resource *model;

		setenv("VACCEL_OIP_TIMEOUT", "2", 1);
		setenv("VACCEL_OIP_MAX_BYTES", "33554432", 1);
		begin_server(OIP_FAULTS, cases[i].kind);
		model = loaded("model://echo");
		for (int place = 0; place < NR_PLACES; place++)
			expect_fault(place, model, cases[i].kind, cases[i].code);
		vaccel_resource_delete(model);
		end(NULL);
	}
}

#define TEST(name) cmocka_unit_test_teardown(name, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(texts), TEST(embeddings), TEST(refusals), TEST(cancels), TEST(unread), TEST(kinds), TEST(tokens),
		TEST(only_once), TEST(faults),
	};

	test_main_begin(280);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
