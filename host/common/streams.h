/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors 0 to 2: whose they are in which process. Everything else of ours is at 3 and above. */
#ifndef HOST_STREAMS_H
#define HOST_STREAMS_H

/**
 * streams_fill() - /dev/null for what is missing of 0 to 2; before anything is opened
 *
 * Return: 0 or -errno.
 */
int streams_fill(void);

/**
 * streams_detach() - for a process that is not the supervisor: it reads nothing, and what it prints goes
 * where its log goes, that is standard error
 *
 * Return: 0 or -errno.
 */
int streams_detach(void);

#endif
