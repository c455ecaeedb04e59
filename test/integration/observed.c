// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "observed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vaccel.h"

int dial(const char *path)
{
	const struct timeval limit = { .tv_sec = TIMEOUT_MS / 1000 };
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr))) {
		close(fd);
		return -1;
	}
	return fd;
}

char *read_all(int fd)
{
	char *text = NULL, buf[65536];
	size_t len;
	ssize_t n;
	FILE *to = open_memstream(&text, &len);

	assert_non_null(to);
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		fwrite(buf, 1, (size_t)n, to);
	fclose(to);
	close(fd);
	return text;
}

static int multiply(struct vaccel_session *sess)
{
	void *m = NULL;
	float *a;
	int ret = vaccel_mem_alloc(sess, 3 * MATRIX, &m);

	if (ret)
		return ret;
	a = m;
	memset(a, 0, 3 * MATRIX);
	ret = vaccel_sgemm(sess, 64, 64, 64, 1, a, 64, a + MATRIX / sizeof(*a), 64, 0, a + 2 * MATRIX / sizeof(*a), 64);
	vaccel_mem_free(m);
	return ret;
}

static int serve_test(const struct daemon *d, int from, int to)
{
	struct vaccel_config config;
	struct vaccel_session sess, more;
	char what, answer;
	int ret;

	setenv("VACCEL_VIRTIO_SOCKET", d->socket, 1);
	if (vaccel_config_init(&config, VIRTIO_PLUGIN, VACCEL_LOG_ERROR, NULL, false, false) ||
	    vaccel_bootstrap_with_config(&config) || vaccel_session_init(&sess, 0))
		return 1;
	vaccel_config_release(&config);
	while (read(from, &what, 1) == 1) {
		ret = 0;
		for (int i = 0; what == 'c' && i < CALLS && !ret; i++)
			ret = vaccel_noop(&sess);
		if (what == 'x')
			ret = vaccel_exec(&sess, "lib", "fn", NULL, 0, NULL, 0);
		if (what == 's') {
			vaccel_session_release(&sess);
			ret = vaccel_session_init(&sess, 0);
		}
		if (what == 'g')
			ret = multiply(&sess);
		if (what == 'm') {
			ret = vaccel_session_init(&more, 0);
			if (!ret)
				vaccel_session_release(&more);
		}
		answer = (char)ret;
		(void)!write(to, &answer, 1);
	}
	vaccel_session_release(&sess);
	return vaccel_cleanup();
}

/* Programs must not hold each other's ends. */
static int ends[8];
static unsigned int nr_ends;

void open_program(struct program *p, const struct daemon *d)
{
	int to[2], from[2];

	assert_int_equal(pipe2(to, O_CLOEXEC), 0);
	assert_int_equal(pipe2(from, O_CLOEXEC), 0);
	fflush(NULL);
	p->pid = fork();
	if (p->pid == 0) {
		close(to[1]);
		close(from[0]);
		while (nr_ends)
			close(ends[--nr_ends]);
		alarm(120);
		_exit(serve_test(d, to[0], from[1]));
	}
	close(to[0]);
	close(from[1]);
	p->to = to[1];
	assert_true(nr_ends < 8);
	ends[nr_ends++] = to[1];
	p->from = from[0];
}

int use(struct program *p, char what)
{
	struct pollfd pfd = { .fd = p->from, .events = POLLIN };
	char answer;

	assert_int_equal(write(p->to, &what, 1), 1);
	/* Nobody may make it wait. */
	assert_int_equal(poll(&pfd, 1, TIMEOUT_MS), 1);
	assert_int_equal(read(p->from, &answer, 1), 1);
	return answer;
}

int end_program(struct program *p)
{
	int status;

	close(p->to);
	for (unsigned int i = 0; i < nr_ends; i++)
		if (ends[i] == p->to)
			ends[i] = ends[--nr_ends];
	assert_int_equal(waitpid(p->pid, &status, 0), p->pid);
	close(p->from);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

pid_t find_child(const struct daemon *d, const char *name)
{
	char file[64], found[32];
	pid_t pid = 0, child;
	FILE *f, *comm;

	snprintf(file, sizeof(file), "/proc/%d/task/%d/children", d->pid, d->pid);
	f = fopen(file, "re");
	assert_non_null(f);
	while (!pid && fscanf(f, "%d", &child) == 1) {
		snprintf(file, sizeof(file), "/proc/%d/comm", child);
		comm = fopen(file, "re");
		if (comm && fscanf(comm, "%31s", found) == 1 && strcmp(found, name) == 0)
			pid = child;
		if (comm)
			fclose(comm);
	}
	fclose(f);
	return pid;
}

pid_t observer_of(const struct daemon *d)
{
	return find_child(d, "accel-observer");
}
