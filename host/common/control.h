/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the supervisor and its worker say to each other, over a SOCK_SEQPACKET pair. Both are of one
 * build and one machine, so structs travel as they are.
 *
 * The supervisor sends one message and waits, for a bounded time, for the answer: the same message
 * with @status filled in. CONTROL_READY is the worker's only unasked message.
 */
#ifndef HOST_CONTROL_H
#define HOST_CONTROL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "policy.h"
#include "sandbox.h"
#include "virtqueue.h"

/** The worker's end of the pair. */
#define CONTROL_FD 3

/** How long the worker lets operations finish when a queue stops, before it gives up (-EBUSY). */
#define CONTROL_DRAIN_MS 500
/**
 * How long the supervisor waits for answers, before it kills the worker: for all of those together
 * that one message of the front end needs, which waits for its own.
 */
#define CONTROL_ANSWER_MS 1000

enum control_type {
	CONTROL_SETUP = 1, /* setup; fds: the in-flight area, and what has_* says. Not answered */
	CONTROL_READY,	   /* ready: plugins are loaded and SETUP is done */
	CONTROL_MEM_ADD,   /* mem; fd. Queues may run */
	CONTROL_MEM_REMOVE,/* mem. All queues are stopped */
	CONTROL_VQ_START,  /* queue; fds: kick, call, where has_* says so */
	CONTROL_VQ_STOP,   /* queue.index: returns when nothing of it is in flight, or -EBUSY */
	CONTROL_VQ_CALL,   /* queue.index, has_call; fd: the new call eventfd */
	CONTROL_RESET,	   /* reset: frees all sessions and resources. All queues are stopped */
	CONTROL_AREA,	   /* reset; fd: another in-flight area; and as CONTROL_RESET */
	CONTROL_STATS,	   /* answered with stats */
	CONTROL_LIMIT,	   /* limit: it is another one from here on. Not answered */
	CONTROL_QUIT,	   /* exit cleanly; not answered */
	/* To a worker that several clients share, over the hub's channel (hub.h); and to their supervisors */
	CONTROL_SHARED,	   /* in place of the first SETUP: setup.verbose, setup.policy. Answered with READY */
	CONTROL_CLIENT,	   /* fd: a channel of another client, where its SETUP waits. Answered */
	CONTROL_WORKER,	   /* the first that comes over that channel, unasked: forked.pid; fd: its pidfd */
	/* To and from the forker (forker.h) */
	CONTROL_CONFINED,  /* unasked, at its start: status, confined */
	CONTROL_FORK,	   /* fd: the worker's CONTROL_FD. Answered with forked */
	CONTROL_SPARE,	   /* fd: another forker's CONTROL_FD. Answered with forked */
};

/** Operator's settings for the worker */
struct control_setup {
	uint32_t generation;
	bool verbose;
	bool has_keeper;
	bool has_model_dir;
	bool has_counters;
	struct policy policy;
};

struct control_mem {
	uint64_t gpa;
	uint64_t size;
	uint64_t uaddr;
	uint64_t offset;
};

struct control_queue {
	uint32_t index;
	bool has_kick;
	bool has_call;
	struct virtqueue_config config;
};

struct control_msg {
	uint32_t type;
	int32_t status; /* of answers: 0 or a negative errno value */
	union {
		struct control_setup setup;
		struct control_mem mem;
		struct control_queue queue;
		struct {
			uint32_t generation;
		} reset;
		struct {
			uint32_t rule;
			uint64_t value;
		} limit;
		struct {
			uint32_t sessions;
			uint32_t resources;
			uint32_t memories;
			uint64_t memory_bytes;
			/* bytes of segments, see struct vop_traffic */
			uint64_t in_place;
			uint64_t snapshot;
			uint64_t gathered;
			uint64_t written_back;
			uint64_t received; /* bytes of files, see struct host_files */
			uint64_t claimed;
			uint64_t kept;
		} stats;
		struct {
			char rundir[256]; /* of libvaccel, "" when it has none */
		} ready;
		struct sandbox_report confined;
		struct {
			uint32_t serial; /* the answer has that of its question */
			pid_t pid;
		} forked;
	};
};

#define CONTROL_MAX_FDS 4

/**
 * control_send() - sends a message; @fds, CONTROL_MAX_FDS at most, stay the caller's
 *
 * Does not wait: the other end's buffer holds far more than is ever under way. Return: 0 or -errno.
 */
int control_send(int sock, const struct control_msg *msg, const int *fds, unsigned int nr_fds);

/**
 * control_recv() - receives a message
 * @fds:        CONTROL_MAX_FDS entries; the caller's to close, -1 where none came
 * @timeout_ms: -1 waits for ever
 *
 * Return: 0, -ETIMEDOUT, -EPIPE when the other end is gone, -EPROTO (no whole message, or more than
 * one, bytes or descriptors), or another -errno.
 */
int control_recv(int sock, struct control_msg *msg, int *fds, int timeout_ms);

/** control_close() - closes what came with a message and was not taken: sets it to -1 */
void control_close(int *fds);

#endif
