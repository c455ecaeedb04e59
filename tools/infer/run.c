// SPDX-License-Identifier: Apache-2.0
/* What happens between files and files. */
#include <dlfcn.h>
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "model.h"
#include "npy.h"
#include "pictures.h"
#include "tool.h"

#define MAX_TRIES 8 /* for outputs that grow from run to run */

static struct vaccel_session *session; /* for alloc() */

/* Memory that reaches the host without being copied, where there is such. */
static void *alloc(size_t size)
{
	void *p;

	return vaccel_mem_alloc(session, size, &p) ? NULL : p;
}

/* ---- Pictures ------------------------------------------------------------------------------- */

/* Whether a file begins as JPEG or PNG files do. What cannot be read is no picture, and said elsewhere. */
static bool is_picture(const char *path)
{
	static const uint8_t jpeg[] = {0xff, 0xd8, 0xff}, png[] = {0x89, 'P', 'N', 'G'};
	uint8_t head[sizeof(png)] = {0};
	FILE *file = fopen(path, "rbe");

	if (!file)
		return false;
	if (fread(head, 1, sizeof(head), file) != sizeof(head))
		head[0] = 0;
	fclose(file);
	return !memcmp(head, jpeg, sizeof(jpeg)) || !memcmp(head, png, sizeof(png));
}

static pictures_read_fn *find_pictures(void)
{
	void *library = dlopen(PICTURES_LIBRARY, RTLD_NOW);
	pictures_read_fn *read = library ? (pictures_read_fn *)dlsym(library, PICTURES_FUNCTION) : NULL;

	if (!read)
		warnx("pictures cannot be read: %s. It is of the same package as this program, and needs libjpeg and "
		      "libpng", dlerror());
	return read;
}

static int read_picture(struct inference *i, const struct options *o, const struct file *file,
			struct vaccel_infer_tensor *t)
{
	struct picture_input input = {.model = o->model, .files = strstr(o->model, "://") ? NULL : i->model};
	pictures_read_fn *read;
	int ret;

	for (uint32_t n = 0; n < i->info.nr_inputs && !input.desc; n++)
		if (!strcmp(i->descs[n].name, file->name))
			input.desc = &i->descs[n];
	if (!input.desc) {
		warnx("%s: the model has no input %s for it: see --list", file->path, file->name);
		return EX_DATAERR;
	}
	read = find_pictures();
	if (!read)
		return EX_UNAVAILABLE;
	ret = read(&input, file->path, alloc, t);
	return ret ? fail(file->path, ret) : 0;
}

/* ---- Inputs and outputs --------------------------------------------------------------------- */

static int read_inputs(struct inference *i, const struct options *o)
{
	int ret = 0;

	i->in = calloc(o->nr_inputs + 1, sizeof(*i->in));
	if (!i->in)
		return fail("inputs", VACCEL_ENOMEM);
	for (size_t n = 0; n < o->nr_inputs && !ret; n++) {
		i->in[n].name = o->inputs[n].name;
		i->nr_in++;
		if (is_picture(o->inputs[n].path))
			ret = read_picture(i, o, &o->inputs[n], &i->in[n]);
		else
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
