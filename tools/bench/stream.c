// SPDX-License-Identifier: Apache-2.0
/*
 * Comparators that move N bytes there and back: a unix socket to a child, vsock to a server on the
 * host, and memcpy. A connection begins with N; then each message is answered by itself, once it has
 * arrived as a whole, as an operation's arguments do.
 */
#include "bench-tool.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include <linux/vm_sockets.h>

#include "bench.h"

#define MAX_MESSAGE (UINT64_C(1) << 32)
/* Receive buffer of a vsock connection: what Linux takes by default, in bytes */
#define MIN_ROOM    (UINT64_C(256) << 10)

struct stream_side {
	struct side side;
	uint64_t size;
	unsigned char *in, *out;
	int fd;
	pid_t child;
};

static int write_all(int fd, const void *buf, size_t len)
{
	const char *p = buf;

	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Return: 0, an errno value, or ENODATA at the end. */
static int read_all(int fd, void *buf, size_t len)
{
	char *p = buf;

	while (len) {
		ssize_t n = read(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno;
		if (n == 0)
			return ENODATA;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

static void serve_connection(int fd)
{
	uint64_t size;
	void *buf;

	if (read_all(fd, &size, sizeof(size)) || !size || size > MAX_MESSAGE)
		return;
	buf = malloc(size);
	if (!buf)
		return;
	memset(buf, 1, size);
	while (!read_all(fd, buf, size) && !write_all(fd, buf, size))
		;
	free(buf);
}

static int stream_run(struct side *s, unsigned int nr, uint64_t *ns, size_t *made)
{
	struct stream_side *ss = (struct stream_side *)s;
	int err;

	for (unsigned int i = 0; i < nr; i++) {
		uint64_t start = now_ns();

		err = write_all(ss->fd, ss->in, ss->size);
		if (!err)
			err = read_all(ss->fd, ss->out, ss->size);
		if (err)
			return err;
		ns[i] = now_ns() - start;
	}
	*made = nr;
	return 0;
}

static void stream_prepare(struct side *s, uint64_t seed)
{
	struct stream_side *ss = (struct stream_side *)s;

	bench_fill(ss->in, ss->size, seed);
}

static bool stream_verify(struct side *s, uint64_t seed)
{
	struct stream_side *ss = (struct stream_side *)s;

	return bench_check(ss->out, ss->size, seed) == ss->size;
}

static void stream_close(struct side *s)
{
	struct stream_side *ss = (struct stream_side *)s;

	if (ss->fd >= 0) {
		/* Children of other comparators have the descriptor, too. */
		shutdown(ss->fd, SHUT_RDWR);
		close(ss->fd);
	}
	if (ss->child > 0)
		waitpid(ss->child, NULL, 0);
	free(ss->in);
	free(ss->out);
	free(ss);
}

static struct stream_side *stream_new(enum peer peer, uint64_t size)
{
	struct stream_side *ss = bench_alloc(sizeof(*ss));

	ss->side = (struct side){
		.name = peer_names[peer],
		.threads = 1,
		.run = stream_run,
		.prepare = stream_prepare,
		.verify = stream_verify,
		.close = stream_close,
	};
	ss->size = size;
	ss->fd = -1;
	ss->in = bench_data(size);
	ss->out = bench_data(size);
	memset(ss->in, 1, size);
	memset(ss->out, 1, size);
	return ss;
}

struct side *side_unix(uint64_t size, const int cpus[2])
{
	struct stream_side *ss = stream_new(PEER_UNIX, size);
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		bench_die(EX_OSERR, "cannot make a socket: %s", strerror(errno));
	ss->child = fork();
	if (ss->child < 0)
		bench_die(EX_OSERR, "cannot start a process: %s", strerror(errno));
	if (!ss->child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(pair[0]);
		pin_to(cpus[1]);
		serve_connection(pair[1]);
		_exit(0);
	}
	close(pair[1]);
	ss->fd = pair[0];
	if (write_all(ss->fd, &size, sizeof(size)))
		bench_die(EX_OSERR, "the socket's other end is gone");
	return &ss->side;
}

struct side *side_vsock(uint64_t size, unsigned int cid, unsigned int port)
{
	struct sockaddr_vm addr = {
		.svm_family = AF_VSOCK, .svm_cid = cid, .svm_port = port,
	};
	struct stream_side *ss = stream_new(PEER_VSOCK, size);
	/* Room for a whole message, so that neither end waits for credit within one */
	uint64_t room = 2 * size < MIN_ROOM ? MIN_ROOM : 2 * size;

	ss->fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (ss->fd >= 0) {
		setsockopt(ss->fd, AF_VSOCK, SO_VM_SOCKETS_BUFFER_MAX_SIZE, &room, sizeof(room));
		setsockopt(ss->fd, AF_VSOCK, SO_VM_SOCKETS_BUFFER_SIZE, &room, sizeof(room));
	}
	if (ss->fd < 0 || connect(ss->fd, (struct sockaddr *)&addr, sizeof(addr)) ||
	    write_all(ss->fd, &size, sizeof(size)))
		bench_die(EX_UNAVAILABLE,
			  "no vsock connection to %u:%u: %s; on the host run vhost-device-vsock, and "
			  "vaccel-bench --serve on its socket for port %u", cid, port,
			  strerror(errno), port);
	return &ss->side;
}

/* ---- The server ----------------------------------------------------------------------------- */

static void *serve_thread(void *arg)
{
	int fd = (int)(intptr_t)arg;

	serve_connection(fd);
	close(fd);
	return NULL;
}

void stream_serve(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int listener, fd;

	if (strlen(path) >= sizeof(addr.sun_path))
		bench_die(EX_USAGE, "--serve: the path is too long");
	strcpy(addr.sun_path, path);
	signal(SIGPIPE, SIG_IGN);
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener < 0 || bind(listener, (struct sockaddr *)&addr, sizeof(addr)) ||
	    listen(listener, 16))
		bench_die(EX_CANTCREAT, "cannot listen on %s: %s", path, strerror(errno));
	for (;;) {
		pthread_t thread;

		fd = accept(listener, NULL, NULL);
		if (fd < 0 && errno != EINTR && errno != ECONNABORTED)
			bench_die(EX_OSERR, "cannot accept a connection: %s", strerror(errno));
		if (fd < 0)
			continue;
		if (pthread_create(&thread, NULL, serve_thread, (void *)(intptr_t)fd))
			close(fd);
		else
			pthread_detach(thread);
	}
}

/* ---- memcpy --------------------------------------------------------------------------------- */

static int memcpy_run(struct side *s, unsigned int nr, uint64_t *ns, size_t *made)
{
	struct stream_side *ss = (struct stream_side *)s;

	for (unsigned int i = 0; i < nr; i++) {
		uint64_t start = now_ns();

		memcpy(ss->out, ss->in, ss->size);
		__asm__ volatile("" : : "r"(ss->out) : "memory");
		ns[i] = now_ns() - start;
	}
	*made = nr;
	return 0;
}

struct side *side_memcpy(uint64_t size)
{
	struct stream_side *ss = stream_new(PEER_MEMCPY, size);

	ss->side.run = memcpy_run;
	return &ss->side;
}
