/* SPDX-License-Identifier: Apache-2.0 */
/* Names of files that guests choose. */
#ifndef HOST_NAMES_H
#define HOST_NAMES_H

#include <stdbool.h>

/**
 * name_ok() - whether a name stays below the directory that it is relative to
 * @deep: it may have several parts, with '/' between them
 */
bool name_ok(const char *name, bool deep);

#endif
