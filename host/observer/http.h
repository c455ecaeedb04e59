/* SPDX-License-Identifier: Apache-2.0 */
/* A server of metrics. Whoever can connect to its socket can read them, and do nothing else. */
#ifndef HOST_HTTP_H
#define HOST_HTTP_H

#include "clients.h"

struct http;

/**
 * http_start() - begins to serve
 * @sock: listens; it is the server's until http_stop()
 * @clients: whose metrics; stays the caller's
 *
 * Return: NULL after logging what is wrong.
 */
struct http *http_start(int sock, const struct clients *clients);

/** http_fd() - what to poll for reading, before http_run() is called */
int http_fd(const struct http *h);

/** http_timeout() - milliseconds until http_run() is to be called in any case; -1: never */
int http_timeout(struct http *h);

/** http_run() - does what is to be done, and does not wait */
void http_run(struct http *h);

void http_stop(struct http *h);

#endif
