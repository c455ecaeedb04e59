// SPDX-License-Identifier: Apache-2.0
/* The oip plugin: inference by servers of the Open Inference Protocol, and text by servers that speak as OpenAI's do. */
#include "oip.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "text_gen.h"

#define INTRODUCTION_SIZE sizeof(((struct vaccel_plugin_desc *)0)->engine)

bool oip_number(const char *variable, uint64_t fallback, uint64_t min, uint64_t max, uint64_t *value)
{
	const char *text = getenv(variable);
	char *end;

	*value = fallback;
	if (!text || !*text)
		return true;
	errno = 0;
	*value = strtoull(text, &end, 10);
	if (!errno && !*end && *text >= '0' && *text <= '9' && *value >= min && *value <= max)
		return true;
	oip_error("%s=%s: a number from %" PRIu64 " to %" PRIu64 " is expected", variable, text, min, max);
	return false;
}

/* ---- Models of sessions ---------------------------------------------------------------------- */

struct loaded {
	struct loaded *next;
	int64_t session, resource;
	struct model *model;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct loaded *list;

static bool is_of(const struct loaded *l, const struct vaccel_session *sess, const struct vaccel_resource *res)
{
	return l->session == sess->id && l->resource == res->id;
}

/* Return: what was there, to be put by the caller; NULL: nothing. */
static struct model *take_out(const struct vaccel_session *sess, const struct vaccel_resource *res)
{
	struct loaded **link, *found;
	struct model *model = NULL;

	pthread_mutex_lock(&lock);
	for (link = &list; *link && !is_of(*link, sess, res); link = &(*link)->next)
		;
	found = *link;
	if (found) {
		*link = found->next;
		model = found->model;
		free(found);
	}
	pthread_mutex_unlock(&lock);
	return model;
}

/* Return: the model, for a call; pair with models_put(). NULL: it is not loaded, which was logged. */
static struct model *get(const struct vaccel_session *sess, const struct vaccel_resource *res)
{
	struct model *model = NULL;

	pthread_mutex_lock(&lock);
	for (struct loaded *l = list; l && !model; l = l->next)
		if (is_of(l, sess, res))
			model = l->model;
	if (model)
		atomic_fetch_add(&model->users, 1);
	pthread_mutex_unlock(&lock);
	if (!model)
		oip_error("Model resource %" PRId64 " is not loaded in session %" PRId64 ": call infer_load first",
			  res->id, sess->id);
	return model;
}

/* ---- Operations ------------------------------------------------------------------------------ */

static int op_load(struct vaccel_session *sess, struct vaccel_resource *res)
{
	struct model *model, *older;
	struct loaded *l;
	int ret;

	if (!sess || !res)
		return VACCEL_EINVAL;
	oip_debug("Calling infer_load for session %" PRId64, sess->id);
	if (res->nr_paths != 1 || !res->paths) {
		oip_error("Resource %" PRId64 " is no model of a server: name it as model://NAME", res->id);
		return VACCEL_EINVAL;
	}
	l = calloc(1, sizeof(*l));
	if (!l)
		return VACCEL_ENOMEM;
	ret = models_open(res->paths[0], &model);
	if (ret) {
		free(l);
		return ret;
	}
	older = take_out(sess, res);
	*l = (struct loaded){.session = sess->id, .resource = res->id, .model = model};
	pthread_mutex_lock(&lock);
	l->next = list;
	list = l;
	pthread_mutex_unlock(&lock);
	if (older)
		models_put(older);
	return VACCEL_OK;
}

static int op_unload(struct vaccel_session *sess, struct vaccel_resource *res)
{
	struct model *model;

	if (!sess || !res)
		return VACCEL_EINVAL;
	model = take_out(sess, res);
	if (!model) {
		oip_error("Model resource %" PRId64 " is not loaded in session %" PRId64, res->id, sess->id);
		return VACCEL_EINVAL;
	}
	models_put(model);
	return VACCEL_OK;
}

static int op_metadata(struct vaccel_session *sess, struct vaccel_resource *res, struct vaccel_infer_model *info,
		       struct vaccel_infer_desc *descs, uint32_t nr)
{
	struct model *model;
	uint32_t has;

	if (!sess || !res || !info || (nr && !descs))
		return VACCEL_EINVAL;
	model = get(sess, res);
	if (!model)
		return VACCEL_EINVAL;
	*info = model->says.info;
	has = info->nr_inputs + info->nr_outputs;
	if (nr)
		memset(descs, 0, nr * sizeof(*descs));
	if (nr && has)
		memcpy(descs, model->says.descs, (nr < has ? nr : has) * sizeof(*descs));
	models_put(model);
	return VACCEL_OK;
}

static int op_run(struct vaccel_session *sess, struct vaccel_resource *res,
		  const struct vaccel_infer_tensor *inputs, uint32_t nr_inputs,
		  struct vaccel_infer_tensor *outputs, uint32_t nr_outputs)
{
	struct model *model;
	int ret;

	if (!sess || !res || (nr_inputs && !inputs) || (nr_outputs && !outputs))
		return VACCEL_EINVAL;
	model = get(sess, res);
	if (!model)
		return VACCEL_EINVAL;
	servers_start();
	ret = models_run(model, inputs, nr_inputs, outputs, nr_outputs);
	models_put(model);
	return ret;
}

static int op_text_begin(struct vaccel_session *sess, struct vaccel_resource *res,
			 const struct vaccel_text_params *params, const struct vaccel_text_message *messages,
			 uint32_t nr_messages, uint64_t *id)
{
	struct model *model;
	int ret;

	if (!sess || !res || !messages || !nr_messages || !id)
		return VACCEL_EINVAL;
	model = get(sess, res);
	if (!model)
		return VACCEL_EINVAL;
	ret = text_model_begin(model, sess, res, params, messages, nr_messages, id);
	models_put(model);
	return ret;
}

static int op_text_embed(struct vaccel_session *sess, struct vaccel_resource *res, const char *text, float *out,
			 size_t room, uint64_t *nr)
{
	struct model *model;
	int ret;

	if (!sess || !res || !text || !nr)
		return VACCEL_EINVAL;
	model = get(sess, res);
	if (!model)
		return VACCEL_EINVAL;
	ret = text_model_embed(model, text, out, room, nr);
	models_put(model);
	return ret;
}

static int forget_resource(struct vaccel_resource *res, struct vaccel_session *sess)
{
	struct model *model = take_out(sess, res);

	text_forget(sess, res);
	if (model)
		models_put(model);
	return VACCEL_OK;
}

/* ---- Start and end --------------------------------------------------------------------------- */

static const struct vaccel_infer_ops infer = {
	.load = op_load,
	.unload = op_unload,
	.metadata = op_metadata,
	.run = op_run,
};

static const struct vaccel_text_ops text = {
	.begin = op_text_begin,
	.next = text_next,
	.end = text_end,
	.embed = op_text_embed,
};

static const char *engine(void)
{
	static char words[INTRODUCTION_SIZE];

	snprintf(words, sizeof(words), "Open Inference Protocol, OpenAI; %s", servers_text());
	return words;
}

static const struct vaccel_plugin_ext extension = {
	.size = sizeof(extension),
	.engine = engine,
	.infer = &infer,
	.text = &text,
};

static int init(void)
{
	int ret = http_init();

	if (!ret)
		ret = ask_init();
	if (!ret)
		ret = servers_init();
	return ret ? ret : vaccel_plugin_register_ext(&vaccel_this_plugin, &extension);
}

static int fini(void)
{
	struct loaded *next;

	text_clear();
	for (struct loaded *l = list; l; l = next) {
		next = l->next;
		models_put(l->model);
		free(l);
	}
	list = NULL;
	servers_stop();
	return VACCEL_OK;
}

VACCEL_PLUGIN(.name = "oip", .version = VACCEL_VERSION, .vaccel_version = VACCEL_VERSION,
	      .type = VACCEL_PLUGIN_GENERIC, .init = init, .fini = fini, .resource_unregister = forget_resource)
