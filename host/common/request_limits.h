/* SPDX-License-Identifier: Apache-2.0 */
/* Limits of one request, as the configuration space gives them to the guest. */
#ifndef HOST_REQUEST_LIMITS_H
#define HOST_REQUEST_LIMITS_H

#define REQUEST_MAX_SEGMENTS 1024
#define REQUEST_MAX_MESSAGE (256 * 1024)
#define REQUEST_MAX_REPLY (256 * 1024)
/* Not in the configuration space: 16 GiB of scattered pages. */
#define REQUEST_MAX_RUNS (4u * 1024 * 1024)

/**
 * The runs of a request name at most this many times what the VM has as memory: each page may be an
 * argument and a result, but nobody needs more, and each time costs page tables where it is joined.
 */
#define REQUEST_MAX_MEMORY_TIMES 2

#endif
