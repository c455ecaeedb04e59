// SPDX-License-Identifier: Apache-2.0
/* Tests of driver-test: killed programs, closed files, devices and modules that go away. */
#define _GNU_SOURCE
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "driver-test.h"

static pid_t start_call(uint32_t op, uint32_t value, size_t len)
{
	pid_t pid = fork();

	if (!pid) {
		int fd = must_open();

		_exit(on_segment(fd, op, value, map(len), len, READS | WRITES));
	}
	return pid;
}

void test_kill(void)
{
	int fd = must_open(), status;
	uint64_t start;
	pid_t pid;

	CHECK(ask(fd, FAKE_CONTEXTS, NULL, 0) == 1);
	pid = start_call(FAKE_NEVER, 0, 4 * MiB);
	CHECK(device_holds(fd, 1));
	CHECK(counter("inflight") == 1 && counter("pinned_pages") == 1024);
	start = now_us();
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	CHECK(WIFSIGNALED(status));
	printf("# killed in %llu us\n", (unsigned long long)(now_us() - start));
	/* The caller is gone, the pages stay, and its context too. */
	CHECK(counter("inflight") == 1 && counter("pinned_pages") == 1024);
	CHECK(ask(fd, FAKE_CONTEXTS, NULL, 0) == 2);
	CHECK(!simple(fd, FAKE_ANSWER, 0));
	CHECK(counter_becomes("inflight", 0));
	CHECK(counter_becomes("pinned_pages", 0));
	CHECK(counter_becomes("contexts", 1));
	CHECK(ask(fd, FAKE_CONTEXTS, NULL, 0) == 1);

	for (int i = 0; i < 50; i++) {
		pid = start_call(FAKE_DELAY, i % 5 * 10, 64 * 1024);
		sleep_ms(i % 7);
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
	}
	CHECK(counter_becomes("contexts", 1));
	CHECK(counter_becomes("pinned_pages", 0));
	CHECK(ask(fd, FAKE_CONTEXTS, NULL, 0) == 1);
	close(fd);
}

void test_contexts(void)
{
	int fd = must_open(), fds[100];

	for (int i = 0; i < 100; i++) {
		fds[i] = must_open();
		CHECK(!simple(fds[i], FAKE_ECHO, 0));
	}
	CHECK(counter("contexts") == 101);
	CHECK(ask(fd, FAKE_CONTEXTS, NULL, 0) == 101);
	for (int i = 0; i < 100; i++)
		close(fds[i]);
	CHECK(counter_becomes("contexts", 1));
	CHECK(ask(fd, FAKE_CONTEXTS, NULL, 0) == 1);
	for (int i = 0; i < 1000; i++) {
		int one = must_open();

		if (i % 2)
			CHECK(!simple(one, FAKE_ECHO, 0));
		close(one);
	}
	CHECK(counter_becomes("contexts", 1));
	CHECK(ask(fd, FAKE_CONTEXTS, NULL, 0) == 1);
	close(fd);
}

static void *call_never(void *arg)
{
	int fd = *(int *)arg;
	uint8_t *p = map(64 * 1024);
	intptr_t e = on_segment(fd, FAKE_NEVER, 0, p, 64 * 1024, WRITES);

	munmap(p, 64 * 1024);
	return (void *)e;
}

/* The device goes away while calls run and files are open. */
void test_unbind(void)
{
	for (int round = 0; round < 5; round++) {
		int fd = must_open();
		pthread_t threads[8];
		const char *name = bus_name();
		struct virtio_accel_info info;
		void *e;

		for (int i = 0; i < 8; i++)
			CHECK(!pthread_create(&threads[i], NULL, call_never, &fd));
		CHECK(device_holds(fd, 8));
		write_file("/sys/bus/virtio/drivers/virtio_accel/unbind", name);
		for (int i = 0; i < 8; i++) {
			pthread_join(threads[i], &e);
			CHECK((intptr_t)e == ENODEV);
		}
		CHECK(simple(fd, FAKE_ECHO, 0) == ENODEV);
		CHECK(ioctl(fd, VIRTIO_ACCEL_IOC_INFO, &info) == -1 && errno == ENODEV);
		CHECK(try_open() == -1);
		write_file("/sys/bus/virtio/drivers/virtio_accel/bind", name);
		CHECK(simple(fd, FAKE_ECHO, 0) == ENODEV);
		if (round % 2)
			close(fd);
		int other = must_open();

		CHECK(!simple(other, FAKE_ECHO, 0));
		close(other);
		if (round % 2 == 0)
			close(fd);
	}
	/* A call that was given up is pending when the device goes. */
	for (int round = 0; round < 3; round++) {
		const char *name = bus_name();
		pid_t pid;

		/* No close of a context must be taken for the call. */
		CHECK(settled());
		pid = start_call(FAKE_NEVER, 0, MiB);
		CHECK(counter_becomes("pinned_pages", 256));
		CHECK(counter_becomes("inflight", 1));
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		CHECK(counter("inflight") == 1 && counter("pinned_pages") == 256);
		if (round == 2) {
			CHECK(reload());
			continue;
		}
		write_file("/sys/bus/virtio/drivers/virtio_accel/unbind", name);
		write_file("/sys/bus/virtio/drivers/virtio_accel/bind", name);
	}
	CHECK(counter("inflight") == 0 && counter("pinned_pages") == 0 && counter("contexts") == 0);
}

/* The device breaks its ring: it is stopped, everyone is told, and a new start works. */
void test_bad_ring(void)
{
	int fd = must_open();
	pthread_t thread;
	void *e;

	CHECK(!pthread_create(&thread, NULL, call_never, &fd));
	CHECK(device_holds(fd, 1));
	CHECK(simple(fd, FAKE_BAD_ID, 12345678) == ENODEV);
	pthread_join(thread, &e);
	CHECK((intptr_t)e == ENODEV);
	CHECK(simple(fd, FAKE_ECHO, 0) == ENODEV);
	close(fd);
	CHECK(reload());
	fd = must_open();
	CHECK(!simple(fd, FAKE_ECHO, 0));
	/* A valid number of a request that is not there. */
	CHECK(simple(fd, FAKE_BAD_ID, 7) == ENODEV);
	close(fd);
	CHECK(reload());
	fd = must_open();
	CHECK(!simple(fd, FAKE_ECHO, 0));
	close(fd);
}

static void load_generator(unsigned int index)
{
	uint8_t *p = map(256 * 1024);

	for (unsigned int i = 0;; i++) {
		int fd = try_open();

		if (fd < 0) {
			sleep_ms(1);
			continue;
		}
		for (unsigned int k = 0; k < 3; k++) {
			if (simple(fd, FAKE_ECHO, 0) ||
			    on_segment(fd, FAKE_FILL, 0, p, 256 * 1024, READS | WRITES) ||
			    simple(fd, FAKE_DELAY, index * 3))
				break;
		}
		close(fd);
		sleep_ms(30);
	}
}

void test_reload(void)
{
	pid_t pids[4];
	int fd;

	for (unsigned int i = 0; i < 4; i++) {
		pids[i] = fork();
		if (!pids[i])
			load_generator(i);
	}
	for (int i = 0; i < 50 && !failures; i++) {
		sleep_ms(i % 10 * 5);
		/* Half of the time the device goes first, below open files and running calls. */
		if (i % 2)
			write_file("/sys/bus/virtio/drivers/virtio_accel/unbind", bus_name());
		CHECK(reload());
	}
	for (unsigned int i = 0; i < 4; i++) {
		kill(pids[i], SIGKILL);
		waitpid(pids[i], NULL, 0);
	}
	fd = must_open();
	CHECK(!simple(fd, FAKE_ECHO, 0));
	CHECK(counter_becomes("contexts", 1));
	CHECK(counter_becomes("pinned_pages", 0));
	CHECK(ask(fd, FAKE_CONTEXTS, NULL, 0) == 1);
	close(fd);
}

/* To memory and back */
void test_suspend(void)
{
	int fd = must_open();
	pthread_t thread;
	void *e;

	if (!file_has("/sys/power/mem_sleep", "[deep]")) {
		printf("skip - suspend: this machine cannot suspend to memory\n");
		close(fd);
		return;
	}
	/* The clock's alarm could ring before it sleeps, on a busy machine: driver/run does it. */
	printf("# wake me up\n");
	for (int i = 0; i < 2; i++) {
		CHECK(!pthread_create(&thread, NULL, call_never, &fd));
		CHECK(device_holds(fd, 1));
		write_file("/sys/power/state", "mem");
		pthread_join(thread, &e);
		CHECK((intptr_t)e == ENODEV);
		CHECK(!simple(fd, FAKE_ECHO, 0));
	}
	close(fd);
	CHECK(counter_becomes("contexts", 0));
	CHECK(counter("pinned_pages") == 0);
}

/* More than the VM's memory goes through the driver: a page that stayed pinned would be missed. */
void test_leak(void)
{
	int fd = must_open();
	pid_t pids[8];

	for (int i = 0; i < 600; i++) {
		uint8_t *p = map(4 * MiB);

		memset(p, i, 4 * MiB);
		CHECK(!on_segment(fd, FAKE_STATUS, 0, p, 4 * MiB, i % 2 ? READS : READS | WRITES));
		munmap(p, 4 * MiB);
	}
	for (int round = 0; round < 10; round++) {
		for (int i = 0; i < 8; i++)
			pids[i] = start_call(FAKE_NEVER, 0, 16 * MiB);
		CHECK(device_holds(fd, 8));
		for (int i = 0; i < 8; i++) {
			kill(pids[i], SIGKILL);
			waitpid(pids[i], NULL, 0);
		}
		CHECK(counter("pinned_pages") == 8 * 4096);
		CHECK(!simple(fd, FAKE_ANSWER, 0));
		CHECK(counter_becomes("pinned_pages", 0));
	}
	CHECK(counter_becomes("contexts", 1));
	close(fd);
}

/* Ends the VM while the device works; what the kernel thinks of it is on the console. */
void test_poweroff(void)
{
	pid_t pid = start_call(FAKE_NEVER, 0, MiB);

	CHECK(counter_becomes("pinned_pages", 256));
	CHECK(counter_becomes("inflight", 1));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	start_call(FAKE_NEVER, 0, MiB);
	CHECK(counter_becomes("inflight", 2));
	printf("%s - poweroff\nguest done\n", failures ? "not ok" : "ok");
	fflush(stdout);
	sleep_ms(500);
	reboot(RB_POWER_OFF);
}

/* The VMM takes the device away while calls run and files are open (driver/run does it). */
void test_unplug(void)
{
	struct virtio_accel_reap reap = { .nr = 1 };
	struct virtio_accel_done done;
	int fd = must_open();
	pthread_t threads[4];
	struct timespec until;
	void *e = NULL;
	int err = 0;

	for (int i = 0; i < 4; i++)
		CHECK(!pthread_create(&threads[i], NULL, call_never, &fd));
	CHECK(device_holds(fd, 4));
	printf("# unplug the device\n");
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 60;
	for (int i = 0; i < 4 && !err; i++) {
		err = pthread_timedjoin_np(threads[i], &e, &until);
		CHECK(!err && (intptr_t)e == ENODEV);
	}
	/* A kernel without PCI hotplug, for one, never takes it away. */
	if (err)
		return;
	CHECK(simple(fd, FAKE_ECHO, 0) == ENODEV);
	reap.done = (uintptr_t)&done;
	CHECK(!ioctl(fd, VIRTIO_ACCEL_IOC_REAP, &reap) && reap.nr == 0);
	for (int i = 0, other; i < 500 && (other = try_open()) >= 0; i++) {
		close(other);
		sleep_ms(10);
	}
	CHECK(try_open() == -1);
	close(fd);
}

#define TIMEOUT "/sys/module/virtio_accel/parameters/timeout_s"

/* Return: what the call in the thread ended with; or -1, and it did not. */
static int join(pthread_t thread)
{
	struct timespec until;
	void *e = NULL;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 120;
	return pthread_timedjoin_np(thread, &e, &until) ? -1 : (int)(intptr_t)e;
}

static void *call_slow(void *arg)
{
	return (void *)(intptr_t)simple(*(int *)arg, FAKE_DELAY, 10000);
}

/* An operation takes longer than timeout_s; then the device answers nothing any more. */
void test_timeout(void)
{
	struct virtio_accel_submit submit = { .call.reply_len = 0 };
	struct fake_message message = { .op = FAKE_NEVER };
	struct virtio_accel_done done = { 0 };
	struct virtio_accel_reap reap = { .nr = 1, .done = (uintptr_t)&done };
	pthread_t threads[8];
	struct pollfd p;
	int fd;
	pid_t pid;

	CHECK(reload());
	write_file(TIMEOUT, "3");
	CHECK(file_has(TIMEOUT, "3"));
	fd = must_open();
	CHECK(!pthread_create(&threads[0], NULL, call_slow, &fd));
	CHECK(join(threads[0]) == 0);
	CHECK(ask(fd, FAKE_PINGS, NULL, 0) > 0);

	/* One that is killed, some that wait, one that nobody waits for */
	pid = start_call(FAKE_NEVER, 0, MiB);
	CHECK(device_holds(fd, 1));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	CHECK(!simple(fd, FAKE_MUTE, 0));
	for (int i = 0; i < 8; i++)
		CHECK(!pthread_create(&threads[i], NULL, call_never, &fd));
	submit.call.message = (uintptr_t)&message;
	submit.call.message_len = sizeof(message);
	CHECK(!ioctl(fd, VIRTIO_ACCEL_IOC_SUBMIT, &submit));
	CHECK(counter("pinned_pages") >= 256);
	for (int i = 0; i < 8; i++)
		CHECK(join(threads[i]) == ENODEV);
	p = (struct pollfd){ .fd = fd, .events = POLLIN };
	CHECK(poll(&p, 1, 120000) == 1);
	CHECK(!ioctl(fd, VIRTIO_ACCEL_IOC_REAP, &reap) && reap.nr == 1 && done.error == ENODEV);
	CHECK(simple(fd, FAKE_ECHO, 0) == ENODEV);
	CHECK(counter_becomes("pinned_pages", 0));
	CHECK(counter("inflight") == 0);
	close(fd);
	CHECK(reload());
	fd = must_open();
	CHECK(!simple(fd, FAKE_ECHO, 0));
	close(fd);
}
