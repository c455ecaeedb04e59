/* SPDX-License-Identifier: Apache-2.0 */
/* Servers for the tests of the plugin oip, and sessions that reach them. */
#ifndef TEST_OIP_SERVERS_H
#define TEST_OIP_SERVERS_H

#include "engines.h"

struct test_server {
	pid_t pid;
	int port;
};

/** server_start() - starts a program with up to three arguments, of which NULL is none, and waits for its port */
void server_start(struct test_server *s, const char *program, const char *a, const char *b, const char *c);
void server_stop(struct test_server *s);

/** server_toggle() - ready or not */
void server_toggle(const struct test_server *s);

/** server_number() - what it counts at a path: "/count", "/cancelled", "/tokens" */
int server_number(const struct test_server *s, const char *path);

/** server_runs() - how many runs it was asked for */
int server_runs(const struct test_server *s);

/** begin() - the host and the library with the plugin, for these servers' URLs */
void begin(struct engines *e, const char *urls);

/** begin_with() - the same for one server over HTTP */
void begin_with(struct engines *e, const struct test_server *s);

/** model_named() - model://NAME, registered with both sessions; the caller deletes it */
struct vaccel_resource *model_named(struct engines *e, const char *path);

#endif
