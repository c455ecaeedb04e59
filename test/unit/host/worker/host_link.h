/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's plugin and the host's dispatcher in one process: a transport without a device, which
 * hands requests straight over. For a program that links plugins/virtio/remote.c.
 */
#pragma once

#include "dispatch.h"
#include "plugins/virtio/link.h"
#include "plugins/virtio/remote.h"
#include "plugins/virtio/transport.h"

/* Under valgrind: the address of the first byte that was never written, else 0. */
#if __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#define UNDEFINED_BYTE(data, len) VALGRIND_CHECK_MEM_IS_DEFINED(data, len)
#else
#define UNDEFINED_BYTE(data, len) ((void)(data), (void)(len), 0)
#endif

static struct dispatch *host;
static struct quota_counts counts;
static struct quota quota;
static _Thread_local uint64_t context = 1; /* of the requests of this thread */

static const struct host_dirs no_dirs = {-1, -1};

static void host_start(const struct policy *policy, const struct host_dirs *dirs,
		       uint32_t generation)
{
	quota_init(&quota, policy, &counts);
	host = dispatch_new(&quota, dirs, NULL, generation);
	assert_non_null(host);
}

static int call(struct transport *t, const void *message, uint32_t message_len,
		const struct virtio_accel_user_segment *segments, uint32_t nr_segments, void *reply,
		uint32_t *reply_len, uint32_t *status)
{
	struct host_segment segs[16];
	struct iovec runs[16];
	struct host_request rq = {
		.context = context,
		.message = message,
		.message_len = message_len,
		.popped_ns = now_ns(),
		.segments = segs,
		.nr_segments = nr_segments,
		.reply = reply,
		.reply_cap = *reply_len,
	};

	(void)t;
	assert_true(nr_segments <= 16);
	for (uint32_t i = 0; i < nr_segments; i++) {
		runs[i] = (struct iovec){(void *)(uintptr_t)segments[i].addr, segments[i].len};
		segs[i] = (struct host_segment){&runs[i], 1, segments[i].len, segments[i].flags};
	}
	(void)dispatch_length(host, &rq);
	*status = dispatch_call(host, &rq);
	*reply_len = rq.reply_len;
	/* What a guest gets was written on purpose. */
	assert_int_equal(UNDEFINED_BYTE(reply, rq.reply_len), 0);
	return 0;
}

static void nothing(struct transport *t)
{
	(void)t;
}

static const struct transport_ops ops = {.call = call, .close = nothing};
static struct transport link_to_host = {
	.ops = &ops,
	.info = {.max_segments = 16, .max_message = 1 << 18, .max_reply = 1 << 18},
};

int transport_open_device(const char *path, struct transport **out)
{
	(void)path;
	*out = &link_to_host;
	return 0;
}

int transport_open_native(const char *path, struct transport **out)
{
	return transport_open_device(path, out);
}

int transport_reopen_native(const char *path, struct transport **out)
{
	return transport_open_device(path, out);
}

/* ---- Guest sessions ------------------------------------------------------------------------- */

static int session_begin(struct vaccel_session *sess)
{
	memset(sess, 0, sizeof(*sess));
	sess->priv = remote_session_new();
	return remote_SESSION_INIT(NULL, 0, &sess->remote_id);
}

static int session_end(struct vaccel_session *sess)
{
	int ret = remote_SESSION_RELEASE(sess);

	remote_session_delete(sess->priv);
	sess->priv = NULL;
	return ret;
}
