// SPDX-License-Identifier: Apache-2.0
#include "declared.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The file in a directory that a plugin's declaration is, if that is where the plugin is; -1: it is not. */
static int open_beside(const char *dir, const char *plugin)
{
	const char *slash = strrchr(plugin, '/'), *end = strstr(slash ? slash : plugin, ".so");
	char path[PATH_MAX];

	if (!end || snprintf(path, sizeof(path), "%s%.*s.paths", dir, (int)(end - plugin), plugin) >=
			    (int)sizeof(path))
		return -1;
	return open(path, O_RDONLY | O_CLOEXEC);
}

/* As the linker looks for the plugin: a path, or a name in LD_LIBRARY_PATH or where libraries are installed */
static int open_declaration(const char *plugin)
{
	const char *dirs = getenv("LD_LIBRARY_PATH");
	char *copy = strdup(dirs ? dirs : ""), *save, path[PATH_MAX];
	int fd = -1;

	if (strchr(plugin, '/')) {
		free(copy);
		return open_beside("", plugin);
	}
	for (char *dir = copy ? strtok_r(copy, ":", &save) : NULL; dir && fd < 0;
	     dir = strtok_r(NULL, ":", &save)) {
		snprintf(path, sizeof(path), "%s/", dir);
		fd = open_beside(path, plugin);
	}
	free(copy);
	return fd < 0 ? open_beside(LIB_DIR "/", plugin) : fd;
}

static int read_lines(FILE *file, int (*function)(void *arg, const char *text), void *arg)
{
	char *line = NULL;
	size_t size = 0;
	int ret = 0;

	while (!ret && getline(&line, &size, file) >= 0) {
		line[strcspn(line, "\n")] = '\0';
		ret = function(arg, line);
	}
	free(line);
	return ret;
}

int declared_each(int (*line)(void *arg, const char *text), void *arg)
{
	const char *plugins = getenv("VACCEL_PLUGINS");
	char *copy = strdup(plugins ? plugins : ""), *save;
	int ret = 0;

	for (char *plugin = copy ? strtok_r(copy, ":", &save) : NULL; plugin && !ret;
	     plugin = strtok_r(NULL, ":", &save)) {
		int fd = open_declaration(plugin);
		FILE *file = fd < 0 ? NULL : fdopen(fd, "r");

		if (!file)
			continue;
		ret = read_lines(file, line, arg);
		fclose(file);
	}
	free(copy);
	return ret;
}
