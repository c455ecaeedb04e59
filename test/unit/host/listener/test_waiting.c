// SPDX-License-Identifier: Apache-2.0
/* Connections that nobody serves yet: who is dropped, and when; and who they are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log.h"
#include "waiting.h"

static struct waiting_list list;
static int others[2 * WAITING_MAX];
static unsigned int nr_others;

/* Return: the index of the other end in others[] */
static unsigned int add(uid_t uid, uint64_t now)
{
	const struct peer peer = { .uid = uid };
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	others[nr_others] = pair[1];
	assert_true(waiting_add(&list, pair[0], &peer, now));
	return nr_others++;
}

static void update(uint64_t now)
{
	struct pollfd fds[WAITING_MAX];
	unsigned int nr = waiting_pollfds(&list, fds);

	poll(fds, nr, 0);
	waiting_update(&list, fds, now);
}

static int clear(void **state)
{
	(void)state;
	waiting_clear(&list);
	while (nr_others)
		close(others[--nr_others]);
	memset(&list, 0, sizeof(list));
	return 0;
}

static bool is_closed(unsigned int other)
{
	char byte;

	return recv(others[other], &byte, 1, MSG_DONTWAIT) == 0;
}

static bool drop(const char *line, size_t len, bool relayed)
{
	(void)line;
	(void)len;
	(void)relayed;
	return true;
}

/* Words and ends are noticed, and nothing is read. */
static void test_words(void **state)
{
	unsigned int a = add(1, 10), b = add(1, 11), c = add(2, 12);
	char text[8];

	(void)state;
	update(100);
	assert_int_equal(list.nr, 3);
	assert_int_equal(write(others[b], "words", 5), 5);
	close(others[c]);
	others[c] = -1;
	update(200);
	assert_int_equal(list.nr, 2);
	assert_false(list.of[0].has_spoken);
	assert_true(list.of[1].has_spoken);
	assert_int_equal(list.of[1].since_ms, 200);
	assert_int_equal(recv(list.of[1].fd, text, sizeof(text), MSG_DONTWAIT), 5);
	assert_false(is_closed(a));
	/* One that has spoken and gone is no client any more. */
	close(others[b]);
	others[b] = -1;
	update(300);
	assert_int_equal(list.nr, 1);
}

static void test_silence(void **state)
{
	unsigned int a = add(1, 1000), b = add(1, 2000);

	(void)state;
	assert_int_equal(waiting_timeout(&list, 1000), WAITING_SILENT_MS);
	assert_int_equal(write(others[b], "!", 1), 1);
	update(2000);
	update(1000 + WAITING_SILENT_MS - 1);
	assert_int_equal(list.nr, 2);
	assert_int_equal(waiting_timeout(&list, 1000 + WAITING_SILENT_MS + 5), 0);
	update(1000 + WAITING_SILENT_MS);
	assert_true(is_closed(a));
	assert_int_equal(list.nr, 1);
	assert_int_equal(list.turned_away, 1);
	/* Who has spoken waits for as long as it takes. */
	update(2000 + 10 * WAITING_SILENT_MS);
	assert_int_equal(list.nr, 1);
	assert_int_equal(waiting_timeout(&list, 5000), -1);
}

/* When there are too many, the oldest of who has most goes; never one that has spoken. */
static void test_too_many(void **state)
{
	const struct peer peer = { .uid = 3 };
	unsigned int first = add(1, 1), victim = 0;
	int pair[2];

	(void)state;
	for (unsigned int i = 1; i < WAITING_MAX; i++) {
		unsigned int at = add(i < 10 ? 1 : 2, 1 + i);

		if (i == 10)
			victim = at;
	}
	assert_int_equal(list.nr, WAITING_MAX);
	assert_true(waiting_has_room(&list));
	add(3, 1000);
	assert_int_equal(list.nr, WAITING_MAX);
	assert_true(is_closed(victim));
	assert_false(is_closed(first));
	for (unsigned int i = 0; i < nr_others; i++)
		(void)!write(others[i], "!", 1);
	update(2000);
	assert_int_equal(list.nr, WAITING_MAX);
	assert_false(waiting_has_room(&list));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_false(waiting_add(&list, pair[0], &peer, 3000));
	assert_int_equal(read(pair[1], &(char){ 0 }, 1), 0);
	close(pair[1]);
}

static void test_peer(void **state)
{
	char name[PEER_NAME_SIZE], end[16];
	struct peer peer;
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(peer_of(pair[0], &(struct config_clients){ 0 }, &peer), 0);
	assert_int_equal(peer.uid, getuid());
	assert_int_equal(peer.pid, getpid());
	peer_name(&peer, name, sizeof(name));
	snprintf(end, sizeof(end), ".%d", getpid());
	assert_true(strlen(name) > strlen(end));
	assert_string_equal(name + strlen(name) - strlen(end), end);
	assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-@"),
			 strlen(name));
	/* Of another PID namespace */
	peer_name(&(struct peer){ .uid = 12 }, name, sizeof(name));
	assert_string_equal(name, "uid12.0");
	assert_true(peer_of(STDERR_FILENO, &(struct config_clients){ 0 }, &peer) < 0);
	close(pair[0]);
	close(pair[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_words, clear),
		cmocka_unit_test_teardown(test_silence, clear),
		cmocka_unit_test_teardown(test_too_many, clear),
		cmocka_unit_test_teardown(test_peer, clear),
	};

	signal(SIGPIPE, SIG_IGN);
	log_set_sink(drop);
	return cmocka_run_group_tests_name("waiting", tests, NULL, NULL);
}
