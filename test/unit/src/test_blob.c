// SPDX-License-Identifier: Apache-2.0
/* Blobs: from files and memory, persisted, read and released. */
#include "no_memory.h"
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "fs.h"
#include "path.h"
#include "vaccel.h"

static char dir[] = "/tmp/vaccel-unit-XXXXXX";

static int make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	(void)state;
	return path_remove_dir(dir, "test directory");
}

/* Path of name in the test's directory; valid until the fourth call from now. */
static const char *in_dir(const char *name)
{
	static char paths[4][512];
	static int next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", dir, name);
	return path;
}

static const char *make_file(const char *name, const char *text)
{
	const char *path = in_dir(name);
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	return path;
}

static void assert_file(const char *path, const char *text)
{
	char buf[256];
	size_t n;
	FILE *file = fopen(path, "r");

	assert_non_null(file);
	n = fread(buf, 1, sizeof(buf) - 1, file);
	fclose(file);
	buf[n] = '\0';
	assert_string_equal(buf, text);
}

static bool exists(const char *path)
{
	return !access(path, F_OK);
}

static void from_file(void **state)
{
	const char *path = make_file("plain.txt", "content");
	struct vaccel_blob blob;
	size_t size = 0;
	uint8_t *data;

	(void)state;
	assert_int_equal(vaccel_blob_init(&blob, path), 0);
	assert_int_equal(blob.type, VACCEL_BLOB_FILE);
	assert_string_equal(blob.name, "plain.txt");
	assert_string_equal(blob.path, path);
	assert_ptr_not_equal(blob.path, path);
	assert_false(blob.path_owned);
	assert_null(blob.data);
	assert_int_equal(blob.size, 0);
	assert_true(vaccel_blob_valid(&blob));
	assert_string_equal(vaccel_blob_path(&blob), path);
	assert_int_equal(vaccel_blob_persist(&blob, dir, "x", false), VACCEL_EINVAL);

	data = vaccel_blob_data(&blob, &size);
	assert_non_null(data);
	assert_int_equal(size, 7);
	assert_memory_equal(data, "content", 7);
	assert_int_equal(blob.type, VACCEL_BLOB_MAPPED);
	assert_false(blob.data_owned);
	assert_ptr_equal(vaccel_blob_data(&blob, NULL), data);
	assert_int_equal(vaccel_blob_persist(&blob, dir, "x", false), VACCEL_EEXIST);
	/* The file is the caller's and does not change. */
	data[0] = 'X';
	assert_file(path, "content");

	assert_int_equal(vaccel_blob_release(&blob), 0);
	assert_int_equal(blob.type, VACCEL_BLOB_MAX);
	assert_null(blob.name);
	assert_null(blob.path);
	assert_int_equal(vaccel_blob_release(&blob), VACCEL_EINVAL);
	assert_true(exists(path));
}

/* Lines of the process's memory map. */
static int count_mappings(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	int c, lines = 0;

	assert_non_null(maps);
	while ((c = getc(maps)) != EOF)
		lines += c == '\n';
	fclose(maps);
	return lines;
}

static void read_is_unmapped(void **state)
{
	const char *path = make_file("mapped.txt", "content");
	int before = count_mappings();

	(void)state;
	for (int i = 0; i < 100; i++) {
		struct vaccel_blob blob;

		assert_int_equal(vaccel_blob_init(&blob, path), 0);
		assert_int_equal(vaccel_blob_read(&blob), 0);
		assert_int_equal(vaccel_blob_release(&blob), 0);
	}
	assert_in_range(count_mappings(), 0, before + 20);
}

static void from_bad_file(void **state)
{
	char long_name[300] = { 0 };
	struct vaccel_blob blob, *p = NULL;

	(void)state;
	memset(long_name, 'a', 255);
	assert_int_equal(vaccel_blob_init(&blob, NULL), VACCEL_EINVAL);
	assert_int_equal(vaccel_blob_init(NULL, "/etc/passwd"), VACCEL_EINVAL);
	assert_int_equal(vaccel_blob_init(&blob, in_dir("missing")), VACCEL_EINVAL);
	assert_int_equal(vaccel_blob_init(&blob, dir), VACCEL_EINVAL);
	assert_int_equal(vaccel_blob_init(&blob, "/dev/null"), VACCEL_EINVAL);
	assert_int_equal(vaccel_blob_init(&blob, in_dir(long_name)), VACCEL_ENAMETOOLONG);
	assert_int_equal(vaccel_blob_new(&p, in_dir("missing")), VACCEL_EINVAL);
	assert_int_equal(vaccel_blob_new(NULL, "/etc/passwd"), VACCEL_EINVAL);
	assert_null(p);

	assert_int_equal(vaccel_blob_new(&p, make_file("empty", "")), 0);
	assert_int_equal(vaccel_blob_read(p), VACCEL_EINVAL);
	assert_null(vaccel_blob_data(p, NULL));
	assert_int_equal(vaccel_blob_delete(p), 0);
	assert_int_equal(vaccel_blob_delete(NULL), VACCEL_EINVAL);

	/* A file that goes away between init and read. */
	assert_int_equal(vaccel_blob_init(&blob, make_file("gone", "x")), 0);
	unlink(blob.path);
	assert_int_equal(vaccel_blob_read(&blob), VACCEL_ENOENT);
	assert_int_equal(blob.type, VACCEL_BLOB_FILE);
	assert_int_equal(vaccel_blob_release(&blob), 0);
}

static void from_memory(void **state)
{
	uint8_t bytes[4] = { 1, 2, 3, 4 };
	struct vaccel_blob blob, *p = NULL;
	size_t size;

	(void)state;
	assert_int_equal(vaccel_blob_init_from_buf(&blob, bytes, 4, false, "name", NULL, false),
			 0);
	assert_int_equal(blob.type, VACCEL_BLOB_BUFFER);
	assert_ptr_equal(blob.data, bytes);
	assert_false(blob.data_owned);
	assert_null(vaccel_blob_path(&blob));
	assert_int_equal(vaccel_blob_read(&blob), 0);
	assert_ptr_equal(vaccel_blob_data(&blob, &size), bytes);
	assert_int_equal(size, 4);
	assert_int_equal(vaccel_blob_release(&blob), 0);

	assert_int_equal(vaccel_blob_from_buf(&p, bytes, 4, true, "name", NULL, false), 0);
	assert_ptr_not_equal(p->data, bytes);
	assert_true(p->data_owned);
	assert_memory_equal(p->data, bytes, 4);
	assert_int_equal(vaccel_blob_delete(p), 0);

	p = NULL;
	assert_int_equal(vaccel_blob_from_buf(&p, NULL, 4, true, "name", NULL, false),
			 VACCEL_EINVAL);
	assert_int_equal(vaccel_blob_from_buf(&p, bytes, 0, true, "name", NULL, false),
			 VACCEL_EINVAL);
	assert_int_equal(vaccel_blob_from_buf(&p, bytes, 4, true, NULL, NULL, false),
			 VACCEL_EINVAL);
	assert_int_equal(vaccel_blob_from_buf(NULL, bytes, 4, true, "name", NULL, false),
			 VACCEL_EINVAL);
	assert_int_equal(vaccel_blob_from_buf(&p, bytes, TOO_MUCH, true, "name", NULL, false),
			 VACCEL_ENOMEM);
	assert_null(p);
}

static void persist(void **state)
{
	uint8_t bytes[] = "abcdef";
	struct vaccel_blob blob;
	struct stat st;
	char *path;

	(void)state;
	assert_int_equal(vaccel_blob_init_from_buf(&blob, bytes, 6, true, "old", NULL, false), 0);
	assert_int_equal(vaccel_blob_persist(&blob, in_dir("none"), "n", false), VACCEL_ENOENT);
	assert_int_equal(vaccel_blob_persist(&blob, NULL, "n", false), VACCEL_ENOENT);
	assert_int_equal(vaccel_blob_persist(&blob, dir, NULL, false), VACCEL_EINVAL);
	assert_int_equal(vaccel_blob_persist(&blob, dir, "", false), VACCEL_EINVAL);
	assert_int_equal(vaccel_blob_persist(&blob, dir, "..", false), VACCEL_EINVAL);
	assert_int_equal(vaccel_blob_persist(&blob, dir, "a/b", false), VACCEL_ENOENT);
	assert_int_equal(vaccel_blob_persist(NULL, dir, "n", false), VACCEL_EINVAL);
	assert_int_equal(blob.type, VACCEL_BLOB_BUFFER);
	assert_null(blob.path);

	assert_int_equal(vaccel_blob_persist(&blob, dir, "model.bin", false), 0);
	assert_int_equal(blob.type, VACCEL_BLOB_MAPPED);
	assert_string_equal(blob.path, in_dir("model.bin"));
	assert_string_equal(blob.name, "old");
	assert_true(blob.path_owned);
	assert_true(blob.data_owned);
	assert_int_equal(blob.size, 6);
	assert_int_equal(stat(blob.path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(vaccel_blob_persist(&blob, dir, "again", false), VACCEL_EEXIST);
	/* The file is the blob's: what is written to its data is in the file. */
	blob.data[0] = 'X';
	assert_file(blob.path, "Xbcdef");
	path = strdup(blob.path);
	assert_int_equal(vaccel_blob_release(&blob), 0);
	assert_false(exists(path));
	free(path);
}

static void persist_random(void **state)
{
	const char *taken = make_file("model.bin", "theirs");
	uint8_t bytes[] = "ours";
	struct vaccel_blob blob;
	struct stat st;

	(void)state;
	/* The name is taken: another one, and the file that had it stays. */
	assert_int_equal(vaccel_blob_init_from_buf(&blob, bytes, 4, false, "model.bin", dir,
						   false), 0);
	assert_file(taken, "theirs");
	assert_file(blob.path, "ours");
	assert_string_equal(blob.name, fs_basename(blob.path));
	assert_int_equal(strlen(blob.name), strlen("model_XXXXXX.bin"));
	assert_memory_equal(blob.name, "model_", 6);
	assert_string_equal(strrchr(blob.name, '.'), ".bin");
	assert_int_equal(stat(blob.path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(vaccel_blob_release(&blob), 0);

	assert_int_equal(vaccel_blob_init_from_buf(&blob, bytes, 4, true, "lib", dir, true), 0);
	assert_int_equal(strlen(blob.name), strlen("lib_XXXXXX"));
	assert_memory_equal(blob.name, "lib_", 4);
	assert_int_equal(blob.type, VACCEL_BLOB_MAPPED);
	assert_ptr_not_equal(blob.data, bytes);
	assert_int_equal(vaccel_blob_release(&blob), 0);
	unlink(taken);
}

static void persist_where_nothing_can_be(void **state)
{
	uint8_t bytes[] = "x";
	struct vaccel_blob blob;

	(void)state;
	/* /proc takes no files: the error is passed on, the blob stays as it was. */
	assert_int_equal(vaccel_blob_init_from_buf(&blob, bytes, 1, true, "n", NULL, false), 0);
	assert_int_not_equal(vaccel_blob_persist(&blob, "/proc", "vaccel", false), 0);
	assert_int_not_equal(vaccel_blob_persist(&blob, "/proc", "vaccel", true), 0);
	assert_int_equal(blob.type, VACCEL_BLOB_BUFFER);
	assert_int_equal(vaccel_blob_release(&blob), 0);
}

static void persist_on_full_disk(void **state)
{
	struct rlimit limit, tiny;
	uint8_t bytes[100] = { 0 };
	struct vaccel_blob blob;

	(void)state;
	/* A limit on the size of files ends a write in the middle, as a full disk does, but not us. */
	signal(SIGXFSZ, SIG_DFL);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	tiny = limit;
	tiny.rlim_cur = 10;
	assert_int_equal(vaccel_blob_init_from_buf(&blob, bytes, 100, true, "n", NULL, false), 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &tiny), 0);
	assert_int_equal(vaccel_blob_persist(&blob, dir, "big", false), VACCEL_ENOSPC);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_false(exists(in_dir("big")));
	assert_int_equal(blob.type, VACCEL_BLOB_BUFFER);
	assert_int_equal(vaccel_blob_persist(&blob, dir, "big", false), 0);
	assert_int_equal(vaccel_blob_release(&blob), 0);
}

static void valid(void **state)
{
	uint8_t byte = 1;
	struct vaccel_blob blob = { .type = VACCEL_BLOB_BUFFER };

	(void)state;
	assert_false(vaccel_blob_valid(NULL));
	assert_false(vaccel_blob_valid(&blob));
	blob.name = "n";
	assert_false(vaccel_blob_valid(&blob));
	blob.data = &byte;
	assert_false(vaccel_blob_valid(&blob));
	blob.size = 1;
	assert_true(vaccel_blob_valid(&blob));
	blob.type = VACCEL_BLOB_MAX;
	assert_false(vaccel_blob_valid(&blob));
	assert_null(vaccel_blob_path(&blob));
	assert_int_equal(vaccel_blob_read(&blob), VACCEL_EINVAL);
	assert_int_equal(vaccel_blob_read(NULL), VACCEL_EINVAL);
	assert_null(vaccel_blob_data(NULL, NULL));
	assert_int_equal(vaccel_blob_release(NULL), VACCEL_EINVAL);
}

static void file_read(void **state)
{
	size_t size = 0;
	void *data = NULL;

	(void)state;
	assert_int_equal(fs_file_read(make_file("r", "bytes"), &data, &size), 0);
	assert_int_equal(size, 5);
	assert_memory_equal(data, "bytes", 5);
	free(data);
	data = NULL;
	assert_int_equal(fs_file_read(in_dir("missing"), &data, &size), VACCEL_ENOENT);
	assert_int_equal(fs_file_read(dir, &data, &size), VACCEL_EINVAL);
	assert_int_equal(fs_file_read(make_file("e", ""), &data, &size), VACCEL_EINVAL);
	assert_int_equal(fs_file_read(NULL, &data, &size), VACCEL_EINVAL);
	assert_int_equal(fs_file_read(dir, NULL, &size), VACCEL_EINVAL);
	assert_int_equal(mkfifo(in_dir("fifo"), 0600), 0);
	assert_int_equal(fs_file_read(in_dir("fifo"), &data, &size), VACCEL_EINVAL);
	assert_null(data);
}

static void dir_files(void **state)
{
	char **paths;
	size_t nr;

	(void)state;
	assert_int_equal(mkdir(in_dir("tree"), 0700), 0);
	assert_int_equal(fs_dir_files(in_dir("tree"), &paths, &nr), VACCEL_EINVAL);
	assert_int_equal(fs_dir_files(in_dir("no-tree"), &paths, &nr), VACCEL_ENOENT);
	assert_int_equal(mkdir(in_dir("tree/sub"), 0700), 0);
	make_file("tree/b", "1");
	make_file("tree/a", "2");
	make_file("tree/sub/c", "3");
	assert_int_equal(mkfifo(in_dir("tree/fifo"), 0600), 0);
	/* A link to a directory above must not be followed for ever. */
	assert_int_equal(symlink("..", in_dir("tree/loop")), 0);
	assert_int_equal(symlink("a", in_dir("tree/z-link")), 0);
	assert_int_equal(fs_dir_files(in_dir("tree"), &paths, &nr), 0);
	assert_int_equal(nr, 4);
	assert_string_equal(paths[0], in_dir("tree/a"));
	assert_string_equal(paths[1], in_dir("tree/b"));
	assert_string_equal(paths[2], in_dir("tree/sub/c"));
	assert_string_equal(paths[3], in_dir("tree/z-link"));
	fs_paths_free(paths, nr);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(from_file),	 cmocka_unit_test(read_is_unmapped),
		cmocka_unit_test(from_bad_file), cmocka_unit_test(from_memory),
		cmocka_unit_test(persist),	 cmocka_unit_test(persist_random),
		cmocka_unit_test(persist_where_nothing_can_be),
		cmocka_unit_test(persist_on_full_disk),
		cmocka_unit_test(valid),	 cmocka_unit_test(file_read),
		cmocka_unit_test(dir_files),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
