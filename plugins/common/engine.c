// SPDX-License-Identifier: Apache-2.0
#include "engine.h"

#include <stdio.h>

#include "cache.h"

void engine_log_failure(const char *what, const char *name, const char *message)
{
	char line[512];
	size_t i;

	snprintf(line, sizeof(line), "%s", message ? message : "(no message)");
	for (i = 0; line[i]; i++)
		if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
			line[i] = ' ';
	while (i && line[i - 1] == ' ')
		line[--i] = '\0';
	engine_error("%s %s: %s", what, name, line);
}

int engine_resource_unregister(struct vaccel_resource *res, struct vaccel_session *sess)
{
	(void)sess;
	cache_forget(res);
	return VACCEL_OK;
}

void engine_fini(void)
{
	cache_clear();
}
