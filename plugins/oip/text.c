// SPDX-License-Identifier: Apache-2.0
/* Text by servers that speak as OpenAI's do: a generation is a request whose answer comes as events. */
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "oip.h"
#include "text_gen.h"

#define MAX_STOPS  4 /* that servers take; we look for all of them */
#define MAX_SILENT (16u << 20) /* bytes that come without text */

/* A generation */
struct job {
	struct model *model;
	struct stream stream;
	struct text_gen *gen;
	struct events events;
	uint64_t prompt_tokens, tokens; /* as the server says, and events that had text */
	size_t silent; /* bytes since the last of them */
	bool any; /* event has come */
};

/* ---- Questions ------------------------------------------------------------------------------- */

static void add(struct json_object *to, const char *key, struct json_object *value, bool *failed)
{
	*failed |= !value || json_object_object_add(to, key, value);
}

static struct json_object *stops_of(const struct vaccel_text_params *params, bool *failed)
{
	struct json_object *list = json_object_new_array();

	*failed |= !list;
	for (int i = 0; list && i < VACCEL_TEXT_MAX_STOPS; i++)
		if (*params->stop[i] && json_object_array_length(list) < MAX_STOPS)
			*failed |= json_object_array_add(list, json_object_new_string(params->stop[i]));
	return list;
}

static struct json_object *chat_of(const struct vaccel_text_message *messages, uint32_t nr, bool *failed)
{
	struct json_object *list = json_object_new_array(), *message;

	*failed |= !list;
	for (uint32_t i = 0; list && i < nr; i++) {
		message = json_object_new_object();
		*failed |= !message || json_object_array_add(list, message);
		if (!message)
			break;
		add(message, "role", json_object_new_string(messages[i].role), failed);
		add(message, "content", json_object_new_string(messages[i].content), failed);
	}
	return list;
}

static void add_params(struct json_object *o, const struct vaccel_text_params *params, bool *failed)
{
	struct json_object *stops = stops_of(params, failed);

	add(o, "max_tokens", json_object_new_int64(params->max_tokens), failed);
	add(o, "temperature", json_object_new_double((double)params->temperature), failed);
	if (params->top_p > 0)
		add(o, "top_p", json_object_new_double((double)params->top_p), failed);
	if (params->top_k)
		add(o, "top_k", json_object_new_int64(params->top_k), failed);
	/* Servers read a signed number. */
	add(o, "seed", json_object_new_int64((int64_t)(params->seed & INT64_MAX)), failed);
	if (stops && json_object_array_length(stops))
		add(o, "stop", stops, failed);
	else
		json_object_put(stops);
}

/* The question is an object's text. Frees the object. */
static int make_question(struct question *q, struct json_object *o, bool failed)
{
	const char *text = failed || !o ? NULL : json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN |
										JSON_C_TO_STRING_NOSLASHESCAPE);

	*q = (struct question){.nr_pieces = 1, .text = text ? strdup(text) : NULL,
			       .pieces = calloc(1, sizeof(*q->pieces))};
	json_object_put(o);
	if (!q->text || !q->pieces)
		return VACCEL_ENOMEM;
	q->size = q->text_size = strlen(q->text);
	q->pieces[0] = (struct piece){q->text, q->size};
	return VACCEL_OK;
}

static int ask_for_text(struct question *q, const struct job *job, bool *is_chat)
{
	struct json_object *o = json_object_new_object(), *options = json_object_new_object();
	const struct vaccel_text_message *messages;
	bool failed = !o || !options;
	uint32_t nr;

	messages = text_messages(job->gen, &nr);
	*is_chat = messages[0].role;
	if (failed) {
		json_object_put(options);
		return make_question(q, o, true);
	}
	add(o, "model", json_object_new_string(job->model->name), &failed);
	if (*is_chat)
		add(o, "messages", chat_of(messages, nr, &failed), &failed);
	else
		add(o, "prompt", json_object_new_string(messages[0].content), &failed);
	add_params(o, text_params(job->gen), &failed);
	add(o, "stream", json_object_new_boolean(true), &failed);
	add(o, "stream_options", options, &failed);
	add(options, "include_usage", json_object_new_boolean(true), &failed);
	return make_question(q, o, failed);
}

/* ---- Generations ----------------------------------------------------------------------------- */

static int wrong(struct job *job, int code, const char *why)
{
	snprintf(job->stream.why, sizeof(job->stream.why), "%s", why);
	return code;
}

/* More of the text. What a server says that it has counted replaces what we have. */
static int put_text(struct job *job, const struct chunk *c)
{
	int ret;

	if (job->tokens >= text_params(job->gen)->max_tokens) {
		text_finish(job->gen, VACCEL_TEXT_FINISHED_LENGTH);
		return VACCEL_EAGAIN;
	}
	job->silent = 0;
	ret = text_put(job->gen, c->text, c->size, 0);
	if (!ret)
		text_count(job->gen, job->prompt_tokens, ++job->tokens);
	return ret;
}

static int on_event(void *arg, const char *data, size_t size)
{
	struct job *job = arg;
	struct chunk c;
	int ret = chunk_read(&c, data, size);

	job->any = true;
	if (ret)
		ret = wrong(job, ret, "an event of its answer is no JSON object");
	else if (c.has_error)
		ret = wrong(job, answer_is_too_long(c.error) ? VACCEL_ERANGE : VACCEL_EBACKEND, c.error);
	else if (c.size && !job->stream.complete)
		ret = put_text(job, &c);
	if (!ret && c.has_counts) {
		job->prompt_tokens = c.prompt_tokens;
		text_count(job->gen, c.prompt_tokens, c.tokens);
	}
	if (!ret && c.finished)
		text_finish(job->gen, c.finished);
	job->stream.complete |= !ret && (c.finished || c.is_last);
	chunk_free(&c);
	return ret;
}

static int on_bytes(void *arg, const uint8_t *data, size_t size)
{
	struct job *job = arg;
	int ret;

	job->silent += size;
	if (job->silent > MAX_SILENT)
		return wrong(job, VACCEL_EBACKEND, "its answer goes on, but has no text");
	ret = events_put(&job->events, data, size, on_event, job);
	if (ret && !*job->stream.why)
		wrong(job, ret, ret == VACCEL_ENOMEM ? "there is not enough memory" :
						       "an event of its answer is too long");
	return ret;
}

static bool is_enough(void *arg)
{
	const struct job *job = arg;

	return text_cancelled(job->gen);
}

/* An answer that has come to its end without saying that the text has */
static int broken_off(const struct job *job)
{
	oip_error("The answer for %s %s", job->model->name,
		  job->any ? "has broken off" : "is no stream of events");
	return job->any ? VACCEL_EREMOTEIO : VACCEL_EBACKEND;
}

static int generate(void *arg, struct text_gen *gen)
{
	struct job *job = arg;
	struct asking a = {.is_question = true, .made = true, .stream = &job->stream};
	struct reply r = {.size = 0};
	bool is_chat;
	int ret;

	job->gen = gen;
	ret = ask_for_text(&a.question, job, &is_chat);
	a.path = is_chat ? "v1/chat/completions" : "v1/completions";
	servers_start();
	if (!ret)
		ret = ask(job->model, &a, &r);
	if (!ret && !job->stream.complete && !job->stream.ended)
		ret = broken_off(job);
	reply_free(&r);
	question_free(&a.question);
	return ret;
}

static void release(void *arg)
{
	struct job *job = arg;

	models_put(job->model);
	events_free(&job->events);
	stream_free(&job->stream);
	free(job);
}

static void wake(void *arg)
{
	struct job *job = arg;

	stream_wake(&job->stream);
}

static const struct text_engine engine = {.name = "oip", .generate = generate, .release = release, .wake = wake};

/* Whether it is one for text, which is logged if it is not */
static bool is_for_text(const struct model *m)
{
	if (m->kind == SERVER_TEXT)
		return true;
	oip_error("%s is no model for text: its server is one of the Open Inference Protocol", m->name);
	return false;
}

int text_model_begin(struct model *m, struct vaccel_session *sess, struct vaccel_resource *res,
		     const struct vaccel_text_params *params, const struct vaccel_text_message *messages,
		     uint32_t nr_messages, uint64_t *id)
{
	struct job *job = is_for_text(m) ? calloc(1, sizeof(*job)) : NULL;

	if (!job)
		return m->kind == SERVER_TEXT ? VACCEL_ENOMEM : VACCEL_ENOTSUP;
	job->model = m;
	atomic_fetch_add(&m->users, 1);
	job->stream.put = on_bytes;
	job->stream.is_enough = is_enough;
	job->stream.arg = job;
	job->stream.silence_ms = ask_ms();
	stream_init(&job->stream);
	return text_begin(&engine, job, sess, res, params, messages, nr_messages, id);
}

/* ---- Embeddings ------------------------------------------------------------------------------ */

static int ask_for_embedding(struct question *q, const struct model *m, const char *text)
{
	struct json_object *o = json_object_new_object();
	bool failed = !o;

	if (o) {
		add(o, "model", json_object_new_string(m->name), &failed);
		add(o, "input", json_object_new_string(text), &failed);
		add(o, "encoding_format", json_object_new_string("float"), &failed);
	}
	return make_question(q, o, failed);
}

int text_model_embed(struct model *m, const char *text, float *out, size_t room, uint64_t *nr)
{
	struct asking a = {.path = "v1/embeddings", .is_question = true, .made = true};
	struct reply r = {.size = 0};
	float *values = NULL;
	uint64_t count = 0;
	int ret;

	*nr = 0;
	if (!is_for_text(m))
		return VACCEL_ENOTSUP;
	ret = ask_for_embedding(&a.question, m, text);
	servers_start();
	if (!ret)
		ret = ask(m, &a, &r);
	if (!ret)
		ret = answer_embedding(r.data ? r.data : (const uint8_t *)"", r.size, &values, &count);
	if (!ret)
		ret = text_embedding(values, count, out, room, nr);
	free(values);
	reply_free(&r);
	question_free(&a.question);
	return ret;
}
