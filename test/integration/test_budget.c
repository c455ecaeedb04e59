// SPDX-License-Identifier: Apache-2.0
/*
 * The time that one message of the front end may take, against those who want it to take long: a worker
 * that was taken over and answers each question late, or never, and a guest that makes more files than
 * anybody can remove in that time. QEMU's main loop waits for these answers.
 */
#define _GNU_SOURCE
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>

#include "answer_time.h"
#include "hostile.h"

#define OP_EXEC 1
#define LATE_MS "1900" /* just before each single answer was given up, once */

static struct daemon host;
static struct raw_front front;

/* The plugin does what it should not, see plugin_hostile.c. */
static void run_attack(const char *what, const char *arg)
{
	struct hostile_message m;
	uint64_t session;

	assert_int_equal(raw_session(&front, &session), 0);
	hostile_begin(&m, OP_EXEC, session);
	hostile_value(&m, 0);
	hostile_value(&m, 0);
	hostile_buffer(&m, VIRTIO_ACCEL_BUF_INLINE, strlen(what) + 1, 0, what);
	hostile_buffer(&m, VIRTIO_ACCEL_BUF_INLINE, strlen(arg) + 1, 0, arg);
	hostile_send(&front, &m, 4096);
	assert_int_equal(raw_resp(&front).status, 0);
}

static void open_front(void)
{
	raw_open(&front, host.socket, HOSTILE_FEATURES);
	raw_expect_alive(&front);
}

/* ---- What the front end may ask for -------------------------------------------------------- */

static void remove_memory(void)
{
	struct vu_msg m = { .request = VU_REM_MEM_REG, .size = 8 + sizeof(struct vu_region) };
	const struct vu_region region = {
		.guest_addr = NATIVE_MEM_GUEST_BASE,
		.size = RAW_MEMORY,
		.user_addr = (uintptr_t)front.mem.base,
	};

	memcpy(m.bytes + 8, &region, sizeof(region));
	assert_int_equal(vu_set(&front.conn, &m, NULL, 0), 0);
}

static void reset_device(void)
{
	struct vu_msg m = { .request = VU_RESET_DEVICE };

	assert_int_equal(vu_set(&front.conn, &m, NULL, 0), 0);
}

static void stop_rings(void)
{
	uint32_t base;

	for (unsigned int i = 0; i < RAW_QUEUES; i++)
		assert_int_equal(vu_get_vring_base(&front.conn, i, &base), 0);
}

static void replace_call(void)
{
	for (unsigned int i = 0; i < RAW_QUEUES; i++)
		assert_int_equal(vu_set_u64(&front.conn, VU_SET_VRING_CALL, i, front.queues[i].call), 0);
}

static void set_no_memory(void)
{
	struct vu_msg m = { .request = VU_SET_MEM_TABLE, .size = 8 };

	assert_int_equal(vu_set(&front.conn, &m, NULL, 0), 0);
}

static void hang_up(void)
{
	uint64_t features;

	vu_close(&front.conn);
	/* The next front end waits until all is undone. */
	assert_int_equal(vu_connect(&front.conn, host.socket, 60000), 0);
	assert_int_equal(vu_get_u64(&front.conn, VU_GET_FEATURES, &features), 0);
}

static const struct {
	const char *name;
	void (*ask)(void);
} questions[] = {
	{ "REM_MEM_REG", remove_memory }, { "RESET_DEVICE", reset_device },
	{ "GET_VRING_BASE", stop_rings }, { "SET_VRING_CALL", replace_call },
	{ "SET_MEM_TABLE", set_no_memory }, { "a new connection", hang_up },
};

static void late_answers(void **state)
{
	/* Late in all; each in time, but not all together; never */
	static const char *const times[] = { LATE_MS, "400", "600000" };
	pid_t worker;

	(void)state;
	for (size_t t = 0; t < sizeof(times) / sizeof(times[0]); t++) {
		for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++) {
			open_front();
			/* It takes over the worker's side of the control socket. */
			run_attack("late-answers", times[t]);
			worker = daemon_worker(&host);
			answer_time_reset();
			questions[i].ask();
			print_message("a worker that answers after %s ms: %s took %u ms\n", times[t],
				      questions[i].name, answer_time_longest());
			/* One that was in time lives, and says that it serves the next front end. */
			if (daemon_worker(&host) == worker)
				kill(worker, SIGKILL);
			raw_close(&front);
			assert_true(daemon_alive(&host));
		}
	}
	/* And the next ones find a worker. */
	open_front();
	raw_close(&front);
}

/* ---- A forker that does not start any worker ----------------------------------------------- */

/* A child of the supervisor by its name; 0: there is none. */
static pid_t find_child(const char *name)
{
	char path[64], comm[32];
	int pid, found = 0;
	FILE *f, *c;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", host.pid, host.pid);
	f = fopen(path, "re");
	while (f && fscanf(f, "%d", &pid) == 1) {
		snprintf(path, sizeof(path), "/proc/%d/comm", pid);
		c = fopen(path, "re");
		if (c && fscanf(c, "%31s", comm) == 1 && !strcmp(comm, name))
			found = pid;
		if (c)
			fclose(c);
	}
	if (f)
		fclose(f);
	return found;
}

static void stopped_forker(void **state)
{
	pid_t forker = find_child("accel-forker"), worker = daemon_worker(&host);
	uint64_t features;

	(void)state;
	open_front();
	assert_true(forker > 0);
	kill(forker, SIGSTOP);
	kill(worker, SIGKILL);
	answer_time_reset();
	/* Whenever a message comes */
	for (int i = 0; i < 300; i++) {
		assert_int_equal(vu_get_u64(&front.conn, VU_GET_FEATURES, &features), 0);
		usleep(10000);
	}
	print_message("while no worker can be started: %u ms\n", answer_time_longest());
	kill(forker, SIGCONT);
	raw_close(&front);
	open_front();
	raw_close(&front);
}

/* ---- Files, more than can be removed in that time ------------------------------------------ */

#define DEPTH 500

/* One resource with so many files, each @DEPTH directories deep, all of them its own */
static void make_many(unsigned int nr)
{
	uint64_t id = hostile_resource(&front, 1, 1);
	char name[DEPTH * 2 + 16];

	for (unsigned int i = 0; i < nr; i++) {
		snprintf(name, sizeof(name), "%03u/", i);
		for (unsigned int k = 0; k < DEPTH - 1; k++)
			memcpy(name + 4 + 2 * k, "d/", 2);
		strcpy(name + 2 + 2 * DEPTH, "f");
		assert_int_equal(hostile_add(&front, 1, id, 0, name), 0);
	}
}

static unsigned int nr_entries;

static bool is_gone(void *dir)
{
	return access(dir, F_OK) && errno == ENOENT;
}

static int count_entry(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)path;
	(void)st;
	(void)type;
	(void)at;
	nr_entries++;
	return nr_entries > DEPTH;
}

/* A worker that was quick enough lives on, and its directory with it; nothing is left in that. */
static bool is_cleared(void *dir)
{
	nr_entries = 0;
	return is_gone(dir) || (!nftw(dir, count_entry, 8, FTW_PHYS) && nr_entries < DEPTH);
}

static void kill_worker(void)
{
	struct vu_msg m = { .request = VU_SET_OWNER };

	kill(daemon_worker(&host), SIGKILL);
	assert_int_equal(vu_set(&front.conn, &m, NULL, 0), 0);
	/* Not only the first message, which may have come before the death was noticed */
	usleep(20000);
	assert_int_equal(vu_set(&front.conn, &m, NULL, 0), 0);
}

static void many_files(void **state)
{
	static const struct {
		const char *name;
		void (*ask)(void);
		unsigned int nr; /* of files */
	} ways[] = {
		{ "the worker is killed", kill_worker, 128 }, { "RESET_DEVICE", reset_device, 40 },
		{ "a new connection", hang_up, 40 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		char *dir;

		open_front();
		make_many(ways[i].nr);
		dir = daemon_dir(&host);
		answer_time_reset();
		ways[i].ask();
		print_message("%u files in %u directories, and %s: %u ms\n", ways[i].nr,
			      ways[i].nr * DEPTH, ways[i].name, answer_time_longest());
		raw_close(&front);
		/* The next one finds a worker, and may have as much once that is removed. */
		open_front();
		raw_close(&front);
		if (!test_wait(is_cleared, dir, 120000))
			test_die("%s is still full", dir);
		free(dir);
	}
}

/*
 * What a plugin made that nobody can remove by its path, locked, deep, and beside its directory: it
 * goes, too.
 */
static void unremovable_files(void **state)
{
	char *dir, *beside;

	(void)state;
	open_front();
	dir = daemon_dir(&host);
	run_attack("unremovable-files", "");
	assert_true(asprintf(&beside, "%.*s/beside", (int)(strrchr(dir, '/') - dir), dir) > 0);
	/* The sandbox keeps this worker from what one without Landlock can do. */
	if (mkdir(beside, 0))
		assert_int_equal(errno, EEXIST);
	kill_worker();
	if (!test_wait(is_gone, dir, 60000) || !test_wait(is_gone, beside, 60000))
		test_die("%s or %s is still there", dir, beside);
	free(dir);
	free(beside);
	raw_close(&front);
}

int main(void)
{
	static const char *const args[] = { "--allow=exec", "--op-timeout=600", "--max-files=100000",
					    NULL };
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(late_answers),
		cmocka_unit_test(stopped_forker),
		cmocka_unit_test(many_files),
		cmocka_unit_test(unremovable_files),
	};
	char *dir;
	int failed;

	test_main_begin(280);
	start_daemon(&host, HOSTILE_PLUGIN ":" NOOP_PLUGIN, args);
	dir = daemon_dir(&host);
	*strrchr(dir, '/') = '\0';
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	if (failed) {
		char *log = daemon_log(&host);

		print_message("The host process said:\n%s", log);
		free(log);
	}
	if (stop_daemon(&host))
		test_die("vhost-user-accel does not end with status 0");
	/* What was still to be removed then is removed without it. */
	if (!test_wait(is_gone, dir, 60000))
		test_die("%s is still there", dir);
	free(dir);
	answer_time_report();
	return failed;
}
