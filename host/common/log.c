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

static bool log_verbose;
static char log_name[LOG_NAME_SIZE];
static bool (*log_sink)(const char *line, size_t len, bool relayed);

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

size_t log_record_format(char *line, const struct log_record *record)
{
	char date[32], name[4 * sizeof(log_name)];
	const char *who = record->relayed ? *log_name ? " worker: " : "worker: " :
					    *log_name ? ": " : "";
	struct timespec now;
	struct tm tm;
	int len;

	clock_gettime(CLOCK_REALTIME, &now);
	localtime_r(&now.tv_sec, &tm);
	strftime(date, sizeof(date), "%Y.%m.%d-%H:%M:%S", &tm);
	len = snprintf(line, LOG_LINE_MAX, "%s.%02ld - %s%.*s%s", date, now.tv_nsec / 10000000,
		       tag(record->level),
		       (int)log_clean(name, sizeof(name), log_name, strlen(log_name)), name, who);
	len += (int)log_clean(line + len, LOG_LINE_MAX - 1 - (size_t)len, record->text, record->len);
	line[len++] = '\n';
	return (size_t)len;
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
	record.text = text;
	record.len = len < 0 ? 0 : strnlen(text, sizeof(text));
	log_record(&record);
	errno = saved_errno;
}
