/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Extension: text from a language model, as it is made, and embeddings. vAccel 0.8 does not have this.
 *
 *	struct vaccel_text_message prompt = { .content = "Once upon a time" };
 *	struct vaccel_text_params params = { .max_tokens = 100, .stop = { "\n\n" } };
 *	struct vaccel_text_status st = { 0 };
 *	char buf[1024];
 *	uint64_t id;
 *
 *	vaccel_infer_load(&sess, &model);
 *	ret = vaccel_text_begin(&sess, &model, &params, &prompt, 1, &id);
 *	while (!ret && !st.finished) {
 *		ret = vaccel_text_next(&sess, id, buf, sizeof(buf), VACCEL_TEXT_MAX_WAIT_MS, &st);
 *		if (!ret)
 *			fwrite(buf, 1, st.len, stdout);
 *	}
 *	vaccel_text_end(&sess, id);
 *	vaccel_infer_unload(&sess, &model);
 *
 * A model is loaded and unloaded by vaccel_infer_load() and vaccel_infer_unload() of vaccel/infer.h. A
 * generation goes on by itself from begin on, ahead of who reads it by VACCEL_TEXT_MAX_UNREAD bytes at most, and
 * is there until vaccel_text_end(), the end of its session, or the end of the model's registration with it.
 *
 * All text is UTF-8. Of what a model makes, only whole characters are given out; bytes that are no UTF-8
 * become U+FFFD.
 *
 * No call of the first three waits for the model for longer than it says here, so a limit on the time of
 * operations (--op-timeout of vhost-user-accel) is one on a call, not on a generation. embed waits for
 * its result, as vaccel_infer_run() does.
 *
 * The four operations can be submitted with VACCEL_ASYNC, like all others. They need a plugin that offers them; a
 * session on a host that is too old for them gives ENOTSUP.
 *
 * In their generic form (vaccel_genop) the code is followed by: for text_begin the model's id, an int64_t, a struct
 * vaccel_text_params, and two strings for each message, of which an empty role is none; for text_next the
 * generation's id, a uint64_t, and wait_ms, a uint32_t; for text_end its id; for text_embed the model's and the text. It
 * writes the id; the text and a struct vaccel_text_status; nothing; the floats and how many they are, a uint64_t.
 * There text_begin cannot be submitted (ENOTSUP).
 *
 * Threads: all functions may be called from any thread, also at once for one model or one generation:
 * vaccel_text_end() ends a vaccel_text_next() that waits. Of several that wait for one generation at once,
 * each gets a part of the text.
 *
 * Results: functions returning int give VACCEL_OK or a positive code.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "vaccel/op.h"
#include "vaccel/resource.h"
#include "vaccel/session.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The operations, where a number of vaccel_op_type_t is expected: bits of vaccel_plugin_desc.ops,
 * vaccel_async_ops.submit. Their names are text_begin and so on.
 */
/* clang-format off */
#define _ENUM_PREFIX VACCEL_OP_TEXT
#define VACCEL_OP_TEXT_ENUM_LIST(ITEM)  \
	ITEM(BEGIN, 60, _ENUM_PREFIX)   \
	ITEM(NEXT, _ENUM_PREFIX)        \
	ITEM(END, _ENUM_PREFIX)         \
	ITEM(EMBED, _ENUM_PREFIX)

VACCEL_ENUM_DEF_WITH_STR_FUNCS(vaccel_op_text, _ENUM_PREFIX, VACCEL_OP_TEXT_ENUM_LIST)

#undef _ENUM_PREFIX

/*
 * Why a generation has come to its end.
 *  NONE       it has not
 *  STOP       the model has said all, or a stop string was found, which is not part of the text
 *  LENGTH     max_tokens were made, or the model's context is full
 *  CANCELLED  by vaccel_text_end(), or nobody has read it: see VACCEL_TEXT_MAX_UNREAD
 *  ERROR      the engine failed, or its server did: see vaccel_text_status.code
 */
#define _ENUM_PREFIX VACCEL_TEXT_FINISHED
#define VACCEL_TEXT_FINISHED_ENUM_LIST(ITEM)  \
	ITEM(NONE, 0, _ENUM_PREFIX)           \
	ITEM(STOP, _ENUM_PREFIX)              \
	ITEM(LENGTH, _ENUM_PREFIX)            \
	ITEM(CANCELLED, _ENUM_PREFIX)         \
	ITEM(ERROR, _ENUM_PREFIX)

VACCEL_ENUM_DEF_WITH_STR_FUNCS(vaccel_text_finished, _ENUM_PREFIX, VACCEL_TEXT_FINISHED_ENUM_LIST)

#undef _ENUM_PREFIX
/* clang-format on */

#define VACCEL_TEXT_MAX_PROMPT	    (1024 * 1024) /* bytes of all messages of a call, roles and ends included */
#define VACCEL_TEXT_MAX_MESSAGES    1024
#define VACCEL_TEXT_MAX_STOPS	    8
#define VACCEL_TEXT_STOP_SIZE	    64 /* bytes of a stop string at most, with its end */
#define VACCEL_TEXT_MAX_GENERATIONS 64 /* of a session, begun and not ended */
#define VACCEL_TEXT_SESSION_PROMPTS (4 * VACCEL_TEXT_MAX_PROMPT) /* bytes of their messages together */
#define VACCEL_TEXT_MIN_ROOM	    4 /* bytes: a character fits */
#define VACCEL_TEXT_DEFAULT_TOKENS  512
#define VACCEL_TEXT_MAX_WAIT_MS	    500

/*
 * Bytes that a generation is ahead of its reader at most. It waits then; where nothing is read for
 * VACCEL_TEXT_MAX_UNREAD_S seconds it is cancelled.
 */
#define VACCEL_TEXT_MAX_UNREAD	 (64 * 1024)
#define VACCEL_TEXT_MAX_UNREAD_S 60

/*
 * What a generation is to be like. All zero is well: up to VACCEL_TEXT_DEFAULT_TOKENS tokens, of which each is
 * the likeliest one.
 *  seed         of random choices; the same seed, model, engine and parameters give the same tokens
 *  max_tokens   that are made at most; 0: VACCEL_TEXT_DEFAULT_TOKENS. Never more than the model's context holds.
 *  top_k        choose among that many of the likeliest tokens; 0: all
 *  temperature  0: always the likeliest token; 1: as the model has learnt; from 0 on, finite
 *  top_p        choose among the likeliest tokens that make up this share of all probability; 0: all; from 0 to 1
 *  reserved     0
 *  stop         strings that end the text when they appear in it; an empty one is none
 */
struct vaccel_text_params {
	uint64_t seed;
	uint32_t max_tokens;
	uint32_t top_k;
	float temperature;
	float top_p;
	uint32_t reserved[10];
	char stop[VACCEL_TEXT_MAX_STOPS][VACCEL_TEXT_STOP_SIZE];
};

/*
 * A message of a chat: role is who says it, such as "system", "user" or "assistant", and content what. A role of
 * NULL makes it a prompt that is continued as it is; it is the only message then.
 */
struct vaccel_text_message {
	const char *role;
	const char *content;
};

/*
 * How far a generation is.
 *  len            bytes that the call has written to the buffer
 *  finished       VACCEL_TEXT_FINISHED_*; not 0 with the last bytes of the text, and from then on
 *  code           with ERROR: why, a code as calls give them; else 0
 *  prompt_tokens  of the prompt; 0 while that is not known
 *  tokens         made so far; it may be more than what the text of these calls stands for
 */
struct vaccel_text_status {
	uint64_t len;
	uint32_t finished;
	uint32_t code;
	uint64_t prompt_tokens;
	uint64_t tokens;
};

/*
 * vaccel_text_begin - begin to generate text
 * @model: loaded in the session (vaccel_infer_load)
 * @params: NULL: all zero. Not kept.
 * @messages: array of nr_messages: a prompt, or a chat, for which the model has a form. Not kept.
 * @id: receives a number for the calls below; it is the session's, and no other session's
 *
 * Does not wait for the model: what is wrong with a prompt only for it is found by vaccel_text_next(); a prompt
 * longer than the model's context is ERROR there, with the code ERANGE.
 *
 * EINVAL: no session, no model, one that is not loaded, an argument is NULL; a message has no content, or
 * there is none; a text is no UTF-8; a parameter is out of its range. What is wrong is logged.
 * ERANGE: more than VACCEL_TEXT_MAX_PROMPT bytes or VACCEL_TEXT_MAX_MESSAGES.
 * EUSERS: the session has VACCEL_TEXT_MAX_GENERATIONS, their prompts VACCEL_TEXT_SESSION_PROMPTS bytes, or the
 * process that runs the model as many as it takes: end one.
 * EPERM: the model is not registered with the session. ENOTSUP: no plugin offers this, or the model has
 * no form for a chat. ENOMEM.
 */
int vaccel_text_begin(struct vaccel_session *sess, struct vaccel_resource *model,
		      const struct vaccel_text_params *params,
		      const struct vaccel_text_message *messages, uint32_t nr_messages, uint64_t *id);

/*
 * vaccel_text_next - what there is of the text
 * @id: of vaccel_text_begin() in this session
 * @buf: for the text, which has no terminator; up to 1024 bytes travel fastest
 * @room: bytes at buf, VACCEL_TEXT_MIN_ROOM or more
 * @wait_ms: milliseconds to wait for something; more than VACCEL_TEXT_MAX_WAIT_MS are that many; 0: do not wait
 * @status: filled
 *
 * Returns as soon as there is a character or the end; status->len 0 with status->finished 0 says that there
 * was neither in time: call again. VACCEL_OK also with a generation that has failed. Once it has finished
 * and all is read, each further call says so again.
 *
 * EINVAL: an argument is NULL, room is too small, or the session has no such generation.
 */
int vaccel_text_next(struct vaccel_session *sess, uint64_t id, char *buf, size_t room,
		     uint32_t wait_ms, struct vaccel_text_status *status);

/*
 * vaccel_text_end - let go of a generation; one that runs is cancelled
 *
 * Does not wait: the engine ends its work after the token that it makes. The id has no meaning any more.
 * EINVAL: the session has no such generation.
 */
int vaccel_text_end(struct vaccel_session *sess, uint64_t id);

/*
 * vaccel_text_embed - the embedding of a text
 * @model: loaded in the session
 * @text: not empty. Not kept.
 * @out: room floats; NULL with a room of 0: only to say how many there are
 * @nr: receives how many floats the embedding has
 *
 * ERANGE: room is too small (nr says what is needed), or the text is longer than VACCEL_TEXT_MAX_PROMPT or the
 * model's context (nr is 0). ENOTSUP: also when the model makes no embeddings. Otherwise as
 * vaccel_text_begin().
 */
int vaccel_text_embed(struct vaccel_session *sess, struct vaccel_resource *model, const char *text,
		      float *out, size_t room, uint64_t *nr);

/* ---- For plugins ----------------------------------------------------------------------------- */

/*
 * How a plugin does these operations; see vaccel_plugin_ext.text. Each may be NULL: then it lacks that one. The
 * resource is registered with the session, texts are UTF-8, sizes and parameters in their ranges; params may be
 * NULL, and wait_ms more than what counts. Whether the model is loaded, and the generation there, is for the
 * plugin to check. A plugin's resource_unregister tells it that a session has let go of a model; it then drops
 * that session's generations of it.
 */
struct vaccel_text_ops {
	int (*begin)(struct vaccel_session *sess, struct vaccel_resource *model,
		     const struct vaccel_text_params *params,
		     const struct vaccel_text_message *messages, uint32_t nr_messages, uint64_t *id);
	int (*next)(struct vaccel_session *sess, uint64_t id, char *buf, size_t room,
		    uint32_t wait_ms, struct vaccel_text_status *status);
	int (*end)(struct vaccel_session *sess, uint64_t id);
	int (*embed)(struct vaccel_session *sess, struct vaccel_resource *model, const char *text,
		     float *out, size_t room, uint64_t *nr);
};

#ifdef __cplusplus
}
#endif
