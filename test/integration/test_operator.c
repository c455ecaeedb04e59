// SPDX-License-Identifier: Apache-2.0
/*
 * The operator's socket: what he asks is answered, and done, while clients notice nothing; what is no request is
 * answered, too, or cut off. And the same with vaccelctl.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "observed.h"

#define MAX_LINE 65536

static struct daemon host;
static char path[108], config[128];
static char answer[1 << 20];

static void write_config(const char *text)
{
	FILE *f = fopen(config, "we");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static void start(void)
{
	char control[160], file[160];

	snprintf(path, sizeof(path), "%s/control.sock", test_dir());
	snprintf(config, sizeof(config), "%s/policy", test_dir());
	write_config("[defaults]\nmax-sessions = 7\n");
	snprintf(control, sizeof(control), "--control=%s", path);
	snprintf(file, sizeof(file), "--config=%s", config);
	start_daemon(&host, NOOP_PLUGIN, (const char *[]){ "--max-clients=4", control, file, NULL });
}

static int stop(void **state)
{
	int ret = host.pid ? stop_daemon(&host) : 0;

	(void)state;
	return ret || access(path, F_OK) == 0;
}

/* The next line. Return: false when there is none, as the other end has closed */
static bool read_answer(int fd)
{
	size_t len = 0;

	while (len < sizeof(answer) - 1 && recv(fd, answer + len, 1, 0) == 1)
		if (answer[len++] == '\n')
			break;
	answer[len] = '\0';
	return len && answer[len - 1] == '\n';
}

static const char *ask_on(int fd, const char *request)
{
	assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
	if (!read_answer(fd))
		test_die("no answer to %s", request);
	return answer;
}

static const char *ask(const char *request)
{
	int fd = dial(path);

	assert_true(fd >= 0);
	ask_on(fd, request);
	close(fd);
	return answer;
}

#define assert_says(request, text)                                                            \
	do {                                                                                  \
		if (!strstr(ask(request), (text)))                                            \
			test_die("%s is answered without %s: %s", (request), (text), answer); \
	} while (0)

struct expected {
	const char *request, *text;
};

static bool says(void *arg)
{
	const struct expected *e = arg;

	return strstr(ask(e->request), e->text);
}

static void expect(const char *request, const char *text)
{
	struct expected e = { request, text };

	if (!test_wait(says, &e, TIMEOUT_MS))
		test_die("%s is answered without %s: %s", request, text, answer);
}

#define CLIENTS "{\"do\":\"clients\"}\n"
#define STATS	"{\"do\":\"stats\"}\n"
#define RELOAD	"{\"do\":\"reload\"}\n"
#define DRAIN	"{\"do\":\"drain\"}\n"

/* ---- What it is for ------------------------------------------------------------------------- */

static void test_reports(void **state)
{
	struct program p;
	struct stat st;

	(void)state;
	start();
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_says(CLIENTS, "{\"clients\":[],\"ok\":true}\n");
	open_program(&p, &host);
	assert_int_equal(use(&p, 'c'), 0);
	assert_int_not_equal(use(&p, 'x'), 0);
	expect(CLIENTS, "\"client\":0,\"name\":\"");
	expect(CLIENTS, "\"sessions\":1,");
	assert_says(CLIENTS, "\"refused\":1,");
	assert_says(STATS, "\"noop\":{\"ok\":100,\"error\":0,\"refused\":0,");
	expect(STATS, "\"refusals\":{\"allow\":1,");
	assert_says(STATS, "\"limits\":{\"max_sessions\":7,");
	assert_says(STATS, "\"max_clients\":4,");
	assert_says(STATS, "\"draining\":false");
	assert_int_equal(end_program(&p), 0);
	expect(CLIENTS, "\"clients\":[]");
	assert_says(STATS, "\"gone\":{\"operations\":{\"noop\":{\"ok\":100,");
}

/* A new policy is for new clients; a wrong one for nobody. */
static void test_reload(void **state)
{
	struct program old, fresh;
	int one, another;

	(void)state;
	start();
	one = dial(path);
	another = dial(path);
	open_program(&old, &host);
	assert_int_equal(use(&old, 'c'), 0);
	write_config("[defaults]\nmax-sessions = 9\nallow = exec\n");
	assert_says(RELOAD, "{\"ok\":true}\n");
	/* Two at once, of two operators */
	assert_int_equal(send(one, RELOAD, strlen(RELOAD), MSG_NOSIGNAL), strlen(RELOAD));
	assert_string_equal(ask_on(another, RELOAD), "{\"ok\":true}\n");
	assert_true(read_answer(one));
	assert_string_equal(answer, "{\"ok\":true}\n");
	close(one);
	close(another);
	open_program(&fresh, &host);
	assert_int_equal(use(&fresh, 'c'), 0);
	expect(STATS, "\"limits\":{\"max_sessions\":7,");
	expect(STATS, "\"limits\":{\"max_sessions\":9,");
	/* The old one's session lasts, with the old policy: exec is refused, and the plugin is not asked. */
	assert_int_equal(use(&old, 'c'), 0);
	assert_int_equal(use(&old, 'x'), EPERM);
	assert_int_not_equal(use(&fresh, 'x'), EPERM);
	assert_int_equal(end_program(&fresh), 0);

	write_config("[defaults]\nmax-sessions = 11\nno-such-rule = 1\n");
	assert_says(RELOAD, "\"ok\":false");
	assert_non_null(strstr(answer, "policy:3: there is no rule 'no-such-rule'"));
	assert_int_equal(unlink(config), 0);
	assert_says(RELOAD, "cannot read");
	write_config("[defaults]\nmodel-dir = /nowhere\n");
	assert_says(RELOAD, "/nowhere");
	open_program(&fresh, &host);
	assert_int_equal(use(&fresh, 'c'), 0);
	expect(STATS, "\"limits\":{\"max_sessions\":9,");
	assert_int_equal(end_program(&fresh), 0);

	write_config("[defaults]\nmax-sessions = 13\n");
	expect(STATS, "\"reloads\":3,");
	/* By a signal, and at the same time */
	kill(host.pid, SIGHUP);
	assert_says(RELOAD, "{\"ok\":true}\n");
	expect(STATS, "\"reloads\":5,");
	open_program(&fresh, &host);
	assert_int_equal(use(&fresh, 'c'), 0);
	expect(STATS, "\"limits\":{\"max_sessions\":13,");
	assert_int_equal(end_program(&fresh), 0);
	assert_int_equal(use(&old, 'c'), 0);
	assert_int_equal(end_program(&old), 0);
}

#define LIMIT(client, name, value) \
	"{\"do\":\"limit\",\"client\":" client ",\"name\":\"" name "\",\"value\":" value "}\n"

struct wanted {
	struct program *program;
	int ret;
};

/* Whether a session more is answered in that way */
static bool is_answered(void *arg)
{
	const struct wanted *w = arg;

	return use(w->program, 'm') == w->ret;
}

static void expect_session(struct program *p, int ret)
{
	struct wanted w = { p, ret };

	if (!test_wait(is_answered, &w, TIMEOUT_MS))
		test_die("a session more is answered with %d, not %d", use(p, 'm'), ret);
}

/* The name of the first client of a list */
static void find_name(char name[64])
{
	const char *at = strstr(ask(CLIENTS), "\"name\":\"");

	assert_non_null(at);
	at += strlen("\"name\":\"");
	snprintf(name, 64, "%.*s", (int)strcspn(at, "\""), at);
}

/* Limits of a client that is served: its sessions last, others keep theirs, a dead worker's are the next one's. */
static void test_limit(void **state)
{
	struct program p, other;
	struct daemon client = { 0 };
	char request[256], name[64];
	pid_t worker;

	(void)state;
	start();
	open_program(&p, &host);
	assert_int_equal(use(&p, 'm'), 0);
	expect(CLIENTS, "\"client\":0,");
	assert_says(LIMIT("0", "max-sessions", "\"1\""), "{\"ok\":true}\n");
	expect_session(&p, EUSERS);
	assert_int_equal(use(&p, 'c'), 0);
	expect(STATS, "\"limits\":{\"max_sessions\":1,");

	/* Its supervisor was the first that there was. */
	client.pid = find_child(&host, "accel-client");
	assert_true(client.pid > 0);
	worker = daemon_worker(&client);
	assert_true(worker > 0);
	kill(worker, SIGKILL);
	while (use(&p, 's') != 0)
		usleep(10000);
	expect_session(&p, EUSERS);
	find_name(name);
	snprintf(request, sizeof(request), LIMIT("\"%s\"", "max-sessions", "\"2\""), name);
	assert_says(request, "{\"ok\":true}\n");
	expect_session(&p, 0);
	assert_says(LIMIT("0", "max-staging-bytes", "\"3G\""), "{\"ok\":true}\n");
	expect(STATS, "\"max_staging_bytes\":3221225472,");
	assert_says(LIMIT("0", "op-timeout", "\"0\""), "{\"ok\":true}\n");
	expect(STATS, "\"op_timeout\":0}");
	/* A new policy is not for it, and what was changed for it is for nobody else. */
	assert_says(RELOAD, "{\"ok\":true}\n");
	open_program(&other, &host);
	assert_int_equal(use(&other, 'm'), 0);
	expect(STATS, "\"limits\":{\"max_sessions\":7,");
	expect(STATS, "\"limits\":{\"max_sessions\":2,");
	assert_int_equal(end_program(&other), 0);
	assert_int_equal(use(&p, 'c'), 0);
	assert_int_equal(end_program(&p), 0);
}

static void test_wrong_limits(void **state)
{
	static const struct {
		const char *request, *text;
	} wrong[] = {
		{ "{\"do\":\"limit\"}\n", "no such client" },
		{ LIMIT("1", "max-sessions", "\"1\""), "no such client" },
		{ LIMIT("-1", "max-sessions", "\"1\""), "no such client" },
		{ LIMIT("4294967296", "max-sessions", "\"1\""), "no such client" },
		{ LIMIT("[0]", "max-sessions", "\"1\""), "no such client" },
		{ LIMIT("\"nobody.1\"", "max-sessions", "\"1\""), "no such client" },
		{ LIMIT("0", "max-camels", "\"1\""), "what can be changed for a client that is served: max-sessions " },
		{ LIMIT("0", "allow", "\"exec\""), "what can be changed" },
		{ LIMIT("0", "max-memory", "\"1G\""), "what can be changed" },
		{ "{\"do\":\"limit\",\"client\":0,\"name\":1,\"value\":\"1\"}\n", "what can be changed" },
		{ "{\"do\":\"limit\",\"client\":0,\"name\":\"max-files\"}\n", "as after --max-files=" },
		{ LIMIT("0", "max-sessions", "1"), "as after --max-sessions=" },
		{ LIMIT("0", "max-sessions", "\"\""), "a number from 1 to 1000000 is expected" },
		{ LIMIT("0", "max-sessions", "\"0\""), "a number from 1 to 1000000 is expected" },
		{ LIMIT("0", "max-sessions", "\"-1\""), "a number from 1 to 1000000 is expected" },
		{ LIMIT("0", "max-sessions", "\"1000001\""), "a number from 1 to 1000000 is expected" },
		{ LIMIT("0", "max-sessions", "\"99999999999999999999\""), "a number from 1 to 1000000 is expected" },
		{ LIMIT("0", "max-resource-bytes", "\"99999999T\""), "is expected" },
	};
	struct program p;

	(void)state;
	start();
	open_program(&p, &host);
	expect(CLIENTS, "\"client\":0,");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_says(wrong[i].request, "\"ok\":false");
		if (!strstr(answer, wrong[i].text))
			test_die("%s is answered with %s", wrong[i].request, answer);
	}
	expect(STATS, "\"limits\":{\"max_sessions\":7,");
	assert_int_equal(use(&p, 'm'), 0);
	assert_int_equal(end_program(&p), 0);
	expect(LIMIT("0", "max-sessions", "\"1\""), "\"ok\":false");
}

static bool has_ended(void *arg)
{
	return !daemon_alive(arg);
}

/* Nobody comes any more; who is there goes on; and the end comes by itself. */
static void test_drain(void **state)
{
	struct program old, late;
	int status;

	(void)state;
	start();
	open_program(&old, &host);
	assert_int_equal(use(&old, 'c'), 0);
	assert_says(DRAIN, "{\"ok\":true}\n");
	assert_says(DRAIN, "{\"ok\":true}\n");
	assert_int_equal(access(host.socket, F_OK), -1);
	setenv("VACCEL_VIRTIO_CONNECT_MS", "100", 1);
	open_program(&late, &host);
	unsetenv("VACCEL_VIRTIO_CONNECT_MS");
	assert_int_equal(end_program(&late), 1);
	expect(STATS, "\"draining\":true");
	assert_int_equal(use(&old, 'c'), 0);
	assert_true(daemon_alive(&host));
	assert_int_equal(end_program(&old), 0);
	assert_true(test_wait(has_ended, &host, TIMEOUT_MS));
	assert_int_equal(waitpid(host.pid, &status, 0), host.pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	host.pid = 0;
}

/* ---- Bad input ------------------------------------------------------------------------------ */

static void test_garbage(void **state)
{
	static const char *const wrong[] = {
		"\n", "x\n", "{}\n", "[]\n", "null\n", "1\n", "\"do\"\n", "{\"do\":1}\n", "{\"do\":\"rm\"}\n",
		"{\"do\":\"clients\"\n", "{\"do\":\"clients\"} x\n", "{\"do\":{\"do\":\"clients\"}}\n",
		"{\"do\":\"clients\\u0000\xff\"}\n", "{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{}}}}}}}}}\n",
		"GET / HTTP/1.1\n",
	};
	int fd;

	(void)state;
	start();
	fd = dial(path);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (!strstr(ask_on(fd, wrong[i]), "\"ok\":false,\"error\":\""))
			test_die("%s is answered with %s", wrong[i], answer);
	/* It is as good as before: several at once, a line in pieces */
	ask_on(fd, CLIENTS CLIENTS "{\"do\":");
	assert_non_null(strstr(answer, "\"ok\":true"));
	assert_true(read_answer(fd));
	assert_non_null(strstr(ask_on(fd, "\"clients\"}\r\n"), "\"ok\":true"));
	/* Half a line, and the end */
	assert_int_equal(send(fd, "{\"do\"", 5, MSG_NOSIGNAL), 5);
	close(fd);
	assert_says(CLIENTS, "\"ok\":true");
}

/* A gigabyte, in one line and in many */
static void test_flood(void **state)
{
	static char chunk[MAX_LINE];
	uint64_t sent = 0;
	int fd, one;

	(void)state;
	start();
	fd = dial(path);
	memset(chunk, ' ', sizeof(chunk));
	while (sent < UINT64_C(1) << 30) {
		ssize_t n = send(fd, chunk, sizeof(chunk), MSG_NOSIGNAL);

		if (n <= 0)
			break;
		sent += (uint64_t)n;
	}
	assert_true(sent < 64 * MAX_LINE);
	assert_true(read_answer(fd));
	assert_non_null(strstr(answer, "64 KiB"));
	assert_false(read_answer(fd));
	close(fd);

	/* Who asks and asks and takes no answer is not heard any more, and others are. */
	fd = dial(path);
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	sent = 0;
	for (one = 0; one < 1000000; one++) {
		ssize_t n = send(fd, STATS, strlen(STATS), MSG_NOSIGNAL);

		if (n < 0) {
			assert_int_equal(errno, EAGAIN);
			break;
		}
		sent += (uint64_t)n;
		if (one % 100 == 99)
			usleep(1000);
	}
	assert_true(one < 1000000);
	assert_says(CLIENTS, "\"ok\":true");
	close(fd);
}

/* Connections that say nothing, and stay: there is always room for one more. */
static void test_silent(void **state)
{
	int silent[32];
	struct program p;

	(void)state;
	start();
	open_program(&p, &host);
	for (int i = 0; i < 32; i++) {
		silent[i] = dial(path);
		assert_true(silent[i] >= 0);
		(void)!send(silent[i], "{", (size_t)(i % 2), MSG_NOSIGNAL);
		if (i % 8 == 7)
			assert_says(CLIENTS, "\"ok\":true");
	}
	assert_int_equal(use(&p, 'c'), 0);
	for (int i = 0; i < 32; i++)
		close(silent[i]);
	assert_int_equal(end_program(&p), 0);
}

static bool is_another(void *arg)
{
	pid_t pid = observer_of(&host);

	return pid && pid != *(pid_t *)arg;
}

/* Who answers is killed: somebody else does. */
static void test_killed(void **state)
{
	struct program p;
	pid_t pid;

	(void)state;
	start();
	open_program(&p, &host);
	assert_int_equal(use(&p, 'c'), 0);
	/* It has its name when it answers. */
	assert_says(CLIENTS, "\"ok\":true");
	pid = observer_of(&host);
	assert_true(pid > 0);
	kill(pid, SIGKILL);
	assert_true(test_wait(is_another, &pid, TIMEOUT_MS));
	expect(CLIENTS, "\"client\":0,");
	assert_says(RELOAD, "\"ok\":true");
	assert_int_equal(use(&p, 'c'), 0);
	assert_int_equal(end_program(&p), 0);
}

/* ---- vaccelctl ------------------------------------------------------------------------------ */

#ifdef VACCELCTL
/* What it prints is in answer. Return: its exit status */
static int run(const char *const *argv)
{
	const char *args[12] = { "vaccelctl" };
	int out[2], status;
	ssize_t n;
	size_t len = 0;
	pid_t pid;

	for (int i = 0; argv[i]; i++)
		args[1 + i] = argv[i];
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		dup2(out[1], STDOUT_FILENO);
		dup2(out[1], STDERR_FILENO);
		alarm(60);
		execv(VACCELCTL, (char **)(uintptr_t)args);
		_exit(126);
	}
	close(out[1]);
	while ((n = read(out[0], answer + len, sizeof(answer) - 1 - len)) > 0)
		len += (size_t)n;
	answer[len] = '\0';
	close(out[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#define RUN(...) run((const char *[]){ __VA_ARGS__, NULL })
#define CTL(...) RUN("--socket", path, __VA_ARGS__)

static void expect_said(const char *text)
{
	if (!strstr(answer, text))
		test_die("vaccelctl does not say \"%s\" but: %s", text, answer);
}

static void test_program(void **state)
{
	struct program p;

	(void)state;
	start();
	open_program(&p, &host);
	assert_int_equal(use(&p, 'c'), 0);
	expect(CLIENTS, "\"sessions\":1,");
	assert_int_equal(CTL("clients"), 0);
	expect_said("CLIENT NAME");
	expect_said("\n     0 ");
	assert_int_equal(CTL("stats"), 0);
	expect_said("1 of 4 clients, 1 served");
	expect_said("noop                            100");
	assert_int_equal(CTL("--json", "stats"), 0);
	assert_int_equal(answer[0], '{');
	assert_int_equal(strchr(answer, '\n') - answer, strlen(answer) - 1);
	assert_int_equal(CTL("top", "--rounds=2", "--interval=0.05"), 0);
	expect_said("CALLS/s");
	assert_int_equal(CTL("limit", "0", "max-sessions", "1"), 0);
	expect_said("done\n");
	expect_session(&p, EUSERS);
	assert_int_equal(CTL("limit", "nobody.1", "max-sessions", "1"), 1);
	expect_said("there is no such client");
	assert_int_equal(CTL("limit", "0", "max-sessions"), EX_USAGE);
	expect_said("limit needs CLIENT NAME VALUE");
	assert_int_equal(CTL("limit", "0", "max-sessions", "1", "2"), EX_USAGE);
	assert_int_equal(CTL("reload"), 0);
	expect_said("done\n");
	write_config("nonsense\n");
	assert_int_equal(CTL("reload"), 1);
	expect_said("policy:1: neither [section] nor name = value");
	assert_int_equal(CTL("--json", "reload"), 1);
	expect_said("{\"ok\":false,\"error\":\"");

	assert_int_equal(RUN("--version"), 0);
	assert_int_equal(RUN("--help"), 0);
	expect_said("drain");
	assert_int_equal(RUN("clients"), EX_USAGE);
	expect_said("--socket is needed");
	assert_int_equal(CTL("dance"), EX_USAGE);
	assert_int_equal(CTL("clients", "stats"), EX_USAGE);
	assert_int_equal(RUN("--socket", path), EX_USAGE);
	assert_int_equal(CTL("top", "--interval=0"), EX_USAGE);
	assert_int_equal(RUN("--socket", "/nowhere", "clients"), EX_UNAVAILABLE);
	expect_said("/nowhere: No such file or directory; is there a vhost-user-accel --control=/nowhere");

	assert_int_equal(CTL("drain"), 0);
	assert_int_equal(end_program(&p), 0);
	assert_true(test_wait(has_ended, &host, TIMEOUT_MS));
	assert_int_equal(CTL("clients"), EX_UNAVAILABLE);
	assert_int_equal(waitpid(host.pid, NULL, 0), host.pid);
	host.pid = 0;
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_reports, stop),
		cmocka_unit_test_teardown(test_reload, stop),
		cmocka_unit_test_teardown(test_limit, stop),
		cmocka_unit_test_teardown(test_wrong_limits, stop),
		cmocka_unit_test_teardown(test_drain, stop),
		cmocka_unit_test_teardown(test_garbage, stop),
		cmocka_unit_test_teardown(test_flood, stop),
		cmocka_unit_test_teardown(test_silent, stop),
		cmocka_unit_test_teardown(test_killed, stop),
#ifdef VACCELCTL
		cmocka_unit_test_teardown(test_program, stop),
#endif
	};

	test_main_begin(280);
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("operator", tests, NULL, NULL);
}
