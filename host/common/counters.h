/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an operator wants to know of a client, in a page of memory that its supervisor, its workers and
 * the observer share: nobody is asked, and nobody waits. The listener makes it; workers add to it, so that
 * numbers go on where a dead one stopped; the supervisor writes once a second what only it knows.
 *
 * A worker may have been taken over and write anything anywhere here. That spoils the numbers of its own
 * client, and no more: they are only read by the functions below, which bound each of them, and nobody
 * but the observer uses what is read.
 */
#ifndef HOST_COUNTERS_H
#define HOST_COUNTERS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "op_slot.h"
#include "policy.h"

/** Upper limits of times: 1, 2, 5, 10, ... us up to 100 s; one more is for those that take longer */
#define COUNTERS_BOUNDS	 25
#define COUNTERS_BUCKETS (COUNTERS_BOUNDS + 1)

/** The largest number that is read: of two of them there is a sum. In nanoseconds it is 146 years. */
#define COUNTERS_MAX (UINT64_C(1) << 62)

struct counters_times {
	_Atomic uint64_t buckets[COUNTERS_BUCKETS]; /* each for itself */
	_Atomic uint64_t sum_ns;
};

enum counters_result {
	COUNTERS_OK,
	COUNTERS_ERROR,	  /* of the operation, or its parameters are wrong */
	COUNTERS_REFUSED, /* by the policy, before it began */
	COUNTERS_RESULTS,
};

/**
 * Who has served an operation: the plugins in the order in which they are loaded, from 1 on. The last number is
 * for all plugins that there is none for.
 */
#define COUNTERS_NO_PLUGIN    0u /* the device itself, or it has not begun */
#define COUNTERS_PLUGINS      16u
#define COUNTERS_OTHER_PLUGIN (COUNTERS_PLUGINS - 1)

/** How bytes get to an operation and back; see struct vop_traffic */
enum counters_path {
	COUNTERS_INLINE, /* in the message and the reply themselves */
	COUNTERS_PINNED, /* used where they are, in memory of the program's that is not registered */
	COUNTERS_REGISTERED,
	COUNTERS_SNAPSHOT,
	COUNTERS_GATHERED,
	COUNTERS_WRITTEN_BACK,
	COUNTERS_PATHS,
};

/** What the supervisor knows: first what only grows, then how it is now */
enum counters_number {
	COUNTERS_REQUESTS,
	COUNTERS_MALFORMED,
	COUNTERS_KICKS,
	COUNTERS_CALLS,
	COUNTERS_HANDOVERS,
	COUNTERS_BAD_MESSAGES,
	COUNTERS_RESTARTS,
	COUNTERS_INFLIGHT,
	COUNTERS_OLDEST_NS, /* of these: since when, CLOCK_MONOTONIC; 0: none */
	COUNTERS_NUMBERS,
};

struct counters {
	/* Written by workers. Memory that nobody has touched costs nothing: results say which times there are. */
	_Atomic uint64_t results[OP_SLOTS][COUNTERS_PLUGINS][COUNTERS_RESULTS];
	struct counters_times service[OP_SLOTS][COUNTERS_PLUGINS]; /* while it ran */
	struct counters_times wait[OP_SLOTS];			   /* from the queue to its begin */
	_Atomic uint64_t bytes[COUNTERS_PATHS];
	/* Written by the supervisor */
	_Atomic uint64_t numbers[COUNTERS_NUMBERS];
	_Atomic uint64_t refused[POLICY_NR_RULES];
	_Atomic uint64_t used[POLICY_NR_RULES];
	_Atomic uint64_t limit[POLICY_NR_RULES];
};

/** struct counters_service - how the service is, written by the listener */
struct counters_service {
	_Atomic uint64_t clients, waiting, ready; /* now; ready: supervisors for the next ones */
	_Atomic uint64_t served, turned_away, dropped;
	_Atomic uint64_t max_clients;
	_Atomic uint64_t draining; /* 1: there are no new clients any more */
	_Atomic uint64_t reloads;  /* that have succeeded */
};

/**
 * counters_create() - makes a page, all zero, whose size is sealed
 * @size: of one of the structs above
 *
 * Return: its descriptor, the caller's, or -errno.
 */
int counters_create(size_t size);

/**
 * counters_map() - maps a page
 * @fd: stays the caller's, and need not stay open
 * @writable: else it can only be read
 *
 * Return: NULL with errno: EINVAL when it is none of this size, or its size can change.
 */
void *counters_map(int fd, size_t size, bool writable);

/** counters_unmap() - NULL is fine */
void counters_unmap(const void *page, size_t size);

/** counters_add() - any thread; cheap */
static inline void counters_add(_Atomic uint64_t *number, uint64_t amount)
{
	if (amount)
		atomic_fetch_add_explicit(number, amount, memory_order_relaxed);
}

/** counters_set() - for who is the only one to write it */
static inline void counters_set(_Atomic uint64_t *number, uint64_t value)
{
	atomic_store_explicit(number, value, memory_order_relaxed);
}

/** counters_add_time() - any thread; cheap */
void counters_add_time(struct counters_times *t, uint64_t ns);

/** counters_get() - reads a number once. Return: it, COUNTERS_MAX at most */
static inline uint64_t counters_get(const _Atomic uint64_t *number)
{
	uint64_t value = atomic_load_explicit(number, memory_order_relaxed);

	return value < COUNTERS_MAX ? value : COUNTERS_MAX;
}

/** counters_plus() - the sum of two that are COUNTERS_MAX at most, and is so itself */
static inline uint64_t counters_plus(uint64_t a, uint64_t b)
{
	return a + b < COUNTERS_MAX ? a + b : COUNTERS_MAX;
}

/** struct counters_sums - times as they are told: each bucket with all that are below it */
struct counters_sums {
	uint64_t buckets[COUNTERS_BUCKETS]; /* the last one is the number of all */
	uint64_t sum_ns;
};

/** counters_sum() - reads times. The result grows from bucket to bucket, whatever is there. */
void counters_sum(const struct counters_times *t, struct counters_sums *sums);

/** counters_results() - what came of an operation, with all plugins together. Return: whether there was any */
bool counters_results(const struct counters *c, unsigned int slot, uint64_t results[COUNTERS_RESULTS]);

/** counters_has_run() - whether this plugin has ever served that operation: only then its times are worth a look */
bool counters_has_run(const struct counters *c, unsigned int slot, unsigned int plugin);

/**
 * counters_merge() - adds the numbers of a client that has gone, but not what it has at present
 * @sum: nobody else's. A number that would exceed COUNTERS_MAX begins anew, as after a restart
 * @plugins: which plugin of the sum is each of the client's
 */
void counters_merge(struct counters *sum, const struct counters *gone, const uint8_t plugins[COUNTERS_PLUGINS]);

/** counters_bound_ns() - the upper limit of a bucket but the last */
uint64_t counters_bound_ns(unsigned int bucket);

#endif
