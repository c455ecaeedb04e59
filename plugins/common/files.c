// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"

/* Whether it stays as it is, and as long. */
static bool is_sealed(int fd)
{
	const int needed = F_SEAL_WRITE | F_SEAL_SHRINK;
	int seals = fcntl(fd, F_GET_SEALS);

	return seals >= 0 && (seals & needed) == needed;
}

/* Whether the file system keeps everybody from changing it: chattr +i, or fs-verity. A later change is its owner's
 * doing, who has to take that away first. */
static bool is_immutable(int fd)
{
	struct statx st;

	return !statx(fd, "", AT_EMPTY_PATH, 0, &st) &&
	       st.stx_attributes & (STATX_ATTR_IMMUTABLE | STATX_ATTR_VERITY);
}

/* Reads and does not map: a file that shrinks meanwhile must not end the process. */
static int read_all(int fd, char *data, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = read(fd, data + done, size - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno;
		if (!n)
			return EIO; /* it became shorter */
		done += (size_t)n;
	}
	return 0;
}

bool file_is_constant(int fd)
{
	return is_sealed(fd) || is_immutable(fd);
}

int bytes_of_file(const char *path, struct bytes *bytes)
{
	struct stat st;
	char *data = NULL;
	int fd, ret;

	/* Not to wait for the other end of a named pipe. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return errno;
	if (fstat(fd, &st)) {
		ret = errno;
		goto fail;
	}
	ret = EINVAL;
	if (!S_ISREG(st.st_mode) || st.st_size <= 0)
		goto fail;
	ret = EFBIG;
	if ((uint64_t)st.st_size > FILE_MAX_SIZE)
		goto fail;
	ret = ENOMEM;
	if (file_is_constant(fd)) {
		void *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);

		if (map == MAP_FAILED)
			goto fail;
		close(fd);
		*bytes = (struct bytes){map, (size_t)st.st_size, map, true};
		return 0;
	}
	data = malloc((size_t)st.st_size);
	if (!data)
		goto fail;
	ret = read_all(fd, data, (size_t)st.st_size);
	if (ret)
		goto fail;
	close(fd);
	*bytes = (struct bytes){data, (size_t)st.st_size, data, false};
	return 0;

fail:
	free(data);
	close(fd);
	return ret;
}

int bytes_of_blob(const struct vaccel_blob *blob, struct bytes *bytes)
{
	/* A file of somebody else may be mapped and become shorter; it is read. */
	if (blob->data && blob->size && (!blob->path || blob->path_owned)) {
		*bytes = (struct bytes){blob->data, blob->size, NULL, false};
		return 0;
	}
	return blob->path ? bytes_of_file(blob->path, bytes) : EINVAL;
}

int bytes_own(struct bytes *bytes)
{
	void *copy;

	if (bytes->owned)
		return 0;
	copy = malloc(bytes->size + 1);
	if (!copy)
		return ENOMEM;
	memcpy(copy, bytes->data, bytes->size);
	*bytes = (struct bytes){copy, bytes->size, copy, false};
	return 0;
}

void bytes_release(struct bytes *bytes)
{
	if (bytes->mapped)
		munmap(bytes->owned, bytes->size);
	else
		free(bytes->owned);
	*bytes = (struct bytes){0};
}

void file_state(const char *path, struct file_state *state)
{
	struct stat st;

	memset(state, 0, sizeof(*state));
	if (stat(path, &st))
		return;
	state->device = st.st_dev;
	state->inode = st.st_ino;
	state->size = (uint64_t)st.st_size;
	state->seconds = st.st_mtim.tv_sec;
	state->nanoseconds = st.st_mtim.tv_nsec;
	state->change_seconds = st.st_ctim.tv_sec;
	state->change_nanoseconds = st.st_ctim.tv_nsec;
}
