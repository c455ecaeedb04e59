// SPDX-License-Identifier: Apache-2.0
/* The files of guests' resources: adding, writing, reading and claiming them. */
#include "resource_private.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "names.h"

#define MAX_FILES 4096
#define MAX_URL	  1024

/* A URL may not name a file of the host. */
static bool url_ok(const char *url)
{
	return strlen(url) < MAX_URL &&
	       (!strncasecmp(url, "http://", 7) || !strncasecmp(url, "https://", 8) ||
		!strncasecmp(url, "ftp://", 6));
}

char *file_path(const struct guest_resource *r, const struct file *f)
{
	char *path;

	return asprintf(&path, "%s/%s", r->dir, f->name) < 0 ? NULL : path;
}

void file_free(struct guest_resource *r, struct file *f)
{
	content_put(r->cache, f->content);
	free(f->name);
	free(f->buffer);
	free(f->model_name);
}

/* ---- Adding --------------------------------------------------------------------------------- */

/*
 * Counts a file or directory before it is made: each takes memory and an inode, whatever its size, and
 * somebody's time when it is removed.
 */
static int take_entry(struct guest_resource *r)
{
	int ret = quota_take(r->quota, POLICY_max_files, 1, VIRTIO_ACCEL_OP_RESOURCE_ADD);

	if (!ret)
		r->nr_entries++;
	return ret;
}

static void give_entry(struct guest_resource *r)
{
	quota_give(r->quota, POLICY_max_files, 1);
	r->nr_entries--;
}

/* Makes a directory, unless it is there. */
static int make_counted(struct guest_resource *r, const char *path)
{
	int ret = take_entry(r), err;

	if (ret || !mkdir(path, 0700))
		return ret;
	err = errno;
	give_entry(r);
	return err == EEXIST ? VACCEL_OK : err;
}

static int make_dir(struct guest_resource *r)
{
	/* Ids are a client's, and the directory is that of all clients of this process. */
	static _Atomic uint64_t last;
	int ret;

	if (r->dir)
		return VACCEL_OK;
	if (asprintf(&r->dir, "%s/guest-resource.%" PRIx64, vaccel_rundir(), atomic_fetch_add(&last, 1) + 1) < 0) {
		r->dir = NULL;
		return VACCEL_ENOMEM;
	}
	ret = make_counted(r, r->dir);
	if (ret) {
		free(r->dir);
		r->dir = NULL;
	}
	return ret;
}

/* mkdir -p for the directories of a file below the resource's own */
static int make_parents(struct guest_resource *r, char *path)
{
	for (char *p = path + strlen(r->dir) + 1; (p = strchr(p, '/')); p++) {
		int ret;

		*p = '\0';
		ret = make_counted(r, path);
		*p = '/';
		if (ret)
			return ret;
	}
	return VACCEL_OK;
}

static int make_plain_file(struct guest_resource *r, const char *path, uint64_t size)
{
	int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0600);
	int ret = fd < 0 || ftruncate(fd, (off_t)size) ? errno : VACCEL_OK;

	if (fd >= 0)
		close(fd);
	if (!ret) {
		r->file_bytes += size;
		atomic_fetch_add(&r->quota->counts->file_bytes, size);
	}
	return ret;
}

/*
 * A link to a descriptor of this process: of sealed memory, or of the models' directory. "self", since
 * the worker may have another number in the /proc that it sees.
 */
static int make_link(const char *path, int fd, const char *name)
{
	char *target;
	int ret = VACCEL_OK;

	if (asprintf(&target, "/proc/self/fd/%d%s%s", fd, name ? "/" : "", name ? name : "") < 0)
		return VACCEL_ENOMEM;
	if (symlink(target, path))
		ret = errno;
	free(target);
	return ret;
}

/* What the resource's directory has under the file's name */
static int make_file(struct guest_resource *r, struct file *f)
{
	char *path;
	int ret = make_dir(r);

	if (ret)
		return ret;
	path = file_path(r, f);
	if (!path)
		return VACCEL_ENOMEM;
	ret = make_parents(r, path);
	if (!ret && !f->model_name && f->size >= VIRTIO_ACCEL_CACHE_MIN)
		f->content = content_new(r->cache, f->size);
	if (ret)
		;
	else if (f->model_name)
		ret = make_link(path, r->model_dir, f->model_name);
	else if (f->content)
		ret = make_link(path, content_fd(f->content), NULL);
	else
		ret = make_plain_file(r, path, f->size);
	free(path);
	return ret;
}

static int add_model(struct guest_resource *r, struct file *f, const char *name)
{
	const char *slash = strrchr(name, '/');
	int ret = model_find(r->model_dir, name, &f->model);

	if (ret)
		return ret;
	f->model_name = strdup(name);
	f->name = strdup(slash ? slash + 1 : name);
	return f->model_name && f->name ? make_file(r, f) : VACCEL_ENOMEM;
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
	if (r->path_type == VACCEL_PATH_REMOTE_FILE && model_name(name)) {
		ret = add_model(r, &f, model_name(name));
		goto out;
	}
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
out:
	if (ret)
		file_free(r, &f);
	else
		r->files[r->nr_files++] = f;
	return ret;
}

int resource_add(struct objects *o, struct guest_resource *r, uint32_t blob_type, uint64_t size,
		 const char *name)
{
	int ret;

	if (r->path_type == VACCEL_PATH_REMOTE_FILE && model_name(name)) {
		if (size)
			return VACCEL_EINVAL;
	} else if (r->path_type == VACCEL_PATH_REMOTE_FILE && model_served_name(name)) {
		ret = quota_allow_model(o->quota, model_served_name(name), VIRTIO_ACCEL_OP_RESOURCE_ADD);
		if (ret)
			return ret;
		if (size || strlen(name) >= MAX_URL)
			return VACCEL_EINVAL;
	} else if (r->path_type == VACCEL_PATH_REMOTE_FILE) {
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
	/* Directories that were made for it stay, and stay counted, when the file cannot be made. */
	ret = take_entry(r);
	if (!ret) {
		ret = add_file(r, blob_type, size, name);
		if (ret)
			give_entry(r);
		else
			r->bytes += size;
	}
	pthread_mutex_unlock(&r->lock);
	if (ret)
		quota_give(o->quota, POLICY_max_resource_bytes, size);
	else
		objects_trim_cache(o);
	return ret;
}

/* ---- Writing and reading -------------------------------------------------------------------- */

/* pread or pwrite, all of it */
static int transfer(int fd, bool write, uint64_t offset, void *data, uint64_t len)
{
	while (len) {
		ssize_t n = write ? pwrite(fd, data, len, (off_t)offset)
				  : pread(fd, data, len, (off_t)offset);

		if (n > 0) {
			data = (uint8_t *)data + n;
			offset += (uint64_t)n;
			len -= (uint64_t)n;
		} else if (n == 0 || errno != EINTR) {
			return n == 0 ? VACCEL_EIO : errno;
		}
	}
	return VACCEL_OK;
}

static int access_path(const struct guest_resource *r, const struct file *f, bool write,
		       uint64_t offset, void *data, uint64_t len)
{
	char *path = file_path(r, f);
	int fd, ret;

	if (!path)
		return VACCEL_ENOMEM;
	fd = open(path, (write ? O_WRONLY : O_RDONLY) | O_CLOEXEC | O_NOFOLLOW);
	ret = fd < 0 ? errno : transfer(fd, write, offset, data, len);
	if (fd >= 0)
		close(fd);
	free(path);
	return ret;
}

/* Without room in memory the file is one of the directory. */
static int make_plain(struct guest_resource *r, struct file *f)
{
	char *path = file_path(r, f);
	int ret = VACCEL_ENOMEM;

	if (path)
		ret = unlink(path) ? errno : make_plain_file(r, path, f->size);
	free(path);
	content_put(r->cache, f->content);
	f->content = NULL;
	return ret;
}

/* A file of the resource with this index that has bytes, or NULL */
static struct file *find_file(struct guest_resource *r, uint32_t index)
{
	if (index >= r->nr_files || r->path_type == VACCEL_PATH_REMOTE_FILE)
		return NULL;
	return &r->files[index];
}

static int access_file(struct guest_resource *r, uint32_t index, bool write, uint64_t offset,
		       void *data, uint64_t len)
{
	struct file *f = find_file(r, index);
	uint8_t *memory;
	int ret = VACCEL_OK;

	if (!f || offset > f->size || len > f->size - offset)
		return VACCEL_EINVAL;
	if (write && (r->res || f->claimed))
		return VACCEL_EBUSY;
	if (write && !f->written) {
		f->written = true;
		f->challenged = false;
		if (f->content && !content_charge(r->cache, f->content))
			ret = make_plain(r, f);
		if (ret)
			return ret;
	}
	if (f->content)
		return transfer(content_fd(f->content), write, offset, data, len);
	if (!f->buffer)
		return access_path(r, f, write, offset, data, len);

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

int resource_write(struct objects *o, struct guest_resource *r, uint32_t index, uint64_t offset,
		   const void *data, uint64_t len)
{
	int ret;

	pthread_mutex_lock(&r->lock);
	ret = access_file(r, index, true, offset, (void *)data, len);
	pthread_mutex_unlock(&r->lock);
	if (!ret)
		atomic_fetch_add(&o->received, len);
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

/* ---- Claims --------------------------------------------------------------------------------- */

static int challenge(struct guest_resource *r, uint32_t index, uint8_t *key)
{
	struct file *f = find_file(r, index);
	int ret;

	if (!f)
		return VACCEL_EINVAL;
	if (r->res || f->claimed || f->written)
		return VACCEL_EBUSY;
	if (!f->content)
		return VACCEL_ENOENT;
	ret = content_challenge(r->cache, f->size, &f->challenge);
	f->challenged = !ret;
	if (!ret)
		memcpy(key, f->challenge.key, sizeof(f->challenge.key));
	return ret;
}

int resource_challenge(struct guest_resource *r, uint32_t index, uint8_t *key)
{
	int ret;

	pthread_mutex_lock(&r->lock);
	ret = challenge(r, index, key);
	pthread_mutex_unlock(&r->lock);
	return ret;
}

/* The directory's link follows the content, which may now be another one. */
static int relink(const struct guest_resource *r, const struct file *f)
{
	char *path = file_path(r, f);
	int ret = VACCEL_ENOMEM;

	if (path)
		ret = unlink(path) ? errno : make_link(path, content_fd(f->content), NULL);
	free(path);
	return ret;
}

static int claim(struct guest_resource *r, uint32_t index, const uint8_t *tag)
{
	struct file *f = find_file(r, index);
	int ret;

	/* Registered or written since the challenge: it is void, and so is the proof. */
	if (!f || !f->challenged)
		return VACCEL_EINVAL;
	f->challenged = false;
	if (r->res)
		return VACCEL_EBUSY;
	ret = content_claim(r->cache, &f->content, &f->challenge, tag);
	if (ret)
		return ret;
	f->claimed = true;
	return relink(r, f);
}

int resource_claim(struct objects *o, struct guest_resource *r, uint32_t index,
		   const uint8_t *tag)
{
	uint64_t size = 0;
	int ret;

	pthread_mutex_lock(&r->lock);
	ret = claim(r, index, tag);
	if (!ret)
		size = r->files[index].size;
	pthread_mutex_unlock(&r->lock);
	atomic_fetch_add(&o->claimed, size);
	return ret;
}
