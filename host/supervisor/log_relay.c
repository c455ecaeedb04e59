// SPDX-License-Identifier: Apache-2.0
#include "log_relay.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "log_outlet.h"
#include "streams.h"
#include "transport/clock.h"

/* What is read in one turn of the supervisor's loop; also the most that a pipe can hold is so many. */
#define READS_PER_TURN 4
#define READ_SIZE 4096
#define READS_AT_END 256
/* When lines were left out nothing is read for so long: who prints more waits, or loses it. */
#define PAUSE_MS 20
/* A line without its end is passed on as it is after this time. */
#define PATIENCE_MS 1000

static struct {
	int reader;
	char line[LOG_LINE_MAX]; /* what has come of it; the rest of a long one is dropped */
	size_t len;
	bool too_long;
	uint64_t line_ms; /* when its first part came */
	bool over;	   /* a line was left out in this turn: so are those that follow */
	uint64_t pause_ms; /* nothing is read before */
} relay = { .reader = -1 };

int log_relay_open(void)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	relay.reader = fds[0];
	streams_set_log(fds[1]);
	return 0;
}

/* ---- Lines ---------------------------------------------------------------------------------- */

/* Length of a date at the start of the line, with what follows it; 0: there is none */
static size_t date_length(const char *line, size_t len)
{
	static const char form[] = "0000.00.00-00:00:00.00 - ";
	const size_t size = sizeof(form) - 1;

	if (len < size)
		return 0;
	for (size_t i = 0; i < size; i++)
		if (form[i] == '0' ? line[i] < '0' || line[i] > '9' : line[i] != form[i])
			return 0;
	return size;
}

bool log_relay_line(const char *line, size_t len)
{
	static const struct {
		const char *tag;
		enum log_level level;
	} tags[] = {
		{ "<error> ", LOG_LEVEL_ERROR },
		{ "<warn> ", LOG_LEVEL_WARN },
		{ "<info> ", LOG_LEVEL_INFO },
		{ "<debug> ", LOG_LEVEL_DEBUG },
	};
	struct log_record record = { .level = LOG_LEVEL_NONE, .relayed = true };
	size_t skip = date_length(line, len);

	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
		size_t n = strlen(tags[i].tag);

		if (len - skip < n || memcmp(line + skip, tags[i].tag, n) != 0)
			continue;
		record.level = tags[i].level;
		skip += n;
		break;
	}
	record.text = line + skip;
	record.len = len - skip;
	return log_record(&record);
}

/* Passes on what has come of a line. */
static void end_line(void)
{
	size_t len = relay.len;

	relay.len = 0;
	if (relay.over) {
		log_outlet_leave_out();
		relay.too_long = false;
		return;
	}
	if (relay.too_long)
		memcpy(relay.line + sizeof(relay.line) - 3, "...", 3);
	else if (len && relay.line[len - 1] == '\r')
		len--;
	relay.too_long = false;
	relay.over = !log_relay_line(relay.line, len);
}

static void add_to_line(const char *text, size_t len)
{
	size_t room = sizeof(relay.line) - relay.len;

	if (!relay.len)
		relay.line_ms = now_ms();
	if (len > room) {
		relay.too_long = true;
		len = room;
	}
	memcpy(relay.line + relay.len, text, len);
	relay.len += len;
}

static void split(const char *text, size_t len)
{
	const char *end;

	while (len && (end = memchr(text, '\n', len))) {
		add_to_line(text, (size_t)(end - text));
		end_line();
		len -= (size_t)(end + 1 - text);
		text = end + 1;
	}
	if (len)
		add_to_line(text, len);
}

/* ---- Reading -------------------------------------------------------------------------------- */

static void read_some(unsigned int reads)
{
	char text[READ_SIZE];

	relay.over = false;

	for (unsigned int i = 0; i < reads; i++) {
		ssize_t n = read(relay.reader, text, sizeof(text));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		split(text, (size_t)n);
	}
}

int log_relay_fd(int *timeout_ms)
{
	uint64_t now = now_ms(), wake_ms = 0;

	if (relay.pause_ms > now)
		wake_ms = relay.pause_ms;
	else if (relay.len)
		wake_ms = relay.line_ms + PATIENCE_MS;
	if (wake_ms) {
		uint64_t ms = wake_ms > now ? wake_ms - now : 0;

		if (*timeout_ms < 0 || ms < (uint64_t)*timeout_ms)
			*timeout_ms = (int)ms;
	}
	return relay.pause_ms > now ? -1 : relay.reader;
}

void log_relay_read(void)
{
	if (relay.reader < 0 || relay.pause_ms > now_ms())
		return;
	read_some(READS_PER_TURN);
	if (relay.over)
		relay.pause_ms = now_ms() + PAUSE_MS;
	if (relay.len && now_ms() - relay.line_ms >= PATIENCE_MS)
		end_line();
}

void log_relay_finish(void)
{
	if (relay.reader < 0)
		return;
	read_some(READS_AT_END);
	if (relay.len)
		end_line();
}
