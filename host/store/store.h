/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store: a process of a service of many clients that knows which sealed memory they use, so that a model is
 * in memory once for all of them. It holds descriptors and a table; it reads no memory, waits for nobody, and does
 * a bounded amount of work for each request. Keepers ask it (store_proto.h), workers cannot: a keeper compares
 * what it is given with what its client has sent or proves to hold, so nobody needs to believe anybody.
 *
 * A memory is there as long as a client holds it, and counts in full for each that does: all together is
 * bounded by what each may hold. Without the store, each client has memory of its own.
 */
#ifndef HOST_STORE_H
#define HOST_STORE_H

#include <stdbool.h>
#include <stdint.h>

/**
 * store_start() - starts a store. The calling process must have one thread.
 *
 * Return: its door, for the functions below, here and in children; the store ends when nobody has the door, or a
 * connection, any more. Or a negative errno value.
 */
int store_start(void);

/** store_is_gone() - whether the store at this door has ended; does not wait */
bool store_is_gone(int door);

/**
 * store_join() - a connection for one client; does not wait
 * @dir:       the directory of which the client is a user, open; stays the caller's
 * @max_bytes: how much memory the client may hold
 *
 * Return: a socket, for keeper_start(); or a negative errno value.
 */
int store_join(int door, int dir, uint64_t max_bytes);

#endif
