// SPDX-License-Identifier: Apache-2.0
#include "trace_text.h"

#include <inttypes.h>
#include <unistd.h>

#include "vaccel.h"

/* Numbers of the protocol */
enum kind { INTERNAL = 1, SERVER = 2, CLIENT = 3 };
#define STATUS_ERROR 2

/* Ids need not be secret, but unlike each other, and not 0. */
static uint64_t mix(uint64_t a, uint64_t b)
{
	uint64_t x = a * UINT64_C(0x9e3779b97f4a7c15) + b;

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	x ^= x >> 31;
	return x ? x : 1;
}

/*
 * When the operation began that a record belongs to: one and the same for the operation and for its call, which
 * begins a nanosecond later (vaccel_trace_start()), so that neither needs to know of the other.
 */
static uint64_t root_of(const struct trace_record *r)
{
	return r->kind == TRACE_OP_CALL || (r->kind == TRACE_CALL && !*r->name) ? r->times[0] - 1 : r->times[0];
}

void trace_otlp_begin(struct trace_text *t, const char *program)
{
	trace_text_add(t, "{\"resourceSpans\":[{\"resource\":{\"attributes\":["
			  "{\"key\":\"service.name\",\"value\":{\"stringValue\":\"%s\"}},"
			  "{\"key\":\"process.pid\",\"value\":{\"intValue\":\"%d\"}}]},"
			  "\"scopeSpans\":[{\"scope\":{\"name\":\"vaccel\",\"version\":\"" VACCEL_VERSION "\"},"
			  "\"spans\":[", program, (int)getpid());
}

void trace_otlp_end(struct trace_text *t)
{
	trace_text_add(t, "]}]}]}\n");
}

static void add_text_attribute(struct trace_text *t, const char *key, const char *text)
{
	char escaped[TRACE_ESCAPED_MAX];

	trace_file_escape(escaped, text);
	trace_text_add(t, ",{\"key\":\"%s\",\"value\":{\"stringValue\":\"%s\"}}", key, escaped);
}

static void add_attributes(struct trace_text *t, const struct trace_record *r, const struct trace_part *p)
{
	trace_text_add(t, ",\"attributes\":[{\"key\":\"thread.id\",\"value\":{\"intValue\":\"%d\"}},"
			  "{\"key\":\"vaccel.side\",\"value\":{\"stringValue\":\"%s\"}}", (int)r->thread,
		       p->role >= TRACE_ON_HOST ? "host" : "program");
	if (r->kind == TRACE_REGION && *r->region.plugin)
		add_text_attribute(t, "vaccel.plugin", r->region.plugin);
	if (p->bytes)
		trace_text_add(t, ",{\"key\":\"vaccel.bytes\",\"value\":{\"intValue\":\"%" PRIu64 "\"}}", p->bytes);
	if (p->result)
		trace_text_add(t, ",{\"key\":\"vaccel.result\",\"value\":{\"intValue\":\"%" PRId32 "\"}}],"
				  "\"status\":{\"code\":%d}}", p->result, STATUS_ERROR);
	else
		trace_text_add(t, "]}");
}

void trace_otlp_part(struct trace_text *t, const struct trace_record *r, const struct trace_part *parts, int nr,
		     uint64_t epoch, bool comma)
{
	static const enum kind kinds[] = {
		[TRACE_OP] = INTERNAL, [TRACE_HERE] = INTERNAL, [TRACE_WAIT] = CLIENT, [TRACE_ON_HOST] = INTERNAL,
		[TRACE_ENGINE] = SERVER,
	};
	const struct trace_part *p = &parts[nr];
	const uint64_t which = r->kind == TRACE_REGION ? r->async << 32 : 0;
	const uint64_t trace = mix(root_of(r) + epoch, which | (uint64_t)getpid()), root = mix(trace, r->thread);
	const uint64_t parent = p->around < 0 ? root : mix(root, (uint64_t)p->around + 1);

	trace_text_add(t, "%s{\"traceId\":\"%016" PRIx64 "%016" PRIx64 "\",\"spanId\":\"%016" PRIx64 "\"",
		       comma ? "," : "", trace, mix(trace, 1),
		       p->role == TRACE_OP ? root : mix(root, (uint64_t)nr + 1));
	if (p->role != TRACE_OP)
		trace_text_add(t, ",\"parentSpanId\":\"%016" PRIx64 "\"", parent);
	trace_text_add(t, ",\"name\":\"%s\",\"kind\":%d,\"startTimeUnixNano\":\"%" PRIu64 "\","
			  "\"endTimeUnixNano\":\"%" PRIu64 "\"", p->name, kinds[p->role], p->start + epoch,
		       p->end + epoch);
	add_attributes(t, r, p);
}
