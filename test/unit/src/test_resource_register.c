// SPDX-License-Identifier: Apache-2.0
/* Registrations of resources: blobs, downloads, hooks, sync, threads. */
#include "http_server.h"
#include "resource_fixture.h"

#include <dlfcn.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

static void register_file(void **state)
{
	struct vaccel_resource res, *found = NULL;
	char *rundir;

	(void)state;
	assert_int_equal(vaccel_resource_init(&res, make_file("m", "abc"),
					      VACCEL_RESOURCE_MODEL), 0);
	assert_int_equal(vaccel_resource_register(&res, &local), 0);
	assert_int_equal(hooks.registered, 1);
	assert_int_equal(vaccel_resource_refcount(&res), 1);
	assert_true(vaccel_session_has_resource(&local, &res));
	assert_int_equal(local.resource_counts[VACCEL_RESOURCE_MODEL], 1);
	assert_int_equal(vaccel_session_resource_by_id(&local, &found, res.id), 0);
	assert_ptr_equal(found, &res);
	assert_int_equal(res.nr_blobs, 1);
	assert_int_equal(res.blobs[0]->type, VACCEL_BLOB_FILE);
	assert_null(res.blobs[0]->data);
	assert_true(exists(res.rundir));

	/* Once more: a warning, no second hook. */
	assert_int_equal(vaccel_resource_register(&res, &local), 0);
	assert_int_equal(hooks.registered, 1);
	assert_int_equal(vaccel_resource_refcount(&res), 1);

	/* A transport has to have the bytes. */
	assert_int_equal(vaccel_resource_register(&res, &remote), 0);
	assert_int_equal(vaccel_resource_refcount(&res), 2);
	assert_int_equal(res.blobs[0]->type, VACCEL_BLOB_MAPPED);
	assert_memory_equal(res.blobs[0]->data, "abc", 3);

	assert_int_equal(vaccel_resource_unregister(&res, &local), 0);
	assert_int_equal(hooks.unregistered, 1);
	assert_int_equal(vaccel_resource_refcount(&res), 1);
	assert_false(vaccel_session_has_resource(&local, &res));
	assert_int_equal(local.resource_counts[VACCEL_RESOURCE_MODEL], 0);
	assert_int_equal(vaccel_resource_unregister(&res, &local), VACCEL_EINVAL);
	assert_int_equal(res.nr_blobs, 1);

	rundir = strdup(res.rundir);
	assert_int_equal(vaccel_resource_release(&res), 0);
	assert_int_equal(hooks.unregistered, 2);
	assert_false(vaccel_session_has_resource(&remote, &res));
	assert_false(exists(rundir));
	free(rundir);
}

static void register_rejects(void **state)
{
	struct vaccel_resource res;
	struct vaccel_session dead = { .id = 0 };

	(void)state;
	memset(&res, 0x5a, sizeof(res));
	assert_int_equal(vaccel_resource_register(&res, &local), VACCEL_EINVAL);
	assert_int_equal(vaccel_resource_unregister(&res, &local), VACCEL_EINVAL);
	assert_int_equal(vaccel_resource_sync(&res, &local), VACCEL_EINVAL);
	assert_int_equal(vaccel_resource_init(&res, make_file("m", "abc"), 0), 0);
	assert_int_equal(vaccel_resource_register(NULL, &local), VACCEL_EINVAL);
	assert_int_equal(vaccel_resource_register(&res, NULL), VACCEL_EINVAL);
	assert_int_equal(vaccel_resource_register(&res, &dead), VACCEL_EINVAL);
	dead.id = local.id;
	assert_int_equal(vaccel_resource_register(&res, &dead), VACCEL_EINVAL);
	assert_int_equal(vaccel_resource_unregister(&res, NULL), VACCEL_EINVAL);
	assert_int_equal(vaccel_resource_unregister(NULL, &local), VACCEL_EINVAL);
	assert_int_equal(vaccel_resource_unregister(&res, &local), VACCEL_EINVAL);
	/* The file goes away. */
	unlink(in_dir("m"));
	assert_int_equal(vaccel_resource_register(&res, &local), VACCEL_EINVAL);
	assert_int_equal(vaccel_resource_refcount(&res), 0);
	assert_null(res.blobs);
	assert_null(res.rundir);
	assert_int_equal(vaccel_resource_release(&res), 0);
	assert_int_equal(vaccel_resource_register(&res, &local), VACCEL_EINVAL);
	assert_int_equal(hooks.registered, 0);
}

static void hook_errors(void **state)
{
	struct vaccel_resource res;

	(void)state;
	assert_int_equal(vaccel_resource_init(&res, make_file("m", "abc"), 0), 0);
	hooks.register_result = VACCEL_EIO;
	assert_int_equal(vaccel_resource_register(&res, &remote), VACCEL_EIO);
	assert_int_equal(vaccel_resource_refcount(&res), 0);
	assert_false(vaccel_session_has_resource(&remote, &res));
	hooks.register_result = 0;
	assert_int_equal(vaccel_resource_register(&res, &remote), 0);
	/* A hook that fails does not keep the registration. */
	hooks.unregister_result = VACCEL_EREMOTEIO;
	assert_int_equal(vaccel_resource_unregister(&res, &remote), VACCEL_EREMOTEIO);
	assert_false(vaccel_session_has_resource(&remote, &res));
	assert_int_equal(vaccel_resource_register(&res, &remote), 0);
	assert_int_equal(vaccel_resource_release(&res), 0);
	assert_int_equal(hooks.unregistered, 2);
}

static void missing_hooks(void **state)
{
	struct vaccel_resource res;
	char byte = 1;

	(void)state;
	assert_int_equal(vaccel_resource_init_from_buf(&res, &byte, 1, 0, "n", true), 0);
	local_info.resource_register = NULL;
	local_info.resource_unregister = NULL;
	local_info.resource_sync = NULL;
	assert_int_equal(vaccel_resource_register(&res, &local), 0);
	assert_int_equal(vaccel_resource_sync(&res, &local), 0);
	assert_int_equal(vaccel_resource_unregister(&res, &local), 0);

	virtio_info.resource_register = NULL;
	assert_int_equal(vaccel_resource_register(&res, &remote), VACCEL_ENOTSUP);
	assert_int_equal(vaccel_resource_refcount(&res), 0);
	virtio_info.resource_register = on_register;
	assert_int_equal(vaccel_resource_register(&res, &remote), 0);
	virtio_info.resource_sync = NULL;
	assert_int_equal(vaccel_resource_sync(&res, &remote), VACCEL_ENOTSUP);
	virtio_info.resource_unregister = NULL;
	assert_int_equal(vaccel_resource_unregister(&res, &remote), VACCEL_ENOTSUP);
	assert_int_equal(vaccel_resource_refcount(&res), 0);
	assert_int_equal(vaccel_resource_release(&res), 0);
}

static void register_dir(void **state)
{
	struct vaccel_resource res;

	(void)state;
	assert_int_equal(mkdir(in_dir("model"), 0700), 0);
	assert_int_equal(vaccel_resource_init(&res, in_dir("model"), VACCEL_RESOURCE_MODEL), 0);
	assert_int_equal(vaccel_resource_register(&res, &local), VACCEL_EINVAL);
	assert_null(res.blobs);
	assert_int_equal(mkdir(in_dir("model/variables"), 0700), 0);
	make_file("model/graph.pb", "graph");
	make_file("model/variables/index", "index");
	make_file("model/variables/empty", "");
	assert_int_equal(vaccel_resource_register(&res, &local), 0);
	assert_null(res.rundir);
	assert_int_equal(res.nr_blobs, 3);
	assert_string_equal(res.blobs[0]->name, "graph.pb");
	assert_string_equal(res.blobs[2]->path, in_dir("model/variables/index"));
	assert_null(res.blobs[2]->data);
	/* An empty file has nothing to map, and is no reason to refuse the others. */
	assert_int_equal(vaccel_resource_register(&res, &remote), 0);
	assert_null(res.blobs[1]->data);
	assert_memory_equal(res.blobs[2]->data, "index", 5);
	assert_int_equal(vaccel_resource_release(&res), 0);
	assert_true(exists(in_dir("model/graph.pb")));
}

/* However deep a directory is, it ends in an error at some point, and not on the stack. */
static void deep_dir(void **state)
{
	char path[512] = "deep";
	struct vaccel_resource res;

	(void)state;
	for (int i = 0; i < 100; i++) {
		assert_int_equal(mkdir(in_dir(path), 0700), 0);
		if (i == 50) {
			size_t n = strlen(path);

			strcpy(path + n, "/file");
			make_file(path, "x");
			assert_int_equal(vaccel_resource_init(&res, in_dir("deep"), 0), 0);
			assert_int_equal(vaccel_resource_register(&res, &local), 0);
			assert_int_equal(res.nr_blobs, 1);
			assert_int_equal(vaccel_resource_release(&res), 0);
			assert_int_equal(unlink(in_dir(path)), 0);
			path[n] = '\0';
		}
		strcat(path, "/d");
	}
	assert_int_equal(vaccel_resource_init(&res, in_dir("deep"), 0), 0);
	assert_int_equal(vaccel_resource_register(&res, &local), VACCEL_ELOOP);
	assert_null(res.blobs);
	assert_int_equal(vaccel_resource_refcount(&res), 0);
	assert_int_equal(vaccel_resource_release(&res), 0);

	for (int i = 0; i < 100; i++) {
		*strrchr(path, '/') = '\0';
		assert_int_equal(rmdir(in_dir(path)), 0);
	}
}

static void sync_memory(void **state)
{
	struct vaccel_resource memory, file;
	char byte = 1;

	(void)state;
	assert_int_equal(vaccel_resource_init_from_buf(&memory, &byte, 1, 0, "n", true), 0);
	assert_int_equal(vaccel_resource_init(&file, make_file("m", "abc"), 0), 0);
	assert_int_equal(vaccel_resource_sync(&memory, &remote), VACCEL_EPERM);
	assert_int_equal(vaccel_resource_sync(NULL, &remote), VACCEL_EINVAL);
	assert_int_equal(vaccel_resource_sync(&memory, NULL), VACCEL_EINVAL);
	assert_int_equal(vaccel_resource_register(&memory, &remote), 0);
	assert_int_equal(vaccel_resource_register(&file, &remote), 0);
	assert_int_equal(vaccel_resource_sync(&memory, &remote), 0);
	assert_int_equal(hooks.synced, 1);
	hooks.sync_result = VACCEL_ESESS;
	assert_int_equal(vaccel_resource_sync(&memory, &remote), VACCEL_ESESS);
	assert_int_equal(vaccel_resource_sync(&file, &remote), VACCEL_EINVAL);
	assert_int_equal(hooks.synced, 2);
	assert_int_equal(vaccel_resource_release(&memory), 0);
	assert_int_equal(vaccel_resource_release(&file), 0);
}

static void urls_in_transport(void **state)
{
	struct vaccel_resource res;

	(void)state;
	/* The other side downloads; nothing is touched here. */
	assert_int_equal(vaccel_resource_init(&res, "http://localhost:1/model", 0), 0);
	assert_int_equal(vaccel_resource_register(&res, &remote), 0);
	assert_null(res.blobs);
	assert_null(res.rundir);
	assert_int_equal(vaccel_resource_sync(&res, &remote), VACCEL_EINVAL);
	assert_int_equal(vaccel_resource_release(&res), 0);
}

#ifdef HAVE_CURL
static bool has_libcurl(void)
{
	void *handle = dlopen("libcurl.so.4", RTLD_NOW | RTLD_NOLOAD);

	return handle && !dlclose(handle);
}

/* Whoever sees no URL has no libcurl. */
static void libcurl_when_needed(void **state)
{
	struct vaccel_resource res;

	(void)state;
	assert_int_equal(vaccel_resource_init(&res, make_file("local", "x"), 0), 0);
	assert_int_equal(vaccel_resource_register(&res, &local), 0);
	assert_int_equal(vaccel_resource_release(&res), 0);
	assert_int_equal(vaccel_resource_init(&res, "model://name", 0), 0);
	assert_int_equal(vaccel_resource_release(&res), 0);
	assert_false(has_libcurl());
	assert_int_equal(vaccel_resource_init(&res, "http://localhost:1/model", 0), 0);
	assert_int_equal(vaccel_resource_release(&res), 0);
	assert_true(has_libcurl());
}

/* Registering fails with this result, and the message names the resource and the reason. */
static void register_fails(struct vaccel_resource *res, int result, const char *reason)
{
	static struct capture out;
	const char *text;
	int ret;

	capture_start(&out, STDOUT_FILENO);
	ret = vaccel_resource_register(res, &local);
	text = capture_end(&out);
	assert_int_equal(ret, result);
	assert_contains(text, res->paths[res->nr_paths - 1]);
	assert_contains(text, reason);
}

static void downloads(void **state)
{
	struct http_server server;
	char url[6][128], other[64];
	const char *paths[] = { "/dir/model.bin?key=1", "/lib.so", "/other/lib.so", "/missing",
				"/cut", "/moved" };
	const char *good[2], *same[2], *one_missing[2];
	struct vaccel_resource res;
	struct rlimit limit, tiny;
	char *file;

	(void)state;
	http_start(&server);
	for (int i = 0; i < 6; i++)
		snprintf(url[i], sizeof(url[i]), "http://127.0.0.1:%d%s", server.port, paths[i]);
	good[0] = url[0];
	good[1] = url[1];
	same[0] = url[1];
	same[1] = url[2];
	one_missing[0] = url[0];
	one_missing[1] = url[3];

	assert_int_equal(vaccel_resource_init_multi(&res, good, 2, VACCEL_RESOURCE_LIB), 0);
	assert_null(res.blobs);
	assert_int_equal(server.requests, 0);
	assert_int_equal(vaccel_resource_register(&res, &local), 0);
	assert_int_equal(server.requests, 2);
	assert_int_equal(res.nr_blobs, 2);
	assert_int_equal(res.blobs[0]->type, VACCEL_BLOB_FILE);
	assert_string_equal(res.blobs[0]->name, "model.bin");
	assert_true(res.blobs[0]->path_owned);
	assert_memory_equal(res.blobs[0]->path, res.rundir, strlen(res.rundir));
	assert_memory_equal(vaccel_blob_data(res.blobs[1], NULL), "/lib.so", 7);
	/* Nothing but the files. */
	assert_int_equal(unlink(res.blobs[0]->path), 0);
	file = strdup(res.blobs[1]->path);
	assert_int_equal(unlink(file), 0);
	free(file);
	assert_int_equal(rmdir(res.rundir), 0);
	assert_int_equal(vaccel_resource_release(&res), 0);

	assert_int_equal(vaccel_resource_init_multi(&res, same, 2, 0), 0);
	assert_int_equal(vaccel_resource_register(&res, &local), VACCEL_EEXIST);
	assert_null(res.rundir);
	assert_int_equal(server.requests, 2);
	assert_int_equal(vaccel_resource_release(&res), 0);

	assert_int_equal(vaccel_resource_init_multi(&res, one_missing, 2, 0), 0);
	register_fails(&res, VACCEL_EREMOTEIO, "404");
	assert_null(res.rundir);
	assert_null(res.blobs);
	assert_int_equal(vaccel_resource_register(&res, &local), VACCEL_EREMOTEIO);
	assert_int_equal(server.requests, 6);
	assert_int_equal(vaccel_resource_release(&res), 0);

	assert_int_equal(vaccel_resource_init(&res, url[4], 0), 0);
	register_fails(&res, VACCEL_EREMOTEIO, "Could not download");
	assert_int_equal(vaccel_resource_release(&res), 0);

	assert_int_equal(vaccel_resource_init(&res, url[5], 0), 0);
	assert_int_equal(vaccel_resource_register(&res, &local), 0);
	assert_memory_equal(vaccel_blob_data(res.blobs[0], NULL), "/new", 4);
	assert_int_equal(vaccel_resource_release(&res), 0);

	/* A server must not make us read our own files. */
	snprintf(other, sizeof(other), "http://127.0.0.1:%d/to-file", server.port);
	assert_int_equal(vaccel_resource_init(&res, other, 0), 0);
	assert_int_equal(vaccel_resource_register(&res, &local), VACCEL_EREMOTEIO);
	assert_int_equal(vaccel_resource_release(&res), 0);

	/* No file name to take. */
	snprintf(other, sizeof(other), "http://127.0.0.1:%d", server.port);
	assert_int_equal(vaccel_resource_init(&res, other, 0), 0);
	assert_int_equal(vaccel_resource_register(&res, &local), VACCEL_EINVAL);
	assert_int_equal(vaccel_resource_release(&res), 0);
	snprintf(other, sizeof(other), "http://127.0.0.1:%d/a/..", server.port);
	assert_int_equal(vaccel_resource_init(&res, other, 0), 0);
	assert_int_equal(vaccel_resource_register(&res, &local), VACCEL_EINVAL);
	assert_int_equal(vaccel_resource_release(&res), 0);

	/* No room for the file: not the server's fault. */
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	tiny = limit;
	tiny.rlim_cur = 2;
	assert_int_equal(vaccel_resource_init(&res, url[1], 0), 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &tiny), 0);
	assert_int_equal(vaccel_resource_register(&res, &local), VACCEL_ENOSPC);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_null(res.rundir);
	assert_int_equal(vaccel_resource_register(&res, &local), 0);
	assert_int_equal(vaccel_resource_release(&res), 0);

	http_stop(&server);
	assert_int_equal(vaccel_resource_init(&res, url[0], 0), 0);
	register_fails(&res, VACCEL_EREMOTEIO, "Could not download");
	assert_int_equal(vaccel_resource_release(&res), 0);
}

/* Run by without_libcurl() in a program of its own */
static void fails_without_libcurl(void **state)
{
	const char *url = "http://localhost:1/model";
	static struct capture out;
	struct vaccel_resource res;
	const char *text;

	(void)state;
	/* Who gets it may have one. */
	assert_int_equal(vaccel_resource_init(&res, url, 0), 0);
	assert_int_equal(vaccel_resource_register(&res, &remote), 0);
	capture_start(&out, STDOUT_FILENO);
	assert_int_equal(vaccel_resource_register(&res, &local), VACCEL_ENOTSUP);
	text = capture_end(&out);
	assert_contains(text, "Could not load libcurl");
	assert_contains(text, "install libcurl");
	assert_null(res.blobs);
	assert_int_equal(vaccel_resource_release(&res), 0);
}

static void without_libcurl(void **state)
{
	const char *others = getenv("LD_LIBRARY_PATH");
	char *path = NULL;
	int status;
	pid_t pid;

	(void)state;
	make_file("libcurl.so.4", "no library");
	assert_true(asprintf(&path, "%s%s%s", dir, others ? ":" : "", others ? others : "") > 0);
	pid = fork();
	if (pid == 0) {
		setenv("LD_LIBRARY_PATH", path, 1);
		execl("/proc/self/exe", "test_resource_register", "--without-libcurl", NULL);
		_exit(1);
	}
	free(path);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}
#endif

static int inside_result[4];

static void call_back(struct vaccel_resource *res, struct vaccel_session *sess)
{
	char path[512];

	inside_result[0] = vaccel_resource_release(res);
	inside_result[1] = vaccel_resource_register(res, sess);
	inside_result[2] = vaccel_resource_directory(res, path, sizeof(path), NULL);
	inside_result[3] = vaccel_resource_refcount(res);
}

static void hooks_that_call_back(void **state)
{
	struct vaccel_resource res;

	(void)state;
	make_file("f", "x");
	assert_int_equal(vaccel_resource_init(&res, dir, 0), 0);
	hooks.inside = call_back;
	assert_int_equal(vaccel_resource_register(&res, &local), 0);
	assert_int_equal(inside_result[0], VACCEL_EBUSY);
	assert_int_equal(inside_result[1], VACCEL_EBUSY);
	assert_int_equal(inside_result[2], 0);
	assert_int_equal(inside_result[3], 0);
	assert_int_equal(vaccel_resource_refcount(&res), 1);
	hooks.inside = NULL;
	assert_int_equal(vaccel_resource_release(&res), 0);
}

static void session_release_unregisters(void **state)
{
	struct vaccel_resource a, b;
	struct vaccel_session sess;

	(void)state;
	assert_int_equal(vaccel_session_init(&sess, VACCEL_PLUGIN_REMOTE), 0);
	assert_int_equal(vaccel_resource_init_from_buf(&a, "x", 1, VACCEL_RESOURCE_LIB, "n", true),
			 0);
	assert_int_equal(vaccel_resource_init_from_buf(&b, "x", 1, VACCEL_RESOURCE_DATA, "n", true),
			 0);
	assert_int_equal(vaccel_resource_register(&a, &sess), 0);
	assert_int_equal(vaccel_resource_register(&b, &sess), 0);
	assert_int_equal(vaccel_resource_register(&b, &local), 0);
	assert_int_equal(vaccel_session_release(&sess), 0);
	assert_int_equal(hooks.unregistered, 2);
	assert_int_equal(vaccel_resource_refcount(&a), 0);
	assert_int_equal(vaccel_resource_refcount(&b), 1);
	assert_int_equal(vaccel_resource_unregister(&a, &sess), VACCEL_EINVAL);
	assert_int_equal(vaccel_resource_release(&a), 0);
	assert_int_equal(vaccel_resource_release(&b), 0);
}

/* Hooks for several threads at once. */
static atomic_int busy;

static int on_register_busy(struct vaccel_resource *res, struct vaccel_session *sess)
{
	(void)res;
	(void)sess;
	atomic_fetch_add(&busy, 1);
	return 0;
}

static int on_unregister_busy(struct vaccel_resource *res, struct vaccel_session *sess)
{
	/* Both are alive as long as the hook runs. */
	assert_true(res->id > 0 && sess->id > 0);
	atomic_fetch_sub(&busy, 1);
	return 0;
}

#define THREADS 4
#define ROUNDS 200

static struct vaccel_resource *shared;
static struct vaccel_session *shared_sess;

static void *own_objects(void *arg)
{
	long failures = 0;

	(void)arg;
	for (int i = 0; i < ROUNDS; i++) {
		struct vaccel_resource res, *found;
		struct vaccel_session sess;

		failures += vaccel_session_init(&sess, 0) != 0;
		failures += vaccel_resource_init_from_buf(&res, "x", 1, 0, "n", i % 2) != 0;
		failures += vaccel_resource_register(&res, &sess) != 0;
		failures += vaccel_resource_register(shared, &sess) != 0;
		failures += vaccel_resource_register(&res, shared_sess) != 0;
		failures += vaccel_resource_get_by_id(&found, res.id) != 0;
		failures += found != &res;
		failures += !vaccel_session_has_resource(&sess, shared);
		failures += vaccel_session_release(&sess) != 0;
		failures += vaccel_resource_release(&res) != 0;
	}
	return (void *)failures;
}

static void threads(void **state)
{
	pthread_t thread[THREADS];
	struct vaccel_resource res;
	void *failures;

	(void)state;
	local_info.resource_register = on_register_busy;
	local_info.resource_unregister = on_unregister_busy;
	assert_int_equal(vaccel_resource_init_from_buf(&res, "x", 1, 0, "n", false), 0);
	shared = &res;
	shared_sess = &local;
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, own_objects, NULL), 0);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(thread[i], &failures);
		assert_null(failures);
	}
	assert_int_equal(vaccel_resource_refcount(&res), 0);
	assert_int_equal(local.resource_counts[0], 0);
	assert_int_equal(busy, 0);
	assert_int_equal(vaccel_resource_release(&res), 0);
}

static pthread_barrier_t barrier;

static void *release_session(void *arg)
{
	pthread_barrier_wait(&barrier);
	return (void *)(long)vaccel_session_delete(arg);
}

/* A resource and the session that it is registered with are released at the same time. */
static void release_both(void **state)
{
	(void)state;
	local_info.resource_register = on_register_busy;
	local_info.resource_unregister = on_unregister_busy;
	pthread_barrier_init(&barrier, NULL, 2);
	for (int i = 0; i < ROUNDS; i++) {
		struct vaccel_resource *res = NULL;
		struct vaccel_session *sess = NULL;
		pthread_t thread;
		void *ret;

		assert_int_equal(vaccel_session_new(&sess, 0), 0);
		assert_int_equal(vaccel_resource_from_buf(&res, "x", 1, 0, "n", true), 0);
		assert_int_equal(vaccel_resource_register(res, sess), 0);
		assert_int_equal(pthread_create(&thread, NULL, release_session, sess), 0);
		pthread_barrier_wait(&barrier);
		assert_int_equal(vaccel_resource_delete(res), 0);
		pthread_join(thread, &ret);
		assert_null(ret);
		assert_int_equal(busy, 0);
	}
	pthread_barrier_destroy(&barrier);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(int argc, char **argv)
{
#ifdef HAVE_CURL
	const struct CMUnitTest without[] = { TEST(fails_without_libcurl) };
#endif
	const struct CMUnitTest tests[] = {
		TEST(register_file),
		TEST(register_rejects),
		TEST(hook_errors),
		TEST(missing_hooks),
		TEST(register_dir),
		TEST(deep_dir),
		TEST(sync_memory),
#ifdef HAVE_CURL
		TEST(libcurl_when_needed),
#endif
		TEST(urls_in_transport),
#ifdef HAVE_CURL
		TEST(downloads),
		TEST(without_libcurl),
#endif
		TEST(hooks_that_call_back),
		TEST(session_release_unregisters),
		TEST(threads),
		TEST(release_both),
	};

#ifdef HAVE_CURL
	if (argc > 1 && !strcmp(argv[1], "--without-libcurl"))
		return cmocka_run_group_tests(without, NULL, NULL);
#else
	(void)argc;
	(void)argv;
#endif
	return cmocka_run_group_tests(tests, NULL, NULL);
}
