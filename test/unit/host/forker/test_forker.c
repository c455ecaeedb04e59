// SPDX-License-Identifier: Apache-2.0
/*
 * The forkers: they start workers, one takes the other's place when that is dead, stopped or silent, and
 * who has none left is told so, in bounded time.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>
#include <cmocka.h>

#include "forker.h"
#include "tree.h"

#define WAIT_MS 20000

static char top[64];	/* where the forkers have their directories */
static char worker[96]; /* what they run */
static struct policy policy;
static struct sandbox_report missing;
static struct forker forker;

/* ---- Calls that fail ------------------------------------------------------------------------- */

static int fail_socketpair; /* the next so many */
static bool fail_fork;
static int fail_mkdtemp;

int __real_socketpair(int domain, int type, int protocol, int fds[2]);
int __wrap_socketpair(int domain, int type, int protocol, int fds[2]);
pid_t __real_fork(void);
pid_t __wrap_fork(void);
char *__real_mkdtemp(char *template);
char *__wrap_mkdtemp(char *template);

int __wrap_socketpair(int domain, int type, int protocol, int fds[2])
{
	if (!fail_socketpair)
		return __real_socketpair(domain, type, protocol, fds);
	fail_socketpair--;
	errno = EMFILE;
	return -1;
}

pid_t __wrap_fork(void)
{
	if (!fail_fork)
		return __real_fork();
	errno = EAGAIN;
	return -1;
}

char *__wrap_mkdtemp(char *template)
{
	if (!fail_mkdtemp)
		return __real_mkdtemp(template);
	fail_mkdtemp--;
	errno = EROFS;
	return NULL;
}

/* ---- What is common -------------------------------------------------------------------------- */

/* What is started as the worker here */
static void write_worker(const char *script)
{
	FILE *f = fopen(worker, "we");

	assert_non_null(f);
	fprintf(f, "#!/bin/sh\n%s\n", script);
	fclose(f);
	assert_int_equal(chmod(worker, 0700), 0);
}

static void start(void)
{
	memset(&forker, 0, sizeof(forker));
	forker.connector = -1;
	memset(&missing, 0, sizeof(missing));
	assert_int_equal(forker_start(&forker, &policy, worker, &missing), 0);
	assert_true(forker.now.pid > 0 && forker.spare.pid > 0);
	assert_string_equal(missing.missing, "");
}

static void stop(void)
{
	forker_stop(&forker);
	assert_int_equal(forker.now.pid, 0);
	assert_int_equal(forker.spare.pid, 0);
	assert_int_equal(tree_remove(AT_FDCWD, forker.dir), 0);
	/* All that they started has been waited for. */
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static bool is_readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, WAIT_MS) == 1;
}

/* A worker that writes a line to its control socket, and is read from */
static void expect_worker(int ours, pid_t pid, const char *says)
{
	char text[512];
	ssize_t n;
	int status;

	assert_true(is_readable(ours));
	n = recv(ours, text, sizeof(text) - 1, 0);
	assert_true(n > 0);
	text[n] = '\0';
	assert_non_null(strstr(text, says));
	/* It is a child of ours, and not the forker's. */
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
}

static int spawn(int *ours, pid_t *pid, uint32_t *nr)
{
	int socks[2], ret;

	assert_int_equal(__real_socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, socks), 0);
	ret = forker_spawn(&forker, socks[1], pid, nr);
	close(socks[1]);
	*ours = socks[0];
	return ret;
}

/* Workers can be started as if nothing had happened. */
static void expect_service(void)
{
	pid_t pid;
	uint32_t nr;
	int ours;

	assert_int_equal(spawn(&ours, &pid, &nr), 0);
	expect_worker(ours, pid, "worker in ");
	close(ours);
	assert_true(forker.now.pid > 0 && forker.spare.pid > 0);
}

/* ---- Tests ----------------------------------------------------------------------------------- */

/* Each one has a directory and a number of its own, and later ones larger numbers. */
static void starts_workers(void **state)
{
	char last[512] = "", name[16], text[512];
	uint32_t nr, before = 0;
	pid_t pid;
	int ours;

	(void)state;
	start();
	for (int i = 0; i < 3; i++) {
		ssize_t n;

		assert_int_equal(spawn(&ours, &pid, &nr), 0);
		assert_true(nr > before);
		before = nr;
		assert_true(is_readable(ours));
		n = recv(ours, text, sizeof(text) - 1, 0);
		assert_true(n > 0);
		text[n] = '\0';
		snprintf(name, sizeof(name), "/%u.", nr);
		assert_non_null(strstr(text, forker.dir));
		assert_non_null(strstr(text, name));
		assert_string_not_equal(text, last);
		strcpy(last, text);
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		close(ours);
	}
	stop();
}

/* What cannot be run says so by its status; the forker goes on. */
static void no_executable(void **state)
{
	int ours, status;
	uint32_t nr;
	pid_t pid;

	(void)state;
	start();
	assert_int_equal(unlink(worker), 0);
	assert_int_equal(spawn(&ours, &pid, &nr), 0);
	close(ours);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	/* It may have found before that nobody waits for it. */
	assert_true(WIFEXITED(status));
	assert_true(WEXITSTATUS(status) == FORKER_CANNOT_EXEC || WEXITSTATUS(status) == 0);
	write_worker("echo worker in $XDG_RUNTIME_DIR >&3; cat <&3");
	expect_service();
	stop();
}

/* Nobody holds the other end any more: such a worker runs nothing. */
static void abandoned_worker(void **state)
{
	int socks[2], status;
	char ran[128];
	uint32_t nr;
	pid_t pid;

	(void)state;
	snprintf(ran, sizeof(ran), "echo > %s/ran", top);
	write_worker(ran);
	start();
	assert_int_equal(__real_socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, socks), 0);
	close(socks[0]);
	assert_int_equal(forker_spawn(&forker, socks[1], &pid, &nr), 0);
	close(socks[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	snprintf(ran, sizeof(ran), "%s/ran", top);
	assert_int_equal(access(ran, F_OK), -1);
	stop();
	write_worker("echo worker in $XDG_RUNTIME_DIR >&3; cat <&3");
}

/* What a worker has done to the directory of all is mended before the next one. */
static void mends_the_directory(void **state)
{
	uint32_t nr;
	pid_t pid;
	int ours;

	(void)state;
	start();
	assert_int_equal(chmod(forker.dir, 0), 0);
	expect_service();
	assert_int_equal(tree_remove(AT_FDCWD, forker.dir), 0);
	expect_service();
	/* In the place of a directory there is something else: that is an error, and an answer. */
	assert_int_equal(tree_remove(AT_FDCWD, forker.dir), 0);
	assert_int_equal(symlink("/dev/null", forker.dir), 0);
	assert_int_equal(spawn(&ours, &pid, &nr), -ENOTDIR);
	close(ours);
	assert_int_equal(unlink(forker.dir), 0);
	expect_service();
	stop();
}

static void replaces_one(void (*hurt)(pid_t), bool spare)
{
	pid_t old = spare ? forker.spare.pid : forker.now.pid;
	int fds[2];

	forker_fds(&forker, fds);
	assert_true(fds[0] >= 0 && fds[1] >= 0);
	hurt(old);
	expect_service();
	assert_int_not_equal(forker.now.pid, old);
	assert_int_not_equal(forker.spare.pid, old);
	/* It does not stay as a process that was stopped, or as a zombie. */
	assert_int_equal(kill(old, 0), -1);
	assert_int_equal(errno, ESRCH);
}

static void await(pid_t pid, int options)
{
	siginfo_t info;

	assert_int_equal(waitid(P_PID, (id_t)pid, &info, options | WNOWAIT), 0);
}

static void killed(pid_t pid)
{
	kill(pid, SIGKILL);
	await(pid, WEXITED);
}

static void stopped(pid_t pid)
{
	kill(pid, SIGSTOP);
	await(pid, WSTOPPED);
}

static void dead_or_stopped(void **state)
{
	(void)state;
	start();
	for (int i = 0; i < 2; i++) {
		replaces_one(killed, false);
		replaces_one(stopped, false);
		replaces_one(killed, true);
		replaces_one(stopped, true);
	}
	stop();
}

/* Both at once: of two that were only stopped, one goes on. */
static void both_stopped(void **state)
{
	pid_t spare;

	(void)state;
	start();
	spare = forker.spare.pid;
	stopped(forker.now.pid);
	stopped(spare);
	expect_service();
	assert_int_equal(forker.now.pid, spare);
	stop();
}

static void both_dead(void **state)
{
	uint32_t nr;
	pid_t pid;
	int ours, fds[2];

	(void)state;
	start();
	killed(forker.now.pid);
	killed(forker.spare.pid);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(spawn(&ours, &pid, &nr), -EPIPE);
		close(ours);
		forker_mend(&forker);
	}
	forker_fds(&forker, fds);
	assert_int_equal(fds[0], -1);
	assert_int_equal(fds[1], -1);
	stop();
}

/* One that does not answer though it runs: it is given up, and who asked is to ask the next one. */
static void silent_one(void **state)
{
	uint32_t nr;
	pid_t pid, old;
	int ours, right, wrong[2];

	(void)state;
	start();
	old = forker.now.pid;
	/* A socket that nobody reads is a forker that hangs. Its own stays open: it would end otherwise. */
	right = dup(forker.now.sock);
	assert_true(right >= 0);
	assert_int_equal(__real_socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, wrong), 0);
	assert_true(dup2(wrong[0], forker.now.sock) >= 0);
	assert_int_equal(spawn(&ours, &pid, &nr), -EAGAIN);
	close(ours);
	assert_int_not_equal(forker.now.pid, old);
	expect_service();
	close(right);
	close(wrong[0]);
	close(wrong[1]);
	stop();
}

/* Without a spare, too: it is made when that can be done. */
static void no_spare(void **state)
{
	int fds[2];

	(void)state;
	start();
	killed(forker.spare.pid);
	fail_socketpair = 1;
	forker_mend(&forker);
	assert_int_equal(forker.spare.pid, 0);
	forker_fds(&forker, fds);
	assert_true(fds[0] >= 0);
	assert_int_equal(fds[1], -1);
	expect_service();
	stop();
}

/* No place for files, no descriptors, no process: each has a status and leaves nothing. */
static void cannot_start(void **state)
{
	(void)state;
	fail_socketpair = 1;
	assert_int_equal(forker_start(&forker, &policy, worker, &missing), EX_OSERR);
	assert_int_equal(tree_remove(AT_FDCWD, forker.dir), 0);
	fail_fork = true;
	assert_int_equal(forker_start(&forker, &policy, worker, &missing), EX_OSERR);
	fail_fork = false;
	assert_int_equal(forker.now.pid, 0);
	assert_int_equal(tree_remove(AT_FDCWD, forker.dir), 0);
	fail_mkdtemp = 4;
	assert_int_equal(forker_start(&forker, &policy, worker, &missing), EX_CANTCREAT);
	assert_int_equal(fail_mkdtemp, 0);
	assert_string_equal(forker.dir, "");
}

/* Where the first choice cannot be written to, or is no absolute path, the next one is taken. */
static void other_places(void **state)
{
	(void)state;
	fail_mkdtemp = 1;
	start();
	assert_int_equal(strncmp(forker.dir, top, strlen(top)), 0);
	stop();
	setenv("XDG_RUNTIME_DIR", "relative", 1);
	setenv("TMPDIR", "", 1);
	fail_mkdtemp = 1;
	start();
	assert_int_equal(strncmp(forker.dir, "/tmp/vhost-user-accel.", 22), 0);
	stop();
	setenv("XDG_RUNTIME_DIR", top, 1);
	setenv("TMPDIR", top, 1);
}

static int group_setup(void **state)
{
	(void)state;
	snprintf(top, sizeof(top), "/tmp/vaccel-forker-XXXXXX");
	if (!mkdtemp(top))
		return -1;
	snprintf(worker, sizeof(worker), "%s/worker", top);
	write_worker("echo worker in $XDG_RUNTIME_DIR >&3; cat <&3");
	setenv("XDG_RUNTIME_DIR", top, 1);
	setenv("TMPDIR", top, 1);
	policy_init(&policy);
	policy.sandbox = SANDBOX_NONE;
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	return tree_remove(AT_FDCWD, top);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(starts_workers),      cmocka_unit_test(no_executable),
		cmocka_unit_test(abandoned_worker),    cmocka_unit_test(mends_the_directory),
		cmocka_unit_test(dead_or_stopped),     cmocka_unit_test(both_stopped),
		cmocka_unit_test(both_dead),	       cmocka_unit_test(silent_one),
		cmocka_unit_test(no_spare),	       cmocka_unit_test(cannot_start),
		cmocka_unit_test(other_places),
	};

	alarm(110);
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
