/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What tells one content from another: a check sum with a secret of this process, for which nobody who does
 * not know the secret can make two contents with the same sum (but for a chance of less than 2^-70).
 */
#ifndef PLUGINS_COMMON_CONTENT_H
#define PLUGINS_COMMON_CONTENT_H

#include <stddef.h>
#include <stdint.h>

struct content_id {
	uint64_t sums[2];
	uint64_t size; /* of all that was added */
};

/** content_add() - adds bytes; starts with an id that is all zero. Threads: any. */
void content_add(struct content_id *id, const void *data, size_t size);

#endif
