/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Models that sessions have loaded with an operation of their own, tf_model_load or tflite_model_load, and
 * have not unloaded. The model itself is the cache's: one for each content. Functions returning int give
 * VACCEL_OK or a code, and log what is wrong. Threads: any.
 */
#ifndef PLUGINS_COMMON_HELD_H
#define PLUGINS_COMMON_HELD_H

#include "vaccel.h"

struct held;

/** held_add() - loads a session's model; one that is loaded already is looked at again */
int held_add(struct vaccel_session *sess, struct vaccel_resource *model);

/** held_remove() - unloads it; calls that use it finish. EINVAL: it is not loaded. */
int held_remove(struct vaccel_session *sess, struct vaccel_resource *model);

/** held_get() - a loaded model, for a call. EINVAL: it is not loaded. Pair with held_put(). */
int held_get(struct vaccel_session *sess, struct vaccel_resource *model, struct held **held);
void held_put(struct held *held);

/** What engine.load() gave, and the name of its file. */
void *held_model(const struct held *held);
const char *held_name(const struct held *held);

/** held_sessions() - how many sessions have the model loaded */
unsigned int held_sessions(const struct held *held);

/** held_unregister() - for the plugin's hook: unloads the model if it is loaded, and forgets it */
int held_unregister(struct vaccel_resource *res, struct vaccel_session *sess);

/** held_clear() - unloads all; for the plugin's fini(), before engine_fini() */
void held_clear(void);

#endif
