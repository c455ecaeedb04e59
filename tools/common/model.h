/* SPDX-License-Identifier: Apache-2.0 */
/* What programs that use a model share. */
#ifndef TOOLS_COMMON_MODEL_H
#define TOOLS_COMMON_MODEL_H

#include "vaccel.h"

/** fail() - says what a code of the library means. Return: the exit status for it, of sysexits.h */
int fail(const char *what, int code);

/**
 * model_open() - starts a session, and loads a model in it
 * @plugin: name of one for vaccel_session_init_with_plugin(), or NULL
 *
 * Return: 0, and model_close() ends both; else an exit status, after a message.
 */
int model_open(struct vaccel_session *sess, struct vaccel_resource **model, const char *path, const char *plugin);
void model_close(struct vaccel_session *sess, struct vaccel_resource *model);

#endif
