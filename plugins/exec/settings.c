// SPDX-License-Identifier: Apache-2.0
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "exec.h"

#define ENV_MODE      "VACCEL_EXEC_DLOPEN_MODE"
#define ENV_CLOSE     "VACCEL_EXEC_DLCLOSE_ENABLED"
#define ENV_CLOSE_OLD "VACCEL_EXEC_DLCLOSE"

static int dlopen_mode(void)
{
	const char *mode = getenv(ENV_MODE);

	if (mode && !strcmp(mode, "lazy"))
		return RTLD_LAZY;
	if (mode && strcmp(mode, "now"))
		exec_warn("%s is \"%s\"; it can be now or lazy. Using now.", ENV_MODE, mode);
	return RTLD_NOW;
}

void exec_settings_read(struct exec_settings *settings)
{
	const char *name = ENV_CLOSE, *value = getenv(name);

	settings->dlopen_mode = dlopen_mode();
	settings->close_after_exec = false;
	settings->close_at_unregister = true;

	if (!value) {
		value = getenv(ENV_CLOSE_OLD);
		if (!value)
			return;
		name = ENV_CLOSE_OLD;
		exec_warn("%s is deprecated. Use %s instead.", ENV_CLOSE_OLD, ENV_CLOSE);
	}

	if (!strcmp(value, "1") || !strcmp(value, "true"))
		settings->close_after_exec = settings->close_at_unregister = true;
	else if (!strcmp(value, "0") || !strcmp(value, "false"))
		settings->close_after_exec = settings->close_at_unregister = false;
	else
		exec_warn("%s is \"%s\"; it can be 0, 1, false or true. Ignored.", name, value);
}
