// SPDX-License-Identifier: Apache-2.0
#include "sandbox.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "declared.h"
#include "landlock.h"
#include "log.h"
#include "syscalls.h"

/* Files of guests' resources and memory, queues, libraries: more is a leak or an attack. */
#define MAX_FILES 16384
/* Of 1000: when memory is short, this dies before anything that the operator did not choose. */
#define OOM_SCORE 500

static void add_reason(char *to, size_t size, const char *what, int err)
{
	size_t len = strlen(to);

	snprintf(to + len, size - len, "%s%s (%s)", len ? "; " : "", what, strerror(abs(err)));
}

static void miss(struct sandbox_report *r, bool weak, const char *what, int err)
{
	if (!err)
		return;
	r->weak |= weak;
	add_reason(r->missing, sizeof(r->missing), what, err);
}

static void miss_limit(struct sandbox_report *r, const char *what, int err)
{
	if (err)
		add_reason(r->limits, sizeof(r->limits), what, err);
}

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), ret = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

static int set_limit(int resource, uint64_t value)
{
	struct rlimit limit;

	if (getrlimit(resource, &limit))
		return -errno;
	if (value < limit.rlim_max)
		limit.rlim_max = value;
	limit.rlim_cur = limit.rlim_max;
	return setrlimit(resource, &limit) ? -errno : 0;
}

/*
 * Processors of this process and what it starts. They are not the first ones for every VM, so that
 * several VMs spread out: @seed differs from VM to VM.
 */
static int limit_cpus(uint64_t max, pid_t seed)
{
	cpu_set_t all, some;
	int nr, at, skip;

	if (sched_getaffinity(0, sizeof(all), &all))
		return -errno;
	nr = CPU_COUNT(&all);
	if (!max || max >= (uint64_t)nr)
		return 0;
	CPU_ZERO(&some);
	skip = seed % nr;
	for (at = 0; (uint64_t)CPU_COUNT(&some) < max; at = (at + 1) % CPU_SETSIZE)
		if (CPU_ISSET(at, &all) && skip-- <= 0)
			CPU_SET(at, &some);
	return sched_setaffinity(0, sizeof(some), &some) ? -errno : 0;
}

/*
 * Puts this process and what it starts into the operator's control group. Memory is all that the
 * worker's limits let it have together: files in memory and the kernel's own count there, too.
 */
static void join_cgroup(const struct policy *p, struct sandbox_report *r)
{
	char path[POLICY_TEXT_MAX + 32], value[64];
	uint64_t memory;

	if (p->max_memory) {
		if (__builtin_add_overflow(p->max_memory, p->max_resource_bytes, &memory) ||
		    __builtin_add_overflow(memory, p->max_staging_bytes, &memory) ||
		    memory > INT64_MAX)
			memory = INT64_MAX;
		snprintf(path, sizeof(path), "%s/memory.max", p->cgroup);
		snprintf(value, sizeof(value), "%" PRIu64, memory);
		miss_limit(r, "memory.max of --cgroup", write_file(path, value));
	}
	if (p->max_cpus) {
		snprintf(path, sizeof(path), "%s/cpu.max", p->cgroup);
		snprintf(value, sizeof(value), "%" PRIu64 " 100000", p->max_cpus * 100000);
		miss_limit(r, "cpu.max of --cgroup", write_file(path, value));
	}
	snprintf(path, sizeof(path), "%s/cgroup.procs", p->cgroup);
	miss_limit(r, "--cgroup", write_file(path, "0"));
}

/* ---- Namespaces and privileges -------------------------------------------------------------- */

/* In a user namespace of our own we are who we were, and nobody else is there. */
static void map_ids(uid_t uid, gid_t gid)
{
	char map[64];

	snprintf(map, sizeof(map), "%u %u 1", uid, uid);
	write_file("/proc/self/uid_map", map);
	write_file("/proc/self/setgroups", "deny");
	snprintf(map, sizeof(map), "%u %u 1", gid, gid);
	write_file("/proc/self/gid_map", map);
}

static int enter_namespaces(bool network)
{
	int flags = CLONE_NEWIPC | CLONE_NEWUTS | (network ? 0 : CLONE_NEWNET);
	uid_t uid = geteuid();
	gid_t gid = getegid();

	if (unshare(flags) == 0)
		return 0;
	if (unshare(flags | CLONE_NEWUSER))
		return -errno;
	map_ids(uid, gid);
	return 0;
}

/*
 * The first process of its own PID namespace sees no other ones, if /proc is its own, too; and what
 * it starts dies with it.
 */
static int own_proc(void)
{
	if (mount("none", "/", NULL, MS_REC | MS_SLAVE, NULL) ||
	    mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL))
		return -errno;
	return 0;
}

static int drop_capabilities(void)
{
	int ret = 0;

	capng_clear(CAPNG_SELECT_ALL);
	/* Without CAP_SETPCAP the bounding set stays, which no_new_privs makes harmless. */
	if (capng_apply(CAPNG_SELECT_ALL) && capng_apply(CAPNG_SELECT_CAPS))
		ret = -EPERM;
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	return ret;
}

/* ---- Files of the worker -------------------------------------------------------------------- */

/* A list of paths separated by colons: all of them, or, with @dirs, the directories they are in */
static int allow_list(struct landlock *l, const char *list, bool dirs, unsigned int what)
{
	char *copy = list ? strdup(list) : NULL, *save, *path;
	int ret = 0;

	for (path = copy ? strtok_r(copy, ":", &save) : NULL; path && !ret;
	     path = strtok_r(NULL, ":", &save)) {
		if (dirs && !strchr(path, '/'))
			continue;
		ret = landlock_allow(l, dirs ? dirname(path) : path, what);
	}
	free(copy);
	return ret;
}

/* As --allow-path: a word "rw" belongs to the path before it. Paths that are not there end it if @all must be. */
static int allow_paths(struct landlock *l, const char *list, bool all)
{
	char *copy = strdup(list), *save, *path, *next;
	int ret = copy ? 0 : -ENOMEM;

	path = copy ? strtok_r(copy, ":", &save) : NULL;
	for (; path && !ret; path = next) {
		bool write = false;
		glob_t g;

		next = strtok_r(NULL, ":", &save);
		if (next && !strcmp(next, "rw")) {
			write = true;
			next = strtok_r(NULL, ":", &save);
		}
		if (glob(path, 0, NULL, &g)) {
			if (!all)
				continue;
			log_error("--allow-path=%s: there is no such file", path);
			ret = -ENOENT;
			break;
		}
		for (size_t i = 0; i < g.gl_pathc && !ret; i++)
			ret = landlock_allow(l, g.gl_pathv[i],
					     write ? LANDLOCK_READ | LANDLOCK_WRITE : LANDLOCK_READ);
		globfree(&g);
	}
	free(copy);
	return ret;
}

/* VACCEL_TF_LIBRARY=... and the like */
static bool names_library(const char *variable, const char *equals)
{
	static const char end[] = "_LIBRARY";
	size_t len = sizeof(end) - 1;

	return (size_t)(equals - variable) > len && strncmp(equals - len, end, len) == 0;
}

/* What plugins say that they need, where it is there */
static int allow_declared_line(void *l, const char *line)
{
	return *line == '/' ? allow_paths(l, line, false) : 0;
}

/* What the operator's variables name: files of plugins to be read, the log to be written */
static int allow_environment(struct landlock *l)
{
	extern char **environ;
	int ret = allow_list(l, getenv("LD_LIBRARY_PATH"), false, LANDLOCK_READ);

	if (!ret)
		ret = allow_list(l, getenv("VACCEL_PLUGINS"), true, LANDLOCK_READ);
	if (!ret)
		ret = allow_list(l, getenv("VACCEL_LOG_FILE"), true, LANDLOCK_READ | LANDLOCK_WRITE);
	for (char **env = environ; *env && !ret; env++) {
		const char *value = strchr(*env, '=');
		struct stat st;

		/* Directories could hold anything: they need --allow-path. */
		if (strncmp(*env, "VACCEL_", 7) != 0 || !value || stat(value + 1, &st) != 0 ||
		    !S_ISREG(st.st_mode))
			continue;
		/* An engine's library needs those beside it. */
		if (names_library(*env, value))
			ret = allow_list(l, value + 1, true, LANDLOCK_READ);
		else
			ret = landlock_allow(l, value + 1, LANDLOCK_READ);
	}
	return ret;
}

/* What looking up names needs */
static int allow_names(struct landlock *l)
{
	static const char *const names[] = {
		"/etc/resolv.conf", "/etc/hosts", "/etc/host.conf", "/etc/nsswitch.conf",
		"/etc/gai.conf", "/etc/services", "/run/systemd/resolve", NULL
	};
	int ret = 0;

	for (int i = 0; names[i] && !ret; i++)
		ret = landlock_allow(l, names[i], LANDLOCK_READ);
	return ret;
}

static int allow_system(struct landlock *l, bool network)
{
	/* Libraries and what the C library, BLAS, OpenCL and the like look up */
	static const char *const run[] = { "/usr", "/lib", "/lib32", "/lib64", "/libx32", LIB_DIR,
					   NULL };
	static const char *const read[] = {
		"/etc/ld.so.cache", "/etc/ld.so.preload", "/etc/localtime", "/etc/OpenCL",
		"/etc/vulkan", "/proc", "/sys/devices/system/cpu", "/sys/devices/system/node",
		"/dev/urandom", "/dev/random", "/dev/zero", NULL
	};
	static const char *const certificates[] = { "/etc/ssl", "/etc/ca-certificates", NULL };
	int ret = landlock_allow(l, "/dev/null", LANDLOCK_READ | LANDLOCK_WRITE);

	for (int i = 0; run[i] && !ret; i++)
		ret = landlock_allow(l, run[i], LANDLOCK_READ | LANDLOCK_RUN);
	for (int i = 0; read[i] && !ret; i++)
		ret = landlock_allow(l, read[i], LANDLOCK_READ);
	for (int i = 0; network && certificates[i] && !ret; i++)
		ret = landlock_allow(l, certificates[i], LANDLOCK_READ);
	return network && !ret ? allow_names(l) : ret;
}

/* The worker is in PREFIX/libexec/vaccel, or in a build tree with libvaccel beside its directory. */
static int allow_worker(struct landlock *l, const char *worker)
{
	char path[PATH_MAX];
	int ret;

	snprintf(path, sizeof(path), "%s", worker);
	ret = landlock_allow(l, path, LANDLOCK_READ | LANDLOCK_RUN);
	if (!ret)
		ret = landlock_allow(l, dirname(dirname(path)), LANDLOCK_READ);
	return ret;
}

static int confine_files(const struct policy *p, const char *worker, const char *dir, bool network)
{
	struct landlock l;
	int ret = landlock_begin(&l, network, true);

	if (ret)
		return ret;
	ret = allow_system(&l, network);
	if (!ret)
		ret = allow_worker(&l, worker);
	if (!ret)
		ret = allow_environment(&l);
	if (!ret)
		ret = declared_each(allow_declared_line, &l);
	if (!ret)
		ret = landlock_allow(&l, dir, LANDLOCK_READ | LANDLOCK_WRITE);
	if (!ret && *p->model_dir)
		ret = landlock_allow(&l, p->model_dir, LANDLOCK_READ);
	if (!ret)
		ret = allow_paths(&l, p->allow_path, true);
	if (!ret)
		return landlock_enforce(&l);
	close(l.fd);
	return ret;
}

/* ---- Both processes ------------------------------------------------------------------------- */

static bool is_strict(const struct policy *p)
{
	return p->sandbox == SANDBOX_AUTO || p->sandbox == SANDBOX_STRICT;
}

static bool has_network(const struct policy *p)
{
	return p->network || (policy_allowed(p) & POLICY_URL);
}

static int namespaces_of(const struct policy *p)
{
	/* System V objects are other processes', too. */
	int flags = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC;

	if (is_strict(p))
		flags |= CLONE_NEWUTS | (has_network(p) ? 0 : CLONE_NEWNET);
	return flags;
}

long sandbox_clone(const struct policy *p, enum sandbox_home home, int flags)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();
	long pid;

	if (home != SANDBOX_SHARED)
		flags |= namespaces_of(p) | (home == SANDBOX_OWN_USER ? CLONE_NEWUSER : 0);
	pid = syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL, NULL);
	if (pid < 0)
		return -errno;
	if (pid > 0)
		return pid;
	/* Its own files in /proc are root's otherwise, if the caller hides. */
	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	if (home == SANDBOX_SHARED)
		return 0;
	if (home == SANDBOX_OWN_USER)
		map_ids(uid, gid);
	if (own_proc())
		_exit(SANDBOX_NO_PROC);
	return 0;
}

/*
 * All files stay open, but those of /proc that need the right to trace: whoever is confined may trace only
 * who is confined with it.
 */
static int deny_tracing(void)
{
	struct landlock l;
	int ret = landlock_begin(&l, true, true);

	if (ret)
		return ret;
	ret = landlock_allow(&l, "/", LANDLOCK_ALL);
	if (!ret)
		return landlock_enforce(&l);
	close(l.fd);
	return ret;
}

/* Other processes of this user: names for them are missing, or system calls that name them are refused. */
static void keep_from_others(const struct policy *p, enum sandbox_home home, struct sandbox_report *r)
{
	bool alone = home != SANDBOX_SHARED;
	int ret;

	/* Programs that plugins start have to name themselves, and in there can name nobody else. */
	if (alone && (!is_strict(p) || p->processes))
		return;
	ret = syscalls_deny_others(getpid(), alone);
	if (!alone && !is_strict(p))
		miss(r, true, "a way to keep plugins from other processes' memory (Landlock)", deny_tracing());
	if (!alone)
		miss(r, true, "a way to keep plugins from signals to, and limits of, this user's other "
			      "processes (a PID namespace, or seccomp)", ret);
}

static int confine_worker(const struct policy *p, const struct sandbox_place *place,
			  struct sandbox_report *r)
{
	bool network = has_network(p);
	char score[16];
	int ret;

	snprintf(score, sizeof(score), "%d", OOM_SCORE);
	miss(r, false, "dying first when memory is short", write_file("/proc/self/oom_score_adj", score));
	miss_limit(r, "--max-cpus", limit_cpus(p->max_cpus, place->seed));
	if (*p->cgroup)
		join_cgroup(p, r);
	if (p->sandbox == SANDBOX_NONE)
		return 0;

	miss(r, false, "no core dumps", set_limit(RLIMIT_CORE, 0));
	miss(r, false, "a limit on open files", set_limit(RLIMIT_NOFILE, MAX_FILES));
	/* What they keep away, no system call may reach either: see below. */
	if (is_strict(p) && place->home == SANDBOX_SHARED)
		miss(r, false, "namespaces", enter_namespaces(network));
	miss(r, true, "no new privileges", prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ? -errno : 0);
	if (is_strict(p)) {
		ret = confine_files(p, place->worker, place->dir, network);
		if (ret == -ENOENT)
			return ret;
		miss(r, true, "access to listed files only (Landlock)", ret);
		miss(r, true, "files' attributes (seccomp)", syscalls_deny_attributes(*p->cache_dir));
	}
	miss(r, true, "dropped capabilities", drop_capabilities());
	keep_from_others(p, place->home, r);
	miss(r, true, "forbidden system calls (seccomp)",
	     syscalls_deny_dangerous(network || !is_strict(p)));
	return 0;
}

int sandbox_worker(const struct policy *p, const struct sandbox_place *place, struct sandbox_report *r)
{
	int ret = confine_worker(p, place, r);

	/* At last: libraries that make a sandbox do not bear to be out of memory. */
	if (!ret && p->max_memory)
		miss_limit(r, "--max-memory", set_limit(RLIMIT_DATA, p->max_memory));
	return ret;
}

int sandbox_seal(const struct policy *p)
{
	return is_strict(p) && !p->processes ? syscalls_deny_processes() : 0;
}

void sandbox_supervisor(const struct policy *p, const char *socket, struct sandbox_report *r)
{
	char path[PATH_MAX];
	struct landlock l;
	int ret;

	if (p->sandbox == SANDBOX_NONE)
		return;
	miss(r, false, "no core dumps", set_limit(RLIMIT_CORE, 0));
	miss(r, false, "namespaces", enter_namespaces(false));
	miss(r, true, "no new privileges", prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ? -errno : 0);
	ret = landlock_begin(&l, false, false);
	if (!ret) {
		if (socket) {
			snprintf(path, sizeof(path), "%s", socket);
			ret = landlock_allow(&l, dirname(path), LANDLOCK_UNLINK);
		}
		/* A leak checker looks at this process there. */
		if (!ret && SYSCALLS_SANITIZED)
			ret = landlock_allow(&l, "/proc", LANDLOCK_READ);
		if (!ret)
			ret = landlock_enforce(&l);
		else
			close(l.fd);
	}
	miss(r, true, "access to listed files only (Landlock)", ret);
	miss(r, true, "dropped capabilities", drop_capabilities());
	/* A worker of the same user may not look into this process. A leak checker has to. */
	if (!SYSCALLS_SANITIZED)
		prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	miss(r, true, "allowed system calls only (seccomp)", syscalls_supervisor());
}

void sandbox_cleaner(const struct policy *p, const char *dir, const char *other)
{
	char above[PATH_MAX];
	struct landlock l;

	if (p->sandbox == SANDBOX_NONE)
		return;
	/* What could not be done to the supervisor either was reported. */
	set_limit(RLIMIT_CORE, 0);
	enter_namespaces(false);
	if (!landlock_begin(&l, false, false)) {
		landlock_allow(&l, dir, LANDLOCK_REMOVE);
		/* The directory itself is an entry of the one above. */
		snprintf(above, sizeof(above), "%s", dir);
		landlock_allow(&l, dirname(above), LANDLOCK_RMDIR);
		if (other)
			landlock_allow(&l, other, LANDLOCK_REMOVE);
		landlock_enforce(&l);
	}
	drop_capabilities();
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	syscalls_deny_dangerous(false);
	syscalls_deny_processes();
}

/* @path: NULL, or a directory that it may write to */
static void confine_helper(const char *path)
{
	struct landlock l;

	/* It runs nothing, and what the supervisor could not do was reported. */
	set_limit(RLIMIT_CORE, 0);
	enter_namespaces(false);
	if (!landlock_begin(&l, false, false)) {
		if (path)
			landlock_allow(&l, path, LANDLOCK_READ | LANDLOCK_WRITE);
		landlock_enforce(&l);
	}
	drop_capabilities();
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	syscalls_deny_dangerous(false);
	syscalls_deny_processes();
}

void sandbox_keeper(int dir)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", dir);
	confine_helper(path);
}

void sandbox_connector(const uint16_t *ports, unsigned int nr)
{
	struct landlock l;

	set_limit(RLIMIT_CORE, 0);
	enter_namespaces(true);
	if (!landlock_begin(&l, false, false)) {
		allow_system(&l, false);
		allow_names(&l);
		for (unsigned int i = 0; i < nr; i++)
			landlock_allow_port(&l, ports[i]);
		/* Names whose answer is too long for a datagram */
		landlock_allow_port(&l, 53);
		landlock_enforce(&l);
	}
	drop_capabilities();
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	syscalls_deny_dangerous(true);
	syscalls_deny_processes();
}

void sandbox_fileless(void)
{
	confine_helper(NULL);
}
