/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the guests of one VM own on the host: sessions with their kept outputs, and resources. Each
 * belongs to a context (an open device file of the guest) and is reachable from no other.
 *
 * Lookups hold the object; a hold keeps it alive, so that a context can be closed while an operation
 * runs. All functions may be called from any thread.
 */
#ifndef HOST_OBJECTS_H
#define HOST_OBJECTS_H

#include "dispatch.h"

struct objects;
struct guest_session;
struct guest_resource;

struct objects *objects_new(struct quota *quota, const struct host_dirs *dirs,
			    uint32_t generation);

/** objects_delete() - frees everything; nothing may be held */
void objects_delete(struct objects *o);

/** objects_close_context() - drops all that the context owns */
void objects_close_context(struct objects *o, uint64_t context);

void objects_count(struct objects *o, uint32_t *sessions, uint32_t *resources);
void objects_files(struct objects *o, struct host_files *t);

/* ---- Sessions ------------------------------------------------------------------------------- */

/**
 * session_open() - a new session of a context
 * @plugin: on the plugin of this name, or NULL: on one that the flags select
 *
 * Return: 0 (then *id is its id), EUSERS, ...
 */
int session_open(struct objects *o, uint64_t context, const char *plugin, uint32_t flags,
		 int64_t *id);

/** session_hold() - NULL: no such session in this context, or one of an earlier worker */
struct guest_session *session_hold(struct objects *o, uint64_t context, int64_t id);
void session_unhold(struct objects *o, struct guest_session *s);

/** session_close() - takes it from the table; it is freed when nobody holds it */
void session_close(struct objects *o, struct guest_session *s);

struct vaccel_session *session_vaccel(struct guest_session *s);

/** session_add_time() - an op of the session took @ns nanoseconds, at least 1. Lock-free. */
void session_add_time(struct guest_session *s, unsigned int op, uint64_t ns);

/** session_last_ns() - how long the op took the last time; 0: never ran. Lock-free. */
uint64_t session_last_ns(struct guest_session *s, unsigned int op);

/**
 * session_plugin() - where a caller can remember which plugin serves an op of the session; 0 at first, and when
 * session_update() was called
 */
_Atomic uint8_t *session_plugin(struct guest_session *s, unsigned int op);

/** session_update() - other flags, as vaccel_session_update() has them */
int session_update(struct guest_session *s, uint32_t flags);

/** session_profile() - calls and nanoseconds of the ops with codes below @nr_ops */
void session_profile(struct guest_session *s, uint32_t nr_ops, uint64_t *calls, uint64_t *times);

/** session_keep() - takes over a malloc()ed output of @op. Return: its id, or 0: freed, no room */
uint64_t session_keep(struct objects *o, struct guest_session *s, unsigned int op, void *data,
		      uint64_t size);

/** session_output_read() - copies a piece of a kept output. Return: 0, ENOENT, EINVAL (range) */
int session_output_read(struct objects *o, struct guest_session *s, uint64_t id, uint64_t offset,
			void *data, uint64_t len);
int session_output_drop(struct objects *o, struct guest_session *s, uint64_t id);

/* ---- Resources ------------------------------------------------------------------------------ */

/** resource_create() - an empty resource of a context. Return: 0 (then *id is its id), EINVAL, ... */
int resource_create(struct objects *o, uint64_t context, uint32_t type, uint32_t path_type,
		    int64_t *id);

/** resource_hold() - NULL: no such resource in this context */
struct guest_resource *resource_hold(struct objects *o, uint64_t context, int64_t id);
void resource_unhold(struct objects *o, struct guest_resource *r);
void resource_destroy(struct objects *o, struct guest_resource *r);

/** resource_add() - the next file: its size in bytes, and its name (see resource_name_ok()) or URL */
int resource_add(struct objects *o, struct guest_resource *r, uint32_t blob_type, uint64_t size,
		 const char *name);
int resource_write(struct objects *o, struct guest_resource *r, uint32_t index, uint64_t offset,
		   const void *data, uint64_t len);
int resource_read(struct guest_resource *r, uint32_t index, uint64_t offset, void *data,
		  uint64_t len);

/**
 * resource_challenge() - offers to fill a file that nothing was written to from the cache
 * @key: receives POSSESSION_KEY_SIZE bytes for the next claim
 *
 * Return: 0; ENOENT: there is nothing of its size; EBUSY: written or registered; EINVAL; EIO.
 */
int resource_challenge(struct guest_resource *r, uint32_t index, uint8_t *key);

/** resource_claim() - fills it, if the tag is right. Return: 0, ENOENT, EINVAL: not challenged, ... */
int resource_claim(struct objects *o, struct guest_resource *r, uint32_t index,
		   const uint8_t *tag);
int resource_register(struct guest_resource *r, struct guest_session *s);
int resource_unregister(struct guest_resource *r, struct guest_session *s);
int resource_sync(struct guest_resource *r, struct guest_session *s);

/** resource_vaccel() - NULL before it was registered for the first time */
struct vaccel_resource *resource_vaccel(struct guest_resource *r);

#endif
