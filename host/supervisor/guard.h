/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Touching memory that its owner can take away: a front end may truncate the file of the guest's
 * memory at any time, and then each access raises SIGBUS. For single-threaded processes.
 */
#ifndef HOST_GUARD_H
#define HOST_GUARD_H

/** guard_init() - installs the handler; a SIGBUS outside of guard_call() still kills */
void guard_init(void);

/**
 * guard_call() - calls fn(arg), which may touch guest memory
 *
 * Return: what fn returned; -EFAULT when guest memory went away under it, then fn was left at some
 * point, so it must own nothing. Does not nest.
 */
int guard_call(int (*fn)(void *), void *arg);

#endif
