// SPDX-License-Identifier: Apache-2.0
/* vhost-user-accel: options of the supervisor. */
#include <argp.h>
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "log.h"
#include "supervisor.h"

#define WORKER_NAME "vhost-user-accel-worker"

const char *argp_program_version = "vhost-user-accel " VACCEL_PROJECT_VERSION;

static const char doc[] =
	"Serves a virtio accelerator to one virtual machine over vhost-user.\v"
	"The plugins of VACCEL_PLUGINS (default: libvaccel-noop.so) run in a worker process, which "
	"is started again when it dies. VACCEL_LOG_LEVEL and the other variables of vAccel apply "
	"to it. After a front end has disconnected the next one may connect, unless --once is "
	"given. "
	"SIGUSR1 prints counters as a line of JSON on stderr. SIGTERM and SIGINT stop the "
	"process.\n\n"
	"Exit status: 0 stopped as told, 64 wrong options, 69 the worker or a plugin cannot start, "
	"71 a failure of the system, 73 the socket cannot be made.";

enum {
	OPT_CAPABILITIES = 0x100,
	OPT_ALLOW,
	OPT_MAX_SESSIONS,
	OPT_MAX_RESOURCE_BYTES,
	OPT_MAX_STAGING_BYTES,
	OPT_ONCE,
	OPT_OP_TIMEOUT,
	OPT_POLL_US,
	OPT_WORKER,
};

static const struct argp_option options[] = {
	{ "socket-path", 's', "PATH", 0, "Listen on the unix socket PATH", 1 },
	{ "fd", 'f', "FDNUM", 0, "Use the open socket FDNUM, which listens or is connected", 1 },
	{ "print-capabilities", OPT_CAPABILITIES, NULL, 0,
	  "Print what this program can do, in JSON, and exit", 1 },
	{ "num-queues", 'n', "N", 0, "Request queues (default 8, at most 64)", 2 },
	{ "once", OPT_ONCE, NULL, 0, "Exit when the front end disconnects", 2 },
	{ "poll-us", OPT_POLL_US, "N", 0,
	  "Wait for the next request without sleeping for N microseconds (default 50)", 2 },
	{ "worker", OPT_WORKER, "PATH", 0, "Executable of the worker", 2 },
	{ "allow", OPT_ALLOW, "LIST", 0,
	  "Allow what is refused by default: exec, exec_with_resource, url (separated by commas)",
	  3 },
	{ "op-timeout", OPT_OP_TIMEOUT, "SECONDS", 0,
	  "How long an operation may run before the worker is killed (default 300, 0: no limit)",
	  3 },
	{ "max-sessions", OPT_MAX_SESSIONS, "N", 0, "Sessions of the VM (default 256)", 3 },
	{ "max-resource-bytes", OPT_MAX_RESOURCE_BYTES, "SIZE", 0,
	  "Memory and files of all resources; K, M, G, T are understood (default 4G)", 3 },
	{ "max-staging-bytes", OPT_MAX_STAGING_BYTES, "SIZE", 0,
	  "Memory for copies of arguments and for outputs that were not fetched yet (default 2G)",
	  3 },
	{ "verbose", 'v', NULL, 0, "Log connections, refusals and the worker's life", 4 },
	{ 0 },
};

/* A number within limits; a bad one ends the program. */
static uint64_t number(struct argp_state *state, const char *option, const char *arg, uint64_t min,
		       uint64_t max, bool suffix)
{
	static const char suffixes[] = "KMGT";
	const char *at;
	uint64_t value;
	char *end;

	errno = 0;
	value = strtoull(arg, &end, 10);
	if (suffix && *end && (at = strchr(suffixes, *end))) {
		unsigned int shift = 10 * (unsigned int)(at - suffixes + 1);

		if (value > UINT64_MAX >> shift)
			errno = ERANGE;
		value <<= shift;
		end++;
	}
	if (errno || *end || *arg < '0' || *arg > '9' || value < min || value > max)
		argp_error(state, "--%s=%s: a number from %llu to %llu is expected", option, arg,
			   (unsigned long long)min, (unsigned long long)max);
	return value;
}

static void parse_allow(struct argp_state *state, char *list, struct control_setup *setup)
{
	char *save, *word;

	for (word = strtok_r(list, ",", &save); word; word = strtok_r(NULL, ",", &save)) {
		if (strcmp(word, "exec") == 0)
			setup->allow_exec = true;
		else if (strcmp(word, "exec_with_resource") == 0)
			setup->allow_exec_with_resource = true;
		else if (strcmp(word, "url") == 0)
			setup->allow_url = true;
		else
			argp_error(state, "--allow=%s: exec, exec_with_resource, url are known",
				   word);
	}
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct supervisor_options *opts = state->input;
	struct control_setup *setup = &opts->device.setup;

	switch (key) {
	case 's':
		opts->socket_path = arg;
		break;
	case 'f':
		opts->fd = (int)number(state, "fd", arg, 0, INT_MAX, false);
		break;
	case 'n':
		opts->device.num_queues = (unsigned int)number(
			state, "num-queues", arg, 1, VIRTIO_ACCEL_MAX_QUEUES, false);
		break;
	case OPT_ONCE:
		opts->once = true;
		break;
	case OPT_POLL_US:
		setup->poll_us = (uint32_t)number(state, "poll-us", arg, 0, 1000000, false);
		break;
	case OPT_WORKER:
		opts->device.worker_path = arg;
		break;
	case OPT_ALLOW:
		parse_allow(state, arg, setup);
		break;
	case OPT_OP_TIMEOUT:
		opts->device.op_timeout_s =
			(unsigned int)number(state, "op-timeout", arg, 0, 1000000, false);
		break;
	case OPT_MAX_SESSIONS:
		setup->max_sessions =
			(uint32_t)number(state, "max-sessions", arg, 1, 1000000, false);
		break;
	case OPT_MAX_RESOURCE_BYTES:
		setup->max_resource_bytes =
			number(state, "max-resource-bytes", arg, 0, UINT64_MAX, true);
		break;
	case OPT_MAX_STAGING_BYTES:
		setup->max_staging_bytes =
			number(state, "max-staging-bytes", arg, 0, UINT64_MAX, true);
		break;
	case 'v':
		setup->verbose = true;
		log_set_verbose(true);
		break;
	case ARGP_KEY_END:
		if (!opts->socket_path == (opts->fd < 0))
			argp_error(state, "either --socket-path or --fd is needed");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

/* The worker beside this program, as in a build tree, else the installed one. */
static const char *find_worker(void)
{
	static char path[PATH_MAX];
	char self[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (len > 0) {
		self[len] = '\0';
		if (snprintf(path, sizeof(path), "%s/" WORKER_NAME, dirname(self)) <
			    (int)sizeof(path) &&
		    access(path, X_OK) == 0)
			return path;
	}
	return WORKER_DIR "/" WORKER_NAME;
}

int main(int argc, char **argv)
{
	const struct argp argp = { options, parse, NULL, doc, NULL, NULL, NULL };
	struct supervisor_options opts = {
		.fd = -1,
		.device = {
			.num_queues = 8,
			.op_timeout_s = 300,
			.setup = {
				.max_sessions = 256,
				.max_resource_bytes = UINT64_C(4) << 30,
				.max_staging_bytes = UINT64_C(2) << 30,
				.poll_us = 50,
			},
		},
	};

	/* By QEMU's conventions this wins over all other options, wrong ones included. */
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--print-capabilities") == 0) {
			puts("{\n  \"type\": \"accel\",\n  \"features\": []\n}");
			return EXIT_SUCCESS;
		}
	}
	if (argp_parse(&argp, argc, argv, 0, NULL, &opts))
		return EX_USAGE;
	if (!opts.device.worker_path)
		opts.device.worker_path = find_worker();

	setenv("VACCEL_PLUGINS", "libvaccel-noop.so", 0);
	return supervisor_run(&opts);
}
