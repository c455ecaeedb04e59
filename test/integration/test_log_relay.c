// SPDX-License-Identifier: Apache-2.0
/*
 * The host's log, which a guest, a front end or a plugin would like to fill or to forge, and whose
 * reader may be slow, dead, or none.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "plugins/virtio/native_proto.h"
#include "support.h"
#include "transport/clock.h"
#include "vaccel.h"

#define WAIT_MS 20000
/* The rule's default, and what there may be at once after a silence */
#define LINES 20
#define LINE_BYTES 200
#define BURST (50 * LINES)

static const char *program; /* vhost-user-accel itself */
static struct daemon host;
static struct vaccel_session sess;
static uint64_t started_ns;

/* Starts the host by way of a script that says, before it becomes the host, what is in @shell. */
static void start_host(const char *shell, const char *const *args)
{
	const char *all[16] = { "--allow=exec", "--name=web1" };
	char script[160];
	FILE *f;

	for (size_t i = 0; args && args[i]; i++)
		all[i + 2] = args[i];
	snprintf(script, sizeof(script), "%s/script", test_dir());
	f = fopen(script, "we");
	assert_non_null(f);
	fprintf(f, "#!/bin/sh\n%s\nexec '%s' \"$@\"\n", shell, program);
	fclose(f);
	assert_int_equal(chmod(script, 0700), 0);
	assert_int_equal(setenv("VHOST_USER_ACCEL", script, 1), 0);
	started_ns = now_ns();
	start_daemon(&host, LOUD_PLUGIN, all);
}

static void connect_guest(void)
{
	struct vaccel_config config;

	setenv("VACCEL_VIRTIO_SOCKET", host.socket, 1);
	assert_int_equal(vaccel_config_init(&config, VIRTIO_PLUGIN, VACCEL_LOG_ERROR, NULL, false,
					    false), 0);
	assert_int_equal(vaccel_bootstrap_with_config(&config), 0);
	vaccel_config_release(&config);
	/* The host's log is what counts. */
	slog_disable(SLOG_ERROR);
	assert_int_equal(vaccel_session_init(&sess, 0), 0);
}

static void start(const char *shell, const char *const *args)
{
	start_host(shell, args);
	connect_guest();
}

static void leave_guest(void)
{
	vaccel_session_release(&sess);
	assert_int_equal(vaccel_cleanup(), 0);
}

static void finish(void)
{
	leave_guest();
	assert_int_equal(stop_daemon(&host), 0);
}

static int tell(const char *how, const char *what)
{
	return vaccel_exec(&sess, how, what, NULL, 0, NULL, 0);
}

static unsigned int count(const char *text, const char *what)
{
	unsigned int n = 0;

	for (; (text = strstr(text, what)); text += strlen(what))
		n++;
	return n;
}

static bool is_logged(void *what)
{
	char *log = daemon_log(&host);
	bool found = strstr(log, what);

	free(log);
	return found;
}

static void expect_logged(const char *what)
{
	if (!test_wait(is_logged, (void *)(uintptr_t)what, WAIT_MS))
		fail_msg("'%s' is not in the log: %.3000s", what, daemon_log(&host));
}

/*
 * Since the host has started there were no more lines than it may print, and no more bytes. What was
 * asked for is not counted, and what comes when it ends neither.
 */
static void expect_limited(void)
{
	char *log = daemon_log(&host);
	uint64_t seconds = (now_ns() - started_ns) / 1000000000u + 2;
	uint64_t lines = BURST + seconds * LINES;

	if (count(log, "\n") > lines || strlen(log) > lines * LINE_BYTES)
		fail_msg("%u lines, %zu bytes in %u s", count(log, "\n"), strlen(log),
			 (unsigned int)seconds);
	free(log);
}

/* Every line has a date and a level, or says who printed it; there is nothing but text. */
static void expect_clean(void)
{
	char *log = daemon_log(&host), *save = NULL;

	for (char *line = strtok_r(log, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		unsigned int n[6];
		int at = -1;

		for (const char *c = line; *c; c++)
			if (!isprint((unsigned char)*c))
				fail_msg("a byte 0x%02x in the line: %s", (unsigned char)*c, line);
		sscanf(line, "%4u.%2u.%2u-%2u:%2u:%2u.%*2u - %n", &n[0], &n[1], &n[2], &n[3], &n[4],
		       &n[5], &at);
		if (at < 0 || (!strstr(line, " web1: ") && !strstr(line, " web1 worker: ")))
			fail_msg("a line of nobody: %s", line);
	}
	free(log);
}

/* ---- Loud ----------------------------------------------------------------------------------- */

/* Errors as fast as they can be made. Return: how many */
static unsigned int be_loud(unsigned int seconds)
{
	uint64_t end = now_ns() + seconds * UINT64_C(1000000000);
	unsigned int calls = 0;

	for (; now_ns() < end; calls++)
		assert_int_equal(tell("error", "that is"), VACCEL_ENOENT);
	return calls;
}

/* Once the burst is used up: what one who goes on gets for each second */
static void expect_rate(void)
{
	char *log = daemon_log(&host);
	unsigned int lines = count(log, "\n");
	uint64_t start_ns = now_ns(), seconds;
	size_t bytes = strlen(log);

	free(log);
	be_loud(3);
	log = daemon_log(&host);
	seconds = (now_ns() - start_ns) / 1000000000u + 1;
	lines = count(log, "\n") - lines;
	bytes = strlen(log) - bytes;
	print_message("a loud guest: %u lines, %zu bytes in %u s\n", lines, bytes,
		      (unsigned int)seconds);
	assert_true(lines <= seconds * LINES);
	assert_true(bytes <= seconds * 4096);
	free(log);
}

static void test_loud_guest(void **state)
{
	unsigned int calls;

	(void)state;
	start("", NULL);
	calls = be_loud(4);
	expect_limited();
	expect_clean();
	/* On a slow machine this is not loud. */
	if (calls > 2 * BURST) {
		expect_logged("lines were left out of the log");
		expect_rate();
	}
	finish();
}

/* A plugin that was taken over, and prints past the library */
static void test_loud_plugin(void **state)
{
	(void)state;
	start("", NULL);
	assert_int_equal(tell("flood", "4000"), 0);
	/* Meanwhile the supervisor does its work. */
	for (int i = 0; i < 20; i++)
		assert_int_equal(daemon_stat(&host, "sessions"), 1);
	expect_logged("lines were left out of the log: too many in a second, see --log-lines");
	sleep(4);
	expect_limited();
	finish();
}

static void *connect_badly(const char *bytes, size_t len)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char c;

	assert_true(fd >= 0);
	memcpy(addr.sun_path, host.socket, sizeof(addr.sun_path));
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	if (len)
		(void)!send(fd, bytes, len, MSG_NOSIGNAL);
	/* Until we are turned away */
	while (read(fd, &c, 1) > 0)
		;
	close(fd);
	return NULL;
}

/* A front end that does nothing but what makes the supervisor log */
static void test_loud_front_end(void **state)
{
	static const char *const args[] = { "-v", NULL };
	struct vu_msg inflight = { .request = 32, .flags = 1, .size = 24 };
	int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	struct vu_conn conn;
	uint64_t features;

	(void)state;
	start_host("", args);
	for (int i = 0; i < 1000; i++)
		connect_badly("these bytes are no vhost-user", 20);
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(vu_connect(&conn, host.socket, WAIT_MS), 0);
		assert_int_equal(vu_send(&conn, &inflight, &fd, 1), 0);
		vu_close(&conn);
	}
	assert_int_equal(vu_connect(&conn, host.socket, WAIT_MS), 0);
	for (int i = 0; i < 1000; i++)
		connect_badly(NULL, 0);
	for (int i = 0; i < 10000; i++)
		assert_int_equal(vu_set_u64(&conn, VU_SET_FEATURES, UINT64_MAX, -1), 0);
	assert_int_equal(vu_get_u64(&conn, VU_GET_FEATURES, &features), 0);
	expect_limited();
	expect_clean();
	expect_logged("lines were left out of the log");
	vu_close(&conn);
	close(fd);
	assert_int_equal(stop_daemon(&host), 0);
}

static unsigned int count_descriptors(pid_t pid)
{
	unsigned int n = 0;
	char path[64];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	if (!dir)
		test_skip("the supervisor's descriptors cannot be counted");
	for (struct dirent *d; (d = readdir(dir));)
		n += *d->d_name != '.';
	closedir(dir);
	return n;
}

/* As many as it keeps: some are open for a moment only when it has just started. */
static unsigned int settled_descriptors(pid_t pid)
{
	unsigned int n = count_descriptors(pid), last;

	do {
		last = n;
		usleep(300000);
		n = count_descriptors(pid);
	} while (n != last);
	return n;
}

/* No descriptor is left for who connects. */
static void test_no_descriptors(void **state)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct rlimit limit, none;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	start_host("", NULL);
	assert_int_equal(prlimit(host.pid, RLIMIT_NOFILE, NULL, &limit), 0);
	none = limit;
	none.rlim_cur = settled_descriptors(host.pid);
	assert_int_equal(prlimit(host.pid, RLIMIT_NOFILE, &none, NULL), 0);
	memcpy(addr.sun_path, host.socket, sizeof(addr.sun_path));
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	expect_logged(": Too many open files");
	sleep(2);
	expect_limited();
	assert_int_equal(prlimit(host.pid, RLIMIT_NOFILE, &limit, NULL), 0);
	close(fd);
	connect_guest();
	finish();
}

/* The operator who wants all gets all. */
static void test_all(void **state)
{
	static const char *const args[] = { "--log-lines=0", NULL };
	char *log;

	(void)state;
	start("", args);
	for (int i = 0; i < 3 * BURST; i++)
		assert_int_equal(tell("error", "that is"), VACCEL_ENOENT);
	finish();
	log = daemon_log(&host);
	assert_int_equal(count(log, "<error> web1 worker: there is no function that is\n"), 3 * BURST);
	free(log);
}

/* ---- Forged --------------------------------------------------------------------------------- */

static void test_forged(void **state)
{
	static const char forged[] = "2026.01.01-00:00:00.00 - <error> web1: the worker is gone";
	char text[8000], *log, *save = NULL;

	(void)state;
	start("", NULL);
	/* Names that a guest chooses, by way of libvaccel */
	snprintf(text, sizeof(text), "x\n%s\n\033]0;title\007\xff\xc2\x9b" "2J\r", forged);
	assert_int_equal(tell("error", text), VACCEL_ENOENT);
	/* What a plugin prints itself */
	snprintf(text, sizeof(text), "%s\nhalf a line, \033[2J\b", forged);
	assert_int_equal(tell("say", text), 0);
	expect_logged("worker: half a line, \\x1b[2J\\x08\n");
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(tell("say", text), 0);
	assert_int_equal(tell("say", "\nafter a long line\n{\"sessions\":77}\n"), 0);
	expect_logged("web1 worker: after a long line\n");
	expect_logged("web1 worker: {\"sessions\":77}\n");
	expect_clean();
	log = daemon_log(&host);
	assert_non_null(strstr(log, "<error> web1 worker: there is no function x\\n2026.01.01-"));
	assert_non_null(strstr(log, "gone\\n\\x1b]0;title\\x07\\xff\\xc2\\x9b2J\\r\n"));
	assert_non_null(strstr(log, "<error> web1 worker: web1: the worker is gone\n"));
	assert_non_null(strstr(log, "xxx...\n"));
	/* No line looks like the supervisor's. */
	for (char *line = strtok_r(log, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		assert_false(!strncmp(line, forged, sizeof(forged) - 1) ||
			     (strlen(line) > 25 && !strncmp(line + 25, "<error> web1: ", 14)));
	free(log);
	finish();
}

/* ---- Who reads ------------------------------------------------------------------------------ */

/* Is there a session with another worker? */
static bool has_session(void *arg)
{
	(void)arg;
	vaccel_session_release(&sess);
	return vaccel_session_init(&sess, 0) == 0;
}

/* The device serves, also after its worker has died; and it ends as told. */
static void expect_service(void)
{
	for (int i = 0; i < 2; i++) {
		for (int k = 0; k < 100; k++)
			assert_int_equal(tell("error", "that is"), VACCEL_ENOENT);
		assert_int_equal(kill(daemon_worker(&host), SIGKILL), 0);
		assert_true(test_wait(has_session, NULL, WAIT_MS));
	}
	assert_true(daemon_alive(&host));
	finish();
}

/* A pipe whose ends are in the test's hands; the host's standard error is descriptor 9 there. */
static void open_pipe(int fds[2])
{
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(dup2(fds[1], 9), 9);
	close(fds[1]);
	fds[1] = 9;
}

static void test_dead_reader(void **state)
{
	static const char *const levels[] = { "1", "2", "3", "4" };
	int fds[2];

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		setenv("VACCEL_LOG_LEVEL", levels[i], 1);
		open_pipe(fds);
		start("exec >&9 2>&9 9>&-", NULL);
		close(fds[0]);
		expect_service();
		close(fds[1]);
	}
	setenv("VACCEL_LOG_LEVEL", "1", 1);
}

static void test_stalled_reader(void **state)
{
	char text[4096];
	bool told = false;
	int fds[2];

	(void)state;
	setenv("VACCEL_LOG_LEVEL", "4", 1);
	open_pipe(fds);
	start("exec >&9 2>&9 9>&-", (const char *const[]){ "--log-lines=0", NULL });
	for (int k = 0; k < 3000; k++)
		assert_int_equal(tell("error", "that is"), VACCEL_ENOENT);
	/* It is not made non-blocking for others who write there. */
	assert_int_equal(fcntl(fds[1], F_GETFL) & O_NONBLOCK, 0);
	assert_int_equal(kill(daemon_worker(&host), SIGKILL), 0);
	assert_true(test_wait(has_session, NULL, WAIT_MS));
	/* Somebody reads again. */
	for (ssize_t n; !told && (n = read(fds[0], text, sizeof(text) - 1)) > 0;) {
		text[n] = '\0';
		told = strstr(text, "of the log could not be written: nobody read them");
		(void)tell("error", "that is");
	}
	assert_true(told);
	/* And no more */
	for (int k = 0; k < 3000; k++)
		assert_int_equal(tell("error", "that is"), VACCEL_ENOENT);
	expect_service();
	close(fds[0]);
	close(fds[1]);
	setenv("VACCEL_LOG_LEVEL", "1", 1);
}

static void test_full_disk(void **state)
{
	struct rlimit limit, none = { 0 };

	(void)state;
	start("exec >/dev/full 2>&1", NULL);
	expect_service();

	/* Files may not grow; then they may again. */
	start("", NULL);
	assert_int_equal(prlimit(host.pid, RLIMIT_FSIZE, NULL, &limit), 0);
	none.rlim_max = limit.rlim_max;
	assert_int_equal(prlimit(host.pid, RLIMIT_FSIZE, &none, NULL), 0);
	assert_int_equal(tell("error", "lost"), VACCEL_ENOENT);
	assert_int_equal(tell("error", "lost"), VACCEL_ENOENT);
	/* Its turn comes after that of the lines before. */
	assert_int_equal(kill(host.pid, SIGUSR1), 0);
	sleep(1);
	assert_true(daemon_alive(&host));
	assert_int_equal(prlimit(host.pid, RLIMIT_FSIZE, &limit, NULL), 0);
	assert_int_equal(tell("error", "found"), VACCEL_ENOENT);
	expect_logged("there is no function found");
	expect_logged("3 lines of the log could not be written");
	expect_service();
}

/* What a process's descriptor is; "" when there is none */
static const char *link_of(pid_t pid, int fd)
{
	static char target[256];
	char path[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, fd);
	n = readlink(path, target, sizeof(target) - 1);
	target[n > 0 ? n : 0] = '\0';
	return target;
}

static void expect_own_streams(void)
{
	pid_t worker = daemon_worker(&host);

	assert_string_equal(link_of(worker, 0), "/dev/null");
	assert_memory_equal(link_of(worker, 1), "pipe:", 5);
	assert_memory_equal(link_of(worker, 2), "pipe:", 5);
	for (int fd = 0; fd < 64; fd++)
		assert_null(strstr(link_of(worker, fd), ".log"));
}

/* The worker has nothing of the operator's, and what is missing is not replaced by chance. */
static void test_streams(void **state)
{
	(void)state;
	start("", NULL);
	expect_own_streams();
	expect_service();
	setenv("VACCEL_LOG_LEVEL", "4", 1);
	start("exec <&- >&- 2>&-", NULL);
	expect_own_streams();
	for (int fd = 0; fd < 3; fd++)
		assert_string_equal(link_of(host.pid, fd), "/dev/null");
	expect_service();
	setenv("VACCEL_LOG_LEVEL", "1", 1);
}

/* Standard output is for results: there are none here. */
static void test_stdout(void **state)
{
	char path[160], shell[200];
	struct stat st;

	(void)state;
	snprintf(path, sizeof(path), "%s/stdout", test_dir());
	snprintf(shell, sizeof(shell), "exec >%s", path);
	start(shell, (const char *const[]){ "-v", NULL });
	assert_int_equal(tell("say", "a plugin's word\n"), 0);
	expect_logged("<info> web1: a front end has connected");
	expect_logged("web1 worker: a plugin's word");
	finish();
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_loud_guest),     cmocka_unit_test(test_loud_plugin),
		cmocka_unit_test(test_loud_front_end), cmocka_unit_test(test_no_descriptors),
		cmocka_unit_test(test_all),	       cmocka_unit_test(test_forged),
		cmocka_unit_test(test_dead_reader),    cmocka_unit_test(test_stalled_reader),
		cmocka_unit_test(test_full_disk),      cmocka_unit_test(test_streams),
		cmocka_unit_test(test_stdout),
	};

	test_main_begin(300);
	signal(SIGPIPE, SIG_IGN);
	program = getenv("VHOST_USER_ACCEL");
	if (!program)
		test_skip("VHOST_USER_ACCEL names no vhost-user-accel to test");
	program = strdup(program);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
