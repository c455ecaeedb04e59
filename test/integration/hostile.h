/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the hostile guest and the hostile front end share: requests of any content, and another VM
 * that must notice nothing. What fails in itself ends the test.
 */
#ifndef TEST_HOSTILE_H
#define TEST_HOSTILE_H

#include <endian.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "plugins/virtio/transport.h"
#include "raw_front.h"
#include "support.h"

#define HOSTILE_FEATURES                                                                         \
	(RAW_FEATURES | 1ull << VIRTIO_RING_F_EVENT_IDX | 1ull << VIRTIO_RING_F_INDIRECT_DESC)
#define HOSTILE_SEGMENTS 4

/** struct hostile_message - a request under construction; all of it may be changed by hand */
struct hostile_message {
	uint32_t type;
	uint64_t context;
	uint32_t len;
	uint32_t nr_segments;
	struct virtio_accel_segment segments[HOSTILE_SEGMENTS];
	struct virtio_accel_run runs[HOSTILE_SEGMENTS];
	_Alignas(8) uint8_t bytes[8192];
};

/** hostile_begin() - a call of @op in context 1; then values, then buffers are added */
void hostile_begin(struct hostile_message *m, uint16_t op, uint64_t session);
void hostile_value(struct hostile_message *m, uint64_t value);
/** hostile_buffer() - @bytes: what follows an inline input, NULL for an output */
void hostile_buffer(struct hostile_message *m, uint32_t where, uint64_t len, uint64_t ref,
		    const void *bytes);
/** hostile_segment() - a segment of one run */
void hostile_segment(struct hostile_message *m, uint64_t addr, uint64_t len, uint32_t flags);

/** hostile_build() - writes the request at RAW_IN. Return: its length. */
uint32_t hostile_build(struct raw_front *r, const struct hostile_message *m);

/**
 * hostile_send() - sends it with @room bytes at RAW_OUT for the answer, see raw_resp()
 *
 * Checks that there is one, if it fits, and that nothing is written behind it.
 */
void hostile_send(struct raw_front *r, const struct hostile_message *m, uint32_t room);

/**
 * hostile_chain() - a chain of two descriptors on queue 0: @len bytes at @in, 4 KiB at @out
 *
 * Return: the status at RAW_OUT, or -1 when the device says that it has written nothing.
 */
int64_t hostile_chain(struct raw_front *r, uint64_t in, uint32_t len, uint64_t out);

/** hostile_share_two() - guest memory as two regions: [0, @half), and what is at @far behind it */
void hostile_share_two(struct raw_front *r, size_t half, size_t far);

/** hostile_resource() - an empty resource. Return: its id. */
uint64_t hostile_resource(struct raw_front *r, uint64_t context, uint32_t path_type);

/** hostile_add() - adds a file of @size bytes to a resource. Return: the status. */
uint32_t hostile_add(struct raw_front *r, uint64_t context, uint64_t resource, uint64_t size,
		     const char *name);

/** hostile_file() - a resource with one file of @size bytes. Return: its id. */
uint64_t hostile_file(struct raw_front *r, uint64_t context, uint64_t size);

/** hostile_count() - how often @what is in @text */
unsigned int hostile_count(const char *text, const char *what);

/** struct other_vm - somebody else, at a vhost-user-accel of their own */
struct other_vm {
	struct transport *t;
	uint64_t session;
};

void other_vm_open(struct other_vm *vm, const char *socket);
void other_vm_close(struct other_vm *vm);

/** other_vm_expect_served() - a call of its old session works */
void other_vm_expect_served(struct other_vm *vm);

#endif
