// SPDX-License-Identifier: Apache-2.0
/* The guest's transport plugin: runs every op of the table on the host. */
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "link.h"
#include "memory.h"
#include "remote.h"

static bool is_lost(const struct remote_session *rs)
{
	return !rs->link->inherited && link_lost(rs->link);
}

/* Starts a session on the host, on its plugin of a name, or with the flags where that is NULL. */
static int start_session(struct vaccel_session *sess, const char *name, uint32_t flags)
{
	int ret = VACCEL_ENOMEM;

	/* Of a connection that was lost nothing may be known yet: the second attempt is in another one. */
	for (int i = 0; i < 2; i++) {
		struct remote_session *rs;
		int64_t id = 0;
		bool again;

		ret = link_ready(true);
		if (ret)
			return ret;
		rs = remote_session_new();
		if (!rs)
			return VACCEL_ENOMEM;
		sess->priv = rs;
		ret = name ? remote_SESSION_INIT_PLUGIN(sess, name, &id) :
			     remote_SESSION_INIT(sess, flags, &id);
		if (!ret) {
			sess->remote_id = id;
			remote_trace_session(sess);
			return VACCEL_OK;
		}
		again = is_lost(rs);
		sess->priv = NULL;
		remote_session_delete(rs);
		if (!again)
			break;
	}
	if (ret == VACCEL_ENOTSUP && name)
		vaccel_error("[virtio] The host has no plugin '%s', or is too old to choose one: "
			     "vaccel-info shows what it has", name);
	return ret;
}

static int virtio_session_init_with_plugin(struct vaccel_session *sess, const char *name)
{
	return start_session(sess, name, 0);
}

/* VACCEL_VIRTIO_PLUGIN chooses for programs that do not. */
static int virtio_session_init(struct vaccel_session *sess, uint32_t flags)
{
	const char *name = getenv("VACCEL_VIRTIO_PLUGIN");

	return start_session(sess, name && *name ? name : NULL, flags);
}

static void from_wire(const struct virtio_accel_plugin *p, struct vaccel_plugin_desc *d)
{
	memset(d, 0, sizeof(*d));
	/* Cut: whoever fills this in may have left out the end of a text. */
	memcpy(d->name, p->name, sizeof(d->name) - 1);
	memcpy(d->version, p->version, sizeof(d->version) - 1);
	memcpy(d->engine, p->engine, sizeof(d->engine) - 1);
	d->type = le32toh(p->type);
	d->is_virtio = le32toh(p->flags) & 1;
	d->ops = le64toh(p->ops);
}

static int virtio_host_plugins(struct vaccel_session *sess, struct vaccel_plugin_desc *descs,
			       size_t *nr)
{
	struct virtio_accel_plugin *list = NULL;
	uint64_t found = 0;
	int ret;

	if (*nr) {
		list = calloc(*nr, sizeof(*list));
		if (!list)
			return VACCEL_ENOMEM;
	}
	ret = remote_PLUGIN_LIST(sess, list, *nr * sizeof(*list), &found);
	for (size_t i = 0; !ret && i < *nr && i < found; i++)
		from_wire(&list[i], &descs[i]);
	free(list);
	if (!ret)
		*nr = found;
	return ret;
}

static int virtio_session_release(struct vaccel_session *sess)
{
	struct remote_session *rs = sess->priv;
	int ret = VACCEL_ESESS;

	if (!is_lost(rs)) {
		remote_profile_add(sess);
		ret = remote_SESSION_RELEASE(sess);
	}
	/* A session that the host has lost is released. */
	if (ret == VACCEL_ESESS || is_lost(rs))
		ret = VACCEL_OK;
	remote_session_delete(rs);
	sess->priv = NULL;
	sess->remote_id = 0;
	return ret;
}

static int virtio_session_update(struct vaccel_session *sess, uint32_t flags)
{
	return remote_SESSION_UPDATE(sess, flags);
}

/* clang-format off */
#define X_OP_FUNCTION(NAME, number, ...)                                                          \
	static int virtio_##NAME(struct vaccel_session *sess VOP_PROTO(NAME))                     \
	{                                                                                         \
		union vop_val vals[] = VOP_VALS(NAME);                                            \
                                                                                                  \
		return remote_call(sess, number, vals);                                           \
	}
OPS(X_OP_FUNCTION)
EXT_OPS(X_OP_FUNCTION)

#define X_OP_INIT(NAME, number, ...) VACCEL_OP_INIT(virtio_##NAME, VACCEL_OP_##NAME, virtio_##NAME),
static struct vaccel_op ops[] = {OPS(X_OP_INIT)};
/* clang-format on */

static void after_fork_child(void)
{
	link_after_fork(true);
	memory_forget();
	remote_resources_forget();
}

static void after_fork_parent(void)
{
	link_after_fork(false);
}

static void watch_forks(void)
{
	pthread_atfork(link_before_fork, after_fork_parent, after_fork_child);
}

static char engine_text[160];

static const char *engine(void)
{
	return engine_text;
}

static const struct vaccel_infer_ops infer = {
	.load = virtio_INFER_LOAD,
	.unload = virtio_INFER_UNLOAD,
	.metadata = virtio_INFER_METADATA,
	.run = virtio_INFER_RUN,
};

static const struct vaccel_text_ops text = {
	.begin = virtio_TEXT_BEGIN,
	.next = virtio_TEXT_NEXT,
	.end = virtio_TEXT_END,
	.embed = virtio_TEXT_EMBED,
};

static const struct vaccel_plugin_ext extension = {
	.size = sizeof(extension),
	.engine = engine,
	.session_init_with_plugin = virtio_session_init_with_plugin,
	.host_plugins = virtio_host_plugins,
	.infer = &infer,
	.text = &text,
};

static int init(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	int ret;

	pthread_once(&once, watch_forks);
	snprintf(engine_text, sizeof(engine_text), "the host behind %.140s", link_path());
	ret = link_open();
	claim_init();
	if (!ret)
		ret = vaccel_plugin_register_ops(ops, sizeof(ops) / sizeof(ops[0]));
	if (!ret)
		ret = vaccel_plugin_register_async(&vaccel_this_plugin, &remote_async_ops);
	if (!ret)
		ret = vaccel_plugin_register_ext(&vaccel_this_plugin, &extension);
	if (!ret && memory_ops())
		ret = vaccel_plugin_register_memory(&vaccel_this_plugin, memory_ops());
	if (ret)
		link_close();
	return ret;
}

/* At the end of the process there is no fini. */
__attribute__((destructor)) static void at_unload(void)
{
	remote_profile_log();
}

static int fini(void)
{
	remote_profile_log();
	remote_async_release();
	link_close();
	return VACCEL_OK;
}

VACCEL_PLUGIN(
	.name = "virtio",
	.version = VACCEL_VERSION,
	.vaccel_version = VACCEL_VERSION,
	.type = VACCEL_PLUGIN_REMOTE,
	.is_virtio = true,
	.init = init,
	.fini = fini,
	.session_init = virtio_session_init,
	.session_release = virtio_session_release,
	.session_update = virtio_session_update,
	.resource_register = remote_resource_register,
	.resource_unregister = remote_resource_unregister,
	.resource_sync = remote_resource_sync,
)
