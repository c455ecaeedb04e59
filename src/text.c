// SPDX-License-Identifier: Apache-2.0
/* What every call of text operations checks. */
#include "text.h"

#include <inttypes.h>
#include <string.h>

#include "ops/vop.h"
#include "utf8.h"

/* ---- Parameters of a generation -------------------------------------------------------------- */

/* Comparisons with what is no number are false. */
static const char *find_fault(const struct vaccel_text_params *p)
{
	if (!(p->temperature >= 0 && p->temperature <= 1e6f))
		return "its temperature is not a number from 0 to a million";
	if (!(p->top_p >= 0 && p->top_p <= 1))
		return "its top_p is not a number from 0 to 1";
	for (size_t i = 0; i < sizeof(p->reserved) / sizeof(p->reserved[0]); i++)
		if (p->reserved[i])
			return "a reserved member is not 0";
	for (int i = 0; i < VACCEL_TEXT_MAX_STOPS; i++) {
		size_t len = strnlen(p->stop[i], VACCEL_TEXT_STOP_SIZE);

		if (len == VACCEL_TEXT_STOP_SIZE)
			return "a stop string has no end";
		if (!utf8_is_valid(p->stop[i], len))
			return "a stop string is not UTF-8";
	}
	return NULL;
}

static int refuse(const char *what, const char *why)
{
	vaccel_error("Cannot run %s: %s", what, why);
	return VACCEL_EINVAL;
}

/* ---- Messages -------------------------------------------------------------------------------- */

/* Adds the bytes of a text, with its end. @left: of what a call may have */
static int check_text(const char *what, const char *text, uint64_t *left)
{
	size_t len = strnlen(text, *left);

	if (len == *left) {
		vaccel_error("Cannot run %s: the text is longer than %d bytes: give a part of it", what,
			     VACCEL_TEXT_MAX_PROMPT);
		return VACCEL_ERANGE;
	}
	*left -= len + 1;
	return utf8_is_valid(text, len) ? VACCEL_OK :
					  refuse(what, "the text is not UTF-8: convert it first");
}

static int check_messages(const struct vaccel_text_message *messages, uint32_t nr)
{
	uint64_t left = VACCEL_TEXT_MAX_PROMPT;
	int ret = VACCEL_OK;

	if (!nr || !messages)
		return refuse("text_begin", "there is no message: give a prompt, or a chat");
	if (nr > VACCEL_TEXT_MAX_MESSAGES) {
		vaccel_error("Cannot run text_begin: %" PRIu32 " messages: give up to %d", nr,
			     VACCEL_TEXT_MAX_MESSAGES);
		return VACCEL_ERANGE;
	}
	for (uint32_t i = 0; i < nr && !ret; i++) {
		if (!messages[i].content)
			return refuse("text_begin", "a message has no content");
		if (!messages[i].role && nr > 1)
			return refuse("text_begin", "a prompt, a message without a role, is the only one");
		if (messages[i].role)
			ret = check_text("text_begin", messages[i].role, &left);
		if (!ret)
			ret = check_text("text_begin", messages[i].content, &left);
	}
	return ret;
}

/* ---- Calls ----------------------------------------------------------------------------------- */

int text_check_begin(const union vop_val *vals)
{
	const struct vaccel_text_params *params = vals[TEXT_BEGIN_params].p;
	const char *fault = params ? find_fault(params) : NULL;

	if (fault)
		return refuse("text_begin", fault);
	if (!vals[TEXT_BEGIN_id].p)
		return refuse("text_begin", "there is no room for the id");
	return check_messages(vals[TEXT_BEGIN_messages].p, (uint32_t)vals[TEXT_BEGIN_nr_messages].i);
}

int text_check_next(const union vop_val *vals)
{
	if (!vals[TEXT_NEXT_buf].p || !vals[TEXT_NEXT_status].p)
		return refuse("text_next", "there is no buffer, or no status to fill");
	if ((uint64_t)vals[TEXT_NEXT_room].i < VACCEL_TEXT_MIN_ROOM)
		return refuse("text_next", "the buffer has not room for every character: give 4 bytes or more");
	return VACCEL_OK;
}

int text_check_embed(const union vop_val *vals)
{
	const char *text = vals[TEXT_EMBED_text].p;
	uint64_t left = VACCEL_TEXT_MAX_PROMPT;

	if (!vals[TEXT_EMBED_nr].p)
		return refuse("text_embed", "there is no room for the number of floats");
	memset(vals[TEXT_EMBED_nr].p, 0, sizeof(uint64_t));
	if (!text || !*text)
		return refuse("text_embed", "there is no text");
	if (vals[TEXT_EMBED_room].i && !vals[TEXT_EMBED_out].p)
		return refuse("text_embed", "there is no buffer, but room in it");
	return check_text("text_embed", text, &left);
}
