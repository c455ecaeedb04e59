/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A front end without manners: connects to vhost-user-accel as a VM would, and then lets the test
 * put any bytes into requests and rings. Used by one thread. What fails in itself ends the test.
 */
#ifndef TEST_RAW_FRONT_H
#define TEST_RAW_FRONT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plugins/virtio/native_mem.h"
#include "plugins/virtio/native_proto.h"
#include "plugins/virtio/vring_driver.h"
#include "uapi/linux/virtio_accel.h"

#define RAW_MEMORY	((size_t)64 << 20)
#define RAW_QUEUES	2
#define RAW_SIZE	64

/* Guest memory: the rings are at its start, and then places for the test to use, as offsets */
#define RAW_IN		0x100000u	/* 1 MiB for what the device reads */
#define RAW_OUT		0x200000u	/* 1 MiB for what the device writes */
#define RAW_DATA	0x400000u	/* segments, to the end */

#define RAW_FEATURES	(1ull << 32 | 1ull << VU_F_PROTOCOL_FEATURES)

struct raw_queue {
	struct vring_driver vr;
	int kick, call;
};

struct raw_front {
	struct vu_conn conn;
	uint64_t features;	/* acknowledged */
	struct native_mem mem;
	struct raw_queue queues[RAW_QUEUES];
	unsigned int use;	/* queue of raw_send() and all that is built on it */
	uint32_t status;	/* of raw_expect_alive()'s last try */
};

/**
 * raw_connect() - connects and negotiates; neither memory nor queues
 * @features: to acknowledge, as far as they are offered
 */
void raw_connect(struct raw_front *r, const char *socket, uint64_t features);

/** raw_share() - makes guest memory and shares it */
void raw_share(struct raw_front *r);

/** raw_start_queue() - makes a ring anew and starts it */
void raw_start_queue(struct raw_front *r, unsigned int index);

/** raw_open() - all three, with RAW_QUEUES queues */
void raw_open(struct raw_front *r, const char *socket, uint64_t features);

/**
 * raw_reconnect() - connects, negotiates and shares the same memory again, after vu_close(&r->conn)
 */
void raw_reconnect(struct raw_front *r, const char *socket);

/**
 * raw_resume_queue() - starts a ring as it is
 * @base: where the device is to go on
 */
void raw_resume_queue(struct raw_front *r, unsigned int index, uint16_t base);

/** raw_close() - closes the connection, without a word to the device; frees everything */
void raw_close(struct raw_front *r);

/** raw_at() - a place in guest memory */
void *raw_at(struct raw_front *r, size_t offset);

/** raw_guest() - its guest-physical address */
uint64_t raw_guest(size_t offset);

/** raw_kick() - notifies the device of a queue, whether it wants that or not */
void raw_kick(struct raw_front *r, unsigned int index);

/**
 * raw_wait() - waits for the next used chain of a queue
 * @token: as given to vring_driver_add() or _publish(); may be NULL
 *
 * Return: the bytes that the device says it has written, or -1 when nothing comes in @timeout_ms.
 */
int64_t raw_wait(struct raw_front *r, unsigned int index, int timeout_ms, void **token);

/**
 * raw_send() - sends @len bytes at RAW_IN, with @room bytes at RAW_OUT for the answer
 *
 * Return: as raw_wait(), with a generous time limit.
 */
int64_t raw_send(struct raw_front *r, uint32_t len, uint32_t room);

/** raw_resp() - a copy of the response at RAW_OUT */
struct virtio_accel_resp raw_resp(struct raw_front *r);

/**
 * raw_build() - writes a call at RAW_IN
 * @req:      copied; its counts and message length are not touched
 * @segments: req->nr_segments entries, as are @runs
 *
 * Return: its length.
 */
uint32_t raw_build(struct raw_front *r, const struct virtio_accel_req *req,
		   const struct virtio_accel_segment *segments,
		   const struct virtio_accel_run *runs, const void *message, size_t message_len);

/**
 * raw_session() - opens a session in context 1
 * @id: receives its id; may be NULL
 *
 * Return: the status.
 */
uint32_t raw_session(struct raw_front *r, uint64_t *id);

/** raw_session_message() - a message that opens a session, for those who send it themselves */
size_t raw_session_message(void *to);

/** raw_expect_alive() - checks that the device serves calls */
void raw_expect_alive(struct raw_front *r);

#endif
