/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Registered memory in the guest's plugin: what the transport has registered, and which segments of
 * a call lie in it. Any thread may call anything.
 */
#ifndef VIRTIO_MEMORY_H
#define VIRTIO_MEMORY_H

#include <stdbool.h>

#include "link.h"
#include "vaccel/memory.h"

/** memory_forget() - for the child of fork(): none of it is mapped */
void memory_forget(void);

/** memory_ops() - what allocates it, for the library; NULL when the present device registers none */
const struct vaccel_mem_ops *memory_ops(void);

/**
 * memory_hold() - makes segments that lie in memory registered with a connection name it
 *
 * What was registered with another one, which is lost, is memory like any other.
 * What they name is kept until memory_unhold(), also when the program frees it meanwhile. Takes no
 * lock; without any registered memory it costs next to nothing.
 */
void memory_hold(const struct remote_link *l, struct virtio_accel_user_segment *segments, uint32_t nr);

/** memory_unhold() - the device is done with segments that memory_hold() has seen */
void memory_unhold(const struct virtio_accel_user_segment *segments, uint32_t nr);

/**
 * memory_renew() - registers the memory of segments again: the device has lost it
 *
 * Return: 0 when the call can be sent again; VACCEL_E* when no more than a failure can be reported.
 */
int memory_renew(const struct virtio_accel_user_segment *segments, uint32_t nr);

#endif
