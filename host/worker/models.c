// SPDX-License-Identifier: Apache-2.0
#include "models.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "log.h"
#include "names.h"
#include "vaccel/error.h"

#define SCHEME "host://"
#define SERVED "model://"
/* Of a model that is a directory */
#define MAX_DEPTH   16
#define MAX_ENTRIES 4096

const char *model_name(const char *path)
{
	return strncasecmp(path, SCHEME, strlen(SCHEME)) ? NULL : path + strlen(SCHEME);
}

const char *model_served_name(const char *path)
{
	return strncasecmp(path, SERVED, strlen(SERVED)) ? NULL : path + strlen(SERVED);
}

/* Opens without leaving the directory, whatever symbolic links say. Return: the fd or -errno. */
static int open_beneath(int dir, const char *name, int flags)
{
	const struct open_how how = {
		.flags = (uint64_t)(flags | O_CLOEXEC),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
	};
	long fd = syscall(SYS_openat2, dir, name, &how, sizeof(how));

	return fd < 0 ? -errno : (int)fd;
}

static int check_dir(int dir, const char *name, unsigned int depth, unsigned int *entries);

/* An entry of a model's directory: plugins will open it by its path, and follow links then. */
static int check_entry(int dir, const char *path, unsigned int depth, unsigned int *entries)
{
	int fd = open_beneath(dir, path, O_PATH);
	struct stat st;
	int ret;

	if (fd < 0)
		return -fd;
	ret = fstat(fd, &st) ? errno : VACCEL_OK;
	close(fd);
	if (!ret && S_ISDIR(st.st_mode))
		return check_dir(dir, path, depth + 1, entries);
	return ret || S_ISREG(st.st_mode) ? ret : VACCEL_EINVAL;
}

static int check_dir(int dir, const char *name, unsigned int depth, unsigned int *entries)
{
	int fd = depth > MAX_DEPTH ? -ELOOP : open_beneath(dir, name, O_RDONLY | O_DIRECTORY);
	DIR *stream = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *d;
	int ret = VACCEL_OK;

	if (!stream) {
		ret = fd < 0 ? -fd : errno;
		if (fd >= 0)
			close(fd);
		return ret;
	}
	while (!ret && (d = readdir(stream))) {
		char *path;

		if (!strcmp(d->d_name, ".") || !strcmp(d->d_name, ".."))
			continue;
		if (++*entries > MAX_ENTRIES) {
			ret = VACCEL_EUSERS;
			break;
		}
		if (asprintf(&path, "%s/%s", name, d->d_name) < 0) {
			ret = VACCEL_ENOMEM;
			break;
		}
		ret = check_entry(dir, path, depth, entries);
		free(path);
	}
	closedir(stream);
	return ret;
}

/* What the guest gets for errno: it is to learn nothing of what lies outside. */
static int refusal(const char *name, int err)
{
	static atomic_bool said; /* a guest could fill the log */
	const char *why;

	switch (err) {
	case VACCEL_OK:
	case ENOENT:
	case ENOMEM:
	case VACCEL_EUSERS:
	case VACCEL_EINVAL:
		return err;
	case ENOTDIR:
		return VACCEL_ENOENT;
	case EXDEV:
	case ELOOP:
		why = "a link leads out of the model directory";
		err = VACCEL_EPERM;
		break;
	case EACCES:
		why = "this user cannot read it";
		err = VACCEL_EPERM;
		break;
	default:
		why = strerror(err);
		err = VACCEL_EIO;
	}
	if (!atomic_exchange(&said, true))
		log_warn("a guest was refused the model %s: %s", name, why);
	return err;
}

int model_find(int dir, const char *name, struct model *model)
{
	unsigned int entries = 0;
	struct stat st;
	int fd, ret;

	if (dir < 0)
		return VACCEL_EPERM;
	if (!name_ok(name, true))
		return VACCEL_EINVAL;
	/* Readable, and not blocking, should it be a FIFO. */
	fd = open_beneath(dir, name, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return refusal(name, -fd);
	ret = fstat(fd, &st) ? errno : VACCEL_OK;
	close(fd);
	if (!ret && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		ret = VACCEL_EINVAL;
	if (!ret && S_ISDIR(st.st_mode))
		ret = check_dir(dir, name, 1, &entries);
	if (ret)
		return refusal(name, ret);
	*model = (struct model){
		.is_dir = S_ISDIR(st.st_mode),
		.dev = st.st_dev,
		.ino = st.st_ino,
		.size = st.st_size,
		.changed = st.st_mtim,
	};
	return VACCEL_OK;
}

bool model_same(int dir, const char *name, const struct model *before)
{
	struct model now;

	return !model_find(dir, name, &now) && now.is_dir == before->is_dir &&
	       now.dev == before->dev && now.ino == before->ino && now.size == before->size &&
	       now.changed.tv_sec == before->changed.tv_sec &&
	       now.changed.tv_nsec == before->changed.tv_nsec;
}
