// SPDX-License-Identifier: Apache-2.0
#include "path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fs.h"
#include "vaccel/error.h"
#include "vaccel/log.h"

/* Each level holds a file descriptor. */
#define DEPTH_MAX 64

static int remove_content(int parent, const char *name, unsigned int depth);

/* Removes one entry of the directory; an errno. */
static int remove_entry(int dir, const char *name, unsigned int depth)
{
	int ret;

	/* Somebody else may remove it at the same time. */
	if (!unlinkat(dir, name, 0) || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return errno;
	ret = remove_content(dir, name, depth);
	if (ret)
		return ret == ENOENT ? 0 : ret;
	return unlinkat(dir, name, AT_REMOVEDIR) && errno != ENOENT ? errno : 0;
}

/* Empties the directory name of parent; an errno. */
static int remove_content(int parent, const char *name, unsigned int depth)
{
	struct dirent *entry;
	int ret = 0;
	DIR *dir;
	int fd;

	if (depth == DEPTH_MAX)
		return ELOOP;
	fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno;
	dir = fdopendir(fd);
	if (!dir) {
		ret = errno;
		close(fd);
		return ret;
	}
	while (!ret && (entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			ret = remove_entry(fd, entry->d_name, depth + 1);
	closedir(dir);
	return ret;
}

int path_remove_tree(const char *path)
{
	int ret;

	if (!rmdir(path))
		return 0;
	if (errno != ENOTEMPTY && errno != EEXIST)
		return errno;
	ret = remove_content(AT_FDCWD, path, 0);
	if (ret)
		return ret;
	return rmdir(path) ? errno : 0;
}

int path_remove_dir(const char *path, const char *what)
{
	int ret;

	if (!rmdir(path) || errno == ENOENT)
		return VACCEL_OK;
	ret = errno;
	if (ret == ENOTEMPTY || ret == EEXIST) {
		vaccel_warn("The %s %s is not empty; removing it with its content", what, path);
		ret = path_remove_tree(path);
	}
	if (!ret)
		return VACCEL_OK;
	vaccel_warn("Could not remove the %s %s: %s; remove it by hand", what, path, strerror(ret));
	return fs_error(ret);
}
