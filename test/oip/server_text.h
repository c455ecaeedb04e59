/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of the server for tests that speaks as OpenAI's do. What a model of text says is the prompt, or the last message,
 * in tokens of 4 bytes or a little more where a character ends later; one that ends with "..." is said again and again:
 *
 *   parrot     at once
 *   thinker    a token each 20 ms
 *   small      nothing: the prompt is longer than its context
 *   full       nothing: status 503
 *   bad, ill   nothing: status 400, 500
 *   mute       no embeddings: status 501
 */
#ifndef TEST_OIP_SERVER_TEXT_H
#define TEST_OIP_SERVER_TEXT_H

#include <microhttpd.h>
#include <stddef.h>

/* What has come of a request */
struct body {
	char *data;
	size_t size;
};

/* Of server.c */
enum MHD_Result answer(struct MHD_Connection *c, unsigned int status, const char *text);

/** about_text() - answers what is behind "/v1/" */
enum MHD_Result about_text(struct MHD_Connection *c, const char *path, const struct body *b);

/* How many texts were begun, how many connections were closed before they had ended, how many tokens were sent */
unsigned int texts_begun(void);
unsigned int texts_cancelled(void);
unsigned int texts_tokens(void);

#endif
