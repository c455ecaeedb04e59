// SPDX-License-Identifier: Apache-2.0
/*
 * A model of more than 4 GiB goes to the host: its bytes are where they were, around each power of
 * two at which a number could overflow. The file is almost all holes, and so is the host's copy.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support.h"
#include "vaccel.h"

#define GIB ((off_t)1 << 30)
#define SIZE (4 * GIB + (100 << 20) + 4321)

static const off_t marks[] = {
	0, 4095, (4 << 20) - 3, GIB - 5, 2 * GIB - 5, 3 * GIB + 77, 4 * GIB - 7, 4 * GIB + 12345,
	SIZE - 15,
};
#define NR_MARKS (sizeof(marks) / sizeof(marks[0]))

static struct daemon host;
static struct vaccel_session sess;
static char *path;
static char found[1024];

static void start(const char *limit)
{
	struct vaccel_config config;

	start_daemon(&host, NOOP_PLUGIN, (const char *[]){limit, NULL});
	setenv("VACCEL_VIRTIO_SOCKET", host.socket, 1);
	assert_int_equal(vaccel_config_init(&config, VIRTIO_PLUGIN, VACCEL_LOG_ERROR, NULL, false,
					    false),
			 0);
	assert_int_equal(vaccel_bootstrap_with_config(&config), 0);
	vaccel_config_release(&config);
	assert_int_equal(vaccel_session_init(&sess, 0), 0);
}

static void finish(void)
{
	assert_int_equal(vaccel_session_release(&sess), 0);
	assert_int_equal(vaccel_cleanup(), 0);
	assert_int_equal(daemon_stat(&host, "resources"), 0);
	assert_int_equal(stop_daemon(&host), 0);
}

static void mark(char text[16], size_t i)
{
	snprintf(text, 16, "mark %9zu", i);
}

static int make_model(void **state)
{
	char text[16];
	int fd;

	(void)state;
	assert_true(asprintf(&path, "%s/big.model", test_dir()) > 0);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	if (ftruncate(fd, SIZE))
		test_skip("SKIP: no files of more than 4 GiB in %s", test_dir());
	for (size_t i = 0; i < NR_MARKS; i++) {
		mark(text, i);
		assert_int_equal(pwrite(fd, text, 15, marks[i]), 15);
	}
	close(fd);
	return 0;
}

static int remove_model(void **state)
{
	(void)state;
	free(path);
	return 0;
}

static int look(const char *name, const struct stat *st, int type, struct FTW *ftw)
{
	static const char own[] = "/proc/self/";
	char target[256] = "";

	(void)st;
	if (!strstr(name, "/guest-resource.") || strcmp(name + ftw->base, "big.model"))
		return 0;
	snprintf(found, sizeof(found), "%s", name);
	/* Mostly a link to memory that the worker has open */
	if (type == FTW_SL && readlink(name, target, sizeof(target) - 1) > 0 &&
	    !strncmp(target, own, strlen(own)))
		snprintf(found, sizeof(found), "/proc/%d/%s", (int)daemon_worker(&host),
			 target + strlen(own));
	return 0;
}

/* The host's copy is named below the directory that the worker was given. */
static void find_copy(void)
{
	char *dir = daemon_dir(&host);

	found[0] = '\0';
	nftw(dir, look, 16, FTW_PHYS);
	free(dir);
}

static void more_than_4_gib(void **state)
{
	static struct vaccel_resource model;
	char text[16], got[16];
	struct stat st;
	int fd;

	(void)state;
	start("--max-resource-bytes=5G");
	assert_int_equal(vaccel_resource_init(&model, path, VACCEL_RESOURCE_MODEL), 0);
	assert_int_equal(vaccel_resource_register(&model, &sess), 0);

	find_copy();
	fd = open(found, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_true(st.st_size == SIZE);
	/* Of the holes of the file nothing was sent. */
	assert_true((off_t)st.st_blocks * 512 < (off_t)(NR_MARKS + 1) * (4 << 20));
	for (size_t i = 0; i < NR_MARKS; i++) {
		mark(text, i);
		assert_int_equal(pread(fd, got, 15, marks[i]), 15);
		assert_memory_equal(got, text, 15);
		if (i + 1 < NR_MARKS && marks[i + 1] > marks[i] + 30) {
			assert_int_equal(pread(fd, got, 1, marks[i] + 15), 1);
			assert_int_equal(got[0], 0);
		}
	}
	close(fd);
	assert_int_equal(vaccel_noop(&sess), 0);
	assert_int_equal(vaccel_resource_release(&model), 0);
	assert_int_equal(access(found, F_OK), -1);
	finish();
}

/* The default is 4 GiB for all resources of a VM. */
static void over_the_limit(void **state)
{
	static struct vaccel_resource model;

	(void)state;
	start(NULL);
	assert_int_equal(vaccel_resource_init(&model, path, VACCEL_RESOURCE_MODEL), 0);
	assert_int_equal(vaccel_resource_register(&model, &sess), VACCEL_ENOMEM);
	find_copy();
	assert_string_equal(found, "");
	assert_int_equal(vaccel_resource_release(&model), 0);
	finish();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(more_than_4_gib),
		cmocka_unit_test(over_the_limit),
	};

	test_main_begin(240);
	return cmocka_run_group_tests(tests, make_model, remove_model);
}
