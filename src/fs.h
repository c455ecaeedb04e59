/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files and directories, as the library uses them. All functions may be called from any thread;
 * those returning int give VACCEL_OK or a positive code, and on failure leave nothing behind.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Longest file name that the library takes, without the terminator. */
#define FS_NAME_MAX 254

/* The library's code for an errno value; what has no code of its own becomes VACCEL_EIO. */
int fs_error(int err);

/* The part of path after its last '/'; path itself when it has none. */
const char *fs_basename(const char *path);

/*
 * Checks a name for a file in one directory. EINVAL: NULL, empty, "." or "..". ENOENT: it has a
 * '/'. ENAMETOOLONG: more than FS_NAME_MAX bytes.
 */
int fs_name_check(const char *name);

/* "dir/name", malloc'ed; NULL without memory. */
char *fs_path_join(const char *dir, const char *name);

/*
 * Reads the regular file at path: *data becomes a malloc'ed copy of its *size bytes, which the
 * caller frees. EINVAL: NULL, not a regular file, empty. ENOENT, EACCES, ENOMEM, EIO.
 *
 * Not declared in a public header, but exported: compiled programs of vAccel 0.8 import it.
 */
int fs_file_read(const char *path, void **data, size_t *size);

/*
 * Maps the regular file at path, readable and writable. Writes reach the file when shared is set
 * and stay in this process otherwise. EINVAL: not a regular file, empty. The caller munmaps.
 */
int fs_file_map(const char *path, bool shared, uint8_t **data, size_t *size);

/*
 * Creates a file in dir with the size bytes at data. With randomize, or when name exists already
 * (which warns), the file gets a fresh name "stem_XXXXXX.ext" made from name. *path becomes its
 * malloc'ed path. ENOENT: dir is no directory. Otherwise as fs_name_check, EACCES, ENOSPC, EROFS,
 * ENOMEM, EIO.
 */
int fs_file_create(const char *dir, const char *name, bool randomize, const void *data,
		   size_t size, char **path);

/*
 * As write(). EFBIG where files may not grow so large (RLIMIT_FSIZE), without the signal that would
 * end the program.
 */
ssize_t fs_write(int fd, const void *data, size_t size);

/*
 * Lists the regular files below dir, in all depths, sorted by path: *paths becomes an array of
 * *nr_paths malloc'ed paths, for fs_paths_free. Symbolic links to files count as files, those to
 * directories are left out. EINVAL: no files. ELOOP: deeper than 64 directories.
 */
int fs_dir_files(const char *dir, char ***paths, size_t *nr_paths);
void fs_paths_free(char **paths, size_t nr_paths);
