/* SPDX-License-Identifier: Apache-2.0 */
/* What counters are called, in metrics and in JSON. */
#ifndef HOST_OBSERVER_NAMES_H
#define HOST_OBSERVER_NAMES_H

#include "counters.h"

extern const char *const result_names[COUNTERS_RESULTS];
extern const char *const path_names[COUNTERS_PATHS];

/** Longest name of an operation, with its end */
#define SLOT_NAME_SIZE 32

/** slot_name() - the operation's of this place, in lower case. Return: @name; NULL when there is none */
const char *slot_name(unsigned int slot, char name[SLOT_NAME_SIZE]);

#endif
