// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clients.h"

#define BLOB_SIZE  ((size_t)1 << 20)

struct daemon host;
char link_path[128];

/* ---- Processes of the service --------------------------------------------------------------- */

unsigned int children(pid_t pid, pid_t *to, unsigned int max)
{
	char path[64];
	unsigned int nr = 0;
	int child;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
	f = fopen(path, "re");
	while (f && fscanf(f, "%d", &child) == 1) {
		if (nr < max)
			to[nr] = child;
		nr++;
	}
	if (f)
		fclose(f);
	return nr;
}

pid_t worker_of(pid_t supervisor)
{
	const struct daemon d = { .pid = supervisor };

	return daemon_worker(&d);
}

pid_t hub_pid(void)
{
	pid_t all[64];
	unsigned int nr = children(host.pid, all, 64);
	char path[64], name[32] = "";

	for (unsigned int i = 0; i < nr && i < 64; i++) {
		FILE *f;

		snprintf(path, sizeof(path), "/proc/%d/comm", all[i]);
		f = fopen(path, "re");
		if (f && fscanf(f, "%31s", name) == 1 && !strcmp(name, "accel-hub")) {
			fclose(f);
			return all[i];
		}
		if (f)
			fclose(f);
	}
	return 0;
}

static unsigned int count_entries(pid_t pid, const char *name)
{
	char path[64];
	unsigned int nr = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	dir = opendir(path);
	while (dir && readdir(dir))
		nr++;
	if (dir)
		closedir(dir);
	return nr;
}

unsigned int count_fds(pid_t pid)
{
	return count_entries(pid, "fd");
}

unsigned int count_threads(pid_t pid)
{
	return count_entries(pid, "task");
}

long memory_pages(pid_t pid)
{
	char path[64];
	long pages = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/statm", pid);
	f = fopen(path, "re");
	if (!f || fscanf(f, "%*d %ld", &pages) != 1)
		test_die("%s cannot be read", path);
	fclose(f);
	return pages;
}

static bool is_logged(void *text)
{
	char *log = daemon_log(&host);
	bool found = strstr(log, text);

	free(log);
	return found;
}

bool has_logged(const char *text)
{
	return test_wait(is_logged, (void *)(uintptr_t)text, TIMEOUT_MS);
}

/* ---- Programs ------------------------------------------------------------------------------- */

int boot(const char *log_file)
{
	struct vaccel_config config;
	int ret;

	setenv("VACCEL_VIRTIO_SOCKET", *link_path ? link_path : host.socket, 1);
	if (vaccel_config_init(&config, VIRTIO_PLUGIN, VACCEL_LOG_ERROR, log_file, false, false))
		return VACCEL_EINVAL;
	ret = vaccel_bootstrap_with_config(&config);
	vaccel_config_release(&config);
	return ret;
}

int use(struct vaccel_session *sess, struct vaccel_blob *blob)
{
	char out[64], text[] = "picture";
	struct vaccel_resource res;
	int ret = vaccel_noop(sess);

	if (!ret)
		ret = vaccel_image_classification(sess, text, (unsigned char *)out,
						  (unsigned char *)out, sizeof(text), sizeof(out), sizeof(out));
	if (!ret)
		ret = vaccel_resource_init_from_blobs(&res, (const struct vaccel_blob **)&blob, 1,
						      VACCEL_RESOURCE_DATA);
	if (ret)
		return ret;
	ret = vaccel_resource_register(&res, sess);
	if (!ret)
		ret = vaccel_noop(sess);
	vaccel_resource_release(&res);
	return ret;
}

int open_blob(struct vaccel_blob *blob, unsigned int seed)
{
	static uint8_t data[BLOB_SIZE];

	memset(data, (int)seed, sizeof(data));
	return vaccel_blob_init_from_buf(blob, data, sizeof(data), false, "data", NULL, false);
}

int come_and_go(unsigned int seed)
{
	struct vaccel_session sess;
	struct vaccel_blob blob;
	int ret = boot(NULL);

	if (ret)
		return ret == VACCEL_EBUSY ? TURNED_AWAY : 1;
	ret = vaccel_session_init(&sess, 0);
	if (!ret)
		ret = open_blob(&blob, seed);
	for (unsigned int i = 0; i < 20 && !ret; i++)
		ret = use(&sess, &blob);
	if (!ret)
		ret = vaccel_session_release(&sess);
	if (!ret)
		ret = vaccel_cleanup();
	return ret ? 2 : 0;
}

static int last(int end, int ready)
{
	struct vaccel_session sess;
	struct vaccel_blob blob;
	unsigned long calls = 0;
	char byte;
	int ret = boot(NULL);

	if (ret)
		return ret == VACCEL_EBUSY ? TURNED_AWAY : 1;
	ret = vaccel_session_init(&sess, 0);
	if (!ret)
		ret = open_blob(&blob, (unsigned int)getpid());
	fcntl(end, F_SETFL, O_NONBLOCK);
	while (!ret && read(end, &byte, 1) != 0) {
		ret = use(&sess, &blob);
		if (!ret && calls++ == 0)
			(void)!write(ready, "", 1);
		usleep(1000);
	}
	if (ret == VACCEL_ESESS)
		return LOST;
	if (!ret)
		ret = vaccel_session_release(&sess);
	return ret ? 2 : 0;
}

pid_t spawn(void)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid)
		alarm(120);
	return pid;
}

int await(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

void start_lasting(struct lasting *l)
{
	int end[2], ready[2];
	char byte;

	assert_int_equal(pipe2(end, O_CLOEXEC), 0);
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	l->pid = spawn();
	if (!l->pid) {
		close(end[1]);
		close(ready[0]);
		_exit(last(end[0], ready[1]));
	}
	close(end[0]);
	close(ready[1]);
	l->pipe = end[1];
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
}

int end_lasting(struct lasting *l)
{
	close(l->pipe);
	return await(l->pid);
}

int connect_silently(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", host.socket);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}
