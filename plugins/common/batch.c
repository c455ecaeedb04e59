// SPDX-License-Identifier: Apache-2.0
/*
 * The first call of a batch leads it: it waits for others, and runs them all on its thread. Each of the others waits
 * until that is done, so what the program gave to it stays there.
 */
#include "batch.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ENV_US	   "VACCEL_BATCH_US"
#define ENV_ROWS   "VACCEL_BATCH_MAX"
#define MAX_US	   10000000
#define USUAL_ROWS 32
#define MAX_ROWS   4096
#define MAX_BYTES  ((size_t)64 << 20) /* of inputs, which are copied */

/* A call that takes part; it is on the stack of its thread. */
struct call {
	struct call *next;
	const struct tensor *inputs;
	size_t rows, bytes;
	size_t at; /* rows of the batch before its own */
};

struct batch {
	struct batch *next; /* that waits for calls, too */
	void *model;
	size_t nr_inputs;
	struct call *first, **last;
	unsigned int nr_calls;
	size_t rows, bytes;
	bool closed; /* for further calls: it is not in the list */
	bool done;
	pthread_cond_t news; /* one of the two became true */
	unsigned int users;
	int ret; /* of the run; when it failed each call is to run alone */
	struct tensor *inputs; /* all rows */
	struct engine_outputs outputs;
};

static atomic_uint wait_us, max_rows = USUAL_ROWS;

/* Of everything here but what only the leader of a batch uses */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct batch *waiting;

/* ---- What the operator wants ----------------------------------------------------------------- */

static unsigned int read_number(const char *variable, unsigned int least, unsigned int most, unsigned int usual)
{
	const char *text = getenv(variable);
	unsigned long value;
	char *end;

	if (!text || !*text)
		return usual;
	errno = 0;
	value = strtoul(text, &end, 10);
	if (!errno && !*end && *text >= '0' && *text <= '9' && value >= least && value <= most)
		return (unsigned int)value;
	engine_warn("%s=%s is no number from %u to %u; it will be %u", variable, text, least, most, usual);
	return usual;
}

void batch_start(void)
{
	wait_us = read_number(ENV_US, 0, MAX_US, 0);
	max_rows = read_number(ENV_ROWS, 2, MAX_ROWS, USUAL_ROWS);
	if (wait_us)
		engine_info("Calls for one model wait %u us for others, and run as one of up to %u rows", wait_us,
			    max_rows);
}

/* ---- Which calls belong together ------------------------------------------------------------- */

/* Whether a tensor of a model has a first dimension of any size, the same for all of them: *size, 0 at first. */
static bool has_rows(void *model, bool output, size_t index, int64_t *size)
{
	struct tensor t;

	if (engine.describe(model, output, index, &t))
		return false;
	if (t.type != TENSOR_UNKNOWN && !tensor_element_size(t.type))
		return false;
	if (t.nr_dims < 0)
		return true;
	if (!t.nr_dims || t.dims[0] > 0 || (*size && *size != t.dims[0]))
		return false;
	*size = t.dims[0];
	return true;
}

static bool model_has_rows(void *model)
{
	size_t inputs, outputs;
	int64_t size = 0;

	if (engine.count(model, &inputs, &outputs))
		return false;
	for (size_t i = 0; i < inputs; i++)
		if (!has_rows(model, false, i, &size))
			return false;
	for (size_t i = 0; i < outputs; i++)
		if (!has_rows(model, true, i, &size))
			return false;
	return true;
}

/* Whether a call could be joined with others. */
static bool can_join(void *model, size_t nr_inputs, struct call *call)
{
	const struct tensor *in = call->inputs;

	if (!wait_us || !nr_inputs)
		return false;
	for (size_t i = 0; i < nr_inputs; i++) {
		if (in[i].nr_dims < 1 || !tensor_element_size(in[i].type) || in[i].dims[0] < 1 ||
		    in[i].dims[0] != in[0].dims[0] || __builtin_add_overflow(call->bytes, in[i].size, &call->bytes))
			return false;
	}
	call->rows = (size_t)in[0].dims[0];
	return call->rows < max_rows && call->bytes <= MAX_BYTES && model_has_rows(model);
}

/* Whether two calls take the same but for the number of their rows. */
static bool are_alike(const struct call *a, const struct call *b, size_t nr_inputs)
{
	for (size_t i = 0; i < nr_inputs; i++) {
		const struct tensor *x = &a->inputs[i], *y = &b->inputs[i];

		if (x->type != y->type || x->nr_dims != y->nr_dims ||
		    memcmp(x->dims + 1, y->dims + 1, (size_t)(x->nr_dims - 1) * sizeof(x->dims[0])) != 0)
			return false;
	}
	return true;
}

/* ---- Batches: with the lock ------------------------------------------------------------------ */

static void close_batch(struct batch *b)
{
	struct batch **link = &waiting;

	while (*link != b)
		link = &(*link)->next;
	*link = b->next;
	b->closed = true;
	pthread_cond_broadcast(&b->news);
}

static void add_call(struct batch *b, struct call *call, unsigned int sessions)
{
	call->at = b->rows;
	*b->last = call;
	b->last = &call->next;
	b->rows += call->rows;
	b->bytes += call->bytes;
	b->nr_calls++;
	b->users++;
	if (b->rows >= max_rows || b->nr_calls >= sessions)
		close_batch(b);
}

static struct batch *new_batch(void *model, size_t nr_inputs)
{
	struct batch *b = calloc(1, sizeof(*b));
	pthread_condattr_t attr;

	if (!b)
		return NULL;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&b->news, &attr);
	pthread_condattr_destroy(&attr);
	b->model = model;
	b->nr_inputs = nr_inputs;
	b->last = &b->first;
	b->next = waiting;
	waiting = b;
	return b;
}

/* Return: the batch that the call is in now; it leads the batch where it is its first. NULL: no memory. */
static struct batch *join(void *model, size_t nr_inputs, unsigned int sessions, struct call *call)
{
	struct batch *b = waiting;

	while (b && (b->model != model || b->nr_inputs != nr_inputs || !are_alike(b->first, call, nr_inputs)))
		b = b->next;
	if (b && (b->rows + call->rows > max_rows || b->bytes + call->bytes > MAX_BYTES)) {
		close_batch(b);
		b = NULL;
	}
	if (!b)
		b = new_batch(model, nr_inputs);
	if (b)
		add_call(b, call, sessions);
	return b;
}

static void wait_for_calls(struct batch *b)
{
	struct timespec end;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_nsec += (long)wait_us * 1000;
	end.tv_sec += end.tv_nsec / 1000000000;
	end.tv_nsec %= 1000000000;
	while (!b->closed)
		if (pthread_cond_timedwait(&b->news, &lock, &end) == ETIMEDOUT && !b->closed)
			close_batch(b);
}

/* ---- The run: by the leader, without the lock ------------------------------------------------ */

static int put_together(struct batch *b)
{
	b->inputs = calloc(b->nr_inputs, sizeof(*b->inputs));
	if (!b->inputs)
		return VACCEL_ENOMEM;
	for (size_t i = 0; i < b->nr_inputs; i++) {
		struct tensor *t = &b->inputs[i];
		uint8_t *to;

		*t = b->first->inputs[i];
		t->dims[0] = (int64_t)b->rows;
		t->size = 0;
		for (const struct call *c = b->first; c; c = c->next)
			t->size += c->inputs[i].size;
		t->data = to = malloc(t->size + 1);
		if (!to)
			return VACCEL_ENOMEM;
		for (const struct call *c = b->first; c; c = c->next) {
			memcpy(to, c->inputs[i].data, c->inputs[i].size);
			to += c->inputs[i].size;
		}
	}
	return VACCEL_OK;
}

/* Whether each output has as many rows as went in. */
static bool gave_rows(const struct batch *b)
{
	for (size_t i = 0; i < b->outputs.nr; i++) {
		const struct tensor *t = &b->outputs.tensors[i];
		size_t element = tensor_element_size(t->type);
		uint64_t count, size;

		if (!element || t->nr_dims < 1 || t->dims[0] != (int64_t)b->rows || !tensor_count(t, &count) ||
		    __builtin_mul_overflow(count, element, &size) || size != t->size)
			return false;
	}
	return true;
}

static int run_all(struct batch *b)
{
	int ret = put_together(b);

	if (!ret)
		ret = engine.run(b->model, b->inputs, b->nr_inputs, &b->outputs);
	if (ret) {
		b->outputs = (struct engine_outputs){0};
	} else if (!gave_rows(b)) {
		engine.release(&b->outputs);
		b->outputs = (struct engine_outputs){0};
		ret = VACCEL_ENOTSUP;
	}
	engine_debug("%u calls of %zu rows %s", b->nr_calls, b->rows,
		     ret ? "did not run as one: each runs alone" : "ran as one");
	return ret;
}

static void put_batch(struct batch *b)
{
	bool last;

	pthread_mutex_lock(&lock);
	last = --b->users == 0;
	pthread_mutex_unlock(&lock);
	if (!last)
		return;
	if (b->done && !b->ret)
		engine.release(&b->outputs);
	for (size_t i = 0; b->inputs && i < b->nr_inputs; i++)
		free(b->inputs[i].data);
	free(b->inputs);
	pthread_cond_destroy(&b->news);
	free(b);
}

/* ---- Calls ----------------------------------------------------------------------------------- */

/* Waits, and has them run or sees them run. Return: whether this is a batch of several that ran. */
static bool take_part(struct batch *b, const struct call *call)
{
	int ret;

	if (b->first == call) {
		wait_for_calls(b);
		pthread_mutex_unlock(&lock);
		ret = b->nr_calls > 1 ? run_all(b) : VACCEL_EAGAIN;
		pthread_mutex_lock(&lock);
		b->ret = ret;
		b->done = true;
		pthread_cond_broadcast(&b->news);
	}
	while (!b->done)
		pthread_cond_wait(&b->news, &lock);
	return !b->ret;
}

static void take_rows(const struct batch *b, const struct call *call, struct engine_outputs *outputs)
{
	outputs->nr = b->outputs.nr;
	for (size_t i = 0; i < outputs->nr; i++) {
		struct tensor *t = &outputs->tensors[i];

		*t = b->outputs.tensors[i];
		t->size = t->size / b->rows * call->rows;
		if (t->size)
			t->data = (uint8_t *)t->data + t->size / call->rows * call->at;
		t->dims[0] = (int64_t)call->rows;
	}
}

int batch_run(void *model, unsigned int sessions, const struct tensor *inputs, size_t nr_inputs,
	      struct batch_result *result)
{
	struct call call = {.inputs = inputs};
	bool ran = false;
	struct batch *b;

	result->batch = NULL;
	if (sessions < 2 || !can_join(model, nr_inputs, &call))
		return engine.run(model, inputs, nr_inputs, &result->outputs);
	pthread_mutex_lock(&lock);
	b = join(model, nr_inputs, sessions, &call);
	if (b)
		ran = take_part(b, &call);
	pthread_mutex_unlock(&lock);
	if (ran) {
		take_rows(b, &call, &result->outputs);
		result->batch = b;
		return VACCEL_OK;
	}
	if (b)
		put_batch(b);
	return engine.run(model, inputs, nr_inputs, &result->outputs);
}

void batch_release(struct batch_result *result)
{
	if (result->batch)
		put_batch(result->batch);
	else
		engine.release(&result->outputs);
	*result = (struct batch_result){0};
}
