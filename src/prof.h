/* SPDX-License-Identifier: Apache-2.0 */
/* Profiling inside the library. */
#pragma once

#include "prof_base.h"

/* prof_backend - the one that VACCEL_PROFILING_BACKEND names, or the base one; a name that is not known is logged once */
const struct vaccel_prof_backend *prof_backend(void);

/* The start and end of the component: backends can be registered in between. ENOMEM. */
int prof_bootstrap(void);
void prof_cleanup(void);

/* For pthread_atfork: the table of backends must not be changing. */
void prof_before_fork(void);
void prof_after_fork(void);
