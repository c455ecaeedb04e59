// SPDX-License-Identifier: Apache-2.0
/*
 * The supervisor's sandbox from the inside, as root and as somebody else: what it keeps away, and that
 * all that the supervisor needs is left. The worker's is tested with a hostile plugin
 * (test/integration/test_sandbox.c).
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "landlock.h"
#include "sandbox.h"
#include "syscalls.h"
#include "tree.h"

#define NOBODY 65534
/* What a filter may leave in the heap; it is 96 KiB if nobody gives back what it was made in */
#define MAX_LEFT_KIB 64

static char dir[64], secret[96], sock[96], mine[96];

/* In the child: says what went wrong there. Its number is the exit status. */
#define CHECK(condition)                                                               \
	do {                                                                           \
		if (!(condition)) {                                                    \
			fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #condition, \
				strerror(errno));                                      \
			_exit(1);                                                      \
		}                                                                      \
	} while (0)

#define REFUSED(call) CHECK((errno = 0, (call) < 0) && (errno == EPERM || errno == EACCES))

/* Runs a function in a process of its own. Return: its exit status. */
static int in_child(void (*fn)(void), bool as_nobody)
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		if (as_nobody && (setgid(NOBODY) || setuid(NOBODY)))
			_exit(2);
		fn();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void enter(uint64_t level)
{
	struct sandbox_report missing = { 0 };
	struct policy p;

	policy_init(&p);
	p.sandbox = level;
	sandbox_supervisor(&p, sock, &missing);
	if (missing.weak) {
		fprintf(stderr, "SKIP: %s\n", missing.missing);
		_exit(77);
	}
}

/* ---- What is kept away ---------------------------------------------------------------------- */

static void attack(void)
{
	struct rlimit limit;
	char *argv[] = { (char *)(uintptr_t)"/bin/true", NULL };

	enter(SANDBOX_AUTO);
	REFUSED(open(secret, O_RDONLY));
	REFUSED(open("/etc/passwd", O_RDONLY));
	REFUSED(open(secret, O_WRONLY | O_TRUNC));
	REFUSED(open(dir, O_RDONLY | O_DIRECTORY));
	REFUSED(mkdir("/tmp/vaccel-made-by-test", 0700));
	REFUSED(rename(secret, sock));
	REFUSED(socket(AF_UNIX, SOCK_STREAM, 0));
	REFUSED(socket(AF_INET, SOCK_STREAM, 0));
	REFUSED(execv(argv[0], argv));
	if (!SYSCALLS_SANITIZED) {
		REFUSED(fork());
		REFUSED(setuid(NOBODY));
		REFUSED(prctl(PR_SET_DUMPABLE, 1));
	}
	REFUSED(ptrace(PTRACE_ATTACH, getppid(), NULL, NULL));
	REFUSED(unshare(CLONE_NEWUSER));
	REFUSED(syscall(SYS_bpf, 0, NULL, 0));
	REFUSED(syscall(SYS_io_uring_setup, 1, NULL));
	REFUSED(syscall(SYS_keyctl, 0, 0, 0));
	REFUSED(syscall(SYS_userfaultfd, 0));
	REFUSED(syscall(SYS_mount, "none", "/tmp", "tmpfs", 0, NULL));
	if (SYSCALLS_SANITIZED) {
		getrlimit(RLIMIT_CORE, &limit);
		CHECK(limit.rlim_max == 0);
	}
}

/* ---- What is left --------------------------------------------------------------------------- */

static void work(void)
{
	struct pollfd pfd = { .events = POLLIN };
	int socks[2], fd;
	char byte;
	void *p;

	fd = open(sock, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	CHECK(fd >= 0);
	close(fd);
	enter(SANDBOX_AUTO);

	CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, socks) == 0);
	CHECK(send(socks[0], "x", 1, MSG_NOSIGNAL) == 1);
	pfd.fd = socks[1];
	CHECK(poll(&pfd, 1, 1000) == 1);
	CHECK(recv(socks[1], &byte, 1, 0) == 1);
	CHECK(fcntl(socks[0], F_SETFL, O_NONBLOCK) == 0);
	fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	CHECK(fd >= 0 && ftruncate(fd, 4096) == 0 && fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK) == 0);
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED);
	CHECK(madvise(p, 4096, MADV_DONTFORK) == 0 && munmap(p, 4096) == 0);
	p = malloc(64 << 20);
	CHECK(p);
	free(p);
	CHECK(kill(getpid(), 0) == 0);
	CHECK(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
	CHECK(syscall(SYS_pidfd_open, getpid(), 0) >= 0);
	CHECK(nanosleep(&(struct timespec){ 0, 1000 }, NULL) == 0);
	/* What it has to clean up is its socket; all else is the cleaner's. */
	CHECK(unlink(sock) == 0);
	REFUSED(rmdir(mine));
}

static void clean(void)
{
	char below[112], deep[128], other[128], file[128];
	struct policy p;

	policy_init(&p);
	snprintf(below, sizeof(below), "%s/below", mine);
	snprintf(deep, sizeof(deep), "%s/deep", below);
	snprintf(other, sizeof(other), "%s/other", dir);
	CHECK(mkdir(below, 0700) == 0 && mkdir(deep, 0700) == 0);
	if (mkdir(other, 0700) && errno != EEXIST)
		CHECK(false);
	sandbox_cleaner(&p, mine, NULL);
	REFUSED(open(secret, O_RDONLY));
	snprintf(file, sizeof(file), "%s/file", below);
	REFUSED(open(file, O_WRONLY | O_CREAT, 0600));
	REFUSED(unlink(secret));
	REFUSED(symlink(secret, file));
	REFUSED(socket(AF_UNIX, SOCK_STREAM, 0));
	REFUSED(execv("/bin/true", (char *[]){ (char *)(uintptr_t) "true", NULL }));
	/* Nothing can be moved out of there. */
	CHECK(rename(deep, other) < 0);
	CHECK(tree_remove(AT_FDCWD, mine) == 0);
	CHECK(access(mine, F_OK) < 0);
}

static void none(void)
{
	int fd;

	enter(SANDBOX_NONE);
	fd = open(secret, O_RDONLY);
	CHECK(fd >= 0);
	CHECK(socket(AF_UNIX, SOCK_STREAM, 0) >= 0);
}

static void make_mine(void)
{
	mkdir(mine, 0777);
	chmod(mine, 0777);
}

static void expect_ok(void (*fn)(void))
{
	int status;

	make_mine();
	status = in_child(fn, false);
	if (status == 77)
		exit(77);
	assert_int_equal(status, 0);
	if (geteuid())
		return;
	make_mine();
	assert_int_equal(in_child(fn, true), 0);
}

static void test_attack(void **state)
{
	(void)state;
	expect_ok(attack);
}

static void test_work(void **state)
{
	(void)state;
	expect_ok(work);
}

static void test_clean(void **state)
{
	struct landlock l;

	(void)state;
	if (landlock_begin(&l, false, false)) {
		print_message("skipped: this kernel has no Landlock\n");
		skip();
	}
	close(l.fd);
	expect_ok(clean);
}

/* ---- What is left of making it -------------------------------------------------------------- */

/* KiB of the heap that this process alone has. @smaps: its own, open */
static unsigned int heap_kib(FILE *smaps)
{
	unsigned int kib = 0, one;
	bool in_heap = false;
	char line[512];

	rewind(smaps);
	while (fgets(line, sizeof(line), smaps)) {
		if (strstr(line, " rw-p "))
			in_heap = strstr(line, "[heap]");
		else if (in_heap && sscanf(line, "Private_Dirty: %u", &one) == 1)
			kib += one;
	}
	return kib;
}

static void confine_and_weigh(void)
{
	FILE *smaps = fopen("/proc/self/smaps", "re");
	unsigned int before, after;

	CHECK(smaps);
	before = heap_kib(smaps);
	sandbox_fileless();
	after = heap_kib(smaps);
	fprintf(stderr, "heap: %u KiB before, %u KiB after\n", before, after);
	CHECK(after < before + MAX_LEFT_KIB);
}

static void test_left(void **state)
{
	(void)state;
	if (SYSCALLS_SANITIZED)
		skip();
	assert_int_equal(in_child(confine_and_weigh, false), 0);
}

static void test_none(void **state)
{
	(void)state;
	expect_ok(none);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_attack),
		cmocka_unit_test(test_work),
		cmocka_unit_test(test_clean),
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_left),
	};
	int fd, ret;

	if (getenv("VALGRIND")) {
		print_message("skipped: valgrind does not know Landlock, and needs what the sandbox forbids\n");
		return 77;
	}
	strcpy(dir, "/tmp/vaccel-sandbox-XXXXXX");
	if (!mkdtemp(dir))
		return 1;
	chmod(dir, 0777);
	snprintf(secret, sizeof(secret), "%s/secret", dir);
	snprintf(sock, sizeof(sock), "%s/sock", dir);
	snprintf(mine, sizeof(mine), "%s/mine", dir);
	fd = open(secret, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
	close(fd);
	ret = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(secret);
	unlink(sock);
	tree_remove(AT_FDCWD, dir);
	return ret;
}
