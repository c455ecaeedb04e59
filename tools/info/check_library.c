// SPDX-License-Identifier: Apache-2.0
/* The steps of --check that are the same everywhere: library, plugins, a call. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "check.h"
#include "library.h"

/* Free bytes that a run directory has to have */
#define RUNDIR_LEAST (1u << 20)

/* Ends of children */
enum { DONE, NO_LIBRARY = 1, NO_START = 2, NO_PLUGIN = 3, NO_SESSION = 4, NO_CALL = 5 };

/* What children tell. */
struct answer {
	struct library lib;
	char why[1024];		/* there is no library */
	char rundir[PATH_MAX];
	int err;		/* VACCEL_E* of what failed */
	bool noexec;
	bool full;		/* the run directory has no room; err is an errno value */
	bool remote, local;	/* kinds of plugins that there are */
	bool called, registered, allocated;
	const char *at;		/* what it does, for when it does not return */
	char plugins[512];	/* what serves the session */
	/* of the plugin that is looked at */
	const char *file;
	char name[64], version[64];
};

static struct answer *answer;

/* ---- In the child ---------------------------------------------------------------------------- */

/*
 * A library that is loaded and has not started. What it says comes to us, as far as it tells what is
 * wrong.
 */
static bool open_library(const char *level)
{
	setenv("VACCEL_BOOTSTRAP_ENABLED", "0", 1);
	setenv("VACCEL_LOG_FILE", "/dev/stderr", 1);
	if (level)
		setenv("VACCEL_LOG_LEVEL", level, 1);
	/* A host process that is not there is what is looked for. */
	setenv("VACCEL_VIRTIO_CONNECT_MS", "0", 0);
	return library_open(&answer->lib, answer->why, sizeof(answer->why));
}

static int start_library(void)
{
	answer->err = answer->lib.vaccel_bootstrap();
	if (!answer->err)
		snprintf(answer->rundir, sizeof(answer->rundir), "%s", answer->lib.vaccel_rundir());
	return answer->err;
}

/* Its first line says its version. */
static int ask_version(void *arg)
{
	(void)arg;
	unsetenv("VACCEL_PLUGINS");
	if (!open_library("3"))
		return NO_LIBRARY;
	if (!start_library())
		answer->lib.vaccel_cleanup();
	return DONE;
}

/* Whether a file of some size can be written. Return: 0, or an errno value. */
static int try_writing(const char *dir)
{
	char path[PATH_MAX + 16];
	int fd, err = 0;

	snprintf(path, sizeof(path), "%s/check", dir);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return errno;
	err = posix_fallocate(fd, 0, RUNDIR_LEAST);
	close(fd);
	unlink(path);
	return err == EOPNOTSUPP ? 0 : err;
}

static int look_at_rundir(void *arg)
{
	struct statvfs fs;

	(void)arg;
	unsetenv("VACCEL_PLUGINS");
	if (!open_library(NULL))
		return NO_LIBRARY;
	if (start_library())
		return NO_START;
	answer->err = try_writing(answer->rundir);
	answer->full = answer->err;
	if (!statvfs(answer->rundir, &fs))
		answer->noexec = fs.f_flag & ST_NOEXEC;
	answer->lib.vaccel_cleanup();
	return DONE;
}

/* Whether it forwards to a host; nothing is started. */
static int look_at_plugin(void *arg)
{
	struct vaccel_plugin **plugin;
	void *handle;

	(void)arg;
	unsetenv("VACCEL_PLUGINS");
	if (!open_library("1"))
		return NO_LIBRARY;
	handle = dlopen(answer->file, RTLD_LAZY);
	plugin = handle ? dlsym(handle, "vaccel_plugin") : NULL;
	answer->remote = plugin && *plugin && (*plugin)->info && (*plugin)->info->is_virtio;
	return DONE;
}

static int start_plugin(void *arg)
{
	struct vaccel_plugin_desc desc;
	size_t nr = 1;

	(void)arg;
	unsetenv("VACCEL_PLUGINS");
	if (!open_library("2"))
		return NO_LIBRARY;
	if (start_library())
		return NO_START;
	answer->err = answer->lib.vaccel_plugin_load(answer->file);
	if (answer->err)
		return NO_PLUGIN;
	if (!answer->lib.vaccel_plugin_list(&desc, &nr) && nr) {
		snprintf(answer->name, sizeof(answer->name), "%s %s", desc.name, desc.version);
		snprintf(answer->version, sizeof(answer->version), "%s", desc.version);
	}
	answer->lib.vaccel_cleanup();
	return DONE;
}

static void list_plugins(const struct vaccel_plugin_desc *descs, size_t nr, uint64_t *ops)
{
	size_t at = 0;

	for (size_t i = 0; i < nr && at < sizeof(answer->plugins); i++) {
		*ops |= descs[i].ops;
		at += (size_t)snprintf(answer->plugins + at, sizeof(answer->plugins) - at, "%s%s %s%s%s%s",
				       i ? ", " : "", descs[i].name, descs[i].version,
				       *descs[i].engine ? " (" : "", descs[i].engine,
				       *descs[i].engine ? ")" : "");
	}
}

/* Memory that the host knows makes calls faster; without it they work, and the log says why. */
static void try_memory(struct vaccel_session *sess)
{
	struct vaccel_mem_info info;
	void *p;

	if (answer->lib.vaccel_mem_alloc(sess, 4u << 20, &p))
		return;
	answer->allocated = true;
	if (!answer->lib.vaccel_mem_info(p, &info))
		answer->registered = info.kind == VACCEL_MEM_REGISTERED;
	answer->lib.vaccel_mem_free(p);
}

static int call(void *arg)
{
	static struct vaccel_plugin_desc descs[64];
	struct vaccel_session sess;
	uint64_t ops = 0;
	size_t nr = 64;

	(void)arg;
	answer->at = "the start of the plugins";
	if (!open_library("2"))
		return NO_LIBRARY;
	if (start_library())
		return NO_START;
	answer->at = "a session";
	answer->err = answer->lib.vaccel_session_init(&sess, 0);
	if (answer->err)
		return NO_SESSION;
	answer->remote = sess.is_virtio;
	answer->at = "the list of plugins";
	answer->err = sess.is_virtio ? answer->lib.vaccel_session_host_plugins(&sess, descs, &nr) :
				       answer->lib.vaccel_plugin_list(descs, &nr);
	if (!answer->err)
		list_plugins(descs, nr > 64 ? 64 : nr, &ops);
	answer->at = "the operation noop";
	if (ops & UINT64_C(1) << VACCEL_OP_NOOP) {
		answer->err = answer->lib.vaccel_noop(&sess);
		/* One plugin of the host's has it, but not this session's. */
		answer->called = !answer->err;
		if (answer->err && answer->err != VACCEL_ENOTSUP && answer->err != VACCEL_EPERM)
			return NO_CALL;
	}
	answer->at = "registered memory";
	if (sess.is_virtio)
		try_memory(&sess);
	answer->at = "the end of the session";
	answer->err = answer->lib.vaccel_session_release(&sess);
	answer->lib.vaccel_cleanup();
	return answer->err ? NO_CALL : DONE;
}

/* ---- Steps ----------------------------------------------------------------------------------- */

static bool said_before(const struct checks *c, const char *line)
{
	for (size_t i = 0; i < c->nr; i++)
		if (strstr(c->list[i].text, line))
			return true;
	return false;
}

/* What the library says without being wrong, each line once */
static void add_warnings(struct checks *c, const char *name)
{
	char text[CHECK_TEXT], *rest = text, *line;

	probe_lines(&c->probe, "ew", text, sizeof(text));
	while ((line = strsep(&rest, "\n")))
		if (*line && !said_before(c, line))
			check_add(c, CHECK_WARNING, name, "%s", line);
}

/* A child that was killed leaves its run directory, which is empty. */
static bool probe_library(struct checks *c, const char *name, int (*what)(void *arg))
{
	bool ok;

	answer->rundir[0] = '\0';
	answer->err = 0;
	ok = check_probe(c, name, what, NULL);
	if (!ok && *answer->rundir)
		rmdir(answer->rundir);
	return ok;
}

static bool lost_library(struct checks *c, const char *name)
{
	if (!*answer->why)
		return false;
	check_add(c, CHECK_FAILED, name, "%s", answer->why);
	return true;
}

void check_library(struct checks *c)
{
	const char *line, *version = "of an unknown version";
	int len = (int)strlen(version);

	answer = probe_memory(sizeof(*answer));
	if (!answer) {
		check_add(c, CHECK_FAILED, "library", "%m: raise the limit of address space (ulimit -v)");
		return;
	}
	if (!probe_run(&c->probe, ask_version, NULL, c->timeout_s) || lost_library(c, "library") ||
	    c->probe.timed_out || c->probe.status) {
		if (!c->failed)
			check_probe(c, "library", ask_version, NULL);
		return;
	}
	line = strstr(c->probe.log, "<info> vAccel ");
	if (line) {
		version = line + strlen("<info> vAccel ");
		len = (int)strcspn(version, "\n");
	}
	if (!line || (size_t)len != strlen(VACCEL_PROJECT_VERSION) ||
	    strncmp(version, VACCEL_PROJECT_VERSION, (size_t)len))
		check_add(c, CHECK_WARNING, "library", "%s is %.*s, this vaccel-info %s: install the same "
			  "release of both", answer->lib.path, len, version, VACCEL_PROJECT_VERSION);
	else
		check_add(c, CHECK_OK, "library", "%s, %.*s", answer->lib.path, len, version);
}

/* A log file is opened when there is a line for it. */
static int open_log(void *arg)
{
	(void)arg;
	unsetenv("VACCEL_PLUGINS");
	setenv("VACCEL_BOOTSTRAP_ENABLED", "0", 1);
	setenv("VACCEL_LOG_LEVEL", "3", 1);
	if (!library_open(&answer->lib, answer->why, sizeof(answer->why)))
		return NO_LIBRARY;
	if (!start_library())
		answer->lib.vaccel_cleanup();
	return DONE;
}

void check_settings(struct checks *c)
{
	const char *log = getenv("VACCEL_LOG_FILE");
	size_t before = c->nr;
	char text[CHECK_TEXT];

	probe_run(&c->probe, look_at_rundir, NULL, c->timeout_s);
	/* What a run directory lacks is the next step's. */
	if (answer->err && !answer->full && answer->err != VACCEL_EACCES) {
		probe_library(c, "settings", look_at_rundir);
		return;
	}
	if (!answer->err)
		add_warnings(c, "settings");
	if (log && *log && probe_run(&c->probe, open_log, NULL, c->timeout_s) &&
	    probe_lines(&c->probe, "e", text, sizeof(text)))
		check_add(c, CHECK_WARNING, "settings", "%s", text);
	if (c->nr == before)
		check_add(c, CHECK_OK, "settings", "VACCEL_PLUGINS=%s",
			  getenv("VACCEL_PLUGINS") ?: "");
}

void check_rundir(struct checks *c)
{
	if (!probe_library(c, "run directory", look_at_rundir))
		return;
	if (answer->full)
		check_add(c, CHECK_FAILED, "run directory", "%s: %s: it must have room for files of %u MiB and "
			  "more: free some, or let XDG_RUNTIME_DIR or TMPDIR name a place that has it where "
			  "/run/user is not to be used", answer->rundir, strerror(answer->err),
			  RUNDIR_LEAST >> 20);
	else if (answer->noexec)
		check_add(c, CHECK_WARNING, "run directory", "%s is on a file system that lets nothing be run "
			  "(noexec): functions of a resource's library are called in a copy of it in memory", answer->rundir);
	else
		check_add(c, CHECK_OK, "run directory", "%s", answer->rundir);
}

/* One plugin; @file stays as it is. */
static void check_plugin(struct checks *c, const char *file)
{
	char name[CHECK_NAME];
	struct statvfs fs;

	snprintf(name, sizeof(name), "plugin %s", file);
	answer->file = file;
	answer->remote = false;
	/* One that cannot even be looked at says so when it is started. */
	probe_run(&c->probe, look_at_plugin, NULL, c->timeout_s);
	if (answer->remote) {
		c->remote = true;
		check_device(c);
	}
	if (c->failed)
		return;
	if (!probe_library(c, name, start_plugin)) {
		if (strchr(file, '/') && !statvfs(file, &fs) && fs.f_flag & ST_NOEXEC)
			check_explain(c, "\n%s is on a file system that lets nothing be run (noexec): put it "
				      "elsewhere, or mount that without noexec", file);
		return;
	}
	add_warnings(c, name);
	check_add(c, CHECK_OK, name, "%s", answer->name);
}

void check_plugins(struct checks *c)
{
	const char *list = getenv("VACCEL_PLUGINS");
	char *copy = strdup(list ? list : ""), *rest = copy, *file;

	while (copy && !c->failed && (file = strsep(&rest, ":")))
		if (*file)
			check_plugin(c, file);
	free(copy);
}

/* What was under way when a call failed; where the device of the plugin virtio is silent nothing else says so. */
static void explain_call(struct checks *c)
{
	if (!answer->at)
		return;
	check_explain(c, "\nthis was at %s", answer->at);
	if (answer->err)
		check_explain(c, ": %s (%d)", strerror(answer->err), answer->err);
	if (c->probe.timed_out && c->remote)
		check_explain(c, ": the host's process is stopped (its log says why), or the VM was started with "
			      "memory that it does not share: QEMU needs share=on, see vhost-user-accel(8)");
}

void check_call(struct checks *c)
{
	answer->at = NULL;
	if (!probe_library(c, "call", call)) {
		explain_call(c);
		return;
	}
	add_warnings(c, "call");
	check_add(c, CHECK_OK, "session", "%s%s", answer->remote ? "on the host: " : "", answer->plugins);
	if (answer->called)
		check_add(c, CHECK_OK, "call", "the operation noop was run");
	else
		check_add(c, CHECK_OK, "call", "none was tried: no plugin of the session has the operation noop");
	if (answer->allocated)
		check_add(c, answer->registered ? CHECK_OK : CHECK_WARNING, "registered memory",
			  answer->registered ? "it can be used" :
			  "it cannot be used: calls pin their memory each time");
}
