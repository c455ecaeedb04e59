// SPDX-License-Identifier: Apache-2.0
#include "registered.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "log.h"
#include "range.h"
#include "uapi/linux/virtio_accel.h"
#include "vaccel/memory.h"

#define BUCKETS 256

struct registered_memory {
	struct registered_memory *next; /* in its bucket */
	uint64_t context;
	uint32_t id;
	_Atomic uint32_t holds; /* the table's and those of requests; more only under the lock */
	uint8_t *base;
	uint64_t size;
	size_t nr_mapped; /* pieces that are mapped a second time, as range */
	struct range range;
};

struct registered {
	pthread_mutex_t lock; /* never held while something is mapped or unmapped */
	struct registered_memory *buckets[BUCKETS];
	uint32_t nr;
	uint64_t bytes, max_bytes; /* of all that is not unmapped yet, like @pieces */
	size_t pieces;
};

struct registered *registered_new(void)
{
	struct registered *t = calloc(1, sizeof(*t));

	if (t)
		pthread_mutex_init(&t->lock, NULL);
	return t;
}

static struct registered_memory **bucket(struct registered *t, uint64_t context, uint32_t id)
{
	return &t->buckets[(context * 31 + id) % BUCKETS];
}

/* Under lock. */
static struct registered_memory **find(struct registered *t, uint64_t context, uint32_t id)
{
	struct registered_memory **link = bucket(t, context, id);

	while (*link && ((*link)->context != context || (*link)->id != id))
		link = &(*link)->next;
	return link;
}

/* ---- Mapping -------------------------------------------------------------------------------- */

/* Tells the operator what the guest cannot know. */
static void report(const struct registered_memory *m, size_t nr, uint64_t page)
{
	static _Atomic uint64_t times;
	uint64_t now = atomic_fetch_add(&times, 1) + 1;

	log_line(log_is_due(now) ? LOG_LEVEL_WARN : LOG_LEVEL_INFO,
		 "%" PRIu64 " bytes of the guest in %zu pieces cannot be registered: its memory is in pages "
		 "of %" PRIu64 " KiB, and the pieces do not consist of whole ones (%" PRIu64 " so far)",
		 m->size, nr, page / 1024, now);
}

/* Makes one range of the pieces. */
static uint32_t map_pieces(struct registered_memory *m, const struct memory *mem,
			   const struct iovec *pieces, size_t nr)
{
	uint64_t page;

	if (nr == 1) {
		m->base = pieces[0].iov_base;
		return VIRTIO_ACCEL_S_OK;
	}
	page = range_page(mem, pieces, nr);
	if (!range_is_possible(pieces, nr, page)) {
		if (!mem->nr_huge)
			return VIRTIO_ACCEL_S_NOMEM;
		report(m, nr, page);
		return VIRTIO_ACCEL_S_ADDRNOTAVAIL;
	}
	if (!range_map(&m->range, mem, pieces, nr, m->size, page))
		return VIRTIO_ACCEL_S_NOMEM;
	m->base = m->range.base;
	/* As guest memory itself */
	madvise(m->range.area, m->range.area_len, MADV_DONTDUMP);
	madvise(m->range.area, m->range.area_len, MADV_DONTFORK);
	return VIRTIO_ACCEL_S_OK;
}

static void unmap(struct registered *t, struct registered_memory *m)
{
	vaccel_mem_withdraw(m->base, m->size);
	if (m->nr_mapped)
		range_unmap(&m->range);
	pthread_mutex_lock(&t->lock);
	t->bytes -= m->size;
	t->pieces -= m->nr_mapped;
	pthread_mutex_unlock(&t->lock);
	free(m);
}

/* ---- The table ------------------------------------------------------------------------------ */

/* Counts a registration before it is mapped. */
static uint32_t reserve(struct registered *t, const struct registered_memory *m)
{
	uint32_t status = VIRTIO_ACCEL_S_OK;
	uint64_t bytes;

	pthread_mutex_lock(&t->lock);
	if (t->nr == REGISTERED_MAX)
		status = VIRTIO_ACCEL_S_USERS;
	else if (__builtin_add_overflow(t->bytes, m->size, &bytes) || bytes > t->max_bytes ||
		 m->nr_mapped > REGISTERED_MAX_PIECES - t->pieces)
		status = VIRTIO_ACCEL_S_NOMEM;
	if (!status) {
		t->nr++;
		t->bytes = bytes;
		t->pieces += m->nr_mapped;
	}
	pthread_mutex_unlock(&t->lock);
	return status;
}

static void unreserve(struct registered *t, struct registered_memory *m)
{
	pthread_mutex_lock(&t->lock);
	t->nr--;
	t->bytes -= m->size;
	t->pieces -= m->nr_mapped;
	pthread_mutex_unlock(&t->lock);
	free(m);
}

uint32_t registered_add(struct registered *t, const struct memory *mem, uint64_t context, uint32_t id,
			const struct iovec *pieces, size_t nr)
{
	struct registered_memory *m = calloc(1, sizeof(*m)), **link;
	uint32_t status;

	if (!m)
		return VIRTIO_ACCEL_S_NOMEM;
	m->context = context;
	m->id = id;
	m->holds = 1;
	m->nr_mapped = nr == 1 ? 0 : nr;
	for (size_t i = 0; i < nr; i++)
		m->size += pieces[i].iov_len;
	status = reserve(t, m);
	if (status) {
		free(m);
		return status;
	}
	status = map_pieces(m, mem, pieces, nr);
	if (status) {
		unreserve(t, m);
		return status;
	}
	if (vaccel_mem_announce(m->base, m->size)) {
		if (m->nr_mapped)
			range_unmap(&m->range);
		unreserve(t, m);
		return VIRTIO_ACCEL_S_NOMEM;
	}

	pthread_mutex_lock(&t->lock);
	link = find(t, context, id);
	if (*link) {
		status = VIRTIO_ACCEL_S_EXIST;
		t->nr--;
	} else {
		*link = m;
	}
	pthread_mutex_unlock(&t->lock);
	if (status)
		unmap(t, m);
	return status;
}

/* Takes *link out. Return: what is to be unmapped, or NULL when it is still held. Under lock. */
static struct registered_memory *take_out(struct registered *t, struct registered_memory **link)
{
	struct registered_memory *m = *link;

	*link = m->next;
	t->nr--;
	return atomic_fetch_sub(&m->holds, 1) > 1 ? NULL : m;
}

uint32_t registered_remove(struct registered *t, uint64_t context, uint32_t id)
{
	struct registered_memory **link, *m = NULL;
	bool found;

	pthread_mutex_lock(&t->lock);
	link = find(t, context, id);
	found = *link;
	if (found)
		m = take_out(t, link);
	pthread_mutex_unlock(&t->lock);
	if (m)
		unmap(t, m);
	return found ? VIRTIO_ACCEL_S_OK : VIRTIO_ACCEL_S_STALE;
}

/* Takes out all of a context, or all. */
static void take_all(struct registered *t, bool all, uint64_t context)
{
	struct registered_memory *gone = NULL, *m;

	pthread_mutex_lock(&t->lock);
	for (size_t i = 0; i < BUCKETS; i++) {
		struct registered_memory **link = &t->buckets[i];

		while (*link) {
			if (!all && (*link)->context != context) {
				link = &(*link)->next;
				continue;
			}
			m = take_out(t, link);
			if (m) {
				m->next = gone;
				gone = m;
			}
		}
	}
	pthread_mutex_unlock(&t->lock);
	while ((m = gone)) {
		gone = m->next;
		unmap(t, m);
	}
}

void registered_close_context(struct registered *t, uint64_t context)
{
	take_all(t, false, context);
}

void registered_clear(struct registered *t)
{
	take_all(t, true, 0);
}

void registered_delete(struct registered *t)
{
	if (!t)
		return;
	registered_clear(t);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

void registered_limit(struct registered *t, uint64_t bytes)
{
	pthread_mutex_lock(&t->lock);
	t->max_bytes = bytes;
	pthread_mutex_unlock(&t->lock);
}

uint32_t registered_hold(struct registered *t, uint64_t context, uint32_t id, uint64_t offset,
			 uint64_t len, void **at, struct registered_memory **held)
{
	uint32_t status = VIRTIO_ACCEL_S_OK;
	struct registered_memory *m;

	pthread_mutex_lock(&t->lock);
	m = *find(t, context, id);
	if (!m)
		status = VIRTIO_ACCEL_S_STALE;
	else if (offset > m->size || len > m->size - offset)
		status = VIRTIO_ACCEL_S_INVAL;
	else
		atomic_fetch_add_explicit(&m->holds, 1, memory_order_relaxed);
	pthread_mutex_unlock(&t->lock);
	if (!status) {
		*at = m->base + offset;
		*held = m;
	}
	return status;
}

void registered_unhold(struct registered *t, struct registered_memory *m)
{
	if (atomic_fetch_sub(&m->holds, 1) == 1)
		unmap(t, m);
}

void registered_count(struct registered *t, uint32_t *nr, uint64_t *bytes)
{
	pthread_mutex_lock(&t->lock);
	*nr = t->nr;
	*bytes = t->bytes;
	pthread_mutex_unlock(&t->lock);
}
