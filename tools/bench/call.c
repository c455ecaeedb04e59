// SPDX-License-Identifier: Apache-2.0
/* The measured side: operations of the bench plugin, by each thread in a session of its own. */
#include "bench-tool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "bench.h"
#include "vaccel.h"

#define CALIBRATE_NS    10000000
#define CALIBRATE_TIMES 10

/* One thread's */
struct lane {
	struct vaccel_session sess;
	struct vaccel_arg in, out;
	uint64_t number; /* what a number among the arguments lies in */
};

struct call_side {
	struct side side;
	struct bench_case c;
	struct crew *crew;
	struct lane *lanes;
};

static uint64_t compute_rounds = 1000;
static double ns_per_round;

static const char *hint(int ret)
{
	switch (ret) {
	case VACCEL_ENOTSUP:
	case VACCEL_EINVAL:
		return "; the host needs the plugin libvaccel-bench.so (VACCEL_PLUGINS)";
	case VACCEL_EPERM:
		return "; the host refuses it: start vhost-user-accel with --allow=exec";
	case VACCEL_ESESS:
		return "; the host's worker was lost: see the log of vhost-user-accel";
	case VACCEL_ENOMEM:
		return "; there is not enough memory here or on the host";
	}
	return "";
}

/* Deprecated for programs, but the simplest operation whose results do not travel to the plugin */
static int array_copy(struct lane *l)
{
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
	return vaccel_fpga_arraycopy(&l->sess, l->in.buf, l->out.buf, l->in.size / sizeof(int));
#pragma GCC diagnostic pop
}

static int lane_call(struct lane *l, enum op op)
{
	if (op == OP_NOOP)
		return vaccel_noop(&l->sess);
	if (op == OP_COPY)
		return array_copy(l);
	return vaccel_exec(&l->sess, BENCH_LIBRARY, op_names[op], &l->in, 1, &l->out, 1);
}

static int call_once(void *arg, unsigned int thread)
{
	struct call_side *cs = arg;

	return lane_call(&cs->lanes[thread], cs->c.op);
}

static int call_run(struct side *s, unsigned int nr, uint64_t *ns, size_t *made)
{
	return crew_run(((struct call_side *)s)->crew, nr, ns, made);
}

static void lane_prepare(struct lane *l, enum op op, uint64_t seed)
{
	switch (op) {
	case OP_ECHO:
	case OP_COPY:
	case OP_SUM:
		bench_fill(l->in.buf, l->in.size, seed);
		break;
	case OP_FILL:
		l->number = seed;
		break;
	default:
		break;
	}
}

static bool lane_verify(const struct lane *l, enum op op, uint64_t seed)
{
	switch (op) {
	case OP_ECHO:
	case OP_COPY:
	case OP_FILL:
		return bench_check(l->out.buf, l->out.size, seed) == l->out.size;
	case OP_SUM:
		return l->number == bench_sum(l->in.buf, l->in.size);
	case OP_COMPUTE:
		return l->number == bench_compute(compute_rounds);
	default:
		return true;
	}
}

static void call_prepare(struct side *s, uint64_t seed)
{
	struct call_side *cs = (struct call_side *)s;

	for (unsigned int i = 0; i < s->threads; i++)
		lane_prepare(&cs->lanes[i], cs->c.op, seed + i);
}

static bool call_verify(struct side *s, uint64_t seed)
{
	const struct call_side *cs = (const struct call_side *)s;

	for (unsigned int i = 0; i < s->threads; i++)
		if (!lane_verify(&cs->lanes[i], cs->c.op, seed + i))
			return false;
	return true;
}

static void lane_open(struct lane *l)
{
	int ret = vaccel_session_init(&l->sess, 0);

	if (ret)
		bench_die(EX_UNAVAILABLE,
			  "cannot open a session: %d (%s); set VACCEL_PLUGINS to a plugin", ret,
			  strerror(ret));
}

static void *registered(struct lane *l, size_t size)
{
	struct vaccel_mem_info info;
	void *buf;
	int ret = vaccel_mem_alloc(&l->sess, size, &buf);

	if (!ret)
		ret = vaccel_mem_info(buf, &info);
	if (ret)
		bench_die(EX_OSERR, "cannot allocate %zu bytes: %d (%s)", size, ret, strerror(ret));
	if (info.kind == VACCEL_MEM_PINNED)
		bench_die(EX_OSERR, "%zu bytes could not be registered: see the message above", size);
	return buf;
}

static void data(struct lane *l, const struct bench_case *c, struct vaccel_arg *arg)
{
	arg->type = VACCEL_ARG_UINT8_ARRAY;
	arg->size = c->size;
	arg->buf = c->path == PATH_REGISTERED ? registered(l, c->size) : bench_data(c->size);
	/* A first touch costs more than most operations. */
	memset(arg->buf, 1, arg->size);
}

static void data_free(const struct lane *l, const struct bench_case *c, struct vaccel_arg *arg)
{
	if (arg->buf == &l->number || arg->buf == &compute_rounds)
		return;
	if (c->path == PATH_REGISTERED)
		vaccel_mem_free(arg->buf);
	else
		free(arg->buf);
}

static void number(struct vaccel_arg *arg, uint64_t *value)
{
	arg->type = VACCEL_ARG_UINT64;
	arg->size = sizeof(*value);
	arg->buf = value;
}

static void lane_args(struct lane *l, const struct bench_case *c)
{
	switch (c->op) {
	case OP_NOOP:
	case NR_OPS:
		return;
	case OP_TOUCH:
	case OP_ECHO:
	case OP_COPY:
		data(l, c, &l->in);
		data(l, c, &l->out);
		return;
	case OP_SUM:
		data(l, c, &l->in);
		number(&l->out, &l->number);
		return;
	case OP_FILL:
		number(&l->in, &l->number);
		data(l, c, &l->out);
		return;
	case OP_COMPUTE:
		number(&l->in, &compute_rounds);
		number(&l->out, &l->number);
		return;
	}
}

static void call_close(struct side *s)
{
	struct call_side *cs = (struct call_side *)s;

	crew_delete(cs->crew);
	for (unsigned int i = 0; i < s->threads; i++) {
		data_free(&cs->lanes[i], &cs->c, &cs->lanes[i].in);
		data_free(&cs->lanes[i], &cs->c, &cs->lanes[i].out);
		vaccel_session_release(&cs->lanes[i].sess);
	}
	free(cs->lanes);
	free(cs);
}

struct side *side_call(const struct bench_case *c)
{
	struct call_side *cs = bench_alloc(sizeof(*cs));

	cs->c = *c;
	cs->side = (struct side){
		.name = op_names[c->op],
		.threads = c->threads,
		.run = call_run,
		.prepare = call_prepare,
		.verify = call_verify,
		.hint = hint,
		.close = call_close,
	};
	cs->lanes = bench_alloc(c->threads * sizeof(*cs->lanes));
	for (unsigned int i = 0; i < c->threads; i++) {
		lane_open(&cs->lanes[i]);
		lane_args(&cs->lanes[i], c);
	}
	cs->crew = crew_new(c->threads, call_once, cs);
	return &cs->side;
}

/* ---- One thread, in turn with what each thread of another side has ------------------------- */

struct single_side {
	struct side side;
	struct call_side *call;
	struct crew *crew;
	struct lane *lane; /* of this round */
	unsigned int turn;
};

static int single_once(void *arg, unsigned int thread)
{
	const struct single_side *ss = arg;

	(void)thread;
	return lane_call(ss->lane, ss->call->c.op);
}

static int single_run(struct side *s, unsigned int nr, uint64_t *ns, size_t *made)
{
	return crew_run(((struct single_side *)s)->crew, nr, ns, made);
}

static void single_prepare(struct side *s, uint64_t seed)
{
	struct single_side *ss = (struct single_side *)s;

	ss->lane = &ss->call->lanes[ss->turn++ % ss->call->side.threads];
	lane_prepare(ss->lane, ss->call->c.op, seed);
}

static bool single_verify(struct side *s, uint64_t seed)
{
	const struct single_side *ss = (const struct single_side *)s;

	return lane_verify(ss->lane, ss->call->c.op, seed);
}

static void single_close(struct side *s)
{
	crew_delete(((struct single_side *)s)->crew);
	free(s);
}

struct side *side_single(struct side *call)
{
	struct single_side *ss = bench_alloc(sizeof(*ss));

	ss->side = (struct side){
		.name = peer_names[PEER_SINGLE],
		.threads = 1,
		.by_rate = true,
		.run = single_run,
		.prepare = single_prepare,
		.verify = single_verify,
		.hint = hint,
		.close = single_close,
	};
	ss->call = (struct call_side *)call;
	ss->crew = crew_new(1, single_once, ss);
	return &ss->side;
}

/* ---- The same without its trace -------------------------------------------------------------- */

struct untraced_side {
	struct side side;
	struct side *call;
};

static int untraced_run(struct side *s, unsigned int nr, uint64_t *ns, size_t *made)
{
	struct side *call = ((struct untraced_side *)s)->call;
	int err;

	vaccel_trace_pause(true);
	err = call->run(call, nr, ns, made);
	vaccel_trace_pause(false);
	return err;
}

static void untraced_prepare(struct side *s, uint64_t seed)
{
	struct side *call = ((struct untraced_side *)s)->call;

	call->prepare(call, seed);
}

static bool untraced_verify(struct side *s, uint64_t seed)
{
	struct side *call = ((struct untraced_side *)s)->call;

	return call->verify(call, seed);
}

static void untraced_close(struct side *s)
{
	free(s);
}

struct side *side_untraced(struct side *call)
{
	struct untraced_side *us = bench_alloc(sizeof(*us));

	if (!vaccel_trace_enabled())
		bench_die(EX_USAGE, "comparator untraced: there is no trace to compare with; set VACCEL_TRACE to a "
				    "file");
	us->side = (struct side){
		.name = peer_names[PEER_UNTRACED],
		.threads = call->threads,
		.run = untraced_run,
		.prepare = untraced_prepare,
		.verify = untraced_verify,
		.hint = hint,
		.close = untraced_close,
	};
	us->call = call;
	return &us->side;
}

/* ---- How long "compute" takes --------------------------------------------------------------- */

static int compute_once(struct lane *l, uint64_t rounds)
{
	number(&l->in, &rounds);
	number(&l->out, &l->number);
	return lane_call(l, OP_COMPUTE);
}

static uint64_t time_compute(struct lane *l, uint64_t rounds)
{
	uint64_t start = now_ns();
	int ret = compute_once(l, rounds);

	if (ret)
		bench_die(EXIT_FAILURE, "compute failed: %d (%s)%s", ret, strerror(ret), hint(ret));
	return now_ns() - start;
}

/* How long a round of "compute" takes where it runs decides how many rounds there are. */
void call_calibrate(uint64_t compute_ns)
{
	uint64_t rounds = 1000, took, shortest;
	struct lane l = {.number = 0};

	lane_open(&l);
	do {
		rounds *= 2;
		shortest = time_compute(&l, rounds);
	} while (shortest < CALIBRATE_NS);
	/* Other work on the machine only ever makes it longer. */
	for (int i = 0; i < CALIBRATE_TIMES; i++) {
		took = time_compute(&l, rounds);
		if (took < shortest)
			shortest = took;
	}
	vaccel_session_release(&l.sess);
	ns_per_round = (double)shortest / (double)rounds;
	compute_rounds = (uint64_t)((double)compute_ns / ns_per_round) + 1;
}

int call_compute_for(uint64_t ns)
{
	struct lane l = {.number = 0};
	int ret;

	lane_open(&l);
	ret = compute_once(&l, (uint64_t)((double)ns / ns_per_round));
	vaccel_session_release(&l.sess);
	return ret;
}

int call_noop(void)
{
	static struct lane l;

	if (!l.sess.id)
		lane_open(&l);
	return lane_call(&l, OP_NOOP);
}

/* ---- The same work without vAccel ----------------------------------------------------------- */

struct local_side {
	struct side side;
	struct crew *crew;
};

/* So that the work is not left out */
static _Thread_local volatile uint64_t local_result;

static int local_once(void *arg, unsigned int thread)
{
	(void)arg;
	(void)thread;
	local_result = bench_compute(compute_rounds);
	return 0;
}

static int local_run(struct side *s, unsigned int nr, uint64_t *ns, size_t *made)
{
	return crew_run(((struct local_side *)s)->crew, nr, ns, made);
}

static void local_close(struct side *s)
{
	crew_delete(((struct local_side *)s)->crew);
	free(s);
}

struct side *side_local(unsigned int threads)
{
	struct local_side *ls = bench_alloc(sizeof(*ls));

	ls->side = (struct side){
		.name = peer_names[PEER_LOCAL],
		.threads = threads,
		.by_rate = true,
		.run = local_run,
		.close = local_close,
	};
	ls->crew = crew_new(threads, local_once, NULL);
	return &ls->side;
}
