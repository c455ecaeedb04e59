// SPDX-License-Identifier: Apache-2.0
/* Memory that a front end takes away while it is looked at: an error where we look for it. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "guard.h"

#define PAGE 4096

static volatile uint8_t *memory;
static int fd;

static int start(void **state)
{
	(void)state;
	fd = memfd_create("guest", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, 2 * PAGE))
		return -1;
	memory = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	return memory == MAP_FAILED;
}

static int stop(void **state)
{
	(void)state;
	close(fd);
	return munmap((void *)memory, 2 * PAGE);
}

static int look(void *at)
{
	memory[0]++;
	return memory[*(size_t *)at];
}

static void faults_are_errors(void **state)
{
	size_t second = PAGE, first = 1;

	(void)state;
	guard_init(); /* in each test, as cmocka has a handler of its own */
	memory[PAGE] = 7;
	assert_int_equal(guard_call(look, &second), 7);
	assert_int_equal(ftruncate(fd, PAGE), 0);
	/* Again and again, and what is left can be used */
	for (int i = 0; i < 3; i++) {
		assert_int_equal(guard_call(look, &second), -EFAULT);
		assert_int_equal(guard_call(look, &first), 0);
	}
	assert_int_equal(memory[0], 7);
	assert_int_equal(ftruncate(fd, 2 * PAGE), 0);
	assert_int_equal(guard_call(look, &second), 0);
}

/* Elsewhere such a fault is a mistake of ours. */
static void others_are_fatal(void **state)
{
	const struct rlimit none = { 0, 0 };
	size_t second = PAGE;
	int status;
	pid_t pid;

	(void)state;
	guard_init();
	assert_int_equal(ftruncate(fd, PAGE), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		setrlimit(RLIMIT_CORE, &none);
		if (guard_call(look, &second) == -EFAULT)
			(void)memory[PAGE];
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGBUS);
	assert_int_equal(ftruncate(fd, 2 * PAGE), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(faults_are_errors),
		cmocka_unit_test(others_are_fatal),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
