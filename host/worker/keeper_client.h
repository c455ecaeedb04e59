/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The worker's side of the keeper (keeper/keeper.h). All functions may be called from any thread, and
 * wait until the keeper is done, but not for ever: one that takes too long is not asked again. They
 * return 0 or a negative errno value; -EPIPE: the keeper is gone; -ETIMEDOUT: it does not answer.
 *
 * @sock is the socket that keeper_start() returned, here or in another process.
 */
#ifndef HOST_KEEPER_CLIENT_H
#define HOST_KEEPER_CLIENT_H

#include <stdbool.h>

#include "keeper_proto.h"

/** How long the keeper is waited for, and how much it has to read and write meanwhile */
#define KEEPER_WAIT_MS 5000
#define KEEPER_BYTES_PER_MS ((uint64_t)32 << 10)

/** keeper_is_silent() - whether it was given up: from then on it is as if there were none */
bool keeper_is_silent(void);

/**
 * keeper_key() - a key for a claim
 * @nonce: KEEPER_NONCE_SIZE bytes, for the claim
 * @key:   receives POSSESSION_KEY_SIZE bytes. The keeper chooses them: with a key of its own, the
 *         worker could make tags of what it does not have.
 */
int keeper_key(int sock, const uint8_t *nonce, uint8_t *key);

/** Sealed memory that the keeper has given */
struct keeper_memory {
	int fd;	     /* for reading, the caller's; -1: none */
	uint64_t id; /* for keeper_drop(); 0: nobody else has it */
};

/**
 * keeper_insert() - keeps the sealed memory @from of @size bytes; see cache_dir_insert()
 * @same: receives, whatever is returned, the memory in which other clients have the same, if there is any
 */
int keeper_insert(int sock, int from, uint64_t size, struct keeper_memory *same);

/** keeper_claim() - gives memory of @size bytes that has the tag; -ENOENT: there is none */
int keeper_claim(int sock, const uint8_t *nonce, const uint8_t *tag, uint64_t size, struct keeper_memory *memory);

/** keeper_drop() - memory that was given is not used any more */
void keeper_drop(int sock, uint64_t id);

/** keeper_begin() - nor is any that this process's predecessor was given; does not wait */
void keeper_begin(int sock);

#endif
