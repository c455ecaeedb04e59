/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the resource component share. */
#pragma once

#include <stdbool.h>

#include "resource.h"

/* resource.c */

/* Whether the component is running. */
bool resources_running(void);

/*
 * Takes the slot of a live resource, for calls that may not happen side by side on it. EINVAL:
 * NULL, not live. EBUSY: this thread has the slot, as within a plugin's hook.
 */
int resource_lock(struct vaccel_resource *res);
void resource_unlock(struct vaccel_resource *res);

/*
 * The same for the resource that a caller saw under an id when it was last known to be live; res
 * is not touched when it no longer is.
 */
int resource_lock_by_id(struct vaccel_resource *res, vaccel_id_t id);
void resource_unlock_by_id(vaccel_id_t id);

/* Before a registration, with the slot held: what fork() brought is forgotten. */
void resource_adopt(struct vaccel_resource *res);

/* resource_path.c */

/*
 * resource_path_parse - find out what a path is
 * @path: with or without scheme
 * @type: becomes file, directory or URL
 * @bare: becomes the path without "file://", a pointer into path
 *
 * EINVAL: NULL, empty, nothing usable there, unknown scheme, malformed URL. ENAMETOOLONG. Any
 * thread.
 */
int resource_path_parse(const char *path, vaccel_path_type_t *type, const char **bare);

/* Whether a path is host://NAME: a model that the other end of a transport session offers. */
bool resource_path_on_host(const char *path);

/* Whether it is model://NAME: a model that a server knows, of which there are no bytes here. */
bool resource_path_by_name(const char *path);

/*
 * The file name that a URL ends in, malloc'ed, without query and fragment. NULL: there is none
 * that can be used, or no memory.
 */
char *resource_url_name(const char *url);

/* resource_blobs.c: called with the slot held, or before the resource is live */

/* Makes the run directory of a resource that has an id. OK when it has one already. */
int resource_make_rundir(struct vaccel_resource *res);

/* The blobs of a resource made from memory or from blobs; parameters as in the public calls. */
int resource_blobs_from_buf(struct vaccel_resource *res, const void *buf, size_t nr_bytes,
			    const char *filename, bool mem_only);
int resource_blobs_from_blobs(struct vaccel_resource *res, const struct vaccel_blob **blobs,
			      size_t nr_blobs);

/*
 * Makes the blobs of a resource available to sess: those of paths if they are not there yet, and
 * their bytes in memory for a transport session. URLs are left to the transport.
 */
int resource_load_blobs(struct vaccel_resource *res, const struct vaccel_session *sess);

/* Deletes all blobs and the run directory. */
void resource_drop_blobs(struct vaccel_resource *res);

/* resource_register.c: called with the slot held */

/* Unregisters from all sessions; failures are logged. */
void resource_unregister_all(struct vaccel_resource *res);
