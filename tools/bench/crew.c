// SPDX-License-Identifier: Apache-2.0
#include "bench-tool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

struct crew {
	unsigned int threads;
	crew_call call;
	void *arg;
	pthread_barrier_t start, end;
	pthread_t ids[MAX_THREADS];
	int results[MAX_THREADS];

	/* of the present round; nr 0 ends the threads */
	unsigned int nr, made[MAX_THREADS];
	uint64_t *ns;
	atomic_bool over;
};

struct member {
	struct crew *crew;
	unsigned int thread;
};

/* One thread's part of a round */
static void member_round(struct crew *crew, unsigned int thread)
{
	uint64_t *ns = crew->ns + (size_t)thread * crew->nr, start = now_ns(), end;
	unsigned int i = 0;
	int ret;

	do {
		ret = crew->call(crew->arg, thread);
		if (ret)
			break;
		end = now_ns();
		ns[i++] = end - start;
		start = end;
	} while (i < crew->nr && !atomic_load_explicit(&crew->over, memory_order_relaxed));
	atomic_store_explicit(&crew->over, true, memory_order_relaxed);
	crew->made[thread] = i;
	crew->results[thread] = ret;
}

static void *member_main(void *arg)
{
	struct member m = *(struct member *)arg;
	struct crew *crew = m.crew;

	free(arg);
	for (;;) {
		pthread_barrier_wait(&crew->start);
		if (!crew->nr)
			return NULL;
		member_round(crew, m.thread);
		pthread_barrier_wait(&crew->end);
	}
}

struct crew *crew_new(unsigned int threads, crew_call call, void *arg)
{
	struct crew *crew = bench_alloc(sizeof(*crew));

	crew->threads = threads;
	crew->call = call;
	crew->arg = arg;
	pthread_barrier_init(&crew->start, NULL, threads);
	pthread_barrier_init(&crew->end, NULL, threads);
	for (unsigned int i = 1; i < threads; i++) {
		struct member *m = bench_alloc(sizeof(*m));
		int err;

		*m = (struct member){crew, i};
		err = pthread_create(&crew->ids[i], NULL, member_main, m);
		if (err)
			bench_die(EX_OSERR, "cannot start a thread: %s", strerror(err));
	}
	return crew;
}

int crew_run(struct crew *crew, unsigned int nr, uint64_t *ns, size_t *made)
{
	crew->nr = nr;
	crew->ns = ns;
	atomic_store_explicit(&crew->over, false, memory_order_relaxed);
	/* The only thread waits for nobody. */
	if (crew->threads > 1)
		pthread_barrier_wait(&crew->start);
	member_round(crew, 0);
	if (crew->threads > 1)
		pthread_barrier_wait(&crew->end);

	*made = 0;
	for (unsigned int i = 0; i < crew->threads; i++) {
		if (crew->results[i])
			return crew->results[i];
		memmove(ns + *made, ns + (size_t)i * nr, crew->made[i] * sizeof(*ns));
		*made += crew->made[i];
	}
	return 0;
}

void crew_delete(struct crew *crew)
{
	crew->nr = 0;
	if (crew->threads > 1)
		pthread_barrier_wait(&crew->start);
	for (unsigned int i = 1; i < crew->threads; i++)
		pthread_join(crew->ids[i], NULL);
	pthread_barrier_destroy(&crew->start);
	pthread_barrier_destroy(&crew->end);
	free(crew);
}
