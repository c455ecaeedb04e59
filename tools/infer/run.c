// SPDX-License-Identifier: Apache-2.0
/* What happens between files and files. */
#include <err.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "model.h"
#include "npy.h"
#include "tool.h"

#define MAX_TRIES 8 /* for outputs that grow from run to run */

static struct vaccel_session *session; /* for alloc() */

/* Memory that reaches the host without being copied, where there is such. */
static void *alloc(size_t size)
{
	void *p;

	return vaccel_mem_alloc(session, size, &p) ? NULL : p;
}

static int read_inputs(struct inference *i, const struct options *o)
{
	int ret = 0;

	i->in = calloc(o->nr_inputs + 1, sizeof(*i->in));
	if (!i->in)
		return fail("inputs", VACCEL_ENOMEM);
	for (size_t n = 0; n < o->nr_inputs && !ret; n++) {
		i->in[n].name = o->inputs[n].name;
		i->nr_in++;
		ret = npy_read(o->inputs[n].path, alloc, &i->in[n]);
	}
	return ret;
}

static int make_outputs(struct inference *i, const struct options *o)
{
	i->nr_out = o->nr_outputs ? (uint32_t)o->nr_outputs : i->info.nr_outputs;
	if (!i->nr_out) {
		warnx("the model does not say what outputs it has: name them with --output");
		return EX_USAGE;
	}
	i->out = calloc(i->nr_out, sizeof(*i->out));
	if (!i->out)
		return fail("outputs", VACCEL_ENOMEM);
	for (uint32_t n = 0; n < i->nr_out; n++)
		i->out[n].name = o->nr_outputs ? o->outputs[n].name : i->descs[i->info.nr_inputs + n].name;
	return 0;
}

/* Gives each output a buffer of the size that it has now. */
static int use_buffers(struct inference *i)
{
	for (uint32_t n = 0; n < i->nr_out; n++) {
		struct vaccel_infer_tensor *t = &i->out[n];
		size_t size = t->size;

		if (!t->owned && t->data && t->room >= size)
			continue;
		if (t->owned)
			vaccel_infer_tensor_release(t);
		else
			vaccel_mem_free(t->data);
		t->room = size ? size : 1;
		t->data = alloc(t->room);
		if (!t->data) {
			t->room = 0;
			return VACCEL_ENOMEM;
		}
	}
	return VACCEL_OK;
}

static double now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static int run_once(struct inference *i)
{
	return vaccel_infer_run(&i->sess, i->model, i->in, i->nr_in, i->out, i->nr_out);
}

static int by_value(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static int repeat(struct inference *i, unsigned long times)
{
	int ret = use_buffers(i), tries = 0;

	i->us = calloc(times, sizeof(*i->us));
	if (!i->us)
		ret = VACCEL_ENOMEM;
	for (unsigned long n = 0; n < times && !ret;) {
		double start = now_us();

		ret = run_once(i);
		i->us[n] = now_us() - start;
		if (ret == VACCEL_ERANGE && tries++ < MAX_TRIES)
			ret = use_buffers(i);
		else
			n++;
	}
	if (!ret)
		qsort(i->us, times, sizeof(*i->us), by_value);
	return ret;
}

int run_model(struct inference *i, const struct options *o)
{
	int ret;

	session = &i->sess;
	ret = read_inputs(i, o);
	if (!ret)
		ret = make_outputs(i, o);
	if (ret)
		return ret;
	ret = run_once(i);
	if (!ret && o->repeat)
		ret = repeat(i, o->repeat);
	if (ret)
		return fail(o->model, ret);
	for (size_t n = 0; n < o->nr_outputs && !ret; n++)
		ret = npy_write(o->outputs[n].path, &i->out[n]);
	return ret;
}

void release_model_run(struct inference *i)
{
	for (uint32_t n = 0; n < i->nr_in; n++)
		vaccel_mem_free(i->in[n].data);
	for (uint32_t n = 0; n < i->nr_out && i->out; n++) {
		if (i->out[n].owned)
			vaccel_infer_tensor_release(&i->out[n]);
		vaccel_mem_free(i->out[n].data);
	}
	free(i->us);
	free(i->in);
	free(i->out);
}
