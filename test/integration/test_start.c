// SPDX-License-Identifier: Apache-2.0
/*
 * How vhost-user-accel starts and ends: sockets that it makes, gets, or cannot have; what it says
 * when it is given something wrong; its exit status.
 */
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
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "plugins/virtio/native_proto.h"
#include "support.h"
#include "vaccel.h"

#define TIMEOUT_MS 20000
#define GIVEN_FD   9

static char said[8192];

static const char *in_dir(const char *name)
{
	static char paths[4][160];
	static unsigned int next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", test_dir(), name);
	return path;
}

/* Starts the program; @fd, if there is one, becomes GIVEN_FD. What it says goes to a file. */
static pid_t launch(const char *const *args, int fd)
{
	const char *argv[16] = { getenv("VHOST_USER_ACCEL") };
	int out = open(in_dir("said"), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
	pid_t pid;

	assert_true(out >= 0);
	for (int i = 0; args[i]; i++)
		argv[i + 1] = args[i];
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(out, STDOUT_FILENO);
		dup2(out, STDERR_FILENO);
		if (fd >= 0)
			dup2(fd, GIVEN_FD);
		setenv("VACCEL_PLUGINS", NOOP_PLUGIN, 1);
		unsetenv("VACCEL_BOOTSTRAP_ENABLED");
		execv(argv[0], (char *const *)argv);
		_exit(127);
	}
	close(out);
	return pid;
}

static bool has_ended(void *arg)
{
	siginfo_t info = { 0 };

	return waitid(P_PID, (id_t)*(pid_t *)arg, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid;
}

/* Return: its exit status; what it said is in said. */
static int await(pid_t pid)
{
	FILE *f;
	int status;

	if (!test_wait(has_ended, &pid, TIMEOUT_MS)) {
		kill(pid, SIGKILL);
		fail_msg("it does not end");
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	f = fopen(in_dir("said"), "re");
	assert_non_null(f);
	said[fread(said, 1, sizeof(said) - 1, f)] = '\0';
	fclose(f);
	return WEXITSTATUS(status);
}

#define RUN(...) await(launch((const char *const[]){ __VA_ARGS__, NULL }, -1))

static void expect_said(const char *text)
{
	if (!strstr(said, text))
		fail_msg("'%s' is not in: %s", text, said);
}

static void test_options(void **state)
{
	(void)state;
	assert_int_equal(RUN("--verbose"), EX_USAGE);
	expect_said("either --socket-path or --fd is needed");
	assert_int_equal(RUN("--socket-path=/tmp/x", "--fd=3"), EX_USAGE);
	assert_int_equal(RUN("--fd=three"), EX_USAGE);
	assert_int_equal(RUN("--fd=-1"), EX_USAGE);
	assert_int_equal(RUN("--fd=99999999999999999999"), EX_USAGE);
	expect_said("the number of an open socket is expected");
	assert_int_equal(RUN("-n", "65", "--fd=3"), EX_USAGE);
	assert_int_equal(RUN("--no-such-option"), EX_USAGE);
	assert_int_equal(RUN("--print-capabilities", "--no-such-option"), 0);
	expect_said("\"type\": \"accel\"");
	assert_int_equal(RUN("--print-policy", "-n", "3"), 0);
	expect_said("\"num_queues\":3");
	assert_int_equal(RUN("--cache-dir=/nowhere", "--fd=3"), EX_NOINPUT);
	expect_said("--cache-dir=/nowhere: No such file");
	assert_int_equal(RUN("--model-dir=/etc/passwd", "--fd=3"), EX_NOINPUT);
	expect_said("--model-dir=/etc/passwd: Not a directory");
}

static void test_plugins(void **state)
{
	static const char *const small[] = { "--max-memory=1K", "--max-memory=64K", "--max-memory=300K" };
	char option[200], libraries[4096];

	(void)state;
	snprintf(option, sizeof(option), "--socket-path=%s", in_dir("never"));
	assert_int_equal(RUN(option, "--plugins=libvaccel-none.so"), EX_UNAVAILABLE);
	expect_said("a plugin of VACCEL_PLUGINS, or a library that it needs, was not found");
	assert_int_equal(RUN(option, "--worker=/nowhere/worker", "--sandbox=none"), EX_UNAVAILABLE);
	expect_said("give its place with --worker");
	/* What makes the sandbox is not what runs out of memory: libraries would crash. */
	for (size_t i = 0; i < sizeof(small) / sizeof(small[0]); i++) {
		assert_int_equal(RUN(option, small[i]), EX_UNAVAILABLE);
		expect_said("--max-memory");
		assert_null(strstr(said, "the process that starts workers"));
		assert_null(strstr(said, "free()"));
	}
	assert_int_equal(RUN(option, "--max-memory=1K"), EX_UNAVAILABLE);
	expect_said("--max-memory may be too little");
	assert_null(strstr(said, "Broken pipe"));

	/* A worker that cannot find libvaccel: the worker is not to blame, nor --worker. */
	snprintf(libraries, sizeof(libraries), "%s", getenv("LD_LIBRARY_PATH"));
	setenv("LD_LIBRARY_PATH", "/nowhere", 1);
	assert_int_equal(RUN(option, "--plugins=" NOOP_PLUGIN, "--worker=" LOST_WORKER), EX_UNAVAILABLE);
	setenv("LD_LIBRARY_PATH", libraries, 1);
	expect_said("libnowhere.so");
	expect_said("a library that it needs was not found");
	expect_said("run ldconfig, or add its directory to LD_LIBRARY_PATH");
	assert_null(strstr(said, "--worker"));
	assert_int_equal(access(option + strlen("--socket-path="), F_OK), -1);
}

/* Paths at which no socket can be made */
static void test_no_socket(void **state)
{
	char longest[200], file[200];
	struct daemon other;
	char used[200];
	int fd;

	(void)state;
	memset(longest, 'x', sizeof(longest));
	memcpy(longest, "-s/tmp/", 7);
	longest[150] = '\0';
	assert_int_equal(RUN(longest), EX_USAGE);
	expect_said("a socket's path has at most 106 characters here");
	assert_int_equal(RUN("-s/nowhere/socket"), EX_CANTCREAT);
	expect_said("/nowhere/socket: cannot make the socket");

	snprintf(file, sizeof(file), "-s%s", in_dir("file"));
	fd = open(file + 2, O_CREAT | O_WRONLY, 0600);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(RUN(file), EX_CANTCREAT);
	expect_said("exists and is not a socket; choose another --socket-path");
	assert_int_equal(access(file + 2, F_OK), 0);

	start_daemon(&other, NOOP_PLUGIN, NULL);
	snprintf(used, sizeof(used), "-s%s", other.socket);
	assert_int_equal(RUN(used), EX_CANTCREAT);
	expect_said("is used by another process");
	assert_int_equal(access(other.socket, F_OK), 0);
	assert_int_equal(stop_daemon(&other), 0);
	assert_int_equal(access(other.socket, F_OK), -1);
}

static int make_socket(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

static bool connects(void *path)
{
	struct vu_conn conn;
	uint64_t features;
	bool works;

	if (vu_connect(&conn, path, TIMEOUT_MS))
		return false;
	works = !vu_get_u64(&conn, VU_GET_FEATURES, &features);
	vu_close(&conn);
	return works;
}

/* What a killed process has left is no obstacle; with --once the first front end is the last. */
static void test_once(void **state)
{
	char option[200];
	const char *const args[] = { option, "--once", "-v", NULL };
	pid_t pid;

	(void)state;
	snprintf(option, sizeof(option), "-s%s", in_dir("left"));
	close(make_socket(option + 2));
	pid = launch(args, -1);
	assert_true(test_wait(connects, option + 2, TIMEOUT_MS));
	assert_int_equal(await(pid), 0);
	expect_said("a front end has connected");
	expect_said("the front end has gone");
	assert_int_equal(access(option + 2, F_OK), -1);
}

/* The signals that end it leave nothing; under nohup one of them does not end it. */
static void test_signals(void **state)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP };
	char option[200];
	const char *const args[] = { option, NULL };
	pid_t pid;

	(void)state;
	snprintf(option, sizeof(option), "-s%s", in_dir("socket"));
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		pid = launch(args, -1);
		assert_true(test_wait(connects, option + 2, TIMEOUT_MS));
		kill(pid, signals[i]);
		assert_int_equal(await(pid), 0);
		assert_int_equal(access(option + 2, F_OK), -1);
	}
	signal(SIGHUP, SIG_IGN);
	pid = launch(args, -1);
	signal(SIGHUP, SIG_DFL);
	assert_true(test_wait(connects, option + 2, TIMEOUT_MS));
	kill(pid, SIGHUP);
	assert_true(test_wait(connects, option + 2, TIMEOUT_MS));
	assert_false(has_ended(&pid));
	kill(pid, SIGTERM);
	assert_int_equal(await(pid), 0);
}

/* Sockets that the caller made: a service manager, QEMU's helper */
static void test_fd(void **state)
{
	static const char *const args[] = { "--fd=9", NULL };
	const char *path = in_dir("given");
	int listener = make_socket(path), datagrams = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int socks[2], null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	pid_t pid;

	(void)state;
	/* It listens: front ends come and go, and the socket's file stays. */
	assert_int_equal(listen(listener, 4), 0);
	pid = launch(args, listener);
	assert_true(test_wait(connects, (void *)(uintptr_t)path, TIMEOUT_MS));
	assert_true(test_wait(connects, (void *)(uintptr_t)path, TIMEOUT_MS));
	kill(pid, SIGTERM);
	assert_int_equal(await(pid), 0);
	assert_int_equal(access(path, F_OK), 0);

	/* It is connected: one front end, then the end. */
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, socks), 0);
	pid = launch(args, socks[0]);
	close(socks[0]);
	close(socks[1]);
	assert_int_equal(await(pid), 0);

	/* It is none. */
	assert_int_equal(await(launch(args, datagrams)), EX_USAGE);
	expect_said("--fd=9 is not a stream socket");
	assert_int_equal(await(launch(args, null)), EX_USAGE);
	assert_int_equal(await(launch(args, -1)), EX_USAGE);
	close(listener);
	close(datagrams);
	close(null);
}

/* ---- Descriptors ---------------------------------------------------------------------------- */

/* What 0 is in a process, and what 1 and 2 are */
static void expect_streams(pid_t pid, const char *in, const char *out)
{
	char path[64], to[64];
	ssize_t len;

	for (int fd = 0; fd < 3; fd++) {
		snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, fd);
		len = readlink(path, to, sizeof(to) - 1);
		assert_true(len > 0);
		to[len] = '\0';
		if (strncmp(to, fd ? out : in, strlen(fd ? out : in)) != 0)
			fail_msg("descriptor %d of process %d is %s", fd, pid, to);
	}
}

/* As an init script does it: "<&- >&- 2>&-", or a part of that */
static void expect_runs_without(unsigned int closed, const char *clients)
{
	char option[200];
	const char *const argv[] = { getenv("VHOST_USER_ACCEL"), option, clients, NULL };
	char path[64];
	pid_t pid, child;
	int nr = 0;
	FILE *f;

	snprintf(option, sizeof(option), "-s%s", in_dir("closed"));
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		int null = open("/dev/null", O_RDWR | O_CLOEXEC);

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (int fd = 0; fd < 3; fd++)
			if (closed & 1u << fd)
				close(fd);
			else
				dup2(null, fd);
		setenv("VACCEL_PLUGINS", NOOP_PLUGIN, 1);
		unsetenv("VACCEL_BOOTSTRAP_ENABLED");
		execv(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	assert_true(test_wait(connects, option + 2, TIMEOUT_MS));
	expect_streams(pid, "/dev/null", "/dev/null");
	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
	f = fopen(path, "re");
	assert_non_null(f);
	/* Of a listener they are supervisors, which come and go. */
	for (; clients && fscanf(f, "%d", &child) == 1; nr++)
		expect_streams(child, "/dev/null", "pipe:");
	fclose(f);
	assert_int_equal(nr, clients ? 3 : 0);
	kill(pid, SIGTERM);
	assert_int_equal(await(pid), 0);
}

static void test_closed(void **state)
{
	(void)state;
	close(open(in_dir("said"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	expect_runs_without(7, NULL);
	expect_runs_without(4, NULL);
	expect_runs_without(7, "--max-clients=1");
	expect_runs_without(1, "--max-clients=1");
	expect_runs_without(2, "--max-clients=1");
	expect_runs_without(4, "--max-clients=1");
}

/* In a process of its own, without 0 to 2. Return: the number of the step that failed. */
static int use_library(void)
{
	struct vaccel_config config;
	struct vaccel_session sess;

	for (int fd = 0; fd < 3; fd++)
		close(fd);
	if (vaccel_config_init(&config, VIRTIO_PLUGIN, VACCEL_LOG_ERROR, NULL, false, false) ||
	    vaccel_bootstrap_with_config(&config))
		return 1;
	if (vaccel_session_init(&sess, 0))
		return 2;
	for (int i = 0; i < 2000; i++) {
		if (vaccel_noop(&sess))
			return 3;
		puts("to whom it may concern");
		fflush(stdout);
	}
	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF)
			return 4;
	return vaccel_session_release(&sess) || vaccel_cleanup() ? 5 : 0;
}

static void test_closed_program(void **state)
{
	struct daemon host;
	pid_t pid;

	(void)state;
	start_daemon(&host, NOOP_PLUGIN, NULL);
	setenv("VACCEL_VIRTIO_SOCKET", host.socket, 1);
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(use_library());
	}
	assert_int_equal(await(pid), 0);
	assert_int_equal(stop_daemon(&host), 0);
}

static int count_lines(const struct daemon *d, const char *text)
{
	char *log = daemon_log(d);
	int n = 0;

	for (const char *p = log; (p = strstr(p, text)); p++)
		n++;
	free(log);
	return n;
}

static bool has_to_wait(void *arg)
{
	return count_lines(arg, "a front end has to wait") > 0;
}

/* The listener does not spin when there are no descriptors left. */
static void test_no_descriptors(void **state)
{
	const struct timespec pause = { .tv_nsec = 300 * 1000000 };
	struct rlimit old, few;
	struct vu_conn conn;
	struct daemon host;
	uint64_t features;

	(void)state;
	start_daemon(&host, NOOP_PLUGIN, NULL);
	assert_int_equal(prlimit(host.pid, RLIMIT_NOFILE, NULL, &old), 0);
	few = (struct rlimit){ 12, old.rlim_max };
	assert_int_equal(prlimit(host.pid, RLIMIT_NOFILE, &few, NULL), 0);
	assert_int_equal(vu_connect(&conn, host.socket, TIMEOUT_MS), 0);
	assert_true(test_wait(has_to_wait, &host, TIMEOUT_MS));
	nanosleep(&pause, NULL);
	assert_in_range(count_lines(&host, "front end"), 1, 2);
	/* It has been waiting all the time. */
	assert_int_equal(prlimit(host.pid, RLIMIT_NOFILE, &old, NULL), 0);
	assert_int_equal(vu_get_u64(&conn, VU_GET_FEATURES, &features), 0);
	vu_close(&conn);
	assert_int_equal(stop_daemon(&host), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_options), cmocka_unit_test(test_plugins),
		cmocka_unit_test(test_no_socket), cmocka_unit_test(test_once),
		cmocka_unit_test(test_signals), cmocka_unit_test(test_fd), cmocka_unit_test(test_closed),
		cmocka_unit_test(test_closed_program), cmocka_unit_test(test_no_descriptors),
	};

	test_main_begin(300);
	/* As in a terminal: nohup ignores it, for who is started here, too. */
	signal(SIGHUP, SIG_DFL);
	if (!getenv("VHOST_USER_ACCEL"))
		test_skip("VHOST_USER_ACCEL names no vhost-user-accel to test");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
