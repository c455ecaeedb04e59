// SPDX-License-Identifier: Apache-2.0
/* The llama plugin: text by llama.cpp, which is found when the plugin starts. Its models are GGUF files. */
#include "llama.h"

#include <inttypes.h>

#include "infer_ops.h"

static int op_load(struct vaccel_session *sess, struct vaccel_resource *model)
{
	return engine_infer.load(sess, model);
}

static int op_unload(struct vaccel_session *sess, struct vaccel_resource *model)
{
	return engine_infer.unload(sess, model);
}

static int op_metadata(struct vaccel_session *sess, struct vaccel_resource *model,
		       struct vaccel_infer_model *info, struct vaccel_infer_desc *descs, uint32_t nr)
{
	return engine_infer.metadata(sess, model, info, descs, nr);
}

static int op_run(struct vaccel_session *sess, struct vaccel_resource *model,
		  const struct vaccel_infer_tensor *inputs, uint32_t nr_inputs,
		  struct vaccel_infer_tensor *outputs, uint32_t nr_outputs)
{
	(void)sess;
	(void)inputs;
	(void)nr_inputs;
	(void)outputs;
	(void)nr_outputs;
	engine_error("Model %" PRId64 " is one for text: vaccel_text_begin() is the call for it, not infer_run", model->id);
	return VACCEL_ENOTSUP;
}

static const struct vaccel_infer_ops infer = {op_load, op_unload, op_metadata, op_run};

/* ---- Text ------------------------------------------------------------------------------------ */

static void release(void *held)
{
	held_put(held);
}

static const struct text_engine text_engine = {.name = "llama", .generate = generate, .release = release};

static int op_begin(struct vaccel_session *sess, struct vaccel_resource *model,
		    const struct vaccel_text_params *params, const struct vaccel_text_message *messages,
		    uint32_t nr_messages, uint64_t *id)
{
	struct held *held;
	int ret = held_get(sess, model, &held);

	if (ret)
		return ret;
	if (messages[0].role && !((const struct model *)held_model(held))->has_form) {
		engine_error("%s has no form for a chat that llama.cpp knows: give it a prompt", held_name(held));
		held_put(held);
		return VACCEL_ENOTSUP;
	}
	return text_begin(&text_engine, held, sess, model, params, messages, nr_messages, id);
}

static int op_embed(struct vaccel_session *sess, struct vaccel_resource *model, const char *text,
		    float *out, size_t room, uint64_t *nr)
{
	struct held *held;
	int ret = held_get(sess, model, &held);

	if (ret)
		return ret;
	ret = generate_embedding(held_model(held), text, out, room, nr);
	held_put(held);
	return ret;
}

static const struct vaccel_text_ops text = {op_begin, text_next, text_end, op_embed};

/* ---- The plugin ------------------------------------------------------------------------------ */

static const char *const suffixes[] = {".gguf", NULL};

const struct engine engine = {
	.name = "llama",
	.platform = "llamacpp_gguf",
	.infer = &infer,
	.text = &text,
	.file = "a GGUF file",
	.suffixes = suffixes,
	.by_path = true,
	.load = model_load,
	.unload = model_unload,
	.count = model_count,
};

static int init(void)
{
	return runtime_start();
}

static int fini(void)
{
	text_clear();
	held_clear();
	engine_fini();
	return VACCEL_OK;
}

static int unregister(struct vaccel_resource *res, struct vaccel_session *sess)
{
	text_forget(sess, res);
	return held_unregister(res, sess);
}

VACCEL_PLUGIN(.name = "llama", .version = VACCEL_VERSION, .vaccel_version = VACCEL_VERSION,
	      .type = VACCEL_PLUGIN_SOFTWARE | VACCEL_PLUGIN_CPU, .init = init, .fini = fini,
	      .resource_unregister = unregister)
