// SPDX-License-Identifier: Apache-2.0
/*
 * The sandbox of the worker, level by level, from the inside: a hostile plugin tries what a plugin
 * should not do, and says what came of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "syscalls.h"
#include "support.h"
#include "vaccel.h"

#define STRAY_FD 77
#define ANY	 (-1) /* the level does not say, or the machine decides */
#define HIDDEN	 (-2) /* not there, or not for us: as the worker has a /proc of its own or not */

static struct daemon host;
static struct vaccel_session sess;
static char secret[128], neighbour[128], parent[16];
static const char *plugin = HOSTILE_PLUGIN;

static void start(const char *const *args)
{
	struct vaccel_config config;
	const char *all[16] = { "--allow=exec", "-v" };

	for (size_t i = 0; args[i]; i++)
		all[i + 2] = args[i];
	start_daemon(&host, plugin, all);
	snprintf(parent, sizeof(parent), "%d", host.pid);
	setenv("VACCEL_VIRTIO_SOCKET", host.socket, 1);
	assert_int_equal(vaccel_config_init(&config, VIRTIO_PLUGIN, VACCEL_LOG_ERROR, NULL, false,
					    false), 0);
	assert_int_equal(vaccel_bootstrap_with_config(&config), 0);
	vaccel_config_release(&config);
	assert_int_equal(vaccel_session_init(&sess, 0), 0);
}

static void finish(void)
{
	assert_int_equal(vaccel_session_release(&sess), 0);
	assert_int_equal(vaccel_cleanup(), 0);
	assert_int_equal(stop_daemon(&host), 0);
}

/* Return: what came of the attack, an errno value, 0: it worked. */
static int attack(const char *what, const char *arg)
{
	int result = -1;
	struct vaccel_arg write = { .buf = &result, .size = sizeof(result), .type = VACCEL_ARG_INT32 };

	assert_int_equal(vaccel_exec(&sess, what, arg, NULL, 0, &write, 1), 0);
	return result;
}

static void expect(const char *what, const char *arg, int wanted)
{
	int got = attack(what, arg);

	if (wanted == HIDDEN && (got == EACCES || got == ENOENT || got == EPERM || got == ESRCH))
		return;
	if (wanted != ANY && got != wanted)
		fail_msg("%s %s: %s, expected was: %s", what, arg, strerror(got), strerror(wanted));
}

static bool says(const char *text)
{
	char *log = daemon_log(&host);
	bool found = strstr(log, text);

	free(log);
	return found;
}

/* What no level but none lets a plugin do */
static void expect_dangerous(int wanted)
{
	static const char *const calls[] = { "mount", "unshare", "bpf", "userfaultfd", "io_uring",
					     "perf",  "keyctl",	 "module", "kexec" };

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		expect(calls[i], "", wanted);
}

/* ---- Levels --------------------------------------------------------------------------------- */

static void expect_strict(void)
{
	expect_dangerous(EPERM);
	expect("terminal", "", EPERM);
	expect("core", "", EPERM);
	expect("read", secret, EACCES);
	expect("read", "/etc/passwd", EACCES);
	expect("read", "/etc/shadow", EACCES);
	expect("write", secret, EACCES);
	expect("unlink", secret, EACCES);
	expect("list", test_dir(), EACCES);
	expect("connect", neighbour, EPERM);
	expect("inet", "", EPERM);
	expect("redirect", "", EPERM);
	expect("exec", "/bin/true", EPERM);
	if (!SYSCALLS_SANITIZED)
		expect("fork", "", EPERM);
	expect("ptrace", parent, HIDDEN);
	expect("mem", parent, HIDDEN);
	expect("root", parent, HIDDEN);
	expect("fd", "77", EBADF);
	/* It can do its work. */
	expect("thread", "", 0);
	expect("write-own", "", 0);
	expect("read", "/proc/self/maps", 0);
	expect("read", "/usr/bin/env", 0);
	expect("read", "/dev/urandom", 0);
	expect("memory", "1073741824", 0);
}

static void test_strict(void **state)
{
	static const char *const args[] = { "--sandbox=strict", NULL };

	(void)state;
	start(args);
	expect_strict();
	finish();
}

static void test_default(void **state)
{
	static const char *const args[] = { NULL };

	(void)state;
	start(args);
	if (says("sandbox lacks: access"))
		test_skip("this kernel has no Landlock");
	expect_strict();
	finish();
}

static void test_basic(void **state)
{
	static const char *const args[] = { "--sandbox=basic", NULL };

	(void)state;
	start(args);
	expect_dangerous(EPERM);
	expect("terminal", "", EPERM);
	expect("core", "", EPERM);
	expect("fd", "77", EBADF);
	if (!SYSCALLS_SANITIZED) {
		expect("ptrace", parent, HIDDEN);
		expect("mem", parent, HIDDEN);
	}
	expect("read", secret, 0);
	expect("connect", neighbour, 0);
	expect("inet", "", 0);
	expect("exec", "/bin/true", 0);
	expect("fork", "", 0);
	finish();
}

static void test_none(void **state)
{
	static const char *const args[] = { "--sandbox=none", NULL };

	(void)state;
	start(args);
	expect("read", secret, 0);
	expect("exec", "/bin/true", 0);
	expect("inet", "", 0);
	finish();
}

/* ---- What the operator opens ---------------------------------------------------------------- */

/* Starting ends with a status and a message that says this. */
static void refuse(const char *option, const char *more, int status, const char *text)
{
	char command[600];

	snprintf(command, sizeof(command), "'%s' %s %s --socket-path=%s/x >%s/out 2>&1",
		 getenv("VHOST_USER_ACCEL"), option, more, test_dir(), test_dir());
	assert_int_equal(WEXITSTATUS(system(command)), status);
	snprintf(command, sizeof(command), "grep -q '%s' %s/out", text, test_dir());
	assert_int_equal(WEXITSTATUS(system(command)), 0);
}

static void test_paths(void **state)
{
	char option[160], pattern[160], other[160];
	const char *const args[] = { option, NULL };
	/* Sanitizers reserve terabytes. */
	const char *const patterns[] = { pattern, "--max-cpus=1",
					 SYSCALLS_SANITIZED ? NULL : "--max-memory=400M", NULL };
	cpu_set_t cpus;

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof(cpus), &cpus), 0);
	snprintf(option, sizeof(option), "--allow-path=%s", secret);
	start(args);
	expect("read", secret, 0);
	expect("write", secret, EACCES);
	snprintf(other, sizeof(other), "%s/other", test_dir());
	expect("write", other, EACCES);
	expect("memory", "1073741824", 0);
	expect("cpus", "", CPU_COUNT(&cpus));
	finish();

	/* A pattern, to be written; and less memory than it wants */
	snprintf(pattern, sizeof(pattern), "--allow-path=%s/sec*:rw:/dev/null", test_dir());
	start(patterns);
	expect("read", secret, 0);
	expect("write", secret, 0);
	expect("write", other, EACCES);
	expect("cpus", "", 1);
	if (!SYSCALLS_SANITIZED)
		expect("memory", "1073741824", ENOMEM);
	finish();

	/* One status for all paths that are not there */
	refuse("--allow-path=/nowhere*", "", 66, "allow-path=/nowhere.: there is no such");
	refuse("--model-dir=/nowhere", "", 66, "model-dir=/nowhere: No such file");
	refuse("--cache-dir=/nowhere", "", 66, "cache-dir=/nowhere: No such file");
}

static void make_control(const char *group, const char *name)
{
	char path[200];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", group, name);
	fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);
	assert_true(fd >= 0);
	close(fd);
}

static void expect_control(const char *group, const char *name, const char *value)
{
	char path[200], text[64] = "";
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", group, name);
	f = fopen(path, "re");
	assert_non_null(f);
	assert_true(fgets(text, sizeof(text), f) || !*value);
	fclose(f);
	assert_string_equal(text, value);
}

/* What is written to a control group; a directory with the same files takes the place of one. */
static void test_cgroup(void **state)
{
	char group[160], option[200], none[200];
	const char *const all[] = { option, "--max-memory=1024T", "--max-resource-bytes=1G",
				    "--max-staging-bytes=2G", "--max-cpus=2", NULL };
	const char *const more[] = { option, "--max-memory=18446744073709551615", NULL };
	const char *const unlimited[] = { option, NULL };

	(void)state;
	snprintf(group, sizeof(group), "%s/group", test_dir());
	snprintf(option, sizeof(option), "--cgroup=%s", group);
	snprintf(none, sizeof(none), "--cgroup=%s/none", test_dir());
	assert_int_equal(mkdir(group, 0700), 0);
	make_control(group, "memory.max");
	make_control(group, "cpu.max");
	make_control(group, "cgroup.procs");

	start(all);
	expect_control(group, "memory.max", "1125903128068096");
	expect_control(group, "cpu.max", "200000 100000");
	expect_control(group, "cgroup.procs", "0");
	finish();

	make_control(group, "memory.max");
	make_control(group, "cpu.max");
	start(more);
	expect_control(group, "memory.max", "9223372036854775807");
	expect_control(group, "cpu.max", "");
	finish();

	make_control(group, "memory.max");
	start(unlimited);
	expect_control(group, "memory.max", "");
	finish();

	/* Nothing is served without the limits that were asked for. */
	refuse(none, "--max-memory=1024T --max-cpus=1", 78,
	       "cannot be set: memory.max of --cgroup (No such file or directory); "
	       "cpu.max of --cgroup (No such file or directory); --cgroup (No such file");
}

static void test_network(void **state)
{
	static const char *const network[] = { "--network", NULL };
	static const char *const url[] = { "--allow=url", NULL };
	static const char *const processes[] = { "--processes", NULL };

	(void)state;
	start(network);
	expect("inet", "", 0);
	expect("redirect", "", 0);
	expect("connect", neighbour, 0);
	expect("read", secret, EACCES);
	finish();
	start(url);
	expect("inet", "", 0);
	finish();
	start(processes);
	expect("exec", "/bin/true", 0);
	expect("fork", "", 0);
	expect("inet", "", EPERM);
	expect("read", secret, EACCES);
	finish();
}

/* ---- The processes from outside ------------------------------------------------------------- */

/* The value of a line of /proc/PID/status */
static void status_of(pid_t pid, const char *key, char *to, size_t size)
{
	char path[64], line[256];
	FILE *f;

	*to = '\0';
	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	f = fopen(path, "re");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, key, strlen(key)) && line[strlen(key)] == ':')
			snprintf(to, size, "%s", line + strlen(key) + 2);
	fclose(f);
}

static void expect_confined(pid_t pid)
{
	static const struct {
		const char *key, *value;
	} lines[] = { { "NoNewPrivs", "1\n" },
		      { "Seccomp", "2\n" },
		      { "CapEff", "0000000000000000\n" },
		      { "CapPrm", "0000000000000000\n" },
		      { "CapAmb", "0000000000000000\n" } };
	char value[256];

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		status_of(pid, lines[i].key, value, sizeof(value));
		assert_string_equal(value, lines[i].value);
	}
}

static void test_processes(void **state)
{
	static const char *const args[] = { NULL };
	char path[64];
	struct stat st;
	pid_t worker;

	(void)state;
	start(args);
	expect_confined(host.pid);
	worker = daemon_worker(&host);
	expect_confined(worker);
	/* The supervisor has nothing of the shell's, either. */
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", host.pid, STRAY_FD);
	if (!geteuid())
		assert_int_equal(lstat(path, &st), -1);
	/* A worker that is started later is in the same box. */
	kill(worker, SIGKILL);
	vaccel_session_release(&sess);
	for (int i = 0; i < 100 && vaccel_session_init(&sess, 0); i++)
		usleep(50000);
	assert_int_not_equal(daemon_worker(&host), worker);
	expect_confined(daemon_worker(&host));
	expect("read", secret, EACCES);
	expect("exec", "/bin/true", EPERM);
	finish();
}

static bool is_gone(void *arg)
{
	return access(arg, F_OK) && errno == ENOENT;
}

/* Nothing stays behind, even when nobody says goodbye. */
static void test_killed(void **state)
{
	static const char *const args[] = { NULL };
	char *dir;

	(void)state;
	start(args);
	dir = daemon_dir(&host);
	assert_int_equal(access(dir, F_OK), 0);
	kill(host.pid, SIGKILL);
	assert_true(test_wait(is_gone, dir, 20000));
	free(dir);
	vaccel_session_release(&sess);
	assert_int_equal(vaccel_cleanup(), 0);
	assert_int_equal(WTERMSIG(stop_daemon(&host)), SIGKILL);
}

static void listen_at(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(strlen(path) < sizeof(addr.sun_path));
	memcpy(addr.sun_path, path, strlen(path));
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) || listen(fd, 64))
		test_die("cannot listen at %s", path);
}

/* Workers that have the same memory cannot do to it what the others would notice. */
static void test_shared_memory(void **state)
{
	static const char *const ways[] = { "rights", "rights by path", "owner", "times", "lease" };
	static const char *const strict[] = { "--sandbox=strict", NULL };
	char dir[160], option[200];

	(void)state;
	snprintf(dir, sizeof(dir), "%s/shared", test_dir());
	assert_int_equal(mkdir(dir, 0700), 0);
	snprintf(option, sizeof(option), "--cache-dir=%s", dir);
	start((const char *[]){ "--sandbox=strict", option, NULL });
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		expect("memory-file", ways[i], EPERM);
	finish();
	/* Memory of its own is its own. */
	start(strict);
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		expect("memory-file", ways[i], i == 1 ? EPERM : 0);
	finish();
}

/* What a plugin declares it gets, if it is there; by path, and by a name in LD_LIBRARY_PATH. */
static void test_declared(void **state)
{
	static const char *const strict[] = { "--sandbox=strict", NULL };
	const char *before = getenv("LD_LIBRARY_PATH");
	char *libraries = before ? strdup(before) : NULL;
	char dir[160], path[200], dirs[4096];
	FILE *f;

	(void)state;
	snprintf(dir, sizeof(dir), "%s/plugins", test_dir());
	assert_int_equal(mkdir(dir, 0700), 0);
	snprintf(path, sizeof(path), "%s/libhostile.so", dir);
	assert_int_equal(symlink(HOSTILE_PLUGIN, path), 0);
	plugin = path;
	start(strict);
	expect("read", secret, EACCES);
	finish();

	snprintf(path, sizeof(path), "%s/libhostile.paths", dir);
	f = fopen(path, "w");
	assert_non_null(f);
	fprintf(f, "# %s\n\n/nonexistent*:rw:%s\n/dev/null\n", neighbour, secret);
	assert_int_equal(fclose(f), 0);
	snprintf(path, sizeof(path), "%s/libhostile.so", dir);
	start(strict);
	expect("read", secret, 0);
	expect("write", secret, EACCES);
	finish();

	snprintf(dirs, sizeof(dirs), "%s%s%s", dir, libraries ? ":" : "", libraries ? libraries : "");
	setenv("LD_LIBRARY_PATH", dirs, 1);
	plugin = "libhostile.so";
	start(strict);
	expect("read", secret, 0);
	finish();
	plugin = HOSTILE_PLUGIN;
	if (libraries)
		setenv("LD_LIBRARY_PATH", libraries, 1);
	else
		unsetenv("LD_LIBRARY_PATH");
	free(libraries);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_default), cmocka_unit_test(test_strict),
		cmocka_unit_test(test_basic),	cmocka_unit_test(test_none),
		cmocka_unit_test(test_paths),	cmocka_unit_test(test_cgroup),
		cmocka_unit_test(test_network),	cmocka_unit_test(test_declared),
		cmocka_unit_test(test_shared_memory),
		cmocka_unit_test(test_processes), cmocka_unit_test(test_killed),
	};
	FILE *f;

	test_main_begin(300);
	snprintf(secret, sizeof(secret), "%s/secret", test_dir());
	snprintf(neighbour, sizeof(neighbour), "%s/neighbour", test_dir());
	f = fopen(secret, "w");
	if (!f || fputs("secret", f) < 0 || fclose(f))
		test_die("cannot write %s", secret);
	listen_at(neighbour);
	/* Not closed on exec, as a careless shell leaves it */
	if (dup2(STDERR_FILENO, STRAY_FD) < 0)
		test_die("dup2: %s", strerror(errno));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
