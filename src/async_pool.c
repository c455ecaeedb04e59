// SPDX-License-Identifier: Apache-2.0
/* Threads that run asynchronous calls of local sessions. Started when needed, ended at cleanup. */
#include "async.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>

#define MIN_THREADS 2
#define MAX_THREADS 16

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t work = PTHREAD_COND_INITIALIZER;
static struct async_job *first, **last = &first;
static pthread_t threads[MAX_THREADS];
static unsigned int nr_threads, nr_idle, nr_waiting;
static bool stopping;

static void *run_jobs(void *arg)
{
	pthread_mutex_lock(&lock);
	for (;;) {
		struct async_job *job;

		nr_idle++;
		while (!first && !stopping)
			pthread_cond_wait(&work, &lock);
		nr_idle--;
		job = first;
		if (!job)
			break;
		first = job->next;
		if (!first)
			last = &first;
		nr_waiting--;
		pthread_mutex_unlock(&lock);
		job->run(job);
		pthread_mutex_lock(&lock);
	}
	pthread_mutex_unlock(&lock);
	return arg;
}

static unsigned int max_threads(void)
{
	cpu_set_t set;
	unsigned int n = MIN_THREADS;

	if (!sched_getaffinity(0, sizeof(set), &set))
		n = (unsigned int)CPU_COUNT(&set);
	return n < MIN_THREADS ? MIN_THREADS : n > MAX_THREADS ? MAX_THREADS : n;
}

/* Under lock. The program's signals are not for these threads. */
static int start_thread(void)
{
	sigset_t all, old;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&threads[nr_threads], NULL, run_jobs, NULL);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (!err)
		nr_threads++;
	return err;
}

int async_pool_submit(struct async_job *job)
{
	int ret = VACCEL_OK;

	job->next = NULL;
	pthread_mutex_lock(&lock);
	/* Where another thread cannot be started those that are there must do. */
	if (nr_idle <= nr_waiting && nr_threads < max_threads() && start_thread() && !nr_threads)
		ret = VACCEL_ENOMEM;
	if (!ret) {
		*last = job;
		last = &job->next;
		nr_waiting++;
		pthread_cond_signal(&work);
	}
	pthread_mutex_unlock(&lock);
	return ret;
}

void async_pool_stop(void)
{
	unsigned int nr;

	pthread_mutex_lock(&lock);
	stopping = true;
	pthread_cond_broadcast(&work);
	nr = nr_threads;
	pthread_mutex_unlock(&lock);
	for (unsigned int i = 0; i < nr; i++)
		pthread_join(threads[i], NULL);
	pthread_mutex_lock(&lock);
	nr_threads = 0;
	stopping = false;
	pthread_mutex_unlock(&lock);
}

void async_pool_forget(void)
{
	pthread_mutex_init(&lock, NULL);
	pthread_cond_init(&work, NULL);
	first = NULL;
	last = &first;
	nr_threads = 0;
	nr_idle = 0;
	nr_waiting = 0;
	stopping = false;
}
