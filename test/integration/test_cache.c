// SPDX-License-Identifier: Apache-2.0
/*
 * Models that are sent once, and models that are not sent at all, from the public interface to the
 * host: what counts is how many bytes the host says that it got.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support.h"
#include "vaccel.h"

#define SIZE (9u << 20)

static struct daemon host;
static struct vaccel_session sess;

static void start(const char *const *args)
{
	struct vaccel_config config;

	start_daemon(&host, NOOP_PLUGIN, args);
	setenv("VACCEL_VIRTIO_SOCKET", host.socket, 1);
	assert_int_equal(vaccel_config_init(&config, VIRTIO_PLUGIN, VACCEL_LOG_ERROR, NULL, false,
					    false), 0);
	assert_int_equal(vaccel_bootstrap_with_config(&config), 0);
	vaccel_config_release(&config);
	assert_int_equal(vaccel_session_init(&sess, VACCEL_PLUGIN_REMOTE), 0);
}

static void finish(void)
{
	assert_int_equal(vaccel_session_release(&sess), 0);
	assert_int_equal(daemon_stat(&host, "resources"), 0);
	assert_int_equal(vaccel_cleanup(), 0);
	assert_int_equal(stop_daemon(&host), 0);
}

static char *in_dir(const char *name)
{
	char *path;

	assert_true(asprintf(&path, "%s/%s", test_dir(), name) > 0);
	return path;
}

static char *make_file(const char *name, unsigned int seed)
{
	char *path = in_dir(name), *data = malloc(SIZE);
	int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0600);

	for (size_t i = 0; i < SIZE; i++)
		data[i] = (char)((i + seed) * 2654435761u >> 13);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, SIZE), SIZE);
	close(fd);
	free(data);
	return path;
}

static void use(const char *path, int result)
{
	struct vaccel_resource res;

	assert_int_equal(vaccel_resource_init(&res, path, VACCEL_RESOURCE_MODEL), 0);
	assert_int_equal(vaccel_resource_register(&res, &sess), result);
	if (!result)
		assert_int_equal(vaccel_torch_model_load(&sess, &res), 0);
	assert_int_equal(vaccel_resource_release(&res), 0);
}

static void expect_bytes(long long received, long long claimed)
{
	char *json = daemon_stats(&host);

	assert_int_equal(stats_number(json, "resource_bytes_received"), received);
	assert_int_equal(stats_number(json, "resource_bytes_claimed"), claimed);
	free(json);
}

static void second_session(void **state)
{
	static const char *const none[] = {"--cache-max-bytes=0", NULL};
	char *path = make_file("model", 1);
	int fd;

	(void)state;
	start(NULL);
	use(path, 0);
	expect_bytes(SIZE, 0);
	assert_int_equal(daemon_stat(&host, "cache_bytes"), SIZE);
	assert_int_equal(vaccel_session_release(&sess), 0);
	assert_int_equal(vaccel_session_init(&sess, VACCEL_PLUGIN_REMOTE), 0);
	use(path, 0);
	expect_bytes(SIZE, SIZE);
	/* Changed, and so another model */
	fd = open(path, O_WRONLY);
	assert_int_equal(pwrite(fd, "changed", 7, SIZE - 7), 7);
	close(fd);
	use(path, 0);
	expect_bytes(2 * SIZE, SIZE);
	finish();

	start(none);
	use(path, 0);
	use(path, 0);
	expect_bytes(2 * SIZE, 0);
	assert_int_equal(daemon_stat(&host, "cache_bytes"), 0);
	finish();
	free(path);
}

/* Nothing of what another front end sent is there for the next one. */
static void next_machine(void **state)
{
	char *path = make_file("model", 1);

	(void)state;
	start(NULL);
	use(path, 0);
	assert_int_equal(vaccel_session_release(&sess), 0);
	assert_int_equal(vaccel_cleanup(), 0);
	{
		struct vaccel_config config;

		assert_int_equal(vaccel_config_init(&config, VIRTIO_PLUGIN, VACCEL_LOG_ERROR, NULL,
						    false, false), 0);
		assert_int_equal(vaccel_bootstrap_with_config(&config), 0);
		vaccel_config_release(&config);
	}
	assert_int_equal(vaccel_session_init(&sess, VACCEL_PLUGIN_REMOTE), 0);
	assert_int_equal(daemon_stat(&host, "cache_bytes"), 0);
	use(path, 0);
	expect_bytes(SIZE, 0);
	finish();
	free(path);
}

/* The worker, and what may have taken it over, has no way to the directory. */
static void expect_no_way(const char *dir)
{
	char fds[64], link[512], target[512];
	struct dirent *d;
	unsigned int nr = 0;
	DIR *stream;

	snprintf(fds, sizeof(fds), "/proc/%d/fd", (int)daemon_worker(&host));
	stream = opendir(fds);
	assert_non_null(stream);
	while ((d = readdir(stream))) {
		ssize_t n;

		snprintf(link, sizeof(link), "%s/%s", fds, d->d_name);
		n = readlink(link, target, sizeof(target) - 1);
		if (n < 0)
			continue;
		target[n] = '\0';
		nr++;
		if (strstr(target, dir))
			fail_msg("the worker has %s", target);
	}
	closedir(stream);
	assert_true(nr > 3);
}

static void shared_directory(void **state)
{
	char *path = make_file("model", 2), *dir = in_dir("shared"), *option;
	const char *args[] = {NULL, NULL};
	pid_t worker;

	(void)state;
	assert_int_equal(mkdir(dir, 0700), 0);
	assert_true(asprintf(&option, "--cache-dir=%s", dir) > 0);
	args[0] = option;
	start(args);
	use(path, 0);
	expect_bytes(SIZE, 0);
	use(path, 0);
	expect_bytes(SIZE, SIZE);
	finish();

	start(args);
	use(path, 0);
	expect_bytes(0, SIZE);
	expect_no_way(dir);
	/* A worker that dies takes nothing along. */
	worker = daemon_worker(&host);
	assert_int_equal(kill(worker, SIGKILL), 0);
	assert_int_not_equal(vaccel_noop(&sess), 0);
	assert_int_equal(vaccel_session_release(&sess), 0);
	for (int i = 0; i < 100 && vaccel_session_init(&sess, VACCEL_PLUGIN_REMOTE); i++)
		usleep(50000);
	use(path, 0);
	expect_bytes(0, SIZE);
	finish();
	free(option);
	free(path);
	free(dir);
}

static void models(void **state)
{
	char *dir = in_dir("models"), *model = in_dir("models/m.pt"), *link = in_dir("models/out");
	const char *args[] = {NULL, NULL};
	char *option;

	(void)state;
	assert_int_equal(mkdir(dir, 0700), 0);
	free(make_file("models/m.pt", 3));
	assert_int_equal(symlink("/etc", link), 0);
	start(NULL);
	use("host://m.pt", VACCEL_EPERM);
	finish();

	assert_true(asprintf(&option, "--model-dir=%s", dir) > 0);
	args[0] = option;
	start(args);
	use("host://m.pt", 0);
	use("host://none", VACCEL_ENOENT);
	use("host://../models/m.pt", VACCEL_EINVAL);
	use("host:///etc/passwd", VACCEL_EINVAL);
	use("host://out/passwd", VACCEL_EPERM);
	expect_bytes(0, 0);
	finish();
	free(option);
	free(dir);
	free(model);
	free(link);
}

/* Runs vhost-user-accel with a wrong option; it says why and ends. */
static void expect_wrong(const char *option, int status, const char *text)
{
	char command[512], said[2048];
	size_t n;
	FILE *f;

	snprintf(command, sizeof(command), "%s --socket-path=%s/none %s 2>&1",
		 getenv("VHOST_USER_ACCEL"), test_dir(), option);
	f = popen(command, "r");
	assert_non_null(f);
	n = fread(said, 1, sizeof(said) - 1, f);
	said[n] = '\0';
	assert_int_equal(WEXITSTATUS(pclose(f)), status);
	if (!strstr(said, text))
		fail_msg("%s: %s", option, said);
}

static void wrong_options(void **state)
{
	char option[256], *dir = in_dir("public");

	(void)state;
	assert_int_equal(mkdir(dir, 0700), 0);
	assert_int_equal(chmod(dir, 0755), 0);
	snprintf(option, sizeof(option), "--cache-dir=%s", dir);
	expect_wrong(option, 64, "chmod 700");
	expect_wrong("--cache-dir=/none", 66, "No such file");
	expect_wrong("--cache-dir=/etc/passwd", 66, "Not a directory");
	expect_wrong("--model-dir=/none", 66, "No such file");
	expect_wrong("--cache-max-bytes=much", 64, "much");
	free(dir);
}

/* Who wants to know hears how far a file has come; who has set a lower level does not. */
static void progress(void **state)
{
	char *log = in_dir("progress"), *pattern = in_dir("progress-*"), *path = make_file("large", 77), text[8192];
	struct vaccel_config config;
	glob_t found;
	size_t n;
	FILE *f;

	(void)state;
	start_daemon(&host, NOOP_PLUGIN, NULL);
	setenv("VACCEL_VIRTIO_SOCKET", host.socket, 1);
	setenv("VACCEL_VIRTIO_PROGRESS_MS", "0", 1);
	assert_int_equal(vaccel_config_init(&config, VIRTIO_PLUGIN, VACCEL_LOG_INFO, log, false, false), 0);
	assert_int_equal(vaccel_bootstrap_with_config(&config), 0);
	vaccel_config_release(&config);
	assert_int_equal(vaccel_session_init(&sess, VACCEL_PLUGIN_REMOTE), 0);
	use(path, 0);
	finish();
	unsetenv("VACCEL_VIRTIO_PROGRESS_MS");
	/* The name of a log has a date behind it. */
	assert_int_equal(glob(pattern, 0, NULL, &found), 0);
	f = fopen(found.gl_pathv[0], "re");
	globfree(&found);
	assert_non_null(f);
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	fclose(f);
	if (!strstr(text, "[virtio] large: 4 of 9 MiB sent in ") || !strstr(text, "[virtio] large: 9 of 9 MiB sent in "))
		fail_msg("the log has: %s", text);
	free(path);
	free(log);
	free(pattern);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(second_session),
		cmocka_unit_test(next_machine),
		cmocka_unit_test(shared_directory),
		cmocka_unit_test(models),
		cmocka_unit_test(progress),
		cmocka_unit_test(wrong_options),
	};

	test_main_begin(200);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
