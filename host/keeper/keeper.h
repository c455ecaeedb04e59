/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keeper: a process beside supervisor and worker that alone has the directory of --cache-dir. The
 * worker, whose plugins may have been taken over by data of its guest, asks it: to keep what it has,
 * and for contents that its guest proves to hold. It gets nothing else of other VMs' models.
 *
 * Each VM has a keeper of its own; cache_dir.h says how they share the directory.
 */
#ifndef HOST_KEEPER_H
#define HOST_KEEPER_H

#include <stdint.h>

#include "ops/possession.h"

#define KEEPER_NONCE_SIZE 16

/**
 * keeper_start() - starts a keeper
 * @dir:       the directory, open; stays the caller's
 * @max_bytes: see cache_dir_insert()
 *
 * The calling process must have one thread. Return: a socket for the functions below, here and in
 * other processes; the keeper ends when nobody has it any more. Or a negative errno value.
 */
int keeper_start(int dir, uint64_t max_bytes);

/*
 * The worker's side. All functions may be called from any thread, and wait until the keeper is done.
 * They return 0 or a negative errno value; -EPIPE: the keeper is gone.
 */

/**
 * keeper_key() - a key for a claim
 * @nonce: KEEPER_NONCE_SIZE bytes, for the claim
 * @key:   receives POSSESSION_KEY_SIZE bytes. The keeper chooses them: with a key of its own, the
 *         worker could make tags of what it does not have.
 */
int keeper_key(int sock, const uint8_t *nonce, uint8_t *key);

/** keeper_insert() - keeps the sealed memory @from of @size bytes; see cache_dir_insert() */
int keeper_insert(int sock, int from, uint64_t size);

/** keeper_claim() - fills the memory @to of @size zero bytes; see cache_dir_claim() */
int keeper_claim(int sock, const uint8_t *nonce, const uint8_t *tag, int to, uint64_t size);

#endif
