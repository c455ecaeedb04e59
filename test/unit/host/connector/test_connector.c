// SPDX-License-Identifier: Apache-2.0
/* The connector, asked as a plugin does, and by a worker that may have been taken over. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "connector.h"
#include "fdpass.h"
#include "plugins/oip/oip.h"
#include "transport/connector.h"
#include "util.h"

static char dir[64];
static int listener, port;

static void declare(const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/libvaccel-a.paths", dir);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static int start(void **state)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);
	char plugin[256];

	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/vaccel-connector-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(plugin, sizeof(plugin), "%s/libvaccel-a.so:%s/libvaccel-none.so", dir, dir);
	setenv("VACCEL_PLUGINS", plugin, 1);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(listener, (struct sockaddr *)&a, sizeof(a)) || listen(listener, 64) ||
	    getsockname(listener, (struct sockaddr *)&a, &len))
		return -1;
	port = ntohs(a.sin_port);
	return 0;
}

static int stop(void **state)
{
	char path[128];

	(void)state;
	snprintf(path, sizeof(path), "%s/libvaccel-a.paths", dir);
	unlink(path);
	close(listener);
	return rmdir(dir);
}

/* A connector for the servers of this text. Return: its socket. */
static int begin(const char *servers)
{
	const char *variable, *why;
	char number[16];
	int sock;

	declare("# what it needs\n/dev/null\nconnect TEST_SERVERS\n");
	setenv("TEST_SERVERS", servers, 1);
	sock = connector_start(&variable, &why);
	assert_true(sock >= 0);
	assert_null(why);
	snprintf(number, sizeof(number), "%d", sock);
	setenv(CONNECTOR_VARIABLE, number, 1);
	return sock;
}

static int begin_here(void)
{
	char url[64];

	snprintf(url, sizeof(url), "http://127.0.0.1:%d/path/", port);
	return begin(url);
}

static void expect_connection(void)
{
	char text[16], byte = 0;
	int fd, there;

	snprintf(text, sizeof(text), "%d", port);
	fd = connect_ask("127.0.0.1", text);
	assert_true(fd >= 0);
	there = accept(listener, NULL, NULL);
	assert_true(there >= 0);
	assert_int_equal(write(fd, "x", 1), 1);
	assert_int_equal(read(there, &byte, 1), 1);
	assert_int_equal(byte, 'x');
	close(fd);
	close(there);
}

static void connects(void **state)
{
	int sock = begin_here();

	(void)state;
	for (int i = 0; i < 20; i++)
		expect_connection();
	close(sock);
}

/* What the operator has not named, however it is written */
static void only_what_is_named(void **state)
{
	static const char *const hosts[] = {"localhost", "127.0.0.2", "127.1", "", "::1", "127.0.0.1 ", "0"};
	int sock = begin_here();
	char text[16], below[16];

	(void)state;
	snprintf(text, sizeof(text), "%d", port);
	snprintf(below, sizeof(below), "%d", port - 1);
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++)
		assert_int_equal(connect_ask(hosts[i], text), -EACCES);
	assert_int_equal(connect_ask("127.0.0.1", below), -EACCES);
	assert_int_equal(connect_ask("127.0.0.1", "http"), -EACCES);
	expect_connection();
	close(sock);
}

static void says_what_failed(void **state)
{
	int sock = begin("http://127.0.0.1:1 https://no-such-host.invalid");

	(void)state;
	assert_int_equal(connect_ask("127.0.0.1", "1"), -ECONNREFUSED);
	assert_int_equal(connect_ask("no-such-host.invalid", "443"), -EHOSTUNREACH);
	close(sock);
}

/* Too short, too long, without a socket for the answer, with too many, and without anybody who waits */
static void survives_nonsense(void **state)
{
	static char big[2 * sizeof(struct connector_msg)];
	int sock = begin_here(), pair[2], many[4] = {0, 0, 0, 0};
	const struct iovec iov[] = {{big, 1}, {big, sizeof(big)}, {big, sizeof(struct connector_msg)}};

	(void)state;
	memset(big, 'x', sizeof(big));
	for (int i = 0; i < 3; i++) {
		assert_true(fdpass_send(sock, &iov[i], 1, NULL, 0, 0) > 0);
		assert_true(fdpass_send(sock, &iov[i], 1, many, 4, 0) > 0);
		assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
		assert_true(fdpass_send(sock, &iov[i], 1, &pair[1], 1, 0) > 0);
		close(pair[0]);
		close(pair[1]);
	}
	expect_connection();
	close(sock);
}

static void *ask_often(void *arg)
{
	char text[16];
	int fd;

	snprintf(text, sizeof(text), "%d", port);
	for (int i = 0; i < 20; i++) {
		fd = connect_ask("127.0.0.1", text);
		if (fd < 0)
			return arg;
		close(fd);
	}
	return NULL;
}

static void serves_many(void **state)
{
	int sock = begin_here(), fd;
	pthread_t threads[16];
	void *failed;

	(void)state;
	for (int i = 0; i < 16; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, ask_often, dir), 0);
	for (int i = 0; i < 16 * 20; i++) {
		fd = accept(listener, NULL, NULL);
		assert_true(fd >= 0);
		close(fd);
	}
	for (int i = 0; i < 16; i++) {
		pthread_join(threads[i], &failed);
		assert_null(failed);
	}
	close(sock);
}

static void without(void **state)
{
	static const char *const bad[] = {"ftp://a", "http://a:1,b", "http://a:0"};
	const char *variable, *why;
	char text[80 * 20] = "";

	(void)state;
	declare("connect TEST_SERVERS\n");
	unsetenv("TEST_SERVERS");
	assert_int_equal(connector_start(&variable, &why), -ENOENT);
	setenv("TEST_SERVERS", "", 1);
	assert_int_equal(connector_start(&variable, &why), -ENOENT);
	setenv("TEST_SERVERS", "http://a", 1);
	declare("# connect TEST_SERVERS\nconnectTEST_SERVERS\n/connect TEST_SERVERS\n");
	assert_int_equal(connector_start(&variable, &why), -ENOENT);
	declare("connect TEST_SERVERS\n");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		setenv("TEST_SERVERS", bad[i], 1);
		assert_int_equal(connector_start(&variable, &why), -EINVAL);
		assert_string_equal(variable, "TEST_SERVERS");
		assert_non_null(why);
		free((char *)variable);
	}
	for (int i = 0; i <= CONNECTOR_MAX_SERVERS; i++)
		strcat(text, "http://a ");
	setenv("TEST_SERVERS", text, 1);
	assert_int_equal(connector_start(&variable, &why), -EINVAL);
	assert_string_equal(why, "there are too many servers");
	free((char *)variable);
}

/* Without it there is no wait. */
static void gone(void **state)
{
	char text[16];

	(void)state;
	snprintf(text, sizeof(text), "%d", open("/dev/null", O_RDWR | O_CLOEXEC));
	setenv(CONNECTOR_VARIABLE, text, 1);
	assert_true(connect_ask("127.0.0.1", "1") < 0);
	unsetenv(CONNECTOR_VARIABLE);
	assert_false(connect_needed());
	assert_int_equal(connect_ask("127.0.0.1", "1"), -EPIPE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(connects),	     cmocka_unit_test(only_what_is_named),
		cmocka_unit_test(says_what_failed),  cmocka_unit_test(survives_nonsense),
		cmocka_unit_test(serves_many),	     cmocka_unit_test(without),
		cmocka_unit_test(gone),
	};

	alarm(120);
	return cmocka_run_group_tests(tests, start, stop);
}
