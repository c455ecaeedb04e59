/* SPDX-License-Identifier: Apache-2.0 */
/* What a record of a trace consists of, and the text that is made of it: see trace_file.c and trace_otlp.c. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "trace_file.h"

/* Text that grows; there is room for it. */
struct trace_text {
	char *at;
	char *end;
};

void trace_text_add(struct trace_text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* What a span is. TRACE_OP: an operation, which others may lie in; TRACE_WAIT: for a host */
enum trace_role { TRACE_OP, TRACE_HERE, TRACE_WAIT, TRACE_ON_HOST, TRACE_ENGINE };

/* One span of a record, of which a call has several */
struct trace_part {
	const char *name; /* escaped */
	uint64_t start, end, bytes;
	int32_t result;
	enum trace_role role;
	int around; /* the part that it lies in; -1: the operation, wherever that is */
};

/* Parts of a record at most */
#define TRACE_PARTS 8

/*
 * The OTLP/JSON encoding of OpenTelemetry, a request in each line, as its collector reads files.
 *
 * trace_otlp_begin, trace_otlp_end - what comes before and after the spans of a line
 * trace_otlp_part - part nr of a record. @epoch: what makes Unix time of CLOCK_MONOTONIC, in ns; @comma: there are
 *	others before it
 */
void trace_otlp_begin(struct trace_text *t, const char *program);
void trace_otlp_part(struct trace_text *t, const struct trace_record *r, const struct trace_part *parts, int nr,
		     uint64_t epoch, bool comma);
void trace_otlp_end(struct trace_text *t);
