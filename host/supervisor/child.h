/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The worker as the supervisor sees it: a process that is started, asked, and sometimes killed.
 *
 * One that several clients share is the hub's child, not ours (hub.h). We have a channel to it then, and
 * something to kill it with.
 */
#ifndef HOST_CHILD_H
#define HOST_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "control.h"

struct forker;

struct child {
	pid_t pid; /* 0: no process, or a shared one of which nothing is known yet */
	int pidfd;
	int sock;
	bool ready;	  /* CONTROL_READY has come */
	bool shared;	  /* with other clients */
	/* What may be left behind it; stays when it is dead */
	uint32_t nr;	  /* of forker_spawn(); 0: there was none */
	char rundir[256]; /* what it said is its libvaccel's directory */
};

/** child_init() - no process yet */
void child_init(struct child *c);

/** child_is_there() - whether there is one, if not ready yet */
static inline bool child_is_there(const struct child *c)
{
	return c->pid || c->shared;
}

/**
 * child_start() - starts a worker, which is ready when it says so (child_read())
 * @forker:  who starts it
 * @msg:     the first that it is told: CONTROL_SETUP, or CONTROL_SHARED
 * @fds:     as that message has them; stay the caller's
 *
 * Return: 0 or -errno, then nothing was started.
 */
int child_start(struct child *c, struct forker *forker, const struct control_msg *msg,
		const int *fds, unsigned int nr_fds);

/**
 * child_join() - asks for a place in the worker that several clients share; ready as after child_start()
 * @hub: where to ask (hub.h)
 * @msg: a CONTROL_SETUP; @fds: as that has them
 *
 * Return: 0 or -errno; -EAGAIN: too many ask at once.
 */
int child_join(struct child *c, int hub, const struct control_msg *msg, const int *fds,
	       unsigned int nr_fds);

/** child_leave() - gives up the place in a shared worker, which frees what we had there when nothing runs */
void child_leave(struct child *c);

/**
 * child_read() - takes in what the worker says unasked
 * @timeout_ms: how long to wait for it
 *
 * Return: 0 (c->ready tells whether it is ready; a shared one says who it is before), -ETIMEDOUT, or -EPIPE
 * and others: it is dead or out of its mind, and is to be killed.
 */
int child_read(struct child *c, int timeout_ms);

/**
 * child_ask() - sends a message to a ready worker and waits for the answer
 * @msg:        in: the message, out: the answer
 * @timeout_ms: how long it is waited for; 0: there is no time, and it is not asked
 *
 * Return: msg->status, 0 or a negative errno value; -EPIPE when no answer came in time: the worker is
 * to be killed.
 */
int child_ask(struct child *c, struct control_msg *msg, const int *fds, unsigned int nr_fds,
	      int timeout_ms);

/**
 * child_quit() - asks the worker to exit, and kills it when it does not within @timeout_ms. Not for a shared one.
 * @how: receives how it ended, in words
 */
void child_quit(struct child *c, int timeout_ms, char *how, size_t how_size);

/**
 * child_kill() - kills the worker and its children, and waits a moment for its end. One that others share,
 * and that does nothing for us yet, is left instead.
 *
 * A process that frees much memory takes longer. It runs nothing any more, and child_reap() is for
 * what is left of it.
 */
void child_kill(struct child *c, char *how, size_t how_size);

/** child_reap() - takes in killed workers that have ended since. Does not wait. */
void child_reap(void);

/** child_nr_ending() - killed workers that have not ended yet */
unsigned int child_nr_ending(void);

#endif
