// SPDX-License-Identifier: Apache-2.0
/* What plugins share that generate text, with an engine of the test's own. */
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "text_filter.h"
#include "text_gen.h"
#include "text_queue.h"
#include "utf8.h"
#include "util.h"

/* ---- Characters and stop strings ------------------------------------------------------------- */

static char stops[VACCEL_TEXT_MAX_STOPS][VACCEL_TEXT_STOP_SIZE];

static void set_stops(const char *a, const char *b)
{
	memset(stops, 0, sizeof(stops));
	strcpy(stops[2], a);
	strcpy(stops[5], b);
}

/* What becomes of a text that comes in pieces of a size. */
static const char *filtered(const char *bytes, size_t len, size_t piece, bool *found)
{
	static char result[8192];
	char out[TEXT_FILTER_OUT];
	struct text_filter f = { .stop = stops };
	size_t total = 0;

	for (size_t at = 0; at < len; at += piece) {
		size_t n = text_filter_put(&f, bytes + at, len - at < piece ? len - at : piece, out);

		assert_true(n <= sizeof(out));
		/* Whole characters each time */
		assert_true(utf8_is_valid(out, n));
		assert_true(total + n < sizeof(result));
		memcpy(result + total, out, n);
		total += n;
	}
	if (found)
		*found = f.found;
	total += text_filter_end(&f, result + total);
	result[total] = '\0';
	assert_int_equal(text_filter_end(&f, out), 0);
	return result;
}

/* However the bytes are spread over tokens */
static void check_filtered(const char *bytes, const char *expected, bool is_found)
{
	bool found;

	for (size_t piece = 1; piece <= strlen(bytes) + 1; piece++) {
		assert_string_equal(filtered(bytes, strlen(bytes), piece, &found), expected);
		assert_int_equal(found, is_found);
	}
}

#define FFFD "\xef\xbf\xbd"

static void characters(void **state)
{
	(void)state;
	set_stops("", "");
	check_filtered("", "", false);
	check_filtered("plain", "plain", false);
	check_filtered("h\xc3\xa9llo \xe2\x82\xac \xf0\x9f\x98\x80!", "h\xc3\xa9llo \xe2\x82\xac \xf0\x9f\x98\x80!", false);
	/* What is none, by the maximal parts that the Unicode standard describes */
	check_filtered("a\xff z", "a" FFFD " z", false);
	check_filtered("\xc0\x80", FFFD FFFD, false);
	check_filtered("\xed\xa0\x80", FFFD FFFD FFFD, false);
	check_filtered("\xf0\x9f\x98" "A", FFFD "A", false);
	check_filtered("\xf0\x9f\xf0\x9f\x98\x80", FFFD "\xf0\x9f\x98\x80", false);
	check_filtered("\xe2\x82\xe2\x82\xac", FFFD "\xe2\x82\xac", false);
	check_filtered("\xf5\x80\x80\x80", FFFD FFFD FFFD FFFD, false);
	check_filtered("\xf4\x90\x80\x80", FFFD FFFD FFFD FFFD, false);
	check_filtered("\xe0\x9f\xbf", FFFD FFFD FFFD, false);
	/* The text ends within one */
	check_filtered("end \xf0\x9f\x98", "end " FFFD, false);
	check_filtered("end \xc3", "end " FFFD, false);
}

/* Nothing is given out before it is whole, and then at once. */
static void held_back(void **state)
{
	struct text_filter f = { .stop = stops };
	char out[TEXT_FILTER_OUT];

	(void)state;
	set_stops("", "");
	assert_int_equal(text_filter_put(&f, "a\xe2\x82", 3, out), 1);
	assert_int_equal(text_filter_put(&f, "\xac", 1, out), 3);
	set_stops("END", "");
	memset(&f, 0, sizeof(f));
	f.stop = stops;
	assert_int_equal(text_filter_put(&f, "xE", 2, out), 1);
	assert_int_equal(text_filter_put(&f, "N", 1, out), 0);
	assert_int_equal(text_filter_put(&f, "d", 1, out), 3);
	assert_memory_equal(out, "ENd", 3);
	/* Nulls are characters, and end no stop string. */
	memset(&f, 0, sizeof(f));
	f.stop = stops;
	assert_int_equal(text_filter_put(&f, "\0EN\0D", 5, out), 5);
	/* As much as there may be, all of it bad */
	memset(&f, 0, sizeof(f));
	f.stop = stops;
	memset(out, 0xff, TEXT_FILTER_IN);
	{
		char in[TEXT_FILTER_IN];

		memset(in, 0xff, sizeof(in));
		assert_int_equal(text_filter_put(&f, in, sizeof(in), out), 3 * TEXT_FILTER_IN);
	}
}

static void stop_strings(void **state)
{
	(void)state;
	set_stops("END", "\n\n");
	check_filtered("all of it", "all of it", false);
	check_filtered("some END more", "some ", true);
	check_filtered("END", "", true);
	check_filtered("a\n\nb END", "a", true);
	/* Starts that come to nothing */
	check_filtered("EENEND.", "EEN", true);
	check_filtered("EN E\n E", "EN E\n E", false);
	/* One that holds the start of another, and one that ends another */
	set_stops("aab", "ab");
	check_filtered("xaab", "x", true);
	set_stops("abcd", "bc");
	check_filtered("xabcd", "xa", true);
	set_stops("aaa", "");
	check_filtered("baaaa", "b", true);
	check_filtered("aabaa", "aabaa", false);
	/* Of more than one byte, within one that is not whole, and behind what is no character */
	set_stops("\xe2\x82\xac", "\xf0\x9f\x98\x80");
	check_filtered("5 \xe2\x82\xac", "5 ", true);
	check_filtered("5 \xe2\x82\xad\xe2\x82", "5 \xe2\x82\xad" FFFD, false);
	check_filtered("\xe2\xf0\x9f\x98\x80x", FFFD, true);
	/* As long as they may be */
	memset(stops, 0, sizeof(stops));
	memset(stops[7], 'x', VACCEL_TEXT_STOP_SIZE - 1);
	{
		char text[200];

		memset(text, 'x', sizeof(text) - 1);
		text[sizeof(text) - 1] = '\0';
		check_filtered(text, "", true);
		text[62] = 'y';
		text[125] = '\0';
		check_filtered(text, text, false);
	}
}

/* The same by looking at all that there is so far, after each byte */
static const char *expected(const char *text)
{
	static char result[64];
	size_t cut = SIZE_MAX;

	for (size_t end = 1; end <= strlen(text) && cut == SIZE_MAX; end++)
		for (int i = 0; i < VACCEL_TEXT_MAX_STOPS; i++) {
			size_t len = strlen(stops[i]);

			if (len && len <= end && !memcmp(text + end - len, stops[i], len) && end - len < cut)
				cut = end - len;
		}
	snprintf(result, sizeof(result), "%.*s", (int)(cut == SIZE_MAX ? strlen(text) : cut), text);
	return result;
}

static void random_word(char *to, unsigned int len)
{
	for (unsigned int i = 0; i < len; i++)
		to[i] = (char)('a' + random() % 2);
	to[len] = '\0';
}

static void any_text(void **state)
{
	char text[32];

	(void)state;
	srandom(7);
	for (int n = 0; n < 20000; n++) {
		memset(stops, 0, sizeof(stops));
		for (int i = 0; i < 3; i++)
			random_word(stops[i], (unsigned int)(random() % 6));
		random_word(text, (unsigned int)(random() % 30));
		assert_string_equal(filtered(text, strlen(text), 1 + (size_t)(random() % 4), NULL), expected(text));
	}
}

/* ---- What is not read yet -------------------------------------------------------------------- */

static void queue(void **state)
{
	static char big[VACCEL_TEXT_MAX_UNREAD];
	struct text_queue q = { 0 };
	char buf[64];

	(void)state;
	assert_int_equal(text_queue_take(&q, buf, sizeof(buf)), 0);
	assert_int_equal(text_queue_add(&q, "h\xc3\xa9\xe2\x82\xac", 6), 6);
	/* No part of a character */
	assert_int_equal(text_queue_take(&q, buf, 2), 1);
	assert_int_equal(text_queue_take(&q, buf, 4), 2);
	assert_int_equal(text_queue_take(&q, buf, 4), 3);
	assert_memory_equal(buf, "\xe2\x82\xac", 3);
	/* Never more than it may hold, and no part of a character either */
	memset(big, 'x', sizeof(big));
	assert_int_equal(text_queue_add(&q, big, sizeof(big) - 2), sizeof(big) - 2);
	assert_int_equal(text_queue_add(&q, "\xe2\x82\xac", 3), 0);
	assert_int_equal(text_queue_add(&q, "\xc3\xa9", 2), 2);
	assert_int_equal(q.len, sizeof(big));
	assert_int_equal(text_queue_add(&q, "x", 1), 0);
	/* Round and round */
	for (int i = 0; i < 1310; i++) {
		assert_int_equal(text_queue_take(&q, buf, 50), 50);
		assert_int_equal(text_queue_add(&q, "0123456789012345678901234567890123456789ABCDEFGHIJ", 50), 50);
	}
	assert_int_equal(text_queue_take(&q, buf, 35), 34); /* what was put in before */
	assert_int_equal(text_queue_take(&q, buf, 3), 3);
	assert_memory_equal(buf, "\xc3\xa9" "0", 3);
	assert_int_equal(text_queue_take(&q, buf, 49), 49);
	assert_memory_equal(buf, "123456789012345678901234567890123456789ABCDEFGHIJ", 49);
	assert_int_equal(q.len, sizeof(big) - 86);
	text_queue_release(&q);
	assert_int_equal(q.len, 0);
}

/* ---- Generations ----------------------------------------------------------------------------- */

/* What the engine is to do, and where it is */
struct job {
	const char *text;
	size_t token;	 /* bytes of each */
	bool is_endless, is_stuck;
	int ret;
	vaccel_text_finished_t why;
	uint64_t nr;	 /* tokens given to text_put() */
	atomic_bool is_released, is_awake, has_ended;
	atomic_ulong made;
	int last;	 /* what text_put() said then */
};

static int generate(void *opaque, struct text_gen *gen)
{
	struct job *job = opaque;
	size_t len = strlen(job->text);
	int ret = VACCEL_OK;
	uint32_t nr;

	assert_non_null(text_messages(gen, &nr));
	text_count(gen, nr, 0);
	while (job->is_stuck && !atomic_load(&job->is_awake))
		usleep(1000);
	do {
		for (size_t at = 0; at < len && !ret; at += job->token) {
			ret = text_put(gen, job->text + at, len - at < job->token ? len - at : job->token, job->nr);
			atomic_fetch_add(&job->made, 1);
		}
	} while (job->is_endless && !ret);
	job->last = ret;
	if (job->why)
		text_finish(gen, job->why);
	atomic_store(&job->has_ended, true);
	return job->ret;
}

static void release(void *opaque)
{
	struct job *job = opaque;

	assert_false(atomic_exchange(&job->is_released, true));
}

static void awake(void *opaque)
{
	struct job *job = opaque;

	assert_false(atomic_exchange(&job->is_awake, true));
}

static const struct text_engine engine = { "test", generate, release, awake };

static struct vaccel_session one = { .id = 1 }, other = { .id = 2 };
static struct vaccel_resource model = { .id = 5 }, another = { .id = 6 };

static int start(struct job *job, const struct vaccel_text_params *params, uint64_t *id)
{
	const struct vaccel_text_message messages[] = { { "system", "Be brief." }, { "user", "Hello?" } };

	if (!job->token)
		job->token = 3;
	if (!job->nr)
		job->nr = 1;
	return text_begin(&engine, job, &one, &model, params, messages, 2, id);
}

/* Reads to the end; the text is valid until the next call. */
static const char *read_all(uint64_t id, struct vaccel_text_status *st, size_t room)
{
	static char text[1 << 20];
	size_t len = 0;

	do {
		assert_int_equal(text_next(&one, id, text + len, room, VACCEL_TEXT_MAX_WAIT_MS, st), 0);
		assert_true(utf8_is_valid(text + len, st->len));
		len += st->len;
		assert_true(len + room < sizeof(text));
	} while (!st->finished);
	text[len] = '\0';
	return text;
}

static void wait_for(atomic_bool *what)
{
	while (!atomic_load(what))
		usleep(1000);
}

static int teardown(void **state)
{
	(void)state;
	text_clear();
	text_patience_ms = VACCEL_TEXT_MAX_UNREAD_S * 1000;
	return 0;
}

static void whole_text(void **state)
{
	struct job job = { .text = "Na\xc3\xafve caf\xc3\xa9 for 5 \xe2\x82\xac \xf0\x9f\x98\x80" };
	struct vaccel_text_status st;
	uint64_t id;
	char buf[8];

	(void)state;
	for (job.token = 1; job.token < 9; job.token++) {
		atomic_store(&job.is_released, false);
		assert_int_equal(start(&job, NULL, &id), 0);
		assert_string_equal(read_all(id, &st, VACCEL_TEXT_MIN_ROOM + job.token), job.text);
		assert_int_equal(st.finished, VACCEL_TEXT_FINISHED_STOP);
		assert_int_equal(st.code, 0);
		assert_int_equal(st.prompt_tokens, 2);
		assert_int_equal(st.tokens, (strlen(job.text) + job.token - 1) / job.token);
		/* And again */
		assert_int_equal(text_next(&one, id, buf, sizeof(buf), 0, &st), 0);
		assert_int_equal(st.len, 0);
		assert_int_equal(st.finished, VACCEL_TEXT_FINISHED_STOP);
		wait_for(&job.is_released);
		assert_int_equal(text_end(&one, id), 0);
		assert_int_equal(text_end(&one, id), VACCEL_EINVAL);
		assert_int_equal(text_next(&one, id, buf, sizeof(buf), 0, &st), VACCEL_EINVAL);
	}
	assert_false(atomic_load(&job.is_awake) && !job.last);
}

static void reasons(void **state)
{
	struct vaccel_text_params params = { .max_tokens = 4, .stop = { "", "45" } };
	struct vaccel_text_status st;
	uint64_t id;

	(void)state;
	{
		struct job job = { .text = "0123456789", .token = 1 };

		assert_int_equal(start(&job, &params, &id), 0);
		assert_string_equal(read_all(id, &st, 16), "0123");
		assert_int_equal(st.finished, VACCEL_TEXT_FINISHED_LENGTH);
		assert_int_equal(st.tokens, 4);
		wait_for(&job.is_released);
		assert_int_equal(job.last, VACCEL_EAGAIN);
		assert_int_equal(job.made, 4);
	}
	{
		/* The start of a stop string is text when the length ends it. */
		struct job job = { .text = "0123456789", .token = 1 };

		params.max_tokens = 5;
		assert_int_equal(start(&job, &params, &id), 0);
		assert_string_equal(read_all(id, &st, 16), "01234");
		wait_for(&job.is_released);
	}
	{
		struct job job = { .text = "0123456789", .token = 3 };

		params.max_tokens = 0;
		assert_int_equal(start(&job, &params, &id), 0);
		assert_string_equal(read_all(id, &st, 16), "0123");
		assert_int_equal(st.finished, VACCEL_TEXT_FINISHED_STOP);
		assert_int_equal(st.tokens, 2);
		wait_for(&job.is_released);
		assert_int_equal(job.last, VACCEL_EAGAIN);
	}
	{
		struct job job = { .text = "some", .ret = VACCEL_EREMOTEIO };

		assert_int_equal(start(&job, NULL, &id), 0);
		assert_string_equal(read_all(id, &st, 16), "some");
		assert_int_equal(st.finished, VACCEL_TEXT_FINISHED_ERROR);
		assert_int_equal(st.code, VACCEL_EREMOTEIO);
		wait_for(&job.is_released);
	}
	{
		/* What a server says, who makes tokens of its own size */
		struct job job = { .text = "some", .why = VACCEL_TEXT_FINISHED_LENGTH, .nr = 3 };

		assert_int_equal(start(&job, NULL, &id), 0);
		assert_string_equal(read_all(id, &st, 16), "some");
		assert_int_equal(st.finished, VACCEL_TEXT_FINISHED_LENGTH);
		assert_int_equal(st.tokens, 6);
		wait_for(&job.is_released);
	}
	{
		/* Without an end of its own */
		struct job job = { .text = "ab", .is_endless = true, .token = 1 };

		assert_int_equal(start(&job, NULL, &id), 0);
		assert_int_equal(strlen(read_all(id, &st, 64)), VACCEL_TEXT_DEFAULT_TOKENS);
		assert_int_equal(st.finished, VACCEL_TEXT_FINISHED_LENGTH);
		wait_for(&job.is_released);
	}
}

/* The engine stops with the token at which nobody wants more, and one who waits for text hears of it. */
static void *waits(void *arg)
{
	static struct vaccel_text_status st;
	char buf[16];
	int ret;

	do
		ret = text_next(&one, *(uint64_t *)arg, buf, sizeof(buf), VACCEL_TEXT_MAX_WAIT_MS, &st);
	while (!ret && !st.finished);
	return ret ? NULL : &st;
}

static void cancelling(void **state)
{
	struct job job = { .text = "x", .is_stuck = true };
	struct vaccel_text_status *st = NULL;
	pthread_t thread;
	uint64_t id;

	(void)state;
	/* While the engine waits for something, and a reader for it */
	assert_int_equal(start(&job, NULL, &id), 0);
	pthread_create(&thread, NULL, waits, &id);
	usleep(20000);
	assert_int_equal(text_end(&one, id), 0);
	pthread_join(thread, (void **)&st);
	if (st)
		assert_int_equal(st->finished, VACCEL_TEXT_FINISHED_CANCELLED);
	wait_for(&job.is_released);
	assert_int_equal(job.last, VACCEL_EAGAIN);
	assert_int_equal(job.made, 1);
	{
		/* While it is far ahead */
		struct job far = { .text = "0123456789", .token = 10, .is_endless = true };
		struct vaccel_text_params params = { .max_tokens = UINT32_MAX };

		assert_int_equal(start(&far, &params, &id), 0);
		while (far.made < VACCEL_TEXT_MAX_UNREAD / 10)
			usleep(1000);
		usleep(20000);
		assert_true(far.made <= VACCEL_TEXT_MAX_UNREAD / 10 + 1);
		assert_false(far.has_ended);
		assert_int_equal(text_end(&one, id), 0);
		wait_for(&far.is_released);
		assert_true(far.made <= VACCEL_TEXT_MAX_UNREAD / 10 + 1);
	}
}

/* A reader who comes late gets all of it; one who never comes costs nothing for ever. */
static void unread(void **state)
{
	struct job job = { .text = "0123456789", .token = 10, .is_endless = true }, lost = job;
	struct vaccel_text_params params = { .max_tokens = 20000 };
	struct vaccel_text_status st;
	const char *text;
	uint64_t id;
	struct capture c;

	(void)state;
	assert_int_equal(start(&job, &params, &id), 0);
	while (job.made < VACCEL_TEXT_MAX_UNREAD / 10)
		usleep(1000);
	text = read_all(id, &st, 4096);
	assert_int_equal(strlen(text), 200000);
	for (size_t i = 0; i < 200000; i++)
		assert_int_equal(text[i], '0' + i % 10);
	assert_int_equal(st.finished, VACCEL_TEXT_FINISHED_LENGTH);
	wait_for(&job.is_released);

	text_patience_ms = 50;
	capture_start(&c, STDERR_FILENO);
	assert_int_equal(start(&lost, &params, &id), 0);
	wait_for(&lost.is_released);
	capture_end(&c);
	read_all(id, &st, 4096);
	assert_int_equal(st.finished, VACCEL_TEXT_FINISHED_CANCELLED);
}

static void others(void **state)
{
	struct job job = { .text = "mine" };
	struct vaccel_text_status st;
	uint64_t id;
	char buf[8];

	(void)state;
	assert_int_equal(start(&job, NULL, &id), 0);
	assert_int_equal(text_next(&other, id, buf, sizeof(buf), 0, &st), VACCEL_EINVAL);
	assert_int_equal(text_end(&other, id), VACCEL_EINVAL);
	assert_int_equal(text_next(&one, id + 1, buf, sizeof(buf), 0, &st), VACCEL_EINVAL);
	text_forget(&other, &model);
	text_forget(&one, &another);
	assert_string_equal(read_all(id, &st, 8), "mine");
	text_forget(&one, &model);
	assert_int_equal(text_next(&one, id, buf, sizeof(buf), 0, &st), VACCEL_EINVAL);
	wait_for(&job.is_released);
}

/* More than there may be are refused, and what is ended makes room. */
static void bounds(void **state)
{
	static struct job jobs[VACCEL_TEXT_MAX_GENERATIONS + 1], more[2];
	uint64_t ids[VACCEL_TEXT_MAX_GENERATIONS], id;
	struct vaccel_text_message big = { NULL, NULL };
	char *text = malloc(VACCEL_TEXT_MAX_PROMPT);

	(void)state;
	for (int i = 0; i < VACCEL_TEXT_MAX_GENERATIONS; i++) {
		jobs[i].text = "y";
		jobs[i].is_stuck = true;
		assert_int_equal(start(&jobs[i], NULL, &ids[i]), 0);
	}
	jobs[VACCEL_TEXT_MAX_GENERATIONS].text = "y";
	assert_int_equal(start(&jobs[VACCEL_TEXT_MAX_GENERATIONS], NULL, &id), VACCEL_EUSERS);
	assert_true(jobs[VACCEL_TEXT_MAX_GENERATIONS].is_released);
	assert_int_equal(text_end(&one, ids[3]), 0);
	more[0] = (struct job){ .text = "z" };
	assert_int_equal(start(&more[0], NULL, &id), 0);
	text_clear();
	for (int i = 0; i < VACCEL_TEXT_MAX_GENERATIONS; i++)
		assert_true(jobs[i].is_released);

	/* As many prompts as fit, and one more */
	memset(text, 'p', VACCEL_TEXT_MAX_PROMPT - 1);
	text[VACCEL_TEXT_MAX_PROMPT - 1] = '\0';
	big.content = text;
	memset(jobs, 0, sizeof(jobs));
	for (int i = 0; i < 5; i++) {
		jobs[i] = (struct job){ .text = "y", .is_stuck = true, .token = 1, .nr = 1 };
		assert_int_equal(text_begin(&engine, &jobs[i], &one, &model, NULL, &big, 1, &id),
				 i < 4 ? VACCEL_OK : VACCEL_EUSERS);
	}
	/* That is the session's own affair. */
	more[1] = (struct job){ .text = "y", .token = 1 };
	assert_int_equal(text_begin(&engine, &more[1], &other, &model, NULL, &big, 1, &id), 0);
	free(text);
	text_clear();
	assert_true(more[1].is_released && jobs[3].is_released && jobs[4].is_released);
}

/* All sessions together */
static void running(void **state)
{
	static struct job jobs[TEXT_MAX_RUNNING + 1];
	const struct vaccel_text_message prompt = { NULL, "go" };
	uint64_t id;

	(void)state;
	for (int i = 0; i <= TEXT_MAX_RUNNING; i++) {
		struct vaccel_session sess = { .id = 100 + i / 50 };

		jobs[i] = (struct job){ .text = "y", .is_stuck = true, .token = 1, .nr = 1 };
		assert_int_equal(text_begin(&engine, &jobs[i], &sess, &model, NULL, &prompt, 1, &id),
				 i < TEXT_MAX_RUNNING ? VACCEL_OK : VACCEL_EUSERS);
	}
	text_clear();
	for (int i = 0; i <= TEXT_MAX_RUNNING; i++)
		assert_true(jobs[i].is_released);
}

static void embedding(void **state)
{
	const float values[] = { 1, 2, 3 };
	float out[4] = { 9, 9, 9, 9 };
	uint64_t nr;

	(void)state;
	assert_int_equal(text_embedding(values, 3, NULL, 0, &nr), 0);
	assert_int_equal(nr, 3);
	nr = 0;
	assert_int_equal(text_embedding(values, 3, out, 2, &nr), VACCEL_ERANGE);
	assert_int_equal(nr, 3);
	assert_true(out[0] == 9);
	assert_int_equal(text_embedding(values, 3, out, 4, &nr), 0);
	assert_true(out[0] == 1 && out[2] == 3 && out[3] == 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(characters),
		cmocka_unit_test(held_back),
		cmocka_unit_test(stop_strings),
		cmocka_unit_test(any_text),
		cmocka_unit_test(queue),
		cmocka_unit_test_teardown(whole_text, teardown),
		cmocka_unit_test_teardown(reasons, teardown),
		cmocka_unit_test_teardown(cancelling, teardown),
		cmocka_unit_test_teardown(unread, teardown),
		cmocka_unit_test_teardown(others, teardown),
		cmocka_unit_test_teardown(bounds, teardown),
		cmocka_unit_test_teardown(running, teardown),
		cmocka_unit_test(embedding),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
