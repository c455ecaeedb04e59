// SPDX-License-Identifier: Apache-2.0
/* The keeper, asked by a worker that may have been taken over. */
#include "cache_util.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "fdpass.h"
#include "keeper.h"
#include "keeper_client.h"
#include "send_fds.h"
#include "syscalls.h"
#include "util.h"

/* What a keeper may take when it has nothing to do */
#define MAX_KIB 300
#define SEALED (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW)

static char path[64];
static int sock;
static const uint8_t nonce[KEEPER_NONCE_SIZE] = {1};

static int start(void **state)
{
	int dir;

	(void)state;
	snprintf(path, sizeof(path), "/tmp/vaccel-keeper-XXXXXX");
	if (!mkdtemp(path))
		return -1;
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	sock = keeper_start(dir, 8 * MIB, -1);
	close(dir);
	return sock < 0;
}

static int remove_one(const char *p, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(p);
}

static int stop(void **state)
{
	(void)state;
	close(sock);
	return nftw(path, remove_one, 4, FTW_DEPTH | FTW_PHYS);
}

static int memory(uint64_t size)
{
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	return fd;
}

static void seal(int fd)
{
	assert_int_equal(fcntl(fd, F_ADD_SEALS, SEALED), 0);
}

/* Without other clients nobody has the same. */
static int insert_fd(int fd, uint64_t size)
{
	struct keeper_memory same;
	int ret = keeper_insert(sock, fd, size, &same);

	assert_int_equal(same.fd, -1);
	return ret;
}

static int insert(unsigned int seed, uint64_t size)
{
	int fd = memory(size), ret;

	fill_fd(fd, seed, size);
	seal(fd);
	ret = insert_fd(fd, size);
	close(fd);
	return ret;
}

/* As a guest does that has the content, with its worker between. */
static int claim(unsigned int seed, uint64_t size)
{
	uint8_t key[POSSESSION_KEY_SIZE], tag[POSSESSION_TAG_SIZE], *data = bytes_of(seed, size);
	struct keeper_memory m;
	struct possession *p;
	int ret;

	assert_int_equal(keeper_key(sock, nonce, key), 0);
	p = possession_begin(key);
	assert_true(possession_add(p, data, size) && possession_end(p, tag));
	ret = keeper_claim(sock, nonce, tag, size, &m);
	if (!ret) {
		assert_fd_has(m.fd, seed, size);
		assert_int_equal(fcntl(m.fd, F_GET_SEALS) & SEALED, SEALED);
		assert_int_equal(m.id, 0);
		close(m.fd);
	} else {
		assert_int_equal(m.fd, -1);
	}
	free(data);
	return ret;
}

/* KiB that only this process has; -1: nobody may know, as it is another user's */
static long private_kib(pid_t pid)
{
	long kib = -1, one;
	char name[64], line[256];
	FILE *f;

	snprintf(name, sizeof(name), "/proc/%d/smaps_rollup", (int)pid);
	f = fopen(name, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "Private_Dirty: %ld", &one) == 1)
			kib = one;
	if (f)
		fclose(f);
	return kib;
}

/* Of the keeper, the one process that start() leaves to us */
static pid_t pid_of_keeper(void)
{
	char name[64];
	int pid = 0;
	FILE *f;

	snprintf(name, sizeof(name), "/proc/self/task/%d/children", (int)getpid());
	f = fopen(name, "re");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%d", &pid), 1);
	fclose(f);
	return pid;
}

static int start_ours(void **state)
{
	keeper_prepare();
	return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) || start(state);
}

static int stop_ours(void **state)
{
	pid_t pid = pid_of_keeper();
	int ret = stop(state);

	return waitpid(pid, NULL, 0) != pid || prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0) || ret;
}

/* There is one for each client, which has most to do at the beginning. */
static void takes_little(void **state)
{
	pid_t pid = pid_of_keeper();
	long kib;

	(void)state;
	for (unsigned int i = 1; i <= 16; i++) {
		assert_int_equal(insert(i % 4, MIB), 0);
		assert_int_equal(claim(i % 4, MIB), 0);
	}
	kib = private_kib(pid);
	if (SYSCALLS_SANITIZED || getenv("VALGRIND") || kib < 0)
		skip();
	print_message("%ld KiB\n", kib);
	assert_true(kib < MAX_KIB);
}

static void keeps_and_gives(void **state)
{
	(void)state;
	assert_int_equal(claim(1, MIB), -ENOENT);
	assert_int_equal(insert(1, MIB), 0);
	assert_int_equal(claim(1, MIB), 0);
	assert_int_equal(claim(2, MIB), -ENOENT);
	assert_int_equal(insert(3, 9 * MIB), -EFBIG);
}

/* Keys are the keeper's: under a key of one's own choice a tag says nothing. */
static void chooses_the_keys(void **state)
{
	uint8_t a[POSSESSION_KEY_SIZE], b[POSSESSION_KEY_SIZE], other[KEEPER_NONCE_SIZE] = {2};
	uint8_t zero[POSSESSION_KEY_SIZE] = {0}, tag[POSSESSION_TAG_SIZE] = {0};
	struct keeper_memory m;

	(void)state;
	assert_int_equal(keeper_key(sock, nonce, a), 0);
	assert_int_equal(keeper_key(sock, nonce, b), 0);
	assert_memory_equal(a, b, sizeof(a));
	assert_int_equal(keeper_key(sock, other, b), 0);
	assert_memory_not_equal(a, b, sizeof(a));
	assert_memory_not_equal(a, zero, sizeof(a));
	assert_int_equal(insert(1, MIB), 0);
	/* The tag of everything under the key 0, and of nothing under this one */
	assert_int_equal(keeper_claim(sock, nonce, tag, MIB, &m), -ENOENT);
	assert_int_equal(keeper_claim(sock, nonce, a + 16, MIB, &m), -ENOENT);
	/* A tag for another nonce */
	tag_of(1, MIB, tag);
	assert_int_equal(keeper_claim(sock, other, tag, MIB, &m), -ENOENT);
	assert_int_equal(m.fd, -1);
}

static void takes_memory_only(void **state)
{
	uint8_t tag[POSSESSION_TAG_SIZE] = {0};
	struct keeper_memory m;
	int fds[2], fd = memory(MIB), file = open("/dev/zero", O_RDWR), dir = open("/", O_RDONLY);

	(void)state;
	assert_int_equal(pipe(fds), 0);
	/* Not sealed: its name could lie */
	assert_int_equal(insert_fd(fd, MIB), -EINVAL);
	seal(fd);
	assert_int_equal(insert_fd(fd, MIB - 1), -EINVAL);
	assert_int_equal(insert_fd(fd, UINT64_MAX), -EINVAL);
	assert_int_equal(insert_fd(fds[0], MIB), -EINVAL);
	assert_int_equal(insert_fd(file, MIB), -EINVAL);
	assert_int_equal(insert_fd(dir, 0), -EINVAL);
	assert_int_equal(insert_fd(sock, 0), -EINVAL);
	assert_int_equal(insert_fd(-1, 0), -EINVAL);
	/* Sizes that nothing in there has */
	assert_int_equal(keeper_claim(sock, nonce, tag, 0, &m), -ENOENT);
	assert_int_equal(keeper_claim(sock, nonce, tag, 9 * MIB, &m), -ENOENT);
	assert_int_equal(keeper_claim(sock, nonce, tag, UINT64_MAX, &m), -ENOENT);
	close(fds[0]);
	close(fds[1]);
	close(file);
	close(dir);
	close(fd);
	assert_int_equal(insert(1, MIB), 0);
	assert_int_equal(claim(1, MIB), 0);
}

/* What comes with a claim is left alone, and with a request that is answered nobody knows where. */
static void writes_nowhere(void **state)
{
	struct keeper_msg msg = { .type = KEEPER_CLAIM, .size = MIB };
	const struct iovec iov = { &msg, sizeof(msg) };
	int pair[2], fd = memory(MIB);

	(void)state;
	assert_int_equal(insert(1, MIB), 0);
	assert_int_equal(keeper_key(sock, nonce, msg.key), 0);
	memcpy(msg.nonce, nonce, sizeof(nonce));
	{
		uint8_t *data = bytes_of(1, MIB);
		struct possession *p = possession_begin(msg.key);

		assert_true(possession_add(p, data, MIB) && possession_end(p, msg.tag));
		free(data);
	}
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(fdpass_send(sock, &iov, 1, (int[]){ pair[1], fd }, 2, 0), sizeof(msg));
	assert_int_equal(recv(pair[0], &msg, sizeof(msg), 0), sizeof(msg));
	assert_int_equal(msg.status, 0);
	assert_fd_zero(fd, MIB);
	assert_int_equal(fdpass_send(sock, &iov, 1, &fd, 1, 0), sizeof(msg));
	keeper_begin(sock);
	keeper_drop(sock, 1);
	assert_int_equal(claim(1, MIB), 0);
	assert_fd_zero(fd, MIB);
	close(pair[0]);
	close(pair[1]);
	close(fd);
}

static void survives_nonsense(void **state)
{
	char junk[4096];

	(void)state;
	memset(junk, 0xa5, sizeof(junk));
	for (size_t len = 1; len <= sizeof(junk); len = len * 2 + 1)
		assert_int_equal(send(sock, junk, len, MSG_NOSIGNAL), len);
	assert_int_equal(insert(1, MIB), 0);
	assert_int_equal(claim(1, MIB), 0);
}

/* Any number of descriptors: no answer where they are too many, but the keeper goes on. */
static void survives_descriptors(void **state)
{
	struct keeper_msg msg = { .type = KEEPER_KEY };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	(void)state;
	for (unsigned int i = 0; i < 3000; i++)
		assert_int_equal(send_fds(sock, &msg, sizeof(msg), null, i % (SEND_FDS_MAX + 1),
					  (int)i % 4), sizeof(msg));
	close(null);
	assert_int_equal(insert(1, MIB), 0);
	assert_int_equal(claim(1, MIB), 0);
}

/* A keeper that was taken over. Its answers have descriptors, which nobody wants. */
static void *play_keeper(void *arg)
{
	int *real = arg, fds[KEEPER_MAX_FDS];
	struct keeper_msg msg;
	unsigned int nr;

	while (fdpass_recv(*real, (struct iovec){ &msg, sizeof(msg) }, fds, KEEPER_MAX_FDS, &nr, 0) > 0) {
		msg.status = 0;
		send_fds(fds[0], &msg, sizeof(msg), fds[0],
			 (unsigned int)msg.nonce[0] % (SEND_FDS_MAX + 1), msg.nonce[0] % 4);
		while (nr)
			close(fds[--nr]);
	}
	return NULL;
}

static void answers_bring_nothing(void **state)
{
	uint8_t key[POSSESSION_KEY_SIZE], other[KEEPER_NONCE_SIZE] = { 0 };
	unsigned int before;
	pthread_t thread;
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	before = send_fds_count();
	assert_int_equal(pthread_create(&thread, NULL, play_keeper, &pair[1]), 0);
	for (int i = 0; i < 3000; i++) {
		other[0] = (uint8_t)i;
		assert_int_equal(keeper_key(pair[0], other, key), 0);
	}
	/* The other thread may still have one. */
	shutdown(pair[0], SHUT_RDWR);
	pthread_join(thread, NULL);
	assert_int_equal(send_fds_count(), before);
	close(pair[0]);
	close(pair[1]);
}

/* The process that has the keeper's name: of this test alone, as it is nobody's child. */
static pid_t find_keeper(void)
{
	pid_t found = 0;
	DIR *proc = opendir("/proc");
	struct dirent *d;

	while ((d = readdir(proc))) {
		char file[300], name[32] = "", a[64] = "";
		FILE *f;

		snprintf(file, sizeof(file), "/proc/%s/comm", d->d_name);
		f = fopen(file, "re");
		if (!f)
			continue;
		if (fscanf(f, "%31s", name) != 1 || strcmp(name, "accel-keeper")) {
			fclose(f);
			continue;
		}
		fclose(f);
		/* Which of them? The one with our directory. */
		snprintf(file, sizeof(file), "/proc/%s/fd/3", d->d_name);
		if (readlink(file, a, sizeof(a) - 1) > 0 && !strcmp(a, path))
			found = atoi(d->d_name);
	}
	closedir(proc);
	return found;
}

/* Stops all threads of a process: a signal alone takes effect a little later. */
static void stop_process(pid_t pid)
{
	char path_of[300], state;
	bool running;

	assert_int_equal(kill(pid, SIGSTOP), 0);
	do {
		struct dirent *d;
		DIR *tasks;

		running = false;
		snprintf(path_of, sizeof(path_of), "/proc/%d/task", (int)pid);
		tasks = opendir(path_of);
		assert_non_null(tasks);
		while ((d = readdir(tasks))) {
			FILE *f;

			snprintf(path_of, sizeof(path_of), "/proc/%d/task/%s/stat", (int)pid, d->d_name);
			f = *d->d_name == '.' ? NULL : fopen(path_of, "re");
			if (!f)
				continue;
			running |= fscanf(f, "%*d %*s %c", &state) != 1 || state != 'T';
			fclose(f);
		}
		closedir(tasks);
		usleep(1000);
	} while (running);
}

static void *ask_stopped(void *arg)
{
	uint8_t key[POSSESSION_KEY_SIZE];

	*(int *)arg = keeper_key(sock, nonce, key);
	return NULL;
}

/* The last one: this process asks no keeper any more. */
static void may_be_stopped(void **state)
{
	pthread_t threads[2];
	int rets[2] = { 0, 0 };
	struct capture c;
	const char *text;
	pid_t pid = find_keeper();

	(void)state;
	if (!pid) {
		/* Where its descriptors cannot be read, another one that does not answer */
		close(sock);
		assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, rets), 0);
		sock = rets[0];
	} else {
		stop_process(pid);
	}
	assert_false(keeper_is_silent());
	capture_start(&c, STDERR_FILENO);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, ask_stopped, &rets[i]), 0);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	text = capture_end(&c);
	if (pid)
		assert_int_equal(kill(pid, SIGCONT), 0);
	assert_int_equal(rets[0], -ETIMEDOUT);
	assert_int_equal(rets[1], -ETIMEDOUT);
	assert_int_equal(count(text, "does not answer"), 1);
	assert_true(keeper_is_silent());
	/* Awake again, it is not asked. */
	assert_int_equal(insert(1, MIB), -ETIMEDOUT);
}

static void *hammer(void *arg)
{
	for (unsigned int i = 0; i < 12; i++) {
		unsigned int seed = ((unsigned int)(uintptr_t)arg + i) % 6;
		int ret = claim(seed, MIB);

		assert_true(ret == 0 || ret == -ENOENT);
		if (ret)
			assert_int_equal(insert(seed, MIB), 0);
	}
	return NULL;
}

static void serves_threads(void **state)
{
	pthread_t threads[8];

	(void)state;
	for (uintptr_t i = 0; i < 8; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, hammer, (void *)i), 0);
	for (int i = 0; i < 8; i++)
		pthread_join(threads[i], NULL);
}

static void may_be_gone(void **state)
{
	uint8_t key[POSSESSION_KEY_SIZE];
	int pair[2], real = sock;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	close(pair[1]);
	assert_int_not_equal(keeper_key(pair[0], nonce, key), 0);
	sock = pair[0];
	assert_int_not_equal(insert(1, MIB), 0);
	sock = real;
	close(pair[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(takes_little, start_ours, stop_ours),
		cmocka_unit_test_setup_teardown(keeps_and_gives, start, stop),
		cmocka_unit_test_setup_teardown(chooses_the_keys, start, stop),
		cmocka_unit_test_setup_teardown(takes_memory_only, start, stop),
		cmocka_unit_test_setup_teardown(writes_nowhere, start, stop),
		cmocka_unit_test_setup_teardown(survives_nonsense, start, stop),
		cmocka_unit_test_setup_teardown(serves_threads, start, stop),
		cmocka_unit_test_setup_teardown(may_be_gone, start, stop),
		cmocka_unit_test_setup_teardown(survives_descriptors, start, stop),
		cmocka_unit_test_setup_teardown(answers_bring_nothing, start, stop),
		cmocka_unit_test_setup_teardown(may_be_stopped, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
