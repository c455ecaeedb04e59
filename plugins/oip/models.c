// SPDX-License-Identifier: Apache-2.0
/* Models that servers have, and runs of them. */
#include "oip.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "transport/clock.h"

#define ENV_TIMEOUT   "VACCEL_OIP_TIMEOUT"
#define ENV_MAX_BYTES "VACCEL_OIP_MAX_BYTES"
/* Of vhost-user-accel, which kills its worker then: the call is to end before */
#define ENV_OP_TIMEOUT "VACCEL_OP_TIMEOUT"

#define SCHEME	   "model://"
#define MISSING_MS 10000 /* how long a server that lacks a model is not asked for it */

static uint64_t timeout_ms, max_bytes;

int models_init(void)
{
	uint64_t seconds, operation;

	if (!oip_number(ENV_TIMEOUT, 300, 1, 1000000, &seconds) ||
	    !oip_number(ENV_OP_TIMEOUT, 0, 0, 1000000, &operation) ||
	    !oip_number(ENV_MAX_BYTES, UINT64_C(1) << 30, 1 << 20, SIZE_MAX / 4, &max_bytes))
		return VACCEL_EINVAL;
	timeout_ms = seconds * 1000;
	if (operation && operation * 900 < timeout_ms)
		timeout_ms = operation * 900;
	budget_set((size_t)max_bytes);
	return VACCEL_OK;
}

/* ---- Asking ---------------------------------------------------------------------------------- */

/* What an answer that is no result means, which it is logged with. */
static int refusal(const struct server *s, const struct model *m, const struct reply *r)
{
	char why[OIP_TEXT_SIZE];
	int ret;

	answer_error(why, r->data ? r->data : (const uint8_t *)"", r->size);
	switch (r->status) {
	case 400:
	case 413:
	case 422:
		ret = VACCEL_EINVAL;
		break;
	case 401:
	case 403:
		ret = VACCEL_EPERM;
		break;
	case 404:
		ret = VACCEL_ENOENT;
		break;
	case 429:
	case 503:
		ret = VACCEL_EAGAIN;
		break;
	default:
		ret = VACCEL_EBACKEND;
	}
	if (r->status >= 300 && r->status < 400)
		snprintf(why, sizeof(why), "it sends us elsewhere, and it is the operator who names servers");
	oip_error("Server %s answers %ld for %s: %s", s ? server_name(s) : "", r->status, m->name, why);
	return ret;
}

/* Whether another server may be asked: this one has begun nothing. */
static bool may_go_on(struct server *s, struct model *m, int ret, const struct reply *r)
{
	if (ret) {
		if (!r->begun && ret == VACCEL_EREMOTEIO)
			server_failed(s);
		return !r->begun && ret == VACCEL_EREMOTEIO;
	}
	if (r->status == 404)
		atomic_store(&m->missing_until[server_number(s)], now_ms() + MISSING_MS);
	if (r->status == 503)
		server_failed(s);
	return r->status == 404 || r->status == 429 || r->status == 503;
}

/* Servers that have said that they lack it */
static uint64_t lacking(const struct model *m)
{
	uint64_t now = now_ms(), bits = 0;

	for (unsigned int i = 0; i < MAX_SERVERS; i++)
		if (atomic_load(&m->missing_until[i]) > now)
			bits |= UINT64_C(1) << i;
	return bits;
}

/* Makes the question for a server that takes it so; the last one that was made is used again if it fits. */
struct asking {
	const struct vaccel_infer_tensor *inputs, *outputs;
	uint32_t nr_inputs, nr_outputs;
	struct question question;
	bool made;
	struct landing *landing;
};

static int prepare(struct asking *a, const struct server *s)
{
	bool binary = server_takes_binary(s);

	if (a->made && a->question.binary == binary)
		return VACCEL_OK;
	question_free(&a->question);
	a->made = true;
	return question_make(&a->question, a->inputs, a->nr_inputs, a->outputs, a->nr_outputs, binary);
}

/* Return: the code; *again: another server may do better. */
static int ask_one(struct server *s, struct model *m, struct request *rq, struct asking *a, struct reply *r,
		   bool *again)
{
	int ret = a ? prepare(a, s) : VACCEL_OK;

	*again = false;
	if (ret)
		return ret;
	rq->question = a ? &a->question : NULL;
	rq->landing = a ? a->landing : NULL;
	ret = http_ask(server_http(s), rq, r);
	*again = may_go_on(s, m, ret, r);
	if (ret)
		oip_error("Server %s: %s", server_name(s), r->why);
	else if (r->status != 200)
		ret = refusal(s, m, r);
	return ret;
}

/* Asks servers until one has begun. Each is asked once. */
static int ask(struct model *m, const char *path, struct asking *a, struct reply *r)
{
	struct request rq = {.path = path, .deadline_ms = now_ms() + timeout_ms, .max_size = max_bytes};
	uint64_t tried = lacking(m);
	int ret = tried ? VACCEL_ENOENT : VACCEL_EAGAIN;
	bool again = true, none = true;
	struct server *s;

	while (again && (s = servers_pick(tried))) {
		none = false;
		tried |= UINT64_C(1) << server_number(s);
		ret = ask_one(s, m, &rq, a, r, &again);
		server_done(s);
		if (ret)
			reply_free(r);
	}
	if (none)
		oip_error("No server that may have %s is ready", m->name);
	return ret;
}

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

int models_open(const char *path, struct model **out)
{
	struct reply r = {.size = 0};
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
	ret = m->name ? set_path(m, m->name) : VACCEL_ENOMEM;
	servers_start();
	if (!ret)
		ret = ask(m, m->path, NULL, &r);
	if (!ret)
		ret = answer_describes(&m->says, r.data, r.size);
	reply_free(&r);
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
	a->landing = &l;
	ret = ask(m, path, a, &r);
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
