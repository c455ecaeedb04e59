// SPDX-License-Identifier: Apache-2.0
/* Contents in memory: sealed, shared, kept within limits, given to those alone who hold them. */
#include "cache_util.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "content.h"
#include "fdpass.h"
#include "keeper_proto.h"
#include "util.h"

static struct content_cache *cache;
static struct content_challenge some_challenge;

static int start(void **state)
{
	(void)state;
	cache = content_cache_new(5 * MIB, -1);
	memcpy(some_challenge.key, some_key, sizeof(some_key));
	return cache ? 0 : -1;
}

static int stop(void **state)
{
	(void)state;
	content_cache_delete(cache);
	return 0;
}

/* A content that was uploaded and registered. */
static struct content *make(unsigned int seed, uint64_t size)
{
	struct content *c = content_new(cache, size);

	assert_non_null(c);
	assert_true(content_charge(cache, c));
	fill_fd(content_fd(c), seed, size);
	content_publish(cache, c);
	return c;
}

static int claim(unsigned int seed, uint64_t size, struct content **c)
{
	uint8_t tag[POSSESSION_TAG_SIZE];

	tag_of(seed, size, tag);
	*c = content_new(cache, size);
	assert_non_null(*c);
	return content_claim(cache, c, &some_challenge, tag);
}

static void expect_claim(unsigned int seed, uint64_t size, int result)
{
	struct content *c;

	assert_int_equal(claim(seed, size, &c), result);
	if (result)
		assert_fd_zero(content_fd(c), size);
	else
		assert_fd_has(content_fd(c), seed, size);
	content_put(cache, c);
}

/* A plugin gets the content by a path, and may be root. */
static void is_sealed(void **state)
{
	struct content *c = make(1, MIB);
	char path[64];
	int fd;

	(void)state;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", content_fd(c));
	fd = open(path, O_RDWR);
	if (fd >= 0) {
		assert_int_equal(write(fd, "changed", 7), -1);
		assert_int_equal(errno, EPERM);
		assert_int_equal(ftruncate(fd, 1), -1);
		assert_int_equal(ftruncate(fd, 2 * MIB), -1);
		assert_ptr_equal(mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0),
				 MAP_FAILED);
		close(fd);
	}
	/* A private mapping, as the library makes it, is the plugin's own. */
	fd = open(path, O_RDONLY);
	assert_true(fd >= 0);
	{
		char *map = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);

		assert_ptr_not_equal(map, MAP_FAILED);
		memset(map, 7, MIB);
		munmap(map, MIB);
	}
	close(fd);
	assert_fd_has(content_fd(c), 1, MIB);
	content_publish(cache, c);
	content_put(cache, c);
	expect_claim(1, MIB, 0);
}

static void only_for_holders(void **state)
{
	uint8_t tag[POSSESSION_TAG_SIZE];
	const struct content_challenge other_key = {.key = {1}};
	struct content *c = make(1, MIB), *claimed;

	(void)state;
	assert_true(content_may_claim(cache, MIB));
	assert_false(content_may_claim(cache, MIB - 1));
	expect_claim(1, MIB, 0);
	expect_claim(2, MIB, ENOENT);

	/* One bit of the tag, or another key than the one it was made with */
	for (unsigned int bit = 0; bit < 8 * sizeof(tag); bit++) {
		tag_of(1, MIB, tag);
		tag[bit / 8] ^= (uint8_t)(1u << bit % 8);
		claimed = content_new(cache, MIB);
		assert_int_equal(content_claim(cache, &claimed, &some_challenge, tag), ENOENT);
		content_put(cache, claimed);
	}
	tag_of(1, MIB, tag);
	claimed = content_new(cache, MIB);
	assert_int_equal(content_claim(cache, &claimed, &other_key, tag), ENOENT);
	assert_int_equal(content_claim(cache, &claimed, &some_challenge, tag), 0);
	/* It is the same memory. */
	assert_ptr_equal(claimed, c);
	content_put(cache, claimed);
	content_put(cache, c);

	/* What was not published is nobody's. */
	c = content_new(cache, 2 * MIB);
	fill_fd(content_fd(c), 3, 2 * MIB);
	assert_false(content_may_claim(cache, 2 * MIB));
	expect_claim(3, 2 * MIB, ENOENT);
	content_put(cache, c);
	expect_claim(3, 2 * MIB, ENOENT);
}

static void keeps_the_last_used(void **state)
{
	struct content *used, *other;

	(void)state;
	assert_int_equal(content_kept(cache), 0);
	used = make(9, MIB);
	assert_int_equal(content_kept(cache), 0);
	for (unsigned int seed = 0; seed < 4; seed++)
		content_put(cache, make(seed, MIB));
	assert_int_equal(content_kept(cache), 4 * MIB);
	expect_claim(0, MIB, 0);
	content_put(cache, make(4, MIB));
	assert_int_equal(content_kept(cache), 4 * MIB);
	expect_claim(0, MIB, 0);
	expect_claim(1, MIB, ENOENT);
	expect_claim(2, MIB, 0);

	content_limit(cache, 2 * MIB);
	assert_int_equal(content_kept(cache), 2 * MIB);
	expect_claim(2, MIB, 0);
	expect_claim(0, MIB, 0);
	expect_claim(3, MIB, ENOENT);
	/* What is in use is not dropped, whatever the limit is. */
	content_limit(cache, 0);
	assert_int_equal(content_kept(cache), 0);
	expect_claim(0, MIB, ENOENT);
	expect_claim(9, MIB, 0);
	content_put(cache, used);
	assert_int_equal(content_kept(cache), MIB);

	/* What is kept makes room, what is used does not. */
	used = make(5, 3 * MIB);
	assert_int_equal(content_kept(cache), MIB);
	other = content_new(cache, 5 * MIB);
	assert_non_null(other);
	assert_false(content_charge(cache, other));
	content_put(cache, other);
	assert_int_equal(content_kept(cache), 0);
	content_put(cache, make(6, 2 * MIB));
	content_put(cache, used);
	assert_int_equal(content_kept(cache), 5 * MIB);
	content_put(cache, make(7, 5 * MIB));
	assert_int_equal(content_kept(cache), 5 * MIB);
	assert_false(content_may_claim(cache, 3 * MIB));
	expect_claim(7, 5 * MIB, 0);
	assert_null(content_new(cache, 6 * MIB));
}

static void has_limits(void **state)
{
	static struct content *all[1000];
	struct content_cache *none = content_cache_new(0, -1);
	unsigned int nr = 0;

	(void)state;
	while (nr < 1000 && (all[nr] = content_new(cache, MIB)))
		nr++;
	assert_int_equal(nr, 256);
	content_put(cache, all[--nr]);
	all[nr] = content_new(cache, MIB);
	assert_non_null(all[nr++]);
	while (nr)
		content_put(cache, all[--nr]);
	assert_null(content_new(cache, 0));
	assert_null(content_new(cache, UINT64_MAX));

	assert_non_null(none);
	assert_null(content_new(none, MIB));
	assert_false(content_may_claim(none, MIB));
	content_cache_delete(none);
}

static void *hammer(void *arg)
{
	unsigned int x = (unsigned int)(uintptr_t)arg;

	for (int i = 0; i < 60; i++) {
		unsigned int seed = (x = x * 1103515245u + 12345u) >> 16 & 7;
		struct content *c;

		if (claim(seed, MIB, &c)) {
			/* What others look at cannot make room at this moment. */
			if (!content_charge(cache, c)) {
				content_put(cache, c);
				continue;
			}
			fill_fd(content_fd(c), seed, MIB);
			content_publish(cache, c);
		}
		assert_fd_has(content_fd(c), seed, MIB);
		content_put(cache, c);
		assert_true(content_kept(cache) <= 5 * MIB);
	}
	return NULL;
}

static void serves_threads(void **state)
{
	pthread_t threads[4];

	(void)state;
	for (uintptr_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, hammer, (void *)(i + 1)), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	assert_true(content_kept(cache) <= 5 * MIB);
}

/* ---- Keepers that do not do their work ------------------------------------------------------ */

static int keeper; /* its end of the socket */

static int start_with_keeper(void **state)
{
	int socks[2];

	(void)state;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, socks))
		return -1;
	keeper = socks[1];
	cache = content_cache_new(5 * MIB, socks[0]);
	memcpy(some_challenge.key, some_key, sizeof(some_key));
	return cache ? 0 : -1;
}

/* Receives a request. Return: the descriptor that came with it, or -1; *answer: the one for the answer */
static int take_request(struct keeper_msg *msg, int *answer)
{
	unsigned int nr;
	int fds[KEEPER_MAX_FDS];

	assert_int_equal(fdpass_recv(keeper, (struct iovec){ msg, sizeof(*msg) }, fds,
				     KEEPER_MAX_FDS, &nr, 0), sizeof(*msg));
	*answer = fds[0];
	return fds[1];
}

/* Refuses so many requests. */
static void *refuse(void *arg)
{
	struct keeper_msg msg;
	int answer, fd;

	for (uintptr_t n = (uintptr_t)arg; n; n--) {
		fd = take_request(&msg, &answer);
		msg.status = -ENOSPC;
		(void)!send(answer, &msg, sizeof(msg), MSG_NOSIGNAL);
		close(answer);
		if (fd >= 0)
			close(fd);
	}
	return NULL;
}

/* The models work, they are only not kept; and the log says so once. */
static void keeper_refuses(void **state)
{
	struct content_challenge ch;
	static struct capture log;
	struct content *c[2];
	const char *said;
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, refuse, (void *)4), 0);
	capture_start(&log, STDERR_FILENO);
	for (unsigned int i = 0; i < 2; i++) {
		c[i] = make(i + 1, MIB);
		assert_fd_has(content_fd(c[i]), i + 1, MIB);
	}
	said = capture_end(&log);
	assert_non_null(strstr(said, "not put into the cache directory: No space left"));
	assert_null(strstr(strstr(said, "No space left") + 1, "No space left"));
	/* The guest is told, and sends what it has; what somebody uses is shared without it. */
	assert_int_equal(content_challenge(cache, MIB, &ch), EIO);
	expect_claim(3, MIB, ENOSPC);
	pthread_join(thread, NULL);
	expect_claim(1, MIB, 0);
	content_put(cache, c[0]);
	content_put(cache, c[1]);
	close(keeper);
}

static void keeper_is_dead(void **state)
{
	struct content_challenge ch;
	struct content *c;

	(void)state;
	close(keeper);
	c = make(1, MIB);
	assert_int_equal(content_challenge(cache, MIB, &ch), EIO);
	expect_claim(1, MIB, 0);
	expect_claim(2, MIB, EPIPE);
	content_put(cache, c);
}

/* ---- Keepers that give memory --------------------------------------------------------------- */

static int sealed_memory(unsigned int seed, uint64_t size, int seals)
{
	int fd = memfd_create("given", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	fill_fd(fd, seed, size);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

/* The answers to come, in order, and what is asked without one */
static struct given {
	int status, fd; /* -1: none */
	uint64_t id;
} given[8];
static uint64_t dropped[8];
static unsigned int nr_dropped;

static void *give(void *arg)
{
	struct keeper_msg msg;
	int answer, fd;

	for (uintptr_t nr = (uintptr_t)arg, i = 0; i < nr;) {
		const struct iovec iov = { &msg, sizeof(msg) };

		fd = take_request(&msg, &answer);
		if (msg.type == KEEPER_DROP) {
			assert_int_equal(answer, -1);
			dropped[nr_dropped++] = msg.id;
			continue;
		}
		msg.status = given[i].status;
		msg.id = given[i].id;
		assert_int_equal(fdpass_send(answer, &iov, 1, &given[i].fd, given[i].fd >= 0, 0), sizeof(msg));
		close(answer);
		if (fd >= 0)
			close(fd);
		i++;
	}
	return NULL;
}

static void start_giving(pthread_t *thread, uintptr_t nr)
{
	assert_int_equal(pthread_create(thread, NULL, give, (void *)nr), 0);
}

static void expect_drop(uint64_t id)
{
	struct keeper_msg msg;
	int answer;

	assert_int_equal(take_request(&msg, &answer), -1);
	assert_int_equal(msg.type, KEEPER_DROP);
	assert_int_equal(msg.id, id);
}

static ino_t inode(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return st.st_ino;
}

/* What others have, too, takes the place of what this guest sent, under the same number. */
static void keeper_gives_memory(void **state)
{
	const int seals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
	struct content *c[3];
	pthread_t thread;
	int fd, number;

	(void)state;
	given[0] = (struct given){ 0, sealed_memory(1, MIB, seals), 11 };
	given[1] = (struct given){ -ENOSPC, sealed_memory(2, MIB, seals), 12 };
	given[2] = (struct given){ 0, sealed_memory(3, MIB, seals), 13 };
	start_giving(&thread, 3);
	for (unsigned int i = 0; i < 2; i++) {
		c[i] = content_new(cache, MIB);
		assert_non_null(c[i]);
		assert_true(content_charge(cache, c[i]));
		fill_fd(content_fd(c[i]), i + 1, MIB);
		number = content_fd(c[i]);
		content_publish(cache, c[i]);
		content_publish(cache, c[i]);
		fd = content_fd(c[i]);
		assert_int_equal(fd, number);
		assert_int_equal(inode(fd), inode(given[i].fd));
		assert_fd_has(fd, i + 1, MIB);
	}
	assert_int_equal(claim(3, MIB, &c[2]), 0);
	assert_int_equal(inode(content_fd(c[2])), inode(given[2].fd));
	pthread_join(thread, NULL);
	assert_int_equal(nr_dropped, 0);
	/* Each is given back when nobody uses it, and not before. */
	expect_claim(1, MIB, 0);
	content_put(cache, c[1]);
	expect_drop(12);
	content_put(cache, c[2]);
	expect_drop(13);
	content_put(cache, c[0]);
	expect_drop(11);
	for (int i = 0; i < 3; i++)
		close(given[i].fd);
	close(keeper);
}

/* A keeper that was taken over gives memory that may change, of another size, or none at all. */
static void keeper_gives_nonsense(void **state)
{
	const int seals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW;
	struct content *c;
	pthread_t thread;
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	given[0] = (struct given){ 0, sealed_memory(1, MIB, F_SEAL_GROW | F_SEAL_SHRINK), 1 };
	given[1] = (struct given){ 0, sealed_memory(1, MIB + 1, seals), 2 };
	given[2] = (struct given){ 0, fds[0], 3 };
	given[3] = given[0];
	given[4] = (struct given){ 0, -1, 4 };
	start_giving(&thread, 5);
	for (int i = 0; i < 3; i++) {
		c = make(1, MIB);
		assert_int_not_equal(inode(content_fd(c)), inode(given[i].fd));
		assert_fd_has(content_fd(c), 1, MIB);
		content_put(cache, c);
	}
	for (int i = 0; i < 2; i++)
		expect_claim(1, MIB, EPROTO);
	pthread_join(thread, NULL);
	assert_int_equal(nr_dropped, 0);
	close(given[0].fd);
	close(given[1].fd);
	close(fds[0]);
	close(fds[1]);
	close(keeper);
}

/* It never answers: after a while the guest sends what it has, into the memory that it has had. */
static void keeper_is_silent_for_ever(void **state)
{
	struct content_challenge ch;
	struct keeper_msg msg;
	struct content *c;
	int answer;

	(void)state;
	assert_int_equal(claim(1, MIB, &c), ENOENT);
	assert_int_equal(take_request(&msg, &answer), -1);
	assert_int_equal(msg.type, KEEPER_CLAIM);
	assert_fd_zero(content_fd(c), MIB);
	fill_fd(content_fd(c), 1, MIB);
	content_publish(cache, c);
	assert_fd_has(content_fd(c), 1, MIB);
	content_put(cache, c);
	close(answer);
	/* From here on nobody waits for it. */
	assert_int_equal(content_challenge(cache, MIB, &ch), 0);
	expect_claim(1, MIB, 0);
	expect_claim(2, MIB, ENOENT);
	close(keeper);
}

/* ---- No memory ------------------------------------------------------------------------------- */

static bool fail_memfd;

int __real_memfd_create(const char *name, unsigned int flags);
int __wrap_memfd_create(const char *name, unsigned int flags);

int __wrap_memfd_create(const char *name, unsigned int flags)
{
	errno = EMFILE;
	return fail_memfd ? -1 : __real_memfd_create(name, flags);
}

/* Such a file is none of ours, and takes none of the places. */
static void no_memory(void **state)
{
	struct content *c;

	(void)state;
	fail_memfd = true;
	for (int i = 0; i < 100000; i++)
		assert_null(content_new(cache, MIB));
	fail_memfd = false;
	c = make(1, MIB);
	content_put(cache, c);
	assert_int_equal(content_kept(cache), MIB);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(is_sealed, start, stop),
		cmocka_unit_test_setup_teardown(only_for_holders, start, stop),
		cmocka_unit_test_setup_teardown(keeps_the_last_used, start, stop),
		cmocka_unit_test_setup_teardown(has_limits, start, stop),
		cmocka_unit_test_setup_teardown(serves_threads, start, stop),
		cmocka_unit_test_setup_teardown(no_memory, start, stop),
		cmocka_unit_test_setup_teardown(keeper_refuses, start_with_keeper, stop),
		cmocka_unit_test_setup_teardown(keeper_is_dead, start_with_keeper, stop),
		cmocka_unit_test_setup_teardown(keeper_gives_memory, start_with_keeper, stop),
		cmocka_unit_test_setup_teardown(keeper_gives_nonsense, start_with_keeper, stop),
		/* The last one: a keeper that was silent once is never asked again. */
		cmocka_unit_test_setup_teardown(keeper_is_silent_for_ever, start_with_keeper, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
