/* SPDX-License-Identifier: Apache-2.0 */
/* Scattered pieces of guest memory as one range, without copying them. */
#ifndef HOST_JOIN_H
#define HOST_JOIN_H

#include <stdint.h>
#include <sys/uio.h>

struct joined {
	void *map;
	size_t map_len; /* bytes, whole pages */
};

/**
 * join_runs() - maps runs of a shared mapping a second time, one behind the other
 * @runs: only the first may start, and only the last may end, within a page
 * @nr:   how many
 * @len:  their lengths together, in bytes
 * @j:    to be given to join_release()
 *
 * Any thread. Return: where the first byte of the first run is in the new range; NULL when it cannot
 * be done, or when copying is cheaper.
 */
void *join_runs(const struct iovec *runs, size_t nr, uint64_t len, struct joined *j);

/** join_release() - unmaps the range; the runs stay as they are */
void join_release(const struct joined *j);

#endif
