/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions inside the library. */
#pragma once

#include <stdbool.h>

#include "vaccel/session.h"

/* Starts the component, once the run directory exists. Not thread-safe. */
int sessions_bootstrap(void);

/* Releases every live session; session functions give ESESS from here on. Not thread-safe. */
int sessions_cleanup(void);
