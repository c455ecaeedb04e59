// SPDX-License-Identifier: Apache-2.0
#include "virtqueue.h"

#include <endian.h>
#include <errno.h>
#include <linux/virtio_config.h>
#include <string.h>

static uint16_t load16(const void *p)
{
	return le16toh(__atomic_load_n((const uint16_t *)p, __ATOMIC_ACQUIRE));
}

static void store16(void *p, uint16_t v)
{
	__atomic_store_n((uint16_t *)p, htole16(v), __ATOMIC_RELEASE);
}

/*
 * The guest orders its own accesses to a request's memory: what one thread has completed, another may
 * get in a later request. The thread sanitizer sees this process only.
 */
#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
static char guest;
#define FROM_GUEST() __tsan_acquire(&guest)
#define TO_GUEST()   __tsan_release(&guest)
#else
#define FROM_GUEST() ((void)0)
#define TO_GUEST()   ((void)0)
#endif

static void *used_event_addr(const struct virtqueue *vq)
{
	return &vq->avail->ring[vq->size];
}

static void *avail_event_addr(const struct virtqueue *vq)
{
	return &vq->used->ring[vq->size];
}

int virtqueue_init(struct virtqueue *vq, const struct memory *mem,
		   const struct virtqueue_config *config, struct inflight_queue *log, bool fresh)
{
	uint64_t size = config->size;

	memset(vq, 0, sizeof(*vq));
	if (!size || size > QUEUE_MAX_SIZE || (size & (size - 1)) || config->base > UINT16_MAX)
		return -EINVAL;

	/* Both event fields are counted in, so that they can be read whatever the features. */
	vq->desc = memory_at_uaddr(mem, config->desc, size * sizeof(struct vring_desc));
	vq->avail = memory_at_uaddr(mem, config->avail, 4 + size * 2 + 2);
	vq->used = memory_at_uaddr(mem, config->used,
				   4 + size * sizeof(struct vring_used_elem) + 2);
	if (!vq->desc || !vq->avail || !vq->used)
		return -EFAULT;
	if ((uintptr_t)vq->desc % 16 || (uintptr_t)vq->avail % 2 || (uintptr_t)vq->used % 4)
		return -EINVAL;

	vq->size = (uint16_t)size;
	vq->event_idx = config->features >> VIRTIO_RING_F_EVENT_IDX & 1;
	vq->indirect = config->features >> VIRTIO_RING_F_INDIRECT_DESC & 1;
	vq->log = log;
	if (fresh)
		inflight_queue_init(log, virtqueue_used(vq));
	vq->last_avail = (uint16_t)config->base;
	vq->used_idx = (uint16_t)atomic_load(&log->used_idx);
	vq->lost = (uint16_t)(vq->last_avail - vq->used_idx);
	return 0;
}

uint16_t virtqueue_used(const struct virtqueue *vq)
{
	return load16(&vq->used->idx);
}

bool virtqueue_pending(const struct virtqueue *vq)
{
	return load16(&vq->avail->idx) != vq->last_avail;
}

/* What is known about a chain while it is walked. */
struct walk {
	const struct memory *mem;
	struct chain *chain;
	unsigned int nr_descs;
};

static const char *add_desc(struct walk *w, const struct vring_desc *d)
{
	struct chain *c = w->chain;
	uint64_t addr = le64toh(d->addr);
	uint32_t len = le32toh(d->len);
	bool writable = le16toh(d->flags) & VRING_DESC_F_WRITE;
	size_t nr;
	struct iovec *part;
	ssize_t n;

	if (++w->nr_descs > CHAIN_MAX_DESCS)
		return "a descriptor chain is too long or a loop";
	if (!writable && c->resp_len)
		return "a readable descriptor follows a writable one";
	if (!len)
		return "a descriptor is empty";

	/* Readable and writable parts must not grow together where they adjoin. */
	part = writable ? c->iov + c->nr_readable : c->iov;
	nr = writable ? c->nr_writable : c->nr_readable;
	n = memory_translate(w->mem, addr, len, part, nr,
			     CHAIN_MAX_IOV - (size_t)(part - c->iov));
	if (n < 0)
		return n == -EFAULT ? "a descriptor is outside of guest memory" :
				      "a descriptor chain is in too many pieces";
	if (writable) {
		if (!c->resp_len) {
			c->resp_addr = addr;
			c->resp_len = len;
		}
		c->nr_writable = (uint16_t)n;
		c->writable_len += len;
	} else {
		c->nr_readable = (uint16_t)n;
		c->readable_len += len;
	}
	return NULL;
}

/* Adds the descriptors of an indirect table, of which the chain keeps a private copy. */
static const char *add_table(struct walk *w, const struct vring_desc *d)
{
	struct vring_desc *table = w->chain->table;
	uint32_t len = le32toh(d->len);
	uint32_t nr = len / sizeof(*table), at = 0;
	const char *error;

	if (le16toh(d->flags) & VRING_DESC_F_NEXT)
		return "an indirect descriptor has a next one";
	if (!len || len % sizeof(*table) || nr > CHAIN_MAX_DESCS)
		return "an indirect table has a bad length";
	if (memory_read(w->mem, le64toh(d->addr), table, len))
		return "an indirect table is outside of guest memory";

	for (uint32_t steps = 0; steps < nr; steps++) {
		uint16_t flags = le16toh(table[at].flags);

		if (flags & VRING_DESC_F_INDIRECT)
			return "an indirect table within an indirect table";
		error = add_desc(w, &table[at]);
		if (error || !(flags & VRING_DESC_F_NEXT))
			return error;
		at = le16toh(table[at].next);
		if (at >= nr)
			return "a next index is outside of its indirect table";
	}
	return "a descriptor chain is too long or a loop";
}

static const char *walk_chain(const struct virtqueue *vq, struct walk *w)
{
	uint16_t at = w->chain->head;
	const char *error;

	for (uint32_t steps = 0; steps < vq->size; steps++) {
		struct vring_desc d;
		uint16_t flags;

		/* The one look at this descriptor; the guest may change it at any time. */
		memcpy(&d, &vq->desc[at], sizeof(d));
		__asm__ __volatile__("" : : : "memory");
		flags = le16toh(d.flags);

		if (flags & VRING_DESC_F_INDIRECT)
			return vq->indirect ? add_table(w, &d) :
					      "indirect descriptors were not negotiated";
		error = add_desc(w, &d);
		if (error || !(flags & VRING_DESC_F_NEXT))
			return error;
		at = le16toh(d.next);
		if (at >= vq->size)
			return "a next index is outside of the queue";
	}
	return "a descriptor chain is too long or a loop";
}

int virtqueue_pop(struct virtqueue *vq, const struct memory *mem, struct chain *chain)
{
	struct walk w = { mem, chain, 0 };
	uint16_t nr;

	if (vq->broken)
		return -1;
	nr = (uint16_t)(load16(&vq->avail->idx) - vq->last_avail);
	if (!nr)
		return 0;
	if (nr > vq->size) {
		vq->broken = "the available index jumped";
		return -1;
	}

	FROM_GUEST();
	chain->head = load16(&vq->avail->ring[vq->last_avail & (vq->size - 1)]);
	if (chain->head >= vq->size) {
		vq->broken = "an available descriptor is outside of the queue";
		return -1;
	}
	if (atomic_load(&vq->log->heads[chain->head].state) != INFLIGHT_FREE) {
		vq->broken = "a descriptor in use was made available again";
		return -1;
	}
	vq->last_avail++;

	chain->nr_readable = 0;
	chain->nr_writable = 0;
	chain->readable_len = 0;
	chain->writable_len = 0;
	chain->resp_addr = 0;
	chain->resp_len = 0;
	chain->error = walk_chain(vq, &w);
	return 1;
}

bool chain_read(const struct chain *chain, uint64_t skip, void *to, size_t len)
{
	const struct iovec *iov = chain->iov;
	uint8_t *p = to;

	if (chain->error || skip > chain->readable_len || len > chain->readable_len - skip)
		return false;
	for (; len; iov++) {
		size_t here;

		if (skip >= iov->iov_len) {
			skip -= iov->iov_len;
			continue;
		}
		here = iov->iov_len - skip < len ? iov->iov_len - skip : len;
		memcpy(p, (uint8_t *)iov->iov_base + skip, here);
		p += here;
		len -= here;
		skip = 0;
	}
	return true;
}

void virtqueue_track(struct virtqueue *vq, const struct chain *chain, uint64_t now_ns)
{
	struct inflight_head *h = &vq->log->heads[chain->head];

	h->op = 0;
	h->context = 0;
	h->start_ns = now_ns;
	h->resp_addr = chain->resp_addr;
	h->resp_len = chain->resp_len;
	atomic_store_explicit(&h->state, INFLIGHT_BUSY, memory_order_release);
	atomic_fetch_add_explicit(&vq->log->requests, 1, memory_order_relaxed);
}

/* Whether the guest asked to be notified of the step of the used index from old to vq->used_idx. */
static bool wants_notification(struct virtqueue *vq)
{
	uint16_t old = vq->signalled;
	bool valid = vq->signalled_valid;

	/* The used index must be visible before the guest's wish is read. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!vq->event_idx)
		return !(load16(&vq->avail->flags) & VRING_AVAIL_F_NO_INTERRUPT);

	vq->signalled = vq->used_idx;
	vq->signalled_valid = true;
	return !valid || vring_need_event(load16(used_event_addr(vq)), vq->used_idx, old);
}

bool virtqueue_push(struct virtqueue *vq, uint16_t head, uint32_t len)
{
	struct vring_used_elem *elem = &vq->used->ring[vq->used_idx & (vq->size - 1)];
	struct inflight_queue *log = vq->log;

	TO_GUEST();
	/* The steps and their order are described in inflight.h. */
	atomic_store(&log->push, inflight_push_word(vq->used_idx, head, len));
	elem->id = htole32(head);
	elem->len = htole32(len);
	atomic_store(&log->heads[head].state, INFLIGHT_FREE);
	vq->used_idx++;
	store16(&vq->used->idx, vq->used_idx);
	atomic_store(&log->used_idx, vq->used_idx);
	return wants_notification(vq);
}

void virtqueue_no_kicks(struct virtqueue *vq)
{
	/* With event indices the guest kicks only at the index that it was told. */
	if (!vq->event_idx)
		store16(&vq->used->flags, VRING_USED_F_NO_NOTIFY);
}

bool virtqueue_want_kicks(struct virtqueue *vq)
{
	if (vq->event_idx)
		store16(avail_event_addr(vq), vq->last_avail);
	else
		store16(&vq->used->flags, 0);
	/* The wish must be visible before the ring is looked at again. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return virtqueue_pending(vq);
}
