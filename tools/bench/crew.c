// SPDX-License-Identifier: Apache-2.0
#include "bench-tool.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

struct crew {
	unsigned int threads;
	crew_work work;
	void *arg;
	pthread_barrier_t start, end;
	pthread_t ids[MAX_THREADS];
	int results[MAX_THREADS];

	/* of the present round; nr 0 ends the threads */
	unsigned int nr;
	uint64_t *ns;
};

struct member {
	struct crew *crew;
	unsigned int thread;
};

static void *member_main(void *arg)
{
	struct member m = *(struct member *)arg;
	struct crew *crew = m.crew;

	free(arg);
	for (;;) {
		pthread_barrier_wait(&crew->start);
		if (!crew->nr)
			return NULL;
		crew->results[m.thread] = crew->work(crew->arg, m.thread, crew->nr,
						     crew->ns + (size_t)m.thread * crew->nr);
		pthread_barrier_wait(&crew->end);
	}
}

struct crew *crew_new(unsigned int threads, crew_work work, void *arg)
{
	struct crew *crew = bench_alloc(sizeof(*crew));

	crew->threads = threads;
	crew->work = work;
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

int crew_run(struct crew *crew, unsigned int nr, uint64_t *ns)
{
	int ret;

	/* The only thread waits for nobody. */
	if (crew->threads == 1)
		return crew->work(crew->arg, 0, nr, ns);
	crew->nr = nr;
	crew->ns = ns;
	pthread_barrier_wait(&crew->start);
	ret = crew->work(crew->arg, 0, nr, ns);
	pthread_barrier_wait(&crew->end);
	for (unsigned int i = 1; i < crew->threads && !ret; i++)
		ret = crew->results[i];
	return ret;
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
