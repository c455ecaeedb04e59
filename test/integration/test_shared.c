// SPDX-License-Identifier: Apache-2.0
/*
 * Clients that share a worker (--isolation=shared): each has its own sessions and limits, nobody notices another
 * one's coming and going, and all of them lose their sessions when the worker dies, and go on.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clients.h"
#include "syscalls.h"

#define MANY 8
#define IDLE 16
/* Of an idle client, in all processes together */
#define IDLE_BYTES (1l << 20)

/* ---- The service ---------------------------------------------------------------------------- */

static void start(const char *option)
{
	start_daemon(&host, GATES_PLUGIN,
		     (const char *[]){ "--max-clients=32", "--isolation=shared", "-v", option, NULL });
}

static int stop(void **state)
{
	(void)state;
	return host.pid ? stop_daemon(&host) : 0;
}

static bool is_served(void *arg)
{
	return daemon_stat(&host, "clients") == *(int *)arg && daemon_stat(&host, "ready") == 1;
}

/* Waits until so many are served, and one supervisor is ready for one more. */
static void await_clients(int nr)
{
	if (!test_wait(is_served, &nr, TIMEOUT_MS))
		test_die("%lld clients are served, not %d", daemon_stat(&host, "clients"), nr);
}

static pid_t worker(void)
{
	return worker_of(hub_pid());
}

static bool is_new(void *arg)
{
	pid_t hub = hub_pid();

	return hub && worker_of(hub) != *(pid_t *)arg;
}

/* Waits for another worker than this one. */
static void await_worker(pid_t old)
{
	assert_true(test_wait(is_new, &old, TIMEOUT_MS));
}

struct count {
	pid_t pid;
	unsigned int threads, fds;
};

static struct count count(pid_t pid)
{
	return (struct count){ pid, count_threads(pid), count_fds(pid) };
}

static bool is_as_before(void *arg)
{
	const struct count *before = arg;

	return count_threads(before->pid) == before->threads && count_fds(before->pid) == before->fds;
}

/* Whether a client that has gone has left nothing in the worker */
static void expect_as_before(struct count *before)
{
	if (!test_wait(is_as_before, before, TIMEOUT_MS))
		test_die("the worker has %u threads and %u descriptors, not %u and %u", count_threads(before->pid),
			 count_fds(before->pid), before->threads, before->fds);
}

/* Memory of a process that is no one else's, in bytes */
static long private_bytes(pid_t pid)
{
	char path[64], line[128];
	long kib, sum = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "Private_Clean: %ld", &kib) == 1 || sscanf(line, "Private_Dirty: %ld", &kib) == 1)
			sum += kib << 10;
	if (f)
		fclose(f);
	return sum;
}

/* ---- Programs ------------------------------------------------------------------------------- */

/* What a program is asked for by a byte, and answers by another: the error */
enum ask { OPEN = 'o', MORE = 'm', CALL = 'c', WAIT = 'w', LET = 'l', BYE = 'b' };

struct program {
	pid_t pid;
	int ask, answer;
};

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
static int echo(struct vaccel_session *sess, int seed)
{
	int in[1000], out[1000] = { 0 };
	int ret;

	for (int i = 0; i < 1000; i++)
		in[i] = seed * 1000 + i;
	ret = vaccel_fpga_arraycopy(sess, in, out, 1000);
	return !ret && memcmp(in, out, sizeof(in)) ? VACCEL_EIO : ret;
}

/* A gate that another one opens, or opening it. */
static int pass(struct vaccel_session *sess, bool open)
{
	float in[4] = { 0 }, out[4];

	/* The plugin takes them for integers: gate 0. */
	return open ? vaccel_fpga_mmult(sess, in, in, out, 4) : vaccel_fpga_vadd(sess, in, in, out, 4, 4);
}

#pragma GCC diagnostic pop

static int obey(enum ask ask, struct vaccel_session *sess)
{
	struct vaccel_session more = { 0 };

	switch (ask) {
	case OPEN:
		/* The one that was lost, if there was one */
		if (sess->id)
			(void)vaccel_session_release(sess);
		return vaccel_session_init(sess, 0);
	case MORE:
		return vaccel_session_init(&more, 0);
	case CALL:
		return echo(sess, getpid());
	case WAIT:
		return pass(sess, false);
	case LET:
		return pass(sess, true);
	default:
		return 0;
	}
}

/* A program that makes a call and ends. */
static int call_once(void)
{
	struct vaccel_session sess;
	int ret = boot(NULL);

	if (!ret)
		ret = vaccel_session_init(&sess, 0);
	if (!ret)
		ret = echo(&sess, 1);
	if (!ret)
		ret = vaccel_session_release(&sess);
	return ret ? 1 : 0;
}

static int run_program(int ask, int answer)
{
	struct vaccel_session sess = { 0 };
	char byte = 0, ret;

	if (boot(NULL))
		return 1;
	while (byte != BYE && read(ask, &byte, 1) == 1) {
		ret = (char)obey(byte, &sess);
		if (write(answer, &ret, 1) != 1)
			return 2;
	}
	return 0;
}

static void begin(struct program *p, enum ask ask)
{
	char byte = (char)ask;

	assert_int_equal(write(p->ask, &byte, 1), 1);
}

/* Return: the error */
static int finish(struct program *p)
{
	char ret;

	assert_int_equal(read(p->answer, &ret, 1), 1);
	return ret;
}

static int ask(struct program *p, enum ask what)
{
	begin(p, what);
	return finish(p);
}

static void start_program(struct program *p)
{
	int in[2], out[2];

	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	p->pid = spawn();
	if (!p->pid)
		_exit(run_program(in[0], out[1]));
	close(in[0]);
	close(out[1]);
	p->ask = in[1];
	p->answer = out[0];
	assert_int_equal(ask(p, OPEN), 0);
}

/* Return: as await() */
static int end_program(struct program *p, int sig)
{
	int ret;

	if (sig)
		kill(p->pid, sig);
	else
		assert_int_equal(ask(p, BYE), 0);
	ret = await(p->pid);
	close(p->ask);
	close(p->answer);
	return ret;
}

/* All that they had is lost, and what they have now works, in the same program. */
static void expect_recovery(struct program *p, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++) {
		int ret = ask(&p[i], CALL);

		if (ret != VACCEL_ESESS)
			test_die("client %u gets %d for its lost session; the service says:\n%s", i, ret,
				 daemon_log(&host));
	}
	for (unsigned int i = 0; i < nr; i++) {
		int ret = ask(&p[i], OPEN);

		for (int tries = 0; ret == VACCEL_EAGAIN && tries < 500; tries++) {
			usleep(20000);
			ret = ask(&p[i], OPEN);
		}
		assert_int_equal(ret, 0);
		assert_int_equal(ask(&p[i], CALL), 0);
	}
}

/* A service with so many clients, and a supervisor that is ready for one more */
static void start_with(struct program *p, int nr, const char *option)
{
	start(option);
	for (int i = 0; i < nr; i++) {
		start_program(&p[i]);
		/* The supervisor that is ready is always the last one, then. */
		await_clients(i + 1);
	}
}

static void end_all(struct program *p, int nr)
{
	for (int i = 0; i < nr; i++)
		assert_int_equal(end_program(&p[i], 0), 0);
}

/* ---- The tests ------------------------------------------------------------------------------ */

/* One process for all, which gives each its own answers. */
static void test_one_worker(void **state)
{
	struct program p[MANY];
	pid_t all[MANY + 2], pid;
	unsigned int nr;

	(void)state;
	start(NULL);
	pid = worker();
	for (int i = 0; i < MANY; i++)
		start_program(&p[i]);
	await_clients(MANY);
	assert_int_equal(worker(), pid);
	nr = children(host.pid, all, MANY + 2);
	assert_int_equal(nr, MANY + 2);
	/* The supervisors have nobody: neither workers nor who starts them. */
	for (unsigned int i = 0; i < nr; i++)
		assert_int_equal(children(all[i], NULL, 0), all[i] == hub_pid() ? 3 : 0);
	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < MANY; i++)
			begin(&p[i], CALL);
		for (int i = 0; i < MANY; i++)
			assert_int_equal(finish(&p[i]), 0);
	}
	/* What one waits for in the plugin another one does. */
	begin(&p[0], WAIT);
	assert_int_equal(ask(&p[1], LET), 0);
	assert_int_equal(finish(&p[0]), 0);
	end_all(p, MANY);
	await_clients(0);
	assert_int_equal(worker(), pid);
}

/* Of a client that does nothing only so much is there: its supervisor, and its place in the worker. */
static void test_idle(void **state)
{
	struct program p[IDLE];
	pid_t pid, all[IDLE + 2];
	long before, supervisors = 0;
	unsigned int nr;

	(void)state;
	if (SYSCALLS_SANITIZED)
		skip();
	/* Meson's: all that is allocated would be written to. */
	unsetenv("MALLOC_PERTURB_");
	start(NULL);
	/* What is there once for all */
	start_program(&p[0]);
	assert_int_equal(ask(&p[0], CALL), 0);
	await_clients(1);
	pid = worker();
	before = private_bytes(pid);
	for (int i = 1; i < IDLE; i++) {
		start_program(&p[i]);
		assert_int_equal(ask(&p[i], CALL), 0);
	}
	await_clients(IDLE);
	nr = children(host.pid, all, IDLE + 2);
	assert_int_equal(nr, IDLE + 2);
	for (unsigned int i = 0; i < nr; i++)
		if (all[i] != hub_pid())
			supervisors += private_bytes(all[i]);
	supervisors /= IDLE + 1;
	before = (private_bytes(pid) - before) / (IDLE - 1);
	print_message("an idle client: %ld KiB in its supervisor, %ld KiB in the worker\n", supervisors >> 10,
		      before >> 10);
	assert_true(supervisors > 0);
	assert_true(supervisors + before <= IDLE_BYTES);
	end_all(p, IDLE);
}

/* Clients come, go and are killed, also in the middle of an operation: for the others it is nothing. */
static void test_goes(void **state)
{
	struct program stays, other, goes;
	struct count before;
	pid_t pid;

	(void)state;
	start(NULL);
	start_program(&stays);
	start_program(&other);
	/* Threads that are kept once they were needed */
	assert_int_equal(ask(&stays, CALL), 0);
	assert_int_equal(ask(&other, CALL), 0);
	await_clients(2);
	before = count(worker());
	for (int i = 0; i < 5; i++) {
		start_program(&goes);
		assert_int_equal(ask(&goes, CALL), 0);
		assert_int_equal(end_program(&goes, i % 2 ? SIGKILL : 0), i % 2 ? -SIGKILL : 0);
		assert_int_equal(ask(&stays, CALL), 0);
	}
	await_clients(2);
	expect_as_before(&before);

	/* Its operation goes on, with nobody to wait for it, and then nothing of it is left. */
	start_program(&goes);
	begin(&goes, WAIT);
	usleep(200000);
	assert_int_equal(end_program(&goes, SIGKILL), -SIGKILL);
	await_clients(2);
	usleep(1000000);
	assert_int_equal(worker(), before.pid);
	assert_false(is_as_before(&before));
	pid = spawn();
	if (!pid)
		_exit(call_once());
	assert_int_equal(await(pid), 0);
	assert_int_equal(ask(&stays, LET), 0);
	await_clients(2);
	expect_as_before(&before);
	assert_int_equal(ask(&stays, CALL), 0);
	assert_int_equal(end_program(&stays, 0), 0);
	assert_int_equal(end_program(&other, 0), 0);
}

/* Sessions, bytes and operations that one has reached its limit of are there for another one. */
static int reach_limits(int ready, int go)
{
	struct vaccel_session sess[4];
	struct vaccel_resource res[2] = { 0 };
	struct vaccel_blob blob;
	static uint8_t data[700 << 10];
	char byte;

	if (boot(NULL))
		return 1;
	for (int i = 0; i < 3; i++)
		if (vaccel_session_init(&sess[i], 0))
			return 10 + i;
	if (vaccel_session_init(&sess[3], 0) != VACCEL_EUSERS)
		return 20;
	for (int i = 0; i < 2; i++) {
		struct vaccel_blob *one = &blob;
		int ret;

		if (vaccel_blob_init_from_buf(&blob, data, sizeof(data), false, "data", NULL, false) ||
		    vaccel_resource_init_from_blobs(&res[i], (const struct vaccel_blob **)&one, 1,
						    VACCEL_RESOURCE_DATA))
			return 30;
		ret = vaccel_resource_register(&res[i], &sess[i]);
		if (i ? ret != VACCEL_ENOMEM : ret)
			return 40 + i;
	}
	if (write(ready, "", 1) != 1 || read(go, &byte, 1))
		return 50;
	return echo(&sess[2], 1) ? 60 : 0;
}

static void test_limits(void **state)
{
	pid_t pids[3];
	int ready[2], go[2];
	char byte;

	(void)state;
	start_daemon(&host, GATES_PLUGIN,
		     (const char *[]){ "--max-clients=32", "--isolation=shared", "--max-sessions=3",
				       "--max-resource-bytes=1M", NULL });
	assert_int_equal(pipe2(go, O_CLOEXEC), 0);
	/* One after the other, and each while those before are at their limits */
	for (int i = 0; i < 3; i++) {
		assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
		pids[i] = spawn();
		if (!pids[i]) {
			close(go[1]);
			_exit(reach_limits(ready[1], go[0]));
		}
		close(ready[1]);
		if (read(ready[0], &byte, 1) != 1)
			test_die("client %d ends with %d", i, await(pids[i]));
		close(ready[0]);
	}
	close(go[1]);
	for (int i = 0; i < 3; i++)
		assert_int_equal(await(pids[i]), 0);
	close(go[0]);
}

/* The worker is killed, idle and in an operation: all lose what they had, once, and have a new one. */
static void test_killed(void **state)
{
	struct program p[MANY];
	pid_t old;

	(void)state;
	start_with(p, MANY, NULL);
	for (int round = 0; round < 3; round++) {
		old = worker();
		if (round)
			begin(&p[0], WAIT);
		usleep(50000);
		kill(old, SIGKILL);
		if (round)
			assert_int_equal(finish(&p[0]), VACCEL_ESESS);
		expect_recovery(p, MANY);
		assert_int_not_equal(worker(), old);
	}
	await_clients(MANY);
	assert_true(has_logged("the shared worker is gone (killed"));
	end_all(p, MANY);
}

/* An operation that takes too long costs all of them the worker, also when nobody waits for it any more. */
static void test_too_long(void **state)
{
	struct program p[3];
	pid_t old;

	(void)state;
	start_with(p, 3, "--op-timeout=2");
	old = worker();
	assert_int_equal(ask(&p[0], WAIT), VACCEL_ESESS);
	await_worker(old);
	expect_recovery(p, 3);
	assert_true(has_logged("took over 2 s"));

	old = worker();
	begin(&p[2], WAIT);
	usleep(200000);
	assert_int_equal(end_program(&p[2], SIGKILL), -SIGKILL);
	assert_int_equal(ask(&p[0], CALL), 0);
	await_worker(old);
	expect_recovery(p, 2);
	assert_true(has_logged("an operation of a client that has gone does not end"));
	end_all(p, 2);
}

/* A worker that does not answer is killed by whoever asks it: here for a place for one more client. */
static void test_worker_stopped(void **state)
{
	struct program p[2], next;
	pid_t old;

	(void)state;
	start_with(p, 2, NULL);
	old = worker();
	kill(old, SIGSTOP);
	/* Its supervisor has its place in the worker already; that of the client after it has not. */
	next.pid = spawn();
	if (!next.pid)
		_exit(call_once());
	await_worker(old);
	assert_int_equal(await(next.pid), 0);
	expect_recovery(p, 2);
	end_all(p, 2);
}

/* Nobody calls, and the worker takes in no further client: the hub kills it. */
static void test_takes_none(void **state)
{
	struct program p[2];
	pid_t all[4], old;

	(void)state;
	start_with(p, 2, NULL);
	old = worker();
	kill(old, SIGSTOP);
	/* The supervisor that is ready, which is in already; the one after it is not. */
	assert_int_equal(children(host.pid, all, 4), 4);
	kill(all[3], SIGKILL);
	await_worker(old);
	assert_true(has_logged(": it does not answer), with all that its clients had"));
	expect_recovery(p, 2);
	end_all(p, 2);
}

/* The hub is stopped: nobody notices. It is killed: the same as for the worker. */
static void test_hub(void **state)
{
	struct program p[3];
	pid_t old, hub;

	(void)state;
	start_with(p, 2, NULL);
	hub = hub_pid();
	old = worker();
	kill(hub, SIGSTOP);
	for (int i = 0; i < 2; i++)
		assert_int_equal(ask(&p[i], CALL), 0);
	kill(hub, SIGCONT);
	start_program(&p[2]);
	kill(hub, SIGKILL);
	await_worker(old);
	expect_recovery(p, 3);
	assert_int_not_equal(hub_pid(), hub);
	assert_true(has_logged("the process that has a shared worker was killed by signal 9"));
	/* What the dead one has left is removed. */
	end_all(p, 3);
	await_clients(0);
}

/* The supervisor of one client is killed: the others, and the worker, go on. */
static void test_supervisor(void **state)
{
	struct program p[2];
	pid_t all[4], old;
	unsigned int nr;

	(void)state;
	start(NULL);
	start_program(&p[0]);
	await_clients(1);
	nr = children(host.pid, all, 4);
	assert_int_equal(nr, 3);
	/* The hub, the first client's, and the next one's */
	start_program(&p[1]);
	await_clients(2);
	old = worker();
	kill(all[1], SIGKILL);
	await_clients(1);
	assert_int_not_equal(ask(&p[0], CALL), 0);
	assert_int_equal(ask(&p[1], CALL), 0);
	assert_int_equal(worker(), old);
	assert_int_equal(end_program(&p[0], SIGKILL), -SIGKILL);
	assert_int_equal(end_program(&p[1], 0), 0);
}

/* Without the listener those who are served still have a worker when theirs dies; and then all ends. */
static void test_listener_killed(void **state)
{
	struct program p[2];
	pid_t hub, old;
	int status;

	(void)state;
	start_with(p, 2, NULL);
	hub = hub_pid();
	old = worker();
	kill(host.pid, SIGKILL);
	assert_int_equal(waitpid(host.pid, &status, 0), host.pid);
	host.pid = 0;
	for (int i = 0; i < 2; i++)
		assert_int_equal(ask(&p[i], CALL), 0);
	kill(old, SIGKILL);
	expect_recovery(p, 2);
	end_all(p, 2);
	for (int waited = 0; waited < TIMEOUT_MS && !kill(hub, 0); waited += 20)
		usleep(20000);
	assert_int_equal(kill(hub, 0), -1);
}

static void write_config(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static bool is_alone(void *arg)
{
	pid_t old = *(pid_t *)arg;

	return kill(old, 0) && hub_pid() != old;
}

/* The policy is read again: who is served stays where he is, and the next one has what it says now. */
static void test_reload(void **state)
{
	struct program p[2];
	char config[160], option[180];
	pid_t old;

	(void)state;
	snprintf(config, sizeof(config), "%s/shared.conf", test_dir());
	snprintf(option, sizeof(option), "--config=%s", config);
	write_config(config, "[defaults]\nisolation = shared\n");
	start_daemon(&host, GATES_PLUGIN, (const char *[]){ "--max-clients=8", "-v", option, NULL });
	start_program(&p[0]);
	await_clients(1);
	old = hub_pid();
	assert_int_not_equal(old, 0);
	write_config(config, "[defaults]\nisolation = shared\nmax-sessions = 1\n");
	kill(host.pid, SIGHUP);
	assert_true(has_logged("the policy was read again"));
	await_clients(1);
	start_program(&p[1]);
	assert_int_equal(ask(&p[1], MORE), VACCEL_EUSERS);
	/* Not the same worker: that one's plugin has another gate. */
	assert_int_equal(ask(&p[0], CALL), 0);
	assert_int_equal(kill(old, 0), 0);
	assert_int_equal(ask(&p[0], MORE), 0);
	assert_int_equal(end_program(&p[0], 0), 0);
	assert_true(test_wait(is_alone, &old, TIMEOUT_MS));
	assert_int_equal(ask(&p[1], CALL), 0);
	assert_int_equal(end_program(&p[1], 0), 0);
}

static void copy_plugin(const char *to)
{
	char command[512];

	snprintf(command, sizeof(command), "cp '%s' '%s'", GATES_PLUGIN, to);
	assert_int_equal(system(command), 0);
}

/* A worker dies, and none starts any more: clients are told, those to come as well, and when one starts all is well. */
static void test_no_next(void **state)
{
	char plugin[160];
	struct program p;
	pid_t pid;
	int ret;

	(void)state;
	snprintf(plugin, sizeof(plugin), "%s/libvaccel-copy.so", test_dir());
	copy_plugin(plugin);
	start_daemon(&host, plugin, (const char *[]){ "--max-clients=4", "--isolation=shared", NULL });
	start_program(&p);
	await_clients(1);
	unlink(plugin);
	kill(worker(), SIGKILL);
	assert_int_equal(ask(&p, CALL), VACCEL_ESESS);
	assert_int_equal(ask(&p, OPEN), VACCEL_EAGAIN);
	assert_true(has_logged("the shared worker cannot start again (exited with status "));
	/* The supervisor that is ready has nothing to offer either, and the one after it does not start. */
	pid = spawn();
	if (!pid)
		_exit(boot("/dev/null") || call_once() ? 0 : 1);
	assert_int_equal(await(pid), 0);
	copy_plugin(plugin);
	for (int tries = 0; (ret = ask(&p, OPEN)) == VACCEL_EAGAIN && tries < 1500; tries++)
		usleep(20000);
	assert_int_equal(ret, 0);
	assert_int_equal(ask(&p, CALL), 0);
	pid = spawn();
	if (!pid)
		_exit(call_once());
	assert_int_equal(await(pid), 0);
	assert_int_equal(end_program(&p, 0), 0);
}

/* Where the first worker does not start the service does not, and says why. */
static void test_no_start(void **state)
{
	char command[512], log[160], text[4096] = "";
	FILE *f;
	int ret;

	(void)state;
	snprintf(log, sizeof(log), "%s/nostart", test_dir());
	snprintf(command, sizeof(command),
		 "env -u VACCEL_BOOTSTRAP_ENABLED VACCEL_PLUGINS=libnowhere.so \"$VHOST_USER_ACCEL\" --max-clients=4 "
		 "--isolation=shared --socket-path=%s/nostart.sock >%s 2>&1", test_dir(), log);
	ret = system(command);
	assert_true(WIFEXITED(ret));
	assert_int_equal(WEXITSTATUS(ret), 69);
	f = fopen(log, "re");
	assert_non_null(f);
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	assert_non_null(strstr(text, "the worker cannot start ("));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_one_worker, stop),
		cmocka_unit_test_teardown(test_idle, stop),
		cmocka_unit_test_teardown(test_goes, stop),
		cmocka_unit_test_teardown(test_limits, stop),
		cmocka_unit_test_teardown(test_killed, stop),
		cmocka_unit_test_teardown(test_too_long, stop),
		cmocka_unit_test_teardown(test_worker_stopped, stop),
		cmocka_unit_test_teardown(test_takes_none, stop),
		cmocka_unit_test_teardown(test_hub, stop),
		cmocka_unit_test_teardown(test_supervisor, stop),
		cmocka_unit_test_teardown(test_listener_killed, stop),
		cmocka_unit_test_teardown(test_reload, stop),
		cmocka_unit_test_teardown(test_no_next, stop),
		cmocka_unit_test(test_no_start),
	};

	test_main_begin(280);
	return cmocka_run_group_tests_name("shared", tests, NULL, NULL);
}
