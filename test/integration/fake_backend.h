/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A vhost-user back end in a thread of the test, which can be told to misbehave in ways that
 * vhost-user-accel never should. Its device answers each call with the message itself as reply, and
 * flips all bits of each segment that it may write.
 */
#ifndef TEST_FAKE_BACKEND_H
#define TEST_FAKE_BACKEND_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "uapi/linux/virtio_accel.h"

#define FAKE_STATUS	7	/* of each response */

/* What it does wrong, with the first request that is a call */
enum fake_fault {
	FAKE_FAULT_NONE,
	FAKE_FAULT_USED_ID,	/* uses a chain that it was not given */
	FAKE_FAULT_USED_RANGE,	/* uses a chain that does not exist */
	FAKE_FAULT_USED_TWICE,	/* uses the right chain twice */
	FAKE_FAULT_USED_LEN,	/* says it has written more than there is room for */
	FAKE_FAULT_SHORT,	/* has written less than a response */
	FAKE_FAULT_REPLY_LEN,	/* the reply is longer than what was written */
	FAKE_FAULT_REPLY_HUGE,	/* the reply's length is the largest number */
	FAKE_FAULT_CLOSE,	/* closes the socket instead of an answer */
	FAKE_FAULT_TALK,	/* sends an unasked message instead of an answer */
};

struct fake_options {
	uint64_t features;		/* offered; 0: all that it knows */
	uint64_t protocol_features;	/* likewise; all bits set: none */
	struct virtio_accel_config config; /* all 0: a good one */
	bool mute;			/* accepts the connection and says nothing */
	bool refuse_memory;		/* answers SET_MEM_TABLE with a failure */
	bool hold;			/* keeps requests until fake_release() */
	bool ignore_close;		/* keeps requests to close a context for ever */
	unsigned int batch;		/* answers this many calls at a time, last first */
	enum fake_fault fault;
};

struct fake_ring {
	uint32_t size;
	uint16_t last_avail;
	bool enabled;
	int kick, call;
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
};

struct fake_backend {
	struct fake_options options;
	char path[108];
	pthread_t thread;
	int listener;
	int stop_fd;
	int conn;
	uint64_t features, protocol_features;
	char *mem;			/* its own mapping of the guest's memory */
	uint64_t mem_size, guest_base, user_base;
	struct fake_ring rings[VIRTIO_ACCEL_MAX_QUEUES];
	bool faulted;
	atomic_uint held;		/* calls taken and not answered */
	atomic_bool released;
	/* For the test to look at when the connection has ended */
	atomic_uint calls, closes, connections, memory_flips;
	atomic_bool gone;		/* the front end has closed the connection */
};

/** fake_start() - listens on a new socket, whose name is in f->path; fails the test on errors */
void fake_start(struct fake_backend *f, const struct fake_options *options);

/** fake_release() - answers what is held, and holds no more */
void fake_release(struct fake_backend *f);

/** fake_stop() - closes everything and ends the thread */
void fake_stop(struct fake_backend *f);

#endif
