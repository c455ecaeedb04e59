/* SPDX-License-Identifier: Apache-2.0 */
/* Directories of the library. May be called from any thread. */
#pragma once

/*
 * path_remove_dir - remove a directory of the library with all that is in it
 * @what: what the directory is, for messages
 *
 * Content that somebody left there is removed too, with a warning; symbolic links are not
 * followed. Returns VACCEL_OK also when there is no such directory; otherwise a positive code,
 * after a warning.
 */
int path_remove_dir(const char *path, const char *what);

/*
 * path_remove_tree - the same without a word, and while others may add or remove content
 *
 * Return: 0, or an errno: ENOTEMPTY when somebody was faster.
 */
int path_remove_tree(const char *path);
