// SPDX-License-Identifier: Apache-2.0
#include "plugin.h"

#include <ctype.h>
#include <dlfcn.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "async.h"
#include "list.h"
#include "memory.h"
#include "op.h"
#include "ops/vop.h"
#include "process.h"
#include "session.h"
#include "vaccel.h"

/*
 * Plugins are in starting while their init runs, which keeps them from being loaded twice, and
 * then in plugins, where sessions find them. Both under lock, which is not held while a plugin's
 * code runs.
 */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct vaccel_list_entry plugins = LIST_ENTRY_INIT(plugins);
static struct vaccel_list_entry starting = LIST_ENTRY_INIT(starting);
static size_t nr_plugins, nr_inherited; /* the latter come first in plugins; under lock */
static atomic_bool ready;

void plugins_before_fork(void)
{
	pthread_mutex_lock(&lock);
}

void plugins_after_fork(bool child)
{
	if (child)
		nr_inherited = nr_plugins;
	pthread_mutex_unlock(&lock);
}

struct version {
	unsigned long major, minor, patch;
};

/* One number of a version, with the dot after it if any. */
static bool parse_number(const char **text, unsigned long *number, bool dot)
{
	char *end;

	if (!isdigit((unsigned char)**text))
		return false;
	*number = strtoul(*text, &end, 10);
	if (dot && *end++ != '.')
		return false;
	*text = end;
	return true;
}

/* "[v]X.Y.Z[anything]" */
static bool parse_version(const char *text, struct version *v)
{
	text += *text == 'v';
	return parse_number(&text, &v->major, true) && parse_number(&text, &v->minor, true) &&
	       parse_number(&text, &v->patch, false);
}

static int check_version(const struct vaccel_plugin_info *info)
{
	struct version own, other;

	if (vaccel_config()->version_ignore)
		return VACCEL_OK;
	if (!info->vaccel_version || !parse_version(info->vaccel_version, &other) ||
	    !parse_version(VACCEL_VERSION, &own) || other.major != own.major) {
		vaccel_error("Plugin %s was built for vAccel %s, this is vAccel %s: rebuild it, or "
			     "set VACCEL_VERSION_IGNORE=1 to try it all the same",
			     info->name,
			     info->vaccel_version ? info->vaccel_version : "(unknown)",
			     VACCEL_VERSION);
		return VACCEL_EINVAL;
	}
	/* Before 1.0 a minor version may change everything; who runs such a plugin should know. */
	if (other.minor != own.minor)
		vaccel_error("Plugin %s was built for vAccel %s, this is vAccel %s: it is used, but may "
			     "not fit; rebuild it, or set VACCEL_VERSION_IGNORE=1 to hide this",
			     info->name, info->vaccel_version, VACCEL_VERSION);
	else if (strcmp(info->vaccel_version, VACCEL_VERSION))
		vaccel_warn("Plugin %s was built for vAccel %s, this is vAccel %s", info->name,
			    info->vaccel_version, VACCEL_VERSION);
	return VACCEL_OK;
}

static int check_plugin(const struct vaccel_plugin *plugin)
{
	const struct vaccel_plugin_info *info = plugin->info;

	if (!info || !info->name || !info->version || !info->init || !info->fini) {
		vaccel_error("Plugin %s lacks its name, version, init or fini",
			     info && info->name ? info->name : "(unnamed)");
		return VACCEL_EINVAL;
	}
	return check_version(info);
}

/* What plugins registered beyond their info; under lock. */
struct extension {
	struct extension *next;
	const struct vaccel_plugin *plugin;
	struct vaccel_plugin_ext ext;
};
static struct extension *extensions;

static struct extension **find_extension(const struct vaccel_plugin *plugin)
{
	struct extension **link = &extensions;

	while (*link && (*link)->plugin != plugin)
		link = &(*link)->next;
	return link;
}

int vaccel_plugin_register_ext(struct vaccel_plugin *plugin, const struct vaccel_plugin_ext *ext)
{
	struct extension *new, **link;
	int ret = VACCEL_OK;

	if (!plugin || !ext)
		return VACCEL_EINVAL;
	new = calloc(1, sizeof(*new));
	if (!new)
		return VACCEL_ENOMEM;
	new->plugin = plugin;
	memcpy(&new->ext, ext, ext->size < sizeof(new->ext) ? ext->size : sizeof(new->ext));
	pthread_mutex_lock(&lock);
	link = find_extension(plugin);
	if (*link) {
		ret = VACCEL_EEXIST;
		free(new);
	} else {
		*link = new;
	}
	pthread_mutex_unlock(&lock);
	return ret;
}

struct vaccel_plugin_ext plugin_ext(const struct vaccel_plugin *plugin)
{
	struct vaccel_plugin_ext ext = { 0 };
	struct extension *found;

	pthread_mutex_lock(&lock);
	found = *find_extension(plugin);
	if (found)
		ext = found->ext;
	pthread_mutex_unlock(&lock);
	return ext;
}

static void forget_extension(const struct vaccel_plugin *plugin)
{
	struct extension **link, *found;

	pthread_mutex_lock(&lock);
	link = find_extension(plugin);
	found = *link;
	if (found)
		*link = found->next;
	pthread_mutex_unlock(&lock);
	free(found);
}

/* Takes the plugin out of its list and forgets its operations. */
static void unlink_plugin(struct vaccel_plugin *plugin)
{
	pthread_mutex_lock(&lock);
	list_unlink(&plugin->entry);
	pthread_mutex_unlock(&lock);
}

static void end_plugin(struct vaccel_plugin *plugin)
{
	int ret;

	async_forget_plugin(plugin);
	memory_forget_plugin(plugin);
	forget_extension(plugin);
	ret = plugin->info->fini();

	if (ret)
		vaccel_warn("Plugin %s could not end properly: %s (%d)", plugin->info->name,
			    strerror(ret), ret);
	memset(plugin->ops, 0, sizeof(plugin->ops));
	vaccel_debug("Unregistered plugin %s", plugin->info->name);
}

int plugin_register(struct vaccel_plugin *plugin)
{
	bool known;
	int ret;

	if (!atomic_load(&ready)) {
		vaccel_error("Cannot load a plugin: vAccel is not initialized");
		return VACCEL_EBACKEND;
	}
	if (!plugin)
		return VACCEL_EINVAL;

	pthread_mutex_lock(&lock);
	known = list_contains(&plugins, &plugin->entry) ||
		list_contains(&starting, &plugin->entry);
	if (!known)
		list_add_tail(&starting, &plugin->entry);
	pthread_mutex_unlock(&lock);
	if (known) {
		vaccel_error("Plugin %s is loaded already", plugin->info->name);
		return VACCEL_EEXIST;
	}

	ret = check_plugin(plugin);
	if (ret) {
		unlink_plugin(plugin);
		return ret;
	}

	vaccel_info("Registered plugin %s %s", plugin->info->name, plugin->info->version);
	ret = plugin->info->init();
	if (ret) {
		vaccel_error("Plugin %s could not start: %s (%d): what it says above, or with "
			     "VACCEL_LOG_LEVEL=4, tells why",
			     plugin->info->name, strerror(ret), ret);
		unlink_plugin(plugin);
		end_plugin(plugin);
		return ret;
	}

	pthread_mutex_lock(&lock);
	list_unlink(&plugin->entry);
	list_add_tail(&plugins, &plugin->entry);
	nr_plugins++;
	pthread_mutex_unlock(&lock);
	process_plugin_loaded();
	return VACCEL_OK;
}

int plugin_unregister(struct vaccel_plugin *plugin)
{
	void *handle = plugin->dl_handle;

	unlink_plugin(plugin);
	pthread_mutex_lock(&lock);
	nr_plugins--;
	pthread_mutex_unlock(&lock);
	end_plugin(plugin);
	plugin->dl_handle = NULL;
	if (handle && dlclose(handle))
		vaccel_warn("Could not close a plugin's library: %s", dlerror());
	return VACCEL_OK;
}

int vaccel_plugin_register_ops(struct vaccel_op *ops, size_t nr_ops)
{
	char name[VACCEL_ENUM_STR_MAX];

	if (!ops || !nr_ops || nr_ops > VACCEL_OP_MAX) {
		vaccel_error("Cannot register %zu ops: give 1 to %u", ops ? nr_ops : 0,
			     (unsigned int)VACCEL_OP_MAX);
		return VACCEL_EINVAL;
	}
	for (size_t i = 0; i < nr_ops; i++) {
		if (ops[i].type < VACCEL_OP_MAX && ops[i].owner)
			continue;
		vaccel_error("Cannot register op %u: unknown type, or no plugin",
			     (unsigned int)ops[i].type);
		return VACCEL_EINVAL;
	}
	for (size_t i = 0; i < nr_ops; i++) {
		struct vaccel_plugin *owner = ops[i].owner;

		owner->ops[ops[i].type] = &ops[i];
		vaccel_debug("Registered op %s from plugin %s",
			     vaccel_op_type_name(ops[i].type, name, sizeof(name)),
			     owner->info && owner->info->name ? owner->info->name : "(unnamed)");
	}
	return VACCEL_OK;
}

int vaccel_plugin_load(const char *lib)
{
	struct vaccel_plugin **symbol;
	void *handle;
	int ret;

	if (!lib)
		return VACCEL_EINVAL;

	handle = dlopen(lib, RTLD_LAZY);
	if (!handle) {
		vaccel_error("Could not load plugin %s: %s; give the path of a plugin, or the name "
			     "of one in the library search path",
			     lib, dlerror());
		return VACCEL_ENOENT;
	}
	symbol = dlsym(handle, "vaccel_plugin");
	if (!symbol || !*symbol) {
		vaccel_error("Could not load plugin %s: it is a library, but not a vAccel plugin",
			     lib);
		ret = VACCEL_ELIBBAD;
		goto close;
	}
	ret = plugin_register(*symbol);
	if (ret)
		goto close;
	(*symbol)->dl_handle = handle;
	vaccel_debug("Loaded plugin %s from %s", (*symbol)->info->name, lib);
	return VACCEL_OK;

close:
	dlclose(handle);
	return ret;
}

int vaccel_plugin_parse_and_load(const char *lib_str)
{
	int ret = VACCEL_OK;
	char *copy, *rest, *lib;

	if (!lib_str)
		return VACCEL_EINVAL;
	copy = strdup(lib_str);
	if (!copy)
		return VACCEL_ENOMEM;
	rest = copy;
	while (!ret && (lib = strsep(&rest, ":")))
		if (*lib)
			ret = vaccel_plugin_load(lib);
	free(copy);
	return ret;
}

/* One that is for profiling and for nothing else serves no operation. */
static bool serves(const struct vaccel_plugin *plugin)
{
	return plugin->info->type != VACCEL_PLUGIN_PROFILING;
}

/* First plugin that shares a bit with types. Under lock. */
static struct vaccel_plugin *find_by_type(unsigned int types)
{
	list_for_each(plugin, &plugins, struct vaccel_plugin, entry)
		if (serves(plugin) && plugin->info->type & types)
			return plugin;
	return NULL;
}

static struct vaccel_plugin *find_by_virtio(bool is_virtio)
{
	list_for_each(plugin, &plugins, struct vaccel_plugin, entry)
		if (serves(plugin) && plugin->info->is_virtio == is_virtio)
			return plugin;
	return NULL;
}

/* The only one, or NULL. Under lock. */
static struct vaccel_plugin *find_single(void)
{
	struct vaccel_plugin *found = NULL;

	list_for_each(plugin, &plugins, struct vaccel_plugin, entry) {
		if (found && serves(plugin))
			return NULL;
		if (serves(plugin))
			found = plugin;
	}
	return found;
}

struct vaccel_plugin *plugin_select(unsigned int flags)
{
	const bool remote = flags & VACCEL_PLUGIN_REMOTE;
	/* All bits are no wish for a remote plugin in particular. */
	const bool any = (flags & VACCEL_PLUGIN_ALL) == VACCEL_PLUGIN_ALL;
	const char *problem = NULL;
	struct vaccel_plugin *plugin = NULL;

	pthread_mutex_lock(&lock);
	if (list_empty(&plugins)) {
		problem = "No plugins registered: name some in VACCEL_PLUGINS, such as libvaccel-virtio.so in a VM";
		goto out;
	}
	if (remote) {
		plugin = find_by_virtio(true);
		if (!plugin && !any) {
			problem = "Could not select plugin, no VirtIO plugin registered: add libvaccel-virtio.so to VACCEL_PLUGINS";
			goto out;
		}
	}
	if (!plugin)
		plugin = find_by_type(flags & ~VACCEL_PLUGIN_REMOTE);
	if (!plugin)
		plugin = find_by_virtio(false);
	if (!plugin)
		plugin = find_single();
	if (!plugin)
		problem = "Could not select plugin, no local plugin registered: add one to VACCEL_PLUGINS";
out:
	pthread_mutex_unlock(&lock);
	if (problem)
		vaccel_error("%s", problem);
	return plugin;
}

struct vaccel_plugin *plugin_by_name(const char *name, size_t len)
{
	struct vaccel_plugin *found = NULL;

	pthread_mutex_lock(&lock);
	list_for_each(plugin, &plugins, struct vaccel_plugin, entry) {
		if (serves(plugin) && strlen(plugin->info->name) == len &&
		    !memcmp(plugin->info->name, name, len)) {
			found = plugin;
			break;
		}
	}
	pthread_mutex_unlock(&lock);
	if (!found)
		vaccel_error("Could not select plugin, none of the name %.*s is registered: add its "
			     "library to VACCEL_PLUGINS", len > 64 ? 64 : (int)len, name);
	return found;
}

/* ---- Operations of one plugin in sessions of another ----------------------------------------- */

/* One that is told of resources as they come would miss those that are there. */
static bool can_stand_in(const struct vaccel_plugin *plugin)
{
	return serves(plugin) && !plugin->info->is_virtio && !plugin->info->resource_register;
}

/* What a plugin offers for an operation of an extension, or NULL. */
static void *ext_op(const struct vaccel_plugin_ext *ext, unsigned int type)
{
	static const struct vaccel_infer_ops no_infer;
	static const struct vaccel_text_ops no_text;
	const struct vaccel_infer_ops *infer = ext->infer ? ext->infer : &no_infer;
	const struct vaccel_text_ops *text = ext->text ? ext->text : &no_text;

	switch (type) {
	case VACCEL_OP_INFER_LOAD:
		return (void *)infer->load;
	case VACCEL_OP_INFER_UNLOAD:
		return (void *)infer->unload;
	case VACCEL_OP_INFER_METADATA:
		return (void *)infer->metadata;
	case VACCEL_OP_INFER_RUN:
		return (void *)infer->run;
	case VACCEL_OP_TEXT_BEGIN:
		return (void *)text->begin;
	case VACCEL_OP_TEXT_NEXT:
		return (void *)text->next;
	case VACCEL_OP_TEXT_END:
		return (void *)text->end;
	case VACCEL_OP_TEXT_EMBED:
		return (void *)text->embed;
	default:
		return NULL;
	}
}

/* A plugin's function for an operation, or NULL. */
static void *op_of(const struct vaccel_plugin *plugin, vaccel_op_type_t type,
		   const struct vaccel_plugin_ext *ext)
{
	if (type < VACCEL_OP_MAX)
		return plugin->ops[type] ? plugin->ops[type]->func : NULL;
	return ext_op(ext, type);
}

static struct vaccel_plugin *find_stand_in(vaccel_op_type_t type)
{
	static const struct vaccel_plugin_ext none;
	struct vaccel_plugin *found = NULL;

	pthread_mutex_lock(&lock);
	list_for_each(plugin, &plugins, struct vaccel_plugin, entry) {
		const struct extension *extension = *find_extension(plugin);

		if (can_stand_in(plugin) && op_of(plugin, type, extension ? &extension->ext : &none)) {
			found = plugin;
			break;
		}
	}
	pthread_mutex_unlock(&lock);
	return found;
}

/* The plugin at a place in the list, or NULL; so that no lock is held while its code runs. */
static struct vaccel_plugin *nth_plugin(size_t n)
{
	struct vaccel_plugin *found = NULL;

	pthread_mutex_lock(&lock);
	list_for_each(plugin, &plugins, struct vaccel_plugin, entry) {
		if (n-- == 0) {
			found = plugin;
			break;
		}
	}
	pthread_mutex_unlock(&lock);
	return found;
}

void plugin_forget_resource(struct vaccel_resource *res, struct vaccel_session *sess)
{
	struct vaccel_plugin *plugin;

	if (sess->is_virtio || session_is_exclusive(sess))
		return;
	for (size_t n = 0; (plugin = nth_plugin(n)); n++)
		if (plugin != sess->plugin && can_stand_in(plugin) &&
		    plugin->info->resource_unregister)
			plugin->info->resource_unregister(res, sess);
}

/* The same from outside of the lock. Only operations of extensions need to look for more. */
static void *plugin_op(const struct vaccel_plugin *plugin, vaccel_op_type_t type)
{
	struct vaccel_plugin_ext ext = { 0 };

	if (type >= VACCEL_OP_MAX)
		ext = plugin_ext(plugin);
	return op_of(plugin, type, &ext);
}

/* Of a live session: its own plugin, one that stands in for it, or NULL. @func: receives the operation */
static const struct vaccel_plugin *find_server(const struct vaccel_session *sess, vaccel_op_type_t type,
					       void **func)
{
	const struct vaccel_plugin *plugin = sess->plugin;

	*func = plugin_op(plugin, type);
	if (*func)
		return plugin;
	plugin = !sess->is_virtio && !session_is_exclusive(sess) ? find_stand_in(type) : NULL;
	*func = plugin ? plugin_op(plugin, type) : NULL;
	return plugin;
}

const char *vaccel_session_op_plugin(const struct vaccel_session *sess, vaccel_op_type_t op)
{
	const struct vaccel_plugin *plugin;
	void *func;

	if (!sess || sess->id <= 0 || !sess->plugin || !vop_is_op(op))
		return NULL;
	plugin = find_server(sess, op, &func);
	return plugin ? plugin->info->name : NULL;
}

void *vaccel_plugin_op_func(struct vaccel_session *sess, vaccel_op_type_t type)
{
	const struct vaccel_plugin *plugin = sess->plugin, *other;
	const char *name = plugin->info->name;
	void *func;

	vaccel_debug("session:%" PRId64 " Looking for plugin implementing %s", sess->id,
		     op_text(type));
	other = find_server(sess, type, &func);
	if (other != plugin) {
		if (!other) {
			vaccel_error("Could not return func, plugin %s does not implement %s: name "
				     "one that does in VACCEL_PLUGINS",
				     name, op_text(type));
			return NULL;
		}
		vaccel_debug("Plugin %s does not implement %s, plugin %s does", name,
			     op_text(type), other->info->name);
		name = other->info->name;
	} else {
		vaccel_debug("Returning func from hint plugin %s", name);
	}
	vaccel_debug("Found implementation in %s plugin", name);
	return func;
}

/* ---- What there is ---------------------------------------------------------------------------- */

static void describe(const struct vaccel_plugin *plugin, struct vaccel_plugin_desc *d)
{
	const struct vaccel_plugin_info *info = plugin->info;
	const struct vaccel_plugin_ext ext = plugin_ext(plugin);
	const char *engine = ext.engine ? ext.engine() : NULL;

	memset(d, 0, sizeof(*d));
	snprintf(d->name, sizeof(d->name), "%s", info->name);
	snprintf(d->version, sizeof(d->version), "%s", info->version);
	snprintf(d->engine, sizeof(d->engine), "%s", engine ? engine : "");
	d->type = info->type;
	d->is_virtio = info->is_virtio;
	for (unsigned int slot = 0; slot < VOP_NR_OPS; slot++)
		if (op_of(plugin, (vaccel_op_type_t)vop_of_slot(slot), &ext))
			d->ops |= UINT64_C(1) << vop_of_slot(slot);
}

int vaccel_plugin_list(struct vaccel_plugin_desc *descs, size_t *nr)
{
	struct vaccel_plugin *plugin;
	size_t n;

	if (!nr || (!descs && *nr))
		return VACCEL_EINVAL;
	if (!atomic_load(&ready))
		return VACCEL_ESESS;
	for (n = 0; (plugin = nth_plugin(n)); n++)
		if (n < *nr)
			describe(plugin, &descs[n]);
	*nr = n;
	return VACCEL_OK;
}

int plugins_bootstrap(void)
{
	atomic_store(&ready, true);
	return VACCEL_OK;
}

/* The next plugin to be ended, the last loaded first; *inherited: by the parent, not by us. */
static struct vaccel_plugin *last_plugin(bool *inherited)
{
	struct vaccel_plugin *plugin = NULL;

	pthread_mutex_lock(&lock);
	if (!list_empty(&plugins))
		plugin = list_container(plugins.prev, struct vaccel_plugin, entry);
	*inherited = nr_plugins <= nr_inherited;
	if (plugin && *inherited) {
		list_unlink(&plugin->entry);
		nr_inherited = --nr_plugins;
	}
	pthread_mutex_unlock(&lock);
	return plugin;
}

int plugins_cleanup(void)
{
	struct vaccel_plugin *plugin;
	bool inherited;

	vaccel_debug("Cleaning up plugins");
	atomic_store(&ready, false);
	while ((plugin = last_plugin(&inherited))) {
		/* Of the parent's only what it would say anew when it is loaded again is forgotten. */
		if (inherited)
			forget_extension(plugin);
		else
			plugin_unregister(plugin);
	}
	return VACCEL_OK;
}
