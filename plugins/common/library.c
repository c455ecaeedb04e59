// SPDX-License-Identifier: Apache-2.0
#include "library.h"

#include <dlfcn.h>
#include <glob.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"
#include "introduce.h"
#include "vaccel.h"

#define library_error(l, format, ...) vaccel_error("[%s] " format, (l)->plugin, ##__VA_ARGS__)
#define library_debug(l, format, ...) vaccel_debug("[%s] " format, (l)->plugin, ##__VA_ARGS__)

#define WHY_SIZE 512

/* Why the file that was found last could not be loaded; empty: none was found. */
struct attempt {
	char why[WHY_SIZE];
};

/* Its symbols stay its own: two engines may have parts of the same name in different versions. */
static void *open_one(const char *name, struct attempt *attempt)
{
	void *handle = dlopen(name, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	const char *why;
	size_t len = strlen(name);

	if (handle)
		return handle;
	why = dlerror();
	if (!why)
		why = "no reason was given";
	/* That the file itself is not there is no reason where others may be. */
	if (strncmp(why, name, len) || !strstr(why + len, "No such file"))
		snprintf(attempt->why, sizeof(attempt->why), "%s", why);
	return NULL;
}

static int by_version(const void *a, const void *b)
{
	return strverscmp(*(char *const *)b, *(char *const *)a);
}

static void *open_pattern(const char *pattern, struct attempt *attempt)
{
	void *handle = NULL;
	glob_t found;

	if (glob(pattern, 0, NULL, &found))
		return NULL;
	qsort(found.gl_pathv, found.gl_pathc, sizeof(*found.gl_pathv), by_version);
	for (size_t i = 0; i < found.gl_pathc && !handle; i++)
		handle = open_one(found.gl_pathv[i], attempt);
	globfree(&found);
	return handle;
}

static void *open_any(const struct library *l, struct attempt *attempt)
{
	void *handle = NULL;

	for (const char *const *name = l->names; *name && !handle; name++)
		handle = strchr(*name, '/') ? open_pattern(*name, attempt) : open_one(*name, attempt);
	return handle;
}

static void *open_library(const struct library *l)
{
	const char *path = getenv(l->variable);
	struct attempt attempt = {""};
	void *handle;

	if (path && *path) {
		handle = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
		if (!handle)
			library_error(l, "Could not load %s, which %s names: %s", l->engine, l->variable,
				      dlerror());
		return handle;
	}
	handle = open_any(l, &attempt);
	if (handle)
		return handle;
	if (*attempt.why)
		library_error(l, "Could not load %s: %s. %s names another one", l->engine, attempt.why,
			      l->variable);
	else
		library_error(l, "%s is not there: %s, or set %s to the path of its library", l->engine,
			      l->advice, l->variable);
	return NULL;
}

int library_open(const struct library *l, void *functions, size_t size)
{
	void *handle = open_library(l), *function;
	char *to = functions;

	if (!handle)
		return VACCEL_ENOENT;
	for (const char *const *name = l->functions; *name; name++) {
		if (size < sizeof(function))
			return VACCEL_EINVAL;
		function = dlsym(handle, *name);
		if (!function) {
			library_error(l, "This %s has no function %s: it is too old, too new, or another "
				      "library. %s", l->engine, *name, l->advice);
			return VACCEL_ENOTSUP;
		}
		memcpy(to, &function, sizeof(function));
		to += sizeof(function);
		size -= sizeof(function);
	}
	library_debug(l, "Opened %s", l->engine);
	return size ? VACCEL_EINVAL : VACCEL_OK;
}

int library_check_version(const struct library *l, const char *version, const char *oldest)
{
	if (version && strverscmp(version, oldest) >= 0) {
		library_debug(l, "%s %s", l->engine, version);
		return introduce("%s %s", l->engine, version);
	}
	library_error(l, "%s %s is too old: %s or later is needed; %s", l->engine,
		      version ? version : "of an unknown version", oldest, l->advice);
	return VACCEL_ENOTSUP;
}
