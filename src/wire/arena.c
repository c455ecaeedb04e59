// SPDX-License-Identifier: Apache-2.0
#include "wire/codec.h"

#include <stdlib.h>

/* Under ASan each allocation is a block of its own, so that it sees overruns. */
#ifdef __SANITIZE_ADDRESS__
#define BLOCK_SIZE ((size_t)16)
#else
#define BLOCK_SIZE ((size_t)64 << 10)
#endif

struct vop_arena_block {
	struct vop_arena_block *next;
	size_t size;
	size_t used;
	uint8_t data[]; /* from first() on */
};

/* malloc() aligns to 8 bytes only on some machines with 32 bits. */
static size_t first(const struct vop_arena_block *b)
{
	return -(uintptr_t)b->data & 15;
}

void *vop_arena_alloc(struct vop_arena *a, size_t size)
{
	struct vop_arena_block *b;
	size_t padded;

	if (__builtin_add_overflow(size, (size_t)15, &padded))
		return NULL;
	padded &= ~(size_t)15;

	for (b = a->blocks; b; b = b->next)
		if (b->size - b->used >= padded)
			break;
	if (!b) {
		size_t data = padded > BLOCK_SIZE ? padded : BLOCK_SIZE, total;

		if (__builtin_add_overflow(data, sizeof(*b) + 15, &total))
			return NULL;
		b = malloc(total);
		if (!b)
			return NULL;
		b->used = first(b);
		b->size = b->used + data;
		b->next = a->blocks;
		a->blocks = b;
	}
	b->used += padded;
	return b->data + b->used - padded;
}

void vop_arena_reset(struct vop_arena *a)
{
	struct vop_arena_block **link = &a->blocks;
	size_t kept = 0;

	while (*link) {
		struct vop_arena_block *b = *link;

		if (b->size > a->retain - kept) {
			*link = b->next;
			free(b);
		} else {
			kept += b->size;
			b->used = first(b);
			link = &b->next;
		}
	}
}

void vop_arena_release(struct vop_arena *a)
{
	a->retain = 0;
	vop_arena_reset(a);
}
