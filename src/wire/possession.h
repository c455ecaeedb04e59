/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proof that one holds all bytes of a file: a tag over its content under a key that nobody knew before.
 * The guest's plugin makes tags, the host checks them. docs/virtio-accel.md, section 6.6.1.
 *
 * The tag is Poly1305's. Each key is used once and comes from the host, so a tag tells nothing about
 * later ones, and the key says nothing that could stand in for the content.
 */
#ifndef WIRE_POSSESSION_H
#define WIRE_POSSESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define POSSESSION_KEY_SIZE 32
#define POSSESSION_TAG_SIZE 16

struct possession;

/**
 * possession_begin() - starts a tag
 * @key: POSSESSION_KEY_SIZE bytes
 *
 * Return: to be ended with possession_end(); NULL when libcrypto has no memory or no Poly1305. One
 * thread at a time.
 */
struct possession *possession_begin(const uint8_t *key);

/** possession_add() - the next @size bytes of the content. Return: false when libcrypto fails */
bool possession_add(struct possession *p, const void *data, size_t size);

/**
 * possession_end() - frees it
 * @tag: receives POSSESSION_TAG_SIZE bytes; NULL when nobody wants them
 *
 * Return: false when there is no tag.
 */
bool possession_end(struct possession *p, uint8_t *tag);

#endif
