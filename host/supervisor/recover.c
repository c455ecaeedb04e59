// SPDX-License-Identifier: Apache-2.0
#include "recover.h"

#include <endian.h>

unsigned int inflight_recover(struct virtqueue *vq, const struct memory *mem, uint32_t status)
{
	const struct virtio_accel_resp resp = { .status = htole32(status) };
	struct inflight_queue *log = vq->log;
	uint64_t push = atomic_load(&log->push);
	uint16_t head = (uint16_t)(push >> 32);
	unsigned int nr = 0;

	vq->used_idx = (uint16_t)atomic_load(&log->used_idx);
	if ((uint16_t)(push >> 48) == vq->used_idx && head < vq->size)
		virtqueue_push(vq, head, (uint32_t)push);

	for (uint16_t i = 0; i < vq->size; i++) {
		struct inflight_head *h = &log->heads[i];
		uint32_t len = 0;

		if (atomic_load(&h->state) == INFLIGHT_FREE)
			continue;
		if (h->resp_len >= sizeof(resp) &&
		    memory_write(mem, h->resp_addr, &resp, sizeof(resp)) == 0)
			len = sizeof(resp);
		virtqueue_push(vq, i, len);
		nr++;
	}
	vq->last_avail = (uint16_t)(vq->used_idx + vq->lost);
	return nr;
}
