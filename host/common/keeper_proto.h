/* SPDX-License-Identifier: Apache-2.0 */
/* What worker (keeper_client.h) and keeper say to each other; both are of one build. */
#ifndef HOST_KEEPER_PROTO_H
#define HOST_KEEPER_PROTO_H

#include <stdint.h>

#include "wire/possession.h"

#define KEEPER_NONCE_SIZE 16

enum keeper_type {
	KEEPER_KEY = 1,
	KEEPER_INSERT, /* fd: the memory. Answer: whatever the status, perhaps the same in other memory */
	KEEPER_CLAIM,  /* Answer: memory */
	KEEPER_DROP,   /* memory of an answer with this @id is no longer used. No answer */
	KEEPER_BEGIN,  /* nor is any that a worker got before. No answer */
};

/**
 * A request; its first fd is the socket for the answer, which is the same struct, with a descriptor of sealed memory
 * where one is given.
 */
struct keeper_msg {
	uint32_t type;
	int32_t status; /* of answers */
	uint64_t size;
	uint64_t id; /* of memory that others have, too; 0: it is the worker's alone */
	uint8_t nonce[KEEPER_NONCE_SIZE];
	uint8_t tag[POSSESSION_TAG_SIZE];
	uint8_t key[POSSESSION_KEY_SIZE];
};

#define KEEPER_MAX_FDS 2

#endif
