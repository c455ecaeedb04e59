// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "thread_maker.h"

#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>

typedef int (*create_fn)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

/* One order at a time: its caller holds the lock until it is done. */
static struct {
	pthread_mutex_t callers;
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t changed;
	bool wanted;
	pthread_t *thread;
	const pthread_attr_t *attr;
	void *(*function)(void *);
	void *arg;
	sigset_t mask; /* the caller's, which its thread inherits */
	int result;
} order = {
	.callers = PTHREAD_MUTEX_INITIALIZER,
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.changed = PTHREAD_COND_INITIALIZER,
};

static atomic_bool running;

/* libc's, or that of a sanitizer */
static create_fn real_create(void)
{
	static _Atomic(create_fn) real;
	create_fn found = atomic_load(&real);

	if (!found) {
		found = (create_fn)dlsym(RTLD_NEXT, "pthread_create");
		atomic_store(&real, found);
	}
	return found;
}

static void *make_threads(void *arg)
{
	sigset_t own;

	(void)arg;
	pthread_mutex_lock(&order.lock);
	for (;;) {
		while (!order.wanted)
			pthread_cond_wait(&order.changed, &order.lock);
		pthread_sigmask(SIG_SETMASK, &order.mask, &own);
		order.result = real_create()(order.thread, order.attr, order.function, order.arg);
		pthread_sigmask(SIG_SETMASK, &own, NULL);
		order.wanted = false;
		pthread_cond_broadcast(&order.changed);
	}
	return NULL;
}

static void start(void)
{
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	atomic_store(&running, real_create()(&thread, &attr, make_threads, NULL) == 0);
	pthread_attr_destroy(&attr);
}

void thread_maker_start(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, start);
}

static int order_thread(pthread_t *thread, const pthread_attr_t *attr, void *(*function)(void *),
			void *arg)
{
	int result;

	pthread_mutex_lock(&order.callers);
	pthread_mutex_lock(&order.lock);
	order.thread = thread;
	order.attr = attr;
	order.function = function;
	order.arg = arg;
	pthread_sigmask(SIG_SETMASK, NULL, &order.mask);
	order.wanted = true;
	pthread_cond_broadcast(&order.changed);
	while (order.wanted)
		pthread_cond_wait(&order.changed, &order.lock);
	result = order.result;
	pthread_mutex_unlock(&order.lock);
	pthread_mutex_unlock(&order.callers);
	return result;
}

/* In the place of libc's, for every library of the process. */
int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*function)(void *), void *arg)
{
	if (atomic_load(&running) && sched_getscheduler(0) == SCHED_IDLE)
		return order_thread(thread, attr, function, arg);
	return real_create()(thread, attr, function, arg);
}
