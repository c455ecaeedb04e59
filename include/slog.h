/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The logging calls that vAccel plugins and programs import from libvaccel under the names of
 * the slog 1.8 interface. Programs normally use the macros of vaccel/log.h.
 *
 * Threads: all functions may be called from any thread.
 */
#pragma once

#include <inttypes.h> /* programs rely on it */
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SLOG_VERSION_MAJOR 1
#define SLOG_VERSION_MINOR 8
#define SLOG_BUILD_NUM 22

/* Longest message in bytes (under two names), longest file name, longest directory name. */
#define SLOG_MESSAGE_MAX 8196
#define SLOG_MAXMSG SLOG_MESSAGE_MAX
#define SLOG_NAME_MAX 256
#define SLOG_PATH_MAX 2048

/* Bytes that hold a version, a date with its time, the tag of a level. */
#define SLOG_VERSION_MAX 128
#define SLOG_DATE_MAX 64
#define SLOG_TAG_MAX 32

/* What makes a terminal write in a colour, and stop to. */
#define SLOG_CLR_NORMAL "\x1B[0m"
#define SLOG_CLR_RED "\x1B[31m"
#define SLOG_CLR_GREEN "\x1B[32m"
#define SLOG_CLR_YELLOW "\x1B[33m"
#define SLOG_CLR_BLUE "\x1B[34m"
#define SLOG_CLR_MAGENTA "\x1B[35m"
#define SLOG_CLR_NAGENTA SLOG_CLR_MAGENTA /* as slog spells it */
#define SLOG_CLR_CYAN "\x1B[36m"
#define SLOG_CLR_WHITE "\x1B[37m"
#define SLOG_CLR_RESET "\x1B[0m"

/* Kinds of message; a set of them (bitwise or) selects what is logged. */
typedef enum {
	SLOG_NOTAG = 1,
	SLOG_NOTE = 2,
	SLOG_INFO = 4,
	SLOG_WARN = 8,
	SLOG_DEBUG = 16,
	SLOG_TRACE = 32,
	SLOG_ERROR = 64,
	SLOG_FATAL = 128
} SLOG_FLAGS_E;

#define SLOG_FLAGS_ALL 255
#define SLOG_FLAGS_CHECK(flags, flag) (((flags) & (flag)) == (flag))

/* What is coloured when the output is a terminal: nothing, the level tag, the whole line. */
typedef enum {
	SLOG_COLOR_DISABLE = 0,
	SLOG_COLOR_TAG,
	SLOG_COLOR_FULL
} SLOG_COLOR_FMT_E;

/*
 * Settings. Lines go to the file sFilePath + sFileName + "-YYYY-MM-DD.log" when nToFile is set,
 * and to the screen (a standard stream) when nToScreen is set. nTraceTid adds the thread id to
 * each line. nFlush is kept for compatibility: every line is written out at once.
 */
typedef struct SLogConfig {
	char sFileName[SLOG_NAME_MAX];
	char sFilePath[SLOG_PATH_MAX];
	SLOG_COLOR_FMT_E eColorFormat;
	uint8_t nTraceTid : 1;
	uint8_t nToScreen : 1;
	uint8_t nToFile : 1;
	uint8_t nFlush : 1;
	uint16_t nFlags;
} SLogConfig;

/* The library's own build checks the arguments of log calls against their format. */
#ifdef VACCEL_CHECK_LOG_FORMAT
#define SLOG_PRINTF __attribute__((format(printf, 3, 4)))
#else
#define SLOG_PRINTF
#endif

/* "1.8.22" when short_form is not 0, else a longer text. Static storage. */
const char *slog_version(uint8_t short_form);

/* Copies the settings out or in. NULL is ignored. */
void slog_config_get(SLogConfig *config);
void slog_config_set(SLogConfig *config);

/* Adds flag to or removes it from the kinds that are logged. */
void slog_enable(SLOG_FLAGS_E flag);
void slog_disable(SLOG_FLAGS_E flag);

/*
 * Sets defaults: file name (NULL leaves it empty), the kinds to log, screen only, coloured tags.
 * thread_safe is kept for compatibility: calls are always thread-safe.
 */
void slog_init(const char *name, uint16_t flags, uint8_t thread_safe);
void slog_destroy(void);

/*
 * Logs one message of kind flag, if that is enabled, followed by a newline unless newline is 0.
 * errno is left as it was.
 */
void slog_print(SLOG_FLAGS_E flag, uint8_t newline, const char *format, ...) SLOG_PRINTF;

/* "[FILE:LINE] " of where it is written. */
#define SLOG_TRACE_LVL1(LINE) #LINE
#define SLOG_TRACE_LVL2(LINE) SLOG_TRACE_LVL1(LINE)
#define SLOG_THROW_LOCATION "[" __FILE__ ":" SLOG_TRACE_LVL2(__LINE__) "] "

#define slog(...) slog_print(SLOG_NOTAG, 1, __VA_ARGS__)
#define slog_note(...) slog_print(SLOG_NOTE, 1, __VA_ARGS__)
#define slog_info(...) slog_print(SLOG_INFO, 1, __VA_ARGS__)
#define slog_warn(...) slog_print(SLOG_WARN, 1, __VA_ARGS__)
#define slog_debug(...) slog_print(SLOG_DEBUG, 1, __VA_ARGS__)
#define slog_error(...) slog_print(SLOG_ERROR, 1, __VA_ARGS__)
#define slog_trace(...) slog_print(SLOG_TRACE, 1, SLOG_THROW_LOCATION __VA_ARGS__)
#define slog_fatal(...) slog_print(SLOG_FATAL, 1, SLOG_THROW_LOCATION __VA_ARGS__)

/* The same without newline. */
#define slogwn(...) slog_print(SLOG_NOTAG, 0, __VA_ARGS__)
#define slog_wn(...) slog_print(SLOG_NOTAG, 0, __VA_ARGS__)
#define slog_note_wn(...) slog_print(SLOG_NOTE, 0, __VA_ARGS__)
#define slog_info_wn(...) slog_print(SLOG_INFO, 0, __VA_ARGS__)
#define slog_warn_wn(...) slog_print(SLOG_WARN, 0, __VA_ARGS__)
#define slog_debug_wn(...) slog_print(SLOG_DEBUG, 0, __VA_ARGS__)
#define slog_error_wn(...) slog_print(SLOG_ERROR, 0, __VA_ARGS__)
#define slog_trace_wn(...) slog_print(SLOG_TRACE, 0, SLOG_THROW_LOCATION __VA_ARGS__)
#define slog_fatal_wn(...) slog_print(SLOG_FATAL, 0, SLOG_THROW_LOCATION __VA_ARGS__)

#ifdef __cplusplus
}
#endif
