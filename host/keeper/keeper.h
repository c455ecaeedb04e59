/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keeper: a process beside supervisor and worker that alone has the directory of --cache-dir. The
 * worker, whose plugins may have been taken over by data of its guest, asks it: to keep what it has,
 * and for contents that its guest proves to hold. It gets nothing else of other VMs' models.
 *
 * Each VM has a keeper of its own; cache_dir.h says how they share the directory, shared.h how those of one
 * service share memory.
 */
#ifndef HOST_KEEPER_H
#define HOST_KEEPER_H

#include <stdint.h>

/**
 * keeper_prepare() - what a keeper's library needs memory for
 *
 * For a process whose descendants start many keepers: they share it.
 */
void keeper_prepare(void);

/**
 * keeper_start() - starts a keeper
 * @dir:       the directory, open; stays the caller's
 * @max_bytes: see cache_dir_insert()
 * @store:     see store_join(); -1: clients do not share memory. Stays the caller's
 *
 * The calling process must have one thread. Return: a socket for the functions below, here and in
 * other processes; the keeper ends when nobody has it any more. Or a negative errno value.
 */
int keeper_start(int dir, uint64_t max_bytes, int store);

#endif
