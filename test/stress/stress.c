// SPDX-License-Identifier: Apache-2.0
/*
 * Calls of all kinds at once, for as long as is said: threads x sizes x kinds of memory x synchronous
 * and asynchronous, under signals. Each result is verified, and at the end nothing may be left.
 *
 *   stress [-d] [-s SECONDS] [-t THREADS] [-m KIB]
 *
 *   -d  starts a vhost-user-accel with the plugin gates, and uses it without a VM; otherwise the
 *	 environment says what is used, as for any program, and the host must have that plugin
 *   -m  largest buffer (default 4096)
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "../integration/support.h"
#include "vaccel.h"

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

#define MAX_THREADS 64
#define BATCH	    24
#define STUCK_S	    90 /* without any call's end */

enum kind { ORDINARY, MAPPED, REGISTERED, KINDS };

struct buffer {
	enum kind kind;
	size_t size;
	char *start;
};

/* One echo: both buffers, and where in them its arrays are. */
struct echo {
	struct buffer in, out;
	int *a, *b;
	size_t len;
	int seed;
};

struct worker {
	pthread_t thread;
	unsigned int seed;
	struct vaccel_session own, *sess;
	struct vaccel_async *queue;
	int fd;
};

static size_t max_bytes = 4096 * 1024;
static struct vaccel_session shared;
static struct worker workers[MAX_THREADS];
static unsigned int nr_workers = 4;
static atomic_bool stop;
static atomic_ulong nr_sync, nr_async, nr_bytes;
static atomic_ulong nr_registered, nr_refused;
static atomic_ulong nr_signals;

static unsigned int pick(struct worker *w, unsigned int n)
{
	return (unsigned int)rand_r(&w->seed) % n;
}

#define MUST(call)                                                           \
	do {                                                                 \
		int ret_ = (call);                                           \
		if (ret_)                                                    \
			test_die("%s gives %d (%s)", #call, ret_, strerror(ret_)); \
	} while (0)

/* ---- Buffers -------------------------------------------------------------------------------- */

static struct buffer get_buffer(struct worker *w, size_t size)
{
	struct buffer b = {(enum kind)pick(w, KINDS), size, NULL};
	struct vaccel_mem_info info;
	void *p = NULL;

	switch (b.kind) {
	case REGISTERED:
		MUST(vaccel_mem_alloc(w->sess, size, &p));
		MUST(vaccel_mem_info(p, &info));
		atomic_fetch_add(&nr_registered, info.kind == VACCEL_MEM_REGISTERED);
		break;
	case MAPPED:
		p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (p == MAP_FAILED)
			p = NULL;
		break;
	default:
		p = malloc(size);
	}
	if (!p)
		test_die("no memory for %zu bytes", size);
	b.start = p;
	return b;
}

static void put_buffer(const struct buffer *b)
{
	switch (b->kind) {
	case REGISTERED:
		MUST(vaccel_mem_free(b->start));
		break;
	case MAPPED:
		munmap(b->start, b->size);
		break;
	default:
		free(b->start);
	}
}

/* Sizes around all limits: of the message, of pages, of pieces; and now and then a large one. */
static size_t pick_size(struct worker *w)
{
	static const size_t edges[] = {4, 64, 4092, 4096, 4100, 8192, 65536, 262144};

	switch (pick(w, 8)) {
	case 0:
	case 1:
	case 2:
		return 4 * (1 + pick(w, 1024));
	case 3:
		return 4 * (1 + pick(w, (unsigned int)(max_bytes / 4)));
	default:
		return edges[pick(w, sizeof(edges) / sizeof(edges[0]))];
	}
}

/* The element of an echo at index i */
static int number(const struct echo *e, size_t i)
{
	return (int)((unsigned int)e->seed + (unsigned int)i * 7);
}

static void make_echo(struct worker *w, struct echo *e)
{
	size_t bytes = pick_size(w);

	/* The arrays start anywhere. */
	size_t skip_a = 4 * pick(w, 1200), skip_b = 4 * pick(w, 1200);

	e->in = get_buffer(w, bytes + skip_a);
	e->out = get_buffer(w, bytes + skip_b + 4);
	e->a = (int *)(e->in.start + skip_a);
	e->b = (int *)(e->out.start + skip_b);
	e->len = bytes / 4;
	e->seed = rand_r(&w->seed);
	for (size_t i = 0; i < e->len; i++)
		e->a[i] = number(e, i);
	memset(e->b, ~(e->seed & 0xff), bytes + 4);
	memcpy(&e->b[e->len], &e->seed, 4);
}

static void check_echo(struct echo *e, int result)
{
	if (result)
		test_die("an echo of %zu bytes gives %d (%s)", e->len * 4, result, strerror(result));
	for (size_t i = 0; i < e->len; i++)
		if (e->b[i] != number(e, i) || e->a[i] != e->b[i])
			test_die("an echo of %zu bytes is wrong at %zu: %#x, sent %#x", e->len * 4,
				 i * 4, (unsigned int)e->b[i], (unsigned int)e->a[i]);
	if (memcmp(&e->b[e->len], &e->seed, 4))
		test_die("an echo of %zu bytes wrote behind its end", e->len * 4);
	put_buffer(&e->in);
	put_buffer(&e->out);
	atomic_fetch_add(&nr_bytes, e->len * 4);
}

/* ---- Calls ---------------------------------------------------------------------------------- */

static void sync_calls(struct worker *w)
{
	struct echo e;

	make_echo(w, &e);
	check_echo(&e, vaccel_fpga_arraycopy(w->sess, e.a, e.b, e.len));
	for (unsigned int i = pick(w, 20); i; i--)
		MUST(vaccel_noop(w->sess));
	atomic_fetch_add(&nr_sync, 1);
}

/* Takes one in one of the ways that there are. Return: false: none yet */
static bool take(struct worker *w, struct echo *all, bool *here, unsigned int nr)
{
	struct vaccel_async_done done = {NULL, -1};
	struct pollfd p = {.fd = w->fd, .events = POLLIN};
	unsigned int i;
	int ret;

	switch (pick(w, 3)) {
	case 0:
		i = pick(w, nr);
		while (here[i])
			i = (i + 1) % nr;
		done.user = &all[i];
		ret = vaccel_async_wait_for(w->queue, done.user, -1, &done.result);
		break;
	case 1:
		ret = vaccel_async_wait(w->queue, 0, &done);
		if (ret == VACCEL_EAGAIN)
			(void)poll(&p, 1, STUCK_S * 1000);
		break;
	default:
		ret = vaccel_async_wait(w->queue, pick(w, 2) ? -1 : (int)pick(w, 3), &done);
	}
	if (ret == VACCEL_EAGAIN)
		return false;
	if (ret)
		test_die("waiting gives %d (%s)", ret, strerror(ret));
	i = (unsigned int)((struct echo *)done.user - all);
	if (i >= nr || here[i])
		test_die("a result came twice");
	here[i] = true;
	check_echo(&all[i], done.result);
	atomic_fetch_add(&nr_async, 1);
	return true;
}

static void async_calls(struct worker *w)
{
	unsigned int nr = 1 + pick(w, BATCH), submitted = 0, taken = 0;
	struct echo all[BATCH];
	bool here[BATCH] = {false};

	while (taken < nr) {
		bool full = false;

		if (submitted < nr && pick(w, 4)) {
			struct echo *e = &all[submitted];
			int ret;

			make_echo(w, e);
			ret = VACCEL_ASYNC(w->queue, e,
					   vaccel_fpga_arraycopy(w->sess, e->a, e->b, e->len));
			if (ret == VACCEL_EAGAIN) {
				put_buffer(&e->in);
				put_buffer(&e->out);
				full = true;
				atomic_fetch_add(&nr_refused, 1);
			} else if (ret) {
				test_die("submitting gives %d (%s)", ret, strerror(ret));
			} else {
				submitted++;
			}
		}
		if (taken < submitted && (full || submitted == nr || !pick(w, 3)))
			taken += take(w, all, here, submitted);
	}
	if (vaccel_async_count(w->queue))
		test_die("calls are left in a queue");
}

static void open_own(struct worker *w)
{
	MUST(vaccel_session_init(&w->own, VACCEL_PLUGIN_REMOTE));
	MUST(vaccel_async_new(&w->queue, BATCH));
	MUST(vaccel_async_fd(w->queue, &w->fd));
}

static void close_own(struct worker *w)
{
	MUST(vaccel_async_delete(w->queue));
	MUST(vaccel_session_release(&w->own));
}

static void *work(void *arg)
{
	struct worker *w = arg;

	open_own(w);
	while (!atomic_load(&stop)) {
		w->sess = pick(w, 3) ? &w->own : &shared;
		if (pick(w, 2))
			sync_calls(w);
		else
			async_calls(w);
		if (!pick(w, 50)) {
			close_own(w);
			open_own(w);
		}
	}
	close_own(w);
	return NULL;
}

/* ---- Main ----------------------------------------------------------------------------------- */

static void on_signal(int sig)
{
	(void)sig;
	nr_signals++;
}

/* Signals until the time is over, and sees to it that calls go on. */
static void watch(unsigned int seconds)
{
	unsigned long seen = 0, now;
	time_t end = time(NULL) + (time_t)seconds, last = time(NULL);
	struct worker dice = {.seed = 1};

	while (time(NULL) < end) {
		usleep(500 + pick(&dice, 3000));
		pthread_kill(workers[pick(&dice, nr_workers)].thread, SIGUSR1);
		now = nr_sync + nr_async;
		if (now != seen)
			last = time(NULL);
		seen = now;
		if (time(NULL) - last > STUCK_S)
			test_die("no call has ended for %d seconds", STUCK_S);
	}
	atomic_store(&stop, true);
}

static void run(unsigned int seconds)
{
	const struct sigaction act = {.sa_handler = on_signal};

	sigaction(SIGUSR1, &act, NULL);
	MUST(vaccel_session_init(&shared, VACCEL_PLUGIN_REMOTE));
	for (unsigned int i = 0; i < nr_workers; i++) {
		workers[i].seed = i + 17;
		if (pthread_create(&workers[i].thread, NULL, work, &workers[i]))
			test_die("no thread");
	}
	watch(seconds);
	for (unsigned int i = 0; i < nr_workers; i++)
		pthread_join(workers[i].thread, NULL);
	MUST(vaccel_session_release(&shared));
}

static void start_library(const struct daemon *d)
{
	struct vaccel_config config;

	setenv("VACCEL_VIRTIO_SOCKET", d->socket, 1);
	MUST(vaccel_config_init(&config, VIRTIO_PLUGIN, VACCEL_LOG_ERROR, NULL, false, false));
	MUST(vaccel_bootstrap_with_config(&config));
	vaccel_config_release(&config);
}

int main(int argc, char **argv)
{
	unsigned int seconds = 10;
	bool with_daemon = false;
	struct daemon host;
	int option;

	while ((option = getopt(argc, argv, "ds:t:m:")) != -1) {
		switch (option) {
		case 'd':
			with_daemon = true;
			break;
		case 's':
			seconds = (unsigned int)atoi(optarg);
			break;
		case 't':
			nr_workers = (unsigned int)atoi(optarg);
			break;
		case 'm':
			max_bytes = (size_t)atoi(optarg) * 1024;
			break;
		default:
			return 2;
		}
	}
	if (!seconds || !nr_workers || nr_workers > MAX_THREADS || max_bytes < 4096)
		return 2;
	test_main_begin(seconds + 2 * STUCK_S);
	if (with_daemon) {
		start_daemon(&host, GATES_PLUGIN, NULL);
		start_library(&host);
	}
	run(seconds);
	if (with_daemon) {
		const char *const none[] = {"sessions", "resources", "inflight"};

		for (int i = 0; i < 3; i++)
			if (daemon_stat(&host, none[i]))
				test_die("the host has %s left", none[i]);
		MUST(vaccel_cleanup());
		if (stop_daemon(&host))
			test_die("the host did not end well");
	}
	printf("%lu synchronous and %lu asynchronous echoes (%lu MiB), all right, %lu buffers "
	       "registered, %lu submissions refused, %lu signals\n",
	       nr_sync, nr_async, nr_bytes >> 20, nr_registered, nr_refused, nr_signals);
	return nr_sync && nr_async && nr_signals ? 0 : 1;
}
