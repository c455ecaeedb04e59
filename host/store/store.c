// SPDX-License-Identifier: Apache-2.0
#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fdpass.h"
#include "helper.h"
#include "sandbox.h"
#include "store_proto.h"
#include "streams.h"
#include "uapi/linux/virtio_accel.h"

/* Descriptors: of memories, which clients hold, and of clients */
#define MAX_FILES 65536
#define ALL_SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

/* What tells files, and directories, apart. */
struct place {
	dev_t dev;
	ino_t ino;
};

/* A memory that clients hold */
struct memory {
	struct memory *next; /* the newest first */
	uint64_t id, time, size;
	struct place file, dir;
	int fd;
	unsigned int users;
};

/* A client */
struct holder {
	int sock;
	struct place dir;
	uint64_t max_bytes, bytes;
	unsigned int nr;
	struct memory *holds[STORE_MAX_HOLDS];
};

static struct {
	int door; /* -1: nobody comes any more */
	uint64_t time;
	struct memory *memories;
	struct holder **holders;
	unsigned int nr_holders;
	struct pollfd *fds; /* one for the door, and for each holder */
} store;

static bool is_same(const struct place *a, const struct place *b)
{
	return a->dev == b->dev && a->ino == b->ino;
}

/* ---- Memories ------------------------------------------------------------------------------- */

static void drop(struct holder *h, unsigned int hold)
{
	struct memory *m = h->holds[hold], **link = &store.memories;

	h->holds[hold] = h->holds[--h->nr];
	h->bytes -= m->size;
	if (--m->users)
		return;
	while (*link != m)
		link = &(*link)->next;
	*link = m->next;
	close(m->fd);
	free(m);
}

static void drop_all(struct holder *h)
{
	while (h->nr)
		drop(h, h->nr - 1);
}

/* Those of a size that the holder may know of: who has most users comes first, then the newest. */
static struct memory *find(const struct holder *h, uint64_t size, uint32_t index)
{
	struct memory *best[STORE_TRIES];
	unsigned int nr = 0, at;

	for (struct memory *m = store.memories; m; m = m->next) {
		if (m->size != size || !is_same(&m->dir, &h->dir))
			continue;
		for (at = nr; at && best[at - 1]->users < m->users; at--)
			;
		if (at == STORE_TRIES)
			continue;
		nr += nr < STORE_TRIES;
		memmove(&best[at + 1], &best[at], (nr - at - 1) * sizeof(best[0]));
		best[at] = m;
	}
	return index < nr ? best[index] : NULL;
}

/* Whether nobody can change it any more. */
static bool is_memory(int fd, uint64_t size, struct place *file)
{
	int seals = fd < 0 ? -1 : fcntl(fd, F_GET_SEALS);
	struct stat st;

	if (seals < 0 || (seals & ALL_SEALS) != ALL_SEALS || fstat(fd, &st) || (uint64_t)st.st_size != size)
		return false;
	*file = (struct place){ st.st_dev, st.st_ino };
	return true;
}

/* Takes over the descriptor if it is kept. */
static int hold(struct holder *h, struct store_msg *msg, int *fd)
{
	struct memory *m = store.memories;
	struct place file;
	bool is_late = false;

	if (msg->size < VIRTIO_ACCEL_CACHE_MIN || !is_memory(*fd, msg->size, &file))
		return -EINVAL;
	if (h->nr == STORE_MAX_HOLDS || h->bytes > h->max_bytes || msg->size > h->max_bytes - h->bytes)
		return -EDQUOT;
	for (; m && !(is_same(&m->file, &file) && is_same(&m->dir, &h->dir)); m = m->next)
		is_late |= m->size == msg->size && is_same(&m->dir, &h->dir) && m->time > msg->time;
	if (!m && is_late)
		return -EAGAIN;
	if (!m) {
		m = calloc(1, sizeof(*m));
		if (!m)
			return -ENOMEM;
		*m = (struct memory){ .next = store.memories, .id = ++store.time, .time = store.time,
				      .size = msg->size, .file = file, .dir = h->dir, .fd = *fd };
		store.memories = m;
		*fd = -1;
	}
	m->users++;
	h->holds[h->nr++] = m;
	h->bytes += m->size;
	msg->id = m->id;
	return 0;
}

static void drop_id(struct holder *h, uint64_t id)
{
	for (unsigned int i = 0; i < h->nr; i++) {
		if (h->holds[i]->id == id) {
			drop(h, i);
			return;
		}
	}
}

/* ---- Requests ------------------------------------------------------------------------------- */

/* @fd: what came with it, if anything; taken over if it is set to -1. @give: receives what goes back, or -1 */
static int handle(struct holder *h, struct store_msg *msg, int *fd, int *give)
{
	struct memory *m;

	switch (msg->type) {
	case STORE_FIND:
		m = find(h, msg->size, msg->index);
		msg->time = store.time;
		if (m)
			*give = m->fd;
		return m ? 0 : -ENOENT;
	case STORE_HOLD:
		return hold(h, msg, fd);
	case STORE_DROP:
		drop_id(h, msg->id);
		return 0;
	case STORE_DROP_ALL:
		drop_all(h);
		return 0;
	}
	return -ENOTSUP;
}

/* Return: false when the holder has gone, or does not take its answers. */
static bool serve(struct holder *h)
{
	struct store_msg msg = { 0 };
	const struct iovec iov = { &msg, sizeof(msg) };
	unsigned int nr;
	int fd, give = -1;
	ssize_t n = fdpass_recv(h->sock, iov, &fd, 1, &nr, MSG_DONTWAIT), sent;

	if (n == -EAGAIN)
		return true;
	/* Without a descriptor left for what came */
	if (n == -EPROTO)
		msg.status = -EMFILE;
	else if (n != sizeof(msg))
		msg.status = -EINVAL;
	else
		msg.status = handle(h, &msg, &fd, &give);
	if (fd >= 0)
		close(fd);
	if (n == 0 || (n < 0 && n != -EPROTO))
		return false;
	sent = fdpass_send(h->sock, &iov, 1, &give, give >= 0, MSG_DONTWAIT);
	return sent == sizeof(msg);
}

/* ---- Clients -------------------------------------------------------------------------------- */

static bool make_room(void)
{
	unsigned int nr = store.nr_holders + 1;
	struct holder **holders = reallocarray(store.holders, nr, sizeof(*holders));
	struct pollfd *fds;

	if (holders)
		store.holders = holders;
	fds = reallocarray(store.fds, nr + 1, sizeof(*fds));
	if (fds)
		store.fds = fds;
	return holders && fds;
}

/* Return: whether the connection was taken over. */
static bool add_holder(int sock, const struct store_msg *msg, int dir)
{
	struct holder *h;
	struct stat st;

	if (fstat(dir, &st) || !make_room())
		return false;
	h = calloc(1, sizeof(*h));
	if (!h)
		return false;
	h->sock = sock;
	h->dir = (struct place){ st.st_dev, st.st_ino };
	h->max_bytes = msg->size;
	store.holders[store.nr_holders++] = h;
	return true;
}

static void remove_holder(unsigned int index)
{
	struct holder *h = store.holders[index];

	drop_all(h);
	close(h->sock);
	free(h);
	store.holders[index] = store.holders[--store.nr_holders];
}

static void on_door(void)
{
	struct store_msg msg;
	int fds[STORE_MAX_FDS];
	unsigned int nr;
	ssize_t n = fdpass_recv(store.door, (struct iovec){ &msg, sizeof(msg) }, fds, STORE_MAX_FDS, &nr,
				MSG_DONTWAIT);

	if (n == sizeof(msg) && msg.type == STORE_JOIN && nr == STORE_MAX_FDS && add_holder(fds[0], &msg, fds[1]))
		fds[0] = -1;
	for (unsigned int i = 0; i < STORE_MAX_FDS; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	if (n == 0 || n == -EPIPE) {
		close(store.door);
		store.door = -1;
	}
}

/* One turn: each client that asks gets one answer. */
static void turn(void)
{
	unsigned int nr = store.nr_holders;

	store.fds[0] = (struct pollfd){ .fd = store.door, .events = POLLIN };
	for (unsigned int i = 0; i < nr; i++)
		store.fds[1 + i] = (struct pollfd){ .fd = store.holders[i]->sock, .events = POLLIN };
	if (poll(store.fds, 1 + nr, -1) < 0)
		return;
	/* From the end: the last one takes the place of one that goes. */
	for (unsigned int i = nr; i-- > 0;)
		if (store.fds[1 + i].revents && !serve(store.holders[i]))
			remove_holder(i);
	if (store.fds[0].revents)
		on_door();
}

/* ---- The process ---------------------------------------------------------------------------- */

static void raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max < MAX_FILES ? limit.rlim_max : MAX_FILES;
	setrlimit(RLIMIT_NOFILE, &limit);
}

/* In the new process: nothing of the listener's but the door. */
static void run(int door, void *unused)
{
	sigset_t all;

	(void)unused;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	if (streams_detach() || dup2(door, 3) < 0)
		_exit(1);
	syscall(SYS_close_range, 4, ~0u, 0);
	fcntl(3, F_SETFD, FD_CLOEXEC);
	prctl(PR_SET_NAME, "accel-store");
	raise_limit();
	sandbox_fileless();
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	store.door = 3;
	store.fds = calloc(1, sizeof(*store.fds));
	while (store.fds && (store.door >= 0 || store.nr_holders))
		turn();
	_exit(0);
}

int store_start(void)
{
	return helper_start(run, NULL);
}

bool store_is_gone(int door)
{
	struct pollfd fd = { .fd = door, .events = POLLRDHUP };

	return poll(&fd, 1, 0) > 0 && fd.revents & (POLLRDHUP | POLLHUP | POLLERR);
}

int store_join(int door, int dir, uint64_t max_bytes)
{
	const struct store_msg msg = { .type = STORE_JOIN, .size = max_bytes };
	const struct iovec iov = { (void *)(uintptr_t)&msg, sizeof(msg) };
	int socks[2], fds[STORE_MAX_FDS];
	ssize_t n;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, socks))
		return -errno;
	fds[0] = socks[1];
	fds[1] = dir;
	n = fdpass_send(door, &iov, 1, fds, STORE_MAX_FDS, MSG_DONTWAIT);
	close(socks[1]);
	if (n == sizeof(msg))
		return socks[0];
	close(socks[0]);
	return n < 0 ? (int)n : -EIO;
}
