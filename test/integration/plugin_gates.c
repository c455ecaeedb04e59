// SPDX-License-Identifier: Apache-2.0
/*
 * A plugin for tests of what runs when. Buffers of its operations are arrays of int, whatever the
 * operation's own type is:
 *
 *   noop            does nothing
 *   fpga_arraycopy  copies: an echo
 *   fpga_mmult      opens gate a[0]; c[0] becomes how many wait at it
 *   fpga_vadd       waits until gate a[0] was opened, then copies a to c
 *   fpga_parallel   waits until a[0] calls of it are in here at the same time, then copies a
 *   minmax          min becomes the number of echoes so far, max that of allocations of the process
 *                   under preload_count.c, or -1
 *
 * No wait takes longer than a minute: then the result is EIO.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "vaccel.h"

#define GATES	64
#define LIMIT_S 60

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct {
	bool open;
	int waiting;
} gates[GATES];
static int inside, rounds;
static atomic_ulong echoes;

unsigned long preload_allocations(void) __attribute__((weak));

static bool wait_until(struct timespec *until)
{
	if (!until->tv_sec) {
		clock_gettime(CLOCK_REALTIME, until);
		until->tv_sec += LIMIT_S;
	}
	return pthread_cond_timedwait(&changed, &lock, until) != ETIMEDOUT;
}

static int op_noop(struct vaccel_session *sess)
{
	(void)sess;
	return VACCEL_OK;
}

static int op_echo(struct vaccel_session *sess, const int *a, int *out, size_t len)
{
	(void)sess;
	memcpy(out, a, len * sizeof(*a));
	atomic_fetch_add(&echoes, 1);
	return VACCEL_OK;
}

static int op_open(struct vaccel_session *sess, const int *a, const int *b, int *c, size_t len)
{
	(void)sess;
	(void)b;
	if (!len || a[0] < 0 || a[0] >= GATES)
		return VACCEL_EINVAL;
	pthread_mutex_lock(&lock);
	c[0] = gates[a[0]].waiting;
	gates[a[0]].open = true;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
	return VACCEL_OK;
}

static int op_wait(struct vaccel_session *sess, const int *a, const int *b, int *c, size_t len_a,
		   size_t len_b)
{
	struct timespec until = {0};
	int gate, ret = VACCEL_OK;

	(void)sess;
	(void)b;
	(void)len_b;
	if (!len_a || a[0] < 0 || a[0] >= GATES)
		return VACCEL_EINVAL;
	gate = a[0];
	pthread_mutex_lock(&lock);
	gates[gate].waiting++;
	while (!gates[gate].open && !ret)
		ret = wait_until(&until) ? VACCEL_OK : VACCEL_EIO;
	gates[gate].waiting--;
	pthread_mutex_unlock(&lock);
	memcpy(c, a, len_a * sizeof(*a));
	return ret;
}

static int op_meet(struct vaccel_session *sess, const int *a, const int *b, int *add, int *mult,
		   size_t len)
{
	struct timespec until = {0};
	int round, ret = VACCEL_OK;

	(void)sess;
	(void)b;
	(void)mult;
	if (!len)
		return VACCEL_EINVAL;
	pthread_mutex_lock(&lock);
	round = rounds;
	if (++inside >= a[0]) {
		inside = 0;
		rounds++;
		pthread_cond_broadcast(&changed);
	}
	while (round == rounds && !ret)
		ret = wait_until(&until) ? VACCEL_OK : VACCEL_EIO;
	pthread_mutex_unlock(&lock);
	memcpy(add, a, len * sizeof(*a));
	return ret;
}

static int op_count(struct vaccel_session *sess, const double *in, int n, int low, int high,
		    double *out, double *min, double *max)
{
	(void)sess;
	(void)in;
	(void)n;
	(void)low;
	(void)high;
	(void)out;
	*min = (double)atomic_load(&echoes);
	*max = preload_allocations ? (double)preload_allocations() : -1;
	return VACCEL_OK;
}

static struct vaccel_op ops[] = {
	VACCEL_OP_INIT(noop, VACCEL_OP_NOOP, op_noop),
	VACCEL_OP_INIT(echo, VACCEL_OP_FPGA_ARRAYCOPY, op_echo),
	VACCEL_OP_INIT(open, VACCEL_OP_FPGA_MMULT, op_open),
	VACCEL_OP_INIT(wait, VACCEL_OP_FPGA_VECTORADD, op_wait),
	VACCEL_OP_INIT(meet, VACCEL_OP_FPGA_PARALLEL, op_meet),
	VACCEL_OP_INIT(count, VACCEL_OP_MINMAX, op_count),
};

static int init(void)
{
	return vaccel_plugin_register_ops(ops, sizeof(ops) / sizeof(ops[0]));
}

static int fini(void)
{
	return VACCEL_OK;
}

VACCEL_PLUGIN(
	.name = "gates",
	.version = VACCEL_VERSION,
	.vaccel_version = VACCEL_VERSION,
	.type = VACCEL_PLUGIN_SOFTWARE,
	.init = init,
	.fini = fini,
)
