// SPDX-License-Identifier: Apache-2.0
/* Tests of driver-test: requests that are submitted and reaped later. */
#define _GNU_SOURCE
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "driver-test.h"

#define MANY 24

/* Return: 0 or an errno value. */
static int submit(int fd, const struct fake_message *m, struct virtio_accel_user_segment *s,
		  void *reply, uint32_t reply_len, uint64_t token, uint32_t flags)
{
	struct virtio_accel_submit c = {
		.call = {
			.message = (uintptr_t)m,
			.segments = (uintptr_t)s,
			.reply = (uintptr_t)reply,
			.message_len = sizeof(*m),
			.nr_segments = !!s,
			.reply_len = reply_len,
			.flags = flags,
		},
		.token = token,
	};

	return ioctl(fd, VIRTIO_ACCEL_IOC_SUBMIT, &c) ? errno : 0;
}

static int submit_simple(int fd, uint32_t op, uint32_t value, uint64_t token)
{
	struct fake_message m = { .op = op, .value = value };

	return submit(fd, &m, NULL, NULL, 0, token, 0);
}

/* Return: how many were reaped, or -1. */
static int reap(int fd, struct virtio_accel_done *done, uint32_t nr, uint32_t flags)
{
	struct virtio_accel_reap r = { (uintptr_t)done, nr, flags };

	return ioctl(fd, VIRTIO_ACCEL_IOC_REAP, &r) ? -1 : (int)r.nr;
}

static bool readable(int fd, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	while (poll(&p, 1, timeout_ms) < 0 && errno == EINTR)
		;
	return p.revents & POLLIN;
}

/* Sleeps until there is one. */
static bool reap_one(int fd, struct virtio_accel_done *done)
{
	int n;

	while (!(n = reap(fd, done, 1, VIRTIO_ACCEL_REAP_POLL)))
		if (!readable(fd, 20000))
			return false;
	return n == 1;
}

void test_async(void)
{
	struct fake_message m[MANY];
	struct fake_message reply[MANY];
	struct virtio_accel_done done;
	uint64_t seen = 0;
	int fd = must_open();

	CHECK(reap(fd, &done, 1, 0) == 0);
	CHECK(!readable(fd, 0));
	for (int i = 0; i < MANY; i++) {
		m[i] = (struct fake_message){ .op = FAKE_DELAY, .value = (uint32_t)(i * 7 % 20) };
		CHECK(!submit(fd, &m[i], NULL, &reply[i], sizeof(reply[i]), i, 0));
	}
	for (int i = 0; i < MANY; i++) {
		CHECK(reap_one(fd, &done));
		CHECK(!done.error && done.token < MANY && !(seen >> done.token & 1));
		seen |= 1ull << done.token;
	}
	CHECK(reap(fd, &done, 1, VIRTIO_ACCEL_REAP_POLL) == 0);

	/* Notified without a look in between, and again. */
	for (int i = 0; i < 50; i++) {
		struct fake_message one = { .op = FAKE_ECHO, .value = (uint32_t)i };
		struct fake_message back = { 0 };

		CHECK(!submit(fd, &one, NULL, &back, sizeof(back), 5, VIRTIO_ACCEL_SUBMIT_NOTIFY));
		CHECK(readable(fd, 20000));
		CHECK(reap(fd, &done, 1, 0) == 1 && !done.error && done.token == 5);
		CHECK(done.reply_len <= sizeof(back));
	}

	/* Errors: of submitting, of reaping, of the answer. */
	CHECK(submit(fd, &m[0], NULL, NULL, 0, 0, 1u << 31) == EINVAL);
	CHECK(submit(fd, NULL, NULL, NULL, 0, 0, 0) == EFAULT);
	CHECK(ioctl(fd, VIRTIO_ACCEL_IOC_SUBMIT, NULL) && errno == EFAULT);
	CHECK(ioctl(fd, VIRTIO_ACCEL_IOC_REAP, NULL) && errno == EFAULT);
	CHECK(reap(fd, &done, 0, 0) == -1 && errno == EINVAL);
	CHECK(reap(fd, &done, 1, 1u << 31) == -1 && errno == EINVAL);
	m[0].op = FAKE_ECHO;
	CHECK(!submit(fd, &m[0], NULL, (void *)8, 8, 1, 0));
	CHECK(reap_one(fd, &done) && done.error == EFAULT && done.token == 1);

	/* Synchronous calls and these share queues. */
	CHECK(!submit_simple(fd, FAKE_DELAY, 50, 9));
	for (int i = 0; i < 100; i++)
		CHECK(!simple(fd, FAKE_ECHO, 0));
	CHECK(reap_one(fd, &done) && done.token == 9);
	CHECK(counter_becomes("inflight", 0));
	close(fd);
	CHECK(counter_becomes("contexts", 0));
}

/* More than the ring and the file take: told to wait; others go on. */
void test_async_full(void)
{
	struct virtio_accel_done done;
	int fd = must_open(), nr = 0, e = 0;

	while (nr < 10000 && !(e = submit_simple(fd, FAKE_ECHO, 0, nr)))
		nr++;
	CHECK(e == EAGAIN);
	printf("# %d at once\n", nr);
	CHECK(!simple(fd, FAKE_ECHO, 0));
	while (nr && reap_one(fd, &done))
		nr -= !done.error;
	CHECK(nr == 0);

	/* A ring full of quiet ones does not keep others from it. */
	for (nr = 0; nr < 1000 && !submit_simple(fd, FAKE_DELAY, 20, nr); nr++)
		;
	CHECK(!simple(fd, FAKE_ECHO, 0));
	while (nr && reap_one(fd, &done))
		nr -= !done.error;
	CHECK(nr == 0);
	close(fd);
	CHECK(counter_becomes("contexts", 0));
}

/* Closed, or killed, with requests under way and answers not taken. */
void test_async_close(void)
{
	for (int round = 0; round < 20; round++) {
		int status;
		pid_t pid = fork();

		if (!pid) {
			int fd = must_open();
			uint8_t *p = map(MiB);
			struct virtio_accel_user_segment s = { (uintptr_t)p, MiB, WRITES, 0 };
			struct fake_message m = { .op = FAKE_DELAY };

			for (int i = 0; i < 8; i++) {
				m.value = (uint32_t)(i * 10);
				if (submit(fd, &m, &s, NULL, 0, 0, 0))
					_exit(1);
			}
			if (round % 2)
				pause();
			munmap(p, MiB);
			close(fd);
			_exit(0);
		}
		if (round % 2) {
			sleep_ms(20);
			kill(pid, SIGKILL);
		}
		waitpid(pid, &status, 0);
		CHECK(round % 2 ? WIFSIGNALED(status) : !status);
	}
	CHECK(counter_becomes("inflight", 0));
	CHECK(counter_becomes("pinned_pages", 0));
	CHECK(counter_becomes("contexts", 0));
}

/* The device goes away with requests under way. */
void test_async_unbind(void)
{
	for (int round = 0; round < 3; round++) {
		struct virtio_accel_done done[8];
		const char *name = bus_name();
		int fd = must_open(), nr = 0;

		for (int i = 0; i < 8; i++)
			CHECK(!submit_simple(fd, FAKE_NEVER, 0, i));
		CHECK(counter_becomes("inflight", 8));
		write_file("/sys/bus/virtio/drivers/virtio_accel/unbind", name);
		CHECK(readable(fd, 20000));
		if (round)
			nr = reap(fd, done, 8, 0);
		CHECK(!round || nr == 8);
		for (int i = 0; i < nr; i++)
			CHECK(done[i].error == ENODEV);
		CHECK(submit_simple(fd, FAKE_ECHO, 0, 0) == ENODEV);
		close(fd);
		write_file("/sys/bus/virtio/drivers/virtio_accel/bind", name);
		close(must_open());
	}
	CHECK(counter_becomes("contexts", 0));
}

static volatile int nr_signals;

static void on_signal(int sig)
{
	(void)sig;
	nr_signals++;
}

/* Signals all the time: nothing is lost, nothing comes twice. */
void test_async_signals(void)
{
	const struct sigaction act = { .sa_handler = on_signal };
	struct virtio_accel_done done;
	int fd = must_open(), status;
	pid_t parent = getpid(), pid;

	sigaction(SIGUSR1, &act, NULL);
	nr_signals = 0;
	pid = fork();
	if (!pid) {
		for (;;) {
			kill(parent, SIGUSR1);
			usleep(500);
		}
	}
	for (int i = 0; i < 300 || nr_signals < 50; i++) {
		CHECK(!submit_simple(fd, FAKE_DELAY, i % 3, i));
		CHECK(reap_one(fd, &done) && !done.error && done.token == (uint64_t)i);
		CHECK(reap(fd, &done, 1, 0) == 0);
	}
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	signal(SIGUSR1, SIG_DFL);
	close(fd);
	CHECK(counter_becomes("contexts", 0));
}
