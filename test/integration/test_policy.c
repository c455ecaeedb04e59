// SPDX-License-Identifier: Apache-2.0
/*
 * The operator's rules as a guest meets them: the status of what is refused, the line in the log, and
 * the counters; from the command line and from a file.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "support.h"
#include "vaccel.h"

static struct daemon host;

static void start(const char *plugin, const char *const *args)
{
	struct vaccel_config config;

	start_daemon(&host, plugin, args);
	setenv("VACCEL_VIRTIO_SOCKET", host.socket, 1);
	assert_int_equal(vaccel_config_init(&config, VIRTIO_PLUGIN, VACCEL_LOG_ERROR, NULL, false,
					    false), 0);
	assert_int_equal(vaccel_bootstrap_with_config(&config), 0);
	vaccel_config_release(&config);
}

static void finish(void)
{
	assert_int_equal(daemon_stat(&host, "sessions"), 0);
	assert_int_equal(daemon_stat(&host, "resources"), 0);
	assert_int_equal(vaccel_cleanup(), 0);
	assert_int_equal(stop_daemon(&host), 0);
}

/* How often the log has this text */
static unsigned int logged(const char *text)
{
	char *log = daemon_log(&host);
	unsigned int n = 0;

	for (const char *p = log; (p = strstr(p, text)); p++)
		n++;
	free(log);
	return n;
}

static void test_ops(void **state)
{
	static const char *const args[] = { "--name=web1", "--deny=all", "--allow=noop", NULL };
	float a[4] = { 1 }, b[4] = { 1 }, c[4] = { 0 };
	struct vaccel_session sess;

	(void)state;
	start(NOOP_PLUGIN, args);
	assert_int_equal(vaccel_session_init(&sess, 0), 0);
	assert_int_equal(vaccel_noop(&sess), 0);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(vaccel_sgemm(&sess, 2, 2, 2, 1, a, 2, b, 2, 0, c, 2), VACCEL_EPERM);
		assert_int_equal(vaccel_exec(&sess, "l", "f", NULL, 0, NULL, 0), VACCEL_EPERM);
	}
	assert_int_equal(daemon_stat(&host, "allow"), 10);
	/* Once for each operation, with its name and the VM's */
	assert_int_equal(logged("<warn> web1 worker: refused blas_sgemm (1 times): the policy does not allow"), 1);
	assert_int_equal(logged("<warn> web1 worker: refused exec (1 times)"), 1);
	assert_int_equal(logged("refused"), 3); /* and the key of the counters */
	assert_int_equal(vaccel_session_release(&sess), 0);
	finish();
}

static void test_sessions(void **state)
{
	static const char *const args[] = { "--max-sessions=3", NULL };
	struct vaccel_session sess[4];

	(void)state;
	start(NOOP_PLUGIN, args);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 3; i++)
			assert_int_equal(vaccel_session_init(&sess[i], 0), 0);
		assert_int_equal(vaccel_session_init(&sess[3], 0), VACCEL_EUSERS);
		for (int i = 0; i < 3; i++)
			assert_int_equal(vaccel_session_release(&sess[i]), 0);
	}
	assert_int_equal(daemon_stat(&host, "max_sessions"), 3);
	/* The name is the socket's. */
	assert_int_equal(logged("<warn> accel-"), 1);
	assert_int_equal(logged("refused SESSION_INIT (1 times): --max-sessions=3 was reached"), 1);
	finish();
}

/* A resource of one file */
static int add_model(struct vaccel_session *sess, struct vaccel_resource *res, size_t size)
{
	void *data = calloc(1, size);
	int ret;

	assert_non_null(data);
	ret = vaccel_resource_init_from_buf(res, data, size, VACCEL_RESOURCE_MODEL, "model", false);
	assert_int_equal(ret, 0);
	ret = vaccel_resource_register(res, sess);
	free(data);
	return ret;
}

static void test_memory(void **state)
{
	static const char *const args[] = { "--max-resource-bytes=1M", "--max-staging-bytes=64K",
					    "--max-resources=2", NULL };
	struct vaccel_resource res[4];
	struct vaccel_session sess;
	unsigned char name[64], *img = calloc(1, 200000);

	(void)state;
	start(NOOP_PLUGIN, args);
	assert_int_equal(vaccel_session_init(&sess, 0), 0);
	assert_int_equal(add_model(&sess, &res[0], 600000), 0);
	assert_int_equal(add_model(&sess, &res[1], 600000), VACCEL_ENOMEM);
	assert_int_equal(add_model(&sess, &res[2], 1000), 0);
	assert_int_equal(add_model(&sess, &res[3], 1000), VACCEL_EUSERS);
	assert_int_equal(vaccel_image_detection(&sess, img, name, 200000, sizeof(name)),
			 VACCEL_ENOMEM);
	assert_int_equal(vaccel_image_detection(&sess, img, name, 20000, sizeof(name)), 0);
	free(img);

	assert_int_equal(daemon_stat(&host, "max_resource_bytes"), 1);
	assert_int_equal(daemon_stat(&host, "max_staging_bytes"), 1);
	assert_int_equal(daemon_stat(&host, "max_resources"), 1);
	assert_int_equal(logged("refused RESOURCE_ADD (1 times): --max-resource-bytes=1048576"), 1);
	assert_int_equal(logged("refused image_detect (1 times): --max-staging-bytes=65536"), 1);
	assert_int_equal(vaccel_resource_unregister(&res[0], &sess), 0);
	assert_int_equal(vaccel_resource_unregister(&res[2], &sess), 0);
	assert_int_equal(vaccel_session_release(&sess), 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(vaccel_resource_release(&res[i]), 0);
	finish();
}

/* ---- Requests in flight --------------------------------------------------------------------- */

#define CALLERS 4
static atomic_int results[2]; /* of calls: done, refused */

static void *run_busy(void *arg)
{
	char ms[] = "1500";
	struct vaccel_arg read[2] = { { .buf = ms, .size = sizeof(ms), .type = VACCEL_ARG_STRING },
				      { .buf = ms, .size = sizeof(ms), .type = VACCEL_ARG_STRING } };
	int ret = vaccel_exec(arg, "mbench", "mbench", read, 2, NULL, 0);

	if (ret == 0)
		atomic_fetch_add(&results[0], 1);
	else if (ret == VACCEL_EUSERS)
		atomic_fetch_add(&results[1], 1);
	return NULL;
}

static void test_inflight(void **state)
{
	static const char *const args[] = { "--max-inflight=2", "--allow=exec", NULL };
	struct vaccel_session sess[CALLERS];
	pthread_t threads[CALLERS];

	(void)state;
	start(MBENCH_PLUGIN, args);
	for (int i = 0; i < CALLERS; i++)
		assert_int_equal(vaccel_session_init(&sess[i], 0), 0);
	for (int i = 0; i < CALLERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, run_busy, &sess[i]), 0);
	for (int i = 0; i < CALLERS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(results[0], 2);
	assert_int_equal(results[1], 2);
	assert_int_equal(daemon_stat(&host, "max_inflight"), 2);
	assert_int_equal(logged("refused exec (1 times): --max-inflight=2 was reached"), 1);
	/* They have ended: there is room again. */
	run_busy(&sess[0]);
	assert_int_equal(results[0], 3);
	for (int i = 0; i < CALLERS; i++)
		assert_int_equal(vaccel_session_release(&sess[i]), 0);
	finish();
}

static void test_timeout(void **state)
{
	static const char *const args[] = { "--op-timeout=1", "--allow=exec", NULL };
	char ms[] = "60000";
	struct vaccel_arg read[2] = { { .buf = ms, .size = sizeof(ms), .type = VACCEL_ARG_STRING },
				      { .buf = ms, .size = sizeof(ms), .type = VACCEL_ARG_STRING } };
	struct vaccel_session sess;

	(void)state;
	start(MBENCH_PLUGIN, args);
	assert_int_equal(vaccel_session_init(&sess, 0), 0);
	assert_int_equal(vaccel_exec(&sess, "mbench", "mbench", read, 2, NULL, 0), VACCEL_ESESS);
	assert_int_equal(daemon_stat(&host, "op_timeout"), 1);
	assert_int_equal(logged("refused exec (1 times): --op-timeout=1 was reached"), 1);
	vaccel_session_release(&sess);
	finish();
}

/* ---- The file ------------------------------------------------------------------------------- */

static void write_file(char *path, size_t size, const char *content)
{
	FILE *f;

	snprintf(path, size, "%s/policy", test_dir());
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(content, f);
	fclose(f);
}

/* Runs vhost-user-accel with some more options. Return: its exit status; what it said is in @said. */
static int run(const char *options, char *said, size_t size)
{
	char command[1024];
	FILE *p;
	size_t n;

	snprintf(command, sizeof(command), "'%s' %s 2>&1", getenv("VHOST_USER_ACCEL"), options);
	p = popen(command, "re");
	assert_non_null(p);
	n = fread(said, 1, size - 1, p);
	said[n] = '\0';
	return WEXITSTATUS(pclose(p));
}

static void test_file(void **state)
{
	char path[128], config[160], options[300], said[4096];
	const char *const args[] = { config, "--name=small", "--max-resources=7", NULL };
	struct vaccel_session sess[3];

	(void)state;
	write_file(path, sizeof(path), "[defaults]\nplugins = /nowhere.so\nmax-sessions = 9\n"
				       "[small]\nmax-sessions = 2\nplugins = " NOOP_PLUGIN "\n");
	snprintf(config, sizeof(config), "--config=%s", path);
	/* The file's plugins win over those of the environment. */
	start(MBENCH_PLUGIN, args);
	assert_int_equal(vaccel_session_init(&sess[0], 0), 0);
	assert_int_equal(vaccel_noop(&sess[0]), 0);
	assert_int_equal(vaccel_session_init(&sess[1], 0), 0);
	assert_int_equal(vaccel_session_init(&sess[2], 0), VACCEL_EUSERS);
	for (int i = 0; i < 2; i++)
		assert_int_equal(vaccel_session_release(&sess[i]), 0);
	finish();

	snprintf(options, sizeof(options), "%s --name=small --max-resources=7 --print-policy", config);
	assert_int_equal(run(options, said, sizeof(said)), 0);
	assert_int_equal(stats_number(said, "max_sessions"), 2);
	assert_int_equal(stats_number(said, "max_resources"), 7);
	snprintf(options, sizeof(options), "%s --name=large --print-policy", config);
	assert_int_equal(run(options, said, sizeof(said)), 0);
	assert_int_equal(stats_number(said, "max_sessions"), 9);

	assert_non_null(strstr(said, "/policy has no section [large]: only its section [defaults] applies"));
	snprintf(options, sizeof(options), "%s --name=large --strict-names --print-policy", config);
	assert_int_equal(run(options, said, sizeof(said)), 78);
	assert_non_null(strstr(said, "/policy has no section [large]: name the VM as its section, or add"));
	assert_null(strstr(said, "max_sessions"));
	snprintf(options, sizeof(options), "%s --strict-names --print-policy", config);
	assert_int_equal(run(options, said, sizeof(said)), 78);
	assert_non_null(strstr(said, "/policy has sections, but no --name"));
	snprintf(options, sizeof(options), "%s --name=small --strict-names --print-policy", config);
	assert_int_equal(run(options, said, sizeof(said)), 0);
	assert_null(strstr(said, "section"));

	write_file(path, sizeof(path), "[defaults]\nstrict-names = yes\n[empty]\n");
	snprintf(options, sizeof(options), "%s --name=empty --print-policy", config);
	assert_int_equal(run(options, said, sizeof(said)), 0);
	snprintf(options, sizeof(options), "%s --name=emtpy --print-policy", config);
	assert_int_equal(run(options, said, sizeof(said)), 78);
	snprintf(options, sizeof(options), "%s --name=emtpy --strict-names=no --print-policy", config);
	assert_int_equal(run(options, said, sizeof(said)), 0);
	/* Nothing is said of any VM here. */
	write_file(path, sizeof(path), "[defaults]\nstrict-names = yes\n");
	assert_int_equal(run(options, said, sizeof(said)), 0);
	assert_null(strstr(said, "section"));

	write_file(path, sizeof(path), "[defaults]\n\nmax-sessions = few\n");
	snprintf(options, sizeof(options), "%s --socket-path=%s/x", config, test_dir());
	assert_int_equal(run(options, said, sizeof(said)), 78);
	assert_non_null(strstr(said, "/policy:3: max-sessions = few: a number from 1 to 1000000"));
	assert_int_equal(run("--config=/nowhere --print-policy", said, sizeof(said)), 66);
	assert_int_equal(run("--name='two words' --print-policy", said, sizeof(said)), 64);
	assert_int_equal(run("--max-sessions=0 --print-policy", said, sizeof(said)), 64);
	assert_int_equal(run("--deny=nonsense --print-policy", said, sizeof(said)), 64);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ops),	 cmocka_unit_test(test_sessions),
		cmocka_unit_test(test_memory),	 cmocka_unit_test(test_inflight),
		cmocka_unit_test(test_timeout),	 cmocka_unit_test(test_file),
	};

	test_main_begin(300);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
