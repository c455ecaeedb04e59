/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions: the context in which a program runs operations on one plugin.
 *
 * Threads: different threads may use different sessions, look sessions up, and register
 * resources with one session, at the same time. The thread that releases (or deletes) a session
 * must be the last one to use it. Pointers that lookups return are not counted: they are valid
 * until the session or resource is released.
 *
 * Results: functions returning int give VACCEL_OK or a positive code. While the library is not
 * initialised: ESESS from init, new, release and update, EPERM from get_by_id.
 */
#pragma once

#include <limits.h> /* programs rely on it */
#include <linux/limits.h> /* PATH_MAX, also for strict C11 */
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vaccel/id.h"
#include "vaccel/list.h"
#include "vaccel/resource.h"

#ifdef __cplusplus
extern "C" {
#endif

struct vaccel_plugin;

/*
 * One session. Programs read it, the library and the virtio plugin's hooks write it.
 *  id               1 and up; 0 after release, negative error code after a failed init
 *  remote_id        id of the host's session (virtio sessions), else 0
 *  hint             flags of the last init or update
 *  is_virtio        served by a plugin that forwards to a host
 *  rundir           private directory, removed at release
 *  resources        registered resources by type (heads of internal lists)
 *  resource_counts  their number
 *  resources_lock   protects the two
 *  plugin           plugin that serves the session
 *  priv             for the plugin
 */
struct vaccel_session {
	vaccel_id_t id;
	vaccel_id_t remote_id;
	unsigned int hint;
	bool is_virtio;
	char rundir[PATH_MAX];
	struct vaccel_list_entry entry;
	struct vaccel_list_entry resources[VACCEL_RESOURCE_MAX];
	size_t resource_counts[VACCEL_RESOURCE_MAX];
	pthread_mutex_t resources_lock;
	struct vaccel_plugin *plugin;
	void *priv;
};

/* Finds a live session. EINVAL: sess NULL; ENOENT: no such session. */
int vaccel_session_get_by_id(struct vaccel_session **sess, vaccel_id_t id);

/*
 * vaccel_session_init - start a session on the plugin that flags select
 * @flags: bitwise or of VACCEL_PLUGIN_* hints, 0 for none. REMOTE asks for a virtio plugin; ALL
 *	means any plugin; otherwise the first plugin that shares a bit, or else the first local
 *	one, is taken.
 *
 * EINVAL: sess NULL. EBUSY: sess is a live session. EUSERS: 1024 sessions are live. ENOTSUP: no
 * plugin fits. ENAMETOOLONG, EACCES, ENOSPC ...: its run directory cannot be made. Otherwise the
 * result of the virtio plugin. Pair with vaccel_session_release.
 */
int vaccel_session_init(struct vaccel_session *sess, uint32_t flags);

/*
 * vaccel_session_release - unregister the session's resources and end it
 *
 * EINVAL: NULL or not live. ENOTSUP: the virtio plugin has no session_release hook; the session
 * stays as it is.
 */
int vaccel_session_release(struct vaccel_session *sess);

/* As vaccel_session_init, for an allocated session. Pair with vaccel_session_delete. */
int vaccel_session_new(struct vaccel_session **sess, uint32_t flags);

/* Releases and frees a session of vaccel_session_new. */
int vaccel_session_delete(struct vaccel_session *sess);

/* Whether res is registered with sess. False for NULL. */
bool vaccel_session_has_resource(struct vaccel_session *sess, struct vaccel_resource *res);

/*
 * Find a resource of the session by its id, or the one of a type that was registered first.
 * EINVAL: NULL, id < 1, unknown type. ENOENT: none.
 */
int vaccel_session_resource_by_id(struct vaccel_session *sess, struct vaccel_resource **res,
				  vaccel_id_t id);
int vaccel_session_resource_by_type(struct vaccel_session *sess, struct vaccel_resource **res,
				    vaccel_resource_type_t type);

/*
 * All resources of a type in order of registration, in an allocated array that the caller frees,
 * and their number. EINVAL: NULL, unknown type. ENOENT: none, with *nr_found = 0. ENOMEM.
 */
int vaccel_session_resources_by_type(struct vaccel_session *sess,
				     struct vaccel_resource ***resources, size_t *nr_found,
				     vaccel_resource_type_t type);

/*
 * vaccel_session_update - choose the plugin again, with other flags (deprecated: start another
 * session instead)
 *
 * EINVAL: NULL or not live. ENOTSUP: resources are registered, no local plugin fits, or the
 * virtio plugin has no session_update hook. Otherwise the result of that hook. A failed update
 * leaves the session as it was.
 */
__attribute__((deprecated("start another session instead"))) int
vaccel_session_update(struct vaccel_session *sess, uint32_t flags);

/* Old names. */
__attribute__((deprecated("use vaccel_session_init"))) int
vaccel_sess_init(struct vaccel_session *sess, uint32_t flags);
__attribute__((deprecated("start another session instead"))) int
vaccel_sess_update(struct vaccel_session *sess, uint32_t flags);
__attribute__((deprecated("use vaccel_session_release"))) int
vaccel_sess_free(struct vaccel_session *sess);
__attribute__((deprecated("use vaccel_session_has_resource"))) bool
vaccel_sess_has_resource(struct vaccel_session *sess, struct vaccel_resource *res);

#ifdef __cplusplus
}
#endif
