// SPDX-License-Identifier: Apache-2.0
/*
 * The transport over the driver's node, without a driver: what it tells the user when the node cannot
 * be used, and what it hands to a driver that the test plays (ioctl and logging are wrapped by the
 * linker).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "plugins/virtio/transport.h"
#include "slog.h"
#include "support.h"

/* ---- A driver that does what it is told ---------------------------------------------------- */

static struct {
	bool on;			/* else ioctls go to the kernel */
	int info_err, call_err;
	struct virtio_accel_info info;
	struct virtio_accel_call seen;	/* as handed in */
	uint32_t reply_len, status;	/* to answer */
	int fd;
	struct virtio_accel_submit submitted;
	struct virtio_accel_done done;	/* to be reaped, if @nr_done */
	uint32_t nr_done, reap_flags;
} driver;

int __real_ioctl(int fd, unsigned long request, void *arg);
int __wrap_ioctl(int fd, unsigned long request, void *arg);

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	if (!driver.on)
		return __real_ioctl(fd, request, arg);
	driver.fd = fd;
	if (request == VIRTIO_ACCEL_IOC_INFO) {
		memcpy(arg, &driver.info, sizeof(driver.info));
		errno = driver.info_err;
		return driver.info_err ? -1 : 0;
	}
	if (request == VIRTIO_ACCEL_IOC_CALL) {
		struct virtio_accel_call *call = arg;

		driver.seen = *call;
		call->reply_len = driver.reply_len;
		call->status = driver.status;
		errno = driver.call_err;
		return driver.call_err ? -1 : 0;
	}
	if (request == VIRTIO_ACCEL_IOC_SUBMIT) {
		driver.submitted = *(struct virtio_accel_submit *)arg;
		errno = driver.call_err;
		return driver.call_err ? -1 : 0;
	}
	if (request == VIRTIO_ACCEL_IOC_REAP) {
		struct virtio_accel_reap *reap = arg;

		driver.reap_flags = reap->flags;
		memcpy((void *)(uintptr_t)reap->done, &driver.done, sizeof(driver.done));
		reap->nr = driver.nr_done;
		driver.nr_done = 0;
		return 0;
	}
	test_die("ioctl 0x%lx", request);
}

static char last_log[1024];

void __wrap_slog_print(SLOG_FLAGS_E flag, uint8_t newline, const char *fmt, ...);

void __wrap_slog_print(SLOG_FLAGS_E flag, uint8_t newline, const char *fmt, ...)
{
	va_list ap;

	(void)flag;
	(void)newline;
	va_start(ap, fmt);
	vsnprintf(last_log, sizeof(last_log), fmt, ap);
	va_end(ap);
}

/* Fails to open @path with @err, and the log has @hint. */
static void expect_refusal(const char *path, int err, const char *hint)
{
	struct transport *t = NULL;

	last_log[0] = '\0';
	assert_int_equal(transport_open_device(path, &t), err);
	assert_null(t);
	if (!strstr(last_log, hint) || !strstr(last_log, path))
		test_die("the log for %s is: %s", path, last_log);
}

static char *make_node(void)
{
	static char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/virtio-accel0", test_dir());
	fd = open(path, O_CREAT | O_RDWR, 0600);
	assert_true(fd >= 0);
	close(fd);
	return path;
}

static void good_driver(void)
{
	memset(&driver, 0, sizeof(driver));
	driver.on = true;
	driver.info = (struct virtio_accel_info){
		.version = VIRTIO_ACCEL_VERSION,
		.num_queues = 3,
		.max_segments = 10,
		.max_message = 4096,
		.max_reply = 8192,
	};
}

/* ---- Tests --------------------------------------------------------------------------------- */

static void test_no_node(void **state)
{
	(void)state;
	expect_refusal("/nonexistent/virtio-accel0", ENOENT, "modprobe virtio_accel");
}

static void test_no_permission(void **state)
{
	char *path = make_node();
	int status;
	pid_t pid;

	(void)state;
	if (geteuid() != 0) {
		assert_int_equal(chmod(path, 0), 0);
		expect_refusal(path, EACCES, "group accel");
		return;
	}
	/* For root nothing is forbidden. */
	assert_int_equal(chmod(test_dir(), 0755), 0);
	fflush(NULL);
	pid = fork();
	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		if (setgid(65534) || setuid(65534))
			_exit(100);
		expect_refusal(path, EACCES, "group accel");
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void test_other_device(void **state)
{
	(void)state;
	memset(&driver, 0, sizeof(driver));
	expect_refusal("/dev/null", ENOTTY, "VACCEL_VIRTIO_DEVICE");
	expect_refusal(make_node(), ENOTTY, "VACCEL_VIRTIO_DEVICE");
}

static void test_info(void **state)
{
	struct transport *t;
	char *path = make_node();

	(void)state;
	good_driver();
	driver.info.version = VIRTIO_ACCEL_VERSION + 1;
	expect_refusal(path, ENODEV, "version");
	good_driver();
	driver.info_err = ENODEV;
	expect_refusal(path, ENODEV, "gone");

	good_driver();
	assert_int_equal(transport_open_device(path, &t), 0);
	assert_memory_equal(&t->info, &driver.info, sizeof(driver.info));
	t->ops->close(t);
}

static void test_call(void **state)
{
	const struct virtio_accel_user_segment s[2] = { { 0x1000, 5, 1, 0 }, { 0x2000, 6, 2, 0 } };
	char *path = make_node(), message[10], reply[20];
	uint32_t reply_len = sizeof(reply), status = 0;
	struct transport *t;

	(void)state;
	good_driver();
	assert_int_equal(transport_open_device(path, &t), 0);
	driver.reply_len = 7;
	driver.status = VIRTIO_ACCEL_S_SESS;
	assert_int_equal(t->ops->call(t, message, sizeof(message), s, 2, reply, &reply_len,
				      &status), 0);
	assert_int_equal(driver.seen.message, (uintptr_t)message);
	assert_int_equal(driver.seen.message_len, sizeof(message));
	assert_int_equal(driver.seen.segments, (uintptr_t)s);
	assert_int_equal(driver.seen.nr_segments, 2);
	assert_int_equal(driver.seen.reply, (uintptr_t)reply);
	assert_int_equal(driver.seen.reply_len, sizeof(reply));
	assert_int_equal(driver.seen.flags, 0);
	assert_int_equal(driver.seen.reserved, 0);
	assert_int_equal(driver.seen.status, 0);
	assert_int_equal(reply_len, 7);
	assert_int_equal(status, VIRTIO_ACCEL_S_SESS);
	/* Not inherited by programs that this one starts */
	assert_true(fcntl(driver.fd, F_GETFD) & FD_CLOEXEC);

	/* More than there is room for is never believed. */
	driver.reply_len = sizeof(reply) + 1;
	reply_len = sizeof(reply);
	assert_int_equal(t->ops->call(t, message, 1, NULL, 0, reply, &reply_len, &status), ENODEV);

	driver.call_err = EINTR;
	reply_len = sizeof(reply);
	assert_int_equal(t->ops->call(t, message, 1, NULL, 0, reply, &reply_len, &status), EINTR);
	t->ops->close(t);
	assert_int_equal(fcntl(driver.fd, F_GETFD), -1);
}

static int nr_arrived;

static void arrived(struct transport_call *c)
{
	(void)c;
	nr_arrived++;
}

/* The same in two steps. */
static void test_submit(void **state)
{
	const struct virtio_accel_user_segment s[2] = { { 0x1000, 5, 1, 0 }, { 0x2000, 6, 2, 0 } };
	char *path = make_node(), message[10], reply[20];
	struct transport_call *c;
	struct transport *t;
	unsigned int stop = 0;

	(void)state;
	good_driver();
	assert_int_equal(transport_open_device(path, &t), 0);
	c = calloc(1, t->call_size);
	*c = (struct transport_call){ .message = message, .segments = s, .reply = reply,
				      .message_len = sizeof(message), .nr_segments = 2,
				      .reply_len = sizeof(reply), .notify = true,
				      .arrived = arrived };
	driver.call_err = EAGAIN;
	assert_int_equal(t->ops->submit(t, c), EAGAIN);
	driver.call_err = 0;
	assert_int_equal(t->ops->submit(t, c), 0);
	assert_int_equal(driver.submitted.call.message, (uintptr_t)message);
	assert_int_equal(driver.submitted.call.message_len, sizeof(message));
	assert_int_equal(driver.submitted.call.segments, (uintptr_t)s);
	assert_int_equal(driver.submitted.call.nr_segments, 2);
	assert_int_equal(driver.submitted.call.reply, (uintptr_t)reply);
	assert_int_equal(driver.submitted.call.reply_len, sizeof(reply));
	assert_int_equal(driver.submitted.call.flags, VIRTIO_ACCEL_SUBMIT_NOTIFY);
	t->ops->spin(t, &stop, true);
	assert_int_equal(driver.reap_flags, VIRTIO_ACCEL_REAP_POLL);
	assert_int_equal(nr_arrived, 0);

	driver.done = (struct virtio_accel_done){ .token = driver.submitted.token,
						  .status = VIRTIO_ACCEL_S_SESS, .reply_len = 7 };
	driver.nr_done = 1;
	t->ops->arm(t);
	assert_int_equal(driver.reap_flags, 0);
	assert_int_equal(nr_arrived, 1);
	assert_int_equal(t->ops->finish(t, c), 0);
	assert_int_equal(c->status, VIRTIO_ACCEL_S_SESS);
	assert_int_equal(c->reply_len, 7);

	/* Errors, and more than there is room for */
	for (int i = 0; i < 2; i++) {
		c->reply_len = sizeof(reply);
		c->notify = false;
		assert_int_equal(t->ops->submit(t, c), 0);
		assert_int_equal(driver.submitted.call.flags, 0);
		driver.done.error = i ? EIO : 0;
		driver.done.reply_len = sizeof(reply) + 1;
		driver.nr_done = 1;
		t->ops->spin(t, &stop, false);
		assert_int_equal(t->ops->finish(t, c), i ? EIO : ENODEV);
	}
	free(c);
	t->ops->close(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_node),
		cmocka_unit_test(test_no_permission),
		cmocka_unit_test(test_other_device),
		cmocka_unit_test(test_info),
		cmocka_unit_test(test_call),
		cmocka_unit_test(test_submit),
	};

	test_main_begin(60);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
