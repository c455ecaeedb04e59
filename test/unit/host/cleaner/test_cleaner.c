// SPDX-License-Identifier: Apache-2.0
/*
 * The cleaner: it removes what dead workers have left, nothing of those that live and nothing beside
 * it, whoever it hears of; and what becomes of the supervisor's requests when it dies.
 */
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
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "cleaner.h"
#include "tree.h"

#define WAIT_MS 20000

static char top[64], dir[96], other[96];
static struct policy policy;
static struct cleaner cleaner;

/* ---- Calls that fail ------------------------------------------------------------------------- */

static bool fail_socketpair, fail_fork;

int __real_socketpair(int domain, int type, int protocol, int fds[2]);
int __wrap_socketpair(int domain, int type, int protocol, int fds[2]);
pid_t __real_fork(void);
pid_t __wrap_fork(void);

int __wrap_socketpair(int domain, int type, int protocol, int fds[2])
{
	errno = EMFILE;
	return fail_socketpair ? -1 : __real_socketpair(domain, type, protocol, fds);
}

pid_t __wrap_fork(void)
{
	errno = EAGAIN;
	return fail_fork ? -1 : __real_fork();
}

/* ---- What is common -------------------------------------------------------------------------- */

/* A file in a directory below @of; returns the path of that directory. */
static const char *make(const char *of, const char *name)
{
	static char path[4][192];
	static unsigned int at;
	char file[256], *to = path[at++ % 4];
	FILE *f;

	snprintf(to, sizeof(path[0]), "%s/%s", of, name);
	assert_int_equal(mkdir(to, 0700), 0);
	snprintf(file, sizeof(file), "%s/model", to);
	f = fopen(file, "we");
	assert_non_null(f);
	fclose(f);
	return to;
}

static bool is_there(const char *path)
{
	return !access(path, F_OK);
}

/* Waits until so many requests are done. */
static void await_done(unsigned int nr)
{
	for (int waited = 0; nr && waited < WAIT_MS; waited += 10) {
		unsigned int done = cleaner_done(&cleaner);

		assert_true(done <= nr);
		nr -= done;
		poll(NULL, 0, 10);
	}
	assert_int_equal(nr, 0);
	assert_true(cleaner.sock >= 0);
}

static void await_gone(const char *path)
{
	for (int waited = 0; is_there(path) && waited < WAIT_MS; waited += 10)
		poll(NULL, 0, 10);
	assert_false(is_there(path));
}

static int start(void **state)
{
	(void)state;
	snprintf(top, sizeof(top), "/tmp/vaccel-cleaner-XXXXXX");
	if (!mkdtemp(top))
		return -1;
	snprintf(dir, sizeof(dir), "%s/workers", top);
	snprintf(other, sizeof(other), "%s/other", top);
	if (mkdir(dir, 0700) || mkdir(other, 0700))
		return -1;
	return cleaner_start(&cleaner, &policy, dir);
}

static int start_free(void **state)
{
	int ret;

	policy.sandbox = SANDBOX_NONE;
	ret = start(state);
	policy.sandbox = SANDBOX_AUTO;
	return ret;
}

static int stop(void **state)
{
	(void)state;
	cleaner_stop(&cleaner, WAIT_MS);
	/* Once more does nothing. */
	cleaner_stop(&cleaner, WAIT_MS);
	/* It ends, whatever a test did. */
	while (waitpid(-1, NULL, 0) > 0)
		;
	return tree_remove(AT_FDCWD, top);
}

/* It is nobody's child but ours, see main(). Return: its process id. */
static pid_t cleaner_pid(void)
{
	char path[64], line[64] = "";
	pid_t pid = 0;
	FILE *f;

	for (int waited = 0; !pid && waited < WAIT_MS; waited += 10) {
		snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
		f = fopen(path, "re");
		if (f && fgets(line, sizeof(line), f))
			pid = (pid_t)strtol(line, NULL, 10);
		if (f)
			fclose(f);
		poll(NULL, 0, 10);
	}
	assert_true(pid > 0);
	return pid;
}

static void kill_cleaner(void)
{
	pid_t pid = cleaner_pid();

	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* ---- Tests ----------------------------------------------------------------------------------- */

/* Of the dead one, of those before it, and what is nobody's; not of the one that lives. */
static void removes_up_to(void **state)
{
	const char *first = make(dir, "1.abcdef"), *second = make(dir, "2.abcdef");
	const char *third = make(dir, "3.abcdef"), *beside = make(dir, "beside");
	const char *far;

	(void)state;
	cleaner_confine(&cleaner, second);
	assert_int_equal(cleaner_remove(&cleaner, 2, second), 0);
	assert_int_equal(cleaner.nr_pending, 1);
	await_done(1);
	assert_int_equal(cleaner.nr_pending, 0);
	assert_false(is_there(first));
	assert_false(is_there(second));
	assert_false(is_there(beside));
	assert_true(is_there(third));
	/* So many later ones there cannot be: a name that a worker has made up. */
	far = make(dir, "4000000000.abcdef");
	assert_int_equal(cleaner_remove(&cleaner, 2, third), 0);
	await_done(1);
	assert_false(is_there(far));
	assert_true(is_there(third));
	assert_true(is_there(dir));
}

/* Where libraries make their directories elsewhere, that worker's goes, and nobody else's. */
static void other_place(void **state)
{
	const char *dead = make(other, "vaccel.1"), *alive = make(other, "vaccel.2");
	static const char *const names[] = { ".", "..", "vaccel.2/..", "", "../workers" };
	const char *later = make(dir, "5.abcdef");
	char name[128];

	(void)state;
	cleaner_confine(&cleaner, dead);
	assert_string_equal(cleaner.other, other);
	assert_int_equal(cleaner_remove(&cleaner, 4, dead), 0);
	await_done(1);
	assert_false(is_there(dead));
	assert_true(is_there(alive));
	/* What a worker says is its directory may be anything. */
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(name, sizeof(name), "%s/%s", other, names[i]);
		assert_int_equal(cleaner_remove(&cleaner, 4, name), 0);
	}
	assert_int_equal(cleaner_remove(&cleaner, 4, "/etc/passwd"), 0);
	assert_int_equal(cleaner_remove(&cleaner, 4, "relative"), 0);
	await_done(sizeof(names) / sizeof(names[0]) + 2);
	assert_true(is_there(alive));
	assert_true(is_there(later));
	assert_true(is_there("/etc/passwd"));
}

/* The directory may be gone when it is told to look there. */
static void nothing_there(void **state)
{
	(void)state;
	cleaner_confine(&cleaner, "");
	assert_string_equal(cleaner.other, "");
	assert_int_equal(cleaner_remove(&cleaner, 1, dir), 0);
	await_done(1);
	assert_int_equal(rmdir(dir), 0);
	assert_int_equal(cleaner_remove(&cleaner, 1, dir), 0);
	await_done(1);
}

/* At the end all goes, the directory, too. */
static void removes_all(void **state)
{
	(void)state;
	make(dir, "1.abcdef");
	make(dir, "2.abcdef");
	cleaner_stop(&cleaner, WAIT_MS);
	assert_int_equal(cleaner.sock, -1);
	assert_false(is_there(dir));
	assert_true(is_there(other));
}

/*
 * The supervisor is gone without a word: workers that end in good order have removed their files, and
 * the rest is removed after a while.
 */
static void left_alone(void **state)
{
	char file[256];

	(void)state;
	snprintf(file, sizeof(file), "%s/model", make(dir, "1.abcdef"));
	close(cleaner.sock);
	cleaner.sock = -1;
	/* A worker that is about to end does not lose its files. */
	poll(NULL, 0, 500);
	assert_true(is_there(file));
	assert_int_equal(unlink(file), 0);
	await_gone(dir);
}

/* Its death: whoever asks is told, and nothing is waited for. */
static void killed(void **state)
{
	(void)state;
	assert_int_equal(cleaner_remove(&cleaner, 1, dir), 0);
	kill_cleaner();
	/* What was done before counts; that no more comes is noticed, too. */
	assert_true(cleaner_done(&cleaner) <= 1);
	cleaner_done(&cleaner);
	assert_int_equal(cleaner.sock, -1);
	assert_int_equal(cleaner.nr_pending, 0);
	assert_int_equal(cleaner_remove(&cleaner, 1, dir), -EPIPE);
	assert_int_equal(cleaner_done(&cleaner), 0);
	assert_true(is_there(dir));
}

/* The same, noticed when it is asked */
static void killed_before(void **state)
{
	(void)state;
	kill_cleaner();
	assert_int_equal(cleaner_remove(&cleaner, 1, dir), -EPIPE);
	assert_int_equal(cleaner.sock, -1);
}

static void killed_before_confine(void **state)
{
	(void)state;
	kill_cleaner();
	cleaner_confine(&cleaner, dir);
	assert_int_equal(cleaner.sock, -1);
}

/* Stopped: requests go as far as the socket takes them, and then it counts as gone; nobody waits. */
static void stopped(void **state)
{
	pid_t pid = cleaner_pid();
	int ret = 0;

	(void)state;
	kill(pid, SIGSTOP);
	for (int i = 0; i < 100000 && !ret; i++)
		ret = cleaner_remove(&cleaner, 1, dir);
	assert_int_equal(ret, -EPIPE);
	assert_int_equal(cleaner.sock, -1);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* More answers than questions: it is out of its mind. */
static void answers_unasked(void **state)
{
	struct cleaner c = { .dir = dir };
	int socks[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, socks), 0);
	c.sock = socks[0];
	c.nr_pending = 1;
	assert_int_equal(send(socks[1], "", 1, 0), 1);
	assert_int_equal(send(socks[1], "", 1, 0), 1);
	assert_int_equal(cleaner_done(&c), 1);
	assert_int_equal(c.sock, -1);
	close(socks[1]);
}

static void cannot_start(void **state)
{
	struct cleaner c;

	(void)state;
	fail_socketpair = true;
	assert_int_equal(cleaner_start(&c, &policy, dir), -EMFILE);
	fail_socketpair = false;
	assert_int_equal(c.sock, -1);
	fail_fork = true;
	assert_int_equal(cleaner_start(&c, &policy, dir), -EAGAIN);
	fail_fork = false;
	assert_int_equal(c.sock, -1);
	/* There is no such directory: the process ends at once. */
	assert_int_equal(cleaner_start(&c, &policy, "/nowhere/at/all"), 0);
	assert_true(waitpid(-1, NULL, 0) > 0);
	cleaner_done(&c);
	assert_int_equal(c.sock, -1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(removes_up_to), cmocka_unit_test_setup_teardown(removes_up_to, start_free, stop),
		TEST(other_place),	  TEST(nothing_there),
		TEST(removes_all),   TEST(left_alone),	  TEST(killed),
		TEST(killed_before), TEST(killed_before_confine), TEST(stopped),
		TEST(answers_unasked), cmocka_unit_test(cannot_start),
	};

	alarm(110);
	/* The cleaner has no parent once it runs: so it can be found, and waited for. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	policy_init(&policy);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
