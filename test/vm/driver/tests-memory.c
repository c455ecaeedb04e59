// SPDX-License-Identifier: Apache-2.0
/* Tests of driver-test: registered memory. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "driver-test.h"

#define MEMORY VIRTIO_ACCEL_SEG_MEMORY

/* Return: 0, an errno value, or 1000 and the device's status. */
static int memory_ioctl(int fd, unsigned long request, uint32_t id, uint64_t size,
			struct virtio_accel_memory *out)
{
	struct virtio_accel_memory m = { .size = size, .id = id };

	if (ioctl(fd, request, &m))
		return errno;
	if (out)
		*out = m;
	return m.status ? 1000 + (int)m.status : 0;
}

static int alloc(int fd, uint32_t id, uint64_t size)
{
	return memory_ioctl(fd, VIRTIO_ACCEL_IOC_MEMORY_ALLOC, id, size, NULL);
}

static int release(int fd, uint32_t id)
{
	return memory_ioctl(fd, VIRTIO_ACCEL_IOC_MEMORY_FREE, id, 0, NULL);
}

static int again(int fd, uint32_t id)
{
	return memory_ioctl(fd, VIRTIO_ACCEL_IOC_MEMORY_REGISTER, id, 0, NULL);
}

static uint8_t *map_memory(int fd, uint32_t id, size_t len)
{
	return mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)id * 4096);
}

/* A call that names memory. Return: as memory_ioctl(). */
static int on_memory(int fd, uint32_t op, uint32_t value, uint32_t id, uint64_t offset,
		     uint64_t len, uint64_t *reply)
{
	struct virtio_accel_user_segment s = { offset, len, READS | WRITES | MEMORY, id };
	struct fake_message m = { .op = op, .value = value };
	uint32_t reply_len = reply ? sizeof(*reply) : 0, status = 0;
	int e = call(fd, &m, sizeof(m), &s, 1, reply, &reply_len, &status);

	return e ? e : status ? 1000 + (int)status : 0;
}

static uint64_t sum(const uint8_t *p, size_t len)
{
	uint64_t s = 0;

	for (size_t i = 0; i < len; i++)
		s += p[i];
	return s;
}

static bool filled(const uint8_t *p, size_t len, uint32_t value)
{
	for (size_t i = 0; i < len; i++)
		if (p[i] != (uint8_t)(i * 7 + value))
			return false;
	return true;
}

void test_memory(void)
{
	static const size_t sizes[] = { 1, 4096, 4097, 64 * 1024, 5 * MiB + 1, 64 * MiB };
	int fd = must_open();

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		size_t size = sizes[i], pages = (size + 4095) / 4096, half = size / 2;
		struct virtio_accel_memory m = { 0 };
		uint64_t value = 0;
		uint8_t *p;

		CHECK(!memory_ioctl(fd, VIRTIO_ACCEL_IOC_MEMORY_ALLOC, 7, size, &m));
		CHECK(m.size == pages * 4096 && m.id == 7 && m.nr_blocks >= 1);
		/* Blocks are as large as there are: this VM has its memory for itself. */
		CHECK(m.nr_blocks <= pages / 256 + 12);
		CHECK(counter("memory_pages") == (long long)pages);
		CHECK(ask(fd, FAKE_MEMORIES, NULL, 0) == 1);
		p = map_memory(fd, 7, size);
		CHECK(p != MAP_FAILED);
		CHECK(sum(p, pages * 4096) == 0);
		for (size_t k = 0; k < size; k++)
			p[k] = (uint8_t)(k ^ k >> 12);
		CHECK(!on_memory(fd, FAKE_SUM, 0, 7, 0, size, &value) && value == sum(p, size));
		CHECK(!on_memory(fd, FAKE_SUM, 0, 7, half, size - half, &value) &&
		      value == sum(p + half, size - half));
		CHECK(!on_memory(fd, FAKE_FILL, 9, 7, 0, size, NULL) && filled(p, size, 9));
		if (size > 8192) {
			CHECK(!on_memory(fd, FAKE_FILL, 3, 7, 4090, 100, NULL));
			CHECK(filled(p + 4090, 100, 3) && filled(p, 4090, 9));
		}
		/* By its address it is memory like any other. */
		CHECK(!on_segment(fd, FAKE_FILL, 5, p, size, WRITES) && filled(p, size, 5));
		CHECK(counter("pinned_pages") == 0);
		munmap(p, size);
		CHECK(!release(fd, 7));
		CHECK(counter("memory_pages") == 0);
		CHECK(ask(fd, FAKE_MEMORIES, NULL, 0) == 0);
	}
	close(fd);
}

/* What a host in huge pages can place: one block, or whole large ones before the last. */
void test_memory_blocks(void)
{
	static const size_t sizes[] = { 3 * 4096, 17 * 4096, MiB + 4096, 3 * MiB, 4 * MiB - 4096 };
	struct virtio_accel_memory m = { 0 };
	int fd = must_open();

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		CHECK(!memory_ioctl(fd, VIRTIO_ACCEL_IOC_MEMORY_ALLOC, 7, sizes[i], &m));
		CHECK(m.nr_blocks == 1);
		CHECK(counter("memory_pages") == (long long)sizes[i] / 4096);
		CHECK(!release(fd, 7));
	}
	CHECK(!memory_ioctl(fd, VIRTIO_ACCEL_IOC_MEMORY_ALLOC, 7, 7 * MiB, &m));
	CHECK(m.nr_blocks <= 2);
	CHECK(!release(fd, 7));
	CHECK(counter("memory_pages") == 0);
	close(fd);
}

void test_memory_arguments(void)
{
	struct virtio_accel_memory m;
	int fd = must_open(), other = must_open();
	long pages = sysconf(_SC_PHYS_PAGES);

#define FAILS(request, code, ...)							\
	do {										\
		m = (struct virtio_accel_memory){ __VA_ARGS__ };			\
		errno = 0;								\
		CHECK(ioctl(fd, VIRTIO_ACCEL_IOC_MEMORY_##request, &m) == -1 && errno == (code)); \
	} while (0)

	FAILS(ALLOC, EINVAL, .size = 4096);
	FAILS(ALLOC, EINVAL, .id = 1);
	FAILS(ALLOC, EINVAL, .id = 1, .size = 4096, .nr_blocks = 1);
	FAILS(ALLOC, EINVAL, .id = 1, .size = 4096, .reserved = 1);
	FAILS(ALLOC, ENOMEM, .id = 1, .size = UINT64_MAX);
	FAILS(ALLOC, ENOMEM, .id = 1, .size = 1ull << 40);
	/* Half of the memory is what the module allows. */
	FAILS(ALLOC, ENOMEM, .id = 1, .size = (uint64_t)pages / 8 * 5 * 4096);
	FAILS(FREE, ENOENT, .id = 1);
	FAILS(FREE, EINVAL, .id = 1, .size = 1);
	FAILS(REGISTER, ENOENT, .id = 1);
	CHECK(ioctl(fd, VIRTIO_ACCEL_IOC_MEMORY_ALLOC, NULL) == -1 && errno == EFAULT);
	CHECK(counter("memory_pages") == 0);

	CHECK(!alloc(fd, 1, 8192) && alloc(fd, 1, 8192) == EEXIST);
	CHECK(!alloc(fd, UINT32_MAX, 4096) && !release(fd, UINT32_MAX));
	/* Names are the file's own. */
	CHECK(!alloc(other, 1, 4096));
	CHECK(on_memory(other, FAKE_SUM, 0, 1, 4096, 1, NULL) == EINVAL);
	CHECK(on_memory(fd, FAKE_SUM, 0, 1, 8191, 1, NULL) == 0);
	CHECK(on_memory(fd, FAKE_SUM, 0, 1, 8192, 1, NULL) == EINVAL);
	CHECK(on_memory(fd, FAKE_SUM, 0, 1, 1, 8192, NULL) == EINVAL);
	CHECK(on_memory(fd, FAKE_SUM, 0, 1, 0, 0, NULL) == EINVAL);
	CHECK(on_memory(fd, FAKE_SUM, 0, 1, UINT64_MAX, 1, NULL) == EINVAL);
	CHECK(on_memory(fd, FAKE_SUM, 0, 1, 1, UINT64_MAX, NULL) == EINVAL);
	CHECK(on_memory(fd, FAKE_SUM, 0, 2, 0, 1, NULL) == ENOENT);
	CHECK(on_memory(fd, FAKE_SUM, 0, 0, 0, 1, NULL) == ENOENT);

	CHECK(map_memory(fd, 2, 4096) == MAP_FAILED && errno == ENOENT);
	CHECK(map_memory(fd, 1, 8193) == MAP_FAILED && errno == EINVAL);
	CHECK(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 4096) == MAP_FAILED && errno == EINVAL);
	CHECK(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 1ll << 50) == MAP_FAILED);

	/* The device may refuse it. */
	CHECK(!simple(fd, FAKE_REFUSE, VIRTIO_ACCEL_S_NOMEM));
	CHECK(alloc(fd, 3, MiB) == 1000 + VIRTIO_ACCEL_S_NOMEM);
	CHECK(release(fd, 3) == ENOENT && counter("memory_pages") == 3);
	close(fd);
	close(other);
	CHECK(counter_becomes("contexts", 0) && counter_becomes("memory_pages", 0));
}

/* Mappings outlive the memory's name, and the file outlives its descriptor. */
void test_memory_map(void)
{
	int fd = must_open(), status;
	uint8_t *p, *q, *part;
	pid_t pid;

	CHECK(!alloc(fd, 1, 8 * MiB));
	p = map_memory(fd, 1, 8 * MiB);
	q = map_memory(fd, 1, 8 * MiB);
	part = map_memory(fd, 1, 4096);
	CHECK(p != MAP_FAILED && q != MAP_FAILED && part != MAP_FAILED);
	memset(p, 5, 8 * MiB);
	CHECK(q[8 * MiB - 1] == 5 && part[4095] == 5);
	CHECK(mremap(p, 8 * MiB, 16 * MiB, MREMAP_MAYMOVE) == MAP_FAILED);
	/* Holes, and pieces that move */
	CHECK(!munmap(p + MiB, MiB));
	CHECK(mremap(p, MiB, MiB, MREMAP_MAYMOVE | MREMAP_FIXED, p + MiB) == p + MiB);
	CHECK(p[MiB] == 5 && p[4 * MiB] == 5);
	/* A child has it not. */
	pid = fork();
	if (!pid) {
		(void)*(volatile uint8_t *)q;
		_exit(0);
	}
	waitpid(pid, &status, 0);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);

	CHECK(!release(fd, 1));
	CHECK(counter("memory_pages") == 2048);
	q[0] = 6;
	CHECK(part[0] == 6 && p[MiB] == 6);
	/* The name is free again. */
	CHECK(!alloc(fd, 1, MiB) && counter("memory_pages") == 2304);
	close(fd);
	CHECK(counter("contexts") == 1);
	munmap(p + MiB, 7 * MiB);
	munmap(part, 4096);
	CHECK(counter("memory_pages") == 2304 && q[8 * MiB - 1] == 5);
	munmap(q, 8 * MiB);
	CHECK(counter_becomes("contexts", 0) && counter_becomes("memory_pages", 0));
}

struct held {
	int fd, result;
};

static void *call_held(void *arg)
{
	struct held *d = arg;

	d->result = on_memory(d->fd, FAKE_NEVER, 0, 1, 0, 4 * MiB, NULL);
	return NULL;
}

/* Freed and unmapped while the device works on it */
void test_memory_in_use(void)
{
	struct held d = { must_open(), -1 };
	pthread_t thread;
	uint8_t *p;

	CHECK(!alloc(d.fd, 1, 4 * MiB));
	p = map_memory(d.fd, 1, 4 * MiB);
	CHECK(!pthread_create(&thread, NULL, call_held, &d));
	CHECK(device_holds(d.fd, 1));
	munmap(p, 4 * MiB);
	CHECK(!release(d.fd, 1));
	CHECK(ask(d.fd, FAKE_MEMORIES, NULL, 0) == 0);
	CHECK(counter("inflight") == 1 && counter("memory_pages") == 1024);
	CHECK(on_memory(d.fd, FAKE_SUM, 0, 1, 0, 1, NULL) == ENOENT);
	CHECK(!simple(d.fd, FAKE_ANSWER, 0));
	pthread_join(thread, NULL);
	CHECK(d.result == 0);
	CHECK(counter("memory_pages") == 0);
	close(d.fd);
}

/* A program is killed: what it had stays for as long as the device may use it. */
void test_memory_kill(void)
{
	int fd = must_open(), status;

	for (int i = 0; i < 20; i++) {
		uint32_t op = i ? FAKE_DELAY : FAKE_NEVER, ms = (uint32_t)i % 4 * 20;
		pid_t pid = fork();

		if (!pid) {
			int own = must_open();

			if (alloc(own, 1, 4 * MiB) || map_memory(own, 1, 4 * MiB) == MAP_FAILED)
				_exit(1);
			_exit(on_memory(own, op, ms, 1, 0, 4 * MiB, NULL));
		}
		if (!i) {
			CHECK(device_holds(fd, 1));
			CHECK(counter("inflight") == 1 && counter("memory_pages") == 1024);
		} else {
			sleep_ms((unsigned int)i * 3);
		}
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		if (!i) {
			CHECK(counter("inflight") == 1 && counter("memory_pages") == 1024);
			CHECK(ask(fd, FAKE_MEMORIES, NULL, 0) == 1);
			CHECK(!simple(fd, FAKE_ANSWER, 0));
			CHECK(counter_becomes("inflight", 0));
			CHECK(counter_becomes("memory_pages", 0));
		}
	}
	CHECK(counter_becomes("contexts", 1) && counter_becomes("memory_pages", 0));
	CHECK(ask(fd, FAKE_MEMORIES, NULL, 0) == 0);
	close(fd);
}

/*
 * A program is killed while the device registers its memory, and another one has its file: the
 * device may have the memory from then on, so its pages stay until the file is closed.
 */
void test_memory_doubt(void)
{
	int fd = must_open(), other = must_open(), status;
	pid_t pid;

	CHECK(!simple(fd, FAKE_HOLD_MEMORY, 0));
	pid = fork();
	if (!pid)
		_exit(alloc(fd, 1, 4 * MiB));
	/* Before the device has the request the end of the program takes it back, memory and all. */
	CHECK(device_holds(other, 1));
	CHECK(counter("inflight") == 1 && counter("memory_pages") == 1024);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	CHECK(!simple(other, FAKE_ANSWER, 0));
	CHECK(counter_becomes("inflight", 0));
	sleep_ms(100);
	CHECK(ask(fd, FAKE_MEMORIES, NULL, 0) == 1);
	CHECK(counter("memory_pages") == 1024);
	/* Nothing more is said about it: the order of requests is not known. */
	CHECK(release(fd, 1) == EBUSY && again(fd, 1) == EBUSY && alloc(fd, 1, 4096) == EEXIST);
	CHECK(!alloc(fd, 2, 4096) && !release(fd, 2));
	close(fd);
	CHECK(counter_becomes("memory_pages", 0));
	CHECK(ask(other, FAKE_MEMORIES, NULL, 0) == 0);
	close(other);
}

/* A device that has lost it says so, and then gets it again. */
void test_memory_lost(void)
{
	int fd = must_open();
	uint64_t value = 0;
	uint8_t *p;

	CHECK(!alloc(fd, 5, 2 * MiB));
	p = map_memory(fd, 5, 2 * MiB);
	memset(p, 1, 2 * MiB);
	CHECK(again(fd, 5) == 1000 + VIRTIO_ACCEL_S_EXIST);
	CHECK(!simple(fd, FAKE_FORGET, 0));
	CHECK(on_memory(fd, FAKE_SUM, 0, 5, 0, 2 * MiB, &value) == 1000 + VIRTIO_ACCEL_S_STALE);
	CHECK(!again(fd, 5));
	CHECK(!on_memory(fd, FAKE_SUM, 0, 5, 0, 2 * MiB, &value) && value == 2 * MiB);
	/* What the device does not know can be freed. */
	CHECK(!simple(fd, FAKE_FORGET, 0));
	munmap(p, 2 * MiB);
	CHECK(!release(fd, 5) && counter("memory_pages") == 0);
	close(fd);
}

static void *churn(void *arg)
{
	int fd = *(int *)arg;
	static uint32_t last;
	intptr_t bad = 0;

	for (int i = 0; i < 150; i++) {
		uint32_t id = __atomic_add_fetch(&last, 1, __ATOMIC_SEQ_CST);
		size_t size = 4096u << (i % 8);
		uint64_t value = 0;
		uint8_t *p;

		if (alloc(fd, id, size)) {
			bad++;
			continue;
		}
		p = map_memory(fd, id, size);
		if (p == MAP_FAILED || on_memory(fd, FAKE_FILL, id, id, 0, size, NULL) ||
		    !filled(p, size, id) || on_memory(fd, FAKE_SUM, 0, id, 0, size, &value) ||
		    value != sum(p, size))
			bad++;
		if (p != MAP_FAILED && i % 2)
			munmap(p, size);
		bad += !!release(fd, id);
		if (p != MAP_FAILED && i % 2 == 0)
			munmap(p, size);
	}
	return (void *)bad;
}

void test_memory_many(void)
{
	int fd = must_open();
	pthread_t threads[4];
	void *bad;

	for (int i = 0; i < 4; i++)
		CHECK(!pthread_create(&threads[i], NULL, churn, &fd));
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], &bad);
		CHECK(!bad);
	}
	CHECK(counter("memory_pages") == 0);
	/* Until the device has enough, which is an answer like any other; then all of it at once. */
	for (uint32_t id = 1; id <= 256; id++)
		CHECK(!alloc(fd, id, 8192));
	CHECK(alloc(fd, 257, 8192) == 1000 + VIRTIO_ACCEL_S_USERS);
	CHECK(counter("memory_pages") == 512);
	close(fd);
	CHECK(counter_becomes("memory_pages", 0));
}

/* More than there is: an error, after which all is as before; nobody is killed for it. */
void test_memory_low(void)
{
	uint64_t quarter = (uint64_t)sysconf(_SC_PHYS_PAGES) / 4 * 4096;
	int fd = must_open();
	struct virtio_accel_memory m = { 0 };
	size_t hog = (size_t)(quarter * 2 + quarter / 2);
	uint8_t *p;

	/* The module's limit */
	CHECK(!alloc(fd, 1, quarter) && alloc(fd, 2, quarter + quarter / 2) == ENOMEM);
	CHECK(!release(fd, 1) && counter("memory_pages") == 0);

	/* Other programs have most of it. */
	p = mmap(NULL, hog, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(p != MAP_FAILED);
	(void)madvise(p, hog, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < hog; i += 4096)
		p[i] = 1;
	CHECK(alloc(fd, 1, quarter * 7 / 4) == ENOMEM);
	CHECK(counter("memory_pages") == 0);
	/* What is left is in pieces: every second page of the hog's is free. */
	for (size_t i = 0; i < hog; i += 8192)
		CHECK(!madvise(p + i, 4096, MADV_DONTNEED));
	CHECK(!memory_ioctl(fd, VIRTIO_ACCEL_IOC_MEMORY_ALLOC, 1, quarter, &m));
	printf("# %llu pages in %u blocks\n", (unsigned long long)m.size / 4096, m.nr_blocks);
	CHECK(!on_memory(fd, FAKE_FILL, 1, 1, 0, MiB, NULL));
	CHECK(!release(fd, 1) && counter("memory_pages") == 0);
	munmap(p, hog);
	close(fd);
}

/* The device goes away and comes back. */
void test_memory_unbind(void)
{
	for (int round = 0; round < 3; round++) {
		struct held d = { must_open(), -1 };
		const char *name = bus_name();
		pthread_t thread;
		uint8_t *p;

		CHECK(!alloc(d.fd, 1, 4 * MiB));
		p = map_memory(d.fd, 1, 4 * MiB);
		memset(p, 1, 4 * MiB);
		CHECK(!pthread_create(&thread, NULL, call_held, &d));
		CHECK(device_holds(d.fd, 1));
		write_file("/sys/bus/virtio/drivers/virtio_accel/unbind", name);
		pthread_join(thread, NULL);
		CHECK(d.result == ENODEV);
		CHECK(p[4 * MiB - 1] == 1);
		CHECK(alloc(d.fd, 2, 4096) == ENODEV);
		if (round)
			CHECK(!release(d.fd, 1));
		write_file("/sys/bus/virtio/drivers/virtio_accel/bind", name);
		CHECK(p[0] == 1);
		close(d.fd);
		munmap(p, 4 * MiB);
	}
	int fd = must_open();

	CHECK(!alloc(fd, 1, 4096) && counter("memory_pages") == 1);
	close(fd);
	CHECK(counter_becomes("memory_pages", 0));
}

void test_no_memory(void)
{
	struct virtio_accel_info info;
	int fd = must_open();

	CHECK(!ioctl(fd, VIRTIO_ACCEL_IOC_INFO, &info) && !info.features);
	CHECK(alloc(fd, 1, 4096) == EOPNOTSUPP && release(fd, 1) == EOPNOTSUPP);
	CHECK(again(fd, 1) == EOPNOTSUPP);
	CHECK(map_memory(fd, 1, 4096) == MAP_FAILED && errno == ENOENT);
	CHECK(on_memory(fd, FAKE_SUM, 0, 1, 0, 1, NULL) == ENOENT);
	close(fd);
}
