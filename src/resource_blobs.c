// SPDX-License-Identifier: Apache-2.0
/* The blobs of a resource: where its bytes are, and its run directory. */

#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "blob.h"
#include "fs.h"
#include "netw/download.h"
#include "path.h"
#include "resource_priv.h"
#include "rundir.h"
#include "vaccel/error.h"
#include "vaccel/log.h"

#define DEFAULT_NAME "file"

int resource_make_rundir(struct vaccel_resource *res)
{
	char *rundir;

	int ret;

	if (res->rundir)
		return VACCEL_OK;
	ret = rundir_ensure();
	if (ret)
		return ret;
	if (asprintf(&rundir, "%s/resource.%" PRId64, rundir_path(), res->id) < 0)
		return VACCEL_ENOMEM;

	if (mkdir(rundir, 0700)) {
		ret = fs_error(errno);
		vaccel_error("Could not create run directory %s: %s", rundir, strerror(errno));
		free(rundir);
		return ret;
	}
	vaccel_debug("New rundir for resource %" PRId64 ": %s", res->id, rundir);
	res->rundir = rundir;
	return VACCEL_OK;
}

static void remove_rundir(struct vaccel_resource *res)
{
	if (!res->rundir)
		return;
	if (rundir_owns(res->rundir))
		path_remove_dir(res->rundir, "resource rundir");
	free(res->rundir);
	res->rundir = NULL;
}

/* Makes room for nr blobs; res->nr_blobs counts those that are there. */
static int alloc_blobs(struct vaccel_resource *res, size_t nr)
{
	res->blobs = calloc(nr, sizeof(struct vaccel_blob *));
	res->nr_blobs = 0;
	return res->blobs ? VACCEL_OK : VACCEL_ENOMEM;
}

static void delete_blobs(struct vaccel_resource *res)
{
	for (size_t i = 0; i < res->nr_blobs; i++)
		vaccel_blob_delete(res->blobs[i]);
	free(res->blobs);
	res->blobs = NULL;
	res->nr_blobs = 0;
}

void resource_drop_blobs(struct vaccel_resource *res)
{
	delete_blobs(res);
	remove_rundir(res);
}

int resource_blobs_from_buf(struct vaccel_resource *res, const void *buf, size_t nr_bytes,
			    const char *filename, bool mem_only)
{
	const char *name = filename ? filename : DEFAULT_NAME;
	int ret;

	ret = alloc_blobs(res, 1);
	if (ret)
		return ret;
	if (!mem_only) {
		ret = resource_make_rundir(res);
		if (ret)
			goto drop;
	}

	ret = vaccel_blob_from_buf(&res->blobs[0], buf, nr_bytes, false, name,
				   mem_only ? NULL : res->rundir, !filename);
	if (ret)
		goto drop;
	res->nr_blobs = 1;
	return VACCEL_OK;

drop:
	resource_drop_blobs(res);
	return ret;
}

/* Makes a blob of the resource from one of the caller. */
static int adopt_blob(struct vaccel_resource *res, const struct vaccel_blob *src,
		      struct vaccel_blob **blob)
{
	int ret;

	switch (src->type) {
	case VACCEL_BLOB_FILE:
		return vaccel_blob_new(blob, src->path);
	case VACCEL_BLOB_BUFFER:
		return vaccel_blob_from_buf(blob, src->data, src->size, src->data_owned,
					    src->name, NULL, false);
	case VACCEL_BLOB_MAPPED:
		ret = resource_make_rundir(res);
		if (ret)
			return ret;
		return vaccel_blob_from_buf(blob, src->data, src->size, false, src->name,
					    res->rundir, false);
	default:
		return VACCEL_EINVAL;
	}
}

int resource_blobs_from_blobs(struct vaccel_resource *res, const struct vaccel_blob **blobs,
			      size_t nr_blobs)
{
	bool memory_only = true;
	int ret;

	/* First, so that no number without sense makes us read past the array. */
	ret = alloc_blobs(res, nr_blobs);
	for (size_t i = 0; i < nr_blobs && !ret; i++) {
		if (!vaccel_blob_valid(blobs[i])) {
			vaccel_error("Blob %zu is not valid", i);
			ret = VACCEL_EINVAL;
		} else if (blobs[i]->type != VACCEL_BLOB_BUFFER) {
			memory_only = false;
		}
	}
	if (!ret && !memory_only)
		ret = resource_make_rundir(res);
	while (!ret && res->nr_blobs < nr_blobs) {
		ret = adopt_blob(res, blobs[res->nr_blobs], &res->blobs[res->nr_blobs]);
		if (!ret)
			res->nr_blobs++;
	}
	if (ret)
		resource_drop_blobs(res);
	return ret;
}

/* One FILE blob for each path. */
static int load_paths(struct vaccel_resource *res, char *const *paths, size_t nr_paths)
{
	int ret;

	ret = alloc_blobs(res, nr_paths);
	while (!ret && res->nr_blobs < nr_paths) {
		ret = vaccel_blob_new(&res->blobs[res->nr_blobs], paths[res->nr_blobs]);
		if (!ret)
			res->nr_blobs++;
	}
	return ret;
}

static int load_files(struct vaccel_resource *res)
{
	int ret = resource_make_rundir(res);

	if (!ret)
		ret = load_paths(res, res->paths, res->nr_paths);
	if (ret)
		resource_drop_blobs(res);
	return ret;
}

static int load_dir(struct vaccel_resource *res)
{
	size_t nr_paths;
	char **paths;
	int ret;

	ret = fs_dir_files(res->paths[0], &paths, &nr_paths);
	if (ret)
		return ret;
	ret = load_paths(res, paths, nr_paths);
	/* A directory resource may have a run directory that is not ours to remove here. */
	if (ret)
		delete_blobs(res);
	fs_paths_free(paths, nr_paths);
	return ret;
}

/* The file names of all URLs, which have to differ. */
static int url_names(const struct vaccel_resource *res, char **names)
{
	for (size_t i = 0; i < res->nr_paths; i++) {
		names[i] = resource_url_name(res->paths[i]);
		if (!names[i]) {
			vaccel_error("URL %s does not end in a file name", res->paths[i]);
			return VACCEL_EINVAL;
		}
		for (size_t j = 0; j < i; j++) {
			if (strcmp(names[i], names[j]))
				continue;
			vaccel_error("URLs %s and %s end in the same file name", res->paths[j],
				     res->paths[i]);
			return VACCEL_EEXIST;
		}
	}
	return VACCEL_OK;
}

static int load_url(struct vaccel_resource *res, const char *url, const char *name)
{
	struct vaccel_blob *blob;
	char *path;
	int ret;

	ret = download(url, res->rundir, name, &path);
	if (ret)
		return ret;
	ret = vaccel_blob_new(&blob, path);
	if (!ret) {
		/* From here on the blob removes the file; a failure leaves it to the rundir. */
		blob->path_owned = !blob_own_file(path);
		res->blobs[res->nr_blobs++] = blob;
	}
	free(path);
	return ret;
}

/* Whether the plugin is to know a model by its name; such a resource has nothing else. */
static bool has_name_only(const struct vaccel_resource *res)
{
	return res->nr_paths == 1 && resource_path_by_name(res->paths[0]);
}

static int load_urls(struct vaccel_resource *res)
{
	char **names;
	int ret;

	for (size_t i = 0; i < res->nr_paths; i++) {
		if (resource_path_by_name(res->paths[i])) {
			vaccel_error("%s has to be a resource's only path", res->paths[i]);
			return VACCEL_EINVAL;
		}
		if (!resource_path_on_host(res->paths[i]))
			continue;
		vaccel_error("%s is for sessions of the plugin virtio: give a file here",
			     res->paths[i]);
		return VACCEL_ENOTSUP;
	}
	names = calloc(res->nr_paths, sizeof(*names));

	if (!names)
		return VACCEL_ENOMEM;

	ret = url_names(res, names);
	if (!ret)
		ret = resource_make_rundir(res);
	if (!ret)
		ret = alloc_blobs(res, res->nr_paths);
	for (size_t i = 0; !ret && i < res->nr_paths; i++)
		ret = load_url(res, res->paths[i], names[i]);
	if (ret)
		resource_drop_blobs(res);
	fs_paths_free(names, res->nr_paths);
	return ret;
}

/* Whether blob is a file without bytes, as directories may contain: there is nothing to map. */
static bool is_empty_file(const struct vaccel_blob *blob)
{
	struct stat st;

	return blob->path && !stat(blob->path, &st) && !st.st_size;
}

static int map_blobs(struct vaccel_resource *res)
{
	for (size_t i = 0; i < res->nr_blobs; i++) {
		struct vaccel_blob *blob = res->blobs[i];
		int ret;

		if (res->path_type == VACCEL_PATH_LOCAL_DIR && is_empty_file(blob))
			continue;
		ret = vaccel_blob_read(blob);
		if (ret)
			return ret;
	}
	return VACCEL_OK;
}

int resource_load_blobs(struct vaccel_resource *res, const struct vaccel_session *sess)
{
	int ret = VACCEL_OK;

	if (res->path_type == VACCEL_PATH_REMOTE_FILE)
		return sess->is_virtio || res->blobs || has_name_only(res) ? VACCEL_OK :
									      load_urls(res);

	if (!res->blobs)
		ret = res->path_type == VACCEL_PATH_LOCAL_DIR ? load_dir(res) : load_files(res);
	if (!ret && sess->is_virtio)
		ret = map_blobs(res);
	return ret;
}
