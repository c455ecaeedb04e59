// SPDX-License-Identifier: Apache-2.0
#include "peer.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define UNIT_MAX 36

static bool is_member(const gid_t *groups, size_t nr, gid_t own, gid_t gid)
{
	for (size_t i = 0; i < nr; i++)
		if (groups[i] == gid)
			return true;
	return own == gid;
}

int peer_of(int fd, const struct config_clients *clients, struct peer *peer)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);
	gid_t *groups = NULL;
	size_t nr = 0;
	int ret = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len))
		return -errno;
	*peer = (struct peer){ .uid = cred.uid, .gid = cred.gid, .pid = cred.pid };
	if (!clients->nr)
		return 0;
	/* Asked without room it says how much is needed. */
	len = 0;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &len) && errno == ERANGE) {
		groups = malloc(len);
		if (!groups || getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len))
			ret = groups ? -errno : -ENOMEM;
		nr = len / sizeof(*groups);
	}
	/* A limit that is meant for a group must not be missed. */
	for (unsigned int i = 0; i < clients->nr && !ret; i++)
		if (i < clients->nr_groups ? is_member(groups, nr, cred.gid, clients->of[i].id) :
					     clients->of[i].id == cred.uid)
			peer->sections |= UINT64_C(1) << i;
	free(groups);
	return ret;
}

/* The last part of the path of its control group (version 2). Return: whether it has a name. */
static bool find_unit(pid_t pid, char *unit, size_t size)
{
	char path[32], line[512], *name = NULL;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)pid);
	f = pid > 0 ? fopen(path, "re") : NULL;
	while (f && !name && fgets(line, sizeof(line), f))
		if (strncmp(line, "0::", 3) == 0)
			name = strrchr(line, '/');
	if (f)
		fclose(f);
	if (!name || !name[1] || name[1] == '\n')
		return false;
	name[strcspn(name, "\n")] = '\0';
	snprintf(unit, size, "%s", name + 1);
	/* Whoever has made the group has chosen its name. */
	for (char *c = unit; *c; c++)
		if (!isascii(*c) || (!isalnum((unsigned char)*c) && !strchr("._-@", *c)))
			*c = '_';
	return true;
}

void peer_name(const struct peer *peer, char *name, size_t size)
{
	char unit[UNIT_MAX];

	if (!find_unit(peer->pid, unit, sizeof(unit)))
		snprintf(unit, sizeof(unit), "uid%u", (unsigned int)peer->uid);
	snprintf(name, size, "%s.%d", unit, (int)peer->pid);
}
