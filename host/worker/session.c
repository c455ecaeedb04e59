// SPDX-License-Identifier: Apache-2.0
/* Sessions of guests, and the outputs that wait in them until the guest fetches them. */
#include "objects_private.h"

#include <stdlib.h>
#include <string.h>

struct output {
	struct output *next;
	uint64_t id;
	uint64_t size;
	void *data;
};

struct guest_session {
	struct object object; /* first: objects.c knows no more of it */
	struct vaccel_session *sess;
	struct output *outputs; /* guarded by the lock of struct objects */
	uint64_t last_output;
	struct {
		_Atomic uint64_t last_ns;
		_Atomic uint64_t total_ns;
		_Atomic uint64_t calls;
		_Atomic uint8_t plugin;
	} ops[VOP_NR_OPS]; /* by vop_slot() */
};

int session_open(struct objects *o, uint64_t context, const char *plugin, uint32_t flags,
		 int64_t *id)
{
	struct guest_session *s;
	int ret;

	ret = quota_take(o->quota, POLICY_max_sessions, 1, VIRTIO_ACCEL_OP_SESSION_INIT);
	if (ret)
		return ret;
	s = calloc(1, sizeof(*s));
	if (!s)
		ret = VACCEL_ENOMEM;
	else if (plugin)
		ret = vaccel_session_new_with_plugin(&s->sess, plugin);
	else
		ret = vaccel_session_new(&s->sess, flags);
	if (ret) {
		free(s);
		quota_give(o->quota, POLICY_max_sessions, 1);
		return ret;
	}
	pthread_mutex_lock(&o->lock);
	o->nr_sessions++;
	*id = object_list(o, &o->sessions, &s->object, context);
	pthread_mutex_unlock(&o->lock);
	return VACCEL_OK;
}

struct guest_session *session_hold(struct objects *o, uint64_t context, int64_t id)
{
	struct object *obj;

	pthread_mutex_lock(&o->lock);
	obj = object_find(o->sessions, context, id);
	if (obj)
		obj->holds++;
	pthread_mutex_unlock(&o->lock);
	return (struct guest_session *)obj;
}

void session_free(struct objects *o, struct guest_session *s)
{
	struct output *out;

	while ((out = s->outputs)) {
		s->outputs = out->next;
		quota_give(o->quota, POLICY_max_staging_bytes, out->size);
		free(out->data);
		free(out);
	}
	vaccel_session_delete(s->sess);
	free(s);
	pthread_mutex_lock(&o->lock);
	o->nr_sessions--;
	pthread_mutex_unlock(&o->lock);
	quota_give(o->quota, POLICY_max_sessions, 1);
}

void session_unhold(struct objects *o, struct guest_session *s)
{
	bool last;

	pthread_mutex_lock(&o->lock);
	last = object_drop(&s->object);
	pthread_mutex_unlock(&o->lock);
	if (last)
		session_free(o, s);
}

void session_close(struct objects *o, struct guest_session *s)
{
	bool was_listed;

	pthread_mutex_lock(&o->lock);
	was_listed = s->object.listed;
	if (was_listed)
		object_unlist(&o->sessions, &s->object);
	pthread_mutex_unlock(&o->lock);
	if (was_listed)
		session_unhold(o, s);
}

struct vaccel_session *session_vaccel(struct guest_session *s)
{
	return s->sess;
}

void session_add_time(struct guest_session *s, unsigned int op, uint64_t ns)
{
	atomic_store_explicit(&s->ops[vop_slot(op)].last_ns, ns, memory_order_relaxed);
	atomic_fetch_add_explicit(&s->ops[vop_slot(op)].total_ns, ns, memory_order_relaxed);
	atomic_fetch_add_explicit(&s->ops[vop_slot(op)].calls, 1, memory_order_relaxed);
}

uint64_t session_last_ns(struct guest_session *s, unsigned int op)
{
	return atomic_load_explicit(&s->ops[vop_slot(op)].last_ns, memory_order_relaxed);
}

_Atomic uint8_t *session_plugin(struct guest_session *s, unsigned int op)
{
	return &s->ops[vop_slot(op)].plugin;
}

int session_update(struct guest_session *s, uint32_t flags)
{
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
	int ret = vaccel_session_update(s->sess, flags);
#pragma GCC diagnostic pop

	/* It may be another plugin's now. */
	for (unsigned int slot = 0; slot < VOP_NR_OPS; slot++)
		atomic_store_explicit(&s->ops[slot].plugin, 0, memory_order_relaxed);
	return ret;
}

void session_profile(struct guest_session *s, uint32_t nr_ops, uint64_t *calls, uint64_t *times)
{
	for (uint32_t op = 0; op < nr_ops; op++) {
		bool known = op < VACCEL_OP_MAX;

		calls[op] = known ? atomic_load(&s->ops[op].calls) : 0;
		times[op] = known ? atomic_load(&s->ops[op].total_ns) : 0;
	}
}

uint64_t session_keep(struct objects *o, struct guest_session *s, unsigned int op, void *data,
		      uint64_t size)
{
	struct output *out;

	if (quota_take(o->quota, POLICY_max_staging_bytes, size, op)) {
		free(data);
		return 0;
	}
	out = malloc(sizeof(*out));
	if (!out) {
		quota_give(o->quota, POLICY_max_staging_bytes, size);
		free(data);
		return 0;
	}
	out->data = data;
	out->size = size;
	pthread_mutex_lock(&o->lock);
	out->id = ++s->last_output;
	out->next = s->outputs;
	s->outputs = out;
	pthread_mutex_unlock(&o->lock);
	return out->id;
}

/* Takes a kept output out of the session, so that no lock is held while it is used. */
static struct output *take_output(struct objects *o, struct guest_session *s, uint64_t id)
{
	struct output **link, *out;

	pthread_mutex_lock(&o->lock);
	for (link = &s->outputs; *link && (*link)->id != id; link = &(*link)->next)
		;
	out = *link;
	if (out)
		*link = out->next;
	pthread_mutex_unlock(&o->lock);
	return out;
}

int session_output_read(struct objects *o, struct guest_session *s, uint64_t id, uint64_t offset,
			void *data, uint64_t len)
{
	struct output *out = take_output(o, s, id);
	int ret = VACCEL_EINVAL;

	if (!out)
		return VACCEL_ENOENT;
	if (offset <= out->size && len <= out->size - offset) {
		memcpy(data, (uint8_t *)out->data + offset, len);
		ret = VACCEL_OK;
	}
	pthread_mutex_lock(&o->lock);
	out->next = s->outputs;
	s->outputs = out;
	pthread_mutex_unlock(&o->lock);
	return ret;
}

int session_output_drop(struct objects *o, struct guest_session *s, uint64_t id)
{
	struct output *out = take_output(o, s, id);

	if (!out)
		return VACCEL_ENOENT;
	quota_give(o->quota, POLICY_max_staging_bytes, out->size);
	free(out->data);
	free(out);
	return VACCEL_OK;
}
