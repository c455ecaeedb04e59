// SPDX-License-Identifier: Apache-2.0
#include "remote.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "link.h"
#include "memory.h"
#include "transport/probes.h"

/*
 * A child may call operations in sessions of its parent, as far as the transport allows; it must not
 * change what the parent has on the host, nor leave anything there that nobody would remove.
 */
static int check_process(const struct remote_link *l, const struct vop_desc *desc)
{
	if (!l->inherited || vop_is_op(desc->code) ||
	    desc->code == VIRTIO_ACCEL_OP_OUTPUT_FETCH || desc->code == VIRTIO_ACCEL_OP_OUTPUT_DROP)
		return VACCEL_OK;
	vaccel_error("[virtio] %s: the connection to the device is the parent process's; call "
		     "vaccel_bootstrap() in the child to get another one", desc->name);
	return VACCEL_ENODEV;
}

/*
 * The connection of a call is lost. What was in it is so for good, and a session of before says so as soon as
 * there is another one. Return: ESESS, or ENODEV when there is none.
 */
static int lost(struct remote_link *l, struct vaccel_session *sess)
{
	struct remote_session *rs = sess ? sess->priv : NULL;

	if (link_renew(l, false))
		return VACCEL_ENODEV;
	if (rs && sess->remote_id && !atomic_exchange(&rs->told, true))
		vaccel_error("[virtio] Session %" PRId64 " was lost with its host process: release it and "
			     "open another one", sess->id);
	return VACCEL_ESESS;
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

	if (rs) {
		pthread_mutex_init(&rs->lock, NULL);
		rs->link = link_hold();
	}
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
	link_put(rs->link);
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

/* What is made in a session stays in its connection; what belongs to none is made in the present one. */
static void get_link(struct remote_call *c)
{
	const struct remote_session *rs = c->sess ? c->sess->priv : NULL;

	c->held = rs ? NULL : link_hold();
	c->link = rs ? rs->link : c->held;
}

/* For the reply. ENOMEM. */
static int make_room(struct remote_call *c)
{
	uint8_t *reply;

	c->reply_len = (uint32_t)c->encoder.reply_room;
	if (c->reply_len <= sizeof(c->reply_buf))
		return VACCEL_OK;
	reply = malloc(c->reply_len);
	if (!reply)
		return VACCEL_ENOMEM;
	c->reply = reply;
	return VACCEL_OK;
}

static void explain_size(const struct remote_call *c)
{
	vaccel_error("[virtio] %s: a request or its reply would be larger than the device "
		     "takes (%u and %u bytes, and %u buffers beside them); give fewer "
		     "arguments, or the same data in fewer and larger ones", c->desc->name,
		     c->link->transport->info.max_message, c->link->transport->info.max_reply,
		     c->link->transport->info.max_segments);
}

int remote_call_begin(struct remote_call *c, struct vaccel_session *sess, uint16_t op,
		      const union vop_val *vals)
{
	const struct vop_param *outputs = NULL;
	uint64_t *out_sizes = NULL;
	int ret;

	c->sess = sess;
	c->desc = vop_find(op);
	/* Questions for the time are no part of what the program does. */
	c->trace = (struct remote_trace){ .begun = op == VIRTIO_ACCEL_OP_SESSION_CLOCK ? 0 : vaccel_trace_start() };
	get_link(c);
	if (!c->link)
		return VACCEL_ENODEV;
	ret = check_process(c->link, c->desc);
	if (!ret && !c->link->inherited && link_lost(c->link))
		ret = lost(c->link, sess);
	if (ret) {
		link_put(c->held);
		return ret;
	}
	c->model = 0;
	c->tensors = NULL;
	c->nr_outputs = 0;
	for (unsigned int i = 0; i < c->desc->nr_params; i++) {
		const struct vop_param *p = &c->desc->params[i];

		c->wire[i] = vals[i];
		if (p->kind == VOP_RES) {
			c->model = ((struct vaccel_resource *)vals[i].p)->remote_id;
			c->wire[i].i = c->model;
		} else if (p->kind == VOP_TENSORS_OUT &&
			   !vop_count(c->desc, i, vals, &c->nr_outputs)) {
			outputs = p;
			c->tensors = vals[i].p;
			c->framework = p->framework;
		}
	}
	/* Of a session of the parent process another thread may have held the lock at fork(). */
	if (outputs && !c->link->inherited)
		out_sizes = recall_sizes(sess->priv, c->model, c->nr_outputs);

	ret = vop_encode(&c->encoder, &c->link->transport->info, c->desc,
			 sess && vop_needs_session(op) ? sess->remote_id : 0, c->wire, out_sizes);
	free(out_sizes);
	if (c->encoder.too_large)
		explain_size(c);
	if (!ret && c->trace.begun)
		remote_trace_ask(c);
	if (!ret)
		memory_hold(c->link, c->encoder.segs, c->encoder.nr_segs);
	c->reply = c->reply_buf;
	if (!ret)
		ret = make_room(c);
	if (ret)
		remote_call_release(c);
	c->trace.sent = remote_trace_time(c);
	if (!ret)
		PROBE3(call__sent, op, sess ? sess->id : 0, c->encoder.msg_len);
	return ret;
}

static int send_call(struct remote_call *c, uint32_t *status)
{
	const struct vop_encoder *e = &c->encoder;
	struct transport *t = c->link->transport;

	return t->ops->call(t, e->msg, e->msg_len, e->segs, e->nr_segs, c->reply,
				    &c->reply_len, status);
}

/* Texts of the host end, and nothing has more dimensions than there is room for. */
static void tidy_metadata(const union vop_val *vals)
{
	struct vaccel_infer_model *info = vals[INFER_METADATA_info].p;
	struct vaccel_infer_desc *d = vals[INFER_METADATA_descs].p;

	if (!info) /* nobody but a host that lies accepts that */
		return;
	info->name[sizeof(info->name) - 1] = '\0';
	info->version[sizeof(info->version) - 1] = '\0';
	info->platform[sizeof(info->platform) - 1] = '\0';
	for (uint32_t i = 0; i < (uint32_t)vals[INFER_METADATA_nr].i; i++) {
		d[i].name[sizeof(d[i].name) - 1] = '\0';
		if (d[i].nr_dims > VACCEL_INFER_MAX_DIMS)
			d[i].nr_dims = UINT32_MAX;
	}
}

/* What the host's log says does not reach the program: say what to do where it is not obvious. */
static void explain(const struct remote_call *c, int ret)
{
	if (ret == VACCEL_ENOENT && c->desc->code == VACCEL_OP_IMAGE_CLASSIFY)
		vaccel_error("[virtio] The host has no model for this session, or no labels for it: "
			     "files beside a registered one stay here. Register the directory that "
			     "has the model and its labels.txt, or both files as one resource");
}

int remote_call_end(struct remote_call *c, int ret, uint32_t status)
{
	const struct vop_fetcher fetcher = {fetch, c->sess};

	PROBE3(call__answered, c->desc->code, c->sess ? c->sess->id : 0, ret ? ret : (int)status);
	/* The host process was restarted. It has not even looked at the message. */
	if (!ret && status == VIRTIO_ACCEL_S_STALE) {
		ret = memory_renew(c->encoder.segs, c->encoder.nr_segs);
		c->reply_len = (uint32_t)c->encoder.reply_room;
		if (!ret)
			ret = send_call(c, &status);
		c->trace.answered = remote_trace_time(c);
	}
	if (!ret && c->trace.asked)
		c->trace.has_times = vop_take_times(c->reply, &c->reply_len, &c->trace.times);
	if (ret == ENODEV && !c->link->inherited && link_lost(c->link)) {
		ret = lost(c->link, c->sess);
	} else if (!ret) {
		ret = (int)status;
		/* A failed op may still have outputs: a framework's status and its text. */
		if (!ret || c->reply_len) {
			int decoded = vop_decode_reply(&c->encoder, c->desc, c->wire, c->reply,
						       c->reply_len, &fetcher);

			if (!ret && !decoded && c->encoder.incomplete)
				decoded = VACCEL_EIO;
			if (decoded == VACCEL_EIO)
				vaccel_error("[virtio] The device sent a malformed reply to %s",
					     c->desc->name);
			if (!ret)
				ret = decoded;
			if (ret)
				vop_drop_outputs(&c->encoder, c->desc, c->wire);
			else if (c->desc->code == VACCEL_OP_INFER_METADATA)
				tidy_metadata(c->wire);
		}
	}
	explain(c, ret);
	if (!ret && c->tensors && !c->link->inherited)
		remember_sizes(c->sess->priv, c->model, (uint32_t)c->nr_outputs, c->framework,
			       c->tensors);
	if (c->trace.begun)
		remote_trace_end(c, ret);
	remote_call_release(c);
	return ret;
}

void remote_call_release(struct remote_call *c)
{
	if (c->reply != c->reply_buf)
		free(c->reply);
	memory_unhold(c->encoder.segs, c->encoder.nr_segs);
	vop_encoder_release(&c->encoder);
	link_put(c->held);
}

int remote_call(struct vaccel_session *sess, uint16_t op, const union vop_val *vals)
{
	struct remote_call c;
	uint32_t status = 0;
	int ret = remote_call_begin(&c, sess, op, vals);

	if (ret)
		return ret;
	ret = send_call(&c, &status);
	c.trace.answered = remote_trace_time(&c);
	return remote_call_end(&c, ret, status);
}
