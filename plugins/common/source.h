/* SPDX-License-Identifier: Apache-2.0 */
/* Which file of a resource is the model, and where the files beside it are. */
#ifndef PLUGINS_COMMON_SOURCE_H
#define PLUGINS_COMMON_SOURCE_H

#include "content.h"
#include "engine.h"
#include "files.h"

/** source_of_resource() - finds the model in a resource. ENOENT, after a message: there is none. */
int source_of_resource(const struct vaccel_resource *res, struct engine_source *source);

/** source_of_path() - a model that is a file of the host; path stays the caller's */
void source_of_path(const char *path, struct engine_source *source);

/** source_read() - makes the model's bytes available, where the engine needs them. Pair with bytes_release(). */
int source_read(struct engine_source *source, struct bytes *bytes);

/**
 * source_description() - as engine_source_file(), for files that describe a model
 * @name: of such a file, and never what a model says: of a model that is a program's own single file, one
 *	that is beside it there is found, too
 */
int source_description(const struct engine_source *source, const char *name, struct bytes *bytes);

/**
 * source_state() - what tells this model from others without reading it
 *
 * Return: whether it can be told, that is, whether all of it is in files.
 */
bool source_state(const struct engine_source *source, struct content_id *state);

/** source_content() - what tells its content from others, after source_read() */
void source_content(const struct engine_source *source, struct content_id *content);

#endif
