// SPDX-License-Identifier: Apache-2.0
/* Models that the operator offers: nothing outside of their directory is reachable. */
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

#include "models.h"
#include "vaccel/error.h"

static char path[64];
static int dir;

static void make_file(const char *name)
{
	int fd = openat(dir, name, O_CREAT | O_WRONLY | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, "model", 5), 5);
	close(fd);
}

static int start(void **state)
{
	(void)state;
	snprintf(path, sizeof(path), "/tmp/vaccel-models-XXXXXX");
	if (!mkdtemp(path))
		return -1;
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	make_file("a.onnx");
	assert_int_equal(mkdirat(dir, "saved", 0700), 0);
	assert_int_equal(mkdirat(dir, "saved/variables", 0700), 0);
	make_file("saved/model.pb");
	make_file("saved/variables/data");
	return 0;
}

static int remove_one(const char *p, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(p);
}

static int stop(void **state)
{
	(void)state;
	close(dir);
	return nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static int find(const char *name)
{
	struct model m;

	return model_find(dir, name, &m);
}

static void test_scheme(void **state)
{
	(void)state;
	assert_string_equal(model_name("host://a/b"), "a/b");
	assert_string_equal(model_name("HOST://a"), "a");
	assert_null(model_name("http://a"));
	assert_null(model_name("host:/a"));
	assert_null(model_name("hosts://a"));
}

static void test_found(void **state)
{
	struct model m;

	(void)state;
	assert_int_equal(model_find(dir, "a.onnx", &m), 0);
	assert_false(m.is_dir);
	assert_int_equal(m.size, 5);
	assert_true(model_same(dir, "a.onnx", &m));
	assert_int_equal(model_find(dir, "saved", &m), 0);
	assert_true(m.is_dir);
	assert_int_equal(find("saved/variables/data"), 0);
	assert_int_equal(find("none"), VACCEL_ENOENT);
	assert_int_equal(find("a.onnx/b"), VACCEL_ENOENT);
	/* No models at all */
	assert_int_equal(model_find(-1, "a.onnx", &m), VACCEL_EPERM);
}

static void test_traversal(void **state)
{
	static const char *const names[] = {
		"", ".", "..", "../a", "/etc/passwd", "saved/../../x", "saved/..", "./a.onnx",
		"saved//model.pb", "a.onnx/", "saved/.", "/",
	};
	char up[128];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_int_equal(find(names[i]), VACCEL_EINVAL);
	snprintf(up, sizeof(up), "..%s/a.onnx", path);
	assert_int_equal(find(up), VACCEL_EINVAL);
}

static void test_links(void **state)
{
	(void)state;
	/* Within the directory */
	assert_int_equal(symlinkat("a.onnx", dir, "latest"), 0);
	assert_int_equal(symlinkat("../a.onnx", dir, "saved/shared"), 0);
	assert_int_equal(find("latest"), 0);
	assert_int_equal(find("saved"), 0);
	assert_int_equal(find("saved/shared"), 0);
	/* Out of it */
	assert_int_equal(symlinkat("/etc/passwd", dir, "abs"), 0);
	assert_int_equal(symlinkat("../../etc/passwd", dir, "rel"), 0);
	assert_int_equal(symlinkat("/etc", dir, "etc"), 0);
	assert_int_equal(symlinkat("/proc/self/fd/0", dir, "magic"), 0);
	assert_int_equal(symlinkat("loop", dir, "loop"), 0);
	assert_int_equal(symlinkat("gone", dir, "dangling"), 0);
	assert_int_equal(find("abs"), VACCEL_EPERM);
	assert_int_equal(find("rel"), VACCEL_EPERM);
	assert_int_equal(find("etc"), VACCEL_EPERM);
	assert_int_equal(find("etc/passwd"), VACCEL_EPERM);
	assert_int_equal(find("magic"), VACCEL_EPERM);
	assert_int_equal(find("loop"), VACCEL_EPERM);
	assert_int_equal(find("dangling"), VACCEL_ENOENT);
	/* Anywhere in a directory that is a model */
	assert_int_equal(symlinkat("/etc/passwd", dir, "saved/variables/index"), 0);
	assert_int_equal(find("saved"), VACCEL_EPERM);
	assert_int_equal(find("saved/model.pb"), 0);
	assert_int_equal(unlinkat(dir, "saved/variables/index", 0), 0);
	assert_int_equal(find("saved"), 0);
}

static void test_kinds(void **state)
{
	char deep[256] = "deep";

	(void)state;
	assert_int_equal(mkfifoat(dir, "fifo", 0600), 0);
	assert_int_equal(find("fifo"), VACCEL_EINVAL);
	assert_int_equal(mkfifoat(dir, "saved/fifo", 0600), 0);
	assert_int_equal(find("saved"), VACCEL_EINVAL);
	assert_int_equal(unlinkat(dir, "saved/fifo", 0), 0);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(mkdirat(dir, deep, 0700), 0);
		strcat(deep, "/d");
	}
	assert_int_not_equal(find("deep"), 0);
	assert_int_equal(mkdirat(dir, "many", 0700), 0);
	for (int i = 0; i < 4097; i++) {
		char name[32];

		snprintf(name, sizeof(name), "many/%d", i);
		close(openat(dir, name, O_CREAT | O_WRONLY, 0600));
	}
	assert_int_equal(find("many"), VACCEL_EUSERS);
}

static void test_replaced(void **state)
{
	struct model m, d;

	(void)state;
	assert_int_equal(model_find(dir, "a.onnx", &m), 0);
	assert_int_equal(model_find(dir, "saved", &d), 0);
	make_file("new");
	assert_true(model_same(dir, "a.onnx", &m));
	assert_int_equal(renameat(dir, "new", dir, "a.onnx"), 0);
	assert_false(model_same(dir, "a.onnx", &m));
	assert_int_equal(unlinkat(dir, "a.onnx", 0), 0);
	assert_false(model_same(dir, "a.onnx", &m));
	assert_true(model_same(dir, "saved", &d));
	assert_int_equal(renameat(dir, "saved", dir, "a.onnx"), 0);
	assert_false(model_same(dir, "a.onnx", &d) && model_same(dir, "saved", &d));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_scheme, start, stop),
		cmocka_unit_test_setup_teardown(test_found, start, stop),
		cmocka_unit_test_setup_teardown(test_traversal, start, stop),
		cmocka_unit_test_setup_teardown(test_links, start, stop),
		cmocka_unit_test_setup_teardown(test_kinds, start, stop),
		cmocka_unit_test_setup_teardown(test_replaced, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
