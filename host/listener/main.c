// SPDX-License-Identifier: Apache-2.0
/* vhost-user-accel: options of the supervisor. */
#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/auxv.h>
#include <sysexits.h>
#include <unistd.h>

#include "cache_dir.h"
#include "config_file.h"
#include "connector.h"
#include "hub.h"
#include "keeper.h"
#include "listener.h"
#include "log.h"
#include "log_outlet.h"
#include "log_relay.h"
#include "store.h"
#include "streams.h"
#include "supervisor.h"

#define WORKER_NAME "vhost-user-accel-worker"
#define OBSERVER_NAME "vhost-user-accel-observer"
#define DEFAULT_CLIENTS 64

const char *argp_program_version = "vhost-user-accel " VACCEL_PROJECT_VERSION;

static const char doc[] =
	"Serves a virtio accelerator to virtual machines and programs over vhost-user.\v"
	"The plugins of VACCEL_PLUGINS (default: libvaccel-noop.so) run in a worker process, which "
	"is started again when it dies. VACCEL_LOG_LEVEL and the other variables of vAccel apply "
	"to it. After a front end has disconnected the next one may connect, unless --once is "
	"given. "
	"The log goes to standard error. SIGUSR1 prints counters there, as a line of JSON. SIGTERM "
	"and SIGINT stop the process, and so does SIGHUP, which makes a service of many with --config read "
	"that file again instead.\n\n"
	"Exit status: 0 stopped as told, 64 wrong options, 69 the worker or a plugin cannot start, "
	"71 a failure of the system, 73 the socket cannot be made, 66 a path of a rule or the file of "
	"--config is not there, 78 that file is wrong, has no section for the VM (--strict-names), or a "
	"limit cannot be set.";

enum {
	OPT_CAPABILITIES = 0x100,
	OPT_CONFIG,
	OPT_CONTROL,
	OPT_LOG_FORMAT,
	OPT_MAX_CLIENTS,
	OPT_METRICS,
	OPT_NAME,
	OPT_ONCE,
	OPT_PRINT_POLICY,
	OPT_WORKER,
	OPT_RULES = 0x200, /* and the index of the rule */
};

static const struct argp_option fixed_options[] = {
	{ "socket-path", 's', "PATH", 0, "Listen on the unix socket PATH", 1 },
	{ "fd", 'f', "FDNUM", 0, "Use the open socket FDNUM, which listens or is connected", 1 },
	{ "print-capabilities", OPT_CAPABILITIES, NULL, 0,
	  "Print what this program can do, in JSON, and exit", 1 },
	{ "max-clients", OPT_MAX_CLIENTS, "N", 0,
	  "Serve up to N front ends at a time, each with the limits below and (see --isolation) a worker of its own "
	  "(default: 64; 1 with --name, with --once, and for a connected --fd)", 2 },
	{ "control", OPT_CONTROL, "PATH", 0,
	  "Listen on the unix socket PATH for what the operator asks by vaccelctl", 2 },
	{ "metrics", OPT_METRICS, "WHERE", 0,
	  "Serve metrics for Prometheus by HTTP at unix:PATH or ADDRESS:PORT", 2 },
	{ "once", OPT_ONCE, NULL, 0, "Exit when the front end disconnects", 2 },
	{ "worker", OPT_WORKER, "PATH", 0, "Executable of the worker", 2 },
	{ "verbose", 'v', NULL, 0, "Log connections, refusals and the worker's life", 2 },
	{ "log-format", OPT_LOG_FORMAT, "FORMAT", 0,
	  "How lines of the log look: text (the default), systemd (with priorities, for the journal), or json", 2 },
	{ "config", OPT_CONFIG, "FILE", 0, "Read the rules below from FILE first", 3 },
	{ "name", OPT_NAME, "VM", 0,
	  "Name of the VM: its section in FILE, and in the log (default: from the socket's name)",
	  3 },
	{ "print-policy", OPT_PRINT_POLICY, NULL, 0,
	  "Print the rules that apply, in JSON, and exit", 3 },
};
#define NR_FIXED (sizeof(fixed_options) / sizeof(fixed_options[0]))

/* A rule on the command line; applied after the file. */
struct given {
	enum policy_rule rule;
	const char *value;
};

struct arguments {
	struct supervisor_options opts;
	const char *config;
	struct config_file file; /* as it was when it was read */
	struct config_clients clients; /* of that file */
	const char *name;
	const char *metrics, *control;
	bool print_policy;
	bool has_cache_dir; /* at least for some clients */
	int store;	    /* of a client's supervisor: see store_join(); -1: none */
	unsigned int max_clients; /* 0: not given */
	struct policy checked; /* the command line's alone, to find what is wrong in it */
	struct given *given;
	unsigned int nr_given;
};

static void parse_rule(struct argp_state *state, enum policy_rule rule, const char *value)
{
	struct arguments *args = state->input;
	char why[512];

	if (policy_set(&args->checked, rule, value, why, sizeof(why)))
		argp_error(state, "--%s=%s: %s", policy_rules[rule].name, value, why);
	args->given[args->nr_given++] = (struct given){ rule, value };
}

/* Whether it is a socket that does not listen */
static bool is_connected(int fd)
{
	int listening = 0;
	socklen_t len = sizeof(listening);

	return fd >= 0 && (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) || !listening);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *args = state->input;
	struct supervisor_options *opts = &args->opts;
	char *end;
	long fd;

	if (key >= OPT_RULES && key < OPT_RULES + POLICY_NR_RULES) {
		parse_rule(state, (enum policy_rule)(key - OPT_RULES), arg);
		return 0;
	}
	switch (key) {
	case 's':
		opts->socket_path = arg;
		break;
	case 'f':
		errno = 0;
		fd = strtol(arg, &end, 10);
		if (errno || *end || *arg < '0' || *arg > '9' || fd > INT_MAX)
			argp_error(state, "--fd=%s: the number of an open socket is expected", arg);
		opts->fd = (int)fd;
		break;
	case 'n':
		parse_rule(state, POLICY_num_queues, arg);
		break;
	case OPT_MAX_CLIENTS:
		errno = 0;
		fd = strtol(arg, &end, 10);
		if (errno || *end || *arg < '0' || *arg > '9' || fd < 1 || fd > LISTENER_MAX_CLIENTS)
			argp_error(state, "--max-clients=%s: a number from 1 to %d is expected", arg,
				   LISTENER_MAX_CLIENTS);
		args->max_clients = (unsigned int)fd;
		break;
	case OPT_CONTROL:
		args->control = arg;
		break;
	case OPT_LOG_FORMAT:
		if (!log_set_format(arg))
			argp_error(state, "--log-format=%s: text, systemd or json is expected", arg);
		break;
	case OPT_METRICS:
		args->metrics = arg;
		break;
	case OPT_ONCE:
		opts->once = true;
		break;
	case OPT_WORKER:
		opts->worker_path = arg;
		break;
	case OPT_CONFIG:
		args->config = arg;
		break;
	case OPT_NAME:
		if (!config_file_name_ok(arg))
			argp_error(state, "--name=%s: up to %d letters, digits, '.', '_' and '-' "
					  "are expected",
				   arg, CONFIG_NAME_MAX);
		args->name = arg;
		break;
	case OPT_PRINT_POLICY:
		args->print_policy = true;
		break;
	case 'v':
		opts->device.setup.verbose = true;
		log_set_verbose(true);
		break;
	case ARGP_KEY_END:
		if (!args->print_policy && !opts->socket_path == (opts->fd < 0))
			argp_error(state, "either --socket-path or --fd is needed");
		if (opts->once && args->max_clients > 1)
			argp_error(state, "--once serves one front end: leave out --max-clients");
		if ((args->metrics || args->control) && (opts->once || is_connected(opts->fd)))
			argp_error(state, "--metrics and --control are for a service: leave out --once, and a "
					  "connected --fd");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

/* The fixed options and one for each rule; kept until the program ends. */
static const struct argp_option *make_options(void)
{
	static struct argp_option options[NR_FIXED + POLICY_NR_RULES + 1];
	static char help[POLICY_NR_RULES][256];

	memcpy(options, fixed_options, NR_FIXED * sizeof(options[0]));
	for (enum policy_rule rule = 0; rule < POLICY_NR_RULES; rule++) {
		const struct policy_desc *d = &policy_rules[rule];

		snprintf(help[rule], sizeof(help[rule]), "%s%s%s%s", d->help,
			 *d->fallback ? " (default " : "", d->fallback, *d->fallback ? ")" : "");
		options[NR_FIXED + rule] = (struct argp_option){
			.name = d->name,
			.key = rule == POLICY_num_queues ? 'n' : OPT_RULES + (int)rule,
			.arg = d->unit,
			.flags = d->kind == POLICY_FLAG ? OPTION_ARG_OPTIONAL : 0,
			.doc = help[rule],
			.group = 4,
		};
	}
	return options;
}

/* The name in the log: as given, else the socket's without its ending. */
static void name_service(const struct arguments *args, char *name, size_t size)
{
	const char *slash = args->opts.socket_path ? strrchr(args->opts.socket_path, '/') : NULL;
	const char *socket = slash ? slash + 1 : args->opts.socket_path;

	if (args->name || !socket)
		snprintf(name, size, "%s", args->name ? args->name : "");
	else
		snprintf(name, size, "%.*s", (int)strcspn(socket, "."), socket);
}

/*
 * The log of all processes, with its limits. The worker keeps to three quarters of them by itself, in
 * libvaccel, so that what is too much costs a call nothing.
 */
static int open_log(const struct arguments *args)
{
	uint64_t lines = args->opts.device.setup.policy.log_lines;
	int ret = log_relay_open();
	char text[24], name[LOG_NAME_SIZE];

	if (ret) {
		log_error("cannot make a pipe: %s", strerror(-ret));
		return EX_OSERR;
	}
	snprintf(text, sizeof(text), "%" PRIu64, lines - lines / 4);
	setenv("VACCEL_LOG_LINES", text, 1);
	name_service(args, name, sizeof(name));
	/* The listener's stays until there is a client. */
	if (args->opts.handoff < 0)
		log_set_name(name);
	log_outlet_open(lines);
	return 0;
}

/*
 * A VM whose name is misspelt must not silently get the rules for all. In a file without sections for
 * VMs no name can be wrong. Return: 0 or an exit status.
 */
static int check_name(const struct arguments *args, const struct config_sections *found)
{
	bool strict = args->opts.device.setup.policy.strict_names;
	char who[CONFIG_NAME_MAX + 48];

	if (found->vm || !found->others)
		return 0;
	if (args->name)
		snprintf(who, sizeof(who), "has no section [%s]", args->name);
	else
		snprintf(who, sizeof(who), "has sections, but no --name was given");
	if (strict)
		log_error("%s %s: name the VM as its section, or add the section, which may be "
			  "empty (strict-names)", args->config, who);
	else
		log_warn("%s %s: only its section [" CONFIG_DEFAULTS "] applies; strict-names = yes "
			 "refuses that", args->config, who);
	return strict ? EX_CONFIG : 0;
}

/* @sections: those of args->clients that are for the client, as bits. Return: 0 or an exit status. */
static int make_policy(struct arguments *args, uint64_t sections)
{
	struct policy *p = &args->opts.device.setup.policy;
	struct config_sections found = { 0 };
	char why[512];
	int ret = 0;

	policy_init(p);
	if (args->config)
		ret = config_file_load(&args->file, args->name, p, &found);
	for (unsigned int i = 0; i < args->clients.nr && !ret; i++)
		if (sections >> i & 1)
			ret = config_file_apply(&args->file, args->clients.of[i].section, p);
	policy_begin_layer(p);
	for (unsigned int i = 0; i < args->nr_given; i++)
		policy_set(p, args->given[i].rule, args->given[i].value, why, sizeof(why));
	args->opts.device.num_queues = (unsigned int)p->num_queues;
	args->opts.device.op_timeout_s = (unsigned int)p->op_timeout;
	/* Once is enough. */
	if (ret || sections)
		return ret;
	args->has_cache_dir = *p->cache_dir || found.cache_dir;
	return check_name(args, &found);
}

/* What else the caller has left open is not for us. */
static void close_others(int fd)
{
	if (fd > 3)
		syscall(SYS_close_range, 3, fd - 1, 0);
	syscall(SYS_close_range, fd < 3 ? 3 : fd + 1, ~0u, 0);
}

/* Return: the open directory, -1 for no name, -2 after saying what is wrong. */
static int open_dir(const char *option, const char *path)
{
	int fd = *path ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	if (fd >= 0 || !*path)
		return fd;
	log_error("--%s=%s: %s", option, path, strerror(errno));
	return -2;
}

/* @cache: the directory; closed. Return: a keeper, or -errno */
static int start_keeper(int cache, uint64_t max_bytes, int door)
{
	/* Without it the client shares the directory alone. */
	int store = door < 0 ? -1 : store_join(door, cache, max_bytes);
	int keeper = keeper_start(cache, max_bytes, store);

	close(cache);
	if (store >= 0)
		close(store);
	return keeper;
}

/* @door: to the store, or -1. Return: 0 or an exit status. */
static int open_dirs(struct device_options *dev, int door)
{
	const struct policy *p = &dev->setup.policy;
	int cache = open_dir("cache-dir", p->cache_dir);
	const char *why;

	dev->keeper = -1;
	dev->model_dir = open_dir("model-dir", p->model_dir);
	if (cache < -1 || dev->model_dir < -1)
		return EX_NOINPUT;
	if (cache < 0)
		return 0;
	if (cache_dir_check(cache, &why)) {
		log_error("--cache-dir=%s: %s", p->cache_dir, why);
		return EX_USAGE;
	}
	dev->keeper = start_keeper(cache, p->cache_max_bytes, door);
	if (dev->keeper < 0) {
		log_error("--cache-dir=%s: cannot start its keeper: %s", p->cache_dir,
			  strerror(-dev->keeper));
		return EX_OSERR;
	}
	return 0;
}

/* For the servers that plugins declare, and the environment names. Return: 0 or an exit status. */
static int start_connector(struct device_options *dev)
{
	const char *variable, *why;

	dev->connector = connector_start(&variable, &why);
	if (dev->connector >= 0 || dev->connector == -ENOENT)
		return 0;
	if (why)
		log_error("%s has a bad URL: %s", variable, why);
	else
		log_error("cannot start the process that connects to servers: %s", strerror(-dev->connector));
	return why ? EX_CONFIG : EX_OSERR;
}

/* The path of this program, also where there is no /proc. */
static bool own_path(char self[PATH_MAX])
{
	ssize_t len = readlink("/proc/self/exe", self, PATH_MAX - 1);
	const char *started = (const char *)(uintptr_t)getauxval(AT_EXECFN);

	if (len <= 0)
		return started && realpath(started, self);
	self[len] = '\0';
	return true;
}

/* A program beside this one, as in a build tree, else where it is installed: the way there from
 * this program is the same under every prefix. */
static const char *find_program(const char *name, char path[PATH_MAX])
{
	static const char *const places[] = { ".", WORKER_DIR };
	char self[PATH_MAX];
	const char *dir;
	ssize_t len;

	if (!own_path(self))
		return name;
	dir = dirname(self);
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		len = snprintf(path, PATH_MAX, "%s/%s/%s", dir, places[i], name);
		if (len < PATH_MAX && access(path, X_OK) == 0)
			break;
	}
	return path;
}

/* That of workers */
static void set_environment(const struct policy *policy)
{
	char seconds[24];

	if (*policy->plugins)
		setenv("VACCEL_PLUGINS", policy->plugins, 1);
	setenv("VACCEL_PLUGINS", "libvaccel-noop.so", 0);
	/* What workers do is in the traces of those who have asked them to. */
	unsetenv("VACCEL_TRACE");
	/* A plugin that waits for others gives up in time. */
	snprintf(seconds, sizeof(seconds), "%" PRIu64, policy->op_timeout);
	setenv("VACCEL_OP_TIMEOUT", seconds, 1);
}

/* The service of one front end at a time, or one of many. Return: an exit status. */
static int supervise(struct arguments *args)
{
	int ret = open_log(args);

	set_environment(&args->opts.device.setup.policy);
	if (!ret)
		ret = open_dirs(&args->opts.device, args->store);
	/* What is started from here on has no way to the store. */
	if (args->store >= 0)
		close(args->store);
	/* A worker that is shared has the hub's. */
	args->opts.device.connector = -1;
	if (!ret && args->opts.device.hub < 0)
		ret = start_connector(&args->opts.device);
	return ret ? ret : supervisor_run(&args->opts);
}

/* In a process of its own */
static int serve_one(void *arg, const struct listener_start *start)
{
	struct arguments *args = arg;
	int ret = start->sections ? make_policy(args, start->sections) : 0;

	if (ret)
		return ret;

	args->opts.socket_path = NULL;
	args->opts.fd = -1;
	args->opts.handoff = start->handoff;
	args->opts.device.counters = start->counters;
	args->opts.device.hub = start->hub;
	args->store = start->store;
	return supervise(args);
}

static bool is_shared(void *arg, uint64_t sections)
{
	static struct arguments of_client;

	of_client = *(struct arguments *)arg;
	return !make_policy(&of_client, sections) &&
	       of_client.opts.device.setup.policy.isolation == ISOLATION_SHARED;
}

/* In a process of its own, too */
static int share_worker(void *arg, int sock, uint64_t sections)
{
	struct arguments *args = arg;
	struct hub_options opts = {
		.sock = sock,
		.worker_path = args->opts.worker_path,
		.setup = &args->opts.device.setup,
	};
	char name[LOG_NAME_SIZE], service[LOG_NAME_SIZE];
	int ret = make_policy(args, sections);

	if (!ret)
		ret = open_log(args);
	if (ret)
		return ret;
	name_service(args, service, sizeof(service));
	snprintf(name, sizeof(name), "%.14s%sshared", service, *service ? "/" : "");
	log_set_name(name);
	set_environment(&opts.setup->policy);
	ret = start_connector(&args->opts.device);
	if (ret)
		return ret;
	opts.connector = args->opts.device.connector;
	return hub_run(&opts);
}

/* How many front ends are served at a time */
static unsigned int max_clients(const struct arguments *args)
{
	if (is_connected(args->opts.fd))
		return 1;
	/* A name, and the limits that go with it, are one VM's. */
	if (!args->max_clients)
		return args->opts.once || args->name ? 1 : DEFAULT_CLIENTS;
	return args->max_clients;
}

/* ---- Reading the policy again --------------------------------------------------------------- */

static int check_dirs(const struct policy *p)
{
	int model = open_dir("model-dir", p->model_dir), cache = open_dir("cache-dir", p->cache_dir);

	if (model >= 0)
		close(model);
	if (cache >= 0)
		close(cache);
	return model < -1 || cache < -1 ? EX_NOINPUT : 0;
}

static bool reload(void *arg, char *why, size_t size)
{
	struct arguments *args = arg;
	static struct arguments fresh;
	int ret;

	fresh = *args;
	log_keep_first(why, size);
	ret = config_file_read(args->config, &fresh.file);
	if (!ret)
		ret = make_policy(&fresh, 0);
	if (!ret)
		ret = config_file_clients(&fresh.file, &fresh.clients);
	if (!ret)
		ret = check_dirs(&fresh.opts.device.setup.policy);
	if (ret)
		log_error("the policy stays as it was");
	log_keep_first(NULL, 0);
	if (ret) {
		config_file_free(&fresh.file);
		return false;
	}
	config_file_free(&args->file);
	*args = fresh;
	return true;
}

static int serve_many(struct arguments *args)
{
	char name[LOG_NAME_SIZE], observer[PATH_MAX];
	const struct listener_options opts = {
		.socket_path = args->opts.socket_path,
		.fd = args->opts.fd,
		.max_clients = max_clients(args),
		.clients = &args->clients,
		.has_store = &args->has_cache_dir,
		.name = name,
		.metrics = args->metrics,
		.control = args->control,
		.reload = args->config ? reload : NULL,
		.observer = find_program(OBSERVER_NAME, observer),
		.serve = serve_one,
		.is_shared = is_shared,
		.share = share_worker,
		.arg = args,
	};

	name_service(args, name, sizeof(name));
	log_set_name(name);
	return listener_run(&opts);
}

int main(int argc, char **argv)
{
	const struct argp argp = { make_options(), parse, NULL, doc, NULL, NULL, NULL };
	/* Supervisors of later clients need all of it. */
	static struct arguments args = {
		.opts = { .fd = -1, .handoff = -1, .device.counters = -1, .device.hub = -1 },
		.store = -1,
	};
	static char worker[PATH_MAX];
	struct control_setup *setup = &args.opts.device.setup;
	int ret;

	/* An error is enough where nobody reads, or no file may grow; so it is for the other processes. */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	/* Where who has started us ignores it, nothing would tell of children's ends. */
	signal(SIGCHLD, SIG_DFL);
	ret = streams_fill();
	if (ret) {
		/* Where that is missing it stays unsaid. */
		log_error("/dev/null cannot be opened (%s): give this process a /dev, as containers have it",
			  strerror(-ret));
		return EX_OSERR;
	}
	/* By QEMU's conventions this wins over all other options, wrong ones included. */
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--print-capabilities") == 0) {
			puts("{\n  \"type\": \"accel\",\n  \"features\": []\n}");
			return EXIT_SUCCESS;
		}
	}
	policy_init(&args.checked);
	args.given = calloc((size_t)argc, sizeof(*args.given));
	if (!args.given) {
		log_error("out of memory");
		return EX_OSERR;
	}
	ret = argp_parse(&argp, argc, argv, 0, NULL, &args) ? EX_USAGE : 0;
	if (!ret && args.config)
		ret = config_file_read(args.config, &args.file);
	if (!ret)
		ret = make_policy(&args, 0);
	if (!ret && args.config)
		ret = config_file_clients(&args.file, &args.clients);
	if (ret)
		return ret;
	if (args.print_policy) {
		policy_print(&setup->policy, stdout);
		putchar('\n');
		return EXIT_SUCCESS;
	}
	close_others(args.opts.fd);
	if (!args.opts.worker_path)
		args.opts.worker_path = find_program(WORKER_NAME, worker);
	/* Who observes is the listener's. */
	return max_clients(&args) == 1 && !args.metrics && !args.control ? supervise(&args) : serve_many(&args);
}
