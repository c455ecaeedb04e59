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
#include "loglines/clean.h"
#include "loglines/limit.h"
#include "no_signal.h"
#include "transport/clock.h"
#include "transport/fd.h"

/* Room for date, thread id, tag and colours before a message, and for the reset after it. */
#define HEADER_MAX 96
#define TRAILER_MAX 8
/*
 * How long a line waits for a reader of a full non-blocking stream before it is dropped; those that
 * follow do not wait until one could be written.
 */
#define WRITE_TIMEOUT_MS 1000
/* That lines are left out from here on is said at most this often. */
#define NOTICE_NS UINT64_C(10000000000)

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
/* The last line waited for the reader in vain. */
static atomic_bool stalled;

/* Guarded by lock, but for whether there is a limit at all. */
static atomic_bool limited;
static struct log_limit limit;
static uint64_t noticed_ns;

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

/* Whether the stream can be written to, perhaps after a while. */
static bool await_reader(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLOUT };

	if (!atomic_load(&stalled))
		atomic_store(&stalled, poll(&pfd, 1, WRITE_TIMEOUT_MS) == 0);
	return !atomic_load(&stalled);
}

/*
 * Nobody's log is worth the program: without a reader, or where files may not grow, the line is lost,
 * and the signal that would end the program is not seen.
 */
static void write_fully(int fd, const char *buf, size_t size)
{
	struct no_signal held;
	int err = 0;

	no_signal_begin(&held);
	while (size) {
		ssize_t n = write(fd, buf, size);

		if (n >= 0) {
			buf += n;
			size -= n;
			atomic_store(&stalled, false);
		} else if (errno == EAGAIN) {
			if (!await_reader(fd))
				break;
		} else if (errno != EINTR) {
			err = errno;
			break;
		}
	}
	no_signal_end(&held, err);
}

static void flush_stdout(void)
{
	struct no_signal held;

	no_signal_begin(&held);
	no_signal_end(&held, fflush_unlocked(stdout) ? errno : 0);
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
	flush_stdout();
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
	fd = fd_above_stdio(open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0666));
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

/*
 * Makes what others may have chosen harmless, where it is: size bytes at msg, with room for
 * SLOG_MESSAGE_MAX. A line feed at the end of the format is the program's own. Returns the new size.
 */
static size_t clean(char *msg, size_t size, const char *format)
{
	const size_t end = strlen(format);
	const bool own = end && format[end - 1] == '\n' && size && msg[size - 1] == '\n';
	char copy[SLOG_MESSAGE_MAX];

	size -= own;
	if (!log_is_clean(msg, size)) {
		memcpy(copy, msg, size);
		size = log_clean(msg, SLOG_MESSAGE_MAX - 2, copy, size);
	}
	if (own)
		msg[size++] = '\n';
	return size;
}

__attribute__((nonnull(3))) static void print(SLOG_FLAGS_E flag, bool newline, const char *format,
					      va_list args)
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
	len = (int)clean(msg, (size_t)len, format);

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

/* Prints a line of the log's own. */
static void print_own(SLOG_FLAGS_E flag, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print(flag, true, format, args);
	va_end(args);
}

/* Whether a line may be printed; says so when others may not or were not. */
static bool may_pass(SLOG_FLAGS_E flag)
{
	const uint64_t now = now_ns();
	uint64_t left_out = 0;
	bool pass, notice;

	lock_settings();
	pass = log_limit_take(&limit, now, 0, 0);
	if (pass)
		left_out = log_limit_report(&limit, now);
	notice = !pass && (!noticed_ns || now - noticed_ns >= NOTICE_NS);
	if (notice || left_out)
		noticed_ns = now;
	unlock_settings();
	if (left_out)
		print_own(flag, "%llu lines were left out of the log: too many in a second",
			  (unsigned long long)left_out);
	if (notice)
		print_own(flag, "Too many lines for the log: some are left out from here on");
	return pass;
}

/* On every call's way: what is not logged costs next to nothing. */
void slog_print(SLOG_FLAGS_E flag, uint8_t newline, const char *format, ...)
{
	va_list args;

	if (!(atomic_load_explicit(&enabled, memory_order_relaxed) & flag) || !format)
		return;
	if (atomic_load_explicit(&limited, memory_order_relaxed) && !may_pass(flag))
		return;
	va_start(args, format);
	print(flag, newline, format, args);
	va_end(args);
}

void slog_set_limit(unsigned int lines)
{
	lock_settings();
	log_limit_init(&limit, lines);
	unlock_settings();
	atomic_store(&limited, lines != 0);
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
