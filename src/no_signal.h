/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing that must not end the program: where nobody reads a pipe any more, or a file has reached the
 * limit of its size (RLIMIT_FSIZE), the kernel sends the writing thread a signal besides the error.
 * Between the two calls here that signal is held back, and then forgotten. The program's own settings
 * of the two signals do not change, and one of its own that was waiting still does.
 */
#ifndef NO_SIGNAL_H
#define NO_SIGNAL_H

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>

struct no_signal {
	sigset_t old;	  /* what the thread holds back otherwise */
	sigset_t waiting; /* what was waiting for it before */
};

/** no_signal_begin() - holds back SIGPIPE and SIGXFSZ in this thread */
static inline void no_signal_begin(struct no_signal *held)
{
	sigset_t both;

	sigemptyset(&both);
	sigaddset(&both, SIGPIPE);
	sigaddset(&both, SIGXFSZ);
	sigemptyset(&held->waiting);
	pthread_sigmask(SIG_BLOCK, &both, &held->old);
	/* What was not held back cannot have been waiting. */
	if (sigismember(&held->old, SIGPIPE) || sigismember(&held->old, SIGXFSZ))
		sigpending(&held->waiting);
}

/**
 * no_signal_end() - the end of that
 * @err: errno of what failed in between, 0 when nothing did; the signal of EPIPE or EFBIG is forgotten
 *
 * errno is kept.
 */
static inline void no_signal_end(const struct no_signal *held, int err)
{
	const struct timespec now = { 0 };
	int sig = err == EPIPE ? SIGPIPE : err == EFBIG ? SIGXFSZ : 0;
	int saved_errno = errno;
	sigset_t ours;

	sigemptyset(&ours);
	if (sig && !sigismember(&held->waiting, sig) && !sigaddset(&ours, sig))
		while (sigtimedwait(&ours, NULL, &now) < 0 && errno == EINTR)
			;
	pthread_sigmask(SIG_SETMASK, &held->old, NULL);
	errno = saved_errno;
}

#endif
