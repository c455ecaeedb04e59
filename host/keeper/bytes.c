// SPDX-License-Identifier: Apache-2.0
#include "bytes.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A keeper keeps what it has once had, and there is one for each client. */
#define PIECE ((size_t)64 << 10)

static bool is_zero(const uint8_t *data, size_t len)
{
	return !data[0] && !memcmp(data, data + 1, len - 1);
}

static int write_all(int fd, const uint8_t *data, size_t len, uint64_t at)
{
	while (len) {
		ssize_t n = pwrite(fd, data, len, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		data += n;
		len -= (size_t)n;
		at += (uint64_t)n;
	}
	return 0;
}

int bytes_for_pieces(int fd, uint64_t size, piece_function function, void *arg)
{
	uint8_t *piece = malloc(PIECE);
	int ret = piece ? 0 : -ENOMEM;

	for (uint64_t at = 0; at < size && !ret;) {
		size_t want = size - at < PIECE ? (size_t)(size - at) : PIECE;
		ssize_t n = pread(fd, piece, want, (off_t)at);

		if (n > 0) {
			ret = function(arg, piece, (size_t)n, at);
			at += (uint64_t)n;
		} else if (n == 0 || errno != EINTR) {
			ret = n ? -errno : -EIO; /* or shorter than it was */
		}
	}
	free(piece);
	return ret;
}

int bytes_copy_piece(void *arg, const uint8_t *data, size_t len, uint64_t at)
{
	return is_zero(data, len) ? 0 : write_all(*(int *)arg, data, len, at);
}
