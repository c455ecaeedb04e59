// SPDX-License-Identifier: Apache-2.0
/* The store, asked by keepers of which some were taken over. */
#include "store_util.h"

#include <sys/resource.h>

#include "send_fds.h"

#define MAX_BYTES (64 * MIB)

static int root, other_dir;

static int start(void **state)
{
	(void)state;
	root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	other_dir = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	open_store();
	return root < 0 || other_dir < 0;
}

static int stop(void **state)
{
	(void)state;
	close_store();
	close(root);
	close(other_dir);
	return 0;
}

static int join_at(int dir)
{
	int sock = store_join(door, dir, MAX_BYTES);

	assert_true(sock >= 0);
	return sock;
}

static void gives_what_others_hold(void **state)
{
	int a = join_at(root), b = join_at(root), fd = make_sealed(1, MIB), found;
	uint64_t first, second;

	(void)state;
	assert_int_equal(raw_find(b, MIB, 0, &found), -ENOENT);
	assert_int_equal(raw_hold(a, fd, MIB, &first), 0);
	assert_int_equal(raw_find(b, MIB + 1, 0, &found), -ENOENT);
	assert_int_equal(raw_find(b, MIB, 1, &found), -ENOENT);
	assert_int_equal(raw_find(b, MIB, STORE_TRIES, &found), -ENOENT);
	assert_int_equal(raw_find(b, MIB, UINT32_MAX, &found), -ENOENT);
	assert_int_equal(raw_find(b, MIB, 0, &found), 0);
	assert_int_equal(inode_of(found), inode_of(fd));
	assert_fd_has(found, 1, MIB);
	/* To hold what there is makes no second one. */
	assert_int_equal(raw_hold(b, found, MIB, &second), 0);
	assert_int_equal(first, second);
	assert_int_equal(count_memories(a, MIB), 1);
	close(found);

	/* It stays until the last one has gone, in whatever way. */
	raw_drop(a, first);
	raw_drop(a, first);
	raw_drop(a, UINT64_MAX);
	assert_int_equal(count_memories(a, MIB), 1);
	close(b);
	await_memories(a, MIB, 0);
	close(a);
	close(fd);
}

/* Those of another directory are others' clients. */
static void keeps_directories_apart(void **state)
{
	int a = join_at(root), b = join_at(other_dir), c = join_at(root), fd = make_sealed(1, MIB), found;
	uint64_t id, other;

	(void)state;
	assert_int_equal(raw_hold(a, fd, MIB, &id), 0);
	assert_int_equal(raw_find(b, MIB, 0, &found), -ENOENT);
	assert_int_equal(raw_hold(b, fd, MIB, &other), 0);
	assert_int_not_equal(id, other);
	raw_drop(b, id);
	close(a);
	await_memories(c, MIB, 0);
	assert_int_equal(count_memories(b, MIB), 1);
	close(b);
	close(c);
	close(fd);
}

/* What one client brings does not push away what many use; of the others the newest comes first. */
static void many_users_come_first(void **state)
{
	int socks[3], fds[10], found, used = make_sealed(99, MIB);
	uint64_t id;

	(void)state;
	for (int i = 0; i < 3; i++) {
		socks[i] = join_at(root);
		if (i < 2)
			assert_int_equal(raw_hold(socks[i], used, MIB, &id), 0);
	}
	for (unsigned int i = 0; i < 10; i++) {
		fds[i] = make_sealed(i, MIB);
		assert_int_equal(raw_hold(socks[2], fds[i], MIB, &id), 0);
	}
	assert_int_equal(count_memories(socks[2], MIB), STORE_TRIES);
	for (unsigned int i = 0; i < STORE_TRIES; i++) {
		assert_int_equal(raw_find(socks[2], MIB, i, &found), 0);
		assert_int_equal(inode_of(found), inode_of(i ? fds[10 - i] : used));
		close(found);
	}
	for (int i = 0; i < 10; i++)
		close(fds[i]);
	for (int i = 0; i < 3; i++)
		close(socks[i]);
	close(used);
}

/* Two that bring the same at the same time: the second one is told to look again. */
static void says_who_was_faster(void **state)
{
	int a = join_at(root), fd = make_sealed(1, MIB), other = make_sealed(1, MIB), large = make_sealed(1, 2 * MIB);
	struct store_msg before = { .type = STORE_FIND, .size = MIB }, msg;
	uint64_t id;

	(void)state;
	assert_int_equal(ask_raw(a, &before, -1, NULL), -ENOENT);
	assert_int_equal(raw_hold(a, large, 2 * MIB, &id), 0);
	msg = (struct store_msg){ .type = STORE_HOLD, .size = MIB, .time = before.time };
	assert_int_equal(ask_raw(a, &msg, fd, NULL), 0);
	msg = (struct store_msg){ .type = STORE_HOLD, .size = MIB, .time = before.time };
	assert_int_equal(ask_raw(a, &msg, other, NULL), -EAGAIN);
	msg = (struct store_msg){ .type = STORE_HOLD, .size = MIB, .time = before.time };
	assert_int_equal(ask_raw(a, &msg, fd, NULL), 0);
	assert_int_equal(count_memories(a, MIB), 1);
	close(a);
	close(fd);
	close(other);
	close(large);
}

static void takes_sealed_memory_only(void **state)
{
	int a = join_at(root), fds[2], fd = make_memory(1, MIB), small = make_sealed(1, MIB - 1);
	uint64_t id;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(raw_hold(a, fd, MIB, &id), -EINVAL);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW), 0);
	assert_int_equal(raw_hold(a, fd, MIB, &id), -EINVAL);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL), 0);
	assert_int_equal(raw_hold(a, fd, MIB - 1, &id), -EINVAL);
	assert_int_equal(raw_hold(a, fd, 0, &id), -EINVAL);
	assert_int_equal(raw_hold(a, fd, UINT64_MAX, &id), -EINVAL);
	assert_int_equal(raw_hold(a, small, MIB - 1, &id), -EINVAL);
	assert_int_equal(raw_hold(a, fds[0], MIB, &id), -EINVAL);
	assert_int_equal(raw_hold(a, root, MIB, &id), -EINVAL);
	assert_int_equal(raw_hold(a, a, MIB, &id), -EINVAL);
	assert_int_equal(raw_hold(a, -1, MIB, &id), -EINVAL);
	assert_int_equal(raw_hold(a, fd, MIB, &id), 0);
	close(a);
	close(fds[0]);
	close(fds[1]);
	close(fd);
	close(small);
}

static void has_limits(void **state)
{
	int a = join_at(root), b = join_at(root), fd = make_sealed(1, 33 * MIB), small = make_sealed(2, MIB);
	uint64_t id, first;

	(void)state;
	/* Of bytes: what is held twice counts twice */
	assert_int_equal(raw_hold(a, fd, 33 * MIB, &first), 0);
	assert_int_equal(raw_hold(a, fd, 33 * MIB, &id), -EDQUOT);
	assert_int_equal(raw_hold(b, fd, 33 * MIB, &id), 0);
	for (int i = 0; i < 31; i++)
		assert_int_equal(raw_hold(a, small, MIB, &id), 0);
	assert_int_equal(raw_hold(a, small, MIB, &id), -EDQUOT);
	raw_drop(a, first);
	assert_int_equal(raw_hold(a, small, MIB, &id), 0);
	close(a);
	close(b);

	/* Of their number */
	a = store_join(door, root, UINT64_MAX);
	for (int i = 0; i < STORE_MAX_HOLDS; i++)
		assert_int_equal(raw_hold(a, small, MIB, &first), 0);
	assert_int_equal(raw_hold(a, small, MIB, &id), -EDQUOT);
	raw_drop(a, first);
	assert_int_equal(raw_hold(a, small, MIB, &id), 0);
	close(a);
	close(fd);
	close(small);
}

static void survives_nonsense(void **state)
{
	int a = join_at(root), b = join_at(root), fd = make_sealed(1, MIB);
	struct store_msg msg = { .type = STORE_HOLD, .size = MIB };
	char junk[4096];
	uint64_t id;

	(void)state;
	assert_int_equal(raw_hold(b, fd, MIB, &id), 0);
	memset(junk, 0xa5, sizeof(junk));
	for (size_t len = 1; len <= sizeof(junk); len = len * 2 + 1) {
		assert_int_equal(send(a, junk, len, MSG_NOSIGNAL), len);
		assert_int_equal(recv(a, junk, sizeof(junk), 0), sizeof(msg));
		assert_int_equal(send(door, junk, len, MSG_NOSIGNAL), len);
	}
	for (uint32_t type = 0; type < 100; type++) {
		struct store_msg odd = { .type = type < 10 ? type : type * 0x01010101u, .size = UINT64_MAX };

		assert_int_not_equal(ask_raw(a, &odd, -1, NULL), type == STORE_DROP || type == STORE_DROP_ALL ? -1 : 0);
	}
	/* Any number of descriptors, through both ways */
	for (unsigned int i = 0; i < 3000; i++) {
		assert_int_equal(send_fds(a, &msg, sizeof(msg), root, i % (SEND_FDS_MAX + 1), (int)i % 4), sizeof(msg));
		assert_int_equal(recv(a, junk, sizeof(junk), 0), sizeof(msg));
		assert_int_equal(send_fds(door, &msg, sizeof(msg), root, i % (SEND_FDS_MAX + 1), (int)i % 4), sizeof(msg));
	}
	assert_int_equal(count_memories(b, MIB), 1);
	assert_int_equal(raw_hold(a, fd, MIB, &id), 0);
	close(a);
	close(b);
	close(fd);
}

/* Who asks and does not listen is let go, and with it what it held. */
static void waits_for_nobody(void **state)
{
	struct store_msg msg = { .type = STORE_DROP };
	int a = join_at(root), b = join_at(root), fd = make_sealed(1, MIB), ret = 0;
	uint64_t id;

	(void)state;
	assert_int_equal(raw_hold(a, fd, MIB, &id), 0);
	for (int i = 0; i < 100000 && ret >= 0; i++) {
		ret = (int)send(a, &msg, sizeof(msg), MSG_NOSIGNAL | MSG_DONTWAIT);
		if (ret < 0 && errno == EAGAIN) {
			ret = 0;
			poll(NULL, 0, 1);
		}
	}
	assert_int_equal(ret, -1);
	assert_int_equal(count_memories(b, MIB), 0);
	close(a);
	close(b);
	close(fd);
}

/* With all descriptors taken, what is there goes on. */
static void runs_out_of_descriptors(void **state)
{
	const struct rlimit few = { 24, 24 };
	int a = join_at(root), b = join_at(root), fds[24], nr = 0, ret = 0, found;
	uint64_t id;

	(void)state;
	assert_int_equal(count_memories(a, MIB), 0);
	assert_int_equal(prlimit(store_pid(), RLIMIT_NOFILE, &few, NULL), 0);
	while (nr < 24 && !ret) {
		fds[nr] = make_sealed((unsigned int)nr, MIB);
		ret = raw_hold(a, fds[nr++], MIB, &id);
	}
	assert_int_equal(ret, -EMFILE);
	assert_int_equal(raw_find(b, MIB, 0, &found), 0);
	close(found);
	assert_int_equal(raw_hold(b, fds[0], MIB, &id), -EMFILE);
	close(a);
	await_memories(b, MIB, 0);
	assert_int_equal(raw_hold(b, fds[0], MIB, &id), 0);
	close(b);
	while (nr)
		close(fds[--nr]);
}

/* It outlives the listener for those who are there, and tells who asks that it has died. */
static void ends_with_the_last(void **state)
{
	int a = join_at(root), fd = make_sealed(1, MIB), status, sock;
	pid_t pid = store_pid();
	uint64_t id;

	(void)state;
	assert_false(store_is_gone(door));
	assert_int_equal(raw_hold(a, fd, MIB, &id), 0);
	close(door);
	assert_int_equal(count_memories(a, MIB), 1);
	close(a);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);

	open_store();
	pid = store_pid();
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(store_is_gone(door));
	sock = store_join(door, root, MIB);
	assert_true(sock < 0);
	close(door);
	close(fd);
	open_store();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(gives_what_others_hold, start, stop),
		cmocka_unit_test_setup_teardown(keeps_directories_apart, start, stop),
		cmocka_unit_test_setup_teardown(many_users_come_first, start, stop),
		cmocka_unit_test_setup_teardown(says_who_was_faster, start, stop),
		cmocka_unit_test_setup_teardown(takes_sealed_memory_only, start, stop),
		cmocka_unit_test_setup_teardown(has_limits, start, stop),
		cmocka_unit_test_setup_teardown(survives_nonsense, start, stop),
		cmocka_unit_test_setup_teardown(waits_for_nobody, start, stop),
		cmocka_unit_test_setup_teardown(runs_out_of_descriptors, start, stop),
		cmocka_unit_test_setup_teardown(ends_with_the_last, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
