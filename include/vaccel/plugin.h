/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plugins: shared libraries that implement operations.
 *
 * Threads: plugins may be loaded, and sessions started on loaded ones, from several threads.
 * Plugins are unloaded only by vaccel_cleanup.
 *
 * Results: VACCEL_OK or a positive code.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h> /* programs rely on the last three */
#include <stdlib.h>
#include <string.h>

#include "vaccel/list.h"
#include "vaccel/op.h"
#include "vaccel/resource.h"
#include "vaccel/session.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a plugin offers; the bits are session hints. PROFILING is an extension, see vaccel/prof_backend.h. */
/* clang-format off */
#define _ENUM_PREFIX VACCEL_PLUGIN
#define VACCEL_PLUGIN_TYPE_ENUM_LIST(ITEM)     \
	ITEM(CPU, 0x0001, _ENUM_PREFIX)        \
	ITEM(GPU, 0x0002, _ENUM_PREFIX)        \
	ITEM(FPGA, 0x0004, _ENUM_PREFIX)       \
	ITEM(SOFTWARE, 0x0008, _ENUM_PREFIX)   \
	ITEM(TENSORFLOW, 0x0010, _ENUM_PREFIX) \
	ITEM(TORCH, 0x0020, _ENUM_PREFIX)      \
	ITEM(JETSON, 0x0040, _ENUM_PREFIX)     \
	ITEM(GENERIC, 0x0080, _ENUM_PREFIX)    \
	ITEM(DEBUG, 0x0100, _ENUM_PREFIX)      \
	ITEM(PROFILING, 0x0200, _ENUM_PREFIX)  \
	ITEM(REMOTE, 0x4000, _ENUM_PREFIX)     \
	ITEM(ALL, 0xffff, _ENUM_PREFIX)

VACCEL_ENUM_DEF_WITH_STR_FUNCS(vaccel_plugin_type, _ENUM_PREFIX, VACCEL_PLUGIN_TYPE_ENUM_LIST)

#undef _ENUM_PREFIX
/* clang-format on */

/*
 * What a plugin says about itself. Hooks return VACCEL_OK or a positive code.
 *  name, version   required
 *  vaccel_version  VACCEL_VERSION that the plugin was built for; required, and its first number
 *		    must be the library's, unless VACCEL_VERSION_IGNORE is set
 *  init, fini      required; called when the plugin is loaded and unloaded. fini is also called
 *		    after a failed init, and not at the end of the process, nor in a child of fork()
 *		    for what it inherited: there init may be called again.
 *  is_virtio       the plugin forwards operations to a host
 *  type            or of VACCEL_PLUGIN_*
 *  session_*       virtio plugins: start, end and change the host's session. session_init sets
 *		    remote_id. flags come without REMOTE. The session's hint is what the program
 *		    gave, unless session_update sets it.
 *  resource_*      called when a resource is registered with, unregistered from or synchronised
 *		    in a session of this plugin; required of virtio plugins
 */
struct vaccel_plugin_info {
	const char *name;
	const char *version;
	const char *vaccel_version;
	int (*init)(void);
	int (*fini)(void);
	bool is_virtio;
	vaccel_plugin_type_t type;
	int (*session_init)(struct vaccel_session *sess, uint32_t flags);
	int (*session_release)(struct vaccel_session *sess);
	int (*session_update)(struct vaccel_session *sess, uint32_t flags);
	int (*resource_register)(struct vaccel_resource *res, struct vaccel_session *sess);
	int (*resource_unregister)(struct vaccel_resource *res, struct vaccel_session *sess);
	int (*resource_sync)(struct vaccel_resource *res, struct vaccel_session *sess);
};

/* A plugin; the library keeps the handle of dlopen, its list link and the registered ops. */
struct vaccel_plugin {
	void *dl_handle;
	struct vaccel_list_entry entry;
	struct vaccel_op *ops[VACCEL_OP_MAX];
	struct vaccel_plugin_info *info;
};

/*
 * Makes the including library a plugin. The arguments are designated initialisers of a struct
 * vaccel_plugin_info. C only; use once per plugin, at file scope.
 */
#define VACCEL_PLUGIN(...)                                                                \
	static struct vaccel_plugin_info vaccel_this_plugin_info = { __VA_ARGS__ };       \
	__attribute__((visibility("hidden"))) struct vaccel_plugin vaccel_this_plugin = { \
		.dl_handle = NULL,                                                        \
		.entry = LIST_ENTRY_INIT(vaccel_this_plugin.entry),                       \
		.ops = { NULL },                                                          \
		.info = &vaccel_this_plugin_info,                                         \
	};                                                                                \
	__attribute__((visibility("default")))                                            \
	const struct vaccel_plugin *vaccel_plugin = &vaccel_this_plugin;

/* Old name. */
#define VACCEL_MODULE(...)                                                       \
	_Pragma("GCC warning \"VACCEL_MODULE is deprecated, use VACCEL_PLUGIN\"") \
	VACCEL_PLUGIN(__VA_ARGS__)

/*
 * vaccel_plugin_register_ops - offer operations; plugins call this from init
 * @ops: array of nr_ops operations (1-24); it must stay valid while the plugin is loaded
 *
 * EINVAL: ops NULL, a bad count, an unknown op type or no owner; then none is registered.
 */
int vaccel_plugin_register_ops(struct vaccel_op *ops, size_t nr_ops);

/*
 * vaccel_plugin_load - load one plugin
 * @lib: path, or file name that is searched for like any library
 *
 * EINVAL: lib NULL; name, version, init or fini missing, or built for another version. ENOENT:
 * not found or not loadable. ELIBBAD: not a vAccel plugin. EBACKEND: library not initialised.
 * EEXIST: loaded already. Otherwise the result of the plugin's init.
 */
int vaccel_plugin_load(const char *lib);

/*
 * Loads each plugin of a ':'-separated list in order, up to the first that fails, whose code is
 * returned. Empty names are skipped. EINVAL: NULL. ENOMEM.
 */
int vaccel_plugin_parse_and_load(const char *lib_str);

/* Registers one operation. */
static inline int vaccel_plugin_register_op(struct vaccel_op *op)
{
	return vaccel_plugin_register_ops(op, 1);
}

/* Old names. */
__attribute__((deprecated("use vaccel_plugin_register_op"))) static inline int
register_plugin_function(struct vaccel_op *plugin_op)
{
	return vaccel_plugin_register_ops(plugin_op, 1);
}

__attribute__((deprecated("use vaccel_plugin_register_ops"))) static inline int
register_plugin_functions(struct vaccel_op *plugin_ops, size_t nr_ops)
{
	return vaccel_plugin_register_ops(plugin_ops, nr_ops);
}

#ifdef __cplusplus
}
#endif
