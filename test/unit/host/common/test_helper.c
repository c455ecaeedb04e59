// SPDX-License-Identifier: Apache-2.0
/* A helper has what it was given, is nobody's child, and ends with its socket; one that cannot be started leaves nothing. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "helper.h"

pid_t __real_fork(void);
pid_t __wrap_fork(void);

static bool no_fork;

pid_t __wrap_fork(void)
{
	if (!no_fork)
		return __real_fork();
	errno = EAGAIN;
	return -1;
}

static void repeat(int sock, void *arg)
{
	char word[16];

	alarm(60);
	/* Else it would hold its own other end. */
	for (int fd = 3; fd < 64; fd++)
		if (fd != sock)
			close(fd);
	send(sock, arg, 6, 0);
	/* Until nobody is there */
	while (recv(sock, word, sizeof(word), 0) > 0)
		send(sock, word, sizeof(word), 0);
	_exit(0);
}

static void serves(void **state)
{
	char given[] = "given", word[16];
	int sock;

	(void)state;
	sock = helper_start(repeat, given);
	assert_true(sock >= 0);
	assert_int_equal(fcntl(sock, F_GETFD), FD_CLOEXEC);
	assert_int_equal(recv(sock, word, sizeof(word), 0), sizeof(given));
	assert_string_equal(word, given);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	/* Only the helper has the other end. */
	shutdown(sock, SHUT_WR);
	assert_int_equal(recv(sock, word, sizeof(word), 0), 0);
	close(sock);
}

static void cannot_start(void **state)
{
	int before = dup(0);

	(void)state;
	close(before);
	no_fork = true;
	assert_int_equal(helper_start(repeat, NULL), -EAGAIN);
	no_fork = false;
	/* No descriptor is left open. */
	assert_int_equal(dup(0), before);
	close(before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(serves),
		cmocka_unit_test(cannot_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
