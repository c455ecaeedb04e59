// SPDX-License-Identifier: Apache-2.0
/*
 * The dummy text of the noop plugin: what the prompt, or the last message of a chat, says, in tokens of 4 bytes, so that
 * characters and stop strings are spread over them. One that ends with "..." is said again and again.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "noop.h"
#include "text_gen.h"

#define TOKEN	  4
#define DIMS	  8
#define MAX_PAUSE 60000 /* ms */

/* ms that a token takes, for tests of what waits */
static long pause_ms(void)
{
	const char *text = getenv("VACCEL_NOOP_TOKEN_MS");
	long ms = text ? strtol(text, NULL, 10) : 0;

	return ms < 0 ? 0 : ms > MAX_PAUSE ? MAX_PAUSE : ms;
}

static size_t tokens_of(const char *text)
{
	return (strlen(text) + TOKEN - 1) / TOKEN;
}

static int generate(void *job, struct text_gen *gen)
{
	const long ms = pause_ms();
	const struct timespec pause = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
	const struct vaccel_text_message *messages;
	uint64_t prompt_tokens = 0;
	const char *text;
	uint32_t nr;
	size_t len;
	bool is_endless;
	int ret = VACCEL_OK;

	(void)job;
	messages = text_messages(gen, &nr);
	for (uint32_t i = 0; i < nr; i++)
		prompt_tokens += tokens_of(messages[i].content);
	text_count(gen, prompt_tokens, 0);
	text = messages[nr - 1].content;
	len = strlen(text);
	is_endless = len >= 3 && !strcmp(text + len - 3, "...");
	do {
		for (size_t at = 0; at < len && !ret; at += TOKEN) {
			if (ms)
				nanosleep(&pause, NULL);
			ret = text_put(gen, text + at, len - at < TOKEN ? len - at : TOKEN, 1);
		}
	} while (is_endless && !ret);
	return VACCEL_OK;
}

static void release(void *job)
{
	(void)job;
}

static const struct text_engine engine = { .name = "noop", .generate = generate, .release = release };

int noop_text_begin(struct vaccel_session *sess, const union vop_val *v)
{
	return text_begin(&engine, NULL, sess, v[TEXT_BEGIN_model].p, v[TEXT_BEGIN_params].p,
			  v[TEXT_BEGIN_messages].p, (uint32_t)v[TEXT_BEGIN_nr_messages].i, v[TEXT_BEGIN_id].p);
}

int noop_text_next(struct vaccel_session *sess, const union vop_val *v)
{
	return text_next(sess, (uint64_t)v[TEXT_NEXT_id].i, v[TEXT_NEXT_buf].p, (size_t)v[TEXT_NEXT_room].i,
			 (uint32_t)v[TEXT_NEXT_wait_ms].i, v[TEXT_NEXT_status].p);
}

int noop_text_end(struct vaccel_session *sess, const union vop_val *v)
{
	return text_end(sess, (uint64_t)v[TEXT_END_id].i);
}

/* Sums of every eighth byte. */
int noop_text_embed(struct vaccel_session *sess, const union vop_val *v)
{
	const unsigned char *text = v[TEXT_EMBED_text].p;
	float sums[DIMS] = { 0 };

	(void)sess;
	for (size_t i = 0; text[i]; i++)
		sums[i % DIMS] += (float)text[i];
	return text_embedding(sums, DIMS, v[TEXT_EMBED_out].p, (size_t)v[TEXT_EMBED_room].i, v[TEXT_EMBED_nr].p);
}
