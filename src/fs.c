// SPDX-License-Identifier: Apache-2.0
/* Files and directories: reading, mapping, creating, listing. */

#define _GNU_SOURCE
#include "fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "no_signal.h"
#include "vaccel/error.h"
#include "vaccel/log.h"

/* Bounds the recursion, and the open file descriptors, of directory walks. */
#define MAX_DEPTH 64
/* Largest count for one read() or write(), as Linux limits it. */
#define MAX_IO 0x7ffff000

int fs_error(int err)
{
	switch (err) {
	case EPERM:
	case ENOENT:
	case EAGAIN:
	case ENOMEM:
	case EACCES:
	case EBUSY:
	case EEXIST:
	case ENOTDIR:
	case EINVAL:
	case ENOSPC:
	case EROFS:
	case EMLINK:
	case ENAMETOOLONG:
	case ELOOP:
		return err;
	case EDQUOT:
	case EFBIG:
		return VACCEL_ENOSPC;
	case EMFILE:
	case ENFILE:
		return VACCEL_EAGAIN;
	default:
		return VACCEL_EIO;
	}
}

const char *fs_basename(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

int fs_name_check(const char *name)
{
	if (!name || !*name || !strcmp(name, ".") || !strcmp(name, ".."))
		return VACCEL_EINVAL;
	if (strchr(name, '/'))
		return VACCEL_ENOENT;
	if (strlen(name) > FS_NAME_MAX)
		return VACCEL_ENAMETOOLONG;
	return VACCEL_OK;
}

char *fs_path_join(const char *dir, const char *name)
{
	char *path;

	return asprintf(&path, "%s/%s", dir, name) < 0 ? NULL : path;
}

/* Opens a regular file that is not empty and tells its size. */
static int open_regular(const char *path, int flags, int *fd, size_t *size)
{
	struct stat st;
	int ret;

	/* Non-blocking, so that a FIFO cannot hold us up before it is seen for what it is. */
	*fd = open(path, flags | O_CLOEXEC | O_NONBLOCK);
	if (*fd < 0) {
		ret = errno == EISDIR ? VACCEL_EINVAL : fs_error(errno);
		vaccel_error("Could not open %s: %s", path, strerror(errno));
		return ret;
	}
	if (fstat(*fd, &st)) {
		ret = fs_error(errno);
		vaccel_error("Could not examine %s: %s", path, strerror(errno));
		goto close_fd;
	}
	ret = VACCEL_EINVAL;
	if (!S_ISREG(st.st_mode)) {
		vaccel_error("%s is not a regular file", path);
		goto close_fd;
	}
	if (st.st_size <= 0) {
		vaccel_error("File %s is empty", path);
		goto close_fd;
	}
	if ((uintmax_t)st.st_size > PTRDIFF_MAX) {
		vaccel_error("File %s is too large for this machine's address space", path);
		ret = VACCEL_ENOMEM;
		goto close_fd;
	}
	*size = st.st_size;
	return VACCEL_OK;

close_fd:
	close(*fd);
	return ret;
}

int fs_file_read(const char *path, void **data, size_t *size)
{
	size_t total, done = 0;
	char *buf;
	int fd, ret;

	if (!path || !data || !size)
		return VACCEL_EINVAL;
	ret = open_regular(path, O_RDONLY, &fd, &total);
	if (ret)
		return ret;

	buf = malloc(total);
	if (!buf) {
		vaccel_error("No memory for the %zu bytes of %s", total, path);
		ret = VACCEL_ENOMEM;
		goto close_fd;
	}
	while (done < total) {
		size_t want = total - done < MAX_IO ? total - done : MAX_IO;
		ssize_t got = read(fd, buf + done, want);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			vaccel_error("Could not read %s: %s", path,
				     got ? strerror(errno) : "it became shorter");
			ret = got ? fs_error(errno) : VACCEL_EIO;
			free(buf);
			goto close_fd;
		}
		done += got;
	}
	*data = buf;
	*size = total;

close_fd:
	close(fd);
	return ret;
}

int fs_file_map(const char *path, bool shared, uint8_t **data, size_t *size)
{
	size_t total;
	void *map;
	int fd, ret;

	ret = open_regular(path, shared ? O_RDWR : O_RDONLY, &fd, &total);
	if (ret)
		return ret;

	/* Files may be larger than the memory: what is not written to takes none for good. */
	map = mmap(NULL, total, PROT_READ | PROT_WRITE,
		   (shared ? MAP_SHARED : MAP_PRIVATE) | MAP_NORESERVE, fd, 0);
	if (map == MAP_FAILED) {
		ret = fs_error(errno);
		vaccel_error("Could not map %s: %s", path, strerror(errno));
	} else {
		*data = map;
		*size = total;
	}
	close(fd);
	return ret;
}

/* Creates and opens a file with a fresh name made from name. */
static int create_random(const char *dir, const char *name, char **path, int *fd)
{
	const char *ext = strrchr(name, '.');
	int stem;

	/* A leading dot hides a file, it does not begin an extension. */
	if (!ext || ext == name)
		ext = name + strlen(name);
	stem = ext - name;

	if (asprintf(path, "%s/%.*s_XXXXXX%s", dir, stem, name, ext) < 0)
		return VACCEL_ENOMEM;
	*fd = mkostemps(*path, strlen(ext), O_CLOEXEC);
	if (*fd < 0) {
		int ret = fs_error(errno);

		vaccel_error("Could not create a file in %s: %s", dir, strerror(errno));
		free(*path);
		return ret;
	}
	return VACCEL_OK;
}

static int create_named(const char *dir, const char *name, char **path, int *fd)
{
	int ret;

	*path = fs_path_join(dir, name);
	if (!*path)
		return VACCEL_ENOMEM;
	*fd = open(*path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
	if (*fd >= 0)
		return VACCEL_OK;

	ret = fs_error(errno);
	if (ret == VACCEL_EEXIST)
		vaccel_warn("File %s exists already, using a random name", *path);
	else
		vaccel_error("Could not create file %s: %s", *path, strerror(errno));
	free(*path);
	return ret;
}

/* As write(), but where files may not grow so large that is an error, and no signal to the program. */
ssize_t fs_write(int fd, const void *data, size_t size)
{
	struct no_signal held;
	ssize_t put;

	no_signal_begin(&held);
	put = write(fd, data, size < MAX_IO ? size : MAX_IO);
	no_signal_end(&held, put < 0 ? errno : 0);
	return put;
}

static int write_all(int fd, const char *data, size_t size)
{
	while (size) {
		ssize_t put = fs_write(fd, data, size);

		if (put < 0) {
			if (errno == EINTR)
				continue;
			return fs_error(errno);
		}
		data += put;
		size -= put;
	}
	return VACCEL_OK;
}

int fs_file_create(const char *dir, const char *name, bool randomize, const void *data,
		   size_t size, char **path)
{
	struct stat st;
	char *created;
	int fd, ret;

	ret = fs_name_check(name);
	if (ret) {
		vaccel_error("'%s' is not a usable file name", name ? name : "(null)");
		return ret;
	}
	if (stat(dir, &st) || !S_ISDIR(st.st_mode)) {
		vaccel_error("There is no directory %s", dir);
		return VACCEL_ENOENT;
	}

	ret = randomize ? VACCEL_EEXIST : create_named(dir, name, &created, &fd);
	if (ret == VACCEL_EEXIST)
		ret = create_random(dir, name, &created, &fd);
	if (ret)
		return ret;

	ret = write_all(fd, data, size);
	/* Some file systems report a full disk only here. */
	if (close(fd) && !ret)
		ret = fs_error(errno);
	if (ret) {
		vaccel_error("Could not write %zu bytes to %s: %s", size, created, strerror(ret));
		unlink(created);
		free(created);
		return ret;
	}
	*path = created;
	return VACCEL_OK;
}

struct path_list {
	char **paths;
	size_t count;
	size_t capacity;
};

/* Takes path over. */
static int path_list_add(struct path_list *list, char *path)
{
	if (list->count == list->capacity) {
		size_t capacity = list->capacity ? list->capacity : 8;
		char **paths;

		if (__builtin_mul_overflow(capacity, 2, &capacity))
			return VACCEL_ENOMEM;
		paths = reallocarray(list->paths, capacity, sizeof(*paths));
		if (!paths)
			return VACCEL_ENOMEM;
		list->paths = paths;
		list->capacity = capacity;
	}
	list->paths[list->count++] = path;
	return VACCEL_OK;
}

static int walk(const char *dir, int depth, struct path_list *list)
{
	struct dirent *entry;
	int ret = VACCEL_OK;
	DIR *stream;

	if (depth > MAX_DEPTH) {
		vaccel_error("Directory %s is nested too deep", dir);
		return VACCEL_ELOOP;
	}
	stream = opendir(dir);
	if (!stream) {
		ret = fs_error(errno);
		vaccel_error("Could not open directory %s: %s", dir, strerror(errno));
		return ret;
	}

	while (!ret) {
		bool taken = false;
		struct stat st;
		char *path;

		errno = 0;
		entry = readdir(stream);
		if (!entry) {
			if (errno) {
				ret = fs_error(errno);
				vaccel_error("Could not read directory %s: %s", dir,
					     strerror(errno));
			}
			break;
		}
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;

		path = fs_path_join(dir, entry->d_name);
		if (!path) {
			ret = VACCEL_ENOMEM;
			break;
		}
		if (!lstat(path, &st)) {
			if (S_ISDIR(st.st_mode)) {
				ret = walk(path, depth + 1, list);
			} else if (!stat(path, &st) && S_ISREG(st.st_mode)) {
				ret = path_list_add(list, path);
				taken = !ret;
			}
		}
		if (!taken)
			free(path);
	}
	closedir(stream);
	return ret;
}

static int compare_paths(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int fs_dir_files(const char *dir, char ***paths, size_t *nr_paths)
{
	struct path_list list = { 0 };
	int ret = walk(dir, 1, &list);

	if (!ret && !list.count) {
		vaccel_error("There are no files in directory %s", dir);
		ret = VACCEL_EINVAL;
	}
	if (ret) {
		fs_paths_free(list.paths, list.count);
		return ret;
	}
	/* The order of a directory is arbitrary; everyone should see the same one. */
	qsort(list.paths, list.count, sizeof(*list.paths), compare_paths);
	*paths = list.paths;
	*nr_paths = list.count;
	return VACCEL_OK;
}

void fs_paths_free(char **paths, size_t nr_paths)
{
	for (size_t i = 0; i < nr_paths; i++)
		free(paths[i]);
	free(paths);
}
