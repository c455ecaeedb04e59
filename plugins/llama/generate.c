// SPDX-License-Identifier: Apache-2.0
/* Answers, each in a thread of its own, and embeddings. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "llama.h"

#define PIECE_SIZE 256 /* bytes of a token's text, usually */

static bool is_cancelled(void *gen)
{
	return text_cancelled(gen);
}

/* ---- The prompt ------------------------------------------------------------------------------ */

static int tokenize_chat(const struct model *model, const struct vaccel_text_message *messages, uint32_t nr,
			 struct tokens *tokens)
{
	char *prompt;
	int ret = model_template(model, messages, nr, &prompt);

	if (ret)
		return ret;
	ret = model_tokenize(model, prompt, strlen(prompt), tokens);
	free(prompt);
	return ret;
}

static int tokenize(const struct model *model, const struct text_gen *gen, struct tokens *tokens)
{
	uint32_t nr;
	const struct vaccel_text_message *messages = text_messages(gen, &nr);

	if (messages[0].role)
		return tokenize_chat(model, messages, nr, tokens);
	return model_tokenize(model, messages[0].content, strlen(messages[0].content), tokens);
}

/* ---- Choosing -------------------------------------------------------------------------------- */

static struct llama_sampler *make_sampler(const struct vaccel_text_params *params)
{
	struct llama_sampler_chain_params none = {.no_perf = true};
	struct llama_sampler *chain = llama.llama_sampler_chain_init(none);
	uint32_t top_k = params->top_k < INT32_MAX ? params->top_k : 0;

	if (!chain)
		return NULL;
	if (!(params->temperature > 0)) {
		llama.llama_sampler_chain_add(chain, llama.llama_sampler_init_greedy());
		return chain;
	}
	if (top_k)
		llama.llama_sampler_chain_add(chain, llama.llama_sampler_init_top_k((int32_t)top_k));
	if (params->top_p > 0 && params->top_p < 1)
		llama.llama_sampler_chain_add(chain, llama.llama_sampler_init_top_p(params->top_p, 1));
	llama.llama_sampler_chain_add(chain, llama.llama_sampler_init_temp(params->temperature));
	/* llama.cpp's seeds have 32 bits; the highest one means any. */
	llama.llama_sampler_chain_add(
		chain, llama.llama_sampler_init_dist((uint32_t)((params->seed ^ params->seed >> 32) % UINT32_MAX)));
	return chain;
}

/* ---- The answer ------------------------------------------------------------------------------ */

/* Hands on the text of a token; as text_put() */
static int put_token(const struct model *model, llama_token token, struct text_gen *gen)
{
	char piece[PIECE_SIZE], *longer;
	int32_t size = llama.llama_token_to_piece(model->vocab, token, piece, sizeof(piece), 0, false);
	int ret;

	if (size >= 0)
		return text_put(gen, piece, (size_t)size, 1);
	longer = malloc((size_t)-(int64_t)size);
	if (!longer)
		return VACCEL_ENOMEM;
	size = llama.llama_token_to_piece(model->vocab, token, longer, -size, 0, false);
	ret = text_put(gen, longer, size > 0 ? (size_t)size : 0, 1);
	free(longer);
	return ret;
}

/* Tokens, of which there are up to most. EAGAIN: it is enough. */
static int answer(const struct model *model, struct context *context, struct llama_sampler *sampler,
		  uint32_t most, struct text_gen *gen)
{
	int ret = VACCEL_OK;

	for (uint32_t made = 1; !ret; made++) {
		llama_token token = llama.llama_sampler_sample(sampler, context->llama, -1);

		if (llama.llama_vocab_is_eog(model->vocab, token))
			return VACCEL_OK;
		ret = put_token(model, token, gen);
		if (!ret && made == most) {
			text_finish(gen, VACCEL_TEXT_FINISHED_LENGTH);
			return VACCEL_OK;
		}
		if (!ret)
			ret = context_add(context, &token, 1);
	}
	return ret;
}

static int generate_with(const struct model *model, const struct tokens *prompt, struct text_gen *gen)
{
	const struct vaccel_text_params *params = text_params(gen);
	struct context context = {.stop = is_cancelled, .arg = gen};
	uint32_t room = model->context - prompt->nr;
	uint32_t most = params->max_tokens < room ? params->max_tokens : room;
	struct llama_sampler *sampler;
	int ret;

	text_count(gen, prompt->nr, 0);
	ret = context_open(model, prompt->nr + most, false, &context);
	if (ret)
		return ret;
	sampler = make_sampler(params);
	ret = sampler ? context_add(&context, prompt->all, prompt->nr) : VACCEL_ENOMEM;
	if (!ret)
		ret = answer(model, &context, sampler, most, gen);
	if (sampler)
		llama.llama_sampler_free(sampler);
	context_close(&context);
	return ret;
}

int generate(void *held, struct text_gen *gen)
{
	const struct model *model = held_model(held);
	struct tokens prompt;
	int ret = tokenize(model, gen, &prompt);

	if (ret)
		return ret;
	ret = generate_with(model, &prompt, gen);
	free(prompt.all);
	/* Who has ended it knows. */
	return ret == ECANCELED || ret == VACCEL_EAGAIN ? VACCEL_OK : ret;
}

/* ---- Embeddings ------------------------------------------------------------------------------ */

static int embed_tokens(const struct model *model, const struct tokens *tokens, float *out, size_t room,
			uint64_t size, uint64_t *nr)
{
	struct context context = {.llama = NULL};
	const float *found = NULL;
	int ret = context_open(model, tokens->nr, true, &context);

	if (ret)
		return ret;
	if (llama.llama_pooling_type(context.llama) != LLAMA_POOLING_RANK) {
		ret = context_add(&context, tokens->all, tokens->nr);
		if (!ret)
			found = llama.llama_get_embeddings_seq(context.llama, 0);
	}
	if (found)
		ret = text_embedding(found, size, out, room, nr);
	else if (!ret)
		ret = VACCEL_ENOTSUP;
	context_close(&context);
	return ret;
}

int generate_embedding(const struct model *model, const char *text, float *out, size_t room, uint64_t *nr)
{
	int32_t size = llama.llama_model_n_embd_out(model->llama);
	struct tokens tokens;
	int ret = VACCEL_ENOTSUP;

	*nr = 0;
	if (size > 0)
		ret = model_tokenize(model, text, strlen(text), &tokens);
	if (ret == VACCEL_OK) {
		ret = out && room >= (size_t)size ? embed_tokens(model, &tokens, out, room, (uint64_t)size, nr) :
						    text_embedding(NULL, (uint64_t)size, out, room, nr);
		free(tokens.all);
	}
	if (ret == VACCEL_ENOTSUP)
		engine_error("%s makes no embeddings", model->name);
	return ret;
}
