// SPDX-License-Identifier: Apache-2.0
/* Apart from cache_dir.c, since the supervisor checks the directory and does not touch its contents. */
#include "cache_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

int cache_dir_check(int dir, const char **why)
{
	struct stat st;
	int fd;

	*why = "it cannot be examined";
	if (fstat(dir, &st))
		return -errno;
	*why = "it is not a directory";
	if (!S_ISDIR(st.st_mode))
		return -ENOTDIR;
	*why = "it must belong to the user who runs this process";
	if (st.st_uid != geteuid())
		return -EPERM;
	*why = "others may use it; remove their rights (chmod 700)";
	if (st.st_mode & 077)
		return -EPERM;
	*why = "files without a name (O_TMPFILE) cannot be made in it; use another file system";
	fd = openat(dir, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0400);
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}
