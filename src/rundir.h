/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The library's private directory. Not thread-safe, unless said otherwise. A child of fork() gets one
 * of its own when it needs one, and leaves that of its parent alone.
 */
#pragma once

#include <stdbool.h>

/*
 * rundir_create - make a fresh directory with mode 0700
 *
 * In /run/user/UID/vaccel, or else in XDG_RUNTIME_DIR/vaccel, TMPDIR or /tmp. EACCES, after an
 * error line, when none of them works.
 */
int rundir_create(void);

/* Removes the directory, and the parents that create made when nobody uses them; not in a child
 * made by fork(). */
void rundir_remove(void);

/*
 * rundir_end - rundir_remove() while other threads may make files there
 *
 * Content is removed without a warning, and nothing can be made there any more.
 */
void rundir_end(void);

/* Makes a directory if this process has none: a child of fork(). Codes as rundir_create. Any thread. */
int rundir_ensure(void);

/* Whether a path lies in the directory of this process, so that its file may be removed. */
bool rundir_owns(const char *path);

/* The directory's path, also after its removal; "" before the first create. */
const char *rundir_path(void);
