// SPDX-License-Identifier: Apache-2.0
/* The driver side of a virtqueue against a device that the test plays itself. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "plugins/virtio/vring_driver.h"
#include "support.h"

#define SIZE	8

struct ring {
	struct vring_driver vr;
	void *mem;
	uint16_t last_avail;
};

static void ring_init(struct ring *r, uint16_t size, bool event_idx)
{
	memset(r, 0, sizeof(*r));
	r->mem = aligned_alloc(64, (vring_driver_bytes(size) + 63) & ~(size_t)63);
	assert_non_null(r->mem);
	assert_int_equal(vring_driver_init(&r->vr, size, r->mem, event_idx), 0);
}

static void ring_fini(struct ring *r)
{
	vring_driver_fini(&r->vr);
	free(r->mem);
}

/* The device: takes the next chain's head, and uses a chain. */
static uint16_t dev_pop(struct ring *r)
{
	assert_int_not_equal(r->last_avail, r->vr.avail->idx);
	return r->vr.avail->ring[r->last_avail++ % r->vr.size];
}

static void dev_push(struct ring *r, uint32_t id, uint32_t len)
{
	struct vring_used_elem *e = &r->vr.used->ring[r->vr.used->idx % r->vr.size];

	e->id = id;
	e->len = len;
	r->vr.used->idx++;
}

static const struct vring_buffer three[] = {
	{ .addr = 0x1000, .len = 10 },
	{ .addr = 0x2000, .len = 20, .device_writes = true },
	{ .addr = 0x3000, .len = 30, .device_writes = true },
};

static void test_layout(void **state)
{
	struct ring r;
	struct vring std;

	(void)state;
	ring_init(&r, SIZE, true);
	vring_init(&std, SIZE, r.mem, 4);
	assert_ptr_equal(r.vr.desc, std.desc);
	assert_ptr_equal(r.vr.avail, std.avail);
	assert_ptr_equal(r.vr.used, std.used);
	assert_int_equal(vring_driver_bytes(SIZE), vring_size(SIZE, 4));
	ring_fini(&r);
}

static void test_bad_sizes(void **state)
{
	struct vring_driver vr;
	char mem[16] __attribute__((aligned(16)));

	(void)state;
	assert_int_equal(vring_driver_init(&vr, 0, mem, false), EINVAL);
	assert_int_equal(vring_driver_init(&vr, 12, mem, false), EINVAL);
	assert_int_equal(vring_driver_init(&vr, 8, mem + 1, false), EINVAL);
}

static void test_chain(void **state)
{
	struct ring r;
	uint16_t head, i;
	uint32_t len;
	void *token;
	int what;

	(void)state;
	ring_init(&r, SIZE, false);
	assert_int_equal(vring_driver_get_used(&r.vr, &token, &len), EAGAIN);
	assert_int_equal(vring_driver_add(&r.vr, three, 3, &what), 0);
	head = dev_pop(&r);
	i = head;
	for (unsigned int k = 0; k < 3; k++) {
		struct vring_desc *d = &r.vr.desc[i];

		assert_int_equal(d->addr, three[k].addr);
		assert_int_equal(d->len, three[k].len);
		assert_int_equal(!!(d->flags & VRING_DESC_F_WRITE), three[k].device_writes);
		assert_int_equal(!!(d->flags & VRING_DESC_F_NEXT), k < 2);
		i = d->next;
	}
	dev_push(&r, head, 50);
	assert_true(vring_driver_pending(&r.vr));
	assert_int_equal(vring_driver_get_used(&r.vr, &token, &len), 0);
	assert_ptr_equal(token, &what);
	assert_int_equal(len, 50);
	assert_false(vring_driver_pending(&r.vr));
	ring_fini(&r);
}

static void test_bad_chains(void **state)
{
	const struct vring_buffer wrong_order[] = { three[1], three[0] };
	const struct vring_buffer too_long[] = {
		{ .len = UINT32_MAX, .device_writes = true }, { .len = 1, .device_writes = true },
	};
	struct ring r;

	(void)state;
	ring_init(&r, SIZE, false);
	assert_int_equal(vring_driver_add(&r.vr, three, 0, NULL), EINVAL);
	assert_int_equal(vring_driver_add(&r.vr, three, SIZE + 1, NULL), EINVAL);
	assert_int_equal(vring_driver_add(&r.vr, wrong_order, 2, NULL), EINVAL);
	assert_int_equal(vring_driver_add(&r.vr, too_long, 2, NULL), EINVAL);
	assert_int_equal(r.vr.nr_free, SIZE);
	assert_int_equal(r.vr.avail->idx, 0);
	ring_fini(&r);
}

/* More chains than indices have values, used in another order than they were added. */
static void test_wrap(void **state)
{
	struct ring r;
	uint32_t len;
	void *token;

	(void)state;
	ring_init(&r, SIZE, true);
	for (unsigned int round = 0; round < 40000; round++) {
		uint16_t head[2];
		int what[3];

		assert_int_equal(vring_driver_add(&r.vr, three, 3, &what[0]), 0);
		assert_int_equal(vring_driver_add(&r.vr, three, 3, &what[1]), 0);
		assert_int_equal(vring_driver_add(&r.vr, three, 3, &what[2]), ENOSPC);
		head[0] = dev_pop(&r);
		head[1] = dev_pop(&r);
		assert_int_not_equal(head[0], head[1]);
		dev_push(&r, head[1], 1);
		dev_push(&r, head[0], 2);
		assert_int_equal(vring_driver_get_used(&r.vr, &token, &len), 0);
		assert_ptr_equal(token, &what[1]);
		assert_int_equal(len, 1);
		assert_int_equal(vring_driver_get_used(&r.vr, &token, &len), 0);
		assert_ptr_equal(token, &what[0]);
		assert_int_equal(r.vr.nr_free, SIZE);
	}
	ring_fini(&r);
}

/* What a device must not do breaks the ring, at once and for good. */
static void check_broken(uint32_t id_add, uint32_t len, bool twice)
{
	struct ring r;
	uint32_t n;
	void *token;
	uint16_t head;
	int what;

	ring_init(&r, SIZE, false);
	assert_int_equal(vring_driver_add(&r.vr, three, 3, &what), 0);
	head = dev_pop(&r);
	dev_push(&r, head + id_add, len);
	if (twice) {
		dev_push(&r, head, len);
		assert_int_equal(vring_driver_get_used(&r.vr, &token, &n), 0);
	}
	assert_int_equal(vring_driver_get_used(&r.vr, &token, &n), EIO);
	assert_int_equal(vring_driver_get_used(&r.vr, &token, &n), EIO);
	assert_int_equal(vring_driver_add(&r.vr, three, 3, &what), EIO);
	ring_fini(&r);
}

static void test_broken(void **state)
{
	(void)state;
	check_broken(0, 51, false);		/* more than is writable */
	check_broken(1, 1, false);		/* inside of a chain */
	check_broken(5, 1, false);		/* free */
	check_broken(SIZE, 1, false);		/* no such descriptor */
	check_broken(0x10000, 1, false);	/* would be right if cut to 16 bits */
	check_broken(0, 1, true);		/* used already */
}

static void test_kicks(void **state)
{
	struct ring r;
	uint16_t *avail_event;

	(void)state;
	ring_init(&r, SIZE, false);
	vring_driver_add(&r.vr, three, 1, NULL);
	assert_true(vring_driver_kick_needed(&r.vr));
	r.vr.used->flags = VRING_USED_F_NO_NOTIFY;
	vring_driver_add(&r.vr, three, 1, NULL);
	assert_false(vring_driver_kick_needed(&r.vr));
	ring_fini(&r);

	ring_init(&r, SIZE, true);
	avail_event = (void *)&r.vr.used->ring[SIZE];
	*avail_event = 1;
	vring_driver_add(&r.vr, three, 1, NULL);
	assert_false(vring_driver_kick_needed(&r.vr));
	vring_driver_add(&r.vr, three, 1, NULL);
	assert_true(vring_driver_kick_needed(&r.vr));
	vring_driver_add(&r.vr, three, 1, NULL);
	assert_false(vring_driver_kick_needed(&r.vr));
	ring_fini(&r);
}

static void test_calls(void **state)
{
	struct ring r;
	uint32_t len;
	void *token;

	(void)state;
	ring_init(&r, SIZE, false);
	assert_true(r.vr.avail->flags & VRING_AVAIL_F_NO_INTERRUPT);
	assert_true(vring_driver_enable_calls(&r.vr));
	assert_false(r.vr.avail->flags & VRING_AVAIL_F_NO_INTERRUPT);
	vring_driver_add(&r.vr, three, 1, NULL);
	dev_push(&r, dev_pop(&r), 0);
	assert_false(vring_driver_enable_calls(&r.vr));
	vring_driver_disable_calls(&r.vr);
	assert_true(r.vr.avail->flags & VRING_AVAIL_F_NO_INTERRUPT);
	ring_fini(&r);

	ring_init(&r, SIZE, true);
	/* used_event: an index whose passing is notified */
	assert_false(vring_need_event(r.vr.avail->ring[SIZE], 1, 0));
	assert_true(vring_driver_enable_calls(&r.vr));
	assert_true(vring_need_event(r.vr.avail->ring[SIZE], 1, 0));
	vring_driver_add(&r.vr, three, 1, NULL);
	dev_push(&r, dev_pop(&r), 0);
	assert_int_equal(vring_driver_get_used(&r.vr, &token, &len), 0);
	vring_driver_disable_calls(&r.vr);
	assert_false(vring_need_event(r.vr.avail->ring[SIZE], 2, 1));
	ring_fini(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_layout),
		cmocka_unit_test(test_bad_sizes),
		cmocka_unit_test(test_chain),
		cmocka_unit_test(test_bad_chains),
		cmocka_unit_test(test_wrap),
		cmocka_unit_test(test_broken),
		cmocka_unit_test(test_kicks),
		cmocka_unit_test(test_calls),
	};

	test_main_begin(60);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
