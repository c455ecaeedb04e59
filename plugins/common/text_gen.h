/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What plugins share that generate text (vaccel/text.h). An engine makes tokens, in a thread of its own for each
 * generation; all the rest is here: the generations of a session and their bounds, whole characters, stop
 * strings, what is not read yet, waiting, and cancelling.
 *
 *	static int generate(void *job, struct text_gen *gen)
 *	{
 *		...
 *		do
 *			token = next_token(...);
 *		while (!is_end(token) && text_put(gen, bytes, len, 1) == VACCEL_OK);
 *		return VACCEL_OK;
 *	}
 *
 *	static const struct vaccel_text_ops text = { begin, text_next, text_end, embed };
 *
 * with a begin() that finds the model and calls text_begin(), text_forget() in the plugin's resource_unregister,
 * and text_clear() first in its fini. Functions returning int give VACCEL_OK or a code, and log what is wrong. Threads:
 * any. All may be used from C++.
 */
#ifndef PLUGINS_COMMON_TEXT_GEN_H
#define PLUGINS_COMMON_TEXT_GEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vaccel.h"

#ifdef __cplusplus
extern "C" {
#endif

#define TEXT_MAX_RUNNING 256 /* generations of all sessions that an engine works at; further ones are EUSERS */

struct text_gen;

struct text_engine {
	const char *name; /* of the plugin, as in "[noop] ..." */

	/**
	 * Makes a text: gives it to text_put() until that says that it is enough, or the model has no more to say.
	 * @job: what text_begin() was given
	 *
	 * Return: VACCEL_OK, whatever has ended it; a code: it failed, which is logged by the engine.
	 */
	int (*generate)(void *job, struct text_gen *gen);

	/** Frees the job; once, whatever became of it. */
	void (*release)(void *job);

	/**
	 * May be NULL. The generation is cancelled, once, while generate() may wait for something else than text_put():
	 * wakes it. Called with a lock held: it calls nothing of this file.
	 */
	void (*wake)(void *job);
};

/**
 * text_begin() - does vaccel_text_begin(), once the plugin has found the model
 * @engine: must stay valid while the plugin is loaded
 * @job:    the plugin's; it holds what generate() needs, such as the model. Taken over, also on failure.
 *
 * EUSERS, ENOMEM. Copies params and messages.
 */
int text_begin(const struct text_engine *engine, void *job, struct vaccel_session *sess,
	       struct vaccel_resource *model, const struct vaccel_text_params *params,
	       const struct vaccel_text_message *messages, uint32_t nr_messages, uint64_t *id);

/** text_next(), text_end() - members next and end of struct vaccel_text_ops */
int text_next(struct vaccel_session *sess, uint64_t id, char *buf, size_t room, uint32_t wait_ms,
	      struct vaccel_text_status *status);
int text_end(struct vaccel_session *sess, uint64_t id);

/** text_forget() - ends the generations that a session has of a model; does not wait for them */
void text_forget(const struct vaccel_session *sess, const struct vaccel_resource *model);

/** text_clear() - ends all generations, and waits until no thread runs generate() or release() any more */
void text_clear(void);

/**
 * text_embedding() - gives out an embedding, for the member embed
 * @values: nr floats. The others: as vaccel_text_embed(). ERANGE.
 */
int text_embedding(const float *values, uint64_t nr, float *out, size_t room, uint64_t *out_nr);

/* ---- In generate() ------------------------------------------------------------------------------ */

/** text_params() - what the text is to be like; max_tokens is not 0 */
const struct vaccel_text_params *text_params(const struct text_gen *gen);

/** text_messages() - the prompt: one message whose role is NULL, or a chat. Valid within generate(). */
const struct vaccel_text_message *text_messages(const struct text_gen *gen, uint32_t *nr);

/**
 * text_put() - more of the text
 * @bytes:  len of them, which may begin or end within a character
 * @tokens: how many tokens they are: 1; or what a server says, also 0
 *
 * Waits while the reader is too far behind. Return: VACCEL_OK: go on. VACCEL_EAGAIN: it is enough, for whatever reason
 * (max_tokens, a stop string, cancelled): generate() is to return VACCEL_OK.
 */
int text_put(struct text_gen *gen, const void *bytes, size_t len, uint64_t tokens);

/**
 * text_cancelled() - whether nobody wants the rest any more
 *
 * For work that makes no tokens, such as that on the prompt: looked at between its steps.
 */
bool text_cancelled(const struct text_gen *gen);

/** text_count() - how many tokens the prompt has; and, where a server counts, how many were made (or 0) */
void text_count(struct text_gen *gen, uint64_t prompt_tokens, uint64_t tokens);

/**
 * text_finish() - why it is to end, where that is for the engine to say: VACCEL_TEXT_FINISHED_*
 *
 * Without it a text that generate() ends is STOP. Those of text_put() come before it.
 */
void text_finish(struct text_gen *gen, vaccel_text_finished_t why);

/* ---- For tests ---------------------------------------------------------------------------------- */

/** How long a generation waits for a reader before it is cancelled; VACCEL_TEXT_MAX_UNREAD_S seconds */
extern unsigned int text_patience_ms;

#ifdef __cplusplus
}
#endif

#endif
