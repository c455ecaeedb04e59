/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections that nobody serves yet. Who says nothing has no claim to a place: it is kept for a while, as
 * QEMU connects long before it speaks, and the first to go when there are too many. Nothing that comes is
 * read here.
 */
#ifndef HOST_WAITING_H
#define HOST_WAITING_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "peer.h"

#define WAITING_MAX 256
/** How long a connection without a word is kept */
#define WAITING_SILENT_MS 300000

struct waiting {
	int fd;
	struct peer peer;
	uint64_t since_ms; /* when it connected, and when it has spoken: then it has a claim */
	bool has_spoken;
};

/** struct waiting_list - in the order in which they came; all zero: empty */
struct waiting_list {
	struct waiting of[WAITING_MAX];
	unsigned int nr;
	uint64_t turned_away; /* for having said nothing, or for want of room */
};

/**
 * waiting_add() - takes over a connection
 *
 * Where there is no room, one is closed that has said nothing: the oldest of the user who has most of
 * them. Return: false when there is no such one, then @fd was closed.
 */
bool waiting_add(struct waiting_list *list, int fd, const struct peer *peer, uint64_t now);

/** waiting_has_room() - whether waiting_add() succeeds */
bool waiting_has_room(const struct waiting_list *list);

/** waiting_take() - removes an entry. Return: its connection, the caller's. */
int waiting_take(struct waiting_list *list, unsigned int index);

/** waiting_pollfds() - one for each, in order. Return: how many. */
unsigned int waiting_pollfds(const struct waiting_list *list, struct pollfd *fds);

/**
 * waiting_update() - takes in what poll() has found, drops those that have gone or say nothing
 * @fds: as waiting_pollfds() has made them; the list has not changed since
 */
void waiting_update(struct waiting_list *list, const struct pollfd *fds, uint64_t now);

/** waiting_timeout() - milliseconds until one has said nothing for too long; -1: never */
int waiting_timeout(const struct waiting_list *list, uint64_t now);

/** waiting_clear() - closes all */
void waiting_clear(struct waiting_list *list);

#endif
