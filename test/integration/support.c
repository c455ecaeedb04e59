// SPDX-License-Identifier: Apache-2.0
/* Support of the integration tests, see support.h. */
#define _GNU_SOURCE
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define START_TIMEOUT_MS	20000
#define STOP_TIMEOUT_MS		15000
#define STATS_TIMEOUT_MS	10000
#define PAUSE_MS		5

static char dir[64];
static pid_t owner;	/* of the directory: a child of fork() must not remove it */

static void say(const char *what, const char *fmt, va_list ap)
{
	fprintf(stderr, "%s: ", what);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
}

void test_die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say("FAIL", fmt, ap);
	va_end(ap);
	exit(1);
}

void test_skip(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say("SKIP", fmt, ap);
	va_end(ap);
	exit(77);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void remove_dir(void)
{
	if (owner == getpid())
		nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

void test_main_begin(unsigned int limit_seconds)
{
	snprintf(dir, sizeof(dir), "/tmp/vaccel-test-XXXXXX");
	if (!mkdtemp(dir))
		test_die("cannot make a directory in /tmp: %s", strerror(errno));
	owner = getpid();
	atexit(remove_dir);
	alarm(limit_seconds);
}

const char *test_dir(void)
{
	return dir;
}

unsigned int test_logged(const char *log_file, const char *text)
{
	char command[512];
	unsigned int n = 0;
	FILE *f;

	snprintf(command, sizeof(command), "cat %s* | grep -c -F '%s'", log_file, text);
	f = popen(command, "r");
	if (!f)
		test_die("cannot read the log");
	if (fscanf(f, "%u", &n) != 1)
		n = 0;
	pclose(f);
	return n;
}

static void pause_ms(int ms)
{
	const struct timespec ts = { .tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * 1000000L };

	nanosleep(&ts, NULL);
}

bool test_wait(bool (*condition)(void *arg), void *arg, int timeout_ms)
{
	for (int waited = 0; waited < timeout_ms; waited += PAUSE_MS) {
		if (condition(arg))
			return true;
		pause_ms(PAUSE_MS);
	}
	return condition(arg);
}

/* ---- The daemon ---------------------------------------------------------------------------- */

static bool listens(void *arg)
{
	struct daemon *d = arg;
	struct stat st;

	if (!daemon_alive(d))
		return true;
	return stat(d->socket, &st) == 0 && S_ISSOCK(st.st_mode);
}

/* The environment variable's program, or a skip. */
static const char *daemon_program(void)
{
	const char *path = getenv("VHOST_USER_ACCEL");

	if (!path || access(path, X_OK))
		test_skip("VHOST_USER_ACCEL names no vhost-user-accel to test: %s",
			  path ? path : "it is not set");
	return path;
}

static void exec_daemon(const struct daemon *d, const char *program, const char *plugins,
			const char *const *args)
{
	const char *argv[32] = { program };
	char option[sizeof(d->socket) + 16];
	int n = 1, fd;

	snprintf(option, sizeof(option), "--socket-path=%s", d->socket);
	argv[n++] = option;
	/* One supervisor, whose worker is its child, unless the test wants many; the last one counts. */
	argv[n++] = "--max-clients=1";
	for (; args && *args && n < 31; args++)
		argv[n++] = *args;
	fd = open(d->log, O_WRONLY | O_CREAT | O_APPEND, 0600);
	if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0)
		_exit(126);
	/* A test that dies takes its daemon along. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(0);
	/* Also where the tests run under nohup */
	signal(SIGHUP, SIG_DFL);
	setenv("VACCEL_PLUGINS", plugins, 1);
	/* Tests that start libvaccel themselves set it; the worker needs the library started. */
	unsetenv("VACCEL_BOOTSTRAP_ENABLED");
	execv(program, (char *const *)argv);
	_exit(127);
}

void start_daemon(struct daemon *d, const char *plugins, const char *const *args)
{
	const char *program = daemon_program();
	static unsigned int started;
	char *log;

	memset(d, 0, sizeof(*d));
	for (const char *const *arg = args; arg && *arg; arg++)
		if (!strncmp(*arg, "--max-clients=", 14))
			d->many = strcmp(*arg + 14, "1") != 0;
	started++;
	snprintf(d->socket, sizeof(d->socket), "%s/accel-%u.sock", dir, started);
	snprintf(d->log, sizeof(d->log), "%s/accel-%u.log", dir, started);
	fflush(NULL);
	d->pid = fork();
	if (d->pid < 0)
		test_die("fork: %s", strerror(errno));
	if (d->pid == 0)
		exec_daemon(d, program, plugins, args);
	if (test_wait(listens, d, START_TIMEOUT_MS) && daemon_alive(d))
		return;
	log = daemon_log(d);
	test_die("%s does not listen; it says:\n%s", program, log);
}

bool daemon_alive(const struct daemon *d)
{
	siginfo_t info = { 0 };

	if (d->pid == 0)
		return false;
	return waitid(P_PID, (id_t)d->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
	       info.si_pid == 0;
}

static bool has_ended(void *arg)
{
	return !daemon_alive(arg);
}

int stop_daemon(struct daemon *d)
{
	char *log = NULL;
	int status;

	if (d->pid == 0)
		return 0;
	kill(d->pid, SIGTERM);
	if (!test_wait(has_ended, d, STOP_TIMEOUT_MS)) {
		log = daemon_log(d);
		kill(d->pid, SIGKILL);
	}
	if (waitpid(d->pid, &status, 0) != d->pid)
		test_die("waitpid: %s", strerror(errno));
	d->pid = 0;
	if (log)
		test_die("vhost-user-accel does not end on SIGTERM; it says:\n%s", log);
	return status;
}

static bool find_worker(void *arg)
{
	struct {
		pid_t parent, worker;
	} *w = arg;
	char path[64], name[32], state = 0;
	FILE *f;
	int pid = 0;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", w->parent, w->parent);
	f = fopen(path, "re");
	if (!f)
		return false;
	while (fscanf(f, "%d", &pid) == 1) {
		FILE *s;

		snprintf(path, sizeof(path), "/proc/%d/stat", pid);
		s = fopen(path, "re");
		/* A killed worker that was not reaped yet is none, nor is what starts workers. */
		if (s && fscanf(s, "%*d (%31[^)]) %c", name, &state) == 2 && state != 'Z' &&
		    state != 'X' && strcmp(name, "accel-forker") != 0)
			w->worker = pid;
		if (s)
			fclose(s);
	}
	fclose(f);
	return w->worker != 0;
}

pid_t daemon_worker(const struct daemon *d)
{
	struct {
		pid_t parent, worker;
	} w = { .parent = d->pid };

	test_wait(find_worker, &w, START_TIMEOUT_MS);
	return w.worker;
}

char *daemon_dir(const struct daemon *d)
{
	char path[64], *variable = NULL, *dir = NULL;
	size_t size = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/environ", (int)daemon_worker(d));
	f = fopen(path, "re");
	while (f && !dir && getdelim(&variable, &size, '\0', f) > 0)
		if (!strncmp(variable, "XDG_RUNTIME_DIR=", 16))
			dir = strdup(variable + 16);
	if (!dir)
		test_die("the worker has no directory of its own");
	free(variable);
	fclose(f);
	return dir;
}

char *daemon_log(const struct daemon *d)
{
	FILE *f = fopen(d->log, "re");
	char *text = calloc(1, 1);
	size_t size = 0, n;

	if (!f || !text)
		return text;
	do {
		char *larger = realloc(text, size + 4096 + 1);

		if (!larger)
			test_die("out of memory");
		text = larger;
		n = fread(text + size, 1, 4096, f);
		size += n;
		text[size] = '\0';
	} while (n > 0);
	fclose(f);
	return text;
}

struct stats_wait {
	const struct daemon *d;
	unsigned int skip;	/* lines of statistics that are old */
	char *line;
};

/* Reads the daemon's own lines of statistics, not those of its clients. @nth: receives one; may be NULL */
static unsigned int read_stats(const struct daemon *d, unsigned int n, char **nth)
{
	const char *begin = d->many ? "{\"clients\":" : "{";
	char *log = daemon_log(d), *end;
	unsigned int seen = 0;

	for (char *p = log; p && (end = strchr(p, '\n')); p = end + 1)
		if (!strncmp(p, begin, strlen(begin)) && seen++ == n && nth)
			*nth = strndup(p, (size_t)(end - p));
	free(log);
	return seen;
}

static bool has_stats(void *arg)
{
	struct stats_wait *w = arg;

	read_stats(w->d, w->skip, &w->line);
	return w->line != NULL;
}

char *daemon_stats(const struct daemon *d)
{
	struct stats_wait w = { .d = d, .skip = read_stats(d, 0, NULL) };

	kill(d->pid, SIGUSR1);
	if (!test_wait(has_stats, &w, STATS_TIMEOUT_MS))
		test_die("vhost-user-accel prints no statistics on SIGUSR1");
	return w.line;
}

long long stats_number(const char *json, const char *key)
{
	char quoted[64];
	const char *p;
	long long v;

	snprintf(quoted, sizeof(quoted), "\"%s\"", key);
	p = strstr(json, quoted);
	if (!p || sscanf(p + strlen(quoted), " : %lld", &v) != 1)
		return -1;
	return v;
}

long long daemon_stat(const struct daemon *d, const char *key)
{
	char *json = daemon_stats(d);
	long long v = stats_number(json, key);

	free(json);
	return v;
}
