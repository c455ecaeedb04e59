/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Resources: libraries, data and models that operations work on. A resource is made from paths,
 * URLs, memory or blobs, and must be registered with each session that uses it.
 *
 * Threads: these functions may be called from any thread and for one resource from several at
 * once, except that the thread that releases (or deletes) a resource must be the last one to use
 * it. Registrations of one resource happen one after the other, those of different resources
 * side by side. Pointers that lookups return are not counted: they are valid until the resource
 * is released.
 *
 * Results: functions returning int give VACCEL_OK or a positive code. All but refcount and
 * directory give EPERM while the library is not initialised.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
#include <atomic>
#else
#include <stdatomic.h>
#endif

#include "vaccel/blob.h"
#include "vaccel/id.h"
#include "vaccel/list.h"
#include "vaccel/utils/enum.h"
#include "vaccel/utils/path.h"

#ifdef __cplusplus
extern "C" {
#endif

struct vaccel_session;

/* clang-format off */
#define _ENUM_PREFIX VACCEL_RESOURCE
#define VACCEL_RESOURCE_TYPE_ENUM_LIST(ITEM)   \
	ITEM(LIB, 0, _ENUM_PREFIX)             \
	ITEM(DATA, _ENUM_PREFIX)               \
	ITEM(MODEL, _ENUM_PREFIX)

VACCEL_ENUM_DEF_WITH_STR_FUNCS(vaccel_resource_type, _ENUM_PREFIX, VACCEL_RESOURCE_TYPE_ENUM_LIST)

#undef _ENUM_PREFIX
/* clang-format on */

/*
 * One resource. Programs and plugins may read the members; plugin_priv is the plugin's own.
 *  id             number of the resource in this process, > 0 while it is live
 *  remote_id      id that the other side of a transport gave it, 0 when it has none
 *  type           what the bytes are
 *  path_type      what paths are
 *  paths          nr_paths strings: files, one directory, or URLs; NULL when made from memory
 *  rundir         directory for files that belong to the resource, NULL until it needs one
 *  blobs          nr_blobs blobs; for paths they appear with the first registration. With VACCEL_API_0_7
 *                 defined also nr_files files, as programs of vAccel 0.7 know them.
 *  entry          link in the list of all resources
 *  sessions       registrations, protected by sessions_lock
 *  refcount       number of registrations
 */
struct vaccel_resource {
	vaccel_id_t id;
	vaccel_id_t remote_id;
	vaccel_resource_type_t type;
	vaccel_path_type_t path_type;
	char **paths;
	size_t nr_paths;
	char *rundir;
#ifdef VACCEL_API_0_7
	__extension__ union {
		struct vaccel_blob **blobs;
		struct vaccel_blob **files __attribute__((deprecated("use blobs")));
	};
	__extension__ union {
		size_t nr_blobs;
		size_t nr_files __attribute__((deprecated("use nr_blobs")));
	};
#else
	struct vaccel_blob **blobs;
	size_t nr_blobs;
#endif
	struct vaccel_list_entry entry;
	struct vaccel_list_entry sessions;
	pthread_mutex_t sessions_lock;
#ifdef __cplusplus
	std::atomic<unsigned int> refcount;
#else
	atomic_uint refcount;
#endif
	void *plugin_priv;
};

/* Finds the live resource with an id. EINVAL: res NULL. ENOENT. */
int vaccel_resource_get_by_id(struct vaccel_resource **res, vaccel_id_t id);

/* Finds the oldest live resource of a type. EINVAL: res NULL, unknown type. ENOENT. */
int vaccel_resource_get_by_type(struct vaccel_resource **res, vaccel_resource_type_t type);

/*
 * Finds all live resources of a type, oldest first. *res becomes a malloc'ed array of *nr_found
 * pointers; the caller frees the array only. EINVAL: NULL, unknown type. ENOENT: none, and
 * *nr_found is 0. ENOMEM.
 */
int vaccel_resource_get_all_by_type(struct vaccel_resource ***res, size_t *nr_found,
				    vaccel_resource_type_t type);

/* Number of sessions that the resource is registered with; -EINVAL when res is NULL. */
long int vaccel_resource_refcount(const struct vaccel_resource *res);

/*
 * vaccel_resource_init - make a resource of a path or URL
 * @path: file, directory, or URL with the scheme file, http, https or ftp; or host://NAME, a model
 *        that the host offers to sessions of the plugin virtio (elsewhere their registration gives
 *        ENOTSUP); or model://NAME or model://NAME/VERSION, a model that a server knows, for the
 *        operations of vaccel/infer.h: such a resource has no bytes. Copied.
 *
 * EINVAL: NULL, unknown type, no such file or directory, unknown scheme. EBUSY: res is
 * already live. ENAMETOOLONG. EUSERS: too many resources. ENOMEM. Pair with vaccel_resource_release.
 */
int vaccel_resource_init(struct vaccel_resource *res, const char *path,
			 vaccel_resource_type_t type);

/*
 * As vaccel_resource_init, for nr_paths files or URLs of one kind (or one directory). EINVAL:
 * also for nr_paths 0 and mixed kinds. ENOTSUP: a further path is a directory.
 */
int vaccel_resource_init_multi(struct vaccel_resource *res, const char **paths, size_t nr_paths,
			       vaccel_resource_type_t type);

/*
 * vaccel_resource_init_from_buf - make a resource of the nr_bytes bytes at buf
 * @filename: name of its file; NULL for a generated one
 * @mem_only: use buf in place (it must outlive the resource), without a file. Otherwise the
 *	bytes go to a file in the resource's run directory and buf is not needed afterwards.
 *
 * EINVAL: NULL, nr_bytes 0, unknown type. ENOENT: filename has a directory part. EBUSY, EUSERS,
 * ENOMEM, ENOSPC and what else a file system gives. Pair with vaccel_resource_release.
 */
int vaccel_resource_init_from_buf(struct vaccel_resource *res, const void *buf, size_t nr_bytes,
				  vaccel_resource_type_t type, const char *filename,
				  bool mem_only);

/*
 * vaccel_resource_init_from_blobs - make a resource of nr_blobs blobs
 *
 * The blobs stay the caller's. A FILE blob is taken by its path; a BUFFER blob is copied when it
 * owns its data and borrowed otherwise; a MAPPED blob is copied to a file of the resource.
 * EINVAL: NULL, nr_blobs 0, unknown type, an invalid blob. Other codes and pairing as for
 * vaccel_resource_init_from_buf.
 */
int vaccel_resource_init_from_blobs(struct vaccel_resource *res, const struct vaccel_blob **blobs,
				    size_t nr_blobs, vaccel_resource_type_t type);

/*
 * Unregisters the resource from all its sessions and frees all it owns, including its files and
 * run directory. EINVAL: NULL, not live. EBUSY: called from one of the resource's own hooks.
 */
int vaccel_resource_release(struct vaccel_resource *res);

/* The allocating forms of the four functions above. Pair with vaccel_resource_delete. */
int vaccel_resource_new(struct vaccel_resource **res, const char *path,
			vaccel_resource_type_t type);
int vaccel_resource_multi_new(struct vaccel_resource **res, const char **paths, size_t nr_paths,
			      vaccel_resource_type_t type);
int vaccel_resource_from_buf(struct vaccel_resource **res, const void *buf, size_t nr_bytes,
			     vaccel_resource_type_t type, const char *filename, bool mem_only);
int vaccel_resource_from_blobs(struct vaccel_resource **res, const struct vaccel_blob **blobs,
			       size_t nr_blobs, vaccel_resource_type_t type);

/* Releases and frees a resource of one of the allocating functions. */
int vaccel_resource_delete(struct vaccel_resource *res);

/*
 * vaccel_resource_register - let a session use the resource
 *
 * Makes the resource's bytes available first where they are not: files become blobs, URLs are
 * downloaded (with a transport session the other side does that). Then the session's plugin is
 * told. A second call for the same session warns, and gives OK.
 *
 * EINVAL: NULL, a resource or session that is not live, a file that is no longer there. ENOTSUP:
 * the transport cannot register resources, or a URL without support for downloads. EREMOTEIO:
 * the download failed; the call may be repeated. EEXIST: two URLs end in one file name. What the
 * plugin's hook returns otherwise. A failed call registers nothing.
 */
int vaccel_resource_register(struct vaccel_resource *res, struct vaccel_session *sess);

/*
 * Ends a registration and tells the plugin, whose error is returned although the registration is
 * gone. EINVAL: NULL, not live, not registered. ENOTSUP: the transport has no such hook.
 */
int vaccel_resource_unregister(struct vaccel_resource *res, struct vaccel_session *sess);

/*
 * Brings the bytes of a registered memory resource up to date with what the plugin's side made of
 * them. EINVAL: NULL, not live, a resource that is not in memory. EPERM: also when not registered.
 * ENOTSUP: the transport has no such hook. A plugin without the hook needs no sync: OK.
 */
int vaccel_resource_sync(struct vaccel_resource *res, struct vaccel_session *sess);

/*
 * vaccel_resource_directory - path of a directory resource
 * @out_path: receives the path, out_path_size bytes with the terminator; or
 * @alloc_path: receives a malloc'ed string that the caller frees (out_path is then ignored)
 *
 * EINVAL: NULL, not live, buffer too small. ENOTSUP: not a directory resource. ENOMEM.
 */
int vaccel_resource_directory(struct vaccel_resource *res, char *out_path, size_t out_path_size,
			      char **alloc_path);

#ifdef __cplusplus
}
#endif
