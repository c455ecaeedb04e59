/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file of a trace: a JSON object in the Trace Event Format, or lines of OTLP/JSON. It is whole after each
 * trace_file_add(), which goes on where the last one has ended.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Bytes of a name that are kept, with the terminator */
#define TRACE_NAME 32

enum trace_kind {
	TRACE_SPAN,  /* from times[0] to times[1] */
	TRACE_CALL,  /* times: struct vaccel_trace_call's, in its order */
	TRACE_OP_CALL, /* the same, within an operation that began a nanosecond earlier, and ended one later */
	TRACE_CLOCK, /* a measurement of the host's at times[0]: offset times[1], error times[2] */
	TRACE_REGION, /* of profiling: region; async tells those apart that begin at once */
};

/* In one cache line or two: a call of 64 bytes takes not much longer than a few memory accesses. */
struct trace_record {
	char name[TRACE_NAME];
	union {
		uint64_t times[8]; /* ns */
		struct {
			uint64_t start, end;
			char plugin[TRACE_NAME]; /* that served an operation; or empty */
		} region;
	};
	uint64_t bytes;
	uint64_t async;
	uint32_t reply_bytes;
	int32_t result;
	uint32_t thread : 24; /* there are no more than 2^22 */
	uint32_t kind : 8;    /* enum trace_kind */
	uint32_t unused;
};

_Static_assert(sizeof(struct trace_record) == 128, "two cache lines");

struct trace_file {
	int fd;	   /* -1: none */
	dev_t device; /* which file that is */
	ino_t inode;
	off_t end; /* of the last event */
	/* In which format: set by the owner before it is opened */
	bool is_otlp;	/* see trace_text.h */
	uint64_t epoch; /* Unix time at 0 of CLOCK_MONOTONIC, in ns */
	/* To be said behind the events: changed by the owner */
	uint64_t lost; /* spans */
	bool has_clock; /* of a host, measured: */
	int64_t offset; /* ns */
	uint64_t error; /* ns */
};

/*
 * trace_file_open - creates a file, or empties one that is no other process's trace
 *
 * Return: 0 or an errno value: EBUSY when another process writes to it.
 */
int trace_file_open(struct trace_file *f, const char *path);

/*
 * trace_file_add - writes nr records
 *
 * Return: 0, or an errno value: then the file ends, as a whole one if possible, before what could not be written.
 */
int trace_file_add(struct trace_file *f, const struct trace_record *records, size_t nr);

void trace_file_close(struct trace_file *f);

/*
 * trace_file_request - makes one request in OTLP/JSON of as many records as there is room for, at least one
 * @text: TRACE_REQUEST_MIN bytes or more; terminated
 *
 * Return: how many.
 */
#define TRACE_REQUEST_MIN (16u << 10)
size_t trace_file_request(char *text, size_t size, const struct trace_record *records, size_t nr);

/*
 * trace_file_escape - a JSON string, without the quotes
 * @to: TRACE_ESCAPED_MAX bytes
 *
 * Control characters become \u00XX, and what is not UTF-8 becomes \ufffd, a byte at a time.
 */
#define TRACE_ESCAPED_MAX (TRACE_NAME * 6)
void trace_file_escape(char *to, const char *name);
