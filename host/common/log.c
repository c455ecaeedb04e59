// SPDX-License-Identifier: Apache-2.0
#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static bool log_verbose;

void log_set_verbose(bool verbose)
{
	log_verbose = verbose;
}

bool log_is_due(uint64_t count)
{
	while (count && count % 10 == 0)
		count /= 10;
	return count == 1;
}

void log_line(enum log_level level, const char *fmt, ...)
{
	static const struct {
		const char *plain, *coloured;
	} tags[] = {
		[LOG_LEVEL_ERROR] = { "<error>", "\033[31m<error>\033[0m" },
		[LOG_LEVEL_WARN] = { "<warn>", "\033[33m<warn>\033[0m" },
		[LOG_LEVEL_INFO] = { "<info>", "\033[32m<info>\033[0m" },
	};
	char line[1024], date[32];
	int saved_errno = errno;
	struct timespec now;
	struct tm tm;
	size_t len;
	va_list ap;

	if (level == LOG_LEVEL_INFO && !log_verbose)
		return;

	clock_gettime(CLOCK_REALTIME, &now);
	localtime_r(&now.tv_sec, &tm);
	strftime(date, sizeof(date), "%Y.%m.%d-%H:%M:%S", &tm);
	len = (size_t)snprintf(line, sizeof(line), "%s.%02ld - %s ", date, now.tv_nsec / 10000000,
			       isatty(STDOUT_FILENO) ? tags[level].coloured : tags[level].plain);

	va_start(ap, fmt);
	len += (size_t)vsnprintf(line + len, sizeof(line) - len, fmt, ap);
	va_end(ap);
	if (len > sizeof(line) - 1)
		len = sizeof(line) - 1;
	line[len++] = '\n';

	for (size_t done = 0; done < len;) {
		ssize_t n = write(STDOUT_FILENO, line + done, len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	errno = saved_errno;
}
