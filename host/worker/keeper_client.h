/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The worker's side of the keeper (keeper/keeper.h). All functions may be called from any thread, and
 * wait until the keeper is done. They return 0 or a negative errno value; -EPIPE: the keeper is gone.
 *
 * @sock is the socket that keeper_start() returned, here or in another process.
 */
#ifndef HOST_KEEPER_CLIENT_H
#define HOST_KEEPER_CLIENT_H

#include "keeper_proto.h"

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
