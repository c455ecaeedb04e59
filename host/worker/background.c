// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "background.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "thread_maker.h"
#include "transport/clock.h"

/* Nobody else's: without a handler it does nothing. */
#define MOVE_SIGNAL   SIGURG
#define BACKGROUND_NS (BACKGROUND_MS * UINT64_C(1000000))

/* Whether the kernel weighs sessions (setsid(), see forker.c) rather than threads */
static bool has_autogroups(void)
{
	int fd = open("/proc/sys/kernel/sched_autogroup_enabled", O_RDONLY | O_CLOEXEC);
	char on = '0';

	if (fd < 0)
		return false;
	if (read(fd, &on, 1) != 1)
		on = '0';
	close(fd);
	return on == '1';
}

static int to_background(pid_t thread)
{
	const struct sched_param none = { 0 };

	return sched_setscheduler(thread, SCHED_IDLE, &none);
}

static void on_move(int sig)
{
	int saved_errno = errno;

	(void)sig;
	(void)to_background(0);
	errno = saved_errno;
}

/* Without a PID namespace the sandbox does not let a thread name another one: it is asked to. */
static bool move(pid_t thread)
{
	if (to_background(thread) == 0)
		return true;
	return errno == EPERM && tgkill(getpid(), thread, MOVE_SIGNAL) == 0;
}

void background_init(struct background *b)
{
	pthread_mutex_init(&b->lock, NULL);
	LIST_INIT(&b->ops);
	b->is_armed = false;
	sigaction(MOVE_SIGNAL, &(struct sigaction){ .sa_handler = on_move, .sa_flags = SA_RESTART }, NULL);
	thread_maker_start();
	b->timer = has_autogroups() ? timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK) :
				      -1;
}

void background_exit(struct background *b)
{
	if (b->timer >= 0)
		close(b->timer);
	pthread_mutex_destroy(&b->lock);
}

/* The caller holds @b->lock. */
static void arm(struct background *b, uint64_t ns)
{
	const struct itimerspec at = { .it_value.tv_nsec = (long)ns };

	b->is_armed = timerfd_settime(b->timer, 0, &at, NULL) == 0;
}

void background_begin(struct background *b, struct background_op *op)
{
	static _Thread_local pid_t thread;

	if (b->timer < 0)
		return;
	if (!thread)
		thread = gettid();
	op->thread = thread;
	op->start_ns = now_ns();
	op->is_moved = false;
	pthread_mutex_lock(&b->lock);
	LIST_INSERT_HEAD(&b->ops, op, links);
	/* One that is armed already fires before this operation is due, and is armed again then. */
	if (!b->is_armed)
		arm(b, BACKGROUND_NS);
	pthread_mutex_unlock(&b->lock);
}

bool background_end(struct background *b, struct background_op *op)
{
	if (b->timer < 0)
		return false;
	/* From here on nobody moves this thread. */
	pthread_mutex_lock(&b->lock);
	LIST_REMOVE(op, links);
	pthread_mutex_unlock(&b->lock);
	return op->is_moved;
}

void background_tick(struct background *b)
{
	uint64_t now = now_ns(), next = 0;
	struct background_op *op;

	pthread_mutex_lock(&b->lock);
	LIST_FOREACH(op, &b->ops, links) {
		uint64_t age = now > op->start_ns ? now - op->start_ns : 0;

		if (op->is_moved)
			continue;
		if (age >= BACKGROUND_NS)
			op->is_moved = move(op->thread);
		else if (!next || BACKGROUND_NS - age < next)
			next = BACKGROUND_NS - age;
	}
	b->is_armed = false;
	if (next)
		arm(b, next);
	pthread_mutex_unlock(&b->lock);
}
