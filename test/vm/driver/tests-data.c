// SPDX-License-Identifier: Apache-2.0
/* Tests of driver-test: what calls take and give, and how they wait. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "driver-test.h"

void test_info(void)
{
	struct virtio_accel_info info;
	int fd = must_open();
	struct stat st;

	memset(&info, 0xff, sizeof(info));
	CHECK(!ioctl(fd, VIRTIO_ACCEL_IOC_INFO, &info));
	CHECK(info.version == VIRTIO_ACCEL_VERSION && info.num_queues >= 4);
	CHECK(info.max_segments == 64 && info.max_message == 8 * MiB && info.max_reply == 8 * MiB);
	CHECK(!info.reserved && info.features == 1u << VIRTIO_ACCEL_F_MEMORY);
	CHECK(!fstat(fd, &st) && S_ISCHR(st.st_mode) && (st.st_mode & 0777) == 0660);
	CHECK(counter("queues") >= 1);
	close(fd);
}

void test_arguments(void)
{
	struct fake_message m = { .op = FAKE_ECHO };
	struct virtio_accel_user_segment s = { (uintptr_t)map(4096), 4096, READS, 0 };
	struct virtio_accel_user_segment good = s;
	struct virtio_accel_call c, ok = {
		.message = (uintptr_t)&m,
		.segments = (uintptr_t)&s,
		.message_len = sizeof(m),
		.nr_segments = 1,
	};
	int fd = must_open();

#define FAILS(what, code)								\
	do {										\
		c = ok;									\
		s = good;								\
		what;									\
		errno = 0;								\
		CHECK(ioctl(fd, VIRTIO_ACCEL_IOC_CALL, &c) == -1 && errno == (code));	\
	} while (0)

	CHECK(!ioctl(fd, VIRTIO_ACCEL_IOC_CALL, &ok));
	FAILS(c.flags = 1, EINVAL);
	FAILS(c.reserved = 1, EINVAL);
	FAILS(c.message_len = 0, EINVAL);
	FAILS(c.message_len = 8 * MiB + 1, EINVAL);
	FAILS(c.message_len = UINT32_MAX, EINVAL);
	FAILS(c.reply_len = 8 * MiB + 1, EINVAL);
	FAILS(c.nr_segments = 65, EINVAL);
	FAILS(c.nr_segments = UINT32_MAX, EINVAL);
	FAILS(c.message = 8, EFAULT);
	FAILS(c.message = UINT64_MAX - 7, EFAULT);
	FAILS(c.segments = 8, EFAULT);
	FAILS(s.len = 0, EINVAL);
	FAILS(s.flags = 0, EINVAL);
	FAILS(s.flags = VIRTIO_ACCEL_SEG_MEMORY, EINVAL);
	FAILS(s.flags = READS | 8, EINVAL);
	FAILS(s.memory = 1, EINVAL);
	FAILS(s.flags |= VIRTIO_ACCEL_SEG_MEMORY, ENOENT);
	FAILS(s.addr = 16, EFAULT);
	FAILS(s.addr = 0xffffffff81000000, EFAULT);
	FAILS(s.addr = UINT64_MAX - 4095, EFAULT);
	FAILS(s.len = UINT64_MAX, EFAULT);
	FAILS(s.len = 1ULL << 62, EFAULT);
	FAILS((c.reply = 8, c.reply_len = 64), EFAULT);
	CHECK(ioctl(fd, VIRTIO_ACCEL_IOC_CALL, (void *)8) == -1 && errno == EFAULT);
	CHECK(ioctl(fd, VIRTIO_ACCEL_IOC_INFO, (void *)8) == -1 && errno == EFAULT);
	CHECK(ioctl(fd, _IO(0xAC, 9), 0) == -1 && errno == ENOTTY);
	CHECK(!ioctl(fd, VIRTIO_ACCEL_IOC_CALL, &ok));
	CHECK(counter("pinned_pages") == 0 && counter("inflight") == 0);
	munmap((void *)(uintptr_t)good.addr, 4096);
	close(fd);
}

void test_echo(void)
{
	static const uint32_t sizes[] = { 16, 17, 100, 4096, 15000, 16000, 16384, 65535, 65536,
					  65537, 300001, 8 * MiB };
	int fd = must_open();
	uint8_t *m = map(8 * MiB), *reply = map(8 * MiB);

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		uint32_t len = 8 * MiB, status = 1;
		struct fake_message head = { .op = FAKE_ECHO };

		for (uint32_t k = 0; k < sizes[i]; k++)
			m[k] = (uint8_t)(k * 31 + i);
		memcpy(m, &head, sizeof(head));
		memset(reply, 0, sizes[i]);
		CHECK(!call(fd, m, sizes[i], NULL, 0, reply, &len, &status));
		CHECK(len == sizes[i] && !status && !memcmp(m, reply, sizes[i]));
		/* The same with just enough room, so that small ones travel in one block. */
		memset(reply, 0, sizes[i]);
		len = sizes[i];
		CHECK(!call(fd, m, sizes[i], NULL, 0, reply, &len, &status));
		CHECK(len == sizes[i] && !memcmp(m, reply, sizes[i]));
	}
	munmap(m, 8 * MiB);
	munmap(reply, 8 * MiB);
	close(fd);
}

static void sum_and_fill(int fd, uint8_t *p, size_t len, uint32_t seed)
{
	struct virtio_accel_user_segment s = { (uintptr_t)p, len, READS, 0 };
	uint64_t want = 0;
	size_t bad = 0;

	for (size_t i = 0; i < len; i++) {
		p[i] = (uint8_t)(i * 13 + seed);
		want += p[i];
	}
	CHECK(ask(fd, FAKE_SUM, &s, 1) == want);
	CHECK(!on_segment(fd, FAKE_FILL, seed, p, len, WRITES));
	for (size_t i = 0; i < len; i++)
		bad += p[i] != (uint8_t)(i * 7 + seed);
	CHECK(!bad);
}

void test_segments(void)
{
	static const size_t sizes[] = { 1, 4095, 4096, 4097, 65536, 262144, 262145,
					1000000, 32 * MiB };
	static const size_t offsets[] = { 0, 1, 4095, 8 };
	uint8_t *p = map(34 * MiB), *huge;
	struct virtio_accel_user_segment s[64];
	struct fake_message m = { .op = FAKE_FILL, .value = 3 };
	int fd = must_open();
	size_t i, k, bad = 0;
	uint64_t runs;

	for (i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
		for (k = 0; k < sizeof(offsets) / sizeof(*offsets); k++)
			sum_and_fill(fd, p + offsets[k], sizes[i], (uint32_t)(i + k));

	/* All segments at once; the bytes between them must not change. */
	memset(p, 0xee, 4 * MiB);
	for (i = 0; i < 64; i++)
		s[i] = (struct virtio_accel_user_segment){ (uintptr_t)p + i * 10000, 100 + i * 100,
							   i % 2 ? WRITES : READS | WRITES, 0 };
	CHECK(!call(fd, &m, sizeof(m), s, 64, NULL, NULL, NULL));
	for (i = 0; i < 64; i++)
		for (k = 0; k < 10000; k++)
			bad += p[i * 10000 + k] !=
			       (k < 100 + i * 100 ? (uint8_t)(k * 7 + 3) : 0xee);
	CHECK(!bad);

	/* A huge page is one run. */
	huge = (uint8_t *)(((uintptr_t)p + 2 * MiB - 1) & ~(2 * MiB - 1));
	madvise(huge, 16 * MiB, MADV_DONTNEED);
	madvise(huge, 16 * MiB, MADV_HUGEPAGE);
	memset(huge, 1, 16 * MiB);
	s[0] = (struct virtio_accel_user_segment){ (uintptr_t)huge, 16 * MiB, READS, 0 };
	runs = ask(fd, FAKE_RUNS, s, 1);
	printf("# 16 MiB of huge pages: %llu runs\n", (unsigned long long)runs);
	CHECK(runs <= 4096);
	CHECK(ask(fd, FAKE_SUM, s, 1) == 16 * MiB);

	CHECK(counter("pinned_pages") == 0);
	munmap(p, 34 * MiB);
	close(fd);
}

void test_odd_memory(void)
{
	uint8_t *p = map(64 * 4096), *file;
	struct virtio_accel_user_segment s = { (uintptr_t)p, 64 * 4096, READS, 0 };
	int fd = must_open(), f;

	/* Never touched: zeros. */
	CHECK(ask(fd, FAKE_SUM, &s, 1) == 0);
	/* A hole in the middle, and behind more pages than are pinned at a time. */
	munmap(p + 10 * 4096, 4096);
	CHECK(on_segment(fd, FAKE_SUM, 0, p, 64 * 4096, READS) == EFAULT);
	/* Not writable. */
	mprotect(p, 4096, PROT_READ);
	CHECK(!on_segment(fd, FAKE_SUM, 0, p, 4096, READS));
	CHECK(on_segment(fd, FAKE_FILL, 0, p, 4096, WRITES) == EFAULT);
	mprotect(p, 4096, PROT_NONE);
	CHECK(on_segment(fd, FAKE_SUM, 0, p, 4096, READS) == EFAULT);
	munmap(p, 64 * 4096);

	/* A file: written pages must become dirty. */
	f = open("/tmp/file", O_RDWR | O_CREAT | O_TRUNC, 0600);
	CHECK(f >= 0 && !ftruncate(f, 65536));
	file = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED, f, 0);
	CHECK(file != MAP_FAILED);
	sum_and_fill(fd, file, 65536, 5);
	munmap(file, 65536);
	close(f);
	unlink("/tmp/file");

	/* The same page many times over. */
	p = map(4096);
	for (int i = 0; i < 1000; i++)
		CHECK(!on_segment(fd, FAKE_FILL, 0, p, 4096, READS | WRITES));
	munmap(p, 4096);
	CHECK(counter("pinned_pages") == 0);
	close(fd);
}

void test_big(void)
{
	size_t len = 600 * MiB;
	uint8_t *p = map(len);
	struct virtio_accel_user_segment s[4];
	int fd = must_open();
	uint64_t runs;

	/* Small pages, hardly two of them neighbours: touched in an order that is not theirs. */
	madvise(p, len, MADV_NOHUGEPAGE);
	for (size_t i = 0, page = 0; i < len / 4096; i++, page = (page + 15013) % (len / 4096))
		p[page * 4096] = 1;
	for (int i = 0; i < 4; i++)
		s[i] = (struct virtio_accel_user_segment){ (uintptr_t)p, len, READS | WRITES, 0 };
	runs = ask(fd, FAKE_RUNS, s, 4);
	printf("# 4 times 600 MiB: %llu runs\n", (unsigned long long)runs);
	CHECK(runs != UINT64_MAX && runs > 4 * 100000);
	CHECK(ask(fd, FAKE_SUM, s, 1) == len / 4096);
	CHECK(counter("pinned_pages") == 0);
	munmap(p, len);
	close(fd);
}

void test_lies(void)
{
	int fd = must_open();
	uint8_t reply[64];
	uint32_t len, status;
	struct fake_message m = { .op = FAKE_STATUS, .value = 104 };
	static const uint32_t lies[] = { 0, 1, 15, 17 + 64, UINT32_MAX };

	len = sizeof(reply);
	CHECK(!call(fd, &m, sizeof(m), NULL, 0, reply, &len, &status) && status == 104 && !len);
	for (size_t i = 0; i < sizeof(lies) / sizeof(*lies); i++) {
		m = (struct fake_message){ .op = FAKE_USED, .value = lies[i] };
		len = sizeof(reply);
		CHECK(call(fd, &m, sizeof(m), NULL, 0, reply, &len, &status) == EIO);
	}
	m = (struct fake_message){ .op = FAKE_REPLY_LEN, .value = 1 };
	len = sizeof(reply);
	CHECK(call(fd, &m, sizeof(m), NULL, 0, reply, &len, &status) == EIO);
	m.value = UINT32_MAX;
	len = sizeof(reply);
	CHECK(call(fd, &m, sizeof(m), NULL, 0, reply, &len, &status) == EIO);
	/* The run table is the device's to spoil. */
	for (int i = 0; i < 20; i++) {
		uint8_t *p = map(300 * 4096);

		CHECK(!on_segment(fd, FAKE_SCRIBBLE, 0, p, 300 * 4096, READS | WRITES));
		munmap(p, 300 * 4096);
	}
	CHECK(!simple(fd, FAKE_ECHO, 0));
	CHECK(counter("pinned_pages") == 0 && counter("inflight") == 0);
	close(fd);
}

/* Interrupts without answers, while one caller sleeps and while nobody does. */
void test_spurious(void)
{
	int fd = must_open();

	for (int i = 0; i < 3; i++) {
		CHECK(!simple(fd, FAKE_SPURIOUS, 50));
		CHECK(!simple(fd, FAKE_ECHO, 0));
	}
	CHECK(counter("inflight") == 0);
	close(fd);
}

/* Whatever the device promises: the driver has limits of its own, and keeps to them. */
void test_limits(void)
{
	struct virtio_accel_info info;
	struct fake_message m = { .op = FAKE_ECHO };
	struct virtio_accel_call good = { .message = (uintptr_t)&m, .message_len = sizeof(m) }, c;
	int fd = must_open();

	CHECK(!ioctl(fd, VIRTIO_ACCEL_IOC_INFO, &info));
	CHECK(info.num_queues >= 1 && info.num_queues <= VIRTIO_ACCEL_MAX_QUEUES);
	CHECK(info.max_segments <= 65536);
	CHECK(info.max_message <= 64 * MiB && info.max_reply <= 64 * MiB);
	CHECK(!ioctl(fd, VIRTIO_ACCEL_IOC_CALL, &good));
	for (int i = 0; i < 6; i++) {
		uint32_t over = i % 2 ? UINT32_MAX : 0;

		c = good;
		if (i / 2 == 0)
			c.message_len = over ? over : info.max_message + 1;
		else if (i / 2 == 1)
			c.reply_len = over ? over : info.max_reply + 1;
		else
			c.nr_segments = over ? over : info.max_segments + 1;
		CHECK(ioctl(fd, VIRTIO_ACCEL_IOC_CALL, &c) == -1 && errno == EINVAL);
	}
	close(fd);
}

static void nothing(int sig)
{
	(void)sig;
}

void test_sleep(void)
{
	long long before = counter("interrupts");
	struct sigaction sa = { .sa_handler = nothing };
	int fd = must_open();
	pid_t pid = getpid(), child;
	uint64_t start = now_us();

	for (int i = 0; i < 5; i++)
		CHECK(!simple(fd, FAKE_DELAY, 100));
	CHECK(now_us() - start >= 500000);
	CHECK(counter("interrupts") > before);

	/* A signal that does not kill does not end a call. */
	sigaction(SIGUSR1, &sa, NULL);
	child = fork();
	if (!child) {
		for (int i = 0; i < 10; i++) {
			sleep_ms(20);
			kill(pid, SIGUSR1);
		}
		_exit(0);
	}
	CHECK(!simple(fd, FAKE_DELAY, 400));
	waitpid(child, NULL, 0);
	close(fd);
}

struct worker {
	pthread_t thread;
	int fd;
	unsigned int index;
	unsigned int rounds;
	unsigned int bad;
};

static void *work(void *arg)
{
	struct worker *w = arg;
	uint32_t m[64], reply[64], len;
	uint8_t *p = map(128 * 1024);

	for (unsigned int i = 0; i < w->rounds; i++) {
		struct fake_message head = { .op = FAKE_ECHO };

		memset(m, (int)(w->index * 16 + i), sizeof(m));
		memcpy(m, &head, sizeof(head));
		len = sizeof(reply);
		if (call(w->fd, m, sizeof(m), NULL, 0, reply, &len, NULL) || len != sizeof(reply) ||
		    memcmp(m, reply, sizeof(m)))
			w->bad++;
		if (i % 8 == w->index % 8)
			w->bad += !!simple(w->fd, FAKE_DELAY, w->index % 4);
		if (i % 8 == 3) {
			w->bad += !!on_segment(w->fd, FAKE_FILL, w->index, p, 128 * 1024, WRITES);
			for (unsigned int k = 0; k < 128 * 1024; k++)
				w->bad += p[k] != (uint8_t)(k * 7 + w->index);
		}
	}
	munmap(p, 128 * 1024);
	return NULL;
}

static void run_workers(unsigned int nr, unsigned int rounds)
{
	struct worker *w = calloc(nr, sizeof(*w));
	int fd = must_open();

	for (unsigned int i = 0; i < nr; i++) {
		w[i] = (struct worker){ .fd = i % 2 ? fd : must_open(), .index = i,
					.rounds = rounds };
		CHECK(!pthread_create(&w[i].thread, NULL, work, &w[i]));
	}
	for (unsigned int i = 0; i < nr; i++) {
		pthread_join(w[i].thread, NULL);
		CHECK(!w[i].bad);
		if (w[i].fd != fd)
			close(w[i].fd);
	}
	close(fd);
	free(w);
	CHECK(counter_becomes("contexts", 0));
	CHECK(counter("inflight") == 0 && counter("pinned_pages") == 0);
}

void test_threads(void)
{
	run_workers(2, 300);
	run_workers(8, 100);
	write_file("/sys/module/virtio_accel/parameters/poll_us", "0");
	run_workers(4, 100);
	write_file("/sys/module/virtio_accel/parameters/poll_us", "2000");
	run_workers(8, 100);
	write_file("/sys/module/virtio_accel/parameters/poll_us", "50");
}

/* More requests than descriptors: the caller of driver/run gives the queues 8. */
void test_full(void)
{
	pid_t pids[40];
	int status;

	run_workers(60, 20);
	/* Some of those who wait for room are killed, and files are closed when there is none. */
	for (int i = 0; i < 40; i++) {
		pids[i] = fork();
		if (!pids[i]) {
			int fd = must_open();

			_exit(simple(fd, FAKE_DELAY, 300) != 0);
		}
	}
	sleep_ms(100);
	for (int i = 0; i < 40; i += 3)
		kill(pids[i], SIGKILL);
	for (int i = 0; i < 40; i++) {
		waitpid(pids[i], &status, 0);
		CHECK(i % 3 ? WIFEXITED(status) && !WEXITSTATUS(status) : 1);
	}
	CHECK(counter_becomes("contexts", 0));
	CHECK(counter_becomes("inflight", 0));
}

/* A 32-bit program. */
void test_compat(void)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		execl("/compat-test", "compat-test", NULL);
		_exit(127);
	}
	waitpid(pid, &status, 0);
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		printf("# compat-test: status %#x\n", status);
	CHECK(WIFEXITED(status) && !WEXITSTATUS(status));
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Polling ends where it is of no use, and begins again where it is. */
void test_window(void)
{
	int fd = must_open();
	long long before = counter("spins");

	/* Longer than a busy machine keeps this processor from waiting: an answer that is there is no wait. */
	for (int i = 0; i < 32; i++)
		CHECK(!simple(fd, FAKE_DELAY, 30));
	printf("# %lld of 32 long calls polled\n", counter("spins") - before);
	CHECK(counter("spins") - before < 20);
	write_file("/sys/module/virtio_accel/parameters/poll_us", "100000");
	before = counter("polled");
	for (int i = 0; i < 64; i++)
		CHECK(!simple(fd, FAKE_ECHO, 0));
	printf("# %lld of 64 short calls were answered while they polled\n",
	       counter("polled") - before);
	CHECK(counter("polled") - before > 10);
	write_file("/sys/module/virtio_accel/parameters/poll_us", "50");
	close(fd);
}

/* Interrupts so far of our device's line, on one CPU; -1: there is no such line. */
static long long interrupts_on(int cpu)
{
	char line[512], name[80];
	long long nr[2] = { 0, 0 };
	FILE *f = fopen("/proc/interrupts", "r");
	bool found = false;

	/* One line may serve several devices: "virtio1, virtio3" */
	snprintf(name, sizeof(name), " %s", bus_name());
	while (f && !found && fgets(line, sizeof(line), f)) {
		char *at = strstr(line, name);

		found = at && strchr(",\n", at[strlen(name)]) &&
			sscanf(line, " %*[^:]: %lld %lld", &nr[0], &nr[1]) == 2;
	}
	if (f)
		fclose(f);
	return found ? nr[cpu] : -1;
}

/* The only interrupt of all queues comes to the CPU where the caller sleeps. */
void test_follow(void)
{
	int fd = must_open();
	cpu_set_t all, one;

	CHECK(!sched_getaffinity(0, sizeof(all), &all) && CPU_COUNT(&all) == 2);
	CHECK(interrupts_on(0) >= 0);
	write_file("/sys/module/virtio_accel/parameters/poll_us", "0");
	for (int i = 0; i < 4; i++) {
		int cpu = i % 2;
		long long before;

		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		CHECK(!sched_setaffinity(0, sizeof(one), &one));
		/* More than it takes to notice; then its next interrupt moves it. */
		for (int k = 0; k < 60; k++)
			CHECK(!simple(fd, FAKE_ECHO, 0));
		sleep_ms(100);
		CHECK(!simple(fd, FAKE_ECHO, 0));
		before = interrupts_on(cpu);
		for (int k = 0; k < 20; k++)
			CHECK(!simple(fd, FAKE_ECHO, 0));
		printf("# %lld of 20 came to CPU %d\n", interrupts_on(cpu) - before, cpu);
		CHECK(interrupts_on(cpu) - before >= 20);
	}
	write_file("/sys/module/virtio_accel/parameters/poll_us", "50");
	sched_setaffinity(0, sizeof(all), &all);
	close(fd);
}

/* Figures, not a test. */
void test_speed(void)
{
	static const uint32_t sizes[] = { 16, 4096, 65536 };
	static const char *const polls[] = { "0", "50", "500" };
	uint8_t *m = map(65536), *reply = map(65536), *seg = map(MiB);
	static uint64_t t[1000];
	int fd = must_open();

	memset(seg, 1, MiB);
	for (size_t p = 0; p < 3; p++) {
		write_file("/sys/module/virtio_accel/parameters/poll_us", polls[p]);
		for (size_t s = 0; s < 5; s++) {
			long long polled = counter("polled");

			for (int i = 0; i < 1000; i++) {
				struct fake_message head = { .op = FAKE_ECHO };
				uint64_t start = now_us();

				if (s < 3) {
					uint32_t len = sizes[s];

					memcpy(m, &head, sizeof(head));
					CHECK(!call(fd, m, sizes[s], NULL, 0, reply, &len, NULL));
				} else {
					CHECK(!on_segment(fd, FAKE_NEVER + 100, 0, seg,
							  s == 3 ? 65536 : MiB, WRITES));
				}
				t[i] = now_us() - start;
			}
			qsort(t, 1000, sizeof(*t), compare);
			printf("# poll_us %s, %u bytes %s: median %llu us, p99 %llu us, "
			       "%lld %% polled\n",
			       polls[p], s < 3 ? sizes[s] : s == 3 ? 65536 : (unsigned int)MiB,
			       s < 3 ? "each way" : "pinned", (unsigned long long)t[500],
			       (unsigned long long)t[990], (counter("polled") - polled) / 10);
		}
	}
	write_file("/sys/module/virtio_accel/parameters/poll_us", "50");
	munmap(m, 65536);
	munmap(reply, 65536);
	munmap(seg, MiB);
	close(fd);
}
