// SPDX-License-Identifier: Apache-2.0
#include "tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* How many names are tried at a time for a directory that is moved up */
#define MAX_NAMES 1000

struct tree {
	int root;
	dev_t dev;
	unsigned int moved; /* for names of directories: how many were tried */
};

/* Gives the owner all rights to a directory that cannot be opened. */
static void unlock(int at, const char *name)
{
	int fd = openat(at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	char path[64];

	if (fd < 0)
		return;
	/* A descriptor that names it alone is enough there, and no link is followed to somewhere else. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	(void)!chmod(path, 0700);
	close(fd);
}

/* Opens a directory whose entries can then be listed, removed and moved. Return: it, or -errno. */
static int open_dir(int at, const char *name, struct stat *st)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(at, name, flags), err;

	if (fd < 0 && errno == EACCES) {
		unlock(at, name);
		fd = openat(at, name, flags);
	}
	if (fd < 0)
		return -errno;
	if (!fstat(fd, st) && ((st->st_mode & 0700) == 0700 || !fchmod(fd, 0700)))
		return fd;
	err = errno;
	close(fd);
	return -err;
}

/* Removes what is not a directory, or is an empty one. Return: 0 or -errno, -ENOTEMPTY. */
static int remove_entry(int at, const char *name)
{
	if (!unlinkat(at, name, 0))
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -errno;
	if (!unlinkat(at, name, AT_REMOVEDIR))
		return 0;
	return errno == EEXIST ? -ENOTEMPTY : -errno;
}

/* Makes a directory that is not empty an entry of the root. */
static int move_up(struct tree *t, int from, const char *name)
{
	char to[32];

	for (int i = 0; i < MAX_NAMES; i++) {
		snprintf(to, sizeof(to), "moved.%u", t->moved++);
		if (!renameat(from, name, t->root, to))
			return 0;
		/* Somebody has thought of that name before. */
		if (errno != EEXIST && errno != ENOTEMPTY && errno != ENOTDIR)
			return -errno;
	}
	return -EEXIST;
}

/* For each entry of a directory, which may go meanwhile. Return: 0 or the first -errno. */
static int for_each(struct tree *t, int fd, int (*fn)(struct tree *t, int dir, const char *name))
{
	int copy = dup(fd), ret = 0, err;
	struct dirent *d;
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);

	if (!dir) {
		err = errno;
		if (copy >= 0)
			close(copy);
		return -err;
	}
	rewinddir(dir);
	while ((d = readdir(dir))) {
		if (!strcmp(d->d_name, ".") || !strcmp(d->d_name, ".."))
			continue;
		err = fn(t, fd, d->d_name);
		ret = ret ? ret : err;
	}
	closedir(dir);
	return ret;
}

/*
 * Removes an entry, or opens it where it is a directory that is not empty.
 * Return: 0 or -errno; *fd: the directory, or -1.
 */
static int remove_or_open(const struct tree *t, int at, const char *name, int *fd)
{
	int ret = remove_entry(at, name);
	struct stat st;

	*fd = -1;
	if (ret != -ENOTEMPTY)
		return ret;
	ret = open_dir(at, name, &st);
	if (ret < 0)
		return ret;
	if (st.st_dev == t->dev) {
		*fd = ret;
		return 0;
	}
	close(ret);
	return -EXDEV;
}

/* An entry of a directory in the root: goes, or becomes one of the root's. */
static int take_out(struct tree *t, int dir, const char *name)
{
	int fd, ret = remove_or_open(t, dir, name, &fd);

	if (fd < 0)
		return ret;
	close(fd);
	return move_up(t, dir, name);
}

/* An entry of the root */
static int remove_from_root(struct tree *t, int root, const char *name)
{
	int fd, ret = remove_or_open(t, root, name, &fd);

	if (fd < 0)
		return ret;
	ret = for_each(t, fd, take_out);
	close(fd);
	if (!unlinkat(root, name, AT_REMOVEDIR))
		return 0;
	return ret ? ret : -errno;
}

int tree_remove(int at, const char *name)
{
	int ret = remove_entry(at, name), passes = 0;
	struct tree t = { .root = -1 };
	struct stat st;

	if (ret == -EACCES || ret == -EPERM || ret == -ENOTEMPTY) {
		t.root = open_dir(at, name, &st);
		if (t.root < 0)
			return t.root;
		t.dev = st.st_dev;
		/* What was moved up comes in the next pass, so each but the last moves something. */
		do {
			unsigned int moved = t.moved;

			ret = for_each(&t, t.root, remove_from_root);
			if (!unlinkat(at, name, AT_REMOVEDIR)) {
				close(t.root);
				return 0;
			}
			ret = ret ? ret : -errno;
			passes = moved == t.moved ? passes + 1 : 0;
			/* A file system may have left out an entry once, since others went. */
		} while (passes < 3);
		close(t.root);
	}
	return ret;
}
