// SPDX-License-Identifier: Apache-2.0
/*
 * Registered memory of the native transport: a piece of the memory that is shared anyway. The back
 * end uses it where it is mapped already, so registering is no more than giving it a name.
 */
#include <errno.h>
#include <string.h>

#include "native.h"

/* How long the device may take for what is no more than a note in a table */
#define REQUEST_MS	10000

/* Return: 0, an errno value, or the device's status. */
static int send(struct native_transport *n, uint32_t type,
		const struct virtio_accel_user_segment *segment)
{
	struct native_call nc = {.c = {.segments = segment, .nr_segments = 1}};
	int err;

	if (n->forked)
		return ENODEV;
	err = native_request(n, type, REQUEST_MS, &nc);
	return err ? err : (int)nc.c.status;
}

int native_memory_register(struct transport *t, const struct transport_memory *m)
{
	const struct native_extent *e = m->priv;
	const struct virtio_accel_user_segment segment = {
		.addr = (uintptr_t)m->start,
		.len = e->len,
		.flags = VIRTIO_ACCEL_SEG_READ | VIRTIO_ACCEL_SEG_WRITE,
		.memory = m->id,
	};

	return send(to_native(t), VIRTIO_ACCEL_T_MEMORY_REGISTER, &segment);
}

int native_memory_alloc(struct transport *t, struct transport_memory *m)
{
	struct native_transport *n = to_native(t);
	struct native_extent *e;
	int err;

	if (n->forked)
		return ENODEV;
	err = native_mem_alloc(&n->mem, m->size, NATIVE_HOLD_LONG, &e);
	if (err)
		return err;
	m->start = native_mem_ptr(&n->mem, e->offset);
	m->nr_blocks = 1;
	m->priv = e;
	/* Only pages beyond come without what was there before. */
	if (e->offset < NATIVE_MEM_KEEP)
		memset(m->start, 0, e->len < NATIVE_MEM_KEEP - e->offset ? e->len :
								NATIVE_MEM_KEEP - e->offset);
	err = native_memory_register(t, m);
	if (err)
		native_mem_free(&n->mem, e);
	return err;
}

void native_memory_free(struct transport *t, struct transport_memory *m)
{
	const struct virtio_accel_user_segment segment = { .memory = m->id };
	struct native_transport *n = to_native(t);

	if (n->forked)
		return;
	/* When this fails the device is gone, or has lost the memory, which is what is wanted. */
	(void)send(n, VIRTIO_ACCEL_T_MEMORY_UNREGISTER, &segment);
	native_mem_free(&n->mem, m->priv);
}
