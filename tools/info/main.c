// SPDX-License-Identifier: Apache-2.0
/* vaccel-info: which plugins there are, here and on the host, and what they offer. */
#include <argp.h>
#include <stdio.h>
#include <sysexits.h>

#include "info.h"

const char *argp_program_version = "vaccel-info " VACCEL_PROJECT_VERSION;

static const char doc[] =
	"Shows the plugins that VACCEL_PLUGINS names, and those of the host behind a virtio plugin: "
	"their versions, engines, devices and operations.\v"
	"Exit status: 0 when there is a plugin and the host, if any, has answered; 64 wrong options; "
	"69 otherwise.";

static const struct argp_option options[] = {
	{"json", 'j', NULL, 0, "Print a JSON object", 0},
	{0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	(void)arg;
	switch (key) {
	case 'j':
		*(bool *)state->input = true;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "there are no arguments, only options");
	}
	return ARGP_ERR_UNKNOWN;
}

/* Asks the host behind the first virtio plugin, if there is one. */
static void ask_host(struct info *info)
{
	struct vaccel_session sess;
	size_t at = 0;

	while (at < info->local.nr && !info->local.list[at].is_virtio)
		at++;
	if (at == info->local.nr)
		return;
	info->host_asked = true;
	info->remote.nr = MAX_PLUGINS;
	info->host_error = vaccel_session_init_with_plugin(&sess, info->local.list[at].name);
	if (info->host_error)
		return;
	info->host_error = vaccel_session_host_plugins(&sess, info->remote.list, &info->remote.nr);
	if (info->remote.nr > MAX_PLUGINS)
		info->remote.nr = MAX_PLUGINS;
	vaccel_session_release(&sess);
}

int main(int argc, char **argv)
{
	static const struct argp argp = {.options = options, .parser = parse, .doc = doc};
	static struct info info = {.local.nr = MAX_PLUGINS};
	bool json = false;

	argp_err_exit_status = EX_USAGE;
	argp_parse(&argp, argc, argv, 0, NULL, &json);

	if (vaccel_plugin_list(info.local.list, &info.local.nr))
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
