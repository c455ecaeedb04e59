// SPDX-License-Identifier: Apache-2.0
/* vaccel-info: which plugins there are, here and on the host, and what they offer; and what is wrong. */
#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "check.h"
#include "info.h"
#include "system.h"
#include "transport/target.h"

#define DEFAULT_TIMEOUT_S 30
#define MAX_TIMEOUT_S	  3600

const char *argp_program_version = "vaccel-info " VACCEL_PROJECT_VERSION;

static const char doc[] =
	"Shows the plugins that VACCEL_PLUGINS names, and those of the host behind a virtio plugin: "
	"their versions, engines, devices and operations. With --check it goes from the library to a first "
	"call, and says of the first thing that is wrong what it is and how to mend it; what follows -- are "
	"options for the vhost-user-accel that it starts where there is one.\v"
	"Exit status: 0 when there is a plugin and the host, if any, has answered; with --check when all "
	"works; 1 with --check when something is wrong; 64 wrong options; the number of an error where a plugin "
	"cannot be loaded or does not start; 69 otherwise.";

static const struct argp_option options[] = {
	{"check", 'c', NULL, 0, "Find out what is wrong, and how to mend it", 0},
	{"json", 'j', NULL, 0, "Print a JSON object", 0},
	{"timeout", 't', "SECONDS", 0, "With --check: how long a step may take (default 30)", 0},
	{0},
};

struct arguments {
	bool check, json;
	unsigned int timeout_s;
	char **host_options;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *args = state->input;
	char *end;
	unsigned long n;

	switch (key) {
	case 'c':
		args->check = true;
		return 0;
	case 'j':
		args->json = true;
		return 0;
	case 't':
		n = strtoul(arg, &end, 10);
		if (*arg < '0' || *arg > '9' || *end || !n || n > MAX_TIMEOUT_S)
			argp_error(state, "--timeout=%s: a number from 1 to %d is expected", arg, MAX_TIMEOUT_S);
		args->timeout_s = (unsigned int)n;
		return 0;
	case ARGP_KEY_ARGS:
		if (!args->check || !state->quoted)
			argp_error(state, "there are no arguments, only options; those for vhost-user-accel "
					  "follow --check --");
		args->host_options = state->argv + state->next;
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

/* Asks the host behind the first virtio plugin, if there is one. */
static void ask_host(struct info *info)
{
	const struct library *lib = &info->lib;
	struct vaccel_session sess;
	size_t at = 0;

	while (at < info->local.nr && !info->local.list[at].is_virtio)
		at++;
	if (at == info->local.nr)
		return;
	info->host_asked = true;
	info->native = target_is_native();
	info->target = target_path();
	system_device(&info->device);
	info->limits_known = !info->native && !system_limits(info->target, &info->limits);
	info->remote.nr = MAX_PLUGINS;
	info->host_error = lib->vaccel_session_init_with_plugin(&sess, info->local.list[at].name);
	if (info->host_error)
		return;
	info->host_error = lib->vaccel_session_host_plugins(&sess, info->remote.list, &info->remote.nr);
	if (info->remote.nr > MAX_PLUGINS)
		info->remote.nr = MAX_PLUGINS;
	lib->vaccel_session_release(&sess);
}

static int show(bool json)
{
	static struct info info = {.local.nr = MAX_PLUGINS};
	char why[1024];
	int ret;

	/*
	 * It is started here, not while it is loaded: threads of an engine, such as PoCL's, load libraries
	 * themselves, and would wait for ever until this one is.
	 */
	setenv("VACCEL_BOOTSTRAP_ENABLED", "0", 1);
	if (!library_open(&info.lib, why, sizeof(why))) {
		fprintf(stderr, "vaccel-info: %s\n", why);
		return EX_UNAVAILABLE;
	}
	ret = info.lib.vaccel_bootstrap();
	if (ret)
		return ret; /* has been logged */
	if (info.lib.vaccel_plugin_list(info.local.list, &info.local.nr))
		info.local.nr = 0;
	if (info.local.nr > MAX_PLUGINS)
		info.local.nr = MAX_PLUGINS;
	ask_host(&info);
	if (json)
		print_json(&info);
	else
		print_text(&info);
	return info.local.nr && !info.host_error ? 0 : EX_UNAVAILABLE;
}

static int check(const struct arguments *args)
{
	static struct checks checks;
	int ret;

	checks.timeout_s = args->timeout_s;
	checks.host_options = args->host_options;
	ret = check_run(&checks);
	if (args->json)
		check_print_json(&checks);
	else
		check_print_text(&checks);
	return ret;
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		.options = options, .parser = parse, .doc = doc, .args_doc = "[-- HOST-OPTION...]",
	};
	struct arguments args = {.timeout_s = DEFAULT_TIMEOUT_S, .host_options = argv + argc};

	argp_err_exit_status = EX_USAGE;
	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &args);
	return args.check ? check(&args) : show(args.json);
}
