/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parts of the oip plugin, which forwards inference to servers of the Open Inference Protocol (version 2) over
 * HTTP. The operator names the servers; programs, which may be guests that nobody trusts, name models. Servers are not
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

/** servers_start() - looks which servers are ready, and keeps looking; again and again does nothing */
void servers_start(void);

/** servers_stop() - ends that; no request may be under way */
void servers_stop(void);

/** servers_text() - "2 servers: http://a:1, ..." */
const char *servers_text(void);

/** servers_pick() - the ready server with the least to do, but those in a set of bits. NULL: there is none */
struct server *servers_pick(uint64_t but);
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
 *
 * Return: NULL when out of memory.
 */
struct http *http_new(const char *url, const char *host, const char *port);
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

/** http_init() - reads the operator's variables: a file with a token, one with certificates. EINVAL. */
int http_init(void);

/** connect_needed() - whether this process has no network, and gets connections from the connector */
bool connect_needed(void);

/** connect_ask() - a connection to a server from the connector. Return: a descriptor or -errno */
int connect_ask(const char *host, const char *port);

/* ---- Models (models.c) ----------------------------------------------------------------------- */

/** A model that sessions have loaded. */
struct model {
	char path[600]; /* "v2/models/NAME" and so on */
	const char *name; /* what the program calls it */
	struct description says;
	struct last_answer last;
	atomic_uint users;
	atomic_uint_least64_t missing_until[MAX_SERVERS]; /* servers that did not have it, as now_ms() */
};

/** models_init() - reads the operator's variables. EINVAL. */
int models_init(void);

/** models_run() - runs a model: see vaccel_infer_run() */
int models_run(struct model *m, const struct vaccel_infer_tensor *inputs, uint32_t nr_inputs,
	       struct vaccel_infer_tensor *outputs, uint32_t nr_outputs);

/** models_open() - makes a model of a path model://NAME; ENOENT: no server has it. Pair with models_put(). */
int models_open(const char *path, struct model **out);
void models_put(struct model *m);

/** oip_number() - a variable of the operator's, or its default. Return: whether it is one from min to max */
bool oip_number(const char *variable, uint64_t fallback, uint64_t min, uint64_t max, uint64_t *value);

#endif
