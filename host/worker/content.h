/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Contents of the guests' larger files: memory that is written once and then sealed, so that neither
 * a guest nor a plugin can change it any more. Resources of the same content share it. What no
 * resource uses any longer is kept for a while, and given to those who prove that they hold it (see
 * wire/possession.h); with a keeper also to those of other VMs.
 *
 * All functions may be called from any thread.
 */
#ifndef HOST_CONTENT_H
#define HOST_CONTENT_H

#include <stdbool.h>
#include <stdint.h>

#include "keeper_client.h"

struct content_cache;
struct content;

/** What a claim has to answer. */
struct content_challenge {
	uint8_t nonce[KEEPER_NONCE_SIZE];
	uint8_t key[POSSESSION_KEY_SIZE];
};

/**
 * content_cache_new() - the cache of one VM
 * @max_bytes: memory of all contents, used and kept; 0: no cache
 * @keeper:    see keeper_start(), stays the caller's: keep them in its directory instead; -1: none
 *
 * Return: NULL when out of memory.
 */
struct content_cache *content_cache_new(uint64_t max_bytes, int keeper);

/** content_cache_delete() - frees all that is kept; no content may be in use */
void content_cache_delete(struct content_cache *cache);

/**
 * content_new() - memory for a file of @size bytes, all zero
 *
 * Return: to be given back with content_put(); NULL when there is no cache, or no room in it for one
 * more: the file is to be kept otherwise.
 */
struct content *content_new(struct content_cache *cache, uint64_t size);

/**
 * content_charge() - before the first byte is written: counts the memory, for which what is kept
 * makes room
 *
 * Return: false when there is no room; the content is to be given back.
 */
bool content_charge(struct content_cache *cache, struct content *c);

/** content_fd() - its file descriptor, as long as the caller has the content */
int content_fd(const struct content *c);

/** content_put() - the caller uses it no more; NULL is allowed */
void content_put(struct content_cache *cache, struct content *c);

/**
 * content_publish() - seals a content, and lets others have it
 *
 * The caller is the only one who writes to it, and does not any more. Repeated: does nothing.
 */
void content_publish(struct content_cache *cache, struct content *c);

/**
 * content_may_claim() - whether it is worth proving to hold a file of this size
 *
 * With a directory always, so that nobody learns of which sizes the files of other VMs are.
 */
bool content_may_claim(struct content_cache *cache, uint64_t size);

/** content_challenge() - a new challenge. Return: 0, ENOENT: not worth it, EIO. */
int content_challenge(struct content_cache *cache, uint64_t size, struct content_challenge *ch);

/**
 * content_claim() - fills a content from the cache
 * @c:   in: of the right size, still all zero; out: perhaps another one, which others have, too
 * @ch:  used for this claim only
 * @tag: POSSESSION_TAG_SIZE bytes: what the claimant made of the file with the challenge's key
 *
 * Return: 0, ENOENT when there is nothing with this tag (then @c is as it was), ENOMEM, EIO.
 */
int content_claim(struct content_cache *cache, struct content **c,
		  const struct content_challenge *ch, const uint8_t *tag);

/** content_limit() - drops what is unused, oldest first, until at most @bytes of it are left */
void content_limit(struct content_cache *cache, uint64_t bytes);

/** content_kept() - bytes in memory that no resource uses */
uint64_t content_kept(struct content_cache *cache);

#endif
