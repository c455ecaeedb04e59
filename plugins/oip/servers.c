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

#define ENV_URL "VACCEL_OIP_URL"

#define READY_MS    5000 /* between looks at a server that is ready */
#define NOT_READY_MS 500 /* at one that is not */
#define LOOK_MS	    2000 /* how long a look may take */
#define MAX_LOOK    (1u << 20) /* bytes of what it shows */

struct server {
	struct http *http;
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

static int add_server(const char *given)
{
	struct server *s = &servers[nr_servers];
	struct server_url url;
	const char *why = nr_servers == MAX_SERVERS ? "there are too many servers" : server_url_parse(given, &url);
	bool brackets = !why && strchr(url.host, ':');
	char base[1024];

	if (!why && snprintf(base, sizeof(base), "%s://%s%s%s:%s%.*s", url.tls ? "https" : "http", brackets ? "[" : "",
			     url.host, brackets ? "]" : "", url.port, (int)url.path_len, url.path) >= (int)sizeof(base))
		why = "it is too long";
	if (why) {
		oip_error(ENV_URL ": %s: %s", given, why);
		return VACCEL_EINVAL;
	}
	s->http = http_new(base, url.host, url.port);
	if (!s->http)
		return VACCEL_ENOMEM;
	snprintf(s->name, sizeof(s->name), "%s:%s", url.host, url.port);
	s->number = nr_servers++;
	return VACCEL_OK;
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
	const char *list = getenv(ENV_URL);
	char *copy, *save;
	int ret = VACCEL_OK;

	delete_all(); /* of a parent, in a child of fork() */
	copy = strdup(list ? list : "");
	if (!copy)
		return VACCEL_ENOMEM;
	for (char *url = strtok_r(copy, SERVER_URL_SEPARATORS, &save); url && !ret;
	     url = strtok_r(NULL, SERVER_URL_SEPARATORS, &save))
		ret = add_server(url);
	free(copy);
	if (!ret && !nr_servers) {
		oip_error("There are no servers to ask: set " ENV_URL " to their URLs, such as http://host:8000");
		ret = VACCEL_ENOENT;
	}
	if (!told)
		told = pthread_atfork(NULL, NULL, forget) == 0;
	make_text();
	return ret;
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

	ready = look_at(s, "v2/health/ready", &r);
	if (!ready && (was || !s->look_at_ms))
		oip_warn("Server %s is not ready: %s", s->name, *r.why ? r.why : "it says so");
	reply_free(&r);
	if (ready && !was) {
		atomic_store(&s->binary, look_at(s, "v2", &r) && answer_has_binary(r.data, r.size));
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

struct server *servers_pick(uint64_t but)
{
	unsigned int first = nr_servers ? atomic_fetch_add(&turn, 1) % nr_servers : 0;
	struct server *best = NULL;

	for (unsigned int i = 0; i < nr_servers; i++) {
		struct server *s = &servers[(first + i) % nr_servers];

		if (but >> s->number & 1 || !atomic_load(&s->ready))
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
