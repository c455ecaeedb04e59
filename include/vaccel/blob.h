/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blobs: the bytes of one file, wherever they are - in a file, in memory, or both.
 *
 * Threads: there is no locking. One thread may use one blob at a time; different blobs are
 * independent of each other.
 *
 * Results: functions returning int give VACCEL_OK or a positive code.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vaccel/utils/enum.h"

#ifdef __cplusplus
extern "C" {
#endif

/* clang-format off */
#define _ENUM_PREFIX VACCEL_BLOB
#define VACCEL_BLOB_TYPE_ENUM_LIST(ITEM)       \
	ITEM(FILE, 0, _ENUM_PREFIX)            \
	ITEM(BUFFER, _ENUM_PREFIX)             \
	ITEM(MAPPED, _ENUM_PREFIX)

VACCEL_ENUM_DEF_WITH_STR_FUNCS(vaccel_blob_type, _ENUM_PREFIX, VACCEL_BLOB_TYPE_ENUM_LIST)

#undef _ENUM_PREFIX
/* clang-format on */

/*
 * One blob.
 *  type        FILE: a file, not in memory. BUFFER: memory only. MAPPED: a file and its mapping.
 *              MAX after release.
 *  name        file name without directory, owned by the blob
 *  path        path of the file (FILE, MAPPED), owned by the blob
 *  path_owned  release removes the file
 *  data        the bytes (BUFFER, MAPPED)
 *  data_owned  BUFFER: release frees data. Mappings are unmapped whatever this says.
 *  size        bytes at data
 */
struct vaccel_blob {
	vaccel_blob_type_t type;
	char *name;
	char *path;
	bool path_owned;
	uint8_t *data;
	bool data_owned;
	size_t size;
};

/*
 * vaccel_blob_persist - put the bytes of a memory blob into a file that the blob owns
 * @dir: existing directory
 * @filename: name of the file in dir
 * @randomize: use a fresh name made from filename ("stem_XXXXXX.ext")
 *
 * When dir/filename exists it is left alone and a fresh name is taken, with a warning. The blob
 * becomes MAPPED: data is a mapping of the new file (what is written there reaches the file) and
 * the old buffer is freed when the blob owned it. The blob takes a fresh name as its own; it keeps
 * its name otherwise. Release removes the file.
 *
 * EINVAL: NULL, no data, unknown type, a filename that is no file's name. ENOENT: no such
 * directory, a filename with a directory. EEXIST: the blob has a file already. ENOSPC, EROFS,
 * EACCES, ENAMETOOLONG, EIO, ENOMEM. A failed call leaves the blob as it was and no file behind.
 */
int vaccel_blob_persist(struct vaccel_blob *blob, const char *dir, const char *filename,
			bool randomize);

/*
 * vaccel_blob_init - describe an existing regular file; nothing is read
 *
 * The file stays the caller's. EINVAL: NULL, no such regular file. ENAMETOOLONG: file name of
 * 255 bytes or more. ENOMEM. Pair with vaccel_blob_release.
 */
int vaccel_blob_init(struct vaccel_blob *blob, const char *path);

/*
 * vaccel_blob_init_from_buf - make a blob of the size bytes at buf
 * @own: without dir: keep a copy; otherwise buf is borrowed and must outlive the blob
 * @filename: name of the blob
 * @dir: when not NULL, persist at once into this directory (see vaccel_blob_persist; buf is not
 *	needed afterwards)
 * @randomize: as for vaccel_blob_persist; without dir it has no effect
 *
 * EINVAL: NULL blob, buf or filename, size 0. ENOMEM, and what persist returns. Pair with
 * vaccel_blob_release.
 */
int vaccel_blob_init_from_buf(struct vaccel_blob *blob, const uint8_t *buf, size_t size, bool own,
			      const char *filename, const char *dir, bool randomize);

/*
 * Frees what the blob owns: name, path, an owned buffer, any mapping, and the file itself when
 * path_owned. EINVAL: NULL, released already.
 */
int vaccel_blob_release(struct vaccel_blob *blob);

/* As vaccel_blob_init, for an allocated blob. Pair with vaccel_blob_delete. */
int vaccel_blob_new(struct vaccel_blob **blob, const char *path);

/* As vaccel_blob_init_from_buf, for an allocated blob. Pair with vaccel_blob_delete. */
int vaccel_blob_from_buf(struct vaccel_blob **blob, const uint8_t *buf, size_t size, bool own,
			 const char *filename, const char *dir, bool randomize);

/* Releases and frees a blob of vaccel_blob_new or vaccel_blob_from_buf. */
int vaccel_blob_delete(struct vaccel_blob *blob);

/*
 * vaccel_blob_read - map a blob's file into memory; the blob becomes MAPPED
 *
 * OK at once when the bytes are in memory already. The mapping is private: what a program writes
 * there does not change the file. EINVAL: NULL, unknown type, no path, an empty file. ENOENT,
 * EACCES, ENOMEM, EIO.
 */
int vaccel_blob_read(struct vaccel_blob *blob);

/*
 * The bytes of the blob, read on demand, and their number in *size (which may be NULL). The
 * pointer is valid until the blob is persisted or released. NULL on failure.
 */
uint8_t *vaccel_blob_data(struct vaccel_blob *blob, size_t *size);

/* Path of the blob's file, valid until release. NULL: blob NULL or in memory only. */
const char *vaccel_blob_path(struct vaccel_blob *blob);

/* Whether the blob has a known type, a name, and a path or bytes. False for NULL. */
bool vaccel_blob_valid(const struct vaccel_blob *blob);

#ifdef __cplusplus
}
#endif
