// SPDX-License-Identifier: Apache-2.0
/*
 * The spans of calls to the host, and of what the host did meanwhile, in the program's trace.
 *
 * The host tells the times of its own clock. What they are on the program's is measured when a session
 * begins, by questions for the time: the answer was made between question and answer, so that the middle of
 * the two is wrong by half of what lies between, at most. Each call narrows this down in the same way,
 * and where clocks drift apart it keeps up: what the host did was after the question, and before the answer.
 */
#include "remote.h"

#include <stdatomic.h>

#include "link.h"
#include "transport/clock.h"

/* Questions for the time; the one that took least counts */
#define QUESTIONS 16

/* Those who only look have no lock. */
static void set(int64_t *offset, int64_t value)
{
	__atomic_store_n(offset, value, __ATOMIC_RELAXED);
}

/* What the host's clock said at some moment between two of ours narrows down the offset, the session's lock held. */
static void narrow(struct remote_clock *clock, uint64_t sent, uint64_t first, uint64_t last, uint64_t answered)
{
	int64_t low = (int64_t)(sent - first), high = (int64_t)(answered - last);
	uint64_t half = ((answered - sent) - (last - first)) / 2;

	/* The host has no say in whether something overflows. */
	if (high < low || last - first > answered - sent)
		return;
	if (!clock->known || half < clock->error) {
		clock->known = true;
		set(&clock->offset, (int64_t)((uint64_t)low + half));
		__atomic_store_n(&clock->error, half, __ATOMIC_RELAXED);
	} else if (clock->offset < low) {
		set(&clock->offset, low);
	} else if (clock->offset > high) {
		set(&clock->offset, high);
	}
}

/* Learns from a question, and tells how much is to be added to the host's times of this session. */
static void measure(struct remote_session *rs, uint64_t sent, uint64_t first, uint64_t last, uint64_t answered,
		    struct remote_clock *clock)
{
	pthread_mutex_lock(&rs->lock);
	narrow(&rs->clock, sent, first, last, answered);
	*clock = rs->clock;
	pthread_mutex_unlock(&rs->lock);
}

/* As measure() where there is nothing to be learnt, which is nearly always; the clock is known. */
static int64_t get_offset(struct remote_session *rs, uint64_t sent, uint64_t first, uint64_t last, uint64_t answered)
{
	const uint64_t half = ((answered - sent) - (last - first)) / 2;
	const int64_t offset = __atomic_load_n(&rs->clock.offset, __ATOMIC_RELAXED);
	struct remote_clock clock;

	if ((int64_t)(sent - first) <= offset && offset <= (int64_t)(answered - last) &&
	    half >= __atomic_load_n(&rs->clock.error, __ATOMIC_RELAXED))
		return offset;
	measure(rs, sent, first, last, answered, &clock);
	return clock.offset;
}

void remote_trace_session(struct vaccel_session *sess)
{
	static atomic_bool told;
	struct remote_session *rs = sess->priv;
	struct remote_clock clock;

	if (!vaccel_trace_enabled())
		return;
	for (int i = 0; i < QUESTIONS; i++) {
		uint64_t now = 0, sent = vaccel_trace_now();
		int ret = remote_SESSION_CLOCK(sess, &now);

		if (!ret) {
			measure(rs, sent, now, now, vaccel_trace_now(), &clock);
		} else {
			if (ret == VACCEL_ENOTSUP && !atomic_exchange(&told, true))
				vaccel_warn("[virtio] The host is too old to tell its times: the trace has only "
					    "the program's");
			return;
		}
	}
	vaccel_trace_host_clock(clock.offset, clock.error);
	rs->tells_times = true;
}

void remote_trace_ask(struct remote_call *c)
{
	struct remote_session *rs = c->sess ? c->sess->priv : NULL;

	/* The lock of a parent's session may be held for ever. */
	if (rs && !c->link->inherited && atomic_load_explicit(&rs->tells_times, memory_order_relaxed))
		c->trace.asked = vop_ask_times(&c->encoder, &c->link->transport->info);
}

static uint64_t bytes_of(const struct vop_encoder *e)
{
	uint64_t bytes = e->msg_len;

	for (uint32_t i = 0; i < e->nr_segs; i++)
		bytes += e->segs[i].len;
	return bytes;
}

/* The host's times on our clock, between ours whatever the host says. Return: whether they are. */
static bool get_host_times(struct remote_call *c, struct vop_times *on_ours)
{
	const struct remote_trace *t = &c->trace;
	const struct vop_times *h = &t->times;
	uint64_t offset;

	if (h->taken > h->begun || h->begun > h->ended || h->ended > h->replied)
		return false;
	/* It cannot have taken longer than we have waited. */
	if (h->replied - h->taken > t->answered - t->sent)
		return false;
	offset = (uint64_t)get_offset(c->sess->priv, t->sent, h->taken, h->replied, t->answered);
	on_ours->taken = h->taken + offset;
	on_ours->begun = h->begun + offset;
	on_ours->ended = h->ended + offset;
	on_ours->replied = h->replied + offset;
	return true;
}

void remote_trace_end(struct remote_call *c, int result)
{
	const struct remote_trace *t = &c->trace;
	const uint64_t now = vaccel_trace_now();
	struct vop_times host = { 0 };

	if (t->has_times && t->answered && !get_host_times(c, &host))
		host = (struct vop_times){ 0 };
	vaccel_trace_add_call(&(struct vaccel_trace_call){
		/* Of operations the library tells. */
		.name = vop_is_op(c->desc->code) ? NULL : c->desc->name,
		.begun = t->begun,
		.sent = t->sent,
		.answered = t->answered ? t->answered : now,
		.ended = now,
		.taken = host.taken,
		.started = host.begun,
		.finished = host.ended,
		.replied = host.replied,
		.bytes = bytes_of(&c->encoder),
		.reply_bytes = c->reply_len,
		.async = t->async,
		.result = result,
	});
}
