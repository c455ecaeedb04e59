/* SPDX-License-Identifier: Apache-2.0 */
/* Files from the network. */
#pragma once

/*
 * download - fetch url (http, https, ftp) into a new file
 * @dir, @name: where the file goes; it must not exist
 * @path: becomes its malloc'ed path
 *
 * The file appears when it is complete. The time is bounded: for connecting, and by a minimum
 * speed afterwards. EREMOTEIO: unreachable, too slow, refused or not found. ENOTSUP: the library
 * was built without libcurl, or libcurl is not there. EEXIST, ENOSPC and what else the file system
 * gives. Nothing is left behind on failure. Any thread.
 */
int download(const char *url, const char *dir, const char *name, char **path);
