// SPDX-License-Identifier: Apache-2.0
#include "remote.h"

#include <stdlib.h>
#include <string.h>

#include "transport.h"

#define DEFAULT_DEVICE "/dev/virtio-accel0"
#define REPLY_ON_STACK (2 * VOP_INLINE_MAX)

static struct transport *transport;

int remote_open(void)
{
	const char *socket = getenv("VACCEL_VIRTIO_SOCKET");
	const char *device = getenv("VACCEL_VIRTIO_DEVICE");

	if (socket && *socket)
		return transport_open_native(socket, &transport);
	return transport_open_device(device && *device ? device : DEFAULT_DEVICE, &transport);
}

void remote_close(void)
{
	if (transport)
		transport->ops->close(transport);
	transport = NULL;
}

/* ---- Sizes of outputs ----------------------------------------------------------------------- */

struct out_sizes {
	struct out_sizes *next;
	int64_t model; /* id on the wire */
	uint32_t count;
	uint64_t size[];
};

struct remote_session *remote_session_new(void)
{
	struct remote_session *rs = calloc(1, sizeof(*rs));

	if (rs)
		pthread_mutex_init(&rs->lock, NULL);
	return rs;
}

void remote_session_delete(struct remote_session *rs)
{
	struct out_sizes *s;

	if (!rs)
		return;
	while ((s = rs->out_sizes)) {
		rs->out_sizes = s->next;
		free(s);
	}
	pthread_mutex_destroy(&rs->lock);
	free(rs);
}

static struct out_sizes *find_sizes(struct remote_session *rs, int64_t model, uint32_t count)
{
	for (struct out_sizes *s = rs->out_sizes; s; s = s->next)
		if (s->model == model && s->count == count)
			return s;
	return NULL;
}

/* A copy of what the last run gave; NULL when there was none. The caller frees it. */
static uint64_t *recall_sizes(struct remote_session *rs, int64_t model, uint64_t count)
{
	struct out_sizes *s = NULL;
	uint64_t *copy = NULL;

	pthread_mutex_lock(&rs->lock);
	if (count && count <= UINT32_MAX)
		s = find_sizes(rs, model, (uint32_t)count);
	if (s) {
		copy = malloc(count * sizeof(*copy));
		if (copy)
			memcpy(copy, s->size, count * sizeof(*copy));
	}
	pthread_mutex_unlock(&rs->lock);
	return copy;
}

static void remember_sizes(struct remote_session *rs, int64_t model, uint32_t count,
			   enum vop_framework fw, void *const *tensors)
{
	struct vop_tensor t;
	struct out_sizes *s;

	pthread_mutex_lock(&rs->lock);
	s = find_sizes(rs, model, count);
	if (!s && count) {
		s = calloc(1, sizeof(*s) + count * sizeof(s->size[0]));
		if (s) {
			s->model = model;
			s->count = count;
			s->next = rs->out_sizes;
			rs->out_sizes = s;
		}
	}
	for (uint32_t i = 0; s && i < count; i++)
		s->size[i] = tensors[i] && !vop_tensor_get(fw, tensors[i], &t) ? t.size : 0;
	pthread_mutex_unlock(&rs->lock);
}

/* ---- Calls ---------------------------------------------------------------------------------- */

/* An output that the device keeps, for vop_decode_reply(). */
static int fetch(void *opaque, uint64_t id, void *data, uint64_t size)
{
	struct vaccel_session *sess = opaque;
	int ret = remote_OUTPUT_FETCH(sess, id, 0, data, size);
	int dropped = remote_OUTPUT_DROP(sess, id);

	return ret ? ret : dropped;
}

static int send_call(struct vaccel_session *sess, const struct vop_desc *desc,
		     const union vop_val *vals, struct vop_encoder *e)
{
	const struct vop_fetcher fetcher = {fetch, sess};
	uint8_t on_stack[REPLY_ON_STACK] __attribute__((aligned(8)));
	uint8_t *reply = on_stack;
	uint32_t len = (uint32_t)e->reply_room, status;
	int ret;

	if (len > sizeof(on_stack)) {
		reply = malloc(len);
		if (!reply)
			return VACCEL_ENOMEM;
	}
	ret = transport->ops->call(transport, e->msg, e->msg_len, e->segs, e->nr_segs, reply, &len,
				   &status);
	if (!ret) {
		ret = (int)status;
		/* A failed op may still have outputs: a framework's status and its text. */
		if (!ret || len) {
			int decoded = vop_decode_reply(e, desc, vals, reply, len, &fetcher);

			if (decoded == VACCEL_EIO)
				vaccel_error("[virtio] The device sent a malformed reply to %s",
					     desc->name);
			if (ret)
				vop_drop_outputs(e, desc, vals);
			else
				ret = decoded;
		}
	}
	if (reply != on_stack)
		free(reply);
	return ret;
}

int remote_call(struct vaccel_session *sess, uint16_t op, const union vop_val *vals)
{
	const struct vop_desc *desc = vop_find(op);
	const struct vop_param *outputs = NULL;
	union vop_val wire[VOP_MAX_PARAMS];
	uint64_t *out_sizes = NULL, nr_outputs = 0;
	struct vop_encoder e;
	int64_t model = 0;
	void **tensors = NULL;
	int ret;

	if (!transport)
		return VACCEL_ENODEV;
	for (unsigned int i = 0; i < desc->nr_params; i++) {
		const struct vop_param *p = &desc->params[i];

		wire[i] = vals[i];
		if (p->kind == VOP_RES) {
			model = ((struct vaccel_resource *)vals[i].p)->remote_id;
			wire[i].i = model;
		} else if (p->kind == VOP_TENSORS_OUT && !vop_count(desc, i, vals, &nr_outputs)) {
			outputs = p;
			tensors = vals[i].p;
		}
	}
	if (outputs)
		out_sizes = recall_sizes(sess->priv, model, nr_outputs);

	ret = vop_encode(&e, &transport->info, desc, sess ? sess->remote_id : 0, wire, out_sizes);
	if (!ret)
		ret = send_call(sess, desc, wire, &e);
	if (!ret && outputs)
		remember_sizes(sess->priv, model, (uint32_t)nr_outputs, outputs->framework, tensors);
	vop_encoder_release(&e);
	free(out_sizes);
	return ret;
}
