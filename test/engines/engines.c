// SPDX-License-Identifier: Apache-2.0
#include "engines.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int library_start(const char *plugins)
{
	struct vaccel_config config;
	int ret = vaccel_config_init(&config, plugins, VACCEL_LOG_ERROR, NULL, false, false);

	if (ret)
		return ret;
	ret = vaccel_bootstrap_with_config(&config);
	vaccel_config_release(&config);
	return ret;
}

int engines_start(struct engines *e, const char *plugin)
{
	static const char *const args[] = { "--sandbox=strict",
		"--models=echo,sums,sums/2,slow,b*,wrong,parrot,fine/2,thinker,small,full,ill,mute", NULL };
	char plugins[1024];
	int ret;

	snprintf(plugins, sizeof(plugins), "%s:%s", plugin, VIRTIO_PLUGIN);
	memset(e, 0, sizeof(*e));
	/* Whether it starts at all is found out where a failure costs nothing. */
	ret = plugin_starts(plugin);
	if (ret)
		return ret;
	start_daemon(&e->host, plugin, args);
	setenv("VACCEL_VIRTIO_SOCKET", e->host.socket, 1);
	assert_int_equal(library_start(plugins), 0);
	assert_int_equal(vaccel_session_init(&e->sess[LOCAL], 0), 0);
	assert_int_equal(vaccel_session_init(&e->sess[REMOTE], VACCEL_PLUGIN_REMOTE), 0);
	assert_false(e->sess[LOCAL].is_virtio);
	assert_true(e->sess[REMOTE].is_virtio);
	return 0;
}

int engines_start_or_skip(struct engines *e, const char *plugin)
{
	int ret = engines_start(e, plugin);

	if (ret == VACCEL_ENOENT)
		test_skip("the engine's library is not there, see above");
	return ret;
}

void engines_stop(struct engines *e)
{
	if (!e->host.pid)
		return;
	assert_int_equal(daemon_stat(&e->host, "restarts"), 0);
	for (int i = 0; i < NR_PLACES; i++)
		assert_int_equal(vaccel_session_release(&e->sess[i]), 0);
	assert_int_equal(vaccel_cleanup(), 0);
	assert_int_equal(stop_daemon(&e->host), 0);
}

int plugin_starts(const char *plugin)
{
	pid_t pid;
	int status;

	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		int ret = library_start(plugin);

		if (!ret)
			vaccel_cleanup();
		fflush(NULL);
		_exit(ret);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

char *captured(void (*function)(void *arg), void *arg)
{
	char path[256], *text;
	int fd, out, err;
	size_t size;

	snprintf(path, sizeof(path), "%s/captured", test_dir());
	fflush(NULL);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	out = dup(STDOUT_FILENO);
	err = dup(STDERR_FILENO);
	assert_true(fd >= 0 && out >= 0 && err >= 0);
	dup2(fd, STDOUT_FILENO);
	dup2(fd, STDERR_FILENO);
	function(arg);
	fflush(NULL);
	dup2(out, STDOUT_FILENO);
	dup2(err, STDERR_FILENO);
	close(out);
	close(err);
	close(fd);
	text = (char *)read_whole(path, &size);
	return text;
}

float *random_floats(size_t count, uint32_t seed)
{
	float *all = malloc(count * sizeof(*all));

	assert_non_null(all);
	for (size_t i = 0; i < count; i++) {
		seed = seed * 1664525 + 1013904223;
		all[i] = (float)(int32_t)seed / 2147483648.0f;
	}
	return all;
}

uint8_t *read_whole(const char *path, size_t *size)
{
	FILE *file = fopen(path, "rb");
	uint8_t *data;
	long end;

	assert_non_null(file);
	assert_int_equal(fseek(file, 0, SEEK_END), 0);
	end = ftell(file);
	assert_true(end >= 0);
	rewind(file);
	data = calloc(1, (size_t)end + 1);
	assert_non_null(data);
	*size = fread(data, 1, (size_t)end, file);
	assert_int_equal(*size, end);
	fclose(file);
	return data;
}

struct attempt {
	const char *plugin;
	int code;
};

static void attempt(void *arg)
{
	struct attempt *a = arg;

	a->code = plugin_starts(a->plugin);
}

void expect_start(const char *plugin, int code, const char *message)
{
	struct attempt a = {plugin, 0};
	char *text = captured(attempt, &a);

	assert_int_equal(a.code, code);
	if (message && !strstr(text, message))
		fail_msg("\"%s\" is missing in: %s", message, text);
	free(text);
}

struct vaccel_resource *with_both(struct engines *e, struct vaccel_resource *res)
{
	for (int i = 0; i < NR_PLACES; i++)
		assert_int_equal(vaccel_resource_register(res, &e->sess[i]), 0);
	return res;
}

struct vaccel_resource *model_of_path(struct engines *e, const char *path)
{
	struct vaccel_resource *model;

	assert_int_equal(vaccel_resource_new(&model, path, VACCEL_RESOURCE_MODEL), 0);
	return with_both(e, model);
}

struct vaccel_resource *model_of_bytes(struct engines *e, const void *data, size_t size, const char *name)
{
	struct vaccel_resource *model;

	assert_int_equal(vaccel_resource_from_buf(&model, data, size, VACCEL_RESOURCE_MODEL, name, true), 0);
	return with_both(e, model);
}

void shapes_read(float picture[SHAPES_PIXELS], float expected[SHAPES_CLASSES])
{
	FILE *file = fopen(EXPECTED, "r");

	assert_non_null(file);
	for (int i = 0; i < SHAPES_CLASSES; i++)
		assert_int_equal(fscanf(file, "%f", &expected[i]), 1);
	fclose(file);
	for (int i = 0; i < SHAPES_PIXELS; i++)
		picture[i] = (float)(37LL * i % 101) / 50 - 1;
}
