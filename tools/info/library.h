/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libvaccel, which is looked for when it is needed and not when the program starts: a library that is not
 * there, or is of another release, is one of the things that vaccel-info has to tell of.
 */
#ifndef INFO_LIBRARY_H
#define INFO_LIBRARY_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "vaccel.h"

#define LIBRARY_FUNCTIONS(X)                                                              \
	X(vaccel_bootstrap) X(vaccel_cleanup) X(vaccel_mem_alloc) X(vaccel_mem_free)      \
	X(vaccel_mem_info) X(vaccel_noop) X(vaccel_plugin_list) X(vaccel_plugin_load)     \
	X(vaccel_rundir) X(vaccel_session_host_plugins) X(vaccel_session_init)            \
	X(vaccel_session_init_with_plugin) X(vaccel_session_release)

/** struct library - its functions, without the prefix vaccel_ in no name: library.vaccel_noop() */
struct library {
	char path[PATH_MAX];
#define X(name) __typeof__(&name) name;
	LIBRARY_FUNCTIONS(X)
#undef X
};

/**
 * library_open() - loads libvaccel, which starts itself unless VACCEL_BOOTSTRAP_ENABLED is 0
 * @why: receives what is wrong and what to do, @size bytes at most
 *
 * It stays loaded. Return: whether all functions are there.
 */
bool library_open(struct library *lib, char *why, size_t size);

#endif
