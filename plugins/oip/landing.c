// SPDX-License-Identifier: Apache-2.0
/*
 * Where tensors' bytes of an answer go: from the connection straight into the program's buffers, as soon as the text before
 * them has been read. A text that is the last one's, as it mostly is, need not be read again.
 */
#include "oip.h"

#include <stdlib.h>
#include <string.h>

#define MAX_KNOWN 4096 /* bytes of a text that is remembered */

/* An answer as its text describes it */
struct known {
	atomic_uint users;
	char *text;
	size_t text_size, size;
	struct answer answer;
};

static void put_known(struct known *k)
{
	if (!k || atomic_fetch_sub(&k->users, 1) > 1)
		return;
	answer_free(&k->answer);
	free(k->text);
	free(k);
}

void last_answer_init(struct last_answer *l)
{
	pthread_mutex_init(&l->lock, NULL);
}

void last_answer_free(struct last_answer *l)
{
	put_known(l->known);
	pthread_mutex_destroy(&l->lock);
}

/* Return: what is known of this text; NULL: nothing. Pair with put_known(). */
static struct known *recall(struct last_answer *l, const uint8_t *text, size_t text_size, size_t size)
{
	struct known *k;

	pthread_mutex_lock(&l->lock);
	k = l->known;
	if (k && (k->text_size != text_size || k->size != size || memcmp(k->text, text, text_size)))
		k = NULL;
	if (k)
		atomic_fetch_add(&k->users, 1);
	pthread_mutex_unlock(&l->lock);
	return k;
}

static void remember(struct last_answer *l, struct known *k)
{
	struct known *old;

	if (k->text_size > MAX_KNOWN)
		return;
	atomic_fetch_add(&k->users, 1);
	pthread_mutex_lock(&l->lock);
	old = l->known;
	l->known = k;
	pthread_mutex_unlock(&l->lock);
	put_known(old);
}

/* Return: the code; *out: to be put. */
static int learn(struct known **out, const uint8_t *text, size_t text_size, size_t size)
{
	struct known *k = calloc(1, sizeof(*k));
	int ret = VACCEL_ENOMEM;

	if (!k)
		return ret;
	atomic_init(&k->users, 1);
	k->text_size = text_size;
	k->size = size;
	k->text = malloc(text_size + 1);
	if (k->text) {
		memcpy(k->text, text, text_size);
		ret = answer_read_ahead(&k->answer, text, text_size, size);
	}
	if (ret)
		put_known(k);
	else
		*out = k;
	return ret;
}

/* ---- Places ---------------------------------------------------------------------------------- */

/* Return: the place in the answer of an output, by its name or where it has none its place; a->nr: it is not there. */
static uint32_t find(const struct answer *a, const char *name, uint32_t place)
{
	uint32_t k = name ? 0 : place;

	while (name && k < a->nr && strcmp(a->outputs[k].name, name))
		k++;
	return k < a->nr ? k : a->nr;
}

/* A buffer for an output that has none. Return: whether there is one. */
static bool give_buffer(struct landing *l, struct vaccel_infer_tensor *out, size_t size)
{
	if (out->data)
		return true;
	if (!budget_take(size))
		return false;
	l->taken += size;
	out->data = malloc(size ? size : 1);
	out->owned = out->data;
	out->room = 0;
	return out->data;
}

int landing_place(struct landing *l, const uint8_t *text, size_t text_size, size_t size)
{
	const struct answer *a;
	int ret = VACCEL_OK;

	l->known = recall(l->last, text, text_size, size);
	if (!l->known) {
		ret = learn(&l->known, text, text_size, size);
		if (ret)
			return ret;
		remember(l->last, l->known);
	}
	a = &l->known->answer;
	l->targets = calloc(a->nr + 1, sizeof(*l->targets));
	if (!l->targets)
		return VACCEL_ENOMEM;
	l->nr_targets = a->nr;
	for (uint32_t k = 0; k < a->nr; k++)
		l->targets[k].size = a->outputs[k].size;
	for (uint32_t i = 0; i < l->nr; i++) {
		struct vaccel_infer_tensor *out = &l->outputs[i];
		uint32_t k = find(a, l->named[i].name, i);

		if (k == a->nr)
			continue;
		if (!give_buffer(l, out, a->outputs[k].size))
			return VACCEL_ENOMEM;
		if (!l->targets[k].to && (out->owned || out->room >= a->outputs[k].size))
			l->targets[k].to = out->data;
	}
	return VACCEL_OK;
}

/* ---- The end --------------------------------------------------------------------------------- */

static int no_output(const char *name)
{
	oip_error("The server gave no output %s", name ? name : "of this place");
	return VACCEL_EBACKEND;
}

static int too_small(const struct vaccel_infer_tensor *out, const char *name)
{
	oip_error("Output %s has %zu bytes, and its buffer %zu", name, out->size, out->room);
	return VACCEL_ERANGE;
}

/* What came straight into a buffer: of this output, or of another one that the program has named so, too. */
static int end_landed(struct landing *l, uint32_t i)
{
	const struct answer *a = &l->known->answer;
	struct vaccel_infer_tensor *out = &l->outputs[i], from;
	uint32_t k = find(a, l->named[i].name, i);

	if (k == a->nr)
		return no_output(l->named[i].name);
	from = a->outputs[k];
	out->datatype = from.datatype;
	out->nr_dims = from.nr_dims;
	memcpy(out->shape, from.shape, sizeof(out->shape));
	out->size = from.size;
	if (!out->owned && out->room < out->size)
		return too_small(out, from.name);
	if (l->targets[k].to != out->data && out->size)
		memcpy(out->data, l->targets[k].to, out->size);
	return VACCEL_OK;
}

static int end_kept(struct landing *l, const struct answer *a, uint32_t i)
{
	uint32_t k = find(a, l->named[i].name, i);
	int ret;

	if (k == a->nr)
		return no_output(l->named[i].name);
	ret = vaccel_infer_output(&l->outputs[i], &a->outputs[k]);
	return ret == VACCEL_ERANGE ? too_small(&l->outputs[i], a->outputs[k].name) : ret;
}

int landing_end(struct landing *l, const uint8_t *data, size_t size, size_t text_size)
{
	struct answer a = {.nr = 0};
	int ret = l->known ? VACCEL_OK : answer_read(&a, data, size, text_size);

	for (uint32_t i = 0; i < l->nr && (!ret || ret == VACCEL_ERANGE); i++) {
		int failed = l->known ? end_landed(l, i) : end_kept(l, &a, i);

		/* Of each buffer that is too small the program is to know. */
		ret = failed ? failed : ret;
	}
	answer_free(&a);
	return ret;
}

void landing_free(struct landing *l)
{
	put_known(l->known);
	free(l->targets);
	budget_give(l->taken);
	l->known = NULL;
	l->targets = NULL;
	l->taken = 0;
}
