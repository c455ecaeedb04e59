// SPDX-License-Identifier: Apache-2.0
/* Libraries in directories from which nothing may be run: a copy in memory is used. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "exec.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010u
#endif

static bool is_noexec(int fd)
{
	struct statvfs fs;

	return !fstatvfs(fd, &fs) && fs.f_flag & ST_NOEXEC;
}

/* A file in memory that may be run, also where the default is another one. */
static int memory_file(void)
{
	int fd = memfd_create("vaccel-library", MFD_CLOEXEC | MFD_EXEC);

	/* Kernels before 6.3 do not know the flag. */
	return fd < 0 && errno == EINVAL ? memfd_create("vaccel-library", MFD_CLOEXEC) : fd;
}

static bool copy_all(int from, int to)
{
	ssize_t n;

	do
		n = sendfile(to, from, NULL, 1u << 30);
	while (n > 0 || (n < 0 && errno == EINTR));
	return !n;
}

int exec_copy(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), copy = -1;

	if (fd < 0)
		return -1;
	if (is_noexec(fd) && !access("/proc/self/fd", X_OK))
		copy = memory_file();
	if (copy >= 0 && !copy_all(fd, copy)) {
		exec_warn("Could not copy %s: %s", path, strerror(errno));
		close(copy);
		copy = -1;
	}
	close(fd);
	return copy;
}

const char *exec_hint(const char *path)
{
	struct statvfs fs;

	if (!strchr(path, '/') || statvfs(path, &fs) || !(fs.f_flag & ST_NOEXEC))
		return "";
	return "; its directory is on a file system that is mounted noexec: put it elsewhere, or set "
	       "XDG_RUNTIME_DIR to a directory from which files may be run";
}
