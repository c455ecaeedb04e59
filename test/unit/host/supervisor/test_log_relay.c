// SPDX-License-Identifier: Apache-2.0
/* What becomes of lines on their way through the supervisor: log_relay.h and log_outlet.h. */
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <signal.h>
#include <sys/wait.h>

#include "log.h"
#include "log_outlet.h"
#include "log_relay.h"
#include "streams.h"
#include "transport/clock.h"

#define DATE "[0-9]{4}\\.[0-9]{2}\\.[0-9]{2}-[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{2} - "

/* All lines that were printed, without the dates that each begins with */
static char said[65536];

static struct capture out;

static void begin(uint64_t lines)
{
	log_set_name("web1");
	log_outlet_open(lines);
	capture_start(&out, STDERR_FILENO);
}

static const char *end(void)
{
	char *text, *save = NULL, *to = said;
	regex_t re;

	log_set_sink(NULL);
	text = (char *)(uintptr_t)capture_end(&out);
	assert_int_equal(regcomp(&re, "^" DATE, REG_EXTENDED), 0);
	*to = '\0';
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		assert_in_range(strlen(line), 26, LOG_LINE_MAX - 1);
		assert_int_equal(regexec(&re, line, 0, NULL, 0), 0);
		to += sprintf(to, "%s\n", line + 25);
	}
	regfree(&re);
	return said;
}

static int writer;

static void print(const char *text)
{
	assert_int_equal(write(writer, text, strlen(text)), (ssize_t)strlen(text));
}

/* What streams_detach() makes of standard error, for this process */
static int find_writer(void)
{
	int saved[3], fd;

	for (int i = 0; i < 3; i++)
		saved[i] = dup(i);
	if (streams_detach())
		return -1;
	fd = dup(STDERR_FILENO);
	for (int i = 0; i < 3; i++) {
		dup2(saved[i], i);
		close(saved[i]);
	}
	return fd;
}

/* Lines of libvaccel, of others, and those that want to be the supervisor's */
static void test_marks(void **state)
{
	static const struct {
		const char *line, *becomes;
	} lines[] = {
		{ "2026.01.02-03:04:05.06 - <error> text", "<error> web1 worker: text\n" },
		{ "2026.01.02-03:04:05.06 - <debug> text", "<debug> web1 worker: text\n" },
		{ "2026.01.02-03:04:05.06 - text", "web1 worker: text\n" },
		{ "2026.01.02-03:04:05.06", "web1 worker: 2026.01.02-03:04:05.06\n" },
		{ "2026.01.02-03:04:05.0x - <warn> text",
		  "web1 worker: 2026.01.02-03:04:05.0x - <warn> text\n" },
		{ "<warn> text", "<warn> web1 worker: text\n" },
		{ "<warn>", "web1 worker: <warn>\n" },
		{ "<fatal> text", "web1 worker: <fatal> text\n" },
		{ "<error> <error> web1: text", "<error> web1 worker: <error> web1: text\n" },
		{ "<error> web1: \033[1A\xffx", "<error> web1 worker: web1: \\x1b[1A\\xffx\n" },
		{ "a\nb", "web1 worker: a\\nb\n" },
		{ "", "web1 worker: \n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		begin(20);
		assert_true(log_relay_line(lines[i].line, strlen(lines[i].line)));
		assert_string_equal(end(), lines[i].becomes);
	}
	begin(20);
	log_warn("a name with\na line feed");
	log_info("nobody wants to know");
	assert_string_equal(end(), "<warn> web1: a name with\\na line feed\n");
}

/* Without a name there still is a difference. */
static void test_no_name(void **state)
{
	(void)state;
	begin(20);
	log_set_name(NULL);
	log_error("one");
	log_relay_line("<error> two", 11);
	assert_string_equal(end(), "<error> one\n<error> worker: two\n");
}

static void test_pieces(void **state)
{
	static char longer[3 * LOG_LINE_MAX];
	int timeout = -1;

	(void)state;
	begin(20);
	print("one\ntw");
	log_relay_read();
	print("o\r\n\nthree");
	log_relay_read();
	/* It waits for the end of the line, but not for ever. */
	assert_true(log_relay_fd(&timeout) >= 0);
	assert_in_range(timeout, 0, 1000);
	log_relay_finish();
	assert_string_equal(end(), "web1 worker: one\nweb1 worker: two\nweb1 worker: \n"
				   "web1 worker: three\n");

	begin(20);
	memset(longer, 'x', sizeof(longer) - 1);
	print(longer);
	print("\nshort\n");
	log_relay_read();
	assert_non_null(strstr(end(), "xxx...\nweb1 worker: short\n"));
	assert_int_equal(count(said, "\n"), 2);
}

/* Whoever prints without end is held up, and cannot hold up the supervisor. */
static void test_flood(void **state)
{
	static char lines[4097];
	unsigned int turns;
	uint64_t start;
	int timeout = -1;

	(void)state;
	for (size_t i = 0; i < 4096; i++)
		lines[i] = i % 8 == 7 ? '\n' : 'x';
	begin(20);
	for (turns = 0; turns < 1000 && log_relay_fd(&timeout) >= 0; turns++) {
		print(lines);
		log_relay_read();
	}
	assert_in_range(turns, 2, 10);
	assert_in_range(timeout, 0, 20);
	/* The supervisor's own lines have room. */
	log_warn("own");
	start = now_ns();
	while (now_ns() - start < 1100000000u) {
		timeout = 50;
		log_outlet_tick(&timeout);
		usleep((useconds_t)timeout * 1000);
	}
	log_relay_finish();
	assert_in_range(count(end(), "web1 worker: xxxxxxx\n"), 900, 1030);
	assert_int_equal(count(said, "<warn> web1: own\n"), 1);
	assert_int_equal(count(said, "lines were left out of the log: too many in a second"), 1);

	begin(0);
	print(lines);
	log_relay_finish();
	assert_int_equal(count(end(), "web1 worker: xxxxxxx\n"), 512);
}

/* The process of a worker: what it has on its streams */
static void test_streams(void **state)
{
	char byte;
	int status;
	pid_t pid;

	(void)state;
	begin(20);
	pid = fork();
	if (!pid) {
		log_set_name("other");
		if (streams_detach() || read(STDIN_FILENO, &byte, 1) != 0)
			_exit(1);
		log_error("from the log's functions");
		(void)!write(STDOUT_FILENO, "out\n", 4);
		(void)!write(STDERR_FILENO, "err\n", 4);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
	log_relay_read();
	assert_string_equal(end(), "<error> web1 worker: from the log's functions\n"
				   "web1 worker: out\nweb1 worker: err\n");
}

/* Descriptors that are missing are /dev/null then, and no others are opened. */
static void test_missing(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	if (!pid) {
		int first = dup(STDIN_FILENO);

		close(first);
		for (int fd = 0; fd < 3; fd++)
			close(fd);
		if (streams_fill() || fcntl(0, F_GETFD) || fcntl(1, F_GETFD) ||
		    fcntl(2, F_GETFD) || write(1, "x", 1) != 1 || open("/dev/null", O_RDONLY) != first)
			_exit(1);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
}

/* In a process of its own: what the thread does with a reader that never reads */
static int print_to_nobody(void)
{
	char line[LOG_LINE_MAX];
	int fds[2];

	if (pipe(fds) || dup2(fds[1], STDERR_FILENO) < 0)
		return 1;
	log_set_name("web1");
	log_outlet_open(0);
	if (log_outlet_start())
		return 2;
	memset(line, 'x', sizeof(line));
	line[sizeof(line) - 1] = '\n';
	/* More than pipe and buffer hold */
	for (int i = 0; i < 1000; i++)
		log_outlet_print(line, sizeof(line));
	log_outlet_stop();
	return 0;
}

static void test_nobody(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	if (!pid) {
		alarm(30);
		_exit(print_to_nobody());
	}
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
}

/* All that was printed before the end is there, in its order. */
static void test_stop(void **state)
{
	char expected[32];
	const char *text;

	(void)state;
	begin(0);
	assert_int_equal(log_outlet_start(), 0);
	for (int i = 0; i < 1000; i++) {
		log_error("line %d", i);
		if (i % 50 == 49)
			usleep(2000);
	}
	log_outlet_stop();
	text = end();
	for (int i = 0; i < 1000; i++) {
		snprintf(expected, sizeof(expected), "<error> web1: line %d\n", i);
		assert_memory_equal(text, expected, strlen(expected));
		text += strlen(expected);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_marks),	cmocka_unit_test(test_no_name),
		cmocka_unit_test(test_pieces),	cmocka_unit_test(test_flood),
		cmocka_unit_test(test_streams), cmocka_unit_test(test_missing),
		cmocka_unit_test(test_nobody),	cmocka_unit_test(test_stop),
	};

	signal(SIGPIPE, SIG_IGN);
	if (log_relay_open())
		return 1;
	writer = find_writer();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
