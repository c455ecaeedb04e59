/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs one request of a guest: decodes its message, checks it, calls libvaccel, encodes the reply.
 * Knows nothing of virtqueues; host/worker/serve.c hands it requests whose addresses are translated.
 */
#ifndef HOST_DISPATCH_H
#define HOST_DISPATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "counters.h"
#include "quota.h"
#include "wire/codec.h"

struct dispatch;

/** A request of type VIRTIO_ACCEL_T_CALL. @message is a private copy that no guest can write. */
struct host_request {
	uint64_t context;
	const uint8_t *message;
	uint32_t message_len;
	uint64_t popped_ns; /* CLOCK_MONOTONIC, when it left the queue */
	const struct host_segment *segments;
	uint32_t nr_segments;
	uint8_t *reply;		  /* private memory, reply_cap bytes */
	uint32_t reply_cap;
	uint32_t reply_len;	  /* out: bytes written to reply */
	const char *malformed;	  /* out: what is wrong with the message (static), or NULL */
};

/** The operator's directories; -1 for those that there are not. */
struct host_dirs {
	int keeper; /* of models of several VMs, see keeper.h */
	int models; /* open, see models.h */
};

/** Bytes of the files of resources since the last reset. */
struct host_files {
	uint64_t received; /* sent by the guest */
	uint64_t claimed;  /* not sent: the cache had them */
	uint64_t kept;	   /* in memory, used by no resource */
};

/**
 * dispatch_new() - a VM's sessions and resources, all empty
 * @quota:     of the VM; stays the caller's, and is used until dispatch_delete()
 * @counters:  what is added to, or NULL; as @quota
 * @dirs:      copied; the descriptors stay the caller's, and open as long
 * @generation: counts the workers of this VM; ids of another generation are unknown ids
 *
 * Return: NULL when out of memory. libvaccel must be initialised.
 */
struct dispatch *dispatch_new(struct quota *quota, const struct host_dirs *dirs,
			      struct counters *counters, uint32_t generation);

/** dispatch_delete() - frees all sessions and resources; no call may be running */
void dispatch_delete(struct dispatch *d);

/**
 * dispatch_call() - runs one request to its end (may take as long as the plugin does)
 *
 * Any number of threads may call it at once. Return: status for struct virtio_accel_resp; the reply
 * (rq->reply_len bytes) is valid whatever the status.
 */
uint32_t dispatch_call(struct dispatch *d, struct host_request *rq);

enum dispatch_length { DISPATCH_SHORT, DISPATCH_UNKNOWN, DISPATCH_LONG, DISPATCH_WAITS };

/**
 * dispatch_length() - where this message may run
 *
 * Return: DISPATCH_SHORT, where it was popped, only for operations that were quick the last time in the
 * same session, and for the device's own bookkeeping. DISPATCH_LONG when it took at least
 * BACKGROUND_MS the last time, in this session, or in any if it is new to this one. DISPATCH_WAITS for one that
 * takes long because it waits for what others compute: where processors are scarce it is to come before them.
 * Cheap; does not wait for anything.
 */
enum dispatch_length dispatch_length(struct dispatch *d, const struct host_request *rq);

/**
 * dispatch_context_close() - frees the sessions and resources of a context
 *
 * Operations of that context that still run keep what they use until they end.
 */
void dispatch_context_close(struct dispatch *d, uint64_t context);

/** dispatch_traffic() - what became of the segments of all calls so far */
void dispatch_traffic(struct dispatch *d, struct vop_traffic *sum);

/** dispatch_count() - sessions and resources that exist now */
void dispatch_count(struct dispatch *d, uint32_t *sessions, uint32_t *resources);

/** dispatch_files() - see struct host_files */
void dispatch_files(struct dispatch *d, struct host_files *f);

#endif
