/* SPDX-License-Identifier: Apache-2.0 */
/* Circular lists of struct vaccel_list_entry. A head that points at itself is an empty list. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "vaccel/list.h"

/* The structure that has entry as its member of that name. */
#define list_container(entry, type, member) \
	((type *)((char *)(entry) - offsetof(type, member)))

/* Walks the structures of a list; the body must not unlink pos. */
#define list_for_each(pos, head, type, member)                                     \
	for (type *pos = list_container((head)->next, type, member);               \
	     &pos->member != (head); pos = list_container(pos->member.next, type, member))

/* The same; the body may unlink and free pos. */
#define list_for_each_safe(pos, head, type, member)                                \
	for (type *pos = list_container((head)->next, type, member),               \
		  *pos##_next = list_container(pos->member.next, type, member);    \
	     &pos->member != (head);                                               \
	     pos = pos##_next, pos##_next = list_container(pos->member.next, type, member))

static inline void list_init(struct vaccel_list_entry *entry)
{
	entry->next = entry;
	entry->prev = entry;
}

static inline bool list_empty(const struct vaccel_list_entry *head)
{
	return head->next == head;
}

static inline void list_add_tail(struct vaccel_list_entry *head, struct vaccel_list_entry *entry)
{
	entry->next = head;
	entry->prev = head->prev;
	head->prev->next = entry;
	head->prev = entry;
}

/* Takes entry out of its list; harmless when it is in none. */
static inline void list_unlink(struct vaccel_list_entry *entry)
{
	entry->next->prev = entry->prev;
	entry->prev->next = entry->next;
	list_init(entry);
}

static inline bool list_contains(const struct vaccel_list_entry *head,
				 const struct vaccel_list_entry *entry)
{
	for (const struct vaccel_list_entry *e = head->next; e != head; e = e->next)
		if (e == entry)
			return true;
	return false;
}
