/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of vaccel-generate. Functions returning int give 0 or an exit status of sysexits.h, after a message. */
#ifndef TOOLS_GENERATE_TOOL_H
#define TOOLS_GENERATE_TOOL_H

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>

#include "vaccel.h"

#define EXIT_INTERRUPTED 130 /* as shells have it after Ctrl-C */

struct options {
	const char *model, *prompt, *system, *plugin;
	bool is_chat, embed, times, json;
	struct vaccel_text_params params;
	unsigned int nr_stops;
};

/** Set by Ctrl-C, which ends the text; whoever acts on it sets it to 0. */
extern volatile sig_atomic_t interrupted;

struct tool {
	const struct options *o;
	struct vaccel_session sess;
	struct vaccel_resource *model;
};

/**
 * answer() - generates a text, and prints it as it comes
 * @text: NULL, or receives all of it, to be freed, whatever the result
 */
int answer(struct tool *t, const struct vaccel_text_message *messages, uint32_t nr, char **text);

/** embed() - prints the embedding of a text */
int embed(struct tool *t, const char *text);

/* ---- What is printed ------------------------------------------------------------------------- */

struct output;

/** output_new() - for one text. NULL: no memory */
struct output *output_new(const struct options *o);
/** output_piece() - some of it has come */
void output_piece(struct output *out, const char *text, size_t len);
/** output_end() - it has ended, or (NULL) was never begun; the text so far is the result, to be freed; releases the output */
char *output_end(struct output *out, const struct vaccel_text_status *status);

void print_embedding(const struct options *o, const float *values, uint64_t nr);

#endif
