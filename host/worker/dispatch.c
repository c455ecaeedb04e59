// SPDX-License-Identifier: Apache-2.0
#include "dispatch.h"

#include <endian.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "background.h"
#include "objects.h"
#include "transport/clock.h"
#include "transport/probes.h"

/* An op that took less than this the last time runs where it was popped. */
#define SHORT_NS 50000
/* One that took as long goes to a thread that is in the background already. */
#define LONG_NS (BACKGROUND_MS * UINT64_C(1000000))
/* Text buffer for classification when the guest wants no text */
#define SCRATCH_TEXT 512
/* Memory that a thread keeps between requests */
#define ARENA_RETAIN ((size_t)16 << 20)
/* Plugins that are told of */
#define PLUGINS_MAX 64

struct dispatch {
	struct quota *quota;
	struct counters *counters; /* may be NULL */
	struct objects *objects;
	char plugins[PLUGINS_MAX][sizeof(((struct vaccel_plugin_desc *)0)->name)]; /* in their order, for the counters */
	size_t nr_plugins;
	uint64_t epoch_ns; /* when its clock was 0 */
	_Atomic bool was_long[VOP_NR_OPS]; /* by vop_slot(): the last time, in whatever session */
	struct {
		_Atomic uint64_t in_place, snapshot, gathered, written_back;
	} traffic; /* see struct vop_traffic */
};

/* One request on its way. */
struct call {
	struct dispatch *d;
	uint64_t context;
	uint16_t op;
	uint64_t popped_ns;
	uint64_t begun_ns, ended_ns; /* of the operation, where someone wants to know */
	struct guest_session *session; /* NULL for operations that need none */
	struct guest_resource *held;   /* the resource of the op's parameter */
	unsigned int plugin;	       /* who serves it, see counters.h */
};

/* ---- Control operations: parameters as in the table ----------------------------------------- */

static int control_SESSION_INIT(struct call *c VOP_PROTO(SESSION_INIT))
{
	return session_open(c->d->objects, c->context, NULL, flags, id);
}

static int control_SESSION_UPDATE(struct call *c VOP_PROTO(SESSION_UPDATE))
{
	return session_update(c->session, flags);
}

static int control_SESSION_RELEASE(struct call *c VOP_PROTO(SESSION_RELEASE))
{
	session_close(c->d->objects, c->session);
	return VACCEL_OK;
}

static int control_SESSION_PROFILE(struct call *c VOP_PROTO(SESSION_PROFILE))
{
	session_profile(c->session, nr_ops, calls, times);
	return VACCEL_OK;
}

static int control_SESSION_INIT_PLUGIN(struct call *c VOP_PROTO(SESSION_INIT_PLUGIN))
{
	return session_open(c->d->objects, c->context, name, 0, id);
}

/* The texts of the library are those of the wire. */
#define SAME_SIZE(text) \
	_Static_assert(sizeof(((struct virtio_accel_plugin *)0)->text) == \
		       sizeof(((struct vaccel_plugin_desc *)0)->text), #text)
SAME_SIZE(name);
SAME_SIZE(version);
SAME_SIZE(engine);

static int control_PLUGIN_LIST(struct call *c VOP_PROTO(PLUGIN_LIST))
{
	struct vaccel_plugin_desc descs[PLUGINS_MAX];
	struct virtio_accel_plugin p = {0};
	size_t found = PLUGINS_MAX;
	int ret = vaccel_plugin_list(descs, &found);

	(void)c;
	*nr = ret ? 0 : found;
	for (size_t i = 0; i < *nr && i < PLUGINS_MAX && (i + 1) * sizeof(p) <= len; i++) {
		memcpy(p.name, descs[i].name, sizeof(p.name));
		memcpy(p.version, descs[i].version, sizeof(p.version));
		memcpy(p.engine, descs[i].engine, sizeof(p.engine));
		p.type = htole32(descs[i].type);
		p.flags = htole32(descs[i].is_virtio);
		p.ops = htole64(descs[i].ops);
		memcpy((uint8_t *)plugins + i * sizeof(p), &p, sizeof(p));
	}
	return ret;
}

/* Guests are not to know how long the host has been running. */
static uint64_t on_guests_clock(const struct dispatch *d, uint64_t ns)
{
	return ns > d->epoch_ns ? ns - d->epoch_ns : 0;
}

static int control_SESSION_CLOCK(struct call *c VOP_PROTO(SESSION_CLOCK))
{
	*now = on_guests_clock(c->d, now_ns());
	return VACCEL_OK;
}

static int control_RESOURCE_CREATE(struct call *c VOP_PROTO(RESOURCE_CREATE))
{
	return resource_create(c->d->objects, c->context, type, path_type, id);
}

/* Runs EXPR with `r` being the resource with this id. */
#define WITH_RESOURCE(c, id, EXPR)                                                                \
	({                                                                                        \
		struct guest_resource *r = resource_hold((c)->d->objects, (c)->context, id);      \
		int ret_ = VACCEL_ENOENT;                                                         \
		if (r) {                                                                          \
			ret_ = (EXPR);                                                            \
			resource_unhold((c)->d->objects, r);                                      \
		}                                                                                 \
		ret_;                                                                             \
	})

static int control_RESOURCE_ADD(struct call *c VOP_PROTO(RESOURCE_ADD))
{
	return WITH_RESOURCE(c, resource, resource_add(c->d->objects, r, blob_type, size, name));
}

static int control_RESOURCE_WRITE(struct call *c VOP_PROTO(RESOURCE_WRITE))
{
	return WITH_RESOURCE(c, resource, resource_write(c->d->objects, r, index, offset, data,
						 len));
}

static int control_RESOURCE_READ(struct call *c VOP_PROTO(RESOURCE_READ))
{
	return WITH_RESOURCE(c, resource, resource_read(r, index, offset, data, len));
}

static int control_RESOURCE_CHALLENGE(struct call *c VOP_PROTO(RESOURCE_CHALLENGE))
{
	return WITH_RESOURCE(c, resource, resource_challenge(r, index, key));
}

static int control_RESOURCE_CLAIM(struct call *c VOP_PROTO(RESOURCE_CLAIM))
{
	return WITH_RESOURCE(c, resource, resource_claim(c->d->objects, r, index, tag));
}

static int control_RESOURCE_REGISTER(struct call *c VOP_PROTO(RESOURCE_REGISTER))
{
	return WITH_RESOURCE(c, resource, resource_register(r, c->session));
}

static int control_RESOURCE_UNREGISTER(struct call *c VOP_PROTO(RESOURCE_UNREGISTER))
{
	return WITH_RESOURCE(c, resource, resource_unregister(r, c->session));
}

static int control_RESOURCE_SYNC(struct call *c VOP_PROTO(RESOURCE_SYNC))
{
	return WITH_RESOURCE(c, resource, resource_sync(r, c->session));
}

static int control_RESOURCE_DESTROY(struct call *c VOP_PROTO(RESOURCE_DESTROY))
{
	return WITH_RESOURCE(c, resource, (resource_destroy(c->d->objects, r), VACCEL_OK));
}

static int control_OUTPUT_FETCH(struct call *c VOP_PROTO(OUTPUT_FETCH))
{
	return session_output_read(c->d->objects, c->session, output, offset, data, len);
}

static int control_OUTPUT_DROP(struct call *c VOP_PROTO(OUTPUT_DROP))
{
	return session_output_drop(c->d->objects, c->session, output);
}

/* ---- One function per entry of the table ---------------------------------------------------- */

/* clang-format off */
#define X_CALL_OP(NAME, number, function, ...) case number: \
	return function(session_vaccel(c->session) VOP_CALL_ARGS(NAME));
#define X_CALL_CONTROL(NAME, number) case number: \
	return control_##NAME(c VOP_CALL_ARGS(NAME));
/* clang-format on */

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
static int call_op(struct call *c, uint16_t code, const union vop_val *v)
{
	switch (code) {
		OPS(X_CALL_OP)
		EXT_OPS(X_CALL_OP)
		CONTROL_OPS(X_CALL_CONTROL)
	}
	return VACCEL_ENOTSUP;
}
#pragma GCC diagnostic pop

/* ---- What the decoder asks for -------------------------------------------------------------- */

static struct vaccel_resource *hold_resource(void *opaque, int64_t id)
{
	struct call *c = opaque;

	c->held = resource_hold(c->d->objects, c->context, id);
	if (!c->held)
		return NULL;
	if (!resource_vaccel(c->held)) {
		resource_unhold(c->d->objects, c->held);
		return NULL;
	}
	return resource_vaccel(c->held);
}

static void unhold_resource(void *opaque, struct vaccel_resource *res)
{
	struct call *c = opaque;

	(void)res;
	resource_unhold(c->d->objects, c->held);
}

static bool charge(void *opaque, uint64_t bytes)
{
	struct call *c = opaque;

	return quota_take(c->d->quota, POLICY_max_staging_bytes, bytes, c->op) == 0;
}

static void uncharge(void *opaque, uint64_t bytes)
{
	quota_give(((struct call *)opaque)->d->quota, POLICY_max_staging_bytes, bytes);
}

static uint64_t keep_output(void *opaque, void *data, uint64_t size)
{
	struct call *c = opaque;

	return session_keep(c->d->objects, c->session, c->op, data, size);
}

static const struct vop_host_ops host_ops = {
	.hold = hold_resource,
	.unhold = unhold_resource,
	.charge = charge,
	.uncharge = uncharge,
	.keep = keep_output,
};

/* ---- Requests ------------------------------------------------------------------------------- */

static pthread_key_t arena_key;
static pthread_once_t arena_once = PTHREAD_ONCE_INIT;

static void free_arena(void *arena)
{
	vop_arena_release(arena);
	free(arena);
}

static void make_arena_key(void)
{
	pthread_key_create(&arena_key, free_arena);
}

/* The calling thread's; freed when the thread ends. */
static struct vop_arena *thread_arena(void)
{
	struct vop_arena *arena;

	pthread_once(&arena_once, make_arena_key);
	arena = pthread_getspecific(arena_key);
	if (!arena) {
		arena = calloc(1, sizeof(*arena));
		if (arena) {
			arena->retain = ARENA_RETAIN;
			pthread_setspecific(arena_key, arena);
		}
	}
	return arena;
}

static unsigned int find_plugin(const struct call *c, uint16_t code)
{
	const char *name = vaccel_session_op_plugin(session_vaccel(c->session), (vaccel_op_type_t)code);

	for (unsigned int i = 0; name && i < c->d->nr_plugins; i++)
		if (strcmp(c->d->plugins[i], name) == 0)
			return i + 1 < COUNTERS_OTHER_PLUGIN ? i + 1 : COUNTERS_OTHER_PLUGIN;
	return name ? COUNTERS_OTHER_PLUGIN : COUNTERS_NO_PLUGIN;
}

/* The session remembers it, as it takes longer to find than a short operation does. */
static unsigned int plugin_of(const struct call *c, uint16_t code)
{
	_Atomic uint8_t *known;
	unsigned int plugin;

	if (!c->d->counters)
		return COUNTERS_NO_PLUGIN;
	known = session_plugin(c->session, code);
	plugin = atomic_load_explicit(known, memory_order_relaxed);
	if (!plugin) {
		plugin = find_plugin(c, code);
		atomic_store_explicit(known, (uint8_t)plugin, memory_order_relaxed);
	}
	return plugin;
}

static void count_times(struct call *c, uint16_t code, uint64_t start, uint64_t ns)
{
	unsigned int slot = op_slot(code);

	c->begun_ns = start;
	c->ended_ns = start + ns;
	if (!c->d->counters)
		return;
	counters_add_time(&c->d->counters->service[slot][c->plugin], ns);
	counters_add_time(&c->d->counters->wait[slot], start > c->popped_ns ? start - c->popped_ns : 0);
}

static int run_control(struct call *c, struct vop_decoder *dec)
{
	uint16_t code = dec->desc->code;
	uint64_t start = c->d->counters || dec->wants_times ? now_ns() : 0;
	int ret = call_op(c, code, dec->vals);

	if (start)
		count_times(c, code, start, now_ns() - start);
	return ret;
}

static int run(struct call *c, struct vop_decoder *dec)
{
	uint16_t code = dec->desc->code;
	_Atomic bool *was_long;
	uint64_t start, ns;
	int ret;

	if (!vop_is_op(code))
		return run_control(c, dec);

	if (code == VACCEL_OP_IMAGE_CLASSIFY && (!dec->vals[IMAGE_CLASSIFY_out_text].p ||
						 !dec->vals[IMAGE_CLASSIFY_len_out_text].i)) {
		/*
		 * Without text the library may call the plugin with fewer parameters, and one that does
		 * not know that form would take a length, which the guest chose, for a pointer.
		 */
		dec->vals[IMAGE_CLASSIFY_out_text].p = vop_arena_alloc(dec->arena, SCRATCH_TEXT);
		if (!dec->vals[IMAGE_CLASSIFY_out_text].p)
			return VACCEL_ENOMEM;
		dec->vals[IMAGE_CLASSIFY_len_out_text].i = SCRATCH_TEXT;
	}

	c->plugin = plugin_of(c, code);
	start = now_ns();
	ret = call_op(c, code, dec->vals);
	ns = now_ns() - start + 1;
	session_add_time(c->session, code, ns);
	count_times(c, code, start, ns);
	was_long = &c->d->was_long[vop_slot(code)];
	if ((ns >= LONG_NS) != atomic_load_explicit(was_long, memory_order_relaxed))
		atomic_store_explicit(was_long, ns >= LONG_NS, memory_order_relaxed);
	/* To the guest this would mean that the operation has not begun. */
	return ret == VIRTIO_ACCEL_S_STALE ? VACCEL_EIO : ret;
}

static void add(_Atomic uint64_t *sum, uint64_t bytes)
{
	if (bytes)
		atomic_fetch_add_explicit(sum, bytes, memory_order_relaxed);
}

static void add_traffic(struct dispatch *d, const struct vop_traffic *t)
{
	add(&d->traffic.in_place, t->in_place);
	add(&d->traffic.snapshot, t->snapshot);
	add(&d->traffic.gathered, t->gathered);
	add(&d->traffic.written_back, t->written_back);
	if (!d->counters)
		return;
	counters_add(&d->counters->bytes[COUNTERS_PINNED], t->in_place - t->registered);
	counters_add(&d->counters->bytes[COUNTERS_REGISTERED], t->registered);
	counters_add(&d->counters->bytes[COUNTERS_SNAPSHOT], t->snapshot);
	counters_add(&d->counters->bytes[COUNTERS_GATHERED], t->gathered);
	counters_add(&d->counters->bytes[COUNTERS_WRITTEN_BACK], t->written_back);
}

static void count_call(const struct call *c, const struct vop_desc *desc, const struct host_request *rq,
		       enum counters_result result)
{
	struct dispatch *d = c->d;
	unsigned int slot = desc ? op_slot(desc->code) : OP_SLOTS - 1;

	if (!d->counters)
		return;
	counters_add(&d->counters->results[slot][c->plugin][result], 1);
	counters_add(&d->counters->bytes[COUNTERS_INLINE], (uint64_t)rq->message_len + rq->reply_len);
}

/* Ends the reply with when what happened, if the guest asks for that. */
static void tell_times(const struct call *c, const struct vop_decoder *dec, struct host_request *rq)
{
	struct vop_times t;

	if (!dec->wants_times)
		return;
	t.taken = on_guests_clock(c->d, c->popped_ns);
	t.begun = on_guests_clock(c->d, c->begun_ns);
	t.ended = on_guests_clock(c->d, c->ended_ns);
	t.replied = on_guests_clock(c->d, now_ns());
	vop_put_times(rq->reply, &rq->reply_len, &t);
}

/* Runs a decoded request and makes the reply. Return: the status. */
static int answer(struct call *c, struct vop_decoder *dec, struct host_request *rq)
{
	int ret, encoded;

	PROBE2(engine__begin, c->op, c->context);
	ret = run(c, dec);
	PROBE3(engine__end, c->op, c->context, ret);
	encoded = vop_encode_reply(dec, rq->reply, rq->reply_cap, &rq->reply_len);
	tell_times(c, dec, rq);
	PROBE3(request__replied, c->op, c->context, rq->reply_len);
	return ret ? ret : encoded;
}

uint32_t dispatch_call(struct dispatch *d, struct host_request *rq)
{
	struct call c = {.d = d, .context = rq->context, .popped_ns = rq->popped_ns};
	bool counted = false;
	struct vop_decoder dec = {
		.arena = thread_arena(), .ops = &host_ops, .opaque = &c,
		.segs = rq->segments, .nr_segs = rq->nr_segments,
	};
	const struct vop_desc *desc;
	int64_t session;
	int ret;

	rq->reply_len = 0;
	rq->malformed = NULL;
	if (!dec.arena)
		return VIRTIO_ACCEL_S_NOMEM;
	desc = vop_peek(rq->message, rq->message_len, &session);
	PROBE2(request__taken, desc ? desc->code : 0, rq->context);
	if (desc && vop_is_op(desc->code)) {
		ret = quota_allow(d->quota, UINT64_C(1) << desc->code, desc->code);
		if (!ret)
			ret = quota_take(d->quota, POLICY_max_inflight, 1, desc->code);
		if (ret) {
			count_call(&c, desc, rq, COUNTERS_REFUSED);
			return (uint32_t)ret;
		}
		counted = true;
	}
	if (desc && vop_needs_session(desc->code)) {
		c.session = session_hold(d->objects, rq->context, session);
		if (!c.session) {
			ret = VIRTIO_ACCEL_S_SESS;
			goto out;
		}
	}
	c.op = desc ? desc->code : 0;

	ret = vop_decode(&dec, rq->message, rq->message_len, rq->reply_cap);
	if (ret) {
		if (ret == VACCEL_EINVAL || ret == VACCEL_ENOTSUP)
			rq->malformed = dec.why;
		vaccel_debug("Refused a request of a guest: %s: %s",
			     dec.desc ? dec.desc->name : "unknown", dec.why);
	} else {
		ret = answer(&c, &dec, rq);
	}
	add_traffic(d, &dec.traffic);
	vop_decoder_finish(&dec);
	if (c.session)
		session_unhold(d->objects, c.session);
out:
	count_call(&c, desc, rq, ret ? COUNTERS_ERROR : COUNTERS_OK);
	if (counted)
		quota_give(d->quota, POLICY_max_inflight, 1);
	return (uint32_t)ret;
}

enum dispatch_length dispatch_length(struct dispatch *d, const struct host_request *rq)
{
	int64_t id;
	const struct vop_desc *desc = vop_peek(rq->message, rq->message_len, &id);
	struct guest_session *s;
	uint64_t ns;

	if (!desc)
		return DISPATCH_SHORT;
	switch (desc->code) {
	case VIRTIO_ACCEL_OP_SESSION_INIT:
	case VIRTIO_ACCEL_OP_SESSION_INIT_PLUGIN:
	case VIRTIO_ACCEL_OP_SESSION_CLOCK:
	case VIRTIO_ACCEL_OP_RESOURCE_CREATE:
	case VIRTIO_ACCEL_OP_RESOURCE_ADD:
	case VIRTIO_ACCEL_OP_OUTPUT_DROP:
		return DISPATCH_SHORT;
	case VACCEL_OP_TEXT_NEXT:
		return DISPATCH_WAITS;
	}
	if (!vop_is_op(desc->code))
		return DISPATCH_UNKNOWN;
	s = session_hold(d->objects, rq->context, id);
	if (!s)
		return DISPATCH_SHORT;
	ns = session_last_ns(s, desc->code);
	session_unhold(d->objects, s);
	if (ns ? ns >= LONG_NS : atomic_load_explicit(&d->was_long[vop_slot(desc->code)], memory_order_relaxed))
		return DISPATCH_LONG;
	return ns && ns < SHORT_NS ? DISPATCH_SHORT : DISPATCH_UNKNOWN;
}

void dispatch_context_close(struct dispatch *d, uint64_t context)
{
	objects_close_context(d->objects, context);
}

void dispatch_traffic(struct dispatch *d, struct vop_traffic *sum)
{
	sum->in_place = atomic_load(&d->traffic.in_place);
	sum->snapshot = atomic_load(&d->traffic.snapshot);
	sum->gathered = atomic_load(&d->traffic.gathered);
	sum->written_back = atomic_load(&d->traffic.written_back);
}

void dispatch_count(struct dispatch *d, uint32_t *sessions, uint32_t *resources)
{
	objects_count(d->objects, sessions, resources);
}

void dispatch_files(struct dispatch *d, struct host_files *f)
{
	objects_files(d->objects, f);
}

static void list_plugins(struct dispatch *d)
{
	struct vaccel_plugin_desc descs[PLUGINS_MAX];
	size_t nr = PLUGINS_MAX;

	if (vaccel_plugin_list(descs, &nr))
		return;
	for (d->nr_plugins = 0; d->nr_plugins < nr && d->nr_plugins < PLUGINS_MAX; d->nr_plugins++)
		memcpy(d->plugins[d->nr_plugins], descs[d->nr_plugins].name, sizeof(descs[0].name));
}

struct dispatch *dispatch_new(struct quota *quota, const struct host_dirs *dirs,
			      struct counters *counters, uint32_t generation)
{
	struct dispatch *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->quota = quota;
	d->counters = counters;
	if (counters)
		list_plugins(d);
	d->epoch_ns = now_ns();
	d->objects = objects_new(quota, dirs, generation);
	if (!d->objects) {
		free(d);
		return NULL;
	}
	return d;
}

void dispatch_delete(struct dispatch *d)
{
	if (!d)
		return;
	objects_delete(d->objects);
	free(d);
}
