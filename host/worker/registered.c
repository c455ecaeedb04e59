// SPDX-License-Identifier: Apache-2.0
#include "registered.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>

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
	size_t nr_mapped; /* pieces that are mapped a second time */
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

/* Makes one range of the pieces. */
static bool map_pieces(struct registered_memory *m, const struct iovec *pieces, size_t nr)
{
	uint8_t *at;

	if (nr == 1) {
		m->base = pieces[0].iov_base;
		return true;
	}
	m->base = mmap(NULL, m->size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
		       0);
	if (m->base == MAP_FAILED)
		return false;
	at = m->base;
	for (size_t i = 0; i < nr; i++) {
		/* An old size of 0 makes a second mapping of what is shared. */
		if (mremap(pieces[i].iov_base, 0, pieces[i].iov_len, MREMAP_MAYMOVE | MREMAP_FIXED,
			   at) == MAP_FAILED) {
			munmap(m->base, m->size);
			return false;
		}
		at += pieces[i].iov_len;
	}
	/* As guest memory itself */
	madvise(m->base, m->size, MADV_DONTDUMP);
	madvise(m->base, m->size, MADV_DONTFORK);
	return true;
}

static void unmap(struct registered *t, struct registered_memory *m)
{
	vaccel_mem_withdraw(m->base, m->size);
	if (m->nr_mapped)
		munmap(m->base, m->size);
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

uint32_t registered_add(struct registered *t, uint64_t context, uint32_t id,
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
	if (!map_pieces(m, pieces, nr)) {
		unreserve(t, m);
		return VIRTIO_ACCEL_S_NOMEM;
	}
	if (vaccel_mem_announce(m->base, m->size)) {
		if (m->nr_mapped)
			munmap(m->base, m->size);
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
