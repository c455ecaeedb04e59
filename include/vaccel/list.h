/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The link that library structures embed to be members of the library's own lists. A link that
 * is in no list, like the head of an empty list, points at itself. Programs only initialise it.
 *
 * Threads: the library changes links under locks of its own, so programs may not follow them.
 */
#pragma once

#ifdef __cplusplus
extern "C" {
#endif

struct vaccel_list_entry {
	struct vaccel_list_entry *next;
	struct vaccel_list_entry *prev;
};

/* Static initialiser of the entry called name. */
#define LIST_ENTRY_INIT(name) { &(name), &(name) }

#ifdef __cplusplus
}
#endif
