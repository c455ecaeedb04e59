// SPDX-License-Identifier: Apache-2.0
/* Requests by libcurl. Each takes a handle, with a connection that the last one has left open, and leaves it. */
#include "oip.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "transport/clock.h"

#define MAX_HEADERS (64u << 10) /* bytes of an answer's */
#define MAX_TOKEN   8192
#define FIRST_ROOM  (64u << 10) /* where an answer does not say how long it is */
#define MAX_AT_ONCE (64u << 20) /* of one that does, before it has come */
#define MAX_IDLE    64 /* handles of a server */
#define BUFFER	    (256L << 10) /* bytes that are sent or received at once */
#define CONNECT_MS  5000
#define COMPLETE_MS 500 /* for the end of a stream that has said all */

#define TEXT_LENGTH "Inference-Header-Content-Length"

struct handle {
	struct handle *next;
	CURL *curl;
	CURLM *multi; /* NULL until there is a stream */
	struct http *http;
	/* of the present request */
	const struct request *rq;
	struct reply *reply;
	size_t headers; /* bytes that have come */
	size_t piece, sent; /* what is sent next, and how much of that is */
	size_t target, landed; /* the same of what comes */
	enum { KEEPS, READS_TEXT, LANDS, STREAMS } body; /* what becomes of the answer's bytes */
	int failed; /* VACCEL_*: why we have ended it */
	bool enough; /* of a stream: we have ended it, and nothing has failed */
	uint64_t heard_ms; /* when something has come of it */
	/* headers, of the last request: those of a next one are mostly the same */
	struct curl_slist *list;
	bool list_binary;
	size_t list_text_size;
	char error[CURL_ERROR_SIZE];
};

struct http {
	char *url, *host, *port;
	const char *token, *ca; /* variables */
	struct curl_slist *resolve; /* where we do not connect ourselves */
	pthread_mutex_t lock;
	struct handle *idle;
	unsigned int nr_idle;
};

void reply_free(struct reply *r)
{
	free(r->data);
	budget_give(r->room);
	r->data = NULL;
	r->size = r->room = 0;
}

/* ---- What libcurl calls ---------------------------------------------------------------------- */

static size_t give_up(struct handle *h, int code, const char *why)
{
	h->failed = code;
	snprintf(h->reply->why, sizeof(h->reply->why), "%s", why);
	return 0;
}

static size_t on_header(char *line, size_t one, size_t size, void *arg)
{
	struct handle *h = arg;
	const size_t len = sizeof(TEXT_LENGTH) - 1;
	unsigned long long value;
	char number[24], *end;

	(void)one;
	h->headers += size;
	if (h->headers > MAX_HEADERS)
		return give_up(h, VACCEL_EBACKEND, "its answer has too many headers");
	if (size > len && line[len] == ':' && !strncasecmp(line, TEXT_LENGTH, len)) {
		snprintf(number, sizeof(number), "%.*s", (int)(size - len - 1), line + len + 1);
		value = strtoull(number, &end, 10);
		h->reply->text_size = end == number ? SIZE_MAX : value;
	}
	return size;
}

/* How many bytes the answer says that it has; -1: it does not */
static curl_off_t announced(struct handle *h)
{
	curl_off_t size = -1;

	curl_easy_getinfo(h->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &size);
	return size;
}

/* Makes room for more bytes, and for a byte behind them. */
static size_t make_room(struct handle *h, size_t more)
{
	struct reply *r = h->reply;
	size_t room = r->room ? r->room : FIRST_ROOM, needed = r->size + more + 1;
	curl_off_t size;
	uint8_t *data;

	if (needed > h->rq->max_size + 1)
		return give_up(h, VACCEL_EBACKEND, "its answer is too long");
	if (needed <= r->room)
		return 1;
	size = h->body == READS_TEXT ? (curl_off_t)r->text_size : announced(h);
	if (size > 0 && size < MAX_AT_ONCE)
		room = (size_t)size + 1;
	while (room < needed)
		room *= 2;
	if (room > h->rq->max_size + 1)
		room = h->rq->max_size + 1;
	if (!budget_take(room - r->room))
		return give_up(h, VACCEL_ENOMEM, "its answer needs more memory than VACCEL_OIP_MAX_BYTES leaves");
	data = realloc(r->data, room);
	if (!data) {
		budget_give(room - r->room);
		return give_up(h, VACCEL_ENOMEM, "there is no memory for its answer");
	}
	r->data = data;
	r->room = room;
	return 1;
}

/* What is to come next. NULL: nothing. */
static const struct target *next_target(struct handle *h)
{
	const struct landing *l = h->rq->landing;

	while (h->target < l->nr_targets && h->landed == l->targets[h->target].size) {
		h->target++;
		h->landed = 0;
	}
	return h->target < l->nr_targets ? &l->targets[h->target] : NULL;
}

/* Into the program's buffers. Return: how many of the bytes. */
static size_t land(struct handle *h, const char *data, size_t size)
{
	const struct target *t = next_target(h);
	size_t part;

	if (!t)
		return give_up(h, VACCEL_EBACKEND, "its answer is longer than it says");
	part = t->size - h->landed < size ? t->size - h->landed : size;
	if (t->to)
		memcpy(t->to + h->landed, data, part);
	h->landed += part;
	return part;
}

/* The text is there. Return: whether it goes on. */
static bool place(struct handle *h)
{
	struct reply *r = h->reply;
	int ret = landing_place(h->rq->landing, r->data, r->size, (size_t)announced(h) - r->size);

	h->body = ret ? KEEPS : LANDS;
	h->target = h->landed = 0;
	if (ret && ret != VACCEL_ENOTSUP)
		give_up(h, ret, ret == VACCEL_ENOMEM ? "there is no memory for its answer" : "its answer is none");
	return !ret || ret == VACCEL_ENOTSUP;
}

/* To whom reads a stream, which may wait there. Return: size; 0: it does not go on. */
static size_t hand_on(struct handle *h, const char *data, size_t size)
{
	struct stream *s = h->rq->stream;
	int ret = s->put(s->arg, (const uint8_t *)data, size);

	h->heard_ms = now_ms();
	h->enough = ret == VACCEL_EAGAIN;
	if (ret && !h->enough)
		give_up(h, ret, s->why);
	return ret ? 0 : size;
}

/* Return: how many of the bytes are where they belong; 0: it does not go on. */
static size_t take(struct handle *h, const char *data, size_t size)
{
	struct reply *r = h->reply;

	if (h->body == LANDS)
		return land(h, data, size);
	if (h->body == STREAMS)
		return hand_on(h, data, size);
	if (h->body == READS_TEXT && size > r->text_size - r->size)
		size = r->text_size - r->size;
	if (!make_room(h, size))
		return 0;
	memcpy(r->data + r->size, data, size);
	r->size += size;
	if (h->body == READS_TEXT && r->size == r->text_size && !place(h))
		return 0;
	return size;
}

/* What is known when the headers are there: whether a text comes first, and as many bytes as are announced. */
static void look_at_headers(struct handle *h)
{
	const size_t text_size = h->reply->text_size;
	const curl_off_t size = announced(h);
	long status = 0;

	curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, &status);
	if (h->rq->stream && status == 200)
		h->body = STREAMS;
	else if (h->rq->landing && status == 200 && text_size && text_size <= ANSWER_MAX_TEXT &&
	    size > (curl_off_t)text_size && (uint64_t)size <= h->rq->max_size)
		h->body = READS_TEXT;
}

static size_t on_body(char *data, size_t one, size_t size, void *arg)
{
	struct handle *h = arg;
	size_t done = 0, part;

	(void)one;
	if (size && !h->reply->size && h->body == KEEPS)
		look_at_headers(h);
	for (; done < size; done += part) {
		part = take(h, data + done, size - done);
		if (!part)
			return 0;
	}
	return done;
}

static size_t on_read(char *to, size_t one, size_t room, void *arg)
{
	struct handle *h = arg;
	const struct question *q = h->rq->question;
	size_t done = 0, part;

	(void)one;
	while (done < room && h->piece < q->nr_pieces) {
		const struct piece *p = &q->pieces[h->piece];

		part = p->size - h->sent < room - done ? p->size - h->sent : room - done;
		if (part)
			memcpy(to + done, (const char *)p->data + h->sent, part);
		done += part;
		h->sent += part;
		if (h->sent == p->size) {
			h->piece++;
			h->sent = 0;
		}
	}
	return done;
}

/* The connection is there, and the request goes out. One that only asks begins nothing. */
static int on_begin(void *arg, char *from, char *to, int from_port, int to_port)
{
	struct handle *h = arg;

	(void)from;
	(void)to;
	(void)from_port;
	(void)to_port;
	h->reply->begun = h->rq->question;
	return CURL_PREREQFUNC_OK;
}

/*
 * A connection that was open may be found closed when the request has been sent. libcurl would send it once more
 * over another one, and the server would perhaps do it twice.
 */
static curl_socket_t on_open(void *arg, curlsocktype purpose, struct curl_sockaddr *a)
{
	struct handle *h = arg;
	int fd;

	(void)purpose;
	if (h->reply->begun)
		return CURL_SOCKET_BAD;
	if (!connect_needed())
		return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
	fd = connect_ask(h->http->host, h->http->port);
	if (fd >= 0)
		return fd;
	snprintf(h->reply->why, sizeof(h->reply->why), "cannot connect: %s", strerror(-fd));
	return CURL_SOCKET_BAD;
}

static int on_opened(void *arg, curl_socket_t fd, curlsocktype purpose)
{
	(void)arg;
	(void)fd;
	(void)purpose;
	return connect_needed() ? CURL_SOCKOPT_ALREADY_CONNECTED : CURL_SOCKOPT_OK;
}

/* ---- Handles --------------------------------------------------------------------------------- */

static void delete_handle(struct handle *h)
{
	if (h->curl)
		curl_easy_cleanup(h->curl);
	if (h->multi)
		curl_multi_cleanup(h->multi);
	curl_slist_free_all(h->list);
	free(h);
}

static struct handle *new_handle(struct http *http)
{
	struct handle *h = calloc(1, sizeof(*h));
	const char *ca = getenv(http->ca);
	CURL *curl = h ? curl_easy_init() : NULL;

	if (!curl) {
		free(h);
		return NULL;
	}
	h->curl = curl;
	h->http = http;
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
	/* Other hosts than those that the operator names: also not the one that a variable calls a proxy. */
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, BUFFER);
	curl_easy_setopt(curl, CURLOPT_UPLOAD_BUFFERSIZE, BUFFER);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, h->error);
	curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(curl, CURLOPT_HEADERDATA, h);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, h);
	curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_read);
	curl_easy_setopt(curl, CURLOPT_READDATA, h);
	curl_easy_setopt(curl, CURLOPT_PREREQFUNCTION, on_begin);
	curl_easy_setopt(curl, CURLOPT_PREREQDATA, h);
	curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, on_open);
	curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, h);
	curl_easy_setopt(curl, CURLOPT_SOCKOPTFUNCTION, on_opened);
	if (http->resolve)
		curl_easy_setopt(curl, CURLOPT_RESOLVE, http->resolve);
	if (ca && *ca)
		curl_easy_setopt(curl, CURLOPT_CAINFO, ca);
	return h;
}

static struct handle *take_handle(struct http *http)
{
	struct handle *h;

	pthread_mutex_lock(&http->lock);
	h = http->idle;
	if (h) {
		http->idle = h->next;
		http->nr_idle--;
	}
	pthread_mutex_unlock(&http->lock);
	return h ? h : new_handle(http);
}

static void put_handle(struct http *http, struct handle *h)
{
	bool full;

	pthread_mutex_lock(&http->lock);
	full = http->nr_idle == MAX_IDLE;
	if (!full) {
		h->next = http->idle;
		http->idle = h;
		http->nr_idle++;
	}
	pthread_mutex_unlock(&http->lock);
	if (full)
		delete_handle(h);
}

/* Where the connector connects, names need not be found: any address will do. */
static bool set_resolve(struct http *http)
{
	char text[600];

	if (!connect_needed() || strchr(http->host, ':'))
		return true;
	snprintf(text, sizeof(text), "%s:%s:127.0.0.1", http->host, http->port);
	http->resolve = curl_slist_append(NULL, text);
	return http->resolve;
}

struct http *http_new(const char *url, const char *host, const char *port, const char *token, const char *ca)
{
	struct http *http = calloc(1, sizeof(*http));

	if (!http)
		return NULL;
	pthread_mutex_init(&http->lock, NULL);
	http->token = token;
	http->ca = ca;
	http->url = strdup(url);
	http->host = strdup(host);
	http->port = strdup(port);
	if (http->url && http->host && http->port && set_resolve(http))
		return http;
	http_delete(http);
	return NULL;
}

void http_delete(struct http *http)
{
	struct handle *next;

	for (struct handle *h = http->idle; h; h = next) {
		next = h->next;
		delete_handle(h);
	}
	curl_slist_free_all(http->resolve);
	pthread_mutex_destroy(&http->lock);
	free(http->url);
	free(http->host);
	free(http->port);
	free(http);
}

void http_forget(struct http *http)
{
	pthread_mutex_init(&http->lock, NULL);
	http->idle = NULL;
	http->nr_idle = 0;
}

/* ---- Requests -------------------------------------------------------------------------------- */

/* "Authorization: Bearer TOKEN", of the file as it is now. Return: 0 or -errno. */
static int read_token(const char *path, char line[MAX_TOKEN + 32])
{
	int at = sprintf(line, "Authorization: Bearer "), fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, line + at, MAX_TOKEN);
	int ret = n < 0 ? -errno : 0;

	if (fd >= 0)
		close(fd);
	if (ret)
		return ret;
	line[at + n] = '\0';
	line[at + (int)strcspn(line + at, "\r\n")] = '\0';
	return line[at] ? 0 : -ENODATA;
}

static int add_header(struct curl_slist **list, const char *line)
{
	struct curl_slist *longer = curl_slist_append(*list, line);

	if (!longer)
		return VACCEL_ENOMEM;
	*list = longer;
	return VACCEL_OK;
}

static int add_token(struct handle *h, const char *path)
{
	char line[MAX_TOKEN + 32];
	int err = read_token(path, line);

	if (!err)
		return add_header(&h->list, line);
	snprintf(h->reply->why, sizeof(h->reply->why), "%s=%s: %s", h->http->token, path, strerror(-err));
	return VACCEL_EREMOTEIO;
}

static int make_headers(struct handle *h)
{
	const struct question *q = h->rq->question;
	const char *token = getenv(h->http->token);
	char line[sizeof(TEXT_LENGTH) + 24];
	bool has_token = token && *token;
	int ret;

	if (q && h->list && !has_token && h->list_binary == q->binary && h->list_text_size == q->text_size)
		return VACCEL_OK;
	curl_slist_free_all(h->list);
	h->list = NULL;
	ret = has_token ? add_token(h, token) : VACCEL_OK;
	if (!q || ret)
		return ret;
	h->list_binary = q->binary;
	h->list_text_size = q->text_size;
	/* The other side is not asked whether it wants what is long. */
	ret = add_header(&h->list, "Expect:");
	if (!ret)
		ret = add_header(&h->list, q->binary ? "Content-Type: application/octet-stream" :
						       "Content-Type: application/json");
	snprintf(line, sizeof(line), TEXT_LENGTH ": %zu", q->text_size);
	if (!ret && q->binary)
		ret = add_header(&h->list, line);
	if (!ret)
		return ret;
	curl_slist_free_all(h->list);
	h->list = NULL;
	return ret;
}

/* What there is to say of a code of libcurl, unless something was said */
static void explain(struct handle *h, CURLcode code)
{
	char *why = h->reply->why;
	const size_t size = sizeof(h->reply->why);

	if (*why)
		return;
	if (code == CURLE_OPERATION_TIMEDOUT)
		snprintf(why, size, "it does not answer in time");
	else if ((code == CURLE_COULDNT_CONNECT || code == CURLE_SEND_FAIL_REWIND) && h->reply->begun)
		snprintf(why, size, "it has closed the connection without an answer");
	else
		oip_text(why, *h->error ? h->error : curl_easy_strerror(code),
			 strlen(*h->error ? h->error : curl_easy_strerror(code)));
}

/* What is in one piece, libcurl sends from where it is; else it asks on_read(). */
static void set_body(CURL *curl, const struct question *q)
{
	if (!q) {
		curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
		return;
	}
	curl_easy_setopt(curl, CURLOPT_POSTFIELDS, q->nr_pieces == 1 ? q->text : NULL);
	curl_easy_setopt(curl, CURLOPT_POST, 1L);
	curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)q->size);
}

void stream_init(struct stream *s)
{
	pthread_mutex_init(&s->lock, NULL);
}

void stream_free(struct stream *s)
{
	pthread_mutex_destroy(&s->lock);
}

static void stream_set(struct stream *s, CURLM *multi)
{
	pthread_mutex_lock(&s->lock);
	s->multi = multi;
	pthread_mutex_unlock(&s->lock);
}

void stream_wake(struct stream *s)
{
	pthread_mutex_lock(&s->lock);
	if (s->multi)
		curl_multi_wakeup(s->multi);
	pthread_mutex_unlock(&s->lock);
}

/* How long a stream may still be silent, in ms; 0: it was for too long */
static int silence_left(const struct handle *h)
{
	const struct stream *s = h->rq->stream;
	uint64_t until = h->heard_ms + (s->complete ? COMPLETE_MS : s->silence_ms), now = now_ms();

	return now >= until ? 0 : until - now < 1000 ? (int)(until - now) : 1000;
}

/* Until it has ended, nobody wants the rest, or it is silent for too long */
static CURLcode follow(struct handle *h)
{
	const struct stream *s = h->rq->stream;
	int running = 1, left;
	struct CURLMsg *msg;

	h->heard_ms = now_ms();
	while (!curl_multi_perform(h->multi, &running) && running) {
		left = silence_left(h);
		h->enough = s->is_enough(s->arg);
		if (!left || h->enough)
			return CURLE_OPERATION_TIMEDOUT;
		curl_multi_poll(h->multi, NULL, 0, left, NULL);
	}
	msg = curl_multi_info_read(h->multi, &left);
	return running || !msg ? CURLE_OUT_OF_MEMORY : msg->data.result;
}

/* What is not at its end when it leaves has its connection closed. */
static CURLcode perform_stream(struct handle *h)
{
	CURLcode code = CURLE_OUT_OF_MEMORY;

	if (!h->multi)
		h->multi = curl_multi_init();
	if (!h->multi || curl_multi_add_handle(h->multi, h->curl))
		return code;
	stream_set(h->rq->stream, h->multi);
	code = follow(h);
	stream_set(h->rq->stream, NULL);
	curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, &h->reply->status);
	curl_multi_remove_handle(h->multi, h->curl);
	h->rq->stream->ended = h->enough;
	if (!h->enough && !h->rq->stream->complete)
		return code;
	h->reply->status = 200;
	return CURLE_OK;
}

static CURLcode perform_whole(struct handle *h)
{
	CURLcode code = curl_easy_perform(h->curl);

	curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, &h->reply->status);
	return code;
}

static int perform(struct handle *h)
{
	const struct request *rq = h->rq;
	uint64_t now = now_ms(), left = rq->deadline_ms > now ? rq->deadline_ms - now : 1;
	char url[2048];
	CURLcode code;

	if (snprintf(url, sizeof(url), "%s/%s", h->http->url, rq->path) >= (int)sizeof(url))
		return VACCEL_ENAMETOOLONG;
	curl_easy_setopt(h->curl, CURLOPT_URL, url);
	curl_easy_setopt(h->curl, CURLOPT_HTTPHEADER, h->list);
	curl_easy_setopt(h->curl, CURLOPT_TIMEOUT_MS, rq->stream ? 0L : (long)left);
	curl_easy_setopt(h->curl, CURLOPT_CONNECTTIMEOUT_MS, (long)(left < CONNECT_MS ? left : CONNECT_MS));
	set_body(h->curl, rq->question);
	code = rq->stream ? perform_stream(h) : perform_whole(h);
	if (code) {
		explain(h, code);
		return h->failed ? h->failed : VACCEL_EREMOTEIO;
	}
	if (h->body == LANDS && next_target(h)) {
		snprintf(h->reply->why, sizeof(h->reply->why), "its answer is shorter than it says");
		return VACCEL_EBACKEND;
	}
	if (h->reply->text_size == 0)
		h->reply->text_size = h->reply->size;
	return VACCEL_OK;
}

int http_ask(struct http *http, const struct request *rq, struct reply *r)
{
	struct handle *h = take_handle(http);
	int ret = VACCEL_ENOMEM;

	*r = (struct reply){.begun = false};
	if (h) {
		h->rq = rq;
		h->reply = r;
		h->headers = h->piece = h->sent = 0;
		h->body = KEEPS;
		h->failed = 0;
		h->enough = false;
		*h->error = '\0';
		ret = make_headers(h);
		if (!ret)
			ret = perform(h);
		put_handle(http, h);
	}
	if (ret == VACCEL_ENOMEM && !*r->why)
		snprintf(r->why, sizeof(r->why), "there is not enough memory");
	return ret;
}

bool http_is_unreadable(const char *variable)
{
	const char *path = getenv(variable);

	if (!path || !*path || !access(path, R_OK))
		return false;
	oip_error("%s=%s: %s", variable, path, strerror(errno));
	return true;
}

int http_init(void)
{
	return curl_global_init(CURL_GLOBAL_DEFAULT) ? VACCEL_ENOMEM : VACCEL_OK;
}
