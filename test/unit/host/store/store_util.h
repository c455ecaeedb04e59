/* SPDX-License-Identifier: Apache-2.0 */
/* A store that is a child of the test, and what a keeper, perhaps one that was taken over, says to it. */
#pragma once

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "cache_util.h"
#include "fdpass.h"
#include "store.h"
#include "store_proto.h"

#define ALL_SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static int door = -1;

/* Return: the only child of this process, which has no others meanwhile. */
static inline pid_t store_pid(void)
{
	char path[64];
	pid_t pid = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
	f = fopen(path, "re");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%d", &pid), 1);
	fclose(f);
	return pid;
}

static inline void open_store(void)
{
	/* What is nobody's child is ours. */
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
	door = store_start();
	assert_true(door >= 0);
}

/* All connections were closed; the store ends by itself. */
static inline void close_store(void)
{
	pid_t pid = store_pid(), ended = 0;
	int status;

	close(door);
	door = -1;
	for (int i = 0; i < 2000 && !ended; i++) {
		ended = waitpid(pid, &status, WNOHANG);
		poll(NULL, 0, ended ? 0 : 10);
	}
	if (!ended) {
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
	}
	assert_int_equal(status, 0);
}

static inline int make_memory(unsigned int seed, uint64_t size)
{
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	fill_fd(fd, seed, size);
	return fd;
}

static inline int make_sealed(unsigned int seed, uint64_t size)
{
	int fd = make_memory(seed, size);

	assert_int_equal(fcntl(fd, F_ADD_SEALS, ALL_SEALS), 0);
	return fd;
}

static inline ino_t inode_of(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return st.st_ino;
}

/* Return: the status. @fd: what goes with it, or -1; @given: receives what comes, or -1 */
static inline int ask_raw(int sock, struct store_msg *msg, int fd, int *given)
{
	const struct iovec iov = { msg, sizeof(*msg) };
	unsigned int nr;
	int none = -1;

	assert_int_equal(fdpass_send(sock, &iov, 1, &fd, fd >= 0, 0), sizeof(*msg));
	assert_int_equal(fdpass_recv(sock, iov, given ? given : &none, 1, &nr, 0), sizeof(*msg));
	assert_int_equal(none, -1);
	return msg->status;
}

static inline int raw_find(int sock, uint64_t size, uint32_t index, int *fd)
{
	struct store_msg msg = { .type = STORE_FIND, .size = size, .index = index };

	return ask_raw(sock, &msg, -1, fd);
}

static inline int raw_hold(int sock, int fd, uint64_t size, uint64_t *id)
{
	struct store_msg msg = { .type = STORE_HOLD, .size = size, .time = STORE_ANY_TIME };
	int ret = ask_raw(sock, &msg, fd, NULL);

	*id = ret ? 0 : msg.id;
	return ret;
}

static inline void raw_drop(int sock, uint64_t id)
{
	struct store_msg msg = { .type = STORE_DROP, .id = id };

	assert_int_equal(ask_raw(sock, &msg, -1, NULL), 0);
}

/* How many memories of this size there are for this client */
static inline unsigned int count_memories(int sock, uint64_t size)
{
	unsigned int nr = 0;
	int fd;

	while (raw_find(sock, size, nr, &fd) == 0) {
		close(fd);
		nr++;
	}
	return nr;
}

/* Waits until there are so many: what somebody's end does comes a little later. */
static inline void await_memories(int sock, uint64_t size, unsigned int nr)
{
	for (int i = 0; i < 2000 && count_memories(sock, size) != nr; i++)
		poll(NULL, 0, 10);
	assert_int_equal(count_memories(sock, size), nr);
}
