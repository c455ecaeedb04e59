// SPDX-License-Identifier: Apache-2.0
#include "load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

#define SMALL 16u    /* travels in the message */
#define LARGE 20000u /* travels in segments */
#define CALLS 200    /* of one session */
#define PROGRESS_MS 10000
#define TICK_MS	    10
#define GAP_MS	    100

static unsigned int machine_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (unsigned int)(ts.tv_sec * 1000 + ts.tv_nsec / 1000000);
}

/*
 * A clock that stands still while this process does: stopped, or on a machine that is itself. tick()
 * looks at it all the time, so what is more than GAP_MS between two looks was such a pause.
 */
static struct {
	pthread_mutex_t lock;
	unsigned int last, paused;
} watch = { .lock = PTHREAD_MUTEX_INITIALIZER };

static unsigned int now_ms(void)
{
	unsigned int now, gap;

	pthread_mutex_lock(&watch.lock);
	now = machine_ms();
	gap = watch.last ? now - watch.last : 0;
	if (gap > GAP_MS)
		watch.paused += gap - GAP_MS;
	watch.last = now;
	now -= watch.paused;
	pthread_mutex_unlock(&watch.lock);
	return now;
}

unsigned int load_paused_ms(void)
{
	unsigned int ms;

	pthread_mutex_lock(&watch.lock);
	ms = watch.paused;
	pthread_mutex_unlock(&watch.lock);
	return ms;
}

static void *tick(void *arg)
{
	struct load *l = arg;

	while (!l->stop) {
		now_ms();
		usleep(TICK_MS * 1000);
	}
	return NULL;
}

static void raise_to(atomic_uint *max, unsigned int value)
{
	unsigned int old = atomic_load(max);

	while (old < value && !atomic_compare_exchange_weak(max, &old, value))
		;
}

/* Takes note of a call that began at @start and ended with @ret. Return: @ret. */
static int ended(struct load *l, unsigned int start, int ret, bool plain)
{
	unsigned int ms = now_ms() - start;

	raise_to(&l->longest_ms, ms);
	if (plain)
		raise_to(&l->longest_plain_ms, ms);
	if (ms > LOAD_LIMIT_MS) {
		l->late++;
		printf("# a call took %u ms\n", ms);
	}
	if (ret == VACCEL_OK) {
		l->good++;
	} else if (ret == VACCEL_ESESS) {
		l->lost++;
	} else {
		l->wrong++;
		printf("# a call ended with %d\n", ret);
	}
	return ret;
}

static int add(struct load *l, struct vaccel_session *sess, float *a, size_t n)
{
	float *b = a + LARGE, *c = b + LARGE;
	unsigned int start;
	int ret;

	for (size_t i = 0; i < n; i++) {
		a[i] = (float)(rand() % 1000);
		b[i] = (float)(rand() % 1000);
		c[i] = -1;
	}
	start = now_ms();
	ret = vaccel_fpga_vadd(sess, a, b, c, n, n);
	for (size_t i = 0; !ret && i < n; i++)
		if (c[i] != a[i] + b[i])
			ret = -1;
	return ended(l, start, ret, true);
}

/* Without a worker there is no session yet: that is no failure. Return: false: stopped. */
static bool open_session(struct load *l, struct vaccel_session *sess)
{
	while (!l->stop) {
		unsigned int start = now_ms();
		int ret = vaccel_session_init(sess, VACCEL_PLUGIN_REMOTE);

		if (ret == VACCEL_OK)
			return true;
		if (ret == EAGAIN)
			l->again++;
		else if (ended(l, start, ret, true) != VACCEL_ESESS)
			return false;
		usleep(1000);
	}
	return false;
}

static void close_session(struct load *l, struct vaccel_session *sess)
{
	unsigned int start = now_ms();
	int ret = vaccel_session_release(sess);

	if (ret)
		ended(l, start, ret, true);
}

static void *run(void *arg)
{
	float *memory = malloc(3 * LARGE * sizeof(float));
	struct vaccel_session sess;
	struct load *l = arg;

	while (memory && open_session(l, &sess)) {
		for (int i = 0; i < CALLS && !l->stop; i++)
			if (add(l, &sess, memory, i % 8 ? SMALL : LARGE))
				break;
		close_session(l, &sess);
	}
	free(memory);
	return NULL;
}

int load_start(struct load *l)
{
	int err = pthread_create(&l->ticker, NULL, tick, l);

	for (int i = 0; i < LOAD_THREADS && !err; i++)
		err = pthread_create(&l->threads[i], NULL, run, l);
	return err;
}

void load_stop(struct load *l)
{
	l->stop = true;
	for (int i = 0; i < LOAD_THREADS; i++)
		pthread_join(l->threads[i], NULL);
	pthread_join(l->ticker, NULL);
}

bool load_progress(struct load *l)
{
	unsigned int before = l->good, start = now_ms();

	/* Some work of each, or a kill meets nobody */
	while (l->good - before < LOAD_THREADS) {
		if (now_ms() - start > PROGRESS_MS || l->wrong > 100)
			return false;
		usleep(500);
	}
	return true;
}

bool load_bomb(struct load *l, enum bomb bomb)
{
	int in[2] = { BOMB_MAGIC, bomb }, out[2];
	struct vaccel_session sess;
	unsigned int start;
	int ret;

	if (!open_session(l, &sess))
		return false;
	start = now_ms();
	ret = ended(l, start, vaccel_fpga_arraycopy(&sess, in, out, 2), bomb != BOMB_TIME);
	close_session(l, &sess);
	return ret == VACCEL_ESESS;
}

static unsigned int rule(const char *what, bool kept)
{
	printf("%s - %s\n", kept ? "ok" : "not ok", what);
	return !kept;
}

unsigned int load_report(struct load *l, unsigned int *checked)
{
	unsigned int broken = 0;

	printf("# %u calls with a result, %u with a lost session, %u sessions to be opened again; "
	       "the longest call took %u ms, the longest that was not killed for its time %u ms\n",
	       l->good, l->lost, l->again, l->longest_ms, l->longest_plain_ms);
	if (load_paused_ms())
		printf("# this program stood still for %u ms, which count for no call\n",
		       load_paused_ms());
	broken += rule("no call gave a wrong result or another error", !l->wrong);
	broken += rule("each call ended within 2 s", !l->late);
	broken += rule("calls ended well, and some were lost", l->good && l->lost);
	*checked = 3;
	return broken;
}
