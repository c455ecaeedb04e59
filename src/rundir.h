/* SPDX-License-Identifier: Apache-2.0 */
/* The library's private directory. Not thread-safe. */
#pragma once

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

/* The directory's path, also after its removal; "" before the first create. */
const char *rundir_path(void);
