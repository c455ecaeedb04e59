/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Extension: which plugins there are, here and on the host, and sessions on a chosen one. vAccel 0.8
 * does not have this.
 *
 *	ret = vaccel_session_init_with_plugin(&sess, "virtio:onnx");
 *
 * Threads: as for sessions and plugins.
 *
 * Results: VACCEL_OK or a positive code.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "vaccel/infer.h"
#include "vaccel/plugin.h"
#include "vaccel/session.h"
#include "vaccel/text.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A plugin as it describes itself. Texts are terminated and cut at their size.
 *  name, version  of the plugin
 *  engine         what does the work, and the devices it can use, such as
 *                 "ONNX Runtime 1.21.0; devices: cpu"; empty when the plugin does not say
 *  type           or of VACCEL_PLUGIN_*
 *  is_virtio      1 when it forwards operations to a host, else 0
 *  ops            bit n is set when it offers the operation of number n (vaccel_op_type_t,
 *                 vaccel_op_infer_t, or vaccel_op_text_t)
 */
struct vaccel_plugin_desc {
	char name[32];
	char version[32];
	char engine[176];
	uint32_t type;
	uint32_t is_virtio;
	uint64_t ops;
};

/*
 * vaccel_plugin_list - describe the loaded plugins, in the order in which they were loaded
 * @descs: array of *nr elements, filled; may be NULL when *nr is 0
 * @nr: in: room in the array, in elements; out: how many plugins there are, which may be more
 *
 * EINVAL: nr NULL, or descs NULL with room. ESESS: not initialised.
 */
int vaccel_plugin_list(struct vaccel_plugin_desc *descs, size_t *nr);

/*
 * vaccel_session_host_plugins - describe the plugins of the host behind a session
 * @sess: live session of a virtio plugin
 * @descs, nr: as for vaccel_plugin_list
 *
 * EINVAL: an argument is NULL or the session not live. ENOTSUP: the session is a local one, or its
 * plugin or host is too old to tell. Otherwise what the plugin says.
 */
int vaccel_session_host_plugins(struct vaccel_session *sess, struct vaccel_plugin_desc *descs,
				size_t *nr);

/*
 * vaccel_session_op_plugin - the name of the plugin that serves an operation of a session
 * @sess: live session; of a virtio plugin it is that one, whatever serves the operation on the host
 *
 * NULL: none does, or the session is not live. Valid until vaccel_cleanup().
 */
const char *vaccel_session_op_plugin(const struct vaccel_session *sess, vaccel_op_type_t op);

/*
 * vaccel_session_init_with_plugin - start a session on the plugin of a name
 * @sess: as for vaccel_session_init(); its hint becomes 0
 * @plugin_spec: the name of a plugin, or LOCAL:REMOTE, split at the first colon: the virtio plugin
 *	LOCAL, and on the host the plugin REMOTE (which may be a pair again). Not kept.
 *
 * The session is served by this plugin alone: an operation that it lacks is ENOTSUP, whatever other
 * plugins offer. The REMOTE part is ignored, with a warning, where LOCAL forwards to no host.
 *
 * ESESS: not initialised. EINVAL: an argument is NULL, or a part of plugin_spec is empty. ENOTSUP: no
 * loaded plugin (or, for REMOTE, none of the host's) has this name, or the plugin or host is too old to
 * choose one. Otherwise as vaccel_session_init(). Pair with vaccel_session_release().
 */
int vaccel_session_init_with_plugin(struct vaccel_session *sess, const char *plugin_spec);

/*
 * vaccel_session_new_with_plugin - the same for an allocated session
 * @sess: receives it; not written on failure. EINVAL: NULL. Pair with vaccel_session_delete().
 */
int vaccel_session_new_with_plugin(struct vaccel_session **sess, const char *plugin_spec);

/*
 * What a plugin can do beyond struct vaccel_plugin_info, which has the layout of 0.8.
 *  size                      sizeof(struct vaccel_plugin_ext); members beyond it count as NULL
 *  engine                    the text of vaccel_plugin_desc.engine; called after init, from any thread;
 *                            the result must stay valid while the plugin is loaded
 *  session_init_with_plugin  virtio plugins: as session_init, on the host's plugin of this name
 *  host_plugins              virtio plugins: does vaccel_session_host_plugins(); arguments are checked
 *  infer                     the operations of vaccel/infer.h; must stay valid while the plugin is loaded
 *  text                      the same of vaccel/text.h
 * Each may be NULL.
 */
struct vaccel_plugin_ext {
	size_t size;
	const char *(*engine)(void);
	int (*session_init_with_plugin)(struct vaccel_session *sess, const char *name);
	int (*host_plugins)(struct vaccel_session *sess, struct vaccel_plugin_desc *descs,
			    size_t *nr);
	const struct vaccel_infer_ops *infer;
	const struct vaccel_text_ops *text;
};

/*
 * vaccel_plugin_register_ext - offer them; plugins call this from init
 * @plugin: &vaccel_this_plugin
 * @ext: must stay valid while the plugin is loaded
 *
 * EINVAL: NULL. EEXIST: the plugin has called it before. ENOMEM.
 */
int vaccel_plugin_register_ext(struct vaccel_plugin *plugin, const struct vaccel_plugin_ext *ext);

#ifdef __cplusplus
}
#endif
