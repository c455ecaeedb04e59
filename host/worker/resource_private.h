/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by resource.c and resource_files.c alone. */
#ifndef HOST_RESOURCE_PRIVATE_H
#define HOST_RESOURCE_PRIVATE_H

#include "content.h"
#include "models.h"
#include "objects_private.h"

struct file {
	char *name;	  /* relative to the directory, or a URL */
	uint64_t size;	  /* bytes, as announced */
	uint8_t *buffer;  /* memory-only blobs, else NULL */
	/* Files that are large enough: the directory has a link to it */
	struct content *content;
	bool written;	  /* by the guest */
	bool claimed;	  /* comes from the cache, and cannot be changed */
	bool challenged;  /* the challenge is good for one claim */
	struct content_challenge challenge;
	/* Models of the host: the directory has a link to them, by the last part of their names */
	char *model_name; /* NULL: none */
	struct model model;
};

struct guest_resource {
	struct object object; /* first: objects.c knows no more of it */
	pthread_mutex_t lock; /* guards all below */
	uint32_t type;
	uint32_t path_type;
	int model_dir;
	struct quota *quota;
	struct content_cache *cache;
	char *dir; /* NULL for URLs */
	struct file *files;
	uint32_t nr_files;
	uint32_t nr_entries; /* files and directories, as POLICY_max_files counts them */
	uint64_t bytes;
	uint64_t file_bytes; /* of these, what plain files have */
	struct vaccel_resource *res;
};

/** file_path() - malloc()ed; NULL when out of memory */
char *file_path(const struct guest_resource *r, const struct file *f);

/** file_free() - frees what a file has; those in the directory are removed with it */
void file_free(struct guest_resource *r, struct file *f);

#endif
