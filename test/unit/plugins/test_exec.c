// SPDX-License-Identifier: Apache-2.0
/* The exec plugin: functions of libraries by name and as resources, and the environment it reads. */
#include <dlfcn.h>
#include <pthread.h>

#include "plugin_util.h"

static struct vaccel_session sess;
static struct capture c;
/* Not on the stack: the library's end cleans up after a test that fails. */
static struct vaccel_resource res;

static void start(void)
{
	lib_start(PLUGIN_EXEC, VACCEL_LOG_WARN);
	assert_int_equal(vaccel_session_init(&sess, 0), 0);
}

static void stop(void)
{
	assert_int_equal(vaccel_session_release(&sess), 0);
	lib_stop();
}

static int setup(void **state)
{
	(void)state;
	unsetenv("VACCEL_EXEC_DLOPEN_MODE");
	unsetenv("VACCEL_EXEC_DLCLOSE_ENABLED");
	unsetenv("VACCEL_EXEC_DLCLOSE");
	start();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	stop();
	return 0;
}

static int run(const char *library, const char *symbol, int32_t *out, size_t size)
{
	int32_t in = 21;
	struct vaccel_arg read = {.buf = &in, .size = sizeof(in)};
	struct vaccel_arg write = {.buf = out, .size = size};
	int ret;

	capture_start(&c, STDOUT_FILENO);
	ret = vaccel_exec(&sess, library, symbol, &read, 1, &write, 1);
	capture_end(&c);
	return ret;
}

static int run_resource(struct vaccel_resource *res, const char *symbol, int32_t *out)
{
	int32_t in = 21;
	struct vaccel_arg read = {.buf = &in, .size = sizeof(in)};
	struct vaccel_arg write = {.buf = out, .size = sizeof(*out)};
	int ret;

	capture_start(&c, STDOUT_FILENO);
	ret = vaccel_exec_with_resource(&sess, res, symbol, &read, 1, &write, 1);
	capture_end(&c);
	return ret;
}

/* Whether a library is loaded in this process. */
static bool loaded(const char *path)
{
	void *handle = dlopen(path, RTLD_LAZY | RTLD_NOLOAD);

	if (handle)
		dlclose(handle);
	return handle;
}

/* A file of our own with the bytes of the test library, which nobody else loads. */
static const char *copy_library(void)
{
	static char path[64];
	char buf[4096];
	FILE *from, *to;
	size_t n;
	int fd;

	strcpy(path, "/tmp/vaccel-unit-lib-XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	from = fopen(MYTESTLIB, "rb");
	to = fdopen(fd, "wb");
	assert_non_null(from);
	assert_non_null(to);
	while ((n = fread(buf, 1, sizeof(buf), from)))
		assert_int_equal(fwrite(buf, 1, n, to), n);
	fclose(from);
	assert_int_equal(fclose(to), 0);
	return path;
}

static void by_name(void **state)
{
	int32_t out = 0;

	(void)state;
	assert_int_equal(vaccel_noop(&sess), 0);
	assert_int_equal(run(MYTESTLIB, "mytestfunc", &out, sizeof(out)), 0);
	assert_int_equal(out, 42);
	assert_string_equal(c.text, "I got nr_in: 1, nr_out: 1\nI got input: 21\n"
				    "Will return output: 42\n");
}

static void bad_calls(void **state)
{
	int32_t out = 0;

	(void)state;
	assert_int_equal(run("/nonexistent/lib.so", "mytestfunc", &out, 4), VACCEL_EINVAL);
	assert_contains(c.text, "[exec] Could not open library");
	assert_contains(c.text, "/nonexistent/lib.so");
	assert_int_equal(run(EXAMPLES_DIR "/util.c", "mytestfunc", &out, 4), VACCEL_EINVAL);
	assert_int_equal(run(MYTESTLIB, "nofunc", &out, 4), VACCEL_ENOSYS);
	assert_contains(c.text, "nofunc");
	assert_int_equal(run(MYTESTLIB, "mytestfunc", &out, 3), VACCEL_EBACKEND);
	assert_contains(c.text, "mytestfunc failed with 22");
	assert_int_equal(run(NULL, "mytestfunc", &out, 4), VACCEL_EINVAL);
	assert_int_equal(run(MYTESTLIB, NULL, &out, 4), VACCEL_EINVAL);
	capture_start(&c, STDOUT_FILENO);
	assert_int_equal(vaccel_exec(&sess, MYTESTLIB, "mytestfunc", NULL, 1, NULL, 0),
			 VACCEL_EINVAL);
	assert_int_equal(vaccel_exec(&sess, MYTESTLIB, "mytestfunc", NULL, 0, NULL, 1),
			 VACCEL_EINVAL);
	capture_end(&c);
}

static void with_resource(void **state)
{
	const char *path = copy_library();
	int32_t out = 0;

	(void)state;
	assert_int_equal(vaccel_resource_init(&res, path, VACCEL_RESOURCE_LIB), 0);
	assert_int_equal(vaccel_resource_register(&res, &sess), 0);
	assert_false(loaded(path));
	for (int i = 0; i < 3; i++) {
		out = 0;
		assert_int_equal(run_resource(&res, "mytestfunc", &out), 0);
		assert_int_equal(out, 42);
		assert_true(loaded(path));
		assert_non_null(res.plugin_priv);
	}
	assert_int_equal(run_resource(&res, "nofunc", &out), VACCEL_ENOSYS);
	assert_int_equal(run_resource(&res, NULL, &out), VACCEL_EINVAL);

	assert_int_equal(vaccel_resource_unregister(&res, &sess), 0);
	assert_null(res.plugin_priv);
	assert_false(loaded(path));

	/* and again */
	assert_int_equal(vaccel_resource_register(&res, &sess), 0);
	assert_int_equal(run_resource(&res, "mytestfunc", &out), 0);
	assert_int_equal(vaccel_resource_release(&res), 0);
	assert_false(loaded(path));
	unlink(path);
}

static void resource_in_memory(void **state)
{
	int32_t out = 0;

	(void)state;
	assert_int_equal(vaccel_resource_init_from_buf(&res, "no", 2, VACCEL_RESOURCE_LIB, NULL,
						       true), 0);
	assert_int_equal(vaccel_resource_register(&res, &sess), 0);
	assert_int_equal(run_resource(&res, "mytestfunc", &out), VACCEL_EINVAL);
	assert_contains(c.text, "not in a file");
	vaccel_resource_release(&res);

	assert_int_equal(vaccel_resource_init_from_buf(&res, "no", 2, VACCEL_RESOURCE_LIB, "no.so",
						       false), 0);
	assert_int_equal(vaccel_resource_register(&res, &sess), 0);
	assert_int_equal(run_resource(&res, "mytestfunc", &out), VACCEL_EINVAL);
	assert_contains(c.text, "Could not open library");
	vaccel_resource_release(&res);
}

/* The last library has the function, the others are what it needs. */
static void several_libraries(void **state)
{
	const char *copy = copy_library();
	const char *good[] = {copy, MYTESTLIB}, *bad[] = {EXAMPLES_DIR "/util.c", MYTESTLIB};
	int32_t out = 0;

	(void)state;
	assert_int_equal(vaccel_resource_init_multi(&res, good, 2, VACCEL_RESOURCE_LIB), 0);
	assert_int_equal(vaccel_resource_register(&res, &sess), 0);
	assert_int_equal(run_resource(&res, "mytestfunc", &out), 0);
	assert_int_equal(out, 42);
	assert_true(loaded(copy));
	vaccel_resource_release(&res);
	assert_false(loaded(copy));

	assert_int_equal(vaccel_resource_init_multi(&res, bad, 2, VACCEL_RESOURCE_LIB), 0);
	assert_int_equal(vaccel_resource_register(&res, &sess), 0);
	assert_int_equal(run_resource(&res, "mytestfunc", &out), VACCEL_EINVAL);
	vaccel_resource_release(&res);
	unlink(copy);
}

static void restart_with(const char *name, const char *value)
{
	stop();
	unsetenv("VACCEL_EXEC_DLOPEN_MODE");
	unsetenv("VACCEL_EXEC_DLCLOSE_ENABLED");
	unsetenv("VACCEL_EXEC_DLCLOSE");
	setenv(name, value, 1);
	capture_start(&c, STDOUT_FILENO);
	start();
	capture_end(&c);
}

static void closing(void **state)
{
	const char *path = copy_library();
	int32_t out = 0;

	(void)state;
	restart_with("VACCEL_EXEC_DLCLOSE_ENABLED", "true");
	assert_string_equal(c.text, "");
	assert_int_equal(run(path, "mytestfunc", &out, 4), 0);
	assert_false(loaded(path));

	restart_with("VACCEL_EXEC_DLCLOSE", "1");
	assert_contains(c.text, "VACCEL_EXEC_DLCLOSE is deprecated");
	assert_int_equal(run(path, "mytestfunc", &out, 4), 0);
	assert_false(loaded(path));

	restart_with("VACCEL_EXEC_DLCLOSE_ENABLED", "perhaps");
	assert_contains(c.text, "perhaps");
	restart_with("VACCEL_EXEC_DLOPEN_MODE", "later");
	assert_contains(c.text, "later");
	restart_with("VACCEL_EXEC_DLOPEN_MODE", "lazy");
	assert_string_equal(c.text, "");

	assert_int_equal(vaccel_resource_init(&res, path, VACCEL_RESOURCE_LIB), 0);
	assert_int_equal(vaccel_resource_register(&res, &sess), 0);
	assert_int_equal(run_resource(&res, "mytestfunc", &out), 0);
	vaccel_resource_release(&res);
	assert_false(loaded(path));

	restart_with("VACCEL_EXEC_DLCLOSE_ENABLED", "0");
	assert_int_equal(vaccel_resource_init(&res, path, VACCEL_RESOURCE_LIB), 0);
	assert_int_equal(vaccel_resource_register(&res, &sess), 0);
	assert_int_equal(run_resource(&res, "mytestfunc", &out), 0);
	vaccel_resource_release(&res);
	assert_true(loaded(path)); /* from here on */
	unlink(path);
}

static void stays_open_after_exec(void **state)
{
	const char *path = copy_library();
	int32_t out = 0;

	(void)state;
	assert_int_equal(run(path, "mytestfunc", &out, 4), 0);
	assert_true(loaded(path));
	unlink(path);
}

struct worker {
	pthread_t thread;
	struct vaccel_resource *res;
	bool registers;
	int failures;
};

static void *work(void *arg)
{
	struct worker *w = arg;
	struct vaccel_session own;
	int32_t in = 1, out;
	struct vaccel_arg read = {.buf = &in, .size = sizeof(in)};
	struct vaccel_arg write = {.buf = &out, .size = sizeof(out)};

	w->failures += vaccel_session_init(&own, 0) != 0;
	w->failures += vaccel_resource_register(w->res, &own) != 0;
	for (int i = 0; i < 200; i++) {
		out = 0;
		w->failures += vaccel_exec_with_resource(&own, w->res, "mytestfunc", &read, 1,
							 &write, 1) != 0 || out != 2;
		if (w->registers) { /* drops the open libraries under the other's feet */
			w->failures += vaccel_resource_unregister(w->res, &own) != 0;
			w->failures += vaccel_resource_register(w->res, &own) != 0;
		}
	}
	w->failures += vaccel_session_release(&own) != 0;
	return NULL;
}

static void threads(void **state)
{
	struct worker workers[4];

	(void)state;
	assert_int_equal(vaccel_resource_init(&res, MYTESTLIB, VACCEL_RESOURCE_LIB), 0);
	capture_start(&c, STDOUT_FILENO);
	for (int i = 0; i < 4; i++) {
		workers[i] = (struct worker){.res = &res, .registers = i % 2};
		assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
	}
	for (int i = 0; i < 4; i++)
		pthread_join(workers[i].thread, NULL);
	capture_end(&c);
	for (int i = 0; i < 4; i++)
		assert_int_equal(workers[i].failures, 0);
	assert_null(res.plugin_priv);
	assert_int_equal(vaccel_resource_release(&res), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(by_name, setup, teardown),
		cmocka_unit_test_setup_teardown(bad_calls, setup, teardown),
		cmocka_unit_test_setup_teardown(with_resource, setup, teardown),
		cmocka_unit_test_setup_teardown(resource_in_memory, setup, teardown),
		cmocka_unit_test_setup_teardown(several_libraries, setup, teardown),
		cmocka_unit_test_setup_teardown(closing, setup, teardown),
		cmocka_unit_test_setup_teardown(stays_open_after_exec, setup, teardown),
		cmocka_unit_test_setup_teardown(threads, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
