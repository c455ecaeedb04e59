/* SPDX-License-Identifier: Apache-2.0 */
/* Whom the service serves, as the listener has told it, and the pages with their numbers. */
#ifndef HOST_CLIENTS_H
#define HOST_CLIENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "counters.h"
#include "observe.h"

/** Longest name of a plugin, with its end */
#define CLIENTS_PLUGIN_SIZE 32

/** Names of plugins by their number, each once; "" where there is none: a worker can count for those, too */
typedef char clients_plugins[COUNTERS_PLUGINS][CLIENTS_PLUGIN_SIZE];

struct client {
	const struct counters *counters; /* NULL: there is none at this place. A worker may write to it */
	uint32_t uid;
	int32_t pid;
	int64_t since; /* time(2) */
	char name[OBSERVE_NAME_SIZE];
	clients_plugins plugins;
};

struct clients {
	const struct counters_service *service;
	struct client of[OBSERVE_MAX_PLACES];
	unsigned int nr_places; /* all others were never taken */
	struct counters gone; /* the sum of those that are not there any more */
	clients_plugins gone_plugins; /* in the order in which clients have brought them, as far as there is room */
};

/**
 * clients_add() - a client has come
 * @fd: its counters; stays the caller's
 *
 * Return: 0 or -errno; -EINVAL: there is no such place, or it is taken.
 */
int clients_add(struct clients *c, const struct observe_msg *msg, int fd);

/**
 * clients_name_plugins() - what the operator's list of plugins calls them
 * @list: in the form of VACCEL_PLUGINS
 * @names: receives "noop" for /path/libvaccel-noop.so, and so on; all of it is from a small set of characters
 */
void clients_name_plugins(const char *list, clients_plugins names);

/** clients_has_plugin() - whether there is a plugin of this number, or it is COUNTERS_NO_PLUGIN, whose name is "" */
static inline bool clients_has_plugin(const clients_plugins names, unsigned int plugin)
{
	return plugin == COUNTERS_NO_PLUGIN || *names[plugin];
}

/** clients_remove() - a client has gone: what it counted is kept as part of a sum */
void clients_remove(struct clients *c, uint32_t place);

#endif
