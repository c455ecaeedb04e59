// SPDX-License-Identifier: Apache-2.0
#include "log_outlet.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "loglines/limit.h"
#include "transport/clock.h"

/* What may wait for a reader */
#define BUFFER_SIZE ((size_t)256 << 10)
/* Lines that are left for what matters more: that some were left out, and the supervisor's own */
#define KEEP_FOR_REPORTS 2
#define KEEP_FOR_OWN 8
#define REPORT_MS 1000
#define STOP_MS 1000

static struct log_limit limit; /* the main thread's */

static struct {
	pthread_mutex_t lock;
	pthread_cond_t filled, emptied;
	pthread_t thread;
	bool started, stop;
	char buffer[BUFFER_SIZE]; /* a ring */
	size_t first, used;
	uint64_t lost; /* lines that nobody was told of */
} outlet = { .lock = PTHREAD_MUTEX_INITIALIZER, .filled = PTHREAD_COND_INITIALIZER };

/* ---- The thread ----------------------------------------------------------------------------- */

/* Return: 0 or an errno value: who reads is gone, the disk is full, files may not grow */
static int write_fully(const char *line, size_t len)
{
	struct pollfd pfd = { .fd = STDERR_FILENO, .events = POLLOUT };

	while (len) {
		ssize_t n = write(STDERR_FILENO, line, len);

		if (n > 0) {
			line += n;
			len -= (size_t)n;
		} else if (n < 0 && errno == EAGAIN) {
			poll(&pfd, 1, -1);
		} else if (n == 0 || errno != EINTR) {
			return n == 0 ? EIO : errno;
		}
	}
	return 0;
}

/* Takes one line out, or a part of what is none. Return: its length */
static size_t take_line(char *to, size_t size)
{
	size_t len = 0;

	while (len < size && outlet.used) {
		to[len] = outlet.buffer[outlet.first];
		outlet.first = (outlet.first + 1) % BUFFER_SIZE;
		outlet.used--;
		if (to[len++] == '\n')
			break;
	}
	return len;
}

/* Says that lines were lost, now that one could be written. Return: 0, or an errno value */
static int tell_lost(uint64_t lost)
{
	char text[128], line[LOG_LINE_MAX];
	struct log_record record = { .level = LOG_LEVEL_WARN, .text = text };

	record.len = (size_t)snprintf(text, sizeof(text), "%" PRIu64 " line%s of the log could not be "
				      "written: nobody read them, or there was no room",
				      lost, lost == 1 ? "" : "s");
	return write_fully(line, log_record_format(line, &record));
}

static void *write_lines(void *arg)
{
	char line[LOG_LINE_MAX];
	uint64_t lost;
	size_t len;
	bool told;
	int err;

	(void)arg;
	pthread_mutex_lock(&outlet.lock);
	for (;;) {
		while (!outlet.used && !outlet.stop)
			pthread_cond_wait(&outlet.filled, &outlet.lock);
		if (!outlet.used)
			break;
		len = take_line(line, sizeof(line));
		lost = outlet.lost;
		pthread_mutex_unlock(&outlet.lock);
		err = write_fully(line, len);
		told = !err && lost && line[len - 1] == '\n' && !tell_lost(lost);
		pthread_mutex_lock(&outlet.lock);
		outlet.lost += err ? 1 : 0;
		outlet.lost -= told ? lost : 0;
	}
	outlet.started = false;
	pthread_cond_signal(&outlet.emptied);
	pthread_mutex_unlock(&outlet.lock);
	return NULL;
}

/* ---- The main thread ------------------------------------------------------------------------ */

void log_outlet_print(const char *line, size_t len)
{
	pthread_mutex_lock(&outlet.lock);
	if (!outlet.started) {
		if (write_fully(line, len))
			outlet.lost++;
	} else if (len > BUFFER_SIZE - outlet.used) {
		outlet.lost++;
	} else {
		size_t at = (outlet.first + outlet.used) % BUFFER_SIZE;
		size_t part = len < BUFFER_SIZE - at ? len : BUFFER_SIZE - at;

		memcpy(outlet.buffer + at, line, part);
		memcpy(outlet.buffer, line + part, len - part);
		outlet.used += len;
		pthread_cond_signal(&outlet.filled);
	}
	pthread_mutex_unlock(&outlet.lock);
}

static bool sink(const char *line, size_t len, bool relayed)
{
	if (!log_limit_take(&limit, now_ns(), relayed ? KEEP_FOR_OWN : KEEP_FOR_REPORTS, len))
		return false;
	log_outlet_print(line, len);
	return true;
}

void log_outlet_leave_out(void)
{
	log_limit_leave_out(&limit, now_ns());
}

void log_outlet_open(uint64_t lines)
{
	log_limit_init(&limit, lines);
	log_set_sink(sink);
}

int log_outlet_start(void)
{
	pthread_condattr_t attr;
	int err;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&outlet.emptied, &attr);
	pthread_condattr_destroy(&attr);
	outlet.started = true;
	err = pthread_create(&outlet.thread, NULL, write_lines, NULL);
	outlet.started = !err;
	return -err;
}

/* Takes its share of the limit, too, and more than that if need be: it stands for many. */
static void tell_left_out(uint64_t left_out)
{
	char text[128], line[LOG_LINE_MAX];
	struct log_record record = { .level = LOG_LEVEL_WARN, .text = text };
	size_t len;

	record.len = (size_t)snprintf(text, sizeof(text),
				      "%" PRIu64 " line%s left out of the log: too many in a second, "
				      "see --log-lines", left_out, left_out == 1 ? " was" : "s were");
	len = log_record_format(line, &record);
	if (!log_limit_take(&limit, now_ns(), 0, len))
		limit.left_out--;
	log_outlet_print(line, len);
}

void log_outlet_tick(int *timeout_ms)
{
	uint64_t left_out = log_limit_report(&limit, now_ns());

	if (left_out)
		tell_left_out(left_out);
	if (limit.left_out && (*timeout_ms < 0 || *timeout_ms > REPORT_MS))
		*timeout_ms = REPORT_MS;
}

void log_outlet_stop(void)
{
	struct timespec end;
	bool ended;

	log_set_sink(NULL);
	if (limit.left_out)
		tell_left_out(limit.left_out);
	pthread_mutex_lock(&outlet.lock);
	if (!outlet.started) {
		pthread_mutex_unlock(&outlet.lock);
		return;
	}
	outlet.stop = true;
	pthread_cond_signal(&outlet.filled);
	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += STOP_MS / 1000;
	while (outlet.started &&
	       pthread_cond_timedwait(&outlet.emptied, &outlet.lock, &end) != ETIMEDOUT)
		;
	ended = !outlet.started;
	pthread_mutex_unlock(&outlet.lock);
	/* Else it hangs in a write, and ends with the process. */
	if (ended)
		pthread_join(outlet.thread, NULL);
}
