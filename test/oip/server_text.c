// SPDX-License-Identifier: Apache-2.0
#include "server_text.h"

#include <json-c/json.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TOKEN 4

static atomic_uint begun, cancelled, tokens;

/* A text that is being said */
struct text {
	char *words;
	size_t len, at;
	bool endless, chat, counts, slow;
	unsigned int made, max, prompt_tokens;
	int state; /* 0: tokens, 1: why it has ended, 2: counts, 3: the end, 4: nothing more */
	char line[1024];
	size_t line_len, line_at;
};

unsigned int texts_begun(void)
{
	return atomic_load(&begun);
}

unsigned int texts_cancelled(void)
{
	return atomic_load(&cancelled);
}

unsigned int texts_tokens(void)
{
	return atomic_load(&tokens);
}

/* ---- Events ---------------------------------------------------------------------------------- */

static void set_line(struct text *t, struct json_object *o)
{
	t->line_len = (size_t)snprintf(t->line, sizeof(t->line), "data: %s\r\n\r\n",
				       o ? json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN) : "[DONE]");
	t->line_at = 0;
	json_object_put(o);
}

static void say(struct text *t, const char *words, size_t len, const char *why)
{
	struct json_object *o = json_object_new_object(), *list = json_object_new_array(),
			   *choice = json_object_new_object(), *delta = json_object_new_object();

	json_object_object_add(o, "choices", list);
	json_object_array_add(list, choice);
	json_object_object_add(choice, "index", json_object_new_int(0));
	json_object_object_add(choice, "finish_reason", why ? json_object_new_string(why) : NULL);
	if (t->chat && words)
		json_object_object_add(delta, "content", json_object_new_string_len(words, (int)len));
	if (t->chat)
		json_object_object_add(choice, "delta", delta);
	else
		json_object_object_add(choice, "text", json_object_new_string_len(words ? words : "", (int)len));
	if (!t->chat)
		json_object_put(delta);
	set_line(t, o);
}

static void say_token(struct text *t)
{
	size_t len = t->len - t->at < TOKEN ? t->len - t->at : TOKEN;

	while (t->at + len < t->len && (t->words[t->at + len] & 0xc0) == 0x80)
		len++;
	if (t->slow)
		usleep(20000);
	say(t, t->words + t->at, len, NULL);
	t->at += len;
	t->made++;
	atomic_fetch_add(&tokens, 1);
	if (t->at == t->len && t->endless)
		t->at = 0;
}

static void say_counts(struct text *t)
{
	struct json_object *o = json_object_new_object(), *usage = json_object_new_object();

	json_object_object_add(o, "choices", json_object_new_array());
	json_object_object_add(o, "usage", usage);
	json_object_object_add(usage, "prompt_tokens", json_object_new_int((int)t->prompt_tokens));
	json_object_object_add(usage, "completion_tokens", json_object_new_int((int)t->made));
	set_line(t, o);
}

/* Return: whether there is a line to be sent. */
static bool next_line(struct text *t)
{
	if (t->state == 0 && (t->at == t->len || t->made == t->max))
		t->state = 1;
	switch (t->state) {
	case 0:
		say_token(t);
		return true;
	case 1:
		say(t, NULL, 0, t->made == t->max ? "length" : "stop");
		t->state = t->counts ? 2 : 3;
		return true;
	case 2:
		say_counts(t);
		t->state = 3;
		return true;
	case 3:
		set_line(t, NULL);
		t->state = 4;
		return true;
	default:
		return false;
	}
}

static ssize_t read_text(void *arg, uint64_t pos, char *to, size_t room)
{
	struct text *t = arg;
	size_t part;

	(void)pos;
	if (t->line_at == t->line_len && !next_line(t))
		return MHD_CONTENT_READER_END_OF_STREAM;
	part = t->line_len - t->line_at < room ? t->line_len - t->line_at : room;
	memcpy(to, t->line + t->line_at, part);
	t->line_at += part;
	return (ssize_t)part;
}

static void end_text(void *arg)
{
	struct text *t = arg;

	if (t->state != 4)
		atomic_fetch_add(&cancelled, 1);
	free(t->words);
	free(t);
}

/* ---- Requests -------------------------------------------------------------------------------- */

static struct json_object *member(struct json_object *o, const char *key)
{
	struct json_object *value = NULL;

	json_object_object_get_ex(o, key, &value);
	return value;
}

static const char *prompt_of(struct json_object *o, bool chat)
{
	struct json_object *list = member(o, "messages");

	if (!chat)
		return json_object_get_string(member(o, "prompt"));
	return json_object_get_string(member(json_object_array_get_idx(list, json_object_array_length(list) - 1),
					     "content"));
}

static enum MHD_Result begin_text(struct MHD_Connection *c, struct json_object *o, bool chat, bool slow)
{
	struct text *t = calloc(1, sizeof(*t));
	struct MHD_Response *r;
	enum MHD_Result ret;

	t->words = strdup(prompt_of(o, chat));
	t->len = strlen(t->words);
	t->endless = t->len >= 3 && !strcmp(t->words + t->len - 3, "...");
	t->chat = chat;
	t->slow = slow;
	t->max = (unsigned int)json_object_get_int64(member(o, "max_tokens"));
	t->counts = json_object_get_boolean(member(member(o, "stream_options"), "include_usage"));
	t->prompt_tokens = (unsigned int)(t->len + TOKEN - 1) / TOKEN;
	r = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 4096, read_text, t, end_text);
	MHD_add_response_header(r, "Content-Type", "text/event-stream");
	ret = MHD_queue_response(c, 200, r);
	MHD_destroy_response(r);
	return ret;
}

/* Sums of every fourth byte */
static enum MHD_Result embed(struct MHD_Connection *c, struct json_object *o)
{
	const char *words = json_object_get_string(member(o, "input"));
	int sums[4] = {0};
	char text[256];

	for (size_t i = 0; words[i]; i++)
		sums[i % 4] += (unsigned char)words[i];
	snprintf(text, sizeof(text), "{\"object\":\"list\",\"data\":[{\"index\":0,\"embedding\":[%d,%d.5,%d,-%d]}]}",
		 sums[0], sums[1], sums[2], sums[3]);
	return answer(c, 200, text);
}

static enum MHD_Result refuse(struct MHD_Connection *c, const char *model)
{
	if (!strcmp(model, "small"))
		return answer(c, 400, "{\"error\":{\"code\":400,\"message\":\"the request exceeds the available context size\","
				      "\"type\":\"exceed_context_size_error\"}}");
	if (!strcmp(model, "full"))
		return answer(c, 503, "{\"error\":{\"message\":\"too much to do\"}}");
	if (!strcmp(model, "bad"))
		return answer(c, 400, "{\"error\":{\"message\":\"it likes nothing\"}}");
	if (!strcmp(model, "ill"))
		return answer(c, 500, "{\"error\":{\"message\":\"broken\"}}");
	return answer(c, 404, "{\"error\":{\"message\":\"there is no such model\"}}");
}

enum MHD_Result about_text(struct MHD_Connection *c, const char *path, const struct body *b)
{
	bool chat = !strcmp(path, "chat/completions"), embeds = !strcmp(path, "embeddings");
	struct json_object *o;
	enum MHD_Result ret;
	const char *model;

	if (!strcmp(path, "models"))
		return answer(c, 200, "{\"object\":\"list\",\"data\":[{\"id\":\"parrot\"},{\"id\":\"thinker\"},{\"id\":\"small\"},"
				      "{\"id\":\"full\"},{\"id\":\"bad\"},{\"id\":\"ill\"},{\"id\":\"mute\"},{\"id\":\"fine/2\"}]}");
	if (!chat && !embeds && strcmp(path, "completions") != 0)
		return answer(c, 404, "{\"error\":{\"message\":\"no such thing\"}}");
	atomic_fetch_add(&begun, 1);
	o = b->data ? json_tokener_parse(b->data) : NULL;
	model = json_object_get_string(member(o, "model"));
	if (!model)
		ret = answer(c, 400, "{\"error\":{\"message\":\"no JSON, or no model\"}}");
	else if (!strcmp(model, "mute") && embeds)
		ret = answer(c, 501, "{\"error\":{\"message\":\"This server does not support embeddings\"}}");
	else if (strcmp(model, "parrot") && strcmp(model, "thinker") && strcmp(model, "fine/2"))
		ret = refuse(c, model);
	else if (embeds)
		ret = embed(c, o);
	else
		ret = begin_text(c, o, chat, !strcmp(model, "thinker"));
	json_object_put(o);
	return ret;
}
