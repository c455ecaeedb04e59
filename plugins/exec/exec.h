/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of the exec plugin. */
#ifndef PLUGINS_EXEC_EXEC_H
#define PLUGINS_EXEC_EXEC_H

#include <stdbool.h>

#include "vaccel.h"

#define exec_debug(format, ...) vaccel_debug("[exec] " format, ##__VA_ARGS__)
#define exec_warn(format, ...)	vaccel_warn("[exec] " format, ##__VA_ARGS__)
#define exec_error(format, ...) vaccel_error("[exec] " format, ##__VA_ARGS__)

struct exec_settings {
	int dlopen_mode;	/* RTLD_NOW or RTLD_LAZY */
	bool close_after_exec;	/* libraries that exec opened */
	bool close_at_unregister; /* libraries of a resource */
};

/* From the environment; values that make no sense are warned of and ignored. */
void exec_settings_read(struct exec_settings *settings);

/*
 * exec_copy - a copy in memory of a library that cannot be run where it is (noexec)
 *
 * Return: a file descriptor; /proc/self/fd/N is the library's name, as long as N is open. -1: there
 * is no need, or it cannot be made, which the library's own name will tell.
 */
int exec_copy(const char *path);

/* What to do about a library that could not be opened, for the end of a message. */
const char *exec_hint(const char *path);

/* The opened libraries of a resource. */
struct exec_libs;

/*
 * exec_libs_get - the libraries of a resource, opened by the first call
 *
 * They stay open until exec_libs_put. EINVAL: no libraries, one without a file, or one that cannot
 * be opened. ENOMEM. Threads: any.
 */
int exec_libs_get(struct vaccel_resource *res, const struct exec_settings *settings,
		  struct exec_libs **libs);

/* Handle of the main library. */
void *exec_libs_main(const struct exec_libs *libs);

/* Ends the use of exec_libs_get. */
void exec_libs_put(struct exec_libs *libs);

/* Closes what a resource keeps open, when the last user has ended. */
void exec_libs_forget(struct vaccel_resource *res);

#endif
