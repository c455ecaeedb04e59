/* SPDX-License-Identifier: Apache-2.0 */
/* Blobs inside the library. May be called from any thread. */
#pragma once

#include "vaccel/blob.h"

/*
 * blob_own_file - note that this process made a file, so that no child of fork() removes it
 *
 * vaccel_blob_release() of the blob with that path and path_owned ends it. ENOMEM.
 */
int blob_own_file(const char *path);

/* For pthread_atfork: the list of files must not be changing. */
void blobs_before_fork(void);
void blobs_after_fork(void);
