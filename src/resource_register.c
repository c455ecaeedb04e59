// SPDX-License-Identifier: Apache-2.0
/* Registrations of resources with sessions. */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "list.h"
#include "op.h"
#include "plugin.h"
#include "process.h"
#include "resource_priv.h"
#include "session.h"
#include "vaccel/error.h"
#include "vaccel/log.h"
#include "vaccel/plugin.h"

/* The slot is held in all functions below but the public ones. */

static struct resource_registration *find(struct vaccel_resource *res,
					  const struct vaccel_session *sess)
{
	struct resource_registration *found = NULL;

	pthread_mutex_lock(&res->sessions_lock);
	list_for_each(reg, &res->sessions, struct resource_registration, resource_entry) {
		if (reg->sess == sess) {
			found = reg;
			break;
		}
	}
	pthread_mutex_unlock(&res->sessions_lock);
	return found;
}

static void record(struct resource_registration *reg)
{
	struct vaccel_session *sess = reg->sess;
	struct vaccel_resource *res = reg->res;

	pthread_mutex_lock(&sess->resources_lock);
	list_add_tail(&sess->resources[res->type], &reg->session_entry);
	sess->resource_counts[res->type]++;

	pthread_mutex_lock(&res->sessions_lock);
	list_add_tail(&res->sessions, &reg->resource_entry);
	atomic_fetch_add(&res->refcount, 1);
	pthread_mutex_unlock(&res->sessions_lock);

	pthread_mutex_unlock(&sess->resources_lock);
}

/* Engines in this process may have ended before it; see process_enter(). */
static bool enter_plugin(const struct vaccel_session *sess)
{
	return sess->is_virtio || process_enter();
}

static void leave_plugin(const struct vaccel_session *sess)
{
	if (!sess->is_virtio)
		process_leave();
}

static int call_register_hook(struct vaccel_resource *res, struct vaccel_session *sess)
{
	const struct vaccel_plugin_info *info = sess->plugin->info;
	int ret;

	if (!info->resource_register)
		return VACCEL_OK;
	if (!enter_plugin(sess))
		return VACCEL_ESESS;
	ret = info->resource_register(res, sess);
	leave_plugin(sess);
	if (ret)
		vaccel_error("Plugin %s could not register resource %" PRId64 ": %s", info->name,
			     res->id, strerror(ret));
	return ret;
}

static int do_register(struct vaccel_resource *res, struct vaccel_session *sess)
{
	struct resource_registration *reg;
	int ret;

	if (find(res, sess)) {
		vaccel_warn("Resource %" PRId64 " is already registered with session %" PRId64,
			    res->id, sess->id);
		return VACCEL_OK;
	}
	if (sess->is_virtio && !sess->plugin->info->resource_register) {
		vaccel_error("Plugin %s does not support resources", sess->plugin->info->name);
		return VACCEL_ENOTSUP;
	}

	ret = session_check_host(sess);
	if (ret)
		return ret;

	reg = malloc(sizeof(*reg));
	if (!reg)
		return VACCEL_ENOMEM;
	resource_adopt(res);
	reg->sess = sess;
	reg->res = res;
	reg->generation = process_generation;

	ret = resource_load_blobs(res, sess);
	if (ret) {
		vaccel_error("Could not load resource %" PRId64 ": %s", res->id,
			     strerror(ret));
		goto free_reg;
	}
	ret = call_register_hook(res, sess);
	if (ret)
		goto free_reg;

	record(reg);
	vaccel_debug("Registered resource %" PRId64 " with session %" PRId64, res->id,
		     sess->id);
	return VACCEL_OK;

free_reg:
	free(reg);
	return ret;
}

static int call_unregister_hooks(struct vaccel_resource *res, struct vaccel_session *sess)
{
	const struct vaccel_plugin_info *info = sess->plugin->info;
	int ret = VACCEL_OK;

	if (info->resource_unregister) {
		ret = info->resource_unregister(res, sess);
		if (ret)
			vaccel_error("Plugin %s could not unregister resource %" PRId64 ": %s",
				     info->name, res->id, strerror(ret));
	} else if (sess->is_virtio) {
		vaccel_error("Plugin %s does not support resources", info->name);
		ret = VACCEL_ENOTSUP;
	}
	plugin_forget_resource(res, sess);
	return ret;
}

/* Ends a registration; its hook's error does not keep it alive. */
static int do_unregister(struct resource_registration *reg)
{
	struct vaccel_session *sess = reg->sess;
	struct vaccel_resource *res = reg->res;
	struct op_prof prof;
	int ret = VACCEL_OK;

	op_prof_start(&prof, PROF_RESOURCE_UNREGISTER);
	pthread_mutex_lock(&res->sessions_lock);
	list_unlink(&reg->resource_entry);
	atomic_fetch_sub(&res->refcount, 1);
	pthread_mutex_unlock(&res->sessions_lock);

	if (reg->generation != process_generation) {
		/* The parent's: its engine or its host still uses it. */
	} else if (enter_plugin(sess)) {
		ret = call_unregister_hooks(res, sess);
		leave_plugin(sess);
	}
	vaccel_debug("Unregistered resource %" PRId64 " from session %" PRId64, res->id,
		     sess->id);

	/* Last, since a session whose lists are empty may be gone at once. */
	pthread_mutex_lock(&sess->resources_lock);
	list_unlink(&reg->session_entry);
	sess->resource_counts[res->type]--;
	pthread_mutex_unlock(&sess->resources_lock);
	free(reg);
	op_prof_stop(&prof);
	return ret;
}

void resource_unregister_all(struct vaccel_resource *res)
{
	/* The slot keeps everyone else from changing the list. */
	list_for_each_safe(reg, &res->sessions, struct resource_registration, resource_entry)
		do_unregister(reg);
}

static bool session_is_live(struct vaccel_session *sess)
{
	struct vaccel_session *live;

	return sess && !vaccel_session_get_by_id(&live, sess->id) && live == sess && sess->plugin;
}

int vaccel_resource_register(struct vaccel_resource *res, struct vaccel_session *sess)
{
	struct op_prof prof;
	int ret;

	if (!resources_running())
		return VACCEL_EPERM;
	if (!session_is_live(sess))
		return VACCEL_EINVAL;

	ret = resource_lock(res);
	if (ret)
		return ret;
	op_prof_start(&prof, PROF_RESOURCE_REGISTER);
	ret = do_register(res, sess);
	op_prof_stop(&prof);
	resource_unlock(res);
	return ret;
}

int vaccel_resource_unregister(struct vaccel_resource *res, struct vaccel_session *sess)
{
	struct resource_registration *reg;
	int ret;

	if (!resources_running())
		return VACCEL_EPERM;
	if (!sess)
		return VACCEL_EINVAL;

	ret = resource_lock(res);
	if (ret)
		return ret;
	reg = find(res, sess);
	if (reg) {
		ret = do_unregister(reg);
	} else {
		vaccel_error("Resource %" PRId64 " is not registered with this session",
			     res->id);
		ret = VACCEL_EINVAL;
	}
	resource_unlock(res);
	return ret;
}

static int call_sync_hook(struct vaccel_resource *res, struct vaccel_session *sess)
{
	int ret;

	if (!enter_plugin(sess))
		return VACCEL_ESESS;
	ret = sess->plugin->info->resource_sync(res, sess);
	leave_plugin(sess);
	return ret;
}

int vaccel_resource_sync(struct vaccel_resource *res, struct vaccel_session *sess)
{
	const struct vaccel_plugin_info *info;
	int ret;

	if (!resources_running())
		return VACCEL_EPERM;
	if (!sess)
		return VACCEL_EINVAL;

	ret = resource_lock(res);
	if (ret)
		return ret;
	if (!find(res, sess)) {
		vaccel_error("Resource %" PRId64 " is not registered with this session",
			     res->id);
		ret = VACCEL_EPERM;
		goto unlock;
	}
	/* A resource of URLs has no blobs in a transport session. */
	if (!res->nr_blobs || res->blobs[0]->type != VACCEL_BLOB_BUFFER) {
		vaccel_error("Resource %" PRId64 " is not in memory; there is nothing to sync",
			     res->id);
		ret = VACCEL_EINVAL;
		goto unlock;
	}

	ret = session_check_host(sess);
	if (ret)
		goto unlock;
	info = sess->plugin->info;
	if (info->resource_sync) {
		ret = call_sync_hook(res, sess);
		if (ret)
			vaccel_error("Plugin %s could not sync resource %" PRId64 ": %s",
				     info->name, res->id, strerror(ret));
	} else if (sess->is_virtio) {
		vaccel_error("Plugin %s does not support sync of resources", info->name);
		ret = VACCEL_ENOTSUP;
	}

unlock:
	resource_unlock(res);
	return ret;
}

/* The first resource that the session has, with its id. */
static bool first_of_session(struct vaccel_session *sess, struct vaccel_resource **res,
			     vaccel_id_t *id)
{
	bool found = false;

	pthread_mutex_lock(&sess->resources_lock);
	for (int type = 0; !found && type < VACCEL_RESOURCE_MAX; type++) {
		if (list_empty(&sess->resources[type]))
			continue;
		*res = list_container(sess->resources[type].next, struct resource_registration,
				      session_entry)->res;
		*id = (*res)->id;
		found = true;
	}
	pthread_mutex_unlock(&sess->resources_lock);
	return found;
}

void resources_unregister_session(struct vaccel_session *sess)
{
	struct resource_registration *reg;
	struct vaccel_resource *res;
	vaccel_id_t id;

	while (first_of_session(sess, &res, &id)) {
		/* Another thread may release the resource meanwhile, and end the registration. */
		int ret = resource_lock_by_id(res, id);

		if (ret == VACCEL_EBUSY) {
			vaccel_error("A plugin's resource hook must not release its session");
			return;
		}
		if (ret)
			continue;
		reg = find(res, sess);
		if (reg)
			do_unregister(reg);
		resource_unlock_by_id(id);
	}
}
