/* SPDX-License-Identifier: Apache-2.0 */
/* Whom the service serves, as the listener has told it, and the pages with their numbers. */
#ifndef HOST_CLIENTS_H
#define HOST_CLIENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "counters.h"
#include "observe.h"

struct client {
	const struct counters *counters; /* NULL: there is none at this place. A worker may write to it */
	uint32_t uid;
	int32_t pid;
	int64_t since; /* time(2) */
	char name[OBSERVE_NAME_SIZE];
};

struct clients {
	const struct counters_service *service;
	struct client of[OBSERVE_MAX_PLACES];
	unsigned int nr_places; /* all others were never taken */
	struct counters gone; /* the sum of those that are not there any more */
};

/**
 * clients_add() - a client has come
 * @fd: its counters; stays the caller's
 *
 * Return: 0 or -errno; -EINVAL: there is no such place, or it is taken.
 */
int clients_add(struct clients *c, const struct observe_msg *msg, int fd);

/** clients_remove() - a client has gone: what it counted is kept as part of a sum */
void clients_remove(struct clients *c, uint32_t place);

#endif
