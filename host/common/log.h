/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host programs' own log lines, on stdout, in the format of libvaccel's log. Errors and
 * warnings always; information only with --verbose, so that a normal run shows the library's lines
 * alone.
 * One line is one write: the supervisor and its worker share the stream.
 */
#ifndef HOST_LOG_H
#define HOST_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO };

/** log_set_verbose() - whether log_info() prints; off at start */
void log_set_verbose(bool verbose);

/** log_line() - prints one line; longer ones than 1 KiB are cut. Any thread. errno is kept. */
void log_line(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/**
 * log_is_due() - whether the @count-th event of a kind is worth a line: 1, 10, 100 and so on, so that
 * nobody can fill the log by repeating what is refused
 */
bool log_is_due(uint64_t count);

#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...) log_line(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...) log_line(LOG_LEVEL_INFO, __VA_ARGS__)

#endif
