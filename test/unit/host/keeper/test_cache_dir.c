// SPDX-License-Identifier: Apache-2.0
/* The directory that several processes keep contents in. */
#include "cache_util.h"

#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <openssl/evp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "cache_dir.h"

static char path[64];
static int dir;
static mode_t file_mode; /* of contents */
#define LOCK ".lock" /* see cache_dir.c */

static int start(void **state)
{
	(void)state;
	snprintf(path, sizeof(path), "/tmp/vaccel-cache-XXXXXX");
	if (!mkdtemp(path))
		return -1;
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	file_mode = 0400;
	return dir < 0;
}

static int stop(void **state)
{
	DIR *stream = opendir(path);
	struct dirent *d;

	(void)state;
	while (stream && (d = readdir(stream)))
		unlinkat(dir, d->d_name, 0);
	closedir(stream);
	close(dir);
	return rmdir(path);
}

static int memory(uint64_t size)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	return fd;
}

static int insert_at(int at, unsigned int seed, uint64_t size, uint64_t max)
{
	int fd = memory(size), ret;

	fill_fd(fd, seed, size);
	ret = cache_dir_insert(at, max, fd, size);
	close(fd);
	return ret;
}

static int insert(unsigned int seed, uint64_t size, uint64_t max)
{
	return insert_at(dir, seed, size, max);
}

static void expect_claim(unsigned int seed, uint64_t size, int result)
{
	uint8_t tag[POSSESSION_TAG_SIZE];
	int fd = memory(size);

	tag_of(seed, size, tag);
	assert_int_equal(cache_dir_claim(dir, some_key, tag, fd, size), result);
	if (result)
		assert_fd_zero(fd, size);
	else
		assert_fd_has(fd, seed, size);
	close(fd);
}

struct listing {
	unsigned int nr;
	uint64_t bytes;
	char last[256];
};

/* All files but the lock; each has to be what its name says. */
static struct listing look(int at)
{
	int fd = openat(at, ".", O_RDONLY | O_DIRECTORY);
	DIR *stream = fdopendir(fd);
	struct listing l = {0};
	struct dirent *d;

	assert_non_null(stream);
	while ((d = readdir(stream))) {
		uint8_t hash[EVP_MAX_MD_SIZE], *data;
		char name[17 + 64 + 1];
		struct stat st;
		int file;

		if (d->d_name[0] == '.')
			continue;
		file = openat(at, d->d_name, O_RDONLY);
		assert_true(file >= 0);
		assert_int_equal(fstat(file, &st), 0);
		assert_int_equal(st.st_mode & 07777, file_mode);
		data = malloc((size_t)st.st_size);
		assert_int_equal(read(file, data, (size_t)st.st_size), st.st_size);
		assert_int_equal(EVP_Digest(data, (size_t)st.st_size, hash, NULL, EVP_sha256(),
					    NULL), 1);
		snprintf(name, sizeof(name), "%016llx-", (unsigned long long)st.st_size);
		for (int i = 0; i < 32; i++)
			snprintf(name + 17 + 2 * i, 3, "%02x", hash[i]);
		assert_string_equal(d->d_name, name);
		free(data);
		close(file);
		l.nr++;
		l.bytes += (uint64_t)st.st_size;
		snprintf(l.last, sizeof(l.last), "%s", d->d_name);
	}
	closedir(stream);
	return l;
}

static void keeps_contents(void **state)
{
	(void)state;
	expect_claim(1, MIB, -ENOENT);
	assert_int_equal(insert(1, MIB, 8 * MIB), 0);
	assert_int_equal(insert(2, MIB + 1, 8 * MIB), 0);
	assert_int_equal(insert(1, MIB, 8 * MIB), 0);
	assert_int_equal(look(dir).nr, 2);
	expect_claim(1, MIB, 0);
	expect_claim(2, MIB + 1, 0);
	expect_claim(2, MIB, -ENOENT);
	expect_claim(3, MIB, -ENOENT);
	assert_int_equal(insert(3, 9 * MIB, 8 * MIB), -EFBIG);
	assert_int_equal(look(dir).nr, 2);
}

static void wait_for_clock(void)
{
	const struct timespec ts = { .tv_nsec = 20000000 };

	nanosleep(&ts, NULL); /* file systems count in ticks */
}

static void drops_the_least_used(void **state)
{
	(void)state;
	for (unsigned int seed = 0; seed < 4; seed++) {
		assert_int_equal(insert(seed, MIB, 4 * MIB), 0);
		wait_for_clock();
	}
	expect_claim(0, MIB, 0);
	wait_for_clock();
	assert_int_equal(insert(4, 2 * MIB, 4 * MIB), 0);
	assert_int_equal(look(dir).bytes, 4 * MIB);
	expect_claim(0, MIB, 0);
	expect_claim(1, MIB, -ENOENT);
	expect_claim(2, MIB, -ENOENT);
	expect_claim(3, MIB, 0);
	expect_claim(4, 2 * MIB, 0);
	/* A smaller limit than the last process had */
	assert_int_equal(insert(5, MIB, MIB), 0);
	assert_int_equal(look(dir).bytes, MIB);
	expect_claim(5, MIB, 0);
}

/* Nobody gets damaged bytes, and the next upload mends them. */
static void survives_damage(void **state)
{
	char name[256];
	int fd;

	(void)state;
	assert_int_equal(insert(1, MIB, 8 * MIB), 0);
	snprintf(name, sizeof(name), "%s", look(dir).last);
	assert_int_equal(fchmodat(dir, name, 0600, 0), 0);
	fd = openat(dir, name, O_RDWR);
	assert_int_equal(pwrite(fd, "x", 1, MIB / 2), 1);
	expect_claim(1, MIB, -ENOENT);
	assert_int_equal(insert(1, MIB, 8 * MIB), 0);
	expect_claim(1, MIB, 0);
	assert_int_equal(look(dir).nr, 1);
	close(fd);

	assert_int_equal(fchmodat(dir, name, 0600, 0), 0);
	fd = openat(dir, name, O_RDWR);
	assert_int_equal(ftruncate(fd, 100), 0);
	close(fd);
	expect_claim(1, MIB, -ENOENT);
	assert_int_equal(insert(1, MIB, 8 * MIB), 0);
	expect_claim(1, MIB, 0);

	/* Things of other kinds under the name */
	assert_int_equal(unlinkat(dir, name, 0), 0);
	assert_int_equal(symlinkat("/etc/passwd", dir, name), 0);
	expect_claim(1, MIB, -ENOENT);
	assert_int_equal(insert(1, MIB, 8 * MIB), 0);
	expect_claim(1, MIB, 0);
	assert_int_equal(unlinkat(dir, name, 0), 0);
	assert_int_equal(mkfifoat(dir, name, 0600), 0);
	expect_claim(1, MIB, -ENOENT);
	assert_int_equal(insert(1, MIB, 8 * MIB), 0);
	expect_claim(1, MIB, 0);
	/* A content under the name of another one of its size */
	assert_int_equal(insert(2, MIB, 8 * MIB), 0);
	look(dir);
	assert_int_equal(unlinkat(dir, name, 0), 0);
	name[80] = name[80] == '0' ? '1' : '0';
	fd = openat(dir, name, O_CREAT | O_WRONLY, 0400);
	fill_fd(fd, 1, MIB);
	close(fd);
	expect_claim(2, MIB, 0);
	expect_claim(1, MIB, 0); /* the tag decides, not the name */
}

static void leaves_others_alone(void **state)
{
	static const char *const names[] = {
		"README", "0000000000100000", "0000000000100000-abc",
		"0000000000100000+0000000000000000000000000000000000000000000000000000000000000000",
		"000000000010000G-0000000000000000000000000000000000000000000000000000000000000000",
		"0000000000100000-00000000000000000000000000000000000000000000000000000000000000000",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		close(openat(dir, names[i], O_CREAT | O_WRONLY, 0600));
	for (unsigned int seed = 0; seed < 6; seed++)
		assert_int_equal(insert(seed, MIB, 2 * MIB), 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_int_equal(unlinkat(dir, names[i], 0), 0);
	assert_int_equal(look(dir).nr, 2);
}

static void is_checked(void **state)
{
	const char *why;
	int fd = open("/etc/passwd", O_RDONLY), proc = open("/proc/self", O_RDONLY);

	(void)state;
	assert_int_equal(cache_dir_check(dir, &why), 0);
	assert_int_equal(cache_dir_check(fd, &why), -ENOTDIR);
	assert_int_not_equal(cache_dir_check(proc, &why), 0);
	assert_int_equal(fchmod(dir, 0750), 0);
	assert_int_equal(cache_dir_check(dir, &why), -EPERM);
	assert_non_null(strstr(why, "chmod 700"));
	assert_int_equal(fchmod(dir, 0700), 0);
	close(fd);
	close(proc);
}

/* Processes insert and claim at once, with room for half of what they have. */
static void serves_processes(void **state)
{
	pid_t pids[4];

	(void)state;
	for (unsigned int p = 0; p < 4; p++) {
		pids[p] = fork();
		assert_true(pids[p] >= 0);
		if (pids[p])
			continue;
		for (unsigned int i = 0; i < 24; i++) {
			unsigned int seed = (p * 3 + i * 5) % 8;
			uint8_t tag[POSSESSION_TAG_SIZE];
			int fd = memory(MIB), ret;

			tag_of(seed, MIB, tag);
			ret = cache_dir_claim(dir, some_key, tag, fd, MIB);
			if (!ret)
				assert_fd_has(fd, seed, MIB);
			else if (ret != -ENOENT || insert(seed, MIB, 4 * MIB))
				_exit(1);
			close(fd);
		}
		_exit(0);
	}
	for (unsigned int p = 0; p < 4; p++) {
		int status;

		assert_int_equal(waitpid(pids[p], &status, 0), pids[p]);
		assert_int_equal(status, 0);
	}
	assert_true(look(dir).bytes <= 4 * MIB);
	assert_true(look(dir).nr >= 1);
}

/* A writer that is killed leaves nothing but whole files, and no lock. */
static void survives_kills(void **state)
{
	(void)state;
	for (int i = 0; i < 30; i++) {
		const struct timespec ts = { .tv_nsec = 1000000L * (i % 10) + 300000 };
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (!pid)
			for (unsigned int seed = 0;; seed++)
				if (insert(seed % 16, 2 * MIB, 8 * MIB))
					_exit(1);
		nanosleep(&ts, NULL);
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		assert_true(look(dir).bytes <= 8 * MIB);
	}
	assert_int_equal(insert(99, MIB, 8 * MIB), 0);
	expect_claim(99, MIB, 0);
}

static void survives_a_full_disk(void **state)
{
	pid_t pid = fork();
	int status;

	(void)state;
	assert_true(pid >= 0);
	if (!pid) {
		int small;

		/* Gone with the child's own mount namespace */
		if (unshare(CLONE_NEWNS) || mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) ||
		    mount("tmpfs", path, "tmpfs", 0, "size=3m,mode=700"))
			_exit(77);
		small = open(path, O_RDONLY | O_DIRECTORY);
		if (insert_at(small, 1, 2 * MIB, 100 * MIB) ||
		    insert_at(small, 2, 2 * MIB, 100 * MIB) != -ENOSPC || look(small).nr != 1)
			_exit(1);
		/* With a limit that fits, the older one makes room. Its space is needed first. */
		if (insert_at(small, 3, MIB / 2, 2 * MIB) || look(small).nr != 1)
			_exit(2);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
		print_message("no file system can be mounted here\n");
		skip();
	}
	assert_int_equal(status, 0);
}

/* ---- A directory of a group ----------------------------------------------------------------- */

#define GROUP	64001
#define ALICE	64002
#define BOB	64003

/* Runs a function as a user of a group of its own who is also in @group. Return: its result. */
static int as(uid_t user, gid_t group, int (*function)(void))
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (!pid) {
		umask(077);
		if (setgroups(1, &group) || setresgid(user, user, user) || setresuid(user, user, user))
			_exit(100);
		_exit(function());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int puts_some(void)
{
	const char *why;

	if (cache_dir_check(dir, &why) || insert(1, MIB, 4 * MIB))
		return 1;
	wait_for_clock();
	if (insert(2, MIB, 4 * MIB))
		return 2;
	wait_for_clock();
	return 0;
}

static int takes_some(void)
{
	const char *why;

	if (cache_dir_check(dir, &why))
		return 1;
	expect_claim(1, MIB, 0);
	/* There already; and what others have put makes room, what was not used for longest first. */
	if (insert(1, MIB, 4 * MIB) || insert(3, 3 * MIB, 4 * MIB))
		return 2;
	expect_claim(1, MIB, 0);
	expect_claim(3, 3 * MIB, 0);
	return look(dir).nr == 2 ? 0 : 3;
}

/* A member who is no friend: files that are others, of other kinds, or have no end. */
static int does_harm(void)
{
	char name[256];
	struct stat st;
	int fd;

	snprintf(name, sizeof(name), "%s", look(dir).last);
	if (fstatat(dir, name, &st, 0) || unlinkat(dir, name, 0))
		return 1;
	fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL, 0660);
	if (fd < 0 || ftruncate(fd, st.st_size) || fchmod(fd, 0660))
		return 2;
	close(fd);
	name[20] ^= 1; /* another hash of the same size */
	if (mkfifoat(dir, name, 0660))
		return 3;
	name[21] ^= 1;
	if (symlinkat("/dev/zero", dir, name))
		return 4;
	return 0;
}

static int survives_harm(void)
{
	expect_claim(1, MIB, -ENOENT);
	if (insert(1, MIB, 4 * MIB))
		return 1;
	expect_claim(1, MIB, 0);
	return 0;
}

static int is_turned_away(void)
{
	const char *why;

	return cache_dir_check(dir, &why) && strstr(why, "group") ? 0 : 1;
}

static void clear(void)
{
	DIR *stream = opendir(path);
	struct dirent *d;

	while (stream && (d = readdir(stream)))
		unlinkat(dir, d->d_name, 0);
	closedir(stream);
}

/* Users who share nothing but a group: each takes what another has put, and trusts no one's files. */
static void is_shared_by_users(void **state)
{
	struct stat st;
	gid_t group = GROUP;

	(void)state;
	if (fchown(dir, (uid_t)-1, group) || fchmod(dir, 02770)) {
		print_message("not privileged to be other users\n");
		skip();
	}
	file_mode = 0660;
	assert_int_equal(as(ALICE, GROUP, puts_some), 0);
	assert_int_equal(as(BOB, GROUP, takes_some), 0);
	assert_int_equal(fstatat(dir, look(dir).last, &st, 0), 0);
	assert_true(st.st_uid == ALICE || st.st_uid == BOB);
	assert_int_equal(st.st_gid, GROUP);
	assert_int_equal(as(BOB, BOB, is_turned_away), 0);

	clear();
	assert_int_equal(insert(1, MIB, 4 * MIB), 0);
	assert_int_equal(as(BOB, GROUP, does_harm), 0);
	assert_int_equal(as(ALICE, GROUP, survives_harm), 0);
}

static const struct {
	mode_t mode;
	gid_t group;
	const char *why;
} rights[] = {
	{ 02771, GROUP, "others" },
	{ 02777, GROUP, "others" },
	{ 0704, 0, "others" },
	{ 02750, GROUP, "chmod 2770" },
	{ 0770, GROUP, "chmod 2770" },
	{ 03770, GROUP, "chmod -t" },
	{ 0700, GROUP, NULL },
	{ 02770, GROUP, NULL },
};

/* The rights that sharing takes, and no others */
static void rights_are_checked(void **state)
{
	const char *why;

	(void)state;
	for (size_t i = 0; i < sizeof(rights) / sizeof(rights[0]); i++) {
		if (fchown(dir, (uid_t)-1, rights[i].group) || fchmod(dir, rights[i].mode)) {
			print_message("not privileged to be other users\n");
			skip();
		}
		assert_int_equal(cache_dir_check(dir, &why), rights[i].why ? -EPERM : 0);
		if (rights[i].why)
			assert_non_null(strstr(why, rights[i].why));
	}
	assert_int_equal(fchown(dir, BOB, (gid_t)-1), 0);
	assert_int_equal(cache_dir_check(dir, &why), -EPERM);
	assert_int_equal(fchown(dir, 0, (gid_t)-1), 0);
}

static bool is_empty(void)
{
	return look(dir).nr == 0;
}

/* What cannot be stored has a reason, and leaves nothing. */
static void says_what_fails(void **state)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC), fd = memory(MIB), lock;
	uint8_t tag[POSSESSION_TAG_SIZE];

	(void)state;
	/* The directory is none any more, or no directory. */
	assert_int_equal(insert_at(-1, 1, MIB, 4 * MIB), -EBADF);
	assert_int_equal(insert_at(null, 1, MIB, 4 * MIB), -ENOTDIR);
	tag_of(1, MIB, tag);
	assert_int_equal(cache_dir_claim(-1, some_key, tag, fd, MIB), -EBADF);
	assert_int_equal(cache_dir_claim(null, some_key, tag, fd, MIB), -ENOTDIR);
	close(null);
	/* The file is shorter than was said. */
	assert_int_equal(cache_dir_insert(dir, 4 * MIB, fd, 2 * MIB), -EIO);
	assert_true(is_empty());
	close(fd);

	/* Somebody has the lock, or has put something in its place. */
	lock = openat(dir, LOCK, O_RDONLY | O_CREAT | O_CLOEXEC, 0400);
	assert_int_equal(flock(lock, LOCK_EX), 0);
	assert_int_equal(insert(1, MIB, 4 * MIB), -EBUSY);
	assert_true(is_empty());
	close(lock);
	assert_int_equal(insert(1, MIB, 4 * MIB), 0);
	assert_int_equal(unlinkat(dir, LOCK, 0), 0);
	assert_int_equal(symlinkat("/dev/null", dir, LOCK), 0);
	assert_int_equal(insert(2, MIB, 4 * MIB), -ELOOP);
	expect_claim(1, MIB, 0);
	expect_claim(2, MIB, -ENOENT);
}

/* A file to which the content cannot be copied is no answer. */
static void claims_what_can_be_written(void **state)
{
	uint8_t tag[POSSESSION_TAG_SIZE];
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_int_equal(insert(1, MIB, 4 * MIB), 0);
	tag_of(1, MIB, tag);
	assert_true(cache_dir_claim(dir, some_key, tag, fd, MIB) < 0);
	close(fd);
	expect_claim(1, MIB, 0);
}

/* Where a content's name is a directory it cannot be given to a file. */
static void name_is_taken(void **state)
{
	char name[256];

	(void)state;
	assert_int_equal(insert(1, MIB, 4 * MIB), 0);
	strcpy(name, look(dir).last);
	assert_int_equal(unlinkat(dir, name, 0), 0);
	assert_int_equal(mkdirat(dir, name, 0700), 0);
	assert_true(insert(1, MIB, 4 * MIB) < 0);
	expect_claim(1, MIB, -ENOENT);
	assert_int_equal(unlinkat(dir, name, AT_REMOVEDIR), 0);
	assert_int_equal(insert(1, MIB, 4 * MIB), 0);
	expect_claim(1, MIB, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(keeps_contents, start, stop),
		cmocka_unit_test_setup_teardown(drops_the_least_used, start, stop),
		cmocka_unit_test_setup_teardown(survives_damage, start, stop),
		cmocka_unit_test_setup_teardown(leaves_others_alone, start, stop),
		cmocka_unit_test_setup_teardown(is_checked, start, stop),
		cmocka_unit_test_setup_teardown(says_what_fails, start, stop),
		cmocka_unit_test_setup_teardown(claims_what_can_be_written, start, stop),
		cmocka_unit_test_setup_teardown(name_is_taken, start, stop),
		cmocka_unit_test_setup_teardown(serves_processes, start, stop),
		cmocka_unit_test_setup_teardown(is_shared_by_users, start, stop),
		cmocka_unit_test_setup_teardown(rights_are_checked, start, stop),
		cmocka_unit_test_setup_teardown(survives_kills, start, stop),
		cmocka_unit_test_setup_teardown(survives_a_full_disk, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
