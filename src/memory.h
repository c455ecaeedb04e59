/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of vaccel/memory.h inside the library. */
#pragma once

#include <stdbool.h>

#include "vaccel/memory.h"

/*
 * memory_forget_plugin - a plugin is about to end
 *
 * Frees what is left of its memory, and tells it of nothing any more.
 */
void memory_forget_plugin(struct vaccel_plugin *plugin);

/* For pthread_atfork: the table must not be changing. A child has no registered memory. */
void memory_before_fork(void);
void memory_after_fork(bool child);
