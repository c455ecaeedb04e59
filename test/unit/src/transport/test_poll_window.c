// SPDX-License-Identifier: Apache-2.0
/* How long to poll, learnt from how long waits took. */
#include "util.h"

#include "transport/poll_window.h"

#define LIMIT 50000

/* The clock, by which a yield takes yield_ns */
static uint64_t clock_ns = 1000000000, yield_ns;
static unsigned int nr_yields;

int clock_gettime(clockid_t id, struct timespec *ts)
{
	(void)id;
	ts->tv_sec = (time_t)(clock_ns / 1000000000);
	ts->tv_nsec = (long)(clock_ns % 1000000000);
	return 0;
}

int sched_yield(void)
{
	nr_yields++;
	clock_ns += yield_ns;
	return 0;
}

static void test_closes_and_opens(void **state)
{
	struct poll_window w;
	unsigned int steps = 0, probes = 0;

	(void)state;
	poll_window_init(&w, LIMIT);
	assert_int_equal(poll_window_get(&w, LIMIT), LIMIT);
	assert_true(poll_window_is_open(&w, LIMIT));

	/* Long waits close it, step by step. */
	while (atomic_load(&w.ns)) {
		uint64_t before = atomic_load(&w.ns);

		poll_window_learn(&w, LIMIT, LIMIT + 1);
		assert_true(atomic_load(&w.ns) < before);
		assert_true(++steps < 10);
	}
	assert_true(steps > 2);

	/* Closed, one wait of 16 polls to the limit. */
	for (int i = 0; i < 160; i++)
		probes += poll_window_get(&w, LIMIT) == LIMIT;
	assert_int_equal(probes, 10);

	/* A short one opens it again. */
	poll_window_learn(&w, LIMIT, LIMIT);
	assert_true(poll_window_is_open(&w, LIMIT));
	for (int i = 0; i < 100; i++)
		assert_int_equal(poll_window_get(&w, LIMIT), LIMIT);
}

/* A limit of 0 means: never. */
static void test_off(void **state)
{
	struct poll_window w;

	(void)state;
	poll_window_init(&w, 0);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(poll_window_get(&w, 0), 0);
		poll_window_learn(&w, 0, (uint64_t)i);
	}
}

static unsigned int waits_without_polling(struct poll_window *w)
{
	unsigned int nr = 0;

	while (poll_window_get(w, LIMIT) == 0)
		nr++;
	return nr;
}

/* Where polling takes the processor from others, it is tried ever more rarely. */
static void test_scarce(void **state)
{
	struct poll_window w;
	unsigned int nr = POLL_WINDOW_BANS;

	(void)state;
	poll_window_init(&w, LIMIT);
	for (int i = 0; i < 10; i++) {
		poll_window_lost(&w);
		/* That the sleepers are woken quickly changes nothing. */
		poll_window_learn(&w, LIMIT, 1);
		assert_int_equal(waits_without_polling(&w), nr);
		nr = 2 * nr < POLL_WINDOW_MAX_BANS ? 2 * nr : POLL_WINDOW_MAX_BANS;
	}
	poll_window_won(&w, 1000);
	assert_int_equal(waits_without_polling(&w), 0);
	poll_window_lost(&w);
	assert_int_equal(waits_without_polling(&w), POLL_WINDOW_BANS);
}

/* Polling that ends well, but later than sleeping does, is no better than polling in vain. */
static void test_slower_than_sleeping(void **state)
{
	const uint64_t slept = 30000, polled = 40000;
	struct poll_window w;
	unsigned int nr = 0;

	(void)state;
	poll_window_init(&w, LIMIT);
	/* As nothing is known of sleeping, it is tried. */
	poll_window_won(&w, polled);
	assert_int_equal(waits_without_polling(&w), POLL_WINDOW_BANS);
	/* A single long one does not change what most are like. */
	for (int i = 0; i < POLL_WINDOW_BANS; i++)
		poll_window_slept(&w, i % 4 ? slept : 100 * slept);
	poll_window_won(&w, polled);
	assert_int_equal(waits_without_polling(&w), 2 * POLL_WINDOW_BANS);

	/* Polling is better now, until that should be looked at again. */
	for (int i = 0; i < 100; i++)
		poll_window_slept(&w, 2 * polled);
	do
		poll_window_won(&w, polled);
	while (!waits_without_polling(&w) && ++nr < 10000);
	assert_in_range(nr, 100, 2000);
	/* No sleep is that short. */
	poll_window_won(&w, POLL_WINDOW_QUICK_NS);
	assert_int_equal(waits_without_polling(&w), 0);
}

/* A wait as short as a call never yields; a longer one does, and notices whom it has let run. */
static void test_yield(void **state)
{
	uint64_t start = clock_ns, turn = start, now = 0;

	(void)state;
	yield_ns = 500;
	for (clock_ns = start; clock_ns < start + POLL_WINDOW_TURN_NS; clock_ns += 700) {
		assert_false(poll_window_yield(&now, &turn));
		assert_int_equal(now, clock_ns);
	}
	assert_int_equal(nr_yields, 0);
	assert_false(poll_window_yield(&now, &turn));
	assert_int_equal(nr_yields, 1);
	assert_int_equal(now, clock_ns);
	assert_false(poll_window_yield(&now, &turn));
	assert_int_equal(nr_yields, 1);

	clock_ns += POLL_WINDOW_TURN_NS;
	yield_ns = POLL_WINDOW_LOST_NS + 1;
	assert_true(poll_window_yield(&now, &turn));
	assert_int_equal(nr_yields, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_closes_and_opens),
		cmocka_unit_test(test_off),
		cmocka_unit_test(test_scarce),
		cmocka_unit_test(test_slower_than_sleeping),
		cmocka_unit_test(test_yield),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
