/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A web server for one test: answers each request on a port of the loopback interface until it is
 * stopped. Paths: "/missing..." is a 404, "/cut..." promises more than it sends, "/to-file" and
 * "/moved" redirect, anything else is 200 with the path as its content.
 */
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>

#include "util.h"

struct http_server {
	int fd;
	int port;
	atomic_int requests;
	pthread_t thread;
};

static inline void http_answer(int fd)
{
	char request[4096], answer[4096], path[1024] = "";
	size_t used = 0;

	while (used < sizeof(request) - 1) {
		ssize_t n = read(fd, request + used, sizeof(request) - 1 - used);

		if (n <= 0)
			return;
		used += n;
		request[used] = '\0';
		if (strstr(request, "\r\n\r\n"))
			break;
	}
	sscanf(request, "GET %1023s", path);
	if (!strncmp(path, "/missing", 8))
		snprintf(answer, sizeof(answer), "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n"
						 "Connection: close\r\n\r\nnone");
	else if (!strncmp(path, "/cut", 4))
		snprintf(answer, sizeof(answer), "HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n"
						 "Connection: close\r\n\r\nhalf");
	else if (!strcmp(path, "/moved"))
		snprintf(answer, sizeof(answer), "HTTP/1.1 302 Found\r\nLocation: /new\r\n"
						 "Content-Length: 0\r\nConnection: close\r\n\r\n");
	else if (!strcmp(path, "/to-file"))
		snprintf(answer, sizeof(answer),
			 "HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\n"
			 "Content-Length: 0\r\nConnection: close\r\n\r\n");
	else
		snprintf(answer, sizeof(answer),
			 "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
			 strlen(path), path);
	if (send(fd, answer, strlen(answer), MSG_NOSIGNAL) < 0)
		perror("send");
}

static inline void *http_serve(void *arg)
{
	struct http_server *server = arg;

	for (;;) {
		int fd = accept(server->fd, NULL, NULL);

		if (fd < 0)
			return NULL;
		atomic_fetch_add(&server->requests, 1);
		http_answer(fd);
		shutdown(fd, SHUT_WR);
		close(fd);
	}
}

static inline void http_start(struct http_server *server)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(address);

	atomic_init(&server->requests, 0);
	server->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(server->fd >= 0);
	assert_int_equal(bind(server->fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(server->fd, 16), 0);
	assert_int_equal(getsockname(server->fd, (struct sockaddr *)&address, &len), 0);
	server->port = ntohs(address.sin_port);
	assert_int_equal(pthread_create(&server->thread, NULL, http_serve, server), 0);
}

/* After this the port is one that nobody listens on. */
static inline void http_stop(struct http_server *server)
{
	shutdown(server->fd, SHUT_RDWR);
	pthread_join(server->thread, NULL);
	close(server->fd);
}
