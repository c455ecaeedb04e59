/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of engines share: two sessions, with the plugin in this process and with the same one
 * behind vhost-user-accel, which should answer alike.
 */
#ifndef TEST_ENGINES_ENGINES_H
#define TEST_ENGINES_ENGINES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support.h"
#include "vaccel.h"

enum { LOCAL, REMOTE, NR_PLACES };

struct engines {
	struct daemon host;
	struct vaccel_session sess[NR_PLACES];
};

/**
 * engines_start() - the host in the strict sandbox and the library, each with the plugin
 * @plugin: path
 *
 * Return: 0, or the code of the library's start, after which there is neither.
 */
int engines_start(struct engines *e, const char *plugin);

/** engines_start_or_skip() - the same, but the test is skipped where the engine's library is not there */
int engines_start_or_skip(struct engines *e, const char *plugin);

/** engines_stop() - ends both, and checks that the host had no trouble */
void engines_stop(struct engines *e);

/** plugin_starts() - the code with which the library starts with a plugin in a process of its own */
int plugin_starts(const char *plugin);

/** expect_start() - checks that code, and that what is printed then has the message, unless it is NULL */
void expect_start(const char *plugin, int code, const char *message);

/** with_both() - registers a resource with both sessions. Return: the resource */
struct vaccel_resource *with_both(struct engines *e, struct vaccel_resource *res);

/** model_of_path() - a model, registered with both; the caller deletes the resource */
struct vaccel_resource *model_of_path(struct engines *e, const char *path);

/** model_of_bytes() - the same of bytes, which live until it is deleted */
struct vaccel_resource *model_of_bytes(struct engines *e, const void *data, size_t size, const char *name);

#define SHAPES_CLASSES 5
#define SHAPES_SIDE    224
#define SHAPES_PIXELS  (SHAPES_SIDE * SHAPES_SIDE * 3)

/** shapes_read() - the input of expect.py, and what the network of examples/models/shapes says of it */
void shapes_read(float picture[SHAPES_PIXELS], float expected[SHAPES_CLASSES]);

/** captured() - what the function prints to standard output and error, to be freed by the caller */
char *captured(void (*function)(void *arg), void *arg);

/** random_floats() - count floats from -1 to 1, the same ones for a seed; to be freed by the caller */
float *random_floats(size_t count, uint32_t seed);

/** read_whole() - the bytes of a file, to be freed by the caller */
uint8_t *read_whole(const char *path, size_t *size);

#endif
