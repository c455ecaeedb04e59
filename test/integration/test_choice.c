// SPDX-License-Identifier: Apache-2.0
/* A host with several plugins: what one lacks another does, and a program can choose one. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "support.h"
#include "vaccel.h"

static struct daemon host;

static int start(void **state)
{
	struct vaccel_config config;
	int ret;

	(void)state;
	unsetenv("VACCEL_VIRTIO_PLUGIN");
	if (vaccel_config_init(&config, VIRTIO_PLUGIN, VACCEL_LOG_ERROR, NULL, false, false))
		return -1;
	ret = vaccel_bootstrap_with_config(&config);
	vaccel_config_release(&config);
	return ret;
}

static int stop(void **state)
{
	(void)state;
	return vaccel_cleanup();
}

/* mbench comes first and has no such operation. */
static void test_stand_in(void **state)
{
	struct vaccel_session sess;

	(void)state;
	assert_int_equal(vaccel_session_init(&sess, 0), VACCEL_OK);
	assert_int_equal(vaccel_noop(&sess), VACCEL_OK);
	assert_int_equal(vaccel_session_release(&sess), VACCEL_OK);
}

/* A host that has nobody for it, as one that is too old */
static void expect_no_infer(struct vaccel_session *sess)
{
	const struct vaccel_text_message prompt = { .content = "go" };
	struct vaccel_text_status status;
	struct vaccel_resource res;
	uint64_t id, nr;
	char buf[8];

	assert_int_equal(vaccel_resource_init_from_buf(&res, "model", 6, VACCEL_RESOURCE_MODEL, "m", true),
			 VACCEL_OK);
	assert_int_equal(vaccel_resource_register(&res, sess), VACCEL_OK);
	assert_int_equal(vaccel_infer_load(sess, &res), VACCEL_ENOTSUP);
	assert_int_equal(vaccel_infer_run(sess, &res, NULL, 0, NULL, 0), VACCEL_ENOTSUP);
	assert_int_equal(vaccel_text_begin(sess, &res, NULL, &prompt, 1, &id), VACCEL_ENOTSUP);
	assert_int_equal(vaccel_text_next(sess, 1, buf, sizeof(buf), 0, &status), VACCEL_ENOTSUP);
	assert_int_equal(vaccel_text_end(sess, 1), VACCEL_ENOTSUP);
	assert_int_equal(vaccel_text_embed(sess, &res, "go", NULL, 0, &nr), VACCEL_ENOTSUP);
	assert_int_equal(vaccel_resource_release(&res), VACCEL_OK);
}

static void test_chosen(void **state)
{
	struct vaccel_session sess;

	(void)state;
	assert_int_equal(vaccel_session_init_with_plugin(&sess, "virtio:mbench"), VACCEL_OK);
	assert_true(sess.is_virtio);
	assert_int_equal(vaccel_noop(&sess), VACCEL_ENOTSUP);
	expect_no_infer(&sess);
	assert_int_equal(vaccel_session_release(&sess), VACCEL_OK);

	assert_int_equal(vaccel_session_init_with_plugin(&sess, "virtio:noop"), VACCEL_OK);
	assert_int_equal(vaccel_noop(&sess), VACCEL_OK);
	assert_int_equal(vaccel_session_release(&sess), VACCEL_OK);

	assert_int_equal(vaccel_session_init_with_plugin(&sess, "virtio"), VACCEL_OK);
	assert_int_equal(vaccel_noop(&sess), VACCEL_OK);
	assert_int_equal(vaccel_session_release(&sess), VACCEL_OK);

	assert_int_equal(vaccel_session_init_with_plugin(&sess, "virtio:nobody"), VACCEL_ENOTSUP);
	/* The host reads its part as a program's: noop forwards to nobody, which is a warning. */
	assert_int_equal(vaccel_session_init_with_plugin(&sess, "virtio:noop:x"), VACCEL_OK);
	assert_int_equal(vaccel_session_release(&sess), VACCEL_OK);
}

/* For programs that nobody changes */
static void test_environment(void **state)
{
	struct vaccel_session sess;

	(void)state;
	setenv("VACCEL_VIRTIO_PLUGIN", "mbench", 1);
	assert_int_equal(vaccel_session_init(&sess, VACCEL_PLUGIN_DEBUG), VACCEL_OK);
	assert_int_equal(vaccel_noop(&sess), VACCEL_ENOTSUP);
	assert_int_equal(vaccel_session_release(&sess), VACCEL_OK);
	setenv("VACCEL_VIRTIO_PLUGIN", "nobody", 1);
	assert_int_equal(vaccel_session_init(&sess, 0), VACCEL_ENOTSUP);
	/* A program's own choice is the stronger one. */
	assert_int_equal(vaccel_session_init_with_plugin(&sess, "virtio:noop"), VACCEL_OK);
	assert_int_equal(vaccel_session_release(&sess), VACCEL_OK);
	setenv("VACCEL_VIRTIO_PLUGIN", "", 1);
	assert_int_equal(vaccel_session_init(&sess, 0), VACCEL_OK);
	assert_int_equal(vaccel_session_release(&sess), VACCEL_OK);
}

static void test_list(void **state)
{
	struct vaccel_plugin_desc d[8];
	struct vaccel_session sess;
	size_t nr = 8;

	(void)state;
	assert_int_equal(vaccel_session_init(&sess, 0), VACCEL_OK);
	memset(d, 0xff, sizeof(d));
	assert_int_equal(vaccel_session_host_plugins(&sess, d, &nr), VACCEL_OK);
	assert_int_equal(nr, 2);
	assert_string_equal(d[0].name, "mbench");
	assert_int_equal(d[0].ops, UINT64_C(1) << VACCEL_OP_EXEC);
	assert_string_equal(d[1].name, "noop");
	assert_string_equal(d[1].version, VACCEL_VERSION);
	assert_int_equal(d[1].ops, ((UINT64_C(1) << VACCEL_OP_MAX) - 1) |
					   UINT64_C(0xff) << VACCEL_OP_INFER_LOAD);
	assert_int_equal(d[1].is_virtio, 0);
	nr = 1;
	memset(d, 0xff, sizeof(d));
	assert_int_equal(vaccel_session_host_plugins(&sess, d, &nr), VACCEL_OK);
	assert_int_equal(nr, 2);
	assert_int_equal(d[1].is_virtio, UINT32_MAX);
	nr = 0;
	assert_int_equal(vaccel_session_host_plugins(&sess, NULL, &nr), VACCEL_OK);
	assert_int_equal(nr, 2);
	assert_int_equal(vaccel_session_release(&sess), VACCEL_OK);
}

/* What vaccel-info prints with these plugins; the status that it ends with. */
static int info(const char *plugins, const char *option, char *out, size_t size)
{
	char command[1024];
	FILE *pipe;
	size_t len;

	setenv("VACCEL_PLUGINS", plugins, 1);
	snprintf(command, sizeof(command), "VACCEL_BOOTSTRAP_ENABLED=1 %s %s", VACCEL_INFO, option);
	pipe = popen(command, "r");
	assert_non_null(pipe);
	len = fread(out, 1, size - 1, pipe);
	out[len] = '\0';
	setenv("VACCEL_PLUGINS", "", 1);
	return WEXITSTATUS(pclose(pipe));
}

static void test_info(void **state)
{
	char out[8192];

	(void)state;
	assert_int_equal(info(VIRTIO_PLUGIN, "", out, sizeof(out)), 0);
	assert_non_null(strstr(out, "plugin virtio " VACCEL_VERSION ": the host behind "));
	assert_non_null(strstr(out, "host\n  plugin mbench " VACCEL_VERSION "\n     exec\n"));
	assert_int_equal(info(VIRTIO_PLUGIN, "--json", out, sizeof(out)), 0);
	assert_non_null(strstr(out, "\"host_plugins\":["));
	assert_non_null(strstr(out, "\"name\":\"noop\""));
	assert_non_null(strstr(out, "\"infer_run\""));

	assert_int_equal(info(NOOP_PLUGIN, "", out, sizeof(out)), 0);
	assert_null(strstr(out, "host"));
	assert_int_equal(info("", "", out, sizeof(out)), 69);
	assert_non_null(strstr(out, "name some in VACCEL_PLUGINS"));
	assert_int_equal(info("", "--nonsense 2>&1", out, sizeof(out)), 64);
	setenv("VACCEL_VIRTIO_PLUGIN", "nobody", 1);
	assert_int_equal(info(VIRTIO_PLUGIN, "2>&1", out, sizeof(out)), 69);
	assert_non_null(strstr(out, "host: cannot be asked"));
	unsetenv("VACCEL_VIRTIO_PLUGIN");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
	const struct CMUnitTest tests[] = {
		TEST(test_stand_in), TEST(test_chosen), TEST(test_environment), TEST(test_list),
		cmocka_unit_test(test_info),
	};
	int ret;

	test_main_begin(120);
	start_daemon(&host, MBENCH_PLUGIN ":" NOOP_PLUGIN, NULL);
	setenv("VACCEL_VIRTIO_SOCKET", host.socket, 1);
	ret = cmocka_run_group_tests(tests, NULL, NULL);
	return stop_daemon(&host) || ret;
}
