// SPDX-License-Identifier: Apache-2.0
#include "memory.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

#include "vaccel.h"

/* As many as the device registers for one VM. The slot is part of an id: its lower bits. */
#define SLOT_BITS 12
#define MAX_SLOTS (1u << SLOT_BITS)
#define MAX_ROUND (UINT32_MAX >> SLOT_BITS)

struct slot {
	_Atomic uint32_t refs; /* the program's, and one for each segment under way; 0: free */
	uint32_t round;	       /* makes ids of the same slot differ, never 0 */
	uint32_t next_free;
	struct remote_link *link; /* that it is registered with; held */
	struct transport_memory mem;
};

/* An entry of the directory. */
struct entry {
	_Atomic uintptr_t start, end;
	_Atomic uint32_t slot;
};

/*
 * The directory is sorted by address, so that calls can search it, which they do without a lock:
 * @seq is odd while it changes, and a search during which @seq has changed is done again. All else is
 * under the lock.
 */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct slot slots[MAX_SLOTS];
static uint32_t first_free = MAX_SLOTS; /* of a list */
static uint32_t nr_ever;		/* slots beyond were never in use */
static _Atomic uint32_t seq, nr_entries;
static struct entry directory[MAX_SLOTS];

/* ---- Slots ---------------------------------------------------------------------------------- */

/* Return: an unused slot with an id of its own, or NULL when all are in use. */
static struct slot *take_slot(void)
{
	struct slot *s = NULL;

	pthread_mutex_lock(&lock);
	if (first_free < MAX_SLOTS) {
		s = &slots[first_free];
		first_free = s->next_free;
	} else if (nr_ever < MAX_SLOTS) {
		s = &slots[nr_ever++];
	}
	pthread_mutex_unlock(&lock);
	if (s) {
		s->round = s->round < MAX_ROUND ? s->round + 1 : 1;
		memset(&s->mem, 0, sizeof(s->mem));
		s->mem.id = s->round << SLOT_BITS | (uint32_t)(s - slots);
	}
	return s;
}

static void give_slot(struct slot *s)
{
	pthread_mutex_lock(&lock);
	s->next_free = first_free;
	first_free = (uint32_t)(s - slots);
	pthread_mutex_unlock(&lock);
}

static struct slot *slot_of(uint32_t id)
{
	return &slots[id % MAX_SLOTS];
}

static bool get(struct slot *s)
{
	uint32_t refs = atomic_load_explicit(&s->refs, memory_order_relaxed);

	do {
		if (!refs)
			return false;
	} while (!atomic_compare_exchange_weak(&s->refs, &refs, refs + 1));
	return true;
}

static void put(struct slot *s)
{
	struct remote_link *l;

	if (atomic_fetch_sub(&s->refs, 1) > 1)
		return;
	l = s->link;
	l->transport->ops->mem_free(l->transport, &s->mem);
	give_slot(s);
	link_put(l);
}

/* ---- The directory -------------------------------------------------------------------------- */

static uintptr_t load(const _Atomic uintptr_t *p)
{
	return atomic_load_explicit(p, memory_order_acquire);
}

/* Index of the first entry that ends behind an address. */
static uint32_t lower_bound(uintptr_t addr)
{
	uint32_t lo = 0, hi = atomic_load_explicit(&nr_entries, memory_order_acquire);

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (load(&directory[mid].end) <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static void copy_entry(struct entry *to, const struct entry *from)
{
	atomic_store_explicit(&to->start, load(&from->start), memory_order_release);
	atomic_store_explicit(&to->end, load(&from->end), memory_order_release);
	atomic_store_explicit(&to->slot, atomic_load(&from->slot), memory_order_release);
}

static void publish(const struct slot *s)
{
	uintptr_t start = (uintptr_t)s->mem.start;
	uint32_t at, nr;

	pthread_mutex_lock(&lock);
	atomic_fetch_add(&seq, 1);
	at = lower_bound(start);
	nr = atomic_load(&nr_entries);
	for (uint32_t i = nr; i > at; i--)
		copy_entry(&directory[i], &directory[i - 1]);
	atomic_store(&directory[at].start, start);
	atomic_store(&directory[at].end, start + s->mem.size);
	atomic_store(&directory[at].slot, (uint32_t)(s - slots));
	atomic_store(&nr_entries, nr + 1);
	atomic_fetch_add(&seq, 1);
	pthread_mutex_unlock(&lock);
}

/* Takes the memory that starts at @start out. Return: its slot, with the program's reference. */
static struct slot *withdraw(uintptr_t start)
{
	struct slot *s = NULL;
	uint32_t at, nr;

	pthread_mutex_lock(&lock);
	at = lower_bound(start);
	nr = atomic_load(&nr_entries);
	if (at < nr && load(&directory[at].start) == start) {
		s = &slots[atomic_load(&directory[at].slot)];
		atomic_fetch_add(&seq, 1);
		for (uint32_t i = at; i + 1 < nr; i++)
			copy_entry(&directory[i], &directory[i + 1]);
		atomic_store(&nr_entries, nr - 1);
		atomic_fetch_add(&seq, 1);
	}
	pthread_mutex_unlock(&lock);
	return s;
}

/* Return: the slot of the memory that all of the range is in, with a reference; or NULL. */
static struct slot *find(uintptr_t addr, uint64_t len)
{
	for (;;) {
		uint32_t before = atomic_load_explicit(&seq, memory_order_acquire);
		uint32_t at = lower_bound(addr);
		struct slot *s = NULL;

		if (before & 1) {
			sched_yield();
			continue;
		}
		if (at < atomic_load_explicit(&nr_entries, memory_order_acquire) &&
		    addr >= load(&directory[at].start) && len <= load(&directory[at].end) - addr) {
			s = &slots[atomic_load_explicit(&directory[at].slot,
							memory_order_acquire) % MAX_SLOTS];
			if (!get(s))
				s = NULL;
		}
		if (atomic_load_explicit(&seq, memory_order_acquire) == before)
			return s;
		if (s)
			put(s);
	}
}

void memory_hold(const struct remote_link *l, struct virtio_accel_user_segment *segments, uint32_t nr)
{
	if (!atomic_load_explicit(&nr_entries, memory_order_relaxed))
		return;
	for (uint32_t i = 0; i < nr; i++) {
		struct slot *s = find((uintptr_t)segments[i].addr, segments[i].len);

		if (s && s->link != l) {
			put(s);
			s = NULL;
		}
		if (!s)
			continue;
		segments[i].addr -= (uintptr_t)s->mem.start;
		segments[i].flags |= VIRTIO_ACCEL_SEG_MEMORY;
		segments[i].memory = s->mem.id;
	}
}

void memory_unhold(const struct virtio_accel_user_segment *segments, uint32_t nr)
{
	for (uint32_t i = 0; i < nr; i++)
		if (segments[i].flags & VIRTIO_ACCEL_SEG_MEMORY)
			put(slot_of(segments[i].memory));
}

int memory_renew(const struct virtio_accel_user_segment *segments, uint32_t nr)
{
	int ret = VACCEL_OK;

	for (uint32_t i = 0; i < nr && !ret; i++) {
		struct slot *s;

		if (!(segments[i].flags & VIRTIO_ACCEL_SEG_MEMORY))
			continue;
		s = slot_of(segments[i].memory);
		ret = s->link->transport->ops->mem_register(s->link->transport, &s->mem);
		/* Another segment or thread was faster. */
		if (ret == VIRTIO_ACCEL_S_EXIST)
			ret = VACCEL_OK;
	}
	return ret;
}

/* ---- For the library ------------------------------------------------------------------------ */

static int remote_alloc(struct vaccel_mem_info *info)
{
	int ret = link_ready(false);
	struct remote_link *l = ret ? NULL : link_hold();
	struct slot *s = l ? take_slot() : NULL;

	if (!s) {
		link_put(l);
		return ret ? ret : VACCEL_EUSERS;
	}
	s->link = l;
	s->mem.size = info->size;
	ret = l->transport->ops->mem_alloc(l->transport, &s->mem);
	if (ret) {
		if (ret == VIRTIO_ACCEL_S_ADDRNOTAVAIL)
			vaccel_warn("virtio: the host has this machine's memory in huge pages, and can only "
				    "register pieces that consist of whole ones, which are not free here now");
		give_slot(s);
		link_put(l);
		return ret;
	}
	info->start = s->mem.start;
	info->kind = VACCEL_MEM_REGISTERED;
	info->nr_blocks = s->mem.nr_blocks;
	atomic_store(&s->refs, 1);
	publish(s);
	return VACCEL_OK;
}

static void remote_free(const struct vaccel_mem_info *info)
{
	struct slot *s = withdraw((uintptr_t)info->start);

	if (s)
		put(s);
}

static const struct vaccel_mem_ops mem_ops = { .alloc = remote_alloc, .free = remote_free };

const struct vaccel_mem_ops *memory_ops(void)
{
	struct remote_link *l = link_hold();
	bool has = l && l->transport->info.features & 1u << VIRTIO_ACCEL_F_MEMORY;

	link_put(l);
	return has ? &mem_ops : NULL;
}

void memory_forget(void)
{
	pthread_mutex_init(&lock, NULL);
	atomic_store(&nr_entries, 0);
	atomic_store(&seq, 0);
	for (uint32_t i = 0; i < nr_ever; i++)
		atomic_store(&slots[i].refs, 0);
	nr_ever = 0;
	first_free = MAX_SLOTS;
}
