// SPDX-License-Identifier: Apache-2.0
/* What vaccel-generate asks of a model. */
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "model.h"
#include "tool.h"

#define WAIT_MS 100 /* that Ctrl-C waits at most */

/* Reads a text to its end, or to Ctrl-C, with which it is cancelled. Return: a code of the library */
static int read_text(struct tool *t, uint64_t id, struct output *out, struct vaccel_text_status *status)
{
	char buf[1024];
	int ret;

	do {
		ret = vaccel_text_next(&t->sess, id, buf, sizeof(buf), WAIT_MS, status);
		if (!ret)
			output_piece(out, buf, status->len);
	} while (!ret && !status->finished && !interrupted);
	return ret;
}

int answer(struct tool *t, const struct vaccel_text_message *messages, uint32_t nr, char **text)
{
	struct vaccel_text_status status = { 0 };
	struct output *out = output_new(t->o);
	uint64_t id;
	char *all;
	int ret;

	if (!out)
		return fail("output", VACCEL_ENOMEM);
	ret = vaccel_text_begin(&t->sess, t->model, &t->o->params, messages, nr, &id);
	if (ret) {
		free(output_end(out, NULL));
		return fail(t->o->model, ret);
	}
	ret = read_text(t, id, out, &status);
	vaccel_text_end(&t->sess, id);
	if (!ret && !status.finished)
		status.finished = VACCEL_TEXT_FINISHED_CANCELLED;
	if (!ret && status.finished == VACCEL_TEXT_FINISHED_ERROR)
		ret = (int)status.code;
	all = output_end(out, &status);
	if (text)
		*text = all;
	else
		free(all);
	return ret ? fail(t->o->model, ret) : 0;
}

int embed(struct tool *t, const char *text)
{
	float *values = NULL;
	uint64_t nr, room = 0;
	int ret = vaccel_text_embed(&t->sess, t->model, text, NULL, 0, &nr);

	if (!ret) {
		room = nr;
		values = calloc(room ? room : 1, sizeof(*values));
		ret = values ? vaccel_text_embed(&t->sess, t->model, text, values, room, &nr) : VACCEL_ENOMEM;
	}
	if (!ret)
		print_embedding(t->o, values, nr);
	free(values);
	return ret ? fail(t->o->model, ret) : 0;
}
