// SPDX-License-Identifier: Apache-2.0
#include "cleaner.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "helper.h"
#include "log.h"
#include "sandbox.h"
#include "streams.h"
#include "tree.h"

/* How long workers may take to end when the supervisor was killed, see worker.c */
#define LEAVE_MS 6000

enum { CONFINE = 1, REMOVE, FINISH };

struct request {
	uint32_t type;
	uint32_t nr; /* REMOVE: of the worker. Answered with one byte */
	/* CONFINE: the other place; REMOVE: the worker's directory in there; "": none */
	char other[256];
};

/* In the cleaner; the places are descriptors */
static struct {
	int sock;
	int above; /* of @dir */
	int dir;   /* the forker's */
	int other; /* -1: none */
	char name[NAME_MAX + 1]; /* of @dir in @above */
} place;

/* ---- In the cleaner ------------------------------------------------------------------------- */

/*
 * Whether an entry of the forker's directory belongs to a worker that was started after that one. There
 * cannot be many of these: the supervisor waits for us.
 */
static bool is_later(const char *name, uint32_t nr)
{
	char *end;
	unsigned long of = strtoul(name, &end, 10);

	return end != name && *end == '.' && of > nr && of - nr <= 2 * CLEANER_MAX_PENDING;
}

/* Removes what workers up to this one have left, and whatever else is there. */
static void remove_up_to(uint32_t nr, bool all)
{
	int fd = openat(place.dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *d;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((d = readdir(dir))) {
		if (!strcmp(d->d_name, ".") || !strcmp(d->d_name, "..") ||
		    (!all && is_later(d->d_name, nr)))
			continue;
		tree_remove(place.dir, d->d_name);
	}
	closedir(dir);
}

/* Everything, and the directory itself */
static void remove_all(void)
{
	remove_up_to(0, true);
	tree_remove(place.above, place.name);
}

/*
 * The supervisor has gone without a word, and the last worker is about to: it is not to lose its
 * files before. Empty directories are what remains of one that has left in good order.
 */
static void leave(void)
{
	for (int waited = 0; waited < LEAVE_MS; waited += 100) {
		int fd = openat(place.dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		DIR *dir = fd < 0 ? NULL : fdopendir(fd);
		struct dirent *d;

		while (dir && (d = readdir(dir)))
			unlinkat(place.dir, d->d_name, AT_REMOVEDIR);
		if (dir)
			closedir(dir);
		if (!unlinkat(place.above, place.name, AT_REMOVEDIR) || errno == ENOENT)
			return;
		poll(NULL, 0, 100);
	}
	remove_all();
}

static void confine(const struct policy *policy, const char *dir, const char *other)
{
	place.other = *other ? open(other, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
	sandbox_cleaner(policy, dir, *other ? other : NULL);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

static void serve(const struct policy *policy, const char *dir)
{
	struct request r;
	ssize_t n;

	for (;;) {
		n = recv(place.sock, &r, sizeof(r), 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n != sizeof(r))
			break;
		r.other[sizeof(r.other) - 1] = '\0';
		if (r.type == FINISH) {
			remove_all();
			_exit(0);
		}
		if (r.type == CONFINE) {
			confine(policy, dir, r.other);
			continue;
		}
		remove_up_to(r.nr, false);
		/* A name without a slash, so that it is an entry of that place, and not the place. */
		if (*r.other && !strchr(r.other, '/') && strcmp(r.other, ".") &&
		    strcmp(r.other, "..") && place.other >= 0)
			tree_remove(place.other, r.other);
		send(place.sock, "", 1, MSG_NOSIGNAL);
	}
	leave();
	_exit(0);
}

struct task {
	const struct policy *policy;
	const char *dir;
};

/* In the new process: nothing of the supervisor's but these descriptors */
static void run(int sock, void *arg)
{
	const struct task *task = arg;
	const struct policy *policy = task->policy;
	const char *dir = task->dir;
	char above[PATH_MAX], name[PATH_MAX];
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	if (streams_detach() || dup2(sock, 3) < 0)
		_exit(1);
	syscall(SYS_close_range, 4, ~0u, 0);
	prctl(PR_SET_NAME, "accel-cleaner");
	snprintf(above, sizeof(above), "%s", dir);
	snprintf(name, sizeof(name), "%s", dir);
	snprintf(place.name, sizeof(place.name), "%s", basename(name));
	place.sock = 3;
	place.above = open(dirname(above), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	place.dir = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	place.other = -1;
	if (place.above < 0 || place.dir < 0)
		_exit(1);
	serve(policy, dir);
}

/* ---- In the supervisor ---------------------------------------------------------------------- */

/* The directory that a worker's is in, where it is not ours: "" else. */
static void find_other(char *other, size_t size, const char *dir, const char *rundir)
{
	size_t len = strlen(dir);
	char *slash;

	*other = '\0';
	if (*rundir != '/' || (!strncmp(rundir, dir, len) && rundir[len] == '/'))
		return;
	snprintf(other, size, "%s", rundir);
	slash = strrchr(other, '/');
	if (slash)
		*slash = '\0';
}

int cleaner_start(struct cleaner *c, const struct policy *policy, const char *dir)
{
	struct task task = { policy, dir };
	int ret = helper_start(run, &task);

	*c->other = '\0';
	c->nr_pending = 0;
	c->dir = dir;
	c->sock = ret < 0 ? -1 : ret;
	return ret < 0 ? ret : 0;
}

/* It is dead, or out of its mind: what it was asked for is as good as left there. */
static void lose(struct cleaner *c)
{
	if (c->sock < 0)
		return;
	log_error("the process that removes what workers leave is gone: their files stay in %s; start "
		  "vhost-user-accel again, and remove that directory", c->dir);
	close(c->sock);
	c->sock = -1;
	c->nr_pending = 0;
}

void cleaner_confine(struct cleaner *c, const char *rundir)
{
	struct request r = { .type = CONFINE };

	find_other(c->other, sizeof(c->other), c->dir, rundir);
	memcpy(r.other, c->other, sizeof(r.other));
	if (send(c->sock, &r, sizeof(r), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		lose(c);
}

int cleaner_remove(struct cleaner *c, uint32_t nr, const char *rundir)
{
	struct request r = { .type = REMOVE, .nr = nr };
	size_t len = strlen(c->other);

	if (c->sock < 0)
		return -EPIPE;
	if (len && !strncmp(rundir, c->other, len) && rundir[len] == '/')
		snprintf(r.other, sizeof(r.other), "%s", rundir + len + 1);
	if (send(c->sock, &r, sizeof(r), MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
		lose(c);
		return -EPIPE;
	}
	c->nr_pending++;
	return 0;
}

unsigned int cleaner_done(struct cleaner *c)
{
	unsigned int nr = 0;
	char byte;
	ssize_t n;

	while (c->sock >= 0) {
		n = recv(c->sock, &byte, 1, MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		if (n != 1 || !c->nr_pending) {
			lose(c);
			break;
		}
		c->nr_pending--;
		nr++;
	}
	return nr;
}

void cleaner_stop(struct cleaner *c, int timeout_ms)
{
	const struct request r = { .type = FINISH };
	struct pollfd p = { .fd = c->sock, .events = POLLRDHUP };

	if (c->sock < 0)
		return;
	/* Its end tells; answers that come before do not matter any more. */
	if (send(c->sock, &r, sizeof(r), MSG_NOSIGNAL | MSG_DONTWAIT) > 0)
		while (poll(&p, 1, timeout_ms) < 0 && errno == EINTR)
			;
	close(c->sock);
	c->sock = -1;
}
