// SPDX-License-Identifier: Apache-2.0
#include "session.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "async.h"
#include "fs.h"
#include "id.h"
#include "list.h"
#include "op.h"
#include "path.h"
#include "plugin.h"
#include "process.h"
#include "resource.h"
#include "rundir.h"
#include "vaccel/error.h"
#include "vaccel/log.h"

#define SESSIONS_MAX 1024

ID_POOL_DEFINE(ids, SESSIONS_MAX);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* protects sessions */
static struct vaccel_list_entry sessions = LIST_ENTRY_INIT(sessions);
static unsigned int generations[SESSIONS_MAX]; /* in which the session of each id was made */
static bool exclusive[SESSIONS_MAX];	       /* its plugin was chosen by name */
static atomic_bool ready;

void sessions_before_fork(void)
{
	pthread_mutex_lock(&lock);
}

void sessions_after_fork(bool child)
{
	/* What the parent's other threads have locked stays so. */
	if (child)
		list_for_each(sess, &sessions, struct vaccel_session, entry)
			pthread_mutex_init(&sess->resources_lock, NULL);
	pthread_mutex_unlock(&lock);
}

bool session_is_inherited(const struct vaccel_session *sess)
{
	return sess->id > 0 && sess->id <= SESSIONS_MAX &&
	       generations[sess->id - 1] != process_generation;
}

bool session_is_exclusive(const struct vaccel_session *sess)
{
	return sess->id > 0 && sess->id <= SESSIONS_MAX && exclusive[sess->id - 1];
}

int session_check_host(const struct vaccel_session *sess)
{
	if (!sess->is_virtio || !session_is_inherited(sess))
		return VACCEL_OK;
	vaccel_error("Session %" PRId64 " is one of the parent process, which alone can change it: "
		     "call vaccel_bootstrap() in the child and open another one", sess->id);
	return VACCEL_ENODEV;
}

static bool is_live(const struct vaccel_session *sess)
{
	bool live;

	pthread_mutex_lock(&lock);
	live = list_contains(&sessions, &sess->entry);
	pthread_mutex_unlock(&lock);
	return live;
}

static int create_rundir(struct vaccel_session *sess)
{
	int len, err, ret = rundir_ensure();

	if (ret)
		return ret;
	len = snprintf(sess->rundir, sizeof(sess->rundir), "%s/session.%" PRId64, rundir_path(),
		       sess->id);
	if (len < 0 || (size_t)len >= sizeof(sess->rundir)) {
		sess->rundir[0] = '\0';
		return VACCEL_ENAMETOOLONG;
	}
	if (mkdir(sess->rundir, 0700)) {
		err = errno;
		vaccel_error("Could not make rundir %s for session %" PRId64 ": %s", sess->rundir,
			     sess->id, strerror(err));
		sess->rundir[0] = '\0';
		return fs_error(err);
	}
	vaccel_debug("New rundir for session %" PRId64 ": %s", sess->id, sess->rundir);
	return VACCEL_OK;
}

static void remove_rundir(struct vaccel_session *sess)
{
	if (rundir_owns(sess->rundir))
		path_remove_dir(sess->rundir, "session rundir");
	sess->rundir[0] = '\0';
}

/* Starts the session on the host: with remote, on its plugin of this name. */
static int start_remote(struct vaccel_session *sess, uint32_t flags, const char *remote)
{
	const struct vaccel_plugin_info *info = sess->plugin->info;
	const struct vaccel_plugin_ext ext = plugin_ext(sess->plugin);
	int ret;

	if (remote ? !ext.session_init_with_plugin : !info->session_init) {
		vaccel_error("Plugin %s cannot start sessions%s", info->name,
			     remote ? " on a chosen plugin of the host" : "");
		return VACCEL_ENOTSUP;
	}
	if (remote)
		ret = ext.session_init_with_plugin(sess, remote);
	else
		ret = info->session_init(sess, flags & ~VACCEL_PLUGIN_REMOTE);
	if (ret)
		vaccel_error("Plugin %s could not start session %" PRId64 ": %s (%d)", info->name,
			     sess->id, strerror(ret), ret);
	/* The hook may have its own idea of the hint. */
	sess->hint = flags;
	return ret;
}

/* The plugin that a session asks for, and what it asks of the host. */
struct choice {
	uint32_t flags;
	const char *spec;   /* NULL: by the flags */
	const char *remote; /* within spec, NULL: the host chooses */
};

static struct vaccel_plugin *select_plugin(struct choice *c)
{
	const size_t local_len = c->spec ? strcspn(c->spec, ":") : 0;
	struct vaccel_plugin *plugin;

	if (!c->spec)
		return plugin_select(c->flags);
	plugin = plugin_by_name(c->spec, local_len);
	if (c->spec[local_len])
		c->remote = c->spec + local_len + 1;
	if (plugin && c->remote && !plugin->info->is_virtio) {
		vaccel_warn("Plugin %s forwards to no host: '%s' is ignored", plugin->info->name,
			    c->remote);
		c->remote = NULL;
	}
	return plugin;
}

static int do_init(struct vaccel_session *sess, struct choice c)
{
	vaccel_id_t id;
	int ret;

	if (!atomic_load(&ready) || process_ending())
		return VACCEL_ESESS;
	if (!sess)
		return VACCEL_EINVAL;
	if (is_live(sess)) {
		vaccel_error("Session %" PRId64 " is in use: release it before its next init",
			     sess->id);
		return VACCEL_EBUSY;
	}

	memset(sess, 0, sizeof(*sess));
	list_init(&sess->entry);
	for (size_t i = 0; i < VACCEL_RESOURCE_MAX; i++)
		list_init(&sess->resources[i]);
	sess->hint = c.flags;

	id = id_pool_get(&ids);
	sess->id = id;
	if (id < 0) {
		vaccel_error("Too many sessions: %d are in use", SESSIONS_MAX);
		return (int)-id;
	}
	generations[id - 1] = process_generation;
	exclusive[id - 1] = c.spec;
	process_session_made();
	sess->plugin = select_plugin(&c);
	if (!sess->plugin) {
		ret = VACCEL_ENOTSUP;
		goto put_id;
	}
	sess->is_virtio = sess->plugin->info->is_virtio;
	pthread_mutex_init(&sess->resources_lock, NULL);
	ret = create_rundir(sess);
	if (ret)
		goto destroy_lock;
	if (sess->is_virtio) {
		ret = start_remote(sess, c.flags, c.remote);
		if (ret)
			goto remove_rundir;
	}

	pthread_mutex_lock(&lock);
	list_add_tail(&sessions, &sess->entry);
	pthread_mutex_unlock(&lock);

	if (sess->is_virtio)
		vaccel_debug("Initialized session %" PRId64 " with plugin %s (remote id: %" PRId64
			     ")",
			     id, sess->plugin->info->name, sess->remote_id);
	else
		vaccel_debug("Initialized session %" PRId64, id);
	return VACCEL_OK;

remove_rundir:
	remove_rundir(sess);
destroy_lock:
	pthread_mutex_destroy(&sess->resources_lock);
	sess->plugin = NULL;
	sess->is_virtio = false;
	sess->priv = NULL;
put_id:
	id_pool_put(&ids, id);
	sess->id = 0;
	return ret;
}

static int init_session(struct vaccel_session *sess, struct choice c)
{
	struct op_prof prof;
	int ret;

	op_prof_start(&prof, PROF_SESSION_INIT);
	ret = do_init(sess, c);
	op_prof_stop(&prof);
	return ret;
}

int vaccel_session_init(struct vaccel_session *sess, uint32_t flags)
{
	return init_session(sess, (struct choice){ .flags = flags });
}

static int check_spec(const char *spec)
{
	const size_t local_len = spec ? strcspn(spec, ":") : 0;

	if (local_len && (!spec[local_len] || spec[local_len + 1]))
		return VACCEL_OK;
	vaccel_error("A plugin is chosen by NAME or LOCAL:REMOTE, not by '%s'",
		     spec ? spec : "(null)");
	return VACCEL_EINVAL;
}

int vaccel_session_init_with_plugin(struct vaccel_session *sess, const char *plugin_spec)
{
	int ret;

	if (!atomic_load(&ready) || process_ending())
		return VACCEL_ESESS;
	ret = check_spec(plugin_spec);
	return ret ? ret : init_session(sess, (struct choice){ .spec = plugin_spec });
}

/*
 * Ends a live session, whose plugin can end it when it is a virtio one. What the parent of a forked
 * child has is only forgotten: neither the host nor the plugin hears of it.
 */
static void end_session(struct vaccel_session *sess)
{
	const struct vaccel_plugin_info *info = sess->plugin->info;
	const bool inherited = session_is_inherited(sess);
	const vaccel_id_t id = sess->id;
	struct op_prof prof;
	int ret;

	op_prof_start(&prof, PROF_SESSION_RELEASE);
	if (!inherited)
		async_session_ends(sess);
	resources_unregister_session(sess);
	if (inherited && sess->is_virtio) {
		vaccel_debug("Session %" PRId64 " goes on in the parent process", id);
	} else if (sess->is_virtio && info->session_release) {
		ret = info->session_release(sess);
		if (ret)
			vaccel_warn("Plugin %s could not release session %" PRId64 ": %s (%d)",
				    info->name, id, strerror(ret), ret);
	}
	remove_rundir(sess);

	pthread_mutex_lock(&lock);
	list_unlink(&sess->entry);
	pthread_mutex_unlock(&lock);
	pthread_mutex_destroy(&sess->resources_lock);

	sess->plugin = NULL;
	sess->priv = NULL;
	sess->remote_id = 0;
	sess->id = 0;
	id_pool_put(&ids, id);
	op_prof_stop(&prof);
	vaccel_debug("Released session %" PRId64, id);
}

int vaccel_session_release(struct vaccel_session *sess)
{
	if (!atomic_load(&ready))
		return VACCEL_ESESS;
	if (!sess || !is_live(sess))
		return VACCEL_EINVAL;
	if (sess->is_virtio && !sess->plugin->info->session_release) {
		vaccel_error("Plugin %s cannot release sessions", sess->plugin->info->name);
		return VACCEL_ENOTSUP;
	}
	end_session(sess);
	return VACCEL_OK;
}

static int new_session(struct vaccel_session **sess, struct choice c)
{
	struct vaccel_session *new;
	int ret;

	if (!atomic_load(&ready))
		return VACCEL_ESESS;
	if (!sess)
		return VACCEL_EINVAL;
	new = malloc(sizeof(*new));
	if (!new)
		return VACCEL_ENOMEM;
	ret = init_session(new, c);
	if (ret) {
		free(new);
		return ret;
	}
	*sess = new;
	return VACCEL_OK;
}

int vaccel_session_new(struct vaccel_session **sess, uint32_t flags)
{
	return new_session(sess, (struct choice){ .flags = flags });
}

int vaccel_session_new_with_plugin(struct vaccel_session **sess, const char *plugin_spec)
{
	int ret;

	if (!atomic_load(&ready))
		return VACCEL_ESESS;
	ret = check_spec(plugin_spec);
	return ret ? ret : new_session(sess, (struct choice){ .spec = plugin_spec });
}

int vaccel_session_delete(struct vaccel_session *sess)
{
	int ret = vaccel_session_release(sess);

	if (!ret)
		free(sess);
	return ret;
}

int vaccel_session_get_by_id(struct vaccel_session **sess, vaccel_id_t id)
{
	int ret = VACCEL_ENOENT;

	if (!atomic_load(&ready))
		return VACCEL_EPERM;
	if (!sess)
		return VACCEL_EINVAL;
	pthread_mutex_lock(&lock);
	list_for_each(it, &sessions, struct vaccel_session, entry) {
		if (it->id == id) {
			*sess = it;
			ret = VACCEL_OK;
			break;
		}
	}
	pthread_mutex_unlock(&lock);
	return ret;
}

/* A session in which resources can be looked up. */
static bool is_valid(const struct vaccel_session *sess)
{
	return sess && sess->id > 0;
}

/* Walks the registrations of one type, under sess->resources_lock. */
#define for_each_registration(reg, sess, type) \
	list_for_each(reg, &(sess)->resources[type], struct resource_registration, session_entry)

bool vaccel_session_has_resource(struct vaccel_session *sess, struct vaccel_resource *res)
{
	bool found = false;

	if (!is_valid(sess) || !res || res->type >= VACCEL_RESOURCE_MAX)
		return false;
	pthread_mutex_lock(&sess->resources_lock);
	for_each_registration(reg, sess, res->type) {
		if (reg->res == res) {
			found = true;
			break;
		}
	}
	pthread_mutex_unlock(&sess->resources_lock);
	return found;
}

int vaccel_session_resource_by_id(struct vaccel_session *sess, struct vaccel_resource **res,
				  vaccel_id_t id)
{
	int ret = VACCEL_ENOENT;

	if (!is_valid(sess) || !res || id <= 0)
		return VACCEL_EINVAL;
	pthread_mutex_lock(&sess->resources_lock);
	for (size_t type = 0; type < VACCEL_RESOURCE_MAX; type++) {
		for_each_registration(reg, sess, type) {
			if (reg->res->id == id) {
				*res = reg->res;
				ret = VACCEL_OK;
				goto out;
			}
		}
	}
out:
	pthread_mutex_unlock(&sess->resources_lock);
	return ret;
}

int vaccel_session_resource_by_type(struct vaccel_session *sess, struct vaccel_resource **res,
				    vaccel_resource_type_t type)
{
	int ret = VACCEL_ENOENT;

	if (!is_valid(sess) || !res || type >= VACCEL_RESOURCE_MAX)
		return VACCEL_EINVAL;
	pthread_mutex_lock(&sess->resources_lock);
	for_each_registration(reg, sess, type) {
		*res = reg->res;
		ret = VACCEL_OK;
		break;
	}
	pthread_mutex_unlock(&sess->resources_lock);
	return ret;
}

int vaccel_session_resources_by_type(struct vaccel_session *sess,
				     struct vaccel_resource ***resources, size_t *nr_found,
				     vaccel_resource_type_t type)
{
	struct vaccel_resource **found;
	size_t n = 0;
	int ret = VACCEL_OK;

	if (!is_valid(sess) || !resources || !nr_found || type >= VACCEL_RESOURCE_MAX)
		return VACCEL_EINVAL;
	*nr_found = 0;

	pthread_mutex_lock(&sess->resources_lock);
	if (list_empty(&sess->resources[type])) {
		ret = VACCEL_ENOENT;
		goto out;
	}
	found = calloc(sess->resource_counts[type], sizeof(struct vaccel_resource *));
	if (!found) {
		ret = VACCEL_ENOMEM;
		goto out;
	}
	for_each_registration(reg, sess, type)
		found[n++] = reg->res;
	*resources = found;
	*nr_found = n;
out:
	pthread_mutex_unlock(&sess->resources_lock);
	return ret;
}

int vaccel_session_host_plugins(struct vaccel_session *sess, struct vaccel_plugin_desc *descs,
				size_t *nr)
{
	struct vaccel_plugin_ext ext;

	if (!sess || !nr || (!descs && *nr) || !is_live(sess))
		return VACCEL_EINVAL;
	ext = plugin_ext(sess->plugin);
	if (!sess->is_virtio || !ext.host_plugins) {
		vaccel_error("Session %" PRId64 " has no host that could name its plugins", sess->id);
		return VACCEL_ENOTSUP;
	}
	return ext.host_plugins(sess, descs, nr);
}

static bool has_resources(struct vaccel_session *sess)
{
	bool found = false;

	pthread_mutex_lock(&sess->resources_lock);
	for (size_t type = 0; type < VACCEL_RESOURCE_MAX; type++)
		found = found || sess->resource_counts[type];
	pthread_mutex_unlock(&sess->resources_lock);
	return found;
}

/* Updates the session on the host. */
static int update_remote(struct vaccel_session *sess, uint32_t flags)
{
	const struct vaccel_plugin_info *info = sess->plugin->info;
	const unsigned int hint = sess->hint;
	int ret = session_check_host(sess);

	if (ret)
		return ret;
	if (!info->session_update) {
		vaccel_error("Plugin %s cannot update sessions", info->name);
		return VACCEL_ENOTSUP;
	}
	/* Set first: the hook may have its own idea of the hint. */
	sess->hint = flags;
	ret = info->session_update(sess, flags & ~VACCEL_PLUGIN_REMOTE);
	if (ret)
		sess->hint = hint;
	return ret;
}

int vaccel_session_update(struct vaccel_session *sess, uint32_t flags)
{
	struct vaccel_plugin *plugin;

	if (!atomic_load(&ready))
		return VACCEL_ESESS;
	if (!sess || !is_live(sess))
		return VACCEL_EINVAL;

	if (sess->is_virtio)
		return update_remote(sess, flags);
	if (has_resources(sess)) {
		vaccel_error("Cannot update session %" PRId64 ": unregister its resources first",
			     sess->id);
		return VACCEL_ENOTSUP;
	}
	plugin = plugin_select(flags);
	if (!plugin)
		return VACCEL_ENOTSUP;
	if (plugin->info->is_virtio) {
		vaccel_error("Cannot update session %" PRId64 ": it is local, plugin %s is not",
			     sess->id, plugin->info->name);
		return VACCEL_ENOTSUP;
	}
	sess->plugin = plugin;
	sess->hint = flags;
	exclusive[sess->id - 1] = false;
	return VACCEL_OK;
}

int vaccel_sess_init(struct vaccel_session *sess, uint32_t flags)
{
	return vaccel_session_init(sess, flags);
}

/* One deprecated name for another. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
int vaccel_sess_update(struct vaccel_session *sess, uint32_t flags)
{
	return vaccel_session_update(sess, flags);
}
#pragma GCC diagnostic pop

int vaccel_sess_free(struct vaccel_session *sess)
{
	return vaccel_session_release(sess);
}

bool vaccel_sess_has_resource(struct vaccel_session *sess, struct vaccel_resource *res)
{
	return vaccel_session_has_resource(sess, res);
}

int sessions_bootstrap(void)
{
	id_pool_reset(&ids);
	atomic_store(&ready, true);
	return VACCEL_OK;
}

int sessions_cleanup(void)
{
	vaccel_debug("Cleaning up sessions");
	atomic_store(&ready, false);
	for (;;) {
		struct vaccel_session *sess = NULL;

		pthread_mutex_lock(&lock);
		if (!list_empty(&sessions))
			sess = list_container(sessions.next, struct vaccel_session, entry);
		pthread_mutex_unlock(&lock);
		if (!sess)
			return VACCEL_OK;
		end_session(sess);
	}
}
