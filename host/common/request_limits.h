/* SPDX-License-Identifier: Apache-2.0 */
/* Limits of one request, as the configuration space gives them to the guest. */
#ifndef HOST_REQUEST_LIMITS_H
#define HOST_REQUEST_LIMITS_H

#define REQUEST_MAX_SEGMENTS 1024
#define REQUEST_MAX_MESSAGE (256 * 1024)
#define REQUEST_MAX_REPLY (256 * 1024)
/* Not in the configuration space: 16 GiB of scattered pages. */
#define REQUEST_MAX_RUNS (4u * 1024 * 1024)

#endif
