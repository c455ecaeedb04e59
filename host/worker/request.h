/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request from a virtqueue: from a descriptor chain to struct host_request, and the response
 * back. A struct request is large; each thread of the worker keeps one and uses it again.
 */
#ifndef HOST_REQUEST_H
#define HOST_REQUEST_H

#include <stdint.h>

#include "dispatch.h"
#include "join.h"
#include "registered.h"
#include "request_limits.h"
#include "uapi/linux/virtio_accel.h"
#include "virtqueue.h"

struct request {
	struct chain chain; /* to be filled in by virtqueue_pop() */
	struct virtio_accel_req header;
	struct host_request rq; /* valid after request_parse() of a VIRTIO_ACCEL_T_CALL */
	struct host_segment segments[REQUEST_MAX_SEGMENTS];
	struct iovec *runs;
	size_t max_runs; /* room in runs */
	const char *why; /* what is wrong with it where that can be told, or NULL */
	uint64_t room;	 /* bytes that further runs may name */
	uint32_t memory; /* what a VIRTIO_ACCEL_T_MEMORY_* is about; its pieces are segments[0] */
	struct registered *registered;
	struct joins *joins;
	struct registered_memory *held[REQUEST_MAX_SEGMENTS]; /* until request_finish() */
	uint32_t nr_held;
	struct iovec joined_run[REQUEST_MAX_SEGMENTS]; /* segments that were made one range */
	struct join *joined[REQUEST_MAX_SEGMENTS];     /* until request_finish() */
	uint32_t nr_joined;
	_Alignas(16) uint8_t message[REQUEST_MAX_MESSAGE];
	_Alignas(16) uint8_t reply[REQUEST_MAX_REPLY];
};

/** request_new() - Return: NULL when out of memory */
struct request *request_new(void);

/** request_delete() - NULL is fine */
void request_delete(struct request *r);

/**
 * request_parse() - checks r->chain and copies it out of guest memory
 * @t:     where registered memory is looked up and held
 * @joins: where segments in several pieces are made one
 *
 * Return: VIRTIO_ACCEL_S_OK, and r->header and r->rq are valid; otherwise the status to answer
 * with. Either way request_finish() comes next, sooner or later.
 */
uint32_t request_parse(struct request *r, const struct memory *mem, struct registered *t,
		       struct joins *joins);

/**
 * request_finish() - writes the response (with r->rq's reply, when it was parsed) to the guest
 *
 * The request's memory must not be touched any more: what is registered may be unmapped now.
 * Return: bytes written, for virtqueue_push(): 0 when the chain has no room for a response.
 */
uint32_t request_finish(struct request *r, uint32_t status);

#endif
