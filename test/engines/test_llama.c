// SPDX-License-Identifier: Apache-2.0
/*
 * Text by llama.cpp, in this process and behind the strict sandbox: a model that was worked out by hand says what it has
 * to, both places say the same, and damaged models and prompts that are too long are refused. With
 * VACCEL_TEST_GGUF also a real model, which knows the capital of France.
 */
#include "engines.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text_model.h"

#define CONTEXT	 "250000"
#define ENDLESS	 40000	/* tokens: more than a generation may be ahead of its reader */
#define HOURS	 200000 /* bytes of a prompt on which llama.cpp works for so long */
#define ROOM	 (1 << 17)
#define MAX_WAIT 1000 /* calls for a text */

static struct engines e;
static uint8_t *file;
static size_t file_size;
static struct vaccel_resource *model;

/* A text that has come to its end */
struct text {
	char bytes[ROOM];
	size_t len;
	struct vaccel_text_status status;
};

/* ---- Start ----------------------------------------------------------------------------------- */

static int start_with(const char *threads)
{
	int ret;

	setenv("VACCEL_LLAMA_THREADS", threads, 1);
	setenv("VACCEL_LLAMA_CONTEXT", CONTEXT, 1);
	setenv("VACCEL_LLAMA_PARALLEL", "2", 1);
	ret = engines_start_or_skip(&e, ENGINE_PLUGIN);
	if (ret)
		return ret;
	file = text_model(1 << 20, &file_size);
	assert_non_null(file);
	model = model_of_bytes(&e, file, file_size, "hand.gguf");
	for (int place = 0; place < NR_PLACES; place++)
		assert_int_equal(vaccel_infer_load(&e.sess[place], model), 0);
	return 0;
}

/* Threads of llama.cpp wait for each other busily, which takes long where there is much else to do. */
static int start(void **state)
{
	(void)state;
	return start_with("1");
}

static int start_with_threads(void **state)
{
	(void)state;
	return start_with("2");
}

static int stop(void **state)
{
	(void)state;
	if (e.host.pid) {
		for (int place = 0; place < NR_PLACES; place++)
			assert_int_equal(vaccel_infer_unload(&e.sess[place], model), 0);
		assert_int_equal(vaccel_resource_delete(model), 0);
	}
	free(file);
	engines_stop(&e);
	return 0;
}

/* ---- Calls ----------------------------------------------------------------------------------- */

static uint64_t begin_at(int place, struct vaccel_resource *of, const struct vaccel_text_params *params,
			 const char *role, const char *content)
{
	struct vaccel_text_message message = {role, content};
	uint64_t id;

	assert_int_equal(vaccel_text_begin(&e.sess[place], of, params, &message, 1, &id), 0);
	return id;
}

static void read_at(int place, uint64_t id, struct text *text)
{
	text->len = 0;
	for (int i = 0; i < MAX_WAIT; i++) {
		assert_int_equal(vaccel_text_next(&e.sess[place], id, text->bytes + text->len,
						  sizeof(text->bytes) - 1 - text->len, VACCEL_TEXT_MAX_WAIT_MS,
						  &text->status), 0);
		text->len += text->status.len;
		text->bytes[text->len] = '\0';
		if (text->status.finished)
			break;
	}
	assert_int_not_equal(text->status.finished, VACCEL_TEXT_FINISHED_NONE);
	assert_int_equal(vaccel_text_end(&e.sess[place], id), 0);
}

static void say_at(int place, struct vaccel_resource *of, const struct vaccel_text_params *params,
		   const char *role, const char *content, struct text *text)
{
	read_at(place, begin_at(place, of, params, role, content), text);
}

/* What both places say to a prompt, which is the same */
static const struct text *say(const struct vaccel_text_params *params, const char *role, const char *content)
{
	static struct text texts[NR_PLACES];

	for (int place = 0; place < NR_PLACES; place++)
		say_at(place, model, params, role, content, &texts[place]);
	assert_string_equal(texts[LOCAL].bytes, texts[REMOTE].bytes);
	assert_int_equal(texts[LOCAL].status.finished, texts[REMOTE].status.finished);
	assert_int_equal(texts[LOCAL].status.code, texts[REMOTE].status.code);
	assert_int_equal(texts[LOCAL].status.tokens, texts[REMOTE].status.tokens);
	assert_int_equal(texts[LOCAL].status.prompt_tokens, texts[REMOTE].status.prompt_tokens);
	return &texts[REMOTE];
}

/* ---- What it says ---------------------------------------------------------------------------- */

static void test_answer(void **state)
{
	const struct text *text = say(NULL, NULL, "What?");

	(void)state;
	assert_string_equal(text->bytes, TEXT_MODEL_ANSWER);
	assert_int_equal(text->status.finished, VACCEL_TEXT_FINISHED_STOP);
	assert_int_equal(text->status.prompt_tokens, 6); /* and one for the beginning */
	assert_int_equal(text->status.tokens, 8);
}

static void test_chat(void **state)
{
	const struct text *text = say(NULL, "user", "Who are you?");

	(void)state;
	assert_string_equal(text->bytes, TEXT_MODEL_HELLO);
	assert_int_equal(text->status.finished, VACCEL_TEXT_FINISHED_STOP);
}

static void test_stop(void **state)
{
	const struct vaccel_text_params params = {.stop = {"never", "r is"}};
	const struct text *text = say(&params, NULL, "?");

	(void)state;
	assert_string_equal(text->bytes, " The answe");
	assert_int_equal(text->status.finished, VACCEL_TEXT_FINISHED_STOP);
}

static void test_length(void **state)
{
	const struct vaccel_text_params params = {.max_tokens = 3};
	const struct text *text = say(&params, NULL, "!");

	(void)state;
	assert_string_equal(text->bytes, " la la la");
	assert_int_equal(text->status.finished, VACCEL_TEXT_FINISHED_LENGTH);
	assert_int_equal(text->status.tokens, 3);
}

/* The same seed gives the same tokens, also beside other texts; another one others. */
static void test_seed(void **state)
{
	struct vaccel_text_params params = {.max_tokens = 200, .temperature = 1, .top_k = 2, .top_p = 0.99F, .seed = 7};
	char first[ROOM];
	uint64_t ids[5];
	struct text text;

	(void)state;
	strcpy(first, say(&params, NULL, "!")->bytes);
	assert_non_null(strstr(first, "la"));
	assert_non_null(strstr(first, "li"));
	for (int i = 0; i < 5; i++)
		ids[i] = begin_at(REMOTE, model, &params, NULL, "!");
	for (int i = 0; i < 5; i++) {
		read_at(REMOTE, ids[i], &text);
		assert_string_equal(text.bytes, first);
	}
	params.seed = 8;
	assert_string_not_equal(say(&params, NULL, "!")->bytes, first);
	params.seed = UINT32_MAX; /* which llama.cpp would take for any */
	strcpy(first, say(&params, NULL, "!")->bytes);
	assert_string_equal(say(&params, NULL, "!")->bytes, first);
}

/* ---- Limits ---------------------------------------------------------------------------------- */

static void test_context(void **state)
{
	struct vaccel_text_params params = {.max_tokens = 100};
	size_t small_size;
	uint8_t *small_file = text_model(64, &small_size);
	struct vaccel_resource *small = model_of_bytes(&e, small_file, small_size, "small.gguf");
	char prompt[65];
	struct text text;
	uint64_t nr;

	(void)state;
	memset(prompt, '!', 64);
	prompt[64] = '\0';
	for (int place = 0; place < NR_PLACES; place++) {
		assert_int_equal(vaccel_infer_load(&e.sess[place], small), 0);
		say_at(place, small, &params, NULL, prompt, &text);
		assert_int_equal(text.status.finished, VACCEL_TEXT_FINISHED_ERROR);
		assert_int_equal(text.status.code, VACCEL_ERANGE);
		assert_int_equal(vaccel_text_embed(&e.sess[place], small, prompt, NULL, 0, &nr), VACCEL_ERANGE);
		assert_int_equal(nr, 0);
		/* What is left of the context is for the answer. */
		say_at(place, small, &params, NULL, prompt + 10, &text);
		assert_int_equal(text.status.finished, VACCEL_TEXT_FINISHED_LENGTH);
		assert_int_equal(text.status.prompt_tokens, 55);
		assert_int_equal(text.status.tokens, 9);
		assert_int_equal(vaccel_infer_unload(&e.sess[place], small), 0);
	}
	assert_int_equal(vaccel_resource_delete(small), 0);
	free(small_file);
}

/* Texts that nobody reads take all places; when they are ended, these are free. */
static void test_cancel(void **state)
{
	const struct vaccel_text_params endless = {.max_tokens = ENDLESS};
	struct text text;
	uint64_t ids[6];

	(void)state;
	for (int place = 0; place < NR_PLACES; place++) {
		for (int i = 0; i < 6; i++)
			ids[i] = begin_at(place, model, &endless, NULL, "!");
		for (int i = 0; i < 6; i++)
			assert_int_equal(vaccel_text_end(&e.sess[place], ids[i]), 0);
		say_at(place, model, NULL, NULL, "?", &text);
		assert_string_equal(text.bytes, TEXT_MODEL_ANSWER);
	}
}

/* As soon as a prompt has become tokens */
static void wait_for_prompt(int place, uint64_t id)
{
	struct vaccel_text_status status = {0};
	char text[16];

	for (int i = 0; i < MAX_WAIT && !status.prompt_tokens; i++)
		assert_int_equal(vaccel_text_next(&e.sess[place], id, text, sizeof(text), 100, &status), 0);
	assert_int_equal(status.prompt_tokens, HOURS + 1);
}

static void test_cancel_prompt(void **state)
{
	const struct vaccel_text_params params = {.max_tokens = 1};
	char *prompt = calloc(1, HOURS + 1);
	struct text text;
	uint64_t ids[4];

	(void)state;
	assert_non_null(prompt);
	for (int i = 0; i < HOURS; i++) /* the same character again and again takes long to become tokens */
		prompt[i] = (char)('a' + i % 26);
	for (int place = 0; place < NR_PLACES; place++) {
		for (int i = 0; i < 4; i++)
			ids[i] = begin_at(place, model, &params, NULL, prompt);
		for (int i = 0; i < 4; i++) {
			wait_for_prompt(place, ids[i]);
			assert_int_equal(vaccel_text_end(&e.sess[place], ids[i]), 0);
		}
		say_at(place, model, NULL, NULL, "?", &text);
		assert_string_equal(text.bytes, TEXT_MODEL_ANSWER);
	}
	free(prompt);
}

/* ---- Other calls ----------------------------------------------------------------------------- */

static void test_embedding(void **state)
{
	float values[NR_PLACES][TEXT_MODEL_WIDTH];
	uint64_t nr;

	(void)state;
	for (int place = 0; place < NR_PLACES; place++) {
		assert_int_equal(vaccel_text_embed(&e.sess[place], model, "?", NULL, 0, &nr), 0);
		assert_int_equal(nr, TEXT_MODEL_WIDTH);
		assert_int_equal(vaccel_text_embed(&e.sess[place], model, "?", values[place], 3, &nr), VACCEL_ERANGE);
		assert_int_equal(nr, TEXT_MODEL_WIDTH);
		assert_int_equal(vaccel_text_embed(&e.sess[place], model, "?", values[place], TEXT_MODEL_WIDTH, &nr), 0);
	}
	for (int i = 0; i < TEXT_MODEL_WIDTH; i++)
		assert_true(fabsf(values[LOCAL][i] - (i == 0 || i == TEXT_MODEL_WIDTH - 1 ? TEXT_MODEL_MEAN : 0)) < 1e-3F);
	assert_memory_equal(values[LOCAL], values[REMOTE], sizeof(values[0]));
}

static void test_infer(void **state)
{
	struct vaccel_infer_tensor in = {.name = "x", .datatype = VACCEL_INFER_FP32}, out = {.name = "y"};
	struct vaccel_infer_model info;
	float x = 0;

	(void)state;
	in.data = &x;
	in.size = sizeof(x);
	for (int place = 0; place < NR_PLACES; place++) {
		assert_int_equal(vaccel_infer_metadata(&e.sess[place], model, &info, NULL, 0), 0);
		assert_string_equal(info.platform, "llamacpp_gguf");
		assert_string_equal(info.name, "hand.gguf");
		assert_int_equal(info.nr_inputs + info.nr_outputs, 0);
		assert_int_equal(vaccel_infer_run(&e.sess[place], model, &in, 1, &out, 1), VACCEL_ENOTSUP);
	}
}

static void test_not_loaded(void **state)
{
	struct vaccel_resource *other = model_of_bytes(&e, file, file_size, "other.gguf");
	struct vaccel_text_message message = {NULL, "?"};
	uint64_t id;

	(void)state;
	for (int place = 0; place < NR_PLACES; place++) {
		assert_int_equal(vaccel_text_begin(&e.sess[place], other, NULL, &message, 1, &id), VACCEL_EINVAL);
		assert_int_equal(vaccel_text_embed(&e.sess[place], other, "?", NULL, 0, &id), VACCEL_EINVAL);
	}
	assert_int_equal(vaccel_resource_delete(other), 0);
}

/* ---- Files ----------------------------------------------------------------------------------- */

static void write_file(const char *path, const uint8_t *data, size_t size)
{
	FILE *out = fopen(path, "wb");

	assert_non_null(out);
	assert_int_equal(fwrite(data, 1, size, out), size);
	assert_int_equal(fclose(out), 0);
}

/* A model in two files, which are given in the wrong order */
static void test_parts(void **state)
{
	char paths[2][256];
	const char *all[] = {paths[1], paths[0]};
	struct vaccel_resource *parts;
	struct text text;
	uint8_t *part;
	size_t size;

	(void)state;
	for (int i = 0; i < 2; i++) {
		part = text_model_part(i, &size);
		snprintf(paths[i], sizeof(paths[i]), "%s/hand-0000%d-of-00002.gguf", test_dir(), i + 1);
		write_file(paths[i], part, size);
		free(part);
	}
	assert_int_equal(vaccel_resource_multi_new(&parts, all, 2, VACCEL_RESOURCE_MODEL), 0);
	with_both(&e, parts);
	for (int place = 0; place < NR_PLACES; place++) {
		assert_int_equal(vaccel_infer_load(&e.sess[place], parts), 0);
		say_at(place, parts, NULL, NULL, "?", &text);
		assert_string_equal(text.bytes, TEXT_MODEL_ANSWER);
		assert_int_equal(vaccel_infer_unload(&e.sess[place], parts), 0);
	}
	assert_int_equal(vaccel_resource_delete(parts), 0);
}

static void expect_refused(const uint8_t *data, size_t size)
{
	struct vaccel_resource *bad = model_of_bytes(&e, data, size, "bad.gguf");

	for (int place = 0; place < NR_PLACES; place++)
		assert_int_equal(vaccel_infer_load(&e.sess[place], bad), VACCEL_EINVAL);
	assert_int_equal(vaccel_resource_delete(bad), 0);
}

/* The place of a text in the file, behind it */
static uint8_t *behind(uint8_t *data, const char *text)
{
	uint8_t *found = memmem(data, file_size, text, strlen(text));

	assert_non_null(found);
	return found + strlen(text);
}

static void test_damaged(void **state)
{
	static const struct {
		const char *after;
		size_t skip;
		uint64_t value;
	} changes[] = {
		{"GGUF", 0, 99},			       /* a version that is none */
		{"GGUF", 4, UINT64_MAX},		       /* tensors */
		{"GGUF", 12, UINT64_MAX / 2},		       /* keys */
		{"token_embd.weight", 0, 77},		       /* dimensions */
		{"token_embd.weight", 4, UINT64_C(1) << 62},   /* a dimension */
		{"token_embd.weight", 4, UINT64_MAX},
		{"output.weight", 4, 31},
		{"output.weight", 24, UINT64_C(1) << 40},      /* where it is */
		{"tokenizer.ggml.tokens", 8, UINT64_MAX / 8},  /* how many there are */
		{"llama.embedding_length", 4, 0},
	};
	uint8_t *bad = malloc(file_size);

	(void)state;
	assert_non_null(bad);
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		size_t bytes = changes[i].value > UINT32_MAX ? 8 : 4;

		memcpy(bad, file, file_size);
		memcpy(behind(bad, changes[i].after) + changes[i].skip, &changes[i].value, bytes);
		expect_refused(bad, file_size);
	}
	for (size_t size = 1; size < file_size; size += file_size / 40)
		expect_refused(file, size);
	memcpy(bad, file, file_size);
	bad[0] = 'X';
	expect_refused(bad, file_size);
	free(bad);
}

/* ---- What llama.cpp does not survive --------------------------------------------------------- */

/* It ends the worker, whose sessions are lost; the next one is served as before. */
static void test_fatal(void **state)
{
	struct vaccel_resource *bad;
	uint8_t *copy = malloc(file_size);
	struct text text;
	char *log;

	(void)state;
	assert_non_null(copy);
	memcpy(copy, file, file_size);
	memset(behind(copy, "llama.block_count") + 4, 0xff, 4);
	assert_int_equal(vaccel_resource_from_buf(&bad, copy, file_size, VACCEL_RESOURCE_MODEL, "bad.gguf", true), 0);
	assert_int_equal(vaccel_resource_register(bad, &e.sess[REMOTE]), 0);
	assert_int_equal(vaccel_infer_load(&e.sess[REMOTE], bad), VACCEL_ESESS);
	vaccel_session_release(&e.sess[REMOTE]);
	log = daemon_log(&e.host);
	assert_non_null(strstr(log, "llama.cpp gives up"));
	free(log);

	assert_int_equal(vaccel_session_init(&e.sess[REMOTE], VACCEL_PLUGIN_REMOTE), 0);
	assert_int_equal(vaccel_resource_register(model, &e.sess[REMOTE]), 0);
	assert_int_equal(vaccel_infer_load(&e.sess[REMOTE], model), 0);
	say_at(REMOTE, model, NULL, NULL, "?", &text);
	assert_string_equal(text.bytes, TEXT_MODEL_ANSWER);
	assert_int_equal(vaccel_resource_delete(bad), 0);
	free(copy);
}

/* As engines_stop() after a worker was lost */
static int stop_after_loss(void **state)
{
	(void)state;
	assert_int_equal(daemon_stat(&e.host, "restarts"), 1);
	for (int place = 0; place < NR_PLACES; place++)
		assert_int_equal(vaccel_session_release(&e.sess[place]), 0);
	assert_int_equal(vaccel_resource_delete(model), 0);
	assert_int_equal(vaccel_cleanup(), 0);
	assert_int_equal(stop_daemon(&e.host), 0);
	free(file);
	return 0;
}

/* ---- A real model ---------------------------------------------------------------------------- */

static void test_real(void **state)
{
	struct vaccel_text_params params = {.max_tokens = 20, .temperature = 1.5F, .seed = 3};
	const char *path = getenv("VACCEL_TEST_GGUF");
	struct vaccel_resource *real;
	struct text texts[NR_PLACES];

	(void)state;
	if (!path || !*path)
		skip();
	real = model_of_path(&e, path);
	for (int place = 0; place < NR_PLACES; place++) {
		assert_int_equal(vaccel_infer_load(&e.sess[place], real), 0);
		say_at(place, real, NULL, "user", "What is the capital of France?", &texts[place]);
		assert_string_equal(texts[place].bytes, "The capital of France is Paris.");
		assert_int_equal(texts[place].status.finished, VACCEL_TEXT_FINISHED_STOP);
	}
	for (int place = 0; place < NR_PLACES; place++)
		say_at(place, real, &params, NULL, "Once upon a time", &texts[place]);
	assert_string_equal(texts[LOCAL].bytes, texts[REMOTE].bytes);
	for (int place = 0; place < NR_PLACES; place++)
		assert_int_equal(vaccel_infer_unload(&e.sess[place], real), 0);
	assert_int_equal(vaccel_resource_delete(real), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answer),	  cmocka_unit_test(test_chat),
		cmocka_unit_test(test_stop),	  cmocka_unit_test(test_length),
		cmocka_unit_test(test_seed),	  cmocka_unit_test(test_context),
		cmocka_unit_test(test_cancel),	  cmocka_unit_test(test_cancel_prompt),
		cmocka_unit_test(test_embedding),
		cmocka_unit_test(test_infer),	  cmocka_unit_test(test_not_loaded),
		cmocka_unit_test(test_parts),	  cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_real),
	};
	const struct CMUnitTest fatal[] = {cmocka_unit_test(test_fatal)};
	int failed;

	test_main_begin(280);
	failed = cmocka_run_group_tests(tests, start, stop);
	return failed + cmocka_run_group_tests(fatal, start_with_threads, stop_after_loss);
}
