// SPDX-License-Identifier: Apache-2.0
#include "keeper.h"

#include <errno.h>
#include <fcntl.h>
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
#include <sys/wait.h>
#include <unistd.h>

#include "cache_dir.h"
#include "fdpass.h"
#include "keeper_proto.h"
#include "sandbox.h"
#include "streams.h"

/* Requests at a time; most of each is reading and hashing. */
#define NR_THREADS 4

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

static int handle(struct keeper_msg *msg, int fd)
{
	uint8_t key[POSSESSION_KEY_SIZE];
	int ret;

	switch (msg->type) {
	case KEEPER_KEY:
		return make_key(msg->nonce, msg->key);
	case KEEPER_INSERT:
		ret = check_memory(fd, msg->size, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW);
		return ret ? ret : cache_dir_insert(keeper.dir, keeper.max_bytes, fd, msg->size);
	case KEEPER_CLAIM:
		ret = check_memory(fd, msg->size, 0);
		if (!ret)
			ret = make_key(msg->nonce, key);
		return ret ? ret : cache_dir_claim(keeper.dir, key, msg->tag, fd, msg->size);
	}
	return -ENOTSUP;
}

/* Receives and answers one request. Return: false when there will be none any more. */
static bool serve(void)
{
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
		msg.status = handle(&msg, fds[1]);
		send(fds[0], &msg, sizeof(msg), MSG_NOSIGNAL | MSG_DONTWAIT);
	}
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

/* In the new process: nothing of the supervisor's but the directory and the socket. */
static void run(int dir, int sock)
{
	pthread_t threads[NR_THREADS - 1];
	unsigned int nr_threads = 0;
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	if (streams_detach() || dup2(dir, 3) < 0 || dup2(sock, 4) < 0)
		_exit(1);
	syscall(SYS_close_range, 5, ~0u, 0);
	keeper.dir = 3;
	keeper.sock = 4;
	prctl(PR_SET_NAME, "accel-keeper");
	sandbox_keeper(keeper.dir);
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

int keeper_start(int dir, uint64_t max_bytes)
{
	int socks[2], ret, high_dir, high_sock;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, socks))
		return -errno;
	keeper.max_bytes = max_bytes;
	if (getrandom(keeper.secret, sizeof(keeper.secret), 0) != sizeof(keeper.secret)) {
		ret = -EIO;
		goto fail;
	}
	fflush(NULL);
	/* A child of nobody: the supervisor waits for its worker alone. */
	pid = fork();
	if (pid == 0) {
		if (fork() != 0)
			_exit(0);
		high_dir = fcntl(dir, F_DUPFD_CLOEXEC, 5);
		high_sock = fcntl(socks[1], F_DUPFD_CLOEXEC, 5);
		run(high_dir, high_sock);
	}
	ret = pid < 0 ? -errno : 0;
	memset(keeper.secret, 0, sizeof(keeper.secret));
	if (ret)
		goto fail;
	waitpid(pid, NULL, 0);
	close(socks[1]);
	return socks[0];
fail:
	close(socks[0]);
	close(socks[1]);
	return ret;
}
