// SPDX-License-Identifier: Apache-2.0
/*
 * Resources of guests. The files of a resource are written, piece by piece, into a directory of its
 * own below the worker's run directory; memory-only blobs stay in memory. The first registration
 * makes a libvaccel resource of them, after which they do not change any more.
 */
#include "objects_private.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_FILES     4096
#define MAX_NAME      1024

struct file {
	char *name;	  /* relative to the directory, or a URL */
	uint64_t size;	  /* bytes, as announced */
	uint8_t *buffer;  /* memory-only blobs, else NULL */
};

struct guest_resource {
	struct object object; /* first: objects.c knows no more of it */
	pthread_mutex_t lock; /* guards all below */
	uint32_t type;
	uint32_t path_type;
	char *dir; /* NULL for URLs */
	struct file *files;
	uint32_t nr_files;
	uint64_t bytes;
	struct vaccel_resource *res;
};

int resource_create(struct objects *o, uint64_t context, uint32_t type, uint32_t path_type,
		    int64_t *id)
{
	struct guest_resource *r;
	int ret;

	if (type >= VACCEL_RESOURCE_MAX || path_type >= VACCEL_PATH_MAX)
		return VACCEL_EINVAL;

	ret = quota_take(o->quota, POLICY_max_resources, 1, VIRTIO_ACCEL_OP_RESOURCE_CREATE);
	if (ret)
		return ret;
	r = calloc(1, sizeof(*r));
	if (!r) {
		quota_give(o->quota, POLICY_max_resources, 1);
		return VACCEL_ENOMEM;
	}
	pthread_mutex_init(&r->lock, NULL);
	r->type = type;
	r->path_type = path_type;

	pthread_mutex_lock(&o->lock);
	o->nr_resources++;
	*id = object_list(o, &o->resources, &r->object, context);
	pthread_mutex_unlock(&o->lock);
	return VACCEL_OK;
}

struct guest_resource *resource_hold(struct objects *o, uint64_t context, int64_t id)
{
	struct object *obj;

	pthread_mutex_lock(&o->lock);
	obj = object_find(o->resources, context, id);
	if (obj)
		obj->holds++;
	pthread_mutex_unlock(&o->lock);
	return (struct guest_resource *)obj;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	if (remove(path))
		vaccel_warn("Could not remove %s: %s", path, strerror(errno));
	return 0;
}

void resource_free(struct objects *o, struct guest_resource *r)
{
	if (r->res)
		vaccel_resource_delete(r->res);
	if (r->dir)
		nftw(r->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	for (uint32_t i = 0; i < r->nr_files; i++) {
		free(r->files[i].name);
		free(r->files[i].buffer);
	}
	free(r->files);
	free(r->dir);
	pthread_mutex_destroy(&r->lock);
	pthread_mutex_lock(&o->lock);
	o->nr_resources--;
	pthread_mutex_unlock(&o->lock);
	quota_give(o->quota, POLICY_max_resource_bytes, r->bytes);
	quota_give(o->quota, POLICY_max_resources, 1);
	free(r);
}

void resource_unhold(struct objects *o, struct guest_resource *r)
{
	bool last;

	pthread_mutex_lock(&o->lock);
	last = object_drop(&r->object);
	pthread_mutex_unlock(&o->lock);
	if (last)
		resource_free(o, r);
}

void resource_destroy(struct objects *o, struct guest_resource *r)
{
	bool was_listed;

	pthread_mutex_lock(&o->lock);
	was_listed = r->object.listed;
	if (was_listed)
		object_unlist(&o->resources, &r->object);
	pthread_mutex_unlock(&o->lock);
	if (was_listed)
		resource_unhold(o, r);
}

struct vaccel_resource *resource_vaccel(struct guest_resource *r)
{
	struct vaccel_resource *res;

	pthread_mutex_lock(&r->lock);
	res = r->res;
	pthread_mutex_unlock(&r->lock);
	return res;
}

/* A name may not lead out of the resource's directory; only directories have deeper names. */
static bool name_ok(const char *name, bool deep)
{
	const char *part = name;

	if (strlen(name) >= MAX_NAME)
		return false;
	for (;;) {
		size_t n = strcspn(part, "/");

		if (n == 0 || n > 255 || (n == 1 && part[0] == '.') ||
		    (n == 2 && part[0] == '.' && part[1] == '.'))
			return false;
		if (!part[n])
			return true;
		if (!deep)
			return false;
		part += n + 1;
	}
}

/* A URL may not name a file of the host. */
static bool url_ok(const char *url)
{
	return strlen(url) < MAX_NAME &&
	       (!strncasecmp(url, "http://", 7) || !strncasecmp(url, "https://", 8) ||
		!strncasecmp(url, "ftp://", 6));
}

static char *file_path(const struct guest_resource *r, const struct file *f)
{
	char *path;

	return asprintf(&path, "%s/%s", r->dir, f->name) < 0 ? NULL : path;
}

/* mkdir -p for the directories of a file below the resource's own */
static int make_parents(const struct guest_resource *r, char *path)
{
	for (char *p = path + strlen(r->dir) + 1; (p = strchr(p, '/')); p++) {
		int failed;

		*p = '\0';
		failed = mkdir(path, 0700) && errno != EEXIST;
		*p = '/';
		if (failed)
			return errno;
	}
	return VACCEL_OK;
}

static int make_file(struct guest_resource *r, const struct file *f)
{
	char *path;
	int fd, ret;

	if (!r->dir) {
		if (asprintf(&r->dir, "%s/guest-resource.%llx", vaccel_rundir(),
			     (unsigned long long)r->object.id) < 0) {
			r->dir = NULL;
			return VACCEL_ENOMEM;
		}
		if (mkdir(r->dir, 0700))
			return errno;
	}
	path = file_path(r, f);
	if (!path)
		return VACCEL_ENOMEM;
	ret = make_parents(r, path);
	if (!ret) {
		fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0600);
		ret = fd < 0 || ftruncate(fd, (off_t)f->size) ? errno : VACCEL_OK;
		if (fd >= 0)
			close(fd);
	}
	free(path);
	return ret;
}

static int add_file(struct guest_resource *r, uint32_t blob_type, uint64_t size, const char *name)
{
	struct file f = {.size = size}, *files;
	int ret = VACCEL_OK;

	if (r->res)
		return VACCEL_EBUSY;
	if (r->nr_files == MAX_FILES)
		return VACCEL_EUSERS;
	files = realloc(r->files, (r->nr_files + 1) * sizeof(*files));
	if (!files)
		return VACCEL_ENOMEM;
	r->files = files;
	f.name = strdup(name);
	if (!f.name)
		return VACCEL_ENOMEM;
	if (r->path_type == VACCEL_PATH_REMOTE_FILE) {
		ret = VACCEL_OK;
	} else if (blob_type == VACCEL_BLOB_BUFFER) {
		f.buffer = calloc(1, size ? size : 1);
		ret = f.buffer ? VACCEL_OK : VACCEL_ENOMEM;
	} else {
		ret = make_file(r, &f);
	}
	if (ret) {
		free(f.name);
		return ret;
	}
	r->files[r->nr_files++] = f;
	return VACCEL_OK;
}

int resource_add(struct objects *o, struct guest_resource *r, uint32_t blob_type, uint64_t size,
		 const char *name)
{
	int ret;

	if (r->path_type == VACCEL_PATH_REMOTE_FILE) {
		ret = quota_allow(o->quota, POLICY_URL, VIRTIO_ACCEL_OP_RESOURCE_ADD);
		if (ret)
			return ret;
		if (size || !url_ok(name))
			return VACCEL_EINVAL;
	} else if (blob_type >= VACCEL_BLOB_MAX || size > INT64_MAX ||
		   !name_ok(name, r->path_type == VACCEL_PATH_LOCAL_DIR)) {
		return VACCEL_EINVAL;
	}

	ret = quota_take(o->quota, POLICY_max_resource_bytes, size, VIRTIO_ACCEL_OP_RESOURCE_ADD);
	if (ret)
		return ret;

	pthread_mutex_lock(&r->lock);
	ret = add_file(r, blob_type, size, name);
	if (!ret)
		r->bytes += size;
	pthread_mutex_unlock(&r->lock);
	if (ret)
		quota_give(o->quota, POLICY_max_resource_bytes, size);
	return ret;
}

/* pread or pwrite, all of it */
static int transfer(const char *path, bool write, uint64_t offset, void *data, uint64_t len)
{
	int fd = open(path, (write ? O_WRONLY : O_RDONLY) | O_CLOEXEC | O_NOFOLLOW);
	int ret = VACCEL_OK;

	if (fd < 0)
		return errno;
	while (len && !ret) {
		ssize_t n = write ? pwrite(fd, data, len, (off_t)offset)
				  : pread(fd, data, len, (off_t)offset);

		if (n > 0) {
			data = (uint8_t *)data + n;
			offset += (uint64_t)n;
			len -= (uint64_t)n;
		} else if (n == 0 || errno != EINTR) {
			ret = n == 0 ? VACCEL_EIO : errno;
		}
	}
	close(fd);
	return ret;
}

static int access_file(struct guest_resource *r, uint32_t index, bool write, uint64_t offset,
		       void *data, uint64_t len)
{
	const struct file *f;
	uint8_t *memory;
	char *path;
	int ret;

	if (index >= r->nr_files || r->path_type == VACCEL_PATH_REMOTE_FILE)
		return VACCEL_EINVAL;
	f = &r->files[index];
	if (offset > f->size || len > f->size - offset)
		return VACCEL_EINVAL;
	if (write && r->res)
		return VACCEL_EBUSY;

	if (f->buffer) {
		/* The library may have made a copy; what a plugin changed is there. */
		memory = f->buffer;
		if (r->res && index < r->res->nr_blobs && r->res->blobs[index]->data &&
		    r->res->blobs[index]->size >= f->size)
			memory = r->res->blobs[index]->data;
		if (write)
			memcpy(memory + offset, data, len);
		else
			memcpy(data, memory + offset, len);
		return VACCEL_OK;
	}
	path = file_path(r, f);
	if (!path)
		return VACCEL_ENOMEM;
	ret = transfer(path, write, offset, data, len);
	free(path);
	return ret;
}

int resource_write(struct guest_resource *r, uint32_t index, uint64_t offset, const void *data,
		   uint64_t len)
{
	int ret;

	pthread_mutex_lock(&r->lock);
	ret = access_file(r, index, true, offset, (void *)data, len);
	pthread_mutex_unlock(&r->lock);
	return ret;
}

int resource_read(struct guest_resource *r, uint32_t index, uint64_t offset, void *data,
		  uint64_t len)
{
	int ret;

	pthread_mutex_lock(&r->lock);
	ret = access_file(r, index, false, offset, data, len);
	pthread_mutex_unlock(&r->lock);
	return ret;
}

/* libvaccel warns of paths without a scheme. */
static char *file_url(const struct guest_resource *r, const char *name)
{
	char *url;

	return asprintf(&url, "file://%s/%s", r->dir, name) < 0 ? NULL : url;
}

/* The whole directory */
static int make_from_directory(struct guest_resource *r)
{
	char *url = file_url(r, "");
	int ret = url ? vaccel_resource_new(&r->res, url, r->type) : VACCEL_ENOMEM;

	free(url);
	return ret;
}

/* Files and URLs */
static int make_from_paths(struct guest_resource *r)
{
	char **paths = calloc(r->nr_files, sizeof(*paths));
	int ret = paths ? VACCEL_OK : VACCEL_ENOMEM;

	for (uint32_t i = 0; i < r->nr_files && !ret; i++) {
		paths[i] = r->dir ? file_url(r, r->files[i].name) : strdup(r->files[i].name);
		ret = paths[i] ? VACCEL_OK : VACCEL_ENOMEM;
	}
	if (!ret)
		ret = vaccel_resource_multi_new(&r->res, (const char **)paths, r->nr_files,
						r->type);
	for (uint32_t i = 0; paths && i < r->nr_files; i++)
		free(paths[i]);
	free(paths);
	return ret;
}

/* At least one memory-only blob */
static int make_from_blobs(struct guest_resource *r)
{
	struct vaccel_blob **blobs = calloc(r->nr_files, sizeof(*blobs));
	int ret = blobs ? VACCEL_OK : VACCEL_ENOMEM;

	for (uint32_t i = 0; i < r->nr_files && !ret; i++) {
		const struct file *f = &r->files[i];
		char *path;

		if (f->buffer) {
			ret = vaccel_blob_from_buf(&blobs[i], f->buffer, f->size, false, f->name,
						   NULL, false);
			continue;
		}
		path = file_path(r, f);
		ret = path ? vaccel_blob_new(&blobs[i], path) : VACCEL_ENOMEM;
		free(path);
	}
	if (!ret)
		ret = vaccel_resource_from_blobs(&r->res, (const struct vaccel_blob **)blobs,
						 r->nr_files, r->type);
	for (uint32_t i = 0; blobs && i < r->nr_files; i++)
		if (blobs[i])
			vaccel_blob_delete(blobs[i]);
	free(blobs);
	return ret;
}

static int make_resource(struct guest_resource *r)
{
	if (!r->nr_files)
		return VACCEL_EINVAL;
	if (r->path_type == VACCEL_PATH_LOCAL_DIR)
		return make_from_directory(r);
	for (uint32_t i = 0; i < r->nr_files; i++)
		if (r->files[i].buffer)
			return make_from_blobs(r);
	return make_from_paths(r);
}

int resource_register(struct guest_resource *r, struct guest_session *s)
{
	int ret = VACCEL_OK;

	pthread_mutex_lock(&r->lock);
	if (!r->res)
		ret = make_resource(r);
	pthread_mutex_unlock(&r->lock);
	return ret ? ret : vaccel_resource_register(r->res, session_vaccel(s));
}

int resource_unregister(struct guest_resource *r, struct guest_session *s)
{
	struct vaccel_resource *res = resource_vaccel(r);

	return res ? vaccel_resource_unregister(res, session_vaccel(s)) : VACCEL_EINVAL;
}

int resource_sync(struct guest_resource *r, struct guest_session *s)
{
	struct vaccel_resource *res = resource_vaccel(r);

	return res ? vaccel_resource_sync(res, session_vaccel(s)) : VACCEL_EINVAL;
}
