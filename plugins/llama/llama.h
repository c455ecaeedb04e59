/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of the llama plugin. Functions returning int give VACCEL_OK or a code, and log what is wrong. */
#ifndef PLUGINS_LLAMA_LLAMA_H
#define PLUGINS_LLAMA_LLAMA_H

#include "api.h"
#include "engine.h"
#include "held.h"
#include "text_gen.h"

/** The functions of llama.cpp, once runtime_start() has succeeded. */
extern struct llama_api llama;

/** runtime_start() - finds llama.cpp. VACCEL_ENOENT, VACCEL_ENOTSUP: see library.h. */
int runtime_start(void);

#define WHY_SIZE 256

/**
 * runtime_forget_why(), runtime_why() - what llama.cpp has complained of in this thread since, as one line
 *
 * Return: its first complaint, valid until the next one; it says so where there is none.
 */
void runtime_forget_why(void);
const char *runtime_why(void);

struct model {
	char *name;
	struct llama_model *llama;
	const struct llama_vocab *vocab;
	uint32_t context; /* tokens that a prompt and its answer have at most */
	bool has_form;	  /* for a chat */
};

/* struct engine's members; see there. */
int model_load(const struct engine_source *source, void **model);
void model_unload(void *model);
int model_count(void *model, size_t *inputs, size_t *outputs);

/** Tokens of a text */
struct tokens {
	llama_token *all;
	uint32_t nr;
};

/** model_tokenize() - a text's tokens, at least one. ERANGE: as many as a context has, or more. Pair with free(tokens->all). */
int model_tokenize(const struct model *model, const char *text, size_t size, struct tokens *tokens);

/**
 * model_template() - the prompt that the form of a model, which has one, makes of a chat
 * @prompt: receives it, terminated; free() it
 */
int model_template(const struct model *model, const struct vaccel_text_message *messages, size_t nr,
		   char **prompt);

/* ---- Contexts (context.c) -------------------------------------------------------------------- */

/**
 * A context is what llama.cpp remembers of one text. The engine's threads are the process's: contexts take turns,
 * in the order in which they come, a piece of a prompt or a token each.
 */
struct context {
	struct llama_context *llama;
	uint32_t batch; /* tokens of a turn */
	bool (*stop)(void *arg); /* whether what is being computed is of no use any more; called often */
	void *arg;
};

/**
 * context_open() - makes one
 * @context: stop and arg are set; lives, where it is, until context_close()
 * @tokens:  that it is for at most
 * @embed:   for an embedding, not for an answer
 */
int context_open(const struct model *model, uint32_t tokens, bool embed, struct context *context);
void context_close(struct context *context);

/** context_add() - adds tokens. ECANCELED, of which nothing is logged: stop() said so. */
int context_add(struct context *context, llama_token *tokens, uint32_t nr);

/* ---- Text (generate.c) ----------------------------------------------------------------------- */

/** generate() - for struct text_engine; the job is a struct held of the model */
int generate(void *held, struct text_gen *gen);

/** generate_embedding() - as vaccel_text_embed() */
int generate_embedding(const struct model *model, const char *text, float *out, size_t room, uint64_t *nr);

#endif
