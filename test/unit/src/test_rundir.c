// SPDX-License-Identifier: Apache-2.0
/* Where the run directory goes. Each case runs in a child with a /run of its own. */
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "path.h"
#include "rundir.h"
#include "slog.h"
#include "vaccel.h"

#define CANNOT 99

/* In children, where cmocka's assertions do not work. */
#define CHECK(condition)                                                                   \
	do {                                                                               \
		if (!(condition)) {                                                        \
			fprintf(stderr, "line %d: %s (rundir %s, errno %d)\n", __LINE__,   \
				#condition, rundir_path(), errno);                         \
			exit(1);                                                           \
		}                                                                          \
	} while (0)

static char base[64]; /* /run/user/UID */

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd >= 0) {
		(void)!write(fd, text, strlen(text));
		close(fd);
	}
}

/* A name space with empty temporary file systems, or CANNOT. */
static void isolate(void)
{
	const unsigned int uid = getuid(), gid = getgid();
	char map[64];

	snprintf(base, sizeof(base), "/run/user/%u", uid);
	/* Others than root need a user name space for it, which no process in a chroot may make. */
	if (unshare(uid ? CLONE_NEWNS | CLONE_NEWUSER : CLONE_NEWNS))
		_exit(CANNOT);
	if (uid) {
		snprintf(map, sizeof(map), "%u %u 1", uid, uid);
		write_file("/proc/self/uid_map", map);
		write_file("/proc/self/setgroups", "deny");
		snprintf(map, sizeof(map), "%u %u 1", gid, gid);
		write_file("/proc/self/gid_map", map);
	}
	if (mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) ||
	    mount("tmpfs", "/run", "tmpfs", 0, NULL) || mount("tmpfs", "/tmp", "tmpfs", 0, NULL))
		_exit(CANNOT);
	unsetenv("XDG_RUNTIME_DIR");
	unsetenv("TMPDIR");
}

static bool is_private(const char *path)
{
	struct stat st;

	return !lstat(path, &st) && S_ISDIR(st.st_mode) && (st.st_mode & 07777) == 0700 &&
	       st.st_uid == getuid();
}

static bool exists(const char *path)
{
	struct stat st;

	return !lstat(path, &st);
}

static bool in(const char *dir)
{
	size_t len = strlen(dir);

	return !strncmp(rundir_path(), dir, len) && rundir_path()[len] == '/' &&
	       !strchr(rundir_path() + len + 1, '/');
}

static void usual_place(void)
{
	char dir[128], path[PATH_MAX];

	snprintf(dir, sizeof(dir), "%s/vaccel", base);
	CHECK(!mkdir("/run/user", 0755));
	CHECK(!rundir_create());
	CHECK(in(dir));
	CHECK(is_private(base));
	CHECK(is_private(dir));
	CHECK(is_private(rundir_path()));
	snprintf(path, sizeof(path), "%s", rundir_path());
	rundir_remove();
	CHECK(!strcmp(rundir_path(), path));
	CHECK(!exists(path));
	/* What it made is gone, what was there is not. */
	CHECK(!exists(base));
	CHECK(exists("/run/user"));

	CHECK(!mkdir(base, 0700));
	CHECK(!mkdir(dir, 0700));
	CHECK(!rundir_create());
	rundir_remove();
	CHECK(is_private(dir));
	/* Twice does no harm. */
	rundir_remove();
	CHECK(is_private(dir));
}

static void no_system_parent(void)
{
	CHECK(!exists("/run/user"));
	CHECK(!rundir_create());
	CHECK(is_private(rundir_path()));
	/* Only root can make /run/user. */
	CHECK(in(strcat(base, "/vaccel")) || in("/tmp"));
	rundir_remove();
	CHECK(!exists(rundir_path()));
}

static void names_too_long(void)
{
	static char name[PATH_MAX + 100];

	memset(name, 'n', sizeof(name) - 1);
	name[0] = '/';
	CHECK(!mount("none", "/run", "none", MS_REMOUNT | MS_BIND | MS_RDONLY, NULL));
	setenv("XDG_RUNTIME_DIR", name, 1);
	setenv("TMPDIR", name, 1);
	CHECK(!rundir_create());
	CHECK(in("/tmp"));
	rundir_remove();
}

static void parents_in_use(void)
{
	char dir[128], other[160];

	snprintf(dir, sizeof(dir), "%s/vaccel", base);
	snprintf(other, sizeof(other), "%s/other", dir);
	CHECK(!mkdir("/run/user", 0755));
	CHECK(!rundir_create());
	CHECK(!mkdir(other, 0700));
	rundir_remove();
	CHECK(exists(other));
}

/* A directory that others may write, or a link, is not trusted. */
static void unsafe_place(void)
{
	char dir[128];

	snprintf(dir, sizeof(dir), "%s/vaccel", base);
	CHECK(!mkdir("/run/user", 0755));
	CHECK(!mkdir(base, 0700));
	CHECK(!mkdir(dir, 0700));
	CHECK(!chmod(dir, 0777));
	CHECK(!rundir_create());
	CHECK(in("/tmp"));
	CHECK(is_private(rundir_path()));
	rundir_remove();

	CHECK(!rmdir(dir));
	CHECK(!symlink("/tmp", dir));
	CHECK(!rundir_create());
	CHECK(in("/tmp"));
	CHECK(is_private(rundir_path()));
	rundir_remove();
	CHECK(exists("/tmp"));
}

static void fallbacks(void)
{
	/* A file is in the way. */
	int fd = open("/run/user", O_CREAT | O_WRONLY, 0600);

	CHECK(fd >= 0);
	close(fd);
	CHECK(!mkdir("/tmp/xdg", 0700));
	CHECK(!mkdir("/tmp/tmpdir", 0700));

	setenv("XDG_RUNTIME_DIR", "/tmp/xdg", 1);
	setenv("TMPDIR", "/tmp/tmpdir", 1);
	CHECK(!rundir_create());
	CHECK(in("/tmp/xdg/vaccel"));
	rundir_remove();
	CHECK(!exists("/tmp/xdg/vaccel"));

	setenv("XDG_RUNTIME_DIR", "relative", 1);
	CHECK(!rundir_create());
	CHECK(in("/tmp/tmpdir"));
	CHECK(is_private(rundir_path()));
	rundir_remove();
	CHECK(exists("/tmp/tmpdir"));

	setenv("XDG_RUNTIME_DIR", "/tmp/missing", 1);
	setenv("TMPDIR", "/tmp/missing", 1);
	CHECK(!rundir_create());
	CHECK(in("/tmp"));
	rundir_remove();
}

static void nowhere(void)
{
	CHECK(!mount("none", "/run", "none", MS_REMOUNT | MS_BIND | MS_RDONLY, NULL));
	CHECK(!mount("none", "/tmp", "none", MS_REMOUNT | MS_BIND | MS_RDONLY, NULL));
	CHECK(rundir_create() == VACCEL_EACCES);
	rundir_remove();
}

static void start_library(void)
{
	struct vaccel_config config;

	CHECK(!vaccel_config_init(&config, PLUGIN_DIR "/libunit-good.so", VACCEL_LOG_ERROR, NULL,
				  false, false));
	CHECK(!vaccel_bootstrap_with_config(&config));
	CHECK(!vaccel_config_release(&config));
	CHECK(in(strcat(base, "/vaccel")));
}

/* What needs no files still works, and nothing is lost. */
static void becomes_read_only(void)
{
	struct vaccel_resource res;
	struct vaccel_session sess;

	CHECK(!mkdir("/run/user", 0755));
	start_library();
	CHECK(!mount("none", "/run", "none", MS_REMOUNT | MS_BIND | MS_RDONLY, NULL));
	CHECK(vaccel_session_init(&sess, 0) == VACCEL_EROFS);
	CHECK(vaccel_resource_init_from_buf(&res, "text", 4, VACCEL_RESOURCE_DATA, "n", false) ==
	      VACCEL_EROFS);
	CHECK(!vaccel_resource_init_from_buf(&res, "text", 4, VACCEL_RESOURCE_DATA, "n", true));
	CHECK(!vaccel_resource_release(&res));
	CHECK(!mount("none", "/run", "none", MS_REMOUNT | MS_BIND, NULL));
	CHECK(!vaccel_session_init(&sess, 0));
	CHECK(!vaccel_session_release(&sess));
	CHECK(!vaccel_cleanup());
	CHECK(!exists(base));
}

static void becomes_full(void)
{
	static char bytes[1 << 20];
	struct vaccel_resource res;
	struct vaccel_session sess;

	CHECK(!mkdir("/run/user", 0755));
	CHECK(!mount("tmpfs", "/run/user", "tmpfs", 0, "size=64k"));
	start_library();
	CHECK(vaccel_resource_init_from_buf(&res, bytes, sizeof(bytes), VACCEL_RESOURCE_DATA, "n",
					    false) == VACCEL_ENOSPC);
	/* Nothing of it is left in the way. */
	CHECK(!vaccel_resource_init_from_buf(&res, bytes, 32 << 10, VACCEL_RESOURCE_DATA, "n",
					     false));
	CHECK(!vaccel_session_init(&sess, 0));
	CHECK(!vaccel_resource_register(&res, &sess));
	CHECK(!vaccel_session_release(&sess));
	CHECK(!vaccel_resource_release(&res));
	CHECK(!vaccel_cleanup());
	CHECK(!exists(base));
}

static void of_another_process(void)
{
	int status;
	pid_t pid;

	CHECK(!rundir_create());
	pid = fork();
	if (!pid) {
		rundir_remove();
		_exit(0);
	}
	waitpid(pid, &status, 0);
	CHECK(exists(rundir_path()));
	rundir_remove();
	CHECK(!exists(rundir_path()));
}

static void run(void (*body)(void))
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid) {
		isolate();
		body();
		/* Not _exit: coverage data are written at exit. */
		exit(0);
	}
	waitpid(pid, &status, 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == CANNOT) {
		print_message("no name spaces here: not tested\n");
		skip();
	}
	assert_int_equal(status, 0);
}

#define CASE(name)                          \
	static void test_##name(void **state) \
	{                                   \
		(void)state;                \
		run(name);                  \
	}
CASE(usual_place)
CASE(no_system_parent)
CASE(names_too_long)
CASE(parents_in_use)
CASE(unsafe_place)
CASE(fallbacks)
CASE(nowhere)
CASE(becomes_read_only)
CASE(becomes_full)
CASE(of_another_process)

static void test_remove_dir(void **state)
{
	char dir[] = "/tmp/vaccel-test-rundir.XXXXXX";
	char path[PATH_MAX];
	int fd;

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(path_remove_dir(dir, "test directory"), VACCEL_OK);
	assert_false(exists(dir));
	assert_int_equal(path_remove_dir(dir, "test directory"), VACCEL_OK);

	assert_int_equal(mkdir(dir, 0700), 0);
	snprintf(path, sizeof(path), "%s", dir);
	for (int i = 0; i < 10; i++) {
		strcat(path, "/sub");
		assert_int_equal(mkdir(path, 0700), 0);
	}
	strcat(path, "/file");
	fd = open(path, O_CREAT | O_WRONLY, 0000);
	assert_true(fd >= 0);
	close(fd);
	snprintf(path, sizeof(path), "%s/link", dir);
	assert_int_equal(symlink("/etc", path), 0);
	assert_int_equal(path_remove_dir(dir, "test directory"), VACCEL_OK);
	assert_false(exists(dir));
	assert_true(exists("/etc/passwd"));
	fd = open(dir, O_CREAT | O_WRONLY, 0600); /* a file of that name */
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(path_remove_dir(dir, "test directory"), VACCEL_ENOTDIR);
	assert_int_equal(unlink(dir), 0);
}

static void test_remove_deep_dir(void **state)
{
	char dir[] = "/tmp/vaccel-test-rundir.XXXXXX";
	char path[PATH_MAX];

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s", dir);
	for (int i = 0; i < 70; i++) {
		strcat(path, "/d");
		assert_int_equal(mkdir(path, 0700), 0);
	}
	assert_int_equal(path_remove_dir(dir, "test directory"), VACCEL_ELOOP);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(rmdir(path), 0);
		*strrchr(path, '/') = '\0';
	}
	assert_int_equal(path_remove_dir(dir, "test directory"), VACCEL_OK);
	assert_false(exists(dir));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_usual_place),  cmocka_unit_test(test_parents_in_use),
		cmocka_unit_test(test_unsafe_place), cmocka_unit_test(test_fallbacks),
		cmocka_unit_test(test_nowhere),	     cmocka_unit_test(test_of_another_process),
		cmocka_unit_test(test_becomes_read_only), cmocka_unit_test(test_becomes_full),
		cmocka_unit_test(test_no_system_parent), cmocka_unit_test(test_names_too_long),
		cmocka_unit_test(test_remove_dir),   cmocka_unit_test(test_remove_deep_dir),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
