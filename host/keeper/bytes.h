/* SPDX-License-Identifier: Apache-2.0 */
/* Files, a piece at a time. All functions may be called from any thread. */
#ifndef HOST_KEEPER_BYTES_H
#define HOST_KEEPER_BYTES_H

#include <stddef.h>
#include <stdint.h>

/** What is to happen with each piece of a file; return 0 or a negative errno value. */
typedef int (*piece_function)(void *arg, const uint8_t *data, size_t len, uint64_t at);

/**
 * bytes_for_pieces() - reads a file of @size bytes from its beginning
 *
 * Return: 0; what @function has returned, if that was not 0; or a negative errno value, also where the file has
 * become shorter.
 */
int bytes_for_pieces(int fd, uint64_t size, piece_function function, void *arg);

/** bytes_copy_piece() - a piece_function: copies to the descriptor at @arg, which has zeros there; holes stay holes */
int bytes_copy_piece(void *arg, const uint8_t *data, size_t len, uint64_t at);

#endif
