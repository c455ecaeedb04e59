/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Landlock: file access for this process and all that it starts, as a list of what is allowed. Rights
 * that the kernel does not know yet are left out.
 */
#ifndef HOST_LANDLOCK_H
#define HOST_LANDLOCK_H

#include <stdbool.h>
#include <stdint.h>

struct landlock {
	int fd;		/* -1: not available */
	uint64_t known; /* rights that this kernel handles */
	unsigned int abi;
};

/** What a path is allowed for */
#define LANDLOCK_READ	1u  /* files and directories below */
#define LANDLOCK_WRITE	2u  /* also make and remove them, and use devices */
#define LANDLOCK_RUN	4u  /* programs below */
#define LANDLOCK_REMOVE 8u  /* only remove what is below, and move it before that */
#define LANDLOCK_UNLINK	32u /* only remove files below */
#define LANDLOCK_RMDIR	16u /* only remove empty directories below */
#define LANDLOCK_ALL	64u /* everything */

/**
 * landlock_begin() - an empty list
 * @connect: TCP, and abstract unix sockets of other processes, stay reachable
 * @scoped:  signals reach only processes that are confined together
 *
 * Return: 0 or -errno, mostly -ENOSYS or -EOPNOTSUPP: the kernel has no Landlock.
 */
int landlock_begin(struct landlock *l, bool connect, bool scoped);

/** landlock_allow() - a path that does not exist is no mistake. Return: 0 or -errno. */
int landlock_allow(struct landlock *l, const char *path, unsigned int what);

/** landlock_allow_port() - a TCP port to connect to, where the kernel can forbid others. Return: 0 or -errno. */
int landlock_allow_port(struct landlock *l, uint16_t port);

/** landlock_enforce() - from here on; needs no_new_privs. Return: 0 or -errno. */
int landlock_enforce(struct landlock *l);

#endif
