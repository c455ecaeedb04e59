// SPDX-License-Identifier: Apache-2.0
/*
 * A worker that has been taken over, at --sandbox=strict: it does each deed of deeds.h. Afterwards the
 * supervisor, what starts workers, and a bystander of the same user are as they were, the log and the
 * terminal are not the worker's, and the next session works.
 *
 *   test_deeds [WORD...]     with the namespaces that the machine has
 *
 *   shared       where nobody may make namespaces: a filter sees to it
 *   refused      the same, where the machine sees to it itself
 *   alone        it is a failure if the worker has no namespace of its own
 *   basic        at --sandbox=basic
 *   quick        the worker is killed only after deeds that may have harmed it: for emulated machines
 *   cgroup=DIR   test_group in this control group (version 2); the others are in none
 *   only=TEST    one test
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "deeds.h"
#include "support.h"
#include "transport/clock.h"
#include "vaccel.h"

#define WAIT_MS	   20000
#define NR_OTHERS  4 /* supervisor, two that start workers, bystander */
#define NR_LIMITS  RLIM_NLIMITS
#define SECRET	   "secret"
#define TYPED	   "typed"

static bool shared; /* without namespaces */
static bool alone, basic, quick;
static const char *cgroup;
static int terminal = -1; /* the operator's, seen from outside */
static off_t log_size;
static struct daemon host;
static struct vaccel_session sess;
static pid_t bystander;
static int listener;
static int *segment;
static struct deed_targets targets;
static uint64_t longest_ms;

/* An emulated machine has better things to do than to be asked all the time. */
static bool patiently(bool done)
{
	if (!done && quick)
		usleep(100000);
	return done;
}

/* ---- The others ----------------------------------------------------------------------------- */

struct state {
	pid_t pid;
	struct rlimit limits[NR_LIMITS];
	int priority, policy, ioprio;
	char oom_score[16], autogroup[64];
	cpu_set_t cpus;
};

static void read_line(pid_t pid, const char *name, char *to, size_t size)
{
	char path[64];
	FILE *f;

	memset(to, 0, size);
	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	f = fopen(path, "re");
	if (f && !fgets(to, (int)size, f))
		*to = '\0';
	if (f)
		fclose(f);
}

static void look(struct state *s, pid_t pid)
{
	memset(s, 0, sizeof(*s));
	s->pid = pid;
	for (int i = 0; i < NR_LIMITS; i++)
		assert_int_equal(prlimit(pid, (enum __rlimit_resource)i, NULL, &s->limits[i]), 0);
	s->priority = getpriority(PRIO_PROCESS, (id_t)pid);
	s->policy = sched_getscheduler(pid);
	s->ioprio = (int)syscall(SYS_ioprio_get, 1, pid);
	read_line(pid, "oom_score_adj", s->oom_score, sizeof(s->oom_score));
	read_line(pid, "autogroup", s->autogroup, sizeof(s->autogroup));
	assert_int_equal(sched_getaffinity(pid, sizeof(s->cpus), &s->cpus), 0);
}

/* The value of a line of /proc/PID/status */
static void status_of(pid_t pid, const char *key, char *to, size_t size)
{
	char path[64], line[256];
	FILE *f;

	*to = '\0';
	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, key, strlen(key)) && line[strlen(key)] == ':')
			snprintf(to, size, "%s", line + strlen(key) + 2);
	if (f)
		fclose(f);
}

static bool runs(pid_t pid)
{
	char value[256];

	status_of(pid, "State", value, sizeof(value));
	return *value == 'S' || *value == 'R' || *value == 'D';
}

/* The bystander answers each byte with one. */
static int ask_fd;

static void start_bystander(void)
{
	int socks[2];
	char byte;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, socks), 0);
	bystander = fork();
	assert_true(bystander >= 0);
	if (!bystander) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(socks[0]);
		setpgid(0, 0);
		while (read(socks[1], &byte, 1) == 1)
			if (write(socks[1], &byte, 1) != 1)
				break;
		_exit(0);
	}
	close(socks[1]);
	ask_fd = socks[0];
}

static void find_forkers(pid_t forkers[2])
{
	char path[64], name[32];
	int nr = 0, pid;
	FILE *f;

	forkers[0] = forkers[1] = 0;
	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", host.pid, host.pid);
	f = fopen(path, "re");
	assert_non_null(f);
	while (fscanf(f, "%d", &pid) == 1) {
		read_line(pid, "comm", name, sizeof(name));
		if (!strcmp(name, "accel-forker\n") && nr < 2)
			forkers[nr++] = pid;
	}
	fclose(f);
}

static struct state before[NR_OTHERS];

static bool has_forkers(void *arg)
{
	pid_t *forkers = arg;

	find_forkers(forkers);
	return patiently(forkers[0] && forkers[1]);
}

static void look_at_all(void)
{
	pid_t forkers[2];

	assert_true(test_wait(has_forkers, forkers, WAIT_MS));
	look(&before[0], host.pid);
	look(&before[1], forkers[0]);
	look(&before[2], forkers[1]);
	look(&before[3], bystander);
	for (int i = 0; i < NR_OTHERS; i++)
		targets.pids[i] = before[i].pid;
}

static void expect_unchanged(const char *deed)
{
	struct state now;

	for (int i = 0; i < NR_OTHERS; i++) {
		if (!runs(before[i].pid))
			fail_msg("%s: process %d does not run any more", deed, before[i].pid);
		look(&now, before[i].pid);
		if (memcmp(&now, &before[i], sizeof(now)) != 0)
			fail_msg("%s: limits or shares of process %d have changed", deed,
				 before[i].pid);
	}
}

/* ---- Sessions ------------------------------------------------------------------------------- */

static bool opens(void *arg)
{
	(void)arg;
	return patiently(vaccel_session_init(&sess, 0) == 0);
}

static int do_deed(const char *name, int *result)
{
	struct vaccel_arg write = { .buf = result, .size = sizeof(*result), .type = VACCEL_ARG_INT32 };
	char text[512];
	const int *p = targets.pids;

	snprintf(text, sizeof(text), "%d,%d,%d,%d,%d,%d,%d,%d,%d,%s,%s,%s", p[0], p[1], p[2], p[3],
		 p[4], p[5], p[6], p[7], targets.segment, targets.socket, targets.listener,
		 targets.secret);
	*result = -1;
	return vaccel_exec(&sess, name, text, NULL, 0, &write, 1);
}

/* The next session works, with this worker or the next one. */
static void expect_session(const char *deed)
{
	uint64_t begin = now_ms();
	int result;

	vaccel_session_release(&sess);
	if (!test_wait(opens, NULL, WAIT_MS))
		fail_msg("%s: no session can be opened any more", deed);
	/* The last worker may just be dying. */
	while (do_deed("own_threads", &result) && now_ms() - begin < WAIT_MS) {
		vaccel_session_release(&sess);
		assert_true(test_wait(opens, NULL, WAIT_MS));
	}
	if (result)
		fail_msg("%s: the next session cannot work: %s", deed, strerror(result));
	if (now_ms() - begin > longest_ms)
		longest_ms = now_ms() - begin;
}

/* Nothing was typed into the operator's terminal, or printed there. */
static void expect_quiet_terminal(const char *deed)
{
	struct pollfd p = { .fd = terminal, .events = POLLIN };
	int typed = 0;

	if (terminal < 0)
		return;
	assert_int_equal(ioctl(STDIN_FILENO, FIONREAD, &typed), 0);
	if (typed != (int)strlen(TYPED) || poll(&p, 1, 0) != 0)
		fail_msg("%s: the terminal was reached", deed);
}

/* The log is no shorter than before, and each line says whose it is. */
static void expect_honest_log(const char *deed)
{
	char *log = daemon_log(&host), *save = NULL;
	size_t size = strlen(log);

	if ((off_t)size < log_size)
		fail_msg("%s: the log has become shorter", deed);
	log_size = (off_t)size;
	if (strpbrk(log, "\r\x1b\x9b"))
		fail_msg("%s: the log has characters that steer a terminal", deed);
	for (char *line = strtok_r(log, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *forged = strstr(line, DEED_FORGED), *mark = strstr(line, " worker: ");

		if (forged && (!mark || mark > forged))
			fail_msg("%s: a line of the log is not the worker's: %s", deed, line);
	}
	free(log);
}

static void expect_untouched(const char *deed)
{
	char text[16] = "", byte = 'x';
	struct stat st;
	int fd;

	assert_true(daemon_alive(&host));
	expect_unchanged(deed);
	if (write(ask_fd, &byte, 1) != 1 || read(ask_fd, &byte, 1) != 1)
		fail_msg("%s: the bystander does not answer", deed);
	if (recv(listener, text, sizeof(text), MSG_DONTWAIT) > 0)
		fail_msg("%s: a message has come to a socket of the bystander: %s", deed, text);
	assert_int_equal(*segment, 0);
	assert_int_equal(stat(host.socket, &st), 0);
	assert_true(st.st_mode & 0700);
	fd = open(targets.secret, O_RDONLY | O_CLOEXEC);
	assert_int_equal(read(fd, text, sizeof(text)), strlen(SECRET));
	close(fd);
	expect_quiet_terminal(deed);
	expect_honest_log(deed);
}

static bool has_other_worker(void *arg)
{
	pid_t worker = daemon_worker(&host);

	return patiently(worker && worker != *(pid_t *)arg);
}

/* Whoever starts workers still can. */
static void expect_next_worker(const char *deed)
{
	pid_t worker = daemon_worker(&host);

	kill(worker, SIGKILL);
	if (!test_wait(has_other_worker, &worker, WAIT_MS))
		fail_msg("%s: no worker comes any more", deed);
	expect_session(deed);
}

static void make_secret(void)
{
	FILE *f;

	snprintf(targets.secret, sizeof(targets.secret), "%s/secret", test_dir());
	f = fopen(targets.secret, "we");
	assert_non_null(f);
	fputs(SECRET, f);
	fclose(f);
}

static void make_listener(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	snprintf(targets.listener, sizeof(targets.listener), "%s/listener", test_dir());
	memcpy(addr.sun_path, targets.listener, strlen(targets.listener) + 1);
	listener = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&addr, sizeof(addr)), 0);
}

/* The operator's terminal, with something to read */
static void open_terminal(void)
{
	struct termios raw;
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), slave;

	if (master < 0 || grantpt(master) || unlockpt(master))
		test_die("cannot make a terminal: %s", strerror(errno));
	slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0 || tcgetattr(slave, &raw))
		test_die("cannot open the terminal: %s", strerror(errno));
	cfmakeraw(&raw);
	tcsetattr(slave, TCSANOW, &raw);
	if (write(master, TYPED, strlen(TYPED)) != (ssize_t)strlen(TYPED) ||
	    dup2(slave, STDIN_FILENO) < 0)
		test_die("cannot type: %s", strerror(errno));
	/* Where this was started from a terminal, that one stays. */
	setsid();
	if (ioctl(slave, TIOCSCTTY, 0))
		print_message("no terminal of its own: %s\n", strerror(errno));
	close(slave);
	terminal = master;
}

/* @more: further options, NULL-terminated */
static void start_with(const char *const *more)
{
	const char *args[16] = { basic ? "--sandbox=basic" : "--sandbox=strict", "--allow=exec", "-v" };
	struct vaccel_config config;

	for (size_t i = 3; more && *more; i++)
		args[i] = *more++;
	log_size = 0;
	start_daemon(&host, DEEDS_PLUGIN, args);
	snprintf(targets.socket, sizeof(targets.socket), "%s", host.socket);
	setenv("VACCEL_VIRTIO_SOCKET", host.socket, 1);
	assert_int_equal(vaccel_config_init(&config, VIRTIO_PLUGIN, VACCEL_LOG_ERROR, NULL, false,
					    false), 0);
	assert_int_equal(vaccel_bootstrap_with_config(&config), 0);
	vaccel_config_release(&config);
	assert_true(test_wait(opens, NULL, WAIT_MS));
	look_at_all();
}

static void start(void)
{
	start_with(NULL);
}

static void finish(void)
{
	vaccel_session_release(&sess);
	assert_int_equal(vaccel_cleanup(), 0);
}

/* ---- Tests ---------------------------------------------------------------------------------- */

enum outcome { REFUSED, HARMLESS, SELF, OPEN, OPEN_ALONE, OPEN_SHARED };

static const struct deed {
	const char *name;
	enum outcome strict, basic;
} deeds[] = {
#define DEED(name, strict, basic) { #name, strict, basic },
	DEEDS(DEED)
#undef DEED
};
#define NR_DEEDS (sizeof(deeds) / sizeof(deeds[0]))

static bool worker_is_alone(void)
{
	char pids[256];
	int outer, first;

	status_of(daemon_worker(&host), "NSpid", pids, sizeof(pids));
	return sscanf(pids, "%d %d", &outer, &first) == 2;
}

/* One of the first four */
static enum outcome outcome_of(const struct deed *d)
{
	enum outcome o = basic ? d->basic : d->strict;

	if (o == OPEN_ALONE || o == OPEN_SHARED)
		return (o == OPEN_ALONE) == worker_is_alone() ? OPEN : REFUSED;
	return o;
}

/* Return: how many deeds were done */
static int do_harmless_deeds(void)
{
	int result, nr = 0;

	for (size_t i = 0; i < NR_DEEDS; i++) {
		const char *name = deeds[i].name;
		enum outcome outcome = outcome_of(&deeds[i]);

		if (outcome == OPEN)
			continue;
		nr++;
		if (do_deed(name, &result) == 0 && outcome == REFUSED && result == 0)
			fail_msg("%s: nothing kept the worker from it", name);
		expect_untouched(name);
		if (outcome != SELF)
			expect_session(name);
		if (!quick || outcome == SELF || i + 1 == NR_DEEDS)
			expect_next_worker(name);
		/* Who is too slow to start a worker in a second is replaced: no deed of anybody. */
		if (quick)
			look_at_all();
		expect_untouched(name);
	}
	return nr;
}

static void test_deeds(void **state)
{
	int nr;

	(void)state;
	start();
	nr = do_harmless_deeds();
	print_message("%d deeds; the next session took %llu ms at most\n", nr,
		      (unsigned long long)longest_ms);
	finish();
	assert_int_equal(stop_daemon(&host), 0);
}

/* What docs/operating.md says of --sandbox=basic: the worker may do what its user may. */
static void test_open(void **state)
{
	int result, nr = 0;

	(void)state;
	if (!basic)
		skip();
	/* Backwards: autogroup, of the first ones, slows down all of this session. */
	for (size_t i = NR_DEEDS; i-- > 0;) {
		if (deeds[i].basic < OPEN)
			continue;
		start();
		if (outcome_of(&deeds[i]) == OPEN) {
			nr++;
			assert_int_equal(do_deed(deeds[i].name, &result), 0);
			if (result)
				fail_msg("%s: the table is wrong: %s", deeds[i].name, strerror(result));
		}
		finish();
		assert_int_equal(stop_daemon(&host), 0);
		make_secret();
	}
	print_message("%d deeds are open\n", nr);
}

/* Where the machine has PID namespaces, the worker is alone in one. */
static void test_namespace(void **state)
{
	char inner[256], own[256], theirs[256], path[64];
	ssize_t len;
	int outer, first;

	(void)state;
	start();
	status_of(daemon_worker(&host), "NSpid", inner, sizeof(inner));
	if (shared) {
		assert_false(worker_is_alone());
	} else if (sscanf(inner, "%d %d", &outer, &first) == 2) {
		assert_int_equal(first, 1);
		snprintf(path, sizeof(path), "/proc/%d/ns/mnt", daemon_worker(&host));
		len = readlink(path, theirs, sizeof(theirs) - 1);
		assert_true(len > 0);
		theirs[len] = '\0';
		len = readlink("/proc/self/ns/mnt", own, sizeof(own) - 1);
		assert_true(len > 0);
		own[len] = '\0';
		assert_string_not_equal(own, theirs);
	} else {
		if (alone)
			fail_msg("the worker is not alone in a PID namespace");
		print_message("this machine lets nobody make PID namespaces here\n");
	}
	finish();
	assert_int_equal(stop_daemon(&host), 0);
}

static char stray[16];

static int count_strays(void)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	char name[32];
	int nr = 0;

	assert_non_null(proc);
	while ((entry = readdir(proc))) {
		pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);

		read_line(pid, "comm", name, sizeof(name));
		name[strcspn(name, "\n")] = '\0';
		nr += pid > 0 && !strcmp(name, stray) && runs(pid);
	}
	closedir(proc);
	return nr;
}

static bool are_gone(void *arg)
{
	(void)arg;
	return count_strays() == 0;
}

static bool is_there(void *arg)
{
	(void)arg;
	return count_strays() > 0;
}

static bool are_many(void *arg)
{
	(void)arg;
	return count_strays() > 1;
}

/* A process that a plugin starts while it is loaded dies with the worker, however it hides. */
static void test_stray(void **state)
{
	pid_t worker;

	(void)state;
	snprintf(stray, sizeof(stray), "stray-%d", getpid());
	setenv(DEED_STRAY, stray, 1);
	start();
	assert_true(test_wait(is_there, NULL, WAIT_MS));
	unsetenv(DEED_STRAY);

	/* One of each worker: those of the last one are gone. */
	worker = daemon_worker(&host);
	kill(worker, SIGKILL);
	assert_true(test_wait(has_other_worker, &worker, WAIT_MS));
	assert_false(test_wait(are_many, NULL, 500));
	assert_true(test_wait(is_there, NULL, WAIT_MS));
	finish();

	/* Nobody is left to end them but the kernel. */
	kill(host.pid, SIGKILL);
	if (!test_wait(are_gone, NULL, WAIT_MS))
		fail_msg("%d processes survive worker and supervisor", count_strays());
	assert_int_equal(WTERMSIG(stop_daemon(&host)), SIGKILL);
}

/* As the unit of systemd does it (RestrictNamespaces=) */
static void forbid_namespaces(void)
{
	static const unsigned int flags[] = { CLONE_NEWNS,  CLONE_NEWCGROUP, CLONE_NEWUTS,
					      CLONE_NEWIPC, CLONE_NEWUSER,   CLONE_NEWPID,
					      CLONE_NEWNET };
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	int ret = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(unshare), 0);

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		ret |= seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
					SCMP_CMP(0, SCMP_CMP_MASKED_EQ, flags[i], flags[i]));
	if (ret || seccomp_load(ctx))
		test_die("cannot forbid namespaces");
	seccomp_release(ctx);
}

/* A number of a file of the control group, after @key; -1: there is none */
static long long group_number(const char *name, const char *key)
{
	char path[256], line[128];
	long long value = -1;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", cgroup, name);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, key, strlen(key)))
			value = strtoll(line + strlen(key), NULL, 10);
	if (f)
		fclose(f);
	return value;
}

/* Page tables count in the worker's control group: one that spends too many is killed, and nobody else. */
static void test_group(void **state)
{
	char option[256];
	const char *const args[] = { option, "--max-memory=64M", "--max-resource-bytes=16M",
				     "--max-staging-bytes=16M", NULL };
	long long max;
	int result;

	(void)state;
	if (!cgroup)
		skip();
	snprintf(option, sizeof(option), "--cgroup=%s", cgroup);
	start_with(args);
	max = group_number("memory.max", "");
	assert_int_equal(max, 96 << 20);
	assert_true(DEED_TABLES * 4096ll > max);
	assert_int_not_equal(do_deed("page_tables", &result), 0);
	expect_untouched("page_tables");
	expect_session("page_tables");
	assert_true(group_number("memory.events", "oom_kill ") > 0);
	assert_true(group_number("memory.peak", "") <= max);
	print_message("the group had %lld KiB at most, of %lld KiB; %lld killed\n",
		      group_number("memory.peak", "") >> 10, max >> 10,
		      group_number("memory.events", "oom_kill "));
	finish();
	assert_int_equal(stop_daemon(&host), 0);
}

static void parse(char **words)
{
	for (; *words; words++) {
		shared |= !strcmp(*words, "shared") || !strcmp(*words, "refused");
		alone |= !strcmp(*words, "alone");
		basic |= !strcmp(*words, "basic");
		quick |= !strcmp(*words, "quick");
		if (!strcmp(*words, "shared"))
			forbid_namespaces();
		if (!strncmp(*words, "cgroup=", 7))
			cgroup = *words + 7;
		if (!strncmp(*words, "only=", 5))
			cmocka_set_test_filter(*words + 5);
	}
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_deeds), cmocka_unit_test(test_namespace),
		cmocka_unit_test(test_stray), cmocka_unit_test(test_group),
		cmocka_unit_test(test_open),
	};
	int failed;

	(void)argc;
	test_main_begin(300);
	parse(argv + 1);
	make_secret();
	make_listener();
	open_terminal();
	start_bystander();
	targets.segment = shmget(IPC_PRIVATE, sizeof(*segment), 0600);
	segment = shmat(targets.segment, NULL, 0);
	if (segment == (void *)-1)
		test_die("no shared memory: %s", strerror(errno));
	shmctl(targets.segment, IPC_RMID, NULL);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	if (failed && host.pid)
		print_message("The host process said:\n%s", daemon_log(&host));
	kill(bystander, SIGKILL);
	return failed;
}
