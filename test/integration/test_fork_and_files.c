// SPDX-License-Identifier: Apache-2.0
/*
 * What others do to a program: fork() that leaves a child with copies, files that become shorter,
 * limits of the process, file systems from which nothing may be run. Ends of programs that have
 * threads in calls are in test/torture/ends.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support.h"
#include "vaccel.h"

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

#define SIZE ((size_t)3 << 20)

static struct daemon host;
static struct vaccel_session sess;
static struct vaccel_resource res;
static char log_file[128];

static int boot(const char *plugin, unsigned int level)
{
	struct vaccel_config config;
	int ret;

	snprintf(log_file, sizeof(log_file), "%s/log", test_dir());
	unlink(log_file);
	assert_int_equal(vaccel_config_init(&config, plugin, level, log_file, false, false), 0);
	ret = vaccel_bootstrap_with_config(&config);
	vaccel_config_release(&config);
	return ret;
}

static bool logged(const char *text)
{
	char buf[16384] = "";
	char name[160];
	size_t n = 0;
	FILE *f;

	/* The log adds the date to the name. */
	snprintf(name, sizeof(name), "cat %s*", log_file);
	f = popen(name, "r");
	if (f) {
		n = fread(buf, 1, sizeof(buf) - 1, f);
		pclose(f);
	}
	buf[n] = '\0';
	if (!strstr(buf, text))
		print_message("the log lacks \"%s\":\n%s\n", text, buf);
	return strstr(buf, text);
}

static void start_host(const char *plugin)
{
	start_daemon(&host, plugin, (const char *[]){ "--allow=exec_with_resource", NULL });
	setenv("VACCEL_VIRTIO_SOCKET", host.socket, 1);
}

static int stop(void **state)
{
	(void)state;
	vaccel_cleanup();
	unsetenv("VACCEL_VIRTIO_MEMORY");
	return host.pid ? stop_daemon(&host) : 0;
}

/* Runs a function in a child of fork(). Return: its result, which must be below 100. */
static int in_child(int (*function)(void))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid) {
		alarm(60);
		exit(function());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (!WIFEXITED(status))
		fail_msg("the child ended with wait status %#x", (unsigned int)status);
	return WEXITSTATUS(status);
}

/* ---- fork ----------------------------------------------------------------------------------- */

static int nothing(void)
{
	return 0;
}

static int cleanup(void)
{
	return vaccel_cleanup();
}

static int release(void)
{
	int ret = vaccel_session_release(&sess);

	return ret ? ret : vaccel_resource_release(&res);
}

static int release_resource(void)
{
	return vaccel_resource_release(&res);
}

static int unregister(void)
{
	return vaccel_resource_unregister(&res, &sess);
}

/* A session and a resource of its own, made by what it inherited */
static int own_objects(void)
{
	struct vaccel_session mine;
	struct vaccel_resource file;
	int ret = vaccel_session_init(&mine, 0);

	if (ret)
		return ret;
	ret = vaccel_resource_init_from_buf(&file, "text", 4, VACCEL_RESOURCE_DATA, "text", false);
	if (!ret)
		ret = vaccel_resource_register(&file, &mine);
	if (!ret)
		ret = vaccel_resource_register(&res, &mine);
	/* The parent uses its directory: ours must be another one. */
	if (!ret && !strncmp(mine.rundir, sess.rundir, strlen(sess.rundir) - 9))
		ret = 90;
	if (!ret)
		ret = vaccel_noop(&mine);
	return ret ? ret : vaccel_session_release(&mine);
}

static int boot_local(void)
{
	struct vaccel_session mine;
	int ret = boot(NOOP_PLUGIN, VACCEL_LOG_ERROR);

	/* What is the parent's is no more known. */
	if (!ret && (vaccel_noop(&sess) != VACCEL_EINVAL || !vaccel_resource_register(&res, &sess)))
		ret = 91;
	if (!ret)
		ret = vaccel_session_init(&mine, 0);
	return ret ? ret : vaccel_noop(&mine);
}

static void use_parent(void)
{
	static char text[SIZE];

	assert_int_equal(vaccel_noop(&sess), 0);
	assert_true(vaccel_session_has_resource(&sess, &res));
	assert_int_equal(access(vaccel_rundir(), F_OK), 0);
	assert_int_equal(access(sess.rundir, F_OK), 0);
	assert_int_equal(access(res.blobs[0]->path, R_OK), 0);
	assert_memory_equal(res.blobs[0]->data, text, SIZE);
}

static void open_all(void)
{
	static char text[SIZE];

	assert_int_equal(vaccel_session_init(&sess, 0), 0);
	assert_int_equal(vaccel_resource_init_from_buf(&res, text, SIZE, VACCEL_RESOURCE_DATA, "data",
						       false), 0);
	assert_int_equal(vaccel_resource_register(&res, &sess), 0);
}

static void release_all(void)
{
	assert_int_equal(vaccel_session_release(&sess), 0);
	assert_int_equal(vaccel_resource_release(&res), 0);
}

static void test_fork_local(void **state)
{
	static int (*const children[])(void) = {
		nothing, cleanup, release, release_resource, unregister, own_objects,
	};

	(void)state;
	assert_int_equal(boot(NOOP_PLUGIN, VACCEL_LOG_ERROR), 0);
	open_all();
	for (size_t i = 0; i < sizeof(children) / sizeof(children[0]); i++) {
		assert_int_equal(in_child(children[i]), 0);
		use_parent();
	}
	assert_int_equal(in_child(boot_local), 0);
	use_parent();
	release_all();
}

static struct vaccel_async *queue;
static void *memory;

static int call_inherited(void)
{
	return vaccel_noop(&sess);
}

static int update_inherited(void)
{
	return vaccel_session_update(&sess, VACCEL_PLUGIN_REMOTE);
}

static int register_inherited(void)
{
	struct vaccel_resource more;
	int ret = vaccel_resource_init_from_buf(&more, "x", 1, VACCEL_RESOURCE_DATA, "x", true);

	return ret ? ret : vaccel_resource_register(&more, &sess);
}

static int new_session(void)
{
	struct vaccel_session mine;

	return vaccel_session_init(&mine, 0);
}

static int submit_inherited(void)
{
	return VACCEL_ASYNC(queue, NULL, vaccel_noop(&sess));
}

static int submit_own_queue(void)
{
	struct vaccel_async *mine;
	int ret = vaccel_async_new(&mine, 1);

	return ret ? ret : VACCEL_ASYNC(mine, NULL, vaccel_noop(&sess));
}

static int free_memory(void)
{
	return vaccel_mem_free(memory) == VACCEL_EINVAL ? 0 : 92;
}

static int boot_native(void)
{
	/* The host serves the parent. */
	return boot(VIRTIO_PLUGIN, VACCEL_LOG_ERROR);
}

static void test_fork_native(void **state)
{
	static const struct {
		int (*function)(void);
		int result;
		const char *why;
	} children[] = {
		{ nothing, 0, NULL },
		{ release_resource, 0, NULL },
		{ unregister, 0, NULL },
		{ release, 0, NULL },
		{ cleanup, 0, NULL },
		{ free_memory, 0, NULL },
		{ call_inherited, VACCEL_ENODEV, "cannot be used after fork()" },
		{ update_inherited, VACCEL_ENODEV, "one of the parent process" },
		{ register_inherited, VACCEL_ENODEV, "one of the parent process" },
		{ new_session, VACCEL_ENODEV, "call vaccel_bootstrap() in the child" },
		{ submit_inherited, VACCEL_ENODEV, "make another one in the child" },
		{ submit_own_queue, VACCEL_ENODEV, "cannot be used after fork()" },
		{ boot_native, VACCEL_EBUSY, "serves 1 client already" },
	};

	(void)state;
	start_host(NOOP_PLUGIN);
	assert_int_equal(boot(VIRTIO_PLUGIN, VACCEL_LOG_ERROR), 0);
	open_all();
	assert_int_equal(vaccel_async_new(&queue, 4), 0);
	assert_int_equal(vaccel_mem_alloc(&sess, SIZE, &memory), 0);
	memset(memory, 1, SIZE);
	for (size_t i = 0; i < sizeof(children) / sizeof(children[0]); i++) {
		assert_int_equal(in_child(children[i].function), children[i].result);
		if (children[i].why)
			assert_true(logged(children[i].why));
		use_parent();
		assert_int_equal(daemon_stat(&host, "sessions"), 1);
		assert_int_equal(daemon_stat(&host, "resources"), 1);
	}
	assert_int_equal(((char *)memory)[SIZE - 1], 1);
	assert_int_equal(vaccel_mem_free(memory), 0);
	assert_int_equal(vaccel_async_delete(queue), 0);
	release_all();
}

/* ---- Children with a connection of their own ------------------------------------------------- */

#define CHILDREN 6
#define CALLS	 50

static atomic_bool stop_threads;

static int echo(struct vaccel_session *s, int value)
{
	static _Thread_local int in[SIZE / sizeof(int)], out[SIZE / sizeof(int)];
	size_t count = value % 2 ? SIZE / sizeof(int) : 16;
	int ret;

	in[0] = value;
	in[count - 1] = -value;
	ret = vaccel_fpga_arraycopy(s, in, out, count);
	if (!ret && (out[0] != in[0] || out[count - 1] != in[count - 1]))
		ret = 90;
	return ret;
}

/* All kinds of things of its own, in a connection of its own */
static int live(void)
{
	struct vaccel_session mine;
	struct vaccel_resource data;
	struct vaccel_async *own;
	struct vaccel_async_done done;
	void *own_memory;
	char text[] = "my text";
	int ret = boot(VIRTIO_PLUGIN, VACCEL_LOG_ERROR);

	if (ret)
		return ret;
	if (vaccel_session_init(&mine, 0) || vaccel_mem_alloc(&mine, SIZE, &own_memory) ||
	    vaccel_resource_init_from_buf(&data, text, sizeof(text), VACCEL_RESOURCE_DATA, "data",
					  true) ||
	    vaccel_resource_register(&data, &mine) || vaccel_async_new(&own, 1))
		return 91;
	for (int i = 0; i < CALLS && !ret; i++)
		ret = echo(&mine, i);
	if (ret || VACCEL_ASYNC(own, NULL, vaccel_noop(&mine)) || vaccel_async_wait(own, -1, &done) ||
	    done.result)
		return ret ? ret : 92;
	memset(data.blobs[0]->data, 'x', sizeof(text));
	if (vaccel_resource_sync(&data, &mine) || strcmp((char *)data.blobs[0]->data, "my text"))
		return 93;
	return vaccel_mem_free(own_memory) || vaccel_async_delete(own) ||
	       vaccel_resource_release(&data) || vaccel_session_release(&mine) ? 94 : 0;
}

/* What its parent made is not known any more, and can be let go of all the same. */
static int live_and_let_go(void)
{
	int ret = live();

	if (!ret && (vaccel_noop(&sess) != VACCEL_EINVAL || vaccel_mem_free(memory) != VACCEL_EINVAL))
		ret = 95;
	(void)vaccel_session_release(&sess);
	(void)vaccel_resource_release(&res);
	return ret ? ret : vaccel_async_delete(queue);
}

static int live_and_clean_up(void)
{
	int ret = live();

	return ret ? ret : vaccel_cleanup();
}

/* The child has children, and lives on. */
static int live_and_fork(void)
{
	int ret = boot(VIRTIO_PLUGIN, VACCEL_LOG_ERROR), status;
	struct vaccel_session mine;
	pid_t pid;

	if (ret || vaccel_session_init(&mine, 0))
		return 96;
	pid = fork();
	if (!pid)
		exit(live());
	if (waitpid(pid, &status, 0) != pid || status)
		return 97;
	ret = echo(&mine, 1);
	return ret ? ret : vaccel_session_release(&mine);
}

static int start_and_die(void)
{
	if (!boot(VIRTIO_PLUGIN, VACCEL_LOG_ERROR) && !vaccel_session_init(&sess, 0))
		raise(SIGKILL);
	return 98;
}

static void *call_all_the_time(void *arg)
{
	intptr_t ret = 0;

	for (int i = 0; !ret && !atomic_load(&stop_threads); i++)
		ret = echo(arg, i);
	return (void *)ret;
}

static void use_parent_on_host(void)
{
	use_parent();
	/* The host still has both, or it would say so. */
	assert_int_equal(vaccel_resource_unregister(&res, &sess), 0);
	assert_int_equal(vaccel_resource_register(&res, &sess), 0);
	assert_int_equal(vaccel_fpga_arraycopy(&sess, memory, (int *)memory + 16, 16), 0);
	use_parent();
}

/* Forked while other threads are in calls, which hold whatever locks there are */
static void fork_many(void)
{
	static int (*const children[])(void) = { live_and_let_go, live_and_clean_up, start_and_die,
						 live, live_and_fork, nothing };
	pid_t pids[CHILDREN];
	int status;

	for (int i = 0; i < CHILDREN; i++) {
		pids[i] = fork();
		assert_true(pids[i] >= 0);
		if (!pids[i]) {
			alarm(60);
			exit(children[i]());
		}
	}
	for (int i = 0; i < CHILDREN; i++) {
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, children[i] == start_and_die ? SIGKILL : 0);
	}
}

static void test_fork_connected(void **state)
{
	pthread_t threads[2];
	void *ret;

	(void)state;
	start_daemon(&host, NOOP_PLUGIN, (const char *[]){ "--max-clients=32", NULL });
	setenv("VACCEL_VIRTIO_SOCKET", host.socket, 1);
	assert_int_equal(boot(VIRTIO_PLUGIN, VACCEL_LOG_ERROR), 0);
	open_all();
	assert_int_equal(vaccel_async_new(&queue, 4), 0);
	assert_int_equal(vaccel_mem_alloc(&sess, SIZE, &memory), 0);
	atomic_store(&stop_threads, false);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, call_all_the_time, &sess), 0);
	for (int round = 0; round < 4; round++) {
		fork_many();
		use_parent_on_host();
	}
	atomic_store(&stop_threads, true);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(pthread_join(threads[i], &ret), 0);
		assert_null(ret);
	}
	assert_int_equal(vaccel_mem_free(memory), 0);
	assert_int_equal(vaccel_async_delete(queue), 0);
	release_all();
}

/* ---- Files ---------------------------------------------------------------------------------- */

static void make_file(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	static char text[SIZE];

	memset(text, 'x', sizeof(text));
	assert_int_equal(write(fd, text, SIZE), SIZE);
	close(fd);
}

static void test_shrunk(void **state)
{
	struct vaccel_session second;
	char path[128];

	(void)state;
	snprintf(path, sizeof(path), "%s/model", test_dir());
	make_file(path);
	start_host(NOOP_PLUGIN);
	assert_int_equal(boot(VIRTIO_PLUGIN, VACCEL_LOG_ERROR), 0);
	assert_int_equal(vaccel_session_init(&sess, 0), 0);
	assert_int_equal(vaccel_session_init(&second, 0), 0);
	assert_int_equal(vaccel_resource_init(&res, path, VACCEL_RESOURCE_MODEL), 0);
	assert_int_equal(vaccel_resource_register(&res, &sess), 0);
	assert_int_equal(vaccel_session_release(&sess), 0);
	assert_int_equal(truncate(path, 4096), 0);
	assert_int_equal(vaccel_resource_register(&res, &second), VACCEL_EIO);
	assert_true(logged("became shorter while it was in use"));
	assert_null(vaccel_blob_data(res.blobs[0], NULL));
	assert_int_equal(vaccel_resource_release(&res), 0);
	assert_int_equal(daemon_stat(&host, "resources"), 0);
	assert_int_equal(vaccel_session_release(&second), 0);
}

/* ---- Limits --------------------------------------------------------------------------------- */

static int with_little_space(void)
{
	/* As "ulimit -v 4000000"; the sanitizers' shadow is larger, and tried elsewhere. */
	const struct rlimit limit = { 4096000000, 4096000000 };
	int ret;

	if (setrlimit(RLIMIT_AS, &limit))
		return 93;
	setenv("VACCEL_VIRTIO_MEMORY", "8192", 1);
	if (boot(VIRTIO_PLUGIN, VACCEL_LOG_WARN) != VACCEL_ENOMEM ||
	    !logged("or set VACCEL_VIRTIO_MEMORY to fewer MiB"))
		return 94;
	unsetenv("VACCEL_VIRTIO_MEMORY");
	ret = boot(VIRTIO_PLUGIN, VACCEL_LOG_WARN);
	if (ret || !logged("in place of 8192"))
		return ret ? ret : 95;
	ret = vaccel_session_init(&sess, 0);
	if (!ret)
		ret = vaccel_noop(&sess);
	return ret ? ret : vaccel_cleanup();
}

static void test_address_space(void **state)
{
	(void)state;
#ifdef __SANITIZE_ADDRESS__
	skip();
#endif
	if (sizeof(void *) < 8)
		skip();
	start_host(NOOP_PLUGIN);
	assert_int_equal(in_child(with_little_space), 0);
}

/* ---- /proc ---------------------------------------------------------------------------------- */

static int without_proc(void)
{
	int ret;

	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("tmpfs", "/proc", "tmpfs", 0, NULL))
		return 77;
	start_host(NOOP_PLUGIN);
	ret = boot(VIRTIO_PLUGIN, VACCEL_LOG_ERROR);
	if (!ret)
		ret = vaccel_session_init(&sess, 0);
	if (!ret)
		ret = vaccel_noop(&sess);
	vaccel_cleanup();
	if (ret)
		print_message("%s\n", daemon_log(&host));
	return stop_daemon(&host) ? 99 : ret;
}

static void test_no_proc(void **state)
{
	int ret;

	(void)state;
#ifdef __SANITIZE_ADDRESS__
	skip(); /* which looks for leaks in /proc */
#endif
	ret = in_child(without_proc);
	if (ret == 77)
		skip();
	assert_int_equal(ret, 0);
}

/* ---- noexec --------------------------------------------------------------------------------- */

static int copy_file(const char *from, const char *to)
{
	char command[512];

	snprintf(command, sizeof(command), "cp '%s' '%s'", from, to);
	return system(command);
}

static int exec_where_nothing_runs(void)
{
	int32_t in[4] = { 1, 2, 3, 4 }, out[4] = { 0 };
	struct vaccel_arg read = { .buf = in, .size = sizeof(in), .type = VACCEL_ARG_INT32_ARRAY };
	struct vaccel_arg write = { .buf = out, .size = sizeof(out), .type = VACCEL_ARG_INT32_ARRAY };
	char dir[128], path[160];
	int ret;

	snprintf(dir, sizeof(dir), "%s/noexec", test_dir());
	snprintf(path, sizeof(path), "%s/libnumbers.so", dir);
	if (mkdir(dir, 0700) || unshare(CLONE_NEWNS) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("tmpfs", dir, "tmpfs", MS_NOEXEC, "size=16m"))
		return 77;
	if (copy_file(NUMBERS_LIB, path))
		return 96;
	ret = boot(EXEC_PLUGIN, VACCEL_LOG_ERROR);
	/* A library named by its path alone cannot be run there; it is said why. */
	if (!ret)
		ret = vaccel_session_init(&sess, 0);
	if (!ret && (vaccel_exec(&sess, path, "double_numbers", &read, 1, &write, 1) != VACCEL_EINVAL ||
		     !logged("mounted noexec")))
		return 97;
	if (!ret)
		ret = vaccel_resource_init(&res, path, VACCEL_RESOURCE_LIB);
	if (!ret)
		ret = vaccel_resource_register(&res, &sess);
	if (!ret)
		ret = vaccel_exec_with_resource(&sess, &res, "double_numbers", &read, 1, &write, 1);
	if (!ret && out[3] != 8)
		ret = 98;
	return ret ? ret : vaccel_cleanup();
}

static void test_noexec(void **state)
{
	int ret = in_child(exec_where_nothing_runs);

	(void)state;
	if (ret == 77)
		skip();
	assert_int_equal(ret, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_fork_local, stop),
		cmocka_unit_test_teardown(test_fork_native, stop),
		cmocka_unit_test_teardown(test_fork_connected, stop),
		cmocka_unit_test_teardown(test_shrunk, stop),
		cmocka_unit_test_teardown(test_address_space, stop),
		cmocka_unit_test_teardown(test_no_proc, stop),
		cmocka_unit_test_teardown(test_noexec, stop),
	};

	test_main_begin(280);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
