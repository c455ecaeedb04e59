// SPDX-License-Identifier: Apache-2.0
/*
 * The servers: which there are, which are ready, and which one a request goes to. A thread asks each whether it is
 * ready, so that no call waits for that.
 */
#include "oip.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transport/clock.h"
#include "transport/server_url.h"

static const struct {
	const char *url, *token, *ca; /* variables */
	const char *ready; /* where it says so with status 200 */
} kinds[] = {
	[SERVER_INFER] = {"VACCEL_OIP_URL", "VACCEL_OIP_TOKEN_FILE", "VACCEL_OIP_CA_FILE", "v2/health/ready"},
	[SERVER_TEXT] = {"VACCEL_OPENAI_URL", "VACCEL_OPENAI_TOKEN_FILE", "VACCEL_OPENAI_CA_FILE", SERVER_TEXT_MODELS},
};
#define NR_KINDS (sizeof(kinds) / sizeof(kinds[0]))

#define READY_MS    5000 /* between looks at a server that is ready */
#define NOT_READY_MS 500 /* at one that is not */
#define LOOK_MS	    2000 /* how long a look may take */
#define MAX_LOOK    (1u << 20) /* bytes of what it shows */

struct server {
	struct http *http;
	enum server_kind kind;
	char name[SERVER_HOST_SIZE + 16];
	unsigned int number;
	atomic_bool ready, binary;
	atomic_uint busy; /* requests */
	uint64_t look_at_ms; /* of the thread that looks, and of whoever looks before there is one */
};

static struct server servers[MAX_SERVERS];
static unsigned int nr_servers;
static atomic_uint turn;
static char text[160];

/* The thread that looks */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t wake;
static pthread_t looker;
static bool looking;
static atomic_bool ending;

/* ---- Which there are ------------------------------------------------------------------------- */

/* "https://host/v1" is what programs are given for servers of text; what is behind it we know. */
static int path_len(enum server_kind kind, const struct server_url *url)
{
	size_t len = url->path_len;

	if (kind == SERVER_TEXT && len >= 3 && !memcmp(url->path + len - 3, "/v1", 3))
		len -= 3;
	return (int)len;
}

static int add_server(enum server_kind kind, const char *given)
{
	struct server *s = &servers[nr_servers];
	struct server_url url;
	const char *why = nr_servers == MAX_SERVERS ? "there are too many servers" : server_url_parse(given, &url);
	bool brackets = !why && strchr(url.host, ':');
	char base[1024];

	if (!why && snprintf(base, sizeof(base), "%s://%s%s%s:%s%.*s", url.tls ? "https" : "http", brackets ? "[" : "",
			     url.host, brackets ? "]" : "", url.port, path_len(kind, &url), url.path) >= (int)sizeof(base))
		why = "it is too long";
	if (why) {
		oip_error("%s: %s: %s", kinds[kind].url, given, why);
		return VACCEL_EINVAL;
	}
	s->http = http_new(base, url.host, url.port, kinds[kind].token, kinds[kind].ca);
	if (!s->http)
		return VACCEL_ENOMEM;
	snprintf(s->name, sizeof(s->name), "%s:%s", url.host, url.port);
	s->kind = kind;
	s->number = nr_servers++;
	return VACCEL_OK;
}

static int add_servers(enum server_kind kind)
{
	const char *list = getenv(kinds[kind].url);
	char *copy = strdup(list ? list : ""), *save;
	int ret = VACCEL_OK;

	if (!copy)
		return VACCEL_ENOMEM;
	for (char *url = strtok_r(copy, SERVER_URL_SEPARATORS, &save); url && !ret;
	     url = strtok_r(NULL, SERVER_URL_SEPARATORS, &save))
		ret = add_server(kind, url);
	free(copy);
	return ret;
}

static void delete_all(void)
{
	for (unsigned int i = 0; i < nr_servers; i++) {
		http_delete(servers[i].http);
		memset(&servers[i], 0, sizeof(servers[i]));
	}
	nr_servers = 0;
}

/* Connections, locks and the thread are the parent's. */
static void forget(void)
{
	pthread_mutex_init(&lock, NULL);
	looking = false;
	ending = false;
	for (unsigned int i = 0; i < nr_servers; i++) {
		http_forget(servers[i].http);
		atomic_store(&servers[i].busy, 0);
	}
}

static void make_text(void)
{
	int at = snprintf(text, sizeof(text), "%u server%s:", nr_servers, nr_servers == 1 ? "" : "s");

	for (unsigned int i = 0; i < nr_servers && at < (int)sizeof(text); i++)
		at += snprintf(text + at, sizeof(text) - (size_t)at, "%s %s", i ? "," : "", servers[i].name);
}

int servers_init(void)
{
	static bool told;
	int ret = VACCEL_OK;

	delete_all(); /* of a parent, in a child of fork() */
	for (size_t kind = 0; kind < NR_KINDS && !ret; kind++)
		if (http_is_unreadable(kinds[kind].token) || http_is_unreadable(kinds[kind].ca))
			ret = VACCEL_EINVAL;
	for (size_t kind = 0; kind < NR_KINDS && !ret; kind++)
		ret = add_servers((enum server_kind)kind);
	if (!ret && !nr_servers) {
		oip_error("There are no servers to ask: set %s or %s to their URLs, such as http://host:8000",
			  kinds[SERVER_INFER].url, kinds[SERVER_TEXT].url);
		ret = VACCEL_ENOENT;
	}
	if (!told)
		told = pthread_atfork(NULL, NULL, forget) == 0;
	make_text();
	return ret;
}

bool servers_have(enum server_kind kind)
{
	for (unsigned int i = 0; i < nr_servers; i++)
		if (servers[i].kind == kind)
			return true;
	return false;
}

const char *servers_text(void)
{
	return text;
}

/* ---- Which are ready ------------------------------------------------------------------------- */

/* Return: whether it answers 200. */
static bool look_at(struct server *s, const char *path, struct reply *r)
{
	const struct request rq = {.path = path, .deadline_ms = now_ms() + LOOK_MS, .max_size = MAX_LOOK};

	return !http_ask(s->http, &rq, r) && r->status == 200;
}

static void look(struct server *s)
{
	bool was = atomic_load(&s->ready), ready;
	struct reply r;

	ready = look_at(s, kinds[s->kind].ready, &r);
	if (!ready && (was || !s->look_at_ms))
		oip_warn("Server %s is not ready: %s", s->name, *r.why ? r.why : "it says so");
	reply_free(&r);
	if (ready && !was) {
		atomic_store(&s->binary, s->kind == SERVER_INFER && look_at(s, "v2", &r) &&
						 answer_has_binary(r.data, r.size));
		reply_free(&r);
		oip_debug("Server %s is ready", s->name);
	}
	s->look_at_ms = now_ms() + (ready ? READY_MS : NOT_READY_MS);
	atomic_store(&s->ready, ready);
}

static void look_at_all(void)
{
	for (unsigned int i = 0; i < nr_servers && !ending; i++)
		if (now_ms() >= servers[i].look_at_ms || !atomic_load(&servers[i].ready))
			look(&servers[i]);
}

static void *keep_looking(void *unused)
{
	struct timespec until;

	(void)unused;
	pthread_mutex_lock(&lock);
	while (!ending) {
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_nsec += NOT_READY_MS * 1000000L;
		until.tv_sec += until.tv_nsec / 1000000000L;
		until.tv_nsec %= 1000000000L;
		if (pthread_cond_timedwait(&wake, &lock, &until) != ETIMEDOUT)
			continue;
		pthread_mutex_unlock(&lock);
		look_at_all();
		pthread_mutex_lock(&lock);
	}
	pthread_mutex_unlock(&lock);
	return NULL;
}

void servers_start(void)
{
	pthread_condattr_t attr;

	pthread_mutex_lock(&lock);
	if (!looking) {
		/* At first whoever wants something waits for it. */
		look_at_all();
		pthread_condattr_init(&attr);
		pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
		pthread_cond_init(&wake, &attr);
		pthread_condattr_destroy(&attr);
		looking = pthread_create(&looker, NULL, keep_looking, NULL) == 0;
	}
	pthread_mutex_unlock(&lock);
}

void servers_stop(void)
{
	bool was;

	pthread_mutex_lock(&lock);
	was = looking;
	ending = true;
	if (was)
		pthread_cond_signal(&wake);
	pthread_mutex_unlock(&lock);
	if (was)
		pthread_join(looker, NULL);
	looking = false;
	ending = false;
	delete_all();
}

/* ---- Which one is asked ---------------------------------------------------------------------- */

struct server *servers_pick(enum server_kind kind, uint64_t but)
{
	unsigned int first = nr_servers ? atomic_fetch_add(&turn, 1) % nr_servers : 0;
	struct server *best = NULL;

	for (unsigned int i = 0; i < nr_servers; i++) {
		struct server *s = &servers[(first + i) % nr_servers];

		if (s->kind != kind || but >> s->number & 1 || !atomic_load(&s->ready))
			continue;
		if (!best || atomic_load(&s->busy) < atomic_load(&best->busy))
			best = s;
	}
	if (best)
		atomic_fetch_add(&best->busy, 1);
	return best;
}

unsigned int server_number(const struct server *s)
{
	return s->number;
}

bool server_takes_binary(const struct server *s)
{
	return atomic_load(&s->binary);
}

const char *server_name(const struct server *s)
{
	return s->name;
}

struct http *server_http(const struct server *s)
{
	return s->http;
}

void server_failed(struct server *s)
{
	atomic_store(&s->ready, false);
}

void server_done(struct server *s)
{
	atomic_fetch_sub(&s->busy, 1);
}
