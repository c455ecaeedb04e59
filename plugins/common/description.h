/* SPDX-License-Identifier: Apache-2.0 */
/* What the files beside a model say of it. */
#ifndef PLUGINS_COMMON_DESCRIPTION_H
#define PLUGINS_COMMON_DESCRIPTION_H

#include "content.h"
#include "engine.h"
#include "labels.h"

/** All zero: nothing is said. */
struct description {
	struct labels labels;
};

/**
 * description_read() - reads them. EINVAL and others, after a message: what is there cannot be understood.
 * @description: receives them; pair with description_release()
 */
int description_read(const struct engine_source *source, struct description *description);

/** description_state() - tells a model of the host, in the state it is in, with its description, from others */
void description_state(const struct engine_source *source, struct content_id *state);

void description_release(struct description *description);

#endif
