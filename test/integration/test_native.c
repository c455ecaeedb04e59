// SPDX-License-Identifier: Apache-2.0
/*
 * The native transport against a back end in this process: what it sends, many threads at once, and
 * what it does when the back end breaks the rules or goes away.
 */
#define _GNU_SOURCE
#include <endian.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include "fake_backend.h"
#include "host/common/send_fds.h"
#include "plugins/virtio/native.h"
#include "plugins/virtio/native_proto.h"
#include "support.h"

#define READ	VIRTIO_ACCEL_SEG_READ
#define WRITE	VIRTIO_ACCEL_SEG_WRITE

static const struct fake_options normal;

static struct transport *open_ok(struct fake_backend *f, const struct fake_options *options)
{
	struct transport *t = NULL;

	fake_start(f, options);
	assert_int_equal(transport_open_native(f->path, &t), 0);
	assert_non_null(t);
	return t;
}

static int call(struct transport *t, const void *message, uint32_t len,
		const struct virtio_accel_user_segment *s, uint32_t n, void *reply,
		uint32_t *reply_len)
{
	uint32_t status = UINT32_MAX;
	int err = t->ops->call(t, message, len, s, n, reply, reply_len, &status);

	if (!err)
		assert_int_equal(status, FAKE_STATUS);
	return err;
}

static struct virtio_accel_user_segment segment(void *p, size_t len, uint32_t flags)
{
	return (struct virtio_accel_user_segment){ (uintptr_t)p, len, flags, 0 };
}

static bool front_end_gone(void *arg)
{
	struct fake_backend *f = arg;

	return f->gone;
}

/* ---- Opening ------------------------------------------------------------------------------- */

static void test_info(void **state)
{
	struct fake_backend f;
	struct transport *t = open_ok(&f, &normal);

	(void)state;
	assert_int_equal(t->info.version, VIRTIO_ACCEL_VERSION);
	assert_int_equal(t->info.num_queues, 4);
	assert_int_equal(t->info.max_segments, 256);
	assert_int_equal(t->info.max_message, 1 << 20);
	assert_int_equal(t->info.max_reply, 1 << 20);
	assert_int_equal(t->info.features, 0);
	t->ops->close(t);
	assert_true(test_wait(front_end_gone, &f, 10000));
	fake_stop(&f);
	assert_int_equal(f.closes, 1);
}

static void expect_refusal(const struct fake_options *options)
{
	struct transport *t = NULL;
	struct fake_backend f;

	fake_start(&f, options);
	assert_int_equal(transport_open_native(f.path, &t), ENODEV);
	assert_null(t);
	fake_stop(&f);
}

static void test_refused(void **state)
{
	struct fake_options o = normal;
	struct virtio_accel_config good = {
		.magic = htole32(VIRTIO_ACCEL_MAGIC),
		.version = htole32(VIRTIO_ACCEL_VERSION),
		.num_queues = htole32(1),
		.max_segments = htole32(1),
		.max_message = htole32(4096),
		.max_reply = htole32(4096),
	};

	(void)state;
	o.features = 1ull << VIRTIO_F_VERSION_1;
	expect_refusal(&o);
	o.features = 1ull << 30;
	expect_refusal(&o);
	o = normal;
	o.protocol_features = UINT64_MAX;
	expect_refusal(&o);
	o = normal;
	o.config = good;
	o.config.magic = 0x12345678;
	expect_refusal(&o);
	o.config = good;
	o.config.version = htole32(VIRTIO_ACCEL_VERSION + 1);
	expect_refusal(&o);
	o.config = good;
	o.config.num_queues = 0;
	expect_refusal(&o);
	o.config = good;
	o.config.num_queues = htole32(VIRTIO_ACCEL_MAX_QUEUES + 1);
	expect_refusal(&o);
	o.config = good;
	o.config.max_message = 0;
	expect_refusal(&o);
	o = normal;
	o.refuse_memory = true;
	expect_refusal(&o);
}

/* A host process as others find it that serves one program already */
static void *turn_away(void *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), fd;

	/* It starts later than its client. */
	usleep(300000);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", (const char *)path);
	if (bind(listener, (struct sockaddr *)&addr, sizeof(addr)) == 0 && listen(listener, 1) == 0) {
		fd = accept(listener, NULL, NULL);
		close(fd);
	}
	close(listener);
	return NULL;
}

static void test_late_and_busy(void **state)
{
	struct transport *t = NULL;
	pthread_t thread;
	char path[200];

	(void)state;
	snprintf(path, sizeof(path), "%s/late.sock", test_dir());
	setenv("VACCEL_VIRTIO_CONNECT_MS", "60000", 1);
	assert_int_equal(pthread_create(&thread, NULL, turn_away, path), 0);
	assert_int_equal(transport_open_native(path, &t), EBUSY);
	pthread_join(thread, NULL);
	assert_null(t);
	unsetenv("VACCEL_VIRTIO_CONNECT_MS");
}

static void test_nobody(void **state)
{
	struct transport *t = NULL;
	char path[256];
	FILE *f;

	(void)state;
	setenv("VACCEL_VIRTIO_CONNECT_MS", "0", 1);
	snprintf(path, sizeof(path), "%s/nobody.sock", test_dir());
	assert_int_equal(transport_open_native(path, &t), ENOENT);
	f = fopen(path, "w");
	assert_non_null(f);
	fclose(f);
	assert_int_equal(transport_open_native(path, &t), ECONNREFUSED);
	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(transport_open_native(path, &t), ENAMETOOLONG);
	assert_null(t);
	unsetenv("VACCEL_VIRTIO_CONNECT_MS");
}

/* Takes as long as the transport's time limit for control messages. */
static void test_mute(void **state)
{
	struct fake_options o = { .mute = true };

	(void)state;
	expect_refusal(&o);
}

/* ---- Calls --------------------------------------------------------------------------------- */

static void test_echo(void **state)
{
	const struct fake_options plain = { .features = 1ull << VIRTIO_F_VERSION_1 | 1ull << 30 };
	const struct fake_options *options[] = { &normal, &plain };

	(void)state;
	for (int k = 0; k < 2; k++) {
		struct fake_backend f;
		struct transport *t = open_ok(&f, options[k]);

		for (uint32_t len = 1; len < 100000; len = len * 3 + 1) {
			char *message = malloc(len), *reply = calloc(1, len + 1);
			uint32_t reply_len = len + 1;

			memset(message, (int)len, len);
			assert_int_equal(call(t, message, len, NULL, 0, reply, &reply_len), 0);
			assert_int_equal(reply_len, len);
			assert_memory_equal(message, reply, len);
			/* A reply is cut to the room that there is. */
			reply_len = 1;
			reply[1] = 'x';
			assert_int_equal(call(t, message, len, NULL, 0, reply, &reply_len), 0);
			assert_int_equal(reply_len, 1);
			assert_int_equal(reply[1], 'x');
			reply_len = 0;
			assert_int_equal(call(t, message, len, NULL, 0, NULL, &reply_len), 0);
			assert_int_equal(reply_len, 0);
			free(message);
			free(reply);
		}
		t->ops->close(t);
		fake_stop(&f);
	}
}

static void test_segments(void **state)
{
	unsigned char a[3], *b = malloc(1000000), c[1];
	struct fake_backend f;
	struct transport *t = open_ok(&f, &normal);
	const struct virtio_accel_user_segment s[] = {
		segment(a, sizeof(a), READ),
		segment(b + 1, 999999, READ | WRITE),
		segment(c, sizeof(c), WRITE),
	};
	uint32_t reply_len = 0;

	(void)state;
	memset(a, 0x11, sizeof(a));
	memset(b, 0x22, 1000000);
	c[0] = 0x33;
	assert_int_equal(call(t, "x", 1, s, 3, NULL, &reply_len), 0);
	assert_int_equal(a[0], 0x11);
	assert_int_equal(a[2], 0x11);
	assert_int_equal(b[0], 0x22);
	for (int i = 1; i < 1000000; i++)
		assert_int_equal(b[i], 0xdd);
	/* What is only written does not travel: the device finds zeroes, as in a result within a reply. */
	assert_int_equal(c[0], 0xff);
	t->ops->close(t);
	fake_stop(&f);
	assert_int_equal(f.memory_flips, 2);
	free(b);
}

/* What the device only reads may be memory that this process must not write. */
static void test_read_only(void **state)
{
	struct fake_backend f;
	struct transport *t = open_ok(&f, &normal);
	void *p = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const struct virtio_accel_user_segment s = segment(p, 8192, READ);
	uint32_t reply_len = 0;

	(void)state;
	assert_ptr_not_equal(p, MAP_FAILED);
	assert_int_equal(call(t, "x", 1, &s, 1, NULL, &reply_len), 0);
	munmap(p, 8192);
	t->ops->close(t);
	fake_stop(&f);
}

/* Memory that is shared already is used where it is. */
static void test_in_place(void **state)
{
	struct virtio_accel_user_segment s;
	struct fake_backend f;
	struct native_extent *e;
	struct native_mem *m;
	struct transport *t;
	uint32_t reply_len = 0;
	unsigned char *p;

	(void)state;
	setenv("VACCEL_VIRTIO_MEMORY", "256", 1);
	t = open_ok(&f, &normal);
	unsetenv("VACCEL_VIRTIO_MEMORY");
	m = &to_native(t)->mem;
	/* More than half of what there is: a copy would not fit. */
	assert_int_equal(native_mem_alloc(m, 200 << 20, NATIVE_HOLD_LONG, &e), 0);
	p = native_mem_ptr(m, e->offset);
	memset(p, 0x44, 100);
	s = segment(p + 1, (200 << 20) - 2, READ | WRITE);
	assert_int_equal(call(t, "x", 1, &s, 1, NULL, &reply_len), 0);
	assert_int_equal(p[0], 0x44);
	assert_int_equal(p[1], 0xbb);
	assert_int_equal(p[(200 << 20) - 2], 0xff);
	assert_int_equal(p[(200 << 20) - 1], 0);
	t->ops->close(t);
	fake_stop(&f);
}

static void test_bad_arguments(void **state)
{
	static char large[(1 << 20) + 1];
	struct virtio_accel_user_segment many[257], s;
	struct fake_backend f;
	struct transport *t = open_ok(&f, &normal);
	uint32_t n = 0;

	(void)state;
	assert_int_equal(call(t, "x", 0, NULL, 0, NULL, &n), EINVAL);
	assert_int_equal(call(t, NULL, 1, NULL, 0, NULL, &n), EFAULT);
	assert_int_equal(call(t, large, sizeof(large), NULL, 0, NULL, &n), EINVAL);
	for (int i = 0; i < 257; i++)
		many[i] = segment(large, 1, READ);
	assert_int_equal(call(t, "x", 1, many, 257, NULL, &n), EINVAL);
	assert_int_equal(call(t, "x", 1, many, 256, NULL, &n), 0);
	assert_int_equal(call(t, "x", 1, NULL, 1, NULL, &n), EFAULT);
	s = segment(large, 0, READ);
	assert_int_equal(call(t, "x", 1, &s, 1, NULL, &n), EINVAL);
	s = segment(large, 1, 0);
	assert_int_equal(call(t, "x", 1, &s, 1, NULL, &n), EINVAL);
	s = segment(large, 1, READ | VIRTIO_ACCEL_SEG_MEMORY);
	assert_int_equal(call(t, "x", 1, &s, 1, NULL, &n), EINVAL);
	s = segment(NULL, 1, READ);
	assert_int_equal(call(t, "x", 1, &s, 1, NULL, &n), EFAULT);
	s = segment(large, SIZE_MAX, READ);
	assert_int_equal(call(t, "x", 1, &s, 1, NULL, &n), EFAULT);
	s = segment((void *)1, SIZE_MAX - 100, READ);
	assert_int_equal(call(t, "x", 1, &s, 1, NULL, &n), ENOMEM);
	n = 1;
	assert_int_equal(call(t, "x", 1, NULL, 0, NULL, &n), EFAULT);
	n = 0;
	assert_int_equal(call(t, "x", 1, NULL, 0, NULL, &n), 0);
	t->ops->close(t);
	fake_stop(&f);
}

static void test_memory_limit(void **state)
{
	struct virtio_accel_user_segment s;
	struct fake_backend f;
	struct transport *t;
	uint32_t n = 0;
	char *p = calloc(1, 8 << 20);

	(void)state;
	setenv("VACCEL_VIRTIO_MEMORY", "4", 1);
	t = open_ok(&f, &normal);
	s = segment(p, 8 << 20, READ);
	assert_int_equal(call(t, "x", 1, &s, 1, NULL, &n), ENOMEM);
	s = segment(p, 3 << 20, READ);
	assert_int_equal(call(t, "x", 1, &s, 1, NULL, &n), 0);
	t->ops->close(t);
	fake_stop(&f);
	unsetenv("VACCEL_VIRTIO_MEMORY");
	free(p);
}

/* ---- Threads ------------------------------------------------------------------------------- */

/* Each call changes threads several times, which takes long where others want the processors, too. */
#ifdef __SANITIZE_THREAD__
#define CALLS 1000
#else
#define CALLS 8000
#endif

struct worker {
	struct transport *t;
	unsigned int seed, calls;
	size_t max_segment;
};

static void *call_much(void *arg)
{
	struct worker *w = arg;
	unsigned char *data = malloc(w->max_segment);

	for (unsigned int i = 0; i < w->calls; i++) {
		size_t len = 1 + (size_t)rand_r(&w->seed) % w->max_segment;
		struct virtio_accel_user_segment s = segment(data, len, READ | WRITE);
		uint32_t message = (uint32_t)rand_r(&w->seed), reply = 0, n = sizeof(reply);
		unsigned char byte = (unsigned char)message;

		memset(data, byte, len);
		assert_int_equal(call(w->t, &message, sizeof(message), &s, 1, &reply, &n), 0);
		assert_int_equal(reply, message);
		assert_int_equal(data[0], (unsigned char)~byte);
		assert_int_equal(data[len - 1], (unsigned char)~byte);
	}
	free(data);
	return NULL;
}

/*
 * Many threads, with completions at once or last first, polling or sleeping, and memory for all or
 * for few of them.
 */
static void test_threads(void **state)
{
	static const struct {
		unsigned int threads, batch;
		const char *poll_us, *memory;
		uint64_t features;
	} cases[] = {
		{ 8, 0, "50", "64", 0 },
		{ 8, 0, "0", "64", 0 },
		{ 8, 0, "0", "64", 1ull << VIRTIO_F_VERSION_1 | 1ull << 30 },
		{ 8, 8, "0", "64", 0 },
		{ 8, 8, "50", "64", 0 },
		{ 100, 0, "50", "4", 0 },
		{ 100, 0, "0", "4", 0 },
	};

	(void)state;
	for (size_t k = 0; k < sizeof(cases) / sizeof(cases[0]); k++) {
		struct fake_options o = { .batch = cases[k].batch, .features = cases[k].features };
		struct worker w[100];
		pthread_t id[100];
		struct fake_backend f;
		struct transport *t;

		setenv("VACCEL_VIRTIO_POLL_US", cases[k].poll_us, 1);
		setenv("VACCEL_VIRTIO_MEMORY", cases[k].memory, 1);
		t = open_ok(&f, &o);
		for (unsigned int i = 0; i < cases[k].threads; i++) {
			w[i] = (struct worker){ t, i, CALLS / cases[k].threads, 100000 };
			assert_int_equal(pthread_create(&id[i], NULL, call_much, &w[i]), 0);
		}
		for (unsigned int i = 0; i < cases[k].threads; i++)
			pthread_join(id[i], NULL);
		t->ops->close(t);
		fake_stop(&f);
		assert_int_equal(f.calls, cases[k].threads * (CALLS / cases[k].threads));
	}
	unsetenv("VACCEL_VIRTIO_POLL_US");
	unsetenv("VACCEL_VIRTIO_MEMORY");
}

/* ---- A back end that breaks the rules or goes away ----------------------------------------- */

static void test_faults(void **state)
{
	static const enum fake_fault faults[] = {
		FAKE_FAULT_USED_ID, FAKE_FAULT_USED_RANGE, FAKE_FAULT_USED_LEN, FAKE_FAULT_SHORT,
		FAKE_FAULT_REPLY_LEN, FAKE_FAULT_REPLY_HUGE, FAKE_FAULT_CLOSE, FAKE_FAULT_TALK,
	};

	(void)state;
	for (size_t k = 0; k < sizeof(faults) / sizeof(faults[0]); k++) {
		struct fake_options o = { .fault = faults[k] };
		struct fake_backend f;
		struct transport *t = open_ok(&f, &o);
		char reply[8] = "unread";
		uint32_t n = sizeof(reply);

		assert_int_equal(call(t, "message", 8, NULL, 0, reply, &n), ENODEV);
		assert_string_equal(reply, "unread");
		n = sizeof(reply);
		assert_int_equal(call(t, "message", 8, NULL, 0, reply, &n), ENODEV);
		t->ops->close(t);
		fake_stop(&f);
	}
}

/* A chain used twice is noticed at the second, which belongs to no call. */
static void test_used_twice(void **state)
{
	struct fake_options o = { .fault = FAKE_FAULT_USED_TWICE };
	struct fake_backend f;
	struct transport *t = open_ok(&f, &o);
	int err = 0;

	(void)state;
	for (int i = 0; i < 10 && !err; i++) {
		char reply[8];
		uint32_t n = sizeof(reply);

		err = call(t, "message", 8, NULL, 0, reply, &n);
	}
	assert_int_equal(err, ENODEV);
	t->ops->close(t);
	fake_stop(&f);
}

static void *call_gone(void *arg)
{
	char data[4096];
	struct virtio_accel_user_segment s = segment(data, sizeof(data), READ | WRITE);
	uint32_t n = 0;

	memset(data, 1, sizeof(data));
	return (void *)(intptr_t)call(arg, "x", 1, &s, 1, NULL, &n);
}

static bool holds_some(void *arg)
{
	struct fake_backend *f = arg;

	return f->held >= 4;
}

/* All who wait, whatever for, learn that the back end has gone. */
static void test_gone(void **state)
{
	static const char *const poll_us[] = { "0", "50" };

	(void)state;
	for (int k = 0; k < 2; k++) {
		struct fake_options o = { .hold = true };
		struct fake_backend f;
		struct transport *t;
		pthread_t id[200];

		setenv("VACCEL_VIRTIO_POLL_US", poll_us[k], 1);
		/* Some wait for their answers, some for memory, and some for room in the ring. */
		setenv("VACCEL_VIRTIO_MEMORY", k ? "1" : "64", 1);
		t = open_ok(&f, &o);
		for (int i = 0; i < 200; i++)
			assert_int_equal(pthread_create(&id[i], NULL, call_gone, t), 0);
		assert_true(test_wait(holds_some, &f, 10000));
		fake_stop(&f);
		for (int i = 0; i < 200; i++) {
			void *err;

			pthread_join(id[i], &err);
			assert_int_equal((intptr_t)err, ENODEV);
		}
		t->ops->close(t);
	}
	unsetenv("VACCEL_VIRTIO_POLL_US");
	unsetenv("VACCEL_VIRTIO_MEMORY");
}

static void test_held(void **state)
{
	struct fake_options o = { .hold = true };
	struct fake_backend f;
	struct transport *t = open_ok(&f, &o);
	pthread_t id[200];

	(void)state;
	for (int i = 0; i < 200; i++)
		assert_int_equal(pthread_create(&id[i], NULL, call_gone, t), 0);
	assert_true(test_wait(holds_some, &f, 10000));
	fake_release(&f);
	for (int i = 0; i < 200; i++) {
		void *err;

		pthread_join(id[i], &err);
		assert_int_equal((intptr_t)err, 0);
	}
	t->ops->close(t);
	fake_stop(&f);
	assert_int_equal(f.calls, 200);
}

/* Takes as long as the transport waits for a context to be closed. */
static void test_close_unanswered(void **state)
{
	struct fake_options o = { .ignore_close = true };
	struct fake_backend f;
	struct transport *t = open_ok(&f, &o);

	(void)state;
	t->ops->close(t);
	assert_true(test_wait(front_end_gone, &f, 10000));
	fake_stop(&f);
}

/* ---- A device that does not answer --------------------------------------------------------- */

static void *join(pthread_t id)
{
	struct timespec until;
	void *ret = NULL;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 60;
	assert_int_equal(pthread_timedjoin_np(id, &ret, &until), 0);
	return ret;
}

/* All who wait, for their answers, for memory or for room in the ring, get ENODEV in the end. */
static void test_never_answered(void **state)
{
	static const char *const memory[] = { "64", "1" };

	(void)state;
	setenv("VACCEL_VIRTIO_TIMEOUT", "1", 1);
	for (int k = 0; k < 2; k++) {
		struct fake_options o = { .hold = true, .ignore_close = true };
		struct fake_backend f;
		struct transport *t;
		pthread_t id[200];

		setenv("VACCEL_VIRTIO_MEMORY", memory[k], 1);
		t = open_ok(&f, &o);
		for (int i = 0; i < 200; i++)
			assert_int_equal(pthread_create(&id[i], NULL, call_gone, t), 0);
		for (int i = 0; i < 200; i++)
			assert_int_equal((intptr_t)join(id[i]), ENODEV);
		assert_int_equal((intptr_t)call_gone(t), ENODEV);
		t->ops->close(t);
		fake_stop(&f);
	}
	unsetenv("VACCEL_VIRTIO_MEMORY");
	unsetenv("VACCEL_VIRTIO_TIMEOUT");
}

static bool was_asked(void *arg)
{
	struct fake_backend *f = arg;

	/* Over much more than the time that it may be silent */
	return f->closes >= 12;
}

/* Operations that take long are waited for, as long as the device says that it works. */
static void test_slow_but_alive(void **state)
{
	struct fake_options o = { .hold = true };
	struct fake_backend f;
	struct transport *t;
	pthread_t id[8];

	(void)state;
	setenv("VACCEL_VIRTIO_TIMEOUT", "1", 1);
	t = open_ok(&f, &o);
	unsetenv("VACCEL_VIRTIO_TIMEOUT");
	for (int i = 0; i < 8; i++)
		assert_int_equal(pthread_create(&id[i], NULL, call_gone, t), 0);
	assert_true(test_wait(was_asked, &f, 60000));
	fake_release(&f);
	for (int i = 0; i < 8; i++)
		assert_int_equal((intptr_t)join(id[i]), 0);
	t->ops->close(t);
	fake_stop(&f);
	assert_int_equal(f.calls, 8);
}

static bool has_arrived(void *arg)
{
	return atomic_load((atomic_bool *)arg);
}

static atomic_bool async_arrived;

static void set_arrived(struct transport_call *c)
{
	(void)c;
	atomic_store(&async_arrived, true);
}

/* The same for a program that sleeps on the transport's descriptors. */
static void test_never_answered_async(void **state)
{
	for (int alive = 0; alive < 2; alive++) {
		struct fake_options o = { .hold = true, .ignore_close = !alive };
		struct fake_backend f;
		struct transport *t;
		struct transport_call *c;
		struct epoll_event event;
		int epoll = epoll_create1(EPOLL_CLOEXEC);
		bool over = false;

		(void)state;
		atomic_store(&async_arrived, false);
		setenv("VACCEL_VIRTIO_TIMEOUT", "1", 1);
		t = open_ok(&f, &o);
		unsetenv("VACCEL_VIRTIO_TIMEOUT");
		c = calloc(1, t->call_size);
		assert_non_null(c);
		*c = (struct transport_call){ .message = "x", .message_len = 1,
					      .arrived = set_arrived };
		assert_int_equal(t->ops->watch(t, epoll), 0);
		assert_int_equal(t->ops->submit(t, c), 0);
		while (!over) {
			t->ops->arm(t);
			assert_int_not_equal(epoll_wait(epoll, &event, 1, 60000), 0);
			t->ops->disarm(t);
			t->ops->spin(t, &(unsigned int){ 0 }, false);
			over = has_arrived(&async_arrived);
			if (alive && was_asked(&f))
				fake_release(&f);
		}
		assert_int_equal(t->ops->finish(t, c), alive ? 0 : ENODEV);
		assert_true(alive ? was_asked(&f) : f.closes == 0);
		t->ops->close(t);
		fake_stop(&f);
		close(epoll);
		free(c);
	}
}

/* ---- fork ---------------------------------------------------------------------------------- */

static void test_fork(void **state)
{
	struct fake_backend f;
	struct transport *t = open_ok(&f, &normal);
	int status, pipe_fds[2];
	uint32_t n = 0;
	pid_t pid;
	char byte;

	(void)state;
	assert_int_equal(pipe(pipe_fds), 0);
	fflush(NULL);
	pid = fork();
	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		int err = call(t, "x", 1, NULL, 0, NULL, &n);

		t->ops->close(t);
		/* Lives on: it must not keep the parent's connection open. */
		close(pipe_fds[1]);
		if (read(pipe_fds[0], &byte, 1) < 0)
			_exit(100);
		_exit(err == ENODEV ? 0 : 101);
	}
	/* The parent goes on as before. */
	for (int i = 0; i < 100; i++)
		assert_int_equal(call(t, "x", 1, NULL, 0, NULL, &n), 0);
	t->ops->close(t);
	assert_true(test_wait(front_end_gone, &f, 10000));
	close(pipe_fds[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(pipe_fds[0]);
	fake_stop(&f);
	assert_int_equal(f.calls, 100);
	assert_int_equal(f.closes, 1);
}

/* What nobody asked for: a back end that sends descriptors with its answers leaves none here. */
static void test_descriptors(void **state)
{
	struct vu_msg m = { .request = VU_GET_FEATURES, .flags = VU_VERSION | VU_REPLY,
			    .size = sizeof(m.u64), .u64 = 7 }, answer;
	struct vu_conn c = { .timeout_ms = 10000 };
	unsigned int before;
	int socks[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, socks), 0);
	c.fd = socks[0];
	before = send_fds_count();
	for (unsigned int i = 0; i < 3000; i++) {
		assert_true(send_fds(socks[1], &m, VU_HEADER_SIZE + m.size, socks[1],
				     i % (SEND_FDS_MAX + 1), (int)i % 4) > 0);
		assert_int_equal(vu_recv(&c, VU_GET_FEATURES, &answer), 0);
		assert_int_equal(answer.u64, 7);
		assert_int_equal(send_fds_count(), before);
	}
	close(socks[0]);
	close(socks[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_descriptors),
		cmocka_unit_test(test_info),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_late_and_busy), cmocka_unit_test(test_nobody),
		cmocka_unit_test(test_mute),
		cmocka_unit_test(test_echo),
		cmocka_unit_test(test_segments),
		cmocka_unit_test(test_read_only),
		cmocka_unit_test(test_in_place),
		cmocka_unit_test(test_bad_arguments),
		cmocka_unit_test(test_memory_limit),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_used_twice),
		cmocka_unit_test(test_gone),
		cmocka_unit_test(test_held),
		cmocka_unit_test(test_close_unanswered),
		cmocka_unit_test(test_never_answered),
		cmocka_unit_test(test_slow_but_alive),
		cmocka_unit_test(test_never_answered_async),
		cmocka_unit_test(test_fork),
	};

	test_main_begin(240);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
