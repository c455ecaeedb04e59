/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parts of the oip plugin, which forwards inference to servers of the Open Inference Protocol (version 2), and text to
 * servers that speak as OpenAI's do, over HTTP. The operator names the servers; programs, which may be guests that nobody trusts, name models. Servers are not
 * trusted either: what they answer is bounded, and checked.
 *
 * Functions returning int give VACCEL_OK or a code, and log what is wrong as one line.
 */
#ifndef PLUGINS_OIP_H
#define PLUGINS_OIP_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vaccel.h"

#define oip_debug(format, ...) vaccel_debug("[oip] " format, ##__VA_ARGS__)
#define oip_warn(format, ...)  vaccel_warn("[oip] " format, ##__VA_ARGS__)
#define oip_error(format, ...) vaccel_error("[oip] " format, ##__VA_ARGS__)

/* A server's own words in a message, at most */
#define OIP_TEXT_SIZE 256

/** oip_text() - makes one line of what a server says, which may be any bytes. Return: to, of OIP_TEXT_SIZE bytes. */
const char *oip_text(char *to, const void *text, size_t size);

/* ---- Memory (budget.c) ----------------------------------------------------------------------- */

/** budget_set() - how many bytes all answers together may take */
void budget_set(size_t max);

/** budget_take() - Return: false, and nothing is taken: there is no room for so much more */
bool budget_take(size_t size);
void budget_give(size_t size);

/* ---- Questions (question.c) ------------------------------------------------------------------ */

/** A piece of what is sent. */
struct piece {
	const void *data;
	size_t size;
};

/** The body of a request: text, and then the tensors' bytes where they are. All zero: nothing. */
struct question {
	char *text;
	size_t text_size, text_room;
	bool binary; /* text_size is told to the server */
	struct piece *pieces; /* the text, and behind it the tensors */
	size_t nr_pieces;
	size_t size; /* of all */
	bool failed; /* out of memory */
};

/**
 * question_make() - asks for a run
 * @inputs:  checked by libvaccel, and each has a name; their data stays the caller's and in use
 * @outputs: those with a name are asked for; none: all
 * @binary:  the server takes tensors' bytes as they are; else they become text
 *
 * ENOTSUP: something has no form in text, which was logged. Pair with question_free(), also after a failure.
 */
int question_make(struct question *q, const struct vaccel_infer_tensor *inputs, uint32_t nr_inputs,
		  const struct vaccel_infer_tensor *outputs, uint32_t nr_outputs, bool binary);
void question_free(struct question *q);

/* ---- Answers (answer.c) ---------------------------------------------------------------------- */

/** A text longer than this is not parsed: what is made of it may take 40 times as much. */
#define ANSWER_MAX_TEXT (8u << 20)
#define ANSWER_EXPANDS	40

/** An answer's outputs. All zero: nothing. */
struct answer {
	struct vaccel_infer_tensor *outputs; /* names are the answer's; data may point into the reply */
	uint32_t nr;
	void *text; /* private */
	size_t text_size;
	char *names; /* private */
};

/**
 * answer_read() - reads the answer to a run
 * @data:      size bytes, which stay in use
 * @text_size: how many of them are text, as the server says; the rest are tensors' bytes
 *
 * Each tensor is checked: datatype, shape and size fit. EBACKEND: the answer is none, which was logged. ENOMEM. Pair with
 * answer_free(), also after a failure.
 */
int answer_read(struct answer *a, const uint8_t *data, size_t size, size_t text_size);
void answer_free(struct answer *a);

/**
 * answer_read_ahead() - reads the text of an answer whose tensors' bytes are still to come
 * @text: text_size bytes, which need not stay
 * @size: of the bytes to come
 *
 * Each output is bytes, one behind the other in this order; their data is NULL, and all else is checked. ENOTSUP, and
 * nothing is logged: some are text, or can only be checked when they are there. Else as answer_read().
 */
int answer_read_ahead(struct answer *a, const uint8_t *text, size_t text_size, size_t size);

/** What a server says of a model. */
struct description {
	struct vaccel_infer_model info;
	struct vaccel_infer_desc *descs; /* inputs, then outputs */
};

/** answer_describes() - reads the description of a model; EBACKEND, ENAMETOOLONG, ENOMEM; frees nothing on failure */
int answer_describes(struct description *d, const uint8_t *data, size_t size);

/** answer_has_binary() - whether a server says that it takes and gives tensors' bytes as they are */
bool answer_has_binary(const uint8_t *data, size_t size);

/** answer_error() - what a server says is wrong, as one line in to, of OIP_TEXT_SIZE bytes. Return: to */
const char *answer_error(char *to, const uint8_t *data, size_t size);

/** answer_lists() - whether a list of a text server's models has this one */
bool answer_lists(const uint8_t *data, size_t size, const char *name);

/** answer_embedding() - reads numbers, to be freed by the caller; EBACKEND, which was logged; ENOMEM */
int answer_embedding(const uint8_t *data, size_t size, float **values, uint64_t *nr);

/** answer_is_too_long() - whether what a text server says is wrong is that the prompt is longer than the context */
bool answer_is_too_long(const char *error);

/* ---- Answers that come bit by bit (events.c) ------------------------------------------------- */

#define EVENTS_MAX (256u << 10) /* bytes of an event */

/** A stream of server-sent events, of which the last one has not come to its end. All zero: nothing has come. */
struct events {
	char *text; /* the event's lines, and behind them the line that is coming */
	size_t event_size, size, room;
	bool after_cr;
};

/**
 * events_put() - takes bytes of it
 * @on_event: called with the data of each event, with a zero behind; what it returns but VACCEL_OK ends this
 *
 * EBACKEND: an event is longer than EVENTS_MAX. ENOMEM. What on_event returned.
 */
int events_put(struct events *e, const uint8_t *bytes, size_t size,
	       int (*on_event)(void *arg, const char *data, size_t size), void *arg);
void events_free(struct events *e);

/** What an event says of a text. */
struct chunk {
	const char *text; /* size bytes, of UTF-8; NULL: none */
	size_t size;
	bool is_last; /* nothing comes after it */
	vaccel_text_finished_t finished; /* the text has come to its end, and nothing but counts may follow */
	bool has_counts;
	uint64_t prompt_tokens, tokens;
	bool has_error;
	char error[OIP_TEXT_SIZE]; /* of the server */
	void *object; /* private */
	size_t object_size;
};

/** chunk_read() - EBACKEND: it is none. Pair with chunk_free(), also after a failure. */
int chunk_read(struct chunk *c, const char *data, size_t size);
void chunk_free(struct chunk *c);

/* ---- Where tensors' bytes go (landing.c) ----------------------------------------------------- */

/** The last answer of a model: that of a next one is mostly the same, but for its tensors' bytes. All zero: none. */
struct last_answer {
	pthread_mutex_t lock;
	struct known *known;
};

void last_answer_init(struct last_answer *l);
void last_answer_free(struct last_answer *l);

/** Bytes of an answer that go to one place; NULL: nowhere. */
struct target {
	uint8_t *to;
	size_t size;
};

/** The outputs of a run, into whose buffers an answer's bytes come straight from the connection. */
struct landing {
	struct vaccel_infer_tensor *outputs; /* the program's */
	const struct vaccel_infer_tensor *named; /* the same, with the names that are known */
	uint32_t nr;
	struct last_answer *last;
	/* private */
	struct known *known; /* the answer; NULL: it did not come so */
	struct target *targets;
	uint32_t nr_targets;
	size_t taken; /* of the budget */
};

/** landing_place() - see struct request */
int landing_place(struct landing *l, const uint8_t *text, size_t text_size, size_t size);

/** landing_end() - gives the outputs what the answer says of them: when it is all there, however it came */
int landing_end(struct landing *l, const uint8_t *data, size_t size, size_t text_size);

void landing_free(struct landing *l);

/* ---- Servers (servers.c) --------------------------------------------------------------------- */

#define MAX_SERVERS 64

struct server;

/** What servers are asked for. */
enum server_kind {
	SERVER_INFER, /* the Open Inference Protocol */
	SERVER_TEXT, /* what OpenAI's do */
};

#define SERVER_TEXT_MODELS "v1/models" /* path of the list of models */

/** An answer that comes bit by bit. */
struct stream {
	/* VACCEL_OK: go on; EAGAIN: that is enough; else: it is wrong, and why says in which way. May wait. */
	int (*put)(void *arg, const uint8_t *data, size_t size);
	/* Whether nobody wants the rest; asked again after stream_wake() */
	bool (*is_enough)(void *arg);
	void *arg;
	uint64_t silence_ms; /* how long the server may be silent */
	bool ended; /* because it was enough */
	bool complete; /* set by put: all has been said, and if the connection breaks now nothing is lost */
	char why[OIP_TEXT_SIZE];
	/* private */
	pthread_mutex_t lock;
	void *multi;
};

void stream_init(struct stream *s);
void stream_free(struct stream *s);

/** stream_wake() - from any thread */
void stream_wake(struct stream *s);

/** A request to servers. */
struct request {
	const char *path; /* behind the server's URL, "v2/..." */
	const struct question *question; /* NULL: GET */
	uint64_t deadline_ms; /* as now_ms() */
	size_t max_size; /* of the answer */
	/*
	 * NULL, or where the bytes behind the text go, of an answer with status 200. landing_place() is called once, when
	 * the text is there; ENOTSUP: they are kept in the reply, behind the text.
	 */
	struct landing *landing;
	/* NULL, or who gets the body of an answer with status 200. Then its deadline is one of silence. */
	struct stream *stream;
};

/** An answer. All zero: nothing. */
struct reply {
	long status; /* HTTP's */
	uint8_t *data; /* size bytes, and room for one more: without those that went elsewhere */
	size_t size, room;
	size_t text_size; /* how many of them are text */
	bool begun; /* the server may have begun to do something */
	char why[OIP_TEXT_SIZE]; /* of a failure */
};

void reply_free(struct reply *r);

/** servers_init() - reads the operator's variables. ENOENT: no server is named; EINVAL: a variable is wrong. */
int servers_init(void);

/** servers_have() - whether there are servers of a kind */
bool servers_have(enum server_kind kind);

/** servers_start() - looks which servers are ready, and keeps looking; again and again does nothing */
void servers_start(void);

/** servers_stop() - ends that; no request may be under way */
void servers_stop(void);

/** servers_text() - "2 servers: http://a:1, ..." */
const char *servers_text(void);

/** servers_pick() - the ready server of a kind with the least to do, but those in a set of bits. NULL: there is none */
struct server *servers_pick(enum server_kind kind, uint64_t but);
unsigned int server_number(const struct server *s);
bool server_takes_binary(const struct server *s);
const char *server_name(const struct server *s);
struct http *server_http(const struct server *s);

/** server_failed() - it is not ready, until it says that it is */
void server_failed(struct server *s);

/** server_done() - after servers_pick(), when the request has ended */
void server_done(struct server *s);

/* ---- HTTP (http.c) --------------------------------------------------------------------------- */

/** Connections to one server that are kept open. */
struct http;

/**
 * http_new() - for a server
 * @url:   "http://host:port/path", without a slash at the end; copied
 * @host, @port: of it
 * @token, @ca: variables that name a file with a token, and one with certificates; not copied
 *
 * Return: NULL when out of memory.
 */
struct http *http_new(const char *url, const char *host, const char *port, const char *token, const char *ca);
void http_delete(struct http *http);

/** http_forget() - in a child of fork(): connections are the parent's */
void http_forget(struct http *http);

/**
 * http_ask() - sends a request and receives the answer, whatever its status is
 *
 * EREMOTEIO, ENOMEM, EBACKEND; nothing is logged, and r->why says what is wrong. Where r->begun is false the server
 * has got nothing. Pair with reply_free(), also after a failure.
 */
int http_ask(struct http *http, const struct request *rq, struct reply *r);

/** http_init() - ENOMEM */
int http_init(void);

/** http_is_unreadable() - whether a variable is set and names no file that can be read, which is logged */
bool http_is_unreadable(const char *variable);

/** connect_needed() - whether this process has no network, and gets connections from the connector */
bool connect_needed(void);

/** connect_ask() - a connection to a server from the connector. Return: a descriptor or -errno */
int connect_ask(const char *host, const char *port);

/* ---- Models (models.c) ----------------------------------------------------------------------- */

/** A model that sessions have loaded. */
struct model {
	enum server_kind kind;
	char path[600]; /* "v2/models/NAME" and so on; of text: none */
	const char *name; /* what the program calls it */
	struct description says;
	struct last_answer last;
	atomic_uint users;
	atomic_uint_least64_t missing_until[MAX_SERVERS]; /* servers that did not have it, as now_ms() */
	atomic_uint_least64_t has; /* of text: a bit for each server that lists it */
};

/** models_run() - runs a model: see vaccel_infer_run() */
int models_run(struct model *m, const struct vaccel_infer_tensor *inputs, uint32_t nr_inputs,
	       struct vaccel_infer_tensor *outputs, uint32_t nr_outputs);

/** models_open() - makes a model of a path model://NAME; ENOENT: no server has it. Pair with models_put(). */
int models_open(const char *path, struct model **out);
void models_put(struct model *m);

/* ---- Text (text.c) --------------------------------------------------------------------------- */

/** text_model_begin() - see vaccel_text_begin(); the model is loaded, and stays the caller's */
int text_model_begin(struct model *m, struct vaccel_session *sess, struct vaccel_resource *res,
		     const struct vaccel_text_params *params, const struct vaccel_text_message *messages,
		     uint32_t nr_messages, uint64_t *id);

/** text_model_embed() - see vaccel_text_embed() */
int text_model_embed(struct model *m, const char *text, float *out, size_t room, uint64_t *nr);

/* ---- Asking (ask.c) -------------------------------------------------------------------------- */

/** What a model's servers are asked. The question is made for a server that takes it so, and used again if it fits. */
struct asking {
	const char *path;
	/* The question is made of these, unless there is one */
	const struct vaccel_infer_tensor *inputs, *outputs;
	uint32_t nr_inputs, nr_outputs;
	bool is_question; /* else it is only asked for what is there */
	struct question question;
	bool made;
	struct landing *landing;
	struct stream *stream;
};

/** ask_init() - reads the operator's variables. EINVAL. */
int ask_init(void);

/** ask_ms() - how long a call may take */
uint64_t ask_ms(void);

/**
 * ask() - asks servers until one has begun. Each is asked once.
 *
 * VACCEL_OK: its answer has status 200. Else what is wrong was logged, and there is no reply. EAGAIN: no server that may have the
 * model is ready, or all have too much to do; ENOENT; ERANGE: it is text, and longer than the model's context. The caller frees
 * the question.
 */
int ask(struct model *m, struct asking *a, struct reply *r);

/** ask_who_has() - looks which text servers list a model. Return: whether any does. */
bool ask_who_has(struct model *m);

/** oip_number() - a variable of the operator's, or its default. Return: whether it is one from min to max */
bool oip_number(const char *variable, uint64_t fallback, uint64_t min, uint64_t max, uint64_t *value);

#endif
