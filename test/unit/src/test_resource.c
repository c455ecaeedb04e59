// SPDX-License-Identifier: Apache-2.0
/* Resources: how they are made, found and released. */
#include "no_memory.h"
#include "resource_fixture.h"

static void assert_unset(const struct vaccel_resource *res)
{
	assert_int_equal(res->id, 0);
	assert_null(res->paths);
	assert_int_equal(res->nr_paths, 0);
	assert_null(res->blobs);
	assert_int_equal(res->nr_blobs, 0);
	assert_null(res->rundir);
}

static void assert_fresh(const struct vaccel_resource *res)
{
	assert_true(res->id > 0);
	assert_int_equal(res->remote_id, 0);
	assert_int_equal(vaccel_resource_refcount(res), 0);
	assert_null(res->plugin_priv);
}

static void from_path(void **state)
{
	const char *path = make_file("model.onnx", "weights");
	char with_scheme[600];
	struct vaccel_resource res, *p = NULL;

	(void)state;
	assert_int_equal(vaccel_resource_init(&res, path, VACCEL_RESOURCE_MODEL), 0);
	assert_fresh(&res);
	assert_int_equal(res.id, 1);
	assert_int_equal(res.type, VACCEL_RESOURCE_MODEL);
	assert_int_equal(res.path_type, VACCEL_PATH_LOCAL_FILE);
	assert_int_equal(res.nr_paths, 1);
	assert_string_equal(res.paths[0], path);
	assert_null(res.rundir);
	assert_null(res.blobs);
	assert_int_equal(res.nr_blobs, 0);

	snprintf(with_scheme, sizeof(with_scheme), "file://%s", path);
	assert_int_equal(vaccel_resource_new(&p, with_scheme, VACCEL_RESOURCE_DATA), 0);
	assert_int_equal(p->id, 2);
	assert_string_equal(p->paths[0], path);
	assert_int_equal(vaccel_resource_delete(p), 0);

	assert_int_equal(vaccel_resource_release(&res), 0);
	assert_unset(&res);
	assert_int_equal(vaccel_resource_release(&res), VACCEL_EINVAL);
	assert_int_equal(vaccel_resource_release(NULL), VACCEL_EINVAL);
	assert_int_equal(vaccel_resource_delete(NULL), VACCEL_EINVAL);
	assert_true(exists(path));
}

static void scheme_warnings(void **state)
{
	struct vaccel_config config;
	struct vaccel_resource res;
	static struct capture c;
	const char *path = make_file("plain", "x"), *text;

	(void)state;
	/* The log's level changes with a start only. */
	assert_int_equal(vaccel_cleanup(), 0);
	assert_int_equal(vaccel_config_init(&config, NULL, VACCEL_LOG_WARN, NULL, false, false),
			 0);
	assert_int_equal(vaccel_bootstrap_with_config(&config), 0);
	capture_start(&c, STDOUT_FILENO);
	assert_int_equal(vaccel_resource_init(&res, path, VACCEL_RESOURCE_DATA), 0);
	text = capture_end(&c);
	assert_int_equal(count(text, "\n"), 2);
	assert_int_equal(count(text, "warn"), 2);
	assert_int_equal(vaccel_resource_release(&res), 0);
	assert_int_equal(vaccel_config_release(&config), 0);
}

static void from_bad_path(void **state)
{
	char long_path[5000] = "/", long_name[300] = { 0 };
	struct vaccel_resource res, *p = NULL;

	(void)state;
	memset(long_path + 1, 'a', sizeof(long_path) - 2);
	long_path[sizeof(long_path) - 1] = '\0';
	memset(long_name, 'b', 255);
	memset(&res, 0x5a, sizeof(res));
	assert_int_equal(vaccel_resource_init(NULL, dir, 0), VACCEL_EINVAL);
	assert_int_equal(vaccel_resource_init(&res, NULL, 0), VACCEL_EINVAL);
	assert_unset(&res);
	assert_int_equal(vaccel_resource_init(&res, "", 0), VACCEL_EINVAL);
	assert_int_equal(vaccel_resource_init(&res, in_dir("missing"), 0), VACCEL_EINVAL);
	assert_int_equal(vaccel_resource_init(&res, "/dev/null", 0), VACCEL_EINVAL);
	assert_int_equal(vaccel_resource_init(&res, "gopher://host/file", 0), VACCEL_EINVAL);
	assert_int_equal(vaccel_resource_init(&res, "file://", 0), VACCEL_EINVAL);
	assert_int_equal(vaccel_resource_init(&res, dir, VACCEL_RESOURCE_MAX), VACCEL_EINVAL);
	assert_int_equal(vaccel_resource_init(&res, long_path, 0), VACCEL_ENAMETOOLONG);
	assert_int_equal(vaccel_resource_init(&res, in_dir(long_name), 0), VACCEL_ENAMETOOLONG);
#ifdef HAVE_CURL
	assert_int_equal(vaccel_resource_init(&res, "http://", 0), VACCEL_EINVAL);
#endif
	assert_unset(&res);
	assert_int_equal(vaccel_resource_new(&p, in_dir("missing"), 0), VACCEL_EINVAL);
	assert_int_equal(vaccel_resource_new(NULL, dir, 0), VACCEL_EINVAL);
	assert_null(p);
}

static void from_paths(void **state)
{
	const char *a = make_file("a", "1"), *b = make_file("b", "2");
	const char *files[] = { a, b }, *dir_first[] = { dir, a }, *dir_later[] = { a, dir };
	const char *mixed[] = { a, "http://localhost/x" }, *missing[] = { a, "/no/such/file" };
	const char *urls[] = { "http://localhost/x", "https://localhost/y" }, *null[] = { a, NULL };
	struct vaccel_resource res, *p = NULL;

	(void)state;
	assert_int_equal(vaccel_resource_init_multi(&res, files, 2, VACCEL_RESOURCE_LIB), 0);
	assert_fresh(&res);
	assert_int_equal(res.nr_paths, 2);
	assert_string_equal(res.paths[1], b);
	assert_int_equal(vaccel_resource_release(&res), 0);

	assert_int_equal(vaccel_resource_init_multi(&res, urls, 2, VACCEL_RESOURCE_LIB), 0);
	assert_int_equal(res.path_type, VACCEL_PATH_REMOTE_FILE);
	assert_string_equal(res.paths[1], urls[1]);
	assert_int_equal(vaccel_resource_release(&res), 0);

	assert_int_equal(vaccel_resource_init_multi(&res, dir_later, 2, 0), VACCEL_ENOTSUP);
	assert_unset(&res);
	assert_int_equal(vaccel_resource_init_multi(&res, dir_first, 2, 0), VACCEL_EINVAL);
	assert_int_equal(vaccel_resource_init_multi(&res, mixed, 2, 0), VACCEL_EINVAL);
	assert_int_equal(vaccel_resource_init_multi(&res, missing, 2, 0), VACCEL_EINVAL);
	assert_int_equal(vaccel_resource_init_multi(&res, null, 2, 0), VACCEL_EINVAL);
	assert_int_equal(vaccel_resource_init_multi(&res, files, 0, 0), VACCEL_EINVAL);
	assert_int_equal(vaccel_resource_init_multi(&res, NULL, 2, 0), VACCEL_EINVAL);
	assert_int_equal(vaccel_resource_init_multi(&res, files, SIZE_MAX / 4, 0), VACCEL_ENOMEM);
	assert_unset(&res);
	assert_unset(&res);

	assert_int_equal(vaccel_resource_multi_new(&p, mixed, 2, 0), VACCEL_EINVAL);
	assert_null(p);
	assert_int_equal(vaccel_resource_multi_new(&p, files, 2, 0), 0);
	assert_int_equal(vaccel_resource_delete(p), 0);
}

static void from_dir(void **state)
{
	struct vaccel_resource res;
	char path[512], *copy = NULL;

	(void)state;
	assert_int_equal(vaccel_resource_init(&res, dir, VACCEL_RESOURCE_MODEL), 0);
	assert_int_equal(res.path_type, VACCEL_PATH_LOCAL_DIR);
	assert_int_equal(vaccel_resource_directory(&res, path, sizeof(path), NULL), 0);
	assert_string_equal(path, dir);
	assert_int_equal(vaccel_resource_directory(&res, path, strlen(dir) + 1, NULL), 0);
	assert_int_equal(vaccel_resource_directory(&res, path, strlen(dir), NULL),
			 VACCEL_EINVAL);
	assert_int_equal(vaccel_resource_directory(&res, NULL, 0, &copy), 0);
	assert_string_equal(copy, dir);
	free(copy);
	assert_int_equal(vaccel_resource_directory(&res, NULL, 9, NULL), VACCEL_EINVAL);
	assert_int_equal(vaccel_resource_directory(NULL, path, 9, NULL), VACCEL_EINVAL);
	assert_int_equal(vaccel_resource_release(&res), 0);
	assert_int_equal(vaccel_resource_directory(&res, path, 9, NULL), VACCEL_EINVAL);

	assert_int_equal(vaccel_resource_init(&res, make_file("f", "x"), 0), 0);
	assert_int_equal(vaccel_resource_directory(&res, path, sizeof(path), NULL),
			 VACCEL_ENOTSUP);
	assert_int_equal(vaccel_resource_release(&res), 0);
}

static void from_buf(void **state)
{
	struct vaccel_resource res, *p = NULL;
	char bytes[] = "bytes", *path, *rundir;

	(void)state;
	assert_int_equal(vaccel_resource_init_from_buf(&res, bytes, 5, VACCEL_RESOURCE_LIB,
						       "lib.so", false), 0);
	assert_fresh(&res);
	assert_int_equal(res.path_type, VACCEL_PATH_LOCAL_FILE);
	assert_null(res.paths);
	assert_int_equal(res.nr_paths, 0);
	assert_non_null(strstr(res.rundir, "/resource.1"));
	assert_int_equal(res.nr_blobs, 1);
	assert_int_equal(res.blobs[0]->type, VACCEL_BLOB_MAPPED);
	assert_string_equal(res.blobs[0]->name, "lib.so");
	assert_true(res.blobs[0]->path_owned);
	assert_true(res.blobs[0]->data_owned);
	assert_memory_equal(res.blobs[0]->data, "bytes", 5);
	path = strdup(res.blobs[0]->path);
	rundir = strdup(res.rundir);
	assert_true(exists(path));
	assert_int_equal(vaccel_resource_release(&res), 0);
	assert_false(exists(path));
	assert_false(exists(rundir));
	free(path);
	free(rundir);

	assert_int_equal(vaccel_resource_from_buf(&p, bytes, 5, VACCEL_RESOURCE_LIB, NULL,
						  false), 0);
	assert_memory_equal(p->blobs[0]->name, "file_", 5);
	assert_int_equal(strlen(p->blobs[0]->name), strlen("file_XXXXXX"));
	/* What others leave in the run directory goes with it. */
	rundir = strdup(p->rundir);
	path = malloc(strlen(rundir) + 10);
	sprintf(path, "%s/sub", rundir);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(vaccel_resource_delete(p), 0);
	assert_false(exists(rundir));
	free(path);
	free(rundir);

	assert_int_equal(vaccel_resource_init_from_buf(&res, bytes, 5, VACCEL_RESOURCE_DATA,
						       NULL, true), 0);
	assert_null(res.rundir);
	assert_int_equal(res.blobs[0]->type, VACCEL_BLOB_BUFFER);
	assert_ptr_equal(res.blobs[0]->data, bytes);
	assert_string_equal(res.blobs[0]->name, "file");
	assert_int_equal(vaccel_resource_release(&res), 0);
	assert_string_equal(bytes, "bytes");
}

static void from_bad_buf(void **state)
{
	struct vaccel_resource res, *p = NULL;

	(void)state;
	assert_int_equal(vaccel_resource_init_from_buf(NULL, "x", 1, 0, "n", true),
			 VACCEL_EINVAL);
	assert_int_equal(vaccel_resource_init_from_buf(&res, NULL, 1, 0, "n", true),
			 VACCEL_EINVAL);
	assert_unset(&res);
	assert_int_equal(vaccel_resource_init_from_buf(&res, "x", 0, 0, "n", true),
			 VACCEL_EINVAL);
	assert_int_equal(vaccel_resource_init_from_buf(&res, "x", 1, VACCEL_RESOURCE_MAX, "n",
						       true), VACCEL_EINVAL);
	assert_int_equal(vaccel_resource_init_from_buf(&res, "x", 1, 0, "../n", false),
			 VACCEL_ENOENT);
	assert_unset(&res);
	assert_int_equal(vaccel_resource_from_buf(&p, "x", 1, 0, "a/b", false), VACCEL_ENOENT);
	assert_int_equal(vaccel_resource_from_buf(NULL, "x", 1, 0, "n", false), VACCEL_EINVAL);
	assert_null(p);
}

static void from_blobs(void **state)
{
	const char *path = make_file("model", "m");
	uint8_t bytes[] = "abc";
	struct vaccel_blob file, borrowed, owned, mapped, broken = { .type = 0 };
	const struct vaccel_blob *all[] = { &file, &borrowed, &owned, &mapped };
	const struct vaccel_blob *memory[] = { &borrowed, &owned };
	const struct vaccel_blob *bad[] = { &file, &broken }, *null[] = { &file, NULL };
	const struct vaccel_blob *gone[] = { &mapped, &file };
	struct vaccel_resource res, *p = NULL;

	(void)state;
	assert_int_equal(vaccel_blob_init(&file, path), 0);
	assert_int_equal(vaccel_blob_init_from_buf(&borrowed, bytes, 3, false, "b", NULL, false),
			 0);
	assert_int_equal(vaccel_blob_init_from_buf(&owned, bytes, 3, true, "o", NULL, false), 0);
	assert_int_equal(vaccel_blob_init_from_buf(&mapped, bytes, 3, true, "m", dir, true), 0);

	assert_int_equal(vaccel_resource_init_from_blobs(&res, all, 4, VACCEL_RESOURCE_DATA), 0);
	assert_fresh(&res);
	assert_int_equal(res.nr_blobs, 4);
	assert_non_null(res.rundir);
	assert_int_equal(res.blobs[0]->type, VACCEL_BLOB_FILE);
	assert_string_equal(res.blobs[0]->path, path);
	assert_false(res.blobs[0]->path_owned);
	assert_ptr_equal(res.blobs[1]->data, bytes);
	assert_int_equal(res.blobs[2]->type, VACCEL_BLOB_BUFFER);
	assert_ptr_not_equal(res.blobs[2]->data, owned.data);
	assert_memory_equal(res.blobs[2]->data, "abc", 3);
	assert_int_equal(res.blobs[3]->type, VACCEL_BLOB_MAPPED);
	assert_string_not_equal(res.blobs[3]->path, mapped.path);
	assert_memory_equal(res.blobs[3]->path, res.rundir, strlen(res.rundir));
	assert_int_equal(vaccel_resource_release(&res), 0);
	assert_true(exists(path) && exists(mapped.path));

	assert_int_equal(vaccel_resource_from_blobs(&p, memory, 2, VACCEL_RESOURCE_DATA), 0);
	assert_null(p->rundir);
	assert_int_equal(vaccel_resource_delete(p), 0);

	p = NULL;
	assert_int_equal(vaccel_resource_init_from_blobs(&res, bad, 2, 0), VACCEL_EINVAL);
	assert_unset(&res);
	assert_int_equal(vaccel_resource_init_from_blobs(&res, null, 2, 0), VACCEL_EINVAL);
	assert_int_equal(vaccel_resource_init_from_blobs(&res, all, 0, 0), VACCEL_EINVAL);
	assert_int_equal(vaccel_resource_init_from_blobs(&res, NULL, 4, 0), VACCEL_EINVAL);
	assert_int_equal(vaccel_resource_init_from_blobs(&res, all, SIZE_MAX / 4, 0),
			 VACCEL_ENOMEM);
	assert_unset(&res);
	assert_int_equal(vaccel_resource_from_blobs(&p, bad, 2, 0), VACCEL_EINVAL);
	/* One that fails late takes the earlier ones with it. */
	unlink(path);
	assert_int_equal(vaccel_resource_init_from_blobs(&res, gone, 2, 0), VACCEL_EINVAL);
	assert_unset(&res);
	assert_null(p);

	vaccel_blob_release(&file);
	vaccel_blob_release(&borrowed);
	vaccel_blob_release(&owned);
	vaccel_blob_release(&mapped);
}

static void live_again(void **state)
{
	const char *path = make_file("f", "x");
	struct vaccel_resource res, other, *found;

	(void)state;
	assert_int_equal(vaccel_resource_init(&res, path, VACCEL_RESOURCE_DATA), 0);
	assert_int_equal(vaccel_resource_init(&other, path, VACCEL_RESOURCE_DATA), 0);
	assert_int_equal(vaccel_resource_init(&res, path, VACCEL_RESOURCE_LIB), VACCEL_EBUSY);
	assert_int_equal(vaccel_resource_init_from_buf(&res, "x", 1, 0, "n", true),
			 VACCEL_EBUSY);
	/* Nothing is harmed. */
	assert_int_equal(res.type, VACCEL_RESOURCE_DATA);
	assert_int_equal(vaccel_resource_get_by_id(&found, res.id), 0);
	assert_ptr_equal(found, &res);
	assert_int_equal(vaccel_resource_get_by_id(&found, other.id), 0);
	assert_int_equal(vaccel_resource_release(&res), 0);
	assert_int_equal(vaccel_resource_init(&res, path, VACCEL_RESOURCE_LIB), 0);
	assert_int_equal(vaccel_resource_release(&res), 0);
	assert_int_equal(vaccel_resource_release(&other), 0);
}

/* Models that a server knows: names only, and only one of them */
static void served_models(void **state)
{
	static const char *const bad[] = {"model://", "model:///1", "model://a/", "model://a/1/2", "model://../a", "model://a/..",
					  "model://.a", "model://a b", "model://a?b", "model://a%41", "model://a:1",
					  "model://\xc3\xa4"};
	const char *two[] = {"model://a", "model://b"};
	struct vaccel_resource res;
	char path[600] = "model://";

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(vaccel_resource_init(&res, bad[i], VACCEL_RESOURCE_MODEL), VACCEL_EINVAL);
	memset(path + strlen(path), 'n', 256);
	assert_int_equal(vaccel_resource_init(&res, path, VACCEL_RESOURCE_MODEL), VACCEL_EINVAL);
	path[strlen(path) - 1] = '\0';
	assert_int_equal(vaccel_resource_init(&res, path, VACCEL_RESOURCE_MODEL), 0);
	assert_int_equal(vaccel_resource_release(&res), 0);
	assert_int_equal(vaccel_resource_init(&res, "model://a-B_1.2+x@y~z/1.0", VACCEL_RESOURCE_MODEL), 0);
	assert_int_equal(res.path_type, VACCEL_PATH_REMOTE_FILE);
	assert_int_equal(vaccel_resource_register(&res, &local), 0);
	assert_null(res.blobs);
	assert_int_equal(vaccel_resource_unregister(&res, &local), 0);
	assert_int_equal(vaccel_resource_release(&res), 0);
	assert_int_equal(vaccel_resource_init_multi(&res, two, 2, VACCEL_RESOURCE_MODEL), 0);
	assert_int_equal(vaccel_resource_register(&res, &local), VACCEL_EINVAL);
	assert_int_equal(vaccel_resource_release(&res), 0);
}

static void lookups(void **state)
{
	const char *path = make_file("f", "x");
	struct vaccel_resource res[3], *found = NULL, **all = NULL;
	size_t nr = 77;

	(void)state;
	assert_int_equal(vaccel_resource_get_by_type(&found, VACCEL_RESOURCE_DATA),
			 VACCEL_ENOENT);
	assert_int_equal(vaccel_resource_get_all_by_type(&all, &nr, VACCEL_RESOURCE_DATA),
			 VACCEL_ENOENT);
	assert_int_equal(nr, 0);
	assert_int_equal(vaccel_resource_init(&res[0], path, VACCEL_RESOURCE_LIB), 0);
	assert_int_equal(vaccel_resource_init(&res[1], path, VACCEL_RESOURCE_DATA), 0);
	assert_int_equal(vaccel_resource_init(&res[2], path, VACCEL_RESOURCE_DATA), 0);

	assert_int_equal(vaccel_resource_get_by_id(&found, 2), 0);
	assert_ptr_equal(found, &res[1]);
	assert_int_equal(vaccel_resource_get_by_id(&found, 0), VACCEL_ENOENT);
	assert_int_equal(vaccel_resource_get_by_id(&found, -5), VACCEL_ENOENT);
	assert_int_equal(vaccel_resource_get_by_id(&found, 9), VACCEL_ENOENT);
	assert_int_equal(vaccel_resource_get_by_id(NULL, 2), VACCEL_EINVAL);
	assert_int_equal(vaccel_resource_get_by_type(&found, VACCEL_RESOURCE_DATA), 0);
	assert_ptr_equal(found, &res[1]);
	assert_int_equal(vaccel_resource_get_by_type(&found, VACCEL_RESOURCE_MAX),
			 VACCEL_EINVAL);
	assert_int_equal(vaccel_resource_get_by_type(NULL, VACCEL_RESOURCE_DATA), VACCEL_EINVAL);
	assert_int_equal(vaccel_resource_get_all_by_type(&all, &nr, VACCEL_RESOURCE_DATA), 0);
	assert_int_equal(nr, 2);
	assert_ptr_equal(all[0], &res[1]);
	assert_ptr_equal(all[1], &res[2]);
	free(all);
	assert_int_equal(vaccel_resource_get_all_by_type(NULL, &nr, 0), VACCEL_EINVAL);
	assert_int_equal(vaccel_resource_get_all_by_type(&all, NULL, 0), VACCEL_EINVAL);
	assert_int_equal(vaccel_resource_get_all_by_type(&all, &nr, VACCEL_RESOURCE_MAX),
			 VACCEL_EINVAL);
	assert_int_equal(vaccel_resource_refcount(NULL), -VACCEL_EINVAL);
	for (int i = 0; i < 3; i++)
		assert_int_equal(vaccel_resource_release(&res[i]), 0);
	assert_int_equal(vaccel_resource_get_by_id(&found, 2), VACCEL_ENOENT);
}

static void too_many(void **state)
{
	static struct vaccel_resource res[2048];
	struct vaccel_resource more;

	(void)state;
	for (int i = 0; i < 2048; i++) {
		assert_int_equal(vaccel_resource_init_from_buf(&res[i], "x", 1, 0, "n", true), 0);
		assert_int_equal(res[i].id, i + 1);
	}
	assert_int_equal(vaccel_resource_init_from_buf(&more, "x", 1, 0, "n", true),
			 VACCEL_EUSERS);
	assert_int_equal(more.id, -VACCEL_EUSERS);
	assert_int_equal(vaccel_resource_release(&more), VACCEL_EINVAL);
	assert_int_equal(vaccel_resource_release(&res[99]), 0);
	assert_int_equal(vaccel_resource_init_from_buf(&more, "x", 1, 0, "n", true), 0);
	assert_int_equal(more.id, 100);
	assert_int_equal(vaccel_resource_release(&more), 0);
	/* The others are left to the library's cleanup. */
}

static void not_initialised(void **state)
{
	struct vaccel_resource res, *p, **all;
	const char *path = "/etc/passwd";
	size_t nr;

	(void)state;
	/* What is live at the end is released by the library. */
	assert_int_equal(vaccel_resource_init_from_buf(&res, "x", 1, 0, "n", false), 0);
	assert_int_equal(vaccel_resource_register(&res, &local), 0);
	assert_int_equal(vaccel_cleanup(), 0);
	assert_unset(&res);
	assert_int_equal(hooks.unregistered, 1);

	assert_int_equal(vaccel_resource_init(NULL, path, 0), VACCEL_EPERM);
	assert_int_equal(vaccel_resource_init_multi(&res, &path, 1, 0), VACCEL_EPERM);
	assert_int_equal(vaccel_resource_init_from_buf(&res, "x", 1, 0, "n", true),
			 VACCEL_EPERM);
	assert_int_equal(vaccel_resource_init_from_blobs(&res, NULL, 1, 0), VACCEL_EPERM);
	assert_int_equal(vaccel_resource_new(&p, path, 0), VACCEL_EPERM);
	assert_int_equal(vaccel_resource_multi_new(&p, &path, 1, 0), VACCEL_EPERM);
	assert_int_equal(vaccel_resource_from_buf(&p, "x", 1, 0, "n", true), VACCEL_EPERM);
	assert_int_equal(vaccel_resource_from_blobs(&p, NULL, 1, 0), VACCEL_EPERM);
	assert_int_equal(vaccel_resource_release(NULL), VACCEL_EPERM);
	assert_int_equal(vaccel_resource_delete(NULL), VACCEL_EPERM);
	assert_int_equal(vaccel_resource_register(NULL, NULL), VACCEL_EPERM);
	assert_int_equal(vaccel_resource_unregister(NULL, NULL), VACCEL_EPERM);
	assert_int_equal(vaccel_resource_sync(NULL, NULL), VACCEL_EPERM);
	assert_int_equal(vaccel_resource_get_by_id(NULL, 1), VACCEL_EPERM);
	assert_int_equal(vaccel_resource_get_by_type(&p, 0), VACCEL_EPERM);
	assert_int_equal(vaccel_resource_get_all_by_type(&all, &nr, 0), VACCEL_EPERM);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(from_path),
		TEST(scheme_warnings),
		TEST(from_bad_path),
		TEST(from_paths),
		TEST(from_dir),
		TEST(from_buf),
		TEST(from_bad_buf),
		TEST(from_blobs),
		TEST(live_again),
		TEST(lookups), TEST(served_models),
		TEST(too_many),
		TEST(not_initialised),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
