/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keeper's side of the store (store/store.h). All functions may be called from any thread; each waits for the
 * answer, but not for long: a store that is dead or stopped is never asked again. They return 0 or a negative
 * errno value; -EPIPE: there is no store, or none any more.
 */
#ifndef HOST_STORE_CLIENT_H
#define HOST_STORE_CLIENT_H

#include <stdint.h>

#include "store_proto.h"

/** store_connect() - before all others: asks over this socket, see store_join(); -1: there is no store */
void store_connect(int sock);

/**
 * store_find() - a memory that clients of the same directory use
 * @index: below STORE_TRIES
 * @time:  receives when it was, by the store's count; or NULL
 *
 * Return: a descriptor, the caller's; -ENOENT: there are no more.
 */
int store_find(uint64_t size, uint32_t index, uint64_t *time);

/**
 * store_hold() - the client uses a memory
 * @fd:   sealed; stays the caller's
 * @time: of store_find(), or STORE_ANY_TIME
 * @id:   receives what store_drop() takes
 *
 * Return: 0; -EAGAIN: others have brought memory of this size since @time; -EDQUOT: the client may hold no more.
 */
int store_hold(int fd, uint64_t size, uint64_t time, uint64_t *id);

/** store_drop() - it no longer uses this one */
void store_drop(uint64_t id);

/** store_drop_all() - it uses none */
void store_drop_all(void);

#endif
