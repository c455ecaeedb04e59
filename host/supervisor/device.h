/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The supervisor's picture of one VM's device: its memory, its queues, and the worker that serves
 * them. What the front end asks for is kept here and handed to the worker; when the worker dies,
 * requests in flight are completed and a new one is told all of it again.
 *
 * Single-threaded. No function takes longer than the bounds in control.h and child.c; all that is asked
 * of the worker in one turn of the supervisor's loop has one such bound, see device_worker_begin().
 */
#ifndef HOST_DEVICE_H
#define HOST_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "child.h"
#include "cleaner.h"
#include "counters.h"
#include "inflight.h"
#include "memory.h"
#include "restarts.h"
#include "virtqueue.h"

struct device_options {
	struct forker *forker; /* who starts the worker; NULL: the hub has one that is shared */
	struct cleaner *cleaner; /* removes what it leaves */
	int hub;		   /* where to ask for a place in the shared worker (hub.h), or -1 */
	unsigned int num_queues;   /* 1..VIRTIO_ACCEL_MAX_QUEUES */
	unsigned int op_timeout_s; /* 0: operations may take for ever */
	int keeper;		   /* -1: none; stays the caller's, as model_dir */
	int connector;		   /* for the forker, which has it from then on; -1: none */
	int model_dir;		   /* -1: none */
	int counters;		   /* of the client, for workers to add to; -1: nobody wants them */
	struct control_setup setup;
};

struct device_queue {
	struct virtqueue_config config; /* config.base: where to go on */
	bool has_addr;
	bool kicked;  /* has a kick fd, or was told that there is none: started */
	bool enabled;
	bool running; /* the rings are being served, or will be by the next worker */
	int kick;
	int call;
	int err;
	bool adopted; /* the area says how the last supervisor left the rings */
	uint32_t stopped_at;  /* the base that the front end was last told */
	struct virtqueue vq;  /* valid while running */
};

struct device {
	struct device_options opts;
	char client[64]; /* whose it is, for the statistics */
	struct memory mem;
	struct device_queue queues[VIRTIO_ACCEL_MAX_QUEUES];
	uint64_t features;
	bool protocol_features; /* VHOST_USER_F_PROTOCOL_FEATURES was acknowledged */

	struct inflight_area *area;
	int area_fd;
	bool area_shared; /* the front end has it, too */
	bool area_untold; /* the worker has another one */
	struct counters *counters; /* NULL: nobody wants them */
	uint64_t counted_ms; /* when they were last brought up to date */
	struct quota quota; /* for refusals of the supervisor's own, and the names of things */
	struct child worker;
	uint64_t untold_limits; /* bit per rule that the worker does not know of yet */
	/* What dead workers left that the cleaner has not removed yet, the oldest first */
	struct device_leftover {
		uint64_t files, bytes;
	} leftovers[CLEANER_MAX_PENDING];
	unsigned int nr_leftovers;
	uint64_t leftover_since_ms; /* when the last was added */
	uint64_t requests_at_reset;
	struct restarts restarts;
	bool has_left; /* the shared worker, for ever */
	uint64_t bad_messages; /* of front ends, refused */
	uint64_t failures;     /* of this front end's, each with a line of its own */
	uint64_t away_ms;	/* when the last one died */
	uint64_t last_check_ms; /* of operations' time limit */
	uint64_t turn_ms, turn_end_ms; /* of the supervisor's loop, the last one */
	uint64_t deadline_ms;	/* for all that this turn asks the worker; 0: none */
};

/**
 * device_init() - makes the device and starts its first worker, see device_worker_await_first()
 *
 * Return: 0, or an exit status (sysexits.h) after logging what the operator can do. Either way
 * device_exit() is to be called.
 */
int device_init(struct device *dev, const struct device_options *opts);

/** device_exit() - stops the worker cleanly and frees everything */
void device_exit(struct device *dev);

/** device_config() - bytes of the configuration space; those beyond its end are 0 */
void device_config(const struct device *dev, uint32_t offset, uint8_t *to, uint32_t len);

/**
 * device_name_client() - whose it is, where one service has several clients
 * @name: without what a string of JSON cannot have in it
 */
void device_name_client(struct device *dev, const char *name);

/** device_disconnect() - the front end is gone: forgets all that it said, frees what guests had */
void device_disconnect(struct device *dev);

/** device_reset() - stops and disables all queues, frees sessions and resources */
void device_reset(struct device *dev);

/*
 * What the front end asks for. All return 0 or a negative errno value, and may be repeated. Indices
 * are checked by the caller. fds are taken over in every case.
 */
void device_set_features(struct device *dev, uint64_t features, bool protocol_features);
int device_add_region(struct device *dev, const struct control_mem *region, int fd);
int device_remove_region(struct device *dev, const struct control_mem *region);
int device_set_regions(struct device *dev, const struct control_mem *regions, int *fds,
		       unsigned int nr);
int device_set_queue_size(struct device *dev, unsigned int index, uint32_t size);
int device_set_queue_addr(struct device *dev, unsigned int index, uint64_t desc, uint64_t avail,
			  uint64_t used);
int device_set_queue_base(struct device *dev, unsigned int index, uint32_t base);
int device_set_queue_kick(struct device *dev, unsigned int index, int fd);
int device_set_queue_call(struct device *dev, unsigned int index, int fd);
int device_set_queue_err(struct device *dev, unsigned int index, int fd);
int device_enable_queue(struct device *dev, unsigned int index, bool enable);

/**
 * device_share_inflight() - the front end keeps the record of requests in flight
 *
 * Return: its descriptor, of sizeof(struct inflight_area) bytes; it stays the device's.
 */
int device_share_inflight(struct device *dev);

/**
 * device_adopt_inflight() - goes on with the record that the front end has kept
 *
 * What the last supervisor had in flight is answered when the queues start. Return: 0 or a negative
 * errno value, which was logged: the queues cannot be started.
 */
int device_adopt_inflight(struct device *dev, int fd);

/** device_stop_queue() - stops a ring. Return: the index of the next available entry. */
uint32_t device_stop_queue(struct device *dev, unsigned int index);

#endif
