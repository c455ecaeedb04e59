/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Four threads that call and check what comes back, while workers die. Each call must end within
 * LOAD_LIMIT_MS, with the right result or with the loss of its session. Natively and in a VM alike.
 */
#ifndef TORTURE_LOAD_H
#define TORTURE_LOAD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "vaccel.h"

#define LOAD_THREADS  4
#define LOAD_LIMIT_MS 2000

/* What the plugin bomb does */
#define BOMB_MAGIC 0xb0b
enum bomb { BOMB_SEGV, BOMB_ABORT, BOMB_MEMORY, BOMB_TIME, BOMB_PAUSE };
/* BOMB_PAUSE: ends well after this time */
#define BOMB_PAUSE_S 4

struct load {
	pthread_t threads[LOAD_THREADS], ticker;
	atomic_bool stop;
	/* Calls, by how they ended */
	atomic_uint good, lost;
	atomic_uint again;	/* sessions that were not opened: no worker yet */
	atomic_uint wrong;	/* a wrong result, or another error */
	atomic_uint late;
	atomic_uint longest_ms;
	atomic_uint longest_plain_ms;	/* among those that were not killed for being too long */
};

/** load_start() - starts the threads. Return: 0 or an errno value. */
int load_start(struct load *l);

/** load_stop() - ends them */
void load_stop(struct load *l);

/** load_paused_ms() - for how long this program stood still since load_start() */
unsigned int load_paused_ms(void);

/** load_progress() - waits until calls have ended well. Return: false if none did in 10 s. */
bool load_progress(struct load *l);

/** load_bomb() - ends the worker with a call. Return: whether the call ended as it must. */
bool load_bomb(struct load *l, enum bomb bomb);

/**
 * load_report() - prints what the calls did, and a line for each rule that was broken
 *
 * Return: the number of broken rules; *checked receives how many there are.
 */
unsigned int load_report(struct load *l, unsigned int *checked);

#endif
