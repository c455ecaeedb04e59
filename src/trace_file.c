// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "trace_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "no_signal.h"
#include "transport/fd.h"
#include "vaccel.h"

/* What one record takes at most: a call has 8 spans, of two events each if it is asynchronous. */
#define RECORD_MAX (16 * (TRACE_ESCAPED_MAX + 320))
/* Bytes that are written at once */
#define PIECE (64u << 10)
/* The host's process number in the file: one that no process has (PID_MAX_LIMIT + 1) */
#define HOST_PID 4194305

/* ---- Names ---------------------------------------------------------------------------------- */

/* Bytes of the UTF-8 character at p, 0 if there is none */
static size_t utf8_length(const unsigned char *p)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t len = *p < 0x80 ? 1 : *p >> 5 == 6 ? 2 : *p >> 4 == 14 ? 3 : *p >> 3 == 30 ? 4 : 0;
	uint32_t code = len == 1 ? *p : len ? *p & (0x7fu >> len) : 0;

	for (size_t i = 1; i < len; i++) {
		if (p[i] >> 6 != 2)
			return 0;
		code = code << 6 | (p[i] & 0x3f);
	}
	if (code < least[len] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return 0;
	return len;
}

void trace_file_escape(char *to, const char *name)
{
	const unsigned char *p = (const unsigned char *)name;

	while (*p) {
		size_t len = utf8_length(p);

		if (!len) {
			to = stpcpy(to, "\\ufffd");
			len = 1;
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

/* Text that grows; there is room for it. */
struct text {
	char *at;
	char *end;
};

__attribute__((format(printf, 2, 3))) static void add(struct text *t, const char *format, ...)
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

static void add_args(struct text *t, uint64_t bytes, int32_t result)
{
	if (bytes && result)
		add(t, ",\"args\":{\"bytes\":%" PRIu64 ",\"result\":%" PRId32 "}}", bytes, result);
	else if (result)
		add(t, ",\"args\":{\"result\":%" PRId32 "}}", result);
	else if (bytes)
		add(t, ",\"args\":{\"bytes\":%" PRIu64 "}}", bytes);
	else
		add(t, ",\"args\":{}}");
}

struct span {
	const char *name; /* escaped */
	uint64_t start, end, bytes;
	int32_t result;
	bool of_host;
};

/* One event, or two of an asynchronous call, each behind a comma */
static void add_span(struct text *t, const struct trace_record *r, const struct span *s)
{
	const int pid = s->of_host ? HOST_PID : (int)getpid(), tid = (int)r->thread;

	if (!r->async) {
		add(t, ",\n{\"ph\":\"X\",\"name\":\"%s\",\"cat\":\"vaccel\",\"pid\":%d,\"tid\":%d,\"ts\":" US
		       ",\"dur\":" US, s->name, pid, tid, US_OF(s->start), US_OF(s->end - s->start));
		add_args(t, s->bytes, s->result);
		return;
	}
	add(t, ",\n{\"ph\":\"b\",\"id\":\"0x%" PRIx64 "\",\"name\":\"%s\",\"cat\":\"vaccel\",\"pid\":%d,\"tid\":%d,"
	       "\"ts\":" US, r->async, s->name, pid, tid, US_OF(s->start));
	add_args(t, s->bytes, s->result);
	add(t, ",\n{\"ph\":\"e\",\"id\":\"0x%" PRIx64 "\",\"name\":\"%s\",\"cat\":\"vaccel\",\"pid\":%d,\"tid\":%d,"
	       "\"ts\":" US "}", r->async, s->name, pid, tid, US_OF(s->end));
}

/* In the order of struct vaccel_trace_call */
enum { BEGUN, SENT, ANSWERED, ENDED, TAKEN, STARTED, FINISHED, REPLIED };

static void add_call(struct text *t, const struct trace_record *r, const char *name)
{
	const uint64_t *at = r->times;
	const struct span spans[] = {
		{ "encode", at[BEGUN], at[SENT], r->bytes, 0, false },
		{ "driver wait", at[SENT], at[ANSWERED], 0, 0, false },
		{ "outputs", at[ANSWERED], at[ENDED], r->reply_bytes, 0, false },
		{ "queue", at[SENT], at[TAKEN], 0, 0, true },
		{ "decode", at[TAKEN], at[STARTED], 0, 0, true },
		{ "engine", at[STARTED], at[FINISHED], 0, 0, true },
		{ "reply", at[FINISHED], at[REPLIED], 0, 0, true },
	};
	const struct span whole = { name, at[BEGUN], at[ENDED], 0, r->result, false };

	if (*name)
		add_span(t, r, &whole);
	for (int i = 0; i < (at[TAKEN] ? 7 : 3); i++)
		add_span(t, r, &spans[i]);
}

static void add_record(struct text *t, const struct trace_record *r)
{
	char name[TRACE_ESCAPED_MAX];

	trace_file_escape(name, r->name);
	if (r->kind == TRACE_CALL)
		add_call(t, r, name);
	else if (r->kind == TRACE_SPAN)
		add_span(t, r, &(struct span){ name, r->times[0], r->times[1], r->bytes, r->result, false });
	else
		add(t, ",\n{\"ph\":\"i\",\"s\":\"p\",\"name\":\"host clock\",\"cat\":\"vaccel\",\"pid\":%d,\"tid\":%d,"
		       "\"ts\":" US ",\"args\":{\"offset_ns\":%" PRId64 ",\"error_ns\":%" PRIu64 "}}",
		    HOST_PID, (int)r->thread, US_OF(r->times[0]), (int64_t)r->times[1], r->times[2]);
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

	if (f->has_clock)
		snprintf(host, sizeof(host), ",\"host_clock_offset_ns\":%" PRId64 ",\"host_clock_error_ns\":%" PRIu64,
			 f->offset, f->error);
	len = snprintf(text, sizeof(text),
		       "\n],\"displayTimeUnit\":\"ns\",\"otherData\":{\"producer\":\"vAccel " VACCEL_VERSION
		       "\",\"clock\":\"CLOCK_MONOTONIC of the program\",\"lost_spans\":%" PRIu64 "%s}}\n", f->lost, host);
	err = write_at(f, f->end, text, (size_t)len);
	return err || !ftruncate(f->fd, f->end + len) ? err : errno;
}

static int add_head(struct trace_file *f)
{
	char text[512], name[TRACE_ESCAPED_MAX], program[TRACE_NAME];
	int len;

	snprintf(program, sizeof(program), "%s", program_invocation_short_name);
	trace_file_escape(name, program);
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
	char text[PIECE];
	struct text t = { text, text + sizeof(text) };
	int err = is_ours(f) ? 0 : EBADF, last;

	if (err)
		return err;
	for (size_t i = 0; i < nr && !err; i++) {
		add_record(&t, &records[i]);
		if (t.end - t.at < RECORD_MAX || i == nr - 1) {
			err = add_text(f, text, (size_t)(t.at - text));
			t.at = text;
		}
	}
	last = add_tail(f);
	return err ? err : last;
}
