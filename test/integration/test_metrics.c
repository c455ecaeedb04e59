// SPDX-License-Identifier: Apache-2.0
/*
 * Metrics: they are what clients have done, go on when a worker or a client ends, and cost clients nothing,
 * whatever becomes of the observer and whoever asks it for what.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
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

static struct daemon host;
static char path[108];

/* ---- Who asks ------------------------------------------------------------------------------- */

static char *ask(int fd, const char *request)
{
	assert_true(fd >= 0);
	assert_int_equal(write(fd, request, strlen(request)), strlen(request));
	return read_all(fd);
}

/* Return: NULL when there is no answer */
static char *scrape(void)
{
	int fd = dial(path);
	char *text = fd < 0 ? NULL : ask(fd, "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");

	if (text && strncmp(text, "HTTP/1.1 200 ", 13) == 0)
		return text;
	free(text);
	return NULL;
}

/* Return: the number behind this name with its labels, the sum where several begin so; -1: there is none */
static double metric(const char *name)
{
	char *text = scrape(), *line = text;
	double sum = -1;

	while (line && (line = strchr(line, '\n'))) {
		line++;
		if (strncmp(line, name, strlen(name)) == 0)
			sum = (sum < 0 ? 0 : sum) + strtod(strpbrk(line + strlen(name) - 1, " ") + 1, NULL);
	}
	free(text);
	return sum;
}

struct expected {
	const char *name;
	double value;
};

static bool is_value(void *arg)
{
	const struct expected *e = arg;

	return metric(e->name) == e->value;
}

static void expect(const char *name, double value)
{
	struct expected e = { name, value };

	if (!test_wait(is_value, &e, TIMEOUT_MS))
		test_die("%s is %g, not %g; there is:\n%s", name, metric(name), value, scrape());
}

/* ---- The service ---------------------------------------------------------------------------- */

static void start(void)
{
	char option[160];

	snprintf(path, sizeof(path), "%s/metrics.sock", test_dir());
	snprintf(option, sizeof(option), "--metrics=unix:%s", path);
	/* The first one has no such operation as the tests call. */
	start_daemon(&host, MBENCH_PLUGIN ":" NOOP_PLUGIN, (const char *[]){ "--max-clients=4", option, NULL });
}

static int stop(void **state)
{
	int ret = host.pid ? stop_daemon(&host) : 0;

	(void)state;
	return ret || access(path, F_OK) == 0;
}

/* ---- The tests ------------------------------------------------------------------------------ */

#define NOOPS(client) "vaccel_operations_total{client=\"" client "\",op=\"noop\",plugin=\"noop\",result=\"ok\"}"

static void test_numbers(void **state)
{
	struct program one, two;

	(void)state;
	start();
	expect("vaccel_clients ", 0);
	expect("vaccel_clients_limit ", 4);
	open_program(&one, &host);
	assert_int_equal(use(&one, 'c'), 0);
	expect("vaccel_clients ", 1);
	expect(NOOPS("0"), CALLS);
	expect("vaccel_operation_duration_seconds_count{client=\"0\",op=\"noop\",plugin=\"noop\"}", CALLS);
	expect("vaccel_operation_wait_seconds_bucket{client=\"0\",op=\"noop\",le=\"+Inf\"}", CALLS);
	expect("vaccel_sessions{client=\"0\"}", 1);
	expect("vaccel_sessions_limit{client=\"0\"}", 256);
	expect("vaccel_client_info{client=\"0\"", 1);
	assert_int_not_equal(use(&one, 'x'), 0);
	expect("vaccel_operations_total{client=\"0\",op=\"exec\",plugin=\"\",result=\"refused\"}", 1);
	expect("vaccel_refusals_total{client=\"0\",rule=\"allow\"}", 1);
	assert_true(metric("vaccel_bytes_total{client=\"0\",path=\"inline\"}") > 0);
	assert_true(metric("vaccel_requests_total{client=\"0\"}") > CALLS);
	expect("vaccel_bytes_total{client=\"0\",path=\"registered\"}", 0);
	assert_int_equal(use(&one, 'g'), 0);
	expect("vaccel_bytes_total{client=\"0\",path=\"registered\"}", 3 * MATRIX);
	expect("vaccel_bytes_total{client=\"0\",path=\"pinned\"}", 0);
	expect("vaccel_operations_total{client=\"0\",op=\"blas_sgemm\",plugin=\"noop\",result=\"ok\"}", 1);
	assert_true(metric("vaccel_operation_duration_seconds_sum{client=\"0\",op=\"noop\",plugin=\"noop\"}") > 0);

	/* Each has numbers of its own, and who has gone leaves his. */
	open_program(&two, &host);
	assert_int_equal(use(&two, 'c'), 0);
	assert_int_equal(use(&two, 'c'), 0);
	expect("vaccel_clients ", 2);
	expect("vaccel_operations_total{client=\"", 3 * CALLS + 4);
	expect(NOOPS("0"), CALLS);
	assert_int_equal(end_program(&one), 0);
	expect(NOOPS("gone"), CALLS);
	expect("vaccel_refusals_total{client=\"gone\",rule=\"allow\"}", 1);
	expect("vaccel_sessions{client=\"gone\"}", -1);
	expect(NOOPS("0"), -1);
	assert_int_equal(end_program(&two), 0);
	expect(NOOPS("gone"), 3 * CALLS);
	expect("vaccel_clients_served_total ", 2);
}

/* A dead worker's numbers are the next one's. */
static void test_worker_dies(void **state)
{
	struct program p;

	(void)state;
	start();
	open_program(&p, &host);
	assert_int_equal(use(&p, 'c'), 0);
	for (int deaths = 1; deaths <= 2; deaths++) {
		pid_t supervisor = find_child(&host, "accel-client"), worker = 0;
		struct daemon client = { .pid = supervisor };

		assert_true(supervisor > 0);
		worker = daemon_worker(&client);
		assert_true(worker > 0);
		kill(worker, SIGKILL);
		expect("vaccel_worker_restarts_total{client=\"0\"}", deaths);
		while (use(&p, 's') != 0)
			usleep(10000);
		assert_int_equal(use(&p, 'c'), 0);
		expect(NOOPS("0"), (deaths + 1) * CALLS);
	}
	end_program(&p);
	expect("vaccel_worker_restarts_total{client=\"gone\"}", 2);
}

static bool is_another(void *arg)
{
	pid_t pid = observer_of(&host);

	return pid && pid != *(pid_t *)arg;
}

/* An observer that stands still, or dies, is nobody's business but that of who asks. */
static void test_observer_dies(void **state)
{
	struct program p, more;
	pid_t pid;

	(void)state;
	start();
	open_program(&p, &host);
	expect("vaccel_clients ", 1);
	pid = observer_of(&host);
	assert_true(pid > 0);
	kill(pid, SIGSTOP);
	assert_int_equal(use(&p, 'c'), 0);
	open_program(&more, &host);
	assert_int_equal(use(&more, 'c'), 0);
	kill(pid, SIGKILL);
	assert_true(test_wait(is_another, &pid, TIMEOUT_MS));
	/* The next one knows who is there, and what they have done. */
	expect("vaccel_clients ", 2);
	expect("vaccel_operations_total{client=\"", 2 * CALLS + 2);
	assert_int_equal(use(&p, 'c'), 0);
	expect("vaccel_operations_total{client=\"", 3 * CALLS + 2);
	assert_int_equal(end_program(&p), 0);
	assert_int_equal(end_program(&more), 0);
	expect(NOOPS("gone"), 3 * CALLS);
}

/* ---- Bad input ------------------------------------------------------------------------------ */

static void expect_status(const char *request, const char *status)
{
	char *text = ask(dial(path), request);

	if (strncmp(text, "HTTP/1.", 7) != 0 || strncmp(text + 9, status, 3) != 0)
		test_die("\"%s\" is answered with: %s", request, text);
	free(text);
}

/* Sends much more than anybody wants. Return: whether it was not taken */
static bool flood(const char *begin)
{
	const struct timeval limit = { .tv_sec = 2 };
	static char chunk[65536];
	int fd = dial(path);
	bool cut = false;

	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	assert_int_equal(write(fd, begin, strlen(begin)), strlen(begin));
	memset(chunk, 'x', sizeof(chunk));
	for (int i = 0; i < 1024 && !cut; i++)
		cut = send(fd, chunk, sizeof(chunk), MSG_NOSIGNAL) <= 0;
	close(fd);
	return cut;
}

static void test_bad_input(void **state)
{
	struct program p;
	int silent[40]; /* more than are served at once */

	(void)state;
	start();
	open_program(&p, &host);
	expect("vaccel_clients ", 1);
	expect_status("GET / HTTP/1.0\r\n\r\n", "404");
	expect_status("GET /metrics/../x HTTP/1.0\r\n\r\n", "404");
	expect_status("DELETE /metrics HTTP/1.0\r\n\r\n", "405");
	expect_status("POST /metrics HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc", "405");
	free(ask(dial(path), "\r\n\r\n \x01\x02 GARBAGE\r\n\r\n"));
	assert_true(flood("GET /"));
	assert_true(flood("GET /metrics HTTP/1.1\r\nX: "));
	/* Who says half of it, or nothing, and stays */
	for (int i = 0; i < 40; i++) {
		silent[i] = dial(path);
		if (silent[i] >= 0)
			(void)!write(silent[i], "GET /met", i % 2 ? 8 : 0);
	}
	assert_int_equal(use(&p, 'c'), 0);
	for (int i = 0; i < 40; i++)
		if (silent[i] >= 0)
			close(silent[i]);
	expect(NOOPS("0"), CALLS);
	/* Somebody who asks all the time */
	for (int i = 0; i < 100; i++) {
		free(scrape());
		usleep(1000);
		if (i % 10 == 0)
			assert_int_equal(use(&p, 'c'), 0);
	}
	expect(NOOPS("0"), 11 * CALLS);
	assert_int_equal(end_program(&p), 0);
	assert_true(daemon_alive(&host));
}

/* ---- Options -------------------------------------------------------------------------------- */

static int run(const char *option, const char *other)
{
	char sock[160];
	int status, null;
	pid_t pid;

	snprintf(sock, sizeof(sock), "--socket-path=%s/options.sock", test_dir());
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		null = open("/dev/null", O_WRONLY);
		dup2(null, STDERR_FILENO);
		setenv("VACCEL_PLUGINS", NOOP_PLUGIN, 1);
		alarm(30);
		execl(getenv("VHOST_USER_ACCEL"), "vhost-user-accel", sock, option, other, NULL);
		_exit(126);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_options(void **state)
{
	const char *const wrong[] = { "--metrics=", "--metrics=here", "--metrics=localhost:9464", "--metrics=:1",
				      "--metrics=127.0.0.1:", "--metrics=127.0.0.1:x", "--metrics=1.2.3.4.5:1" };
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(addr);
	char option[160];
	int fd;

	(void)state;
	*path = '\0';
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(run(wrong[i], NULL), EX_USAGE);
	assert_int_equal(run("--metrics=unix:/nowhere/socket", NULL), EX_CANTCREAT);
	assert_int_equal(run("--metrics=unix:/tmp/x", "--once"), EX_USAGE);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
	snprintf(option, sizeof(option), "--metrics=127.0.0.1:%u", ntohs(addr.sin_port));
	assert_int_equal(run(option, NULL), EX_CANTCREAT);
	close(fd);

	/* The same port, now that it is free; and a name, which makes it the service of one */
	start_daemon(&host, NOOP_PLUGIN, (const char *[]){ "--name=vm", option, NULL });
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	char *text = ask(fd, "GET /metrics HTTP/1.0\r\n\r\n");
	assert_non_null(strstr(text, "\nvaccel_clients_limit 1\n"));
	free(text);
	assert_int_equal(stop_daemon(&host), 0);

	/* Nobody observes who is not asked to. */
	start_daemon(&host, NOOP_PLUGIN, (const char *[]){ "--max-clients=4", NULL });
	assert_int_equal(observer_of(&host), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_numbers, stop),
		cmocka_unit_test_teardown(test_worker_dies, stop),
		cmocka_unit_test_teardown(test_observer_dies, stop),
		cmocka_unit_test_teardown(test_bad_input, stop),
		cmocka_unit_test_teardown(test_options, stop),
	};

	test_main_begin(280);
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("metrics", tests, NULL, NULL);
}
