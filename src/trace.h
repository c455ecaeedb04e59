/* SPDX-License-Identifier: Apache-2.0 */
/* Traces inside the library, see vaccel/trace.h. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "trace_clock.h"
#include "vaccel/op.h"
#include "vaccel/trace.h"

/* Spans that are kept until they are written */
#define TRACE_SPANS (1u << 16)

extern atomic_bool trace_on __attribute__((visibility("hidden")));

/*
 * Reading the clock takes as long as all else that a span needs: an operation and the call to the host that it
 * consists of begin and end at the same times, less a nanosecond.
 */
struct trace_thread {
	uint64_t op_started; /* until somebody has used it */
	uint64_t op_runs;    /* when the operation began that runs */
	uint64_t call_ended;
	struct vaccel_trace_call call; /* of the operation that runs: added with it. begun is 0: none */
};
extern _Thread_local struct trace_thread trace_thread
	__attribute__((visibility("hidden"), tls_model("initial-exec")));

/* When an operation begins; 0 without a trace. trace_op() follows. */
static inline uint64_t trace_start(void)
{
	if (__builtin_expect(!atomic_load_explicit(&trace_on, memory_order_relaxed), 1))
		return 0;
	trace_thread.op_started = trace_thread.op_runs = trace_now();
	return trace_thread.op_started;
}

/* When an operation that began at start has ended, if that is now. @forwarded: it consists of a call to a host */
static inline uint64_t trace_end(uint64_t start, bool forwarded)
{
	return forwarded && trace_thread.call_ended > start ? trace_thread.call_ended + 1 : trace_now();
}

/*
 * trace_op - adds an operation
 * @start, @end: from trace_start(), not 0; from trace_end()
 * @async: as in struct vaccel_trace_span
 */
void trace_op(vaccel_op_type_t type, uint64_t start, uint64_t end, int result, uint64_t async);

/*
 * trace_begin - starts a trace if VACCEL_TRACE asks for one and there is none
 *
 * Logs why it cannot. A set-user-ID program has none.
 */
void trace_begin(void);

/* trace_write - writes what has been added since the last time; a trace goes on */
void trace_write(void);

/* For pthread_atfork: a child begins with an empty trace, in a file of its own. */
void trace_before_fork(void);
void trace_after_fork(bool child);
