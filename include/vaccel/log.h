/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Logging: one line per message, "YYYY.MM.DD-HH:MM:SS.cc - <level> text", written in one piece.
 *
 * Lines go to standard output, or to the configured log file, whose name gets a date suffix:
 * "NAME-YYYY-MM-DD.log" (relative to the working directory unless absolute). "/dev/stdout" and
 * "/dev/stderr" mean those streams. The log level N enables error (N >= 1), warn (>= 2), info
 * (>= 3) and debug (4); trace and fatal are never enabled. A message is cut at 8196 bytes.
 *
 * Text that others may have chosen cannot harm: of a message only a line feed at the end of its format
 * is kept, and other control characters, and bytes that are no UTF-8, become visible ("\n", "\x1b").
 * Nobody's log costs the program more than the line: where the reader is gone, or files may not grow
 * (RLIMIT_FSIZE), it is lost, without a signal; where a non-blocking stream is full, it is lost after
 * a second, and those that follow at once until somebody reads.
 *
 * With the variable VACCEL_LOG_LINES=N there are at most N lines a second, and after a silence 50
 * times that many; the log says how many were left out.
 *
 * Threads: the macros may be used from any thread, and by several processes on one stream.
 */
#pragma once

#include "slog.h"
#include "vaccel/utils/enum.h"

#ifdef __cplusplus
extern "C" {
#endif

/* clang-format off */
#define _ENUM_PREFIX VACCEL_LOG
#define VACCEL_LOG_LEVEL_ENUM_LIST(ITEM)       \
	ITEM(ERROR, 1, _ENUM_PREFIX)           \
	ITEM(WARN, _ENUM_PREFIX)               \
	ITEM(INFO, _ENUM_PREFIX)               \
	ITEM(DEBUG, _ENUM_PREFIX)

VACCEL_ENUM_DEF_WITH_STR_FUNCS(vaccel_log_level, _ENUM_PREFIX, VACCEL_LOG_LEVEL_ENUM_LIST)

#undef _ENUM_PREFIX
/* clang-format on */

/* printf-like; the format must be a literal for trace and fatal. */
#define vaccel_error(...) slog_error(__VA_ARGS__)
#define vaccel_warn(...) slog_warn(__VA_ARGS__)
#define vaccel_info(...) slog_info(__VA_ARGS__)
#define vaccel_debug(...) slog_debug(__VA_ARGS__)
#define vaccel_trace(...) slog_trace(__VA_ARGS__)
#define vaccel_fatal(...) slog_fatal(__VA_ARGS__)

/*
 * (Re)reads level and file from the active configuration. Bootstrap calls it. A level outside
 * 1-4 or a file name that is too long is reported and replaced by the default. Always VACCEL_OK.
 */
int vaccel_log_init(void);

/* Kept for compatibility: nothing needs closing. Always VACCEL_OK. */
int vaccel_log_shutdown(void);

#ifdef __cplusplus
}
#endif
