/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of the noop plugin. */
#ifndef PLUGINS_NOOP_NOOP_H
#define PLUGINS_NOOP_NOOP_H

#include "ops/vop.h"
#include "vaccel.h"

#define noop_debug(format, ...) vaccel_debug("[noop] " format, ##__VA_ARGS__)
#define noop_error(format, ...) vaccel_error("[noop] " format, ##__VA_ARGS__)

/* Logs the arguments of a call at debug level. Reads no array that has a null pointer. */
void noop_dump(struct vaccel_session *sess, const struct vop_desc *desc,
	       const union vop_val *vals);

/* Path of a resource's first file or URL, NULL when it has none. */
const char *noop_resource_path(const struct vaccel_resource *res);

/* The dummy result of a call; vals has desc->nr_params values. Return: VACCEL_OK or a code. */
int noop_answer(struct vaccel_session *sess, const struct vop_desc *desc,
		const union vop_val *vals);

/* The same for operations on text. */
int noop_text_begin(struct vaccel_session *sess, const union vop_val *v);
int noop_text_next(struct vaccel_session *sess, const union vop_val *v);
int noop_text_end(struct vaccel_session *sess, const union vop_val *v);
int noop_text_embed(struct vaccel_session *sess, const union vop_val *v);

#endif
