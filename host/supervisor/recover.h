/* SPDX-License-Identifier: Apache-2.0 */
/* Completing what a dead worker left behind, from the record that inflight.h describes. */
#ifndef HOST_RECOVER_H
#define HOST_RECOVER_H

#include "memory.h"
#include "virtqueue.h"

/**
 * inflight_recover() - completes what a dead worker left behind
 * @vq:     the supervisor's own view of the queue; its log is the dead worker's. Left as if this
 *          process had served the queue: last_avail and used_idx are right for the next worker.
 * @mem:    to reach the responses
 * @status: VIRTIO_ACCEL_S_* that each lost request gets
 *
 * Return: the number of requests completed. The caller signals the guest.
 */
unsigned int inflight_recover(struct virtqueue *vq, const struct memory *mem, uint32_t status);

#endif
