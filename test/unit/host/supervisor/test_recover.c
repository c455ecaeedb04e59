// SPDX-License-Identifier: Apache-2.0
/*
 * The record of requests in flight: from whatever point a worker dies at, each request that it had
 * popped is completed exactly once, and the next worker goes on where the rings are.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <cmocka.h>

#include "guest.h"
#include "recover.h"

#define SIZE 16

static struct guest g;
static struct chain chain;

static int setup(void **state)
{
	(void)state;
	guest_init(&g, SIZE, 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	guest_fini(&g);
	return 0;
}

static struct virtio_accel_resp *response(uint16_t head)
{
	return (struct virtio_accel_resp *)(g.ram + GUEST_DATA + head * 64u);
}

static void offer(uint16_t head)
{
	memset(response(head), 0xaa, sizeof(struct virtio_accel_resp));
	guest_set_desc(&g, head, guest_gpa(GUEST_DATA + head * 64u), 32, VRING_DESC_F_WRITE, 0);
	guest_make_available(&g, head);
}

static void pop(struct virtqueue *vq)
{
	assert_int_equal(virtqueue_pop(vq, &g.mem, &chain), 1);
	virtqueue_track(vq, &chain, 1);
}

static unsigned int recover(void)
{
	return inflight_recover(&g.vq, &g.mem, VIRTIO_ACCEL_S_SESS);
}

static void nothing_in_flight(void **state)
{
	(void)state;
	assert_int_equal(recover(), 0);
	assert_int_equal(guest_used(&g)->idx, 0);
	offer(0);
	pop(&g.vq);
	virtqueue_push(&g.vq, 0, 7);
	assert_int_equal(recover(), 0);
	assert_int_equal(guest_used(&g)->idx, 1);
	assert_int_equal(g.vq.last_avail, 1);
}

static void completes_what_was_popped(void **state)
{
	(void)state;
	for (uint16_t i = 0; i < 6; i++)
		offer(i);
	for (int i = 0; i < 4; i++)
		pop(&g.vq);
	virtqueue_push(&g.vq, 2, 5);

	assert_int_equal(recover(), 3);
	assert_int_equal(guest_used(&g)->idx, 4);
	assert_int_equal(guest_used(&g)->ring[0].id, 2);
	assert_int_equal(guest_used(&g)->ring[0].len, 5);
	for (int i = 1; i < 4; i++) {
		const struct vring_used_elem *e = &guest_used(&g)->ring[i];

		assert_int_equal(e->len, sizeof(struct virtio_accel_resp));
		assert_int_equal(response((uint16_t)e->id)->status, VIRTIO_ACCEL_S_SESS);
		assert_int_equal(response((uint16_t)e->id)->reply_len, 0);
		assert_int_equal(response((uint16_t)e->id)->reserved, 0);
	}
	/* What was not popped is for the next worker. */
	assert_int_equal(g.vq.last_avail, 4);
	assert_int_equal(response(4)->status, 0xaaaaaaaa);
	assert_int_equal(inflight_count(g.vq.log, SIZE), 0);
}

/* Each prefix of the steps of a push (inflight.h), as a dying worker would leave it. */
static void finishes_a_half_done_push(void **state)
{
	(void)state;
	for (int steps = 0; steps <= 5; steps++) {
		struct inflight_queue *log = g.vq.log;
		uint16_t at = g.vq.used_idx;

		offer(7);
		offer(9);
		pop(&g.vq);
		pop(&g.vq);
		memset(response(7), 0x11, sizeof(struct virtio_accel_resp));
		if (steps >= 1)
			atomic_store(&log->push, inflight_push_word(at, 7, 24));
		if (steps >= 2)
			guest_used(&g)->ring[at % SIZE] = (struct vring_used_elem){ 7, 24 };
		if (steps >= 3)
			atomic_store(&log->heads[7].state, INFLIGHT_FREE);
		if (steps >= 4)
			guest_used(&g)->idx = (uint16_t)(at + 1);
		if (steps >= 5)
			atomic_store(&log->used_idx, at + 1u);

		/* Once the push was noted, the answer counts; before, the request is lost. */
		assert_int_equal(recover(), steps ? 1 : 2);
		assert_int_equal(guest_used(&g)->idx, (uint16_t)(at + 2));
		assert_int_equal(guest_used(&g)->ring[at % SIZE].id, 7);
		assert_int_equal(guest_used(&g)->ring[at % SIZE].len, steps ? 24 : 16);
		assert_int_equal(response(7)->status, steps ? 0x11111111 : VIRTIO_ACCEL_S_SESS);
		assert_int_equal(guest_used(&g)->ring[(at + 1) % SIZE].id, 9);
		assert_int_equal(g.vq.last_avail, g.avail_idx);
	}
}

static void goes_on_with_the_same_rings(void **state)
{
	struct virtqueue next;

	(void)state;
	for (uint16_t i = 0; i < 5; i++)
		offer(i);
	for (int i = 0; i < 3; i++)
		pop(&g.vq);
	recover();
	g.config.base = g.vq.last_avail;
	assert_int_equal(virtqueue_init(&next, &g.mem, &g.config, g.vq.log, false), 0);
	pop(&next);
	assert_int_equal(chain.head, 3);
	pop(&next);
	assert_int_equal(chain.head, 4);
	virtqueue_push(&next, 4, 1);
	assert_int_equal(guest_used(&g)->idx, 4);
	assert_int_equal(guest_used(&g)->ring[3].id, 4);
}

/* A front end may start us on rings that someone served before, with requests never completed. */
static void keeps_the_distance_of_the_indices(void **state)
{
	(void)state;
	guest_used(&g)->idx = 10;
	g.avail_idx = 13;
	guest_avail(&g)->idx = 13;
	g.config.base = 13;
	assert_int_equal(virtqueue_init(&g.vq, &g.mem, &g.config, g.vq.log, true), 0);
	offer(3);
	offer(4);
	pop(&g.vq);
	assert_int_equal(recover(), 1);
	assert_int_equal(guest_used(&g)->idx, 11);
	assert_int_equal(g.vq.last_avail, 14);
	pop(&g.vq);
	assert_int_equal(chain.head, 4);
}

static void needs_room_for_a_response(void **state)
{
	(void)state;
	/* Too short, none at all, and no longer in guest memory. */
	guest_set_desc(&g, 0, guest_gpa(GUEST_DATA), 15, VRING_DESC_F_WRITE, 0);
	guest_set_desc(&g, 1, guest_gpa(GUEST_DATA), 64, 0, 0);
	memset(g.ram + GUEST_DATA, 0xaa, 64);
	guest_make_available(&g, 0);
	guest_make_available(&g, 1);
	pop(&g.vq);
	pop(&g.vq);
	offer(2);
	pop(&g.vq);
	g.vq.log->heads[2].resp_addr = GUEST_GPA + GUEST_SIZE - 8;
	assert_int_equal(recover(), 3);
	for (int i = 0; i < 3; i++)
		assert_int_equal(guest_used(&g)->ring[i].len, 0);
	assert_int_equal(g.ram[GUEST_DATA], 0xaa);
}

/* The record may hold anything: the worker that shares it runs plugins. */
static void survives_a_scribbled_record(void **state)
{
	uint32_t x = 1;

	(void)state;
	for (int round = 0; round < 2000; round++) {
		uint8_t *bytes = (uint8_t *)g.vq.log;

		for (size_t i = 0; i < 16 + SIZE * sizeof(struct inflight_head); i++) {
			x = x * 1664525 + 1013904223;
			bytes[i] = (uint8_t)(x >> 24);
		}
		assert_true(recover() <= SIZE);
		assert_int_equal(inflight_count(g.vq.log, SIZE), 0);
	}
}

/* ---- A worker that may die before any of its instructions ---- */

/* In a child that is traced: serves what is available, several requests at a time, and exits. */
static void serve(void)
{
	static struct memory mem;
	struct inflight_area *area = inflight_area_own(g.area_fd);
	struct virtqueue vq;
	uint16_t heads[SIZE];
	unsigned int nr = 0, x = 7;

	/* No mapping of these is inherited. */
	if (!area ||
	    memory_add(&mem, GUEST_GPA, GUEST_SIZE, GUEST_UADDR, 0, dup(g.mem.regions[0].fd)) ||
	    virtqueue_init(&vq, &mem, &g.config, &area->queues[0], false) ||
	    ptrace(PTRACE_TRACEME, 0, NULL, NULL))
		_exit(1);
	raise(SIGSTOP);
	while (virtqueue_pending(&vq) || nr) {
		x = x * 1664525 + 1013904223;
		if (x >> 31 && virtqueue_pop(&vq, &mem, &chain) == 1) {
			virtqueue_track(&vq, &chain, 1);
			heads[nr++] = chain.head;
		} else if (nr) {
			unsigned int at = (x >> 8) % nr;

			response(heads[at])->status = 0;
			virtqueue_push(&vq, heads[at], 32);
			heads[at] = heads[--nr];
		}
	}
	_exit(0);
}

/* Recovers a copy of the present state, as if the worker had died now, and checks what results. */
static void check_death_now(struct guest *copy)
{
	bool seen[SIZE] = { false };
	uint16_t nr_used;

	memcpy(copy->area->queues, g.area->queues,
	       offsetof(struct inflight_queue, heads) + SIZE * sizeof(struct inflight_head));
	memcpy(copy->ram + GUEST_DESC, g.ram + GUEST_DESC, SIZE * 16);
	memcpy(copy->ram + GUEST_AVAIL, g.ram + GUEST_AVAIL, 4 + SIZE * 2);
	memcpy(copy->ram + GUEST_USED, g.ram + GUEST_USED, 4 + SIZE * 8);
	memcpy(copy->ram + GUEST_DATA, g.ram + GUEST_DATA, SIZE * 64);
	copy->vq.lost = g.vq.lost;
	inflight_recover(&copy->vq, &copy->mem, VIRTIO_ACCEL_S_SESS);

	assert_int_equal(inflight_count(copy->vq.log, SIZE), 0);
	nr_used = guest_used(copy)->idx;
	assert_true(nr_used <= SIZE);
	for (uint16_t i = 0; i < nr_used; i++) {
		const struct vring_used_elem *e = &guest_used(copy)->ring[i];
		const struct virtio_accel_resp *resp =
			(const void *)(copy->ram + GUEST_DATA + e->id * 64u);

		assert_true(e->id < SIZE && !seen[e->id]);
		seen[e->id] = true;
		assert_int_equal(resp->status, e->len == 32 ? 0 : VIRTIO_ACCEL_S_SESS);
	}
	/* All others are still there for the next worker. */
	assert_int_equal(copy->vq.last_avail, nr_used);
	for (uint16_t i = copy->vq.last_avail; i < SIZE; i++)
		assert_false(seen[guest_avail(copy)->ring[i]]);
}

static void may_die_at_any_instruction(void **state)
{
	struct guest copy;
	unsigned long steps = 0;
	int status;
	pid_t pid;

	(void)state;
	if (getenv("VALGRIND")) {
		print_message("skipped: the instructions would be those of valgrind\n");
		skip();
	}
	guest_init(&copy, SIZE, 0);
	for (uint16_t i = 0; i < SIZE; i++)
		offer((uint16_t)(i * 5 % SIZE));
	pid = fork();
	if (!pid)
		serve();
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (!WIFSTOPPED(status)) {
		print_message("skipped: processes cannot be traced here\n");
		guest_fini(&copy);
		skip();
	}
	for (;; steps++) {
		check_death_now(&copy);
		assert_int_equal(ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (WIFEXITED(status))
			break;
		assert_true(WIFSTOPPED(status));
	}
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_int_equal(guest_used(&g)->idx, SIZE);
	print_message("right after each of %lu instructions\n", steps);
	guest_fini(&copy);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_in_flight),
		TEST(completes_what_was_popped),
		TEST(finishes_a_half_done_push),
		TEST(goes_on_with_the_same_rings),
		TEST(keeps_the_distance_of_the_indices),
		TEST(needs_room_for_a_response),
		TEST(survives_a_scribbled_record),
		TEST(may_die_at_any_instruction),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
