/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long to poll before sleeping: learnt from how long the last waits took.
 *
 * A wait that ended within the limit opens the window, one that took longer halves it, down to
 * nothing. So there is no polling where operations are long, or where the other side gets no
 * processor to answer on. What sleeping costs counts as waiting, which could keep a window shut: so
 * now and then a wait polls up to the limit, whatever was learnt.
 *
 * A thread that polls yields its processor now and then. When somebody else has used it for long,
 * processors are scarce: a request would wait until the poller runs again, whereas a sleeper is
 * woken. So the next waits do not poll, the more of them the more often that happened. The same goes for
 * a caller whose polling has taken longer than sleeping does: its processor was what the other side
 * has waited for.
 *
 * Used by both ends of the device, the guest's plugin and the host's worker. The driver, which cannot
 * include it, does the same in driver/queue.c, but cannot yield: a change here belongs there, too.
 */
#pragma once

#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>

#include "transport/clock.h"

#define POLL_WINDOW_PROBE 16 /* one wait of these polls up to the limit */
#define POLL_WINDOW_LEAST 16 /* a window of less than this part of the limit is shut */
#define POLL_WINDOW_TURN_NS 4000 /* from one yield to the next: far longer than the yield itself */
#define POLL_WINDOW_LOST_NS 20000 /* a yield of more has let somebody else run */
#define POLL_WINDOW_BANS 16	  /* waits without polling after that; doubles each time, */
#define POLL_WINDOW_MAX_BANS 1024 /* up to this */
#define POLL_WINDOW_QUICK_NS 15000 /* no sleep is shorter than this */

struct poll_window {
	_Atomic uint64_t ns;
	atomic_uint waits; /* since it was fully open */
	atomic_uint bans;  /* waits to come that must not poll */
	atomic_uint last_bans;
	_Atomic uint64_t slept_ns; /* how long those wait that sleep at once, mostly; 0: unknown */
};

/* Fully open: the first waits tell. */
static inline void poll_window_init(struct poll_window *w, uint64_t limit_ns)
{
	atomic_init(&w->ns, limit_ns);
	atomic_init(&w->waits, 0);
	atomic_init(&w->bans, 0);
	atomic_init(&w->last_bans, 0);
	atomic_init(&w->slept_ns, 0);
}

/* How long to poll now, in nanoseconds. Any thread. */
static inline uint64_t poll_window_get(struct poll_window *w, uint64_t limit_ns)
{
	uint64_t ns = atomic_load_explicit(&w->ns, memory_order_relaxed);
	unsigned int bans = atomic_load_explicit(&w->bans, memory_order_relaxed);

	if (bans) {
		atomic_store_explicit(&w->bans, bans - 1, memory_order_relaxed);
		return 0;
	}
	if (ns < limit_ns && atomic_fetch_add_explicit(&w->waits, 1, memory_order_relaxed) %
					     POLL_WINDOW_PROBE == POLL_WINDOW_PROBE - 1)
		return limit_ns;
	return ns;
}

/* A wait took this long, polling and sleeping together. Any thread; a lost update is no harm. */
static inline void poll_window_learn(struct poll_window *w, uint64_t limit_ns, uint64_t waited_ns)
{
	uint64_t ns = atomic_load_explicit(&w->ns, memory_order_relaxed);

	if (waited_ns <= limit_ns)
		ns = limit_ns;
	else if ((ns /= 2) < limit_ns / POLL_WINDOW_LEAST)
		ns = 0;
	atomic_store_explicit(&w->ns, ns, memory_order_relaxed);
}

/*
 * Yields the processor, if it is time to. @now: receives CLOCK_MONOTONIC in ns; @turn: when the poller
 * began or last yielded, updated.
 * Return: whether somebody else has used the processor for long.
 *
 * An answer that arrives during a yield waits for its end. If each end of the device yielded in a wait
 * as short as a call in turn, each would make the other one wait for long enough to yield again.
 */
static inline bool poll_window_yield(uint64_t *now, uint64_t *turn)
{
	uint64_t before = now_ns();

	*now = before;
	if (before - *turn < POLL_WINDOW_TURN_NS)
		return false;
	sched_yield();
	*now = now_ns();
	*turn = *now;
	return *now - before > POLL_WINDOW_LOST_NS;
}

/* Polling was in vain, and cost somebody's time. Any thread. */
static inline void poll_window_lost(struct poll_window *w)
{
	unsigned int bans = 2 * atomic_load_explicit(&w->last_bans, memory_order_relaxed);

	if (!bans)
		bans = POLL_WINDOW_BANS;
	else if (bans > POLL_WINDOW_MAX_BANS)
		bans = POLL_WINDOW_MAX_BANS;
	atomic_store_explicit(&w->last_bans, bans, memory_order_relaxed);
	atomic_store_explicit(&w->bans, bans, memory_order_relaxed);
}

/* A caller has slept at once, and waited this long. Any thread. */
static inline void poll_window_slept(struct poll_window *w, uint64_t waited_ns)
{
	uint64_t ns = atomic_load_explicit(&w->slept_ns, memory_order_relaxed);

	/* One that took very long tells nothing. */
	if (!ns || waited_ns < ns)
		ns = ((ns ? ns : waited_ns) + waited_ns) / 2;
	else
		ns += ns / 16;
	atomic_store_explicit(&w->slept_ns, ns, memory_order_relaxed);
}

/*
 * Polling ended with what was waited for. @waited_ns: how long that took, or 0 if sleeping could not
 * have made it shorter. Any thread.
 */
static inline void poll_window_won(struct poll_window *w, uint64_t waited_ns)
{
	if (waited_ns > POLL_WINDOW_QUICK_NS) {
		uint64_t ns = atomic_load_explicit(&w->slept_ns, memory_order_relaxed);

		if (waited_ns > ns) {
			poll_window_lost(w);
			return;
		}
		/* What is known of sleeping gets old. */
		atomic_store_explicit(&w->slept_ns, ns - ns / 1024, memory_order_relaxed);
	}
	if (atomic_load_explicit(&w->last_bans, memory_order_relaxed))
		atomic_store_explicit(&w->last_bans, 0, memory_order_relaxed);
}

/* Whether there is something to learn from a short wait. */
static inline int poll_window_is_open(struct poll_window *w, uint64_t limit_ns)
{
	return atomic_load_explicit(&w->ns, memory_order_relaxed) >= limit_ns;
}

/*
 * How many threads of this process may poll at once: they leave one processor to the other side, if
 * this process may run on all of them. One that has some of its own may use those up.
 */
static inline unsigned int poll_processors(void)
{
	long all = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned int own = 1;
	cpu_set_t set;

	if (!sched_getaffinity(0, sizeof(set), &set))
		own = (unsigned int)CPU_COUNT(&set);
	return (long)own < all ? own : own - 1;
}
