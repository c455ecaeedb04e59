// SPDX-License-Identifier: Apache-2.0
/* Which servers are asked for a model, one after the other, and what their answers mean. */
#include "oip.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transport/clock.h"

#define ENV_TIMEOUT   "VACCEL_OIP_TIMEOUT"
#define ENV_MAX_BYTES "VACCEL_OIP_MAX_BYTES"
/* Of vhost-user-accel, which kills its worker then: the call is to end before */
#define ENV_OP_TIMEOUT "VACCEL_OP_TIMEOUT"

#define MISSING_MS 10000 /* how long a server that lacks a model is not asked for it */
#define LIST_MS	   5000 /* for the lists of models of all text servers */
#define MAX_LIST   (4u << 20)

static uint64_t timeout_ms, max_bytes;

int ask_init(void)
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

uint64_t ask_ms(void)
{
	return timeout_ms;
}

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
		ret = m->kind == SERVER_TEXT && answer_is_too_long(why) ? VACCEL_ERANGE : VACCEL_EINVAL;
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
	case 501:
		ret = VACCEL_ENOTSUP;
		break;
	default:
		ret = VACCEL_EBACKEND;
	}
	if (r->status >= 300 && r->status < 400)
		snprintf(why, sizeof(why), "it sends us elsewhere, and it is the operator who names servers");
	oip_error("Server %s answers %ld for %s: %s", server_name(s), r->status, m->name, why);
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
	if (r->status == 404 && m->kind == SERVER_INFER)
		atomic_store(&m->missing_until[server_number(s)], now_ms() + MISSING_MS);
	if (r->status == 503)
		server_failed(s);
	return r->status == 404 || r->status == 429 || r->status == 503;
}

/* Servers that do not list it, or have said that they lack it */
static uint64_t lacking(const struct model *m)
{
	uint64_t now = now_ms(), bits = m->kind == SERVER_TEXT ? ~atomic_load(&m->has) : 0;

	for (unsigned int i = 0; i < MAX_SERVERS; i++)
		if (atomic_load(&m->missing_until[i]) > now)
			bits |= UINT64_C(1) << i;
	return bits;
}

static int prepare(struct asking *a, const struct server *s)
{
	bool binary = server_takes_binary(s);

	if (!a->is_question || (a->made && a->question.binary == binary))
		return VACCEL_OK;
	question_free(&a->question);
	a->made = true;
	return question_make(&a->question, a->inputs, a->nr_inputs, a->outputs, a->nr_outputs, binary);
}

/* Return: the code; *again: another server may do better. */
static int ask_one(struct server *s, struct model *m, struct request *rq, struct asking *a, struct reply *r,
		   bool *again)
{
	int ret = prepare(a, s);

	*again = false;
	if (ret)
		return ret;
	rq->question = a->is_question ? &a->question : NULL;
	ret = http_ask(server_http(s), rq, r);
	*again = may_go_on(s, m, ret, r);
	if (ret)
		oip_error("Server %s: %s", server_name(s), r->why);
	else if (r->status != 200)
		ret = refusal(s, m, r);
	return ret;
}

bool ask_who_has(struct model *m)
{
	const struct request rq = {.path = SERVER_TEXT_MODELS, .deadline_ms = now_ms() + LIST_MS, .max_size = MAX_LIST};
	uint64_t tried = 0, has = 0, bit;
	struct server *s;
	struct reply r;

	while ((s = servers_pick(SERVER_TEXT, tried))) {
		bit = UINT64_C(1) << server_number(s);
		tried |= bit;
		if (!http_ask(server_http(s), &rq, &r) && r.status == 200 && r.data &&
		    answer_lists(r.data, r.size, m->name))
			has |= bit;
		reply_free(&r);
		server_done(s);
	}
	atomic_store(&m->has, has);
	return has;
}

/* Return: a server that was not tried; NULL: there is none that is ready. */
static struct server *pick(struct model *m, uint64_t *tried, bool is_first)
{
	struct server *s = servers_pick(m->kind, *tried);

	/* One may have come back, or have got the model since. */
	if (s || !is_first || m->kind != SERVER_TEXT || !ask_who_has(m))
		return s;
	*tried = lacking(m);
	return servers_pick(m->kind, *tried);
}

int ask(struct model *m, struct asking *a, struct reply *r)
{
	struct request rq = {.path = a->path, .deadline_ms = now_ms() + timeout_ms, .max_size = max_bytes,
			     .landing = a->landing, .stream = a->stream};
	uint64_t tried = lacking(m);
	int ret = tried && m->kind == SERVER_INFER ? VACCEL_ENOENT : VACCEL_EAGAIN;
	bool again = true, none = true;
	struct server *s;

	while (again && (s = pick(m, &tried, none))) {
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
