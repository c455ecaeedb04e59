/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Registered memory in the guest's plugin: what the transport has registered, and which segments of
 * a call lie in it. Any thread may call anything.
 */
#ifndef VIRTIO_MEMORY_H
#define VIRTIO_MEMORY_H

#include <stdbool.h>

#include "transport.h"
#include "vaccel/memory.h"

/** memory_open() - from now on until memory_close(), memory is that of a device */
void memory_open(struct transport *t);

/** memory_close() - the library has freed all memory; no call is running */
void memory_close(void);

/** memory_forget() - for the child of fork(): none of it is mapped */
void memory_forget(void);

/** memory_ops() - what allocates it, for the library; NULL when the device registers none */
const struct vaccel_mem_ops *memory_ops(void);

/**
 * memory_hold() - makes segments that lie in registered memory name it
 *
 * What they name is kept until memory_unhold(), also when the program frees it meanwhile. Takes no
 * lock; without any registered memory it costs next to nothing.
 */
void memory_hold(struct virtio_accel_user_segment *segments, uint32_t nr);

/** memory_unhold() - the device is done with segments that memory_hold() has seen */
void memory_unhold(const struct virtio_accel_user_segment *segments, uint32_t nr);

/**
 * memory_renew() - registers the memory of segments again: the device has lost it
 *
 * Return: 0 when the call can be sent again; VACCEL_E* when no more than a failure can be reported.
 */
int memory_renew(const struct virtio_accel_user_segment *segments, uint32_t nr);

#endif
