/* SPDX-License-Identifier: Apache-2.0 */
/* Directories of the library. May be called from any thread. */
#pragma once

#include <stddef.h>

/*
 * path_join - write dir/name to buf of size bytes
 *
 * ENAMETOOLONG when it does not fit; buf is then "".
 */
int path_join(char *buf, size_t size, const char *dir, const char *name);

/*
 * path_remove_dir - remove a directory of the library with all that is in it
 * @what: what the directory is, for messages
 *
 * Content that somebody left there is removed too, with a warning; symbolic links are not
 * followed. Returns VACCEL_OK also when there is no such directory; otherwise the errno, after a
 * warning.
 */
int path_remove_dir(const char *path, const char *what);
