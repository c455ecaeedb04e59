// SPDX-License-Identifier: Apache-2.0
/*
 * A guest that floods its device, next to another guest on the same host:
 *
 *   flood [SECONDS] [one|shared]
 *
 * Both have a vhost-user-accel of their own, or are clients of one, or share a worker of it, with the policy's
 * defaults. The victim measures calls
 * that take some milliseconds (as an inference does), and the smallest: alone, while the other one
 * floods (64 sessions in 64 threads with small, large and long calls, and resources of 1 GiB), and
 * alone again. The last line is "N passed, N failed". VHOST_USER_ACCEL and BOMB_PLUGIN name what is
 * run. Used by scripts/torture.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "load.h"
#include "../integration/support.h"
#include "transport/clock.h"

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

#define SESSIONS    64
#define LARGE	    ((size_t)1 << 18)	/* floats: 1 MiB for each vector */
#define RESOURCE    ((size_t)1 << 30)
#define MAX_RESOURCES 8			/* more than max-resource-bytes allows */
#define MAX_SAMPLES 1000000
#define MATRIX	    160			/* rows and columns */
/* A victim that is not always calling */
#define WORK_PACE_US  10000
#define SMALL_PACE_US 500
#define LIMIT_KIB   ((4l + 2 + 1) << 20) /* max-resource-bytes, max-staging-bytes, and itself */

static struct daemon victim_host, flooder_host; /* the same, where there is one */
static unsigned int passed, failed;

/* Shared with the children */
static struct shared {
	atomic_bool flooding;
	atomic_uint flood_calls, resources;
	atomic_int refused;	/* how the first resource ended that was too much */
} *shared;

static void start_library(const struct daemon *d)
{
	struct vaccel_config config;

	setenv("VACCEL_VIRTIO_SOCKET", d->socket, 1);
	if (vaccel_config_init(&config, VIRTIO_PLUGIN, VACCEL_LOG_ERROR, NULL, false, false) ||
	    vaccel_bootstrap_with_config(&config))
		test_die("libvaccel does not start");
	vaccel_config_release(&config);
}

/* ---- The flooder --------------------------------------------------------------------------- */

static void *flood_calls(void *arg)
{
	float *a = calloc(3 * LARGE, sizeof(*a));
	struct vaccel_session sess;
	unsigned int kind = (uintptr_t)arg % 3;
	size_t n = kind == 1 ? LARGE : 16;
	int ret;

	if (!a || vaccel_session_init(&sess, VACCEL_PLUGIN_REMOTE))
		test_die("the flooder gets no session");
	for (;;) {
		if (kind == 2)
			ret = vaccel_fpga_mmult(&sess, a, a + LARGE, a + 2 * LARGE,
						MATRIX * MATRIX);
		else
			ret = vaccel_fpga_vadd(&sess, a, a + LARGE, a + 2 * LARGE, n, n);
		shared->flood_calls += !ret;
	}
	return NULL;
}

/* Return: vaccel_resource_register()'s. */
static int add_resource(struct vaccel_session *sess, struct vaccel_resource *res, char *data)
{
	int ret;

	data[0]++; /* what the host has is not sent again */
	ret = vaccel_resource_init_from_buf(res, data, RESOURCE, VACCEL_RESOURCE_DATA, "data", false);
	if (ret)
		test_die("the flooder makes no resource");
	ret = vaccel_resource_register(res, sess);
	if (ret)
		vaccel_resource_release(res);
	else
		shared->resources++;
	return ret;
}

/* As many as there may be, and then the last of them again and again */
static void *flood_resources(void *arg)
{
	char *data = malloc(RESOURCE);
	struct vaccel_resource res[MAX_RESOURCES], *last;
	struct vaccel_session sess;
	unsigned int nr = 0;
	int ret = 0;

	(void)arg;
	if (!data || vaccel_session_init(&sess, VACCEL_PLUGIN_REMOTE))
		test_die("the flooder gets no session for resources");
	memset(data, 1, RESOURCE); /* holes would not be sent */
	while (nr < MAX_RESOURCES && !ret) {
		ret = add_resource(&sess, &res[nr], data);
		nr += !ret;
	}
	if (!nr || !ret)
		test_die("the flooder got %u resources", nr);
	shared->refused = ret;
	last = &res[nr - 1];
	do {
		vaccel_resource_unregister(last, &sess);
		vaccel_resource_release(last);
	} while (!add_resource(&sess, last, data));
	test_die("the flooder gets no resource any more");
}

static pid_t start_flooder(void)
{
	pthread_t thread;
	pid_t pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* VMs are started by different services: the kernel is fair to each of them. */
	setsid();
	start_library(&flooder_host);
	if (pthread_create(&thread, NULL, flood_resources, NULL))
		test_die("no threads");
	/* They would leave it no time. */
	while (!shared->refused)
		usleep(1000);
	for (uintptr_t i = 1; i < SESSIONS; i++)
		if (pthread_create(&thread, NULL, flood_calls, (void *)i))
			test_die("no threads");
	pause();
	_exit(0);
}

/* ---- The victim ---------------------------------------------------------------------------- */

struct times {
	double mean, p50, p99;	/* in microseconds */
	size_t nr;
};

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static struct times measure(struct vaccel_session *sess, bool work, unsigned int seconds)
{
	static float a[MATRIX * MATRIX], b[MATRIX * MATRIX], c[MATRIX * MATRIX];
	static uint32_t samples[MAX_SAMPLES];
	uint64_t end = now_ns() + seconds * 1000000000ull, sum = 0;
	size_t nr = 0;

	while (nr < MAX_SAMPLES && now_ns() < end) {
		uint64_t start = now_ns();

		if (work ? vaccel_fpga_mmult(sess, a, b, c, MATRIX * MATRIX) :
			   vaccel_fpga_vadd(sess, a, b, c, 16, 16))
			test_die("a call of the victim fails");
		samples[nr] = (uint32_t)(now_ns() - start);
		sum += samples[nr++];
		usleep(work ? WORK_PACE_US : SMALL_PACE_US);
	}
	qsort(samples, nr, sizeof(samples[0]), compare);
	return (struct times){ (double)sum / (double)nr / 1000, samples[nr / 2] / 1000.0,
			       samples[nr - 1 - nr / 100] / 1000.0, nr };
}

static void print_times(const char *what, struct times t)
{
	printf("# %-20s %7zu calls: mean %8.1f us, p50 %8.1f us, p99 %8.1f us\n", what, t.nr, t.mean,
	       t.p50, t.p99);
	fflush(stdout);
}

/* Long calls, then small ones */
static void measure_both(struct vaccel_session *sess, const char *when, unsigned int seconds,
			 struct times t[2])
{
	char what[64];

	for (int i = 0; i < 2; i++) {
		t[i] = measure(sess, i == 0, seconds);
		snprintf(what, sizeof(what), "%s, %s:", when, i ? "small" : "long");
		print_times(what, t[i]);
	}
}

static long peak_kib(pid_t pid)
{
	char path[64], line[128];
	long kib = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "VmHWM: %ld", &kib);
	if (f)
		fclose(f);
	return kib;
}

/* The largest one of the service's clients: the flooder's worker */
static long largest_client_kib(void)
{
	char path[64];
	long largest = -1;
	struct daemon client;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", flooder_host.pid, flooder_host.pid);
	f = fopen(path, "re");
	while (f && fscanf(f, "%d", &client.pid) == 1) {
		long kib = peak_kib(daemon_worker(&client));

		largest = kib > largest ? kib : largest;
	}
	if (f)
		fclose(f);
	return largest;
}

static void start_hosts(bool one, bool share)
{
	const char *const args[] = { "--max-clients=4", share ? "--isolation=shared" : NULL, NULL };

	start_daemon(&victim_host, getenv("BOMB_PLUGIN"), one ? args : NULL);
	if (one)
		flooder_host = victim_host;
	else
		start_daemon(&flooder_host, getenv("BOMB_PLUGIN"), NULL);
}

static bool stop_hosts(bool one)
{
	return stop_daemon(&victim_host) == 0 && (one || stop_daemon(&flooder_host) == 0);
}

static void check(bool ok, const char *what)
{
	printf("%s - %s\n", ok ? "ok" : "not ok", what);
	ok ? passed++ : failed++;
}

static bool floods(void *arg)
{
	(void)arg;
	return shared->flood_calls > 1000;
}

int main(int argc, char **argv)
{
	unsigned int seconds = argc > 1 ? (unsigned int)atoi(argv[1]) : 10;
	bool share = argc > 2 && !strcmp(argv[2], "shared"), one = share || (argc > 2 && !strcmp(argv[2], "one"));
	struct times before[2], during[2], after[2];
	struct vaccel_session sess;
	pid_t flooder;
	long memory;

	test_main_begin(10 * seconds + 300);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	start_hosts(one, share);
	flooder = start_flooder();
	kill(flooder, SIGSTOP);
	setsid();
	start_library(&victim_host);
	if (vaccel_session_init(&sess, VACCEL_PLUGIN_REMOTE))
		test_die("the victim gets no session");
	measure(&sess, true, 1);

	measure_both(&sess, "alone", seconds, before);
	kill(flooder, SIGCONT);
	if (!test_wait(floods, NULL, 120000))
		test_die("the flooder does not flood");
	measure_both(&sess, "flooded", seconds, during);
	memory = one ? largest_client_kib() : peak_kib(daemon_worker(&flooder_host));
	kill(flooder, SIGKILL);
	waitpid(flooder, NULL, 0);
	measure_both(&sess, "alone again", seconds, after);
	printf("# the flooder: %u calls, %u resources of 1 GiB; its worker took %ld MiB at most\n",
	       shared->flood_calls, shared->resources, memory >> 10);
	for (int i = 0; i < 2; i++)
		printf("# ratios, %s calls: mean %.2f, p50 %.2f, p99 %.2f\n", i ? "small" : "long",
		       during[i].mean / before[i].mean, during[i].p50 / before[i].p50,
		       during[i].p99 / before[i].p99);

	check(during[1].p50 <= 2 * before[1].p50,
	      "the flood at most doubles the median time of the victim's small calls");
	/* In one process long calls are threads, each with as much time, and the flooder has more of them. */
	if (!share) {
		check(during[0].p50 <= 2 * before[0].p50, "and the median time of its long calls");
		check(during[0].mean <= 2 * before[0].mean, "and their mean time");
	}
	check(shared->refused == VACCEL_ENOMEM,
	      "the flooder's resources end at the limit");
	check(memory > 0 && memory < LIMIT_KIB, "the flooder's worker stays below its memory limit");
	check(after[0].p50 <= 2 * before[0].p50, "afterwards all is as before");
	vaccel_session_release(&sess);
	vaccel_cleanup();
	check(stop_hosts(one), "the host processes end as they should");
	printf("%u passed, %u failed\n", passed, failed);
	return failed != 0;
}
