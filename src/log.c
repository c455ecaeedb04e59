// SPDX-License-Identifier: Apache-2.0
#include "log.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "loglines/limit.h"
#include "vaccel/core.h"
#include "vaccel/error.h"

uint16_t log_level_flags(unsigned int level)
{
	uint16_t flags = 0;

	switch (level) {
	case VACCEL_LOG_DEBUG:
		flags |= SLOG_DEBUG;
		/* fall through */
	case VACCEL_LOG_INFO:
		flags |= SLOG_INFO;
		/* fall through */
	case VACCEL_LOG_WARN:
		flags |= SLOG_WARN;
		/* fall through */
	case VACCEL_LOG_ERROR:
		flags |= SLOG_ERROR;
	}
	return flags;
}

/* Splits a log file name into the settings' directory and file name. */
static bool set_file(SLogConfig *config, const char *file)
{
	const char *slash = strrchr(file, '/');
	const char *base = slash ? slash + 1 : file;
	int len = snprintf(config->sFilePath, sizeof(config->sFilePath), "%s%.*s",
			   *file == '/' ? "" : "./", (int)(base - file), file);

	if (!*base || len < 0 || (size_t)len >= sizeof(config->sFilePath) ||
	    strlen(base) >= sizeof(config->sFileName)) {
		strcpy(config->sFilePath, "./");
		return false;
	}
	strcpy(config->sFileName, base);
	config->nToFile = 1;
	config->nToScreen = 0;
	return true;
}

/* VACCEL_LOG_LINES: how many lines a second there may be. Return: whether it is a number. */
static bool set_limit(const char *lines)
{
	char *end = NULL;
	unsigned long n = lines && *lines ? strtoul(lines, &end, 10) : 0;
	bool ok = !end || (!*end && *lines >= '0' && *lines <= '9');

	slog_set_limit(!ok ? 0 : n > LOG_LIMIT_MAX ? LOG_LIMIT_MAX : (unsigned int)n);
	return ok;
}

int vaccel_log_init(void)
{
	const struct vaccel_config *config = vaccel_config();
	const char *file = config->log_file;
	const uint16_t flags = log_level_flags(config->log_level);
	SLogConfig log = {
		.sFilePath = "./",
		.eColorFormat = SLOG_COLOR_TAG,
		.nToScreen = 1,
		.nFlush = 1,
		.nFlags = flags ? flags : log_level_flags(VACCEL_LOG_ERROR),
	};
	const char *lines = getenv("VACCEL_LOG_LINES");
	int fd = STDOUT_FILENO;
	bool file_ok = true;

	if (file && !strcmp(file, "/dev/stderr"))
		fd = STDERR_FILENO;
	else if (file && *file && strcmp(file, "/dev/stdout"))
		file_ok = set_file(&log, file);

	slog_set_screen(fd);
	slog_config_set(&log);
	if (!set_limit(lines))
		vaccel_error("VACCEL_LOG_LINES=%.64s is not a number of lines a second; all are logged",
			     lines);

	if (!flags)
		vaccel_error("Log level %u is not one of 1 (error), 2 (warn), 3 (info), 4 (debug); "
			     "using 1",
			     (unsigned int)config->log_level);
	if (!file_ok)
		vaccel_error("Log file name %.64s... is too long or names no file; "
			     "logging to standard output",
			     file);
	return VACCEL_OK;
}

int vaccel_log_shutdown(void)
{
	return VACCEL_OK;
}
