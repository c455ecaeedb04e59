/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes of files and blobs. */
#ifndef PLUGINS_COMMON_FILES_H
#define PLUGINS_COMMON_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vaccel.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FILE_MAX_SIZE (UINT64_C(64) << 30)

struct bytes {
	const void *data;
	size_t size;
	void *owned; /* malloc()ed or mapped, or NULL when data is a blob's */
	bool mapped;
};

/**
 * The bytes of a regular file of up to FILE_MAX_SIZE. Memory that nobody can change any more (memfd_create(2), sealed),
 * as the host's process has what guests send, is mapped: all processes that use it share it. So is a file that the
 * file system lets nobody change (immutable, or with fs-verity). Others are read.
 *
 * Return: 0 or the errno.
 */
int bytes_of_file(const char *path, struct bytes *bytes);

/** file_is_constant() - whether it is such a file, and may be mapped: nobody can change it or make it shorter */
bool file_is_constant(int fd);

/** The bytes of a blob, which stays as it is: several threads may read it. Return: as above. */
int bytes_of_blob(const struct vaccel_blob *blob, struct bytes *bytes);

/** Makes bytes that are a blob's a copy, which lives until bytes_release(). Return: 0 or the errno. */
int bytes_own(struct bytes *bytes);

void bytes_release(struct bytes *bytes);

/** What tells one content of a file from the next. All zero when there is no file. */
struct file_state {
	uint64_t device, inode, size;
	int64_t seconds, nanoseconds;		  /* of the last change of the bytes */
	int64_t change_seconds, change_nanoseconds; /* of the file */
};

void file_state(const char *path, struct file_state *state);

#ifdef __cplusplus
}
#endif

#endif
