// SPDX-License-Identifier: Apache-2.0
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <pty.h>
#include <regex.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "log.h"
#include "vaccel.h"

static char dir[] = "/tmp/vaccel-test-log.XXXXXX";

/* Makes the log's settings by way of the configuration, without the rest of a bootstrap. */
static void configure(unsigned int level, const char *file)
{
	struct vaccel_config config;

	vaccel_config_init(&config, NULL, (vaccel_log_level_t)level, file, false, false);
	assert_int_equal(vaccel_bootstrap_with_config(&config), VACCEL_OK);
	vaccel_config_release(&config);
}

static int reset(void **state)
{
	(void)state;
	vaccel_cleanup();
	slog_set_screen(STDOUT_FILENO);
	slog_init(NULL, SLOG_ERROR, 1);
	return 0;
}

static void log_all(void)
{
	vaccel_error("an %s", "error");
	vaccel_warn("a warning");
	vaccel_info("an info");
	vaccel_debug("a debug");
	vaccel_trace("a trace %d", 1);
	vaccel_fatal("a fatal");
}

static void test_levels(void **state)
{
	struct capture out;

	(void)state;
	for (unsigned int level = 1; level <= 4; level++) {
		const char *text;

		configure(level, NULL);
		capture_start(&out, STDOUT_FILENO);
		log_all();
		text = capture_end(&out);
		assert_int_equal(count(text, "\n"), level);
		assert_int_equal(count(text, "<error> an error\n"), 1);
		assert_int_equal(count(text, "<warn> a warning\n"), level >= 2);
		assert_int_equal(count(text, "<info> an info\n"), level >= 3);
		assert_int_equal(count(text, "<debug> a debug\n"), level >= 4);
	}
}

/* What programs of slog use besides functions; sizes are those of their buffers. */
static void test_slog_constants(void **state)
{
	struct capture out;
	char line[16];

	(void)state;
	assert_int_equal(SLOG_MESSAGE_MAX, 8196);
	assert_int_equal(SLOG_VERSION_MAX, 128);
	assert_int_equal(SLOG_DATE_MAX, 64);
	assert_int_equal(SLOG_TAG_MAX, 32);
	assert_string_equal(SLOG_CLR_RED "text" SLOG_CLR_RESET, "\033[31mtext\033[0m");
	assert_string_equal(SLOG_CLR_NORMAL SLOG_CLR_GREEN SLOG_CLR_YELLOW SLOG_CLR_BLUE,
			    "\033[0m\033[32m\033[33m\033[34m");
	assert_string_equal(SLOG_CLR_MAGENTA SLOG_CLR_CYAN SLOG_CLR_WHITE,
			    "\033[35m\033[36m\033[37m");
	assert_string_equal(SLOG_TRACE_LVL1(__LINE__), "__LINE__");
	snprintf(line, sizeof(line), ":%d] ", __LINE__ + 1);
	assert_contains(SLOG_THROW_LOCATION, line);
	assert_contains(SLOG_THROW_LOCATION, "test_log.c:");
	assert_true(strlen(slog_version(0)) < SLOG_VERSION_MAX);

	slog_init(NULL, SLOG_NOTAG, 1);
	capture_start(&out, STDOUT_FILENO);
	slogwn("no newline, %d", 1);
	assert_contains(capture_end(&out), " - no newline, 1");
	assert_int_equal(out.text[strlen(out.text) - 1], '1');
}

static void test_bad_levels(void **state)
{
	static const unsigned int levels[] = { 0, 5, 4000000000u };
	struct capture out;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		const char *text;

		capture_start(&out, STDOUT_FILENO);
		configure(levels[i], NULL);
		log_all();
		text = capture_end(&out);
		assert_contains(text, "Log level");
		assert_contains(text, "<error> an error\n");
		assert_int_equal(count(text, "\n"), 2);
		assert_int_equal(vaccel_config()->log_level, levels[i]);
	}
}

static void test_format(void **state)
{
	struct capture out;
	const char *text;
	regex_t re;

	(void)state;
	assert_int_equal(regcomp(&re,
				 "^[0-9]{4}\\.[0-9]{2}\\.[0-9]{2}-[0-9]{2}:[0-9]{2}:[0-9]{2}\\."
				 "[0-9]{2} - <error> text 7\n$",
				 REG_EXTENDED),
			 0);
	capture_start(&out, STDOUT_FILENO);
	vaccel_error("text %d", 7);
	text = capture_end(&out);
	if (regexec(&re, text, 0, NULL, 0))
		fail_msg("wrong format: %s", text);
	regfree(&re);
}

static void test_long_and_empty(void **state)
{
	static char text[20000];
	struct capture out;
	const char *got;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	errno = 77;
	capture_start(&out, STDOUT_FILENO);
	vaccel_error("%s", text);
	got = capture_end(&out);
	assert_int_equal(count(got, "\n"), 1);
	assert_in_range(strlen(got), 8195, 8300);
	assert_int_equal(got[strlen(got) - 1], '\n');

	errno = 77;
	capture_start(&out, STDOUT_FILENO);
	errno = 77;
	vaccel_error("%s", "");
	assert_int_equal(errno, 77);
	slog_print(SLOG_ERROR, 1, NULL);
	assert_contains(capture_end(&out), "<error> \n");
}

static void test_order_with_stdio(void **state)
{
	struct capture out;
	const char *text;

	(void)state;
	capture_start(&out, STDOUT_FILENO);
	printf("first\n");
	vaccel_error("second");
	printf("third\n");
	text = capture_end(&out);
	assert_true(strstr(text, "first") < strstr(text, "second"));
	assert_true(strstr(text, "second") < strstr(text, "third"));
}

/* A line is in the pipe when the call returns. */
static void test_prompt(void **state)
{
	char buf[256];
	int fds[2], saved;
	ssize_t n;

	(void)state;
	assert_int_equal(pipe2(fds, O_NONBLOCK), 0);
	fflush(stdout);
	saved = dup(STDOUT_FILENO);
	dup2(fds[1], STDOUT_FILENO);
	vaccel_error("now");
	n = read(fds[0], buf, sizeof(buf));
	dup2(saved, STDOUT_FILENO);
	close(saved);
	close(fds[0]);
	close(fds[1]);
	assert_true(n > 4);
	assert_memory_equal(buf + n - 4, "now\n", 4);
}

/* A stream that takes nothing loses the line; the caller goes on. */
static void test_stuck(void **state)
{
	static char block[4096];
	int fds[2], saved;

	(void)state;
	assert_int_equal(pipe2(fds, O_NONBLOCK), 0);
	while (write(fds[1], block, sizeof(block)) > 0)
		;
	fflush(stdout);
	saved = dup(STDOUT_FILENO);
	dup2(fds[1], STDOUT_FILENO);
	errno = 77;
	vaccel_error("lost");
	assert_int_equal(errno, 77);
	dup2(saved, STDOUT_FILENO);
	close(fds[0]);
	close(fds[1]);

	/* Nor does a closed one harm. */
	close(STDOUT_FILENO);
	vaccel_error("lost");
	dup2(saved, STDOUT_FILENO);
	close(saved);
}

static void test_stderr(void **state)
{
	struct capture out, err;

	(void)state;
	capture_start(&out, STDOUT_FILENO);
	capture_start(&err, STDERR_FILENO);
	configure(1, "/dev/stderr");
	log_all();
	assert_contains(capture_end(&err), "<error> an error\n");
	assert_string_equal(capture_end(&out), "");

	capture_start(&out, STDOUT_FILENO);
	capture_start(&err, STDERR_FILENO);
	configure(1, "/dev/stdout");
	log_all();
	assert_string_equal(capture_end(&err), "");
	assert_contains(capture_end(&out), "<error> an error\n");
}

/* Reads "NAME-date.log", which must exist, and removes it. */
static void read_log(const char *name, char *text, size_t size)
{
	char path[300];
	time_t now = time(NULL);
	struct tm tm;
	FILE *file;

	localtime_r(&now, &tm);
	snprintf(path, sizeof(path), "%s-%04d-%02d-%02d.log", name, tm.tm_year + 1900,
		 tm.tm_mon + 1, tm.tm_mday);
	file = fopen(path, "r");
	if (!file)
		fail_msg("there is no %s", path);
	text[fread(text, 1, size - 1, file)] = '\0';
	fclose(file);
	unlink(path);
}

static void test_file(void **state)
{
	char name[64], text[4096];
	struct capture out;

	(void)state;
	snprintf(name, sizeof(name), "%s/absolute", dir);
	capture_start(&out, STDOUT_FILENO);
	configure(2, name);
	log_all();
	vaccel_error("again");
	assert_string_equal(capture_end(&out), "");
	read_log(name, text, sizeof(text));
	assert_int_equal(count(text, "\n"), 3);
	assert_contains(text, " - <error> an error\n");
	assert_contains(text, " - <warn> a warning\n");
	assert_contains(text, " - <error> again\n");

	capture_start(&out, STDOUT_FILENO);
	configure(1, "relative");
	log_all();
	assert_string_equal(capture_end(&out), "");
	read_log("./relative", text, sizeof(text));
	assert_contains(text, " - <error> an error\n");
}

static void test_bad_file(void **state)
{
	struct capture out;
	char name[3000];
	const char *text;

	(void)state;
	snprintf(name, sizeof(name), "%s/missing/name", dir);
	capture_start(&out, STDOUT_FILENO);
	configure(2, name);
	log_all();
	log_all();
	text = capture_end(&out);
	assert_int_equal(count(text, "Cannot open log file"), 1);
	assert_int_equal(count(text, "<error> an error\n"), 2);

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	capture_start(&out, STDOUT_FILENO);
	configure(1, name);
	vaccel_error("still here");
	assert_contains(capture_end(&out), "still here");

	capture_start(&out, STDOUT_FILENO);
	configure(1, "/tmp/");
	vaccel_error("still here");
	assert_contains(capture_end(&out), "still here");
}

/* What a terminal gets to see of a line */
static void print_to(int tty, int pty, SLOG_FLAGS_E flag, char *text, size_t size)
{
	int saved = dup(STDOUT_FILENO);
	ssize_t n;

	fflush(stdout);
	dup2(tty, STDOUT_FILENO);
	slog_print(flag, 1, "x");
	dup2(saved, STDOUT_FILENO);
	close(saved);
	n = read(pty, text, size - 1);
	assert_true(n > 0);
	text[n] = '\0';
}

static void test_color(void **state)
{
	static const struct {
		SLOG_FLAGS_E flag;
		const char *tag;
	} tags[] = {
		{ SLOG_ERROR, "\033[31m<error>\033[0m x" },
		{ SLOG_WARN, "\033[33m<warn>\033[0m x" },
		{ SLOG_INFO, "\033[32m<info>\033[0m x" },
		{ SLOG_DEBUG, "\033[34m<debug>\033[0m x" },
		{ SLOG_TRACE, "\033[36m<trace>\033[0m x" },
		{ SLOG_FATAL, "\033[35m<fatal>\033[0m x" },
		{ SLOG_NOTE, "- <note> x" },
		{ SLOG_NOTAG, "- x" },
	};
	SLogConfig config;
	char buf[256];
	int pty, tty;

	(void)state;
	if (openpty(&pty, &tty, NULL, NULL, NULL))
		skip();
	slog_init(NULL, SLOG_FLAGS_ALL, 1);
	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
		print_to(tty, pty, tags[i].flag, buf, sizeof(buf));
		assert_contains(buf, tags[i].tag);
	}

	/* Who does not want colours has none. */
	setenv("NO_COLOR", "1", 1);
	print_to(tty, pty, SLOG_ERROR, buf, sizeof(buf));
	assert_contains(buf, "- <error> x");
	assert_null(strchr(buf, '\033'));
	/* Set, but empty, it means nothing. */
	setenv("NO_COLOR", "", 1);

	slog_config_get(&config);
	config.eColorFormat = SLOG_COLOR_FULL;
	config.nTraceTid = 1;
	slog_config_set(&config);
	print_to(tty, pty, SLOG_ERROR, buf, sizeof(buf));
	assert_memory_equal(buf, "\033[31m(", 6);
	assert_contains(buf, "<error> x\033[0m");
	close(tty);
	close(pty);
}

static void test_slog(void **state)
{
	SLogConfig config;
	struct capture out;
	const char *text;

	(void)state;
	assert_string_equal(slog_version(1), "1.8.22");
	assert_true(strlen(slog_version(0)) > 6);
	slog_init("name", SLOG_ERROR | SLOG_TRACE, 0);
	slog_config_get(&config);
	assert_string_equal(config.sFileName, "name");
	assert_int_equal(config.nFlags, SLOG_ERROR | SLOG_TRACE);
	assert_int_equal(config.nToScreen, 1);
	assert_int_equal(config.nToFile, 0);
	slog_config_get(NULL);
	slog_config_set(NULL);

	capture_start(&out, STDOUT_FILENO);
	slog_trace("where");
	slog_disable(SLOG_TRACE);
	slog_trace("not any more");
	slog_enable(SLOG_INFO);
	slog_info_wn("one");
	slog_print((SLOG_FLAGS_E)3, 1, "no such kind");
	text = capture_end(&out);
	assert_contains(text, "<trace> [");
	assert_contains(text, "test_log.c:");
	assert_contains(text, "] where\n");
	assert_contains(text, "<info> one");
	assert_lacks(text, "one\n");
	assert_lacks(text, "not any more");
	assert_lacks(text, "no such kind");
	slog_destroy();
	assert_int_equal(vaccel_log_shutdown(), VACCEL_OK);
}

static void *log_lines(void *arg)
{
	for (int i = 0; i < 200; i++)
		vaccel_error("thread %s %s line", (const char *)arg, (const char *)arg);
	return NULL;
}

/* Lines of threads and processes on one stream stay whole. */
static void test_many_writers(void **state)
{
	static char names[4][2] = { "0", "1", "2", "3" };
	char path[64], line[256], expected[64];
	pthread_t threads[4];
	unsigned int nr = 0;
	int fd, saved, status;
	FILE *file;
	pid_t child;

	(void)state;
	snprintf(path, sizeof(path), "%s/many", dir);
	fflush(stdout);
	saved = dup(STDOUT_FILENO);
	fd = open(path, O_CREAT | O_RDWR | O_TRUNC, 0600);
	dup2(fd, STDOUT_FILENO);
	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, log_lines, names[i]);
	child = fork();
	if (!child) {
		log_lines(names[0]);
		/* Not _exit, where the thread sanitizer misses the parent's threads. */
		execl("/bin/true", "true", NULL);
		_exit(1);
	}
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	waitpid(child, &status, 0);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	close(fd);
	assert_int_equal(status, 0);

	file = fopen(path, "r");
	while (fgets(line, sizeof(line), file)) {
		const char *text = strstr(line, "<error> thread ");

		assert_non_null(text);
		snprintf(expected, sizeof(expected), "<error> thread %c %c line\n", text[15],
			 text[15]);
		assert_string_equal(text, expected);
		nr++;
	}
	fclose(file);
	unlink(path);
	assert_int_equal(nr, 5 * 200);
}

/* What others chose cannot end the line, or steer a terminal; the program's own line feed can. */
static void test_clean(void **state)
{
	static const char forged[] = "x\n2026.01.01-00:00:00.00 - <error> forged\033[2J\xff";
	struct capture out;
	char text[4096];
	const char *got;

	(void)state;
	capture_start(&out, STDOUT_FILENO);
	vaccel_error("cannot read %s: it is bad", forged);
	vaccel_error("%s", "ends\n");
	vaccel_error("own %s\n", "ends\n");
	slog_print(SLOG_ERROR, 0, "%s", "a\n");
	slog_print(SLOG_ERROR, 0, "b\n");
	got = capture_end(&out);
	assert_contains(got, "<error> cannot read x\\n2026.01.01-00:00:00.00 - <error> forged"
			     "\\x1b[2J\\xff: it is bad\n");
	assert_contains(got, "<error> ends\\n\n");
	assert_contains(got, "<error> own ends\\n\n\n");
	assert_contains(got, "<error> a\\n20");
	assert_contains(got, "<error> b\n");
	assert_int_equal(count(got, "\n"), 5);

	configure(1, "relative");
	vaccel_error("%s", forged);
	read_log("./relative", text, sizeof(text));
	assert_int_equal(count(text, "\n"), 1);
	assert_contains(text, "\\x1b[2J\\xff\n");
}

/* Bytes that all become longer do not fit any more. */
static void test_clean_long(void **state)
{
	static char text[SLOG_MAXMSG];
	struct capture out;
	const char *got;

	(void)state;
	memset(text, '\033', sizeof(text) - 1);
	capture_start(&out, STDOUT_FILENO);
	vaccel_error("%s", text);
	got = capture_end(&out);
	assert_in_range(strlen(got), 8180, 8300);
	assert_string_equal(got + strlen(got) - 8, "\\x1b...\n");
}

static bool is_pending(int sig)
{
	sigset_t set;

	sigpending(&set);
	return sigismember(&set, sig);
}

/* Nobody reads any more: the program goes on, and gets the signals of others as before. */
static void test_dead_reader(void **state)
{
	sigset_t set, old;
	int fds[2], saved;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	close(fds[0]);
	fflush(stdout);
	saved = dup(STDOUT_FILENO);
	dup2(fds[1], STDOUT_FILENO);
	signal(SIGPIPE, SIG_DFL);
	errno = 77;
	vaccel_error("lost");
	printf("lost, too\n");
	vaccel_error("lost");
	assert_int_equal(errno, 77);
	assert_false(is_pending(SIGPIPE));

	/* Where the program holds it back itself */
	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	sigprocmask(SIG_BLOCK, &set, &old);
	vaccel_error("lost");
	assert_false(is_pending(SIGPIPE));
	raise(SIGPIPE);
	vaccel_error("lost");
	assert_true(is_pending(SIGPIPE));
	signal(SIGPIPE, SIG_IGN);
	sigprocmask(SIG_SETMASK, &old, NULL);
	signal(SIGPIPE, SIG_DFL);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	close(fds[1]);
	clearerr(stdout);
	vaccel_error("here again");
}

/* Files may not grow: the line is lost, and nothing else. */
static void test_full_file(void **state)
{
	struct rlimit limit, none = { 0 };
	char text[4096];

	(void)state;
	signal(SIGXFSZ, SIG_DFL);
	configure(1, "relative");
	vaccel_error("first");
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	none.rlim_max = limit.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	vaccel_error("lost");
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_false(is_pending(SIGXFSZ));
	vaccel_error("third");
	read_log("./relative", text, sizeof(text));
	assert_contains(text, "first\n");
	assert_contains(text, "third\n");
	assert_int_equal(count(text, "\n"), 2);
}

static void test_limit(void **state)
{
	struct capture out;
	const char *got;

	(void)state;
	assert_int_equal(setenv("VACCEL_LOG_LINES", "1", 1), 0);
	configure(1, NULL);
	capture_start(&out, STDOUT_FILENO);
	for (int i = 0; i < 1000; i++)
		vaccel_error("a line");
	got = capture_end(&out);
	/* On a slow machine some more */
	assert_in_range(count(got, "a line"), 50, 60);
	assert_int_equal(count(got, "some are left out from here on"), 1);

	/* The next line that may be there has the number of those that may not. */
	sleep(2);
	capture_start(&out, STDOUT_FILENO);
	vaccel_error("a line");
	got = capture_end(&out);
	assert_int_equal(count(got, "a line"), 1);
	assert_contains(got, "lines were left out of the log");

	setenv("VACCEL_LOG_LINES", "many", 1);
	capture_start(&out, STDOUT_FILENO);
	configure(1, NULL);
	for (int i = 0; i < 100; i++)
		vaccel_error("a line");
	got = capture_end(&out);
	assert_contains(got, "VACCEL_LOG_LINES=many is not a number");
	assert_int_equal(count(got, "a line"), 100);
	unsetenv("VACCEL_LOG_LINES");
	configure(1, NULL);
}

static int make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) && !chdir(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	(void)state;
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_levels, reset),
		cmocka_unit_test_setup(test_slog_constants, reset),
		cmocka_unit_test_setup(test_bad_levels, reset),
		cmocka_unit_test_setup(test_format, reset),
		cmocka_unit_test_setup(test_long_and_empty, reset),
		cmocka_unit_test_setup(test_order_with_stdio, reset),
		cmocka_unit_test_setup(test_prompt, reset),
		cmocka_unit_test_setup(test_stuck, reset),
		cmocka_unit_test_setup(test_stderr, reset),
		cmocka_unit_test_setup(test_file, reset),
		cmocka_unit_test_setup(test_bad_file, reset),
		cmocka_unit_test_setup(test_color, reset),
		cmocka_unit_test_setup(test_slog, reset),
		cmocka_unit_test_setup(test_many_writers, reset),
		cmocka_unit_test_setup(test_clean, reset),
		cmocka_unit_test_setup(test_clean_long, reset),
		cmocka_unit_test_setup(test_dead_reader, reset),
		cmocka_unit_test_setup(test_full_file, reset),
		cmocka_unit_test_setup(test_limit, reset),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
