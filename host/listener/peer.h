/* SPDX-License-Identifier: Apache-2.0 */
/* Who is at the other end of a connection, as the kernel says. */
#ifndef HOST_PEER_H
#define HOST_PEER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "config_file.h"

struct peer {
	uid_t uid;
	gid_t gid;
	pid_t pid; /* 0: not one that is seen from here */
	uint64_t sections; /* those of the policy that are for it: bits, by their place in the list */
};

/** Of a name, with its end */
#define PEER_NAME_SIZE 48

/**
 * peer_of() - who has connected, with all its groups
 * @clients: the policy's sections for users and groups
 *
 * Return: 0 or -errno.
 */
int peer_of(int fd, const struct config_clients *clients, struct peer *peer);

/**
 * peer_name() - a name for the log: that of its systemd unit or control group, else its user's number;
 * and its process id. Letters, digits, '.', '_', '-' and '@' only.
 */
void peer_name(const struct peer *peer, char *name, size_t size);

#endif
