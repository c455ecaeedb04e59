// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "trace_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "no_signal.h"
#include "trace_text.h"
#include "transport/fd.h"
#include "utf8.h"
#include "vaccel.h"

/* What one record takes at most: a call has 8 spans, of two events each if it is asynchronous. */
#define RECORD_MAX (16 * (TRACE_ESCAPED_MAX + 320))
/* Bytes that are written at once */
#define PIECE (64u << 10)
/* The host's process number in the file: one that no process has (PID_MAX_LIMIT + 1) */
#define HOST_PID 4194305

/* ---- Names ---------------------------------------------------------------------------------- */

void trace_file_escape(char *to, const char *name)
{
	const unsigned char *p = (const unsigned char *)name;

	while (*p) {
		int n = utf8_char(p, SIZE_MAX, NULL); /* the end is no part of a character */
		size_t len = n > 0 ? (size_t)n : 1;

		if (n <= 0) {
			to = stpcpy(to, "\\ufffd");
		} else if (*p < 0x20 || *p == 0x7f) {
			to += sprintf(to, "\\u%04x", *p);
		} else {
			if (*p == '"' || *p == '\\')
				*to++ = '\\';
			memcpy(to, p, len);
			to += len;
		}
		p += len;
	}
	*to = '\0';
}

/* ---- Events --------------------------------------------------------------------------------- */

void trace_text_add(struct trace_text *t, const char *format, ...)
{
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(t->at, (size_t)(t->end - t->at), format, args);
	va_end(args);
	t->at += len < t->end - t->at ? len : t->end - t->at;
}

/* Microseconds with three decimals, which is what the format has */
#define US "%" PRIu64 ".%03u"
#define US_OF(ns) (ns) / 1000, (unsigned int)((ns) % 1000)

static void add_args(struct trace_text *t, uint64_t bytes, int32_t result)
{
	if (bytes && result)
		trace_text_add(t, ",\"args\":{\"bytes\":%" PRIu64 ",\"result\":%" PRId32 "}}", bytes, result);
	else if (result)
		trace_text_add(t, ",\"args\":{\"result\":%" PRId32 "}}", result);
	else if (bytes)
		trace_text_add(t, ",\"args\":{\"bytes\":%" PRIu64 "}}", bytes);
	else
		trace_text_add(t, ",\"args\":{}}");
}

/* One event, or two of an asynchronous call, each behind a comma */
static void add_part(struct trace_text *t, const struct trace_record *r, const struct trace_part *p)
{
	const int pid = p->role >= TRACE_ON_HOST ? HOST_PID : (int)getpid(), tid = (int)r->thread;

	if (!r->async) {
		trace_text_add(t, ",\n{\"ph\":\"X\",\"name\":\"%s\",\"cat\":\"vaccel\",\"pid\":%d,\"tid\":%d,\"ts\":" US
				  ",\"dur\":" US, p->name, pid, tid, US_OF(p->start), US_OF(p->end - p->start));
		add_args(t, p->bytes, p->result);
		return;
	}
	trace_text_add(t, ",\n{\"ph\":\"b\",\"id\":\"0x%" PRIx64 "\",\"name\":\"%s\",\"cat\":\"vaccel\",\"pid\":%d,"
			  "\"tid\":%d,\"ts\":" US, r->async, p->name, pid, tid, US_OF(p->start));
	add_args(t, p->bytes, p->result);
	trace_text_add(t, ",\n{\"ph\":\"e\",\"id\":\"0x%" PRIx64 "\",\"name\":\"%s\",\"cat\":\"vaccel\",\"pid\":%d,"
			  "\"tid\":%d,\"ts\":" US "}", r->async, p->name, pid, tid, US_OF(p->end));
}

static void add_clock(struct trace_text *t, const struct trace_record *r)
{
	trace_text_add(t, ",\n{\"ph\":\"i\",\"s\":\"p\",\"name\":\"host clock\",\"cat\":\"vaccel\",\"pid\":%d,\"tid\":%d,"
			  "\"ts\":" US ",\"args\":{\"offset_ns\":%" PRId64 ",\"error_ns\":%" PRIu64 "}}",
		       HOST_PID, (int)r->thread, US_OF(r->times[0]), (int64_t)r->times[1], r->times[2]);
}

/* In the order of struct vaccel_trace_call */
enum { BEGUN, SENT, ANSWERED, ENDED, TAKEN, STARTED, FINISHED, REPLIED };

/* The spans of a record. @name: its own, escaped. Return: how many; none of a clock */
static int split(const struct trace_record *r, const char *name, struct trace_part parts[TRACE_PARTS])
{
	const uint64_t *at = r->times;
	int nr = 0, wait;

	if (r->kind == TRACE_SPAN || r->kind == TRACE_REGION) {
		parts[0] = (struct trace_part){ name, at[0], at[1], r->bytes, r->result, TRACE_OP, -1 };
		return 1;
	}
	if (r->kind != TRACE_CALL && r->kind != TRACE_OP_CALL)
		return 0;
	if (r->kind == TRACE_OP_CALL)
		parts[nr++] = (struct trace_part){ name, at[BEGUN] - 1, at[ENDED] + 1, 0, r->result, TRACE_OP, -1 };
	else if (*name)
		parts[nr++] = (struct trace_part){ name, at[BEGUN], at[ENDED], 0, r->result, TRACE_OP, -1 };
	parts[nr++] = (struct trace_part){ "encode", at[BEGUN], at[SENT], r->bytes, 0, TRACE_HERE, -1 };
	wait = nr++;
	parts[wait] = (struct trace_part){ "driver wait", at[SENT], at[ANSWERED], 0, 0, TRACE_WAIT, -1 };
	parts[nr++] = (struct trace_part){ "outputs", at[ANSWERED], at[ENDED], r->reply_bytes, 0, TRACE_HERE, -1 };
	if (!at[TAKEN])
		return nr;
	parts[nr++] = (struct trace_part){ "queue", at[SENT], at[TAKEN], 0, 0, TRACE_ON_HOST, wait };
	parts[nr++] = (struct trace_part){ "decode", at[TAKEN], at[STARTED], 0, 0, TRACE_ON_HOST, wait };
	parts[nr++] = (struct trace_part){ "engine", at[STARTED], at[FINISHED], 0, 0, TRACE_ENGINE, wait };
	parts[nr++] = (struct trace_part){ "reply", at[FINISHED], at[REPLIED], 0, 0, TRACE_ON_HOST, wait };
	return nr;
}

/* @any: there is something in @t since trace_otlp_begin() */
static void add_record(const struct trace_file *f, struct trace_text *t, const struct trace_record *r, bool *any)
{
	struct trace_part parts[TRACE_PARTS];
	char name[TRACE_ESCAPED_MAX];
	int nr;

	trace_file_escape(name, r->name);
	nr = split(r, name, parts);
	for (int i = 0; i < nr; i++) {
		if (f->is_otlp)
			trace_otlp_part(t, r, parts, i, f->epoch, *any);
		else
			add_part(t, r, &parts[i]);
		*any = true;
	}
	if (r->kind == TRACE_CLOCK && !f->is_otlp)
		add_clock(t, r);
}

/* ---- The file ------------------------------------------------------------------------------- */

/* A program may close all descriptors, and open a file of its own with the same number. */
static bool is_ours(const struct trace_file *f)
{
	struct stat st;

	return !fstat(f->fd, &st) && st.st_dev == f->device && st.st_ino == f->inode;
}

static int write_at(const struct trace_file *f, off_t at, const char *p, size_t size)
{
	struct no_signal held;
	int err = 0;

	no_signal_begin(&held);
	while (size && !err) {
		ssize_t n = pwrite(f->fd, p, size, at);

		if (n > 0) {
			p += n;
			at += n;
			size -= (size_t)n;
		} else if (n == 0 || errno != EINTR) {
			err = n == 0 ? ENOSPC : errno;
		}
	}
	no_signal_end(&held, err);
	return err;
}

/* Adds whole events. */
static int add_text(struct trace_file *f, const char *text, size_t size)
{
	int err = write_at(f, f->end, text, size);

	if (!err)
		f->end += (off_t)size;
	return err;
}

/* What comes after the events; the next ones take its place. */
static int add_tail(const struct trace_file *f)
{
	char text[512], host[160] = "";
	int len, err;

	/* Its lines are whole. */
	if (f->is_otlp)
		return ftruncate(f->fd, f->end) ? errno : 0;
	if (f->has_clock)
		snprintf(host, sizeof(host), ",\"host_clock_offset_ns\":%" PRId64 ",\"host_clock_error_ns\":%" PRIu64,
			 f->offset, f->error);
	len = snprintf(text, sizeof(text),
		       "\n],\"displayTimeUnit\":\"ns\",\"otherData\":{\"producer\":\"vAccel " VACCEL_VERSION
		       "\",\"clock\":\"CLOCK_MONOTONIC of the program\",\"lost_spans\":%" PRIu64 "%s}}\n", f->lost, host);
	err = write_at(f, f->end, text, (size_t)len);
	return err || !ftruncate(f->fd, f->end + len) ? err : errno;
}

/* The name of this program, escaped; in OTLP what OpenTelemetry's programs call it */
static void get_program(char name[TRACE_ESCAPED_MAX], bool is_otlp)
{
	const char *service = is_otlp ? secure_getenv("OTEL_SERVICE_NAME") : NULL;
	char program[TRACE_NAME];

	snprintf(program, sizeof(program), "%s", service && *service ? service : program_invocation_short_name);
	trace_file_escape(name, program);
}

static int add_head(struct trace_file *f)
{
	char text[512], name[TRACE_ESCAPED_MAX];
	int len;

	if (f->is_otlp)
		return 0;
	get_program(name, false);
	len = snprintf(text, sizeof(text),
		       "{\"traceEvents\":[\n"
		       "{\"ph\":\"M\",\"name\":\"process_name\",\"pid\":%d,\"args\":{\"name\":\"%s\"}},\n"
		       "{\"ph\":\"M\",\"name\":\"process_name\",\"pid\":%d,\"args\":{\"name\":\"host of %s\"}}",
		       (int)getpid(), name, HOST_PID, name);
	return add_text(f, text, (size_t)len);
}

int trace_file_open(struct trace_file *f, const char *path)
{
	struct stat st;
	int err;

	f->end = 0;
	f->fd = fd_above_stdio(open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0666));
	if (f->fd < 0)
		return errno;
	if (fstat(f->fd, &st)) {
		err = errno;
		trace_file_close(f);
		return err;
	}
	f->device = st.st_dev;
	f->inode = st.st_ino;
	/* Where locks are not to be had, nobody else is thought of. */
	if (flock(f->fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK)
		err = EBUSY;
	else
		err = add_head(f);
	if (!err)
		err = add_tail(f);
	if (err)
		trace_file_close(f);
	return err;
}

void trace_file_close(struct trace_file *f)
{
	if (f->fd >= 0 && is_ours(f))
		close(f->fd);
	f->fd = -1;
}

int trace_file_add(struct trace_file *f, const struct trace_record *records, size_t nr)
{
	char text[PIECE], program[TRACE_ESCAPED_MAX];
	struct trace_text t = { text, text + sizeof(text) };
	int err = is_ours(f) ? 0 : EBADF, last;
	bool any = false;

	if (err)
		return err;
	get_program(program, f->is_otlp);
	for (size_t i = 0; i < nr && !err; i++) {
		if (f->is_otlp && t.at == text)
			trace_otlp_begin(&t, program);
		add_record(f, &t, &records[i], &any);
		if (t.end - t.at >= RECORD_MAX && i < nr - 1)
			continue;
		if (f->is_otlp)
			trace_otlp_end(&t);
		err = add_text(f, text, (size_t)(t.at - text));
		t.at = text;
		any = false;
	}
	last = add_tail(f);
	return err ? err : last;
}

size_t trace_file_request(char *text, size_t size, const struct trace_record *records, size_t nr)
{
	const struct trace_file file = { .is_otlp = true };
	struct trace_text t = { text, text + size };
	char program[TRACE_ESCAPED_MAX];
	bool any = false;
	size_t i;

	get_program(program, true);
	trace_otlp_begin(&t, program);
	for (i = 0; i < nr && t.end - t.at >= RECORD_MAX; i++)
		add_record(&file, &t, &records[i], &any);
	trace_otlp_end(&t);
	return i;
}
