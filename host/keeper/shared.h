/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sealed memory that a keeper gives to its worker: where there is a store (store_client.h), the same for all
 * clients that have the same bytes. What others have brought is not believed: it is given for the same bytes, or
 * for a tag that it has. All functions may be called from any thread.
 */
#ifndef HOST_SHARED_H
#define HOST_SHARED_H

#include <stdint.h>

/** What the worker gets */
struct shared {
	int fd;	     /* for reading, the caller's; -1: nothing */
	uint64_t id; /* for store_drop(); 0: it is the worker's alone */
};

/** shared_make() - fresh memory, all zero. Return: a descriptor, or a negative errno value */
int shared_make(uint64_t size);

/**
 * shared_insert() - the memory in which all clients have these bytes
 * @from: sealed memory; stays the caller's
 *
 * If nobody has them yet, it is a copy: the memory of @from may be charged to somebody who may go.
 * Return: 0, or a negative errno value: there is none for all; -EPIPE: there is no store.
 */
int shared_insert(int from, uint64_t size, struct shared *to);

/**
 * shared_finish() - seals what shared_make() has made, and which is full now; then as shared_insert(), but
 * nothing is copied, and without a store the worker gets it for itself alone
 * @fd: taken over
 */
int shared_finish(int fd, uint64_t size, struct shared *to);

/**
 * shared_claim() - memory of which the claimant has this tag
 * @key: and @tag: see wire/possession.h
 *
 * Return: 0, -ENOENT: there is none, or another negative errno value.
 */
int shared_claim(const uint8_t *key, const uint8_t *tag, uint64_t size, struct shared *to);

#endif
