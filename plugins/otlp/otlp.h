/* SPDX-License-Identifier: Apache-2.0 */
/* The plugin otlp: profiling regions, as spans of OpenTelemetry. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trace_file.h"

#define NAME "otlp"

/* ---- queue.c: spans wait here for a thread that hands them on; whoever adds one never waits for that ----- */

/* Spans that wait at most: what comes beyond that is lost, and counted */
#define QUEUE_SPANS 8192
/* Spans that are handed on at once */
#define QUEUE_BATCH 256

/* What happens at fork() and exit() is watched from here on. */
void queue_watch(void);

/* Makes a start; spans are taken again. Of those that were lost none is counted yet. */
void queue_start(void);

/*
 * queue_add - a span that ends now
 * @time_ns: how long it took
 * @plugin: that served it; or NULL
 */
void queue_add(const char *name, uint64_t time_ns, const char *plugin);

/* Has all that waits handed on; within send_timeout_ms(). Return: whether it was */
bool queue_flush(void);

/* The same, and no more spans are taken; says how many have been lost. */
void queue_stop(void);

/* ---- send.c: to a file, or to an endpoint. For one thread, but for send_timeout_ms() ---------------------- */

/* Reads the environment. Return: VACCEL_*; logged */
int send_start(void);
void send_stop(void);

/* For a child of fork(): what the parent has open is its own. */
void send_after_fork(void);

/* How long anything may take */
unsigned int send_timeout_ms(void);

/*
 * send_spans - hands on nr spans
 * @deadline: until when, by now_ms()
 *
 * Return: how many went wrong; said in the log when things begin to go wrong.
 */
size_t send_spans(const struct trace_record *spans, size_t nr, uint64_t deadline);
