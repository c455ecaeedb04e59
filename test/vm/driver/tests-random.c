// SPDX-License-Identifier: Apache-2.0
/* Tests of driver-test: calls and other uses of the node at random. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "driver-test.h"

static uint32_t seed = 1;

static uint32_t pick(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

/*
 * What the driver's code that was reached cannot be asked for here, so this is counted: how each
 * ioctl ended (0 or an errno value).
 */
#define NR_ENDS 256

struct fuzz_count {
	unsigned long long executions, good, broken;
	uint8_t ends[16][NR_ENDS];
};

static struct fuzz_count *count; /* of test_fuzz(), shared by its processes */

static int note_ioctl(int fd, unsigned long request, void *arg)
{
	int r = ioctl(fd, request, arg), end = r < 0 ? errno : 0;

	if (count && _IOC_NR(request) < 16 && end < NR_ENDS)
		count->ends[_IOC_NR(request)][end] = 1;
	return r;
}

/* Memory with a hole and a part that is read-only; 2 MiB. */
static uint8_t *map_odd(void)
{
	uint8_t *p = map(2 * MiB);

	munmap(p + MiB, 65536);
	mprotect(p + MiB + 65536, 65536, PROT_READ);
	return p;
}

/*
 * One call of random sense, with memory of map_odd(). @submit: it is not waited for. Return: the
 * ioctl's.
 */
static int random_call(int fd, uint8_t *p, bool submit)
{
	static const uint64_t lens[] = { 1, 8, 24, 4095, 4096, 4097, 65536, 200000, 1 << 20,
					 3 << 20, 1ULL << 32, 1ULL << 47, UINT64_MAX - 4095,
					 UINT64_MAX, 0 };
	struct virtio_accel_user_segment segments[66];
	struct fake_message m = { .op = FAKE_ECHO };
	uint64_t addrs[] = { (uintptr_t)p + pick(8192), (uintptr_t)p + pick(2 * MiB),
			     (uintptr_t)p, (uintptr_t)p + MiB - 4096, (uintptr_t)p,
			     (uintptr_t)p + 4095,
			     pick(2) ? 0 : UINT64_MAX - pick(8192), 1ULL << (pick(64)) };
	struct virtio_accel_call c = {
		.message = pick(20) ? (uintptr_t)&m : addrs[pick(8)],
		.segments = pick(20) ? (uintptr_t)segments : addrs[pick(8)],
		.reply = pick(3) ? (uintptr_t)p : addrs[pick(8)],
		.message_len = pick(20) ? (uint32_t)sizeof(m) : (uint32_t)lens[pick(15)],
		.nr_segments = pick(20) ? pick(5) : pick(67),
		.reply_len = pick(3) ? 64 : (uint32_t)lens[pick(15)],
		.flags = pick(50) ? 0 : 1u << pick(32),
		.reserved = pick(50) ? 0 : 1u << pick(32),
	};

	/* What a message may be that we did not write: nothing that the device obeys. */
	memset(p, 0, 2 * 8192);
	for (uint32_t k = 0; k < c.nr_segments && k < 66; k++)
		segments[k] = (struct virtio_accel_user_segment){
			addrs[pick(pick(4) ? 6 : 8)], lens[pick(pick(20) ? 9 : 15)],
			pick(20) ? 1 + pick(3) : pick(16), pick(50) ? 0 : 1 };
	if (submit) {
		struct virtio_accel_submit s = { .call = c, .token = pick(100) };

		if (pick(2) == 0)
			s.call.flags = VIRTIO_ACCEL_SUBMIT_NOTIFY;
		return note_ioctl(fd, VIRTIO_ACCEL_IOC_SUBMIT, &s);
	}
	return note_ioctl(fd, VIRTIO_ACCEL_IOC_CALL, &c);
}

/* Calls of random sense; what the device gets must be well-formed, which it checks. */
void test_random(void)
{
	unsigned int good = 0, nr_errors = 0;
	uint8_t *p = map_odd();
	int fd = must_open();

	for (int i = 0; i < 20000; i++) {
		int r = random_call(fd, p, false);

		good += !r;
		nr_errors += r != 0;
		if (r && errno != EINVAL && errno != EFAULT && errno != ENOMEM && errno != ENOENT)
			CHECK(!r);
	}
	printf("# %u calls went well, %u were refused\n", good, nr_errors);
	CHECK(good > 1000 && nr_errors > 1000);
	CHECK(counter("pinned_pages") == 0 && counter("inflight") == 0);
	munmap(p, 2 * MiB);
	close(fd);
}

static void random_reap(int fd, uint8_t *p)
{
	struct virtio_accel_done done[8];
	struct virtio_accel_reap r = {
		.done = pick(8) ? (uintptr_t)done : (uintptr_t)p + MiB - 64 + pick(128),
		.nr = pick(8) ? 1 + pick(8) : pick(1 << 30),
		.flags = pick(8) ? pick(2) : 1u << pick(32),
	};

	/* More than there is room for is not under way. */
	if (r.done == (uintptr_t)done && r.nr > 8)
		r.done = (uintptr_t)p;
	note_ioctl(fd, VIRTIO_ACCEL_IOC_REAP, &r);
}

/* Registered memory: few ids, so that they are met again */
static void random_memory(int fd, uint8_t *p)
{
	static const unsigned long acts[] = {
		VIRTIO_ACCEL_IOC_MEMORY_ALLOC, VIRTIO_ACCEL_IOC_MEMORY_FREE,
		VIRTIO_ACCEL_IOC_MEMORY_REGISTER,
	};
	unsigned int act = pick(3);
	struct virtio_accel_memory m = {
		.size = act ? pick(8) == 0 : pick(20) ? 1 + pick(1 << 17) : 1ULL << pick(64),
		.id = pick(20) ? 1 + pick(5) : pick(1 << 24) << 8,
		.nr_blocks = pick(50) == 0,
		.reserved = pick(50) == 0,
	};
	bool writable = pick(2);
	size_t len = 4096 << pick(5);
	volatile uint8_t *at;

	note_ioctl(fd, acts[act], pick(50) ? (void *)&m : p + MiB);
	at = mmap(NULL, len, PROT_READ | (writable ? PROT_WRITE : 0),
		  pick(8) ? MAP_SHARED : MAP_PRIVATE, fd, (off_t)pick(8) * 4096);
	if (at == (void *)MAP_FAILED)
		return;
	if (writable)
		at[0]++;
	/* It may be shorter than asked for: then this raises SIGBUS, which ends the process. */
	if (pick(2000) == 0)
		(void)at[len - 1];
	if (pick(16))
		munmap((void *)at, pick(8) ? len : 4096);
}

/* Anything else that a program can do with the node */
static bool random_act(int fd, uint8_t *p)
{
	uint64_t args[64];
	unsigned int dir = pick(4), nr = pick(256), size = pick(4) ? pick(80) : pick(1 << 14);

	switch (pick(8)) {
	case 0:
	case 1:
		random_memory(fd, p);
		break;
	case 2:
	case 3:
		random_reap(fd, p);
		break;
	case 4:
		random_call(fd, p, true);
		break;
	case 5:
		return read(fd, p, pick(4096)) <= 0 && write(fd, p, pick(4096)) <= 0;
	case 6:
		note_ioctl(fd, VIRTIO_ACCEL_IOC_INFO, pick(2) ? p : p + MiB - 8 + pick(16));
		break;
	default:
		for (int i = 0; i < 64; i++)
			args[i] = pick(3) == 0 ? (uintptr_t)p + pick(2 * MiB) :
				  pick(3) == 0 ? (uint64_t)pick(1 << 24) << pick(40) : pick(4);
		/* A call needs sense: a device that gets rubbish would not know its driver. */
		if (nr != _IOC_NR(VIRTIO_ACCEL_IOC_CALL) && nr != _IOC_NR(VIRTIO_ACCEL_IOC_SUBMIT))
			note_ioctl(fd, _IOC(dir, _IOC_TYPE(VIRTIO_ACCEL_IOC_CALL), nr, size),
				   pick(4) ? (void *)args : (void *)(uintptr_t)args[pick(64)]);
	}
	return true;
}

static void fuzz_process(uint32_t start)
{
	uint8_t *p = map_odd();
	int fd = must_open();

	seed = start;
	for (;;) {
		bool good;

		if (pick(2000) == 0) {
			close(fd);
			fd = must_open();
		}
		good = false;
		if (pick(2))
			good = random_call(fd, p, false) == 0;
		else if (!random_act(fd, p))
			__atomic_add_fetch(&count->broken, 1, __ATOMIC_RELAXED);
		__atomic_add_fetch(&count->executions, 1, __ATOMIC_RELAXED);
		__atomic_add_fetch(&count->good, good, __ATOMIC_RELAXED);
	}
}

/*
 * Processes that use the node at random, and are killed at any time: for FUZZ_SECONDS, or until
 * FUZZ_RUNS calls were made. Nothing may be left, and the device must see no broken rule.
 */
void test_fuzz(void)
{
	const char *seconds = getenv("FUZZ_SECONDS"), *runs = getenv("FUZZ_RUNS");
	uint64_t end = now_us() + (seconds ? strtoull(seconds, NULL, 10) : 60) * 1000000;
	unsigned long long most = runs ? strtoull(runs, NULL, 10) : ~0ull;
	unsigned int requests = 0, ends = 0;
	uint32_t next_seed = (uint32_t)now_us();
	pid_t pids[4] = { 0 };
	int fd;

	printf("# seed %u\n", next_seed);
	count = mmap(NULL, sizeof(*count), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(count != MAP_FAILED);
	for (unsigned int i = 0; now_us() < end && count->executions < most; i++) {
		pid_t *pid = &pids[i % 4];

		if (*pid) {
			kill(*pid, SIGKILL);
			CHECK(waitpid(*pid, NULL, 0) == *pid);
		}
		*pid = fork();
		if (!*pid)
			fuzz_process(next_seed + i);
		sleep_ms(300);
	}
	for (int i = 0; i < 4; i++) {
		kill(pids[i], SIGKILL);
		waitpid(pids[i], NULL, 0);
	}
	for (int i = 0; i < 16; i++) {
		unsigned int before = ends;

		for (int j = 0; j < NR_ENDS; j++)
			ends += count->ends[i][j];
		requests += ends > before;
	}
	printf("# fuzz: %llu executions, %llu of them good calls, %u ends of %u ioctls\n",
	       count->executions, count->good, ends, requests);
	CHECK(count->good > 100 && !count->broken);
	CHECK(counter_becomes("contexts", 0));
	CHECK(counter_becomes("pinned_pages", 0) && counter_becomes("inflight", 0));
	fd = must_open();
	CHECK(!simple(fd, FAKE_ECHO, 0));
	close(fd);
}
