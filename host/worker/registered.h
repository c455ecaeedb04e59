/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Registered memory: pieces of guest memory that the worker sees as one range, so that arguments of
 * operations anywhere in it are contiguous. Each registration belongs to a context.
 *
 * Memory of one piece is used where guest memory is mapped anyway. Of several pieces, each is mapped
 * a second time, one behind the other: see range.h. libvaccel is told, for plugins that prepare memory.
 *
 * A registration ends when it is taken from the table and nobody holds it any more. All functions
 * may be called from any thread, where not said otherwise.
 */
#ifndef HOST_REGISTERED_H
#define HOST_REGISTERED_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "memory.h"

/** Registrations of one VM, and mappings of all of them: a process may have 65530 of these. */
#define REGISTERED_MAX 4096
#define REGISTERED_MAX_PIECES 32768

struct registered;
struct registered_memory;

/** registered_new() - an empty table. Return: NULL when out of memory. */
struct registered *registered_new(void);

/** registered_delete() - registered_clear(), and the table itself; NULL is fine */
void registered_delete(struct registered *t);

/** registered_clear() - ends all registrations. No thread may use the table or hold anything. */
void registered_clear(struct registered *t);

/**
 * registered_limit() - limits the size of all registrations together
 * @bytes: what the VM has as memory: no page of it needs to be registered twice
 */
void registered_limit(struct registered *t, uint64_t bytes);

/**
 * registered_add() - registers memory of a context
 * @mem:    what the pieces are in
 * @id:     not 0
 * @pieces: our addresses, in order, with lengths that are multiples of VIRTIO_ACCEL_MEMORY_ALIGN.
 *          They must be mapped until the registration has ended.
 *
 * Return: VIRTIO_ACCEL_S_OK; _EXIST; _USERS (too many registrations); _NOMEM (too many bytes or
 * pieces, or the kernel refuses to map them); _ADDRNOTAVAIL (they cannot be one range: they are parts of
 * huge pages, and are not whole ones but at the start and the end), which is logged.
 */
uint32_t registered_add(struct registered *t, const struct memory *mem, uint64_t context, uint32_t id,
			const struct iovec *pieces, size_t nr);

/** registered_remove() - takes it from the table. Return: VIRTIO_ACCEL_S_OK or _STALE. */
uint32_t registered_remove(struct registered *t, uint64_t context, uint32_t id);

/** registered_close_context() - takes all that a context has from the table */
void registered_close_context(struct registered *t, uint64_t context);

/**
 * registered_hold() - looks up a part of registered memory and keeps it mapped
 * @at:   receives our address of the part
 * @held: receives what registered_unhold() is to be given
 *
 * Return: VIRTIO_ACCEL_S_OK; _STALE (no such memory); _INVAL (not all of it is in the memory).
 */
uint32_t registered_hold(struct registered *t, uint64_t context, uint32_t id, uint64_t offset,
			 uint64_t len, void **at, struct registered_memory **held);

void registered_unhold(struct registered *t, struct registered_memory *m);

/** registered_count() - registrations in the table, and the bytes of those that are mapped */
void registered_count(struct registered *t, uint32_t *nr, uint64_t *bytes);

#endif
