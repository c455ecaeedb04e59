// SPDX-License-Identifier: Apache-2.0
/* Whoever leads a process group does not end without what it has started, whenever it ends. */
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "group.h"

#define WAIT_MS 20000

static pid_t leader;
static int life; /* has its end when the member of the group is gone */
static bool ends_between;

int __real_waitid(idtype_t type, id_t id, siginfo_t *info, int options);
int __wrap_waitid(idtype_t type, id_t id, siginfo_t *info, int options);

/* The leader may end just after it was seen alive. */
int __wrap_waitid(idtype_t type, id_t id, siginfo_t *info, int options)
{
	int ret = __real_waitid(type, id, info, options);
	siginfo_t ignored;

	if (ends_between) {
		ends_between = false;
		kill(leader, SIGTERM);
		__real_waitid(P_PID, (id_t)leader, &ignored, WEXITED | WNOWAIT);
	}
	return ret;
}

static void start(void)
{
	int ends[2];
	char byte;

	assert_int_equal(pipe(ends), 0);
	leader = fork();
	assert_true(leader >= 0);
	if (leader == 0) {
		alarm(60);
		setpgid(0, 0);
		close(ends[0]);
		if (fork() == 0) {
			/* Not inherited */
			alarm(60);
			signal(SIGTERM, SIG_IGN);
			if (write(ends[1], "", 1) == 1)
				pause();
			_exit(0);
		}
		close(ends[1]);
		for (;;)
			pause();
	}
	close(ends[1]);
	life = ends[0];
	assert_int_equal(read(life, &byte, 1), 1);
}

static void expect_end(void)
{
	struct pollfd pfd = { .fd = life };
	pid_t pid = 0;
	int status;

	for (int waited = 0; !pid && waited < WAIT_MS; waited += 10) {
		pid = group_reap(leader, &status);
		poll(NULL, 0, pid ? 0 : 10);
	}
	assert_int_equal(pid, leader);
	assert_int_equal(WTERMSIG(status), SIGTERM);
	assert_int_equal(poll(&pfd, 1, WAIT_MS), 1);
	close(life);
	assert_int_equal(group_reap(leader, NULL), -1);
}

static void runs_on(void **state)
{
	struct pollfd pfd;

	(void)state;
	start();
	assert_int_equal(group_reap(leader, NULL), 0);
	pfd.fd = life;
	assert_int_equal(poll(&pfd, 1, 50), 0);
	kill(leader, SIGTERM);
	expect_end();
}

static void ends_while_looked_at(void **state)
{
	(void)state;
	start();
	ends_between = true;
	expect_end();
	assert_false(ends_between);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(runs_on),
		cmocka_unit_test(ends_while_looked_at),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
