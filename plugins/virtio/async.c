// SPDX-License-Identifier: Apache-2.0
/* Asynchronous calls: many requests under way, with no thread that waits for each. */
#include "remote.h"

#include <pthread.h>
#include <stdlib.h>

#include "link.h"

/* Memory of calls that have ended, for the next ones */
#define MAX_SPARES 256

/* What a call needs until its end: @request is the first part of what the transport needs. */
struct async_call {
	struct async_call *next;
	struct vaccel_async_call *owner;
	struct remote_call call;
	struct transport_call request;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct async_call *spares;
static unsigned int nr_spares;

/* The connection that the calling thread has armed */
static _Thread_local struct remote_link *armed;

static struct async_call *get(const struct transport *t)
{
	struct async_call *a;

	pthread_mutex_lock(&lock);
	a = spares;
	if (a) {
		spares = a->next;
		nr_spares--;
	}
	pthread_mutex_unlock(&lock);
	return a ? a : malloc(offsetof(struct async_call, request) + t->call_size);
}

static void put(struct async_call *a)
{
	pthread_mutex_lock(&lock);
	if (nr_spares < MAX_SPARES) {
		a->next = spares;
		spares = a;
		nr_spares++;
		a = NULL;
	}
	pthread_mutex_unlock(&lock);
	free(a);
}

void remote_async_release(void)
{
	struct async_call *a;

	while ((a = spares)) {
		spares = a->next;
		free(a);
	}
	nr_spares = 0;
}

static void arrived(struct transport_call *request)
{
	struct async_call *a = (struct async_call *)((char *)request -
						     offsetof(struct async_call, request));

	a->call.trace.answered = remote_trace_time(&a->call);
	a->owner->arrived(a->owner);
}

static int submit(struct vaccel_async_call *owner, struct vaccel_session *sess, vaccel_op_type_t op,
		  const union vaccel_async_value *values, bool notify, void **handle)
{
	struct remote_session *rs = sess->priv;
	struct transport *t = rs->link->transport;
	const struct vop_encoder *e;
	struct async_call *a;
	int ret;

	a = get(t);
	if (!a)
		return VACCEL_ENOMEM;
	a->owner = owner;
	ret = remote_call_begin(&a->call, sess, (uint16_t)op, (const union vop_val *)values);
	if (ret)
		goto put;
	a->call.trace.async = (uintptr_t)owner;
	e = &a->call.encoder;
	a->request = (struct transport_call){
		.message = e->msg,
		.segments = e->segs,
		.reply = a->call.reply,
		.message_len = e->msg_len,
		.nr_segments = e->nr_segs,
		.reply_len = a->call.reply_len,
		.notify = notify,
		.arrived = arrived,
	};
	*handle = a;
	ret = t->ops->submit(t, &a->request);
	if (!ret)
		return VACCEL_OK;
	ret = remote_call_end(&a->call, ret, 0);
put:
	put(a);
	return ret;
}

static int finish(void *handle)
{
	struct async_call *a = handle;
	struct transport *t = a->call.link->transport;
	int ret = t->ops->finish(t, &a->request);

	a->call.reply_len = a->request.reply_len;
	ret = remote_call_end(&a->call, ret, a->request.status);
	put(a);
	return ret;
}

static void spin(const unsigned int *stop, bool wait)
{
	struct remote_link *l = link_hold();

	if (l)
		l->transport->ops->spin(l->transport, stop, wait);
	link_put(l);
}

static void arm(void)
{
	armed = link_hold();
	if (armed)
		armed->transport->ops->arm(armed->transport);
}

static void disarm(void)
{
	if (armed)
		armed->transport->ops->disarm(armed->transport);
	link_put(armed);
	armed = NULL;
}

const struct vaccel_async_ops remote_async_ops = {
	.submit = submit,
	.finish = finish,
	.spin = spin,
	.arm = arm,
	.disarm = disarm,
	.watch = link_watch,
};
