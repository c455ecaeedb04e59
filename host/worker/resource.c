// SPDX-License-Identifier: Apache-2.0
/*
 * Resources of guests. The files of a resource are written, piece by piece, into a directory of its
 * own below the worker's run directory, larger ones into memory that the directory has links to
 * (resource_files.c); memory-only blobs stay in memory. The first registration makes a libvaccel
 * resource of them, after which they do not change any more.
 */
#include "resource_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tree.h"

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
	r->model_dir = o->dirs.models;
	r->cache = o->cache;
	r->quota = o->quota;

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

/* Removes its directory with all in it. What plugins made unremovable is left to the cleaner. */
static void remove_dir(const char *path)
{
	int ret = tree_remove(AT_FDCWD, path);

	if (ret && ret != -ENOENT)
		vaccel_warn("Could not remove %s: %s", path, strerror(-ret));
}

void resource_free(struct objects *o, struct guest_resource *r)
{
	if (r->res)
		vaccel_resource_delete(r->res);
	if (r->dir)
		remove_dir(r->dir);
	quota_give(o->quota, POLICY_max_resource_bytes, r->bytes);
	atomic_fetch_sub(&o->quota->counts->file_bytes, r->file_bytes);
	quota_give(o->quota, POLICY_max_files, r->nr_entries);
	for (uint32_t i = 0; i < r->nr_files; i++)
		file_free(r, &r->files[i]);
	objects_trim_cache(o);
	free(r->files);
	free(r->dir);
	pthread_mutex_destroy(&r->lock);
	pthread_mutex_lock(&o->lock);
	o->nr_resources--;
	pthread_mutex_unlock(&o->lock);
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

/* libvaccel warns of paths without a scheme. */
static char *file_url(const struct guest_resource *r, const char *name)
{
	char *url;

	return asprintf(&url, "file://%s/%s", r->dir, name) < 0 ? NULL : url;
}

/* A whole directory; @name: "", or a model's */
static int make_from_directory(struct guest_resource *r, const char *name)
{
	char *url = file_url(r, name);
	int ret = url ? vaccel_resource_new(&r->res, url, r->type) : VACCEL_ENOMEM;

	free(url);
	return ret;
}

/* Files, models of the host and URLs */
static int make_from_paths(struct guest_resource *r)
{
	char **paths = calloc(r->nr_files, sizeof(*paths));
	int ret = paths ? VACCEL_OK : VACCEL_ENOMEM;

	for (uint32_t i = 0; i < r->nr_files && !ret; i++) {
		const struct file *f = &r->files[i];
		bool url = r->path_type == VACCEL_PATH_REMOTE_FILE && !f->model_name;

		paths[i] = url ? strdup(f->name) : file_url(r, f->name);
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
		return make_from_directory(r, "");
	if (r->nr_files == 1 && r->files[0].model_name && r->files[0].model.is_dir)
		return make_from_directory(r, r->files[0].name);
	for (uint32_t i = 0; i < r->nr_files; i++)
		if (r->files[i].buffer)
			return make_from_blobs(r);
	return make_from_paths(r);
}

/*
 * A model that the operator has replaced is gone, as far as this resource is concerned: the guest's
 * plugin makes a new one then.
 */
static int check_models(const struct guest_resource *r)
{
	for (uint32_t i = 0; i < r->nr_files; i++) {
		const struct file *f = &r->files[i];

		if (f->model_name && !model_same(r->model_dir, f->model_name, &f->model))
			return VACCEL_ENOENT;
	}
	return VACCEL_OK;
}

/* The first registration: files do not change any more, and may be claimed. */
static int fix(struct guest_resource *r)
{
	int ret = make_resource(r);

	for (uint32_t i = 0; i < r->nr_files && !ret; i++)
		if (r->files[i].content)
			content_publish(r->cache, r->files[i].content);
	return ret;
}

int resource_register(struct guest_resource *r, struct guest_session *s)
{
	int ret;

	pthread_mutex_lock(&r->lock);
	ret = check_models(r);
	if (!ret && !r->res)
		ret = fix(r);
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
