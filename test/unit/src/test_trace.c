// SPDX-License-Identifier: Apache-2.0
/* Traces: what is in the file, and what happens when it cannot be written. Each trace has a process of its own. */
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "trace.h"
#include "trace_file.h"
#include "transport/clock.h"
#include "vaccel.h"

static char dir[] = "/tmp/test-trace-XXXXXX";
static char file[80];

/* Whether check-trace finds the rules of the format followed, and what its further arguments ask for */
static bool is_right(const char *path, const char *arguments)
{
	char command[1024];

	snprintf(command, sizeof(command), "python3 " CHECK_TRACE " '%s' %s", path, arguments);
	return system(command) == 0;
}

static void start(const char *name)
{
	struct vaccel_config config;

	setenv("VACCEL_TRACE", name, 1);
	vaccel_config_init(&config, PLUGIN_DIR "/libunit-good.so", VACCEL_LOG_ERROR, NULL, false, false);
	assert_int_equal(vaccel_bootstrap_with_config(&config), VACCEL_OK);
	vaccel_config_release(&config);
}

static void run_noops(int nr)
{
	struct vaccel_session sess;

	assert_int_equal(vaccel_session_init(&sess, 0), VACCEL_OK);
	while (nr--)
		assert_int_equal(vaccel_noop(&sess), VACCEL_OK);
	assert_int_equal(vaccel_session_release(&sess), VACCEL_OK);
}

static void add(const char *text)
{
	const struct vaccel_trace_span span = { .name = text, .start = 2000, .end = 3001, .bytes = 5, .result = 22 };

	vaccel_trace_spans(&span, 1);
}

static const char *self; /* this program; /proc/self/exe may be valgrind */

/* Runs a part of the test as a program of its own: an assertion that fails ends that. Return: its exit status. */
static int in_child(const char *part, const char *argument)
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid) {
		execl(self, self, part, argument, NULL);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int make_dir(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(file, sizeof(file), "%s/trace.json", dir);
	return 0;
}

static int remove_dir(void **state)
{
	char command[96];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

static int remove_files(void **state)
{
	char command[96];

	(void)state;
	snprintf(command, sizeof(command), "rm -f %s/*", dir);
	return system(command);
}

/* ---- What is in it --------------------------------------------------------------------------- */

static void test_escape(void **state)
{
	static const struct {
		const char *name, *text;
	} cases[] = {
		{ "plain", "plain" },
		{ "", "" },
		{ "a\"b\\c", "a\\\"b\\\\c" },
		{ "\n\t\x1b\x7f", "\\u000a\\u0009\\u001b\\u007f" },
		{ "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80" },
		/* A stray byte; one cut off; too long a form; half of a surrogate pair; beyond Unicode */
		{ "x\x80y", "x\\ufffdy" },
		{ "\xe2\x82", "\\ufffd\\ufffd" },
		{ "\xc0\xaf", "\\ufffd\\ufffd" },
		{ "\xed\xa0\x80", "\\ufffd\\ufffd\\ufffd" },
		{ "\xf4\x90\x80\x80", "\\ufffd\\ufffd\\ufffd\\ufffd" },
	};
	char text[TRACE_ESCAPED_MAX], longest[TRACE_NAME];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		trace_file_escape(text, cases[i].name);
		assert_string_equal(text, cases[i].text);
	}
	memset(longest, 1, sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	trace_file_escape(text, longest);
	assert_int_equal(strlen(text), 6 * (sizeof(longest) - 1));
}

static void make_spans(void)
{
	struct vaccel_trace_span async[] = {
		{ .name = "outer", .start = 5000, .end = 9000, .async = 7 },
		{ .name = "inner", .start = 6000, .end = 7000, .async = 7 },
		{ .name = "backwards", .start = 20000, .end = 10000 },
	};

	start(file);
	assert_true(vaccel_trace_enabled());
	run_noops(3);
	add("a\"b\\c\nd");
	add("\xff");
	add(NULL);
	add("0123456789012345678901234567890 and more");
	vaccel_trace_spans(async, 3);
	vaccel_trace_spans(NULL, 3);
	vaccel_trace_pause(true);
	assert_false(vaccel_trace_enabled());
	run_noops(1);
	vaccel_trace_pause(false);
	/* Written, and a trace goes on after that. */
	assert_int_equal(vaccel_cleanup(), VACCEL_OK);
	start(file);
	run_noops(1);
}

static void test_spans(void **state)
{
	(void)state;
	assert_int_equal(in_child("make_spans", file), 0);
	assert_true(is_right(file, "--calls NOOP=4 --calls 'a\"b\\c\nd=1' --calls '\xef\xbf\xbd=1' --calls =1 "
				   "--calls 0123456789012345678901234567890=1 --calls outer=1 --calls inner=1 "
				   "--calls backwards=1"));
	/* The check can fail. */
	assert_false(is_right(file, "--calls NOOP=5"));
	assert_false(is_right(file, "--host"));
}

/* Its clock is the kernel's, on whatever it is read. */
static void look_at_clock(void)
{
	uint64_t before, now, after, last = 0;

	start(file);
	for (int i = 0; i < 200000; i++) {
		before = now_ns();
		now = vaccel_trace_now();
		after = now_ns();
		assert_true(now + 1000 >= before && now <= after + 1000);
		assert_true(now > last);
		last = now;
		/* Gaps of all lengths */
		if (i % 1000 == 0)
			usleep((useconds_t)(i / 200));
	}
}

static void test_clock(void **state)
{
	(void)state;
	assert_int_equal(in_child("look_at_clock", file), 0);
}

static void make_too_many(void)
{
	start(file);
	for (unsigned int i = 0; i < TRACE_SPANS + 10; i++)
		add(i < 10 ? "old" : "new");
}

static void test_bound(void **state)
{
	char arguments[64];

	(void)state;
	assert_int_equal(in_child("make_too_many", file), 0);
	snprintf(arguments, sizeof(arguments), "--calls old=0 --calls new=%u --lost 10", TRACE_SPANS);
	assert_true(is_right(file, arguments));
}

static void make_nothing(void)
{
	unsetenv("VACCEL_TRACE");
	assert_int_equal(vaccel_bootstrap(), VACCEL_OK);
	assert_false(vaccel_trace_enabled());
	assert_int_equal(vaccel_trace_start(), 0);
	assert_int_equal(trace_start(), 0);
	add("nowhere");
	vaccel_trace_host_clock(1, 1);
	vaccel_trace_add_call(&(struct vaccel_trace_call){ .begun = 1 });
	vaccel_trace_pause(false);
	assert_false(vaccel_trace_enabled());
	start(""); /* as good as none */
	assert_false(vaccel_trace_enabled());
}

static void test_none(void **state)
{
	(void)state;
	assert_int_equal(in_child("make_nothing", file), 0);
	assert_int_equal(access(file, F_OK), -1);
}

static void make_calls(void)
{
	struct vaccel_trace_call call = {
		.name = "call", .begun = 1000, .sent = 2000, .answered = 8000, .ended = 9000,
		.taken = 3000, .started = 4000, .finished = 6000, .replied = 7000, .bytes = 5,
	};

	start(file);
	vaccel_trace_host_clock(-5, 3);
	vaccel_trace_add_call(&call);
	vaccel_trace_add_call(NULL);
	/* What a host cannot have done is left out: before it was asked, and after it has answered. */
	call.taken = 1999;
	vaccel_trace_add_call(&call);
	call.taken = 3000;
	call.replied = 8001;
	vaccel_trace_add_call(&call);
	call.replied = UINT64_MAX;
	vaccel_trace_add_call(&call);
}

static void test_calls(void **state)
{
	(void)state;
	assert_int_equal(in_child("make_calls", file), 0);
	assert_true(is_right(file, "--calls call=4 --calls encode=4 --calls 'driver wait=4' --calls outputs=4 "
				   "--calls queue=1 --calls decode=1 --calls engine=1 --calls reply=1"));
}

/* A call that ends with its operation is one record with it; any other is there all the same. */
static void make_op_calls(void)
{
	struct vaccel_trace_call call = { .bytes = 5 };

	start(file);
	for (int i = 0; i < 5; i++) {
		const uint64_t begin = trace_start();

		call.begun = vaccel_trace_start();
		assert_int_equal(call.begun, begin + 1);
		call.sent = call.answered = call.ended = call.begun + 100;
		vaccel_trace_add_call(&call);
		usleep(10); /* so that the times above have passed */
		if (i == 1) /* a second call of the same operation */
			vaccel_trace_add_call(&(struct vaccel_trace_call){ .begun = call.ended + 1, .ended = call.ended + 50 });
		if (i == 2) /* an end that is not the call's */
			trace_op(VACCEL_OP_NOOP, begin, call.ended + 500, 0, 0);
		else if (i == 3) /* none: the next one comes */
			continue;
		else
			trace_op(VACCEL_OP_NOOP, begin, trace_end(begin, true), 0, 0);
	}
	/* Within a pause nothing waits for its end. */
	call.begun = trace_start() ? vaccel_trace_start() : 0;
	call.sent = call.answered = call.ended = call.begun + 100;
	vaccel_trace_add_call(&call);
	vaccel_trace_pause(true);
	trace_op(VACCEL_OP_NOOP, call.begun - 1, call.ended + 1, 0, 0);
	vaccel_trace_pause(false);
}

static void test_op_calls(void **state)
{
	(void)state;
	assert_int_equal(in_child("make_op_calls", file), 0);
	assert_true(is_right(file, "--calls NOOP=4 --calls encode=6 --calls 'driver wait=6' --calls outputs=6"));
}

static void make_otlp(void)
{
	struct vaccel_trace_call call = {
		.answered = 8000, .taken = 3000, .started = 4000, .finished = 6000, .replied = 7000, .bytes = 5,
	};

	start(file);
	run_noops(300);
	add("a\"b\\c\nd");
	/* A call within an operation, and one with none around */
	call.begun = trace_start() ? vaccel_trace_start() : 0;
	call.sent = call.taken = call.started = call.begun + 10;
	call.finished = call.replied = call.answered = call.ended = call.begun + 20;
	vaccel_trace_add_call(&call);
	trace_op(VACCEL_OP_EXEC, call.begun - 1, trace_end(call.begun - 1, true), VACCEL_EPERM, 0);
	call.name = "SESSION_INIT";
	vaccel_trace_add_call(&call);
	vaccel_trace_host_clock(1, 1);
	/* In two parts */
	assert_int_equal(vaccel_cleanup(), VACCEL_OK);
	start(file);
	run_noops(1);
}

static void test_otlp(void **state)
{
	char name[96], command[512];

	(void)state;
	snprintf(name, sizeof(name), "%s.jsonl", file);
	assert_int_equal(in_child("make_otlp", name), 0);
	snprintf(command, sizeof(command), "python3 " CHECK_OTLP " '%s' --spans NOOP=301 --spans 'a\"b\\c\nd=1' "
		 "--spans EXEC=1 --spans SESSION_INIT=1 --spans encode=2 --spans engine=2 --under engine='driver wait'",
		 name);
	assert_int_equal(system(command), 0);
}

/* ---- What goes wrong ------------------------------------------------------------------------- */

static void use_bad_path(void)
{
	start(file);
	assert_false(vaccel_trace_enabled());
	run_noops(2);
	assert_int_equal(vaccel_cleanup(), VACCEL_OK);
	start(file);
	run_noops(2);
}

static void test_bad_paths(void **state)
{
	static const char *const paths[] = { "/dev/full", "/no/such/directory/trace", "/", dir };
	static struct capture out;

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		int ret;

		capture_start(&out, STDOUT_FILENO);
		ret = in_child("use_bad_path", paths[i]);
		assert_int_equal(count(capture_end(&out), "\n"), 1);
		assert_int_equal(ret, 0);
		assert_non_null(strstr(out.text, "<error> Cannot write the trace VACCEL_TRACE="));
		assert_non_null(strstr(out.text, paths[i]));
		assert_non_null(strstr(out.text, "the program goes on without it"));
	}
}

/* A disk that becomes full: the file ends before what did not fit, and nobody is killed. */
static void fill_disk(void)
{
	const struct rlimit limit = { .rlim_cur = 100000, .rlim_max = 100000 };

	setrlimit(RLIMIT_FSIZE, &limit);
	start(file);
	for (int i = 0; i < 10000; i++)
		add("span");
	assert_int_equal(vaccel_cleanup(), VACCEL_OK);
	assert_false(vaccel_trace_enabled());
	start(file);
	run_noops(1);
}

static void test_full_disk(void **state)
{
	static struct capture out;
	struct stat st;
	int ret;

	(void)state;
	capture_start(&out, STDOUT_FILENO);
	ret = in_child("fill_disk", file);
	assert_int_equal(count(capture_end(&out), "\n"), 1);
	assert_int_equal(ret, 0);
	assert_non_null(strstr(out.text, "File too large; the program goes on without it"));
	assert_int_equal(stat(file, &st), 0);
	assert_true(st.st_size > 30000 && st.st_size <= 100000);
	assert_true(is_right(file, ""));
}

/* Who closes all descriptors gets the numbers again. */
static void close_all(void)
{
	char other[96];
	int fd;

	snprintf(other, sizeof(other), "%s.other", file);
	start(file);
	run_noops(1);
	for (int i = 3; i < 100; i++)
		close(i);
	for (int i = 3; i < 20; i++) {
		fd = open(other, O_CREAT | O_RDWR | O_APPEND, 0600);
		assert_true(fd >= 0);
	}
	assert_int_equal(write(fd, "mine", 4), 4);
	trace_write();
	assert_false(vaccel_trace_enabled());
}

static void test_closed(void **state)
{
	char other[96];
	struct stat st;

	(void)state;
	snprintf(other, sizeof(other), "%s.other", file);
	assert_int_equal(in_child("close_all", file), 0);
	assert_int_equal(stat(other, &st), 0);
	assert_int_equal(st.st_size, 4);
}

/* ---- Several processes ----------------------------------------------------------------------- */

static void run_another(void)
{
	start(file);
	run_noops(5);
}

static void be_parent(void)
{
	char own[112];
	pid_t pid;
	int status;

	start(file);
	run_noops(2);
	pid = fork();
	if (!pid) {
		run_noops(1);
		exit(0);
	}
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
	snprintf(own, sizeof(own), "%s.%d", file, (int)pid);
	assert_true(is_right(own, "--calls NOOP=1"));

	/* One that starts the library anew, and another one that has nothing to do with this one */
	pid = fork();
	if (!pid) {
		run_another();
		exit(0);
	}
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
	snprintf(own, sizeof(own), "%s.%d", file, (int)pid);
	assert_true(is_right(own, "--calls NOOP=5"));
}

static void test_fork(void **state)
{
	(void)state;
	assert_int_equal(in_child("be_parent", file), 0);
	assert_true(is_right(file, "--calls NOOP=2"));
}

/* Nobody writes to its parent's file any more when this child ends. */
static void leave_orphan(void)
{
	pid_t parent = getpid();

	start(file);
	run_noops(2);
	if (fork())
		return;
	for (int i = 0; i < 1000 && getppid() == parent; i++)
		usleep(10000);
	run_noops(3);
}

static void test_orphan(void **state)
{
	char command[256];
	int alive[2];

	(void)state;
	/* Its end is seen by the end of this, which it inherits. */
	assert_int_equal(pipe(alive), 0);
	assert_int_equal(in_child("leave_orphan", file), 0);
	close(alive[1]);
	assert_int_equal(read(alive[0], command, 1), 0);
	close(alive[0]);
	assert_true(is_right(file, "--calls NOOP=2"));
	snprintf(command, sizeof(command), "mv %s.[0-9]* %s.own", file, file);
	assert_int_equal(system(command), 0);
	snprintf(command, sizeof(command), "%s.own", file);
	assert_true(is_right(command, "--calls NOOP=3"));
}

static void test_locked(void **state)
{
	struct trace_file other = { .fd = -1 };
	char command[256];

	(void)state;
	assert_int_equal(trace_file_open(&other, file), 0);
	assert_int_equal(in_child("run_another", file), 0);
	snprintf(command, sizeof(command), "mv %s.[0-9]* %s.own", file, file);
	assert_int_equal(system(command), 0);
	snprintf(command, sizeof(command), "%s.own", file);
	assert_true(is_right(command, "--calls NOOP=5"));
	assert_true(is_right(file, "--calls NOOP=0"));
	trace_file_close(&other);

	/* What an earlier process has left is overwritten. */
	assert_int_equal(in_child("run_another", file), 0);
	assert_true(is_right(file, "--calls NOOP=5"));
}

static int run_part(const char *name)
{
#define PART(part) { #part, part }
	static const struct {
		const char *name;
		void (*run)(void);
	} parts[] = {
		PART(make_spans), PART(make_op_calls), PART(look_at_clock), PART(make_otlp), PART(make_too_many), PART(make_nothing), PART(make_calls), PART(use_bad_path),
		PART(fill_disk), PART(close_all), PART(be_parent), PART(leave_orphan), PART(run_another),
	};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (strcmp(name, parts[i].name) == 0) {
			parts[i].run();
			return 0;
		}
	}
	return 1;
}

int main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_teardown(name, remove_files)
	const struct CMUnitTest tests[] = {
		TEST(test_escape), TEST(test_spans), TEST(test_bound), TEST(test_none), TEST(test_calls), TEST(test_op_calls), TEST(test_clock),
		TEST(test_otlp),
		TEST(test_bad_paths), TEST(test_full_disk), TEST(test_closed), TEST(test_fork), TEST(test_orphan), TEST(test_locked),
	};

	self = argv[0];
	if (argc == 3) {
		snprintf(file, sizeof(file), "%s", argv[2]);
		return run_part(argv[1]);
	}
	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
