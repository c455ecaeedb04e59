/* SPDX-License-Identifier: Apache-2.0 */
/* Names of classes. */
#ifndef PLUGINS_COMMON_LABELS_H
#define PLUGINS_COMMON_LABELS_H

#include <stddef.h>

struct bytes;

#define LABELS_NAME "labels.txt"

/** Names of the classes, one per line of a labels file. All zero: there are none. */
struct labels {
	char *text;   /* malloc()ed; the names, each terminated */
	char **names; /* malloc()ed */
	size_t count;
};

/** Splits a labels file into its lines. EINVAL: no line. ENOMEM. */
int labels_parse(const struct bytes *bytes, struct labels *labels);

void labels_release(struct labels *labels);

#endif
