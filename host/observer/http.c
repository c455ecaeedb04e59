// SPDX-License-Identifier: Apache-2.0
#include "http.h"

#include <limits.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "metrics.h"
#include "transport/clock.h"

/* What one who connects can take: a place for as long as it goes on, and some memory. */
#define MAX_CONNECTIONS 32
#define IDLE_S		10
#define MEMORY		((size_t)16 << 10)
/* Who asks more often gets the same text again. */
#define FRESH_MS 100

struct http {
	struct MHD_Daemon *daemon;
	const struct clients *clients;
	struct MHD_Response *metrics; /* the last text */
	uint64_t made_ms;
};

static struct MHD_Response *response(char *text, size_t len, const char *type)
{
	struct MHD_Response *r = MHD_create_response_from_buffer(len, text, MHD_RESPMEM_MUST_FREE);

	if (!r)
		free(text);
	else
		MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	return r;
}

static void renew(struct http *h)
{
	char *text = NULL;
	size_t len;
	FILE *to;

	if (h->metrics && now_ms() - h->made_ms < FRESH_MS)
		return;
	to = open_memstream(&text, &len);
	if (!to)
		return;
	metrics_print(h->clients, to);
	if (fclose(to)) {
		free(text);
		return;
	}
	if (h->metrics)
		MHD_destroy_response(h->metrics);
	h->metrics = response(text, len, "text/plain; version=0.0.4; charset=utf-8");
	h->made_ms = now_ms();
}

static enum MHD_Result say(struct MHD_Connection *to, unsigned int status, const char *what)
{
	char *text = strdup(what);
	struct MHD_Response *r = text ? response(text, strlen(text), "text/plain; charset=utf-8") : NULL;
	enum MHD_Result ret;

	if (!r)
		return MHD_NO;
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(r, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	ret = MHD_queue_response(to, status, r);
	MHD_destroy_response(r);
	return ret;
}

static enum MHD_Result answer(void *arg, struct MHD_Connection *to, const char *url, const char *method,
			      const char *version, const char *data, size_t *size, void **state)
{
	struct http *h = arg;

	(void)version;
	(void)data;
	(void)state;
	/* Whatever it sends us is no concern of ours. */
	if (*size) {
		*size = 0;
		return MHD_YES;
	}
	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
		return say(to, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET is understood\n");
	if (strcmp(url, "/metrics") != 0)
		return say(to, MHD_HTTP_NOT_FOUND, "the metrics are at /metrics\n");
	renew(h);
	return h->metrics ? MHD_queue_response(to, MHD_HTTP_OK, h->metrics) : MHD_NO;
}

struct http *http_start(int sock, const struct clients *clients)
{
	struct http *h = calloc(1, sizeof(*h));

	if (!h) {
		log_error("out of memory");
		return NULL;
	}
	h->clients = clients;
	h->daemon = MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, answer, h,
				     MHD_OPTION_LISTEN_SOCKET, sock,
				     MHD_OPTION_CONNECTION_LIMIT, (unsigned int)MAX_CONNECTIONS,
				     MHD_OPTION_CONNECTION_TIMEOUT, (unsigned int)IDLE_S,
				     MHD_OPTION_CONNECTION_MEMORY_LIMIT, MEMORY, MHD_OPTION_END);
	if (h->daemon)
		return h;
	log_error("the server of --metrics cannot start");
	free(h);
	return NULL;
}

int http_fd(const struct http *h)
{
	return MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
}

int http_timeout(struct http *h)
{
	unsigned MHD_LONG_LONG ms;

	if (MHD_get_timeout(h->daemon, &ms) != MHD_YES)
		return -1;
	return ms < INT_MAX ? (int)ms : INT_MAX;
}

void http_run(struct http *h)
{
	MHD_run(h->daemon);
	/*
	 * Where there were too many connections the socket that listens is not looked at. It is again from the
	 * next call on, which would not come if nobody else is there.
	 */
	MHD_run(h->daemon);
}

void http_stop(struct http *h)
{
	if (!h)
		return;
	MHD_stop_daemon(h->daemon);
	if (h->metrics)
		MHD_destroy_response(h->metrics);
	free(h);
}
