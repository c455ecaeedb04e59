// SPDX-License-Identifier: Apache-2.0
#include "runners.h"

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>

#include "vaccel.h"

#define MAX_RUNNERS 256

struct job {
	struct job *next;
	void (*work)(void *arg);
	void *arg;
	pthread_cond_t done;
	bool is_done;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t something = PTHREAD_COND_INITIALIZER;
static struct job *first, **last = &first;
static pthread_t threads[MAX_RUNNERS];
static int wanted = 1, there, idle;
static bool ending;
static void (*on_start)(void);

static void *run(void *unused)
{
	(void)unused;
	if (on_start)
		on_start();
	pthread_mutex_lock(&lock);
	for (;;) {
		struct job *job;

		while (!first && !ending)
			pthread_cond_wait(&something, &lock);
		job = first;
		if (!job)
			break;
		first = job->next;
		if (!first)
			last = &first;
		idle--;
		pthread_mutex_unlock(&lock);
		job->work(job->arg);
		pthread_mutex_lock(&lock);
		idle++;
		job->is_done = true;
		pthread_cond_signal(&job->done);
	}
	pthread_mutex_unlock(&lock);
	return NULL;
}

/*
 * Called with the lock. A thread inherits its creator's scheduling, and the creator may already have been moved
 * to the background, so its own is set.
 */
static int add_runner(void)
{
	const struct sched_param normal = {.sched_priority = 0};
	pthread_attr_t attr;
	int ret;

	pthread_attr_init(&attr);
	pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED);
	pthread_attr_setschedpolicy(&attr, SCHED_OTHER);
	pthread_attr_setschedparam(&attr, &normal);
	ret = pthread_create(&threads[there], &attr, run, NULL);
	pthread_attr_destroy(&attr);
	if (ret)
		return VACCEL_ENOMEM;
	there++;
	idle++;
	return VACCEL_OK;
}

int runners_run(void (*work)(void *arg), void *arg)
{
	struct job job = {.work = work, .arg = arg, .done = PTHREAD_COND_INITIALIZER};

	pthread_mutex_lock(&lock);
	if ((idle <= 0 || first) && there < wanted && add_runner() && !there) {
		pthread_mutex_unlock(&lock);
		return VACCEL_ENOMEM;
	}
	*last = &job;
	last = &job.next;
	pthread_cond_signal(&something);
	while (!job.is_done)
		pthread_cond_wait(&job.done, &lock);
	pthread_mutex_unlock(&lock);
	pthread_cond_destroy(&job.done);
	return VACCEL_OK;
}

void runners_stop(void)
{
	int nr;

	pthread_mutex_lock(&lock);
	ending = true;
	nr = there;
	pthread_cond_broadcast(&something);
	pthread_mutex_unlock(&lock);
	for (int i = 0; i < nr; i++)
		pthread_join(threads[i], NULL);
	there = idle = 0;
	ending = false;
}

/* A child has none of the threads, and nobody who waits for them. */
static void forget(void)
{
	pthread_mutex_init(&lock, NULL);
	pthread_cond_init(&something, NULL);
	first = NULL;
	last = &first;
	there = idle = 0;
	ending = false;
}

void runners_set(int count, void (*started)(void))
{
	static bool told;

	wanted = count < 1 ? 1 : count > MAX_RUNNERS ? MAX_RUNNERS : count;
	on_start = started;
	if (!told)
		told = pthread_atfork(NULL, NULL, forget) == 0;
}
