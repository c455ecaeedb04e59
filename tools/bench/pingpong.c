// SPDX-License-Identifier: Apache-2.0
/*
 * Comparators that move nothing: this process and a child hand a turn to each other, sleeping on
 * eventfds or looking at shared memory. Between its rounds the child sleeps in both cases. And one of
 * machine.c's: a copy of what the child has just written.
 */
#include "bench-tool.h"
#include "transport/cpu.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

/* Far more than a turn takes where each has a processor */
#define LOOKS_PER_YIELD 1000

/* On a cache line of its own each, as a queue's two ends are */
struct turns {
	_Alignas(64) _Atomic uint32_t ping;
	_Alignas(64) _Atomic uint32_t pong;
	_Alignas(64) uint32_t nr; /* of this round; 0 ends the child */
	_Alignas(4096) unsigned char written[MACHINE_COPY];
};

struct pingpong_side {
	struct side side;
	struct turns *turns;
	int there, back;
	unsigned char *own; /* what is copied goes there */
	pid_t child;
};

static void await(const _Atomic uint32_t *turn, uint32_t value)
{
	for (unsigned int i = 1; atomic_load_explicit(turn, memory_order_acquire) != value; i++) {
		cpu_relax();
		/* The other one may need this very processor. */
		if (i % LOOKS_PER_YIELD == 0)
			sched_yield();
	}
}

static void eventfd_child(struct pingpong_side *ps)
{
	eventfd_t count;

	while (!eventfd_read(ps->there, &count) && ps->turns->nr)
		if (eventfd_write(ps->back, 1))
			return;
}

static void poll_child(struct pingpong_side *ps)
{
	uint32_t seen = 0;
	eventfd_t count;

	while (!eventfd_read(ps->there, &count) && ps->turns->nr) {
		uint32_t nr = ps->turns->nr;

		if (eventfd_write(ps->back, 1))
			return;
		for (uint32_t i = 0; i < nr; i++) {
			await(&ps->turns->ping, ++seen);
			atomic_store_explicit(&ps->turns->pong, seen, memory_order_release);
		}
	}
}

static void write_child(struct pingpong_side *ps)
{
	unsigned char value = 0;
	eventfd_t count;

	while (!eventfd_read(ps->there, &count) && ps->turns->nr) {
		memset(ps->turns->written, ++value, sizeof(ps->turns->written));
		if (eventfd_write(ps->back, 1))
			return;
	}
}

/* Times only the copies. */
static int copy_run(struct side *s, unsigned int nr, uint64_t *ns, size_t *made)
{
	struct pingpong_side *ps = (struct pingpong_side *)s;
	eventfd_t count;

	ps->turns->nr = nr;
	for (unsigned int i = 0; i < nr; i++) {
		uint64_t start;

		if (eventfd_write(ps->there, 1) || eventfd_read(ps->back, &count))
			return errno;
		start = now_ns();
		memcpy(ps->own, ps->turns->written, sizeof(ps->turns->written));
		__asm__ volatile("" : : "r"(ps->own) : "memory");
		ns[i] = now_ns() - start;
	}
	*made = nr;
	return 0;
}

static int eventfd_run(struct side *s, unsigned int nr, uint64_t *ns, size_t *made)
{
	struct pingpong_side *ps = (struct pingpong_side *)s;
	eventfd_t count;

	ps->turns->nr = nr;
	for (unsigned int i = 0; i < nr; i++) {
		uint64_t start = now_ns();

		if (eventfd_write(ps->there, 1) || eventfd_read(ps->back, &count))
			return errno;
		ns[i] = now_ns() - start;
	}
	*made = nr;
	return 0;
}

static int poll_run(struct side *s, unsigned int nr, uint64_t *ns, size_t *made)
{
	struct pingpong_side *ps = (struct pingpong_side *)s;
	uint32_t turn = atomic_load(&ps->turns->ping);
	eventfd_t count;

	ps->turns->nr = nr;
	if (eventfd_write(ps->there, 1) || eventfd_read(ps->back, &count))
		return errno;
	for (unsigned int i = 0; i < nr; i++) {
		uint64_t start = now_ns();

		atomic_store_explicit(&ps->turns->ping, ++turn, memory_order_release);
		await(&ps->turns->pong, turn);
		ns[i] = now_ns() - start;
	}
	*made = nr;
	return 0;
}

static void pingpong_close(struct side *s)
{
	struct pingpong_side *ps = (struct pingpong_side *)s;

	ps->turns->nr = 0;
	(void)eventfd_write(ps->there, 1);
	waitpid(ps->child, NULL, 0);
	close(ps->there);
	close(ps->back);
	munmap(ps->turns, sizeof(*ps->turns));
	free(ps->own);
	free(ps);
}

static struct side *pingpong_new(const char *name, const int cpus[2],
				 int (*run)(struct side *, unsigned int, uint64_t *, size_t *),
				 void (*child)(struct pingpong_side *))
{
	struct pingpong_side *ps = bench_alloc(sizeof(*ps));

	ps->side = (struct side){
		.name = name,
		.threads = 1,
		.run = run,
		.close = pingpong_close,
	};
	ps->turns = mmap(NULL, sizeof(*ps->turns), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ps->there = eventfd(0, EFD_CLOEXEC);
	ps->back = eventfd(0, EFD_CLOEXEC);
	if (ps->turns == MAP_FAILED || ps->there < 0 || ps->back < 0)
		bench_die(EX_OSERR, "cannot share memory with a process: %s", strerror(errno));
	ps->child = fork();
	if (ps->child < 0)
		bench_die(EX_OSERR, "cannot start a process: %s", strerror(errno));
	if (!ps->child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		pin_to(cpus[1]);
		child(ps);
		_exit(0);
	}
	return &ps->side;
}

struct side *side_eventfd(const int cpus[2])
{
	return pingpong_new(peer_names[PEER_EVENTFD], cpus, eventfd_run, eventfd_child);
}

struct side *side_poll(const int cpus[2])
{
	return pingpong_new(peer_names[PEER_POLL], cpus, poll_run, poll_child);
}

struct side *side_handed_over(const int cpus[2])
{
	struct side *s = pingpong_new("a copy of what another process wrote", cpus, copy_run,
				      write_child);
	unsigned char *own = bench_data(MACHINE_COPY);

	memset(own, 1, MACHINE_COPY);
	((struct pingpong_side *)s)->own = own;
	return s;
}
