// SPDX-License-Identifier: Apache-2.0
#include "keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cache_dir.h"
#include "fdpass.h"
#include "helper.h"
#include "keeper_proto.h"
#include "sandbox.h"
#include "shared.h"
#include "store_client.h"
#include "streams.h"

/* Requests at a time; most of each is reading and hashing. */
#define NR_THREADS 4
/* Less than what files are read by, see bytes.c */
#define MMAP_BYTES (32 << 10)

static struct {
	int sock;
	int dir;
	uint64_t max_bytes;
	uint8_t secret[32]; /* keys are made from it and the nonces */
} keeper;

static int make_key(const uint8_t *nonce, uint8_t *key)
{
	unsigned int len = POSSESSION_KEY_SIZE;

	_Static_assert(POSSESSION_KEY_SIZE == 32, "a key is a SHA-256");
	return HMAC(EVP_sha256(), keeper.secret, sizeof(keeper.secret), nonce, KEEPER_NONCE_SIZE,
		    key, &len) ? 0 : -EIO;
}

/* Only memory of the announced size: reading anything else could take for ever. */
static int check_memory(int fd, uint64_t size, int seals)
{
	int has = fd < 0 ? -1 : fcntl(fd, F_GET_SEALS);
	struct stat st;

	if (has < 0 || (has & seals) != seals || fstat(fd, &st) || (uint64_t)st.st_size != size)
		return -EINVAL;
	return 0;
}

/* What the worker has written is kept, and it gets what other clients have of it, if there is a store. */
static int insert(int fd, uint64_t size, struct shared *to)
{
	int ret = check_memory(fd, size, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW);

	if (ret)
		return ret;
	(void)shared_insert(fd, size, to);
	return cache_dir_insert(keeper.dir, keeper.max_bytes, fd, size);
}

/* From memory that other clients use, else from the directory */
static int claim(const struct keeper_msg *msg, struct shared *to)
{
	uint8_t key[POSSESSION_KEY_SIZE];
	int ret = make_key(msg->nonce, key), fd;

	if (!ret && (msg->size < 1 || msg->size > keeper.max_bytes || msg->size > INT64_MAX))
		ret = -ENOENT;
	if (ret || !shared_claim(key, msg->tag, msg->size, to))
		return ret;
	fd = shared_make(msg->size);
	if (fd < 0)
		return fd;
	ret = cache_dir_claim(keeper.dir, key, msg->tag, fd, msg->size);
	if (!ret)
		return shared_finish(fd, msg->size, to);
	close(fd);
	return ret;
}

static int handle(struct keeper_msg *msg, int fd, struct shared *to)
{
	switch (msg->type) {
	case KEEPER_KEY:
		return make_key(msg->nonce, msg->key);
	case KEEPER_INSERT:
		return insert(fd, msg->size, to);
	case KEEPER_CLAIM:
		return claim(msg, to);
	}
	return -ENOTSUP;
}

/* Nobody gets the answer where the worker has died or given up: then nobody uses what is in it. */
static void answer(int sock, struct keeper_msg *msg, const struct shared *to)
{
	const struct iovec iov = { msg, sizeof(*msg) };
	ssize_t n;

	msg->id = to->id;
	n = fdpass_send(sock, &iov, 1, &to->fd, to->fd >= 0, MSG_DONTWAIT);
	if (n != sizeof(*msg) && to->id)
		store_drop(to->id);
}

/* Receives and answers one request. Return: false when there will be none any more. */
static bool serve(void)
{
	struct shared to = { .fd = -1 };
	struct keeper_msg msg;
	int fds[KEEPER_MAX_FDS];
	unsigned int nr_fds;
	ssize_t n = fdpass_recv(keeper.sock, (struct iovec){ &msg, sizeof(msg) }, fds,
				KEEPER_MAX_FDS, &nr_fds, 0);

	/* Who sends too much, or too little, gets no answer. */
	if (n < 0)
		return n == -EPROTO || n == -EMFILE || n == -ENOMEM;
	if (n == 0)
		return false;
	if (n == sizeof(msg) && fds[0] >= 0) {
		msg.status = handle(&msg, fds[1], &to);
		answer(fds[0], &msg, &to);
	} else if (n == sizeof(msg) && msg.type == KEEPER_DROP) {
		store_drop(msg.id);
	} else if (n == sizeof(msg) && msg.type == KEEPER_BEGIN) {
		store_drop_all();
	}
	if (to.fd >= 0)
		close(to.fd);
	for (int i = 0; i < KEEPER_MAX_FDS; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	return true;
}

static void *serve_all(void *arg)
{
	(void)arg;
	while (serve())
		;
	return NULL;
}

/* A copy that is in nobody's way */
static int move_up(int fd)
{
	return fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 6);
}

struct task {
	int dir;
	int store; /* may be -1 */
};

/* In the new process: nothing of the supervisor's but the directory and the sockets. */
static void run(int sock, void *arg)
{
	const struct task *task = arg;
	int dir = move_up(task->dir), store = move_up(task->store);
	pthread_t threads[NR_THREADS - 1];
	unsigned int nr_threads = 0;
	sigset_t all;

	sock = move_up(sock);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	if (streams_detach() || dup2(dir, 3) < 0 || dup2(sock, 4) < 0 ||
	    (store >= 0 && dup2(store, 5) < 0))
		_exit(1);
	syscall(SYS_close_range, 5 + (store >= 0), ~0u, 0);
	store_connect(store >= 0 ? 5 : -1);
	keeper.dir = 3;
	keeper.sock = 4;
	prctl(PR_SET_NAME, "accel-keeper");
	sandbox_keeper(keeper.dir);
	/* What threads free is no thread's to keep, and large buffers are the kernel's again. */
	mallopt(M_ARENA_MAX, 1);
	mallopt(M_MMAP_THRESHOLD, MMAP_BYTES);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	while (nr_threads < NR_THREADS - 1 &&
	       !pthread_create(&threads[nr_threads], NULL, serve_all, NULL))
		nr_threads++;
	serve_all(NULL);
	/* What the others have begun to write is written. */
	while (nr_threads > 0)
		pthread_join(threads[--nr_threads], NULL);
	_exit(0);
}

void keeper_prepare(void)
{
	static const uint8_t zeros[KEEPER_NONCE_SIZE + POSSESSION_KEY_SIZE];
	uint8_t out[POSSESSION_KEY_SIZE + POSSESSION_TAG_SIZE];
	struct possession *p;

	if (make_key(zeros, out))
		return;
	p = possession_begin(out);
	if (p)
		possession_end(p, out);
}

int keeper_start(int dir, uint64_t max_bytes, int store)
{
	struct task task = { dir, store };
	int ret;

	keeper.max_bytes = max_bytes;
	if (getrandom(keeper.secret, sizeof(keeper.secret), 0) != sizeof(keeper.secret))
		return -EIO;
	ret = helper_start(run, &task);
	memset(keeper.secret, 0, sizeof(keeper.secret));
	return ret;
}
