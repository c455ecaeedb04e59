/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines of the log of the host's processes, on standard error, in one of three formats; that of libvaccel's log is
 *
 *   DATE - <level> FROM: text
 *
 * FROM is the VM's name in the supervisor's own lines, and the VM's name and "worker" in those that it
 * passes on for processes which run plugins, whatever these wrote (log_relay.h): neither those nor a
 * guest can make a line that looks like the supervisor's. Every text is cleaned, see
 * loglines/clean.h. log_record_format() is the one place that knows how a line looks.
 *
 * Errors and warnings always; information only with --verbose, so that a normal run shows the
 * library's lines alone. One line is one write.
 */
#ifndef HOST_LOG_H
#define HOST_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** The last is of lines that have none, as a plugin may print them. */
enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG, LOG_LEVEL_NONE };

/** Longest line, with its line feed; longer ones are cut */
#define LOG_LINE_MAX 1024

struct log_record {
	enum log_level level;
	bool relayed;	  /* another process's */
	const char *text; /* of anybody */
	size_t len;
};

/**
 * log_set_format() - how lines look
 * @name: "text", as at start; "systemd", for the journal (sd-daemon(3)); "json", an object each
 *
 * Return: whether it is one of them.
 */
bool log_set_format(const char *name);

/** log_format_name() - the one in use */
const char *log_format_name(void);

/** log_set_verbose() - whether log_info() prints; off at start */
void log_set_verbose(bool verbose);

/** Longest name of a VM in the log, with its end */
#define LOG_NAME_SIZE 64

/** log_set_name() - the VM's name, for the lines from now on; NULL: none */
void log_set_name(const char *vm);

/**
 * log_set_sink() - where lines go, in place of standard error
 * @sink: gets each line with its line feed; @relayed: it is another process's. Returns whether the line
 *        was not left out. NULL: standard error again
 */
void log_set_sink(bool (*sink)(const char *line, size_t len, bool relayed));

/**
 * log_keep_first() - what the first line of log_line() says from now on is kept, too, without what stands before it
 * @to: receives it, "" until then; NULL: no more
 */
void log_keep_first(char *to, size_t size);

/** log_line() - prints one line. Any thread, but for the sink's needs. errno is kept. */
void log_line(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** log_record() - prints one line. Return: whether it was not left out */
bool log_record(const struct log_record *record);

/**
 * log_record_format() - how a record looks
 * @line: receives it, LOG_LINE_MAX at most, with a line feed and without a terminating NUL
 *
 * Return: its length. Any thread.
 */
size_t log_record_format(char *line, const struct log_record *record);

/**
 * log_is_due() - whether the @count-th event of a kind is worth a line: 1, 10, 100 and so on, so that
 * nobody can fill the log by repeating what is refused
 */
bool log_is_due(uint64_t count);

#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...) log_line(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...) log_line(LOG_LEVEL_INFO, __VA_ARGS__)

#endif
