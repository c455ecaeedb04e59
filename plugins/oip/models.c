// SPDX-License-Identifier: Apache-2.0
/* Models that servers have, and runs of those that take tensors. */
#include "oip.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SCHEME "model://"

/* ---- Models ---------------------------------------------------------------------------------- */

/* libvaccel has checked the name: its characters mean nothing in a URL. */
static int set_path(struct model *m, const char *name)
{
	const char *slash = strchr(name, '/');
	int len = slash ? (int)(slash - name) : (int)strlen(name);

	len = snprintf(m->path, sizeof(m->path), "v2/models/%.*s%s%s", len, name, slash ? "/versions" : "",
		       slash ? slash : "");
	return len >= (int)sizeof(m->path) - 16 ? VACCEL_ENAMETOOLONG : VACCEL_OK;
}

static int open_infer(struct model *m)
{
	struct asking a = {.path = m->path};
	struct reply r = {.size = 0};
	int ret = set_path(m, m->name);

	if (!ret)
		ret = ask(m, &a, &r);
	if (!ret)
		ret = answer_describes(&m->says, r.data, r.size);
	reply_free(&r);
	return ret;
}

/* Servers of text say little of a model: that they have it. */
static int open_text(struct model *m)
{
	m->kind = SERVER_TEXT;
	m->says.descs = calloc(1, sizeof(*m->says.descs));
	snprintf(m->says.info.name, sizeof(m->says.info.name), "%s", m->name);
	snprintf(m->says.info.platform, sizeof(m->says.info.platform), "openai");
	return m->says.descs ? VACCEL_OK : VACCEL_ENOMEM;
}

static int find_model(struct model *m)
{
	servers_start();
	if (servers_have(SERVER_TEXT) && ask_who_has(m))
		return open_text(m);
	if (servers_have(SERVER_INFER))
		return open_infer(m);
	oip_error("No server that is ready lists %s among its models", m->name);
	return VACCEL_ENOENT;
}

int models_open(const char *path, struct model **out)
{
	struct model *m;
	int ret;

	if (strncasecmp(path, SCHEME, strlen(SCHEME))) {
		oip_error("%s is no model of a server: name it as " SCHEME "NAME", path);
		return VACCEL_EINVAL;
	}
	m = calloc(1, sizeof(*m));
	if (!m)
		return VACCEL_ENOMEM;
	atomic_init(&m->users, 1);
	last_answer_init(&m->last);
	m->name = strdup(path + strlen(SCHEME));
	ret = m->name ? find_model(m) : VACCEL_ENOMEM;
	if (ret) {
		models_put(m);
		return ret;
	}
	*out = m;
	return VACCEL_OK;
}

void models_put(struct model *m)
{
	if (atomic_fetch_sub(&m->users, 1) > 1)
		return;
	last_answer_free(&m->last);
	free(m->says.descs);
	free((char *)m->name);
	free(m);
}

/* ---- Runs ------------------------------------------------------------------------------------ */

/* The description of an input or output: of a name, or where that is NULL of a place. NULL: there is none. */
static const struct vaccel_infer_desc *find(const struct model *m, bool output, const char *name, uint32_t place)
{
	uint32_t nr = output ? m->says.info.nr_outputs : m->says.info.nr_inputs;
	const struct vaccel_infer_desc *all = m->says.descs + (output ? m->says.info.nr_inputs : 0);

	if (!name)
		return place < nr ? &all[place] : NULL;
	for (uint32_t i = 0; i < nr; i++)
		if (!strcmp(all[i].name, name))
			return &all[i];
	return NULL;
}

static bool fits(const struct vaccel_infer_desc *d, const struct vaccel_infer_tensor *t)
{
	if (d->datatype && d->datatype != t->datatype)
		return false;
	if (d->nr_dims == UINT32_MAX)
		return true;
	for (uint32_t i = 0; i < d->nr_dims && d->nr_dims == t->nr_dims; i++)
		if (d->shape[i] >= 0 && d->shape[i] != t->shape[i])
			return false;
	return d->nr_dims == t->nr_dims;
}

/* Gives each a name, and finds what the model does not take; a server that describes nothing decides itself. */
static int check_inputs(const struct model *m, struct vaccel_infer_tensor *inputs, uint32_t nr)
{
	for (uint32_t i = 0; i < nr; i++) {
		const struct vaccel_infer_desc *d = find(m, false, inputs[i].name, i);

		if (!d && (!inputs[i].name || m->says.info.nr_inputs)) {
			oip_error("Model %s has no input %s%" PRIu32 " (%s): it has %" PRIu32, m->name, "number ", i,
				  inputs[i].name ? inputs[i].name : "no name", m->says.info.nr_inputs);
			return VACCEL_EINVAL;
		}
		if (d && !fits(d, &inputs[i])) {
			oip_error("Input %s of %s is given another datatype or shape than the model takes", d->name,
				  m->name);
			return VACCEL_EINVAL;
		}
		if (!inputs[i].name)
			inputs[i].name = d->name;
		for (uint32_t k = 0; k < i; k++) {
			if (strcmp(inputs[k].name, inputs[i].name))
				continue;
			oip_error("Input %s is given twice", inputs[i].name);
			return VACCEL_EINVAL;
		}
	}
	return VACCEL_OK;
}

static int check_outputs(const struct model *m, struct vaccel_infer_tensor *outputs, uint32_t nr)
{
	for (uint32_t i = 0; i < nr; i++) {
		const struct vaccel_infer_desc *d = find(m, true, outputs[i].name, i);

		if (!d && m->says.info.nr_outputs) {
			oip_error("Model %s has no output %s: it has %" PRIu32, m->name,
				  outputs[i].name ? outputs[i].name : "of this place", m->says.info.nr_outputs);
			return VACCEL_EINVAL;
		}
		if (!outputs[i].name && d)
			outputs[i].name = d->name;
	}
	return VACCEL_OK;
}

static int run(struct model *m, struct asking *a, struct vaccel_infer_tensor *outputs)
{
	struct landing l = {.outputs = outputs, .named = a->outputs, .nr = a->nr_outputs, .last = &m->last};
	char path[sizeof(m->path) + 16];
	struct reply r = {.size = 0};
	int ret;

	snprintf(path, sizeof(path), "%s/infer", m->path);
	a->path = path;
	a->is_question = true;
	a->landing = &l;
	ret = ask(m, a, &r);
	if (!ret)
		ret = landing_end(&l, r.data ? r.data : (const uint8_t *)"", r.size, r.text_size);
	reply_free(&r);
	landing_free(&l);
	question_free(&a->question);
	return ret;
}

int models_run(struct model *m, const struct vaccel_infer_tensor *inputs, uint32_t nr_inputs,
	       struct vaccel_infer_tensor *outputs, uint32_t nr_outputs)
{
	struct vaccel_infer_tensor *named = calloc((size_t)nr_inputs + nr_outputs + 1, sizeof(*named));
	struct asking a = {.inputs = named, .nr_inputs = nr_inputs, .nr_outputs = nr_outputs};
	int ret;

	if (m->kind != SERVER_INFER) {
		oip_error("%s is a model for text: ask it with the calls of vaccel/text.h", m->name);
		free(named);
		return VACCEL_ENOTSUP;
	}
	if (!named)
		return VACCEL_ENOMEM;
	a.outputs = named + nr_inputs;
	if (nr_inputs)
		memcpy(named, inputs, nr_inputs * sizeof(*named));
	for (uint32_t i = 0; i < nr_outputs; i++)
		named[nr_inputs + i].name = outputs[i].name;
	ret = check_inputs(m, named, nr_inputs);
	if (!ret)
		ret = check_outputs(m, named + nr_inputs, nr_outputs);
	if (!ret)
		ret = run(m, &a, outputs);
	free(named);
	return ret;
}
