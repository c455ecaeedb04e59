// SPDX-License-Identifier: Apache-2.0
/* For LD_PRELOAD: counts what a process allocates, for tests. Needs the C library's own names. */
#include <stdatomic.h>
#include <stddef.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t nr, size_t size);
void *__libc_realloc(void *p, size_t size);
void *__libc_memalign(size_t align, size_t size);

static atomic_ulong allocations;

unsigned long preload_allocations(void);

unsigned long preload_allocations(void)
{
	return atomic_load(&allocations);
}

void *malloc(size_t size)
{
	atomic_fetch_add(&allocations, 1);
	return __libc_malloc(size);
}

void *calloc(size_t nr, size_t size)
{
	atomic_fetch_add(&allocations, 1);
	return __libc_calloc(nr, size);
}

void *realloc(void *p, size_t size)
{
	atomic_fetch_add(&allocations, 1);
	return __libc_realloc(p, size);
}

void *memalign(size_t align, size_t size);

void *memalign(size_t align, size_t size)
{
	atomic_fetch_add(&allocations, 1);
	return __libc_memalign(align, size);
}

void *aligned_alloc(size_t align, size_t size)
{
	return memalign(align, size);
}
