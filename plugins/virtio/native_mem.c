// SPDX-License-Identifier: Apache-2.0
/* Memory shared with the back end and its allocator, see native_mem.h. */
#define _GNU_SOURCE
#include "native_mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "no_signal.h"
#include "transport/fd.h"

#define PAGE	((size_t)4096)

/* A signal restarts an allocation of pages; in steps this small it still gets on. */
#define COMMIT_STEP	((size_t)16 << 20)

/* Memory is a file here: where files may not grow so large (RLIMIT_FSIZE) that is an error, no signal. */
static int grow(int fd, int (*how)(int fd, off_t from, off_t len), off_t from, off_t len)
{
	struct no_signal held;
	int ret;

	no_signal_begin(&held);
	ret = how(fd, from, len);
	no_signal_end(&held, ret ? errno : 0);
	return ret;
}

static int truncate_to(int fd, off_t from, off_t len)
{
	return ftruncate(fd, from + len);
}

static int allocate(int fd, off_t from, off_t len)
{
	return fallocate(fd, 0, from, len);
}

int native_mem_init(struct native_mem *m, size_t size)
{
	int err;

	memset(m, 0, sizeof(*m));
	m->size = size;
	m->fd = fd_above_stdio(memfd_create("vaccel-virtio", MFD_CLOEXEC | MFD_ALLOW_SEALING));
	if (m->fd < 0)
		return errno;
	/* Sealed, so that the back end need not fear that a mapped page goes away. */
	if (grow(m->fd, truncate_to, 0, (off_t)size) ||
	    fcntl(m->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)) {
		err = errno;
		goto err_close;
	}
	m->base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, m->fd, 0);
	if (m->base == MAP_FAILED) {
		err = errno;
		goto err_close;
	}
	if (madvise(m->base, size, MADV_DONTFORK)) {
		err = errno;
		goto err_unmap;
	}
	m->extents = calloc(1, sizeof(*m->extents));
	if (!m->extents) {
		err = ENOMEM;
		goto err_unmap;
	}
	m->extents->len = size;
	pthread_mutex_init(&m->lock, NULL);
	pthread_cond_init(&m->changed, NULL);
	return 0;

err_unmap:
	munmap(m->base, size);
err_close:
	m->base = NULL;
	close(m->fd);
	m->fd = -1;
	return err;
}

static void free_list(struct native_extent *e)
{
	while (e) {
		struct native_extent *next = e->next;

		free(e);
		e = next;
	}
}

void native_mem_fini_child(struct native_mem *m)
{
	free_list(m->extents);
	free_list(m->spares);
	m->extents = NULL;
	m->spares = NULL;
	if (m->fd >= 0)
		close(m->fd);
	m->fd = -1;
}

void native_mem_fini(struct native_mem *m)
{
	munmap(m->base, m->size);
	native_mem_fini_child(m);
	pthread_cond_destroy(&m->changed);
	pthread_mutex_destroy(&m->lock);
}

void native_mem_shut(struct native_mem *m)
{
	pthread_mutex_lock(&m->lock);
	m->shut = true;
	pthread_cond_broadcast(&m->changed);
	pthread_mutex_unlock(&m->lock);
}

/* Allocates the pages of [from, to), so that writing to them cannot fail. */
static int commit(struct native_mem *m, size_t from, size_t to)
{
	while (from < to) {
		size_t n = to - from < COMMIT_STEP ? to - from : COMMIT_STEP;

		if (grow(m->fd, allocate, (off_t)from, (off_t)n) == 0)
			from += n;
		else if (errno != EINTR)
			return ENOMEM;
	}
	return 0;
}

/* First fit, so that what is used stays low and warm. */
static struct native_extent *find_free(struct native_mem *m, size_t len)
{
	struct native_extent *e;

	for (e = m->extents; e; e = e->next)
		if (!e->used && e->len >= len)
			return e;
	return NULL;
}

/* Cuts a free extent to @len bytes. Return: 0 or ENOMEM. */
static int split(struct native_mem *m, struct native_extent *e, size_t len)
{
	struct native_extent *rest;

	if (e->len == len)
		return 0;
	rest = m->spares;
	if (rest)
		m->spares = rest->next;
	else
		rest = malloc(sizeof(*rest));
	if (!rest)
		return ENOMEM;
	memset(rest, 0, sizeof(*rest));
	rest->offset = e->offset + len;
	rest->len = e->len - len;
	rest->prev = e;
	rest->next = e->next;
	if (rest->next)
		rest->next->prev = rest;
	e->next = rest;
	e->len = len;
	return 0;
}

/* Makes @e one with the next extent. */
static void merge_next(struct native_mem *m, struct native_extent *e)
{
	struct native_extent *next = e->next;

	e->len += next->len;
	e->next = next->next;
	if (e->next)
		e->next->prev = e;
	/* For the next split: as many as there ever were pieces at once. */
	next->next = m->spares;
	m->spares = next;
}

/* Waits for the caller's turn and for an extent of @len bytes; the lock is held. */
static int take(struct native_mem *m, size_t len, enum native_hold hold, struct native_extent **out)
{
	uint64_t ticket = m->next_ticket;
	struct native_extent *e = NULL;
	int err = 0;

	if (hold == NATIVE_HOLD_CALL) {
		m->next_ticket++;
		while (!m->shut && (m->serving != ticket || !(e = find_free(m, len)))) {
			if (m->serving == ticket && m->nr_calls == 0) {
				err = ENOMEM;
				break;
			}
			pthread_cond_wait(&m->changed, &m->lock);
		}
		m->serving++;
		if (m->serving != m->next_ticket)
			pthread_cond_broadcast(&m->changed);
	} else if (!m->shut) {
		e = find_free(m, len);
		err = e ? 0 : ENOMEM;
	}
	if (m->shut)
		return ENODEV;
	if (!err)
		err = split(m, e, len);
	if (err)
		return err;
	e->used = true;
	e->hold = hold;
	m->nr_calls += hold == NATIVE_HOLD_CALL;
	*out = e;
	return 0;
}

/* Makes an extent free again; the lock is held. */
static void release(struct native_mem *m, struct native_extent *e)
{
	m->nr_calls -= e->hold == NATIVE_HOLD_CALL;
	e->used = false;
	if (e->next && !e->next->used)
		merge_next(m, e);
	if (e->prev && !e->prev->used)
		merge_next(m, e->prev);
	if (m->serving != m->next_ticket)
		pthread_cond_broadcast(&m->changed);
}

int native_mem_alloc(struct native_mem *m, size_t len, enum native_hold hold,
		     struct native_extent **out)
{
	struct native_extent *e;
	size_t from, end;
	int err;

	if (len == 0 || len > m->size)
		return ENOMEM;
	len = (len + PAGE - 1) & ~(PAGE - 1);

	pthread_mutex_lock(&m->lock);
	err = take(m, len, hold, &e);
	if (err) {
		pthread_mutex_unlock(&m->lock);
		return err;
	}
	end = e->offset + len;
	from = m->committed > e->offset ? m->committed : e->offset;
	if (e->offset <= m->committed && m->committed < end)
		m->committed = end < NATIVE_MEM_KEEP ? end : NATIVE_MEM_KEEP;
	pthread_mutex_unlock(&m->lock);

	/* Not under the lock: it takes long for much memory, and the range is the caller's. */
	err = from < end ? commit(m, from, end) : 0;
	if (err) {
		pthread_mutex_lock(&m->lock);
		if (m->committed > from)
			m->committed = from;
		release(m, e);
		pthread_mutex_unlock(&m->lock);
		return err;
	}
	*out = e;
	return 0;
}

void native_mem_free(struct native_mem *m, struct native_extent *e)
{
	size_t end = e->offset + e->len;
	size_t keep = e->offset > NATIVE_MEM_KEEP ? e->offset : NATIVE_MEM_KEEP;

	/* Best effort: if it fails, the pages stay until the memory as a whole is given back. */
	if (keep < end)
		(void)!fallocate(m->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)keep,
				 (off_t)(end - keep));
	pthread_mutex_lock(&m->lock);
	release(m, e);
	pthread_mutex_unlock(&m->lock);
}

bool native_mem_find(const struct native_mem *m, uint64_t addr, uint64_t len, size_t *offset)
{
	uint64_t base = (uintptr_t)m->base;

	if (addr < base || addr - base > m->size || len > m->size - (addr - base))
		return false;
	*offset = (size_t)(addr - base);
	return true;
}
