// SPDX-License-Identifier: Apache-2.0
#include "slog.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "log.h"

/* Room for date, thread id, tag and colours before a message, and for the reset after it. */
#define HEADER_MAX 96
#define TRAILER_MAX 8
/* How long a line waits for a reader of a full non-blocking stream before it is dropped. */
#define WRITE_TIMEOUT_MS 1000

static const struct kind {
	SLOG_FLAGS_E flag;
	const char *tag;
	const char *color;
} kinds[] = {
	{ SLOG_NOTAG, "", "" },
	{ SLOG_NOTE, "<note>", "" },
	{ SLOG_INFO, "<info>", SLOG_CLR_GREEN },
	{ SLOG_WARN, "<warn>", SLOG_CLR_YELLOW },
	{ SLOG_DEBUG, "<debug>", SLOG_CLR_BLUE },
	{ SLOG_TRACE, "<trace>", SLOG_CLR_CYAN },
	{ SLOG_ERROR, "<error>", SLOG_CLR_RED },
	{ SLOG_FATAL, "<fatal>", SLOG_CLR_MAGENTA },
};

/*
 * The settings; flags is apart so that a disabled message costs one load. Until somebody sets
 * them, errors go to standard output.
 */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static SLogConfig settings = {
	.sFilePath = "./",
	.eColorFormat = SLOG_COLOR_TAG,
	.nToScreen = 1,
	.nFlush = 1,
};
static atomic_uint enabled = SLOG_ERROR;
static atomic_int screen = STDOUT_FILENO;
/* The log file could not be opened, which was reported; lines go to the screen. */
static atomic_bool file_failed;

static void lock_settings(void)
{
	pthread_mutex_lock(&lock);
}

static void unlock_settings(void)
{
	pthread_mutex_unlock(&lock);
}

/* A child of fork() must be able to log, whatever other threads were doing. */
__attribute__((constructor)) static void prepare_fork(void)
{
	pthread_atfork(lock_settings, unlock_settings, unlock_settings);
}

static void write_fully(int fd, const char *buf, size_t size)
{
	while (size) {
		ssize_t n = write(fd, buf, size);

		if (n >= 0) {
			buf += n;
			size -= n;
		} else if (errno == EAGAIN) {
			struct pollfd pfd = { .fd = fd, .events = POLLOUT };

			if (poll(&pfd, 1, WRITE_TIMEOUT_MS) == 0)
				return;
		} else if (errno != EINTR) {
			return;
		}
	}
}

/* One write per line, after what the program has printed so far: the stream stays in order. */
static void write_screen(const char *buf, size_t size)
{
	int fd = atomic_load(&screen);

	if (fd != STDOUT_FILENO) {
		write_fully(fd, buf, size);
		return;
	}
	flockfile(stdout);
	fflush_unlocked(stdout);
	write_fully(fd, buf, size);
	funlockfile(stdout);
}

static void format_header(char *buf, const struct kind *kind, const struct tm *tm, long centi,
			  const SLogConfig *config, bool color)
{
	const bool full = color && config->eColorFormat == SLOG_COLOR_FULL && *kind->color;
	const bool tag = color && config->eColorFormat == SLOG_COLOR_TAG && *kind->color;
	char tid[24] = "";

	if (config->nTraceTid)
		snprintf(tid, sizeof(tid), "(%ld) ", (long)syscall(SYS_gettid));
	snprintf(buf, HEADER_MAX, "%s%s%04d.%02d.%02d-%02d:%02d:%02d.%02ld - %s%s%s%s",
		 full ? kind->color : "", tid, tm->tm_year + 1900, tm->tm_mon + 1, tm->tm_mday,
		 tm->tm_hour, tm->tm_min, tm->tm_sec, centi, tag ? kind->color : "", kind->tag,
		 tag ? SLOG_CLR_RESET : "", *kind->tag ? " " : "");
}

/* Whether the screen shows colours, and its user wants them (no-color.org). */
static bool may_color(void)
{
	const char *none = getenv("NO_COLOR");

	return isatty(atomic_load(&screen)) && !(none && *none);
}

/*
 * Builds the line around the size bytes of text at msg, which has HEADER_MAX bytes before and
 * TRAILER_MAX bytes after it, and writes it.
 */
static void write_line(int fd, const struct kind *kind, const SLogConfig *config, char *msg,
		       size_t size, bool newline)
{
	const bool to_screen = fd < 0;
	const bool color = to_screen && config->eColorFormat != SLOG_COLOR_DISABLE && may_color();
	char header[HEADER_MAX];
	struct timespec now;
	struct tm tm;
	size_t len;

	clock_gettime(CLOCK_REALTIME, &now);
	localtime_r(&now.tv_sec, &tm);
	format_header(header, kind, &tm, now.tv_nsec / 10000000, config, color);
	len = strlen(header);
	memcpy(msg - len, header, len);

	if (color && config->eColorFormat == SLOG_COLOR_FULL && *kind->color) {
		memcpy(msg + size, SLOG_CLR_RESET, strlen(SLOG_CLR_RESET));
		size += strlen(SLOG_CLR_RESET);
	}
	if (newline)
		msg[size++] = '\n';

	if (to_screen)
		write_screen(msg - len, len + size);
	else
		write_fully(fd, msg - len, len + size);
}

/* Opens the day's log file; reports the first failure on the screen. Returns -1 on failure. */
static int open_file(const SLogConfig *config)
{
	char path[SLOG_PATH_MAX + SLOG_NAME_MAX + 64]; /* with the date suffix */
	char buf[HEADER_MAX + SLOG_MESSAGE_MAX + TRAILER_MAX];
	char *msg = buf + HEADER_MAX;
	const time_t now = time(NULL);
	struct tm tm;
	int fd;
	int len;

	localtime_r(&now, &tm);
	snprintf(path, sizeof(path), "%s%s-%04d-%02d-%02d.log", config->sFilePath,
		 config->sFileName, tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
	fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0666);
	if (fd >= 0 || atomic_exchange(&file_failed, true))
		return fd;

	len = snprintf(msg, SLOG_MESSAGE_MAX,
		       "Cannot open log file %s: %s; logging to standard output or error instead",
		       path, strerror(errno));
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (kinds[i].flag == SLOG_ERROR)
			write_line(-1, &kinds[i], config, msg,
				   len < SLOG_MESSAGE_MAX ? len : SLOG_MESSAGE_MAX - 1, true);
	return -1;
}

static void print(SLOG_FLAGS_E flag, bool newline, const char *format, va_list args)
{
	char buf[HEADER_MAX + SLOG_MESSAGE_MAX + TRAILER_MAX];
	char *msg = buf + HEADER_MAX;
	const int saved_errno = errno;
	const struct kind *kind = NULL;
	SLogConfig config;
	bool to_screen;
	int len;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (kinds[i].flag == flag)
			kind = &kinds[i];
	if (!kind)
		return;

	len = vsnprintf(msg, SLOG_MESSAGE_MAX, format, args);
	if (len < 0)
		goto out;
	if (len >= SLOG_MESSAGE_MAX)
		len = SLOG_MESSAGE_MAX - 1;

	lock_settings();
	config = settings;
	unlock_settings();

	to_screen = config.nToScreen;
	if (config.nToFile) {
		int fd = open_file(&config);

		if (fd >= 0) {
			write_line(fd, kind, &config, msg, len, newline);
			close(fd);
		} else {
			to_screen = true;
		}
	}
	if (to_screen)
		write_line(-1, kind, &config, msg, len, newline);
out:
	errno = saved_errno;
}

/* On every call's way: what is not logged costs next to nothing. */
void slog_print(SLOG_FLAGS_E flag, uint8_t newline, const char *format, ...)
{
	va_list args;

	if (!(atomic_load_explicit(&enabled, memory_order_relaxed) & flag) || !format)
		return;
	va_start(args, format);
	print(flag, newline, format, args);
	va_end(args);
}

void slog_set_screen(int fd)
{
	atomic_store(&screen, fd);
}

void slog_config_get(SLogConfig *config)
{
	if (!config)
		return;
	lock_settings();
	*config = settings;
	unlock_settings();
	config->nFlags = atomic_load(&enabled);
}

void slog_config_set(SLogConfig *config)
{
	if (!config)
		return;
	lock_settings();
	settings = *config;
	/* Names of foreign programs need not be terminated. */
	settings.sFileName[sizeof(settings.sFileName) - 1] = '\0';
	settings.sFilePath[sizeof(settings.sFilePath) - 1] = '\0';
	unlock_settings();
	atomic_store(&file_failed, false);
	atomic_store(&enabled, config->nFlags);
}

void slog_enable(SLOG_FLAGS_E flag)
{
	atomic_fetch_or(&enabled, flag);
}

void slog_disable(SLOG_FLAGS_E flag)
{
	atomic_fetch_and(&enabled, ~(unsigned int)flag);
}

void slog_init(const char *name, uint16_t flags, uint8_t thread_safe)
{
	SLogConfig config = {
		.sFilePath = "./",
		.eColorFormat = SLOG_COLOR_TAG,
		.nToScreen = 1,
		.nFlush = 1,
		.nFlags = flags,
	};

	(void)thread_safe;
	if (name)
		snprintf(config.sFileName, sizeof(config.sFileName), "%s", name);
	slog_config_set(&config);
}

void slog_destroy(void)
{
}

const char *slog_version(uint8_t short_form)
{
#define TEXT(number) SLOG_TRACE_LVL2(number)
#define VERSION TEXT(SLOG_VERSION_MAJOR) "." TEXT(SLOG_VERSION_MINOR) "." TEXT(SLOG_BUILD_NUM)
	return short_form ? VERSION : VERSION " interface of libvaccel";
}
