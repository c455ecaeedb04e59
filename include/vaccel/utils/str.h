/* SPDX-License-Identifier: Apache-2.0 */
/* String utilities. May be called from any thread. */
#pragma once

#include <stddef.h>
#include <stdio.h> /* programs rely on it, as on those of enum.h, log.h, plugin.h and session.h */

#ifdef __cplusplus
extern "C" {
#endif

/*
 * vaccel_str_to_lower - write a lower-case (ASCII) copy of a string
 * @str: the string
 * @lower: buffer of size bytes for the copy; a longer copy is cut, always NUL-terminated
 * @size: bytes at lower
 * @alloc_lower: when not NULL the copy is allocated and stored here instead (the caller frees
 *	it), and lower and size are ignored
 *
 * EINVAL: str NULL, nowhere to write, or no memory for the copy.
 */
int vaccel_str_to_lower(const char *str, char *lower, size_t size, char **alloc_lower);

#ifdef __cplusplus
}
#endif
