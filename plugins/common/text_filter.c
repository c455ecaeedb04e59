// SPDX-License-Identifier: Apache-2.0
#include "text_filter.h"

#include <string.h>

#include "utf8.h"

static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */

struct sink {
	char *out;
	size_t len;
};

static void emit(struct sink *s, const char *text, size_t len)
{
	memcpy(s->out + s->len, text, len);
	s->len += len;
}

/* Whether what is held ends with the first len bytes of a stop string. */
static bool ends_with(const struct text_filter *f, const char *stop, size_t len)
{
	return len <= f->nr_held && !memcmp(f->held + f->nr_held - len, stop, len);
}

/* How many bytes at the end of what is held are the longest stop string that is there; 0: none is. */
static size_t match(const struct text_filter *f)
{
	size_t longest = 0;

	for (int i = 0; i < VACCEL_TEXT_MAX_STOPS; i++) {
		size_t len = strlen(f->stop[i]);

		if (len > longest && ends_with(f, f->stop[i], len))
			longest = len;
	}
	return longest;
}

/* How many bytes at the end of what is held may become a stop string. */
static size_t undecided(const struct text_filter *f)
{
	size_t longest = 0;

	for (int i = 0; i < VACCEL_TEXT_MAX_STOPS; i++)
		for (size_t len = strlen(f->stop[i]); len > longest; len--)
			if (ends_with(f, f->stop[i], len))
				longest = len;
	return longest;
}

static bool has_stops(const struct text_filter *f)
{
	for (int i = 0; f->stop && i < VACCEL_TEXT_MAX_STOPS; i++)
		if (*f->stop[i])
			return true;
	return false;
}

static void add_char(struct text_filter *f, const char *c, size_t len, struct sink *s)
{
	size_t keep;

	if (!has_stops(f)) {
		emit(s, c, len);
		return;
	}
	/* Less than a stop string was held. */
	memcpy(f->held + f->nr_held, c, len);
	f->nr_held += len;
	keep = match(f);
	if (keep) {
		emit(s, f->held, f->nr_held - keep);
		f->nr_held = 0;
		f->found = true;
		return;
	}
	keep = undecided(f);
	emit(s, f->held, f->nr_held - keep);
	memmove(f->held, f->held + f->nr_held - keep, keep);
	f->nr_held = keep;
}

/* The characters, or what is none, that part starts with. */
static void take_part(struct text_filter *f, struct sink *s, bool is_last)
{
	while (f->nr_part && !f->found) {
		int skip = (int)f->nr_part, n = utf8_char(f->part, f->nr_part, &skip);

		if (n == UTF8_PART && !is_last)
			return;
		if (n > 0)
			add_char(f, (const char *)f->part, (size_t)n, s);
		else
			add_char(f, replacement, sizeof(replacement) - 1, s);
		if (n <= 0)
			n = skip;
		f->nr_part -= (size_t)n;
		memmove(f->part, f->part + n, f->nr_part);
	}
}

size_t text_filter_put(struct text_filter *f, const void *bytes, size_t len, char *out)
{
	struct sink s = { .out = out };

	for (size_t i = 0; i < len && !f->found; i++) {
		f->part[f->nr_part++] = ((const uint8_t *)bytes)[i];
		take_part(f, &s, false);
	}
	return s.len;
}

size_t text_filter_end(struct text_filter *f, char *out)
{
	struct sink s = { .out = out };

	take_part(f, &s, true);
	if (!f->found)
		emit(&s, f->held, f->nr_held);
	f->nr_held = 0;
	f->nr_part = 0;
	return s.len;
}
