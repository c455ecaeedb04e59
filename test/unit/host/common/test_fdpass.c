// SPDX-License-Identifier: Apache-2.0
/*
 * Descriptors that come with messages: any number of them, in any company. What is wanted arrives, and
 * nothing else stays open. The receivers that build on this have tests of their own.
 */
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "control.h"
#include "fdpass.h"
#include "send_fds.h"

static int socks[2], null;
static unsigned int before;

static int start(void **state)
{
	(void)state;
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, socks))
		return -1;
	before = send_fds_count();
	return 0;
}

static int stop(void **state)
{
	(void)state;
	close(socks[0]);
	close(socks[1]);
	close(null);
	return 0;
}

/* They are what was sent, close-on-exec, and closed here. */
static void expect_null(const int *fds, unsigned int nr)
{
	struct stat st, want;

	assert_int_equal(fstat(null, &want), 0);
	for (unsigned int i = 0; i < nr; i++) {
		assert_int_equal(fstat(fds[i], &st), 0);
		assert_int_equal(st.st_rdev, want.st_rdev);
		assert_true(fcntl(fds[i], F_GETFD) & FD_CLOEXEC);
		close(fds[i]);
	}
}

/* Each number of descriptors where each number is wanted */
static void any_number(void **state)
{
	int fds[FDPASS_MAX + 2], nr_kinds = 4;
	char bytes[8] = "1234567", got[8];

	(void)state;
	skip_if_emulated("descriptors that were dropped are not told");
	assert_int_equal(setsockopt(socks[0], SOL_SOCKET, SO_PASSCRED, &(int){ 1 }, sizeof(int)), 0);
	for (unsigned int max = 0; max <= FDPASS_MAX; max++) {
		for (unsigned int i = 0; i < (SEND_FDS_MAX + 1) * (unsigned int)nr_kinds; i++) {
			unsigned int sent = i / (unsigned int)nr_kinds, nr = 99;
			ssize_t n;

			memset(fds, 0x5a, sizeof(fds));
			assert_int_equal(send_fds(socks[1], bytes, sizeof(bytes), null, sent,
						  (int)i % nr_kinds), sizeof(bytes));
			n = fdpass_recv(socks[0], (struct iovec){ got, sizeof(got) }, fds, max, &nr, 0);
			assert_int_equal(n, sent <= max ? (int)sizeof(bytes) : -EPROTO);
			assert_int_equal(nr, sent <= max ? sent : 0);
			expect_null(fds, nr);
			for (unsigned int k = nr; k < max; k++)
				assert_int_equal(fds[k], -1);
			/* Nothing behind the room */
			assert_int_equal(fds[max], 0x5a5a5a5a);
			assert_int_equal(send_fds_count(), before);
		}
	}
}

static void ends_and_errors(void **state)
{
	const struct iovec two[] = { { (char[]){ "ab" }, 2 }, { (char[]){ "cd" }, 2 } };
	int fds[FDPASS_MAX + 1];
	unsigned int nr;
	char got[8];

	(void)state;
	for (unsigned int i = 0; i <= FDPASS_MAX; i++)
		fds[i] = null;
	assert_int_equal(fdpass_send(socks[1], two, 2, fds, FDPASS_MAX + 1, 0), -EINVAL);
	assert_int_equal(fdpass_send(socks[1], two, 2, fds, FDPASS_MAX, 0), 4);
	assert_int_equal(fdpass_recv(socks[0], (struct iovec){ got, 8 }, fds, FDPASS_MAX, &nr, 0), 4);
	assert_memory_equal(got, "abcd", 4);
	assert_int_equal(nr, FDPASS_MAX);
	expect_null(fds, nr);
	/* Longer than the room for its bytes: whose descriptors are these? */
	fds[0] = null;
	assert_int_equal(fdpass_send(socks[1], two, 2, fds, 1, 0), 4);
	assert_int_equal(fdpass_recv(socks[0], (struct iovec){ got, 3 }, fds, 1, &nr, 0), -EPROTO);
	assert_int_equal(nr, 0);
	assert_int_equal(fdpass_recv(socks[0], (struct iovec){ got, 8 }, fds, 1, &nr, MSG_DONTWAIT),
			 -EAGAIN);
	assert_int_equal(send_fds_count(), before);
	close(socks[1]);
	assert_int_equal(fdpass_recv(socks[0], (struct iovec){ got, 8 }, fds, 1, &nr, 0), 0);
	assert_int_equal(fdpass_send(socks[0], two, 2, NULL, 0, 0), -EPIPE);
	socks[1] = -1;
}

/* A process that can have no more of them is given less than was sent: that is no message. */
static void none_left(void **state)
{
	struct rlimit limit, low;
	int fds[FDPASS_MAX];
	unsigned int nr;
	char got[8];

	(void)state;
	skip_if_emulated("descriptors that were dropped are not told");
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	low = limit;
	low.rlim_cur = (rlim_t)dup(null) + 2;
	close((int)low.rlim_cur - 2);
	assert_int_equal(send_fds(socks[1], "x", 1, null, 4, 0), 1);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	assert_int_equal(fdpass_recv(socks[0], (struct iovec){ got, 8 }, fds, 8, &nr, 0), -EPROTO);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(send_fds_count(), before);
}

/* What supervisor, worker and forker say to each other: the room is for CONTROL_MAX_FDS. */
static void control_messages(void **state)
{
	static struct control_msg msg, got;
	struct {
		int fds[CONTROL_MAX_FDS];
		int behind[4];
	} room;

	(void)state;
	skip_if_emulated("descriptors that were dropped are not told");
	msg.type = CONTROL_READY;
	for (unsigned int i = 0; i < 3000; i++) {
		unsigned int nr = i % (SEND_FDS_MAX + 1);
		int ret;

		memset(&room, 0x5a, sizeof(room));
		assert_int_equal(send_fds(socks[1], &msg, sizeof(msg), null, nr, (int)i % 4),
				 sizeof(msg));
		ret = control_recv(socks[0], &got, room.fds, 1000);
		assert_int_equal(ret, nr <= CONTROL_MAX_FDS ? 0 : -EPROTO);
		for (int k = 0; k < CONTROL_MAX_FDS; k++)
			assert_int_equal(room.fds[k] >= 0, !ret && k < (int)nr);
		for (int k = 0; k < 4; k++)
			assert_int_equal(room.behind[k], 0x5a5a5a5a);
		control_close(room.fds);
		assert_int_equal(room.fds[0], -1);
	}
	/* One byte less, one byte more */
	assert_int_equal(send_fds(socks[1], &msg, sizeof(msg) - 1, null, 2, 0), sizeof(msg) - 1);
	assert_int_equal(control_recv(socks[0], &got, room.fds, 1000), -EPROTO);
	{
		static char larger[sizeof(msg) + 1];

		assert_int_equal(send_fds(socks[1], larger, sizeof(larger), null, 2, 0),
				 sizeof(larger));
		assert_int_equal(control_recv(socks[0], &got, room.fds, 1000), -EPROTO);
	}
	assert_int_equal(control_recv(socks[0], &got, room.fds, 0), -ETIMEDOUT);
	assert_int_equal(send_fds_count(), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(any_number, start, stop),
		cmocka_unit_test_setup_teardown(ends_and_errors, start, stop),
		cmocka_unit_test_setup_teardown(none_left, start, stop),
		cmocka_unit_test_setup_teardown(control_messages, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
