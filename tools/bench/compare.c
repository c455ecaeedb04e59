// SPDX-License-Identifier: Apache-2.0
#include "bench-tool.h"

#include <stdlib.h>
#include <string.h>

/* Calls before anything is measured, and most calls of a round */
#define WARM_CALLS 5
#define MAX_CALLS  2000

/* Return: how many calls were made. */
static size_t run_round(struct side *s, unsigned int nr, uint64_t *ns, uint64_t seed,
			uint64_t *wall)
{
	uint64_t start;
	size_t made;
	int err;

	if (s->prepare)
		s->prepare(s, seed);
	start = now_ns();
	err = s->run(s, nr, ns, &made);
	if (err)
		bench_die(EXIT_FAILURE, "%s failed: %d (%s)%s", s->name, err, strerror(err),
			  s->hint ? s->hint(err) : "");
	*wall = now_ns() - start;
	if (s->verify && !s->verify(s, seed))
		bench_die(EXIT_FAILURE, "%s: what came back is wrong", s->name);
	return made;
}

/* Brings code, memory and caches to where they stay, and finds how many calls fill a round. */
static void warm_up(const struct bench_options *o, struct side *s)
{
	uint64_t ns[WARM_CALLS * MAX_THREADS], wall;
	unsigned int nr = o->calls && o->calls < WARM_CALLS ? o->calls : WARM_CALLS;
	size_t made = run_round(s, nr, ns, 1, &wall);

	sort_ns(ns, made);
	s->calls = (unsigned int)((double)o->round_ns / (quantile(ns, made, 0.5) + 1));
	if (o->calls)
		s->calls = o->calls;
	else if (s->calls > MAX_CALLS)
		s->calls = MAX_CALLS;
	else if (s->calls < 1)
		s->calls = 1;
	s->samples = bench_alloc((size_t)o->rounds * s->calls * s->threads * sizeof(uint64_t));
	s->round_median = bench_alloc(o->rounds * sizeof(double));
	s->round_rate = bench_alloc(o->rounds * sizeof(double));
	s->nr_samples = 0;
	s->ns_total = 0;
}

static void measure(struct side *s, unsigned int round)
{
	uint64_t *ns = s->samples + s->nr_samples, wall;
	size_t nr = run_round(s, s->calls, ns, round + 2, &wall);

	s->nr_samples += nr;
	s->ns_total += wall;
	sort_ns(ns, nr);
	s->round_median[round] = quantile(ns, nr, 0.5);
	s->round_rate[round] = (double)nr * 1e9 / (double)wall;
}

static void summarize(struct side *s, struct summary *sum)
{
	sort_ns(s->samples, s->nr_samples);
	sum->min_us = (double)s->samples[0] / 1e3;
	sum->median_us = quantile(s->samples, s->nr_samples, 0.5) / 1e3;
	sum->p99_us = quantile(s->samples, s->nr_samples, 0.99) / 1e3;
	sum->per_second = (double)s->nr_samples * 1e9 / (double)s->ns_total;
}

/* How many times faster the first side was in each round: median, lowest, highest. */
static void compare_rounds(const struct side *own, const struct side *peer, unsigned int rounds,
			   double speedup[3])
{
	double ratio[rounds];

	for (unsigned int i = 0; i < rounds; i++)
		ratio[i] = peer->by_rate ? own->round_rate[i] / peer->round_rate[i] :
					   peer->round_median[i] / own->round_median[i];
	speedup[0] = median(ratio, rounds);
	speedup[1] = ratio[0];
	speedup[2] = ratio[rounds - 1];
}

void compare(const struct bench_options *o, const struct bench_case *c, struct side **sides,
	     unsigned int nr_sides)
{
	struct summary own, peer;
	double speedup[3];

	for (unsigned int i = 0; i < nr_sides; i++)
		warm_up(o, sides[i]);
	for (unsigned int round = 0; round < o->rounds; round++) {
		machine_look();
		for (unsigned int i = 0; i < nr_sides; i++)
			measure(sides[round % 2 ? nr_sides - 1 - i : i], round);
	}

	summarize(sides[0], &own);
	print_case(o, c, &own);
	for (unsigned int i = 1; i < nr_sides; i++) {
		summarize(sides[i], &peer);
		compare_rounds(sides[0], sides[i], o->rounds, speedup);
		print_peer(o, c, &own, sides[i]->name, &peer, speedup);
	}
	for (unsigned int i = 0; i < nr_sides; i++) {
		free(sides[i]->samples);
		free(sides[i]->round_median);
		free(sides[i]->round_rate);
		sides[i]->close(sides[i]);
	}
}
