// SPDX-License-Identifier: Apache-2.0
/*
 * One service, many clients: each has a supervisor and a worker of its own, and notices nothing of the
 * others, whether they come, go, die, say nothing, or are too many. Afterwards the service is as it was.
 *
 * With --isolation=shared as the argument they have one worker together, and the same is so but where it dies.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "clients.h"
#include "raw_front.h"
#include "syscalls.h"
#include "transport/refusal.h"

#define MANY	   16
#define NR_FLOOD   10000u
#define NR_RESTARTED 20

static const char *isolation = "--isolation=client";
static unsigned int nr_hubs; /* that have the worker that is shared: none, or one */

/* ---- The service ---------------------------------------------------------------------------- */

static bool is_idle(void *arg)
{
	char *json = daemon_stats(&host);
	bool idle = stats_number(json, "clients") == 0 && stats_number(json, "waiting") == 0 &&
		    stats_number(json, "ready") == 1 && children(host.pid, NULL, 0) == 1 + nr_hubs;

	(void)arg;
	free(json);
	return idle;
}

static bool all_served(void *arg)
{
	return daemon_stat(&host, "clients") == *(int *)arg;
}

static void await_idle(void)
{
	assert_true(test_wait(is_idle, NULL, TIMEOUT_MS));
}

static void await_clients(int nr)
{
	if (!test_wait(all_served, &nr, TIMEOUT_MS))
		test_die("%lld clients are served, not %d", daemon_stat(&host, "clients"), nr);
}

/* ---- A program ------------------------------------------------------------------------------- */

/*
 * A program that outlives two services: each time it is told that none is there, and that its session is lost,
 * opens another one, and goes on.
 */
static int outlive(int ready)
{
	struct vaccel_session sess;
	struct vaccel_blob blob;
	unsigned int losses = 0, calls = 0;
	int ret = boot("/dev/null");

	if (ret || open_blob(&blob, (unsigned int)getpid()))
		return 1;
	ret = vaccel_session_init(&sess, 0);
	while (!ret && (losses < 2 || calls < 20)) {
		ret = use(&sess, &blob);
		if (!ret && ++calls == 20)
			(void)!write(ready, "", 1);
		for (unsigned int i = 0; i < 300 && ret == VACCEL_ENODEV; i++) {
			usleep(100000);
			ret = vaccel_noop(&sess);
		}
		if (ret != VACCEL_ESESS)
			continue;
		losses++;
		calls = 0;
		vaccel_session_release(&sess);
		ret = vaccel_session_init(&sess, 0);
	}
	if (!ret)
		ret = vaccel_session_release(&sess);
	if (ret)
		printf("after %u calls and %u losses: %d\n", calls, losses, ret);
	fflush(stdout);
	return ret;
}

/* ---- The tests ------------------------------------------------------------------------------ */

static void start(const char *max_clients)
{
	start_daemon(&host, NOOP_PLUGIN, (const char *[]){ max_clients, isolation, "-v", NULL });
}

static int stop(void **state)
{
	(void)state;
	return host.pid ? stop_daemon(&host) : 0;
}

static void test_many(void **state)
{
	struct lasting lasting;
	pid_t pids[MANY];
	unsigned int fds;
	long pages;

	(void)state;
	start("--max-clients=64");
	await_idle();
	/* Once before anything is counted: what is allocated once is no leak. */
	pids[0] = spawn();
	if (!pids[0])
		_exit(come_and_go(0));
	assert_int_equal(await(pids[0]), 0);
	await_idle();
	fds = count_fds(host.pid);
	pages = memory_pages(host.pid);

	start_lasting(&lasting);
	for (unsigned int round = 0; round < 3; round++) {
		for (unsigned int i = 0; i < MANY; i++) {
			pids[i] = spawn();
			if (!pids[i])
				_exit(come_and_go(round + i));
		}
		for (unsigned int i = 0; i < MANY; i++) {
			int ret = await(pids[i]);

			if (ret)
				test_die("client %d ends with %d; the service says:\n%s", pids[i], ret,
					 daemon_log(&host));
		}
	}
	await_clients(1);
	assert_int_equal(end_lasting(&lasting), 0);
	await_idle();
	assert_int_equal(count_fds(host.pid), fds);
	/* Sanitizers keep what is freed. */
	if (!SYSCALLS_SANITIZED)
		assert_true(memory_pages(host.pid) < pages + 64);
	assert_int_equal(daemon_stat(&host, "served"), 2 + 3 * MANY);
}

/* The one supervisor that has no client yet: the next client's */
static pid_t next_supervisor(void)
{
	pid_t all[MANY];
	char *json;
	unsigned int nr;

	/* Not while another one is starting or ending. */
	for (int i = 0; i < 500; i++) {
		json = daemon_stats(&host);
		nr = children(host.pid, all, MANY);
		if (stats_number(json, "ready") == 1 &&
		    nr == stats_number(json, "clients") + 1 + nr_hubs) {
			free(json);
			/* The last one that was started */
			return all[nr - 1];
		}
		free(json);
		usleep(20000);
	}
	test_die("there is never just one supervisor ready");
}

/* A client is killed, another one's worker is, another one's supervisor: the last two notice nothing. */
static void test_deaths(void **state)
{
	struct lasting killed, lost, orphan, happy;
	pid_t supervisor;

	(void)state;
	start("--max-clients=8");
	start_lasting(&happy);
	/* Where two start at once, the last one is not the one that is ready last. */
	(void)next_supervisor();
	start_lasting(&killed);
	supervisor = next_supervisor();
	start_lasting(&lost);
	kill(worker_of(supervisor), SIGKILL);
	assert_int_equal(await(lost.pid), LOST);
	close(lost.pipe);

	kill(killed.pid, SIGKILL);
	assert_int_equal(await(killed.pid), -SIGKILL);
	close(killed.pipe);
	await_clients(1);

	supervisor = next_supervisor();
	start_lasting(&orphan);
	kill(supervisor, SIGKILL);
	assert_int_not_equal(await(orphan.pid), 0);
	close(orphan.pipe);
	await_clients(1);
	assert_true(has_logged("was killed by signal 9"));
	assert_int_equal(end_lasting(&happy), 0);
	await_idle();
}

/* The supervisor that is ready for the next client is stopped: another one takes its place. */
static void test_stopped(void **state)
{
	struct lasting lasting;
	pid_t stopped, pid;

	(void)state;
	start("--max-clients=2");
	start_lasting(&lasting);
	stopped = next_supervisor();
	kill(stopped, SIGSTOP);
	/* Until it is scheduled it is not stopped, and may still get a client. */
	assert_true(has_logged("was stopped before it had a client"));
	pid = spawn();
	if (!pid)
		_exit(come_and_go(1));
	assert_int_equal(await(pid), 0);
	assert_int_equal(kill(stopped, 0), -1);
	assert_int_equal(end_lasting(&lasting), 0);
	await_idle();
}

/* Who has started the service ignores SIGCHLD, and it has inherited that: it knows what has ended nevertheless. */
static void test_inherited(void **state)
{
	pid_t pid;

	(void)state;
	signal(SIGCHLD, SIG_IGN);
	start("--max-clients=2");
	signal(SIGCHLD, SIG_DFL);
	for (int i = 0; i < 4; i++) {
		pid = spawn();
		if (!pid)
			_exit(come_and_go(1));
		assert_int_equal(await(pid), 0);
	}
	await_idle();
	assert_int_equal(stop_daemon(&host), 0);
	assert_false(has_logged("does not end, and is killed"));
}

/* The listener dies: who is served goes on to be, and those who serve end with it. */
static void test_listener_killed(void **state)
{
	struct lasting lasting;
	pid_t all[3];
	unsigned int nr;
	int status;

	(void)state;
	start("--max-clients=8");
	start_lasting(&lasting);
	next_supervisor();
	nr = children(host.pid, all, 3);
	assert_int_equal(nr, 2 + nr_hubs);
	kill(host.pid, SIGKILL);
	assert_int_equal(waitpid(host.pid, &status, 0), host.pid);
	host.pid = 0;
	usleep(300000);
	assert_int_equal(waitpid(lasting.pid, &status, WNOHANG), 0);
	assert_int_equal(end_lasting(&lasting), 0);
	for (unsigned int i = 0; i < nr; i++) {
		for (int waited = 0; waited < TIMEOUT_MS && !kill(all[i], 0); waited += 20)
			usleep(20000);
		assert_int_equal(kill(all[i], 0), -1);
	}
}

static void expect_refusal(uint64_t number)
{
	struct vu_conn conn;
	uint64_t features;

	assert_int_equal(vu_connect(&conn, host.socket, TIMEOUT_MS), 0);
	assert_int_equal(vu_get_u64(&conn, VU_GET_FEATURES, &features), EUSERS);
	assert_int_equal(conn.refusal, REFUSAL_FULL);
	assert_int_equal(conn.refusal_number, number);
	vu_close(&conn);
}

static bool file_has(const char *name, const char *text)
{
	char command[256], buf[4096] = "";
	FILE *f;

	/* The log adds the date to the name. */
	snprintf(command, sizeof(command), "cat %s*", name);
	f = popen(command, "r");
	if (f) {
		buf[fread(buf, 1, sizeof(buf) - 1, f)] = '\0';
		pclose(f);
	}
	return strstr(buf, text);
}

static void test_full(void **state)
{
	struct raw_front front[2];
	char log_file[160];
	pid_t pid;

	(void)state;
	start("--max-clients=2");
	for (int i = 0; i < 2; i++) {
		raw_open(&front[i], host.socket, RAW_FEATURES);
		raw_expect_alive(&front[i]);
	}
	await_clients(2);
	/* Without a client to come there is none to be ready for. */
	assert_int_equal(daemon_stat(&host, "ready"), 0);
	expect_refusal(2);
	assert_true(has_logged("was turned away: 2 clients are served, and no more at a time (--max-clients)"));
	snprintf(log_file, sizeof(log_file), "%s/full", test_dir());
	pid = spawn();
	if (!pid)
		_exit(boot(log_file) == VACCEL_EBUSY ? TURNED_AWAY : 1);
	assert_int_equal(await(pid), TURNED_AWAY);
	assert_true(file_has(log_file, "serves 2 clients already, and no more at a time: --max-clients"));
	for (int i = 0; i < 2; i++)
		raw_expect_alive(&front[i]);

	/* A program that is started again finds its place, however soon it comes. */
	for (int i = 0; i < 5; i++) {
		raw_close(&front[1]);
		raw_open(&front[1], host.socket, RAW_FEATURES);
		raw_expect_alive(&front[1]);
	}
	raw_expect_alive(&front[0]);
	raw_close(&front[0]);
	raw_close(&front[1]);
	await_idle();
}

/* One that is full from the start says the same. */
static void test_one(void **state)
{
	struct raw_front front;

	(void)state;
	start("--max-clients=1");
	raw_open(&front, host.socket, RAW_FEATURES);
	raw_expect_alive(&front);
	expect_refusal(1);
	raw_expect_alive(&front);
	raw_close(&front);
}

static bool is_closed(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_DONTWAIT) == 0;
}

static bool is_given_up(void *arg)
{
	return is_closed(*(int *)arg);
}

/* More connections without a word than there is room for, and those that stop within a message */
static void test_silent(void **state)
{
	static const uint32_t half[2] = { VU_GET_FEATURES, VU_VERSION };
	struct raw_front front;
	int fds[300], halves[3];

	(void)state;
	start("--max-clients=4");
	for (unsigned int i = 0; i < 300; i++)
		fds[i] = connect_silently();
	assert_true(test_wait(is_given_up, &fds[0], TIMEOUT_MS));
	assert_true(test_wait(is_given_up, &fds[43], TIMEOUT_MS));
	assert_false(is_closed(fds[299]));
	assert_true(has_logged("it has said nothing, and there are too many of them"));
	assert_int_equal(daemon_stat(&host, "clients"), 0);
	for (int i = 0; i < 3; i++) {
		halves[i] = connect_silently();
		assert_int_equal(write(halves[i], half, sizeof(half)), sizeof(half));
	}
	raw_open(&front, host.socket, RAW_FEATURES);
	raw_expect_alive(&front);
	/* Nobody waits for the other half for ever; one who was silent gets such a place. */
	for (int i = 0; i < 3; i++)
		assert_true(test_wait(is_given_up, &halves[i], TIMEOUT_MS));
	assert_true(has_logged("the front end has stopped in the middle of a message"));
	assert_int_equal(write(fds[299], half, sizeof(half)), sizeof(half));
	await_clients(2);
	raw_expect_alive(&front);
	for (unsigned int i = 0; i < 300; i++)
		close(fds[i]);
	for (int i = 0; i < 3; i++)
		close(halves[i]);
	raw_close(&front);
	await_idle();
}

/* At one path one service after another, as a service manager restarts them */
static void start_behind_link(void)
{
	char fresh[160];

	start("--max-clients=64");
	snprintf(fresh, sizeof(fresh), "%s.new", link_path);
	assert_int_equal(symlink(host.socket, fresh), 0);
	assert_int_equal(rename(fresh, link_path), 0);
}

static void await_calls(int ready)
{
	char byte;

	for (unsigned int i = 0; i < NR_RESTARTED; i++)
		assert_int_equal(read(ready, &byte, 1), 1);
}

/* The service is restarted under its clients, once in order and once when all its processes have crashed. */
static void test_restart(void **state)
{
	pid_t pids[NR_RESTARTED], supervisors[NR_RESTARTED + 2];
	unsigned int nr_supervisors;
	int ready[2];

	(void)state;
	snprintf(link_path, sizeof(link_path), "%s/accel.sock", test_dir());
	start_behind_link();
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	for (unsigned int i = 0; i < NR_RESTARTED; i++) {
		pids[i] = spawn();
		if (!pids[i])
			_exit(outlive(ready[1]));
	}
	close(ready[1]);
	await_calls(ready[0]);
	assert_int_equal(stop_daemon(&host), 0);
	start_behind_link();
	await_calls(ready[0]);
	nr_supervisors = children(host.pid, supervisors, NR_RESTARTED + 2);
	assert_in_range(nr_supervisors, NR_RESTARTED + nr_hubs, NR_RESTARTED + 1 + nr_hubs);
	kill(host.pid, SIGKILL);
	assert_int_equal(waitpid(host.pid, NULL, 0), host.pid);
	for (unsigned int i = 0; i < nr_supervisors; i++)
		kill(supervisors[i], SIGKILL);
	start_behind_link();
	for (unsigned int i = 0; i < NR_RESTARTED; i++)
		assert_int_equal(await(pids[i]), 0);
	await_idle();
	close(ready[0]);
	*link_path = '\0';
}

/* Those who come and go without pause take no place from one who is served. */
static void test_flood(void **state)
{
	static const uint32_t message[3] = { VU_GET_FEATURES, VU_VERSION, 0 };
	struct lasting lasting;
	unsigned int fds;
	time_t began;

	(void)state;
	start("--max-clients=4");
	await_idle();
	fds = count_fds(host.pid);
	start_lasting(&lasting);
	began = time(NULL);
	for (unsigned int i = 0; i < NR_FLOOD; i++) {
		int fd = connect_silently();

		if (i % 4 == 0)
			assert_int_equal(write(fd, message, i % 8 ? sizeof(message) : 5), i % 8 ? sizeof(message) : 5);
		close(fd);
	}
	printf("%u connections in %lld s\n", NR_FLOOD, (long long)(time(NULL) - began));
	assert_int_equal(end_lasting(&lasting), 0);
	await_idle();
	assert_int_equal(count_fds(host.pid), fds);
}

/* No descriptors are left: nobody is let in for a while, and nobody loses what he has. */
static void test_exhausted(void **state)
{
	struct lasting lasting;
	struct rlimit none, before;
	pid_t pid;

	(void)state;
	start("--max-clients=4");
	start_lasting(&lasting);
	next_supervisor();
	assert_int_equal(prlimit(host.pid, RLIMIT_NOFILE, NULL, &before), 0);
	none = (struct rlimit){ .rlim_cur = count_fds(host.pid) - 2, .rlim_max = before.rlim_max };
	assert_int_equal(prlimit(host.pid, RLIMIT_NOFILE, &none, NULL), 0);
	pid = spawn();
	if (!pid)
		_exit(come_and_go(1));
	assert_true(has_logged("a front end has to wait: Too many open files"));
	assert_int_equal(prlimit(host.pid, RLIMIT_NOFILE, &before, NULL), 0);
	assert_int_equal(await(pid), 0);
	assert_int_equal(end_lasting(&lasting), 0);
	await_idle();
}

static void copy_plugin(const char *to)
{
	char command[512];

	snprintf(command, sizeof(command), "cp '%s' '%s'", NOOP_PLUGIN, to);
	assert_int_equal(system(command), 0);
}

/* Workers cannot start any more: clients are told, and those who are served are not harmed. */
static void test_no_start(void **state)
{
	char plugin[160], log_file[160];
	struct lasting lasting;
	pid_t pid;

	(void)state;
	snprintf(plugin, sizeof(plugin), "%s/libvaccel-copy.so", test_dir());
	snprintf(log_file, sizeof(log_file), "%s/nostart", test_dir());
	copy_plugin(plugin);
	start_daemon(&host, plugin, (const char *[]){ "--max-clients=4", NULL });
	next_supervisor();
	unlink(plugin);
	start_lasting(&lasting);
	pid = spawn();
	if (!pid)
		_exit(boot(log_file) == VACCEL_EBUSY ? TURNED_AWAY : 1);
	assert_int_equal(await(pid), TURNED_AWAY);
	assert_true(file_has(log_file, "has no worker for one more client"));
	assert_true(has_logged("was turned away: no worker starts for it"));
	copy_plugin(plugin);
	pid = spawn();
	if (!pid)
		_exit(come_and_go(1));
	assert_int_equal(await(pid), 0);
	assert_int_equal(end_lasting(&lasting), 0);
	await_idle();
}

/* A program of another user. Return: how many sessions it may have, up to three, or 100 and the error */
static int count_sessions(uid_t uid)
{
	struct vaccel_session sess[3];
	int ret, nr = 0;

	if (setgid(uid) || setuid(uid))
		return 99;
	ret = boot(NULL);
	if (ret)
		return 100 + ret;
	while (nr < 3 && !vaccel_session_init(&sess[nr], 0))
		nr++;
	return nr;
}

/* Sections of users and groups: the user's wins, and neighbours have their own. */
static void test_sections(void **state)
{
	static const struct {
		uid_t uid;
		int sessions;
	} users[] = { { 54321, 1 }, { 54322, 2 }, { 54323, 3 }, { 54321, 1 }, { 54324, 1 } };
	char config[160], option[180];
	FILE *f;

	(void)state;
	if (getuid() != 0)
		skip();
	snprintf(config, sizeof(config), "%s/sections.conf", test_dir());
	snprintf(option, sizeof(option), "--config=%s", config);
	f = fopen(config, "we");
	assert_non_null(f);
	fputs("[user:54321]\nmax-sessions = 1\n[group:54322]\nmax-sessions = 2\n"
	      "[group:54321]\nmax-sessions = 2\n[group:54324]\nmax-sessions = 2\n"
	      "[user:54324]\nmax-sessions = 1\n", f);
	fclose(f);
	start_daemon(&host, NOOP_PLUGIN, (const char *[]){ "--max-clients=2", isolation, option, NULL });
	chmod(test_dir(), 0711);
	chmod(host.socket, 0777);
	for (size_t i = 0; i < sizeof(users) / sizeof(users[0]); i++) {
		pid_t pid = spawn();

		if (!pid)
			_exit(count_sessions(users[i].uid));
		assert_int_equal(await(pid), users[i].sessions);
	}
	chmod(test_dir(), 0700);
}

/* Told to end, it ends, and so does all that it has started; what workers had is removed. */
static void test_stop(void **state)
{
	struct lasting lasting[4];
	pid_t supervisors[MANY];
	unsigned int nr;
	char *dirs[4];

	(void)state;
	start("--max-clients=8");
	for (int i = 0; i < 4; i++) {
		const pid_t next = next_supervisor();
		const struct daemon d = { .pid = nr_hubs ? hub_pid() : next };

		dirs[i] = daemon_dir(&d);
		start_lasting(&lasting[i]);
	}
	nr = children(host.pid, supervisors, MANY);
	assert_true(nr >= 4 && nr <= MANY);
	assert_int_equal(stop_daemon(&host), 0);
	for (unsigned int i = 0; i < nr; i++)
		assert_int_equal(kill(supervisors[i], 0), -1);
	for (int i = 0; i < 4; i++) {
		assert_int_not_equal(access(dirs[i], F_OK), 0);
		free(dirs[i]);
		assert_int_not_equal(end_lasting(&lasting[i]), 0);
	}
	assert_int_not_equal(access(host.socket, F_OK), 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_many, stop),
		cmocka_unit_test_teardown(test_stopped, stop),
		cmocka_unit_test_teardown(test_inherited, stop),
		cmocka_unit_test_teardown(test_listener_killed, stop),
		cmocka_unit_test_teardown(test_full, stop),
		cmocka_unit_test_teardown(test_silent, stop),
		cmocka_unit_test_teardown(test_restart, stop),
		cmocka_unit_test_teardown(test_flood, stop),
		cmocka_unit_test_teardown(test_exhausted, stop),
		cmocka_unit_test_teardown(test_sections, stop),
		cmocka_unit_test_teardown(test_stop, stop),
	};
	const struct CMUnitTest of_client[] = {
		cmocka_unit_test_teardown(test_deaths, stop),
		cmocka_unit_test_teardown(test_one, stop),
		cmocka_unit_test_teardown(test_no_start, stop),
	};

	test_main_begin(280);
	if (argc > 1)
		isolation = argv[1];
	nr_hubs = !strcmp(isolation, "--isolation=shared");
	if (!nr_hubs && cmocka_run_group_tests_name("clients with a worker each", of_client, NULL, NULL))
		return 1;
	return cmocka_run_group_tests_name("clients", tests, NULL, NULL);
}
