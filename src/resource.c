// SPDX-License-Identifier: Apache-2.0
/* Resources: their life, and how they are found. */

#define _GNU_SOURCE
#include "resource.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "fs.h"
#include "id.h"
#include "list.h"
#include "process.h"
#include "resource_priv.h"
#include "vaccel/error.h"
#include "vaccel/log.h"

#define MAX_RESOURCES 2048

/*
 * What struct vaccel_resource has no room for, by id: a lock for calls that last (they call
 * plugins), and whose id it is, which tells live resources from others. The lock checks for
 * errors, so a hook that calls back gets a code where it would hang.
 */
struct slot {
	pthread_mutex_t lock;
	struct vaccel_resource *res; /* protected by lock */
	unsigned int generation;     /* of the process whose remote_id it has */
};

static struct slot slots[MAX_RESOURCES] = {
	[0 ... MAX_RESOURCES - 1] = { .lock = PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP },
};

ID_POOL_DEFINE(ids, MAX_RESOURCES);

/* All live resources, oldest first. */
static struct vaccel_list_entry resources = LIST_ENTRY_INIT(resources);
static pthread_mutex_t resources_lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_bool running;

void resources_before_fork(void)
{
	pthread_mutex_lock(&resources_lock);
}

void resources_after_fork(bool child)
{
	const pthread_mutex_t unlocked = PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP;

	/* What the parent's other threads have locked stays so. */
	if (child)
		list_for_each(res, &resources, struct vaccel_resource, entry) {
			slots[res->id - 1].lock = unlocked;
			pthread_mutex_init(&res->sessions_lock, NULL);
		}
	pthread_mutex_unlock(&resources_lock);
}

void resource_adopt(struct vaccel_resource *res)
{
	struct slot *slot = &slots[res->id - 1];

	/* An id of the parent's connection may be another resource's in ours. */
	if (slot->generation != process_generation)
		res->remote_id = 0;
	slot->generation = process_generation;
}

int resources_bootstrap(void)
{
	id_pool_reset(&ids);
	atomic_store(&running, true);
	return VACCEL_OK;
}

bool resources_running(void)
{
	return atomic_load(&running);
}

static bool is_live(const struct vaccel_resource *res)
{
	bool live;

	pthread_mutex_lock(&resources_lock);
	live = list_contains(&resources, &res->entry);
	pthread_mutex_unlock(&resources_lock);
	return live;
}

int resource_lock_by_id(struct vaccel_resource *res, vaccel_id_t id)
{
	struct slot *slot;

	if (id < 1 || id > MAX_RESOURCES)
		return VACCEL_EINVAL;
	slot = &slots[id - 1];
	if (pthread_mutex_lock(&slot->lock) == EDEADLK) {
		vaccel_error("Resource %" PRId64 " is in use by this thread", id);
		return VACCEL_EBUSY;
	}
	if (slot->res != res) {
		pthread_mutex_unlock(&slot->lock);
		return VACCEL_EINVAL;
	}
	return VACCEL_OK;
}

void resource_unlock_by_id(vaccel_id_t id)
{
	pthread_mutex_unlock(&slots[id - 1].lock);
}

int resource_lock(struct vaccel_resource *res)
{
	return res ? resource_lock_by_id(res, res->id) : VACCEL_EINVAL;
}

void resource_unlock(struct vaccel_resource *res)
{
	resource_unlock_by_id(res->id);
}

/* Checks the object and brings it into the state that a failed call leaves behind. */
static int prepare(struct vaccel_resource *res, vaccel_resource_type_t type)
{
	if (!resources_running())
		return VACCEL_EPERM;
	if (!res)
		return VACCEL_EINVAL;
	if (is_live(res)) {
		vaccel_error("Resource %" PRId64 " must be released before it is initialised again",
			     res->id);
		return VACCEL_EBUSY;
	}

	res->id = 0;
	res->remote_id = 0;
	res->type = type;
	res->path_type = VACCEL_PATH_LOCAL_FILE;
	res->paths = NULL;
	res->nr_paths = 0;
	res->rundir = NULL;
	res->blobs = NULL;
	res->nr_blobs = 0;
	list_init(&res->entry);
	list_init(&res->sessions);
	atomic_init(&res->refcount, 0);
	res->plugin_priv = NULL;
	return type < VACCEL_RESOURCE_MAX ? VACCEL_OK : VACCEL_EINVAL;
}

static int draw_id(struct vaccel_resource *res)
{
	res->id = id_pool_get(&ids);
	if (res->id < 0) {
		vaccel_error("There are %d resources already; release some", MAX_RESOURCES);
		return -res->id;
	}
	return VACCEL_OK;
}

static void return_id(struct vaccel_resource *res)
{
	id_pool_put(&ids, res->id);
	res->id = 0;
}

/* Makes a complete resource visible. */
static void publish(struct vaccel_resource *res)
{
	struct slot *slot = &slots[res->id - 1];

	pthread_mutex_init(&res->sessions_lock, NULL);
	pthread_mutex_lock(&slot->lock);
	slot->res = res;
	slot->generation = process_generation;
	pthread_mutex_unlock(&slot->lock);

	pthread_mutex_lock(&resources_lock);
	list_add_tail(&resources, &res->entry);
	pthread_mutex_unlock(&resources_lock);
	vaccel_debug("Initialized resource %" PRId64, res->id);
}

static void free_paths(struct vaccel_resource *res)
{
	fs_paths_free(res->paths, res->nr_paths);
	res->paths = NULL;
	res->nr_paths = 0;
}

/* Copies the paths, which have to be of one kind. */
static int take_paths(struct vaccel_resource *res, const char **paths, size_t nr_paths)
{
	int ret;

	res->paths = calloc(nr_paths, sizeof(*res->paths));
	if (!res->paths)
		return VACCEL_ENOMEM;

	for (size_t i = 0; i < nr_paths; i++) {
		vaccel_path_type_t type;
		const char *bare;

		ret = resource_path_parse(paths[i], &type, &bare);
		if (ret)
			goto free_paths;
		if (i && type == VACCEL_PATH_LOCAL_DIR) {
			vaccel_error("Only one directory is possible, and no file beside it: %s",
				     bare);
			ret = VACCEL_ENOTSUP;
			goto free_paths;
		}
		if (i && (type != res->path_type || type == VACCEL_PATH_LOCAL_DIR)) {
			vaccel_error("Path %s is of another kind than the first one", bare);
			ret = VACCEL_EINVAL;
			goto free_paths;
		}
		res->path_type = type;
		res->paths[i] = strdup(bare);
		if (!res->paths[i]) {
			ret = VACCEL_ENOMEM;
			goto free_paths;
		}
		res->nr_paths++;
	}
	return VACCEL_OK;

free_paths:
	free_paths(res);
	res->path_type = VACCEL_PATH_LOCAL_FILE;
	return ret;
}

int vaccel_resource_init_multi(struct vaccel_resource *res, const char **paths, size_t nr_paths,
			       vaccel_resource_type_t type)
{
	int ret = prepare(res, type);

	if (ret)
		return ret;
	if (!paths || !nr_paths)
		return VACCEL_EINVAL;

	ret = take_paths(res, paths, nr_paths);
	if (ret)
		return ret;
	ret = draw_id(res);
	if (ret) {
		free_paths(res);
		return ret;
	}
	publish(res);
	return VACCEL_OK;
}

int vaccel_resource_init(struct vaccel_resource *res, const char *path,
			 vaccel_resource_type_t type)
{
	return vaccel_resource_init_multi(res, &path, 1, type);
}

int vaccel_resource_init_from_buf(struct vaccel_resource *res, const void *buf, size_t nr_bytes,
				  vaccel_resource_type_t type, const char *filename,
				  bool mem_only)
{
	int ret = prepare(res, type);

	if (ret)
		return ret;
	if (!buf || !nr_bytes)
		return VACCEL_EINVAL;

	ret = draw_id(res);
	if (ret)
		return ret;
	ret = resource_blobs_from_buf(res, buf, nr_bytes, filename, mem_only);
	if (ret) {
		return_id(res);
		return ret;
	}
	publish(res);
	return VACCEL_OK;
}

int vaccel_resource_init_from_blobs(struct vaccel_resource *res, const struct vaccel_blob **blobs,
				    size_t nr_blobs, vaccel_resource_type_t type)
{
	int ret = prepare(res, type);

	if (ret)
		return ret;
	if (!blobs || !nr_blobs)
		return VACCEL_EINVAL;

	ret = draw_id(res);
	if (ret)
		return ret;
	ret = resource_blobs_from_blobs(res, blobs, nr_blobs);
	if (ret) {
		return_id(res);
		return ret;
	}
	publish(res);
	return VACCEL_OK;
}

int vaccel_resource_release(struct vaccel_resource *res)
{
	vaccel_id_t id;
	int ret;

	if (!resources_running())
		return VACCEL_EPERM;
	ret = resource_lock(res);
	if (ret)
		return ret;

	id = res->id;
	resource_unregister_all(res);

	pthread_mutex_lock(&resources_lock);
	list_unlink(&res->entry);
	pthread_mutex_unlock(&resources_lock);

	resource_drop_blobs(res);
	free_paths(res);
	pthread_mutex_destroy(&res->sessions_lock);
	res->id = 0;
	res->remote_id = 0;
	res->plugin_priv = NULL;

	slots[id - 1].res = NULL;
	resource_unlock_by_id(id);
	id_pool_put(&ids, id);
	vaccel_debug("Released resource %" PRId64, id);
	return VACCEL_OK;
}

static struct vaccel_resource *first_live(void)
{
	struct vaccel_resource *res = NULL;

	pthread_mutex_lock(&resources_lock);
	if (!list_empty(&resources))
		res = list_container(resources.next, struct vaccel_resource, entry);
	pthread_mutex_unlock(&resources_lock);
	return res;
}

int resources_cleanup(void)
{
	struct vaccel_resource *res;

	if (!resources_running())
		return VACCEL_OK;

	vaccel_debug("Cleaning up resources");
	while ((res = first_live())) {
		int ret = vaccel_resource_release(res);

		if (ret) {
			vaccel_error("Could not release resource %" PRId64 ": %s", res->id,
				     strerror(ret));
			pthread_mutex_lock(&resources_lock);
			list_unlink(&res->entry);
			pthread_mutex_unlock(&resources_lock);
		}
	}
	atomic_store(&running, false);
	return VACCEL_OK;
}

/* Memory for a new resource, which hand_over() must follow. */
static int allocate(struct vaccel_resource *const *res, struct vaccel_resource **new)
{
	if (!resources_running())
		return VACCEL_EPERM;
	if (!res)
		return VACCEL_EINVAL;
	*new = malloc(sizeof(**new));
	return *new ? VACCEL_OK : VACCEL_ENOMEM;
}

/* Gives a new resource to the caller, or frees it when it could not be initialised. */
static int hand_over(struct vaccel_resource **res, struct vaccel_resource *new, int ret)
{
	if (ret)
		free(new);
	else
		*res = new;
	return ret;
}

int vaccel_resource_multi_new(struct vaccel_resource **res, const char **paths, size_t nr_paths,
			      vaccel_resource_type_t type)
{
	struct vaccel_resource *new;
	int ret = allocate(res, &new);

	if (ret)
		return ret;
	return hand_over(res, new, vaccel_resource_init_multi(new, paths, nr_paths, type));
}

int vaccel_resource_new(struct vaccel_resource **res, const char *path,
			vaccel_resource_type_t type)
{
	return vaccel_resource_multi_new(res, &path, 1, type);
}

int vaccel_resource_from_buf(struct vaccel_resource **res, const void *buf, size_t nr_bytes,
			     vaccel_resource_type_t type, const char *filename, bool mem_only)
{
	struct vaccel_resource *new;
	int ret = allocate(res, &new);

	if (ret)
		return ret;
	return hand_over(res, new, vaccel_resource_init_from_buf(new, buf, nr_bytes, type, filename,
								 mem_only));
}

int vaccel_resource_from_blobs(struct vaccel_resource **res, const struct vaccel_blob **blobs,
			       size_t nr_blobs, vaccel_resource_type_t type)
{
	struct vaccel_resource *new;
	int ret = allocate(res, &new);

	if (ret)
		return ret;
	return hand_over(res, new, vaccel_resource_init_from_blobs(new, blobs, nr_blobs, type));
}

int vaccel_resource_delete(struct vaccel_resource *res)
{
	int ret = vaccel_resource_release(res);

	if (!ret)
		free(res);
	return ret;
}

int vaccel_resource_get_by_id(struct vaccel_resource **res, vaccel_id_t id)
{
	int ret = VACCEL_ENOENT;

	if (!resources_running())
		return VACCEL_EPERM;
	if (!res)
		return VACCEL_EINVAL;

	pthread_mutex_lock(&resources_lock);
	list_for_each(pos, &resources, struct vaccel_resource, entry) {
		if (pos->id == id) {
			*res = pos;
			ret = VACCEL_OK;
			break;
		}
	}
	pthread_mutex_unlock(&resources_lock);
	return ret;
}

int vaccel_resource_get_by_type(struct vaccel_resource **res, vaccel_resource_type_t type)
{
	int ret = VACCEL_ENOENT;

	if (!resources_running())
		return VACCEL_EPERM;
	if (!res || type >= VACCEL_RESOURCE_MAX)
		return VACCEL_EINVAL;

	pthread_mutex_lock(&resources_lock);
	list_for_each(pos, &resources, struct vaccel_resource, entry) {
		if (pos->type == type) {
			*res = pos;
			ret = VACCEL_OK;
			break;
		}
	}
	pthread_mutex_unlock(&resources_lock);
	return ret;
}

int vaccel_resource_get_all_by_type(struct vaccel_resource ***res, size_t *nr_found,
				    vaccel_resource_type_t type)
{
	struct vaccel_resource **found = NULL;
	size_t count = 0, i = 0;
	int ret = VACCEL_OK;

	if (!resources_running())
		return VACCEL_EPERM;
	if (!res || !nr_found || type >= VACCEL_RESOURCE_MAX)
		return VACCEL_EINVAL;

	pthread_mutex_lock(&resources_lock);
	list_for_each(pos, &resources, struct vaccel_resource, entry)
		count += pos->type == type;
	if (!count) {
		ret = VACCEL_ENOENT;
		goto unlock;
	}
	found = calloc(count, sizeof(*found));
	if (!found) {
		ret = VACCEL_ENOMEM;
		goto unlock;
	}
	list_for_each(pos, &resources, struct vaccel_resource, entry) {
		if (pos->type == type)
			found[i++] = pos;
	}
	*res = found;

unlock:
	*nr_found = i;
	pthread_mutex_unlock(&resources_lock);
	return ret;
}

long int vaccel_resource_refcount(const struct vaccel_resource *res)
{
	return res ? (long int)atomic_load(&res->refcount) : -VACCEL_EINVAL;
}

int vaccel_resource_directory(struct vaccel_resource *res, char *out_path, size_t out_path_size,
			      char **alloc_path)
{
	const char *dir;

	/* No lock: plugins ask from their hooks, and neither path changes in a live resource. */
	if (!res || res->id < 1 || (!out_path && !alloc_path))
		return VACCEL_EINVAL;
	if (res->path_type != VACCEL_PATH_LOCAL_DIR) {
		vaccel_error("Resource %" PRId64 " is not a directory", res->id);
		return VACCEL_ENOTSUP;
	}

	dir = res->rundir ? res->rundir : res->paths[0];
	if (alloc_path) {
		char *copy = strdup(dir);

		if (!copy)
			return VACCEL_ENOMEM;
		*alloc_path = copy;
		return VACCEL_OK;
	}
	if (strlen(dir) >= out_path_size)
		return VACCEL_EINVAL;
	strcpy(out_path, dir);
	return VACCEL_OK;
}
