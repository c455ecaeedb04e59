// SPDX-License-Identifier: Apache-2.0
#include "limit.h"

#include <string.h>

#define SECOND_NS UINT64_C(1000000000)

void log_limit_init(struct log_limit *l, uint64_t lines)
{
	memset(l, 0, sizeof(*l));
	if (!lines)
		return;
	if (lines > LOG_LIMIT_MAX)
		lines = LOG_LIMIT_MAX;
	l->line_ns = SECOND_NS / lines;
	l->byte_ns = l->line_ns / LOG_LIMIT_LINE_BYTES;
}

/* @paid_ns: see struct log_limit. Whether so much more fits in, with @keep_ns to spare. */
static bool fits(uint64_t *paid_ns, uint64_t now_ns, uint64_t more_ns, uint64_t keep_ns)
{
	const uint64_t burst_ns = LOG_LIMIT_BURST_S * SECOND_NS;

	if (*paid_ns < now_ns)
		*paid_ns = now_ns;
	return more_ns <= burst_ns && keep_ns <= burst_ns - more_ns &&
	       *paid_ns - now_ns <= burst_ns - more_ns - keep_ns;
}

void log_limit_leave_out(struct log_limit *l, uint64_t now_ns)
{
	if (!l->left_out++)
		l->since_ns = now_ns;
}

bool log_limit_take(struct log_limit *l, uint64_t now_ns, unsigned int keep, size_t bytes)
{
	const uint64_t keep_ns = keep * l->line_ns;
	uint64_t bytes_ns;

	if (!l->line_ns)
		return true;
	if (__builtin_mul_overflow((uint64_t)bytes, l->byte_ns, &bytes_ns))
		bytes_ns = UINT64_MAX;
	if (!fits(&l->lines_ns, now_ns, l->line_ns, keep_ns) ||
	    !fits(&l->bytes_ns, now_ns, bytes_ns, keep_ns)) {
		log_limit_leave_out(l, now_ns);
		return false;
	}
	l->lines_ns += l->line_ns;
	l->bytes_ns += bytes_ns;
	return true;
}

uint64_t log_limit_report(struct log_limit *l, uint64_t now_ns)
{
	uint64_t left_out = l->left_out;

	if (!left_out || now_ns - l->since_ns < SECOND_NS)
		return 0;
	l->left_out = 0;
	return left_out;
}
