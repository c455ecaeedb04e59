/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scattered pieces of guest memory as one range, without copying them.
 *
 * Programs use the same memory again and again, so ranges are kept after the call that they were made
 * for, while there is room. A range is known by the pieces' addresses in this process: join_clear() has to
 * be called before guest memory is unmapped.
 */
#ifndef HOST_JOIN_H
#define HOST_JOIN_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "memory.h"

/** What is kept of a client at most: ranges, the runs of all of them (each is a mapping), and their bytes. */
#define JOIN_KEPT	64
#define JOIN_KEPT_RUNS	16384
#define JOIN_KEPT_BYTES ((uint64_t)4 << 30)

/** Runs this short are cheaper to copy than to map, unless the range is used this many times. */
#define JOIN_MIN_RUN ((uint64_t)64 << 10)
#define JOIN_AFTER   8

/** Mappings of all ranges of this process, kept or not; with REGISTERED_MAX_PIECES less than a process may have */
#define JOIN_MAX_MAPPINGS 24576

struct join;
struct joins;
struct quota;

/**
 * joins_new() - a client's ranges: none yet
 * @quota: what the kernel needs for them counts there as staging memory; stays the caller's. NULL: it is not
 *         counted.
 *
 * Return: NULL when out of memory.
 */
struct joins *joins_new(struct quota *quota);

/** joins_delete() - unmaps all. Nothing may be in use; NULL is fine */
void joins_delete(struct joins *joins);

/**
 * join_runs() - maps runs of a shared mapping a second time, one behind the other
 * @mem:  what they are in
 * @runs: only the first may start, and only the last may end, within a page, which may be a huge one
 * @nr:   how many
 * @len:  their lengths together, in bytes
 * @j:    to be given to join_release()
 *
 * Any thread. Return: where the first byte of the first run is in the new range; NULL when it cannot
 * be done, when there is no room for the page tables, or when copying is cheaper.
 */
void *join_runs(struct joins *joins, const struct memory *mem, const struct iovec *runs, size_t nr,
		uint64_t len, struct join **j);

/** join_release() - the range is not used any more; the runs stay as they are. Any thread. */
void join_release(struct join *j);

/** join_clear() - unmaps what is kept. Nothing may be in use. */
void join_clear(struct joins *joins);

#endif
