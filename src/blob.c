// SPDX-License-Identifier: Apache-2.0
/* Blobs: the bytes of one file, in a file, in memory, or both. */

#include "blob.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs.h"
#include "process.h"
#include "vaccel/error.h"
#include "vaccel/log.h"

/* Files that this process made, or one that it was forked from. */
struct own_file {
	struct own_file *next;
	unsigned int generation;
	char path[];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* protects own_files */
static struct own_file *own_files;

void blobs_before_fork(void)
{
	pthread_mutex_lock(&lock);
}

void blobs_after_fork(void)
{
	pthread_mutex_unlock(&lock);
}

int blob_own_file(const char *path)
{
	size_t size = strlen(path) + 1;
	struct own_file *file = malloc(sizeof(*file) + size);

	if (!file)
		return VACCEL_ENOMEM;
	memcpy(file->path, path, size);
	file->generation = process_generation;
	pthread_mutex_lock(&lock);
	file->next = own_files;
	own_files = file;
	pthread_mutex_unlock(&lock);
	return VACCEL_OK;
}

/* Forgets a file. Return: whether it may be removed: all but those of the process that forked us. */
static bool disown_file(const char *path)
{
	struct own_file **link, *file;
	bool ours = true;

	pthread_mutex_lock(&lock);
	for (link = &own_files; *link && strcmp((*link)->path, path); link = &(*link)->next)
		;
	file = *link;
	if (file) {
		*link = file->next;
		ours = file->generation == process_generation;
	}
	pthread_mutex_unlock(&lock);
	free(file);
	return ours;
}

/* Lets go of the bytes in memory. */
static void drop_data(struct vaccel_blob *blob)
{
	/*
	 * A mapping is known by the type: vaccel_blob_read leaves data_owned false, as programs
	 * expect, and yet nobody else can unmap what it mapped.
	 */
	if (blob->type == VACCEL_BLOB_MAPPED && blob->data) {
		if (munmap(blob->data, blob->size))
			vaccel_warn("Could not unmap blob %s: %s", blob->name, strerror(errno));
	} else if (blob->type == VACCEL_BLOB_BUFFER && blob->data_owned) {
		free(blob->data);
	}
	blob->data = NULL;
	blob->data_owned = false;
	blob->size = 0;
}

int vaccel_blob_persist(struct vaccel_blob *blob, const char *dir, const char *filename,
			bool randomize)
{
	char *path, *fresh_name = NULL;
	uint8_t *data;
	size_t size;
	int ret;

	if (!blob || blob->type >= VACCEL_BLOB_MAX || !blob->data || !blob->size || !filename)
		return VACCEL_EINVAL;
	if (!dir)
		return VACCEL_ENOENT;
	if (blob->path)
		return VACCEL_EEXIST;

	ret = fs_file_create(dir, filename, randomize, blob->data, blob->size, &path);
	if (ret)
		return ret;
	ret = blob_own_file(path);
	if (ret)
		goto remove_file;
	ret = fs_file_map(path, true, &data, &size);
	if (ret)
		goto disown;
	if (strcmp(fs_basename(path), filename)) {
		fresh_name = strdup(fs_basename(path));
		if (!fresh_name) {
			ret = VACCEL_ENOMEM;
			goto unmap;
		}
	}

	drop_data(blob);
	if (fresh_name) {
		free(blob->name);
		blob->name = fresh_name;
	}
	blob->type = VACCEL_BLOB_MAPPED;
	blob->path = path;
	blob->path_owned = true;
	blob->data = data;
	blob->data_owned = true;
	blob->size = size;
	return VACCEL_OK;

unmap:
	munmap(data, size);
disown:
	(void)disown_file(path);
remove_file:
	unlink(path);
	free(path);
	return ret;
}

int vaccel_blob_init(struct vaccel_blob *blob, const char *path)
{
	char *own_path, *name;
	struct stat st;

	if (!blob || !path)
		return VACCEL_EINVAL;
	if (strlen(fs_basename(path)) > FS_NAME_MAX) {
		vaccel_error("The name of file %s is too long", path);
		return VACCEL_ENAMETOOLONG;
	}
	if (stat(path, &st)) {
		int ret = errno == ENAMETOOLONG ? VACCEL_ENAMETOOLONG : VACCEL_EINVAL;

		vaccel_error("Could not find file %s: %s", path, strerror(errno));
		return ret;
	}
	if (!S_ISREG(st.st_mode)) {
		vaccel_error("%s is not a regular file", path);
		return VACCEL_EINVAL;
	}

	own_path = strdup(path);
	name = strdup(fs_basename(path));
	if (!own_path || !name) {
		free(own_path);
		free(name);
		return VACCEL_ENOMEM;
	}

	*blob = (struct vaccel_blob){
		.type = VACCEL_BLOB_FILE,
		.name = name,
		.path = own_path,
	};
	return VACCEL_OK;
}

int vaccel_blob_init_from_buf(struct vaccel_blob *blob, const uint8_t *buf, size_t size, bool own,
			      const char *filename, const char *dir, bool randomize)
{
	struct vaccel_blob new;
	int ret;

	if (!blob || !buf || !size || !filename)
		return VACCEL_EINVAL;

	new = (struct vaccel_blob){
		.type = VACCEL_BLOB_BUFFER,
		.name = strdup(filename),
		.data = (uint8_t *)buf,
		.size = size,
	};
	if (!new.name)
		return VACCEL_ENOMEM;

	if (dir) {
		ret = vaccel_blob_persist(&new, dir, filename, randomize);
		if (ret)
			goto free_name;
	} else if (own) {
		new.data = malloc(size);
		if (!new.data) {
			vaccel_error("No memory for the %zu bytes of blob %s", size, filename);
			ret = VACCEL_ENOMEM;
			goto free_name;
		}
		memcpy(new.data, buf, size);
		new.data_owned = true;
	}

	*blob = new;
	return VACCEL_OK;

free_name:
	free(new.name);
	return ret;
}

int vaccel_blob_release(struct vaccel_blob *blob)
{
	if (!blob || blob->type >= VACCEL_BLOB_MAX)
		return VACCEL_EINVAL;

	drop_data(blob);
	if (blob->path && blob->path_owned && disown_file(blob->path) && unlink(blob->path) &&
	    errno != ENOENT)
		vaccel_warn("Could not remove file %s: %s", blob->path, strerror(errno));
	free(blob->path);
	free(blob->name);
	*blob = (struct vaccel_blob){ .type = VACCEL_BLOB_MAX };
	return VACCEL_OK;
}

int vaccel_blob_new(struct vaccel_blob **blob, const char *path)
{
	struct vaccel_blob *new;
	int ret;

	if (!blob)
		return VACCEL_EINVAL;
	new = malloc(sizeof(*new));
	if (!new)
		return VACCEL_ENOMEM;

	ret = vaccel_blob_init(new, path);
	if (ret) {
		free(new);
		return ret;
	}
	*blob = new;
	return VACCEL_OK;
}

int vaccel_blob_from_buf(struct vaccel_blob **blob, const uint8_t *buf, size_t size, bool own,
			 const char *filename, const char *dir, bool randomize)
{
	struct vaccel_blob *new;
	int ret;

	if (!blob)
		return VACCEL_EINVAL;
	new = malloc(sizeof(*new));
	if (!new)
		return VACCEL_ENOMEM;

	ret = vaccel_blob_init_from_buf(new, buf, size, own, filename, dir, randomize);
	if (ret) {
		free(new);
		return ret;
	}
	*blob = new;
	return VACCEL_OK;
}

int vaccel_blob_delete(struct vaccel_blob *blob)
{
	int ret = vaccel_blob_release(blob);

	if (!ret)
		free(blob);
	return ret;
}

/* A mapping of a file that became shorter ends who reads it by a signal. */
static int check_mapping(const struct vaccel_blob *blob)
{
	struct stat st;

	if (blob->type != VACCEL_BLOB_MAPPED || !blob->path || blob->path_owned)
		return VACCEL_OK;
	if (stat(blob->path, &st) || (uintmax_t)st.st_size >= blob->size)
		return VACCEL_OK;
	vaccel_error("File %s has %jd bytes and had %zu: it became shorter while it was in use; "
		     "make the resource anew", blob->path, (intmax_t)st.st_size, blob->size);
	return VACCEL_EIO;
}

int vaccel_blob_read(struct vaccel_blob *blob)
{
	uint8_t *data;
	size_t size;
	int ret;

	if (!blob || blob->type >= VACCEL_BLOB_MAX)
		return VACCEL_EINVAL;
	if (blob->data)
		return check_mapping(blob);
	if (!blob->path)
		return VACCEL_EINVAL;

	ret = fs_file_map(blob->path, false, &data, &size);
	if (ret)
		return ret;
	blob->type = VACCEL_BLOB_MAPPED;
	blob->data = data;
	blob->data_owned = false;
	blob->size = size;
	return VACCEL_OK;
}

uint8_t *vaccel_blob_data(struct vaccel_blob *blob, size_t *size)
{
	if (vaccel_blob_read(blob))
		return NULL;
	if (size)
		*size = blob->size;
	return blob->data;
}

const char *vaccel_blob_path(struct vaccel_blob *blob)
{
	if (!blob || (blob->type != VACCEL_BLOB_FILE && blob->type != VACCEL_BLOB_MAPPED))
		return NULL;
	return blob->path;
}

bool vaccel_blob_valid(const struct vaccel_blob *blob)
{
	return blob && blob->type < VACCEL_BLOB_MAX && blob->name &&
	       (blob->path || (blob->data && blob->size));
}
