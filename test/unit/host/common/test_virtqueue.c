// SPDX-License-Identifier: Apache-2.0
/* The device's side of a split virtqueue, against guests that do it right and wrong. */
#include <errno.h>
#include <linux/virtio_config.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "guest.h"

#define SIZE 8
#define INDIRECT (UINT64_C(1) << VIRTIO_RING_F_INDIRECT_DESC)
#define EVENT_IDX (UINT64_C(1) << VIRTIO_RING_F_EVENT_IDX)
#define N VRING_DESC_F_NEXT
#define W VRING_DESC_F_WRITE
#define I VRING_DESC_F_INDIRECT

static struct guest g;
static struct chain chain;

static int setup(void **state)
{
	guest_init(&g, SIZE, *(uint64_t *)*state);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	guest_fini(&g);
	return 0;
}

static uint64_t data(uint64_t offset)
{
	return guest_gpa(GUEST_DATA + offset);
}

static struct vring_desc *table_at(uint64_t offset)
{
	return (struct vring_desc *)(g.ram + GUEST_DATA + offset);
}

static void refuses_bad_rings(void **state)
{
	static const struct {
		uint32_t size, base;
		uint64_t desc, avail, used;
		int error;
	} bad[] = {
		{ 0, 0, 0, 0, 0, -EINVAL },
		{ 6, 0, 0, 0, 0, -EINVAL },
		{ 2048, 0, 0, 0, 0, -EINVAL },
		{ 8, 65536, 0, 0, 0, -EINVAL },
		{ 8, 0, 8, 0, 0, -EINVAL },
		{ 8, 0, 0, 1, 0, -EINVAL },
		{ 8, 0, 0, 0, 2, -EINVAL },
		{ 8, 0, GUEST_SIZE - 8 * 16 + 16, 0, 0, -EFAULT },
		{ 8, 0, 0, GUEST_SIZE - 20, 0, -EFAULT },
		{ 8, 0, 0, 0, GUEST_SIZE - 68, -EFAULT },
		{ 8, 0, UINT64_MAX - GUEST_UADDR, 0, 0, -EFAULT },
	};
	struct virtqueue vq;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const struct virtqueue_config c = {
			bad[i].size,		    bad[i].base,
			GUEST_UADDR + bad[i].desc,  GUEST_UADDR + bad[i].avail,
			GUEST_UADDR + bad[i].used, 0,
		};

		assert_int_equal(virtqueue_init(&vq, &g.mem, &c, &g.area->queues[1], true),
				 bad[i].error);
	}
}

static void pops_a_chain(void **state)
{
	(void)state;
	assert_int_equal(virtqueue_pop(&g.vq, &g.mem, &chain), 0);
	guest_set_desc(&g, 3, data(0), 10, N, 5);
	guest_set_desc(&g, 5, data(10), 20, N, 1);
	guest_set_desc(&g, 1, data(100), 16, N | W, 2);
	guest_set_desc(&g, 2, data(200), 50, W, 0);
	guest_make_available(&g, 3);
	assert_true(virtqueue_pending(&g.vq));

	assert_int_equal(virtqueue_pop(&g.vq, &g.mem, &chain), 1);
	assert_null(chain.error);
	assert_int_equal(chain.head, 3);
	assert_int_equal(chain.nr_readable, 1); /* they adjoin */
	assert_int_equal(chain.readable_len, 30);
	assert_int_equal(chain.nr_writable, 2);
	assert_int_equal(chain.writable_len, 66);
	assert_int_equal(chain.resp_addr, data(100));
	assert_int_equal(chain.resp_len, 16);
	assert_int_equal(chain.iov[1].iov_len, 16);
	assert_false(virtqueue_pending(&g.vq));
	assert_int_equal(virtqueue_pop(&g.vq, &g.mem, &chain), 0);
}

static void readable_and_writable_never_merge(void **state)
{
	(void)state;
	guest_set_desc(&g, 0, data(0), 16, N, 1);
	guest_set_desc(&g, 1, data(16), 16, W, 0);
	guest_make_available(&g, 0);
	assert_int_equal(virtqueue_pop(&g.vq, &g.mem, &chain), 1);
	assert_int_equal(chain.nr_readable, 1);
	assert_int_equal(chain.nr_writable, 1);
	assert_int_equal(chain.iov[0].iov_len, 16);
}

static void pops_an_indirect_chain(void **state)
{
	struct vring_desc *t = table_at(0x1000);

	(void)state;
	t[0] = (struct vring_desc){ data(0), 40, N, 2 };
	t[1] = (struct vring_desc){ data(64), 16, W, 0 };
	t[2] = (struct vring_desc){ data(4096), 5, N, 1 };
	guest_set_desc(&g, 7, data(0x1000), 3 * 16, I, 0);
	guest_make_available(&g, 7);
	assert_int_equal(virtqueue_pop(&g.vq, &g.mem, &chain), 1);
	assert_null(chain.error);
	assert_int_equal(chain.readable_len, 45);
	assert_int_equal(chain.writable_len, 16);
	assert_int_equal(chain.resp_addr, data(64));
}

static void a_direct_descriptor_may_precede_a_table(void **state)
{
	(void)state;
	table_at(0x1000)[0] = (struct vring_desc){ data(64), 16, W, 0 };
	guest_set_desc(&g, 0, data(0), 32, N, 1);
	guest_set_desc(&g, 1, data(0x1000), 16, I, 0);
	guest_make_available(&g, 0);
	assert_int_equal(virtqueue_pop(&g.vq, &g.mem, &chain), 1);
	assert_null(chain.error);
	assert_int_equal(chain.readable_len, 32);
	assert_int_equal(chain.writable_len, 16);
}

static void a_long_indirect_chain_is_fine(void **state)
{
	struct vring_desc *t = table_at(0x1000);

	(void)state;
	for (uint16_t i = 0; i < CHAIN_MAX_DESCS; i++)
		t[i] = (struct vring_desc){ data(0x10000 + i * 32u), 16,
					    i + 1 < CHAIN_MAX_DESCS ? N : W, (uint16_t)(i + 1) };
	guest_set_desc(&g, 0, data(0x1000), CHAIN_MAX_DESCS * 16, I, 0);
	guest_make_available(&g, 0);
	assert_int_equal(virtqueue_pop(&g.vq, &g.mem, &chain), 1);
	assert_null(chain.error);
	assert_int_equal(chain.nr_readable, CHAIN_MAX_DESCS - 1);
}

/* Chains that are popped with an error, so that they can be given back. */
static void refuses_malformed_chains(void **state)
{
	static const struct {
		const char *what;
		struct vring_desc desc[3];  /* from index 0 on, offsets into the data area */
		struct vring_desc table[3]; /* at data(0x1000) */
	} bad[] = {
		{ "loop to itself", { { 0, 8, N, 0 } }, { { 0 } } },
		{ "loop of two", { { 0, 8, N, 1 }, { 0, 8, N, 0 } }, { { 0 } } },
		{ "next outside", { { 0, 8, N, SIZE } }, { { 0 } } },
		{ "next far outside", { { 0, 8, N, 65535 } }, { { 0 } } },
		{ "empty", { { 0, 0, 0, 0 } }, { { 0 } } },
		{ "before memory", { { -(uint64_t)GUEST_DATA - 8, 16, 0, 0 } }, { { 0 } } },
		{ "behind memory", { { GUEST_SIZE, 1, 0, 0 } }, { { 0 } } },
		{ "too long", { { 0, UINT32_MAX, 0, 0 } }, { { 0 } } },
		{ "wraps", { { UINT64_MAX - GUEST_GPA - GUEST_DATA - 3, 16, 0, 0 } }, { { 0 } } },
		{ "readable after writable", { { 0, 8, N | W, 1 }, { 0, 8, 0, 0 } }, { { 0 } } },
		{ "table with next", { { 0x1000, 16, I | N, 1 }, { 0, 8, 0, 0 } },
		  { { 0, 8, 0, 0 } } },
		{ "table of no entry", { { 0x1000, 0, I, 0 } }, { { 0 } } },
		{ "table of half an entry", { { 0x1000, 24, I, 0 } }, { { 0, 8, 0, 0 } } },
		{ "table too long", { { 0x1000, (CHAIN_MAX_DESCS + 1) * 16, I, 0 } }, { { 0 } } },
		{ "table outside", { { GUEST_SIZE, 16, I, 0 } }, { { 0 } } },
		{ "table in a table", { { 0x1000, 16, I, 0 } }, { { 0x1000, 16, I, 0 } } },
		{ "loop in a table", { { 0x1000, 32, I, 0 } }, { { 0, 8, N, 1 }, { 0, 8, N, 0 } } },
		{ "next outside of the table", { { 0x1000, 16, I, 0 } }, { { 0, 8, N, 1 } } },
		{ "table's buffer outside", { { 0x1000, 16, I, 0 } }, { { GUEST_SIZE, 8, 0, 0 } } },
		{ "too many after a direct one",
		  { { 0, 8, N, 1 }, { 0x2000, CHAIN_MAX_DESCS * 16, I, 0 } }, { { 0 } } },
	};

	(void)state;
	for (uint16_t i = 0; i < CHAIN_MAX_DESCS; i++)
		table_at(0x2000)[i] = (struct vring_desc){ data(0), 8, N, (uint16_t)(i + 1) };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		for (uint16_t d = 0; d < 3; d++) {
			const struct vring_desc *desc = &bad[i].desc[d], *t = &bad[i].table[d];

			guest_set_desc(&g, d, data(desc->addr), desc->len, desc->flags, desc->next);
			table_at(0x1000)[d] =
				(struct vring_desc){ data(t->addr), t->len, t->flags, t->next };
		}
		guest_make_available(&g, 0);
		assert_int_equal(virtqueue_pop(&g.vq, &g.mem, &chain), 1);
		if (!chain.error)
			fail_msg("accepted: %s", bad[i].what);
		assert_null(g.vq.broken);
	}
}

static void refuses_tables_that_were_not_negotiated(void **state)
{
	(void)state;
	table_at(0x1000)[0] = (struct vring_desc){ data(0), 8, 0, 0 };
	guest_set_desc(&g, 0, data(0x1000), 16, I, 0);
	guest_make_available(&g, 0);
	assert_int_equal(virtqueue_pop(&g.vq, &g.mem, &chain), 1);
	assert_non_null(chain.error);
}

static void keeps_the_response_of_a_malformed_chain(void **state)
{
	(void)state;
	guest_set_desc(&g, 0, data(0), 8, N, 1);
	guest_set_desc(&g, 1, data(64), 16, N | W, 2);
	guest_set_desc(&g, 2, data(GUEST_SIZE), 16, W, 0);
	guest_make_available(&g, 0);
	assert_int_equal(virtqueue_pop(&g.vq, &g.mem, &chain), 1);
	assert_non_null(chain.error);
	assert_int_equal(chain.resp_addr, data(64));
	assert_int_equal(chain.resp_len, 16);
	assert_int_equal(chain.nr_writable, 1);
}

static void a_head_outside_breaks_the_queue(void **state)
{
	(void)state;
	guest_make_available(&g, SIZE);
	assert_int_equal(virtqueue_pop(&g.vq, &g.mem, &chain), -1);
	assert_non_null(g.vq.broken);
	/* For good: what the guest does now is not looked at. */
	guest_set_desc(&g, 0, data(0), 8, 0, 0);
	guest_avail(&g)->ring[0] = 0;
	assert_int_equal(virtqueue_pop(&g.vq, &g.mem, &chain), -1);
}

static void a_jump_of_the_index_breaks_the_queue(void **state)
{
	(void)state;
	guest_avail(&g)->idx = SIZE + 1;
	assert_int_equal(virtqueue_pop(&g.vq, &g.mem, &chain), -1);
	assert_non_null(g.vq.broken);
}

static void a_head_in_use_breaks_the_queue(void **state)
{
	(void)state;
	guest_set_desc(&g, 2, data(0), 8, 0, 0);
	guest_make_available(&g, 2);
	guest_make_available(&g, 2);
	assert_int_equal(virtqueue_pop(&g.vq, &g.mem, &chain), 1);
	virtqueue_track(&g.vq, &chain, 1);
	assert_int_equal(virtqueue_pop(&g.vq, &g.mem, &chain), -1);
	assert_non_null(g.vq.broken);
}

/* Runs a one-descriptor chain through the queue. Return: whether a notification is wanted. */
static bool cycle(uint16_t head)
{
	bool notify;

	guest_set_desc(&g, head, data(0), 16, W, 0);
	guest_make_available(&g, head);
	assert_int_equal(virtqueue_pop(&g.vq, &g.mem, &chain), 1);
	virtqueue_track(&g.vq, &chain, 1);
	assert_int_equal(inflight_count(g.vq.log, SIZE), 1);
	notify = virtqueue_push(&g.vq, chain.head, 16 + head);
	assert_int_equal(inflight_count(g.vq.log, SIZE), 0);
	return notify;
}

static void goes_round_and_round(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 70000; i++) {
		uint16_t head = (uint16_t)(i * 5 % SIZE);

		cycle(head);
		assert_int_equal(guest_used(&g)->idx, (uint16_t)(i + 1));
		assert_int_equal(guest_used(&g)->ring[i % SIZE].id, head);
		assert_int_equal(guest_used(&g)->ring[i % SIZE].len, 16 + head);
	}
}

static void starts_where_it_is_told(void **state)
{
	(void)state;
	g.avail_idx = 65533;
	guest_avail(&g)->idx = 65533;
	guest_used(&g)->idx = 65533;
	g.config.base = 65533;
	assert_int_equal(virtqueue_init(&g.vq, &g.mem, &g.config, g.vq.log, true), 0);
	for (uint16_t i = 0; i < 10; i++)
		cycle(i % SIZE);
	assert_int_equal(guest_used(&g)->idx, (uint16_t)(65533 + 10));
}

static void notifies_by_flag(void **state)
{
	(void)state;
	assert_true(cycle(0));
	guest_avail(&g)->flags = VRING_AVAIL_F_NO_INTERRUPT;
	assert_false(cycle(1));
	guest_avail(&g)->flags = 0;
	assert_true(cycle(2));
}

static void notifies_at_the_used_event(void **state)
{
	uint16_t *used_event = &guest_avail(&g)->ring[SIZE];

	(void)state;
	*used_event = 100;
	assert_true(cycle(0)); /* the first time, always */
	*used_event = 3;
	assert_false(cycle(0)); /* to 2 */
	assert_false(cycle(0)); /* to 3 */
	assert_true(cycle(0));	/* to 4: 3 is passed */
	assert_false(cycle(0));
	*used_event = 5;
	assert_true(cycle(0));
	/* Flags mean nothing now. */
	guest_avail(&g)->flags = VRING_AVAIL_F_NO_INTERRUPT;
	*used_event = 6;
	assert_true(cycle(0));
}

static void asks_for_kicks_by_flag(void **state)
{
	(void)state;
	virtqueue_no_kicks(&g.vq);
	assert_int_equal(guest_used(&g)->flags, VRING_USED_F_NO_NOTIFY);
	assert_false(virtqueue_want_kicks(&g.vq));
	assert_int_equal(guest_used(&g)->flags, 0);
	guest_make_available(&g, 0);
	assert_true(virtqueue_want_kicks(&g.vq));
}

static void asks_for_kicks_by_event(void **state)
{
	const uint16_t *avail_event = (uint16_t *)&guest_used(&g)->ring[SIZE];

	(void)state;
	for (uint16_t i = 0; i < 3; i++)
		cycle(i);
	assert_false(virtqueue_want_kicks(&g.vq));
	assert_int_equal(*avail_event, 3);
	virtqueue_no_kicks(&g.vq);
	assert_int_equal(guest_used(&g)->flags, 0);
	guest_make_available(&g, 0);
	assert_true(virtqueue_want_kicks(&g.vq));
}

/* ---- A guest that changes everything while it is being read ---- */

static int stop_scribbling;

static void *scribble(void *arg)
{
	uint32_t x = 12345;

	(void)arg;
	while (!__atomic_load_n(&stop_scribbling, __ATOMIC_RELAXED)) {
		struct vring_desc *d;

		x = x * 1664525 + 1013904223;
		d = x & 0x80000000 ? &guest_desc(&g)[x >> 8 & 7] : &table_at(0x1000)[x >> 8 & 15];
		switch (x >> 16 & 7) {
		case 0:
			d->addr = data(x >> 12 & 0xfff);
			break;
		case 1:
			d->addr = (uint64_t)x << 32;
			break;
		case 2:
			d->len = x;
			break;
		case 3:
			d->len = x >> 24 & 0xf0;
			break;
		case 4:
			d->flags = x >> 20 & 7;
			break;
		case 5:
			d->next = (uint16_t)(x >> 20);
			break;
		case 6:
			d->next = x >> 20 & 7;
			break;
		default:
			d->addr = data(0x1000);
		}
	}
	return NULL;
}

static void survives_changes_while_reading(void **state)
{
	pthread_t thread;
	unsigned int good = 0;

	(void)state;
	stop_scribbling = 0;
	assert_int_equal(pthread_create(&thread, NULL, scribble, NULL), 0);
	for (int i = 0; i < 300000; i++) {
		uint64_t readable = 0, writable = 0;

		/* Mostly malformed by now; start from something right again now and then. */
		if (i % 3 == 0)
			guest_set_desc(&g, (uint16_t)(i % SIZE), data(0x1000), 64, I, 0);
		if (i % 7 == 0)
			for (uint16_t t = 0; t < 4; t++)
				table_at(0x1000)[t] = (struct vring_desc){ data(t * 64u), 16,
									   t < 3 ? N : W,
									   (uint16_t)(t + 1) };
		guest_make_available(&g, (uint16_t)(i % SIZE));
		assert_int_equal(virtqueue_pop(&g.vq, &g.mem, &chain), 1);
		assert_true(chain.nr_readable + chain.nr_writable <= CHAIN_MAX_IOV);
		for (unsigned int p = 0; p < chain.nr_readable + chain.nr_writable; p++) {
			const uint8_t *base = chain.iov[p].iov_base;

			assert_true(base >= g.mem.regions[0].base);
			assert_true(chain.iov[p].iov_len <=
				    GUEST_SIZE - (size_t)(base - g.mem.regions[0].base));
			if (p < chain.nr_readable)
				readable += chain.iov[p].iov_len;
			else
				writable += chain.iov[p].iov_len;
		}
		assert_int_equal(readable, chain.readable_len);
		assert_int_equal(writable, chain.writable_len);
		good += !chain.error;
	}
	__atomic_store_n(&stop_scribbling, 1, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	/* Or the test tests nothing. */
	assert_true(good > 0);
}

static uint64_t plain = 0, indirect = INDIRECT, event_idx = EVENT_IDX;

#define TEST(name, features) { #name, name, setup, teardown, &(features) }

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(refuses_bad_rings, plain),
		TEST(pops_a_chain, plain),
		TEST(readable_and_writable_never_merge, plain),
		TEST(pops_an_indirect_chain, indirect),
		TEST(a_direct_descriptor_may_precede_a_table, indirect),
		TEST(a_long_indirect_chain_is_fine, indirect),
		TEST(refuses_malformed_chains, indirect),
		TEST(refuses_tables_that_were_not_negotiated, plain),
		TEST(keeps_the_response_of_a_malformed_chain, plain),
		TEST(a_head_outside_breaks_the_queue, plain),
		TEST(a_jump_of_the_index_breaks_the_queue, plain),
		TEST(a_head_in_use_breaks_the_queue, plain),
		TEST(goes_round_and_round, plain),
		TEST(starts_where_it_is_told, plain),
		TEST(notifies_by_flag, plain),
		TEST(notifies_at_the_used_event, event_idx),
		TEST(asks_for_kicks_by_flag, plain),
		TEST(asks_for_kicks_by_event, event_idx),
		TEST(survives_changes_while_reading, indirect),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
