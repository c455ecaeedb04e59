/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Traces: an extension of vAccel 0.8.
 *
 * With VACCEL_TRACE=FILE in the environment the library writes when each operation ran, and what it has
 * spent its time with, to FILE: JSON in the Trace Event Format, which https://ui.perfetto.dev and
 * chrome://tracing show; or OTLP/JSON of OpenTelemetry, a request in each line, where FILE ends in ".jsonl". Plugins add what they do, and programs can add spans of their own:
 *
 *	struct vaccel_trace_span span = { .name = "resize", .start = vaccel_trace_now() };
 *
 *	resize(picture);
 *	span.end = vaccel_trace_now();
 *	if (vaccel_trace_enabled())
 *		vaccel_trace_spans(&span, 1);
 *
 * Spans are kept in memory, the last 65536 of them, and written when vaccel_cleanup() is called or the
 * process ends by exit() or by returning from main(); not when a signal ends it. What was written stays
 * when the library starts again. Where FILE is another process's trace already, and in a child of
 * fork(), the process number is added to the name: FILE.1234. Where it cannot be written, that is said once, and the
 * program goes on without a trace.
 *
 * Threads: any function may be called from any thread at any time.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * What took time.
 *  name    any text; copied, as far as its first 31 bytes
 *  start   in nanoseconds of CLOCK_MONOTONIC
 *  end     likewise
 *  bytes   that were moved; 0 is not shown
 *  result  what failed, as VACCEL_E*; 0 is not shown
 *  async   0: of the calling thread, where spans lie side by side or one within the other. Else a number
 *          that all spans of one asynchronous call have, and no other call at the same time
 */
struct vaccel_trace_span {
	const char *name;
	uint64_t start;
	uint64_t end;
	uint64_t bytes;
	uint64_t async;
	int32_t result;
};

/*
 * For plugins that forward operations: a call to a host. Each time is the end of a span and the start of
 * another one; they do not decrease within a line.
 *  begun .. ended   the program: it made the message, waited, and made the outputs
 *  taken .. replied the host, between sent and answered, on the program's clock: it took the request out of
 *                   its queue, ran the operation, and had made the reply. All 0: not known
 *  name             of what no operation of the library is around; NULL: one is
 *  bytes            of the request
 *  reply_bytes      of the reply
 *  async, result    as above
 */
struct vaccel_trace_call {
	const char *name;
	uint64_t begun, sent, answered, ended;
	uint64_t taken, started, finished, replied;
	uint64_t bytes;
	uint64_t async;
	uint32_t reply_bytes;
	int32_t result;
};

/* Whether there is a trace, so that nobody needs to measure without one. */
bool vaccel_trace_enabled(void);

/*
 * CLOCK_MONOTONIC in nanoseconds, as the library's own spans have it: where there is a trace it is quicker than
 * clock_gettime(), within 0.1 us of it, and a thread is never told the same time twice.
 */
uint64_t vaccel_trace_now(void);

/* Adds nr spans, copied. Without a trace nothing happens. */
void vaccel_trace_spans(const struct vaccel_trace_span *spans, size_t nr);

/* Stops and continues a trace, so that only a part of a program is in it. */
void vaccel_trace_pause(bool pause);

/* The time for begun of a call that begins now; 0 without a trace. */
uint64_t vaccel_trace_start(void);

/* Adds a call of the calling thread, copied. */
void vaccel_trace_add_call(const struct vaccel_trace_call *call);

/*
 * How the host's clock was measured, whose times are in calls.
 *  offset_ns  what was added to its times
 *  error_ns   by how much that may be wrong, either way
 */
void vaccel_trace_host_clock(int64_t offset_ns, uint64_t error_ns);

#ifdef __cplusplus
}
#endif
