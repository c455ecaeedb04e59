// SPDX-License-Identifier: Apache-2.0
/*
 * Ends workers in every way while four threads keep them busy, without a VM:
 *
 *   torture [KILLS]
 *
 * Ten kills are four SIGKILLs, three crashes of a plugin (SIGSEGV, abort), two plugins that run out
 * of memory, and an operation that takes longer than --op-timeout. Each kill is one check, and each
 * rule at the end; the last line is "N passed, N failed". VHOST_USER_ACCEL and BOMB_PLUGIN name
 * what is run. Used by scripts/torture.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "load.h"
#include "../integration/support.h"

#define ADDRESS_SPACE ((rlim_t)3 << 29) /* of the worker: 1.5 GiB */
#define DEATH_MS 10000
#define PAUSE_MS 1000

static struct daemon host;
static struct load load;
static unsigned int passed, failed;

static void check(bool ok, const char *what)
{
	printf("%s - %s\n", ok ? "ok" : "not ok", what);
	ok ? passed++ : failed++;
}

static unsigned int count_entries(const char *fmt, int pid)
{
	struct dirent *entry;
	unsigned int n = 0;
	char path[256];
	DIR *dir;

	snprintf(path, sizeof(path), fmt, pid);
	dir = opendir(path);
	while (dir && (entry = readdir(dir)))
		n += entry->d_name[0] != '.';
	if (dir)
		closedir(dir);
	return n;
}

static long resident_kib(pid_t pid)
{
	char path[64];
	long pages = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/statm", pid);
	f = fopen(path, "re");
	if (!f || fscanf(f, "%*d %ld", &pages) != 1)
		test_die("%s cannot be read", path);
	fclose(f);
	return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static bool other_worker(void *arg)
{
	pid_t worker = daemon_worker(&host);

	return worker && worker != *(pid_t *)arg;
}

static const char *const how[10] = {
	"SIGKILL", "a plugin's SIGSEGV", "SIGKILL", "a plugin without memory", "SIGKILL",
	"a plugin's abort()", "SIGKILL", "a plugin's SIGSEGV", "a plugin without memory",
	"an operation over its limit",
};

/* Return: whether all that had to happen happened. */
static bool kill_worker(int kind)
{
	static const enum bomb bombs[10] = {
		[1] = BOMB_SEGV, [3] = BOMB_MEMORY, [5] = BOMB_ABORT, [7] = BOMB_SEGV,
		[8] = BOMB_MEMORY, [9] = BOMB_TIME,
	};
	pid_t worker = daemon_worker(&host);

	if (!worker)
		return false;
	if (kind % 2 == 0 && kind < 8) {
		usleep((unsigned int)(rand() % 5000));
		if (kill(worker, SIGKILL))
			return false;
	} else if (!load_bomb(&load, bombs[kind])) {
		return false;
	}
	return test_wait(other_worker, &worker, DEATH_MS);
}

static void torture(int kills)
{
	for (int i = 0; i < kills; i++) {
		bool ok = load_progress(&load) && kill_worker(i % 10) && daemon_alive(&host);

		ok ? passed++ : failed++;
		if (!ok)
			printf("not ok - kill %d: %s\n", i + 1, how[i % 10]);
		if ((i + 1) % 50 == 0)
			printf("# %d kills, %u calls with a result, %u lost\n", i + 1, load.good,
			       load.lost);
		fflush(stdout);
		if (failed > 20)
			break;
	}
}

static bool all_as_before(void *arg)
{
	char *json = daemon_stats(&host);
	bool same = stats_number(json, "sessions") == 0 && stats_number(json, "inflight") == 0 &&
		    stats_number(json, "resources") == 0;

	free(json);
	return same && count_entries("/proc/%d/fd", host.pid) == *(unsigned int *)arg;
}

static void start(void)
{
	static const char *const args[] = { "--op-timeout=1", NULL };
	struct rlimit unlimited, limit;
	char dir[128];

	/* For the host process, which is to clean up what its workers leave. */
	snprintf(dir, sizeof(dir), "%s/run", test_dir());
	if (mkdir(dir, 0700))
		test_die("%s cannot be made", dir);
	setenv("XDG_RUNTIME_DIR", dir, 1);
	getrlimit(RLIMIT_AS, &unlimited);
	limit = unlimited;
	limit.rlim_cur = ADDRESS_SPACE;
	setrlimit(RLIMIT_AS, &limit);
	start_daemon(&host, getenv("BOMB_PLUGIN"), args);
	setrlimit(RLIMIT_AS, &unlimited);
	setenv("VACCEL_VIRTIO_SOCKET", host.socket, 1);
	setenv("VACCEL_VIRTIO_MEMORY", "256", 1);
}

static void start_library(void)
{
	struct vaccel_config config;

	/* The library's errors are expected here. */
	if (vaccel_config_init(&config, VIRTIO_PLUGIN, (vaccel_log_level_t)1, NULL, false,
			       false) ||
	    vaccel_bootstrap_with_config(&config))
		test_die("libvaccel does not start");
	vaccel_config_release(&config);
}

int main(int argc, char **argv)
{
	int kills = argc > 1 ? atoi(argv[1]) : 1000;
	unsigned int fds, own_fds, checked, broken;
	long long restarts;
	long memory;

	if (kills < 1 || !getenv("BOMB_PLUGIN")) {
		fprintf(stderr, "Usage: BOMB_PLUGIN=FILE VHOST_USER_ACCEL=FILE %s [KILLS]\n",
			argv[0]);
		return 2;
	}
	test_main_begin(120 + 3 * (unsigned int)kills);
	start();
	start_library();
	if (load_start(&load))
		test_die("no threads");
	/* The first deaths are part of the start: memory that is used once stays. */
	if (!load_progress(&load) || !kill_worker(0) || !load_progress(&load))
		test_die("the load does not run");
	fds = count_entries("/proc/%d/fd", host.pid);
	own_fds = count_entries("/proc/self/fd", 0);
	memory = resident_kib(host.pid);

	torture(kills);
	load_stop(&load);
	broken = load_report(&load, &checked);
	passed += checked - broken;
	failed += broken;
	check(test_wait(all_as_before, &fds, DEATH_MS),
	      "no session, request or descriptor is left in the host process");
	printf("# the supervisor's memory: %ld KiB before, %ld KiB after\n", memory,
	       resident_kib(host.pid));
	check(resident_kib(host.pid) < memory + 1024, "its memory is as before");
	check(count_entries("/proc/self/fd", 0) <= own_fds,
	      "the program's descriptors are as before");
	restarts = daemon_stat(&host, "restarts");
	/* A start that takes seconds, because the machine stands still, is given up and tried again. */
	check(restarts == kills + 1 || (load_paused_ms() > PAUSE_MS && restarts > kills),
	      "there was one restart for each death");
	vaccel_cleanup();
	check(stop_daemon(&host) == 0, "the host process ends as it should");
	check(count_entries(getenv("XDG_RUNTIME_DIR"), 0) == 0, "no file of a dead worker is left");
	printf("%u passed, %u failed\n", passed, failed);
	return failed != 0;
}
