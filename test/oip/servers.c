// SPDX-License-Identifier: Apache-2.0
#include "servers.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

void server_start(struct test_server *s, const char *program, const char *a, const char *b, const char *c)
{
	int out[2];
	FILE *f;

	assert_int_equal(pipe(out), 0);
	fflush(NULL);
	s->pid = fork();
	assert_true(s->pid >= 0);
	if (!s->pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(out[1], STDOUT_FILENO);
		close(out[0]);
		close(out[1]);
		execl(program, program, a, a ? b : NULL, b ? c : NULL, NULL);
		_exit(127);
	}
	close(out[1]);
	f = fdopen(out[0], "r");
	assert_int_equal(fscanf(f, "port %d", &s->port), 1);
	fclose(f);
}

void server_stop(struct test_server *s)
{
	if (!s->pid)
		return;
	kill(s->pid, SIGKILL);
	waitpid(s->pid, NULL, 0);
	s->pid = 0;
}

void server_toggle(const struct test_server *s)
{
	kill(s->pid, SIGUSR1);
}

int server_number(const struct test_server *s, const char *path)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)s->port),
				.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	char text[4096];
	size_t used = 0;
	ssize_t n;
	int len = snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", path);

	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(write(fd, text, (size_t)len), len);
	while ((n = read(fd, text + used, sizeof(text) - 1 - used)) > 0)
		used += (size_t)n;
	close(fd);
	text[used] = '\0';
	assert_non_null(strstr(text, "\r\n\r\n"));
	return atoi(strstr(text, "\r\n\r\n") + 4);
}

int server_runs(const struct test_server *s)
{
	return server_number(s, "/count");
}

void begin(struct engines *e, const char *urls)
{
	setenv("VACCEL_OIP_URL", urls, 1);
	assert_int_equal(engines_start(e, ENGINE_PLUGIN), 0);
}

void begin_with(struct engines *e, const struct test_server *s)
{
	char url[64];

	snprintf(url, sizeof(url), "http://127.0.0.1:%d", s->port);
	begin(e, url);
}

struct vaccel_resource *model_named(struct engines *e, const char *path)
{
	struct vaccel_resource *model;

	assert_int_equal(vaccel_resource_new(&model, path, VACCEL_RESOURCE_MODEL), 0);
	return with_both(e, model);
}
