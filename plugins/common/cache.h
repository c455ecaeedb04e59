/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Models that stay loaded: one for each content, for all sessions of the process, loaded by the first call
 * that needs it while the others wait.
 */
#ifndef PLUGINS_COMMON_CACHE_H
#define PLUGINS_COMMON_CACHE_H

#include "engine.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A session's model in use. */
struct cached_model;
struct description; /* see description.h */

/**
 * cache_get() - the model of a session, with its description, for image operations
 *
 * The session's first MODEL resource, else the file that engine.env_model names. ENOENT: there is none.
 * Others as engine.load(). Pair with cache_put(). Threads: any.
 */
int cache_get(struct vaccel_session *sess, struct cached_model **entry);

/** cache_get_resource() - the same for a resource; it is to be registered with the caller's session */
int cache_get_resource(const struct vaccel_resource *res, struct cached_model **entry);
void cache_put(struct cached_model *entry);

/** cache_drop() - puts it and forgets it, because something is missing: the next call looks again */
void cache_drop(struct cached_model *entry);

/** What engine.load() gave. */
void *cache_model(const struct cached_model *entry);
/** What files beside it say of it; for entries of cache_get(). */
const struct description *cache_description(const struct cached_model *entry);
/** Name of the model's file, for messages. */
const char *cache_name(const struct cached_model *entry);

/** Forgets the model of a resource, which is unloaded when no other uses it; calls that use it finish. */
void cache_forget(const struct vaccel_resource *res);

/** Forgets all models. */
void cache_clear(void);

#ifdef __cplusplus
}
#endif

#endif
