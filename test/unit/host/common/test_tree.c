// SPDX-License-Identifier: Apache-2.0
/* Removing trees whose maker did not want them to be removed: deep ones, locked ones, full of links. */
#include "util.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "send_fds.h"
#include "tree.h"

static char dir[64];
static int at;
static unsigned int before;

static int start(void **state)
{
	(void)state;
	/* In memory, if there is such a place: there are many of them. */
	strcpy(dir, access("/dev/shm", W_OK) ? "/tmp/vaccel-tree-XXXXXX" : "/dev/shm/vaccel-tree-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	at = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	before = send_fds_count();
	return at < 0;
}

static int stop(void **state)
{
	(void)state;
	close(at);
	return rmdir(dir);
}

static void make_file(int in, const char *name)
{
	int fd = openat(in, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	close(fd);
}

/* Makes a directory and opens it. */
static int make_dir(int in, const char *name)
{
	int fd;

	assert_int_equal(mkdirat(in, name, 0700), 0);
	fd = openat(in, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

/* @depth directories, one in the other, each with a file; the last ones first with these rights */
static void make_deep(int in, unsigned int depth, mode_t mode)
{
	int fd = dup(in), next;

	for (unsigned int i = 0; i < depth; i++) {
		next = make_dir(fd, "d");
		make_file(fd, "f");
		if (i && mode != 0700)
			assert_int_equal(fchmod(fd, mode), 0);
		close(fd);
		fd = next;
	}
	close(fd);
}

static void expect_removed(const char *name)
{
	unsigned int open_now = send_fds_count();
	struct rlimit limit, low;

	/* It may not need many. */
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	low = limit;
	low.rlim_cur = (rlim_t)open_now + 12;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	assert_int_equal(tree_remove(at, name), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(faccessat(at, name, F_OK, AT_SYMLINK_NOFOLLOW), -1);
	assert_int_equal(send_fds_count(), open_now);
}

static void simple_ones(void **state)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd, sock;

	(void)state;
	assert_int_equal(tree_remove(at, "nothing"), -ENOENT);
	assert_int_equal(tree_remove(at, "not/there"), -ENOENT);
	make_file(at, "file");
	expect_removed("file");
	close(make_dir(at, "empty"));
	expect_removed("empty");
	fd = make_dir(at, "all");
	make_file(fd, "file");
	assert_int_equal(mkfifoat(fd, "fifo", 0600), 0);
	assert_int_equal(symlinkat("nowhere", fd, "link"), 0);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/all/sock", dir);
	sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(sock, (struct sockaddr *)&addr, sizeof(addr)), 0);
	close(sock);
	close(fd);
	expect_removed("all");
}

/* Far beyond what a path can name, and what a stack or a table of descriptors holds */
static void deep_ones(void **state)
{
	int fd = make_dir(at, "deep");

	(void)state;
	make_deep(fd, 3000, 0700);
	close(fd);
	expect_removed("deep");
}

static void wide_ones(void **state)
{
	int top = make_dir(at, "wide"), fd;
	char name[32];

	(void)state;
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "moved.%d", i); /* the name that it would choose */
		fd = make_dir(top, name);
		make_deep(fd, 20, 0700);
		for (int k = 0; k < 10; k++) {
			snprintf(name, sizeof(name), "%d", k);
			make_file(fd, name);
		}
		close(fd);
	}
	close(top);
	expect_removed("wide");
}

/* Rights that keep even the owner out */
static void locked_ones(void **state)
{
	static const mode_t modes[] = { 0, 0100, 0200, 0300, 0400, 0500, 0600 };
	int fd;

	(void)state;
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		fd = make_dir(at, "locked");
		make_deep(fd, 40, modes[i]);
		assert_int_equal(fchmod(fd, modes[i]), 0);
		close(fd);
		expect_removed("locked");
	}
}

/* No link is followed, be it to a file, to a directory, or to one that is locked. */
static void links_lead_nowhere(void **state)
{
	int outside = make_dir(at, "outside"), inside = make_dir(at, "inside"), fd;
	char target[128];
	struct stat st;

	(void)state;
	make_file(outside, "file");
	fd = make_dir(outside, "locked");
	make_file(fd, "file");
	assert_int_equal(fchmod(fd, 0500), 0);
	snprintf(target, sizeof(target), "%s/outside", dir);
	assert_int_equal(symlinkat(target, inside, "absolute"), 0);
	assert_int_equal(symlinkat("../outside", inside, "relative"), 0);
	assert_int_equal(symlinkat("../outside/locked", inside, "locked"), 0);
	assert_int_equal(symlinkat("../outside/file", inside, "file"), 0);
	close(inside);
	expect_removed("inside");
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0500);
	assert_int_equal(faccessat(outside, "file", F_OK, 0), 0);
	assert_int_equal(symlinkat("outside", at, "link"), 0);
	expect_removed("link");
	assert_int_equal(faccessat(outside, "file", F_OK, 0), 0);
	close(fd);
	close(outside);
	expect_removed("outside");
}

/* What cannot be removed stays, and the rest goes. */
static void says_what_stays(void **state)
{
	int fd = make_dir(at, "above");

	(void)state;
	close(make_dir(fd, "tree"));
	assert_int_equal(fchmod(fd, 0500), 0);
	assert_int_equal(tree_remove(fd, "tree"), -EACCES);
	assert_int_equal(send_fds_count(), before + 1);
	close(fd);
	expect_removed("above");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(simple_ones, start, stop),
		cmocka_unit_test_setup_teardown(deep_ones, start, stop),
		cmocka_unit_test_setup_teardown(wide_ones, start, stop),
		cmocka_unit_test_setup_teardown(locked_ones, start, stop),
		cmocka_unit_test_setup_teardown(links_lead_nowhere, start, stop),
		cmocka_unit_test_setup_teardown(says_what_stays, start, stop),
	};

	/* To root nothing is locked. */
	capng_clear(CAPNG_SELECT_CAPS);
	if (!geteuid() && capng_apply(CAPNG_SELECT_CAPS))
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
