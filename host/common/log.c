// SPDX-License-Identifier: Apache-2.0
#include "log.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "loglines/clean.h"

/* How long a line waits where the stream is full and would not block, before it is lost. */
#define WRITE_MS 100

/* A name, when each of its bytes is made visible */
#define NAME_MAX_CLEAN ((size_t)4 * LOG_NAME_SIZE)

static enum { LOG_FORMAT_TEXT, LOG_FORMAT_SYSTEMD, LOG_FORMAT_JSON } log_format;
static bool log_verbose;
static char log_name[LOG_NAME_SIZE];
static char *log_first; /* NULL: nobody wants it */
static size_t log_first_size;
static bool (*log_sink)(const char *line, size_t len, bool relayed);

static const char *const format_names[] = {
	[LOG_FORMAT_TEXT] = "text", [LOG_FORMAT_SYSTEMD] = "systemd", [LOG_FORMAT_JSON] = "json",
};

bool log_set_format(const char *name)
{
	for (size_t i = 0; i < sizeof(format_names) / sizeof(format_names[0]); i++) {
		if (strcmp(name, format_names[i]) != 0)
			continue;
		log_format = i;
		return true;
	}
	return false;
}

const char *log_format_name(void)
{
	return format_names[log_format];
}

void log_set_verbose(bool verbose)
{
	log_verbose = verbose;
}

void log_set_name(const char *vm)
{
	snprintf(log_name, sizeof(log_name), "%s", vm ? vm : "");
}

void log_set_sink(bool (*sink)(const char *line, size_t len, bool relayed))
{
	log_sink = sink;
}

void log_keep_first(char *to, size_t size)
{
	log_first = to;
	log_first_size = size;
	if (to)
		*to = '\0';
}

bool log_is_due(uint64_t count)
{
	while (count && count % 10 == 0)
		count /= 10;
	return count == 1;
}

static const char *tag(enum log_level level)
{
	static const struct {
		const char *plain, *coloured;
	} tags[] = {
		[LOG_LEVEL_ERROR] = { "<error> ", "\033[31m<error>\033[0m " },
		[LOG_LEVEL_WARN] = { "<warn> ", "\033[33m<warn>\033[0m " },
		[LOG_LEVEL_INFO] = { "<info> ", "\033[32m<info>\033[0m " },
		[LOG_LEVEL_DEBUG] = { "<debug> ", "\033[34m<debug>\033[0m " },
		[LOG_LEVEL_NONE] = { "", "" },
	};
	const char *no_color = getenv("NO_COLOR");

	return isatty(STDERR_FILENO) && !(no_color && *no_color) ? tags[level].coloured : tags[level].plain;
}

/* "FROM: " */
static size_t format_from(char *line, const struct log_record *record)
{
	const char *who = record->relayed ? *log_name ? " worker: " : "worker: " :
					    *log_name ? ": " : "";
	size_t len = log_clean(line, NAME_MAX_CLEAN, log_name, strlen(log_name));

	return len + (size_t)snprintf(line + len, LOG_LINE_MAX - len, "%s", who);
}

static size_t format_text(char *line, const struct log_record *record, const struct timespec *now)
{
	char date[32];
	struct tm tm;
	size_t len;

	localtime_r(&now->tv_sec, &tm);
	strftime(date, sizeof(date), "%Y.%m.%d-%H:%M:%S", &tm);
	len = (size_t)snprintf(line, LOG_LINE_MAX, "%s.%02ld - %s", date, now->tv_nsec / 10000000,
			       tag(record->level));
	len += format_from(line + len, record);
	return len + log_clean(line + len, LOG_LINE_MAX - 1 - len, record->text, record->len);
}

/* The journal knows the time. */
static size_t format_systemd(char *line, const struct log_record *record)
{
	static const char priorities[] = {
		[LOG_LEVEL_ERROR] = '3', [LOG_LEVEL_WARN] = '4', [LOG_LEVEL_INFO] = '6',
		[LOG_LEVEL_DEBUG] = '7', [LOG_LEVEL_NONE] = '6',
	};
	size_t len = (size_t)snprintf(line, LOG_LINE_MAX, "<%c>", priorities[record->level]);

	len += format_from(line + len, record);
	return len + log_clean(line + len, LOG_LINE_MAX - 1 - len, record->text, record->len);
}

/* Copies a text as a string of JSON; what does not fit is cut. @text: clean, so that only these need care */
static size_t quote(char *to, size_t size, const char *text, size_t text_len)
{
	size_t len = 0;

	to[len++] = '"';
	for (size_t i = 0; i < text_len && len + 3 < size; i++) {
		const char *escaped = text[i] == '"' ? "\\\"" : text[i] == '\\' ? "\\\\" : "\\t";

		/* Not within a character of several bytes */
		if (len + 6 >= size && ((unsigned char)text[i] & 0xc0) != 0x80)
			break;
		if (text[i] == '"' || text[i] == '\\' || text[i] == '\t') {
			to[len++] = escaped[0];
			to[len++] = escaped[1];
		} else {
			to[len++] = text[i];
		}
	}
	to[len++] = '"';
	return len;
}

static size_t format_json(char *line, const struct log_record *record, const struct timespec *now)
{
	static const char *const levels[] = {
		[LOG_LEVEL_ERROR] = "error", [LOG_LEVEL_WARN] = "warn",	 [LOG_LEVEL_INFO] = "info",
		[LOG_LEVEL_DEBUG] = "debug", [LOG_LEVEL_NONE] = "none",
	};
	char date[32], text[LOG_LINE_MAX];
	struct tm tm;
	size_t len, clean;

	gmtime_r(&now->tv_sec, &tm);
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
	len = (size_t)snprintf(line, LOG_LINE_MAX, "{\"time\":\"%s.%03ldZ\",\"level\":\"%s\",\"name\":", date,
			       now->tv_nsec / 1000000, levels[record->level]);
	clean = log_clean(text, NAME_MAX_CLEAN, log_name, strlen(log_name));
	len += quote(line + len, 2 * NAME_MAX_CLEAN, text, clean);
	len += (size_t)snprintf(line + len, LOG_LINE_MAX - len, ",\"from\":\"%s\",\"message\":",
				record->relayed ? "worker" : "host");
	clean = log_clean(text, sizeof(text), record->text, record->len);
	len += quote(line + len, LOG_LINE_MAX - 2 - len, text, clean);
	line[len++] = '}';
	return len;
}

size_t log_record_format(char *line, const struct log_record *record)
{
	struct timespec now;
	size_t len;

	clock_gettime(CLOCK_REALTIME, &now);
	switch (log_format) {
	case LOG_FORMAT_SYSTEMD:
		len = format_systemd(line, record);
		break;
	case LOG_FORMAT_JSON:
		len = format_json(line, record, &now);
		break;
	default:
		len = format_text(line, record, &now);
	}
	line[len++] = '\n';
	return len;
}

static bool write_line(const char *line, size_t len)
{
	struct pollfd pfd = { .fd = STDERR_FILENO, .events = POLLOUT };
	bool waited = false;

	for (size_t done = 0; done < len;) {
		ssize_t n = write(STDERR_FILENO, line + done, len - done);

		if (n > 0) {
			done += (size_t)n;
		} else if (n < 0 && errno == EAGAIN && !waited) {
			poll(&pfd, 1, WRITE_MS);
			waited = true;
		} else if (n == 0 || errno != EINTR) {
			return false;
		}
	}
	return true;
}

bool log_record(const struct log_record *record)
{
	char line[LOG_LINE_MAX];
	size_t len = log_record_format(line, record);

	return log_sink ? log_sink(line, len, record->relayed) : write_line(line, len);
}

void log_line(enum log_level level, const char *fmt, ...)
{
	struct log_record record = { .level = level };
	int saved_errno = errno, len;
	char text[LOG_LINE_MAX];
	va_list ap;

	if (level == LOG_LEVEL_INFO && !log_verbose)
		return;
	va_start(ap, fmt);
	len = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (log_first && !*log_first)
		snprintf(log_first, log_first_size, "%s", len < 0 ? "" : text);
	record.text = text;
	record.len = len < 0 ? 0 : strnlen(text, sizeof(text));
	log_record(&record);
	errno = saved_errno;
}
