/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The library of an engine that this system does without: it is opened when the plugin starts, and the
 * functions that the plugin uses are looked up by name. So the plugin is built where the engine is not.
 */
#ifndef PLUGINS_COMMON_LIBRARY_H
#define PLUGINS_COMMON_LIBRARY_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct library {
	const char *plugin;   /* as in "[tflite] ..." */
	const char *engine;   /* its name for people */
	const char *variable; /* environment variable with the path of the library; it alone counts when set */
	const char *advice;   /* what to do when the library is not there; the end of a sentence */
	/*
	 * What it may be called; NULL ends the list. Names without a slash are found as the dynamic linker
	 * finds them. In paths *, ? and [] stand for what they stand for in a shell; of several files the
	 * one with the highest version comes first.
	 */
	const char *const *names;
	const char *const *functions; /* names; NULL ends the list */
};

/**
 * library_open() - opens the library, for ever
 * @functions: receives the functions in the order of @library->functions: a pointer each
 *
 * The library is never closed: engines do not survive it. VACCEL_ENOENT: it is not there, or cannot be
 * loaded. VACCEL_ENOTSUP: it lacks a function. One line says which, and what to do.
 */
int library_open(const struct library *library, void *functions, size_t size);

/**
 * library_check_version() - whether a version "2.14.1" is one with which the plugin works
 * @oldest: "2.10"
 *
 * VACCEL_ENOTSUP: it is older, which was logged.
 */
int library_check_version(const struct library *library, const char *version, const char *oldest);

#ifdef __cplusplus
}
#endif

#endif
