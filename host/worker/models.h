/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Models that the operator offers by name (--model-dir): files and directories below one directory.
 * Guests name them as host://NAME and neither send nor read them. Nothing outside of the directory is
 * reachable, also not through symbolic links. All functions may be called from any thread.
 */
#ifndef HOST_MODELS_H
#define HOST_MODELS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

/** What a model was when it was looked up. */
struct model {
	bool is_dir;
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec changed;
};

/** model_name() - the NAME of host://NAME; NULL: it is another path */
const char *model_name(const char *path);

/** model_served_name() - the NAME of model://NAME, a model that a plugin knows by it; NULL: it is another path */
const char *model_served_name(const char *path);

/**
 * model_find() - looks a model up
 * @dir:   the directory, open; -1: there is none
 * @name:  relative path
 * @model: receives what it is
 *
 * Return: 0; EPERM: no models are offered, or it leads out of the directory; ENOENT; EINVAL: no
 * usable name, or neither a file nor a directory of files; another VACCEL_E*.
 */
int model_find(int dir, const char *name, struct model *model);

/** model_same() - whether a model is still the one that was found before */
bool model_same(int dir, const char *name, const struct model *before);

#endif
