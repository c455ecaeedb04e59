// SPDX-License-Identifier: Apache-2.0
/*
 * How much a long operation disturbs everything else in this machine: timers, the disk, the console
 * and other operations, each timed while nothing runs and while an operation does.
 */
#include "bench-tool.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include <sys/ioctl.h>
#include <linux/fs.h>

#define PAUSE_NS   1000000
#define BLOCK	   4096
#define MAX_PROBES 4
#define MAX_TIMES  20000
/* Times of a probe without which nothing can be said */
#define MIN_TIMES  20

struct probe {
	const char *name;
	int fd;
	uint64_t blocks;
	int (*once)(struct probe *p); /* what is timed; 0 or an errno value */
	uint64_t *ns[2];	      /* idle, busy */
	size_t nr[2];
};

static int timer_once(struct probe *p)
{
	struct timespec pause = {.tv_nsec = PAUSE_NS};

	(void)p;
	return clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
}

static int disk_once(struct probe *p)
{
	static _Alignas(BLOCK) char block[BLOCK];
	static uint64_t at;

	/* Far apart, so that no read brings what the next one wants. */
	at = (at + p->blocks / 7 + 1) % p->blocks;
	return pread(p->fd, block, BLOCK, (off_t)(at * BLOCK)) == BLOCK ? 0 : EIO;
}

static int console_once(struct probe *p)
{
	if (write(p->fd, ".", 1) != 1)
		return errno;
	return tcdrain(p->fd) ? errno : 0;
}

static int noop_once(struct probe *p)
{
	(void)p;
	return call_noop();
}

struct busy {
	uint64_t ns;
	int result;
	uint64_t took_ns;
	atomic_bool done;
};

static void *busy_thread(void *arg)
{
	struct busy *b = arg;
	uint64_t start = now_ns();

	b->result = call_compute_for(b->ns);
	b->took_ns = now_ns() - start;
	atomic_store(&b->done, true);
	return NULL;
}

static void probe_all(struct probe *probes, unsigned int nr, int busy)
{
	for (unsigned int i = 0; i < nr; i++) {
		struct probe *p = &probes[i];
		uint64_t start = now_ns();
		int err = p->once(p);

		if (err)
			bench_die(EXIT_FAILURE, "the probe of the %s failed: %s", p->name,
				  strerror(err));
		if (p->nr[busy] < MAX_TIMES)
			p->ns[busy][p->nr[busy]++] = now_ns() - start;
	}
}

static void idle_for(struct probe *probes, unsigned int nr, uint64_t ns)
{
	uint64_t end = now_ns() + ns;

	while (now_ns() < end)
		probe_all(probes, nr, 0);
}

static void add_probe(struct probe *probes, unsigned int *nr, const char *name,
		      int (*once)(struct probe *p))
{
	struct probe *p = &probes[(*nr)++];

	p->name = name;
	p->once = once;
	p->fd = -1;
	for (int i = 0; i < 2; i++)
		p->ns[i] = bench_alloc(MAX_TIMES * sizeof(uint64_t));
}

static void open_disk(struct probe *p, const char *path)
{
	uint64_t bytes = 0;

	p->fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
	if (p->fd >= 0 && ioctl(p->fd, BLKGETSIZE64, &bytes))
		bytes = (uint64_t)lseek(p->fd, 0, SEEK_END);
	p->blocks = bytes / BLOCK;
	if (p->fd < 0 || !p->blocks)
		bench_die(EX_NOINPUT, "--disk: cannot read %s: %s", path, strerror(errno));
}

static void summarize(struct probe *p, int busy, struct summary *s)
{
	if (p->nr[busy] < MIN_TIMES)
		bench_die(EXIT_FAILURE, "the %s was looked at only %zu times", p->name, p->nr[busy]);
	sort_ns(p->ns[busy], p->nr[busy]);
	s->min_us = (double)p->ns[busy][0] / 1e3;
	s->median_us = quantile(p->ns[busy], p->nr[busy], 0.5) / 1e3;
	s->p99_us = quantile(p->ns[busy], p->nr[busy], 0.99) / 1e3;
	s->per_second = 0;
}

void disturb(const struct bench_options *o)
{
	const uint64_t ns = o->disturb_s * UINT64_C(1000000000);
	struct busy b = {.ns = ns};
	struct probe probes[MAX_PROBES];
	struct summary idle, busy;
	unsigned int nr = 0;
	pthread_t thread;
	int err;

	memset(probes, 0, sizeof(probes));
	add_probe(probes, &nr, "timer", timer_once);
	add_probe(probes, &nr, "noop", noop_once);
	if (o->disk) {
		add_probe(probes, &nr, "disk", disk_once);
		open_disk(&probes[nr - 1], o->disk);
	}
	if (o->console) {
		add_probe(probes, &nr, "console", console_once);
		probes[nr - 1].fd = open(o->console, O_WRONLY | O_NOCTTY | O_CLOEXEC);
		if (probes[nr - 1].fd < 0)
			bench_die(EX_NOINPUT, "--console: cannot open %s: %s", o->console,
				  strerror(errno));
	}

	machine_look();
	idle_for(probes, nr, ns / 10);
	for (unsigned int i = 0; i < nr; i++)
		probes[i].nr[0] = 0; /* that was to warm up */
	idle_for(probes, nr, ns / 2);
	err = pthread_create(&thread, NULL, busy_thread, &b);
	if (err)
		bench_die(EX_OSERR, "cannot start a thread: %s", strerror(err));
	while (!atomic_load(&b.done))
		probe_all(probes, nr, 1);
	pthread_join(thread, NULL);
	idle_for(probes, nr, ns / 2);
	machine_look();

	if (b.result)
		bench_die(EXIT_FAILURE, "the operation failed: %d (%s)", b.result,
			  strerror(b.result));
	if (b.took_ns < ns / 2)
		bench_die(EXIT_FAILURE, "the operation ended after %.1f s", (double)b.took_ns / 1e9);
	for (unsigned int i = 0; i < nr; i++) {
		summarize(&probes[i], 0, &idle);
		summarize(&probes[i], 1, &busy);
		print_probe(o, probes[i].name, &idle, &busy);
		free(probes[i].ns[0]);
		free(probes[i].ns[1]);
		if (probes[i].fd >= 0)
			close(probes[i].fd);
	}
}
