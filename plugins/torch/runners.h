/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The threads that compute. OpenMP, which libtorch uses, keeps a team of threads for every thread that ever
 * asked it for something; so calls hand their work to a fixed number of threads of our own, and wait.
 */
#ifndef PLUGINS_TORCH_RUNNERS_H
#define PLUGINS_TORCH_RUNNERS_H

/**
 * runners_set() - how many threads there are, before the first run
 * @count:   that are there, 1 or more
 * @started: called in each of them first
 */
void runners_set(int count, void (*started)(void));

/**
 * runners_run() - calls work(arg) in one of the threads and waits for its end
 *
 * Threads: any number; those that find no free runner wait for their turn, first come first served. The threads
 * are started when they are needed, in a child of fork() anew. ENOMEM: a thread could not be started.
 */
int runners_run(void (*work)(void *arg), void *arg);

/** runners_stop() - ends the threads; nobody may be in runners_run() */
void runners_stop(void);

#endif
