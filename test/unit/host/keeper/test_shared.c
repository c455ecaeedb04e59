// SPDX-License-Identifier: Apache-2.0
/*
 * Keepers of one service, each with a client of its own, and the store between them: who has the same bytes, or
 * proves to, has the same memory, and nobody else has.
 */
#include "store_util.h"

#include <pthread.h>

#include "keeper.h"
#include "keeper_client.h"

#define NR 4

static char path[64], elsewhere[64];
static int socks[NR], stranger, watch; /* watch: a connection to the store, which only looks */
static const uint8_t nonce[KEEPER_NONCE_SIZE] = { 1 };

static int start_one(int dir, int store)
{
	int sock = keeper_start(dir, 8 * MIB, store);

	assert_true(sock >= 0);
	if (store >= 0)
		close(store);
	return sock;
}

static int start(void **state)
{
	int dir, other;

	(void)state;
	snprintf(path, sizeof(path), "/tmp/vaccel-shared-XXXXXX");
	snprintf(elsewhere, sizeof(elsewhere), "/tmp/vaccel-shared-XXXXXX");
	if (!mkdtemp(path) || !mkdtemp(elsewhere))
		return -1;
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	other = open(elsewhere, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	open_store();
	for (int i = 0; i < NR; i++)
		socks[i] = start_one(dir, store_join(door, dir, 8 * MIB));
	stranger = start_one(other, store_join(door, other, 8 * MIB));
	watch = store_join(door, dir, 0);
	close(dir);
	close(other);
	return 0;
}

static int stop(void **state)
{
	char command[160];

	(void)state;
	close(watch);
	close(stranger);
	for (int i = 0; i < NR; i++)
		close(socks[i]);
	close(door);
	/* Keepers and store are nobody's children, and so this process's. */
	while (waitpid(-1, NULL, 0) > 0)
		;
	snprintf(command, sizeof(command), "rm -rf %s %s", path, elsewhere);
	return system(command);
}

/* Nobody has them but the store. */
static void empty_directory(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -f %s/*", path);
	assert_int_equal(system(command), 0);
}

static struct keeper_memory insert(int sock, unsigned int seed, uint64_t size)
{
	struct keeper_memory m;
	int fd = make_sealed(seed, size);

	assert_int_equal(keeper_insert(sock, fd, size, &m), 0);
	if (m.fd >= 0) {
		assert_int_not_equal(inode_of(m.fd), inode_of(fd));
		assert_fd_has(m.fd, seed, size);
		assert_int_equal(fcntl(m.fd, F_GET_SEALS) & ALL_SEALS, ALL_SEALS);
		assert_int_equal(fcntl(m.fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	}
	close(fd);
	return m;
}

static int claim(int sock, unsigned int seed, uint64_t size, struct keeper_memory *m)
{
	uint8_t key[POSSESSION_KEY_SIZE], tag[POSSESSION_TAG_SIZE], *data = bytes_of(seed, size);
	struct possession *p;

	assert_int_equal(keeper_key(sock, nonce, key), 0);
	p = possession_begin(key);
	assert_true(possession_add(p, data, size) && possession_end(p, tag));
	free(data);
	return keeper_claim(sock, nonce, tag, size, m);
}

static void is_there_once(void **state)
{
	struct keeper_memory m[NR];

	(void)state;
	m[0] = insert(socks[0], 1, MIB);
	assert_true(m[0].fd >= 0);
	empty_directory();
	m[1] = insert(socks[1], 1, MIB);
	empty_directory();
	assert_int_equal(claim(socks[2], 1, MIB, &m[2]), 0);
	assert_int_equal(claim(socks[3], 1, MIB, &m[3]), 0);
	for (int i = 0; i < NR; i++) {
		assert_int_equal(inode_of(m[i].fd), inode_of(m[0].fd));
		assert_fd_has(m[i].fd, 1, MIB);
		assert_int_equal(m[i].id, m[0].id);
	}
	assert_int_equal(count_memories(watch, MIB), 1);
	/* An open file of its own: one's position is not another one's. */
	assert_int_equal(lseek(m[2].fd, 7, SEEK_SET), 7);
	assert_int_equal(lseek(m[3].fd, 0, SEEK_CUR), 0);
	/* The same in the directory alone: a copy, which is all clients' again */
	for (int i = 0; i < NR; i++) {
		keeper_drop(socks[i], m[i].id);
		close(m[i].fd);
	}
	await_memories(watch, MIB, 0);
	m[0] = insert(socks[0], 1, MIB);
	keeper_drop(socks[0], m[0].id);
	await_memories(watch, MIB, 0);
	assert_int_equal(claim(socks[1], 1, MIB, &m[1]), 0);
	assert_int_not_equal(inode_of(m[1].fd), inode_of(m[0].fd));
	assert_int_equal(claim(socks[2], 1, MIB, &m[2]), 0);
	assert_int_equal(inode_of(m[2].fd), inode_of(m[1].fd));
	for (int i = 0; i < 3; i++)
		close(m[i].fd);
}

static void only_for_holders(void **state)
{
	uint8_t tag[POSSESSION_TAG_SIZE] = { 0 }, *data = bytes_of(1, MIB), key[POSSESSION_KEY_SIZE];
	struct keeper_memory m = insert(socks[0], 1, MIB), other;
	struct possession *p;

	(void)state;
	empty_directory();
	assert_int_equal(claim(socks[1], 2, MIB, &other), -ENOENT);
	assert_int_equal(other.fd, -1);
	assert_int_equal(claim(socks[1], 1, MIB - 1, &other), -ENOENT);
	/* The tag of everything under the key 0, one under another keeper's key, and one of all but the last byte */
	assert_int_equal(keeper_claim(socks[1], nonce, tag, MIB, &other), -ENOENT);
	assert_int_equal(keeper_key(socks[2], nonce, key), 0);
	p = possession_begin(key);
	assert_true(possession_add(p, data, MIB) && possession_end(p, tag));
	assert_int_equal(keeper_claim(socks[1], nonce, tag, MIB, &other), -ENOENT);
	assert_int_equal(keeper_key(socks[1], nonce, key), 0);
	p = possession_begin(key);
	assert_true(possession_add(p, data, MIB - 1) && possession_end(p, tag));
	assert_int_equal(keeper_claim(socks[1], nonce, tag, MIB, &other), -ENOENT);
	assert_int_equal(other.fd, -1);
	/* Who has another directory is another operator's client. */
	assert_int_equal(claim(stranger, 1, MIB, &other), -ENOENT);
	other = insert(stranger, 1, MIB);
	assert_int_not_equal(inode_of(other.fd), inode_of(m.fd));
	close(other.fd);
	close(m.fd);
	free(data);
}

/* Among others of its size */
static void is_found_among_others(void **state)
{
	struct keeper_memory m, same;

	(void)state;
	for (unsigned int seed = 0; seed < 5; seed++)
		close(insert(socks[0], seed, MIB).fd);
	m = insert(socks[1], 2, MIB);
	assert_int_equal(count_memories(watch, MIB), 5);
	same = insert(socks[2], 2, MIB);
	assert_int_equal(inode_of(m.fd), inode_of(same.fd));
	close(same.fd);
	assert_int_equal(claim(socks[2], 2, MIB, &same), 0);
	assert_int_equal(inode_of(m.fd), inode_of(same.fd));
	close(same.fd);
	close(m.fd);
}

static void *insert_at_once(void *arg)
{
	struct keeper_memory *m = malloc(sizeof(*m));

	*m = insert(*(int *)arg, 7, 4 * MIB);
	return m;
}

/* All clients start at the same time, and none finds the model there. */
static void comes_at_once(void **state)
{
	struct keeper_memory *m[NR];
	pthread_t threads[NR];

	(void)state;
	for (int round = 0; round < 10; round++) {
		for (int i = 0; i < NR; i++)
			assert_int_equal(pthread_create(&threads[i], NULL, insert_at_once, &socks[i]), 0);
		for (int i = 0; i < NR; i++)
			pthread_join(threads[i], (void **)&m[i]);
		assert_int_equal(count_memories(watch, 4 * MIB), 1);
		for (int i = 1; i < NR; i++)
			assert_int_equal(inode_of(m[i]->fd), inode_of(m[0]->fd));
		for (int i = 0; i < NR; i++) {
			keeper_drop(socks[i], m[i]->id);
			close(m[i]->fd);
			free(m[i]);
		}
		await_memories(watch, 4 * MIB, 0);
	}
}

/* A client ends, a worker dies, a worker dies while it waits for its answer: what nobody else uses is gone. */
static void is_given_back(void **state)
{
	struct keeper_msg msg = { .type = KEEPER_INSERT, .size = MIB };
	struct keeper_memory m = insert(socks[0], 1, MIB), same;
	int pair[2], fds[2], fd = make_sealed(2, MIB);
	const struct iovec iov = { &msg, sizeof(msg) };

	(void)state;
	same = insert(socks[1], 1, MIB);
	close(m.fd);
	close(same.fd);
	close(socks[0]);
	socks[0] = -1;
	/* No other client can give up what one uses. */
	for (uint64_t id = 0; id < 1000; id++)
		keeper_drop(socks[2], id);
	keeper_begin(socks[2]);
	assert_int_equal(claim(socks[2], 1, MIB, &same), 0);
	close(same.fd);
	assert_int_equal(count_memories(watch, MIB), 1);
	keeper_begin(socks[2]);
	keeper_begin(socks[1]);
	await_memories(watch, MIB, 0);

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	close(pair[0]);
	fds[0] = pair[1];
	fds[1] = fd;
	for (int i = 0; i < 20; i++)
		assert_int_equal(fdpass_send(socks[1], &iov, 1, fds, 2, 0), sizeof(msg));
	close(pair[1]);
	/* It is done with these when it has done this. */
	for (int i = 0; i < 8; i++)
		(void)claim(socks[1], 3, MIB, &same);
	await_memories(watch, MIB, 0);
	close(fd);
}

/* A client has what its limit allows in the store, and goes on with memory of its own. */
static void goes_on_beyond_the_limit(void **state)
{
	struct keeper_memory m[9];
	int fd = make_sealed(9, MIB);

	(void)state;
	for (unsigned int i = 0; i < 8; i++) {
		m[i] = insert(socks[0], i, MIB);
		assert_true(m[i].fd >= 0);
	}
	assert_int_equal(keeper_insert(socks[0], fd, MIB, &m[8]), 0);
	assert_int_equal(m[8].fd, -1);
	m[8] = insert(socks[1], 9, MIB);
	assert_true(m[8].fd >= 0);
	for (unsigned int i = 0; i < 9; i++)
		close(m[i].fd);
	close(fd);
}

/* Another keeper that was taken over brings what it likes; nobody takes it for something else. */
static void believes_nobody(void **state)
{
	int hostile, dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fds[STORE_TRIES];
	struct keeper_memory m;
	uint64_t id;

	(void)state;
	hostile = store_join(door, dir, UINT64_MAX);
	close(dir);
	for (unsigned int i = 0; i < STORE_TRIES; i++) {
		fds[i] = make_sealed(100 + i, MIB);
		/* As if all were using it */
		for (int n = 0; n < 3; n++)
			assert_int_equal(raw_hold(hostile, fds[i], MIB, &id), 0);
	}
	m = insert(socks[0], 1, MIB);
	close(m.fd);
	m = insert(socks[1], 1, MIB);
	close(m.fd);
	assert_int_equal(claim(socks[2], 1, MIB, &m), 0);
	assert_fd_has(m.fd, 1, MIB);
	close(m.fd);
	close(hostile);
	for (int i = 0; i < STORE_TRIES; i++)
		close(fds[i]);
}

static pid_t find_store(void)
{
	char file[64], name[32];
	int pid, found = 0;
	FILE *f, *of;

	snprintf(file, sizeof(file), "/proc/self/task/%d/children", getpid());
	f = fopen(file, "re");
	assert_non_null(f);
	while (fscanf(f, "%d", &pid) == 1) {
		snprintf(file, sizeof(file), "/proc/%d/comm", pid);
		of = fopen(file, "re");
		if (of && fscanf(of, "%31s", name) == 1 && !strcmp(name, "accel-store"))
			found = pid;
		if (of)
			fclose(of);
	}
	fclose(f);
	assert_true(found > 0);
	return found;
}

/* Without the store each has memory of its own; the directory goes on. */
static void without_store(int signal)
{
	struct keeper_memory m = insert(socks[0], 1, MIB), own;
	pid_t pid = find_store();

	assert_true(m.fd >= 0);
	assert_int_equal(kill(pid, signal), 0);
	own = insert(socks[1], 1, MIB);
	assert_int_equal(own.fd, -1);
	assert_int_equal(claim(socks[2], 1, MIB, &own), 0);
	assert_int_equal(own.id, 0);
	assert_fd_has(own.fd, 1, MIB);
	assert_int_not_equal(inode_of(own.fd), inode_of(m.fd));
	assert_fd_has(m.fd, 1, MIB);
	keeper_drop(socks[0], m.id);
	close(own.fd);
	close(m.fd);
	kill(pid, SIGKILL);
}

static void store_may_die(void **state)
{
	(void)state;
	without_store(SIGKILL);
}

static void store_may_be_stopped(void **state)
{
	(void)state;
	without_store(SIGSTOP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(is_there_once, start, stop),
		cmocka_unit_test_setup_teardown(only_for_holders, start, stop),
		cmocka_unit_test_setup_teardown(is_found_among_others, start, stop),
		cmocka_unit_test_setup_teardown(comes_at_once, start, stop),
		cmocka_unit_test_setup_teardown(is_given_back, start, stop),
		cmocka_unit_test_setup_teardown(goes_on_beyond_the_limit, start, stop),
		cmocka_unit_test_setup_teardown(believes_nobody, start, stop),
		cmocka_unit_test_setup_teardown(store_may_die, start, stop),
		cmocka_unit_test_setup_teardown(store_may_be_stopped, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
