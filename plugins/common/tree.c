// SPDX-License-Identifier: Apache-2.0
#include "tree.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define VARIABLES "variables"

/* Whether the files are a directory as they are. Of separate files, none that is beside them belongs to the model. */
static bool is_tree(const struct engine_source *source)
{
	return source->path && (!source->res || source->res->path_type == VACCEL_PATH_LOCAL_DIR);
}

static int write_all(int fd, const uint8_t *data, size_t size)
{
	while (size) {
		ssize_t n = write(fd, data, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno;
		data += n;
		size -= (size_t)n;
	}
	return 0;
}

static int put_bytes(const char *path, const uint8_t *data, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int ret;

	if (fd < 0)
		return errno;
	ret = write_all(fd, data, size);
	close(fd);
	return ret;
}

static int put_copy(const char *path, const char *from)
{
	uint8_t data[32768];
	int in = open(from, O_RDONLY | O_CLOEXEC), out, ret = 0;
	ssize_t n = 1;

	if (in < 0)
		return errno;
	out = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (out < 0)
		ret = errno;
	while (!ret && n) {
		n = read(in, data, sizeof(data));
		if (n < 0 && errno != EINTR)
			ret = errno;
		else if (n > 0)
			ret = write_all(out, data, (size_t)n);
	}
	close(in);
	if (out >= 0)
		close(out);
	return ret;
}

static int put_blob(const struct vaccel_blob *blob, const char *given, const char *dir)
{
	const char *name = given ? given : "";
	bool variable = !strncmp(name, VARIABLES ".", strlen(VARIABLES) + 1);
	char path[PATH_MAX];

	if (!*name || strchr(name, '/') || name[0] == '.' ||
	    snprintf(path, sizeof(path), "%s/%s%s", dir, variable ? VARIABLES "/" : "", name) >=
		    (int)sizeof(path))
		return EINVAL;
	if (blob->path && engine.no_links)
		return put_copy(path, blob->path);
	if (blob->path)
		return symlink(blob->path, path) ? errno : 0;
	return put_bytes(path, blob->data, blob->size);
}

static int make(const struct engine_source *source, struct tree *tree)
{
	char path[PATH_MAX];
	int ret = 0;

	if (asprintf(&tree->dir, "%s/model-XXXXXX", vaccel_rundir()) < 0) {
		tree->dir = NULL;
		return ENOMEM;
	}
	if (!mkdtemp(tree->dir))
		return errno;
	tree->owned = true;
	if (snprintf(path, sizeof(path), "%s/" VARIABLES, tree->dir) >= (int)sizeof(path))
		return ENAMETOOLONG;
	if (mkdir(path, 0700))
		return errno;
	for (size_t i = 0; source->res && i < source->res->nr_blobs && !ret; i++) {
		const struct vaccel_blob *blob = source->res->blobs[i];

		ret = put_blob(blob, blob == source->blob ? source->name : blob->name, tree->dir);
	}
	if (!ret && asprintf(&tree->path, "%s/%s", tree->dir, source->name) < 0) {
		tree->path = NULL;
		ret = ENOMEM;
	}
	return ret;
}

int tree_make(const struct engine_source *source, struct tree *tree)
{
	const char *slash;
	int ret;

	*tree = (struct tree){0};
	if (is_tree(source)) {
		slash = strrchr(source->path, '/');
		tree->dir = slash ? strndup(source->path, (size_t)(slash - source->path)) : strdup(".");
		tree->path = strdup(source->path);
		if (tree->dir && tree->path)
			return VACCEL_OK;
		tree_remove(tree);
		return VACCEL_ENOMEM;
	}
	ret = make(source, tree);
	if (ret) {
		engine_error("Could not make a directory of the files of %s: %s", source->name,
			     strerror(ret));
		tree_remove(tree);
	}
	return ret;
}

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st;
	(void)kind;
	(void)ftw;
	remove(path);
	return 0;
}

void tree_remove(struct tree *tree)
{
	if (tree->owned)
		nftw(tree->dir, remove_entry, 4, FTW_DEPTH | FTW_PHYS);
	free(tree->dir);
	free(tree->path);
	*tree = (struct tree){0};
}
